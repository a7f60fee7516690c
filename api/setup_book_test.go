package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
	"bulwark/internal/setup"
	"bulwark/internal/spreadsheet"
)

const townBook = "/towns/demo/import"

// setupBookOf downloads the workbook of the town in English.
func setupBookOf(t *testing.T, c *apitest.Client) *filled {
	t.Helper()
	return openFilled(t, c.Lang("en").Get(townBook).Want(http.StatusOK).Body)
}

func sendBook(c *apitest.Client, query string, f *filled) *apitest.Answer {
	return c.Header("Content-Type", spreadsheet.MediaXLSX).Post(townBook+query, f.bytes())
}

// row fills in the first free row of a sheet, cell by cell from the first column on.
func (f *filled) row(sheet string, cells ...any) string {
	f.t.Helper()
	rows, err := f.GetRows(sheet)
	f.must(err)
	at := spreadsheet.Name(1, max(len(rows), 3)+1)
	f.must(f.SetSheetRow(sheet, at, &cells))
	return at
}

// The workbook has the sheets that the caller may change, and what the town has. What is added in it is
// stored by the rules of single calls; the password of a new account is in the answer alone.
func TestATownIsSetUpByAWorkbook(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin, group := h.as(policy.Admin), h.as(policy.LeadingGroup)
		f := setupBookOf(t, admin)
		if list := f.GetSheetList(); !slices.Contains(list, "Accounts") || slices.Contains(list, "Periods") || slices.Contains(list, "Areas") {
			t.Errorf("an administrator has the sheets %v", list)
		}
		if list := setupBookOf(t, group).GetSheetList(); slices.Contains(list, "Accounts") || !slices.Contains(list, "Indicators") {
			t.Errorf("the leading group has the sheets %v", list)
		}
		before := recordsOf(h)
		f.row("Classes", "mixed", "混合")
		f.row("Branches", "b09", "第九村", "", "village", "mixed", "", "2021-05-01", "invented")
		f.row("People", "zhou", "周")
		f.row("Appointments", "zhou", "mentor", "letter 9", "2026-01-01", "2027-12-31")
		f.row("Pairings", "zhou", "b09", "mentors", "", "2026-01-01")
		f.row("Accounts", "zhou.m", "zhou")
		dry := apitest.Decode[setup.Import](sendBook(admin, "?dry_run=true", f), http.StatusOK)
		if dry.Added != 6 || len(dry.Faults) != 0 || recordsOf(h) != before {
			t.Errorf("the dry run: %+v", dry)
		}
		a := sendBook(admin.Header("Idempotency-Key", "book"), "", f)
		done := apitest.Decode[setup.Import](a, http.StatusOK)
		if done.Added != 6 || len(done.Accounts) != 1 || len(done.Accounts[0].Password) < 12 {
			t.Errorf("the import: %+v", done)
		}
		if n := recordsOf(h) - before; n != 7 { // one for each record, and the password
			t.Errorf("the import left %d records", n)
		}
		refused(t, sendBook(admin.Header("Idempotency-Key", "book"), "", f), http.StatusConflict, "answer_not_kept")
		again := apitest.Decode[setup.Import](sendBook(admin, "", f), http.StatusOK)
		if again.Added != 0 || again.Changed != 0 || len(again.Accounts) != 0 {
			t.Errorf("the second import: %+v", again)
		}

		f = setupBookOf(t, admin)
		at := f.row("Branches", "b10", "第十村", "", "castle")
		f.row("Measures", "12", "第十二项")
		p := sendBook(admin, "", f).Problem(http.StatusUnprocessableEntity)
		want := "cell/Branches/" + strings.Replace(at, "A", "D", 1)
		if p.Code != "import_faulty" || len(p.Errors) != 2 || p.Errors[0].Pointer != want || p.Errors[0].Code != "unknown_kind" {
			t.Errorf("wrong cells: %+v, want %s", p, want)
		}
		xlsx := admin.Header("Accept", spreadsheet.MediaXLSX)
		marked := openFilled(t, sendBook(xlsx, "?dry_run=true", f).Want(http.StatusOK).Body)
		comments, err := marked.GetComments("Branches")
		f.must(err)
		if len(comments) != 1 || comments[0].Cell != strings.Replace(at, "A", "D", 1) {
			t.Errorf("comments %+v", comments)
		}
		refused(t, sendBook(xlsx, "", f), http.StatusBadRequest, "marked_needs_dry_run")

		f = setupBookOf(t, admin)
		f.row("Accounts", "other", "mentor")
		if dry := apitest.Decode[setup.Import](sendBook(group, "?dry_run=true", f), http.StatusOK); faultsOf(dry.Faults) != "A1 not_allowed" {
			t.Errorf("the leading group makes accounts: %+v", dry)
		}
		f.must(f.SetCellValue("People", "A1", "bulwark:v1:setup:quiet:people"))
		if dry := apitest.Decode[setup.Import](sendBook(admin, "?dry_run=true", f), http.StatusOK); faultsOf(dry.Faults) != "A1 wrong_town" {
			t.Errorf("the workbook of another town: %+v", dry)
		}
	})
}

// The scheme of a town goes out in the workbook and comes back as a draft; the same scheme in another
// town has the same hash.
func TestTheSchemeOfAWorkbook(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		group := h.as(policy.LeadingGroup)
		f := setupBookOf(t, group)
		same := apitest.Decode[setup.Import](sendBook(group, "", f), http.StatusOK)
		if same.Scheme != nil || same.Added != 0 || len(same.Faults) != 0 {
			t.Errorf("an unchanged scheme: %+v", same)
		}
		rows, err := f.GetRows("Indicators")
		f.must(err)
		weight := slices.Index(rows[1], "weight")
		f.must(f.SetCellValue("Indicators", spreadsheet.Name(weight+1, 4), 3))
		done := apitest.Decode[setup.Import](sendBook(group, "", f), http.StatusOK)
		if done.Scheme == nil || done.Scheme.Number != 2 {
			t.Fatalf("another weight: %+v", done)
		}
		draft := apitest.Decode[struct{ State string }](group.Get("/towns/demo/schemes/small/versions/2"), http.StatusOK)
		if draft.State != "draft" {
			t.Errorf("the scheme of the book is %s", draft.State)
		}
		f.must(f.SetCellValue("Indicators", spreadsheet.Name(weight+1, 4), "heavy"))
		dry := apitest.Decode[setup.Import](sendBook(group, "?dry_run=true", f), http.StatusOK)
		if faultsOf(dry.Faults) != spreadsheet.Name(weight+1, 4)+" wrong_type" {
			t.Errorf("a wrong weight: %+v", dry)
		}
	})
}
