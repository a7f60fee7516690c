package spreadsheet_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"bulwark/internal/day"
	"bulwark/internal/spreadsheet"
)

var sample = spreadsheet.Table{
	Name:    "排名",
	Columns: []spreadsheet.Column{{Code: "branch", Name: "党组织"}, {Code: "score"}, {Code: "ends_on"}, {Code: "at"}, {Code: "late"}},
	Rows: [][]any{
		{"001234567890123456789", 91.42, day.Date("2023-06-30"), time.Date(2023, 6, 30, 16, 30, 0, 0, time.UTC), true},
		{"=1+1", nil, day.Date(""), nil, false},
		{"a,\"b\"\nc", int64(-4), nil, nil, nil},
	},
}

func ExampleTable_CSV() {
	fmt.Printf("%s", bytes.TrimPrefix(sample.CSV(), []byte("\ufeff")))
	// Output:
	// 党组织,score,ends_on,at,late
	// 001234567890123456789,91.42,2023-06-30,2023-07-01T00:30:00+08:00,true
	// '=1+1,,,,false
	// "a,""b""
	// c",-4,,,
}

// Codes keep their zeros and digits, numbers and days are such, formulas are text.
func TestXLSX(t *testing.T) {
	other := sample
	other.Name = "other"
	data, err := spreadsheet.XLSX(sample, other)
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := fmt.Sprint(f.GetSheetList()); got != "[排名 other]" {
		t.Errorf("sheets %s", got)
	}
	for at, want := range map[string]string{
		"A1": "党组织", "B1": "score", "A2": "001234567890123456789", "B2": "91.42", "C2": "2023-06-30", "D2": "2023-07-01 00:30:00",
		"E2": "TRUE", "A3": "=1+1", "B3": "", "C3": "", "B4": "-4", "A4": "a,\"b\"\nc",
	} {
		if got, err := f.GetCellValue("排名", at); err != nil || got != want {
			t.Errorf("%s holds %q, want %q (%v)", at, got, want, err)
		}
	}
	for at, want := range map[string]string{"B2": "91.42", "C2": "45107", "D2": "45108.0208333333"} {
		if got, err := f.GetCellValue("排名", at, excelize.Options{RawCellValue: true}); err != nil || got[:min(len(got), len(want))] != want {
			t.Errorf("%s holds the number %q, want %q (%v)", at, got, want, err)
		}
	}
	if formula, err := f.GetCellFormula("排名", "A3"); err != nil || formula != "" {
		t.Errorf("A3 is the formula %q (%v)", formula, err)
	}
}

// A workbook of several sheets has the same bytes each time.
func TestWorkbooksAreTheSameEachTime(t *testing.T) {
	tables := make([]spreadsheet.Table, 12)
	for i := range tables {
		tables[i] = spreadsheet.Table{Name: string(rune('a' + i)), Columns: []spreadsheet.Column{{Code: "x"}}, Rows: [][]any{{int64(i)}}}
	}
	first, err := spreadsheet.XLSX(tables...)
	for range 8 {
		again, errAgain := spreadsheet.XLSX(tables...)
		if err != nil || errAgain != nil || !bytes.Equal(first, again) {
			t.Fatal(err, errAgain, len(first), len(again))
		}
	}
}
