// Package exchange holds the platform on which branches learn from each other:
// cases, events and study visits, and what they were worth.
package exchange

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// CaseState is the state of a case.
type CaseState string

// The states of a case. Everybody reads the published ones.
const (
	Draft      CaseState = "draft"
	Submitted  CaseState = "submitted"
	Returned   CaseState = "returned"
	Published  CaseState = "published"
	Superseded CaseState = "superseded" // a later edition was published
	Withdrawn  CaseState = "withdrawn"
)

var caseTitles = workflow.Titles[CaseState]{
	Draft:      {ZH: "草稿", EN: "draft"},
	Submitted:  {ZH: "待审核", EN: "submitted"},
	Returned:   {ZH: "已退回", EN: "returned"},
	Published:  {ZH: "已公布", EN: "published"},
	Superseded: {ZH: "已有新版本", EN: "superseded"},
	Withdrawn:  {ZH: "已撤回", EN: "withdrawn"},
}

// Title returns the name of the state.
func (s CaseState) Title() text.Text { return caseTitles.Of(s) }

// Case describes what a branch did well (先进工作案例), so that others can do it too.
// Once published it is frozen; what is to be described differently is its next
// edition.
type Case struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	ID         string `gorm:"primaryKey" json:"id" format:"uuid"`
	SeriesID   string `json:"series" format:"uuid"` // id of the first edition
	Edition    int64  `json:"edition" example:"1"`
	BranchCode string `json:"branch" example:"b07"`
	Title      string `json:"title" example:"Evening meetings in the courtyard"`
	Story      string `json:"story"`
	// that it raised
	Indicators database.JSON[[]string] `json:"indicators" swaggertype:"array,string" example:"governance.02"`
	// 1 to 7, that it is an example of
	Measures database.JSON[[]int]  `json:"measures" swaggertype:"array,integer" example:"4"`
	Links    database.JSON[[]Link] `json:"links"`
	// absent for who may neither read people nor write or review cases of the branch
	Author      string     `json:"author,omitempty" example:"mentor-1"`
	State       CaseState  `json:"state"`
	PublishedAt *time.Time `json:"published_at,omitempty"`
	// in the answer about one, for the same readers as the author
	History []CaseMove `gorm:"-" json:"history,omitempty"`
	Allowed []string   `gorm:"-" json:"allowed"` // what the caller can do with it now
	database.Versioned
}

// Link leads to what belongs to a case: a file, a film, a report.
type Link struct {
	Title string `json:"title" example:"photos"`
	URL   string `json:"url" example:"https://example.org/photos"`
}

// CaseMove is one step of a case after its draft.
type CaseMove struct{ workflow.Transition }

// Ref names the case.
func (c Case) Ref() workflow.Ref { return workflow.Ref{Town: c.TownID, ID: c.ID, Version: c.Version} }

var notLed = workflow.NotTied[Case, *caseReader]

// AboutBranch returns the code of the branch.
func (c Case) AboutBranch() string { return c.BranchCode }

// caseReader is a caller who reads, writes or reviews cases. Reach is the branches
// whose cases he or she writes.
type caseReader struct {
	access.Caller
	reviews access.Reach
	history map[string][]CaseMove // of the case that is read alone or changed
}

func caseReaderOf(ctx context.Context, db *gorm.DB, townID string) (v *caseReader, err error) {
	v = &caseReader{history: map[string][]CaseMove{}}
	if v.Caller, err = access.CallerOf(ctx, db, townID, policy.WriteCases, policy.ReviewCases); err != nil {
		return v, err
	}
	v.reviews, err = v.Principal.ReachOf(ctx, db, policy.ReviewCases, townID, v.Today)
	return v, err
}

type (
	caseRules = []workflow.Rule[Case, *caseReader]
	caseVerbs = []workflow.Verb[Case, CaseState, *caseReader]
)

var (
	writing   = caseRules{tiedToBranch}
	reviewing = caseRules{notAuthor, notLed, inReview} // the author first, who often is tied to the branch too
)

// cases is the life of a case. Its branch writes it, the leading group reviews it
// before anybody else reads it, and can take back what it published.
var cases = workflow.Kind[Case, CaseState, *caseReader]{
	Noun: text.Text{ZH: "案例", EN: "case"}, Name: "case", Titles: caseTitles, Reader: caseReaderOf, Frozen: caseFrozen,
	Verbs: caseVerbs{
		{Name: "draft", To: Draft, Action: policy.WriteCases, Silent: true, Who: writing},
		{Name: "edit", From: []CaseState{Draft, Returned}, Action: policy.WriteCases, Silent: true, Who: writing},
		{Name: "attach", From: []CaseState{Draft, Returned}, Action: policy.WriteCases, Silent: true, Who: writing},
		{Name: "submit", From: []CaseState{Draft, Returned}, To: Submitted, Action: policy.WriteCases, Who: writing},
		{Name: "publish", From: []CaseState{Submitted}, To: Published, Action: policy.ReviewCases, Who: reviewing},
		{
			Name: "return", From: []CaseState{Submitted}, To: Returned, Action: policy.ReviewCases, Who: reviewing,
			Reason: true,
		},
		{
			Name: "withdraw", From: []CaseState{Draft, Submitted, Returned}, To: Withdrawn, Action: policy.WriteCases,
			Who: writing,
		},
		{
			Name: "retract", From: []CaseState{Published}, To: Withdrawn, Action: policy.ReviewCases, Who: reviewing,
			Reason: true,
		},
		{Name: "supersede", From: []CaseState{Published}, To: Superseded},
		{Name: "renew", From: []CaseState{Published}, Action: policy.WriteCases, Who: writing},
		{Name: "renew", To: Draft, Action: policy.WriteCases, Silent: true},
	},
}.Checked()

func tiedToBranch(v *caseReader, c Case) error { return v.Reach.Refuse(c.BranchCode) }

func inReview(v *caseReader, c Case) error { return v.reviews.Refuse(c.BranchCode) }

func notAuthor(v *caseReader, c Case) error {
	if v.Name() == c.Author {
		return fault.Forbidden("own_case", "不能审核自己撰写的案例", "nobody reviews a case of his or her own")
	}
	return nil
}

func caseFrozen(v *caseReader, c Case) error {
	state, lock := v.State(c)
	return fault.Locked("case_frozen",
		"案例处于“%s”状态，不能修改：公布后请另出新版本", "the case is %s and frozen: once published, begin its next edition",
		state.Title()).Held(lock)
}

// insider reports whether the caller reads who wrote and reviewed the case.
func (v *caseReader) insider(c Case) bool {
	return v.May(policy.ReadPeople) || v.Reach.Has(c.BranchCode) || v.reviews.Has(c.BranchCode)
}

// State returns the state of the case, and who brought it there.
func (v *caseReader) State(c Case) (CaseState, fault.Lock) {
	lock := fault.Lock{At: c.CreatedAt, CanLift: string(policy.LeadingGroup)}
	if v.insider(c) {
		lock.By = c.Author
	}
	if steps := v.history[c.ID]; len(steps) > 0 {
		last := steps[len(steps)-1]
		lock.By, lock.At, lock.Reason = last.Actor, last.At, last.Reason
	}
	return c.State, lock
}

// Visible narrows a query to the published cases and those of branches whose cases
// the caller writes or reviews.
func (v *caseReader) Visible(q *gorm.DB) *gorm.DB {
	if v.Reach.All || v.reviews.All {
		return q
	}
	own := append(append(v.Reach.Codes(), v.reviews.Codes()...), "")
	return q.Where("(state = ? OR branch_code IN ?)", Published, own)
}

// Load reads the history of a case that is read alone or changed.
func (v *caseReader) Load(ctx context.Context, db *gorm.DB, list []Case, depth workflow.Depth) (err error) {
	if depth != workflow.ForList && v.insider(list[0]) {
		v.history[list[0].ID], err = workflow.History[CaseMove](ctx, db, cases.Name, list[0].Ref())
	}
	return err
}

// Show returns the case as the caller may see it, with what he or she can do.
func (v *caseReader) Show(c Case, allowed []string) Case {
	c.Allowed, c.History = allowed, v.history[c.ID]
	if !v.insider(c) {
		c.Author = ""
	}
	return c
}

// Tell returns the case with roles in its history, where the caller may not read people.
func (v *caseReader) Tell(c Case) Case {
	for i, m := range c.History {
		c.History[i].Actor = v.Told(m.Actor, m.Role)
	}
	return c
}

// Audit returns the whole case where it was written, and the state where it moved.
func (v *caseReader) Audit(c Case, verb string) (string, any) {
	path := "cases/" + c.ID
	if verb != "draft" && verb != "renew" && verb != "edit" {
		return path, c.State
	}
	c.History = nil
	return path, c
}

// DraftCase begins a case about a branch that the caller works on.
func DraftCase(ctx context.Context, db *gorm.DB, c Case) (_ Case, err error) {
	defer fault.Wrap(&err, "draft a case of %s", c.BranchCode)
	if _, err := town.FindBranch(ctx, db, c.TownID, c.BranchCode, day.Of(db.NowFunc())); err != nil {
		return Case{}, err
	}
	c.ID, c.Edition = database.NewID(), 1
	c.SeriesID = c.ID
	return cases.Create(ctx, db, "draft", "", c, func(tx *gorm.DB, v *caseReader, c *Case) error {
		if err := c.check(ctx, tx); err != nil {
			return err
		}
		return c.insert(tx, v)
	})
}

// RenewCase begins the next edition of a published case, with its words.
func RenewCase(ctx context.Context, db *gorm.DB, townID, id string) (made Case, err error) {
	defer fault.Wrap(&err, "renew the case %s", id)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		old, err := FindCase(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		v, err := caseReaderOf(ctx, tx, townID)
		if err == nil {
			err = v.Load(ctx, tx, []Case{old}, workflow.ForOne)
		}
		if err != nil {
			return err
		}
		if old.State != Published {
			_, lock := v.State(old)
			return fault.Conflict("not_published", "只有已公布的案例才能出新版本", "only a published case has a next edition").Held(lock)
		}
		if _, err := cases.Table().Do(v, old, "renew", ""); err != nil {
			return err
		}
		next := old
		next.ID, next.PublishedAt, next.History = database.NewID(), nil, nil
		made, err = cases.Create(ctx, tx, "renew", "", next, func(tx *gorm.DB, v *caseReader, c *Case) error {
			err := tx.Model(&Case{}).Where("town_id = ? AND series_id = ?", townID, old.SeriesID).
				Select("MAX(edition) + 1").Scan(&c.Edition).Error
			if err != nil {
				return err
			}
			return c.insert(tx, v)
		})
		return err
	})
	return made, err
}

// insert stores the draft of the caller.
func (c *Case) insert(tx *gorm.DB, v *caseReader) error {
	c.State, c.Author, c.Versioned = Draft, v.Name(), database.Versioned{Version: 1}
	err := tx.Create(c).Error
	if database.ConstraintOf(err) == "cases_one_open" {
		return fault.Conflict("edition_open",
			"该案例已有尚未公布的新版本：请先完成或撤回", "this case has an edition that is not published: publish or withdraw that one first").Because(err)
	}
	return err
}

// UpdateCase replaces the content of a draft or returned case.
func UpdateCase(ctx context.Context, db *gorm.DB, c Case, version int64) (Case, error) {
	ref := workflow.Ref{Town: c.TownID, ID: c.ID, Version: version}
	return cases.Do(ctx, db, ref, "edit", "", func(tx *gorm.DB, _ *caseReader, _ Case) (workflow.Change, error) {
		return workflow.Change{Columns: map[string]any{
			"title": c.Title, "story": c.Story, "indicators": c.Indicators, "measures": c.Measures, "links": c.Links,
		}}, c.check(ctx, tx)
	})
}

// check lists the tags and links that lead nowhere.
func (c Case) check(ctx context.Context, tx *gorm.DB) error {
	var faults []fault.FieldError
	if len(c.Indicators.V) > 0 {
		inForce, err := scheme.InForce(ctx, tx, c.TownID)
		if err != nil {
			return err
		}
		for i, code := range c.Indicators.V {
			if inForce == nil || !inForce.HasIndicator(code) {
				faults = append(faults, fault.Field("/indicators/"+strconv.Itoa(i), "unknown_indicator",
					"现行指标体系中没有指标“%s”", "the scheme in force has no indicator %q", code))
			}
		}
	}
	for i, l := range c.Links.V {
		if u, err := url.Parse(l.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			faults = append(faults, fault.Field("/links/"+strconv.Itoa(i)+"/url", "bad_link",
				"请给出以 https:// 或 http:// 开头的地址", "give an address that begins with https:// or http://"))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// MoveCase submits, publishes, returns or withdraws a case. Publishing an edition
// takes the place of the one before.
func MoveCase(ctx context.Context, db *gorm.DB, ref workflow.Ref, to CaseState, reason string) (Case, error) {
	return cases.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, _ *caseReader, c Case) (workflow.Change, error) {
		if to != Published {
			return workflow.Change{}, nil
		}
		return workflow.Change{Columns: map[string]any{"published_at": tx.NowFunc()}}, supersede(ctx, tx, c)
	})
}

// supersede takes the published edition of the series off the list. The trail has
// the publication of the next one.
func supersede(ctx context.Context, tx *gorm.DB, c Case) error {
	var old []Case
	err := tx.WithContext(ctx).Where("town_id = ? AND series_id = ? AND state = ?", c.TownID, c.SeriesID, Published).
		Find(&old).Error
	if err != nil || len(old) == 0 {
		return err
	}
	after := old[0].Ref()
	after.Version++
	if err := database.UpdateVersioned(tx, &old[0], old[0].Version, map[string]any{"state": Superseded}); err != nil {
		return err
	}
	return workflow.AddTransitions(ctx, tx, cases.Name, "", nil, workflow.Step{Ref: after, Verb: "supersede"})
}

// FindCase returns one case as the caller may see it.
func FindCase(ctx context.Context, db *gorm.DB, townID, id string) (Case, error) {
	return cases.Find(ctx, db, townID, id)
}

// Hold locks the case until tx ends, if the caller can attach evidence to it now.
func (c Case) Hold(ctx context.Context, tx *gorm.DB) error {
	_, err := cases.Hold(ctx, tx, c.TownID, c.ID, "attach")
	return err
}

// CaseFilter narrows a list; zero fields do not.
type CaseFilter struct {
	Branch, Series, Indicator string
	Measure                   int
	State                     CaseState
	After                     string
	Limit                     int
}

// ListCases returns the cases that the caller may see, in the order of their making.
func ListCases(ctx context.Context, db *gorm.DB, townID string, f CaseFilter) ([]Case, error) {
	v, err := caseReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "branch_code", f.Branch, "series_id", f.Series, "state", string(f.State))
	if f.Indicator != "" { // a code has no character that JSON writes otherwise
		q = q.Where("replace(indicators, ?, '') <> indicators", strconv.Quote(f.Indicator))
	}
	if f.Measure > 0 { // of one digit
		q = q.Where("replace(measures, ?, '') <> measures", strconv.Itoa(f.Measure))
	}
	return cases.List(ctx, db, v, q)
}
