package effect_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/effect"
)

// Three of seven branches had a mentor from the second period on.
func ExampleMatchedEffect() {
	history := effect.Panel{
		Units: []string{"a", "b", "c", "p", "q", "r", "s"},
		Scores: [][]float64{
			{58, 61, 64, 60, 62, 66, 68},
			{67, 68.2, 72, 65, 65, 69, 69},
		},
	}
	mentored := []effect.Intervention{{Unit: 0, Period: 1}, {Unit: 1, Period: 1}, {Unit: 2, Period: 1}}
	e, err := effect.MatchedEffect(history, mentored, effect.EffectOptions{Neighbours: 2, Least: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("before and after %+.2f, controls %+.2f\n", e.TreatedChange, e.ControlChange)
	for _, m := range e.Matches {
		fmt.Printf("%s %+.1f against", history.Units[m.Unit], m.Effect)
		for _, c := range m.Controls {
			fmt.Print(" ", history.Units[c])
		}
		fmt.Println()
	}
	fmt.Printf("effect %+.2f, between %.2f and %.2f\n", e.Effect, e.Low, e.High)
	// Output:
	// before and after +8.07, controls +3.67
	// a +3.8 against p q
	// b +3.2 against p q
	// c +5.0 against q r
	// effect +4.00, between 1.57 and 6.43
}

// twoClasses is a history of four periods: eight villages and three towns.
func twoClasses() effect.Panel {
	return effect.Panel{
		Units:   []string{"v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "t1", "t2", "t3"},
		Classes: []string{"v", "v", "v", "v", "v", "v", "v", "v", "t", "t", "t"},
		Scores: [][]float64{
			{50, 52, 54, 56, 58, 60, 62, 64, 50, 70, 90},
			{51, 53, 52, 57, 57, 62, 61, 65, 50, 71, 91},
			{58, 55, 53, 59, 56, 61, 64, 66, 52, 73, 92},
			{59, 57, 58, 60, 55, 63, 62, 69, 53, 72, 93},
		},
	}
}

func mustEffect(
	t *testing.T, p effect.Panel, began []effect.Intervention, o effect.EffectOptions,
) *effect.InterventionEffect {
	t.Helper()
	e, err := effect.MatchedEffect(p, began, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// matched are the controls of each matched unit, by code.
func matched(p effect.Panel, e *effect.InterventionEffect) map[string]string {
	m := map[string]string{}
	for _, match := range e.Matches {
		list := ""
		for _, c := range match.Controls {
			list += p.Units[c]
		}
		m[p.Units[match.Unit]] = list
	}
	return m
}

func TestMatchedEffectChoosesControls(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*effect.Panel)
		began   []effect.Intervention
		options effect.EffectOptions
		want    map[string]string
		reasons map[string]effect.UnmatchedReason
	}{
		{
			name:  "nearest of the class, ties by code",
			began: []effect.Intervention{{Unit: 1, Period: 2}, {Unit: 3, Period: 2}},
			want:  map[string]string{"v2": "v3v1v5", "v4": "v5v7v3"}, // 53 to 52, 51, 57; 57 to 57, 61 and 52
		},
		{
			name: "equal on paper is equal",
			change: func(p *effect.Panel) {
				copy(p.Scores[1], []float64{70.4, 69.8, 70.1, 70.1, 71, 72, 73, 74})
			},
			began:   []effect.Intervention{{Unit: 2, Period: 2}, {Unit: 3, Period: 2}},
			options: effect.EffectOptions{Neighbours: 2, Caliper: .3},
			want:    map[string]string{"v3": "v1v2", "v4": "v1v2"}, // .30000000000001 and .29999999999999
		},
		{
			name:   "nobody of the class, nobody within the caliper",
			change: func(p *effect.Panel) { p.Classes[10] = "v" },
			began: []effect.Intervention{
				{Unit: 1, Period: 2}, {Unit: 7, Period: 2}, {Unit: 8, Period: 2}, {Unit: 9, Period: 2}, {Unit: 10, Period: 2},
			},
			want:    map[string]string{"v2": "v3v1v4", "v8": "v6v7"}, // v4 and v5 have 57
			reasons: map[string]effect.UnmatchedReason{"t1": effect.NoControl, "t2": effect.NoControl, "t3": effect.NoneNear},
		},
		{
			name: "scores missing",
			change: func(p *effect.Panel) {
				p.Scores[0][0], p.Scores[1][0] = nan, nan // v1: none before
				p.Scores[1][1] = nan                      // v2: an earlier one serves
				p.Scores[2][2] = nan                      // v3: none after
				p.Scores[2][6] = nan                      // v7 is no control after 1
			},
			began: []effect.Intervention{
				{Unit: 0, Period: 2},
				{Unit: 1, Period: 2},
				{Unit: 2, Period: 2},
				{Unit: 3, Period: 2},
				{Unit: 5, Period: 0},
				{Unit: 7, Period: 4},
			},
			want: map[string]string{"v2": "v5", "v4": "v5"}, // 52 in period 0 to 58, 57 to 57
			reasons: map[string]effect.UnmatchedReason{
				"v1": effect.NoScoreBefore, "v3": effect.NoScoreAfter, "v6": effect.NoScoreBefore, "v8": effect.NoScoreAfter,
			},
			options: effect.EffectOptions{Caliper: 6, Neighbours: 1},
		},
		{
			name: "untreated until its own intervention, and of several the earliest counts",
			began: []effect.Intervention{
				{Unit: 1, Period: 1}, {Unit: 2, Period: 3}, {Unit: 2, Period: 2}, {Unit: 2, Period: 3}, {Unit: 0, Period: 3},
			},
			want:    map[string]string{"v2": "v1v3", "v3": "v1", "v1": "v4v5"}, // v2 never serves again
			options: effect.EffectOptions{Neighbours: 2, Caliper: 2},
		},
		{
			name:    "a mean of two scores, two periods on",
			change:  func(p *effect.Panel) { p.Scores[0][1] = nan },
			began:   []effect.Intervention{{Unit: 3, Period: 2}, {Unit: 5, Period: 2}, {Unit: 1, Period: 2}},
			options: effect.EffectOptions{Before: 2, Horizon: 2, Caliper: 2},
			want:    map[string]string{"v4": "v5", "v6": "v7"}, // 56.5 and 57.5, 61 and 61.5
			reasons: map[string]effect.UnmatchedReason{"v2": effect.NoScoreBefore},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := twoClasses()
			if tt.change != nil {
				tt.change(&p)
			}
			tt.options.Least = 2
			e := mustEffect(t, p, tt.began, tt.options)
			if got := matched(p, e); !maps.Equal(got, tt.want) {
				t.Errorf("matched %v, want %v", got, tt.want)
			}
			reasons := map[string]effect.UnmatchedReason{}
			for _, u := range e.Unmatched {
				reasons[p.Units[u.Unit]] = u.Reason
			}
			if !maps.Equal(reasons, tt.reasons) {
				t.Errorf("left out %v, want %v", reasons, tt.reasons)
			}
			if e.Treated != len(tt.want)+len(tt.reasons) {
				t.Errorf("%d treated", e.Treated)
			}
		})
	}
}

// The example, worked by hand: the line of the untreated is 3 − 0.4·(start − 64), with
// residuals .4, −.8, .8, −.4.
func TestMatchedEffectByHand(t *testing.T) {
	p := effect.Panel{
		Units: []string{"a", "b", "c", "p", "q", "r", "s"},
		Scores: [][]float64{
			{nan, 61, 60, 59, 62, 66, 66},
			{58, 61, 64, 60, 62, 66, 68},
			{67, 68.2, 72, 65, 65, 69, 69},
		},
	}
	began := []effect.Intervention{{Unit: 0, Period: 2}, {Unit: 1, Period: 2}, {Unit: 2, Period: 2}}
	e := mustEffect(t, p, began, effect.EffectOptions{Neighbours: 2, Least: 3})
	// About the line the treated are at 3.6, 3 and 5: a sum of squares of 158/75. The
	// untreated weigh 13/30, 11/20, 7/60 and −1/10.
	treated, untreated := 158./75/2/3, .8*(13./30*13/30+.55*.55+7./60*7/60+.01)
	v := treated + untreated
	freedom := v * v / (treated*treated/2 + untreated*untreated/2)
	want := &effect.InterventionEffect{
		Estimate: effect.Estimate{Effect: 4, Low: 4 - 2.42992, High: 4 + 2.42992, SE: math.Sqrt(v), Freedom: freedom},
		Level:    .95, Treated: 3, Controls: 3, Above: 1,
		Matches: []effect.MatchedUnit{
			{
				Unit: 0, From: 1, To: 2, Before: 58, After: 67, Controls: []int{3, 4}, ControlBefore: 61, ControlAfter: 65,
				Effect: 3.8,
			},
			{
				Unit: 1, From: 1, To: 2, Before: 61, After: 68.2, Controls: []int{3, 4}, ControlBefore: 61, ControlAfter: 65,
				Effect: 3.2,
			},
			{
				Unit: 2, From: 1, To: 2, Before: 64, After: 72, Controls: []int{4, 5}, ControlBefore: 64,
				ControlAfter: 67, Effect: 5,
			},
		},
		Imbalance:  effect.Imbalance{Before: -3 / math.Sqrt((9+40./3)/2), After: -1 / math.Sqrt((9+40./3)/2)},
		Difference: 13.2 / 3, Gap: -1, Slope: -.4, TreatedChange: 24.2 / 3, ControlChange: 11. / 3,
	}
	if diff := cmp.Diff(want, e, cmpopts.EquateApprox(0, 1e-5)); diff != "" {
		t.Error(diff)
	}
	// With two matches allowed the placebo has b (0 up) and c (4 up); p, q, r, s rose by
	// 1, 0, 0, 2 before, with a slope of .1·(start − 64) + .75.
	e = mustEffect(t, p, began, effect.EffectOptions{Neighbours: 2, Least: 2})
	if e.Placebo == nil || e.Placebo.Matched != 2 || !near(e.Placebo.Effect, (0-.5+4-0)/2., 1e-12) {
		t.Errorf("placebo %+v", e.Placebo)
	}
}

// Four controls serve in two windows, always 2 points up or down from 50. Where a unit
// moves the same way both times, the windows know less than two.
func TestMatchedEffectOfTwoWindows(t *testing.T) {
	p := effect.Panel{
		Units: []string{"a", "b", "c", "d", "p", "q", "r", "s"},
		Scores: [][]float64{
			{50, 50, nan, nan, 50, 50, 50, 50},
			{55, 56, nan, nan, 52, 48, 52, 48},
			{60, 60, 50, 50, 50, 50, 50, 50},
			{60, 60, 55, 57, 52, 48, 52, 48},
		},
	}
	began := []effect.Intervention{{Unit: 0, Period: 1}, {Unit: 1, Period: 1}, {Unit: 2, Period: 3}, {Unit: 3, Period: 3}}
	alike := mustEffect(t, p, began, effect.EffectOptions{Neighbours: 4, Least: 4})
	// The treated: 11/12/4. The untreated: (32/6)·(8/64 + 4·2/64) with 3 degrees of freedom.
	if a, b := 11./48/1.5625, 4./3/1.5625; alike.Effect != 5.75 || !near(alike.SE, 1.25, 1e-12) ||
		!near(alike.Freedom, 3/(a*a+b*b), 1e-9) {
		t.Errorf("%+v", alike.Estimate)
	}
	copy(p.Scores[3][4:], []float64{48, 52, 48, 52})
	if e := mustEffect(t, p, began, effect.EffectOptions{Neighbours: 4, Least: 4}); !near(e.SE*e.SE, 11./48+2./3, 1e-12) {
		t.Errorf("the other way the second time: %+v", e.Estimate)
	}
}

// Starts that are equal on paper have no slope.
func TestMatchedEffectSlopeOfNoise(t *testing.T) {
	p := effect.Panel{
		Units:  []string{"a", "b", "p", "q", "r"},
		Scores: [][]float64{{70.1, 70.1, 70.1, 70.2, 70.3}, {70.3, 70.3, 70.3, 70.2, 70.1}, {73, 74, 70, 71, 72}},
	}
	e := mustEffect(t, p, []effect.Intervention{{Unit: 0, Period: 2}, {Unit: 1, Period: 2}},
		effect.EffectOptions{Before: 2, Least: 2})
	if e.Slope != 0 || !near(e.Effect, 2.5, 1e-9) {
		t.Errorf("slope %v, effect %v", e.Slope, e.Effect)
	}
}

// A placebo reaches back as far as the horizon reaches on.
func TestMatchedEffectPlaceboNeedsHistory(t *testing.T) {
	began := []effect.Intervention{{Unit: 1, Period: 2}, {Unit: 3, Period: 2}, {Unit: 5, Period: 2}}
	for horizon, there := range map[int]bool{1: true, 2: false} {
		e := mustEffect(t, twoClasses(), began, effect.EffectOptions{Horizon: horizon, Least: 3})
		if (e.Placebo != nil) != there {
			t.Errorf("horizon %d: %+v", horizon, e.Placebo)
		}
	}
}

// The order of the units and the names of the classes change no bit; points that all
// have more change no figure; points that the treated have more from then on are the
// effect, and nothing else.
func TestMatchedEffectInvariance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDrawer{t}
		p, began := drawPanel(d)
		o := effect.EffectOptions{
			Least: 2, Horizon: 1 + d.intn(2), Before: 1 + d.intn(2), Caliper: 20, Neighbours: 1 + d.intn(3),
		}
		e, err := effect.MatchedEffect(p, began, o)
		if err == nil {
			wantSound(t, e)
		}
		order := rapid.Permutation(indices(len(p.Units))).Draw(t, "order")
		moved, place := effect.Panel{Units: permute(p.Units, order), Classes: permute(p.Classes, order)},
			make([]int, len(order))
		for i, from := range order {
			place[from] = i
			moved.Classes[i] = "z" + string('a'+'z'-moved.Classes[i][0])
		}
		for _, scores := range p.Scores {
			moved.Scores = append(moved.Scores, permute(scores, order))
		}
		var then []effect.Intervention
		for _, b := range began {
			then = append([]effect.Intervention{{Unit: place[b.Unit], Period: b.Period}}, then...)
		}
		other, otherErr := effect.MatchedEffect(moved, then, o)
		if diff := cmp.Diff(outcomeOf(p, e, err), outcomeOf(moved, other, otherErr)); diff != "" {
			t.Fatal("another order:", diff)
		}
		if err != nil {
			return
		}
		shift, gain := d.number(-50, 50), d.number(-50, 50)
		for period, scores := range p.Scores {
			for u := range scores {
				scores[u] += shift
			}
			for u, first := range firsts(began) {
				if period >= first {
					scores[u] += gain
				}
			}
		}
		higher, err := effect.MatchedEffect(p, began, o)
		if err != nil {
			t.Fatal(err)
		}
		agrees := func(got, want float64) {
			if !near(got, want, 1e-7) {
				t.Fatalf("%v, want %v, by %v and %v\n%+v\n%+v", got, want, shift, gain, e, higher)
			}
		}
		agrees(higher.Effect, e.Effect+gain)
		agrees(higher.Low, e.Low+gain)
		agrees(higher.High, e.High+gain)
		agrees(higher.TreatedChange, e.TreatedChange+gain)
		agrees(higher.ControlChange, e.ControlChange)
		agrees(higher.Imbalance.Before, e.Imbalance.Before)
		if (e.Placebo == nil) != (higher.Placebo == nil) {
			t.Fatal("one has no placebo")
		}
		if e.Placebo != nil {
			agrees(higher.Placebo.Effect, e.Placebo.Effect)
		}
	})
}

// drawPanel draws a history with gaps and ties.
func drawPanel(d drawer) (p effect.Panel, began []effect.Intervention) {
	n := 6 + d.intn(10)
	p.Scores = make([][]float64, 2+d.intn(4))
	for u := range n {
		p.Units = append(p.Units, fmt.Sprintf("u%02d", u))
		p.Classes = append(p.Classes, string(rune('a'+d.intn(2))))
		for t := range p.Scores {
			score := math.Floor(d.number(50, 80)*4) / 4
			if d.intn(9) == 0 {
				score = nan
			}
			p.Scores[t] = append(p.Scores[t], score)
		}
		if d.intn(2) == 0 {
			began = append(began, effect.Intervention{Unit: u, Period: d.intn(len(p.Scores) + 1)})
		}
	}
	return p, began
}

func firsts(began []effect.Intervention) map[int]int {
	m := map[int]int{}
	for _, b := range began {
		if t, ok := m[b.Unit]; !ok || b.Period < t {
			m[b.Unit] = b.Period
		}
	}
	return m
}

// outcomeOf returns an outcome with codes for numbers.
func outcomeOf(p effect.Panel, e *effect.InterventionEffect, err error) map[string]any {
	m := map[string]any{"error": fmt.Sprint(err)}
	if err != nil {
		return m
	}
	m["controls"] = matched(p, e)
	for _, u := range e.Unmatched {
		m[p.Units[u.Unit]] = u.Reason
	}
	whole := *e
	whole.Unmatched, whole.Matches = nil, nil
	for _, match := range e.Matches {
		match.Unit, match.Controls = 0, nil
		whole.Matches = append(whole.Matches, match)
	}
	m["figures"] = whole
	return m
}

func wantSound(t *rapid.T, e *effect.InterventionEffect) {
	estimates := []effect.Estimate{e.Estimate}
	if e.Placebo != nil {
		estimates = append(estimates, e.Placebo.Estimate)
	}
	for _, x := range estimates {
		if !(x.Low <= x.Effect && x.Effect <= x.High && x.High-x.Low < math.MaxFloat64 && x.Freedom >= 1-1e-9) {
			t.Fatalf("%+v", x)
		}
	}
	sum := 0.0
	for _, m := range e.Matches {
		sum += m.Effect / float64(len(e.Matches))
	}
	if !near(sum, e.Effect, 1e-9) || !near(e.Difference-e.Slope*e.Gap, e.Effect, 1e-9) ||
		!near(e.TreatedChange-e.ControlChange, e.Difference, 1e-9) {
		t.Fatalf("the parts do not add up: %+v", e)
	}
	if e.Treated != len(e.Matches)+len(e.Unmatched) || e.Above < 0 || e.Above > 1 {
		t.Fatalf("%+v", e)
	}
}

func TestMatchedEffectRefuses(t *testing.T) {
	three := []effect.Intervention{{Unit: 1, Period: 2}, {Unit: 3, Period: 2}, {Unit: 8, Period: 2}}
	_, err := effect.MatchedEffect(twoClasses(), three, effect.EffectOptions{})
	want := &effect.TooFewMatched{
		Treated: 3, Matched: 2, Least: 5, Controls: 8, Unmatched: []effect.Unmatched{{Unit: 8, Reason: effect.NoneNear}},
	}
	if diff := cmp.Diff(error(want), err); diff != "" ||
		err.Error() != "2 of 3 treated units have a match: at least 5 are needed" {
		t.Errorf("%v: %s", err, diff)
	}
	// Two treated units and one each to compare them with: the variance of scores is unknown.
	p := effect.Panel{
		Units: []string{"a", "b", "c", "d"}, Classes: []string{"x", "y", "x", "y"},
		Scores: [][]float64{{1, 2, 1, 2}, {3, 4, 5, 6}},
	}
	_, err = effect.MatchedEffect(p, []effect.Intervention{{Unit: 0, Period: 1}, {Unit: 1, Period: 1}},
		effect.EffectOptions{Least: 2})
	if err == nil || err.Error() != "there are only 2 untreated units to compare 2 treated ones with" {
		t.Errorf("%v", err)
	}

	_, err = effect.MatchedEffect(twoClasses(), three,
		effect.EffectOptions{Horizon: -1, Before: -1, Neighbours: -1, Caliper: math.Inf(1), Least: 1, Level: 1})
	var faults composite.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("%v", err)
	}
	var at []string
	for _, f := range faults {
		at = append(at, f.Pointer+" "+f.Code)
	}
	if want := []string{
		"/horizon out_of_range", "/before out_of_range", "/neighbours out_of_range", "/caliper value_out_of_range",
		"/least out_of_range", "/level out_of_range",
	}; !slices.Equal(at, want) {
		t.Errorf("%v, want %v", at, want)
	}

	broken := twoClasses()
	broken.Units[0], broken.Units[1] = "", "v3"
	broken.Scores[1][4] = math.Inf(1)
	wantCodes(t, broken, []effect.Intervention{{Unit: 11}, {Unit: -1}}, "unit_code_missing", "unit_duplicate",
		"value_out_of_range", "unknown_unit", "unknown_unit")
	ragged := twoClasses()
	ragged.Classes, ragged.Scores[2] = ragged.Classes[1:], nil
	wantCodes(t, ragged, nil, "shape", "shape")
}

func wantCodes(t *testing.T, p effect.Panel, began []effect.Intervention, want ...string) {
	t.Helper()
	_, err := effect.MatchedEffect(p, began, effect.EffectOptions{})
	var faults *composite.DataFaults
	if !errors.As(err, &faults) {
		t.Fatalf("%v", err)
	}
	var got []string
	for _, f := range faults.Faults {
		got = append(got, f.Code)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Where all rise alike, nothing is uncertain and nothing is the effect.
func TestMatchedEffectOfNothing(t *testing.T) {
	p := twoClasses()
	for u, x := range p.Scores[0] {
		p.Scores[1][u], p.Scores[2][u], p.Scores[3][u] = x+1, x+2, x+3
	}
	began := []effect.Intervention{{Unit: 1, Period: 2}, {Unit: 3, Period: 2}, {Unit: 5, Period: 2}}
	e := mustEffect(t, p, began, effect.EffectOptions{Least: 3})
	if zero := (effect.Estimate{Freedom: 2}); e.Estimate != zero || e.Placebo.Estimate != zero || e.Above != 0 ||
		e.TreatedChange != 1 {
		t.Errorf("%+v", e)
	}
	none, err := effect.MatchedEffect(effect.Panel{}, nil, effect.EffectOptions{})
	if none != nil || !reflect.DeepEqual(err, &effect.TooFewMatched{Least: 5}) {
		t.Errorf("%+v, %v", none, err)
	}
}
