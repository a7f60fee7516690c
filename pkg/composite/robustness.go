package composite

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// RobustnessOptions are what is uncertain and how it is drawn. Each source is off
// at its zero value and can be on alone; with none on, every replicate is the
// published outcome. What one source draws does not depend on which others are on.
//
// A list of alternatives is one source. The scheme's own way is always one more
// choice, all are equally likely, and an alternative that changes nothing is left
// out; see Robustness.LeftOut.
type RobustnessOptions struct {
	Seed       uint64 `json:"seed"`
	Replicates int    `json:"replicates,omitempty"` // 1000 when 0, at most 1e6
	Top        int    `json:"top,omitempty"`        // k of P(top k); 3 when 0
	Bottom     int    `json:"bottom,omitempty"`     // k of P(bottom k); 3 when 0
	Workers    int    `json:"-"`                    // goroutines, GOMAXPROCS when 0; changes no bit

	// Adjustments are held: they apply in every replicate as in Standings.
	Adjustments []Adjustment `json:"-"`

	// Done ends the run early, with context.Canceled, once it is closed; nil does not.
	Done <-chan struct{} `json:"-"`
	// WeightSpread f multiplies the weight of every node by its own uniform draw from
	// 1−f to 1+f. At least 0, below 1; 0.25 is usual.
	WeightSpread float64 `json:"weight_spread,omitempty"`
	// Ratings are drawn again with replacement, cell by cell, among the ratings of
	// the same role (Efron 1979). A role of one evaluator therefore does not vary.
	Ratings []RatedColumn `json:"-"`
	// Counts are the parts of ratios, which are drawn again by what chance makes of so few or so many cases.
	Counts []stats.Counts `json:"-"`
	// Missing are policies that apply to all indicators at once; Fail is not one. An
	// indicator that cannot have a policy, such as a mean of levels, keeps its own.
	Missing []MissingKind `json:"missing,omitempty"`
	// Normalisations are rules that apply to all indicators at once. Indicators with
	// levels or bands keep their own, as do those with an entry that the rule refuses.
	Normalisations []Rule `json:"-"`
	// Aggregations apply to all inner nodes at once. Sum is drawn as Arithmetic: the scale stays that of the scheme.
	Aggregations []Aggregation `json:"aggregations,omitempty"`
	// Variants are whole schemes over the same indicators, that is, with the codes of
	// the leaves in the same order. Their tree is used, and nothing else of them.
	Variants []Spec `json:"-"`
}

// RatedColumn holds the ratings behind one column of the Data. The column holds
// what Combine makes of them. A unit without ratings keeps its entry.
type RatedColumn struct {
	Column  int
	Combine Combination
	Ratings [][]EvaluatorRating // by unit
}

// EvaluatorRating is a Rating with the number of its evaluator.
type EvaluatorRating struct {
	Evaluator int
	Rating
}

// Limits of a robustness run. They bound its memory to some hundred megabytes.
const (
	maxReplicates = 1_000_000
	maxCells      = 1 << 25 // units × replicates, and values of leaves over all alternatives
	maxWorkers    = 256
)

func (o RobustnessOptions) resolve() RobustnessOptions {
	setDefault(&o.Replicates, 1000)
	setDefault(&o.Top, 3)
	setDefault(&o.Bottom, 3)
	return o
}

// check reports the faults of resolved options for so many units, by the names of
// their JSON members.
func (o *RobustnessOptions) check(ix *Index, units int, r report) {
	switch {
	case o.Replicates < 1 || o.Replicates > maxReplicates:
		r("/replicates", "replicates_out_of_range", "give 1 to %d replicates", maxReplicates)
	case o.Replicates > maxCells/max(units, 1):
		r("/replicates", "too_large",
			"%d replicates of %d units need too much memory: at most %d in all", o.Replicates, units, maxCells)
	}
	if o.Top < 1 {
		r("/top", "not_positive", "give 1 or more")
	}
	if o.Bottom < 1 {
		r("/bottom", "not_positive", "give 1 or more")
	}
	if !(o.WeightSpread >= 0 && o.WeightSpread < 1) {
		r("/weight_spread", "spread_out_of_range", "give a share of 0 or more, below 1")
	}
	for i, kind := range o.Missing {
		r := r.under("/missing" + item(i))
		if kind == Fail {
			r("/kind", "missing_fails", "a policy that takes the score away is not an alternative")
		}
		Missing{Kind: kind}.check(nil, r)
	}
	for i, rule := range o.Normalisations {
		if resolveRule(rule) == nil {
			r("/normalisations"+item(i), "rule_missing", "give a rule")
		}
	}
	for i, a := range o.Aggregations {
		a.check(r.under("/aggregations" + item(i)))
	}
	for i, v := range o.Variants {
		ix.checkVariant(v, r.under("/variants"+item(i)))
	}
	seen := map[int]bool{}
	checkRated(o.Ratings, seen, len(ix.leaves), units, r.under("/ratings"))
	checkCounts(o.Counts, seen, len(ix.leaves), units, r.under("/counts"))
}

// checkRedrawn faults the column of ratings or counts where there is no such one or it was seen before.
func checkRedrawn(column, columns int, seen map[int]bool, r report) {
	switch {
	case column < 0 || column >= columns:
		r("/column", "unknown_column", "there are %d columns from 0", columns)
	case seen[column]:
		r("/column", "column_duplicate", "column %d is given twice", column)
	}
	seen[column] = true
}

func checkCounts(list []stats.Counts, seen map[int]bool, columns, units int, r report) {
	for i, c := range list {
		r := r.under(item(i))
		checkRedrawn(c.Column, columns, seen, r)
		if len(c.Numerator) != units || len(c.Denominator) != units {
			r("/numerator", "shape", "there are counts for %d and %d units of %d", len(c.Numerator), len(c.Denominator), units)
		}
		if c.Chance != stats.Binomial && c.Chance != stats.Poisson {
			r("/chance", "unknown_chance", "give binomial or poisson")
		}
		if !(c.Scale > 0 && c.Scale <= 1e9) {
			r("/scale", "bad_scale", "give a scale above 0, 100 for a percentage")
		}
	}
}

func (ix *Index) checkVariant(v Spec, r report) {
	other, err := New(v)
	if faults, ok := err.(Faults); ok { //nolint:errorlint // New returns it bare
		for _, f := range faults {
			r(f.Pointer, f.Code, "%s", f.Message)
		}
		return
	}
	if len(other.leaves) != len(ix.leaves) {
		r("/tree", "other_indicators",
			"a variant has the same indicators: %d, not %d", len(ix.leaves), len(other.leaves))
		return
	}
	for c := range ix.leaves {
		if ix.code(c) != other.code(c) {
			r("/tree", "other_indicators",
				"indicator %d is %q, not %q: a variant has the same ones in the same order", c, other.code(c), ix.code(c))
			return
		}
	}
}

func checkRated(rated []RatedColumn, seen map[int]bool, columns, units int, r report) {
	for i, rc := range rated {
		r := r.under(item(i))
		checkRedrawn(rc.Column, columns, seen, r)
		if len(rc.Ratings) != units {
			r("/ratings", "shape", "there are ratings for %d units of %d", len(rc.Ratings), units)
		}
		rc.Combine.check(r.under("/combine"))
		for u, cell := range rc.Ratings {
			for j, rating := range cell {
				if !stats.Valid(rating.Value) && !math.IsNaN(rating.Value) {
					r("/ratings"+item(u)+item(j), "value_out_of_range", "give a number between -1e15 and 1e15")
				}
			}
		}
	}
}

// Robustness is how far the ranking depends on choices that could have been made
// otherwise.
type Robustness struct {
	Seed        uint64
	Replicates  int
	Top, Bottom int
	Grades      []string         // codes, as in the Spec
	Units       []UnitRobustness // those with a score in Standings, in the order of Data.Units
	// Joint is the share of the replicates in which the rank of every unit is within its set at once: at least 0.95.
	Joint   float64
	Places  []int     // of the quota of each grade and of those above it together; −1 where one of them has none
	LeftOut []LeftOut // alternatives that were not drawn, or not for every indicator
}

// LeftOut is one alternative that was not drawn, or not for every indicator.
type LeftOut struct {
	Source Source
	Place  int // in the list of the options, from 0
	// Reason is "own", it is the scheme's own way; "repeated", an earlier alternative leads to the same; "not_possible",
	// no indicator can have it; "too_many_units" for a Copeland score; or "kept", it was drawn, but some indicators keep
	// their own way.
	Reason string
	Kept   []int // columns of the indicators that cannot have it
}

// UnitRobustness is the outcome of a unit over all replicates. A quantile is the smallest
// value that at least that share of the replicates does not exceed (Hyndman and Fan
// 1996, type 1), so it is always one that occurred. Probabilities are shares of the
// replicates.
type UnitRobustness struct {
	Unit  int     // index into Data.Units
	Score float64 // as published
	Rank  int     // as published

	RankMean                      float64
	RankLow, RankMedian, RankHigh int // quantiles .05, .5, .95
	// SetLow and SetHigh bound the ranks of the unit in a set that holds jointly with those of all other units.
	SetLow, SetHigh int

	ScoreMean float64
	// Quantiles .05, .5, .95 of the rounded figure, over replicates that have one; all
	// 0 where none does.
	ScoreLow, ScoreMedian, ScoreHigh float64

	Top     float64   // P(fewer than k units are strictly ahead)
	Bottom  float64   // P(fewer than k units are strictly behind)
	Grades  []float64 // P(grade), by Robustness.Grades; with NoScore they sum to 1
	NoScore float64   // P(nothing is left to score the unit by); it then ranks last

	// Indistinguishable are the units that this one cannot be distinguished from:
	// neither is strictly ahead, on the rounded figure, in 95 % of the replicates or
	// more. The relation is symmetric; the list is in the order of Data.Units. Nil
	// for all where more than maxCompared units have a score.
	Indistinguishable []int
}

// maxCompared is how many units are compared pair by pair.
const maxCompared = 5000

// Robustness draws the uncertain parts of the index again and again, scores, rounds,
// ranks and grades each time as Standings does, and counts (Saisana, Saltelli and
// Tarantola 2005). Units that have no score in Standings take no part; rules that
// look at peers still see their values. Coverage is that of the scheme and not
// judged again.
//
// Intervals of 90 % each hold together much less often. The sets of ranks hold together in 95 % of the replicates: as
// many of the most extreme replicates are left out at both ends of the ranks of every unit as leave 95 % of all
// replicates within every set, the simultaneous regions of Besag, Green, Higdon and Mengersen (1995, 6.3). The notion
// of a joint confidence set of ranks, and of the units that are among the best surely or possibly, is that of Mogstad, Romano,
// Shaikh and Wilhelm (2024). A set always has the published rank.
//
// The result depends on the seed, the spec, the data and the options, and on nothing
// else: not on GOMAXPROCS, Workers or the order of the units. What is drawn for a
// unit goes by its code. The error is that of Check for d, of type *DataFaults as
// for adjustments, or of type Faults with pointers into the options.
func (ix *Index) Robustness(d Data, o RobustnessOptions) (*Robustness, error) {
	p, err := ix.scenarios(d, o)
	if err != nil {
		return nil, err
	}
	o = p.options
	t := newTally(len(p.simulation.units), len(ix.spec.Grades), o.Replicates)
	workers := min(positiveOr(o.Workers, runtime.GOMAXPROCS(0)), maxWorkers, o.Replicates)
	parts := make([]*tally, workers)
	inParallel(workers, func(w int) {
		parts[w] = t.part()
		from, to := o.Replicates*w/workers, o.Replicates*(w+1)/workers
		p.newReplicator().replicates(from, to, parts[w])
	})
	if stopped(o.Done) {
		return nil, context.Canceled
	}
	for _, part := range parts {
		t.add(part)
	}
	rb := &Robustness{Seed: o.Seed, Replicates: o.Replicates, Top: o.Top, Bottom: o.Bottom, LeftOut: p.leftOut}
	for _, g := range ix.spec.Grades {
		rb.Grades = append(rb.Grades, g.Code)
	}
	rb.Units = make([]UnitRobustness, len(p.simulation.units))
	extents := make([]extent, len(rb.Units))
	depths := make([][]int32, workers)
	inParallel(workers, func(w int) {
		s := newSummary(t)
		for i := w; i < len(rb.Units); i += workers {
			rb.Units[i], extents[i] = s.unit(i, p.simulation.before[i])
		}
		depths[w] = s.depth
	})
	rb.Places = ix.places(len(rb.Units))
	rb.widen(t, depths, workers)
	if len(rb.Units) <= maxCompared {
		for i, list := range t.indistinguishable(p.simulation.units, extents, workers) {
			rb.Units[i].Indistinguishable = list
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

func positiveOr(n, fallback int) int {
	if n > 0 {
		return n
	}
	return fallback
}

// replicates runs the replicates from … to−1 and counts them.
func (r *replicator) replicates(from, to int, t *tally) {
	var keys [sources]uint64
	for i := from; i < to && !stopped(r.scenarios.options.Done); i++ {
		for s := range keys {
			keys[s] = replicateKey(r.scenarios.options.Seed, i, s)
		}
		r.run(keys)
		t.count(r.simulation, i, r.scenarios.options)
	}
}

// replicateKey returns the key from which a source draws in a replicate.
func replicateKey(seed uint64, replicate, source int) uint64 {
	if source == chanceSource { // which came later: the keys of the others stay as they were
		seed, source = ^seed, 0
	}
	return num.Mix64(num.Mix64(seed) + uint64(replicate)*chanceSource + uint64(source))
}

// tally counts outcomes by place in the simulation. Ranks and figures are kept, all
// replicates of a unit together; the parts of several workers share them.
type tally struct {
	replicates, grades int
	ranks              []int32
	scores             []float64
	top, bottom, none  []int32
	grade              []int32 // by place, then grade
}

func newTally(entrants, grades, replicates int) *tally {
	t := &tally{replicates: replicates, grades: grades}
	t.ranks, t.scores = make([]int32, entrants*replicates), make([]float64, entrants*replicates)
	t.top, t.bottom, t.none = make([]int32, entrants), make([]int32, entrants), make([]int32, entrants)
	t.grade = make([]int32, entrants*grades)
	return t
}

// part returns a tally with counts of its own.
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

func (t *tally) count(c *simulation, replicate int, o RobustnessOptions) {
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

// summary turns the counts of one unit into its figures.
type summary struct {
	t      *tally
	ranks  []int32
	scores []float64
	depth  []int32 // by replicate, the least depth of a rank among the units seen
	at     []int32 // by rank of the unit at hand, its depth
}

func newSummary(t *tally) *summary {
	s := &summary{t: t, depth: make([]int32, t.replicates), at: make([]int32, len(t.top)+1)}
	for r := range s.depth {
		s.depth[r] = int32(t.replicates)
	}
	return s
}

// deepen lowers the depth of each replicate to that of the rank that the i-th unit, whose ranks are sorted, has there. The
// depth of a rank is how many replicates, the own included, are no better or no worse, whichever are fewer: so many may be
// left out at either end before it is.
func (s *summary) deepen(i int) {
	n := int32(len(s.ranks))
	for from := int32(0); from < n; {
		to := from
		for to < n && s.ranks[to] == s.ranks[from] {
			to++
		}
		s.at[s.ranks[from]] = min(to, n-from)
		from = to
	}
	for r, rank := range s.t.of(i) {
		s.depth[r] = min(s.depth[r], s.at[rank])
	}
}

// jointly is the percentage of the replicates in which the ranks of all units are within their sets.
const jointly = 95

// widen sets the sets of ranks: as many replicates are left out at either end of the ranks of every unit as leave 95 % of
// the replicates within all of them.
func (rb *Robustness) widen(t *tally, depths [][]int32, workers int) {
	n := t.replicates
	least := depths[0]
	for _, other := range depths[1:] {
		for r, d := range other {
			least[r] = min(least[r], d)
		}
	}
	sorted := slices.Sorted(slices.Values(least))
	needed := (jointly*n + 99) / 100
	out := int(sorted[n-needed]) - 1 // so many replicates have a greater depth than this
	within := 0
	for _, d := range least {
		if int(d) > out {
			within++
		}
	}
	rb.Joint = float64(within) / float64(n)
	inParallel(workers, func(w int) {
		ranks := make([]int32, n)
		for i := w; i < len(rb.Units); i += workers {
			copy(ranks, t.of(i))
			slices.Sort(ranks)
			u := &rb.Units[i]
			low, high := min(out, (n-1)/2), max(n-1-out, n/2)
			u.SetLow, u.SetHigh = min(int(ranks[low]), u.Rank), max(int(ranks[high]), u.Rank)
		}
	})
}

// places returns how many of so many units the quota of each grade and of those above it take together; −1 where one of
// them has no quota.
func (ix *Index) places(units int) []int {
	list, sum := []int{}, 0
	for g, places := range quotas(ix.spec.Grades, units) {
		if sum >= 0 && ix.spec.Grades[g].MaxShare != nil {
			sum += places
		} else {
			sum = -1
		}
		list = append(list, sum)
	}
	return list
}

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
	rank := func(percent int) int { return int(quantile(s.ranks, percent)) }
	u.RankLow, u.RankMedian, u.RankHigh = rank(5), rank(50), rank(95)
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
	s.deepen(i)
	return u, extentOf(s.ranks)
}

// quantile is the smallest value of the ascending slice that so many percent of its
// values do not exceed.
func quantile[T any](sorted []T, percent int) T {
	return sorted[(percent*len(sorted)+99)/100-1]
}
