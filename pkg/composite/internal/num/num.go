// Package num has the arithmetic that composite and its packages share.
package num

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sort"
)

// Limits that keep every sum and quotient of scoring finite.
const (
	MinWeight = 1e-9
	MaxWeight = 1e9
	MaxScore  = 1e12 // magnitude of the score of a rule without bounds
)

// Finite reports whether x is neither infinite nor NaN.
func Finite(x float64) bool { return x-x == 0 }

// Known returns x and true, or 0 and false where x is not finite.
func Known(x float64) (float64, bool) {
	if !Finite(x) {
		return 0, false
	}
	return x, true
}

// Clamp returns x held within low and high; NaN stays NaN.
func Clamp(x, low, high float64) float64 {
	if x < low {
		return low
	}
	if x > high {
		return high
	}
	return x
}

// Below counts the values of the ascending slice that are strictly below x.
func Below(sorted []float64, x float64) int { return sort.SearchFloat64s(sorted, x) }

// Above counts the values of the ascending slice that are strictly above x.
func Above(sorted []float64, x float64) int {
	return len(sorted) - sort.Search(len(sorted), func(i int) bool { return sorted[i] > x })
}

// TiedPairs counts the pairs inside runs of equals.
func TiedPairs(n int, equal func(i, j int) bool) int {
	pairs, run := 0, 0
	for i := 1; i < n; i++ {
		if !equal(i-1, i) {
			run = 0
			continue
		}
		run++
		pairs += run
	}
	return pairs
}

// SameLength returns an error that names the first column of another length than the
// first one.
func SameLength(columns [][]float64) error {
	for c, x := range columns {
		if len(x) != len(columns[0]) {
			return fmt.Errorf("column %d has %d values, column 0 has %d", c, len(x), len(columns[0]))
		}
	}
	return nil
}

// Mix64 turns neighbouring numbers into unrelated ones: the finaliser of
// SplitMix64 (Steele, Lea and Flood 2014).
func Mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Stream is a PCG generator that is started again for each piece of work, so that no
// figure depends on what was drawn before.
type Stream struct{ rand.PCG }

// Start seeds the stream by the key.
func (s *Stream) Start(key uint64) { s.Seed(Mix64(key), Mix64(^key)) }

// Unit returns a number that is uniform on [0, 1), on multiples of 2⁻⁵³.
func (s *Stream) Unit() float64 { return float64(s.Uint64()>>11) * 0x1p-53 }

// Pick maps a key evenly to 0 … n−1; with a key of 64 random bits its bias is n·2⁻⁶⁴.
func Pick(key uint64, n int) int {
	hi, _ := bits.Mul64(key, uint64(n))
	return int(hi)
}

// TextKey returns the FNV-1a hash of a code: what is drawn for a unit depends on its
// code, not on its place in the data.
func TextKey(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return Mix64(h)
}
