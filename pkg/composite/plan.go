package composite

import (
	"errors"
	"math"
	"reflect"
	"slices"
)

// The sources of uncertainty, in the order in which they are told.
const (
	weightSource = iota
	ratingSource
	missingSource
	normalisationSource
	aggregationSource
	variantSource
	sources
)

// plan is everything that the replicates of a run share. It is not changed by them.
type plan struct {
	index   *Index
	data    Data
	options RobustnessOptions
	contest *contest
	classes *grouping
	choices [sources]int // ways that a source chooses among; 0 where it is not discrete
	trees   []*Index     // by variant and aggregation
	worlds  []*world     // by variant, normalisation and missing policy
	rated   []ratedColumn
}

// world is the data scored under one set of discrete choices, but for aggregation.
type world struct {
	result *Result
	whole  [][]bool // by column, then block: whether every unit has a score
}

func (ix *Index) plan(d Data, o RobustnessOptions) (*plan, error) {
	if err := ix.Check(d); err != nil {
		return nil, err
	}
	o = o.resolve()
	if faults := collect(func(r report) { o.check(ix, len(d.Units), r) }); len(faults) > 0 {
		return nil, faults
	}
	p := &plan{index: ix, data: d, options: o, classes: classGroups(d.Classes)}
	var err error
	if p.contest, err = newContest(ix.Score(d, KeepRoot), o.Adjustments); err != nil {
		return nil, err
	}
	own := Spec{Tree: ix.spec.Tree}
	variants := useful(own, o.Variants, func(_, v Spec) Spec { return Spec{Tree: v.Tree} })
	rules := useful(own, o.Normalisations, p.normalised)
	policies := useful(own, o.Missing, withMissing)
	aggregations := useful(own, o.Aggregations, withAggregation)
	p.choices[variantSource], p.choices[normalisationSource] = 1+len(variants), 1+len(rules)
	p.choices[missingSource], p.choices[aggregationSource] = 1+len(policies), 1+len(aggregations)
	fits := (1 + len(variants)) * (1 + len(rules)) * (1 + len(policies))
	if fits > maxCells/max(len(d.Units), 1)/len(ix.nodes) {
		return nil, Faults{{"", "too_large", "the alternatives need too much memory: give fewer"}}
	}
	for _, v := range alternatives(own, variants, func(_, v Spec) Spec { return Spec{Tree: v.Tree} }) {
		err = errors.Join(err, p.addTrees(alternatives(v, aggregations, withAggregation)))
		for _, s := range alternatives(v, rules, p.normalised) {
			err = errors.Join(err, p.addWorlds(alternatives(s, policies, withMissing)))
		}
	}
	for _, rc := range o.Ratings {
		p.rated = append(p.rated, newRatedColumn(rc, ix.code(rc.Column), d.Units))
	}
	return p, err
}

func (p *plan) addTrees(specs []Spec) error {
	for _, s := range specs {
		ix, err := New(s)
		if err != nil {
			return err
		}
		p.trees = append(p.trees, ix)
	}
	return nil
}

func (p *plan) addWorlds(specs []Spec) error {
	for _, s := range specs {
		ix, err := New(s)
		if err != nil {
			return err
		}
		p.worlds = append(p.worlds, newWorld(ix, p.data))
	}
	return nil
}

// useful are the alternatives that change the spec, each in its own way.
func useful[A any](own Spec, list []A, apply func(Spec, A) Spec) []A {
	var kept []A
	seen := []Spec{own.resolve()}
	for _, a := range list {
		s := apply(own.resolve(), a).resolve()
		if !slices.ContainsFunc(seen, func(t Spec) bool { return reflect.DeepEqual(s, t) }) {
			seen, kept = append(seen, s), append(kept, a)
		}
	}
	return kept
}

// alternatives are the spec and what each alternative makes of it.
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

func withAggregation(s Spec, a Aggregation) Spec {
	var apply func(n *Node)
	apply = func(n *Node) {
		if len(n.Children) > 0 {
			n.Aggregation = a
		}
		for i := range n.Children {
			apply(&n.Children[i])
		}
	}
	apply(&s.Tree)
	return s
}

// normalised puts the rule on every leaf that can have it.
func (p *plan) normalised(s Spec, rule Rule) Spec {
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
		n.attempt(func(n *Node) { n.Rule = rule })
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

// attempt changes a leaf where the changed one is sound.
func (n *Node) attempt(change func(*Node)) {
	tried := *n
	change(&tried)
	tried = tried.resolve(0)
	if len(collect(tried.checkLeaf)) == 0 {
		*n = tried
	}
}

func newWorld(ix *Index, d Data) *world {
	w := &world{result: ix.Score(d, KeepAll), whole: make([][]bool, len(ix.leaves))}
	for c, l := range ix.leaves {
		w.whole[c] = wholeBlocks(w.result.scores[l.node])
	}
	return w
}

// wholeBlocks says of each block of a column whether every unit has a score.
func wholeBlocks(scores []float64) []bool {
	var whole []bool
	for block := range slices.Chunk(scores, blockSize) {
		whole = append(whole, !slices.ContainsFunc(block, math.IsNaN))
	}
	return whole
}
