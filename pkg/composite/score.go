package composite

import (
	"bulwark/pkg/composite/stats"
	"math"
)

// Keep says how much of a Result stays in memory: the scores of all nodes down to
// this depth. The root's are always kept, and those of leaves can always be asked.
type Keep int

// The extremes; 1 keeps the root and the first level.
const (
	KeepRoot Keep = 0
	KeepAll  Keep = MaxDepth
)

// Score scores every unit of d, which must have passed Check. It cannot fail, and
// memory is allocated per node, not per unit. Data of the wrong shape give a
// Result without units; values that Check would have refused may have no score.
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
	s := newScan(r)
	for lo := 0; lo < len(d.Units); lo += blockSize {
		s.block(lo, min(lo+blockSize, len(d.Units)))
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
		if n == 0 || ix.nodes[n].Depth <= int(keep) {
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
		if n == 0 || ix.nodes[n].Depth <= int(keep) {
			r.scores[n] = next()
		}
	}
	return r
}

// scan scores the leaves of a Result, block by block, and keeps the accounts.
type scan struct {
	r        *Result
	walk     *walk
	cover    cover
	statuses []CellStatus
}

func newScan(r *Result) *scan {
	s := &scan{r: r, walk: newWalk(r.index, len(r.data.Units), r.scores)}
	s.walk.leaf = s.leaf
	s.cover = newCover(s.walk.size)
	s.statuses = make([]CellStatus, s.walk.size)
	return s
}

func (s *scan) block(lo, hi int) {
	s.cover.reset(hi - lo)
	s.walk.block(lo, hi)
	s.finish(lo, hi)
}

func (s *scan) leaf(at, lo int, dst []float64) ([]float64, bool) {
	c := &s.r.columns[at]
	whole := c.direct() && scoreBlock(dst, c.entered[lo:lo+len(dst)], c.scorers[0])
	if whole && c.notApplicable == nil {
		s.cover.all(c.leaf.effective)
		return dst, true
	}
	return dst, s.cells(c, lo, dst)
}

// cells goes through a block cell by cell, past those that scoreBlock has settled.
func (s *scan) cells(c *column, lo int, dst []float64) bool {
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
	if entered {
		s.cover.all(c.leaf.effective)
	} else {
		s.cover.some(c.leaf.effective, statuses)
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

// finish settles coverage and status of a block. A unit without a score loses that
// of its root, so that no figure of it can be published by mistake.
func (s *scan) finish(lo, hi int) {
	s.cover.ratio(s.r.coverage[lo:hi])
	least := s.r.index.spec.MinCoverage
	root, status := s.r.scores[0], s.r.status
	for i := lo; i < hi; i++ {
		if status[i] == UnitFailed {
			root[i] = math.NaN()
			continue
		}
		// The coverage is rounded, or a sum of weights could miss its limit by a bit.
		coverage := s.r.coverage[i]
		if coverage != 1 && !(stats.Round(coverage, stats.MaxDecimals) >= least) || root[i] != root[i] {
			status[i] = UnitInsufficient
			root[i] = math.NaN()
		}
	}
}
