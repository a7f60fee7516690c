package docs_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"bulwark/pkg/composite/effect"
	"bulwark/pkg/composite/stats"
)

// The example of what help did, in method.md, has the figures that it claims.
func TestEffectExample(t *testing.T) {
	history := effect.Panel{
		Units:  []string{"a", "b", "c", "p", "q", "r", "s"},
		Scores: [][]float64{{58, 61, 64, 60, 62, 66, 68}, {67, 68.2, 72, 65, 65, 69, 69}},
	}
	mentored := []effect.Intervention{{Unit: 0, Period: 1}, {Unit: 1, Period: 1}, {Unit: 2, Period: 1}}
	e, err := effect.MatchedEffect(history, mentored, effect.EffectOptions{Neighbours: 2, Least: 3})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("method.md")
	if err != nil {
		t.Fatal(err)
	}
	figure := func(x float64) string {
		return strings.Replace(fmt.Sprint(stats.Round(x, 2)), "-", "−", 1)
	}
	claims := []string{
		fmt.Sprintf("| mean | | | | %s | %s | %s | %s |", figure(e.ControlChange), figure(e.Difference), figure(e.Gap),
			figure(e.Effect)),
		fmt.Sprintf("cost %s of the rise", figure(-e.Slope)),
		fmt.Sprintf("shows a rise of %s; the estimated effect is %s, with a 95 %% interval from\n%s to %s.",
			figure(e.TreatedChange), figure(e.Effect), figure(e.Low), figure(e.High)),
	}
	for _, m := range e.Matches {
		change := m.ControlAfter - m.ControlBefore
		claims = append(claims, fmt.Sprintf("| %s | %v | %v | %s, %s | %s | %s | %s | %s |",
			history.Units[m.Unit], m.Before, m.After, history.Units[m.Controls[0]], history.Units[m.Controls[1]],
			figure(change), figure(m.After-m.Before-change), figure(m.Before-m.ControlBefore), figure(m.Effect)))
	}
	for _, claim := range claims {
		if !strings.Contains(string(page), claim) {
			t.Errorf("method.md does not say: %s", claim)
		}
	}
}
