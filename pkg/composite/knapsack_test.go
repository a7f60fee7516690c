package composite

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Every combination of small items, with costs that share a quantum or not.
func TestKnapsackAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 4000 {
		items := make([][]choice, 1+r.IntN(5))
		for i := range items {
			items[i] = []choice{{}}
			for range r.IntN(5) {
				last := items[i][len(items[i])-1]
				c := choice{last.cost + float64(1+r.IntN(9)), last.gain + float64(1+r.IntN(9))/3}
				if round%2 == 0 {
					c.cost += r.Float64()
				}
				items[i] = append(items[i], c)
			}
		}
		need := r.Float64() * 25
		best := math.Inf(1)
		var try func(i int, cost, gain float64)
		try = func(i int, cost, gain float64) {
			if i == len(items) {
				if gain >= need {
					best = min(best, cost)
				}
				return
			}
			for _, c := range items[i] {
				try(i+1, cost+c.cost, gain+c.gain)
			}
		}
		try(0, 0, 0)
		got, ok := cheapest(items, need, nil)
		if ok != !math.IsInf(best, 1) {
			t.Fatalf("round %d: found %v, brute force %v", round, ok, best)
		}
		if !ok {
			continue
		}
		cost := 0.0
		for i, j := range got.picks {
			cost += items[i][j].cost
		}
		if !got.exact || math.Abs(cost-best) > 1e-6 || got.bound > best+1e-6 {
			t.Fatalf("round %d: %+v costs %v, brute force %v", round, got, cost, best)
		}
	}
}

// Cut short, a search still has picks that do, and a bound that holds: with
// costs that are the gains, in no common measure, the items are all alike.
func TestKnapsackCutShort(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	items, need := make([][]choice, 40), 0.0
	for i := range items {
		gain := 1000 * r.Float64()
		items[i] = []choice{{}, {gain, gain}}
		need += gain / 2
	}
	got, ok := cheapest(items, need, nil)
	gain, cost := 0.0, 0.0
	for i, j := range got.picks {
		gain += items[i][j].gain
		cost += items[i][j].cost
	}
	if !ok || gain < need || got.bound > cost || got.bound < cost*.99 || got.exact {
		t.Errorf("%v: gain %v of %v, cost %v, bound %v, exact %v", ok, gain, need, cost, got.bound, got.exact)
	}
}
