package composite

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Result holds the scores of a run. It refers to the Data that it was made from,
// which must not change while it is used. Safe for concurrent reading.
type Result struct {
	Treated []stats.TreatedPoint // by column, then unit
	Flags   []Flag               // by column, then peer group

	index    *Index
	data     Data
	columns  []column
	status   []UnitStatus
	coverage []float64
	scores   [][]float64 // by node; nil where not kept; NaN for no score
	fitted   [][]Fitted  // by column; nil unless they are to be noted
}

// UnitStatus is whether a unit has a score, and why not.
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

// CellStatus is the source of the value of a cell.
type CellStatus uint8

// The states of a cell. Coverage counts entered cells only.
const (
	CellEntered       CellStatus = iota
	CellMissing                  // no value; it may still score 0 by the policy Zero
	CellImputed                  // filled from the peers or the class
	CellCarried                  // filled from Data.Carried
	CellNotApplicable            // the indicator does not concern the unit
	CellUnscored                 // there is a value, but no reference to score it by: coverage leaves it out
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
	Filled  float64 // after filling
	Used    float64 // after filling and treatment
	Score   float64
}

// The flags of the scores of a column, beside stats.ConstantColumn.
const (
	TargetReached stats.FlagCode = "target_reached" // even the worst peer has reached the target
	NoReference   stats.FlagCode = "no_reference"   // the reference unit has no value above 0
)

// Flag marks a column, within one class where its peers are those of the class.
type Flag struct {
	Node  int // of the leaf
	Class string
	Code  stats.FlagCode
}

// Units returns the number of units.
func (r *Result) Units() int { return len(r.status) }

// Status reports whether the unit has a score.
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
		return Cell{CellMissing, math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	}
	return r.columns[c].cell(unit)
}

// Coverage returns the effective weight entered ÷ the effective weight applicable
// below the node, and false where no indicator applies. An indicator that is scored by a
// reference without a value counts in neither.
func (r *Result) Coverage(node, unit int) (float64, bool) {
	if node == 0 {
		return num.Known(r.coverage[unit])
	}
	entered, applicable := 0.0, 0.0
	for n := node; n < r.index.nodes[node].End; n++ {
		if !r.index.nodes[n].Leaf || r.columns[r.index.nodes[n].Column].unmeasured {
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
// and have no entered value, whether or not another value is used for it.
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

// Keep is how much of a Result stays in memory: the scores of all nodes down to
// this depth. Those of the root are always kept, those of leaves always available.
type Keep int

// The extremes; 1 keeps the root and the first level.
const (
	KeepRoot Keep = 0
	KeepAll  Keep = maxDepth
)

// Score scores every unit of d, which must have passed Check. It cannot fail, and
// memory is allocated per node, not per unit. For data of the wrong shape the Result
// has no units; values that Check would have refused may have no score.
func (ix *Index) Score(d Data, keep Keep) *Result {
	var f DataFaults
	if ix.checkShape(d, &f); len(f.Faults) > 0 {
		d = Data{Columns: make([][]float64, len(ix.leaves))}
	}
	r := ix.newResult(d, keep)
	classes := everyone
	if ix.byClass {
		classes = classGroups(d.Classes)
	}
	for c := range r.columns {
		r.fit(c, classes)
	}
	s := newBlockScorer(r)
	for lo := 0; lo < len(d.Units); lo += s.evaluator.size {
		s.block(lo, min(lo+s.evaluator.size, len(d.Units)))
	}
	return r
}

func (ix *Index) newResult(d Data, keep Keep) *Result {
	units := len(d.Units)
	r := &Result{
		index: ix, data: d, columns: make([]column, len(ix.leaves)),
		status: make([]UnitStatus, units), scores: make([][]float64, len(ix.nodes)),
	}
	kept := 1
	for n := range ix.nodes {
		if ix.keeps(n, keep) {
			kept++
		}
	}
	slab := make([]float64, kept*units)
	next := func() (column []float64) {
		column, slab = slab[:units:units], slab[units:]
		return column
	}
	r.coverage = next()
	for n := range ix.nodes {
		if ix.keeps(n, keep) {
			r.scores[n] = next()
		}
	}
	return r
}

// keeps reports whether the scores of the node stay: those that compare units cannot be
// found again from one unit.
func (ix *Index) keeps(n int, keep Keep) bool {
	return n == 0 || ix.nodes[n].Depth <= int(keep) || ix.inner[n].kind == Copeland
}

// blockScorer scores the leaves of a Result block by block, with coverage and status.
type blockScorer struct {
	r         *Result
	evaluator *evaluator
	coverage  coverage
	statuses  []CellStatus
}

func newBlockScorer(r *Result) *blockScorer {
	s := &blockScorer{r: r, evaluator: newEvaluator(r.index, len(r.data.Units), r.scores)}
	s.evaluator.leaf = s.leaf
	s.coverage = newCoverage(s.evaluator.size)
	s.statuses = make([]CellStatus, s.evaluator.size)
	return s
}

func (s *blockScorer) block(lo, hi int) {
	s.coverage.reset(hi - lo)
	s.evaluator.block(lo, hi)
	s.setStatus(lo, hi)
}

func (s *blockScorer) leaf(at, lo int, dst []float64) ([]float64, bool) {
	c := &s.r.columns[at]
	whole := c.direct() && scoreBlock(dst, c.entered[lo:lo+len(dst)], c.scorers[0])
	if whole && c.notApplicable == nil {
		s.coverage.all(c.leaf.effective)
		return dst, true
	}
	return dst, s.cells(c, lo, dst)
}

// cells scores the cells of a block that scoreBlock has not scored.
func (s *blockScorer) cells(c *column, lo int, dst []float64) bool {
	direct, statuses := c.direct(), s.statuses[:len(dst)]
	whole, entered := true, true
	for i := range dst {
		statuses[i] = CellEntered
		if direct && dst[i] == dst[i] && !c.excludes(lo+i) {
			continue
		}
		cell := c.cell(lo + i)
		dst[i], statuses[i] = cell.Score, cell.Status
		whole = whole && cell.Score == cell.Score
		entered = entered && cell.Status == CellEntered
		if cell.Status == CellMissing && c.leaf.missing == Fail {
			s.r.status[lo+i] = UnitFailed
		}
	}
	switch {
	case c.unmeasured:
	case entered:
		s.coverage.all(c.leaf.effective)
	default:
		s.coverage.some(c.leaf.effective, statuses)
	}
	return whole
}

// scoreBlock scores values as entered and reports whether every one has a score.
func scoreBlock(dst, x []float64, by scorer) bool {
	x, whole := x[:len(dst)], true
	if l, ok := by.(linear); ok {
		return l.block(dst, x)
	}
	for i, v := range x {
		if v == v {
			v = by.at(v)
		}
		dst[i] = v
		whole = whole && v == v
	}
	return whole
}

func (l linear) block(dst, x []float64) bool {
	whole := true
	for i, v := range x {
		s := l.at(v)
		if s != s {
			whole = false
		}
		dst[i] = s
	}
	return whole
}

// setStatus sets coverage and status of a block. Where a unit has no score, neither
// has its root, so that no figure of it can be published by mistake.
func (s *blockScorer) setStatus(lo, hi int) {
	s.coverage.ratio(s.r.coverage[lo:hi])
	least := s.r.index.spec.MinCoverage
	root, status := s.r.scores[0], s.r.status
	for i := lo; i < hi; i++ {
		if status[i] == UnitFailed {
			root[i] = math.NaN()
			continue
		}
		coverage := s.r.coverage[i]
		if coverage != 1 && !enough(coverage, least) || root[i] != root[i] {
			status[i] = UnitInsufficient
			root[i] = math.NaN()
		}
	}
}

// Reweigh aggregates the leaf scores of r anew under other weights, one per node in
// preorder and relative to its siblings as in a Spec; the root's is ignored. It
// writes the score of the root into dst, one per unit and NaN for units that r has
// no score for. Nothing is fitted again. It reports false, and writes nothing,
// where r was not kept whole (KeepAll), a length does not fit or a weight is not
// within the limits of a Spec.
func (r *Result) Reweigh(dst, weights []float64) bool {
	if len(dst) != r.Units() || len(weights) != len(r.scores) || slices.ContainsFunc(r.scores, isNil) {
		return false
	}
	for n, w := range weights {
		if n > 0 && !(w >= num.MinWeight && w <= num.MaxWeight) {
			return false
		}
	}
	keep := make([][]float64, len(r.scores))
	keep[0] = dst
	k := newEvaluator(r.index, len(dst), keep)
	k.weights = weights
	leaves := r.index.leaves
	k.leaf = func(column, lo int, block []float64) ([]float64, bool) {
		scores := r.scores[leaves[column].node][lo : lo+len(block)]
		if leaves[column].node == 0 {
			copy(block, scores)
		}
		return scores, !slices.ContainsFunc(scores, math.IsNaN)
	}
	for lo := 0; lo < len(dst); lo += k.size {
		k.block(lo, min(lo+k.size, len(dst)))
	}
	for u, status := range r.status {
		if status != UnitScored {
			dst[u] = r.scores[0][u]
		}
	}
	return true
}

func isNil(column []float64) bool { return column == nil }

// AtLowest returns the result as it would be if every value that applies and was not
// entered scored as low as the lowest entered one of its leaf in the class of the unit, or
// of all units where fewer than five of the class have one. A value that stands in and scores less keeps its
// score, and a leaf that nobody has entered stays as it is. Nothing is fitted again. Cells
// and coverage are those of r; every unit with a root is scored, whatever its coverage.
// It returns nil where r was not kept whole (KeepAll).
func (r *Result) AtLowest() *Result {
	if slices.ContainsFunc(r.scores, isNil) {
		return nil
	}
	low := *r
	low.status, low.scores = make([]UnitStatus, r.Units()), make([][]float64, len(r.scores))
	for n := range low.scores {
		low.scores[n] = make([]float64, r.Units())
	}
	classes := classGroups(r.data.Classes)
	filled := make([][]float64, len(r.columns))
	for c := range r.columns {
		filled[c] = r.columns[c].atLowest(classes)
	}
	k := newEvaluator(r.index, r.Units(), low.scores)
	k.leaf = func(column, lo int, block []float64) ([]float64, bool) {
		copy(block, filled[column][lo:lo+len(block)])
		return block, !slices.ContainsFunc(block, math.IsNaN)
	}
	for lo := 0; lo < r.Units(); lo += blockSize {
		k.block(lo, min(lo+blockSize, r.Units()))
	}
	for u, x := range low.scores[0] {
		if x != x {
			low.status[u] = UnitInsufficient
		}
	}
	return &low
}

// leastOfClass is how many of a class must have entered a leaf for the lowest of them: of
// fewer it says what one of them has.
const leastOfClass = 5

// atLowest returns the scores with the lowest entered one of the group in the place of
// those that were not entered.
func (c *column) atLowest(classes *grouping) []float64 {
	lowest, all := slices.Repeat([]float64{math.NaN()}, len(classes.names)), math.NaN()
	entered := make([]int, len(classes.names))
	status := make([]CellStatus, len(c.entered))
	filled := make([]float64, len(c.entered))
	for u := range c.entered {
		cell := c.cell(u)
		status[u], filled[u] = cell.Status, cell.Score
		if g := classes.group(u); cell.Status == CellEntered {
			lowest[g], all = lower(lowest[g], cell.Score), lower(all, cell.Score)
			entered[g]++
		}
	}
	for u, s := range status {
		if s != CellMissing && s != CellImputed && s != CellCarried {
			continue
		}
		low := all
		if g := classes.group(u); entered[g] >= leastOfClass {
			low = lowest[g]
		}
		filled[u] = lower(low, filled[u])
	}
	return filled
}

// lower returns the lower of two scores, and the one that is there where the other is NaN.
func lower(a, b float64) float64 {
	if b != b || a <= b {
		return a
	}
	return b
}
