// Package spreadsheet writes lists for people with a spreadsheet: CSV and XLSX.
package spreadsheet

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"bulwark/internal/day"
	"bulwark/internal/text"
)

// Media types of the formats.
const (
	MediaCSV  = "text/csv"
	MediaXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// Table is a list with one row for each item. A cell is nil where there is no value, else a
// string, float64, int64, uint64, bool, day.Date or time.Time.
type Table struct {
	Name    string // of the sheet, as far as one can be called so
	Columns []Column
	Rows    [][]any
}

// Column is one column of a table.
type Column struct {
	Code string // stable, for programs
	Name string // in words, for people; empty: the head shows the code
}

// ColumnsOf returns columns with the codes, without names.
func ColumnsOf(codes ...string) []Column {
	columns := make([]Column, len(codes))
	for i, code := range codes {
		columns[i].Code = code
	}
	return columns
}

// Add adds an empty row, and returns what sets its cells by the codes of their columns. An
// unknown code panics.
func (t *Table) Add() (set func(code string, cell any)) {
	cells := make([]any, len(t.Columns))
	t.Rows = append(t.Rows, cells)
	return func(code string, cell any) {
		cells[slices.IndexFunc(t.Columns, func(c Column) bool { return c.Code == code })] = cell
	}
}

func (t Table) head() []string {
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = cmp.Or(c.Name, c.Code)
	}
	return head
}

// CSV returns the table as UTF-8 with a byte order mark, which Excel and WPS need to read
// Chinese. What people wrote cannot be read as a formula. Instants are in the time of China.
func (t Table) CSV() []byte {
	rows := make([][]string, 0, len(t.Rows)+1)
	rows = append(rows, t.head())
	for _, cells := range t.Rows {
		row := make([]string, len(cells))
		for i, c := range cells {
			row[i] = written(c)
		}
		rows = append(rows, row)
	}
	return text.CSV(rows)
}

func written(cell any) string {
	switch c := cell.(type) {
	case nil:
		return ""
	case string:
		return text.Inert(c)
	case float64:
		return strconv.FormatFloat(c, 'f', -1, 64)
	case int64:
		return strconv.FormatInt(c, 10)
	case uint64:
		return strconv.FormatUint(c, 10)
	case bool:
		return strconv.FormatBool(c)
	case day.Date:
		return string(c)
	case time.Time:
		return c.In(day.Zone).Format(time.RFC3339)
	}
	panic("a cell of a type that no table has")
}

// Formats of cells in a workbook.
const (
	dateFormat = "yyyy-mm-dd"
	timeFormat = "yyyy-mm-dd hh:mm:ss"
)

// widest bounds the width of a column, in characters.
const widest = 48

// XLSX returns a workbook with one sheet for each table: numbers, days and instants as such,
// codes as text, the head frozen. Instants are in the time of China.
func XLSX(tables ...Table) (_ []byte, err error) {
	f := excelize.NewFile()
	defer func() { _ = f.Close() }() // it only removes what it kept on disk
	styles, err := stylesOf(f)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for i, t := range tables {
		t.Name = sheetName(t.Name, names)
		if i == 0 {
			err = f.SetSheetName("Sheet1", t.Name)
		} else {
			_, err = f.NewSheet(t.Name)
		}
		if err == nil {
			err = t.write(f, styles)
		}
		if err != nil {
			return nil, err
		}
	}
	return bytesOf(f)
}

// sheetName returns a name that a sheet can have and no sheet of the book has yet.
func sheetName(name string, taken map[string]bool) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:\/?*[]'`, r) {
			return ' '
		}
		return r
	}, name)
	whole := []rune(cmp.Or(strings.TrimSpace(name), "1"))
	name = string(whole[:min(len(whole), longestSheet)])
	for n := 2; taken[strings.ToLower(name)]; n++ {
		ending := " " + strconv.Itoa(n)
		name = string(whole[:min(len(whole), longestSheet-len(ending))]) + ending
	}
	taken[strings.ToLower(name)] = true
	return name
}

// longestSheet is the most characters of the name of a sheet.
const longestSheet = 31

type styles struct{ head, date, instant int }

func stylesOf(f *excelize.File) (s styles, err error) {
	date, instant := dateFormat, timeFormat
	if s.head, err = f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return s, err
	}
	if s.date, err = f.NewStyle(&excelize.Style{CustomNumFmt: &date}); err != nil {
		return s, err
	}
	s.instant, err = f.NewStyle(&excelize.Style{CustomNumFmt: &instant})
	return s, err
}

func (t Table) write(f *excelize.File, s styles) error {
	w, err := f.NewStreamWriter(t.Name)
	if err != nil {
		return err
	}
	for i, width := range t.widths() {
		if err := w.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	if err := w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	head := make([]any, len(t.Columns))
	for i, name := range t.head() {
		head[i] = excelize.Cell{StyleID: s.head, Value: name}
	}
	if err := w.SetRow("A1", head); err != nil {
		return err
	}
	for i, cells := range t.Rows {
		row := make([]any, len(cells))
		for k, c := range cells {
			row[k] = s.cell(c)
		}
		at, err := excelize.CoordinatesToCellName(1, i+2)
		if err != nil {
			return err
		}
		if err := w.SetRow(at, row); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (s styles) cell(c any) any {
	switch c := c.(type) {
	case day.Date:
		at, err := time.Parse(time.DateOnly, string(c))
		if err != nil { // empty
			return nil
		}
		return excelize.Cell{StyleID: s.date, Value: at}
	case time.Time:
		local := c.In(day.Zone)
		wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
		return excelize.Cell{StyleID: s.instant, Value: wall} // a workbook knows no zones
	}
	return c
}

// widths returns the width of each column that shows its cells, in characters; a Chinese
// one counts as two.
func (t Table) widths() []float64 {
	widths := make([]float64, len(t.Columns))
	measure := func(i int, s string) {
		n := 2.0
		for _, r := range s {
			if n++; r > 0x2e80 {
				n++
			}
		}
		widths[i] = min(widest, max(widths[i], n))
	}
	for i, name := range t.head() {
		measure(i, name)
	}
	for _, cells := range t.Rows[:min(len(t.Rows), 200)] {
		for i, c := range cells {
			measure(i, written(c))
		}
	}
	return widths
}
