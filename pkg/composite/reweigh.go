package composite

import (
	"bulwark/pkg/composite/internal/num"
	"math"
	"slices"
)

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
	k := newWalk(r.index, len(dst), keep)
	k.weights = weights
	leaves := r.index.leaves
	k.leaf = func(column, lo int, block []float64) ([]float64, bool) {
		scores := r.scores[leaves[column].node][lo : lo+len(block)]
		if leaves[column].node == 0 {
			copy(block, scores)
		}
		return scores, !slices.ContainsFunc(scores, math.IsNaN)
	}
	for lo := 0; lo < len(dst); lo += blockSize {
		k.block(lo, min(lo+blockSize, len(dst)))
	}
	for u, status := range r.status {
		if status != UnitScored {
			dst[u] = r.scores[0][u]
		}
	}
	return true
}

func isNil(column []float64) bool { return column == nil }
