package evaluation

import (
	"context"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
)

// CheckCorrections lists every fault of corrections of a published period, which
// are held against the rules of entries, and fills in what each replaces. Nothing
// is stored. Nobody corrects a branch that he or she leads.
func CheckCorrections(ctx context.Context, tx *gorm.DB, p Period, c *scheme.Compiled, branches []town.Branch, list []Correction) ([]Correction, error) {
	if err := refuseOwnBranches(ctx, tx, p.TownID, list); err != nil {
		return nil, err
	}
	said, err := readSayings(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return nil, err
	}
	stored, err := p.corrections(ctx, tx)
	if err != nil {
		return nil, err
	}
	said.correct(stored)
	t := newValues(c, branches)
	if err := t.adjust(ctx, tx, p, stored); err != nil {
		return nil, err
	}
	if faults := t.check(list); len(faults) > 0 {
		return nil, fault.Broken(faults...)
	}
	list = slices.Clone(list)
	for i, correction := range list {
		if correction.Adjustment == "" {
			list[i].Replaces = said.told(c, correction.BranchCode, correction.Code)
		}
	}
	return list, nil
}

func refuseOwnBranches(ctx context.Context, tx *gorm.DB, townID string, list []Correction) error {
	asked := map[string]bool{}
	for _, c := range list {
		if asked[c.BranchCode] {
			continue
		}
		asked[c.BranchCode] = true
		if err := refuseOwnBranch(ctx, tx, access.Caller(ctx), townID, c.BranchCode, day.Of(tx.NowFunc())); err != nil {
			return err
		}
	}
	return nil
}

// check lists what is wrong with the corrections, by branch for the values, since
// the rules of a sheet are about one branch.
func (t *table) check(list []Correction) []fault.FieldError {
	var faults []fault.FieldError
	perBranch := make([]*entryCheck, len(t.branches))
	entries := make([][]Entry, len(t.branches))
	for i, c := range list {
		at := "/corrections/" + strconv.Itoa(i)
		u, ok := t.unit[c.BranchCode]
		if !ok {
			faults = append(faults, fault.Field(at+"/branch", "unknown_branch", "已公布的结果中没有党组织“%s”", "there is no branch %q in the published result", c.BranchCode))
			continue
		}
		if c.Adjustment != "" {
			faults = append(faults, t.checkAdjustment(at, u, c)...)
			continue
		}
		if perBranch[u] == nil {
			perBranch[u] = &entryCheck{scheme: t.scheme, branch: t.branches[u], settled: true, seen: map[string]bool{}, at: map[string]string{}}
		}
		e := Entry{Code: c.Code, Value: c.Value, Level: c.Level, NotApplicable: c.NotApplicable, Evidence: c.Evidence}
		perBranch[u].entry(at, e)
		entries[u] = append(entries[u], e)
	}
	for u, v := range perBranch {
		if v != nil {
			faults = append(faults, append(v.faults, v.refusedByRules(entries[u])...)...)
		}
	}
	return faults
}

// checkAdjustment also keeps count: what is cancelled twice must be there twice.
func (t *table) checkAdjustment(at string, unit int, c Correction) []fault.FieldError {
	if c.Value != nil || c.Level != nil || c.NotApplicable {
		return []fault.FieldError{fault.Field(at+"/adjustment", "value_and_adjustment", "不能既更正数值又增减加减分项目", "correct a value or an adjustment, not both")}
	}
	if !t.scheme.HasAdjustment(c.Code) {
		return []fault.FieldError{fault.Field(at+"/code", "unknown_item", "指标体系中没有加减分或否决项目“%s”", "the scheme has no bonus, deduction or veto %q", c.Code)}
	}
	if c.Adjustment == CancelAdjustment && !slices.Contains(t.Adjustments, composite.Adjustment{Unit: unit, Code: c.Code}) {
		return []fault.FieldError{fault.Field(at+"/code", "nothing_to_cancel", "该党组织没有已通过的项目“%s”可撤销", "the branch has no approved %q to cancel", c.Code)}
	}
	t.correctAdjustments([]Correction{c})
	return nil
}

// Correctable refuses corrections before the period is published and after it is
// final.
func (p Period) Correctable() error {
	switch p.State {
	case Published:
		return nil
	case Final:
		return p.locked()
	}
	return fault.Conflict("not_published",
		"考评周期 %s 尚未公布，请退回考评表修改；已锁定的须先解锁", "the period %s is not published: return its sheets to change them, after unlocking it where it is locked", p.Code).Held(p.Lock())
}
