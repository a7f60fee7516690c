package spreadsheet_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"bulwark/internal/fault"
	"bulwark/internal/spreadsheet"
)

// filledForm is a small form as people send it back.
func filledForm(t *testing.T) []byte {
	t.Helper()
	data, err := spreadsheet.Workbook([]spreadsheet.Form{{
		Name: "填报", Lists: "词表", Identity: "id", Frozen: 1,
		Columns: []spreadsheet.FormColumn{
			{Code: "branch", Head: "党组织"},
			{Code: "x", Input: &spreadsheet.Input{Numbers: true}},
			{Code: "y", Input: &spreadsheet.Input{Options: []string{"A", "B"}}},
		},
		Rows: []spreadsheet.FormRow{{Cells: []any{"b01", 91.5, "A"}}},
	}}, spreadsheet.Notes{Name: "说明", Lines: [][]string{{"one"}}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// hostile are files that would cost much memory or time, and the code with which each is refused.
func hostile(t *testing.T, template []byte) map[string]struct {
	data []byte
	code string
} {
	t.Helper()
	zipped := func(fill func(w *zip.Writer)) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		fill(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	part := func(w *zip.Writer, name string) io.Writer {
		p, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	fill := func(w io.Writer, with string, size int) {
		chunk := []byte(strings.Repeat(with, min(size, 1<<20)/len(with)+1))
		for n := 0; n < size; n += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
	}
	sheetOf := func(begin, with string, size int) []byte {
		return rezipped(t, template, func(name string, data []byte) []byte {
			if name != "xl/worksheets/sheet1.xml" {
				return data
			}
			var b bytes.Buffer
			b.WriteString(begin)
			fill(&b, with, size)
			return b.Bytes()
		})
	}
	gigabyte := zipped(func(w *zip.Writer) { fill(part(w, "xl/workbook.xml"), " ", 1<<30) })
	type file = struct {
		data []byte
		code string
	}
	forged := bytes.Clone(gigabyte)
	at := bytes.LastIndex(forged, []byte("PK\x01\x02")) // the size in the directory
	copy(forged[at+24:at+28], []byte{100, 0, 0, 0})
	larger := bytes.Clone(template)
	at = bytes.LastIndex(larger, []byte("PK\x01\x02"))
	larger[at+24]++
	return map[string]file{
		"a gigabyte":        {gigabyte, "too_much_in_file"},
		"a forged size":     {forged, "damaged_file"},
		"another size":      {larger, "damaged_file"},
		"10,000 parts":      {zipped(func(w *zip.Writer) { parts(t, w, 10_000) }), "too_much_in_file"},
		"a part twice":      {zipped(func(w *zip.Writer) { part(w, "xl/workbook.xml"); part(w, "XL/workbook.xml") }), "damaged_file"},
		"one text of 60 MB": {sheetOf(`<worksheet><sheetData><row><c t="inlineStr"><is><t>`, "a", 60<<20), "too_much_in_file"},
		"one tag of 60 MB":  {sheetOf(`<worksheet><sheetData><row `, `a="" `, 60<<20), "too_much_in_file"},
		"many cells":        {sheetOf(`<worksheet><sheetData><row>`, `<c><v>1</v></c>`, 60<<20), "too_much_in_file"},
		"many rows":         {sheetOf(`<worksheet><sheetData>`, `<row><c><v>1</v></c></row>`, 25_000*26), "too_many_rows"},
		"deep nesting":      {sheetOf(``, `<a>`, 50<<20), "too_much_in_file"},
		"a row far down":    {sheetOf(`<worksheet><sheetData><row r="99999999999">`, `<c r="A1"><v>1</v></c></row></sheetData></worksheet>`, 10), "damaged_file"},
		"entities":          {sheetOf(`<!DOCTYPE a [<!ENTITY b "bb">]><worksheet><sheetData><row><c t="str"><v>&b;</v></c></row>`, `</sheetData></worksheet>`, 1), "damaged_file"},
		"half a file":       {template[:len(template)/2], "damaged_file"},
		"half a directory":  {template[:len(template)-10], "damaged_file"},
		"no workbook in it": {zipped(func(w *zip.Writer) { part(w, "readme.txt") }), "damaged_file"},
		"an old workbook":   {append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 5000)...), "protected_file"},
		"a page":            {[]byte("<html><table><tr><td>1</td></tr></table></html>"), "not_a_workbook"},
		"nothing":           {[]byte("PK"), "damaged_file"},
		"huge shared strings": {rezipped(t, template, func(name string, data []byte) []byte {
			if name != "xl/sharedStrings.xml" {
				return data
			}
			var b bytes.Buffer
			b.WriteString("<sst>")
			fill(&b, "<si><t>"+strings.Repeat("a", 20)+"</t></si>", 60<<20)
			b.WriteString("</sst>")
			return b.Bytes()
		}), "too_much_in_file"},
	}
}

func parts(t *testing.T, w *zip.Writer, n int) {
	for i := range n {
		if _, err := w.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", i)); err != nil {
			t.Fatal(err)
		}
	}
}

// A file that would cost much is refused before it is read, without the memory.
func TestHostileFilesCostLittle(t *testing.T) {
	template := filledForm(t)
	for name, f := range hostile(t, template) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := spreadsheet.Open(spreadsheet.MediaXLSX, f.data)
		runtime.ReadMemStats(&after)
		var refusal *fault.Error
		if !errors.As(err, &refusal) || refusal.Code != f.code {
			t.Errorf("%s: %v, want %s", name, err, f.code)
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 100 {
			t.Errorf("%s: %d MiB were allocated", name, mb)
		}
	}
	book, err := spreadsheet.Open(spreadsheet.MediaXLSX, template)
	if err != nil || len(book.Sheets) != 3 || book.Sheets[0].At(2, 4).String() != "91.5" || book.Sheets[0].At(3, 4).Text != "A" {
		t.Errorf("a good file: %+v, %v", book, err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("PK"))
	f.Add([]byte("a,b\n1,2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, media := range []string{spreadsheet.MediaXLSX, spreadsheet.MediaCSV} {
			book, err := spreadsheet.Open(media, data)
			if err != nil {
				continue
			}
			for _, s := range book.Sheets {
				for row := range min(s.Rows(), 100) {
					for _, c := range s.Row(row) {
						_, _, _ = c.Float()
						_ = c.String()
					}
				}
			}
		}
	})
}

// rezipped returns the workbook with its parts changed.
func rezipped(t *testing.T, book []byte, change func(name string, data []byte) []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		part, err := w.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(change(f.Name, data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
