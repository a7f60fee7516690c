package explanation

import (
	"context"
	"math"

	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Gains is what would move one branch: what a change of each indicator is worth,
// and the cheapest way to the next rank and the next grade while the others stand
// where they do.
type Gains struct {
	Town        string         `json:"town" example:"demo"`
	Period      string         `json:"period" example:"2023Q2"`
	Status      string         `json:"status" enums:"provisional,published,final,withdrawn"`
	Branch      town.BranchRef `json:"branch"`
	Score       float64        `json:"score"`
	Rank        int            `json:"rank,omitempty,omitzero"` // absent where the caller does not see every branch yet
	Grade       string         `json:"grade,omitempty"`
	Indicators  []Gain         `json:"indicators"`              // those that apply, in document order
	ToNextRank  *Path          `json:"to_next_rank,omitempty"`  // absent without a rank, and where it depends on branches not seen
	ToNextGrade *Path          `json:"to_next_grade,omitempty"` // absent where it depends on branches not seen
}

// Gain is what a change of one indicator is worth in points of the index.
type Gain struct {
	Code string `json:"code" example:"governance.01"`
	Name string `json:"name"`
	// why nothing is computed: compared, since a node above compares branches in pairs, and a change moves all of them
	NotComputed string   `json:"not_computed,omitempty" enums:"compared"`
	Unit        string   `json:"unit,omitempty" example:"%"`
	Value       *float64 `json:"value,omitempty"` // entered; absent where nothing is
	Score       float64  `json:"score"`           // of the indicator
	// for each unit below the value, near it; 0 where it would tell what other branches have
	Less float64 `json:"points_per_unit_less"`
	// for each unit above the value, near it; 0 where it would tell what other branches have
	More float64        `json:"points_per_unit_more"`
	Goal *PossibleValue `json:"goal,omitempty"` // where the rule has full marks
	Next *PossibleValue `json:"next,omitempty"` // the next step of bands and levels
	// of the class; absent where it would tell what other branches have
	Median *PossibleValue `json:"median,omitempty"`
	Best   *PossibleValue `json:"best,omitempty"` // of the class; only for who may read every branch
}

// PossibleValue is another raw value and what it would bring.
type PossibleValue struct {
	Value  float64 `json:"value"`
	Score  float64 `json:"score"`  // of the indicator there
	Points float64 `json:"points"` // of the index gained
}

// Path is the cheapest way found to a goal.
type Path struct {
	Status  string     `json:"status" enums:"found,unreachable,not_computed,vetoed,at_top,unscored"`
	Text    string     `json:"text"`
	Target  float64    `json:"target"` // the published figure that it takes
	Grade   string     `json:"grade,omitempty"`
	Ahead   []string   `json:"ahead,omitempty"` // branches to pass
	Steps   []pathStep `json:"moves"`
	Cost    float64    `json:"cost"`  // in points of the scores of indicators
	Exact   bool       `json:"exact"` // no cheaper way exists
	Score   float64    `json:"score"` // then, recomputed with the moves made
	NewRank int        `json:"rank,omitempty,omitzero"`
}

// pathStep is one value to change.
type pathStep struct {
	Code   string  `json:"code" example:"governance.01"`
	Name   string  `json:"name"`
	Unit   string  `json:"unit,omitempty"`
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Points float64 `json:"points"` // of the index, if this move alone is made
	Cost   float64 `json:"cost"`
}

// GainsOf returns what would move the branch. The search ends with ctx.
func GainsOf(ctx context.Context, view index.View, branch, language string) (Gains, error) {
	v := reading{view}
	why, err := v.Explainer()
	if err != nil {
		return Gains{}, err
	}
	r, unit, err := v.Locate(branch)
	if err != nil {
		return Gains{}, err
	}
	if r.Score == nil {
		return Gains{}, unscored(r, language)
	}
	s := v.Subject()
	g := Gains{
		Town: s.Town, Period: s.Period, Status: s.Status, Branch: v.Branch(branch, language), Score: *r.Score,
		Rank: value(r.Rank), Grade: value(r.Grade), Indicators: []Gain{},
	}
	why = why.Until(ctx.Done())
	for _, gain := range why.Gains(unit) {
		x := v.gain(gain, language)
		if v.hides(x.Code) {
			x = Gain{Code: x.Code, Name: x.Name, Unit: x.Unit, Value: x.Value, Score: x.Score}
		}
		if !v.TellsMedians(unit) {
			x.Median = nil
		}
		if v.Limited() || v.Partial() {
			x.Best = nil
		}
		g.Indicators = append(g.Indicators, x)
	}
	if v.Limited() && v.Scheme().Index.Relative() { // a way that others bound would tell where they are
		return g, ctx.Err()
	}
	levers := v.levers()
	if r.Rank != nil {
		g.ToNextRank = new(v.path(why.PathToRank(unit, levers), language))
	}
	g.ToNextGrade = new(v.path(why.PathToGrade(unit, levers), language))
	if v.Partial() {
		if g.ToNextGrade.NewRank = 0; v.Scheme().Index.Quotas() {
			g.ToNextGrade = nil
		}
	}
	return g, ctx.Err()
}

// hides reports whether what another value of the indicator would bring tells the reader
// what others have: it is measured against them, and the reader may not know them all.
func (v reading) hides(indicator string) bool {
	return v.Limited() && v.Scheme().Index.Relative(indicator)
}

func (v reading) gain(g composite.Gain, language string) Gain {
	n := v.Scheme().Node(v.Scheme().Index.Nodes()[g.Node].Code)
	x := Gain{
		Code: n.Code, Name: n.Name.In(language), Unit: n.Unit, Score: stats.Round(g.Score, v.Scheme().Document.Decimals),
		Less: stats.Round(-g.Below.PerUnit, 6), More: stats.Round(g.Above.PerUnit, 6),
		Goal: v.possibleValue(g.Goal), Next: v.possibleValue(g.Next), Median: v.possibleValue(g.Median),
		Best: v.possibleValue(g.Best),
	}
	if g.Compared {
		x.NotComputed = "compared"
	}
	if g.Entered {
		x.Value = &g.Value
	}
	return x
}

func (v reading) possibleValue(r *composite.ValueGain) *PossibleValue {
	if r == nil {
		return nil
	}
	return &PossibleValue{
		Value: r.Value, Score: stats.Round(r.Score, v.Scheme().Document.Decimals), Points: stats.Round(r.Points, 4),
	}
}

// levers returns what may be entered for each indicator: its range and decimals. A
// point of score costs the same everywhere; what it really takes is for people to
// judge.
func (v reading) levers() map[int]composite.Lever {
	levers := map[int]composite.Lever{}
	for node, info := range v.Scheme().Index.Nodes() {
		n := v.Scheme().Node(info.Code)
		if !info.Leaf {
			continue
		}
		l := composite.Lever{Fixed: n.Entry == scheme.Derived} // its parts are moved, not it
		if n.Range != nil {
			l.Min, l.Max = n.Range.Min, n.Range.Max
		}
		if n.Decimals != nil {
			l.Step = math.Pow10(-*n.Decimals)
		}
		levers[node] = l
	}
	return levers
}

func (v reading) path(p *composite.Path, language string) Path {
	units := v.Units()
	x := Path{
		Status: string(p.Status), Text: pathWords[p.Status].In(language), Target: p.Target, Grade: p.Grade,
		Steps: []pathStep{}, Cost: stats.Round(p.Cost, 4), Exact: p.Exact, Score: p.Reached.Score, NewRank: p.Reached.Rank,
	}
	for _, u := range p.Ahead {
		x.Ahead = append(x.Ahead, units[u])
	}
	for _, m := range p.Moves {
		n := v.Scheme().Node(v.Scheme().Index.Nodes()[m.Node].Code)
		x.Steps = append(x.Steps, pathStep{
			Code: n.Code, Name: n.Name.In(language), Unit: n.Unit, From: m.From, To: m.To,
			Points: stats.Round(m.Points, 4), Cost: stats.Round(m.Cost, 4),
		})
	}
	return x
}

var pathWords = map[composite.PathStatus]text.Text{
	composite.PathFound: {ZH: "按所列各项改进后即可达到", EN: "the changes below are enough"},
	composite.PathUnreachable: {
		ZH: "即使可改进的各项都达到最好，也不能达到", EN: "not within reach, even if every value that can change is at its best",
	},
	composite.PathNotComputed: {
		ZH: "上级节点将党组织两两比较，改进数据会同时改变其他党组织的得分，不作测算",
		EN: "not computed: a node compares branches in pairs, so that a change also moves the scores of the others",
	},
	composite.PathVetoed:   {ZH: "受一票否决限制，改进数据也不能达到", EN: "a veto prevents it, whatever the values"},
	composite.PathAtTop:    {ZH: "已是最好", EN: "nothing is above"},
	composite.PathUnscored: {ZH: "没有得分", EN: "there is no score"},
}
