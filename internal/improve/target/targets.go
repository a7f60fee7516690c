package target

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// State is the state of an improvement target.
type State string

// The states of a target. Only a confirmed one is worked on.
const (
	Proposed  State = "proposed"
	Confirmed State = "confirmed"
	Dismissed State = "dismissed"
	Ended     State = "ended"
)

var titles = workflow.Titles[State]{
	Proposed:  {ZH: "已提名", EN: "proposed"},
	Confirmed: {ZH: "已确认", EN: "confirmed"},
	Dismissed: {ZH: "不列入", EN: "dismissed"},
	Ended:     {ZH: "已结束", EN: "ended"},
}

// Title returns the name of the state.
func (s State) Title() text.Text { return titles.Of(s) }

// Target is a branch that is to be improved (提升对象). A rule proposes it from a
// publication, or a person by a statement; a person confirms it. A branch is one
// target at a time.
type Target struct {
	TownID            string  `gorm:"primaryKey" json:"-"`
	ID                string  `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode        string  `json:"branch" example:"b07"`
	PeriodCode        *string `json:"period,omitempty" example:"2023Q2"` // absent where a person proposed it
	PublicationNumber *int64  `json:"publication,omitempty" example:"1"` // whose figures the reasons are
	// that publication was taken back
	Withdrawn bool `gorm:"-" json:"withdrawn,omitempty,omitzero"`
	// of the rules; none where a person proposed it
	Reasons   Reasons `json:"reasons"`
	Statement string  `json:"statement,omitempty"` // why a person proposed it
	// an amended result has no reason for it any more
	Lapsed         bool       `json:"lapsed"`
	State          State      `json:"state"`
	ProposedBy     string     `json:"proposed_by" example:"group-1"`
	DecidedBy      string     `json:"decided_by,omitempty"`
	DecidedAt      *time.Time `json:"decided_at,omitempty"`
	DecisionReason string     `json:"decision_reason,omitempty"`
	// the day of its confirmation
	FromOn *day.Date `json:"from,omitempty" swaggertype:"string" format:"date"`
	// its last day as a target
	UntilOn *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
	Outcome string    `json:"outcome,omitempty" enums:"improved,unimproved,other"`
	// of one that is proposed or confirmed, and whose branch is no more: end it, or propose the branch that took it over
	BranchEnded *town.Ending          `gorm:"-" json:"branch_ended,omitempty"`
	History     []workflow.Transition `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed     []string              `gorm:"-" json:"allowed"`
	database.Versioned
}

// TableName is the table of targets.
func (Target) TableName() string { return "improvement_targets" }

type (
	rules = []workflow.Rule[Target, *reader]
	verbs = []workflow.Verb[Target, State, *reader]
)

// targets is the life of a target. What an amended result makes of its reasons is a step
// that nobody takes.
var targets = workflow.Kind[Target, State, *reader]{
	Noun: text.Text{ZH: "提升对象", EN: "target"}, Name: "target", Titles: titles, Reader: newReader,
	History: func(t *Target) *[]workflow.Transition { return &t.History },
	Verbs: verbs{
		{Name: "propose", To: Proposed, Action: policy.ProposeTargets},
		{
			Name: "confirm", From: []State{Proposed}, To: Confirmed, Action: policy.DecideTargets,
			Who: rules{notLed}, When: rules{notYet, living},
		},
		{
			Name: "dismiss", From: []State{Proposed}, To: Dismissed, Action: policy.DecideTargets, Who: rules{notLed},
			Reason: true,
		},
		{Name: "end", From: []State{Confirmed}, To: Ended, Action: policy.DecideTargets, Who: rules{notLed}, Reason: true},
		{Name: "refresh", From: []State{Proposed, Confirmed}},
		{Name: "lapse", From: []State{Proposed, Confirmed}},
	},
}.Checked()

// notYet refuses a branch that is a target already.
func notYet(v *reader, t Target) error {
	if current, already := v.current[t.BranchCode]; already {
		return fault.Conflict("already_target", "党组织“%[1]s”已是提升对象：请先结束",
			"the branch %[1]q is a target already: end that first", t.BranchCode).Held(current.lock())
	}
	return nil
}

func living(v *reader, t Target) error { return v.gone[t.BranchCode] }

// Ref names the target.
func (t Target) Ref() workflow.Ref {
	return workflow.Ref{Town: t.TownID, ID: t.ID, Version: t.Version}
}

var notLed = workflow.NotTied[Target, *reader]

// AboutBranch returns the code of the branch.
func (t Target) AboutBranch() string { return t.BranchCode }

// lock returns who brought the target into its state, when and why.
func (t Target) lock() fault.Lock {
	lock := fault.Lock{By: t.ProposedBy, At: t.CreatedAt, Reason: t.Statement, CanLift: string(policy.LeadingGroup)}
	if t.DecidedAt != nil {
		lock.By, lock.At, lock.Reason = t.DecidedBy, *t.DecidedAt, t.DecisionReason
	}
	return lock
}

// reader is a caller who reads or decides about targets.
type reader struct {
	access.Caller
	current map[string]Target // the confirmed ones, by branch
	gone    map[string]error  // why branches that have ended cannot be confirmed
	endings map[string]town.Ending
}

func newReader(ctx context.Context, db *gorm.DB, townID string) (*reader, error) {
	v, err := access.CallerOf(ctx, db, townID, policy.ReadTargets, policy.DecideTargets)
	return &reader{Caller: v}, err
}

// Load reads which branches are targets and which have ended. For a change it locks the
// branches first.
func (v *reader) Load(ctx context.Context, db *gorm.DB, list []Target, depth workflow.Depth) (err error) {
	withdrawn, err := index.TakenBack(ctx, db, v.Town)
	if err != nil {
		return err
	}
	for i, t := range list {
		list[i].Withdrawn = t.PublicationNumber != nil && withdrawn(*t.PeriodCode, *t.PublicationNumber)
	}
	if depth == workflow.ForChange {
		codes := make([]string, len(list))
		for i, t := range list {
			codes[i] = t.BranchCode
		}
		if err := lockBranches(db, v.Town, codes); err != nil {
			return err
		}
	}
	if v.current == nil {
		return v.loadBranches(ctx, db, list, depth)
	}
	return nil
}

func (v *reader) loadBranches(ctx context.Context, db *gorm.DB, list []Target, depth workflow.Depth) error {
	var err error
	if v.endings, err = town.Endings(ctx, db, v.Town); err != nil {
		return err
	}
	v.gone = map[string]error{}
	for _, t := range list {
		ending, ends := v.endings[t.BranchCode]
		on := ending.On
		switch {
		case !ends || on > v.Today:
		case depth == workflow.ForChange:
			b, err := town.FindBranch(ctx, db, v.Town, t.BranchCode, v.Today)
			if err != nil {
				return err
			}
			err = town.Ended(ctx, db, b)
			if !fault.Is(err, fault.KindConflict) {
				return err
			}
			v.gone[t.BranchCode] = err
		default: // who only reads learns that it is not allowed
			v.gone[t.BranchCode] = fault.Conflict("branch_closed", "该党组织已于 %s 撤销或合并", "the branch ended on %s", on)
		}
	}
	v.current, err = Current(ctx, db, v.Town)
	return err
}

// State returns where the target is, and who brought it there.
func (v *reader) State(t Target) (State, fault.Lock) { return t.State, t.lock() }

// Show returns the target with what the caller can do.
func (v *reader) Show(t Target, allowed []string) Target {
	t.Allowed = allowed
	if e, ends := v.endings[t.BranchCode]; ends && e.On <= v.Today && (t.State == Proposed || t.State == Confirmed) {
		t.BranchEnded = &e
	}
	return t
}

// Tell returns the target with roles in place of names, where the caller may not read
// people.
func (v *reader) Tell(t Target) Target {
	t.ProposedBy, t.DecidedBy = v.Told(t.ProposedBy, policy.LeadingGroup), v.Told(t.DecidedBy, policy.LeadingGroup)
	return t
}

// Audit returns what is proposed, and of a decision the state.
func (v *reader) Audit(t Target, verb string) (string, any) {
	if verb == "propose" {
		return "targets/" + t.ID, t
	}
	return "targets/" + t.ID, t.State
}

// Add proposes a branch by the caller's own statement, unless the branch is proposed or
// a target already. Nobody does so for a branch that he or she leads. Rules do not change
// such a proposal, and its statement does not lapse with a publication.
func Add(ctx context.Context, db *gorm.DB, townID, branch, statement string) (Target, error) {
	t := newTarget(ctx, Target{TownID: townID, BranchCode: branch, Statement: statement, Reasons: Reasons{}})
	return targets.Create(ctx, db, "propose", statement, t, func(tx *gorm.DB, _ *reader, t *Target) error {
		if err := improve.RefuseBranch(ctx, tx, townID, branch); err != nil {
			return err
		}
		if err := improve.RefuseLed(ctx, tx, townID, branch); err != nil {
			return err
		}
		var open []Target
		err := tx.Where("town_id = ? AND branch_code = ? AND state IN ?", townID, branch, []State{Proposed, Confirmed}).
			Order("id").Limit(1).Find(&open).Error
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return fault.Conflict("target_exists", "党组织“%[1]s”已是提升对象或已被提名：请先决定",
				"the branch %[1]q is proposed or a target already: decide about that first", branch).Held(open[0].lock())
		}
		return tx.Create(t).Error
	})
}

// newTarget returns t as a new proposal of the caller.
func newTarget(ctx context.Context, t Target) Target {
	t.ID, t.State, t.ProposedBy, t.Versioned = database.NewID(), Proposed, access.PrincipalFrom(ctx).Name(),
		database.Versioned{Version: 1}
	return t
}

// lockBranches locks the branches, a list or a query of codes: until tx ends none of them
// ends, and others neither propose nor confirm it. SQLite has one writer at a
// time and needs no lock.
func lockBranches(tx *gorm.DB, townID string, codes any) error {
	var held []town.Life
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code IN (?)", townID, codes).Order("code").Find(&held).Error
}

// Decision is what becomes of a target.
type Decision struct {
	To      State
	Reason  string // needed but to confirm what has not lapsed
	Outcome string // needed to end: improved, unimproved or other
}

// Decide confirms or dismisses a proposal, or ends a target. The day of the confirmation
// is its first as a target, that of the ending its last.
func Decide(ctx context.Context, db *gorm.DB, ref workflow.Ref, d Decision) (Target, error) {
	return targets.Move(ctx, db, ref, d.To, d.Reason, func(tx *gorm.DB, v *reader, t Target) (c workflow.Change, err error) {
		if d.To == Confirmed && t.Lapsed && d.Reason == "" {
			return c, fault.Broken(fault.Field("/reason", "reason_needed",
				"更正后的结果已无提名理由，请说明为何仍要确认", "the amended result has no reason for this target any more: give a reason to confirm it"))
		}
		if (d.To == Ended) != (d.Outcome != "") {
			return c, fault.Broken(fault.Field("/outcome", "outcome",
				"结束时须填写成效，其他情况不填", "the outcome is needed to end a target, and only then"))
		}
		c.Columns = map[string]any{"decided_by": v.Name(), "decided_at": tx.NowFunc(), "decision_reason": d.Reason}
		switch d.To {
		case Confirmed:
			c.Columns["from_on"] = v.Today
		case Ended:
			c.Columns["until_on"], c.Columns["outcome"] = v.Today, d.Outcome
		}
		return c, nil
	})
}

// Find returns one target with its history, if the caller may read those of its branch.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Target, error) {
	return targets.Find(ctx, db, townID, id)
}

// Filter narrows a list; zero fields do not.
type Filter struct {
	Period, Branch string
	State          State
	On             day.Date // only those that were targets on the day, whatever became of them
	After          string
	Limit          int // 0 = all
}

// List returns the targets that the caller may read, in the order of their proposal.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Target, error) {
	v, err := newReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "period_code", f.Period, "branch_code", f.Branch, "state", string(f.State))
	if f.On != "" {
		q = q.Where("from_on <= ? AND (until_on IS NULL OR until_on >= ?)", f.On, f.On)
	}
	return targets.List(ctx, db, v, q)
}

// Current returns the targets of the town that are confirmed and not ended, by
// branch.
func Current(ctx context.Context, db *gorm.DB, townID string) (_ map[string]Target, err error) {
	defer fault.Wrap(&err, "targets of %s", townID)
	var list []Target
	err = db.WithContext(ctx).Where("town_id = ? AND state = ?", townID, Confirmed).Find(&list).Error
	current := make(map[string]Target, len(list))
	for _, t := range list {
		current[t.BranchCode] = t
	}
	return current, err
}

// BranchEnded is what Count counts a target under that is proposed or confirmed, and whose
// branch is no more. It is no state: the target stays in its own until it is ended.
const BranchEnded State = "branch_ended"

// Count returns the numbers of targets of the branches in the reach by their state, and of
// those whose branch is no more under BranchEnded, by two statements.
func Count(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (_ map[State]int64, err error) {
	defer fault.Wrap(&err, "count the targets of %s", townID)
	today, open := day.Of(db.NowFunc()), []State{Proposed, Confirmed}
	of := func(condition string) *gorm.DB {
		return reach.Narrow(db.WithContext(ctx).Model(&Target{}).Where("town_id = ?", townID)).
			Where(condition, open, town.Gone(db, townID, today))
	}
	counts, err := database.CountStates[State](of("NOT (state IN ? AND branch_code IN (?))"))
	if err != nil {
		return counts, err
	}
	var ended int64
	if err = of("state IN ? AND branch_code IN (?)").Count(&ended).Error; ended > 0 {
		counts[BranchEnded] = ended
	}
	return counts, err
}
