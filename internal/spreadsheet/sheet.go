package spreadsheet

import (
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// Sheet is what stands in the cells of one sheet. Rows and columns count from 1.
type Sheet struct {
	Name   string
	rows   []row // in their order, without empty ones
	merged []area
}

type row struct {
	number int
	cells  []Cell // in the order of columns, without empty ones
}

// area is a rectangle of cells, its ends included.
type area struct{ left, top, right, bottom int }

// Cell is what stands in one cell. The zero Cell is empty.
type Cell struct {
	Column  int
	Kind    Kind
	Percent bool   // a number that is shown as a percentage: 0.885 as 88.5 %
	Text    string // as it is stored
}

// Kind is what a cell holds.
type Kind uint8

// The kinds of cells.
const (
	Empty       Kind = iota
	Number           // Text is a decimal number
	Text             // words
	Boolean          // TRUE or FALSE
	Date             // a number that is shown as a day or time; Text is the day
	Failed           // an error, such as #DIV/0!
	Uncomputed       // a formula without a stored value
	MergedCells      // part of several cells that are merged
)

// Name returns the name of the cell at the column and row: F12.
func Name(column, row int) string {
	name, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return ""
	}
	return name
}

// Rows returns the number of the last row with something in it.
func (s *Sheet) Rows() int {
	if len(s.rows) == 0 {
		return 0
	}
	return s.rows[len(s.rows)-1].number
}

// Row returns the cells of a row that are not empty, in the order of columns.
func (s *Sheet) Row(number int) []Cell {
	i, found := slices.BinarySearchFunc(s.rows, number, func(r row, n int) int { return cmp.Compare(r.number, n) })
	if !found {
		return nil
	}
	return s.rows[i].cells
}

// At returns the cell at the column and row. Each of several merged cells is MergedCells.
func (s *Sheet) At(column, row int) Cell {
	for _, a := range s.merged {
		if column >= a.left && column <= a.right && row >= a.top && row <= a.bottom {
			return Cell{Column: column, Kind: MergedCells}
		}
	}
	cells := s.Row(row)
	i, found := slices.BinarySearchFunc(cells, column, func(c Cell, n int) int { return cmp.Compare(c.Column, n) })
	if !found {
		return Cell{Column: column}
	}
	return cells[i]
}

// relation names another part of a workbook.
type relation struct {
	ID     string `xml:"Id,attr"`
	Kind   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
}

// relations returns what the part refers to, by its folder.
func (b *Book) relations(of string) (list []relation, err error) {
	folder, file := path.Split(of)
	if b.parts[partName(folder+"_rels/"+file+".rels")] == nil {
		return nil, nil
	}
	err = b.elements(folder+"_rels/"+file+".rels", func(r *reader, e xml.StartElement) error {
		if e.Name.Local != "Relationship" {
			return nil
		}
		target := attribute(e, "Target")
		if !strings.HasPrefix(target, "/") {
			target = folder + target
		}
		list = append(list, relation{attribute(e, "Id"), path.Base(attribute(e, "Type")), partName(target)})
		return nil
	})
	return list, err
}

// read reads the workbook: texts, formats and the cells of all sheets.
func (b *Book) read() error {
	main := "xl/workbook.xml"
	root, err := b.relations("")
	if err != nil {
		return err
	}
	for _, r := range root {
		if r.Kind == "officeDocument" {
			main = r.Target
		}
	}
	parts, err := b.relations(main)
	if err != nil {
		return err
	}
	for _, r := range parts {
		switch r.Kind {
		case "sharedStrings":
			err = b.readShared(r.Target)
		case "styles":
			err = b.readStyles(r.Target)
		}
		if err != nil {
			return err
		}
	}
	return b.elements(main, func(_ *reader, e xml.StartElement) error {
		if date1904 := attribute(e, "date1904"); e.Name.Local == "workbookPr" && (date1904 == "1" || date1904 == "true") {
			b.from1904 = true
		}
		if e.Name.Local != "sheet" {
			return nil
		}
		i := slices.IndexFunc(parts, func(r relation) bool { return r.ID == attribute(e, "id") })
		if i < 0 || parts[i].Kind != "worksheet" { // a sheet that is one chart
			return nil
		}
		s := &Sheet{Name: attribute(e, "name")}
		b.Sheets = append(b.Sheets, s)
		return b.readSheet(parts[i].Target, s)
	})
}

// reader reads the XML of one part.
type reader struct{ *xml.Decoder }

// elements calls each with every element of the part that each did not read itself.
func (b *Book) elements(part string, each func(*reader, xml.StartElement) error) error {
	f := b.parts[partName(part)]
	if f == nil {
		return damaged(nil)
	}
	from, err := f.Open()
	if err != nil {
		return damaged(err)
	}
	r := &reader{xml.NewDecoder(from)}
	for {
		t, err := r.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		if e, ok := t.(xml.StartElement); ok {
			if err := each(r, e); err != nil {
				return err
			}
		}
	}
}

// within calls each with every element below the one that was read last, until its end. It
// reports whether it has read the element to its end.
func (r *reader) within(each func(xml.StartElement) (read bool, err error)) error {
	for depth := 1; depth > 0; {
		t, err := r.Token()
		if err != nil {
			return damaged(err)
		}
		switch e := t.(type) {
		case xml.StartElement:
			read, err := each(e)
			if err != nil {
				return err
			}
			if !read {
				depth++
			}
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// text returns the text of the element that was read last, to its end. What shows how to
// pronounce it is none of it.
func (r *reader) text() (string, error) {
	var b strings.Builder
	for depth, skip := 1, 0; depth > 0; {
		t, err := r.Token()
		if err != nil {
			return "", damaged(err)
		}
		switch e := t.(type) {
		case xml.StartElement:
			if depth++; skip == 0 && (e.Name.Local == "rPh" || e.Name.Local == "phoneticPr") {
				skip = depth
			}
		case xml.EndElement:
			if depth == skip {
				skip = 0
			}
			depth--
		case xml.CharData:
			if skip == 0 {
				b.Write(e)
			}
		}
	}
	return b.String(), nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (b *Book) readShared(part string) error {
	return b.elements(part, func(r *reader, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		s, err := r.text()
		b.shared = append(b.shared, s)
		return err
	})
}

// readStyles finds the formats that show a percentage or a day.
func (b *Book) readStyles(part string) error {
	codes := map[int]string{}
	return b.elements(part, func(r *reader, e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			codes[integer(attribute(e, "numFmtId"))] = attribute(e, "formatCode")
		case "cellXfs":
			return r.within(func(e xml.StartElement) (bool, error) {
				if e.Name.Local == "xf" {
					b.styles = append(b.styles, formatOf(integer(attribute(e, "numFmtId")), codes))
				}
				return false, nil
			})
		}
		return nil
	})
}

// number returns −1, which is no day, for what is none.
func number(s string) float64 {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return -1
	}
	return x
}

func integer(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// format is how numbers are shown that could be taken for others.
type format uint8

const (
	plain format = iota
	percentage
	dated
)

// formatOf returns the format with the number (ECMA-376 part 1, 18.8.30); those from 27 on and
// from 50 on are days in the languages of East Asia.
func formatOf(id int, codes map[int]string) format {
	code, custom := codes[id]
	switch {
	case custom:
		return formatOfCode(code)
	case id == 9 || id == 10:
		return percentage
	case id >= 14 && id <= 22, id >= 27 && id <= 36, id >= 45 && id <= 47, id >= 50 && id <= 58, id >= 71 && id <= 81:
		return dated
	}
	return plain
}

// formatOfCode returns what a format code shows, without the words in it.
func formatOfCode(code string) format {
	code, _, _ = strings.Cut(code, ";") // for positive numbers
	if strings.EqualFold(code, "general") {
		return plain
	}
	found := plain
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return found
			}
			i += end + 1
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return found
			}
			if in := strings.ToLower(code[i+1 : i+end]); in != "" && strings.Trim(in, in[:1]) == "" && strings.IndexByte("hms", in[0]) >= 0 {
				return dated // hours beyond a day
			}
			i += end
		case '%':
			found = percentage
		case 'y', 'm', 'd', 'h', 's', 'Y', 'M', 'D', 'H', 'S':
			return dated
		}
	}
	return found
}

func (b *Book) readSheet(part string, s *Sheet) error {
	number := 0
	err := b.elements(part, func(r *reader, e xml.StartElement) error {
		switch e.Name.Local {
		case "row":
			if at := attribute(e, "r"); at != "" {
				number = integer(at)
			} else {
				number++
			}
			return b.readRow(r, s, number)
		case "mergeCell":
			if len(s.merged) == maxMerged {
				return tooMuch()
			}
			if a, ok := areaOf(attribute(e, "ref")); ok {
				s.merged = append(s.merged, a)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(s.rows, func(x, y row) int { return cmp.Compare(x.number, y.number) })
	for i, r := range s.rows {
		if i > 0 && r.number == s.rows[i-1].number {
			return damaged(nil)
		}
	}
	return nil
}

func areaOf(ref string) (area, bool) {
	from, to, _ := strings.Cut(ref, ":")
	left, top, err := excelize.CellNameToCoordinates(from)
	if err != nil || to == "" {
		return area{}, false
	}
	right, bottom, err := excelize.CellNameToCoordinates(to)
	return area{left, top, right, bottom}, err == nil
}

func (b *Book) readRow(r *reader, s *Sheet, number int) error {
	next := row{number: number}
	column := 0
	err := r.within(func(e xml.StartElement) (bool, error) {
		if e.Name.Local != "c" {
			return false, nil
		}
		column++
		if at := attribute(e, "r"); at != "" {
			c, _, err := excelize.CellNameToCoordinates(at)
			if err != nil {
				return false, damaged(err)
			}
			column = c
		}
		c, err := b.readCell(r, e)
		if c.Column = column; c.Kind != Empty {
			next.cells = append(next.cells, c)
		}
		return true, err
	})
	if err != nil || len(next.cells) == 0 {
		return err
	}
	if len(s.rows) >= maxRows {
		return tooManyRows()
	}
	slices.SortFunc(next.cells, func(x, y Cell) int { return cmp.Compare(x.Column, y.Column) })
	for i, c := range next.cells {
		if number < 1 || number > excelize.TotalRows || i > 0 && c.Column == next.cells[i-1].Column {
			return damaged(nil)
		}
	}
	s.rows = append(s.rows, next)
	return nil
}

// readCell reads the element of a cell to its end.
func (b *Book) readCell(r *reader, e xml.StartElement) (c Cell, err error) {
	kind, style := attribute(e, "t"), integer(attribute(e, "s"))
	formula, hasValue, stored := false, false, ""
	err = r.within(func(e xml.StartElement) (read bool, err error) {
		switch e.Name.Local {
		case "f":
			formula = true
			_, err = r.text()
		case "v", "is":
			hasValue = true
			stored, err = r.text()
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return c, err
	}
	shown := plain
	if style >= 0 && style < len(b.styles) {
		shown = b.styles[style]
	}
	c.Text = stored
	switch kind {
	case "s":
		i := integer(stored)
		if i < 0 || i >= len(b.shared) {
			return Cell{}, damaged(nil)
		}
		c.Kind, c.Text = Text, b.shared[i]
	case "str", "inlineStr":
		c.Kind = Text
	case "b":
		c.Kind = Boolean
	case "e":
		c.Kind = Failed
	case "d":
		c.Kind = Date
	default:
		c.Kind, c.Percent = Number, shown == percentage
		if shown == dated {
			c.Kind = Date
			if at, err := excelize.ExcelDateToTime(number(stored), b.from1904); err == nil {
				c.Text = at.Format(time.DateOnly)
			}
		}
	}
	if c.Text = strings.TrimSpace(c.Text); c.Text == "" {
		c.Kind = Empty
		if formula && (kind != "str" || !hasValue) { // the result may be a text without a character
			c.Kind = Uncomputed
		}
	}
	return c, nil
}
