package api

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// founded adds rural branches of demo, b04 to the number.
func founded(h *harness, last int) (codes []string) {
	h.t.Helper()
	class, since := "rural", town.Branch{}.FoundedOn
	for i := 4; i <= last; i++ {
		b := town.Branch{Name: text.Same(fmt.Sprintf("branch b%02d", i)), Kind: "village", Class: &class}
		b.Life = town.Life{TownID: "demo", Code: fmt.Sprintf("b%02d", i), FoundedOn: since, Provenance: "invented"}
		_, err := town.CreateBranch(h.t.Context(), h.db, b, "")
		h.must(err)
		codes = append(codes, b.Code)
	}
	return codes
}

func formOf(c *apitest.Client, period string) entry.Form {
	return apitest.Decode[entry.Form](c.Get("/towns/demo/periods/"+period+"/entry"), http.StatusOK)
}

// recordsOf returns how many audit records there are.
func recordsOf(h *harness) (n int64) {
	h.t.Helper()
	h.must(h.db.Table("audit_records").Count(&n).Error)
	return n
}

func codesOf(columns []entry.Column) (codes []string) {
	for _, c := range columns {
		codes = append(codes, c.Code)
	}
	return codes
}

// The entry form has the columns of the role, the rows of the branches it is tied to, what
// was approved last and why nothing can be entered. A median of a class is shown only where
// at least five of its values are of branches that the caller does not know.
func TestTheEntryForm(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.alone()
		others := founded(h, 8) // with b01 and b02 seven rural branches
		group, mentor, secretary := h.as(policy.LeadingGroup), h.as(policy.Mentor), h.as(policy.Secretary)
		knowing := h.joins("knowing", policy.Mentor, ties{"b01": access.Mentors, "b04": access.Mentors, "b05": access.Mentors})
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		counted(mentor, group, "2026Q1", "b01", value("spirit", 7), value("meetings", 3), value("fields", 20), level("standing", "B"))
		reports := h.joins("reporter", policy.Office, nil)
		h.linked("all", "reporter", append(others, "b02")...)
		for i, b := range append(slices.Clone(others), "b02") {
			counted(reports, group, "2026Q1", b, value("meetings", float64(i+1)), value("fields", 30), level("standing", "A"))
		}
		counted(knowing, group, "2026Q1", "b04", value("spirit", 5))
		h.steps("2026Q1", "review", "locked")
		group.Post("/towns/demo/periods/2026Q1/runs", nil).Want(http.StatusCreated)
		h.steps("2026Q1", "published")
		h.planned("2026Q2", "2026-04-01", "2026-06-30")

		f := formOf(mentor, "2026Q2")
		same(t, "columns of a mentor", codesOf(f.Columns),
			"meetings", "spirit", "standing", "cases.solved", "cases", "fields", "complaints")
		if len(f.Rows) != 1 || f.Rows[0].Branch.Code != "b01" || f.LastPeriod != "2026Q1" {
			t.Fatalf("a mentor of b01 has the form %+v", f)
		}
		row := f.Rows[0]
		if row.Locked == nil || row.Locked.Code != "period_planned" || row.Locked.Locked == nil || len(row.Allowed) != 0 {
			t.Errorf("a planned period: %+v", row)
		}
		if len(row.Last) != 4 || row.Last[1].Code != "spirit" || *row.Last[1].Value != 7 || *row.Last[2].Level != "B" {
			t.Errorf("last values: %+v", row.Last)
		}
		if m := f.Columns[0].Medians; len(m) != 1 || m[0].Class != "rural" || m[0].Median != 3 || m[0].Values != 7 ||
			*m[0].Usual.Min != 0 || *m[0].Usual.Max != 10.413 {
			t.Errorf("six others have values; the median is %+v", m)
		}
		if m := f.Columns[1].Medians; len(m) != 0 {
			t.Errorf("one other has a rating; the median is %+v", m)
		}
		for _, c := range formOf(knowing, "2026Q2").Columns { // of seven, four are unknown
			if len(c.Medians) != 0 {
				t.Errorf("%s: who knows three of seven sees the median %+v", c.Code, c.Medians)
			}
		}
		if got := formOf(knowing, "2026Q2").Rows; len(got) != 3 || len(got[0].Last) != 3 {
			t.Errorf("who has not rated b01 sees the rating of another: %+v", got)
		}
		same(t, "columns of a secretary", codesOf(formOf(secretary, "2026Q2").Columns),
			"meetings", "standing", "cases.solved", "cases", "fields", "complaints")
		whole := formOf(group, "2026Q2")
		if len(whole.Rows) != 8 || len(whole.Columns[0].Medians) != 1 {
			t.Errorf("the leading group sees %d rows and the medians %+v", len(whole.Rows), whole.Columns[0].Medians)
		}
		if b03 := whole.Rows[2]; b03.Branch.Code != "b03" || !slices.Contains(b03.Exempt, "fields") {
			t.Errorf("fields are for rural branches: %+v", b03)
		}

		mine := object{"branches": []string{"b01"}}
		copied := func(c *apitest.Client, query string, body object) entry.Copy {
			t.Helper()
			return apitest.Decode[entry.Copy](c.Post("/towns/demo/periods/2026Q2/entry/copy"+query, body), http.StatusOK)
		}
		if got := copied(mentor, "", mine); len(got.Rows) != 1 || got.Rows[0].Refused.Code != "period_planned" || got.Rows[0].Sheet != "" {
			t.Errorf("copied before the period opens: %+v", got)
		}
		h.steps("2026Q2", "open")
		before := recordsOf(h)
		if got := copied(mentor, "?dry_run=true", mine); !got.DryRun || got.From != "2026Q1" || len(got.Rows) != 1 || recordsOf(h) != before {
			t.Errorf("the dry run of a copy: %+v, %d records", got, recordsOf(h)-before)
		} else { // a rating is a judgement of its own
			same(t, "copied", got.Rows[0].Codes, "meetings", "standing", "fields")
		}
		one := object{"branches": []string{"b04"}, "codes": []string{"meetings"}}
		if got := copied(reports, "", one); len(got.Rows) != 1 || got.Rows[0].Version != 1 || len(got.Rows[0].Codes) != 1 {
			t.Errorf("one value copied: %+v", got)
		}
		if e := formOf(reports, "2026Q2").Rows[1].Entries; len(e) != 1 || *e[0].Value != 1 || e[0].Source != "as in 2026Q1" {
			t.Errorf("the copied value: %+v", e)
		}
		if got := copied(reports, "", one); len(got.Rows) != 0 {
			t.Errorf("copied over what is entered: %+v", got)
		}
		if got := copied(reports, "", object{"branches": append(slices.Clone(others), "b02")}); len(got.Rows) != 6 || len(got.Rows[1].Codes) != 2 || got.Rows[1].Version != 2 {
			t.Errorf("the rest copied: %+v", got)
		}
		bad := reports.Post("/towns/demo/periods/2026Q2/entry/copy", object{"branches": []string{"b04", "b01"}, "codes": []string{"spirit"}}).
			Problem(http.StatusUnprocessableEntity)
		if len(bad.Errors) != 2 || bad.Errors[0].Pointer != "/branches/1" || bad.Errors[1].Pointer != "/codes/0" {
			t.Errorf("not in the form: %+v", bad.Errors)
		}
		same(t, "a row without a sheet", formOf(mentor, "2026Q2").Rows[0].Allowed, "begin")
		sheet := begun(mentor, "2026Q2", "b01", value("spirit", 8))
		row = formOf(mentor, "2026Q2").Rows[0]
		same(t, "a draft", row.Allowed, "write", "attach", "submit")
		if len(row.Questions) != 0 {
			t.Errorf("about a rating: %+v", row.Questions)
		}
		if row.Locked != nil || row.Version != 1 || len(row.Entries) != 1 || "/towns/demo/evaluations/"+row.Sheet != sheet {
			t.Errorf("the row of a draft: %+v", row)
		}
		// What may be a slip is asked about in the form and before it is submitted, and hinders nothing.
		mentor.IfMatch(`"1"`).Patch(sheet, object{"entries": object{
			"meetings": object{"value": 12}, "fields": object{"value": 2}, "complaints": object{"value": 3},
		}}).Want(http.StatusOK)
		id := sheet[len("/towns/demo/evaluations/"):]
		items := object{"items": []object{{"id": id, "version": 2}}}
		dry := apitest.Decode[submissions](
			mentor.Lang("zh").Post("/towns/demo/periods/2026Q2/entry/submit?dry_run=true", items), http.StatusOK)
		for _, list := range [][]entry.Question{formOf(mentor.Lang("zh"), "2026Q2").Rows[0].Questions, dry.Items[0].Questions} {
			if len(list) != 2 || list[0].Code != "meetings" || list[0].Kind != "far_from_class" ||
				list[1].Code != "fields" || list[1].Text != "上期为 20，本期为 2，相差五倍以上：小数点或位数是否有误？" {
				t.Errorf("questions: %+v", list)
			}
		}
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		if row = formOf(mentor, "2026Q2").Rows[0]; row.Locked == nil || row.Locked.Code != "sheet_submitted" {
			t.Errorf("a submitted sheet: %+v", row)
		}
		refused(t, h.as(policy.Leadership).Get("/towns/demo/periods/2026Q2/entry"), http.StatusForbidden, "not_allowed")
	})
}

// A patch changes the named entries alone, removes those that are null, and leaves one record.
func TestSingleEntriesAreChanged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		mentor := h.as(policy.Mentor)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		sheet := begun(mentor, "2026Q1", "b01", value("spirit", 7), value("meetings", 3))
		before := recordsOf(h)
		tag := mentor.Get(sheet).ETag()
		after := apitest.Decode[evaluation.Sheet](mentor.IfMatch(tag).Patch(sheet, object{"entries": object{
			"meetings": nil, "standing": object{"level": "A", "evidence": "certificate"}, "complaints": nil,
		}}), http.StatusOK)
		if len(after.Entries) != 2 || after.Entries[0].Code != "spirit" || *after.Entries[0].Value != 7 ||
			*after.Entries[1].Level != "A" || after.Version != 2 {
			t.Errorf("after the patch: %+v", after)
		}
		if n := recordsOf(h) - before; n != 1 {
			t.Errorf("the patch left %d records, want 1", n)
		}
		refused(t, mentor.IfMatch(tag).Patch(sheet, object{"note": "x"}), http.StatusPreconditionFailed, "stale_version")
		p := mentor.IfMatch(`"2"`).Patch(sheet, object{"entries": object{
			"spirit": object{"value": 99.0}, "cases": object{"value": 1.5},
		}}).Problem(http.StatusUnprocessableEntity)
		var at []string
		for _, e := range p.Errors {
			at = append(at, e.Pointer+" "+e.Code)
		}
		slices.Sort(at)
		same(t, "faults", at, "/entries/cases/value too_many_decimals", "/entries/spirit/value bad_entry")
		noted := apitest.Decode[evaluation.Sheet](mentor.IfMatch(`"2"`).Patch(sheet, object{"note": "seen"}), http.StatusOK)
		if noted.Note != "seen" || len(noted.Entries) != 2 {
			t.Errorf("a note alone: %+v", noted)
		}
	})
}

// A mentor of ten branches needs at most 15 calls for a period. Sheets are submitted all or
// not at all, and the dry run says before which cannot be.
func TestTenBranchesTakeFewCalls(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		mine := ties{}
		for _, b := range founded(h, 13) {
			mine[b] = access.Mentors
		}
		client := h.joins("ten", policy.Mentor, mine)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		calls := 0
		called := func() *apitest.Client { calls++; return client }

		f := formOf(called(), "2026Q1")
		var items []object
		for i, row := range f.Rows {
			entries := []object{value("spirit", 7), level("standing", "A")}
			if i == 9 {
				entries = []object{}
			}
			s := apitest.Decode[evaluation.Sheet](called().Post("/towns/demo/evaluations",
				sheetOf("2026Q1", row.Branch.Code, entries)), http.StatusCreated)
			items = append(items, object{"id": s.ID, "version": s.Version})
		}
		at := "/towns/demo/periods/2026Q1/entry/submit"
		dry := apitest.Decode[submissions](called().Post(at+"?dry_run=true", object{"items": items}), http.StatusOK)
		last := dry.Items[9]
		if dry.Done != 9 || dry.Refused != 1 || last.Refused == nil || last.Refused.Errors[0].Code != "empty_sheet" ||
			last.Branch.Code != "b13" || len(dry.Items[0].Unfilled) != 5 {
			t.Errorf("the dry run: %+v", dry)
		}
		p := client.Post(at, object{"items": items}).Problem(http.StatusUnprocessableEntity)
		if len(p.Errors) != 1 || p.Errors[0].Pointer != "/items/9/entries" || p.Errors[0].Code != "empty_sheet" {
			t.Errorf("one cannot be submitted: %+v", p)
		}
		for _, row := range formOf(client, "2026Q1").Rows {
			if row.State != evaluation.Draft || row.Version != 1 {
				t.Errorf("%s is %s in version %d although nothing was submitted", row.Branch.Code, row.State, row.Version)
			}
		}
		id := items[9]["id"].(string)
		called().IfMatch(`"1"`).Patch("/towns/demo/evaluations/"+id, object{"entries": object{"spirit": object{"value": 6}}}).
			Want(http.StatusOK)
		items[9]["version"] = 2
		before := recordsOf(h)
		done := apitest.Decode[submissions](called().Post(at, object{"items": items}), http.StatusOK)
		if done.Done != 10 || done.Items[9].Version != 3 {
			t.Errorf("ten sheets submitted: %+v", done)
		}
		if n := recordsOf(h) - before; n != 10 {
			t.Errorf("ten sheets submitted left %d records", n)
		}
		if calls > 15 {
			t.Errorf("a period of ten branches took %d calls, want at most 15", calls)
		}
		gone := append(slices.Clone(items), object{"id": nothing, "version": 1})
		dry = apitest.Decode[submissions](client.Post(at+"?dry_run=true", object{"items": gone}), http.StatusOK)
		if dry.Refused != 11 || dry.Items[10].Refused.Code != "not_found" || dry.Items[10].Branch != nil {
			t.Errorf("submitted ones and one that is not there: %+v", dry)
		}
	})
}
