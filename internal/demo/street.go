package demo

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// sorts are the kinds of branch in the neighbouring town, ofEachSort each.
var sorts = []struct{ kind, zh, en string }{
	{"community", "演示街道第%[1]s社区", "Street Community %[2]d"},
	{"enterprise", "演示街道%[1]s号企业", "Street Enterprise %[2]d"},
	{"agency", "演示街道%[1]s号机关", "Street Agency %[2]d"},
}

const ofEachSort = 4

// street creates the neighbour in short: the same scheme, so that its branches can
// be ranked with those of the town, and two quarters with one sheet by the secretary
// and one by the mentor of each branch.
func (s *story) street(ctx context.Context, tx *gorm.DB) error {
	_, err := town.Create(ctx, tx, town.Town{
		Code: Street, AreaCode: "999999998", Name: text.Text{
			ZH: "演示街道", EN: "Demo Street",
		}, OpenResults: true, Provenance: invented, Safeguards: town.Safeguards{LeastScored: town.UsualLeastScored},
	})
	if err != nil {
		return err
	}
	units, err := settle(ctx, tx)
	if err != nil {
		return err
	}
	if err := activateFiveForces(ctx, tx, Street); err != nil {
		return err
	}
	d, err := scheme.FiveForces()
	if err != nil {
		return err
	}
	perf := newPerformance(11, d.Tree.Children)
	for i, q := range quarters[1:3] {
		if err := s.streetQuarter(ctx, tx, i, q, units, d, perf); err != nil {
			return fmt.Errorf("%s, period %s: %w", Street, q.code, err)
		}
	}
	return nil
}

// settle creates the branches and appoints their people, and returns the codes of the
// branches.
func settle(ctx context.Context, tx *gorm.DB) ([]string, error) {
	for _, p := range []struct {
		code   string
		zh, en string
		role   policy.Role
	}{
		{"group", "街道领导小组成员", "Street group member", policy.LeadingGroup},
		{"group-2", "街道领导小组另一成员", "Second street group member", policy.LeadingGroup},
		{"mentor", "街道导师", "Street mentor", policy.Mentor},
	} {
		if err := neighbour(ctx, tx, p.code, text.F("%[1]s（虚构）", "%[2]s (invented)", p.zh, p.en), p.role); err != nil {
			return nil, err
		}
	}
	var units []string
	for _, sort := range sorts {
		for n := 1; n <= ofEachSort; n++ {
			b := town.Branch{Name: text.F(sort.zh, sort.en, numeral(n), n), Kind: sort.kind}
			b.Life = town.Life{TownID: Street, Code: fmt.Sprintf("%s-%d", sort.kind, n), Provenance: invented}
			if _, err := town.CreateBranch(ctx, tx, b, ""); err != nil {
				return nil, err
			}
			secretary := "secretary-of-" + b.Code
			if err := neighbour(ctx, tx, secretary,
				text.F("%[1]s书记（虚构）", "Secretary of %[2]s (invented)", b.Name.ZH, b.Name.EN), policy.Secretary); err != nil {
				return nil, err
			}
			for _, a := range []people.Assignment{
				{PersonCode: secretary, Duty: access.Leads}, {PersonCode: "mentor", Duty: access.Mentors},
			} {
				a.TownID, a.BranchCode, a.ValidFrom, a.Reason = Street, b.Code, begun, invented
				if _, err := people.Assign(ctx, tx, a); err != nil {
					return nil, err
				}
			}
			units = append(units, b.Code)
		}
	}
	return units, nil
}

// neighbour appoints somebody of the neighbouring town.
func neighbour(ctx context.Context, tx *gorm.DB, code string, name text.Text, role policy.Role) error {
	_, err := people.Create(ctx, tx, people.Person{TownID: Street, Code: code, Name: name, Provenance: invented})
	if err != nil {
		return err
	}
	return appoint(ctx, tx, Street, code, role, 1)
}

// streetQuarter takes one quarter of the neighbour to its publication.
func (s *story) streetQuarter(
	ctx context.Context, tx *gorm.DB, i int, q quarter, units []string, d scheme.Document, perf *performance,
) error {
	group := in(ctx, Street, "group", policy.LeadingGroup)
	p, err := evaluation.CreatePeriod(group, tx, evaluation.Period{
		TownID: Street, Code: q.code, Kind: "quarter", StartsOn: q.starts, EndsOn: q.ends, Scheme: scheme.Ref{Code: d.Code},
		Calendar: evaluation.Calendar{NoticeDays: evaluation.DefaultDays, AnswerDays: evaluation.DefaultDays},
	}, false)
	if err != nil {
		return err
	}
	move := func(to evaluation.PeriodState) {
		if err == nil {
			p, err = evaluation.MovePeriod(group, tx, p.Ref(), evaluation.PeriodMove{To: to})
		}
	}
	move(evaluation.Open)
	for n := range units {
		if err == nil {
			err = streetSheets(ctx, tx, q.code, units[n], n+1, i, d, perf)
		}
	}
	move(evaluation.Review)
	move(evaluation.Locked)
	if err != nil {
		return err
	}
	if _, err := index.CreateRun(group, tx, Street, q.code); err != nil {
		return err
	}
	_, waiting, err := index.MovePeriod(group, tx, p.Ref(), evaluation.PeriodMove{To: evaluation.Published})
	if err != nil {
		return err
	}
	return confirm(in(ctx, Street, "group-2", policy.LeadingGroup), tx, waiting)
}

// streetSheets writes the approved sheets of secretary and mentor about one branch.
func streetSheets(
	ctx context.Context, tx *gorm.DB, period, unit string, n, i int, d scheme.Document, perf *performance,
) error {
	reported, rated := entries(d, perf, n, i)
	for _, e := range []struct {
		person  string
		role    policy.Role
		entries []evaluation.Entry
	}{{"secretary-of-" + unit, policy.Secretary, reported}, {"mentor", policy.Mentor, rated(0)}} {
		author := in(ctx, Street, e.person, e.role)
		sheet, err := evaluation.BeginSheet(author, tx, evaluation.Sheet{
			TownID: Street, PeriodCode: period, BranchCode: unit, Entries: e.entries,
		})
		if err == nil {
			sheet, err = evaluation.MoveSheet(author, tx, sheet.Ref(), evaluation.Submitted, "")
		}
		if err == nil {
			_, err = evaluation.MoveSheet(in(ctx, Street, "group", policy.LeadingGroup), tx, sheet.Ref(),
				evaluation.Approved, "")
		}
		if err != nil {
			return fmt.Errorf("%s for %s: %w", e.person, unit, err)
		}
	}
	return nil
}
