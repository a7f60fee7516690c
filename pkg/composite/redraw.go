package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"maps"
	"slices"
)

// ratedColumn is a RatedColumn made ready for drawing.
type ratedColumn struct {
	column  int
	combine Combination
	cells   [][]roleRatings // by unit
	keys    []uint64        // by unit
}

// roleRatings are the ratings of one role in one cell, ascending, so that their
// order in the input plays no part.
type roleRatings struct {
	weight float64
	values []float64
}

func newRatedColumn(rc RatedColumn, code string, units []string) ratedColumn {
	out := ratedColumn{column: rc.Column, combine: rc.Combine}
	for u, cell := range rc.Ratings {
		byRole := map[string][]float64{}
		for _, rating := range cell {
			if num.Finite(rating.Value) {
				byRole[rating.Role] = append(byRole[rating.Role], rating.Value)
			}
		}
		var roles []roleRatings
		for _, role := range slices.Sorted(maps.Keys(byRole)) {
			weight := 1.0
			if rc.Combine.RoleWeights != nil {
				weight = rc.Combine.RoleWeights[role]
			}
			if weight > 0 {
				roles = append(roles, roleRatings{weight, slices.Sorted(slices.Values(byRole[role]))})
			}
		}
		out.cells = append(out.cells, roles)
		out.keys = append(out.keys, num.TextKey(units[u])^num.TextKey(code))
	}
	return out
}

// draw writes a value of every unit: its ratings drawn with replacement within each
// role and combined. A unit without ratings keeps its entry, one without an entry
// stays without.
func (rc *ratedColumn) draw(dst, entered []float64, s *num.Stream, key uint64) {
	var buffer, values, weights []float64
	for u, roles := range rc.cells {
		dst[u] = entered[u]
		if len(roles) == 0 || entered[u] != entered[u] {
			continue
		}
		s.Start(key ^ rc.keys[u])
		values, weights = values[:0], weights[:0]
		for _, role := range roles {
			buffer = buffer[:0]
			for range role.values {
				buffer = append(buffer, role.values[num.Pick(s.Uint64(), len(role.values))])
			}
			values = append(values, rc.combine.one(buffer))
			weights = append(weights, role.weight)
		}
		dst[u] = stats.ArithmeticMean(values, weights)
	}
}

// redraw draws the rated columns anew, fits their rules to the values drawn and
// scores them.
func (r *replicator) redraw(w *world, key uint64) {
	ix := w.result.index
	if r.scratch == nil {
		r.scratch = &Result{data: r.plan.data, columns: make([]column, len(ix.leaves))}
		r.scratch.data.Columns = slices.Clone(r.plan.data.Columns)
	}
	r.scratch.index = ix
	r.scratch.Flags, r.scratch.Treated = r.scratch.Flags[:0], r.scratch.Treated[:0]
	for i := range r.plan.rated {
		rc := &r.plan.rated[i]
		rc.draw(r.drawn[i], r.plan.data.Columns[rc.column], &r.stream, key)
		r.scratch.data.Columns[rc.column] = r.drawn[i]
		c := &r.scratch.columns[rc.column]
		*c = column{}
		r.scratch.fit(rc.column, r.plan.classes)
		scores := r.scored[i]
		for u := range scores {
			scores[u] = c.cell(u).Score
		}
		r.scores[rc.column], r.whole[rc.column] = scores, wholeBlocks(scores)
	}
}
