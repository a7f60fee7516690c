package composite_test

import (
	"math"
	"reflect"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/agreement"
	"bulwark/pkg/composite/stats"
)

// FuzzCertainty checks that everything about the robustness of a ranking returns without
// panic, NaN or infinity, whatever it is given.
func FuzzCertainty(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("how sure is the rank of a village, and who is severe?"))
	seed := make([]byte, 900)
	for i := range seed {
		seed[i] = byte(i * 41)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &wild{data}
		raters(t, w)
		ix, err := composite.New(w.spec())
		if err != nil {
			return
		}
		d := drawData(w, ix, w.intn(6))
		if w.intn(2) == 0 {
			w.wildColumns(d)
		}
		o := drawOptions(w, ix, d)
		if w.intn(2) == 0 {
			o.Adjustments = drawAdjustments(w, len(d.Units))
		}
		if r, err := ix.Robustness(d, o); err == nil {
			checkRobustness(t, r)
			mustBeFinite(t, r)
		}
		if s, err := ix.Sensitivity(d, o, stats.SobolOptions{Rows: 2 + w.intn(6), Bootstrap: 3}, []int{0, 1}); err == nil {
			mustBeFinite(t, s)
		}
		if list, err := ix.LeaveOutEvaluators(d, o.Ratings, o.Adjustments); err == nil {
			mustBeFinite(t, list)
		}
		if ix.Check(d) == nil {
			list, _ := ix.Burden(ix.Score(d, composite.KeepAll), o.Adjustments, w.number(0, 1))
			mustBeFinite(t, list)
		}
	})
}

func raters(t *testing.T, w *wild) {
	var table [][]float64
	var scores []agreement.EvaluatorScore
	width := 1 + w.intn(4)
	for target := range w.intn(7) {
		var row []float64
		for range width {
			row = append(row, w.number(0, 10))
		}
		table = append(table, row[:width-w.intn(8)/7])
		for range w.intn(5) {
			scores = append(scores, agreement.EvaluatorScore{
				Target: target, Evaluator: w.intn(4), Period: w.intn(3), Score: w.number(0, 100),
			})
		}
	}
	icc, _ := agreement.IntraclassCorrelation(table)
	mustBeFinite(t, icc)
	for _, level := range []agreement.ScaleLevel{agreement.NominalScale, agreement.OrdinalScale, agreement.IntervalScale} {
		alpha, _ := agreement.KrippendorffAlpha(table, level)
		mustBeFinite(t, alpha)
	}
	mustBeFinite(t, agreement.FitSeverity(scores))
	k := w.intn(3)
	mustBeFinite(t, stats.Sobol(k, func([]float64) float64 { return w.number(0, 1) },
		stats.SobolOptions{Rows: w.intn(20), Bootstrap: 5}))
}

// mustBeFinite looks at every number inside x.
func mustBeFinite(t *testing.T, x any) {
	t.Helper()
	var look func(v reflect.Value) bool
	look = func(v reflect.Value) bool {
		switch v.Kind() {
		case reflect.Float64:
			return !math.IsNaN(v.Float()) && !math.IsInf(v.Float(), 0)
		case reflect.Pointer:
			return v.IsNil() || look(v.Elem())
		case reflect.Slice:
			for i := range v.Len() {
				if !look(v.Index(i)) {
					return false
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if !look(v.Field(i)) {
					return false
				}
			}
		}
		return true
	}
	if !look(reflect.ValueOf(x)) {
		t.Fatalf("not finite: %+v", x)
	}
}
