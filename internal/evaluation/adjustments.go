package evaluation

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// AdjustmentState is where an adjustment stands in its life.
type AdjustmentState string

// The states of an adjustment. Only approved ones count.
const (
	Proposed           AdjustmentState = "proposed"
	ApprovedAdjustment AdjustmentState = "approved"
	Rejected           AdjustmentState = "rejected"
	Withdrawn          AdjustmentState = "withdrawn"
)

// Adjustment is a bonus, deduction or veto of the scheme, proposed for one branch
// and period, and decided on by itself.
type Adjustment struct {
	TownID         string           `gorm:"primaryKey" json:"-"`
	ID             string           `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode     string           `json:"period" example:"2023Q3"`
	BranchCode     string           `json:"branch" example:"b07"`
	Kind           string           `json:"kind" enums:"bonus,deduction,veto"`
	ItemCode       string           `json:"item" example:"top-ten"`
	Points         float64          `json:"points" example:"2"` // as the scheme had them; 0 for a veto
	Reason         string           `json:"reason" example:"project chosen among the ten"`
	Evidence       string           `json:"evidence,omitempty"`
	State          AdjustmentState  `json:"state" swaggertype:"string" enums:"proposed,approved,rejected,withdrawn"`
	ProposedBy     string           `json:"proposed_by" example:"mentor-1"`
	DecidedAt      *time.Time       `json:"decided_at,omitempty"`
	DecidedBy      string           `json:"decided_by,omitempty"`
	DecisionReason string           `json:"decision_reason,omitempty"`
	History        []AdjustmentMove `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed        []string         `gorm:"-" json:"allowed"`
	database.Versioned
}

var adjustmentNoun = text.Text{ZH: "加减分或否决", EN: "adjustment"}

// adjustmentMoves is the life of an adjustment.
var adjustmentMoves = machine[AdjustmentState]{
	{Verb: "approve", From: []AdjustmentState{Proposed}, To: ApprovedAdjustment, Action: access.DecideAdjustments, When: stage{during: entering}},
	{Verb: "reject", From: []AdjustmentState{Proposed, ApprovedAdjustment}, To: Rejected, Action: access.DecideAdjustments, When: stage{during: entering}, Reason: true},
	{Verb: "withdraw", From: []AdjustmentState{Proposed}, To: Withdrawn, Action: access.WriteAdjustments, When: stage{during: entering}},
}

// FindAdjustment gives one adjustment, if the caller may read those of its branch.
func FindAdjustment(ctx context.Context, db *gorm.DB, townID, id string) (Adjustment, error) {
	var a Adjustment
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&a).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Adjustment{}, fault.Missing(adjustmentNoun, id)
	}
	if err != nil {
		return Adjustment{}, err
	}
	reach, err := access.ReachOf(ctx, db, access.Caller(ctx), access.ReadAdjustments, townID, day.Of(db.NowFunc()))
	if err != nil {
		return Adjustment{}, err
	}
	if !reach.Has(a.BranchCode) {
		return Adjustment{}, fault.Missing(adjustmentNoun, id)
	}
	period, err := FindPeriod(ctx, db, townID, a.PeriodCode)
	if err != nil {
		return Adjustment{}, err
	}
	led, err := ledBy(ctx, db, townID)
	if err != nil {
		return Adjustment{}, err
	}
	a.Allowed = a.allowed(access.Caller(ctx), period, led)
	err = db.WithContext(ctx).Where("town_id = ? AND adjustment_id = ?", townID, id).Order("version").Find(&a.History).Error
	return a, err
}

// stand is what the moves of the adjustment depend on.
func (a Adjustment) stand(period Period) stand {
	lock := fault.Lock{By: a.ProposedBy, At: a.CreatedAt, Reason: a.Reason, CanLift: string(access.LeadingGroup)}
	if a.DecidedAt != nil {
		lock.By, lock.Role, lock.At, lock.Reason = a.DecidedBy, string(access.LeadingGroup), *a.DecidedAt, a.DecisionReason
	}
	return stand{period: period, lock: lock}
}

// allowed leaves out deciding on one's own proposal or branch and withdrawing
// another's proposal.
func (a Adjustment) allowed(p access.Principal, period Period, led map[string]bool) []string {
	own := p.Name() == a.ProposedBy
	verbs := adjustmentMoves.Allowed(p, a.State, a.stand(period))
	return slices.DeleteFunc(verbs, func(verb string) bool {
		return (verb == "withdraw") != own || verb != "withdraw" && led[a.BranchCode]
	})
}

// AdjustmentFilter narrows a list; zero fields do not.
type AdjustmentFilter struct {
	Period, Branch string
	State          AdjustmentState
	After          string
	Limit          int
}

// ListAdjustments gives the adjustments that the caller may read, in the order of
// their making.
func ListAdjustments(ctx context.Context, db *gorm.DB, townID string, f AdjustmentFilter) ([]Adjustment, error) {
	reach, err := access.ReachOf(ctx, db, access.Caller(ctx), access.ReadAdjustments, townID, day.Of(db.NowFunc()))
	if err != nil {
		return nil, err
	}
	q := reach.Narrow(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	for _, narrow := range []struct{ column, value string }{{"period_code", f.Period}, {"branch_code", f.Branch}, {"state", string(f.State)}} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	var list []Adjustment
	if err := q.Order("id").Limit(f.Limit).Find(&list).Error; err != nil {
		return nil, err
	}
	periods, err := periodsByCode(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	led, err := ledBy(ctx, db, townID)
	for i := range list {
		list[i].Allowed = list[i].allowed(access.Caller(ctx), periods[list[i].PeriodCode], led)
	}
	return list, err
}

// Propose enters an item of the scheme for a branch. Its points are those of the
// scheme, so that nobody bargains.
func Propose(ctx context.Context, db *gorm.DB, a Adjustment) (Adjustment, error) {
	p := access.Caller(ctx)
	a.ID, a.State, a.ProposedBy = database.NewID(), Proposed, p.Name()
	a.DecidedAt, a.DecidedBy, a.DecisionReason = nil, "", ""
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		period, err := HoldPeriod(ctx, tx, a.TownID, a.PeriodCode)
		if err != nil {
			return err
		}
		if _, err := period.branch(ctx, tx, a.BranchCode); err != nil {
			return err
		}
		if err := access.InScope(ctx, tx, p, access.WriteAdjustments, a.TownID, a.BranchCode, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		if !slices.Contains(entering, period.State) {
			return period.locked()
		}
		compiled, err := scheme.Load(ctx, tx, a.TownID, period.SchemeCode, period.SchemeNumber)
		if err != nil {
			return err
		}
		if a.Points, err = points(compiled.Document.Adjustments, a.Kind, a.ItemCode); err != nil {
			return err
		}
		a.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		a.Allowed = a.allowed(p, period, nil) // its proposer does not decide anyway
		return audit.Write(ctx, tx, audit.Change{Town: a.TownID, Action: "adjustment.propose", Subject: "adjustments/" + a.ID, After: a})
	})
	return a, err
}

// points looks the item up among those of its kind.
func points(known scheme.Adjustments, kind, code string) (float64, error) {
	var items []scheme.Item
	switch kind {
	case "bonus":
		items = known.Bonus.Items
	case "deduction":
		items = known.Deduction.Items
	case "veto":
		for _, v := range known.Vetoes {
			items = append(items, scheme.Item{Code: v.Code})
		}
	default:
		return 0, fault.Broken(fault.Field("/kind", "unknown_kind", "请用 bonus、deduction 或 veto", "use bonus, deduction or veto"))
	}
	for _, item := range items {
		if item.Code == code {
			return item.Points, nil
		}
	}
	return 0, fault.Broken(fault.Field("/item", "unknown_item", "指标体系的该类项目中没有“%s”", "the scheme has no such item: %q", code))
}

// MoveAdjustment decides on an adjustment, or withdraws one's own.
func MoveAdjustment(ctx context.Context, db *gorm.DB, townID, id string, version int64, to AdjustmentState, reason string) (Adjustment, error) {
	p := access.Caller(ctx)
	var after Adjustment
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindAdjustment(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		period, err := HoldPeriod(ctx, tx, townID, before.PeriodCode)
		if err != nil {
			return err
		}
		mv, err := adjustmentMoves.Find(p, before.State, to, before.stand(period), reason)
		if err != nil {
			return err
		}
		if err := before.refuse(ctx, tx, p, mv); err != nil {
			return err
		}
		change := map[string]any{"state": to, "decided_at": tx.NowFunc(), "decided_by": p.Name(), "decision_reason": reason}
		if err := database.UpdateVersioned(tx, &Adjustment{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		step := AdjustmentMove{TownID: townID, AdjustmentID: id, Version: version + 1, Verb: mv.Verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role, Reason: reason}
		if err := tx.Create(&step).Error; err != nil {
			return err
		}
		if after, err = FindAdjustment(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "adjustment." + mv.Verb, Subject: "adjustments/" + id,
			Before: before.State, After: after.State, Reason: reason,
		})
	})
	return after, err
}

// refuse keeps people from deciding on their own proposals and branches.
func (a Adjustment) refuse(ctx context.Context, tx *gorm.DB, p access.Principal, mv move[AdjustmentState]) error {
	own := p.Name() == a.ProposedBy
	switch {
	case mv.To == Withdrawn && !own:
		return fault.Forbidden("not_your_proposal", "只能撤回自己提出的项目", "only its proposer withdraws it")
	case mv.To != Withdrawn && own:
		return fault.Forbidden("own_proposal", "不能审批自己提出的项目", "nobody decides on his or her own proposal")
	case mv.To == Withdrawn:
		return nil
	}
	return refuseOwnBranch(ctx, tx, p, a.TownID, a.BranchCode, day.Of(tx.NowFunc()))
}
