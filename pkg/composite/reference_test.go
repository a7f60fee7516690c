package composite_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// An independent computation of an index, written from docs/method.md in numbers of 320
// bits, in which sums, products and quotients of entries are exact for every purpose here.
// It uses nothing of the package but the types of a scheme and of its data. Every number is
// read as it is written in decimals: 0.1 is a tenth.

const refBits = 320

type number = *big.Float

func re(x float64) number {
	r, _, err := big.ParseFloat(strconv.FormatFloat(x, 'g', -1, 64), 10, refBits, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	return r
}

func fresh() number { return new(big.Float).SetPrec(refBits) }

func plus(a, b number) number  { return fresh().Add(a, b) }
func minus(a, b number) number { return fresh().Sub(a, b) }
func times(a, b number) number { return fresh().Mul(a, b) }
func over(a, b number) number  { return fresh().Quo(a, b) }
func least(a, b number) number {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func most(a, b number) number {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

func value(x number) float64 { f, _ := x.Float64(); return f }

// paper is x to 12 significant digits; nothing below 1e-12 remains.
func paper(x number) number {
	if fresh().Abs(x).Cmp(re(1e-12)) < 0 {
		return re(0)
	}
	_, power, _ := strings.Cut(x.Text('e', 60), "e")
	e, err := strconv.Atoi(power)
	if err != nil {
		panic(err)
	}
	unit := power10(e - 11)
	half := plus(over(re(1), re(2)), power10(-40)) // a quotient that ends in the middle may lack its last bit
	whole, _ := plus(over(fresh().Abs(x), unit), half).Int(nil)
	r, _, _ := big.ParseFloat(fmt.Sprintf("%de%d", whole, e-11), 10, refBits, big.ToNearestEven) // as a reader writes it
	if x.Sign() < 0 {
		r.Neg(r)
	}
	return r
}

// power10 is ten to the power.
func power10(e int) number {
	r, _, _ := big.ParseFloat("1e"+strconv.Itoa(e), 10, refBits, big.ToNearestEven)
	return r
}

// ln is the natural logarithm: of m·2ᵉ with m in [½, 1), by the series of artanh.
func ln(x number) number {
	m := fresh()
	e := x.MantExp(m)
	series := func(m number) number {
		z := over(minus(m, re(1)), plus(m, re(1)))
		sum, power, square := re(0), z, times(z, z)
		for k := 1; k < 240; k += 2 {
			sum = plus(sum, over(power, re(float64(k))))
			power = times(power, square)
		}
		return times(re(2), sum)
	}
	return minus(series(m), times(re(float64(e)), series(re(0.5))))
}

// exp is by Taylor of x/2¹⁶, squared sixteen times.
func exp(x number) number {
	x = over(x, re(65536))
	sum, term := re(1), re(1)
	for k := 1; k < 40; k++ {
		term = over(times(term, x), re(float64(k)))
		sum = plus(sum, term)
	}
	for range 16 {
		sum = times(sum, sum)
	}
	return sum
}

// reference is one scheme applied to one table.
type reference struct {
	spec    composite.Spec
	units   []string
	classes []string
	columns [][]number // nil: missing
	skip    [][]bool
	carried [][]number

	leaf    int
	covered []([2]number) // by unit: entered and applicable effective weight
	failed  []bool
	nodes   [][]number // by node in document order, then unit
}

func (r *reference) compute() {
	r.covered, r.failed = make([][2]number, len(r.units)), make([]bool, len(r.units))
	for u := range r.covered {
		r.covered[u] = [2]number{re(0), re(0)}
	}
	r.node(r.spec.Tree, re(1))
}

// node computes a node for all units, appends it and those below in document order, and
// returns its scores.
func (r *reference) node(n composite.Node, effective number) []number {
	at := len(r.nodes)
	r.nodes = append(r.nodes, nil)
	scores := make([]number, len(r.units))
	if len(n.Children) == 0 {
		scores = r.scoreLeaf(n, effective)
	} else {
		total := re(0)
		for _, c := range n.Children {
			total = plus(total, re(c.Weight))
		}
		var below [][]number
		for _, c := range n.Children {
			below = append(below, r.node(c, over(times(effective, re(c.Weight)), total)))
		}
		for u := range scores {
			var x, w []number
			for i, c := range n.Children {
				if below[i][u] != nil {
					x, w = append(x, below[i][u]), append(w, re(c.Weight))
				}
			}
			switch {
			case len(x) == 0:
			case n.Aggregation.Kind == composite.Copeland:
				scores[u] = paper(refCopeland(n.Children, below, u))
			case n.Aggregation.Kind == composite.Sum:
				scores[u] = paper(over(times(refMean(n.Aggregation, x, w), total), re(100)))
			default:
				scores[u] = paper(refMean(n.Aggregation, x, w))
			}
		}
	}
	r.nodes[at] = scores
	return scores
}

func weightedSum(x, w []number) (sum, total number) {
	sum, total = re(0), re(0)
	for i := range x {
		sum, total = plus(sum, times(w[i], x[i])), plus(total, w[i])
	}
	return sum, total
}

func each(x []number, f func(number) number) []number {
	y := make([]number, len(x))
	for i := range x {
		y[i] = f(x[i])
	}
	return y
}

// refCopeland is the score of a unit that has a score in some child: pair by pair, in values of nine decimals.
func refCopeland(children []composite.Node, below [][]number, unit int) number {
	nine := func(x number) *big.Int {
		whole, _ := plus(times(fresh().Abs(x), re(1e9)), re(0.5)).Int(nil)
		if x.Sign() < 0 {
			whole.Neg(whole)
		}
		return whole
	}
	balance, others := 0, 0
	for v := range below[0] {
		if v == unit || !slices.ContainsFunc(below, func(x []number) bool { return x[v] != nil }) {
			continue
		}
		others++
		margin := re(0)
		for c, x := range below {
			if x[unit] == nil || x[v] == nil {
				continue
			}
			switch nine(x[unit]).Cmp(nine(x[v])) {
			case 1:
				margin = plus(margin, re(children[c].Weight))
			case -1:
				margin = minus(margin, re(children[c].Weight))
			}
		}
		if fresh().Abs(margin).Cmp(re(1e-30)) > 0 { // a tenth has an end only in decimals
			balance += margin.Sign()
		}
	}
	if others == 0 {
		return re(50)
	}
	return plus(re(50), over(times(re(50), re(float64(balance))), re(float64(others))))
}

// refShape returns the skewness and the excess kurtosis, both of type 2, of four or more values that are not all equal.
func refShape(x []number) (skew, kurtosis number, ok bool) {
	n := re(float64(len(x)))
	if len(x) < 4 || slices.MinFunc(x, number.Cmp).Cmp(slices.MaxFunc(x, number.Cmp)) == 0 {
		return nil, nil, false
	}
	sum := re(0)
	for _, v := range x {
		sum = plus(sum, v)
	}
	mean := over(sum, n)
	var m [5]number // central moments
	for k := range m {
		m[k] = re(0)
		for _, v := range x {
			power := re(1)
			for range k {
				power = times(power, minus(v, mean))
			}
			m[k] = plus(m[k], over(power, n))
		}
	}
	one, two, three := re(1), re(2), re(3)
	skew = over(m[3], times(m[2], fresh().Sqrt(m[2])))
	skew = over(times(skew, fresh().Sqrt(times(n, minus(n, one)))), minus(n, two))
	g := minus(over(m[4], times(m[2], m[2])), three)
	kurtosis = over(times(plus(times(plus(n, one), g), re(6)), minus(n, one)), times(minus(n, two), minus(n, three)))
	return skew, kurtosis, true
}

// refTreat returns what a treatment makes of the values of a group.
func refTreat(t *composite.Treatment, x []number) func(number) number {
	same := func(v number) number { return v }
	fails := func(y []number) (skewed int, fails bool) {
		skew, kurtosis, ok := refShape(y)
		if !ok || fresh().Abs(skew).Cmp(orElse(t.Skew, 2)) < 0 || kurtosis.Cmp(orElse(t.Kurtosis, 3.5)) < 0 {
			return 0, false
		}
		return skew.Sign(), true
	}
	skewed, bad := fails(x)
	if !bad {
		return same
	}
	low, high := slices.MinFunc(x, number.Cmp), slices.MaxFunc(x, number.Cmp)
	hundredth := over(minus(high, low), re(100))
	switch {
	case t.Kind == "log" && skewed < 0:
		return func(v number) number { return minus(re(0), ln(plus(minus(high, v), hundredth))) }
	case t.Kind == "log":
		return func(v number) number { return ln(plus(minus(v, low), hundredth)) }
	case t.Kind == "boxcox":
		lambda := re(*t.Lambda)
		return func(v number) number {
			y := ln(plus(minus(v, low), re(1)))
			if lambda.Sign() == 0 {
				return y
			}
			return over(minus(exp(times(lambda, y)), re(1)), lambda)
		}
	}
	most5 := 5
	if t.MaxPoints != nil {
		most5 = *t.MaxPoints
	}
	for bad {
		a, b := low, high
		var inward []number // values strictly within
		for _, v := range x {
			if v.Cmp(low) > 0 && v.Cmp(high) < 0 {
				inward = append(inward, v)
			}
		}
		if len(inward) == 0 {
			break
		}
		if skewed > 0 {
			b = slices.MaxFunc(inward, number.Cmp)
		} else {
			a = slices.MinFunc(inward, number.Cmp)
		}
		moved := 0
		for _, v := range x {
			if v.Cmp(a) < 0 || v.Cmp(b) > 0 {
				moved++
			}
		}
		if moved > most5 {
			break
		}
		low, high = a, b
		skewed, bad = fails(each(x, func(v number) number { return within(v, low, high) }))
	}
	return func(v number) number { return within(v, low, high) }
}

func refMean(a composite.Aggregation, x, w []number) number {
	average := func(y []number) number { s, t := weightedSum(y, w); return over(s, t) }
	lowest := slices.MinFunc(x, number.Cmp)
	switch a.Kind {
	case composite.Geometric:
		if lowest.Cmp(re(1e-12)) < 0 {
			return re(0)
		}
		return exp(average(each(x, ln)))
	case composite.Harmonic:
		if lowest.Cmp(re(1e-12)) < 0 {
			return re(0)
		}
		return over(re(1), average(each(x, func(v number) number { return over(re(1), v) })))
	case composite.Power:
		if a.P < 0 && lowest.Cmp(re(1e-12)) < 0 {
			return re(0)
		}
		power := func(v number, p number) number {
			if v.Cmp(re(1e-12)) < 0 {
				return re(0)
			}
			return exp(times(p, ln(v)))
		}
		m := average(each(x, func(v number) number { return power(v, re(a.P)) }))
		if m.Sign() <= 0 {
			return re(0)
		}
		return exp(over(ln(m), re(a.P)))
	case composite.Minimum:
		return lowest
	case composite.Maximum:
		return slices.MaxFunc(x, number.Cmp)
	case composite.Median:
		_, total := weightedSum(x, w)
		var best number
		for _, v := range x { // the least value with half of the weight at or below it
			reached := re(0)
			for i := range x {
				if x[i].Cmp(v) <= 0 {
					reached = plus(reached, w[i])
				}
			}
			if plus(times(re(2), reached), re(1e-30)).Cmp(total) >= 0 && (best == nil || v.Cmp(best) < 0) {
				best = v
			}
		}
		return best
	case composite.Penalised:
		scaled := each(x, func(v number) number { return plus(re(70), times(re(0.6), v)) })
		m := average(scaled)
		if m.Sign() <= 0 {
			return re(0)
		}
		variance := average(each(scaled, func(v number) number { return times(minus(v, m), minus(v, m)) }))
		return most(re(0), over(minus(minus(m, over(variance, m)), re(70)), re(0.6)))
	}
	return average(x)
}

// scoreLeaf fills, fits and scores one column.
func (r *reference) scoreLeaf(n composite.Node, effective number) []number {
	c := r.leaf
	r.leaf++
	applies := func(u int) bool { return r.skip[c] == nil || !r.skip[c][u] }
	group := func(u int, byClass bool) (members []int) {
		for v := range r.units {
			if applies(v) && (!byClass || r.classes[v] == r.classes[u]) {
				members = append(members, v)
			}
		}
		return members
	}
	used := make([]number, len(r.units))
	for u := range r.units {
		if !applies(u) {
			continue
		}
		if used[u] = r.columns[c][u]; used[u] != nil {
			continue
		}
		switch n.Missing.Kind {
		case composite.Carry:
			used[u] = r.carried[c][u]
		case composite.PeerMean, composite.PeerMedian, composite.ClassMean:
			var x, ones []number
			for _, v := range group(u, n.Missing.Kind == composite.ClassMean || n.Peers == composite.ClassPeers) {
				if y := r.columns[c][v]; y != nil {
					x, ones = append(x, y), append(ones, re(1))
				}
			}
			if len(x) > 0 && n.Missing.Kind == composite.PeerMedian {
				used[u] = paper(refMedian(x))
			} else if len(x) > 0 {
				s, t := weightedSum(x, ones)
				used[u] = paper(over(s, t))
			}
		case composite.Fail:
			r.failed[u] = true
		}
	}
	if n.Treat != nil {
		treated := make([]number, len(used))
		treat := map[string]func(number) number{}
		for u := range used {
			class := ""
			if n.Peers == composite.ClassPeers {
				class = r.classes[u]
			}
			if treat[class] == nil {
				var x []number
				for _, v := range group(u, n.Peers == composite.ClassPeers) {
					if used[v] != nil {
						x = append(x, used[v])
					}
				}
				treat[class] = refTreat(n.Treat, x)
			}
			if used[u] != nil {
				treated[u] = treat[class](used[u])
			}
		}
		used = treated
	}
	noReference := false
	if ref, ok := n.Rule.(*composite.Reference); ok && ref.Unit != "" {
		x := used[slices.Index(r.units, ref.Unit)]
		noReference = x == nil || x.Sign() <= 0
	}
	scores := make([]number, len(r.units))
	for u := range r.units {
		if !applies(u) {
			continue
		}
		if !noReference {
			r.covered[u][1] = plus(r.covered[u][1], effective)
			if r.columns[c][u] != nil {
				r.covered[u][0] = plus(r.covered[u][0], effective)
			}
		}
		switch {
		case used[u] == nil && n.Missing.Kind == composite.Zero:
			scores[u] = re(0)
		case used[u] == nil || noReference:
		default:
			var peers []number
			for _, v := range group(u, n.Peers == composite.ClassPeers) {
				if used[v] != nil {
					peers = append(peers, used[v])
				}
			}
			named := re(0)
			if ref, ok := n.Rule.(*composite.Reference); ok && ref.Unit != "" {
				named = used[slices.Index(r.units, ref.Unit)]
			}
			scores[u] = refScore(n.Rule, n.Direction == composite.Cost, used[u], peers, named)
		}
	}
	return scores
}

func refMedian(x []number) number {
	x = slices.SortedFunc(slices.Values(x), number.Cmp)
	half := len(x) / 2
	if len(x)%2 == 1 {
		return x[half]
	}
	return over(plus(x[half-1], x[half]), re(2))
}

func orElse(p *float64, otherwise float64) number {
	if p != nil {
		return re(*p)
	}
	return re(otherwise)
}

func within(x, low, high number) number { return most(low, least(x, high)) }

func refScore(rule composite.Rule, cost bool, x number, peers []number, named number) number {
	zero, hundred, bound := re(0), re(100), re(1e12)
	low, high := slices.MinFunc(peers, number.Cmp), slices.MaxFunc(peers, number.Cmp)
	n := re(float64(len(peers)))
	constant, below, above := low.Cmp(high) == 0, 0, 0
	for _, p := range peers {
		if p.Cmp(x) < 0 {
			below++
		} else if p.Cmp(x) > 0 {
			above++
		}
	}
	ahead := above
	if cost {
		ahead = below
	}
	share := func(a, b number) number { return over(times(hundred, a), b) }
	switch rule := rule.(type) {
	case *composite.Goalposts:
		a, b := re(rule.Low), re(rule.High)
		if rule.Transform == composite.Log {
			x, a, b = ln(x), ln(a), ln(b)
		}
		return within(share(minus(x, a), minus(b, a)), zero, hundred)
	case *composite.MinMax:
		switch {
		case constant:
			return orElse(rule.Constant, 50)
		case cost:
			return share(minus(high, x), minus(high, low))
		}
		return share(minus(x, low), minus(high, low))
	case *composite.ZScore:
		score := orElse(rule.Mean, 50)
		if !constant {
			sum := re(0)
			for _, p := range peers {
				sum = plus(sum, p)
			}
			mean, squares := over(sum, n), re(0)
			for _, p := range peers {
				squares = plus(squares, times(minus(p, mean), minus(p, mean)))
			}
			s := fresh().Sqrt(over(squares, minus(n, re(1))))
			part := over(times(orElse(rule.SD, 10), minus(x, mean)), s)
			if cost {
				part = minus(zero, part)
			}
			score = plus(score, part)
		}
		if rule.Clamp {
			return within(score, zero, hundred)
		}
		return score
	case *composite.Percentile:
		if len(peers) == 1 {
			return re(50)
		}
		p := share(re(float64(below)), minus(n, re(1)))
		if cost {
			return minus(hundred, p)
		}
		return p
	case *composite.RankRule:
		if len(peers) == 1 {
			return hundred
		}
		return share(re(float64(len(peers)-1-ahead)), minus(n, re(1)))
	case *composite.RankPoints:
		return share(re(rule.Points[min(ahead, len(rule.Points)-1)]), re(rule.Points[0]))
	case *composite.BestRule:
		switch {
		case constant:
			return hundred
		case !cost:
			return share(x, high)
		case x.Sign() == 0:
			return hundred
		}
		return share(low, x)
	case *composite.TargetRule:
		target, worst := re(rule.Target), low
		if cost {
			worst = high
		}
		if !cost && worst.Cmp(target) >= 0 || cost && worst.Cmp(target) <= 0 {
			return hundred
		}
		top := hundred
		if rule.Cap != nil && !*rule.Cap {
			top = bound
		}
		return within(share(minus(x, worst), minus(target, worst)), zero, top)
	case *composite.Reference:
		value, top := named, bound
		if rule.Unit == "" {
			value = re(rule.Value)
		}
		if rule.Clamp {
			top = hundred
		}
		if !cost {
			return least(share(x, value), top)
		}
		if x.Sign() == 0 {
			return top
		}
		return least(share(value, x), top)
	case *composite.Bands:
		points := zero
		for _, b := range rule.Bands {
			if re(b.From).Cmp(x) <= 0 {
				points = re(b.Points)
			}
		}
		return points
	case *composite.Levels:
		var all []float64
		for _, p := range rule.Levels {
			all = append(all, p)
		}
		slices.Sort(all)
		return re(all[int(value(x))])
	case *composite.Deduct:
		off := over(times(re(rule.Per), x), orElse(rule.Step, 1))
		return most(orElse(rule.Floor, 0), minus(orElse(rule.Full, 100), off))
	case *composite.Shortfall:
		off := over(times(re(rule.Per), most(zero, minus(re(rule.Target), x))), orElse(rule.Step, 1))
		return most(zero, minus(hundred, off))
	case *composite.PointsRule:
		return share(x, re(rule.Max))
	}
	panic(fmt.Sprintf("no rule %T", rule))
}

// figure is the published outcome of a unit by the reference.
type figure struct {
	scored bool
	score  float64
	grade  string
	rank   int
	edge   bool // so near to the middle between two figures that the last bit decides
}

// publish adjusts, rounds, vetoes, ranks and grades. It has no quotas.
func (r *reference) publish(adjustments []composite.Adjustment) []figure {
	list := make([]figure, len(r.units))
	for u := range list {
		base := r.nodes[0][u]
		if base == nil || r.failed[u] || r.covered[u][1].Sign() == 0 {
			continue
		}
		coverage := over(r.covered[u][0], r.covered[u][1])
		if minus(re(r.spec.MinCoverage), coverage).Cmp(re(1e-10)) > 0 {
			continue
		}
		bonus, deduction, lowest, ceiling := re(0), re(0), 0, r.spec.Scale
		for _, a := range adjustments {
			if a.Unit != u {
				continue
			}
			for _, it := range r.spec.Adjustments.Bonus.Items {
				if it.Code == a.Code {
					bonus = plus(bonus, re(it.Points))
				}
			}
			for _, it := range r.spec.Adjustments.Deduction.Items {
				if it.Code == a.Code {
					deduction = plus(deduction, re(it.Points))
				}
			}
			for _, v := range r.spec.Adjustments.Vetoes {
				switch {
				case v.Code != a.Code:
				case v.Effect.Kind == composite.ZeroScore:
					ceiling = 0
				case v.Effect.Kind == composite.CapScore:
					ceiling = min(ceiling, v.Effect.Score)
				default:
					for g := range r.spec.Grades {
						if r.spec.Grades[g].Code == v.Effect.Grade {
							lowest = max(lowest, g)
						}
					}
				}
			}
		}
		x := plus(base, least(bonus, re(r.spec.Adjustments.Bonus.Cap)))
		x = within(minus(x, least(deduction, re(r.spec.Adjustments.Deduction.Cap))), re(0), re(r.spec.Scale))
		scale := re(math.Pow10(r.spec.Decimals))
		nine, _, _ := big.ParseFloat(x.Text('f', 9), 10, refBits, big.ToNearestEven)
		whole, _ := plus(times(nine, scale), re(0.5)).Int(nil)
		fraction := minus(times(x, scale), fresh().SetInt(whole))
		f := figure{scored: true, score: min(value(over(fresh().SetInt(whole), scale)), ceiling)}
		// The middle itself is no edge, nor what is snapped to it: half of the ninth decimal below it is.
		apart := math.Abs(math.Abs(value(fraction))-0.5) / value(scale)
		f.edge = math.Abs(apart-0.5e-9) < 1e-11
		for g := len(r.spec.Grades) - 1; g >= 0; g-- {
			if f.score >= r.spec.Grades[g].From && g >= lowest {
				f.grade = r.spec.Grades[g].Code
			}
		}
		list[u] = f
	}
	for u := range list {
		if list[u].scored {
			list[u].rank = 1
			for v := range list {
				if list[v].scored && list[v].score > list[u].score {
					list[u].rank++
				}
			}
		}
	}
	return list
}

// drawing draws schemes and tables in which figures of few digits, ties and limits abound.
type drawing struct{ *rand.Rand }

func (d drawing) tenth(low, high int) float64 { return float64(low*10+d.IntN((high-low)*10+1)) / 10 }
func (d drawing) oneIn(n int) bool            { return d.IntN(n) == 0 }

func (d drawing) rule(units []string) (composite.Rule, composite.Direction) {
	direction := composite.Benefit
	either := func() {
		if d.oneIn(2) {
			direction = composite.Cost
		}
	}
	var rule composite.Rule
	switch d.IntN(16) {
	case 0:
		either()
		if rule = (&composite.Goalposts{Low: 20.1, High: 85.7}); direction == composite.Cost {
			rule = &composite.Goalposts{Low: 85.7, High: 20.1}
		}
	case 1:
		rule = &composite.Goalposts{Low: 0.5, High: 90, Transform: composite.Log}
	case 2:
		either()
		rule = &composite.MinMax{Constant: new(d.tenth(10, 60))}
	case 3:
		either()
		rule = &composite.ZScore{Clamp: d.oneIn(2)}
	case 4:
		either()
		rule = &composite.ZScore{Mean: new(60.0), SD: new(12.5), Clamp: true}
	case 5:
		either()
		rule = &composite.Percentile{}
	case 6:
		either()
		rule = &composite.RankRule{}
	case 7:
		either()
		rule = &composite.RankPoints{Points: []float64{60, 57, 51.5, 40, 40, 12}}
	case 8:
		either()
		rule = &composite.BestRule{}
	case 9:
		either()
		rule = &composite.TargetRule{Target: d.tenth(0, 100), Cap: new(d.oneIn(2))}
	case 10:
		rule = &composite.Reference{Unit: units[d.IntN(len(units))], Clamp: d.oneIn(2)}
	case 11:
		either()
		rule = &composite.Reference{Value: 40.3, Clamp: true}
	case 12:
		rule = &composite.Bands{Bands: []composite.Band{{From: 10, Points: 15}, {From: 33.3, Points: 40}, {From: 50, Points: 75.5}, {From: 85, Points: 100}}}
	case 13:
		direction = composite.Cost
		rule = &composite.Deduct{Full: new(95.0), Per: 1.1, Step: new(0.7), Floor: new(float64(d.IntN(2) * 5))}
	case 14:
		rule = &composite.Shortfall{Target: 70, Per: 3, Step: new(1.3)}
	default:
		rule = &composite.PointsRule{Max: 100}
	}
	if d.oneIn(20) {
		return &composite.Levels{Levels: map[string]float64{"A": 100, "B": 61.5, "C": 20}}, composite.Benefit
	}
	return rule, direction
}

func (d drawing) aggregation() composite.Aggregation {
	kinds := []composite.Aggregation{
		{Kind: composite.Arithmetic},
		{Kind: composite.Arithmetic},
		{Kind: composite.Geometric},
		{Kind: composite.Harmonic},
		{Kind: composite.Power, P: 2},
		{Kind: composite.Power, P: -1.5},
		{Kind: composite.Minimum},
		{Kind: composite.Penalised},
		{Kind: composite.Sum},
		{Kind: composite.Sum},
		{Kind: composite.Median},
		{Kind: composite.Maximum},
		{Kind: composite.Copeland},
	}
	return kinds[d.IntN(len(kinds))]
}

// treatment draws a treatment that the rule allows, with limits that few columns keep.
func (d drawing) treatment(rule composite.Rule) *composite.Treatment {
	t := &composite.Treatment{Kind: "winsorise", Skew: new(d.tenth(0, 1) + 0.05), Kurtosis: new(d.tenth(-2, 1) + 0.05)}
	switch rule.(type) {
	case *composite.Levels:
		return nil
	case *composite.MinMax, *composite.ZScore, *composite.Percentile, *composite.RankRule, *composite.RankPoints:
		t.Kind = []string{"winsorise", "log", "log", "boxcox", "boxcox"}[d.IntN(5)]
	}
	switch t.Kind {
	case "winsorise":
		t.MaxPoints = new(d.IntN(5))
	case "boxcox":
		t.Lambda = new([]float64{-1, 0, 0.5, 2}[d.IntN(4)])
	}
	return t
}

// column draws the values of a leaf: entered, derived from two quantities, or combined from
// ratings. The product and the reference each compute what is not simply entered.
func (d drawing) column(rule composite.Rule, units int) (entered []float64, exact []number) {
	how := d.IntN(4)
	for range units {
		if _, levels := rule.(*composite.Levels); levels {
			x := float64(d.IntN(3))
			entered, exact = append(entered, x), append(exact, re(x))
			continue
		}
		switch x := d.tenth(1, 100); {
		case d.oneIn(8):
			entered, exact = append(entered, math.NaN()), append(exact, nil)
		case how == 0:
			a, b := d.tenth(1, 9), d.tenth(10, 12)
			y, _ := stats.Ratio(a, b, 100)
			entered, exact = append(entered, y), append(exact, paper(over(times(re(a), re(100)), re(b))))
		case how == 1:
			x, y := d.combined()
			entered, exact = append(entered, x), append(exact, y)
		default:
			entered, exact = append(entered, x), append(exact, re(x))
		}
	}
	return entered, exact
}

// combined draws ratings of two roles.
func (d drawing) combined() (float64, number) {
	kind := []composite.CombinationKind{composite.Mean, composite.MedianKind, composite.Trimmed}[d.IntN(3)]
	c := composite.Combination{Kind: kind, Drop: 1, RoleWeights: map[string]float64{"a": 3, "b": 7}}
	var ratings []composite.Rating
	var means, weights []number
	for _, role := range []string{"a", "b"} {
		var x, ones []number
		for range 1 + d.IntN(5) {
			v := d.tenth(1, 100)
			ratings = append(ratings, composite.Rating{Role: role, Value: v})
			x, ones = append(x, re(v)), append(ones, re(1))
		}
		x = slices.SortedFunc(slices.Values(x), number.Cmp)
		if kind == composite.MedianKind {
			means = append(means, refMedian(x))
		} else {
			if kind == composite.Trimmed && len(x) >= 3 {
				x, ones = x[1:len(x)-1], ones[2:]
			}
			s, t := weightedSum(x, ones)
			means = append(means, over(s, t))
		}
		weights = append(weights, re(c.RoleWeights[role]))
	}
	got, _ := c.Combine(ratings)
	s, t := weightedSum(means, weights)
	return got, paper(over(s, t))
}

// town draws a scheme, its data twice, and adjustments.
func (d drawing) town() (*reference, composite.Data, []composite.Adjustment) {
	r := &reference{}
	data := composite.Data{}
	for u := range 5 + d.IntN(8) {
		r.units = append(r.units, fmt.Sprintf("u%02d", u))
		r.classes = append(r.classes, string(rune('p'+d.IntN(2))))
	}
	data.Units, data.Classes = r.units, r.classes
	policies := []composite.MissingKind{
		composite.Exclude, composite.Exclude, composite.Zero, composite.PeerMean, composite.PeerMedian, composite.ClassMean,
		composite.Carry, composite.Fail,
	}
	root := composite.Node{Code: "index", Aggregation: d.aggregation()}
	for k := range 1 + d.IntN(3) {
		dimension := composite.Node{Code: fmt.Sprint("d", k), Weight: d.tenth(1, 9), Aggregation: d.aggregation()}
		for i := range 1 + d.IntN(4) {
			leaf := composite.Node{Code: fmt.Sprint("d", k, ".", i), Weight: d.tenth(1, 9), Peers: composite.AllPeers}
			leaf.Rule, leaf.Direction = d.rule(r.units)
			if leaf.Missing.Kind = policies[d.IntN(len(policies))]; leaf.Rule.Kind() == "levels" {
				leaf.Missing.Kind = composite.Exclude
			} else if d.oneIn(3) {
				leaf.Peers = composite.ClassPeers
			}
			if d.oneIn(3) {
				leaf.Treat = d.treatment(leaf.Rule)
			}
			dimension.Children = append(dimension.Children, leaf)
			entered, exact := d.column(leaf.Rule, len(r.units))
			skip, carried, kept := make([]bool, len(r.units)), make([]float64, len(r.units)), make([]number, len(r.units))
			for u := range r.units {
				skip[u], carried[u] = d.oneIn(15), math.NaN()
				if x := d.tenth(1, 100); leaf.Missing.Kind == composite.Carry && d.oneIn(2) {
					carried[u], kept[u] = x, re(x)
				}
			}
			data.Columns, r.columns = append(data.Columns, entered), append(r.columns, exact)
			data.NotApplicable, r.skip = append(data.NotApplicable, skip), append(r.skip, skip)
			data.Carried, r.carried = append(data.Carried, carried), append(r.carried, kept)
		}
		if dimension.Aggregation.Kind == composite.Sum { // below the root the points are 100
			left := 100.0
			for i := range dimension.Children[1:] {
				dimension.Children[i].Weight = float64(5 + d.IntN(20))
				left -= dimension.Children[i].Weight
			}
			dimension.Children[len(dimension.Children)-1].Weight = left
		}
		root.Children = append(root.Children, dimension)
	}
	scale := 100.0
	if root.Aggregation.Kind == composite.Sum {
		scale = []float64{100, 200, 1000}[d.IntN(3)]
		for i := range root.Children {
			root.Children[i].Weight = d.tenth(int(scale)/10, int(scale)*2/3)
		}
	}
	r.spec = composite.Spec{
		Scale: scale, Decimals: d.IntN(4), MinCoverage: []float64{0, 0.5, 2. / 3, 0.75, 0.8}[d.IntN(5)], Tree: root,
		Adjustments: composite.Adjustments{
			Bonus:     composite.AdjustmentGroup{Cap: 5, Items: []composite.AdjustmentItem{{Code: "b1", Points: 2.3}, {Code: "b2", Points: 4}}},
			Deduction: composite.AdjustmentGroup{Cap: 7, Items: []composite.AdjustmentItem{{Code: "m1", Points: 3.1}, {Code: "m2", Points: 5}}},
			Vetoes: []composite.Veto{
				{Code: "v1", Effect: composite.Effect{Kind: composite.CapGrade, Grade: "C"}},
				{Code: "v2", Effect: composite.Effect{Kind: composite.CapScore, Score: 0.59 * scale}},
				{Code: "v3", Effect: composite.Effect{Kind: composite.ZeroScore}},
			},
		},
		Grades: []composite.Grade{{Code: "A", From: 0.8 * scale}, {Code: "B", From: 0.6 * scale}, {Code: "C", From: 0.4 * scale}, {Code: "D"}},
	}
	var adjustments []composite.Adjustment
	for u := range r.units {
		for _, code := range []string{"b1", "b2", "m1", "m2", "v1", "v2", "v3"} {
			if d.oneIn(9) {
				adjustments = append(adjustments, composite.Adjustment{Unit: u, Code: code})
			}
		}
	}
	return r, data, adjustments
}

// The product and the reference agree on every node, status, published figure, grade and
// rank of thousands of branches. A figure within reach of the last bit of the middle
// between two is listed instead of compared; there must be almost none.
func TestReference(t *testing.T) {
	const wanted = 5200
	branches, nodes, edges := 0, 0, 0
	for seed := uint64(1); branches < wanted; seed++ {
		r, data, adjustments := (drawing{rand.New(rand.NewPCG(seed, 20))}).town()
		ix, err := composite.New(r.spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := ix.Check(data); err != nil {
			t.Fatal(err)
		}
		got := ix.Score(data, composite.KeepAll)
		standings, err := ix.Standings(got, adjustments)
		if err != nil {
			t.Fatal(err)
		}
		r.compute()
		want := r.publish(adjustments)
		for n := range r.nodes {
			for u := range r.units {
				x, ok := got.Score(n, u)
				if n == 0 && got.Status(u) != composite.UnitScored {
					continue // the root of a branch without a score is not shown
				}
				nodes++
				if ok != (r.nodes[n][u] != nil) || ok && math.Abs(x-value(r.nodes[n][u])) > 2e-11*math.Max(1, math.Abs(x)) {
					t.Fatalf("seed %d, node %s of %s: %v %v, by the reference %v\n%+v", seed, ix.Nodes()[n].Code, r.units[u], x, ok,
						r.nodes[n][u], r.spec.Tree)
				}
			}
		}
		near := slices.ContainsFunc(want, func(f figure) bool { return f.edge })
		for _, s := range standings {
			branches++
			w := want[s.Unit]
			if w.edge {
				edges++
				t.Logf("seed %d: %s is at the middle between two figures: %v", seed, r.units[s.Unit], s.Base)
				continue
			}
			if (s.Status == composite.UnitScored) != w.scored || s.Score != w.score || s.Grade != w.grade || !near && s.Rank != w.rank {
				t.Fatalf("seed %d: %s is %+v, by the reference %+v", seed, r.units[s.Unit], s, w)
			}
		}
	}
	if t.Logf("%d branches, %d nodes, %d at an edge", branches, nodes, edges); edges*1000 >= branches {
		t.Errorf("%d of %d branches are at an edge", edges, branches)
	}
}
