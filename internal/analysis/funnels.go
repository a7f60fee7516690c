package analysis

import (
	"cmp"
	"slices"

	"bulwark/internal/index"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Funnels say of every ratio whose counts vary by chance how far branches may lie from the ratio of the town by chance
// alone (Spiegelhalter 2005). They change no score.
type Funnels struct {
	index.Subject
	Least int      `json:"least" example:"5"` // a ratio of fewer branches has no funnel
	Items []Funnel `json:"items"`             // in document order
	// codes of the ratios of which the scheme does not say how their counts vary
	Unstated []string `json:"unstated"`
}

// Funnel is one ratio.
type Funnel struct {
	Node   NodeRef      `json:"node"`                                                 // the derived indicator
	Unit   string       `json:"unit,omitempty" example:"%"`                           // of its values
	Chance stats.Chance `json:"chance" swaggertype:"string" enums:"binomial,poisson"` // of a share of cases, or of a rate of events
	Pooled float64      `json:"pooled"`                                               // of all cases of the town together: the middle of the funnel
	// how many branches lie outside the 95 % limits, of which about one in twenty does by chance
	Outside  int              `json:"outside"`
	Branches []FunnelBranch   `json:"branches"` // by denominator, the fewest cases first
	Left     []town.BranchRef `json:"left_out"` // without counts, with a corrected value, or with more counted than cases
}

// FunnelBranch is one branch with the limits of a branch of as many cases.
type FunnelBranch struct {
	Branch      town.BranchRef `json:"branch"`
	Numerator   float64        `json:"numerator" example:"8"`                                     // what was counted
	Denominator float64        `json:"denominator" example:"10"`                                  // of so many cases, or in so large a branch
	Value       float64        `json:"value" example:"80"`                                        // the ratio, in the unit of the indicator
	Limits      Interval       `json:"limits"`                                                    // 95 % of such branches lie within by chance
	Far         Interval       `json:"far_limits"`                                                // 99.8 %
	Outside     string         `json:"outside,omitempty" enums:"below,above,far_below,far_above"` // absent within the 95 % limits
}

// Funnels returns the funnels of the ratios.
func (s *Study) Funnels() *Funnels {
	out := &Funnels{Subject: s.Subject, Least: Least, Items: []Funnel{}, Unstated: []string{}}
	for _, n := range s.Scheme.Indicators {
		if n.Derive != nil && n.Derive.Chance == "" {
			out.Unstated = append(out.Unstated, n.Code)
		}
	}
	for i := range s.Counts {
		if f, ok := s.funnel(&s.Counts[i]); ok {
			out.Items = append(out.Items, f)
		}
	}
	return out
}

// funnel returns the funnel of a ratio, false where too few branches have counts.
func (s *Study) funnel(c *stats.Counts) (Funnel, bool) {
	leaf := slices.IndexFunc(s.nodes, func(n composite.NodeInfo) bool { return n.Leaf && n.Column == c.Column })
	pooled, _ := c.Pooled()
	f := Funnel{
		Node: s.node(leaf), Unit: s.indicator(leaf).Unit, Chance: c.Chance, Pooled: pooled,
		Branches: []FunnelBranch{}, Left: []town.BranchRef{},
	}
	for u := range s.Values.Data.Units {
		switch {
		case c.Has(u):
			b := s.funnelBranch(c, u, pooled)
			if f.Branches = append(f.Branches, b); b.Outside != "" {
				f.Outside++
			}
		case !s.exempt(c.Column, u):
			f.Left = append(f.Left, s.branch(u))
		}
	}
	slices.SortFunc(f.Branches, func(a, b FunnelBranch) int {
		return cmp.Or(cmp.Compare(a.Denominator, b.Denominator), cmp.Compare(a.Branch.Code, b.Branch.Code))
	})
	return f, len(f.Branches) >= Least
}

// exempt reports whether the indicator of the column does not apply to the unit.
func (s *Study) exempt(column, unit int) bool {
	none := s.Values.Data.NotApplicable
	return len(none) > 0 && none[column] != nil && none[column][unit]
}

func (s *Study) funnelBranch(c *stats.Counts, u int, pooled float64) FunnelBranch {
	b := FunnelBranch{
		Branch: s.branch(u), Numerator: c.Numerator[u], Denominator: c.Denominator[u], Value: s.Values.Data.Columns[c.Column][u],
	}
	b.Limits.Low, b.Limits.High = c.Limits(u, pooled, 0.95)
	b.Far.Low, b.Far.High = c.Limits(u, pooled, 0.998)
	switch {
	case b.Value < b.Far.Low:
		b.Outside = "far_below"
	case b.Value > b.Far.High:
		b.Outside = "far_above"
	case b.Value < b.Limits.Low:
		b.Outside = "below"
	case b.Value > b.Limits.High:
		b.Outside = "above"
	}
	b.Limits, b.Far = between(b.Limits.Low, b.Limits.High), between(b.Far.Low, b.Far.High)
	return b
}
