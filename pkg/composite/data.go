package composite

import (
	"bulwark/pkg/composite/stats"
	"fmt"
	"math"
	"strings"
)

// Data are the raw values of all units, column by column. Scoring never changes
// them. NaN is how a column says that a value is missing.
type Data struct {
	Units   []string    // codes, unique
	Classes []string    // the class of each unit; nil: all are of one class
	Columns [][]float64 // one per leaf in document order, one value per unit
	// NotApplicable marks cells that do not concern a unit, per column; the value
	// there is ignored. Nil, or a nil column: every cell applies.
	NotApplicable [][]bool
	// Carried holds, per column, what the policy Carry falls back on, NaN for
	// nothing. Nil, or a nil column: nothing.
	Carried [][]float64
}

// DataFault is one mistake in Data or in a list of adjustments.
type DataFault struct {
	Unit      string `json:"unit,omitempty"`      // code, "" for a fault of a whole column or of the shape
	Indicator string `json:"indicator,omitempty"` // code, "" for a fault of the unit itself
	Code      string `json:"code"`                // stable, for programs: "bad_entry"
	Message   string `json:"message"`             // what to change, for people
}

// DataFaults lists mistakes in the order of columns and units. It is the only
// error type of Check and Standings.
type DataFaults struct {
	Faults []DataFault `json:"faults"`
	More   int         `json:"more,omitempty"` // faults beyond the first 1000, only counted
}

const maxDataFaults = 1000

// Error lists every fault, one per line.
func (f *DataFaults) Error() string {
	var b strings.Builder
	for i, fault := range f.Faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, place := range []string{fault.Unit, fault.Indicator} {
			if place != "" {
				b.WriteString(place + ": ")
			}
		}
		fmt.Fprintf(&b, "%s (%s)", fault.Message, fault.Code)
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", f.More)
	}
	return b.String()
}

// Add adds a fault, or counts it where there are 1000 already.
func (f *DataFaults) Add(unit, indicator, code, format string, args ...any) {
	if len(f.Faults) == maxDataFaults {
		f.More++
		return
	}
	f.Faults = append(f.Faults, DataFault{unit, indicator, code, fmt.Sprintf(format, args...)})
}

// Err returns f, or nil without faults.
func (f *DataFaults) Err() error {
	if len(f.Faults) == 0 {
		return nil
	}
	return f
}

// Check reports every mistake in d at once: a wrong shape, units without a code or
// with the code of another, entries that are not finite, beyond ±MaxValue or
// refused by the indicator's rule. The error is of type *DataFaults.
func (ix *Index) Check(d Data) error {
	f := &DataFaults{}
	if ix.checkShape(d, f); len(f.Faults) > 0 {
		return f
	}
	seen := make(map[string]bool, len(d.Units))
	for _, code := range d.Units {
		switch {
		case code == "":
			f.Add("", "", "unit_code_missing", "a unit has no code: give it one")
		case seen[code]:
			f.Add(code, "", "unit_duplicate", "the unit occurs twice: keep one")
		}
		seen[code] = true
	}
	for c := range ix.leaves {
		ix.checkEntries(d, c, d.Columns[c], f)
		if carried := columnOf(d.Carried, c); carried != nil {
			ix.checkEntries(d, c, carried, f)
		}
	}
	return f.Err()
}

// checkShape finds the mistakes that would make indexing into d fail.
func (ix *Index) checkShape(d Data, f *DataFaults) {
	units := len(d.Units)
	if d.Classes != nil && len(d.Classes) != units {
		f.Add("", "", "shape", "there are %d classes for %d units", len(d.Classes), units)
	}
	checkColumns(ix, f, "columns", d.Columns, units, false)
	if d.NotApplicable != nil {
		checkColumns(ix, f, "not-applicable columns", d.NotApplicable, units, true)
	}
	if d.Carried != nil {
		checkColumns(ix, f, "carried columns", d.Carried, units, true)
	}
}

func checkColumns[T any](ix *Index, f *DataFaults, what string, columns [][]T, units int, optional bool) {
	if len(columns) != len(ix.leaves) {
		f.Add("", "", "shape", "there are %d %s for %d indicators", len(columns), what, len(ix.leaves))
		return
	}
	for c, column := range columns {
		if len(column) != units && !(optional && column == nil) {
			f.Add("", ix.code(c), "shape", "the column has %d values among %s for %d units", len(column), what, units)
		}
	}
}

func (ix *Index) checkEntries(d Data, c int, column []float64, f *DataFaults) {
	notApplicable := columnOf(d.NotApplicable, c)
	rule := ix.leaves[c].rule
	for i, x := range column {
		switch {
		case math.IsNaN(x) || notApplicable != nil && notApplicable[i]:
		case !stats.Valid(x):
			f.Add(d.Units[i], ix.code(c), "value_out_of_range", "%v is not a number between -1e15 and 1e15", x)
		default:
			if why := rule.refuses(x); why != "" {
				f.Add(d.Units[i], ix.code(c), "bad_entry", "%v: %s", x, why)
			}
		}
	}
}

func (ix *Index) code(column int) string { return ix.nodes[ix.leaves[column].node].Code }

// columnOf is columns[c], or nil where columns is nil.
func columnOf[T any](columns [][]T, c int) []T {
	if columns == nil {
		return nil
	}
	return columns[c]
}
