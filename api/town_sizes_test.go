package api

import (
	"context"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/improve/measure"
	"bulwark/internal/index"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// sizedScheme has one indicator of each kind that costs a read of its own: a
// rated one, a derived one, and one that is carried over from earlier periods.
const sizedScheme = `{"code": "sized", "version": 1, "name": {"en": "sized"}, "decimals": 2, "min_coverage": 0.5,
"quantities": [{"code": "done", "name": {"en": "done"}}, {"code": "due", "name": {"en": "due"}}],
"tree": {"code": "index", "aggregation": {"kind": "arithmetic"}, "children": [
 {"code": "a", "name": {"en": "a"}, "weight": 1, "aggregation": {"kind": "arithmetic"}, "children": [
  {"code": "a.1", "name": {"en": "a.1"}, "weight": 3, "entry": "reported", "direction": "benefit", "rule": {"kind": "goalposts", "low": 0, "high": 100}},
  {"code": "a.2", "name": {"en": "a.2"}, "weight": 1, "entry": "reported", "direction": "benefit", "rule": {"kind": "goalposts", "low": 0, "high": 50}, "missing": {"kind": "carry", "periods": 2}}]},
 {"code": "b", "name": {"en": "b"}, "weight": 2, "aggregation": {"kind": "arithmetic"}, "children": [
  {"code": "b.1", "name": {"en": "b.1"}, "weight": 1, "entry": "rated", "rule": {"kind": "points", "max": 100}, "combine": {"kind": "mean"}},
  {"code": "b.2", "name": {"en": "b.2"}, "weight": 1, "entry": "derived", "direction": "benefit", "rule": {"kind": "goalposts", "low": 0, "high": 100},
   "derive": {"kind": "ratio", "numerator": "done", "denominator": "due", "scale": 100, "chance": "binomial"}}]}]},
"adjustments": {"bonus": {"cap": 5, "items": [{"code": "top", "name": {"en": "top"}, "points": 2}]}, "deduction": {"cap": 0}},
"grades": [{"code": "good", "from": 60}, {"code": "poor", "from": 0}]}`

// sized founds a town with so many branches. Its periods q1 and q2 are published,
// q3 is open; the people g1 and g2 lead, m mentors every branch.
type sized struct {
	town     string
	branches int
	order    func(n int) []int // of founding, entering and deciding; nil: by code
}

func (z sized) found(t *testing.T, db *gorm.DB) {
	t.Helper()
	err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
		for _, step := range []func(context.Context, *gorm.DB) error{z.structure, z.scheme, z.periods} {
			if err := step(t.Context(), tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (z sized) as(ctx context.Context, person string, role policy.Role) context.Context {
	ctx = audit.As(ctx, audit.Actor{Name: person, Role: string(role)})
	return access.WithPrincipal(ctx, access.Principal{Towns: []string{z.town}, Person: person}.Holding(role))
}

func (z sized) branch(i int) string { return fmt.Sprintf("b%02d", i+1) }

func (z sized) structure(ctx context.Context, tx *gorm.DB) error {
	if _, err := town.Create(ctx, tx, town.Town{
		Code: z.town, AreaCode: "449901001", Name: text.Same(z.town), OpenResults: true,
		Safeguards: town.Safeguards{SecondPerson: town.SecondNone},
	}); err != nil {
		return err
	}
	for person, role := range map[string]policy.Role{
		"g1": policy.LeadingGroup, "g2": policy.LeadingGroup, "m": policy.Mentor,
	} {
		_, err := people.Create(ctx, tx, people.Person{TownID: z.town, Code: person, Name: text.Same(person)})
		if err == nil {
			err = appoint(ctx, tx, z.town, person, role)
		}
		if err != nil {
			return err
		}
	}
	for _, i := range z.sequence(z.branches) {
		b := town.Branch{Name: text.Same(z.branch(i)), Kind: "village"}
		b.Life = town.Life{TownID: z.town, Code: z.branch(i), Provenance: "invented"}
		if _, err := town.CreateBranch(ctx, tx, b, ""); err != nil {
			return err
		}
		a := people.Assignment{
			TownID: z.town, PersonCode: "m", BranchCode: z.branch(i), Duty: access.Mentors, ValidFrom: "2020-01-01",
		}
		if _, err := people.Assign(ctx, tx, a); err != nil {
			return err
		}
	}
	return nil
}

func (z sized) scheme(ctx context.Context, tx *gorm.DB) error {
	d, err := scheme.Decode([]byte(sizedScheme))
	if err != nil {
		return err
	}
	ctx = z.as(ctx, "g1", policy.LeadingGroup)
	v, err := scheme.Create(ctx, tx, z.town, d)
	if err != nil {
		return err
	}
	_, err = scheme.Activate(ctx, tx, v.Ref(), nil)
	return err
}

func (z sized) periods(ctx context.Context, tx *gorm.DB) error {
	ctx = z.as(ctx, "g1", policy.LeadingGroup)
	for q, days := range [][2]string{
		{"2023-01-01", "2023-03-31"}, {"2023-04-01", "2023-06-30"}, {"2023-07-01", "2023-09-30"},
	} {
		code := fmt.Sprintf("q%d", q+1)
		p := evaluation.Period{
			TownID: z.town, Code: code, Kind: "quarter", Scheme: scheme.Ref{Code: "sized"}, StartsOn: day.Date(days[0]),
			EndsOn: day.Date(days[1]),
		}
		p, err := evaluation.CreatePeriod(ctx, tx, p, false)
		for _, to := range []evaluation.PeriodState{evaluation.Open, evaluation.Review, evaluation.Locked} {
			if err == nil {
				p, err = evaluation.MovePeriod(ctx, tx, p.Ref(), evaluation.PeriodMove{To: to})
			}
			if err == nil && to == evaluation.Open {
				err = z.enter(ctx, tx, code, q)
			}
			if q == 2 {
				break
			}
		}
		if err != nil || q == 2 {
			return err
		}
		if _, err := index.CreateRun(ctx, tx, z.town, code); err != nil {
			return err
		}
		if _, _, err := index.MovePeriod(ctx, tx, p.Ref(), evaluation.PeriodMove{To: evaluation.Published}); err != nil {
			return err
		}
	}
	return nil
}

// enter lets g2, and in q2 the mentor too, fill in a sheet for each branch, g1
// approve them, and g2 propose a bonus for the first branch.
func (z sized) enter(ctx context.Context, tx *gorm.DB, period string, q int) error {
	var sheets []evaluation.Sheet
	for _, i := range z.sequence(2 * z.branches) {
		if i%2 == 0 && q != 1 {
			continue
		}
		author := z.as(ctx, "m", policy.Mentor)
		entries := []evaluation.Entry{number("b.1", float64(40+i%50))}
		if i%2 == 1 {
			author = z.as(ctx, "g2", policy.LeadingGroup)
			entries = []evaluation.Entry{
				number("a.1", float64(30+7*i%61)+0.25), number("done", float64(i%9)), number("due", float64(9)),
				number("b.1", float64(50+3*i%40)),
			}
			if q == 0 || i%3 == 0 {
				entries = append(entries, number("a.2", float64(10+i%30)))
			}
		}
		s, err := evaluation.BeginSheet(author, tx,
			evaluation.Sheet{TownID: z.town, PeriodCode: period, BranchCode: z.branch(i / 2), Entries: entries})
		if err == nil {
			s, err = evaluation.MoveSheet(author, tx, s.Ref(), evaluation.Submitted, "")
		}
		if err != nil {
			return err
		}
		sheets = append(sheets, s)
	}
	for _, i := range z.sequence(len(sheets)) {
		if _, err := evaluation.MoveSheet(ctx, tx, sheets[i].Ref(), evaluation.Approved, ""); err != nil {
			return err
		}
	}
	a, err := evaluation.Propose(z.as(ctx, "g2", policy.LeadingGroup), tx, evaluation.Adjustment{
		TownID: z.town, PeriodCode: period, BranchCode: z.branch(0), Kind: "bonus", ItemCode: "top",
		Reason: "invented for " + period,
	})
	if err == nil {
		_, err = evaluation.MoveAdjustment(ctx, tx, a.Ref(), evaluation.ApprovedAdjustment, "")
	}
	return err
}

// tasks sets one task under the first measure for each branch.
func (z sized) tasks(t *testing.T, db *gorm.DB) {
	t.Helper()
	person := "m"
	for i := range z.branches {
		branch := z.branch(i)
		_, err := measure.SetTask(z.as(t.Context(), "g1", policy.LeadingGroup), db, z.town, 1,
			measure.TaskContent{Branch: &branch, Person: &person, Title: "x", DueOn: "2023-05-01"})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func number(code string, x float64) evaluation.Entry { return evaluation.Entry{Code: code, Value: &x} }

// sequence is in which order so many things are done.
func (z sized) sequence(n int) []int {
	if z.order != nil {
		return z.order(n)
	}
	byCode := make([]int, n)
	for i := range byCode {
		byCode[i] = i
	}
	return byCode
}
