package api

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// wrongCells are ways to fill in one cell of b01 wrongly. What is no function is entered as it is.
var wrongCells = []struct {
	code  string // of the column
	fill  any
	fault string
}{
	// columns of numbers
	{"turnout", "many", "not_a_number"},
	{"turnout", "九十", "not_a_number"},
	{"turnout", "1,5", "not_a_number"},
	{"turnout", "12,34", "not_a_number"},
	{"turnout", "1.2.3", "not_a_number"},
	{"turnout", "88,5%", "not_a_number"},
	{"turnout", "--5", "not_a_number"},
	{"turnout", "5 分", "not_a_number"},
	{"turnout", "5/10", "not_a_number"},
	{"turnout", "1e3", "not_a_number"},
	{"turnout", "NaN", "not_a_number"},
	{"turnout", "Infinity", "not_a_number"},
	{"turnout", "0x10", "not_a_number"},
	{"turnout", "=1+1 as text", "not_a_number"},
	{"turnout", "a\u202eb", "unprintable"},
	{"turnout", "\ue815", "unprintable"},
	{"turnout", "TRUE", "not_a_number"},
	{"turnout", true, "boolean"},
	{"turnout", false, "boolean"},
	{"turnout", time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC), "date"},
	{"turnout", shownAs(45000.0, "yyyy-mm-dd"), "date"},
	{"turnout", shownAs(45000.0, `yyyy"年"m"月"d"日"`), "date"},
	{"turnout", shownAs(0.5, "h:mm"), "date"},
	{"turnout", shownAs(1.5, "[h]:mm:ss"), "date"},
	{"turnout", shownAs(45000.0, `[$-804]yyyy"年"`), "date"},
	{"turnout", formula("1+1"), "formula_without_value"},
	{"turnout", formula("E99"), "formula_without_value"},
	{"turnout", raw(`<c r="%s" t="e"><f>1/0</f><v>#DIV/0!</v></c>`), "error_value"},
	{"turnout", raw(`<c r="%s" t="e"><v>#N/A</v></c>`), "error_value"},
	{"turnout", raw(`<c r="%s" t="d"><v>2026-03-05</v></c>`), "date"},
	{"turnout", raw(`<c r="%s" t="b"><v>1</v></c>`), "boolean"},
	{"turnout", raw(`<c r="%s"><v>many</v></c>`), "not_a_number"},
	{"turnout", raw(`<c r="%s"><v>1e-400</v></c>`), "not_a_number"},
	{"turnout", raw(`<c r="%s"><v>1e400</v></c>`), "not_a_number"},
	{"turnout", raw(`<c r="%s"><f>A1</f><v></v></c>`), "formula_without_value"},
	{"turnout", mergedWithNext, "merged_cells"},
	{"turnout", 100.5, "out_of_range"},
	{"turnout", -1, "out_of_range"},
	{"turnout", shownAs(1.01, "0%"), "out_of_range"},
	{"turnout", 88.55, "too_many_decimals"},
	{"turnout", "88.55%", "too_many_decimals"},
	{"turnout", shownAs(0.88555, "0.00%"), "too_many_decimals"},
	{"turnout", "不适用：无会议", "always_applies"},
	{"turnout", "不适用", "always_applies"},
	{"meetings", 13, "out_of_range"},
	{"meetings", "１３", "out_of_range"},
	{"meetings", 2.5, "too_many_decimals"},
	{"meetings", "2。5", "too_many_decimals"},
	{"meetings", "50%", "percent_elsewhere"},
	{"meetings", "５０％", "percent_elsewhere"},
	{"meetings", shownAs(0.1, "0%"), "percent_elsewhere"},
	{"meetings", shownAs(5, "0.00%"), "percent_elsewhere"},
	{"spirit", 11, "bad_entry"},
	{"spirit", "很好", "not_a_number"},
	{"spirit", 1e16, "out_of_range"},
	// levels
	{"standing", "D", "unknown_level"},
	{"standing", "a", "unknown_level"},
	{"standing", 1, "unknown_level"},
	{"standing", true, "boolean"},
	{"standing", formula(`"A"`), "formula_without_value"},
	// waivers
	{"standing", "不适用", "evidence_needed"},
	{"complaints", "n/a", "evidence_needed"},
	{"complaints", "不适用：", "evidence_needed"},
	{"solving", "85", "computed"},
	{"solving", 85, "computed"},
	{"solving", "不适用", "evidence_needed"},
	{"complaints", -3, "out_of_range"},
	{"cases", 1.5, "too_many_decimals"},
	// what belongs to the row
	{"_branch", "b99", "unknown_branch"},
	{"_branch", asOf("b02"), "duplicate_branch"},
	{"_branch", "b02", "wrong_name"},
	{"_branch", "", "branch_missing"},
	{"_branch", true, "boolean"},
	{"_name", "branch b02", "wrong_name"},
	{"_version", "old", "stale_version"},
	{"_version", 7, "stale_version"},
}

// fill enters something into a cell by hand.
type fill func(f *filled, at string)

func shownAs(x float64, format string) fill {
	return func(f *filled, at string) {
		f.must(f.SetCellValue(f.sheet, at, x))
		f.shown(at, format)
	}
}

// asOf makes the row one of another branch.
func asOf(branch string) fill {
	return func(f *filled, at string) {
		f.must(f.SetCellValue(f.sheet, f.cell("b01", "_name"), "branch "+branch))
		f.must(f.SetCellValue(f.sheet, at, branch))
	}
}

func formula(words string) fill {
	return func(f *filled, at string) { f.must(f.SetCellFormula(f.sheet, at, words)) }
}

func mergedWithNext(f *filled, at string) {
	column, row, _ := excelize.CellNameToCoordinates(at)
	next, _ := excelize.CoordinatesToCellName(column, row+1)
	f.must(f.SetCellValue(f.sheet, at, 50))
	f.must(f.MergeCell(f.sheet, at, next))
}

// raw is a cell as its XML, which the library of the tests would not write.
type raw string

// A cell that cannot be taken in is named with what is wrong, in a dry run and as the refusal of
// an import, and nothing of the file is stored.
func TestEachWrongCellIsNamed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		c := h.joins("lin", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors})
		empty := entryTemplate(t, c, "2026Q1").bytes()
		before := recordsOf(h)
		for i, w := range wrongCells {
			name := fmt.Sprintf("%d %s %v %s", i, w.code, w.fill, w.fault)
			f := openFilled(t, empty)
			f.set("b02", "spirit", 7) // right, and not stored either
			f.set("b01", "cases.solved", 3)
			at := f.cell("b01", w.code)
			want, file := at, []byte(nil)
			switch v := w.fill.(type) {
			case fill:
				v(f, at)
			case func(*filled, string):
				v(f, at)
			case raw:
				f.must(f.SetCellValue(f.sheet, at, "here"))
				file = replaced(t, f.bytes(), at, fmt.Sprintf(string(v), at))
			case string:
				if f.must(f.SetCellValue(f.sheet, at, v)); v == "" {
					f.must(f.SetCellValue(f.sheet, at, nil))
				}
			default:
				f.must(f.SetCellValue(f.sheet, at, v))
			}
			if file == nil {
				file = f.bytes()
			}
			switch w.fault {
			case "duplicate_branch": // is found at the second one
				want = openFilled(t, empty).cell("b02", "_branch")
			case "wrong_name":
				want = openFilled(t, empty).cell("b01", "_name")
			case "stale_version", "branch_missing":
				want = openFilled(t, empty).cell("b01", "cases.solved")
			}
			dry := rehearsed(c, "2026Q1", file)
			if len(dry.Faults) != 1 && w.fault != "merged_cells" || len(dry.Faults) == 0 ||
				dry.Faults[0].Cell != want || dry.Faults[0].Fault != w.fault || dry.Faults[0].Message == "" {
				t.Errorf("%s: %+v, want %s at %s", name, dry.Faults, w.fault, want)
				continue
			}
			p := importing(c.Lang("zh"), "2026Q1", "submit=true", file).Problem(http.StatusUnprocessableEntity)
			if p.Code != "import_faulty" || p.Errors[0].Pointer != "cell/填报/"+want || p.Errors[0].Code != w.fault {
				t.Errorf("%s: refused with %+v", name, p)
			}
		}
		if n := recordsOf(h) - before; n != 0 {
			t.Errorf("%d records", n)
		}
		var sheets int64
		h.must(h.db.Model(&evaluation.Sheet{}).Count(&sheets).Error)
		if sheets != 0 {
			t.Errorf("%d sheets", sheets)
		}
	})
}

// replaced returns the workbook with the XML of one cell of its first sheet exchanged.
func replaced(t *testing.T, book []byte, at, cell string) []byte {
	t.Helper()
	return rezipped(t, book, func(name string, data []byte) []byte {
		if name != "xl/worksheets/sheet1.xml" {
			return data
		}
		begin := bytes.Index(data, []byte(`<c r="`+at+`"`))
		end := begin + bytes.Index(data[begin:], []byte("</c>")) + len("</c>")
		if begin < 0 || end < begin {
			t.Fatalf("no cell %s", at)
		}
		return slices.Concat(data[:begin], []byte(cell), data[end:])
	})
}

// Numbers are read however people write them.
func TestNumbersAreReadAsTheyAreMeant(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		c := h.as(policy.Mentor)
		f := entryTemplate(t, c, "2026Q1")
		for _, w := range []struct {
			fill any
			want string
		}{
			{88.5, "88.5"},
			{"88.5", "88.5"},
			{"８８。５", "88.5"},
			{"８８．５％", "88.5"},
			{"88.5 %", "88.5"},
			{"'88.5", ""},
			{" 88.5 ", "88.5"},
			{shownAs(0.885, "0.0%"), "88.5"},
			{shownAs(0.07, "0%"), "7"},
			{shownAs(0.29, `0"%"`), "fraction"}, // the sign is only a word there
			{shownAs(57, "0.00"), "57"},
			{shownAs(57, `0.0"d"`), "57"},
			{0.1 + 0.2, "fraction"},
			{0.885, "fraction"},
			{1, "fraction"},
			{0, "0"},
			{nil, "none"},
			{"", "none"},
			{"  ", "none"},
		} {
			at := f.cell("b01", "turnout")
			f.must(f.SetCellStyle(f.sheet, at, at, 0))
			if by, ok := w.fill.(fill); ok {
				by(f, at)
			} else {
				f.must(f.SetCellValue(f.sheet, at, w.fill))
			}
			dry := rehearsed(c, "2026Q1", f.bytes())
			switch w.want {
			case "":
				if faultsOf(dry.Faults) != at+" not_a_number" {
					t.Errorf("%v: %+v", w.fill, dry)
				}
			case "none":
				if dry.Changed != 0 || len(dry.Faults) != 0 {
					t.Errorf("%v: %+v", w.fill, dry)
				}
			case "fraction":
				if got := faultsOf(dry.Warnings); got != at+" looks_like_fraction" || len(dry.Faults) > 0 && dry.Faults[0].Fault != "too_many_decimals" {
					t.Errorf("%v: %+v", w.fill, dry)
				}
			default:
				if len(dry.Faults)+len(dry.Warnings) != 0 || dry.Changed != 1 {
					t.Errorf("%v: %+v", w.fill, dry)
				}
				importing(c, "2026Q1", "", f.bytes()).Want(http.StatusOK)
				row := formOf(c, "2026Q1").Rows[0]
				if got := fmt.Sprint(*row.Entries[0].Value); got != w.want {
					t.Errorf("%v is read as %s, want %s", w.fill, got, w.want)
				}
				f = entryTemplate(t, c, "2026Q1")
				f.must(f.SetCellValue(f.sheet, at, nil))
				importing(c, "2026Q1", "", f.bytes()).Want(http.StatusOK)
				f = entryTemplate(t, c, "2026Q1")
			}
		}

		at := f.set("b01", "turnout", 0.5)
		refused(t, importing(c, "2026Q1", "", f.bytes()), http.StatusUnprocessableEntity, "import_unconfirmed", "cell/填报/"+at)
		importing(c, "2026Q1", "confirm_fractions=true", f.bytes()).Want(http.StatusOK)
	})
}

// What would be overwritten is said before it is; a file that is older than the sheet overwrites
// nothing.
func TestWhatIsOverwrittenIsSaidBefore(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		c := h.as(policy.Mentor)
		noted := value("spirit", 7)
		noted["evidence"], noted["source"] = "seen on 3 visits", "own notes"
		sheet := begun(c, "2026Q1", "b01", value("meetings", 3), noted, waived("complaints", "no office"))
		f := entryTemplate(t, c, "2026Q1")
		stale := entryTemplate(t, c, "2026Q1")
		at := []string{f.set("b01", "meetings", nil), f.set("b01", "spirit", 8), f.set("b01", "complaints", 2)}
		dry := rehearsed(c, "2026Q1", f.bytes())
		want := []entry.Overwritten{
			{Sheet: "填报", Cell: at[0], Branch: "b01", Code: "meetings", Before: "3"},
			{Sheet: "填报", Cell: at[1], Branch: "b01", Code: "spirit", Before: "7", After: "8"},
			{Sheet: "填报", Cell: at[2], Branch: "b01", Code: "complaints", Before: "not applicable: no office", After: "2"},
		}
		if !slices.Equal(dry.Overwritten, want) {
			t.Errorf("overwritten: %+v", dry.Overwritten)
		}
		importing(c, "2026Q1", "", f.bytes()).Want(http.StatusOK)
		after := apitest.Decode[evaluation.Sheet](c.Get(sheet), http.StatusOK)
		if len(after.Entries) != 2 || after.Entries[0].Evidence != "" || after.Entries[1].Evidence != "seen on 3 visits" ||
			after.Entries[1].Source != "own notes" || *after.Entries[1].Value != 8 {
			t.Errorf("after the import: %+v", after.Entries)
		}
		if again := rehearsed(c, "2026Q1", f.bytes()); again.Changed != 0 || len(again.Faults) != 0 {
			t.Errorf("the same file again: %+v", again)
		}
		late := stale.set("b01", "spirit", 9)
		p := rehearsed(c, "2026Q1", stale.bytes())
		if !strings.Contains(faultsOf(p.Faults), late+" stale_version") || !strings.Contains(p.Faults[1].Message, `"8"`) {
			t.Errorf("an old file: %+v", p.Faults)
		}
		moved(c, sheet, "submitted", "").Want(http.StatusOK)
		f = entryTemplate(t, c, "2026Q1")
		locked := f.set("b01", "spirit", 9)
		if p := rehearsed(c, "2026Q1", f.bytes()); faultsOf(p.Faults) != locked+" sheet_submitted" {
			t.Errorf("a submitted sheet: %+v", p.Faults)
		}
	})
}

// A file that belongs elsewhere is refused as a whole, with one fault.
func TestAFileOfSomethingElseIsRefusedWhole(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		h.steps("2026Q1", "open")
		h.steps("2026Q2", "open")
		c := h.as(policy.Mentor)
		f := entryTemplate(t, c, "2026Q1")
		f.set("b01", "turnout", "many")
		identity, err := f.GetCellValue(f.sheet, "A1")
		f.must(err)
		parts := strings.Split(identity, ":")
		for i, want := range map[int]string{
			2: "wrong_town", 3: "wrong_period", 4: "wrong_evaluator", 5: "wrong_scheme", 6: "wrong_columns",
		} {
			other := slices.Clone(parts)
			other[i] = "x"
			f.must(f.SetCellValue(f.sheet, "A1", strings.Join(other, ":")))
			if p := rehearsed(c, "2026Q1", f.bytes()); faultsOf(p.Faults) != "A1 "+want || p.Rows != 0 {
				t.Errorf("part %d: %+v", i, p)
			}
		}
		f.must(f.SetCellValue(f.sheet, "A1", identity))
		if p := rehearsed(c, "2026Q2", f.bytes()); faultsOf(p.Faults) != "A1 wrong_period" {
			t.Errorf("another period: %+v", p)
		}
		if p := rehearsed(h.as(policy.LeadingGroup), "2026Q1", f.bytes()); faultsOf(p.Faults) != "A1 wrong_evaluator" {
			t.Errorf("another person: %+v", p)
		}
		f.must(f.SetCellValue(f.sheet, "A1", "bulwark:v1:demo"))
		if p := rehearsed(c, "2026Q1", f.bytes()); faultsOf(p.Faults) != "A1 wrong_identity" {
			t.Errorf("a short identity: %+v", p)
		}
		f.must(f.SetCellValue(f.sheet, "A1", nil))
		refused(t, importing(c, "2026Q1", "dry_run=true", f.bytes()), http.StatusUnprocessableEntity, "no_identity")
		f.must(f.SetCellValue(f.sheet, "A1", identity))
		copied, err := f.NewSheet("copy")
		f.must(err)
		f.must(f.CopySheet(0, copied))
		refused(t, importing(c, "2026Q1", "dry_run=true", f.bytes()), http.StatusUnprocessableEntity, "no_identity")
		f.must(f.DeleteSheet("copy"))
		spirit := f.cell("b01", "spirit")
		f.must(f.SetCellValue(f.sheet, spirit[:1]+"2", "turnout"))
		if p := rehearsed(c, "2026Q1", f.bytes()); faultsOf(p.Faults) != spirit[:1]+"2 duplicate_column" {
			t.Errorf("two columns of one code: %+v", p)
		}
		f.must(f.SetCellValue(f.sheet, spirit[:1]+"2", "charm"))
		if p := rehearsed(c, "2026Q1", f.bytes()); faultsOf(p.Faults) != spirit[:1]+"2 unknown_column" {
			t.Errorf("an unknown column: %+v", p)
		}
		f.must(f.SetCellValue(f.sheet, spirit[:1]+"2", nil))
		f.must(f.SetCellValue(f.sheet, spirit, 3))
		if p := rehearsed(c, "2026Q1", f.bytes()); faultsOf(p.Warnings) != spirit+" ignored_column" {
			t.Errorf("a column without a code: %+v", p)
		}
		refused(t, c.Bad().Post("/towns/demo/periods/2026Q1/entry/import", object{}), http.StatusUnsupportedMediaType,
			"unsupported_media_type")
		refused(t, c.Header("Accept", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet").
			Header("Content-Type", "text/csv").Post("/towns/demo/periods/2026Q1/entry/import", "x"), http.StatusBadRequest, "marked_needs_dry_run")
	})
}

// The marked copy is the same file with a comment in each wrong cell; once mended, the marks go.
func TestTheMarkedCopy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		c := h.as(policy.Mentor).Lang("zh")
		f := entryTemplate(t, c, "2026Q1")
		first, second := f.set("b01", "turnout", "many"), f.set("b01", "standing", "D")
		f.set("b01", "spirit", 7)
		xlsx := c.Header("Accept", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
		marked := openFilled(t, importing(xlsx, "2026Q1", "dry_run=true", f.bytes()).Want(http.StatusOK).Body)
		comments, err := marked.GetComments("填报")
		f.must(err)
		if len(comments) != 2 {
			t.Fatalf("comments %+v", comments)
		}
		for i, at := range []string{first, second} {
			if comments[i].Cell != at || comments[i].Author != "bulwark" || !strings.ContainsAny(comments[i].Paragraph[0].Text, "不没") {
				t.Errorf("comment %+v, want one in %s", comments[i], at)
			}
			if colour := colourOf(marked, at); colour != "FFC7CE" {
				t.Errorf("%s has the colour %q", at, colour)
			}
		}
		for code, want := range map[string]string{"turnout": "many", "spirit": "7"} {
			if got, _ := marked.GetCellValue("填报", marked.cell("b01", code)); got != want {
				t.Errorf("%s is %q in the marked copy", code, got)
			}
		}
		marked.set("b01", "turnout", 88)
		again := openFilled(t, importing(xlsx, "2026Q1", "dry_run=true", marked.bytes()).Want(http.StatusOK).Body)
		comments, err = again.GetComments("填报")
		f.must(err)
		if len(comments) != 1 || comments[0].Cell != second || colourOf(again, first) != "" {
			t.Errorf("after one is mended: %+v, colour %q", comments, colourOf(again, first))
		}
		again.set("b01", "standing", "A")
		importing(c, "2026Q1", "", again.bytes()).Want(http.StatusOK)

		csv := c.Get("/towns/demo/periods/2026Q1/entry?format=csv").Want(http.StatusOK).Body
		wrong := bytes.Replace(csv, []byte(",A,"), []byte(",不是,"), 1)
		gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes(bytes.TrimPrefix(wrong, []byte("\ufeff")))
		f.must(err)
		for _, file := range [][]byte{wrong, gb} {
			dry := rehearsed(c, "2026Q1", file)
			if len(dry.Faults) != 1 || dry.Faults[0].Fault != "unknown_level" || dry.Faults[0].Sheet != "CSV" {
				t.Fatalf("a level in CSV: %+v", dry)
			}
			book := openFilled(t, importing(xlsx, "2026Q1", "dry_run=true", file).Want(http.StatusOK).Body)
			if got, _ := book.GetCellValue("CSV", dry.Faults[0].Cell); got != "不是" || colourOf(book, dry.Faults[0].Cell) == "" {
				t.Errorf("the marked copy of CSV has %q at %s", got, dry.Faults[0].Cell)
			}
		}
		keyed := c.Header("Idempotency-Key", "one")
		one := importing(keyed, "2026Q1", "submit=true", csv).Want(http.StatusOK)
		two := importing(keyed, "2026Q1", "submit=true", csv).Want(http.StatusOK)
		if two.Header.Get("Idempotency-Replayed") == "" || !bytes.Equal(one.Body, two.Body) {
			t.Errorf("the import sent again: %s", two.Body)
		}
	})
}

func colourOf(f *filled, at string) string {
	id, err := f.GetCellStyle(f.sheet, at)
	f.must(err)
	style, err := f.GetStyle(id)
	f.must(err)
	if len(style.Fill.Color) == 0 {
		return ""
	}
	return style.Fill.Color[0]
}
