package composite

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Units are distinguishable where one is ahead in 95 % of the replicates or more: the fast way
// against a plain count, over pairs near the limit.
func TestNotApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	none, some := 0, 0
	for range 300 {
		n, replicates := 2+rng.IntN(6), 1+rng.IntN(200)
		tl := newTally(n, 0, replicates)
		for i := range n {
			for k := range replicates {
				tl.ranks[i*replicates+k] = int32(2*i + rng.IntN(5))
			}
		}
		extents, units := make([]extent, n), make([]int, n)
		for i := range n {
			units[i] = 10 * i
			extents[i] = extentOf(slices.Sorted(slices.Values(tl.of(i))))
		}
		got := tl.indistinguishable(units, extents, 1+rng.IntN(3))
		for a := range n {
			var want []int
			for b := range n {
				ahead, behind := 0, 0
				for k := range replicates {
					if tl.of(a)[k] < tl.of(b)[k] {
						ahead++
					}
					if tl.of(a)[k] > tl.of(b)[k] {
						behind++
					}
				}
				if a != b && 20*max(ahead, behind) < 19*replicates {
					want = append(want, units[b])
				}
			}
			none, some = none+n-1-len(want), some+len(want)
			if !slices.Equal(got[a], want) {
				t.Fatalf("%d of %d over %d: %v, want %v", a, n, replicates, got[a], want)
			}
		}
	}
	if none == 0 || some == 0 {
		t.Errorf("%d pairs distinguishable, %d not: nothing was compared", none, some)
	}
}

// Each is out of place in 5 % of the replicates, but not in the same ones.
func TestNotApartByTurns(t *testing.T) {
	tl := newTally(2, 0, 100)
	for k := range 100 {
		tl.ranks[k], tl.ranks[100+k] = 1, 5
		switch {
		case k < 5:
			tl.ranks[k] = 9
		case k < 10:
			tl.ranks[100+k] = 0
		}
	}
	extents := []extent{extentOf(slices.Sorted(slices.Values(tl.of(0)))), extentOf(slices.Sorted(slices.Values(tl.of(1))))}
	if got := tl.indistinguishable([]int{0, 1}, extents, 1); len(got[0]) != 1 {
		t.Errorf("%v: ahead in 90 %% only, yet distinguished", got)
	}
}
