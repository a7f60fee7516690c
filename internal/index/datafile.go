package index

import (
	"encoding/csv"
	"math"
	"strconv"
	"strings"

	"bulwark/pkg/composite/stats"
)

// A data file is CSV (RFC 4180) in UTF-8 with one line per branch: these columns,
// and one per indicator, or the quantities that a derived indicator is made of.
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
	markCarried       = "~"   // before a value: not entered, carried over from an earlier period
	markLevel         = `\`   // before a level that would read as one of these marks
	adjustmentsEnd    = ";"   // between adjustments
)

// Engine names the mathematics of this program, as receipts do.
const Engine = engine

// dataFile writes everything that the computation was made from, in the form that
// ReadData reads. Rows are in the order of codes, numbers have all their bits.
func (c *computation) dataFile() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	header := []string{branchColumn, classColumn, kindColumn, adjustmentsColumn}
	for _, n := range c.scheme.Indicators {
		header = append(header, n.Code)
	}
	write := func(row []string) { _ = w.Write(row) } // a strings.Builder never fails
	write(header)
	adjusted := map[int][]string{}
	for _, a := range c.values.Adjustments {
		adjusted[a.Unit] = append(adjusted[a.Unit], a.Code)
	}
	for u, branch := range c.branches {
		row := []string{branch.Code, c.values.Data.Classes[u], branch.Kind, strings.Join(adjusted[u], adjustmentsEnd)}
		for i := range c.scheme.Indicators {
			row = append(row, c.cell(i, u))
		}
		write(row)
	}
	w.Flush()
	return b.String()
}

func (c *computation) cell(i, u int) string {
	d := c.values.Data
	switch {
	case d.NotApplicable[i] != nil && d.NotApplicable[i][u]:
		return markNotApplicable
	case !math.IsNaN(d.Columns[i][u]):
		return c.value(i, d.Columns[i][u])
	case d.Carried[i] != nil && !math.IsNaN(d.Carried[i][u]):
		return markCarried + c.value(i, d.Carried[i][u])
	}
	return ""
}

func (c *computation) value(i int, x float64) string {
	if levels := c.scheme.Indicators[i].Levels(); levels != nil {
		return literal(levels[int(x)])
	}
	return exact(&x)
}

// literal marks a level that would not be read as one.
func literal(level string) string {
	if level == "" || level == markNotApplicable || strings.HasPrefix(level, markCarried) || strings.HasPrefix(level, markLevel) {
		return markLevel + level
	}
	return level
}

// exact writes a number so that reading it gives the same bits; "" for none.
func exact(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}

func whole(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// rounded is a figure as it is shown.
func rounded(x *float64, decimals int) *float64 {
	if x == nil {
		return nil
	}
	y := stats.Round(*x, decimals)
	return &y
}
