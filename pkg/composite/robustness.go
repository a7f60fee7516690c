package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"runtime"
	"slices"
	"sync"
)

// Robustness says how far the ranking hangs on choices that could have been made
// otherwise.
type Robustness struct {
	Seed        uint64
	Replicates  int
	Top, Bottom int
	Grades      []string         // codes, as in the Spec
	Units       []UnitRobustness // those with a score in Standings, in the order of Data.Units
}

// UnitRobustness is what a unit got over all replicates. A quantile is the smallest
// value that at least that share of the replicates does not exceed (Hyndman and Fan
// 1996, type 1), so it is always one that occurred. Probabilities are shares of the
// replicates.
type UnitRobustness struct {
	Unit  int     // index into Data.Units
	Score float64 // as published
	Rank  int     // as published

	RankMean                      float64
	RankLow, RankMedian, RankHigh int // quantiles .05, .5, .95

	ScoreMean float64
	// Quantiles .05, .5, .95 of the rounded figure, over replicates that give one; all
	// 0 where none does.
	ScoreLow, ScoreMedian, ScoreHigh float64

	Top     float64   // P(fewer than k units are strictly ahead)
	Bottom  float64   // P(fewer than k units are strictly behind)
	Grades  []float64 // P(grade), by Robustness.Grades; with NoScore they sum to 1
	NoScore float64   // P(nothing is left to score the unit by); it then ranks last

	// NotApart are the units that this one cannot be told apart from: neither is
	// strictly ahead, on the rounded figure, in 95 % of the replicates or more. The
	// relation is symmetric; the list is in the order of Data.Units. Nil for all where
	// more than MaxCompared units have a score.
	NotApart []int
}

// MaxCompared is how many units are compared pair by pair.
const MaxCompared = 5000

// Robustness draws the uncertain parts of the index again and again, scores, rounds,
// ranks and grades each time as Standings does, and counts (Saisana, Saltelli and
// Tarantola 2005). Units that have no score in Standings take no part; rules that
// look at peers still see their values. Coverage is that of the scheme and not
// judged again.
//
// The answer depends on the seed, the spec, the data and the options, and on nothing
// else: not on GOMAXPROCS, Workers or the order of the units. What is drawn for a
// unit goes by its code. The error is what Check says of d, of type *DataFaults as
// for adjustments, or of type Faults with pointers into the options.
func (ix *Index) Robustness(d Data, o RobustnessOptions) (*Robustness, error) {
	p, err := ix.plan(d, o)
	if err != nil {
		return nil, err
	}
	o = p.options
	t := newTally(len(p.contest.units), len(ix.spec.Grades), o.Replicates)
	workers := min(or0(o.Workers, runtime.GOMAXPROCS(0)), maxWorkers, o.Replicates)
	parts := make([]*tally, workers)
	inParallel(workers, func(w int) {
		parts[w] = t.part()
		from, to := o.Replicates*w/workers, o.Replicates*(w+1)/workers
		p.newReplicator().replicates(from, to, parts[w])
	})
	for _, part := range parts {
		t.add(part)
	}
	rb := &Robustness{Seed: o.Seed, Replicates: o.Replicates, Top: o.Top, Bottom: o.Bottom}
	for _, g := range ix.spec.Grades {
		rb.Grades = append(rb.Grades, g.Code)
	}
	rb.Units = make([]UnitRobustness, len(p.contest.units))
	extents := make([]extent, len(rb.Units))
	inParallel(workers, func(w int) {
		s := newSummary(t)
		for i := w; i < len(rb.Units); i += workers {
			rb.Units[i], extents[i] = s.unit(i, p.contest.before[i])
		}
	})
	if len(rb.Units) <= MaxCompared {
		for i, list := range t.notApart(p.contest.units, extents, workers) {
			rb.Units[i].NotApart = list
		}
	}
	return rb, nil
}

// inParallel calls do with 0 … n−1, each in a goroutine of its own.
func inParallel(n int, do func(worker int)) {
	if n == 1 {
		do(0)
		return
	}
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() { do(w) })
	}
	wg.Wait()
}

func or0(n, fallback int) int {
	if n > 0 {
		return n
	}
	return fallback
}

// replicates runs the replicates from … to−1 and counts them.
func (r *replicator) replicates(from, to int, t *tally) {
	var keys [sources]uint64
	for i := from; i < to; i++ {
		for s := range keys {
			keys[s] = replicateKey(r.plan.options.Seed, i, s)
		}
		r.run(keys)
		t.count(r.contest, i, r.plan.options)
	}
}

// replicateKey is what a source draws from in a replicate.
func replicateKey(seed uint64, replicate, source int) uint64 {
	return num.Mix64(num.Mix64(seed) + uint64(replicate)*sources + uint64(source))
}

// tally counts outcomes by entrant. Ranks and figures are kept, all replicates of
// an entrant together; the parts of several workers share them.
type tally struct {
	replicates, grades int
	ranks              []int32
	scores             []float64
	top, bottom, none  []int32
	grade              []int32 // by entrant, then grade
}

func newTally(entrants, grades, replicates int) *tally {
	t := &tally{replicates: replicates, grades: grades}
	t.ranks, t.scores = make([]int32, entrants*replicates), make([]float64, entrants*replicates)
	t.top, t.bottom, t.none = make([]int32, entrants), make([]int32, entrants), make([]int32, entrants)
	t.grade = make([]int32, entrants*grades)
	return t
}

// part has counts of its own.
func (t *tally) part() *tally {
	p := *t
	n := len(t.top)
	p.top, p.bottom, p.none = make([]int32, n), make([]int32, n), make([]int32, n)
	p.grade = make([]int32, len(t.grade))
	return &p
}

func (t *tally) add(part *tally) {
	for i := range t.top {
		t.top[i] += part.top[i]
		t.bottom[i] += part.bottom[i]
		t.none[i] += part.none[i]
	}
	for i := range t.grade {
		t.grade[i] += part.grade[i]
	}
}

func (t *tally) count(c *contest, replicate int, o RobustnessOptions) {
	for i := range c.units {
		at := i*t.replicates + replicate
		t.ranks[at], t.scores[at] = c.rank[i], c.score[i]
		if int(c.ahead[i]) < o.Top {
			t.top[i]++
		}
		if int(c.behind[i]) < o.Bottom {
			t.bottom[i]++
		}
		if c.score[i] != c.score[i] {
			t.none[i]++
		}
		if g := c.grade[i]; g >= 0 {
			t.grade[i*t.grades+g]++
		}
	}
}

// summary turns the counts of one entrant into its figures.
type summary struct {
	t      *tally
	ranks  []int32
	scores []float64
}

func newSummary(t *tally) *summary { return &summary{t: t} }

func (s *summary) unit(i int, before Standing) (UnitRobustness, extent) {
	t, n := s.t, s.t.replicates
	share := func(count int32) float64 { return float64(count) / float64(n) }
	u := UnitRobustness{Unit: before.Unit, Score: before.Score, Rank: before.Rank}
	u.Top, u.Bottom, u.NoScore = share(t.top[i]), share(t.bottom[i]), share(t.none[i])
	u.Grades = make([]float64, t.grades)
	for g := range u.Grades {
		u.Grades[g] = share(t.grade[i*t.grades+g])
	}
	s.ranks = append(s.ranks[:0], t.ranks[i*n:(i+1)*n]...)
	sum := int64(0)
	for _, r := range s.ranks {
		sum += int64(r)
	}
	u.RankMean = float64(sum) / float64(n)
	slices.Sort(s.ranks)
	u.RankLow, u.RankMedian, u.RankHigh = int(quantile(s.ranks, 5)), int(quantile(s.ranks, 50)), int(quantile(s.ranks, 95))
	s.scores = s.scores[:0]
	for _, x := range t.scores[i*n : (i+1)*n] {
		if x == x {
			s.scores = append(s.scores, x)
		}
	}
	if len(s.scores) > 0 {
		slices.Sort(s.scores)
		u.ScoreMean = stats.ArithmeticMean(s.scores, nil)
		u.ScoreLow, u.ScoreMedian, u.ScoreHigh = quantile(s.scores, 5), quantile(s.scores, 50), quantile(s.scores, 95)
	}
	return u, extentOf(s.ranks)
}

// quantile is the smallest value of the ascending slice that so many percent of its
// values do not exceed.
func quantile[T any](sorted []T, percent int) T {
	return sorted[(percent*len(sorted)+99)/100-1]
}
