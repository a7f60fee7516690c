package setup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/setup"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/town"
)

// workbook is the workbook of a town while it is filled in.
type workbook struct {
	t *testing.T
	*excelize.File
	sheets  map[string]string         // by kind
	columns map[string]map[string]int // by sheet and code
	last    map[string]int            // row that was filled in last, by sheet
}

// operator is the context of a command on the database itself.
func operator(t *testing.T) context.Context {
	t.Helper()
	return audit.As(t.Context(), audit.Actor{Name: "bulwark import", Role: "command_line"})
}

func download(t *testing.T, db *gorm.DB, townID string) workbook {
	t.Helper()
	data, err := setup.Workbook(operator(t), db, setup.Query{Town: townID, Language: "zh"}, true)
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, data)
}

func opened(t *testing.T, data []byte) workbook {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	w := workbook{t, f, map[string]string{}, map[string]map[string]int{}, map[string]int{}}
	for _, name := range f.GetSheetList() {
		rows, err := f.GetRows(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) < 3 || len(rows[0]) == 0 || !strings.HasPrefix(rows[0][0], "bulwark:v1:setup:") {
			continue
		}
		w.sheets[rows[0][0][strings.LastIndexByte(rows[0][0], ':')+1:]] = name
		w.last[name], w.columns[name] = len(rows), map[string]int{}
		for k, code := range rows[1] {
			w.columns[name][code] = k + 1
		}
	}
	return w
}

// add writes a record into the next row of a sheet.
func (w workbook) add(kind string, record cells) {
	w.t.Helper()
	w.last[w.sheets[kind]]++
	for code, value := range record {
		w.set(kind, code, w.last[w.sheets[kind]], value)
	}
}

// set enters a value and returns the name of its cell.
func (w workbook) set(kind, code string, row int, value any) string {
	w.t.Helper()
	name := w.sheets[kind]
	at := spreadsheet.Name(w.columns[name][code], row)
	if at == "" {
		w.t.Fatalf("the sheet of %s has no column %s", kind, code)
	}
	if err := w.SetCellValue(name, at, value); err != nil {
		w.t.Fatal(err)
	}
	return at
}

func (w workbook) book() *spreadsheet.Book {
	w.t.Helper()
	b, err := w.WriteToBuffer()
	if err != nil {
		w.t.Fatal(err)
	}
	book, err := spreadsheet.Open(spreadsheet.MediaXLSX, b.Bytes())
	if err != nil {
		w.t.Fatal(err)
	}
	return book
}

type cells = map[string]any

// fill enters a town with so many communities, each with its secretary and most with a mentor, 11 other people
// and a scheme of its own.
func fill(w workbook, communities int) {
	w.t.Helper()
	for i, code := range []string{"44", "4499", "449901", "449901001"} {
		area := cells{"code": code, "level": []string{"province", "city", "district", "town"}[i], "name.zh": "区划" + code}
		if i > 0 {
			area["parent_code"] = []string{"44", "4499", "449901"}[i-1]
		}
		w.add("areas", area)
	}
	w.add("town", cells{"code": "new", "area_code": "449901001", "name.zh": "新镇", "open_results": "yes"})
	w.add("classes", cells{"code": "urban", "name.zh": "城市社区"})
	for i := range communities {
		w.add("branches", cells{
			"code": fmt.Sprintf("b%02d", i+1), "name.zh": fmt.Sprintf("第%d社区", i+1), "kind": "community", "class": "urban", "founded_on": "2020/1/1",
		})
	}
	w.add("offices", cells{"code": "o1", "name.zh": "第一挂钩办"})
	mentors := min(25, communities)
	for i := range communities + mentors + 11 {
		person := fmt.Sprintf("p%02d", i+1)
		w.add("people", cells{"code": person, "name.zh": fmt.Sprintf("人员%d", i+1), "provenance": "invented"})
		appointment := cells{"person": person, "from": "2026-01-01", "until": "2028-12-31"}
		switch {
		case i < communities:
			appointment["role"] = "secretary"
			w.add("pairings", cells{"person": person, "branch": fmt.Sprintf("b%02d", i+1), "duty": "leads", "from": "2026-01-01"})
		case i < communities+mentors:
			appointment["role"], appointment["letter"] = "mentor", "聘字"+person
			w.add("pairings", cells{"person": person, "branch": fmt.Sprintf("b%02d", i-communities+1), "duty": "mentors", "from": "2026-01-01"})
		case i < communities+mentors+8:
			appointment["role"] = "liaison_office"
			w.add("members", cells{"office": "o1", "person": person, "from": "2026-01-01"})
		default:
			appointment["role"] = "leading_group"
		}
		w.add("appointments", appointment)
	}
	w.add("links", cells{"office": "o1", "branch": "b01", "from": "2026-01-01"})
	w.add("measures", cells{"number": 5, "name.zh": "第五项"})
	d, err := scheme.FiveForces()
	if err != nil {
		w.t.Fatal(err)
	}
	d.Code = "own"
	book, err := d.Book()
	if err != nil {
		w.t.Fatal(err)
	}
	for table, rows := range book {
		_, numbers := scheme.BookColumns(table)
		for _, row := range rows {
			record := cells{}
			for code, value := range row {
				if record[code] = value; numbers[code] {
					if x, err := strconv.ParseFloat(value, 64); err == nil {
						record[code] = x
					}
				}
			}
			if table == scheme.SchemeTable {
				record["activate"] = "yes"
			}
			w.add("scheme."+table, record)
		}
	}
	w.add("periods", cells{
		"code": "2026Q1", "kind": "quarter", "scheme": "own", "starts_on": "2026-01-01", "ends_on": "2026-03-31", "open": "yes",
	})
	w.add("accounts", cells{"name": "mentor", "person": fmt.Sprintf("p%02d", communities+1)})
}

var offline = setup.Options{Offline: true, Password: func(context.Context, *gorm.DB, string) (string, error) { return "once", nil }}

// An empty database becomes a running period of 45 communities, 81 people and a scheme of its own
// by one workbook. It comes back as it was, and a second import changes nothing.
func TestOneWorkbookSetsATownUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx, q := operator(t), setup.Query{Town: "new", Language: "en"}
		w := download(t, db, "new")
		fill(w, 45)
		book := w.book()
		rehearsal := offline
		rehearsal.DryRun = true
		dry, err := setup.ImportBook(ctx, db, q, book, rehearsal)
		if err != nil || len(dry.Faults) > 0 || dry.Added == 0 || len(dry.Accounts) != 0 {
			t.Fatalf("the dry run: %+v, %v", dry, err)
		}
		var towns, records int64
		if err := errors.Join(db.Table("towns").Count(&towns).Error, db.Table("audit_records").Count(&records).Error); err != nil || towns+records != 0 {
			t.Fatalf("the dry run left %d towns and %d records, %v", towns, records, err)
		}
		done, err := setup.ImportBook(ctx, db, q, book, offline)
		if err != nil || done.Added != dry.Added || len(done.Accounts) != 1 || done.Accounts[0].Password != "once" {
			t.Fatalf("the import: %+v, %v", done, err)
		}
		group := access.WithPrincipal(ctx, access.Principal{Towns: []string{"new"}}.Holding(policy.LeadingGroup))
		p, err := evaluation.FindPeriod(group, db, "new", "2026Q1")
		if err != nil || p.State != evaluation.Open || p.Scheme.Code != "own" {
			t.Errorf("the period: %+v, %v", p, err)
		}
		branches, err := town.ListBranches(ctx, db, "new", town.BranchFilter{On: "2026-01-01"})
		if err != nil || len(branches) != 45 || string(*branches[0].FoundedOn) != "2020-01-01" {
			t.Errorf("%d branches, %v", len(branches), err)
		}
		persons, err := people.List(group, db, "new", people.Filter{Limit: 1000})
		if err != nil || len(persons) != 81 {
			t.Errorf("%d people, %v", len(persons), err)
		}
		shipped, err := scheme.FiveForces()
		if err != nil {
			t.Fatal(err)
		}
		shipped.Code = "own"
		want, err := scheme.Compile(shipped)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := scheme.FindActive(group, db, "new", "own"); err != nil || v.Hash != want.Hash {
			t.Errorf("the scheme has the hash %s, want %s, %v", v.Hash, want.Hash, err)
		}
		for name, again := range map[string]*spreadsheet.Book{"the same file": book, "a new workbook": download(t, db, "new").book()} {
			out, err := setup.ImportBook(ctx, db, q, again, offline)
			if err != nil || out.Added != 0 || out.Changed != 0 || len(out.Faults) != 0 || out.Rows < 250 {
				t.Errorf("%s: %+v, %v", name, out, err)
			}
		}
	})
}

// What is wrong is named with its cell, and nothing of the file is stored.
func TestFaultsOfTheWorkbookNameTheCell(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx, q := operator(t), setup.Query{Town: "new", Language: "en"}
		filled := download(t, db, "new")
		fill(filled, 5)
		buffer, err := filled.WriteToBuffer()
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			kind, code string
			row        int
			value      any
			fault      string
		}{
			{"branches", "kind", 5, "castle", "unknown_kind"},
			{"branches", "class", 5, "none", "unknown_class"},
			{"branches", "code", 5, "b 2", "bad_code"},
			{"branches", "code", 5, "b01", "duplicate_row"},
			{"branches", "founded_on", 5, "soon", "not_a_day"},
			{"branches", "name.zh", 5, nil, "required"},
			{"branches", "name.zh", 5, true, "boolean"},
			{"people", "code", 6, nil, "required"},
			{"appointments", "role", 4, "king", "unknown_role"},
			{"appointments", "letter", 9, nil, "letter_needed"},
			{"appointments", "until", 4, "2020-01-01", "ends_before_start"},
			{"pairings", "branch", 4, "b99", "unknown_branch"},
			{"pairings", "person", 4, "p99", "unknown_person"},
			{"measures", "number", 4, 9, "not_found"},
			{"scheme.indicators", "weight", 5, "heavy", "wrong_type"},
			{"scheme.indicators", "parent", 5, "nowhere", "unknown_parent"},
			{"periods", "ends_on", 4, "2025-01-01", "ends_before_start"},
			{"town", "area_code", 4, "999999999", "unknown_area"},
		} {
			w := opened(t, buffer.Bytes())
			name := w.sheets[c.kind]
			at := w.set(c.kind, c.code, c.row, c.value)
			rehearsal := offline
			rehearsal.DryRun = true
			dry, err := setup.ImportBook(ctx, db, q, w.book(), rehearsal)
			if err != nil || len(dry.Faults) == 0 {
				t.Errorf("%+v: %+v, %v", c, dry, err)
				continue
			}
			if f := dry.Faults[0]; f.Sheet != name || f.Cell != at && c.fault != "required" || f.Fault != c.fault {
				t.Errorf("%+v at %s: %+v", c, at, f)
			}
			if i%6 == 0 {
				if _, err = setup.ImportBook(ctx, db, q, w.book(), offline); !fault.Is(err, fault.KindInvalid) {
					t.Errorf("%+v: stored, %v", c, err)
				}
			}
		}
		var towns int64
		if err := db.Table("towns").Count(&towns).Error; err != nil || towns != 0 {
			t.Errorf("%d towns, %v", towns, err)
		}
	})
}
