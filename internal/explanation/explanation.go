// Package explanation states why a branch has its score in a result, and what would change
// it: contributions, strengths and weak points, the causes of a change, what each value is
// worth, and suppositions. It stores nothing.
package explanation

import (
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Explanation is how the score of one branch arose: what each node carries of it,
// where the branch is strong and weak, and who stands next to it. A caller who may
// not see the branch's details gets the first level only.
type Explanation struct {
	Town   string `json:"town" example:"demo"`
	Period string `json:"period" example:"2023Q2"`
	Status string `json:"status" enums:"provisional,published,final,withdrawn"`
	Run    string `json:"run,omitempty" format:"uuid"`
	index.Source
	Branch town.BranchRef `json:"branch"`
	Score  float64        `json:"score" example:"78.12"`
	Scale  float64        `json:"scale" example:"100"`                  // the highest possible score
	Rank   int            `json:"rank,omitempty,omitzero" example:"22"` // absent where the caller does not see every branch yet
	// as it is published, or with all digits if precise; the contributions of each level sum to it
	Base float64 `json:"base"`
	// rounding noise, given to the last indicator; only if precise
	Residual   float64     `json:"residual,omitempty,omitzero"`
	Bonus      float64     `json:"bonus"`                // after the cap
	Deduction  float64     `json:"deduction"`            // after the cap
	Vetoes     []string    `json:"vetoes"`               // codes
	Aggregated bool        `json:"aggregated"`           // true: details are kept from the caller
	Nodes      []Share     `json:"contributions"`        // in document order
	Strengths  []Reason    `json:"strengths"`            // what is worth most first
	WeakPoints []Reason    `json:"weak_points"`          // what costs most first
	Neighbours []Neighbour `json:"neighbours,omitempty"` // the places just above and below
}

// Share is what one node carries of the base, and what it loses against full marks.
type Share struct {
	Code   string   `json:"code" example:"organisation.01"`
	Parent string   `json:"parent,omitempty" example:"organisation"`
	Depth  int      `json:"depth" example:"2"`
	Name   string   `json:"name"`
	Score  *float64 `json:"score,omitempty"`  // absent: the node has none, and carries nothing
	Weight float64  `json:"weight"`           // share of the whole among what is present
	Points float64  `json:"points"`           // points of the base
	Lost   float64  `json:"lost"`             // points of the base lost against full marks
	Method string   `json:"method,omitempty"` // how points are divided among the children: weight, shapley, log_share or none
	// true: the points of a node above are not divided, and this one has neither weight nor points
	Undivided bool `json:"undivided,omitempty"`

	Corrected *evaluation.Correction `json:"corrected,omitempty"` // what was approved is not what counts
}

// Reason is one strength or weak point, for programs by its code and for people in
// words.
type Reason struct {
	Code      string  `json:"code" enums:"above_class_median,below_class_median,risen,fallen,above_target,below_target"`
	Node      string  `json:"node" example:"governance.01"`
	Name      string  `json:"name"`
	Score     float64 `json:"score"`
	Reference float64 `json:"reference"` // what the score is compared with
	Gap       float64 `json:"gap"`
	Points    float64 `json:"points"` // what the gap is worth in points of the index
	Text      string  `json:"text"`
	// of risen and fallen; relative: by the same rules, fitted to other values
	Ruler index.Ruler `json:"ruler,omitempty" swaggertype:"string" enums:"same,relative"`
}

// Neighbour is a branch next to another in the ranking.
type Neighbour struct {
	Branch      town.BranchRef `json:"branch"`
	Places      int            `json:"places" example:"-1"` // −1 is the place just above
	Rank        int            `json:"rank"`
	Score       float64        `json:"score"`
	Gap         float64        `json:"gap"`         // its score − this branch's
	Differences []Difference   `json:"differences"` // by dimension, what decides most first
}

// Difference is how a neighbour differs in one dimension.
type Difference struct {
	Code   string  `json:"code" example:"governance"`
	Score  float64 `json:"score"`
	Points float64 `json:"points"`
}

// mostReasons bounds the strengths and the weak points: more is no advice.
const mostReasons = 5

// reading is a view that is explained.
type reading struct{ index.View }

// Of returns how the score of one branch arose, below the first level only where detailed.
func Of(view index.View, branch, language string, detailed bool) (Explanation, error) {
	v := reading{view}
	why, err := v.Explainer()
	if err != nil {
		return Explanation{}, err
	}
	r, unit, err := v.Locate(branch)
	if err != nil {
		return Explanation{}, err
	}
	c, ok := why.Contributions(unit)
	if !ok {
		return Explanation{}, unscored(r, language)
	}
	s := v.Subject()
	x := Explanation{
		Source: s.Source, Town: s.Town, Period: s.Period, Status: s.Status, Run: s.Run, Branch: v.Branch(branch, language),
		Score: *r.Score, Scale: v.Scheme().Document.FullScore(), Rank: value(r.Rank),
		Base: v.figure(c.Base), Bonus: r.Bonus, Deduction: r.Deduction,
		Vetoes: append([]string{}, r.VetoCodes()...), Aggregated: !detailed,
		Nodes: v.shares(branch, c, language, detailed), Strengths: []Reason{}, WeakPoints: []Reason{},
	}
	if v.Exact() {
		x.Residual = c.Residual
	}
	before, ruler, err := v.earlier()
	if err != nil {
		return Explanation{}, err
	}
	for _, f := range v.leadingFindings(why, unit, before, detailed) {
		reason := v.reason(f, language)
		if f.Code == composite.Risen || f.Code == composite.Fallen {
			reason.Ruler = ruler
		}
		if f.Code.Strong() {
			x.Strengths = append(x.Strengths, reason)
		} else {
			x.WeakPoints = append(x.WeakPoints, reason)
		}
	}
	if !v.Partial() {
		x.Neighbours = v.neighbours(why, unit, language)
	}
	return x, nil
}

// earlier returns the explainer of what changes are counted from, with what both have in
// common; nil where there is none, or one by a scheme that scores otherwise.
func (v reading) earlier() (*composite.Explainer, index.Ruler, error) {
	before, ok := v.Before()
	if !ok {
		return nil, "", nil
	}
	ruler := v.Ruler(before)
	if ruler == index.OtherScheme {
		return nil, ruler, nil
	}
	why, err := before.Explainer()
	return why, ruler, err
}

// unscored returns why there is nothing to explain.
func unscored(r *index.Result, language string) error {
	return fault.Conflict("not_scored",
		"“%s”在本周期没有得分：完整度为 %.0f%%，缺少指标 %v", "%s has no score in this period: its coverage is %.0f%%, missing %v",
		r.Name.In(language), 100*r.Coverage, r.Missing())
}

// figure returns a figure of an explanation as the view shows it.
func (v reading) figure(x float64) float64 {
	if v.Exact() {
		return x
	}
	return stats.Round(x, v.Scheme().Document.Decimals)
}

// apportioned returns the parts of every node as the view shows them: rounded so that those
// of the children of a node sum to its own, by the largest remainder.
func (v reading) apportioned(c *composite.Contributions, part func(composite.Contribution) float64) []float64 {
	infos, parts := v.Scheme().Index.Nodes(), make([]float64, len(c.Nodes))
	for n := range parts {
		parts[n] = part(c.Nodes[n])
	}
	if v.Exact() {
		return parts
	}
	d := v.Scheme().Document.Decimals
	parts[0] = stats.Round(parts[0], d)
	for n := range infos { // parents come before their children
		var children []int
		var exact []float64
		for child := n + 1; child < infos[n].End; child = infos[child].End {
			if c.Nodes[child].Present && !c.Nodes[child].Undivided {
				children, exact = append(children, child), append(exact, parts[child])
			}
		}
		for i, x := range stats.Apportion(parts[n], exact, d) {
			parts[children[i]] = x
		}
	}
	return parts
}

func (v reading) shares(branch string, c *composite.Contributions, language string, detailed bool) []Share {
	infos := v.Scheme().Index.Nodes()
	list := make([]Share, 0, len(infos))
	points := v.apportioned(c, func(x composite.Contribution) float64 { return x.Points })
	lost := v.apportioned(c, func(x composite.Contribution) float64 { return x.Lost })
	for n, info := range infos {
		if !detailed && info.Depth > 1 {
			continue
		}
		part := c.Nodes[n]
		s := Share{
			Code: info.Code, Depth: info.Depth, Name: v.Scheme().NodeName(info.Code, language), Weight: part.Weight,
			Points: points[n], Lost: lost[n], Method: string(part.Method), Undivided: part.Undivided,
		}
		if !v.Exact() {
			s.Weight = stats.Round(s.Weight, weightDecimals)
		}
		if part.Present {
			s.Score = new(stats.Round(part.Score, v.Scheme().Document.Decimals))
		}
		s.Corrected = v.Correction(branch, v.Scheme().Node(info.Code))
		if info.Parent >= 0 {
			s.Parent = infos[info.Parent].Code
		}
		list = append(list, s)
	}
	return list
}

// leadingFindings returns the findings about indicators, or about dimensions where the
// caller may see no more, at most so many strengths and so many weak points.
func (v reading) leadingFindings(
	why *composite.Explainer, unit int, before *composite.Explainer, detailed bool,
) []composite.Comparison {
	infos := v.Scheme().Index.Nodes()
	var strong, weak []composite.Comparison
	medians := v.TellsMedians(unit)
	for _, f := range why.Comparisons(unit, composite.ComparisonOptions{Before: before}) {
		switch info := infos[f.Node]; {
		case detailed && !info.Leaf, !detailed && info.Depth != 1:
		case !medians && (f.Code == composite.AboveClassMedian || f.Code == composite.BelowClassMedian):
		case f.Code.Strong():
			strong = append(strong, f)
		default:
			weak = append(weak, f)
		}
	}
	return append(composite.Leading(strong, mostReasons), composite.Leading(weak, mostReasons)...)
}

// weightDecimals are those of shares of the whole: a ten-thousandth of a per cent.
const weightDecimals = 6

// wording is each finding in words, of the name, the score, what it is compared with,
// the gap and what it is worth.
var wording = map[composite.ComparisonCode]text.Text{
	composite.AboveClassMedian: {
		ZH: "%[1]s %[2]v 分，高于同类中位数 %[3]v 分，相当于指数 %[5]v 分",
		EN: "%[1]s scores %[2]v, above the class median of %[3]v: worth %[5]v points of the index",
	},
	composite.BelowClassMedian: {
		ZH: "%[1]s %[2]v 分，低于同类中位数 %[3]v 分，相当于指数 %[5]v 分",
		EN: "%[1]s scores %[2]v, below the class median of %[3]v: it costs %[5]v points of the index",
	},
	composite.Risen: {
		ZH: "%[1]s 由上期 %[3]v 分升至 %[2]v 分，相当于指数 %[5]v 分",
		EN: "%[1]s rose from %[3]v to %[2]v since the period before: worth %[5]v points of the index",
	},
	composite.Fallen: {
		ZH: "%[1]s 由上期 %[3]v 分降至 %[2]v 分，相当于指数 %[5]v 分",
		EN: "%[1]s fell from %[3]v to %[2]v since the period before: it costs %[5]v points of the index",
	},
	composite.AboveTarget: {
		ZH: "%[1]s %[2]v 分，超过目标 %[3]v 分，相当于指数 %[5]v 分",
		EN: "%[1]s scores %[2]v, above its target of %[3]v: worth %[5]v points of the index",
	},
	composite.BelowTarget: {
		ZH: "%[1]s %[2]v 分，未达目标 %[3]v 分，相当于指数 %[5]v 分",
		EN: "%[1]s scores %[2]v, below its target of %[3]v: it costs %[5]v points of the index",
	},
}

func (v reading) reason(f composite.Comparison, language string) Reason {
	d := v.Scheme().Document.Decimals
	code := v.Scheme().Index.Nodes()[f.Node].Code
	r := Reason{
		Code: string(f.Code), Node: code, Name: v.Scheme().NodeName(code, language), Score: stats.Round(f.Score, d),
		Reference: stats.Round(f.Reference, d), Gap: stats.Round(f.Gap, d), Points: stats.Round(f.Points, 4),
	}
	words := wording[f.Code]
	r.Text = text.F(words.ZH, words.EN, r.Name, r.Score, r.Reference, r.Gap,
		stats.Round(max(f.Points, -f.Points), 2)).In(language)
	return r
}

func (v reading) neighbours(why *composite.Explainer, unit int, language string) []Neighbour {
	var list []Neighbour
	infos := v.Scheme().Index.Nodes()
	for _, n := range why.Neighbours(unit, 2, false) {
		neighbour := Neighbour{
			Branch: v.Branch(v.Units()[n.Unit], language), Places: n.Places, Rank: n.Rank, Score: n.Score, Gap: n.Gap,
			Differences: []Difference{},
		}
		for _, d := range n.Differences {
			neighbour.Differences = append(neighbour.Differences, Difference{
				Code:  infos[d.Node].Code,
				Score: stats.Round(d.Score, v.Scheme().Document.Decimals), Points: stats.Round(d.Points, 4),
			})
		}
		list = append(list, neighbour)
	}
	return list
}

// value is what a pointer points to; zero for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
