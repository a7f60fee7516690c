package composite

// Spec is the mathematical part of a scheme: the tree of indicators with its
// weights and rules, and what happens to the figure at its root. The JSON names
// are those of the scheme document, so a Fault's pointer leads back into it.
type Spec struct {
	Decimals    int         `json:"decimals"`           // decimals of the published figure, 0 to 9
	Rounding    Rounding    `json:"rounding,omitempty"` // HalfUp when empty
	Ranking     Ranking     `json:"ranking,omitempty"`  // Competition when empty
	MinCoverage float64     `json:"min_coverage"`       // 0 to 1; a unit below it has no score
	Tree        Node        `json:"tree"`
	Adjustments Adjustments `json:"adjustments"`
	Grades      []Grade     `json:"grades,omitempty"` // from the best down
}

// Node is one node of the tree. A node with Children is inner and aggregates
// them; a node without is a leaf, an indicator, and turns a raw value into a
// score by its Rule.
type Node struct {
	Code   string  `json:"code"`   // unique in the tree
	Weight float64 `json:"weight"` // relative to its siblings, 1e-9 to 1e9; the root's is ignored

	Aggregation Aggregation `json:"aggregation,omitzero"` // inner nodes only
	Children    []Node      `json:"children,omitempty"`

	Direction Direction    `json:"direction,omitempty"` // empty: what the rule implies
	Rule      Rule         `json:"rule,omitempty"`
	Missing   Missing      `json:"missing,omitzero"`
	Peers     Peers        `json:"peers,omitempty"`   // AllPeers when empty
	Treat     *Treatment   `json:"treat,omitempty"`   // nil: values are used as they are
	Combine   *Combination `json:"combine,omitempty"` // only checked here; see Combine
}

// Direction says whether more of an indicator is better or worse.
type Direction string

// The directions. The empty Direction means what the rule implies: cost for
// goalposts with low above high and for deduct, benefit otherwise.
const (
	Benefit Direction = "benefit"
	Cost    Direction = "cost"
)

// Peers names the units that an indicator is measured against.
type Peers string

// The peer groups: every unit that the indicator applies to, or those of the same class.
const (
	AllPeers   Peers = "all"
	ClassPeers Peers = "class"
)

// Rounding names how the published figure is rounded.
type Rounding string

// HalfUp rounds as a pocket calculator does; see Round.
const HalfUp Rounding = "half_up"

// Ranking names how ties use up ranks.
type Ranking string

// The rankings: 1 2 2 4 and 1 2 2 3.
const (
	Competition Ranking = "competition"
	Dense       Ranking = "dense"
)

// Limits of a Spec.
const (
	MaxDepth = 16     // levels below the root
	MaxNodes = 10_000 // nodes in the tree
)
