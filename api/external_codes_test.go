package api

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/xuri/excelize/v2"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// coding returns external codes from pairs of system and code.
func coding(pairs ...string) []object {
	list := []object{}
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, object{"system": pair[0], "code": pair[1]})
	}
	return list
}

// externalCodesOf returns the external codes of a branch or person.
func externalCodesOf(a *apitest.Answer, status int) string {
	var cells []string
	thing := apitest.Decode[struct {
		Codes []town.ExternalCode `json:"external_codes"`
	}](a, status)
	for _, c := range thing.Codes {
		cells = append(cells, c.Cell())
	}
	return strings.Join(cells, "; ")
}

func wantCodes(t *testing.T, what string, a *apitest.Answer, status int, want string) {
	t.Helper()
	if got := externalCodesOf(a, status); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// badCodes are lists that are refused, with the places of their faults.
var badCodes = []struct {
	codes []object
	at    []string
}{
	{coding("hr", "11010519491231002X"), []string{"/external_codes/0/code"}},
	{coding("hr", "110105491231002", "x", "1101 0519 4912 3100 2x"), []string{"/external_codes/0/code", "/external_codes/1/code"}},
	{coding("11010519491231002X", "7"), []string{"/external_codes/0/system"}},
	{coding("hr", "1", "ＨＲ", "2"), []string{"/external_codes/1/system"}},
	{coding("h:r", "1", "a", "1;2", "b=", "3"), []string{"/external_codes/0/system", "/external_codes/1/code", "/external_codes/2/system"}},
	{coding("hr", strings.Repeat("ﷺ", 60)), []string{"/external_codes/0/code"}},
	{coding("hr", strings.Repeat("7", 65)), []string{"/external_codes/0/code"}},
	{coding("hr", ""), []string{"/external_codes/0/code"}},
	{coding(strings.Split(strings.Repeat("a.1.", 9), ".")[:18]...), []string{"/external_codes"}},
}

// A branch is known to other systems by one code in each: unique in whatever letter case, never an
// identity number, found by it, and kept when the branch gets another code.
func TestBranchesHaveExternalCodes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 09:00:00")
		group, list := h.as(policy.LeadingGroup), "/towns/demo/branches"
		found := func(code string, codes []object) *apitest.Answer {
			return group.Post(list, object{"code": code, "name": named(code), "kind": "village", "external_codes": codes})
		}
		wantCodes(t, "founded", found("b07", coding("统计", "4406-a", "Register", "R7")), http.StatusCreated, "Register=R7; 统计=4406-a")
		wantCodes(t, "without", found("b08", []object{}), http.StatusCreated, "")
		wantCodes(t, "read", h.Get(list+"/b07"), http.StatusOK, "Register=R7; 统计=4406-a")
		refused(t, found("b09", coding("other", "1", "REGISTER", "ｒ7")), http.StatusConflict, "external_code_taken", "/external_codes/1/code")
		for _, bad := range badCodes {
			for _, language := range []string{"zh", "en"} {
				a := group.Lang(language).Bad().Post(list,
					object{"code": "b09", "name": named("b09"), "kind": "village", "external_codes": bad.codes})
				refused(t, a, http.StatusUnprocessableEntity, "invalid", bad.at...)
				for _, e := range a.Problem(http.StatusUnprocessableEntity).Errors {
					if strings.ContainsFunc(e.Message, func(r rune) bool { return unicode.Is(unicode.Han, r) }) != (language == "zh") {
						t.Errorf("in %s: %s", language, e.Message)
					}
				}
			}
			refused(t, group.Bad().IfMatch(`"1"`).Post(list+"/b08/correct", object{"reason": "x", "external_codes": bad.codes}),
				http.StatusUnprocessableEntity, "invalid", bad.at...)
		}

		wantCodes(t, "stays", h.slips("b07", "correct", object{"name": named("七")}), http.StatusOK, "Register=R7; 统计=4406-a")
		refused(t, h.slips("b08", "correct", object{"external_codes": coding("register", "r7")}), http.StatusConflict,
			"external_code_taken", "/external_codes/0/code")
		wantCodes(t, "replaced", h.slips("b07", "correct", object{"external_codes": coding("register", "r-7", "B", "2")}), http.StatusOK,
			"B=2; register=r-7")
		wantCodes(t, "now free", h.slips("b08", "correct", object{"external_codes": coding("register", "r7")}), http.StatusOK, "register=r7")
		wantCodes(t, "recoded", h.slips("b07", "correct", object{"code": "b10"}), http.StatusOK, "B=2; register=r-7")

		by := func(code string) []string { return column(h.Get(list+"?external_code="+code), "code") }
		same(t, "by code", by("REGISTER:R-7"), "b10")
		same(t, "full width", by("%EF%BC%A2%EF%BC%9A2"), "b10") // Ｂ：２
		same(t, "by another", by("register:R7"), "b08")
		same(t, "by none", by("B:3"))
		refused(t, h.Bad().Get(list+"?external_code=register"), http.StatusBadRequest, "malformed", "query/external_code")
		_, rows := rowsOf(t, h.Bad().Get(list+".csv?header=codes&external_code=b:2"))
		if len(rows) != 1 || rows[0]["external_codes"] != "B=2; register=r-7" {
			t.Errorf("as a table: %v", rows)
		}
		book, err := excelize.OpenReader(bytes.NewReader(h.Bad().Get(list + ".xlsx?external_code=b:2").Want(http.StatusOK).Body))
		if err != nil || !slices.Contains(must(book.GetRows("branches"))[1], "B=2; register=r-7") {
			t.Errorf("as a workbook: %v", err)
		}

		wantCodes(t, "removed", h.slips("b10", "correct", object{"external_codes": []object{}}), http.StatusOK, "")
		var kept []audit.Record
		h.must(db.Where("subject = 'branches/b10' AND action = 'branch.correct'").Order("sequence DESC").Limit(1).Find(&kept).Error)
		if !strings.Contains(string(kept[0].Before), `"external_codes":[{"code":"2","system":"B"},`) ||
			strings.Contains(string(kept[0].After), `"external_codes"`) {
			t.Errorf("the trail: %s, then %s", kept[0].Before, kept[0].After)
		}
		_, err = audit.VerifyRows(t.Context(), db, "", func(d audit.Difference) { t.Errorf("verify: %+v", d) })
		h.must(err)
	})
}

// A person's external codes change with the name, are in no record of the trail, and go when
// the person is pseudonymised.
func TestPeopleHaveExternalCodes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin, list, at := h.as(policy.Admin), "/towns/demo/people", "/towns/demo/people/p7"
		wantCodes(t, "added", admin.Post(list, object{"code": "p7", "name": named("甲"), "external_codes": coding("HR", "Zq-117")}),
			http.StatusCreated, "HR=Zq-117")
		wantCodes(t, "without", admin.Post(list, object{"code": "p8", "name": named("乙")}), http.StatusCreated, "")
		put := func(version string, body object) *apitest.Answer {
			body["name"] = named("甲一")
			return admin.IfMatch(version).Put(at, body)
		}
		wantCodes(t, "stays", put(`"1"`, object{}), http.StatusOK, "HR=Zq-117")
		refused(t, put(`"1"`, object{"external_codes": []object{}}), http.StatusPreconditionFailed, "stale_version")
		wantCodes(t, "replaced", put(`"2"`, object{"external_codes": coding("hr", "Zq-118", "统计", "Zq-119")}), http.StatusOK,
			"hr=Zq-118; 统计=Zq-119")
		wantCodes(t, "read", admin.Get(at), http.StatusOK, "hr=Zq-118; 统计=Zq-119")
		refused(t, admin.IfMatch(`"1"`).Put(list+"/p8", object{"name": named("乙"), "external_codes": coding("Hr", "zQ-118")}),
			http.StatusConflict, "external_code_taken", "/external_codes/0/code")
		for _, bad := range badCodes {
			refused(t, admin.Bad().Post(list, object{"code": "p9", "name": named("x"), "external_codes": bad.codes}),
				http.StatusUnprocessableEntity, "invalid", bad.at...)
			refused(t, admin.Bad().IfMatch(`"3"`).Put(at, object{"name": named("x"), "external_codes": bad.codes}),
				http.StatusUnprocessableEntity, "invalid", bad.at...)
		}
		same(t, "by code", column(admin.Get(list+"?external_code=HR:zq-118"), "code"), "p7")
		same(t, "by a former code", column(admin.Get(list+"?external_code=hr:zq-117"), "code"))
		refused(t, admin.Bad().Get(list+"?external_code=:1"), http.StatusBadRequest, "malformed", "query/external_code")
		_, rows := rowsOf(t, admin.Bad().Get(list+".csv?header=codes&external_code=HR:zq-118"))
		if len(rows) != 1 || rows[0]["external_codes"] != "hr=Zq-118; 统计=Zq-119" {
			t.Errorf("as a table: %v", rows)
		}
		refused(t, h.as(policy.Reader).Bad().Get(list+"?external_code=HR:zq-118"), http.StatusForbidden, "not_allowed")
		if read := admin.Get(at + "/everything").Want(http.StatusOK); !strings.Contains(string(read.Body), "Zq-118") {
			t.Errorf("everything: %s", read.Body)
		}
		if got := h.holders("Zq-11", "zq-11"); !slices.Equal(got, []string{"person_codes"}) {
			t.Errorf("the codes stand in %q", got)
		}

		wantCodes(t, "pseudonymised", admin.IfMatch(`"3"`).Post(at+"/transitions", object{"to": "pseudonymised", "reason": "on paper"}),
			http.StatusOK, "")
		if got := h.holders("Zq-11", "zq-11"); len(got) > 0 {
			t.Errorf("the codes still stand in %q", got)
		}
		wantCodes(t, "free again", admin.IfMatch(`"1"`).Put(list+"/p8", object{"name": named("乙"), "external_codes": coding("Hr", "zQ-118")}),
			http.StatusOK, "Hr=zQ-118")
		var kept []audit.Record
		h.must(db.Where("subject = 'people/p7' AND action IN ?", []string{"person.create", "person.rename", "person.pseudonymise"}).
			Order("sequence").Find(&kept).Error)
		if len(kept) != 4 {
			t.Fatalf("%d records", len(kept))
		}
		for i, want := range []struct{ before, after string }{
			{"", `["HR"]`}, {`["HR"]`, `["HR"]`}, {`["HR"]`, `["hr","统计"]`}, {`["hr","统计"]`, ""},
		} {
			for at, got := range map[string]string{want.before: string(kept[i].Before), want.after: string(kept[i].After)} {
				if strings.Contains(got, `"external_systems"`) != (at != "") || !strings.Contains(got, at) {
					t.Errorf("record %d: %s, want %s", i, got, at)
				}
			}
		}
		_, err := audit.VerifyRows(t.Context(), db, "", func(d audit.Difference) { t.Errorf("verify: %+v", d) })
		h.must(err)
	})
}

// Of two who give the same code at the same moment, one is refused.
func TestExternalCodesAreUniqueForThoseWhoComeAtOnce(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, database.PostgreSQL))
	code := []town.ExternalCode{{System: "hr", Code: "7"}}
	group := acting(t, "leading_group", policy.LeadingGroup)
	add := func(person string) func(*gorm.DB) error {
		return func(db *gorm.DB) error {
			_, err := people.Create(group, db, people.Person{TownID: "demo", Code: person, Name: text.Same(person), ExternalCodes: code})
			return err
		}
	}
	first, second := besides(t, h.db, add("p7"), add("p8"))
	refusedAtOnce(t, "one code", "external_code_taken", first, second)
	if n := h.count(&people.PersonCode{}, "code = '7'"); n != 1 {
		t.Errorf("%d have the code", n)
	}
}
