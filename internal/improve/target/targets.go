package target

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// State is where an improvement target stands in its life.
type State string

// The states of a target. Only a confirmed one is worked on.
const (
	Proposed  State = "proposed"
	Confirmed State = "confirmed"
	Dismissed State = "dismissed"
	Ended     State = "ended"
)

// Target is a branch that is to be improved (提升对象). A rule proposes it from a
// publication, or a person by a statement; a person confirms it. A branch is one
// target at a time.
type Target struct {
	TownID            string       `gorm:"primaryKey" json:"-"`
	ID                string       `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode        string       `json:"branch" example:"b07"`
	PeriodCode        *string      `json:"period,omitempty" example:"2023Q2"` // absent where a person proposed it
	PublicationNumber *int64       `json:"publication,omitempty" example:"1"` // whose figures the reasons are
	Reasons           Reasons      `json:"reasons"`                           // of the rules; none where a person proposed it
	Statement         string       `json:"statement,omitempty"`               // why a person proposed it
	Lapsed            bool         `json:"lapsed"`                            // an amended result gives no reason any more
	State             State        `json:"state" swaggertype:"string" enums:"proposed,confirmed,dismissed,ended"`
	ProposedBy        string       `json:"proposed_by" example:"group-1"`
	DecidedBy         string       `json:"decided_by,omitempty"`
	DecidedAt         *time.Time   `json:"decided_at,omitempty"`
	DecisionReason    string       `json:"decision_reason,omitempty"`
	FromOn            *day.Date    `json:"from,omitempty" swaggertype:"string" format:"date"`  // the day of its confirmation
	UntilOn           *day.Date    `json:"until,omitempty" swaggertype:"string" format:"date"` // its last day as a target
	Outcome           string       `json:"outcome,omitempty" enums:"improved,unimproved,other"`
	History           []TargetMove `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed           []string     `gorm:"-" json:"allowed"`
	database.Versioned
}

// TableName is the table of targets.
func (Target) TableName() string { return "improvement_targets" }

// TargetMove is one step of a target, kept for ever under the version that it made.
type TargetMove struct {
	TownID   string      `gorm:"primaryKey" json:"-"`
	TargetID string      `gorm:"primaryKey" json:"-"`
	Version  int64       `gorm:"primaryKey" json:"version"`
	Verb     string      `json:"verb" enums:"propose,refresh,lapse,confirm,dismiss,end"`
	At       time.Time   `json:"at"`
	Actor    string      `json:"by" example:"group-1"`
	Role     access.Role `json:"role" swaggertype:"string" example:"leading_group"`
	Reason   string      `json:"reason,omitempty"`
}

var targetNoun = text.Text{ZH: "提升对象", EN: "target"}

// targetMoves is the life of a target.
var targetMoves = workflow.Machine[State, workflow.Free]{
	{Verb: "confirm", From: []State{Proposed}, To: Confirmed, Action: access.DecideTargets},
	{Verb: "dismiss", From: []State{Proposed}, To: Dismissed, Action: access.DecideTargets, Reason: true},
	{Verb: "end", From: []State{Confirmed}, To: Ended, Action: access.DecideTargets, Reason: true},
}

// stand is who brought the target where it stands.
func (t Target) stand() workflow.Standing {
	lock := fault.Lock{By: t.ProposedBy, At: t.CreatedAt, Reason: t.Statement, CanLift: string(access.LeadingGroup)}
	if t.DecidedAt != nil {
		lock.By, lock.At, lock.Reason = t.DecidedBy, *t.DecidedAt, t.DecisionReason
	}
	return workflow.Standing(lock)
}

// targetViewer is what an answer about targets depends on besides them.
type targetViewer struct {
	access.Principal
	today   day.Date
	reach   access.Reach
	led     map[string]bool     // branches about which the caller does not decide
	current map[string]Target   // the confirmed ones, by branch
	ended   map[string]day.Date // branches that end, with the first day without them
}

func targetViewerOf(ctx context.Context, db *gorm.DB, townID string) (v targetViewer, err error) {
	v.Principal, v.today = access.Caller(ctx), day.Of(db.NowFunc())
	if v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadTargets, townID, v.today); err != nil {
		return v, err
	}
	if v.led, err = access.LedBy(ctx, db, townID, access.DecideTargets); err != nil {
		return v, err
	}
	if v.ended, err = town.EndedOn(ctx, db, townID); err != nil {
		return v, err
	}
	v.current, err = Current(ctx, db, townID)
	return v, err
}

// gone reports whether the branch has ended by today.
func (v targetViewer) gone(branch string) bool {
	on, ends := v.ended[branch]
	return ends && on <= v.today
}

// allowed leaves out deciding about a branch that the caller leads, and confirming
// one that is a target already or has ended.
func (v targetViewer) allowed(t Target) []string {
	if v.led[t.BranchCode] {
		return []string{}
	}
	_, already := v.current[t.BranchCode]
	return slices.DeleteFunc(targetMoves.Allowed(v.Principal, t.State, t.stand()), func(verb string) bool {
		return verb == "confirm" && (already || v.gone(t.BranchCode))
	})
}

// currentTargets are the targets of the town that are confirmed and not ended, by
// branch.
func Current(ctx context.Context, db *gorm.DB, townID string) (map[string]Target, error) {
	var list []Target
	err := db.WithContext(ctx).Where("town_id = ? AND state = ?", townID, Confirmed).Find(&list).Error
	current := make(map[string]Target, len(list))
	for _, t := range list {
		current[t.BranchCode] = t
	}
	return current, err
}

// Find gives one target with its history, if the caller may read those of its
// branch.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Target, error) {
	v, err := targetViewerOf(ctx, db, townID)
	if err != nil {
		return Target{}, err
	}
	return v.find(ctx, db, townID, id)
}

func (v targetViewer) find(ctx context.Context, db *gorm.DB, townID, id string) (Target, error) {
	var t Target
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&t).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.reach.Has(t.BranchCode) {
		return Target{}, fault.Missing(targetNoun, id)
	}
	if err != nil {
		return Target{}, err
	}
	t.Allowed = v.allowed(t)
	err = db.WithContext(ctx).Where("town_id = ? AND target_id = ?", townID, id).Order("version").Find(&t.History).Error
	return t, err
}

// Filter narrows a list; zero fields do not.
type Filter struct {
	Period, Branch string
	State          State
	On             day.Date // only those that were targets on the day, whatever became of them
	After          string
	Limit          int // 0 = all
}

// List gives the targets that the caller may read, in the order of their
// proposal.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Target, error) {
	v, err := targetViewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.reach.Narrow(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	for _, narrow := range []struct{ column, value string }{{"period_code", f.Period}, {"branch_code", f.Branch}, {"state", string(f.State)}} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	if f.On != "" {
		q = asTargets(q, f.On)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Target
	err = q.Order("id").Find(&list).Error
	for i := range list {
		list[i].Allowed = v.allowed(list[i])
	}
	return list, err
}

// Count counts the targets of the branches in the reach by their state, in
// one statement.
func Count(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (map[State]int64, error) {
	return database.CountStates[State](reach.Narrow(db.WithContext(ctx).Model(&Target{}).Where("town_id = ?", townID)))
}

// asTargets narrows a query to those that were targets on the day.
func asTargets(q *gorm.DB, on day.Date) *gorm.DB {
	return q.Where("from_on <= ? AND (until_on IS NULL OR until_on >= ?)", on, on)
}

// Add proposes a branch by the caller's own statement, unless the branch is
// proposed or a target already. Nobody does so for a branch that he or she leads.
// Rules leave such a proposal alone: its statement does not lapse with a publication.
func Add(ctx context.Context, db *gorm.DB, townID, branch, statement string) (Target, error) {
	t := Target{TownID: townID, BranchCode: branch, Statement: statement, Reasons: Reasons{}}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := holdBranches(tx, townID, []string{branch}); err != nil {
			return err
		}
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
			return workflow.Conflict(open[0].stand(), "target_exists", text.F(
				"党组织“%[1]s”已是提升对象或已被提名：请先决定", "the branch %[1]q is proposed or a target already: decide about that first", branch))
		}
		if err := createTarget(ctx, tx, &t); err != nil {
			return err
		}
		if t, err = Find(ctx, tx, townID, t.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "target.propose", Subject: "targets/" + t.ID, After: t, Reason: statement})
	})
	return t, err
}

// holdBranches keeps the branches, a list or a query of codes, from ending and from
// being proposed or confirmed by others until tx ends. SQLite has one writer at a
// time and needs no lock.
func holdBranches(tx *gorm.DB, townID string, codes any) error {
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

// Decide confirms or dismisses a proposal, or ends a target. The day of the
// confirmation is its first as a target, that of the ending its last.
func Decide(ctx context.Context, db *gorm.DB, townID, id string, version int64, d Decision) (Target, error) {
	var after Target
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		its := tx.Model(&Target{}).Select("branch_code").Where("town_id = ? AND id = ?", townID, id)
		if err := holdBranches(tx, townID, its); err != nil {
			return err
		}
		v, err := targetViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		mv, err := targetMoves.Find(v.Principal, before.State, d.To, before.stand(), d.Reason)
		if err != nil {
			return err
		}
		if err := improve.RefuseLed(ctx, tx, townID, before.BranchCode); err != nil {
			return err
		}
		if err := v.refuse(ctx, tx, before, d); err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Target{TownID: townID, ID: id}, version, d.change(tx, v.Name())); err != nil {
			return err
		}
		if err := noteTarget(ctx, tx, before, version+1, mv.Verb, d.Reason); err != nil {
			return err
		}
		if after, err = Find(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "target." + mv.Verb, Subject: "targets/" + id, Before: before.State, After: after.State, Reason: d.Reason,
		})
	})
	return after, err
}

// refuse says what is missing from the decision, or stands in its way.
func (v targetViewer) refuse(ctx context.Context, tx *gorm.DB, t Target, d Decision) error {
	current, already := v.current[t.BranchCode]
	switch {
	case d.To == Confirmed && already:
		return workflow.Conflict(current.stand(), "already_target", text.F(
			"党组织“%[1]s”已是提升对象：请先结束", "the branch %[1]q is a target already: end that first", t.BranchCode))
	case d.To == Confirmed && v.gone(t.BranchCode):
		b, err := town.FindBranch(ctx, tx, t.TownID, t.BranchCode, v.today)
		if err != nil {
			return err
		}
		return town.Ended(ctx, tx, b)
	case d.To == Confirmed && t.Lapsed && d.Reason == "":
		return fault.Broken(fault.Field("/reason", "reason_needed",
			"更正后的结果已无提名理由，请说明为何仍要确认", "the amended result gives no reason any more: say why it is confirmed all the same"))
	case (d.To == Ended) != (d.Outcome != ""):
		return fault.Broken(fault.Field("/outcome", "outcome", "结束时须填写成效，其他情况不填", "give the outcome to end a target, and only then"))
	}
	return nil
}

// change are the columns that the decision sets.
func (d Decision) change(tx *gorm.DB, by string) map[string]any {
	today := day.Of(tx.NowFunc())
	change := map[string]any{"state": d.To, "decided_by": by, "decided_at": tx.NowFunc(), "decision_reason": d.Reason}
	switch d.To {
	case Confirmed:
		change["from_on"] = today
	case Ended:
		change["until_on"], change["outcome"] = today, d.Outcome
	}
	return change
}
