package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"math"
)

// Result is what a run gave each unit. It refers to the Data that it was made
// from, which must not change while it is used. Safe for concurrent reading.
type Result struct {
	Treated []stats.TreatedPoint // by column, then unit
	Flags   []Flag               // by column, then peer group

	index    *Index
	data     Data
	columns  []column
	status   []UnitStatus
	coverage []float64
	scores   [][]float64 // by node; nil where not kept; NaN for no score
}

// UnitStatus says whether a unit has a score.
type UnitStatus uint8

// The states of a unit. A unit that fails is failed, whatever its coverage.
const (
	UnitScored       UnitStatus = iota
	UnitInsufficient            // coverage below the scheme's minimum, or no value at all
	UnitFailed                  // a value is missing whose policy is Fail
)

var unitStatusNames = [...]string{"scored", "insufficient", "failed"}

// String returns "scored", "insufficient" or "failed".
func (s UnitStatus) String() string { return unitStatusNames[s] }

// MarshalText returns String.
func (s UnitStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// CellStatus says where the value of a cell comes from.
type CellStatus uint8

// The states of a cell. Coverage counts entered cells only.
const (
	CellEntered       CellStatus = iota
	CellMissing                  // no value; it may still score 0 by the policy Zero
	CellImputed                  // filled from the peers or the class
	CellCarried                  // filled from Data.Carried
	CellNotApplicable            // the indicator does not concern the unit
	CellUnscored                 // there is a value, but no reference to score it by
)

var cellStatusNames = [...]string{"entered", "missing", "imputed", "carried", "not_applicable", "unscored"}

// String returns the name of the status: "entered", "not_applicable", …
func (s CellStatus) String() string { return cellStatusNames[s] }

// MarshalText returns String.
func (s CellStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Cell is one unit's value of one indicator. What it does not have is NaN.
type Cell struct {
	Status  CellStatus
	Entered float64 // as in the Data
	Used    float64 // after filling and treatment
	Score   float64
}

// FlagCode names something that a reader of the scores should know of a column.
type FlagCode string

// The flags of a column.
const (
	ConstantColumn FlagCode = "constant_column" // all peers are equal, or there is one only
	TargetReached  FlagCode = "target_reached"  // even the worst peer has reached the Target
	NoReference    FlagCode = "no_reference"    // the Reference unit has no value above 0
)

// Flag marks a column, within one class where its peers are those of the class.
type Flag struct {
	Node  int // of the leaf
	Class string
	Code  FlagCode
}

// Units returns the number of units.
func (r *Result) Units() int { return len(r.status) }

// Status says whether the unit has a score.
func (r *Result) Status(unit int) UnitStatus { return r.status[unit] }

// Base returns the score of the root, before adjustments and rounding. Only a unit
// with status UnitScored has one.
func (r *Result) Base(unit int) (float64, bool) { return r.Score(0, unit) }

// Score returns the score of the node for the unit, and false if it has none or it
// was not kept. Scores of leaves are always at hand.
func (r *Result) Score(node, unit int) (float64, bool) {
	if kept := r.scores[node]; kept != nil {
		return num.Known(kept[unit])
	}
	if !r.index.nodes[node].Leaf {
		return 0, false
	}
	return num.Known(r.Cell(node, unit).Score)
}

// Column returns the scores of the node, one per unit with NaN for none, or nil if
// they were not kept. It must not be changed.
func (r *Result) Column(node int) []float64 { return r.scores[node] }

// Cell returns the unit's cell of a leaf, and the zero Cell with NaN values and
// CellMissing for an inner node.
func (r *Result) Cell(node, unit int) Cell {
	c := r.index.nodes[node].Column
	if c < 0 {
		return Cell{CellMissing, math.NaN(), math.NaN(), math.NaN()}
	}
	return r.columns[c].cell(unit)
}

// Coverage returns the effective weight entered ÷ the effective weight applicable
// below the node, and false where no indicator applies.
func (r *Result) Coverage(node, unit int) (float64, bool) {
	if node == 0 {
		return num.Known(r.coverage[unit])
	}
	entered, applicable := 0.0, 0.0
	for n := node; n < r.index.nodes[node].End; n++ {
		if !r.index.nodes[n].Leaf {
			continue
		}
		status := r.Cell(n, unit).Status
		weight := r.index.nodes[n].EffectiveWeight
		if status != CellNotApplicable {
			applicable += weight
		}
		if status == CellEntered {
			entered += weight
		}
	}
	return num.Known(entered / applicable)
}

// Missing returns the leaves, as nodes in document order, that apply to the unit
// and have no entered value, whether or not something stands in for it.
func (r *Result) Missing(unit int) []int {
	var nodes []int
	for c := range r.columns {
		switch status, _ := r.columns[c].complete(unit); status {
		case CellMissing, CellImputed, CellCarried:
			nodes = append(nodes, r.columns[c].leaf.node)
		}
	}
	return nodes
}
