package composite

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"bulwark/pkg/composite/stats"
)

// Data are the raw values of all units, column by column. Scoring never changes
// them. NaN in a column is a missing value.
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

// dataFault is one mistake in Data or in a list of adjustments.
type dataFault struct {
	Unit      string `json:"unit,omitempty"`      // code, "" for a fault of a whole column or of the shape
	Indicator string `json:"indicator,omitempty"` // code, "" for a fault of the unit itself
	Code      string `json:"code"`                // stable, for programs: "bad_entry"
	Message   string `json:"message"`             // what to change, for people
}

// DataFaults lists mistakes in the order of columns and units. It is the only
// error type of Check and Standings.
type DataFaults struct {
	Faults []dataFault `json:"faults"`
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
	f.Faults = append(f.Faults, dataFault{unit, indicator, code, fmt.Sprintf(format, args...)})
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
	if ix.pairs && units > maxCompeting {
		f.Add("", "", "too_many_units", "there are %d units: copeland compares at most %d", units, maxCompeting)
	}
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

// Fault is one mistake in a Spec.
type Fault struct {
	Pointer string `json:"pointer"` // RFC 6901, into the scheme document
	Code    string `json:"code"`    // stable, for programs: "weight_out_of_range"
	Message string `json:"message"` // what to change, for people
}

// Faults are all the mistakes of a Spec, in document order. It is the only
// error type that New returns.
type Faults []Fault

// Error lists every fault, one per line.
func (f Faults) Error() string {
	var b strings.Builder
	for i, fault := range f {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s (%s)", fault.Pointer, fault.Message, fault.Code)
	}
	return b.String()
}

// Add adds a fault.
func (f *Faults) Add(pointer, code, format string, args ...any) {
	*f = append(*f, Fault{pointer, code, fmt.Sprintf(format, args...)})
}

// Err returns f, or nil without faults.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// collect runs a check and returns its faults.
func collect(check func(report)) (faults Faults) {
	check(faults.Add)
	return faults
}

// report notes one fault at a pointer relative to the part being checked.
type report func(at, code, format string, args ...any)

// under returns a report for the part of the document at the given place.
func (r report) under(at string) report {
	return func(below, code, format string, args ...any) { r(at+below, code, format, args...) }
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// key is one RFC 6901 step to a member of an object.
func key(name string) string { return "/" + pointerEscape.Replace(name) }

// item is one RFC 6901 step to an element of an array.
func item(i int) string { return "/" + strconv.Itoa(i) }

// Screening lists the columns and units that have enough values to be compared.
type Screening struct {
	Columns []int `json:"columns"` // those kept, ascending
	Units   []int `json:"units"`   // those kept, ascending
	// ColumnAvailability is, for every column, the share of the applicable cells that
	// have a value, and UnitAvailability the same for every unit over the columns
	// kept; 0 where none applies.
	ColumnAvailability []float64 `json:"column_availability"`
	UnitAvailability   []float64 `json:"unit_availability"`
}

// Screen lists the columns in which at least the share perColumn of the cells that
// apply have a value, then the units that have at least the share perUnit of the
// cells that apply in those columns. Columns first: one that hardly anybody reports
// must not cost units their place. It returns nil for data of the wrong shape.
func (d Data) Screen(perColumn, perUnit float64) *Screening {
	for c, x := range d.Columns {
		if len(x) != len(d.Units) || d.NotApplicable != nil && (len(d.NotApplicable) != len(d.Columns) ||
			d.NotApplicable[c] != nil && len(d.NotApplicable[c]) != len(x)) {
			return nil
		}
	}
	s := &Screening{}
	all := upTo(len(d.Units))
	for c := range d.Columns {
		share := d.availability([]int{c}, all)
		s.ColumnAvailability = append(s.ColumnAvailability, share)
		if enough(share, perColumn) {
			s.Columns = append(s.Columns, c)
		}
	}
	for u := range d.Units {
		share := d.availability(s.Columns, []int{u})
		s.UnitAvailability = append(s.UnitAvailability, share)
		if enough(share, perUnit) {
			s.Units = append(s.Units, u)
		}
	}
	return s
}

// availability is the share of the applicable cells that have a value.
func (d *Data) availability(columns, units []int) float64 {
	there, applicable := 0, 0
	for _, c := range columns {
		notApplicable := columnOf(d.NotApplicable, c)
		for _, u := range units {
			if notApplicable != nil && notApplicable[u] {
				continue
			}
			applicable++
			if stats.Valid(d.Columns[c][u]) {
				there++
			}
		}
	}
	if applicable == 0 {
		return 0
	}
	return float64(there) / float64(applicable)
}

// enough compares a share with its limit, both rounded: 0.7 of 10 is 7, and a sum of
// weights does not miss its limit by a bit.
func enough(share, limit float64) bool {
	return stats.Round(share, stats.MaxDecimals) >= stats.Round(limit, stats.MaxDecimals)
}

func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}
