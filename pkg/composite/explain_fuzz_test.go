package composite_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"bulwark/pkg/composite"
)

// FuzzExplain checks that every call returns, and only finite figures,
// whatever New accepts; data that Check refuses must not make it panic.
func FuzzExplain(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("why this figure, and what would move it"))
	for _, step := range []int{37, 91, 133} {
		seed := make([]byte, 900)
		for i := range seed {
			seed[i] = byte(i * step)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &wild{data}
		e, units, sound := w.explainer()
		before, _, soundBefore := w.explainer()
		if e == nil || before == nil {
			return
		}
		levers := map[int]composite.Lever{}
		for n := range w.intn(8) {
			levers[n] = composite.Lever{
				Fixed: w.intn(4) == 0, Min: new(w.number(-10, 50)), Max: new(w.number(50, 110)),
				Step: w.number(.01, 20), Cost: w.number(0, 5),
			}
		}
		for u := -1; u <= units; u++ {
			answers := []any{e.Gains(u), e.PathToRank(u, levers), e.PathToGrade(u, nil), e.Neighbours(u, 2, true)}
			if c, ok := e.Contributions(u); ok {
				answers = append(answers, *c)
			}
			answers = append(answers, e.Comparisons(u,
				composite.ComparisonOptions{Before: before, Targets: map[int]float64{1: w.number(0, 100)}}))
			for _, g := range e.Gains(u) {
				for _, r := range []*composite.ValueGain{g.Goal, g.Next, g.Median, g.Best} {
					if r != nil {
						answers = append(answers, *r)
					}
				}
			}
			change := before.Compare(e, fmt.Sprint("u", u))
			change.Leaves = nil // hold the cells, where NaN is a value that is missing
			if soundBefore {
				answers = append(answers, *change)
			}
			if !sound {
				continue
			}
			for _, a := range answers {
				if text := fmt.Sprintf("%+v", a); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
					t.Fatalf("unit %d: %s", u, text)
				}
			}
		}
	})
}

// explainer is of a spec that may or may not be sound, then nil, and of data that
// Check may refuse.
func (w *wild) explainer() (e *composite.Explainer, units int, sound bool) {
	ix, err := composite.New(w.spec())
	if err != nil {
		return nil, 0, false
	}
	units = w.intn(5)
	d := drawData(w, ix, units)
	w.wildColumns(d)
	sound = ix.Check(d) == nil
	if e, err = ix.Score(d, composite.KeepAll).Explain(drawAdjustments(w, units)); err != nil {
		e, err = ix.Score(d, composite.KeepRoot).Explain(nil)
	}
	if err != nil {
		return nil, 0, false
	}
	return e, units, sound
}

// One Explainer serves many at once: run with -race.
func TestExplainerIsSharedSafely(t *testing.T) {
	e, before := wideTown(t, 12, composite.Geometric, uneven, minmax), wideTown(t, 12, composite.Arithmetic, even, posts)
	var group sync.WaitGroup
	for u := range 12 {
		group.Go(func() {
			resultsOf(e, before, u, []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10", "u11"})
			e.Neighbours(u, 2, false)
		})
	}
	group.Wait()
}

// A unit among thousands that are not there, in an empty run.
func TestExplainNothing(t *testing.T) {
	ix, err := composite.New(composite.Spec{Tree: composite.Node{Code: "x", Rule: &composite.MinMax{}}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := ix.Score(composite.Data{Columns: [][]float64{nil}}, composite.KeepAll).Explain(nil)
	if err != nil || len(e.Standings()) != 0 {
		t.Fatal(e, err)
	}
	if _, ok := e.Standing(0); ok {
		t.Error("a standing of nobody")
	}
	if c := e.Compare(e, ""); c.Status != composite.UnitUnknown {
		t.Errorf("%+v", c)
	}
	if _, err := ix.Score(composite.Data{Columns: [][]float64{nil}},
		composite.KeepAll).Explain([]composite.Adjustment{{Unit: math.MaxInt}}); err == nil {
		t.Error("an adjustment for nobody is accepted")
	}
}
