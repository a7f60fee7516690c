package composite

import (
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// redrawn is a column whose values are drawn again in every replicate, from the key of its source.
type redrawn struct {
	column, source int
	// draw writes a value of every unit. A unit of which nothing can be drawn keeps its entry,
	// one without an entry stays without.
	draw func(dst, entered []float64, s *num.Stream, key uint64)
}

// redrawnColumns returns the columns that ratings or counts stand behind.
func (p *scenarios) redrawnColumns() (list []redrawn) {
	for _, rated := range p.options.Ratings {
		column := newRatedColumn(rated, p.index.code(rated.Column), p.data.Units)
		list = append(list, redrawn{rated.Column, ratingSource, column.draw})
	}
	for i := range p.options.Counts {
		counts := &p.options.Counts[i]
		list = append(list, redrawn{counts.Column, chanceSource, drawCounts(counts, p.index.code(counts.Column), p.data.Units)})
	}
	return list
}

// drawCounts returns what draws the ratios of counts. What is drawn of a unit goes by its code.
func drawCounts(c *stats.Counts, code string, units []string) func(dst, entered []float64, s *num.Stream, key uint64) {
	keys := make([]uint64, len(units))
	for u := range units {
		keys[u] = num.TextKey(units[u]) ^ num.TextKey(code)
	}
	return func(dst, entered []float64, s *num.Stream, key uint64) {
		for u := range dst {
			if dst[u] = entered[u]; entered[u] == entered[u] && c.Has(u) {
				s.Start(key ^ keys[u])
				dst[u] = c.Draw(u, s)
			}
		}
	}
}

// redraw draws the columns behind which ratings or counts stand again, fits their rules to the
// values drawn and scores them.
func (r *replicator) redraw(w *scenario, keys [sources]uint64) {
	ix := w.result.index
	if r.scratch == nil {
		r.scratch = &Result{data: r.scenarios.data, columns: make([]column, len(ix.leaves))}
		r.scratch.data.Columns = slices.Clone(r.scenarios.data.Columns)
	}
	r.scratch.index = ix
	r.scratch.Flags, r.scratch.Treated = r.scratch.Flags[:0], r.scratch.Treated[:0]
	for i, x := range r.scenarios.redrawn {
		x.draw(r.drawn[i], r.scenarios.data.Columns[x.column], &r.stream, keys[x.source])
		r.scratch.data.Columns[x.column] = r.drawn[i]
		c := &r.scratch.columns[x.column]
		*c = column{}
		r.scratch.fit(x.column, r.scenarios.classes)
		scores := r.scored[i]
		for u := range scores {
			scores[u] = c.cell(u).Score
		}
		r.scores[x.column], r.whole[x.column] = scores, wholeBlocks(scores)
	}
}
