package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"math"
	"reflect"
)

// through reads the value by another rule, false if that rule would refuse it.
func (v entry) through(read func(float64) (float64, bool)) (entry, bool) {
	entered, ok := read(v.entered)
	carried, ok2 := read(v.carried)
	return entry{entered, carried, v.absent}, ok && ok2
}

// translate returns how entries for one rule read under another. Levels go by name.
func translate(from, to Rule) func(float64) (float64, bool) {
	a, fromLevels := from.(*Levels)
	b, toLevels := to.(*Levels)
	switch {
	case reflect.DeepEqual(from, to):
		return func(x float64) (float64, bool) { return x, true }
	case fromLevels && toLevels:
		names := a.Names()
		return func(x float64) (float64, bool) {
			if math.IsNaN(x) {
				return x, true
			}
			return b.Ordinal(names[int(num.Clamp(x, 0, float64(len(names)-1)))])
		}
	}
	return func(x float64) (float64, bool) {
		return x, math.IsNaN(x) || fromLevels == toLevels && stats.Valid(x) && to.refuses(x) == ""
	}
}
