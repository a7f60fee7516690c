package composite

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"sort"
)

// choice is one option of an item. Within an item cost and gain ascend, from 0.
type choice struct{ cost, gain float64 }

// knapsack is a multiple-choice knapsack: one choice of every item, so that the
// gains sum to need at the least cost. Branch and bound, best bound first.
type knapsack struct {
	items   [][]choice
	need    float64
	quantum float64 // all costs are multiples of it; 0 if too small to be of use
	work    int     // choices and edges that may still be looked at
	picks   []int   // best so far
	cost    float64
}

// maxWork holds a search to a few tenths of a second, and to an eighth of it once the
// cost is within a ten-thousandth of the bound: the last step of many alike can be put
// together in more ways than are worth trying.
const (
	maxWork       = 20_000_000
	enoughWork    = maxWork / 8 * 7
	workPerBranch = 2_000 // in memory as much as in time
)

// cheapest solves the knapsack; false if all items at their best do not do. The
// bound holds even where the search is cut short, by itself or once done is closed.
func cheapest(items [][]choice, need float64, done <-chan struct{}) (answer, bool) {
	k := &knapsack{items: items, need: need, quantum: quantum(items), work: maxWork, cost: math.Inf(1)}
	root := &branch{low: make([]int, len(items)), high: make([]int, len(items)), hulls: make([][]int, len(items))}
	for i := range items {
		root.high[i] = len(items[i]) - 1
		root.hulls[i] = k.hull(i, 0, root.high[i])
	}
	if !k.relax(root) {
		return answer{}, false
	}
	open := &branches{root}
	for len(*open) > 0 {
		b := heap.Pop(open).(*branch)
		if b.bound >= k.cost-k.slack() {
			break
		}
		if k.work < 0 || stopped(done) || k.work < enoughWork && b.bound > k.cost*(1-1e-4) {
			return answer{k.picks, b.bound, false}, true
		}
		for _, child := range k.split(b) {
			if k.relax(child) && child.bound < k.cost-k.slack() {
				heap.Push(open, child)
			}
		}
	}
	return answer{k.picks, k.cost, true}, true
}

// slack is what costs may differ by and still be the same.
func (k *knapsack) slack() float64 { return 1e-9 * max(1, math.Abs(k.cost)) }

// branch is a part of the choices: those from low up to and with high of every item.
type branch struct {
	low, high []int
	hulls     [][]int // of every item: the choices on its lower convex hull
	bound     float64 // no choice in here costs less
	item, cut int     // where the relaxation splits an item: below cut, and from it on
}

// hull lists the choices between which mixing is cheapest: cost over gain, convex.
// Slopes within a billionth of each other are one edge.
func (k *knapsack) hull(item, low, high int) []int {
	c := k.items[item]
	hull := make([]int, 0, 8)
	for j := low; j <= high; j++ {
		for len(hull) > 1 {
			a, b := hull[len(hull)-2], hull[len(hull)-1]
			if slopeOf(c[a], c[b]) < slopeOf(c[b], c[j])*(1-1e-9) {
				break
			}
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, j)
	}
	k.work -= high - low
	return hull
}

func slopeOf(a, b choice) float64 { return (b.cost - a.cost) / (b.gain - a.gain) }

type edge struct {
	slope    float64
	item, to int
}

// relax solves the branch with mixtures allowed: along the cheapest edges of all
// hulls until the need is met, the last one in part. It sets bound and split, offers
// the full edge as a solution, and reports whether the branch has one at all.
func (k *knapsack) relax(b *branch) bool {
	at := slices.Clone(b.low)
	gain, cost := k.sums(at)
	var edges []edge
	for i, hull := range b.hulls {
		for j := 1; j < len(hull); j++ {
			edges = append(edges, edge{slopeOf(k.items[i][hull[j-1]], k.items[i][hull[j]]), i, hull[j]})
		}
	}
	k.work -= workPerBranch + 4*len(edges)
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.slope, b.slope), a.item-b.item, a.to-b.to)
	})
	b.item = -1
	for _, e := range edges {
		if gain >= k.need {
			break
		}
		from, to := k.items[e.item][at[e.item]], k.items[e.item][e.to]
		if short := k.need - gain; to.gain-from.gain >= short {
			b.item = e.item
			b.cut = k.reach(e.item, at[e.item], e.to, from.gain+short)
			b.bound = cost + float64(short*e.slope)
			k.finish(b, at, gain)
			return true
		}
		gain += to.gain - from.gain
		cost += to.cost - from.cost
		at[e.item] = e.to
	}
	if gain < k.need {
		return false
	}
	b.bound = cost
	k.offer(at)
	return true
}

// finish offers the solutions next to the relaxed one: each item, within the branch,
// raised alone to what is short.
func (k *knapsack) finish(b *branch, at []int, gain float64) {
	if k.quantum > 0 {
		b.bound = max(b.bound, math.Ceil(b.bound/k.quantum-1e-3)*k.quantum)
	}
	short := k.need - gain
	best, to, extra := -1, 0, math.Inf(1)
	for i, c := range k.items {
		j := k.reach(i, at[i], b.high[i], c[at[i]].gain+short)
		if c[j].gain >= c[at[i]].gain+short && c[j].cost-c[at[i]].cost < extra {
			best, to, extra = i, j, c[j].cost-c[at[i]].cost
		}
	}
	if best >= 0 {
		at[best] = to
		k.offer(at)
	}
}

// reach returns the first choice from low to high whose gain is enough, high if none.
func (k *knapsack) reach(item, low, high int, gain float64) int {
	c := k.items[item]
	return low + sort.Search(high-low, func(j int) bool { return c[low+j].gain >= gain })
}

func (k *knapsack) sums(picks []int) (gain, cost float64) {
	for i, j := range picks {
		gain += k.items[i][j].gain
		cost += k.items[i][j].cost
	}
	return gain, cost
}

// offer keeps the picks if they do and cost less.
func (k *knapsack) offer(picks []int) {
	if gain, cost := k.sums(picks); gain >= k.need && cost < k.cost {
		k.picks, k.cost = slices.Clone(picks), cost
	}
}

// split divides a branch where its relaxation mixes two choices.
func (k *knapsack) split(b *branch) []*branch {
	if b.item < 0 {
		return nil
	}
	var parts []*branch
	for _, ends := range [][2]int{{b.low[b.item], b.cut - 1}, {b.cut, b.high[b.item]}} {
		if ends[0] > ends[1] {
			continue
		}
		part := &branch{low: slices.Clone(b.low), high: slices.Clone(b.high), hulls: slices.Clone(b.hulls)}
		part.low[b.item], part.high[b.item] = ends[0], ends[1]
		part.hulls[b.item] = k.hull(b.item, ends[0], ends[1])
		parts = append(parts, part)
	}
	return parts
}

// quantum is the greatest common divisor of all costs, in billionths; 0 if it is
// below a ten-thousandth, where it is of no use.
func quantum(items [][]choice) float64 {
	divisor := int64(0)
	for _, item := range items {
		for _, c := range item {
			if !(c.cost < 9e9) {
				return 0
			}
			for b := int64(math.Round(c.cost * 1e9)); b != 0; {
				divisor, b = b, divisor%b
			}
		}
	}
	if divisor < 1e5 {
		return 0
	}
	return float64(divisor) / 1e9
}

// branches is a heap by bound.
type branches []*branch

func (h branches) Len() int           { return len(h) }
func (h branches) Less(i, j int) bool { return h[i].bound < h[j].bound }
func (h branches) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *branches) Push(x any)        { *h = append(*h, x.(*branch)) }
func (h *branches) Pop() any {
	last := len(*h) - 1
	b := (*h)[last]
	*h = (*h)[:last]
	return b
}
