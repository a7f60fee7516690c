package composite

import (
	"math"
	"runtime"
	"slices"

	"bulwark/pkg/composite/stats"
)

// Source names one source of uncertainty.
type Source string

// The sources, in the order in which they are reported.
const (
	weightName        Source = "weights"
	ratingName        Source = "ratings"
	missingName       Source = "missing"
	normalisationName Source = "normalisation"
	aggregationName   Source = "aggregation"
	variantName       Source = "variant"
	chanceName        Source = "chance"
)

var sourceNames = [sources]Source{
	weightName, ratingName, missingName, normalisationName, aggregationName, variantName, chanceName,
}

// Sensitivity is which source of uncertainty moves the ranking, and which the rank
// and the score of a unit.
type Sensitivity struct {
	Sources []Source           // those that are on and leave a choice; the factors below
	Shift   stats.SobolIndices // of the mean |rank − published rank| over all units
	Units   []unitSensitivity
}

// unitSensitivity is what moves one unit. Replicates in which nothing is left to score
// it by do not count for its score.
type unitSensitivity struct {
	Unit        int
	Rank, Score stats.SobolIndices
}

// Sensitivity divides the variance among the sources of o that cause it, each source as
// one factor whatever it draws: one number decides about all its weights, or all its
// ratings (Saisana, Saltelli and Tarantola 2005; groups of factors as in Saltelli et
// al. 2008, section 4.6). Shift is always analysed, and the rank and the score of the
// units listed, as far as they have a score in Standings. The seeds and numbers of
// rows are those of s; o.Seed and o.Replicates play no part. Errors are those of
// Robustness.
func (ix *Index) Sensitivity(d Data, o RobustnessOptions, s stats.SobolOptions, units []int) (*Sensitivity, error) {
	s = s.Resolve()
	o.Replicates = 1
	p, err := ix.scenarios(d, o)
	if err != nil {
		return nil, err
	}
	on := p.on()
	places := p.places(units)
	k := len(on)
	if s.Rows > maxCells/(k+2)/(1+2*len(places)) {
		return nil, Faults{{"/rows", "too_large", "the analysis needs too much memory: give fewer rows or units"}}
	}
	shift := stats.NewSobolSample(k, s.Rows)
	ranks, scores := make([]*stats.SobolSample, len(places)), make([]*stats.SobolSample, len(places))
	for e := range places {
		ranks[e], scores[e] = stats.NewSobolSample(k, s.Rows), stats.NewSobolSample(k, s.Rows)
	}
	workers := min(positiveOr(o.Workers, runtime.GOMAXPROCS(0)), maxWorkers, s.Rows)
	inParallel(workers, func(w int) {
		r, x := p.newReplicator(), stats.NewSobolRows(k, s)
		for row := s.Rows * w / workers; row < s.Rows*(w+1)/workers; row++ {
			x.Draw(row)
			for m := range k + 2 {
				r.run(keysOf(on, x.Row(m)))
				shift.Set(row, m, r.simulation.shift())
				for e, i := range places {
					ranks[e].Set(row, m, float64(r.simulation.rank[i]))
					scores[e].Set(row, m, r.simulation.score[i])
				}
			}
		}
	})
	out := &Sensitivity{Shift: shift.Indices(s), Units: make([]unitSensitivity, len(places))}
	for _, source := range on {
		out.Sources = append(out.Sources, sourceNames[source])
	}
	inParallel(workers, func(w int) {
		for e := w; e < len(places); e += workers {
			out.Units[e] = unitSensitivity{p.simulation.units[places[e]], ranks[e].Indices(s), scores[e].Indices(s)}
		}
	})
	return out, nil
}

// on are the sources that can make a difference.
func (p *scenarios) on() []int {
	var on []int
	for s := range sources {
		switch {
		case s == weightSource && p.options.WeightSpread > 0, s == ratingSource && len(p.options.Ratings) > 0,
			s == chanceSource && len(p.options.Counts) > 0, p.choices[s] > 1:
			on = append(on, s)
		}
	}
	return on
}

// places returns the places in the simulation of the units that take part, each once.
func (p *scenarios) places(units []int) []int {
	var places []int
	for _, u := range units {
		if i, ok := slices.BinarySearch(p.simulation.units, u); ok && !slices.Contains(places, i) {
			places = append(places, i)
		}
	}
	return places
}

// keysOf turns factors into what their sources draw from. A discrete source with n
// ways then takes the way ⌊n·x⌋.
func keysOf(on []int, x []float64) (keys [sources]uint64) {
	for i, s := range on {
		keys[s] = uint64(x[i]*0x1p53) << 11
	}
	return keys
}

// shift is the mean distance of the units from their published ranks.
func (c *simulation) shift() float64 {
	if len(c.units) == 0 {
		return 0
	}
	sum := int64(0)
	for i := range c.rank {
		sum += int64(math.Abs(float64(int(c.rank[i]) - c.before[i].Rank)))
	}
	return float64(sum) / float64(len(c.rank))
}
