package plan

import (
	"testing"

	"bulwark/internal/explanation"
)

// A goal is what the cheapest way says, and else the nearest that is worth the work.
func TestAGoalIsWorthTheWork(t *testing.T) {
	g := generator{moves: map[string]float64{"way": 92}}
	step, median, full := &explanation.PossibleValue{Value: 81.57, Points: 0.0004},
		&explanation.PossibleValue{Value: 90.5, Points: 1.01}, &explanation.PossibleValue{Value: 100, Points: 0.04}
	for _, c := range []struct {
		name string
		gain explanation.Gain
		want float64 // 0: none
	}{
		{"on the cheapest way", explanation.Gain{Code: "way", Median: median}, 92},
		{"the next step brings nothing", explanation.Gain{Code: "step", Next: step, Median: median, Goal: full}, 90.5},
		{"nothing brings enough", explanation.Gain{Code: "full", Next: step, Goal: full}, 0},
	} {
		if got, ok := g.goal(c.gain); got != c.want || ok != (c.want > 0) {
			t.Errorf("%s: %v %v, want %v", c.name, got, ok, c.want)
		}
	}
}
