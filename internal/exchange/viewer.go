package exchange

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/workflow"
)

// viewer is the caller with what decides which cases he or she sees and moves.
type viewer struct {
	access.Principal
	writes, reviews access.Reach
	led             map[string]bool
}

func newViewer(ctx context.Context, db *gorm.DB, townID string) (viewer, error) {
	v, today := viewer{Principal: access.Caller(ctx)}, day.Of(db.NowFunc())
	var err error
	if v.writes, err = access.ReachOf(ctx, db, v.Principal, access.WriteCases, townID, today); err != nil {
		return v, err
	}
	if v.reviews, err = access.ReachOf(ctx, db, v.Principal, access.ReviewCases, townID, today); err != nil {
		return v, err
	}
	v.led, err = access.LedBy(ctx, db, townID, access.ReviewCases)
	return v, err
}

// sees reports whether the case is published, or the caller writes or reviews
// those of its branch.
func (v viewer) sees(c Case) bool {
	return c.State == Published || v.writes.Has(c.BranchCode) || v.reviews.Has(c.BranchCode)
}

// visible narrows a query to what sees lets through.
func (v viewer) visible(q *gorm.DB) *gorm.DB {
	if v.writes.All || v.reviews.All {
		return q
	}
	own := append(append(v.writes.Codes(), v.reviews.Codes()...), "")
	return q.Where("(state = ? OR branch_code IN ?)", Published, own)
}

// insider reports whether the caller is told who wrote and reviewed the case.
func (v viewer) insider(c Case) bool {
	return v.May(access.ReadPeople) || v.writes.Has(c.BranchCode) || v.reviews.Has(c.BranchCode)
}

// tell is the case as the caller may see it, with what he or she can do.
func (v viewer) tell(c Case) Case {
	c.Allowed = []string{}
	for _, mv := range caseMoves {
		if slices.Contains(mv.From, c.State) && v.refuse(c, mv, "any") == nil {
			c.Allowed = append(c.Allowed, mv.Verb)
		}
	}
	if !v.insider(c) {
		c.Author = ""
	}
	return c
}

// refuse says why the caller cannot make the move, which the state of the case
// allows.
func (v viewer) refuse(c Case, mv caseMove, reason string) error {
	if err := mv.Refuse(v.Principal, workflow.Standing{}, reason); err != nil {
		return err
	}
	if mv.Action == access.WriteCases {
		return v.writes.Refuse(c.BranchCode)
	}
	switch {
	case v.led[c.BranchCode]:
		return fault.Forbidden("conflict_of_interest", "不能审核自己所任职党组织的案例", "nobody reviews a case of a branch that he or she leads")
	case v.Name() == c.Author:
		return fault.Forbidden("own_case", "不能审核自己撰写的案例", "nobody reviews a case of his or her own")
	}
	return v.reviews.Refuse(c.BranchCode)
}
