package effect_test

import (
	"errors"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/effect"
)

// Scores by different rulers are never subtracted: who has scores before by another ruler
// alone has no match, with this reason.
func TestRulersAreNotMixed(t *testing.T) {
	p := twoClasses()
	began := []effect.Intervention{{Unit: 0, Period: 2}, {Unit: 2, Period: 2}}
	options := effect.EffectOptions{Neighbours: 1, Least: 2}
	alike := mustEffect(t, p, began, options)
	p.Rulers = []int{7, 7, 7, 7}
	if e := mustEffect(t, p, began, options); e.Effect != alike.Effect {
		t.Errorf("one ruler: %v, without rulers %v", e.Effect, alike.Effect)
	}
	p.Rulers = []int{1, 2, 2, 2}
	if e := mustEffect(t, p, began, options); e.Effect != alike.Effect || e.Placebo != nil {
		t.Errorf("the ruler changed before both: %v and %+v, want %v without placebo", e.Effect, e.Placebo, alike.Effect)
	}
	p.Rulers = []int{1, 1, 2, 2}
	_, err := effect.MatchedEffect(p, began, options)
	few, ok := errors.AsType[*effect.TooFewMatched](err)
	if !ok || few.Matched != 0 || len(few.Unmatched) != 2 || few.Unmatched[0].Reason != effect.OtherRuler {
		t.Errorf("the ruler changed between before and after: %+v, %v", few, err)
	}
	p.Rulers = []int{1}
	if _, err := effect.MatchedEffect(p, began, options); !errors.As(err, new(*composite.DataFaults)) {
		t.Errorf("one ruler for four periods: %v", err)
	}
}
