package spreadsheet

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Form is a sheet that people fill in and send back: nothing of it can be changed but the cells
// that are open. Its first two rows, which are hidden, say to what it belongs and what the
// columns are.
type Form struct {
	Name     string // of the sheet
	Identity string // in the first cell
	Columns  []FormColumn
	Rows     []FormRow
	Frozen   int // columns that stay in sight
	Lists    string
	Open     bool // rows can be added below the last one
}

// FormColumn is one column of a form.
type FormColumn struct {
	Code   string // in the second row
	Head   string // in the third one
	Width  float64
	Hidden bool
	Input  *Input // nil: nobody fills it in
}

// Input is what may stand in the cells of a column.
type Input struct {
	Options  []string // one of them, offered in a list
	Numbers  bool
	Min, Max *float64
	Whole    bool
	Or       []string // words with which a cell may begin instead of a number or an option
	Hint     string   // what to enter
	Refusal  string   // what is said of another value
}

// FormRow is one row of a form. A cell is as of a Table.
type FormRow struct {
	Cells  []any
	Locked bool   // nothing of it can be changed
	Barred []bool // by column: nothing can be entered there
}

// first is the row of the first data of a form: identity, codes and heads come before it.
const first = 4

// spare is how many rows of an open form can be filled in besides those that it has.
const spare = 5000

// Notes is a sheet of lines to read, each of one or more cells.
type Notes struct {
	Name  string
	Lines [][]string
}

// Workbook returns a workbook of the forms, the notes and a hidden sheet of the lists of options,
// which is called as Lists of the first form.
func Workbook(forms []Form, notes Notes) (_ []byte, err error) {
	f := excelize.NewFile()
	defer func() { _ = f.Close() }() // it only removes what it kept on disk
	s, err := formStylesOf(f)
	if err != nil {
		return nil, err
	}
	lists := Table{Name: forms[0].Lists}
	for i, form := range forms {
		if i == 0 {
			err = f.SetSheetName("Sheet1", form.Name)
		} else {
			_, err = f.NewSheet(form.Name)
		}
		if err == nil {
			err = form.write(f, s, &lists)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := notes.write(f, s); err != nil {
		return nil, err
	}
	if err := lists.writeHidden(f); err != nil {
		return nil, err
	}
	return bytesOf(f)
}

type formStyles struct{ head, locked, barred, open, openDate, note, title int }

func formStylesOf(f *excelize.File) (s formStyles, err error) {
	line := []excelize.Border{}
	for _, side := range []string{"left", "right", "top", "bottom"} {
		line = append(line, excelize.Border{Type: side, Color: "BFBFBF", Style: 1})
	}
	fill := func(color string) excelize.Fill {
		return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{color}}
	}
	date := dateFormat
	for _, to := range []struct {
		id    *int
		style excelize.Style
	}{
		{&s.head, excelize.Style{
			Font: &excelize.Font{Bold: true}, Fill: fill("DDE6F0"), Border: line,
			Alignment: &excelize.Alignment{WrapText: true, Vertical: "center", Horizontal: "center"},
		}},
		{&s.locked, excelize.Style{Fill: fill("F2F2F2"), Border: line}},
		{&s.barred, excelize.Style{Fill: fill("D9D9D9"), Border: line}},
		{&s.open, excelize.Style{Border: line, Protection: &excelize.Protection{Locked: false}}},
		{&s.openDate, excelize.Style{Border: line, Protection: &excelize.Protection{Locked: false}, CustomNumFmt: &date}},
		{&s.note, excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}}},
		{&s.title, excelize.Style{Font: &excelize.Font{Bold: true}}},
	} {
		style := to.style
		if *to.id, err = f.NewStyle(&style); err != nil {
			return s, err
		}
	}
	return s, nil
}

// last returns the row up to which the form can be filled in.
func (form Form) last() int {
	n := first + len(form.Rows) - 1
	if form.Open {
		n += spare
	}
	return max(n, first)
}

func (form Form) write(f *excelize.File, s formStyles, lists *Table) error {
	for i, c := range form.Columns {
		if c.Input == nil {
			continue
		}
		if err := f.AddDataValidation(form.Name, c.Input.validation(i+1, form.last(), lists)); err != nil {
			return err
		}
	}
	err := f.ProtectSheet(form.Name, &excelize.SheetProtectionOptions{
		SelectLockedCells: true, SelectUnlockedCells: true, FormatColumns: true, FormatRows: true,
	})
	if err != nil {
		return err
	}
	w, err := f.NewStreamWriter(form.Name)
	if err != nil {
		return err
	}
	if err := form.layOut(w, s); err != nil {
		return err
	}
	if err := w.SetRow("A1", []any{form.Identity}, excelize.RowOpts{Hidden: true}); err != nil {
		return err
	}
	codes, heads := make([]any, len(form.Columns)), make([]any, len(form.Columns))
	for i, c := range form.Columns {
		codes[i], heads[i] = c.Code, excelize.Cell{StyleID: s.head, Value: c.Head}
	}
	if err := w.SetRow("A2", codes, excelize.RowOpts{Hidden: true}); err != nil {
		return err
	}
	if err := w.SetRow("A3", heads, excelize.RowOpts{Height: form.headHeight()}); err != nil {
		return err
	}
	for i, r := range form.Rows {
		n := first + i
		cells := make([]any, len(form.Columns))
		for k, c := range form.Columns {
			var value any
			if k < len(r.Cells) {
				value = styles{}.cell(r.Cells[k])
			}
			style := s.open
			switch {
			case k < len(r.Barred) && r.Barred[k]:
				style = s.barred
			case c.Input == nil || r.Locked:
				style = s.locked
			}
			if dated, ok := value.(excelize.Cell); ok {
				value = dated.Value
				if style == s.open {
					style = s.openDate
				}
			}
			cells[k] = excelize.Cell{StyleID: style, Value: value}
		}
		if err := w.SetRow(Name(1, n), cells); err != nil {
			return err
		}
	}
	return w.Flush()
}

// layOut sets the widths of the columns and what stays in sight.
func (form Form) layOut(w *excelize.StreamWriter, s formStyles) error {
	for i, c := range form.Columns {
		if err := w.SetColWidth(i+1, i+1, max(c.Width, 8)); err != nil {
			return err
		}
		if form.Open && c.Input != nil { // rows that are not there yet
			if err := w.SetColStyle(i+1, i+1, s.open); err != nil {
				return err
			}
		}
		if c.Hidden {
			if err := w.SetColVisible(i+1, i+1, false); err != nil {
				return err
			}
		}
	}
	return w.SetPanes(&excelize.Panes{
		Freeze: true, XSplit: form.Frozen, YSplit: first - 1, TopLeftCell: Name(form.Frozen+1, first), ActivePane: "bottomRight",
	})
}

// Bounds of the texts of a validation, in characters.
const (
	maxHint  = 250
	maxTitle = 32
)

// validation returns the rule of the input for the column, and adds its options to the lists.
func (in Input) validation(column, last int, lists *Table) *excelize.DataValidation {
	from := Name(column, first)
	dv := excelize.NewDataValidation(true)
	dv.Sqref = from + ":" + Name(column, last)
	style := excelize.DataValidationErrorStyleStop
	switch {
	case len(in.Options) > 0:
		dv.Type, dv.Formula1 = "list", lists.options(in.Options)
		if len(in.Or) > 0 {
			style = excelize.DataValidationErrorStyleWarning
		}
	case in.Numbers && len(in.Or) > 0:
		dv.Type, dv.Formula1 = "custom", escape(in.formula(from))
	case in.Numbers:
		dv.Type = "decimal"
		if in.Whole {
			dv.Type = "whole"
		}
		dv.Operator, dv.Formula1, dv.Formula2 = "between", bound(in.Min, "-1E+15"), bound(in.Max, "1E+15")
	}
	if in.Hint != "" {
		dv.SetInput("", cut(in.Hint, maxHint))
	}
	if dv.Type != "" {
		dv.SetError(style, "", cut(in.Refusal, maxHint))
	}
	return dv
}

// formula returns the condition of a cell that holds a number or begins with one of the words.
func (in Input) formula(at string) string {
	number := []string{"ISNUMBER(" + at + ")"}
	if in.Min != nil {
		number = append(number, at+">="+bound(in.Min, ""))
	}
	if in.Max != nil {
		number = append(number, at+"<="+bound(in.Max, ""))
	}
	if in.Whole {
		number = append(number, at+"=INT("+at+")")
	}
	or := []string{"AND(" + strings.Join(number, ",") + ")"}
	for _, word := range in.Or {
		or = append(or, fmt.Sprintf(`LEFT(%s,%d)="%s"`, at, len([]rune(word)), word))
	}
	return "OR(" + strings.Join(or, ",") + ")"
}

func bound(x *float64, none string) string {
	if x == nil {
		return none
	}
	return strconv.FormatFloat(*x, 'f', -1, 64)
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder never fails
	return b.String()
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// options adds a list of options as a column, unless it is one already, and returns the cells in which it stands.
func (t *Table) options(list []string) string {
	code := strings.Join(list, "\x00")
	at := 0
	for at < len(t.Columns) && t.Columns[at].Code != code {
		at++
	}
	if at == len(t.Columns) {
		t.Columns = append(t.Columns, Column{Code: code})
		for i, option := range list {
			if i == len(t.Rows) {
				t.Rows = append(t.Rows, nil)
			}
			for len(t.Rows[i]) <= at {
				t.Rows[i] = append(t.Rows[i], nil)
			}
			t.Rows[i][at] = option
		}
	}
	column, _ := excelize.ColumnNumberToName(at + 1)
	return fmt.Sprintf("'%s'!$%s$1:$%s$%d", t.Name, column, column, len(list))
}

// writeHidden writes the lists to a sheet that nobody sees.
func (t *Table) writeHidden(f *excelize.File) error {
	if _, err := f.NewSheet(t.Name); err != nil {
		return err
	}
	for i, cells := range t.Rows {
		if err := f.SetSheetRow(t.Name, Name(1, i+1), &cells); err != nil {
			return err
		}
	}
	return f.SetSheetVisible(t.Name, false)
}

func (n Notes) write(f *excelize.File, s formStyles) error {
	if _, err := f.NewSheet(n.Name); err != nil {
		return err
	}
	if err := f.SetColWidth(n.Name, "A", "A", 30); err != nil {
		return err
	}
	if err := f.SetColWidth(n.Name, "B", "H", 22); err != nil {
		return err
	}
	for i, line := range n.Lines {
		at, style := Name(1, i+1), s.note
		if i == 0 {
			style = s.title
		}
		if len(line) == 1 && i > 0 { // a sentence runs over the columns
			style = 0
		}
		if err := f.SetSheetRow(n.Name, at, &line); err != nil {
			return err
		}
		if style == 0 || len(line) == 0 {
			continue
		}
		if err := f.SetCellStyle(n.Name, at, Name(len(line), i+1), style); err != nil {
			return err
		}
	}
	return f.ProtectSheet(n.Name, &excelize.SheetProtectionOptions{
		SelectLockedCells: true, SelectUnlockedCells: true, FormatColumns: true, FormatRows: true,
	})
}

// headHeight returns the height of the row of heads, in points, in which each stands whole: a line of 16 points holds as
// many letters as its column is wide, and half as many Chinese characters.
func (form Form) headHeight() float64 {
	lines := 3.0
	for _, c := range form.Columns {
		width := 0.0
		for _, r := range c.Head {
			width++
			if r >= 0x2e80 { // the first of the wide characters
				width++
			}
		}
		lines = max(lines, math.Ceil(1.2*width/max(c.Width, 8))) // bold, and broken between words
	}
	return min(16*lines, 400)
}
