package composite

import (
	"bulwark/pkg/composite/stats"
	"math"
	"runtime"
	"slices"
)

// Source names one source of uncertainty.
type Source string

// The sources, in the order in which they are told.
const (
	WeightSource        Source = "weights"
	RatingSource        Source = "ratings"
	MissingSource       Source = "missing"
	NormalisationSource Source = "normalisation"
	AggregationSource   Source = "aggregation"
	VariantSource       Source = "variant"
)

var sourceNames = [sources]Source{WeightSource, RatingSource, MissingSource, NormalisationSource, AggregationSource, VariantSource}

// Sensitivity says which source of uncertainty moves the ranking, and which the rank
// and the score of a unit.
type Sensitivity struct {
	Sources []Source           // those that are on and leave a choice; the factors below
	Shift   stats.SobolIndices // of the mean |rank − published rank| over all units
	Units   []UnitSensitivity
}

// UnitSensitivity is what moves one unit. Replicates in which nothing is left to score
// it by do not count for its score.
type UnitSensitivity struct {
	Unit        int
	Rank, Score stats.SobolIndices
}

// Sensitivity takes apart the variance that the sources of o cause, each source as
// one factor whatever it draws: one number decides about all its weights, or all its
// ratings (Saisana, Saltelli and Tarantola 2005; groups of factors as in Saltelli et
// al. 2008, section 4.6). Shift is always analysed, and the rank and the score of the
// units listed, as far as they have a score in Standings. The seeds and numbers of
// rows are those of s; o.Seed and o.Replicates play no part. Errors are those of
// Robustness.
func (ix *Index) Sensitivity(d Data, o RobustnessOptions, s stats.SobolOptions, units []int) (*Sensitivity, error) {
	s = s.Resolve()
	o.Replicates = 1
	p, err := ix.plan(d, o)
	if err != nil {
		return nil, err
	}
	on := p.on()
	entrants := p.entrants(units)
	k := len(on)
	if s.Rows > maxCells/(k+2)/(1+2*len(entrants)) {
		return nil, Faults{{"/rows", "too_large", "the analysis needs too much memory: give fewer rows or units"}}
	}
	shift := stats.NewSobolSample(k, s.Rows)
	ranks, scores := make([]*stats.SobolSample, len(entrants)), make([]*stats.SobolSample, len(entrants))
	for e := range entrants {
		ranks[e], scores[e] = stats.NewSobolSample(k, s.Rows), stats.NewSobolSample(k, s.Rows)
	}
	workers := min(or0(o.Workers, runtime.GOMAXPROCS(0)), maxWorkers, s.Rows)
	inParallel(workers, func(w int) {
		r, x := p.newReplicator(), stats.NewSobolRows(k, s)
		for row := s.Rows * w / workers; row < s.Rows*(w+1)/workers; row++ {
			x.Draw(row)
			for m := range k + 2 {
				r.run(keysOf(on, x.Row(m)))
				shift.Set(row, m, r.contest.shift())
				for e, i := range entrants {
					ranks[e].Set(row, m, float64(r.contest.rank[i]))
					scores[e].Set(row, m, r.contest.score[i])
				}
			}
		}
	})
	out := &Sensitivity{Shift: shift.Indices(s), Units: make([]UnitSensitivity, len(entrants))}
	for _, source := range on {
		out.Sources = append(out.Sources, sourceNames[source])
	}
	inParallel(workers, func(w int) {
		for e := w; e < len(entrants); e += workers {
			out.Units[e] = UnitSensitivity{p.contest.units[entrants[e]], ranks[e].Indices(s), scores[e].Indices(s)}
		}
	})
	return out, nil
}

// on are the sources that can make a difference.
func (p *plan) on() []int {
	var on []int
	for s := range sources {
		switch {
		case s == weightSource && p.options.WeightSpread > 0, s == ratingSource && len(p.rated) > 0, p.choices[s] > 1:
			on = append(on, s)
		}
	}
	return on
}

// entrants are the places in the contest of the units that take part, each once.
func (p *plan) entrants(units []int) []int {
	var entrants []int
	for _, u := range units {
		if i, ok := slices.BinarySearch(p.contest.units, u); ok && !slices.Contains(entrants, i) {
			entrants = append(entrants, i)
		}
	}
	return entrants
}

// keysOf turns factors into what their sources draw from. A discrete source with n
// ways then takes the way ⌊n·x⌋.
func keysOf(on []int, x []float64) (keys [sources]uint64) {
	for i, s := range on {
		keys[s] = uint64(x[i]*0x1p53) << 11
	}
	return keys
}

// shift is the mean distance of the entrants from their published ranks.
func (c *contest) shift() float64 {
	if len(c.units) == 0 {
		return 0
	}
	sum := int64(0)
	for i := range c.rank {
		sum += int64(math.Abs(float64(int(c.rank[i]) - c.before[i].Rank)))
	}
	return float64(sum) / float64(len(c.rank))
}
