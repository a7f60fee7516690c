package plan

import (
	"testing"

	"bulwark/internal/index"
)

// A goal is what the cheapest way says, and else the nearest that is worth the work.
func TestAGoalIsWorthTheWork(t *testing.T) {
	g := generator{moves: map[string]float64{"way": 92}}
	step, median, full := &index.PossibleValue{Value: 81.57, Points: 0.0004},
		&index.PossibleValue{Value: 90.5, Points: 1.01}, &index.PossibleValue{Value: 100, Points: 0.04}
	for _, c := range []struct {
		name string
		gain index.Gain
		want float64 // 0: none
	}{
		{"on the cheapest way", index.Gain{Code: "way", Median: median}, 92},
		{"the next step brings nothing", index.Gain{Code: "step", Next: step, Median: median, Goal: full}, 90.5},
		{"nothing brings enough", index.Gain{Code: "full", Next: step, Goal: full}, 0},
	} {
		if got, ok := g.goal(c.gain); got != c.want || ok != (c.want > 0) {
			t.Errorf("%s: %v %v, want %v", c.name, got, ok, c.want)
		}
	}
}
