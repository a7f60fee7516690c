package composite

import (
	"errors"
	"math"
	"reflect"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// simulation ranks the same units again and again by other root scores: those that
// have a score in Standings, with their adjustments held. They are numbered from 0, by
// place, in the order of Data.Units.
type simulation struct {
	index  *Index
	units  []int      // by place: index into Data.Units
	before []Standing // by place, as are limits
	limits map[int]limit
	cap    []float64 // by place: the most that vetoes allow

	score  []float64 // the published figure of this run, NaN for none
	rank   []int32   // places without a score come behind all others
	ahead  []int32   // places strictly ahead
	behind []int32   // places strictly behind
	grade  []int     // index into the grades, −1 without a score or grades

	keys []uint64
	list []Standing
}

// newSimulation returns the simulation of the units that have a score in the standings.
func newSimulation(r *Result, adjustments []Adjustment) (*simulation, error) {
	ix := r.index
	standings, err := ix.Standings(r, adjustments)
	if err != nil {
		return nil, err
	}
	byUnit := make([]Standing, len(standings))
	for _, s := range standings {
		byUnit[s.Unit] = s
	}
	limits, err := ix.adjust(make([]Standing, len(standings)), r.data.Units, adjustments)
	if err != nil {
		return nil, err
	}
	c := &simulation{index: ix, limits: map[int]limit{}}
	for u, s := range byUnit {
		if s.Status != UnitScored {
			continue
		}
		top := ix.spec.Scale
		if l, ok := limits[u]; ok {
			c.limits[len(c.units)] = l
			top = l.score
		}
		c.units = append(c.units, u)
		c.before = append(c.before, s)
		c.cap = append(c.cap, top)
	}
	c.makeBuffers()
	return c, nil
}

func (c *simulation) makeBuffers() {
	n := len(c.units)
	c.score, c.rank = make([]float64, n), make([]int32, n)
	c.ahead, c.behind = make([]int32, n), make([]int32, n)
	c.grade, c.keys, c.list = make([]int, n), make([]uint64, n), make([]Standing, n)
}

// clone returns a simulation of the same units with buffers of its own.
func (c *simulation) clone() *simulation {
	f := *c
	f.makeBuffers()
	return &f
}

// unitBits hold the place of a unit in a key; the rest holds how far its figure
// is below the scale, in the last decimal: at most maxFigures+1, that is 37 bits.
const unitBits = 27

// run ranks and grades by the root scores of all units, as Standings does.
func (c *simulation) run(base []float64) {
	full := c.index.spec.Scale
	steps := math.Pow10(c.index.spec.Decimals)
	for i, u := range c.units {
		c.score[i] = math.NaN()
		below := uint64(full*steps) + 1
		if x := base[u]; x == x {
			s := &c.before[i]
			c.score[i] = min(stats.Round(num.Clamp(x+s.Bonus-s.Deduction, 0, full), c.index.spec.Decimals), c.cap[i])
			below = uint64(math.Round((full - c.score[i]) * steps))
		}
		c.keys[i] = below<<unitBits | uint64(i)
	}
	slices.Sort(c.keys)
	c.place()
	c.gradeAll()
}

// place sets the ranks in the order of the keys.
func (c *simulation) place() {
	n, dense := len(c.keys), int32(0)
	for from := 0; from < n; {
		to := from + 1
		for to < n && c.keys[to]>>unitBits == c.keys[from]>>unitBits {
			to++
		}
		dense++
		rank := int32(from + 1)
		if c.index.spec.Ranking == Dense {
			rank = dense
		}
		for _, key := range c.keys[from:to] {
			i := key & (1<<unitBits - 1)
			c.rank[i], c.ahead[i], c.behind[i] = rank, int32(from), int32(n-to)
		}
		from = to
	}
}

func (c *simulation) gradeAll() {
	grades := c.index.spec.Grades
	for i := range c.grade {
		c.grade[i] = -1
	}
	if len(grades) == 0 {
		return
	}
	list := c.list[:0]
	for _, key := range c.keys {
		i := int(key & (1<<unitBits - 1))
		if c.score[i] == c.score[i] {
			list = append(list, Standing{Unit: i, Score: c.score[i]})
		}
	}
	c.index.grade(list, c.limits)
	for _, s := range list {
		c.grade[s.Unit] = gradeIndex(grades, s.Grade)
	}
}

// The sources of uncertainty, in the order in which they are reported.
const (
	weightSource = iota
	ratingSource
	missingSource
	normalisationSource
	aggregationSource
	variantSource
	chanceSource
	sources
)

// scenarios is everything that the replicates of a run share. It is not changed by them.
type scenarios struct {
	index      *Index
	data       Data
	options    RobustnessOptions
	simulation *simulation
	classes    *grouping
	choices    [sources]int // ways that a source chooses among; 0 where it is not discrete
	trees      []*Index     // by variant and aggregation
	scenarios  []*scenario  // by variant, normalisation and missing policy
	redrawn    []redrawn
	leftOut    []LeftOut
}

// scenario is the data scored under one set of discrete choices, but for aggregation.
type scenario struct {
	result *Result
	whole  [][]bool // by column, then block: whether every unit has a score
}

func (ix *Index) scenarios(d Data, o RobustnessOptions) (*scenarios, error) {
	if err := ix.Check(d); err != nil {
		return nil, err
	}
	o = o.resolve()
	if faults := collect(func(r report) { o.check(ix, len(d.Units), r) }); len(faults) > 0 {
		return nil, faults
	}
	p := &scenarios{index: ix, data: d, options: o, classes: classGroups(d.Classes)}
	var err error
	if p.simulation, err = newSimulation(ix.Score(d, KeepRoot), o.Adjustments); err != nil {
		return nil, err
	}
	own := Spec{Tree: ix.spec.Tree}
	variants := useful(p, variantSource, o.Variants, func(_, v Spec) Spec { return Spec{Tree: v.Tree} }, nil)
	rules := useful(p, normalisationSource, o.Normalisations, p.normalised,
		func(n *Node, rule Rule) bool { return reflect.DeepEqual(n.Rule, rule.resolve()) })
	policies := useful(p, missingSource, o.Missing, withMissing,
		func(n *Node, kind MissingKind) bool { return n.Missing.Kind == kind })
	aggregations := useful(p, aggregationSource, o.Aggregations, withAggregation, nil)
	p.choices[variantSource], p.choices[normalisationSource] = 1+len(variants), 1+len(rules)
	p.choices[missingSource], p.choices[aggregationSource] = 1+len(policies), 1+len(aggregations)
	fits := (1 + len(variants)) * (1 + len(rules)) * (1 + len(policies))
	if fits > maxCells/max(len(d.Units), 1)/len(ix.nodes) {
		return nil, Faults{{"", "too_large", "the alternatives need too much memory: give fewer"}}
	}
	for _, v := range alternatives(own, variants, func(_, v Spec) Spec { return Spec{Tree: v.Tree} }) {
		err = errors.Join(err, p.addTrees(alternatives(v, aggregations, withAggregation)))
		for _, s := range alternatives(v, rules, p.normalised) {
			err = errors.Join(err, p.addScenarios(alternatives(s, policies, withMissing)))
		}
	}
	p.redrawn = p.redrawnColumns()
	return p, err
}

func (p *scenarios) addTrees(specs []Spec) error {
	for _, s := range specs {
		ix, err := New(s)
		if err != nil {
			return err
		}
		ix.setFull(p.index.full())
		p.trees = append(p.trees, ix)
	}
	return nil
}

func (p *scenarios) addScenarios(specs []Spec) error {
	for _, s := range specs {
		ix, err := New(s)
		if err != nil {
			return err
		}
		p.scenarios = append(p.scenarios, newScenario(ix, p.data))
	}
	return nil
}

// useful returns the alternatives that change the scheme's own tree, each in its own way, and notes the others and
// those that some indicator does not take. Took is nil where indicators play no part.
func useful[A any](
	p *scenarios, source int, list []A, apply func(Spec, A) Spec, took func(n *Node, a A) bool,
) []A {
	var kept []A
	own := Spec{Tree: p.index.spec.Tree}
	seen := []Spec{own.resolve()}
	for i, a := range list {
		s := apply(own.resolve(), a).resolve()
		out := LeftOut{Source: sourceNames[source], Place: i}
		column := 0
		s.Tree.eachLeaf(func(n *Node) {
			if took != nil && !took(n, a) {
				out.Kept = append(out.Kept, column)
			}
			column++
		})
		same := slices.IndexFunc(seen, func(t Spec) bool { return reflect.DeepEqual(s, t) })
		switch {
		case p.competes(s.Tree) > maxCompeting:
			out.Reason = "too_many_units"
		case len(out.Kept) == column:
			out.Reason = "not_possible"
		case same == 0:
			out.Reason = "own"
		case same > 0:
			out.Reason = "repeated"
		default:
			seen, kept = append(seen, s), append(kept, a)
			if len(out.Kept) == 0 {
				continue
			}
			out.Reason = "kept"
		}
		p.leftOut = append(p.leftOut, out)
	}
	return kept
}

// competes returns how many units the nodes of the tree compare in pairs.
func (p *scenarios) competes(n Node) int {
	if n.Aggregation.Kind == Copeland {
		return len(p.data.Units)
	}
	most := 0
	for _, child := range n.Children {
		most = max(most, p.competes(child))
	}
	return most
}

// alternatives returns the spec and the spec under each alternative.
func alternatives[A any](own Spec, list []A, apply func(Spec, A) Spec) []Spec {
	specs := []Spec{own}
	for _, a := range list {
		specs = append(specs, apply(own.resolve(), a))
	}
	return specs
}

func withMissing(s Spec, kind MissingKind) Spec {
	s.Tree.eachLeaf(func(n *Node) { n.attempt(func(n *Node) { n.Missing = Missing{Kind: kind} }) })
	return s
}

// withAggregation sets the mean of every node. A sum is an arithmetic mean on another scale, and the scale is that of
// the scheme in every replicate: as alternatives the two are one, and neither changes a node that is either.
func withAggregation(s Spec, a Aggregation) Spec {
	linear := a.Kind == Sum || a.Kind == Arithmetic || a.Kind == ""
	var apply func(n *Node)
	apply = func(n *Node) {
		switch {
		case len(n.Children) == 0 || linear && n.Aggregation.Kind == Sum:
		case linear:
			n.Aggregation = Aggregation{Kind: Arithmetic}
		default:
			n.Aggregation = a
		}
		for i := range n.Children {
			apply(&n.Children[i])
		}
	}
	apply(&s.Tree)
	return s
}

// normalised sets the rule of every leaf that can have it.
func (p *scenarios) normalised(s Spec, rule Rule) Spec {
	column := 0
	s.Tree.eachLeaf(func(n *Node) {
		entries := [][]float64{p.data.Columns[column], columnOf(p.data.Carried, column)}
		column++
		if kind := n.Rule.Kind(); kind == "levels" || kind == "bands" {
			return
		}
		for _, x := range slices.Concat(entries...) {
			if x == x && rule.resolve().refuses(x) != "" {
				return
			}
		}
		n.attempt(func(n *Node) { n.Rule, n.Fitted = rule, nil })
	})
	return s
}

// eachLeaf calls do with the leaves in document order.
func (n *Node) eachLeaf(do func(*Node)) {
	if len(n.Children) == 0 {
		do(n)
	}
	for i := range n.Children {
		n.Children[i].eachLeaf(do)
	}
}

// attempt changes a leaf if the changed leaf has no faults.
func (n *Node) attempt(change func(*Node)) {
	tried := *n
	change(&tried)
	tried = tried.resolve(0)
	if len(collect(tried.checkLeaf)) == 0 {
		*n = tried
	}
}

func newScenario(ix *Index, d Data) *scenario {
	w := &scenario{result: ix.Score(d, KeepAll), whole: make([][]bool, len(ix.leaves))}
	for c, l := range ix.leaves {
		w.whole[c] = wholeBlocks(w.result.scores[l.node])
	}
	return w
}

// wholeFrom reports whether every unit has a score in the blocks from the one of unit lo on that so many units take.
func wholeFrom(whole []bool, lo, units int) bool {
	return !slices.Contains(whole[lo/blockSize:(lo+units+blockSize-1)/blockSize], false)
}

// wholeBlocks reports for each block of a column whether every unit has a score.
func wholeBlocks(scores []float64) []bool {
	var whole []bool
	for block := range slices.Chunk(scores, blockSize) {
		whole = append(whole, !slices.ContainsFunc(block, math.IsNaN))
	}
	return whole
}
