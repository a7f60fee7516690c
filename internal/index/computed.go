package index

import (
	"context"
	"math"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/datafile"
	"bulwark/internal/evaluation"
	"bulwark/internal/robustness"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Computed is what the figures of a view were computed from, and what came of it. It is
// shared and never changed. Units are the branches, in the order of Values.
type Computed struct {
	Scheme    *scheme.Compiled
	Values    datafile.Values
	Result    *composite.Result
	Standings []composite.Standing // by rank, those without a score last
	// Options are the choices that the scheme lists as uncertain, under the seed of the run
	// (1 while there is none), without ratings; Alternatives are their names.
	Options      composite.RobustnessOptions
	Alternatives []string
	Subject      Subject
}

// Subject names the figures that are analysed.
type Subject struct {
	Town   string `json:"town,omitempty" example:"demo"`     // absent offline
	Period string `json:"period,omitempty" example:"2023Q2"` // absent offline
	// absent of pairwise judgements, which need no figures
	Status string `json:"status,omitempty" enums:"provisional,published,final,withdrawn"`
	Run    string `json:"run,omitempty" format:"uuid"` // absent while provisional
	Source
	Scheme scheme.Ref `json:"scheme"`
}

// Computed returns what the figures were computed from. A stored result is computed again
// from its data file.
func (v View) Computed() (Computed, error) {
	o := v.current
	if _, err := o.explainer(); err != nil {
		return Computed{}, err
	}
	c := Computed{
		Scheme: o.Scheme, Values: o.computation.values, Result: o.computation.result, Standings: o.computation.table,
		Subject: v.Subject(),
	}
	c.Options = o.robustnessOptions()
	c.Alternatives, _ = robustness.Alternatives(o.Scheme, c.Options, nil, "")
	return c, nil
}

// Subject returns the names of the figures.
func (v View) Subject() Subject {
	o := v.current
	s := Subject{
		Town: o.Period.TownID, Period: o.Period.Code, Status: o.status(), Source: v.source, Scheme: o.Scheme.Document.Ref(),
	}
	if o.Run != nil {
		s.Run = o.Run.ID
	}
	return s
}

// Explainer returns what explains the figures, made once. Branches are units in it, by their
// place in the data.
func (v View) Explainer() (*composite.Explainer, error) { return v.current.explainer() }

// Locate returns the result of a branch and its place in the data. The explainer must have
// been made.
func (v View) Locate(branch string) (*Result, int, error) { return v.current.locate(branch) }

// Units returns the codes of the branches by their place in the data. The explainer must
// have been made.
func (v View) Units() []string { return v.current.computation.values.Data.Units }

// Find returns the result of a branch; nil where there is none.
func (v View) Find(branch string) *Result { return v.current.find(branch) }

// Partial reports whether other branches were left out of the computation.
func (v View) Partial() bool { return v.current.computation != nil && v.current.computation.partial }

// Correction returns the one that made the value of an indicator of a branch, or a part of
// it; nil where the value is as it was approved.
func (v View) Correction(branch string, n *scheme.Node) *evaluation.Correction {
	return v.current.correction(branch, n)
}

// Before returns the view of what changes are counted from; false where there is none.
func (v View) Before() (View, bool) {
	return View{current: v.before.outcome}, v.before.outcome != nil
}

// Ruler returns what the figures have in common with those of another view.
func (v View) Ruler(other View) Ruler { return v.current.ruler(other.current) }

// Supposing returns the view of the same branches with the data, whose columns change must
// copy before it writes to them, and by the scheme that change returns. For a reader who may
// not know the details of every branch it is of those in reach alone.
func (v View) Supposing(change func(*composite.Data) (*scheme.Compiled, error)) (_ View, err error) {
	o := v.current
	if _, err := o.explainer(); err != nil {
		return View{}, err
	}
	c := &computation{
		scheme: o.Scheme, branches: o.computation.branches, values: o.computation.values, partial: o.computation.partial,
	}
	if v.Limited() {
		if c, err = c.only(v.reader.Has); err != nil {
			return View{}, err
		}
	}
	if c.scheme, err = change(&c.values.Data); err != nil {
		return View{}, err
	}
	if err := c.score(); err != nil {
		return View{}, err
	}
	return View{current: c.outcome(o.Period), reader: v.reader}, nil
}

// Branch returns the reference to the branch of the code as it was in the period.
func (v View) Branch(code, language string) town.BranchRef { return v.current.ref(code, language) }

// Ratings returns the ratings behind the figures, by rated indicator and branch, and the codes
// of the evaluators, whom each rating names by their place. Corrected values have no ratings.
func (v View) Ratings(ctx context.Context, db *gorm.DB) ([]composite.RatedColumn, []string, error) {
	o := v.current
	if _, err := o.explainer(); err != nil {
		return nil, nil, err
	}
	rated, evaluators, err := approvedRatings(ctx, db, o.Period, o.Scheme, o.computation.branches)
	if err != nil {
		return nil, nil, err
	}
	o.keepCorrectedValues(rated)
	return rated, evaluators, nil
}

// Counts returns the counts behind the ratios that vary by chance, by branch.
func (v View) Counts(ctx context.Context, db *gorm.DB) ([]stats.Counts, error) {
	if _, err := v.current.explainer(); err != nil {
		return nil, err
	}
	return v.current.counts(ctx, db)
}

// approvedRatings returns the approved ratings behind the rated indicators of a period, by
// column and branch, with the evaluators who gave them numbered in the order of
// their codes. One statement.
func approvedRatings(
	ctx context.Context, db *gorm.DB, p evaluation.Period, c *scheme.Compiled, branches []town.Branch,
) (columns []composite.RatedColumn, evaluators []string, err error) {
	rows, err := db.WithContext(ctx).Raw(`SELECT s.branch_code, s.evaluator_code, s.role, e.code, e.value
FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id AND e.revision = s.revision
WHERE s.town_id = ? AND s.period_code = ? AND s.state = ? AND e.value IS NOT NULL
ORDER BY s.evaluator_code, s.branch_code, e.code`, p.TownID, p.Code, evaluation.Approved).Rows()
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	columns, at := ratedColumns(c, len(branches))
	unit := make(map[string]int, len(branches))
	for i, b := range branches {
		unit[b.Code] = i
	}
	for rows.Next() {
		var branch, evaluator, role, code string
		var value float64
		if err := rows.Scan(&branch, &evaluator, &role, &code, &value); err != nil {
			return nil, nil, err
		}
		i, isRated := at[code]
		u, known := unit[branch]
		if !isRated || !known {
			continue
		}
		if n := len(evaluators); n == 0 || evaluators[n-1] != evaluator {
			evaluators = append(evaluators, evaluator)
		}
		columns[i].Ratings[u] = append(columns[i].Ratings[u], composite.EvaluatorRating{
			Evaluator: len(evaluators) - 1, Rating: composite.Rating{Role: role, Value: value},
		})
	}
	return columns, evaluators, rows.Err()
}

// ratedColumns are the rated indicators without their ratings, and where each is.
func ratedColumns(c *scheme.Compiled, units int) ([]composite.RatedColumn, map[string]int) {
	var columns []composite.RatedColumn
	at := map[string]int{}
	for i, n := range c.Indicators {
		if n.Entry != scheme.Rated {
			continue
		}
		column := composite.RatedColumn{Column: i, Ratings: make([][]composite.EvaluatorRating, units)}
		if n.Combine != nil {
			column.Combine = *n.Combine
		}
		at[n.Code] = len(columns)
		columns = append(columns, column)
	}
	return columns, at
}

// Under returns the view of the same entries scored by another scheme, and what the entries
// have not for it: the codes of its indicators of which nothing was entered, and those of
// approved adjustments that it does not know. Values that are combined or derived stay as they
// were combined and derived.
func (v View) Under(c *scheme.Compiled) (_ View, unfilled, dropped []string, err error) {
	o := v.current
	if _, err := o.explainer(); err != nil {
		return View{}, nil, nil, err
	}
	x := &computation{scheme: c, branches: o.computation.branches, partial: o.computation.partial}
	x.values.Data, unfilled = o.computation.dataUnder(c)
	for _, a := range o.computation.values.Adjustments {
		switch {
		case c.HasAdjustment(a.Code):
			x.values.Adjustments = append(x.values.Adjustments, a)
		case !slices.Contains(dropped, a.Code):
			dropped = append(dropped, a.Code)
		}
	}
	if err := x.score(); err != nil {
		return View{}, nil, nil, err
	}
	under, known := x.outcome(o.Period), o.byBranch()
	for i := range under.Results {
		if r := known[under.Results[i].BranchCode]; r != nil {
			under.Results[i].Name = r.Name
		}
	}
	return View{source: v.source, current: under}, unfilled, dropped, nil
}

// dataUnder returns the data in the columns of another scheme, by the codes of indicators, and
// the codes of those that have no value.
func (c *computation) dataUnder(to *scheme.Compiled) (d composite.Data, unfilled []string) {
	from := c.values.Data
	d = composite.Data{
		Units: from.Units, Classes: from.Classes, Columns: make([][]float64, len(to.Indicators)),
		NotApplicable: make([][]bool, len(to.Indicators)), Carried: make([][]float64, len(to.Indicators)),
	}
	for i, n := range to.Indicators {
		column, carried, none := make([]float64, len(from.Units)), make([]float64, len(from.Units)), make([]bool, len(from.Units))
		at := slices.IndexFunc(c.scheme.Indicators, func(old *scheme.Node) bool { return old.Code == n.Code })
		filled := false
		for u, b := range c.branches {
			column[u], carried[u] = math.NaN(), math.NaN()
			none[u] = !n.AppliesTo.Covers(b.Kind, word(b.Class))
			if at < 0 || none[u] {
				continue
			}
			old := c.scheme.Indicators[at]
			if len(from.NotApplicable) > 0 && from.NotApplicable[at] != nil && from.NotApplicable[at][u] {
				none[u] = old.AppliesTo.Covers(b.Kind, word(b.Class)) // it was waived, rather than never asked for
				continue
			}
			column[u] = sameLevel(old, n, from.Columns[at][u])
			if len(from.Carried) > 0 && from.Carried[at] != nil {
				carried[u] = sameLevel(old, n, from.Carried[at][u])
			}
			filled = filled || !math.IsNaN(column[u]) || !math.IsNaN(carried[u])
		}
		d.Columns[i], d.Carried[i], d.NotApplicable[i] = column, carried, none
		if !filled {
			unfilled = append(unfilled, n.Code)
		}
	}
	return d, unfilled
}

// sameLevel returns the value of one indicator as a value of another: a level by its code, NaN
// where the other has no such level.
func sameLevel(from, to *scheme.Node, x float64) float64 {
	old, levels := from.Levels(), to.Levels()
	if old == nil && levels == nil || math.IsNaN(x) {
		return x
	}
	if old != nil {
		if at := slices.Index(levels, old[int(x)]); at >= 0 {
			return float64(at)
		}
	}
	return math.NaN()
}

// Figures returns the result of every branch, by rank, those without a score last. It must not be
// changed.
func (v View) Figures() []Result { return v.current.Results }
