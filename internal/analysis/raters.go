package analysis

import (
	"maps"
	"math"
	"slices"

	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/agreement"
)

// Raters is how severe those who rate are, how well they agree, and what the ranking would be
// without each. A mentor reads of it only how severe he or she is.
type Raters struct {
	index.Subject
	Least      int              `json:"least" example:"5"` // a severity of fewer ratings is not stated
	Indicators []RatedIndicator `json:"indicators"`        // in document order; empty for a mentor
	Items      []Rater          `json:"items"`             // by code
}

// RatedIndicator is how well the ratings of one indicator agree.
type RatedIndicator struct {
	Node       NodeRef `json:"node"`
	Evaluators int     `json:"evaluators"`
	Branches   int     `json:"branches"` // that were rated
	Ratings    int     `json:"ratings"`
	// parts that share neither an evaluator nor a branch: severities compare only within one
	Groups     int     `json:"groups"`
	ResidualSD float64 `json:"residual_sd"` // in points of the ratings: what severity does not explain
	// Krippendorff's α for intervals: 1 is perfect, 0 is chance; absent where it is not defined
	Alpha *float64 `json:"alpha,omitempty"`
	// intraclass correlation; absent where fewer branches than the least were rated by all
	ICC *ICC `json:"icc,omitempty"`
}

// ICC is the share of the variance of ratings that is between branches, where every branch is
// rated by everyone: absolute agreement, two-way random effects.
type ICC struct {
	Branches        int      `json:"branches"` // rated by all
	Evaluators      int      `json:"evaluators"`
	Single          float64  `json:"single"` // ICC(2,1), of the rating of one
	SingleInterval  Interval `json:"single_interval"`
	Average         float64  `json:"average"` // ICC(2,k), of the mean of all
	AverageInterval Interval `json:"average_interval"`
}

// Rater is one evaluator.
type Rater struct {
	Evaluator string   `json:"evaluator" example:"mentor-1"`
	Roles     []string `json:"roles"`   // under which he or she rated
	Ratings   int      `json:"ratings"` // that count
	// over all indicators, in points; absent where their ratings have different ranges, and where it would be of too few
	Severity   *float64            `json:"severity,omitempty"`
	Indicators []IndicatorSeverity `json:"indicators"` // that he or she rated, in document order
	// what the ranking loses without the ratings of this one; absent for a mentor
	Influence *RaterInfluence `json:"influence,omitempty"`
}

// IndicatorSeverity is how severe an evaluator is about one indicator.
type IndicatorSeverity struct {
	Node    NodeRef `json:"node"`
	Ratings int     `json:"ratings"`
	Group   int     `json:"group"` // from 0: severities compare only within one
	// points below the average evaluator for the same branches, above if negative; absent where others gave
	// fewer ratings of these branches than the least
	Severity *float64 `json:"severity,omitempty"`
}

// RaterInfluence is what the ranking loses without one evaluator.
type RaterInfluence struct {
	Influence
	ScoreChange    float64 `json:"score_change"`     // mean points of the index that the ratings add
	MaxScoreChange float64 `json:"max_score_change"` // points, up or down
}

// ratingDesign is the ratings of one indicator, or of all, with the severities fitted to them.
type ratingDesign struct {
	scores []agreement.EvaluatorScore
	model  agreement.SeverityModel
}

func fitted(scores []agreement.EvaluatorScore) ratingDesign {
	return ratingDesign{scores, agreement.FitSeverity(scores)}
}

// severity returns the severity of an evaluator with the number of his or her ratings; nil
// where others gave too few ratings of the same targets.
func (d *ratingDesign) severity(evaluator int) (s agreement.EvaluatorSeverity, severity *float64, ok bool) {
	i := slices.IndexFunc(d.model.Evaluators, func(e agreement.EvaluatorSeverity) bool { return e.Evaluator == evaluator })
	if i < 0 {
		return s, nil, false
	}
	rated, others := map[int]bool{}, 0
	for _, x := range d.scores {
		rated[x.Target] = rated[x.Target] || x.Evaluator == evaluator
	}
	for _, x := range d.scores {
		if x.Evaluator != evaluator && rated[x.Target] {
			others++
		}
	}
	if s = d.model.Evaluators[i]; others >= Least {
		severity = new(round(s.Severity))
	}
	return s, severity, true
}

// Raters analyses the ratings. With the code of an evaluator it returns only how severe that one
// is.
func (s *Study) Raters(only string) (*Raters, error) {
	out := &Raters{Subject: s.Subject, Least: Least, Indicators: []RatedIndicator{}, Items: []Rater{}}
	var all []agreement.EvaluatorScore
	designs := make([]ratingDesign, len(s.Ratings))
	for i := range s.Ratings {
		designs[i] = fitted(s.scores(&s.Ratings[i]))
		all = append(all, designs[i].scores...)
		if only == "" {
			out.Indicators = append(out.Indicators, s.agreed(&s.Ratings[i], &designs[i]))
		}
	}
	together := fitted(all)
	for e, code := range s.Evaluators {
		if only != "" && code != only {
			continue
		}
		r := Rater{Evaluator: code, Roles: s.roles(e), Indicators: []IndicatorSeverity{}}
		whole, severity, rated := together.severity(e)
		if !rated {
			continue
		}
		if r.Ratings = whole.Scores; s.oneRange() {
			r.Severity = severity
		}
		for i := range designs {
			if one, severity, ok := designs[i].severity(e); ok {
				r.Indicators = append(r.Indicators,
					IndicatorSeverity{s.node(s.nodeOf(s.Ratings[i].Column)), one.Scores, one.Component, severity})
			}
		}
		out.Items = append(out.Items, r)
	}
	if only != "" {
		return out, nil
	}
	return out, s.addInfluence(out)
}

// addInfluence sets what the ranking loses without each evaluator.
func (s *Study) addInfluence(out *Raters) error {
	if len(s.Ratings) == 0 {
		return nil
	}
	found, err := s.Scheme.Index.LeaveOutEvaluators(s.Values.Data, s.Ratings, s.Values.Adjustments)
	if err != nil {
		return err
	}
	for i := range found {
		e := &found[i]
		at := slices.IndexFunc(out.Items, func(r Rater) bool { return r.Evaluator == s.Evaluators[e.Evaluator] })
		if at >= 0 {
			out.Items[at].Influence = &RaterInfluence{
				Influence: influence(&e.Removal), ScoreChange: round(e.ScoreChange), MaxScoreChange: round(e.MaxScoreChange),
			}
		}
	}
	return nil
}

// scores are the ratings of one indicator. Targets are numbered by indicator and branch, so that
// the ratings of several can be put together.
func (s *Study) scores(c *composite.RatedColumn) (list []agreement.EvaluatorScore) {
	for u, cell := range c.Ratings {
		for _, r := range cell {
			list = append(list, agreement.EvaluatorScore{
				Target: c.Column*len(s.Values.Data.Units) + u, Evaluator: r.Evaluator, Score: r.Value,
			})
		}
	}
	return list
}

// agreed is how well the ratings of an indicator agree.
func (s *Study) agreed(c *composite.RatedColumn, d *ratingDesign) RatedIndicator {
	x := RatedIndicator{
		Node: s.node(s.nodeOf(c.Column)), Evaluators: len(d.model.Evaluators), Branches: len(d.model.Targets),
		Ratings: len(d.scores), Groups: d.model.Components, ResidualSD: round(d.model.ResidualSD),
	}
	if x.Branches < Least {
		return x
	}
	place := map[int]int{} // only those who rated it: the others would leave a gap in every row
	for i, e := range d.model.Evaluators {
		place[e.Evaluator] = i
	}
	var rows [][]float64
	for _, cell := range c.Ratings {
		row := slices.Repeat([]float64{math.NaN()}, len(place))
		for _, r := range cell {
			if i, ok := place[r.Evaluator]; ok {
				row[i] = r.Value
			}
		}
		rows = append(rows, row)
	}
	if alpha, ok := agreement.KrippendorffAlpha(rows, agreement.IntervalScale); ok {
		x.Alpha = new(round(alpha))
	}
	if icc, ok := agreement.IntraclassCorrelation(rows); ok && icc.Targets >= Least {
		x.ICC = &ICC{
			Branches: icc.Targets, Evaluators: icc.Evaluators,
			Single: round(icc.Single), SingleInterval: between(icc.SingleLow, icc.SingleHigh),
			Average: round(icc.Average), AverageInterval: between(icc.AverageLow, icc.AverageHigh),
		}
	}
	return x
}

// roles are those under which the evaluator rated, sorted.
func (s *Study) roles(evaluator int) []string {
	found := map[string]bool{}
	for _, c := range s.Ratings {
		for _, cell := range c.Ratings {
			for _, r := range cell {
				if r.Evaluator == evaluator {
					found[r.Role] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// oneRange reports whether all rated indicators are rated in the same range, so that points of
// one are points of the other.
func (s *Study) oneRange() bool {
	var first *scheme.Range
	for i, c := range s.Ratings {
		r := s.Scheme.Indicators[c.Column].Range
		if r == nil || r.Min == nil || r.Max == nil {
			return len(s.Ratings) == 1
		}
		if i == 0 {
			first = r
		}
		if *r.Min != *first.Min || *r.Max != *first.Max {
			return false
		}
	}
	return true
}

// nodeOf returns the node of a column of the data.
func (s *Study) nodeOf(column int) int {
	return slices.IndexFunc(s.nodes, func(n composite.NodeInfo) bool { return n.Column == column })
}
