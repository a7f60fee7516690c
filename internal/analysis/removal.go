package analysis

import (
	"cmp"
	"slices"

	"bulwark/internal/index"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
)

// Removal is what happens to the ranking when one node of the scheme is left out.
type Removal struct {
	index.Subject
	Items []NodeRemoval `json:"items"` // every node but the index itself, in document order
}

// NodeRemoval is the ranking without one node and all below it.
type NodeRemoval struct {
	Node   NodeRef `json:"node"`
	Weight float64 `json:"weight"` // share of the index
	Influence
	Moved []Moved `json:"moved"` // the branches whose rank changes most, at most five
}

// Influence is what the ranking loses without something.
type Influence struct {
	RankChange    float64 `json:"rank_change"`     // mean places, up or down, of the branches that keep a score
	MaxRankChange int     `json:"max_rank_change"` // places
	Agreement     float64 `json:"agreement"`       // of the ranks with and without it: Kendall's τ-b
	GradesChanged int     `json:"grades_changed"`  // branches
	NoScore       int     `json:"no_score"`        // branches for which nothing is left to score them by
}

// Moved is a branch with its rank, and the rank without what is left out.
type Moved struct {
	Branch  town.BranchRef `json:"branch"`
	Rank    int            `json:"rank"`
	Without int            `json:"without"`
}

// mostMoved is how many branches are listed for each node.
const mostMoved = 5

// Removal leaves out every node of the scheme, one at a time.
func (s *Study) Removal() (*Removal, error) {
	found, err := s.Scheme.Index.RemoveOne(s.Result, s.Values.Adjustments)
	if err != nil {
		return nil, err
	}
	out := &Removal{Subject: s.Subject, Items: []NodeRemoval{}}
	for i := range found {
		out.Items = append(out.Items, s.removal(&found[i]))
	}
	return out, nil
}

func (s *Study) removal(r *composite.NodeRemoval) NodeRemoval {
	return NodeRemoval{
		Node: s.node(r.Node), Weight: round(s.nodes[r.Node].EffectiveWeight), Influence: influence(&r.Removal),
		Moved: s.moved(r.Ranks),
	}
}

func influence(r *composite.Removal) Influence {
	return Influence{
		RankChange: round(r.RankChange), MaxRankChange: r.MaxRankChange, Agreement: round(r.Agreement),
		GradesChanged: r.GradesChanged, NoScore: r.NoScore,
	}
}

// moved returns the branches with another rank, the largest change first, ties by rank.
func (s *Study) moved(without []int) []Moved {
	list := []Moved{}
	for _, standing := range s.Standings {
		if then := without[standing.Unit]; then != 0 && then != standing.Rank {
			list = append(list, Moved{s.branch(standing.Unit), standing.Rank, then})
		}
	}
	places := func(m Moved) int { return max(m.Without-m.Rank, m.Rank-m.Without) }
	slices.SortStableFunc(list, func(a, b Moved) int { return cmp.Compare(places(b), places(a)) })
	return list[:min(len(list), mostMoved)]
}

// Burden is whether each indicator is worth the work of entering it.
type Burden struct {
	index.Subject
	Entries int          `json:"entries"` // values and ratings that were entered for all indicators
	Items   []LeafBurden `json:"items"`   // in document order
}

// LeafBurden is what an indicator costs, and what the ranking would lose without it. Each
// figure is for dropping this indicator alone: of two that are redundant, one may go.
type LeafBurden struct {
	Node   NodeRef `json:"node"`
	Weight float64 `json:"weight"` // share of the index
	Entry  string  `json:"entry" enums:"reported,rated,derived"`
	// ratings of a rated indicator where they are known, otherwise values that were entered or derived
	Entries    int     `json:"entries"`
	EntryShare float64 `json:"entry_share"` // of all entries
	Influence
	NeverDecisive bool        `json:"never_decisive"` // without it no rank and no grade changes, and every score stays
	Constant      bool        `json:"constant"`       // every branch scores the same
	Redundant     []Redundant `json:"redundant"`      // siblings with nearly the same scores
}

// Redundant is a sibling whose scores are nearly the same.
type Redundant struct {
	Node        NodeRef `json:"node"`
	Correlation float64 `json:"correlation"` // Pearson's r, beyond ±0.9
	Branches    int     `json:"branches"`    // with a score of both
}

// Burden sets the cost of each indicator against its influence.
func (s *Study) Burden() (*Burden, error) {
	found, err := s.Scheme.Index.Burden(s.Result, s.Values.Adjustments, 0)
	if err != nil {
		return nil, err
	}
	out := &Burden{Subject: s.Subject, Items: []LeafBurden{}}
	ratings := s.ratingsByColumn()
	for i := range found {
		b := &found[i]
		info := s.nodes[b.Node]
		x := LeafBurden{
			Node: s.node(b.Node), Weight: round(info.EffectiveWeight), Entry: string(s.indicator(b.Node).Entry),
			Entries: values(s.Values.Data.Columns[info.Column]), Influence: influence(&b.Removal),
			NeverDecisive: b.NeverDecisive, Constant: b.Constant, Redundant: []Redundant{},
		}
		x.Entries = max(x.Entries, ratings[info.Column])
		for _, c := range b.Redundant {
			if c.Units >= Least {
				x.Redundant = append(x.Redundant, Redundant{s.node(c.Node), round(c.R), c.Units})
			}
		}
		out.Entries += x.Entries
		out.Items = append(out.Items, x)
	}
	for i := range out.Items {
		if out.Entries > 0 {
			out.Items[i].EntryShare = round(float64(out.Items[i].Entries) / float64(out.Entries))
		}
	}
	return out, nil
}

// ratingsByColumn counts the ratings behind each rated indicator.
func (s *Study) ratingsByColumn() map[int]int {
	count := map[int]int{}
	for _, c := range s.Ratings {
		for _, cell := range c.Ratings {
			count[c.Column] += len(cell)
		}
	}
	return count
}
