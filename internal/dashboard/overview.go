package dashboard

import (
	"cmp"
	"math"
	"slices"

	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite/stats"
)

// Overview is what a period came to, for a screen that shows a whole town at once.
// Figures are made from the scores as they are shown.
type Overview struct {
	Period string `json:"period" example:"2023Q2"`
	Status string `json:"status" enums:"provisional,published,final,withdrawn"`
	Run    string `json:"run,omitempty" format:"uuid"` // absent while provisional
	index.Source
	Scheme       scheme.Ref             `json:"scheme"`
	Scale        float64                `json:"scale" example:"100"` // the highest possible score
	Scored       int                    `json:"scored" example:"40"`
	Insufficient int                    `json:"insufficient"` // branches without a score
	Index        TownIndex              `json:"index"`
	Grades       []GradeCount           `json:"grades"`         // from the best, every one of the scheme
	Histogram    []bin                  `json:"histogram"`      // tenths of the scale, from the lowest
	Classes      []ClassSpread          `json:"classes"`        // in the order of codes
	From         *index.Compared        `json:"from,omitempty"` // what changes are counted from
	Risers       []Mover                `json:"risers"`         // up to five, the largest rise first
	LeftOut      []Mover                `json:"left_out"`       // that rose only by what they left out: no risers; the largest rise first
	Ended        []evaluation.BranchEnd `json:"ended"`          // branches that ended since, and are scored no more
	Fallers      []Mover                `json:"fallers"`        // up to five, the largest fall first
	Heat         HeatMap                `json:"heat"`
	Robustness   *RobustnessSummary     `json:"sure,omitempty"` // absent until it is worked out, and while provisional
}

// TownIndex is the index of the town as a whole: every branch counts once.
type TownIndex struct {
	Mean   *float64 `json:"mean,omitempty" example:"82.4"`
	Median *float64 `json:"median,omitempty" example:"83.1"`
	// mean change of the branches with a score in the period before too
	Change *float64 `json:"change,omitempty" example:"1.2"`
	// of the change; relative: by the same rules, fitted to other values
	Ruler index.Ruler `json:"ruler,omitempty" swaggertype:"string" enums:"same,relative"`
	// scored by schemes that score differently: there is no change to state
	OtherScheme bool `json:"other_scheme,omitempty,omitzero"`
	Compared    int  `json:"compared"` // so many branches
}

// GradeCount is how many branches have a grade.
type GradeCount struct {
	Grade string  `json:"grade" example:"good"`
	Name  string  `json:"name" example:"良好"`
	From  float64 `json:"from" example:"75"` // the lowest score of the grade
	Count int     `json:"count"`
}

// bin counts scores from Low up to High, which belongs to the next bin but for the
// last one.
type bin struct {
	Low   float64 `json:"low" example:"80"`
	High  float64 `json:"high" example:"90"`
	Count int     `json:"count"`
}

// ClassSpread is how the scores of a class spread. Quartiles interpolate linearly
// between order statistics (Hyndman and Fan 1996, type 7).
type ClassSpread struct {
	Class    string  `json:"class" example:"rural"`
	Name     string  `json:"name,omitempty" example:"农村"` // as the class is called now; absent for branches without one
	Count    int     `json:"count"`
	Least    float64 `json:"least"`
	Quartile float64 `json:"lower_quartile"`
	Median   float64 `json:"median"`
	Upper    float64 `json:"upper_quartile"`
	Most     float64 `json:"most"`
}

// Mover is a branch with its change since the period before.
type Mover struct {
	Branch town.BranchRef   `json:"branch"`
	Score  float64          `json:"score"`
	Rank   int              `json:"rank"`
	Change index.RankChange `json:"change"`
}

// HeatMap is every branch by every dimension.
type HeatMap struct {
	Dimensions   []DimensionRef `json:"dimensions"`
	Rows         []heatRow      `json:"rows"` // in the order of the ranking
	ClassMedians []heatMedians  `json:"class_medians"`
}

// DimensionRef names a column of the heat map.
type DimensionRef struct {
	Code string `json:"code" example:"governance"`
	Name string `json:"name" example:"基层治理力"`
}

// heatRow is one branch; a score that is missing is null.
type heatRow struct {
	Branch town.BranchRef `json:"branch"`
	Rank   int            `json:"rank"`
	Scores []*float64     `json:"scores"`
}

// heatMedians are the medians of a class by dimension; null where it has no score.
type heatMedians struct {
	Class  string     `json:"class"`
	Scores []*float64 `json:"scores"`
}

// RobustnessSummary is in two figures how much the ranking depends on choices.
type RobustnessSummary struct {
	IntervalWidth float64 `json:"median_rank_interval_width" example:"6"` // ranks from the 5 % to the 95 % quantile
	// branches that keep their grade in at least 90 % of the draws
	KeptGrades int `json:"sure_grades" example:"31"`
}

const (
	bins      = 10
	movers    = 5
	keptGrade = 0.9
)

// OverviewOf returns the period of the view, of which no publication is named, as a whole.
func OverviewOf(v index.View, language string) (Overview, error) {
	r, err := v.Ranking(index.RankingFilter{}, language)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{
		Period: r.Period, Status: r.Status, Run: r.Run, Source: r.Source, Scheme: r.Scheme, Scale: r.Scale, Scored: len(r.Items),
		Insufficient: len(r.Insufficient), Index: townIndex(r.Items, v.Scheme().Document.Decimals), Histogram: histogram(r.Items, r.Scale),
		From: r.From, Ended: r.Ended, Classes: spreads(r.Items), Heat: heat(r.Items, v.Scheme(), language),
		Robustness: robustness(v, r.Items, language),
	}
	for _, g := range v.Scheme().Document.Grades {
		count := 0
		for _, i := range r.Items {
			if i.Grade == g.Code {
				count++
			}
		}
		o.Grades = append(o.Grades, GradeCount{Grade: g.Code, Name: g.Name.In(language), From: g.From, Count: count})
	}
	rose := func(i index.Ranked) bool { return i.Change != nil && i.Change.Score > 0 }
	o.Risers = moved(r.Items, 1, func(i index.Ranked) bool { return rose(i) && !i.LeftOut })
	o.LeftOut = moved(r.Items, 1, func(i index.Ranked) bool { return rose(i) && i.LeftOut })
	o.Fallers = moved(r.Items, -1, func(i index.Ranked) bool { return i.Change != nil && i.Change.Score < 0 })
	return o, nil
}

func townIndex(items []index.Ranked, decimals int) (t TownIndex) {
	if len(items) == 0 {
		return t
	}
	sum, change := 0.0, 0.0
	scores := make([]float64, len(items))
	for i, item := range items {
		scores[i] = item.Score
		sum += item.Score
		if item.Change != nil {
			change += item.Change.Score
			t.Compared++
			t.Ruler = item.Change.Ruler
		}
		t.OtherScheme = t.OtherScheme || item.OtherScheme
	}
	t.Mean = new(stats.Round(sum/float64(len(items)), decimals))
	t.Median = new(stats.Round(stats.Median(scores), decimals))
	if t.Compared > 0 {
		t.Change = new(stats.Round(change/float64(t.Compared), decimals))
	}
	return t
}

func histogram(items []index.Ranked, scale float64) []bin {
	list := make([]bin, bins)
	for i := range list {
		list[i] = bin{Low: float64(i) * scale / bins, High: float64(i+1) * scale / bins}
	}
	for _, item := range items {
		i := int(math.Floor(item.Score * bins / scale))
		list[min(max(i, 0), bins-1)].Count++
	}
	return list
}

// byClass groups the scores of something by class, in ascending order.
func byClass(items []index.Ranked, of func(index.Ranked) (float64, bool)) (classes []string, scores map[string][]float64) {
	scores = map[string][]float64{}
	for _, i := range items {
		if _, known := scores[i.Branch.Class]; !known {
			classes = append(classes, i.Branch.Class)
			scores[i.Branch.Class] = []float64{}
		}
		if x, ok := of(i); ok {
			scores[i.Branch.Class] = append(scores[i.Branch.Class], x)
		}
	}
	slices.Sort(classes)
	for _, c := range classes {
		slices.Sort(scores[c])
	}
	return classes, scores
}

func spreads(items []index.Ranked) []ClassSpread {
	classes, scores := byClass(items, func(i index.Ranked) (float64, bool) { return i.Score, true })
	list := make([]ClassSpread, len(classes))
	for i, c := range classes {
		x := scores[c]
		list[i] = ClassSpread{
			Class: c, Count: len(x), Least: x[0], Quartile: quartile(x, 1), Median: quartile(x, 2), Upper: quartile(x, 3),
			Most: x[len(x)-1],
		}
	}
	return list
}

// quartile returns the k-th quartile of scores, to two decimals.
func quartile(x []float64, k int) float64 {
	return stats.Round(stats.Quantile(x, float64(k)/4), 2)
}

// moved returns the largest changes in one direction among the branches of which it is so.
func moved(items []index.Ranked, sign float64, is func(index.Ranked) bool) []Mover {
	list := []Mover{}
	for _, i := range items {
		if is(i) {
			list = append(list, Mover{Branch: i.Branch, Score: i.Score, Rank: i.Rank, Change: *i.Change})
		}
	}
	slices.SortFunc(list, func(a, b Mover) int {
		return cmp.Or(cmp.Compare(b.Change.Score*sign, a.Change.Score*sign), cmp.Compare(a.Branch.Code, b.Branch.Code))
	})
	return list[:min(len(list), movers)]
}

func heat(items []index.Ranked, c *scheme.Compiled, language string) HeatMap {
	h := HeatMap{Dimensions: []DimensionRef{}, Rows: make([]heatRow, len(items)), ClassMedians: []heatMedians{}}
	for _, d := range c.Document.Tree.Children {
		h.Dimensions = append(h.Dimensions, DimensionRef{Code: d.Code, Name: d.Name.In(language)})
	}
	for i, item := range items {
		h.Rows[i] = heatRow{Branch: item.Branch, Rank: item.Rank, Scores: make([]*float64, len(h.Dimensions))}
		for k, d := range h.Dimensions {
			if x, ok := item.Dimensions[d.Code]; ok {
				h.Rows[i].Scores[k] = &x
			}
		}
	}
	for k, d := range h.Dimensions {
		classes, scores := byClass(items, func(i index.Ranked) (float64, bool) { x, ok := i.Dimensions[d.Code]; return x, ok })
		for c, class := range classes {
			if k == 0 {
				h.ClassMedians = append(h.ClassMedians, heatMedians{Class: class, Scores: make([]*float64, len(h.Dimensions))})
			}
			if len(scores[class]) > 0 {
				h.ClassMedians[c].Scores[k] = new(quartile(scores[class], 2))
			}
		}
	}
	return h
}

// robustness returns the summary; nil while the robustness is not computed.
func robustness(v index.View, items []index.Ranked, language string) *RobustnessSummary {
	sure, err := v.Robustness(language)
	if err != nil || len(items) == 0 {
		return nil
	}
	grades := map[string]string{}
	for _, i := range items {
		grades[i.Branch.Code] = i.Grade
	}
	short, widths := &RobustnessSummary{}, []float64{}
	for _, r := range sure.Items {
		widths = append(widths, float64(r.RankInterval.High-r.RankInterval.Low))
		if r.Grades[grades[r.Branch.Code]] >= keptGrade {
			short.KeptGrades++
		}
	}
	if len(widths) > 0 {
		short.IntervalWidth = stats.Median(widths)
	}
	return short
}
