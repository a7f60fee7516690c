package pages

import (
	"cmp"
	"slices"

	"bulwark/internal/explanation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// ScorecardView is a branch in a period as a page shows it. What the reader may not see is
// not in it.
type ScorecardView struct {
	Result
	Card        index.Scorecard
	Ranked      *index.Ranked            // its line in the ranking; nil without a rank
	Of          int                      // branches with a rank
	Peers       []index.Ranked           // lines of its class in the ranking
	Explanation *explanation.Explanation // nil without a score
	Change      *explanation.ScoreChange // nil where nothing was published before
	Gains       *explanation.Gains       // nil unless the reader may know details
	History     []index.HistoryEntry     // the latest first
}

// Scorecard returns the page of a branch in a period.
func Scorecard(f Frame, v ScorecardView) ([]byte, error) {
	v.language = f.Language
	return render("scorecard", f, v)
}

// Category returns the kind and the class of the branch in words, once where they are the same.
func (v ScorecardView) Category() string {
	kind, class := v.KindName(v.Card.Branch.Kind).In(v.language), v.ClassName(v.Card.Branch.Class).In(v.language)
	if class == "" || class == kind {
		return kind
	}
	return kind + " · " + class
}

// Interval returns the figure of where its rank may lie; nil where that is not known.
func (v ScorecardView) Interval() *IntervalFigure {
	if v.Ranked == nil {
		return nil
	}
	return RankingView{Of: v.Of}.Interval(*v.Ranked)
}

// DimensionLine is a dimension of a scorecard.
type DimensionLine struct {
	index.ScorecardNode
	Share  *explanation.Share
	Median *float64 // of its class; nil of fewer than five
	Bar    barFigure
}

// Lines returns the dimensions of the scorecard.
func (v ScorecardView) Lines() (lines []DimensionLine) {
	for _, n := range v.Card.Nodes {
		if n.Depth != 1 {
			continue
		}
		line := DimensionLine{ScorecardNode: n, Share: v.share(n.Code)}
		var values []float64
		for _, p := range v.Peers {
			if x, ok := p.Dimensions[n.Code]; ok {
				values = append(values, x)
			}
		}
		if len(values) >= index.Least {
			line.Median = median(values)
		}
		line.Bar = barFigure{Name: n.Name, Score: n.Score, Median: line.Median, Full: v.Full()}
		if n.Score != nil {
			line.Bar.Tone = tone(v.Grades(), v.GradeOf(*n.Score))
		}
		lines = append(lines, line)
	}
	return lines
}

func (v ScorecardView) share(code string) *explanation.Share {
	if v.Explanation == nil {
		return nil
	}
	for i := range v.Explanation.Nodes {
		if v.Explanation.Nodes[i].Code == code {
			return &v.Explanation.Nodes[i]
		}
	}
	return nil
}

// IndicatorLine is an indicator of a scorecard.
type IndicatorLine struct {
	index.ScorecardNode
	Share *explanation.Share
	Node  *scheme.Node
}

// UnitName returns the unit in words.
func (l IndicatorLine) UnitName(language string) string {
	return scheme.UnitName(l.Node.Unit, language)
}

// Indicators returns what is below a dimension, where the reader may see it.
func (v ScorecardView) Indicators(dimension string) (lines []IndicatorLine) {
	within := false
	for _, n := range v.Card.Nodes {
		switch {
		case n.Depth == 1:
			within = n.Code == dimension
		case within && n.Coverage == nil:
			lines = append(lines, IndicatorLine{n, v.share(n.Code), v.Scheme.Node(n.Code)})
		}
	}
	return lines
}

// Roles returns the roles whose sheets a value is from, each once.
func (l IndicatorLine) Roles() (list []policy.Role) {
	if l.Source == nil {
		return nil
	}
	for _, s := range l.Source.Sheets {
		if !slices.Contains(list, s.Role) {
			list = append(list, s.Role)
		}
	}
	return list
}

// StepLine is a step of the explanation of a change.
type StepLine struct {
	Words  string
	Points float64
	Total  bool
	Figure stepFigure
}

// Steps returns the change of the score as a waterfall: the score before, each cause that
// moved it, and the score now.
func (v ScorecardView) Steps() (steps []StepLine) {
	c := v.Change
	if c == nil || c.Before == nil || c.Now == nil || len(c.Parts) == 0 {
		return nil
	}
	at, high := *c.Before, max(*c.Before, *c.Now, v.Full())
	for _, p := range c.Parts {
		at += p.Points
		high = max(high, at)
	}
	step := func(words string, from, to float64, total bool) {
		steps = append(steps, StepLine{words, to - from, total, stepFigure{words, from, to, high, total}})
	}
	score := text.F("%s 得分", "score of %s", c.From).In(v.language)
	step(score, 0, *c.Before, true)
	at = *c.Before
	for _, p := range c.Parts {
		if p.Points != 0 {
			step(p.Text, at, at+p.Points, false)
			at += p.Points
		}
	}
	step(text.F("%s 得分", "score of %s", c.To).In(v.language), 0, *c.Now, true)
	return steps
}

// Moved returns the indicators that moved the score most, at most six.
func (v ScorecardView) Moved() []explanation.IndicatorChange {
	if v.Change == nil {
		return nil
	}
	return v.Change.Indicators[:min(len(v.Change.Indicators), 6)]
}

// Advice returns the indicators by which the branch gains most, at most five.
func (v ScorecardView) Advice() (list []explanation.Gain) {
	if v.Gains == nil {
		return nil
	}
	for _, g := range v.Gains.Indicators {
		if g.Goal != nil && g.Goal.Points > 0 {
			list = append(list, g)
		}
	}
	slices.SortStableFunc(list, func(a, b explanation.Gain) int { return cmp.Compare(b.Goal.Points, a.Goal.Points) })
	return list[:min(len(list), 5)]
}

// Course returns the score over the periods; nil where there are fewer than two.
func (v ScorecardView) Course() *CourseFigure {
	f := CourseFigure{Low: v.Full()}
	for _, h := range slices.Backward(v.History) {
		if h.Score != nil && h.Kind == v.Period.Kind {
			f.Points = append(f.Points, coursePoint{h.Period, *h.Score})
			f.Low, f.High = min(f.Low, *h.Score), max(f.High, *h.Score)
		}
	}
	f.Points = f.Points[max(len(f.Points)-6, 0):]
	if len(f.Points) < 2 {
		return nil
	}
	return &f
}
