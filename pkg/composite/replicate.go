package composite

import (
	"math"

	"bulwark/pkg/composite/internal/num"
)

// replicator computes replicates of the scenarios, one after the other.
type replicator struct {
	scenarios  *scenarios
	simulation *simulation
	base       []float64 // root score by unit
	stream     num.Stream
	weights    []float64
	evaluators []*evaluator // by tree, made when first needed
	// What the evaluators read in this replicate, by column.
	scores [][]float64
	whole  [][]bool

	drawn   [][]float64 // by redrawn column: values drawn, their scores
	scored  [][]float64
	scratch *Result
}

func (p *scenarios) newReplicator() *replicator {
	units, columns := len(p.data.Units), len(p.index.leaves)
	r := &replicator{
		scenarios: p, simulation: p.simulation.clone(), base: make([]float64, units),
		evaluators: make([]*evaluator, len(p.trees)),
		scores:     make([][]float64, columns), whole: make([][]bool, columns),
	}
	for range p.redrawn {
		r.drawn = append(r.drawn, make([]float64, units))
		r.scored = append(r.scored, make([]float64, units))
	}
	return r
}

// run computes one replicate; each source draws from its key. The outcome is in
// the simulation.
func (r *replicator) run(keys [sources]uint64) {
	p := r.scenarios
	at := func(source int) int { return num.Pick(keys[source], p.choices[source]) }
	variant := at(variantSource)
	tree := variant*p.choices[aggregationSource] + at(aggregationSource)
	rules := variant*p.choices[normalisationSource] + at(normalisationSource)
	scenario := p.scenarios[rules*p.choices[missingSource]+at(missingSource)]
	for c, l := range scenario.result.index.leaves {
		r.scores[c], r.whole[c] = scenario.result.scores[l.node], scenario.whole[c]
	}
	if len(p.redrawn) > 0 {
		r.redraw(scenario, keys)
	}
	k := r.evaluator(tree)
	k.weights = r.perturbed(p.trees[tree], keys[weightSource])
	for lo := 0; lo < len(r.base); lo += k.size {
		k.block(lo, min(lo+k.size, len(r.base)))
	}
	for u, status := range scenario.result.status {
		if status == UnitFailed {
			r.base[u] = math.NaN()
		}
	}
	r.simulation.run(r.base)
}

// perturbed are the weights of the tree, each times its draw.
func (r *replicator) perturbed(ix *Index, key uint64) []float64 {
	spread := r.scenarios.options.WeightSpread
	if spread == 0 {
		return ix.weights
	}
	r.stream.Start(key)
	r.weights = append(r.weights[:0], ix.weights...)
	for n := range r.weights {
		r.weights[n] *= 1 + float64(spread*(2*r.stream.Unit()-1))
	}
	return r.weights
}

func (r *replicator) evaluator(tree int) *evaluator {
	if r.evaluators[tree] != nil {
		return r.evaluators[tree]
	}
	ix := r.scenarios.trees[tree]
	keep := make([][]float64, len(ix.nodes))
	keep[0] = r.base
	k := newEvaluator(ix, len(r.base), keep)
	k.leaf = func(column, lo int, block []float64) ([]float64, bool) {
		scores := r.scores[column][lo : lo+len(block)]
		if ix.leaves[column].node == 0 {
			copy(block, scores)
		}
		return scores, wholeFrom(r.whole[column], lo, len(block))
	}
	r.evaluators[tree] = k
	return k
}

// indistinguishable lists, by place, the units that each unit cannot be distinguished
// from.
func (t *tally) indistinguishable(units []int, extents []extent, workers int) [][]int {
	n := len(units)
	after := make([][]int32, n) // places further down the list only
	inParallel(workers, func(w int) {
		for a := w; a < n; a += workers {
			for b := a + 1; b < n; b++ {
				if !extents[a].clear(extents[b]) && !distinguishable(t.of(a), t.of(b)) {
					after[a] = append(after[a], int32(b))
				}
			}
		}
	})
	lists := make([][]int, n)
	for a := range after {
		for _, b := range after[a] {
			lists[b] = append(lists[b], units[a])
		}
	}
	for a := range after {
		for _, b := range after[a] {
			lists[a] = append(lists[a], units[b])
		}
	}
	return lists
}

// of returns the ranks of one unit.
func (t *tally) of(i int) []int32 { return t.ranks[i*t.replicates : (i+1)*t.replicates] }

// slack is in how many replicates the one ahead may be not ahead.
func slack(replicates int) int { return replicates / 20 }

// extent is the range of the ranks of a unit, half of the slack left out at either end.
type extent struct{ low, high int32 }

func extentOf(sorted []int32) extent {
	out := slack(len(sorted)) / 2
	return extent{sorted[out], sorted[len(sorted)-1-out]}
}

// clear reports that two extents do not touch. Then the two are distinguishable: what
// lies outside the extents is no more than the slack.
func (e extent) clear(f extent) bool { return e.high < f.low || f.high < e.low }

// distinguishable reports whether one of two is strictly ahead in 95 % of the
// replicates or more. It stops as soon as neither can be any longer.
func distinguishable(a, b []int32) bool {
	const step = 64
	allowed, seen := slack(len(a)), 0
	var ahead, behind uint32
	for len(a) > 0 {
		n := min(step, len(a))
		x, y := a[:n], b[:n]
		for i := range x {
			// Without branches, which would mispredict: the sign bit of a difference.
			ahead += uint32(x[i]-y[i]) >> 31
			behind += uint32(y[i]-x[i]) >> 31
		}
		if seen += n; seen-int(ahead) > allowed && seen-int(behind) > allowed {
			return false
		}
		a, b = a[n:], b[n:]
	}
	return true
}
