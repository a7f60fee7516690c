package api

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"bulwark/internal/apitest"
	"bulwark/internal/entry"
	"bulwark/internal/spreadsheet"
)

// filled is a template of the entry form while it is filled in.
type filled struct {
	t testing.TB
	*excelize.File
	sheet string
}

// entryTemplate downloads the entry form of the caller in Chinese.
func entryTemplate(t testing.TB, c *apitest.Client, period string) *filled {
	t.Helper()
	a := c.Lang("zh").Get("/towns/demo/periods/" + period + "/entry?format=xlsx").Want(http.StatusOK)
	return openFilled(t, a.Body)
}

func openFilled(t testing.TB, data []byte) *filled {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &filled{t, f, f.GetSheetName(0)}
}

// cell is the name of the cell of the branch in the column with the code.
func (f *filled) cell(branch, code string) string {
	f.t.Helper()
	rows, err := f.GetRows(f.sheet)
	if err != nil {
		f.t.Fatal(err)
	}
	column := slices.Index(rows[1], code)
	row := slices.IndexFunc(rows, func(r []string) bool { return len(r) > 0 && r[0] == branch })
	if column < 0 || row < 0 {
		f.t.Fatalf("the template has no cell of %s and %s", branch, code)
	}
	return spreadsheet.Name(column+1, row+1)
}

// set enters a value.
func (f *filled) set(branch, code string, value any) string {
	f.t.Helper()
	at := f.cell(branch, code)
	f.must(f.SetCellValue(f.sheet, at, value))
	return at
}

// shown sets the number format of a cell.
func (f *filled) shown(at, format string) {
	f.t.Helper()
	style, err := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
	f.must(err)
	f.must(f.SetCellStyle(f.sheet, at, at, style))
}

func (f *filled) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *filled) bytes() []byte {
	f.t.Helper()
	b, err := f.WriteToBuffer()
	f.must(err)
	return b.Bytes()
}

// importing sends a file into the entry form: CSV where it is no workbook.
func importing(c *apitest.Client, period, query string, file []byte) *apitest.Answer {
	media := spreadsheet.MediaXLSX
	if !bytes.HasPrefix(file, []byte("PK")) {
		media = spreadsheet.MediaCSV
	}
	at := "/towns/demo/periods/" + period + "/entry/import"
	if query != "" {
		at += "?" + query
	}
	return c.Header("Content-Type", media).Post(at, file)
}

// rehearsed is the dry run of an import.
func rehearsed(c *apitest.Client, period string, file []byte) entry.Import {
	return apitest.Decode[entry.Import](importing(c, period, "dry_run=true", file), http.StatusOK)
}

// faultsOf are the faults as "CELL code".
func faultsOf(list []spreadsheet.Fault) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Cell+" "+f.Fault)
	}
	return strings.Join(all, ", ")
}

// rezipped returns the workbook with its parts changed.
func rezipped(t testing.TB, book []byte, change func(name string, data []byte) []byte) []byte {
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
