package agreement

import (
	"bulwark/pkg/composite/stats"
	"cmp"
	"slices"
)

// design numbers evaluators, and targets within periods, from 0 in ascending order.
type design struct {
	scores     []EvaluatorScore // sorted
	evaluators []int            // numbers of the caller
	evaluator  []int            // by score: place in evaluators
	target     []int            // by score: place in first
	first      []int            // by target in a period: its first score, and the end
	count      []float64        // scores by evaluator
	rel        []float64        // by score: less the first of the target, which keeps digits
}

func newDesign(scores []EvaluatorScore) *design {
	d := &design{}
	for _, s := range scores {
		if stats.Valid(s.Score) {
			d.scores = append(d.scores, s)
			d.evaluators = append(d.evaluators, s.Evaluator)
		}
	}
	slices.SortFunc(d.scores, func(a, b EvaluatorScore) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Period, b.Period),
			cmp.Compare(a.Evaluator, b.Evaluator), cmp.Compare(a.Score, b.Score))
	})
	slices.Sort(d.evaluators)
	d.evaluators = slices.Compact(d.evaluators)
	d.count = make([]float64, len(d.evaluators))
	for i, s := range d.scores {
		if i == 0 || s.Target != d.scores[i-1].Target || s.Period != d.scores[i-1].Period {
			d.first = append(d.first, i)
		}
		d.target = append(d.target, len(d.first)-1)
		e, _ := slices.BinarySearch(d.evaluators, s.Evaluator)
		d.evaluator = append(d.evaluator, e)
		d.count[e]++
		d.rel = append(d.rel, s.Score-d.scores[d.first[len(d.first)-1]].Score)
	}
	d.first = append(d.first, len(d.scores))
	return d
}

// within takes the mean of the target off what f gives for each score, and sums the
// rest by evaluator.
func (d *design) within(dst []float64, f func(score int) float64) {
	clear(dst)
	for t := range len(d.first) - 1 {
		from, to := d.first[t], d.first[t+1]
		mean := 0.0
		for i := from; i < to; i++ {
			mean += f(i)
		}
		mean /= float64(to - from)
		for i := from; i < to; i++ {
			dst[d.evaluator[i]] += f(i) - mean
		}
	}
}

// solve finds severities by conjugate gradients on the normal equations with the
// targets eliminated, scaled by their diagonal (Hestenes and Stiefel 1952). The
// equations are singular, one direction for each component, but consistent, which is
// all that the method needs.
func (d *design) solve() []float64 {
	n := len(d.evaluators)
	room := make([]float64, 4*n)
	r, p, q, z := room[:n], room[n:2*n], room[2*n:3*n], room[3*n:]
	x := make([]float64, n)
	d.within(r, func(i int) float64 { return -d.rel[i] })
	rho, start := 0.0, 0.0
	for step := range 10*n + 100 {
		before := rho
		for i := range z {
			z[i] = r[i] / d.count[i]
		}
		if rho = dot(r, z); step == 0 {
			start = rho
		}
		if !(rho > start*1e-26) {
			break
		}
		for i := range p {
			if step > 0 {
				z[i] += float64(rho / before * p[i])
			}
			p[i] = z[i]
		}
		d.within(q, func(i int) float64 { return p[d.evaluator[i]] })
		curve, length := dot(p, q), 0.0
		for i, v := range p {
			length += float64(d.count[i] * v * v)
		}
		if !(curve > 1e-14*length) {
			break // a direction that the design does not determine: noise of rounding
		}
		for i := range x {
			x[i] += float64(rho / curve * p[i])
			r[i] -= float64(rho / curve * q[i])
		}
	}
	return x
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += float64(v * y[i])
	}
	return sum
}

// residuals calls do with each score and what the model leaves of it.
func (d *design) residuals(severity []float64, do func(score int, residual float64)) {
	for t := range len(d.first) - 1 {
		from, to := d.first[t], d.first[t+1]
		level := 0.0
		for i := from; i < to; i++ {
			level += (d.rel[i] + severity[d.evaluator[i]]) / float64(to-from)
		}
		for i := from; i < to; i++ {
			do(i, d.rel[i]+severity[d.evaluator[i]]-level)
		}
	}
}

// components numbers the connected parts of the design, by evaluator.
func (d *design) components() []int {
	parent := make([]int, len(d.evaluators))
	for e := range parent {
		parent[e] = e
	}
	root := func(e int) int {
		for parent[e] != e {
			parent[e] = parent[parent[e]]
			e = parent[e]
		}
		return e
	}
	for i, e := range d.evaluator {
		a, b := root(e), root(d.evaluator[d.first[d.target[i]]])
		parent[max(a, b)] = min(a, b)
	}
	number, next := make([]int, len(parent)), 0
	for e := range parent {
		if parent[e] == e { // the lowest of its part, so it comes first
			number[e] = next
			next++
			continue
		}
		number[e] = number[root(e)]
	}
	return number
}
