package spreadsheet

import (
	"bytes"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// author writes the comments in marked cells.
const author = "bulwark"

// Colours of marked cells: of a fault, and of what is only to be looked at.
const (
	faultColour   = "FFC7CE"
	warningColour = "FFEB9C"
)

// NotTaken returns the error of a file that is not taken in because of the faults.
func NotTaken(faults []Fault) *fault.Error {
	return AtCells(fault.Invalid("import_faulty", "文件中有 %d 处不能导入，因此未保存任何内容",
		"%d cells cannot be imported, so nothing was stored", len(faults)), faults)
}

// AtCells returns the error with each of the faults at cell/SHEET/NAME.
func AtCells(e *fault.Error, faults []Fault) *fault.Error {
	for _, f := range faults {
		e = e.With(fault.At("cell/"+f.Sheet+"/"+f.Cell, f.Fault, text.Same(f.Message)))
	}
	return e
}

// Marked returns the workbook with a comment and a colour in each cell that has a fault or a
// warning; marks of an earlier time go. Of a CSV file it returns a workbook with the same cells.
func (b *Book) Marked(faults, warnings []Fault) (_ []byte, err error) {
	f, err := b.editable()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it only removes what it kept on disk
	m := marker{f, map[[2]any]int{}}
	for _, name := range f.GetSheetList() {
		if err := m.clear(name); err != nil {
			return nil, damaged(err)
		}
	}
	texts := map[[2]string]string{}
	for i, w := range slices.Concat(faults, warnings) {
		at := [2]string{w.Sheet, w.Cell}
		if sheet, err := f.GetSheetIndex(w.Sheet); err != nil || sheet < 0 || w.Cell == "" {
			continue
		}
		colour := faultColour
		if i >= len(faults) {
			colour = warningColour
		}
		if before, ok := texts[at]; ok { // one comment for all that is wrong with a cell
			texts[at] = before + "\n" + w.Message
			continue
		}
		texts[at] = w.Message
		if err := m.fill(w.Sheet, w.Cell, colour); err != nil {
			return nil, damaged(err)
		}
	}
	for _, at := range slices.SortedFunc(keys(texts), func(x, y [2]string) int { return slices.Compare(x[:], y[:]) }) {
		if err := f.DeleteComment(at[0], at[1]); err != nil {
			return nil, damaged(err)
		}
		err := f.AddComment(at[0], excelize.Comment{
			Author: author, Cell: at[1], Width: 260, Height: uint(60 + 20*strings.Count(texts[at], "\n")),
			Paragraph: []excelize.RichTextRun{{Text: texts[at]}},
		})
		if err != nil {
			return nil, damaged(err)
		}
	}
	out, err := bytesOf(f)
	if err != nil {
		return nil, damaged(err)
	}
	return out, nil
}

func keys(m map[[2]string]string) func(yield func([2]string) bool) {
	return func(yield func([2]string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// editable returns the workbook for changes.
func (b *Book) editable() (*excelize.File, error) {
	if b.data != nil {
		f, err := excelize.OpenReader(bytes.NewReader(b.data), excelize.Options{
			UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxUnzipped,
		})
		if err != nil {
			return nil, damaged(err)
		}
		return f, nil
	}
	f := excelize.NewFile()
	s := b.Sheets[0]
	if err := f.SetSheetName("Sheet1", s.Name); err != nil {
		return nil, err
	}
	for _, r := range s.rows {
		for _, c := range r.cells {
			if err := f.SetCellStr(s.Name, Name(c.Column, r.number), c.Text); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// marker colours cells and keeps the styles that it made.
type marker struct {
	*excelize.File
	made map[[2]any]int // by style before and colour
}

// fill sets the colour of a cell, whose style otherwise stays.
func (m marker) fill(sheet, cell, colour string) error {
	before, err := m.GetCellStyle(sheet, cell)
	if err != nil {
		return err
	}
	id, ok := m.made[[2]any{before, colour}]
	if !ok {
		style, err := m.GetStyle(before)
		if err != nil {
			return err
		}
		style.Fill = excelize.Fill{}
		if colour != "" {
			style.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{colour}}
		}
		if id, err = m.NewStyle(style); err != nil {
			return err
		}
		m.made[[2]any{before, colour}] = id
	}
	return m.SetCellStyle(sheet, cell, cell, id)
}

// clear takes the marks of an earlier time away.
func (m marker) clear(sheet string) error {
	comments, err := m.GetComments(sheet)
	if err != nil {
		return err
	}
	for _, c := range comments {
		if c.Author != author {
			continue
		}
		if err := m.DeleteComment(sheet, c.Cell); err != nil {
			return err
		}
		if err := m.fill(sheet, c.Cell, ""); err != nil {
			return err
		}
	}
	return nil
}
