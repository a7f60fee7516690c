// Package datafile reads and writes data files: CSV (RFC 4180) in UTF-8 with all
// values that an index is computed from, one line per branch. Receipts of published
// results are made of them, and `bulwark score` reads them without a database.
package datafile

import (
	"encoding/csv"
	"math"
	"strconv"
	"strings"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
)

// Values are the raw values of a period: the data of an index, and the approved
// adjustments. Units are branches.
type Values struct {
	Data composite.Data
	// Ages are, by indicator and unit, how many days before this period that one ended from which the value was carried
	// over; 0 where none was or that is not known. nil, also of an indicator: nowhere.
	Ages        [][]int
	Adjustments []composite.Adjustment // by branch, then code
}

// File is the content of a data file. Units are its lines, in their order.
type File struct {
	Values
	Kinds []string // of each unit; nil without the column
	Names []string // of each unit; nil without the column
	// Quantities are by quantity of the scheme, then unit, NaN where the file has no value. They make the derived
	// indicators of which the file has only the parts.
	Quantities [][]float64
}

// Quantity returns what the file has of the quantity of the scheme for a unit, NaN where it has nothing.
func (f *File) Quantity(c *scheme.Compiled, unit int, code string) float64 {
	for i := range f.Quantities {
		if c.Document.Quantities[i].Code == code {
			return f.Quantities[i][unit]
		}
	}
	return math.NaN()
}

// Kind returns the kind of a unit, "" where the file has no such column.
func (f *File) Kind(unit int) string { return at(f.Kinds, unit) }

// Age returns how many days before its period the carried value of the unit is from; 0 where that is not known.
func (v *Values) Age(indicator, unit int) int {
	if v.Ages == nil || v.Ages[indicator] == nil {
		return 0
	}
	return v.Ages[indicator][unit]
}

// Class returns the class of a unit, "" where the file has no such column.
func (f *File) Class(unit int) string { return at(f.Data.Classes, unit) }

// Name returns the name of a unit, "" where the file has no such column.
func (f *File) Name(unit int) string { return at(f.Names, unit) }

func at(words []string, unit int) string {
	if words == nil {
		return ""
	}
	return words[unit]
}

// Columns of every data file. There is one more per indicator, or the quantities
// that a derived indicator is computed from.
const (
	branchColumn      = "branch"
	classColumn       = "class"
	kindColumn        = "kind"
	nameColumn        = "name"        // read, never written: names are not scored
	adjustmentsColumn = "adjustments" // codes of items and vetoes; a code twice counts twice
)

// Marks of a data file beside plain numbers and levels. An empty cell is missing.
const (
	markNotApplicable = "n/a" // the indicator does not apply to the branch
	markCarried       = "~"   // before a value: not entered, carried over from an earlier period; ~90~ of 90 days before
	markLevel         = `\`   // before a level that would read as one of these marks
	adjustmentsEnd    = ";"   // between adjustments
)

// Write returns the file in the form that Read reads, with all bits of every number
// and without names.
func Write(c *scheme.Compiled, f *File) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	for _, row := range f.rows(c) {
		_ = w.Write(row) // a strings.Builder never fails
	}
	w.Flush()
	return b.String()
}

// rows returns the lines of the file, of which the first names the columns.
func (f *File) rows(c *scheme.Compiled) [][]string {
	header := []string{branchColumn, classColumn, kindColumn, adjustmentsColumn}
	for _, n := range c.Indicators {
		header = append(header, n.Code)
	}
	adjusted := map[int][]string{}
	for _, a := range f.Adjustments {
		adjusted[a.Unit] = append(adjusted[a.Unit], a.Code)
	}
	rows := [][]string{header}
	for u, code := range f.Data.Units {
		row := []string{code, f.Class(u), f.Kind(u), strings.Join(adjusted[u], adjustmentsEnd)}
		for i, n := range c.Indicators {
			row = append(row, f.cell(i, u, n.Levels()))
		}
		rows = append(rows, row)
	}
	return rows
}

// Difference is a cell that two files write differently.
type Difference struct {
	Unit          int
	Column        string // code of the indicator, or AdjustmentsColumn
	Before, After string
}

// AdjustmentsColumn is the column of the codes of items and vetoes.
const AdjustmentsColumn = adjustmentsColumn

// Differences returns the cells in which two files of the same units differ, as Write
// writes them.
func Differences(c *scheme.Compiled, before, after *File) []Difference {
	var list []Difference
	old, now := before.rows(c), after.rows(c)
	for u := range before.Data.Units {
		for i, column := range old[0] {
			if was, is := old[u+1][i], now[u+1][i]; was != is {
				list = append(list, Difference{u, column, was, is})
			}
		}
	}
	return list
}

// cell returns the cell of the i-th indicator, which has the levels or is a number.
func (f *File) cell(i, u int, levels []string) string {
	d := f.Data
	switch {
	case d.NotApplicable[i] != nil && d.NotApplicable[i][u]:
		return markNotApplicable
	case !math.IsNaN(d.Columns[i][u]):
		return valueCell(d.Columns[i][u], levels)
	case d.Carried[i] != nil && !math.IsNaN(d.Carried[i][u]):
		mark := markCarried
		if days := f.Age(i, u); days > 0 {
			mark += strconv.Itoa(days) + markCarried
		}
		return mark + valueCell(d.Carried[i][u], levels)
	}
	return ""
}

func valueCell(x float64, levels []string) string {
	if levels == nil {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	level := levels[int(x)]
	if level == "" || level == markNotApplicable || strings.HasPrefix(level, markCarried) ||
		strings.HasPrefix(level, markLevel) {
		return markLevel + level
	}
	return level
}
