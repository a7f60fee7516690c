package composite

import (
	"bulwark/pkg/composite/stats"
	"cmp"
	"math"
	"slices"
)

// quest is the search for one unit's path: what it can enter, and where that leads.
type quest struct {
	*probe
	items    []pathItem // in document order
	coupled  bool       // some item also moves other units
	partial  bool       // some entries that are allowed were not looked at
	linear   bool       // the base is linear in the scores of the items
	monotone bool       // a better item never makes the base worse
}

// pathItem is an indicator that can be moved. The first option leaves it as it is;
// cost and score ascend.
type pathItem struct {
	column  int
	options []option
}

type option struct{ value, score, cost float64 }

func (e *Explainer) quest(unit int, levers map[int]Lever) *quest {
	q := &quest{probe: e.probe(unit), linear: true, monotone: true}
	for c, l := range e.index.leaves {
		x, ok := q.entered(c)
		if lever := levers[l.node]; ok && !lever.Fixed {
			q.add(c, x, lever)
		}
	}
	for _, it := range q.items {
		q.look(e.index.leaves[it.column].node)
	}
	return q
}

// look notes what kind of means the leaf goes through on its way to the root.
func (q *quest) look(node int) {
	for n := q.index.nodes[node].Parent; n >= 0; n = q.index.nodes[n].Parent {
		if children, _, _ := q.index.present(n, q.scratch); len(children) > 1 {
			kind := q.index.inner[n].kind
			q.linear = q.linear && kind == Arithmetic
			q.monotone = q.monotone && kind != Penalised
		}
	}
}

// add adds the item of a column, unless it has nowhere to go.
func (q *quest) add(column int, x float64, lever Lever) {
	was := q.score(column, x)
	options := []option{{x, was, 0}}
	values, thinned := q.entries(column, x, lever)
	q.partial = q.partial || thinned || q.endless(column, lever)
	for _, v := range values {
		if q.index.leaves[column].rule.refuses(v) != "" || v == x {
			continue
		}
		score := q.score(column, v)
		if cost := lever.cost(x, v, score-was); score > was && cost <= stats.MaxValue {
			options = append(options, option{v, score, cost})
		}
	}
	slices.SortStableFunc(options, func(a, b option) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(b.score, a.score))
	})
	useful := options[:1]
	for _, o := range options[1:] {
		if o.score > useful[len(useful)-1].score {
			useful = append(useful, o)
		}
	}
	if len(useful) == 1 {
		return
	}
	q.items = append(q.items, pathItem{column, slices.Clip(useful)})
	q.coupled = q.coupled || q.probe.coupled(column)
}

func (l Lever) cost(from, to, gained float64) float64 {
	if l.Cost > 0 {
		return l.Cost * math.Abs(to-from)
	}
	return stats.Round(gained, stats.MaxDecimals)
}

// top picks the best option of every item.
func (q *quest) top() []int {
	picks := make([]int, len(q.items))
	for i, it := range q.items {
		picks[i] = len(it.options) - 1
	}
	return picks
}

// at is the base with the picks.
func (q *quest) at(picks []int) float64 {
	copy(q.scratch, q.leaves)
	for i, it := range q.items {
		q.scratch[q.index.leaves[it.column].node] = it.options[picks[i]].score
	}
	q.index.roll(q.scratch)
	return q.scratch[0]
}

func (q *quest) cost(picks []int) float64 {
	cost := 0.0
	for i, it := range q.items {
		cost += it.options[picks[i]].cost
	}
	return cost
}

// replay settles the standings with the picks entered.
func (q *quest) replay(picks []int) []Standing {
	d := q.result.data
	d.Columns = slices.Clone(d.Columns)
	for i, it := range q.items {
		if picks[i] > 0 {
			d.Columns[it.column] = slices.Clone(d.Columns[it.column])
			d.Columns[it.column][q.unit] = it.options[picks[i]].value
		}
	}
	list, err := q.index.Standings(q.index.Score(d, KeepRoot), q.adjustments)
	if err != nil {
		return q.standings // the adjustments fitted when the Explainer was made
	}
	return list
}

// trim undoes what the aim does not need, the dearest first.
func (q *quest) trim(picks []int, a aim) ([]int, []Standing) {
	order := make([]int, len(picks))
	for i := range order {
		order[i] = i
	}
	dear := func(i int) float64 { return q.items[i].options[picks[i]].cost }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(dear(b), dear(a)) })
	list := q.replay(picks)
	for _, i := range order {
		was := picks[i]
		low := -1 // does not do; was does
		for high := was; high-low > 1; {
			picks[i] = (low + high) / 2
			if try := q.replay(picks); a.met(try, q.index.spec.Grades) {
				high, was, list = picks[i], picks[i], try
			} else {
				low = picks[i]
			}
		}
		picks[i] = was
	}
	return picks, list
}

// found fills in a path that has been replayed.
func (q *quest) found(p *Path, picks []int, list []Standing) *Path {
	p.Status, p.Cost, p.Reached = PathFound, q.cost(picks), find(list, q.unit)
	if p.Exact {
		p.Bound = p.Cost
	}
	for i, it := range q.items {
		if picks[i] == 0 {
			continue
		}
		from, to := it.options[0], it.options[picks[i]]
		points, _, _ := q.gain(it.column, to.value)
		p.Moves = append(p.Moves, Move{
			Node: q.index.leaves[it.column].node, From: from.value, To: to.value,
			ScoreBefore: from.score, Score: to.score, Cost: to.cost, Points: points,
		})
	}
	return p
}
