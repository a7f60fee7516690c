package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// flaw is one fault of a sheet and where it is.
type flaw struct{ pointer, code string }

// flaws lists the faults of a refused sheet; each is told in words.
func flaws(t *testing.T, a *apitest.Answer) (got []flaw) {
	t.Helper()
	for _, e := range a.Problem(http.StatusUnprocessableEntity).Errors {
		if e.Message == "" {
			t.Errorf("%s has no words", e.Pointer)
		}
		got = append(got, flaw{e.Pointer, e.Code})
	}
	return got
}

// A sheet is refused whole, with every fault at its place, and nothing of it is
// stored.
func TestEveryFaultOfASheetIsTold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		office := h.joins("office3", policy.Office, nil)
		h.linked("third", "office3", "b03")
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")

		faulty := []struct {
			entry object
			flaw  flaw
		}{
			{value("meetings", 13), flaw{"/entries/0/value", "out_of_range"}},
			{value("complaints", -1), flaw{"/entries/1/value", "out_of_range"}},
			{value("nope", 1), flaw{"/entries/2/code", "unknown_indicator"}},
			{value("meetings", 3), flaw{"/entries/3/code", "duplicate_entry"}},
			{value("solving", 90), flaw{"/entries/4/code", "computed"}},
			{value("fields", 10), flaw{"/entries/5/code", "not_applicable"}},
			{level("standing", "Z"), flaw{"/entries/6/level", "unknown_level"}},
			{value("spirit", 8), flaw{"/entries/7/code", "role_does_not_rate"}},
			{value("cases", 1.5), flaw{"/entries/8/value", "too_many_decimals"}},
			{level("cases.solved", "A"), flaw{"/entries/9/level", "value_needed"}},
			{value("party", 1), flaw{"/entries/10/code", "unknown_indicator"}},
		}
		var entries []object
		var want []flaw
		for _, f := range faulty {
			entries, want = append(entries, f.entry), append(want, f.flaw)
		}
		begin := sheetOf("2026Q1", "b03", entries)
		if got := flaws(t, office.Post("/towns/demo/evaluations", begin)); !slices.Equal(got, want) {
			t.Errorf("a new sheet:\n got %v\nwant %v", got, want)
		}
		same(t, "stored", column(h.as(policy.LeadingGroup).Get("/towns/demo/evaluations"), "id"))
		sheet := begun(office, "2026Q1", "b03", value("meetings", 6))
		if got := flaws(t, office.IfMatch(`"1"`).Put(sheet, object{"entries": entries})); !slices.Equal(got, want) {
			t.Errorf("a sheet written again:\n got %v\nwant %v", got, want)
		}
		if got := flaws(t, office.Lang("zh").IfMatch(`"1"`).Put(sheet, object{"entries": entries})); !slices.Equal(got, want) {
			t.Errorf("in Chinese:\n got %v\nwant %v", got, want)
		}
		var left int64
		h.must(db.Table("entries").Count(&left).Error)
		if tag := office.Get(sheet).Version(); left != 1 || tag != 1 {
			t.Errorf("%d entries are stored, the sheet has version %d", left, tag)
		}
	})
}

// Each entry of these is wrong in its own way, and so is each sheet.
func TestEntriesAreRefusedForOneReason(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(strings.Replace(smallScheme, `"role_weights": {"mentor": 2, "instructor": 1, "leading_group": 1}`,
			`"drop": 0`, 1))
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		secretary := h.as(policy.Secretary)
		rated := flaws(t, h.as(policy.Office).Post("/towns/demo/evaluations",
			sheetOf("2026Q1", "b01", []object{value("spirit", 9)})))
		if !slices.Equal(rated, []flaw{{"/entries/0/code", "role_does_not_rate"}}) {
			t.Errorf("a liaison office rates where no role has a weight: %v", rated)
		}
		for _, tt := range []struct {
			name  string
			entry object
			want  flaw
		}{
			{"no value", object{"code": "meetings"}, flaw{"/entries/0/value", "value_needed"}},
			{"no level", object{"code": "standing"}, flaw{"/entries/0/level", "level_needed"}},
			{"value for a level", value("standing", 80), flaw{"/entries/0/value", "level_needed"}},
			{"waived without a reason", waived("complaints", ""), flaw{"/entries/0/evidence", "evidence_needed"}},
			{"never waived", waived("meetings", "x"), flaw{"/entries/0/not_applicable", "always_applies"}},
			{
				"waived with a value",
				object{"code": "complaints", "not_applicable": true, "evidence": "x", "value": 1},
				flaw{"/entries/0/not_applicable", "value_and_waiver"},
			},
			{"beyond the points of the rule", value("fields", 50.5), flaw{"/entries/0/value", "bad_entry"}},
			{"too large for anything", value("complaints", 1e15), flaw{"/entries/0/value", "out_of_range"}},
			{"a secretary does not rate", value("spirit", 9), flaw{"/entries/0/code", "role_does_not_rate"}},
		} {
			got := flaws(t, secretary.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", []object{tt.entry})))
			if !slices.Equal(got, []flaw{tt.want}) {
				t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
			}
		}
		for _, tt := range []struct {
			period, branch string
			status         int
			code           string
		}{
			{"2027Q1", "b01", http.StatusNotFound, "not_found"},
			{"2026Q1", "b99", http.StatusForbidden, "not_assigned"},
			{"2026Q1", "b02", http.StatusForbidden, "not_assigned"},
		} {
			refused(t, secretary.Post("/towns/demo/evaluations", sheetOf(tt.period, tt.branch, nil)), tt.status, tt.code)
		}
		refused(t, h.as(policy.LeadingGroup).Post("/towns/demo/evaluations", sheetOf("2026Q1", "b99", nil)),
			http.StatusNotFound, "not_found")
		refused(t, secretary.Bad().Post("/towns/demo/evaluations",
			object{"period": "2026Q1", "branch": "b01", "entries": []object{{"code": "meetings", "value": "9"}}}),
			http.StatusBadRequest, "malformed", "/entries/0/value")
	})
}

// A sheet that is written without entries is refused, and keeps what it has: none at all have to be
// meant.
func TestASheetIsWipedOnlyWhereThatIsMeant(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 09:00:00")
		h.inForce(lifeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		group := h.as(policy.LeadingGroup)
		at := begun(group, "2026Q1", "b01", value("spirit", 70))
		write := func(c *apitest.Client, body object) *apitest.Answer {
			return c.IfMatch(group.Get(at).ETag()).Put(at, body)
		}
		entries := func(want int) {
			t.Helper()
			if s := apitest.Decode[evaluation.Sheet](group.Get(at), http.StatusOK); len(s.Entries) != want {
				t.Errorf("%d entries, want %d", len(s.Entries), want)
			}
		}
		for _, body := range []object{{"note": "only a note"}, {"note": "x", "entries": nil}} {
			p := write(group.Bad(), body).Problem(http.StatusUnprocessableEntity)
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "/entries" {
				t.Errorf("%v: %+v", body, p)
			}
			entries(1)
		}
		write(group, object{"note": "none", "entries": []object{}}).Want(http.StatusOK)
		entries(0)
	})
}
