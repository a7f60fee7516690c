package visit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve/plan"
	"bulwark/internal/people"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// State is where a visit stands in its life.
type State string

// The states of a visit. A draft is its author's alone; what is recorded counts,
// and is only corrected.
const (
	Draft    State = "draft"
	Recorded State = "recorded"
)

// Content is what a visit tells, and what a correction replaces.
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
	Role       access.Role `json:"role" swaggertype:"string" enums:"instructor,liaison_office"`
	State      State       `json:"state" swaggertype:"string" enums:"draft,recorded"`
	RecordedAt *time.Time  `json:"recorded_at,omitempty"`
	Content
	Paired  *people.Pairing `gorm:"-" json:"paired,omitempty"`  // who worked on the branch on the day of the visit, for who may read people; in the answer about one
	History []Version       `gorm:"-" json:"history,omitempty"` // what was recorded, and each correction; in the answer about one
	Allowed []string        `gorm:"-" json:"allowed"`
	database.Versioned
}

// Version is what a visit told from one version on, kept for ever.
type Version struct {
	TownID   string                 `gorm:"primaryKey" json:"-"`
	VisitID  string                 `gorm:"primaryKey" json:"-"`
	Version  int64                  `gorm:"primaryKey" json:"version"`
	Verb     string                 `json:"verb" enums:"record,correct"`
	At       time.Time              `json:"at"`
	Actor    string                 `json:"by" example:"instructor-1"`
	Role     access.Role            `json:"role" swaggertype:"string" example:"instructor"`
	Reason   string                 `json:"reason,omitempty"`
	Document database.JSON[Content] `json:"content" swaggertype:"object"`
} // @name VisitVersion

// TableName is the table of versions of visits.
func (Version) TableName() string { return "visit_versions" }

var visitNoun = text.Text{ZH: "走访记录", EN: "visit"}

// visitMoves is the life of a visit.
var visitMoves = workflow.Machine[State, workflow.Free]{
	{Verb: "write", From: []State{Draft}, Action: access.WriteVisits},
	{Verb: "record", From: []State{Draft}, To: Recorded, Action: access.WriteVisits},
	{Verb: "correct", From: []State{Recorded}, Action: access.WriteVisits, Reason: true},
}

func (v Visit) stand() workflow.Standing {
	lock := fault.Lock{By: v.VisitedBy, Role: string(v.Role), At: v.CreatedAt, CanLift: string(v.Role)}
	if v.RecordedAt != nil {
		lock.At = *v.RecordedAt
	}
	return workflow.Standing(lock)
}

// visitViewer is a caller with what he or she sees of visits today.
type visitViewer struct {
	access.Principal
	reach access.Reach
}

func visitViewerOf(ctx context.Context, db *gorm.DB, townID string) (v visitViewer, err error) {
	v.Principal = access.Caller(ctx)
	v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadVisits, townID, day.Of(db.NowFunc()))
	return v, err
}

// wrote reports whether the caller is the author, within the branches that he or
// she is limited to.
func (v visitViewer) wrote(x Visit) bool {
	return v.Person != "" && v.Person == x.VisitedBy && (len(v.Branches) == 0 || slices.Contains(v.Branches, x.BranchCode))
}

func (v visitViewer) sees(x Visit) bool {
	return v.wrote(x) || x.State == Recorded && v.reach.Has(x.BranchCode)
}

// sighted narrows a query to what the caller sees.
func (v visitViewer) sighted(q *gorm.DB) *gorm.DB {
	if v.reach.All {
		return q.Where("(state = ? OR visited_by = ?)", Recorded, v.Person)
	}
	mine := "visited_by = @me"
	if len(v.Branches) > 0 {
		mine += " AND branch_code IN @limit"
	}
	return q.Where("(state = @recorded AND branch_code IN @reach OR "+mine+")", map[string]any{
		"recorded": Recorded, "reach": append(v.reach.Codes(), ""), "me": v.Person, "limit": append([]string{""}, v.Branches...),
	})
}

// shown is the visit as the caller sees it.
func (v visitViewer) shown(x Visit) Visit {
	x.Allowed = []string{}
	if v.wrote(x) {
		x.Allowed = visitMoves.Allowed(v.Principal, x.State, x.stand())
	}
	x.VisitedBy = v.Told(x.VisitedBy, x.Role)
	for i, h := range x.History {
		x.History[i].Actor = v.Told(h.Actor, h.Role)
	}
	return x
}

// Find returns one visit with its history, if the caller may read it.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Visit, error) {
	v, err := visitViewerOf(ctx, db, townID)
	if err != nil {
		return Visit{}, err
	}
	x, err := v.find(ctx, db, townID, id)
	if err != nil {
		return Visit{}, err
	}
	return v.shown(x), nil
}

// WithPairing returns the visit with who was paired with the branch on its day, where
// the caller may read people.
func (x Visit) WithPairing(ctx context.Context, db *gorm.DB, language string) (Visit, error) {
	if !access.Caller(ctx).May(access.ReadPeople) {
		return x, nil
	}
	f := people.PairingFilter{On: x.VisitedOn, Language: language, Branch: x.BranchCode}
	paired, err := people.ListPairings(ctx, db, x.TownID, f)
	if err == nil && len(paired) == 1 {
		x.Paired = &paired[0]
	}
	return x, err
}

// find gives the visit as it is stored, if the caller may read it.
func (v visitViewer) find(ctx context.Context, db *gorm.DB, townID, id string) (Visit, error) {
	var x Visit
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&x).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.sees(x) {
		return Visit{}, fault.Missing(visitNoun, id)
	}
	if err != nil {
		return Visit{}, err
	}
	if err := db.WithContext(ctx).Where("town_id = ? AND visit_id = ?", townID, id).Order("version").Find(&x.History).Error; err != nil {
		return Visit{}, err
	}
	one := []Visit{x}
	err = addFindings(ctx, db, townID, one)
	return one[0], err
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

// List gives the visits that the caller may read with their findings, in the
// order in which they were entered.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Visit, error) {
	v, err := visitViewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := f.narrow(v.sighted(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After)), townID)
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Visit
	if err := q.Order("id").Find(&list).Error; err != nil {
		return nil, err
	}
	if err := addFindings(ctx, db, townID, list); err != nil {
		return nil, err
	}
	for i := range list {
		list[i] = v.shown(list[i])
	}
	return list, nil
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

// Begin enters a draft of the caller's own visit to a branch with which he or
// she was paired, or to which his or her office was linked, on the day of the visit.
func Begin(ctx context.Context, db *gorm.DB, v Visit) (Visit, error) {
	p := access.Caller(ctx)
	v.ID, v.VisitedBy, v.Role, v.State, v.RecordedAt = database.NewID(), p.Person, p.Role, Draft, nil
	v.Versioned = database.Versioned{Version: 1}
	err := database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if err := v.refuse(ctx, tx, v.Content); err != nil {
			return err
		}
		if err := v.refuseIndicators(ctx, tx, nil); err != nil {
			return err
		}
		if err := tx.Create(&v).Error; err != nil {
			return err
		}
		if err := v.storeFindings(tx); err != nil {
			return err
		}
		if v, err = Find(ctx, tx, v.TownID, v.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: v.TownID, Action: "visit.begin", Subject: "visits/" + v.ID, After: v.Content})
	})
	return v, err
}

// refuse says why the caller cannot tell this of a visit: it lies ahead, the branch
// was not there, or the caller was not tied to it on that day.
func (v Visit) refuse(ctx context.Context, tx *gorm.DB, c Content) error {
	faults := c.check()
	if c.VisitedOn > day.Of(tx.NowFunc()) {
		faults = append(faults, fault.Field("/visited_on", "in_the_future", "走访日期不能晚于今天", "a visit is entered once it was made"))
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	b, err := town.FindBranch(ctx, tx, v.TownID, v.BranchCode, c.VisitedOn)
	if err != nil {
		return err
	}
	if b.EndedBy(c.VisitedOn) {
		return fault.Broken(fault.Field("/visited_on", "branch_closed", "该党组织已于 %s 撤销或合并", "the branch ended on %s", *b.ClosedOn))
	}
	if err := access.InScope(ctx, tx, access.Caller(ctx), access.WriteVisits, v.TownID, v.BranchCode, c.VisitedOn); err != nil {
		return err
	}
	return v.refuseItems(ctx, tx, c)
}

// refuseItems faults findings that name an item which no plan of the branch has.
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
	err := tx.WithContext(ctx).Model(&plan.Item{}).Where("town_id = ? AND branch_code = ? AND id IN ?", v.TownID, v.BranchCode, named).Pluck("id", &known).Error
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

// refuseIndicators faults findings that name an indicator which the scheme in force
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

// Write replaces what the caller's own visit tells: a draft as often as he or
// she likes, a recorded one by a correction with its reason.
func Write(ctx context.Context, db *gorm.DB, townID, id string, version int64, c Content, reason string) (Visit, error) {
	return changeVisit(ctx, db, townID, id, func(tx *gorm.DB, before Visit) (string, error) {
		verb := "write"
		if before.State == Recorded {
			verb = "correct"
		}
		mv, _ := visitMoves.Stay(verb, before.State)
		if err := mv.Refuse(access.Caller(ctx), before.stand(), reason); err != nil {
			return verb, err
		}
		if err := before.refuse(ctx, tx, c); err != nil {
			return verb, err
		}
		if err := before.refuseLost(ctx, tx, c); err != nil {
			return verb, err
		}
		told := before.Findings
		before.Content = c
		if err := before.refuseIndicators(ctx, tx, told); err != nil {
			return verb, err
		}
		change := map[string]any{"visited_on": c.VisitedOn, "place": c.Place, "checks": c.Checks, "evidence": c.Evidence}
		if err := database.UpdateVersioned(tx, &Visit{TownID: townID, ID: id}, version, change); err != nil {
			return verb, err
		}
		if err := before.storeFindings(tx); err != nil {
			return verb, err
		}
		if verb == "write" {
			return verb, nil
		}
		return verb, before.keep(ctx, tx, version+1, verb, reason)
	}, reason)
}

// Record makes the caller's own draft count, and opens the problems that its
// findings are.
func Record(ctx context.Context, db *gorm.DB, townID, id string, version int64, reason string, found ...Problem) (Visit, error) {
	return changeVisit(ctx, db, townID, id, func(tx *gorm.DB, before Visit) (string, error) {
		mv, err := visitMoves.Find(access.Caller(ctx), before.State, Recorded, before.stand(), reason)
		if err != nil {
			return "", err
		}
		if err := before.refuse(ctx, tx, before.Content); err != nil {
			return "", err
		}
		change := map[string]any{"state": Recorded, "recorded_at": tx.NowFunc()}
		if err := database.UpdateVersioned(tx, &Visit{TownID: townID, ID: id}, version, change); err != nil {
			return "", err
		}
		if err := before.keep(ctx, tx, version+1, mv.Verb, reason); err != nil {
			return "", err
		}
		return mv.Verb, openAll(ctx, tx, before, found)
	}, reason)
}

// changeVisit lets the author change a visit, by a function that gives the verb.
func changeVisit(ctx context.Context, db *gorm.DB, townID, id string, change func(*gorm.DB, Visit) (string, error), reason string) (after Visit, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := visitViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		if !v.wrote(before) {
			return fault.Forbidden("not_your_visit", "只有走访人本人可以填写或更正", "only who made the visit writes about it")
		}
		verb, err := change(tx, before)
		if err != nil {
			return err
		}
		if after, err = Find(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "visit." + verb, Subject: "visits/" + id, Before: before.Content, After: after.Content, Reason: reason,
		})
	})
	return after, err
}

// keep stores what the visit tells from the version on.
func (v Visit) keep(ctx context.Context, tx *gorm.DB, version int64, verb, reason string) error {
	p := access.Caller(ctx)
	return tx.Create(&Version{
		TownID: v.TownID, VisitID: v.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role,
		Reason: reason, Document: database.JSON[Content]{V: v.Content},
	}).Error
}

// refuseLost keeps the findings that opened a problem from being taken away.
func (v Visit) refuseLost(ctx context.Context, tx *gorm.DB, c Content) error {
	var n int64
	err := tx.WithContext(ctx).Model(&Problem{}).Where("town_id = ? AND visit_id = ?", v.TownID, v.ID).
		Select("COALESCE(max(finding_number), 0)").Scan(&n).Error
	if err != nil || n <= int64(len(c.Findings)) {
		return err
	}
	return fault.Broken(fault.Field("/findings", "finding_in_use", "第 %d 项发现已列为难题，请保留", "finding %d has opened a problem: keep it at its place", n))
}
