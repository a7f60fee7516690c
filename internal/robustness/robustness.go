// Package robustness states how sure the ranks of a result are: it draws the choices of a
// scheme that could have been made otherwise, and reports how far each branch moves. It
// stores nothing.
package robustness

import (
	"math"
	"slices"

	"bulwark/internal/datafile"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Draws reports how the choices that could have been made otherwise were drawn.
type Draws struct {
	Seed         int64   `json:"seed"`
	Replicates   int     `json:"replicates" example:"1000"`
	WeightSpread float64 `json:"weight_spread" example:"0.25"` // each weight times 1−f to 1+f
	Evaluators   bool    `json:"evaluators"`                   // ratings drawn again with replacement
	// codes of the ratios whose counts were drawn again by chance
	Counts []string `json:"counts,omitempty" example:"petitions.settled"`
	// of missing values, rules and aggregation, that were drawn
	Alternatives []string `json:"alternatives"`
	// those of the scheme that were not drawn, or not for every indicator
	LeftOut []LeftOut `json:"left_out"`
	Top     int       `json:"top" example:"3"`    // k of p_top
	Bottom  int       `json:"bottom" example:"3"` // k of p_bottom
	// share of the replicates in which the rank of every branch is within its set of ranks at once
	Joint float64 `json:"joint_coverage,omitempty" example:"0.954"`
}

// LeftOut is an alternative of the scheme that was not drawn, or not for every indicator.
type LeftOut struct {
	Alternative string   `json:"alternative" example:"aggregation:sum"`
	Reason      string   `json:"reason" enums:"own,repeated,not_possible,too_many_units,kept"`
	Text        string   `json:"text"`
	Indicators  []string `json:"indicators"` // that cannot have it and keep their own way
} // @name LeftOutAlternative

var words = map[string]text.Text{
	"own":            {ZH: "与指标体系本身的做法相同", EN: "it is the scheme's own way"},
	"repeated":       {ZH: "与前一备选做法的结果相同", EN: "an earlier alternative leads to the same"},
	"not_possible":   {ZH: "没有指标可以采用", EN: "no indicator can have it"},
	"too_many_units": {ZH: "党组织过多，不能两两比较", EN: "there are too many branches to compare in pairs"},
	"kept":           {ZH: "所列指标不能采用，保留原来的做法", EN: "the indicators listed cannot have it and keep their own way"},
}

// Alternatives returns the names of the alternatives of the options that were drawn, and those that were left out.
func Alternatives(
	c *scheme.Compiled, o composite.RobustnessOptions, list []composite.LeftOut, language string,
) (drawn []string, left []LeftOut) {
	names := map[composite.Source][]string{}
	for _, kind := range o.Missing {
		names["missing"] = append(names["missing"], "missing:"+string(kind))
	}
	for _, rule := range o.Normalisations {
		names["normalisation"] = append(names["normalisation"], "rule:"+rule.Kind())
	}
	for _, a := range o.Aggregations {
		names["aggregation"] = append(names["aggregation"], "aggregation:"+string(a.Kind))
	}
	drawn, left = []string{}, []LeftOut{}
	for _, source := range []composite.Source{"missing", "normalisation", "aggregation"} {
		for i, name := range names[source] {
			at := slices.IndexFunc(list, func(x composite.LeftOut) bool { return x.Source == source && x.Place == i })
			if at < 0 || list[at].Reason == "kept" {
				drawn = append(drawn, name)
			}
			if at < 0 {
				continue
			}
			x := LeftOut{
				Alternative: name, Reason: list[at].Reason, Text: words[list[at].Reason].In(language), Indicators: []string{},
			}
			for _, column := range list[at].Kept {
				x.Indicators = append(x.Indicators, c.Indicators[column].Code)
			}
			left = append(left, x)
		}
	}
	return drawn, left
}

// Figures is what a Monte-Carlo run over the choices that could have been made
// otherwise says of every branch with a score, as it is stored.
type Figures struct {
	Draws
	Quotas []Quota  `json:"quotas,omitempty"`
	Items  []Branch `json:"items"` // in the order of the ranking
}

// Quota is which branches, by code and in the order of the ranking, are among as many as the quotas of a grade and of those
// above it take: surely if their whole set of ranks is, possibly if a part of it is.
type Quota struct {
	Grade    string   `json:"grade"`
	Places   int      `json:"places"`
	Surely   []string `json:"surely_top"`
	Possibly []string `json:"possibly_top"`
}

// Branch is the branch of a code with its ranges.
type Branch struct {
	Code string `json:"branch"`
	Ranges
}

// Ranges is how far one branch moves. Intervals go from the 5 % to the 95 %
// quantile.
type Ranges struct {
	Score        float64      `json:"score"`
	Rank         int          `json:"rank"`
	RankMean     float64      `json:"rank_mean"`
	RankMedian   int          `json:"rank_median"`
	RankInterval RankInterval `json:"rank_interval"`
	// all sets of ranks hold together in at least 95 % of the replicates; absent of results from before there were any
	RankSet       *RankInterval      `json:"rank_set,omitempty"`
	ScoreMedian   float64            `json:"score_median"`
	ScoreInterval ScoreInterval      `json:"score_interval"`
	Top           float64            `json:"p_top"`
	Bottom        float64            `json:"p_bottom"`
	Grades        map[string]float64 `json:"p_grades"`
	NotApart      []string           `json:"not_apart"` // codes of branches that it cannot be told apart from
}

// RankInterval is from one rank to another, both of which occurred. As rank_interval it is where the rank of one branch
// lies in 90 % of the replicates: from its 5 % to its 95 % quantile. As rank_set it holds together with those of all others.
type RankInterval struct {
	Low  int `json:"low" example:"1"` // the best of them
	High int `json:"high" example:"3"`
}

// ScoreInterval is where a score lies in 90 % of the replicates: from its 5 % to its
// 95 % quantile, both scores that occurred.
type ScoreInterval struct {
	Low  float64 `json:"low" example:"88.1"`
	High float64 `json:"high" example:"92.4"`
}

// replicates is how often the choices are drawn: 5 % and 95 % quantiles of ranks
// settle well before.
const replicates = 1000

// Counts returns the counts behind the ratios of the scheme that vary by chance, by the number that was counted of the
// quantity of a code for a unit, NaN where there is none. Counts that do not make the value of the data, such as those
// behind a corrected one, are left out.
func Counts(c *scheme.Compiled, d composite.Data, number func(unit int, code string) float64) (list []stats.Counts) {
	for i, n := range c.Indicators {
		if n.Derive == nil || n.Derive.Chance == "" {
			continue
		}
		units := len(d.Units)
		counts := stats.Counts{
			Column: i, Chance: n.Derive.Chance, Scale: n.Derive.Scale,
			Numerator: make([]float64, units), Denominator: make([]float64, units),
		}
		for u := range units {
			counts.Numerator[u], counts.Denominator[u] = number(u, n.Derive.Numerator), number(u, n.Derive.Denominator)
			if x, _ := n.Derive.Of(counts.Numerator[u], counts.Denominator[u]); x != d.Columns[i][u] {
				counts.Numerator[u], counts.Denominator[u] = math.NaN(), math.NaN()
			}
		}
		list = append(list, counts)
	}
	return list
}

// CountedCodes returns the codes of the indicators of the counts.
func CountedCodes(c *scheme.Compiled, list []stats.Counts) (codes []string) {
	for _, counts := range list {
		codes = append(codes, c.Indicators[counts.Column].Code)
	}
	return codes
}

// Options returns what the scheme lists as uncertain, drawn under the seed, without ratings.
func Options(c *scheme.Compiled, values datafile.Values, seed uint64) composite.RobustnessOptions {
	options := c.Document.Options()
	options.Seed, options.Replicates, options.Adjustments = seed, replicates, values.Adjustments
	return options
}

// Compute draws by the options, and returns the figures of the branches in the given order.
// It ends with options.Done.
func Compute(
	c *scheme.Compiled, values datafile.Values, options composite.RobustnessOptions, order []string,
) (Figures, error) {
	rb, err := c.Index.Robustness(values.Data, options)
	if err != nil {
		return Figures{}, err
	}
	alternatives, left := Alternatives(c, options, rb.LeftOut, "")
	s := Figures{Items: []Branch{}, Draws: Draws{
		Seed: int64(options.Seed), Replicates: rb.Replicates, WeightSpread: options.WeightSpread,
		Evaluators: len(options.Ratings) > 0, Counts: CountedCodes(c, options.Counts), Alternatives: alternatives, LeftOut: left, Top: rb.Top, Bottom: rb.Bottom,
		Joint: stats.Round(rb.Joint, 4),
	}}
	ranges := map[string]Branch{}
	for _, u := range rb.Units {
		r := branchOf(u, rb.Grades, values.Data.Units)
		ranges[r.Code] = r
	}
	for _, code := range order {
		if found, ok := ranges[code]; ok {
			s.Items = append(s.Items, found)
		}
	}
	s.Quotas = quotas(c.Document, s.Items, rb.Places)
	return s, nil
}

// quotas returns which branches are among the best that the quota of each grade takes, by their sets of ranks. Dense ranks
// count no places.
func quotas(d scheme.Document, items []Branch, places []int) []Quota {
	var list []Quota
	if d.Ranking == composite.Dense {
		return nil
	}
	for g, n := range places {
		if n < 0 {
			continue
		}
		q := Quota{Grade: d.Grades[g].Code, Places: n, Surely: []string{}, Possibly: []string{}}
		for _, r := range items {
			if r.RankSet.High <= n {
				q.Surely = append(q.Surely, r.Code)
			}
			if r.RankSet.Low <= n {
				q.Possibly = append(q.Possibly, r.Code)
			}
		}
		list = append(list, q)
	}
	return list
}

// In returns the draws with the reasons of what was left out in the language: they are
// stored without words.
func (d Draws) In(language string) Draws {
	d.LeftOut = slices.Clone(d.LeftOut)
	for i := range d.LeftOut {
		d.LeftOut[i].Text = words[d.LeftOut[i].Reason].In(language)
	}
	return d
}

func branchOf(u composite.UnitRobustness, grades, units []string) Branch {
	r := Branch{Code: units[u.Unit], Ranges: Ranges{
		Score: u.Score, Rank: u.Rank, RankMean: stats.Round(u.RankMean, 4), RankMedian: u.RankMedian,
		RankInterval: RankInterval{Low: u.RankLow, High: u.RankHigh},
		RankSet:      &RankInterval{Low: u.SetLow, High: u.SetHigh},
		ScoreMedian:  u.ScoreMedian, ScoreInterval: ScoreInterval{Low: u.ScoreLow, High: u.ScoreHigh},
		Top: u.Top, Bottom: u.Bottom, Grades: map[string]float64{}, NotApart: []string{},
	}}
	for i, g := range grades {
		r.Grades[g] = u.Grades[i]
	}
	for _, other := range u.Indistinguishable {
		r.NotApart = append(r.NotApart, units[other])
	}
	return r
}
