package composite_test

import (
	"encoding/binary"
	"math"
	"testing"

	"bulwark/pkg/composite"
)

// wild draws from the bytes of a fuzz run: now a number in range, now any number at all.
type wild struct{ data []byte }

func (w *wild) intn(n int) int {
	if len(w.data) == 0 {
		return 0
	}
	b := w.data[0]
	w.data = w.data[1:]
	return int(b) % n
}

func (w *wild) number(low, high float64) float64 {
	special := []float64{
		math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, 1e15, -1e15, 1e-300, math.MaxFloat64,
		math.SmallestNonzeroFloat64, low, high,
	}
	switch k := w.intn(4 * len(special)); {
	case k < len(special):
		return special[k]
	case k < len(special)+4 && len(w.data) >= 8:
		x := math.Float64frombits(binary.LittleEndian.Uint64(w.data))
		w.data = w.data[8:]
		return x
	}
	return low + (high-low)*float64(w.intn(256))/255
}

// spec is a spec that may or may not be sound.
func (w *wild) spec() composite.Spec {
	s := composite.Spec{Decimals: w.intn(4), Tree: drawTree(w, allRules, allAggregations)}
	if w.intn(4) == 0 {
		s.MinCoverage = w.number(0, 1)
	}
	s.Adjustments.Bonus = composite.AdjustmentGroup{
		Cap: 5, Items: []composite.AdjustmentItem{{Code: "b", Points: w.number(0, 10)}},
	}
	s.Adjustments.Vetoes = []composite.Veto{
		{Code: "s", Effect: composite.Effect{Kind: composite.CapScore, Score: w.number(0, 100)}},
		{Code: "g", Effect: composite.Effect{Kind: composite.CapGrade, Grade: "B"}},
	}
	share := w.number(0, 1)
	s.Grades = []composite.Grade{{Code: "A", From: w.number(50, 100), MaxShare: &share}, {Code: "B", From: 0}}
	return s
}

// wildColumns puts any number into any column.
func (w *wild) wildColumns(d composite.Data) {
	for c := range d.Columns {
		for u := range d.Columns[c] {
			if w.intn(2) == 0 {
				d.Columns[c][u] = w.number(-100, 1000)
			}
		}
	}
}

// FuzzScore checks that New returns, and that Score and Standings have finite figures for
// whatever New and Check accept. What Check refuses must not make Score panic.
func FuzzScore(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("composite indices rank countries, schools and villages by many indicators at once"))
	seed := make([]byte, 600)
	for i := range seed {
		seed[i] = byte(i * 37)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &wild{data}
		ix, err := composite.New(w.spec())
		if err != nil {
			if faults, ok := err.(composite.Faults); !ok || len(faults) == 0 {
				t.Fatalf("New: %v", err)
			}
			return
		}
		d := drawData(w, ix, w.intn(6))
		w.wildColumns(d)
		refused := ix.Check(d)
		r := ix.Score(d, composite.KeepAll)
		list, err := ix.Standings(r, drawAdjustments(w, len(d.Units)))
		if err != nil || refused != nil {
			return
		}
		for _, s := range list {
			if !(s.Score >= 0 && s.Score <= 100) || math.IsNaN(s.Base) || math.IsInf(s.Base, 0) {
				t.Fatalf("%+v", s)
			}
		}
		checkCells(t, ix, r, d)
	})
}

func drawAdjustments(w *wild, units int) (list []composite.Adjustment) {
	for u := range units {
		list = append(list, composite.Adjustment{Unit: u, Code: []string{"b", "s", "g"}[w.intn(3)], Points: w.number(0, 3)})
	}
	return list
}

func checkCells(t *testing.T, ix *composite.Index, r *composite.Result, d composite.Data) {
	for n, info := range ix.Nodes() {
		for u := range d.Units {
			if kept := r.Column(n)[u]; math.IsInf(kept, 0) {
				t.Fatalf("%s of unit %d is %v", info.Code, u, kept)
			}
			if cover, ok := r.Coverage(n, u); ok && !(cover >= 0 && cover <= 1+1e-12) {
				t.Fatalf("coverage %v", cover)
			}
			cell := r.Cell(n, u)
			if info.Leaf && cell.Status == composite.CellEntered && (math.IsNaN(cell.Used) || math.IsNaN(cell.Score)) {
				t.Fatalf("%s of unit %d: %+v", info.Code, u, cell)
			}
		}
	}
}
