// Package visit holds the visits of instructors and offices, what they found, and the
// problems that are solved together.
package visit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve/plan"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// State is the state of a visit.
type State string

// The states of a visit. A draft is its author's alone; what is recorded counts,
// and is only corrected.
const (
	Draft    State = "draft"
	Recorded State = "recorded"
)

var titles = workflow.Titles[State]{
	Draft:    {ZH: "草稿", EN: "draft"},
	Recorded: {ZH: "已登记", EN: "recorded"},
}

// Title returns the name of the state.
func (s State) Title() text.Text { return titles.Of(s) }

// Content is what is recorded of a visit, and what a correction replaces.
type Content struct {
	VisitedOn day.Date    `json:"visited_on" swaggertype:"string" format:"date"`
	Place     string      `json:"place" example:"meeting room of the branch"`
	Checks    Inspections `json:"checks"`
	Findings  []Finding   `gorm:"-" json:"findings"`
	Evidence  string      `json:"evidence,omitempty"`
}

// Visit is a visit to a branch (走访) by the instructor paired with it on that day,
// or by a member of an office linked to it.
type Visit struct {
	TownID     string      `gorm:"primaryKey" json:"-"`
	ID         string      `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode string      `json:"branch" example:"b07"`
	VisitedBy  string      `json:"visited_by" example:"instructor-1"` // the role, for who may not read people
	Role       policy.Role `json:"role" swaggertype:"string" enums:"instructor,liaison_office"`
	State      State       `json:"state"`
	RecordedAt *time.Time  `json:"recorded_at,omitempty"`
	Content
	// who worked on the branch on the day of the visit, for who may read people; in the answer about
	// one
	Paired *people.Pairing `gorm:"-" json:"paired,omitempty"`
	// what was recorded, and each correction; in the answer about one
	History []Version `gorm:"-" json:"history,omitempty"`
	Allowed []string  `gorm:"-" json:"allowed"`
	database.Versioned
}

// Version is what a visit contained from one version on, kept for ever.
type Version struct {
	TownID   string                 `gorm:"primaryKey" json:"-"`
	VisitID  string                 `gorm:"primaryKey" json:"-"`
	Version  int64                  `gorm:"primaryKey" json:"version"`
	Verb     string                 `json:"verb" enums:"record,correct"`
	At       time.Time              `json:"at"`
	Actor    string                 `json:"by" example:"instructor-1"`
	Role     policy.Role            `json:"role" swaggertype:"string" example:"instructor"`
	Reason   string                 `json:"reason,omitempty"`
	Document database.JSON[Content] `json:"content"`
} // @name VisitVersion

// TableName is the table of versions of visits.
func (Version) TableName() string { return "visit_versions" }

type (
	rules = []workflow.Rule[Visit, *reader]
	verbs = []workflow.Verb[Visit, State, *reader]
)

// visits is the life of a visit. A draft is kept without its steps.
var visits = workflow.Kind[Visit, State, *reader]{
	Noun: text.Text{ZH: "走访记录", EN: "visit"}, Name: "visit", Titles: titles, Reader: newReader,
	Verbs: verbs{
		{Name: "begin", To: Draft, Action: policy.WriteVisits, Silent: true},
		{Name: "write", From: []State{Draft}, Action: policy.WriteVisits, Who: rules{own}, Silent: true},
		{Name: "attach", From: []State{Draft, Recorded}, Action: policy.WriteVisits, Who: rules{own}, Silent: true},
		{Name: "record", From: []State{Draft}, To: Recorded, Action: policy.WriteVisits, Who: rules{own}},
		{Name: "correct", From: []State{Recorded}, Action: policy.WriteVisits, Who: rules{own}, Reason: true},
	},
}.Checked()

func own(v *reader, x Visit) error {
	if !v.wrote(x) {
		return fault.Forbidden("not_your_visit", "只有走访人本人可以填写或更正",
			"only the visitor writes and corrects the record of a visit")
	}
	return nil
}

// Ref names the visit.
func (v Visit) Ref() workflow.Ref {
	return workflow.Ref{Town: v.TownID, ID: v.ID, Version: v.Version}
}

// reader is a caller who reads or writes visits.
type reader struct {
	access.Caller
	found map[string][]Finding // of the visits that are changed, before
}

func newReader(ctx context.Context, db *gorm.DB, townID string) (*reader, error) {
	v, err := access.CallerOf(ctx, db, townID, policy.ReadVisits)
	return &reader{Caller: v, found: map[string][]Finding{}}, err
}

// wrote reports whether the caller is the author, within the branches that he or
// she is limited to.
func (v *reader) wrote(x Visit) bool {
	return v.Person != "" && v.Person == x.VisitedBy && (len(v.Branches) == 0 || slices.Contains(v.Branches, x.BranchCode))
}

// Visible narrows to the caller's own visits and, of others, the recorded ones to
// branches in reach.
func (v *reader) Visible(q *gorm.DB) *gorm.DB {
	if v.Reach.All {
		return q.Where("(state = ? OR visited_by = ?)", Recorded, v.Person)
	}
	mine := "visited_by = @me"
	if len(v.Branches) > 0 {
		mine += " AND branch_code IN @limit"
	}
	return q.Where("(state = @recorded AND branch_code IN @reach OR "+mine+")", map[string]any{
		"recorded": Recorded, "reach": append(v.Reach.Codes(), ""), "me": v.Person,
		"limit": append([]string{""}, v.Branches...),
	})
}

// Load reads the findings, and for one visit its history and, for who may read people,
// who was paired with the branch on its day.
func (v *reader) Load(ctx context.Context, db *gorm.DB, list []Visit, depth workflow.Depth) error {
	if err := addFindings(ctx, db, v.Town, list); err != nil || depth == workflow.ForList {
		return err
	}
	for i, x := range list {
		if depth == workflow.ForChange {
			v.found[x.ID] = list[i].Findings
			continue
		}
		err := db.WithContext(ctx).Where("town_id = ? AND visit_id = ?", x.TownID, x.ID).Order("version").
			Find(&list[i].History).Error
		if err != nil || !v.May(policy.ReadPeople) {
			return err
		}
		paired, err := people.ListPairings(ctx, db, x.TownID, people.PairingFilter{On: x.VisitedOn, Branch: x.BranchCode})
		if err != nil {
			return err
		}
		list[i].Paired = &paired[0]
	}
	return nil
}

// State returns where the visit is, and since when.
func (v *reader) State(x Visit) (State, fault.Lock) {
	lock := fault.Lock{By: x.VisitedBy, Role: string(x.Role), At: x.CreatedAt, CanLift: string(x.Role)}
	if x.RecordedAt != nil {
		lock.At = *x.RecordedAt
	}
	return x.State, lock
}

// Show returns the visit as the caller sees it, with what he or she can do.
func (v *reader) Show(x Visit, allowed []string) Visit {
	x.Allowed = allowed
	x.VisitedBy = v.Told(x.VisitedBy, x.Role)
	for i, h := range x.History {
		x.History[i].Actor = v.Told(h.Actor, h.Role)
	}
	return x
}

// Audit returns the content of the visit.
func (v *reader) Audit(x Visit, _ string) (string, any) {
	return "visits/" + x.ID, v.content(x)
}

// WithPairing returns the visit with who was paired with the branch on its day, where
// the caller may read people.
func (v Visit) WithPairing(ctx context.Context, db *gorm.DB, language string) (Visit, error) {
	if !access.PrincipalFrom(ctx).May(policy.ReadPeople) {
		return v, nil
	}
	f := people.PairingFilter{On: v.VisitedOn, Language: language, Branch: v.BranchCode}
	paired, err := people.ListPairings(ctx, db, v.TownID, f)
	if err == nil && len(paired) == 1 {
		v.Paired = &paired[0]
	}
	return v, err
}

// content returns the content of a visit with its findings.
func (v *reader) content(x Visit) Content {
	if x.Findings == nil {
		x.Findings = v.found[x.ID]
	}
	return x.Content
}

// Begin enters a draft of the caller's own visit to a branch with which he or she was
// paired, or to which his or her office was linked, on the day of the visit.
func Begin(ctx context.Context, db *gorm.DB, x Visit) (Visit, error) {
	p := access.PrincipalFrom(ctx)
	x.ID, x.VisitedBy, x.Role, x.State, x.RecordedAt = database.NewID(), p.Person, p.Role, Draft, nil
	x.Versioned = database.Versioned{Version: 1}
	return visits.Create(ctx, db, "begin", "", x, func(tx *gorm.DB, _ *reader, x *Visit) error {
		if err := x.refuse(ctx, tx, x.Content); err != nil {
			return err
		}
		if err := x.refuseIndicators(ctx, tx, nil); err != nil {
			return err
		}
		if err := tx.Create(x).Error; err != nil {
			return err
		}
		return x.storeFindings(tx)
	})
}

// refuse returns why the caller cannot record this of a visit: it lies ahead, the branch
// was not there, or the caller was not tied to it on that day.
func (v Visit) refuse(ctx context.Context, tx *gorm.DB, c Content) error {
	faults := c.check()
	if c.VisitedOn > day.Of(tx.NowFunc()) {
		faults = append(faults, fault.Field("/visited_on", "in_the_future", "走访日期不能晚于今天",
			"the day of a visit cannot be in the future"))
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	b, err := town.FindBranch(ctx, tx, v.TownID, v.BranchCode, c.VisitedOn)
	if err != nil {
		return err
	}
	if b.EndedBy(c.VisitedOn) {
		return fault.Broken(fault.Field("/visited_on", "branch_closed", "该党组织已于 %s 撤销或合并", "the branch ended on %s",
			*b.ClosedOn))
	}
	if err := access.PrincipalFrom(ctx).InScope(ctx, tx, policy.WriteVisits, v.TownID, v.BranchCode, c.VisitedOn); err != nil {
		return err
	}
	return v.refuseItems(ctx, tx, c)
}

// refuseItems refuses findings that name an item which no plan of the branch has.
func (v Visit) refuseItems(ctx context.Context, tx *gorm.DB, c Content) error {
	var named, known []string
	for _, f := range c.Findings {
		if f.PlanItemID != nil {
			named = append(named, *f.PlanItemID)
		}
	}
	if len(named) == 0 {
		return nil
	}
	err := tx.WithContext(ctx).Model(&plan.Item{}).
		Where("town_id = ? AND branch_code = ? AND id IN ?", v.TownID, v.BranchCode, named).Pluck("id", &known).Error
	if err != nil {
		return err
	}
	var faults []fault.FieldError
	for i, f := range c.Findings {
		if f.PlanItemID != nil && !slices.Contains(known, *f.PlanItemID) {
			faults = append(faults, unknownItem(i))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// refuseIndicators refuses findings that name an indicator which the scheme in force
// does not have, where there is one, and which no finding named before.
func (v Visit) refuseIndicators(ctx context.Context, tx *gorm.DB, before []Finding) error {
	inForce, err := scheme.InForce(ctx, tx, v.TownID)
	if err != nil || inForce == nil {
		return err
	}
	var faults []fault.FieldError
	for i, f := range v.Findings {
		old := slices.ContainsFunc(before, func(b Finding) bool { return b.Indicator == f.Indicator })
		if f.Indicator != "" && !old && !inForce.HasIndicator(f.Indicator) {
			faults = append(faults, fault.Field(fmt.Sprintf("/findings/%d/indicator", i), "unknown_indicator",
				"现行指标体系中没有指标“%s”", "the scheme in force has no indicator %q", f.Indicator))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// writing returns the verb by which the content is replaced.
func (v Visit) writing() string {
	if v.State == Recorded {
		return "correct"
	}
	return "write"
}

// Write replaces the content of the caller's own visit: of a draft at will, of a
// recorded one by a correction with its reason.
func Write(ctx context.Context, db *gorm.DB, ref workflow.Ref, c Content, reason string) (Visit, error) {
	return visits.DoBy(ctx, db, ref, Visit.writing, reason, func(tx *gorm.DB, v *reader, x Visit) (workflow.Change, error) {
		change := workflow.Change{Columns: map[string]any{
			"visited_on": c.VisitedOn, "place": c.Place, "checks": c.Checks, "evidence": c.Evidence,
		}}
		if err := x.refuse(ctx, tx, c); err != nil {
			return change, err
		}
		if err := x.refuseLost(ctx, tx, c); err != nil {
			return change, err
		}
		x.Content = c
		if err := x.refuseIndicators(ctx, tx, v.found[x.ID]); err != nil {
			return change, err
		}
		if err := x.storeFindings(tx); err != nil || x.State == Draft {
			return change, err
		}
		return change, x.keep(ctx, tx, x.writing(), reason)
	})
}

// Record moves the caller's own draft to recorded, and opens the problems that belong to
// its findings.
func Record(ctx context.Context, db *gorm.DB, ref workflow.Ref, reason string, found ...Problem) (Visit, error) {
	return visits.Move(ctx, db, ref, Recorded, reason, func(tx *gorm.DB, v *reader, x Visit) (workflow.Change, error) {
		change := workflow.Change{Columns: map[string]any{"recorded_at": tx.NowFunc()}}
		x.Content = v.content(x)
		if err := x.refuse(ctx, tx, x.Content); err != nil {
			return change, err
		}
		if err := x.keep(ctx, tx, "record", reason); err != nil {
			return change, err
		}
		return change, openAll(ctx, tx, x, found)
	})
}

// keep stores the content of the visit as that of its next version.
func (v Visit) keep(ctx context.Context, tx *gorm.DB, verb, reason string) error {
	p := access.PrincipalFrom(ctx)
	return tx.Create(&Version{
		TownID: v.TownID, VisitID: v.ID, Version: v.Version + 1, Verb: verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role,
		Reason: reason, Document: database.JSON[Content]{V: v.Content},
	}).Error
}

// refuseLost refuses content without a finding that opened a problem.
func (v Visit) refuseLost(ctx context.Context, tx *gorm.DB, c Content) error {
	var n int64
	err := tx.WithContext(ctx).Model(&Problem{}).Where("town_id = ? AND visit_id = ?", v.TownID, v.ID).
		Select("COALESCE(max(finding_number), 0)").Scan(&n).Error
	if err != nil || n <= int64(len(c.Findings)) {
		return err
	}
	return fault.Broken(fault.Field("/findings", "finding_in_use", "第 %d 项发现已列为难题，请保留",
		"finding %d has opened a problem: keep it", n))
}

// Find returns one visit with its history and who was paired with the branch on its day,
// if the caller may read it.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Visit, error) {
	return visits.Find(ctx, db, townID, id)
}

// Hold locks the visit until tx ends, if the caller can attach evidence to it now.
func (v Visit) Hold(ctx context.Context, tx *gorm.DB) error {
	_, err := visits.Hold(ctx, tx, v.TownID, v.ID, "attach")
	return err
}

// Filter narrows a list; zero fields do not. A visit is of an indicator, a
// measure or a plan item where one of its findings names that.
type Filter struct {
	Branch    string
	By        string // this person
	State     State
	From      day.Date // made on this day or later
	Until     day.Date // made on this day or earlier
	Indicator string
	Measure   int64
	PlanItem  string
	After     string
	Limit     int // 0 = all
}

// List returns the visits that the caller may read with their findings, in the order in
// which they were entered.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Visit, error) {
	v, err := newReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := f.narrow(database.Page(db.WithContext(ctx), townID, f.After, f.Limit), townID)
	return visits.List(ctx, db, v, q)
}

func (f Filter) narrow(q *gorm.DB, townID string) *gorm.DB {
	for _, n := range []struct{ condition, value string }{
		{"branch_code = ?", f.Branch},
		{"visited_by = ?", f.By},
		{"state = ?", string(f.State)},
		{"visited_on >= ?", string(f.From)},
		{"visited_on <= ?", string(f.Until)},
	} {
		if n.value != "" {
			q = q.Where(n.condition, n.value)
		}
	}
	const has = "id IN (SELECT visit_id FROM visit_findings WHERE town_id = ? AND "
	if f.Indicator != "" {
		q = q.Where(has+"indicator = ?)", townID, f.Indicator)
	}
	if f.Measure != 0 {
		q = q.Where(has+"measure = ?)", townID, f.Measure)
	}
	if f.PlanItem != "" {
		q = q.Where(has+"plan_item_id = ?)", townID, f.PlanItem)
	}
	return q
}
