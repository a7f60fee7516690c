package composite

import (
	"math"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// evaluator computes the scores of the tree for blocks of units. The scores of the
// children of a node lie on a stack, in document order, until fold replaces them by
// their parent's. The buffer of a parent may be that of its first child: every fold
// reads a unit's values before it writes the unit's result.
type evaluator struct {
	index   *Index
	weights []float64   // by node
	keep    [][]float64 // by node: where its scores go, nil if only its parent needs them
	// leaf returns the scores of a block of a column, in dst or elsewhere, and
	// whether every unit has one.
	leaf func(column, lo int, dst []float64) ([]float64, bool)

	pool  []float64   // one buffer per place of the stack
	size  int         // of a buffer
	stack [][]float64 // scores
	whole []bool      // by place: whether every unit has a score
	x, w  []float64   // the values of one unit that are there, and their weights
	total []float64   // the weights that each unit of a block has
}

// blockSize is the number of units for which the whole tree is computed at a time. The
// scores of a block stay in the first-level cache until their parent has them.
const blockSize = 256

func newEvaluator(ix *Index, units int, keep [][]float64) *evaluator {
	depth, widest := ix.stackNeed(0)
	size := ix.blockOf(units)
	scratch := make([]float64, depth*size+2*widest+size)
	k := &evaluator{
		index: ix, weights: ix.weights, keep: keep, size: size,
		stack: make([][]float64, 0, depth), whole: make([]bool, 0, depth),
	}
	k.pool, scratch = scratch[:depth*size], scratch[depth*size:]
	k.x, k.w, k.total = scratch[:widest], scratch[widest:2*widest], scratch[2*widest:]
	return k
}

// blockOf returns the number of units of a block: all of them where a node compares units in pairs.
func (ix *Index) blockOf(units int) int {
	if ix.pairs {
		return max(units, 1)
	}
	return max(min(blockSize, units), 1)
}

// block computes the scores of the units from lo up to hi, at most those of a block.
func (k *evaluator) block(lo, hi int) {
	k.tree(0, lo, hi)
	k.stack, k.whole = k.stack[:0], k.whole[:0]
}

// tree leaves the scores of the node on the stack.
func (k *evaluator) tree(node, lo, hi int) {
	at := len(k.stack) * k.size
	dst := k.pool[at : at+hi-lo]
	if kept := k.keep[node]; kept != nil {
		dst = kept[lo:hi]
	}
	if info := &k.index.nodes[node]; info.Leaf {
		k.push(k.leaf(info.Column, lo, dst))
		return
	}
	for _, child := range k.index.inner[node].children {
		k.tree(child, lo, hi)
	}
	k.fold(node, dst)
}

// stackNeed is the number of blocks on the stack at once below and with the node,
// and the largest number of children.
func (ix *Index) stackNeed(node int) (depth, widest int) {
	children := ix.inner[node].children
	depth, widest = 1, len(children)
	for i, child := range children {
		d, w := ix.stackNeed(child)
		depth, widest = max(depth, i+d), max(widest, w)
	}
	return depth, widest
}

func (k *evaluator) push(scores []float64, whole bool) {
	k.stack = append(k.stack, scores)
	k.whole = append(k.whole, whole)
}

// fold replaces the children of the node on the stack by their aggregate in dst, rounded
// to 12 significant digits.
func (k *evaluator) fold(node int, dst []float64) {
	in := &k.index.inner[node]
	base := len(k.stack) - len(in.children)
	blocks, whole := k.stack[base:], true
	for _, w := range k.whole[base:] {
		whole = whole && w
	}
	switch {
	case in.kind == Copeland:
		whole = k.compete(in, blocks, dst)
	case in.kind != Arithmetic && in.kind != Sum:
		whole = k.gather(in, blocks, dst)
	case whole:
		k.arithmetic(in, blocks, dst)
	default:
		whole = k.sparse(in, blocks, dst)
	}
	if in.factor != 1 && (in.kind == Arithmetic || in.kind == Sum) { // the other means are multiplied already
		for i := range dst {
			dst[i] *= in.factor
		}
	}
	num.SignificantAll(dst)
	k.stack, k.whole = k.stack[:base], k.whole[:base]
	k.push(dst, whole)
}

// arithmetic is ArithmeticMean for blocks in which nothing is missing, two
// children at a time; the sums run in document order, as they do in gather.
func (k *evaluator) arithmetic(in *inner, blocks [][]float64, dst []float64) {
	total, w := 0.0, k.w[:len(blocks)]
	for i, child := range in.children {
		w[i] = k.weights[child]
		total += w[i]
	}
	first := blocks[0][:len(dst)]
	for i := range dst {
		dst[i] = float64(w[0] * first[i])
	}
	blocks, w = blocks[1:], w[1:]
	for ; len(blocks) >= 2; blocks, w = blocks[2:], w[2:] {
		a, b, wa, wb := blocks[0][:len(dst)], blocks[1][:len(dst)], w[0], w[1]
		for i, sum := range dst {
			dst[i] = sum + float64(wa*a[i]) + float64(wb*b[i])
		}
	}
	if len(blocks) == 1 {
		a, wa := blocks[0][:len(dst)], w[0]
		for i, sum := range dst {
			dst[i] = sum + float64(wa*a[i])
		}
	}
	for i := range dst {
		dst[i] /= total
	}
}

// sparse is arithmetic for blocks in which something is missing. It reports whether
// every unit has a result.
func (k *evaluator) sparse(in *inner, blocks [][]float64, dst []float64) bool {
	total := k.total[:len(dst)]
	clear(total)
	for b, block := range blocks {
		w := k.weights[in.children[b]]
		for i, x := range block[:len(dst)] {
			switch {
			case x != x && b == 0:
				dst[i] = 0
			case x != x:
			case b == 0:
				dst[i], total[i] = float64(w*x), w
			default:
				dst[i] += float64(w * x)
				total[i] += w
			}
		}
	}
	whole := true
	for i := range dst {
		dst[i] /= total[i] // 0/0, NaN, where nothing is
		whole = whole && total[i] > 0
	}
	return whole
}

// gather aggregates by a mean other than the arithmetic one, unit by unit, what is there, NaN where nothing is, and
// reports whether every unit has a result.
func (k *evaluator) gather(in *inner, blocks [][]float64, dst []float64) bool {
	whole := true
	for i := range dst {
		n := 0
		for b, block := range blocks {
			if x := block[i]; x == x {
				k.x[n], k.w[n] = num.NearZero(x), k.weights[in.children[b]]
				n++
			}
		}
		if n == 0 {
			dst[i], whole = math.NaN(), false
			continue
		}
		dst[i] = in.mean(k.x[:n], k.w[:n])
	}
	return whole
}

// compete compares all units in pairs and reports whether every one has a result.
func (k *evaluator) compete(in *inner, blocks [][]float64, dst []float64) bool {
	w := k.w[:len(blocks)]
	for i, child := range in.children {
		w[i] = k.weights[child]
		blocks[i] = blocks[i][:len(dst)]
	}
	whole := true
	for i, x := range stats.NewTournament(blocks, w).Scores() {
		dst[i] = in.factor * x
		whole = whole && x == x
	}
	return whole
}

// coverage sums, for a block of units, the effective weights that are entered and
// that apply. While every cell of every column so far is entered, one number is
// enough for all units; sums per unit begin where that ends. Either way a unit's
// weights are added in document order, so its coverage does not depend on the
// other units of the block.
type coverage struct {
	units               int
	total               float64 // while uniform
	uniform             bool
	entered, applicable []float64
}

func newCoverage(size int) coverage {
	return coverage{entered: make([]float64, size), applicable: make([]float64, size)}
}

func (c *coverage) reset(units int) { c.units, c.total, c.uniform = units, 0, true }

// all adds a column that every unit has entered.
func (c *coverage) all(weight float64) {
	if c.uniform {
		c.total += weight
		return
	}
	for i := range c.units {
		c.entered[i] += weight
		c.applicable[i] += weight
	}
}

// some adds a column by the status of its cells.
func (c *coverage) some(weight float64, statuses []CellStatus) {
	if c.uniform {
		c.uniform = false
		for i := range c.units {
			c.entered[i], c.applicable[i] = c.total, c.total
		}
	}
	for i, status := range statuses {
		if status == CellEntered {
			c.entered[i] += weight
		}
		if status != CellNotApplicable {
			c.applicable[i] += weight
		}
	}
}

// ratio writes the coverage of each unit, NaN where nothing applies.
func (c *coverage) ratio(dst []float64) {
	for i := range dst {
		switch {
		case c.uniform:
			dst[i] = 1
		case c.applicable[i] == 0:
			dst[i] = math.NaN()
		default:
			dst[i] = c.entered[i] / c.applicable[i]
		}
	}
}
