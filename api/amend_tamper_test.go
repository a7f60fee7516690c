package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// unguarded drops every trigger, as the owner of the database can, and returns the handle of
// the owner.
func unguarded(t *testing.T, db *gorm.DB) *gorm.DB {
	t.Helper()
	db = dbtest.Owner(t, db)
	list := "SELECT 'DROP TRIGGER \"' || name || '\"' FROM sqlite_master WHERE type = 'trigger'"
	if database.Dialect(db) == database.PostgreSQL {
		list = "SELECT 'DROP TRIGGER ' || quote_ident(tgname) || ' ON ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal"
	}
	var drops []string
	if err := db.Raw(list).Scan(&drops).Error; err != nil {
		t.Fatal(err)
	}
	for _, drop := range drops {
		if err := db.Exec(drop).Error; err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// Whoever changes what was published in the database gets it published by no amendment,
// of whichever branch, and by no appeal: both are refused with every place.
func TestNoAmendmentPublishesWhatWasTamperedWith(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.alone()
		published(h)
		group := h.as(policy.LeadingGroup)
		appeal := h.as(policy.Secretary).Post("/towns/demo/appeals", object{
			"period": "2026Q1", "branch": "b01", "statement": "x", "points": []object{{"code": "meetings", "claim": "10"}},
		}).Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		other := apitest.Decode[object](group.Get("/towns/demo/evaluations?period=2026Q1&branch=b02"), http.StatusOK)
		sheet2 := other["items"].([]any)[0].(map[string]any)["id"].(string)
		before := string(h.Get(q1 + "/ranking").Want(http.StatusOK).Body)
		owner := unguarded(t, db)
		amends := func(c *apitest.Client) *apitest.Answer {
			return c.Post("/towns/demo/periods/2026Q1/publications", object{
				"reason": "counted again", "corrections": []object{{"branch": "b01", "code": "complaints", "value": 1}},
			})
		}
		for _, c := range []struct {
			what, tamper, undo string
			places             []string // "results/…" where the key is an id
			says               string
		}{
			{
				"raw value of another branch",
				"UPDATE entries SET value = 6.0 WHERE code = 'meetings' AND evaluation_id = '" + sheet2 + "'",
				"UPDATE entries SET value = 12.0 WHERE code = 'meetings' AND evaluation_id = '" + sheet2 + "'",
				[]string{"entries/" + sheet2 + "/1/meetings/value"},
				`published as "12", and "6" in the database now`,
			},
			{
				"raw values of two",
				"UPDATE entries SET value = 1.0 WHERE code = 'complaints' AND evaluation_id <> '" + sheet2 + "'",
				"UPDATE entries SET value = 0.0 WHERE code = 'complaints'",
				[]string{"entries/…/1/complaints/value", "entries/…/1/complaints/value"},
				`published as "0", and "1" in the database now`,
			},
			{
				"approval", "UPDATE evaluations SET state = 'submitted' WHERE id = '" + sheet2 + "'",
				"UPDATE evaluations SET state = 'approved' WHERE id = '" + sheet2 + "'",
				[]string{"evaluations/" + sheet2 + "/state"},
				`published as "approved", and "submitted" in the database now`,
			},
			{
				"kind", "UPDATE branch_profiles SET kind = 'community' WHERE branch_code = 'b02'",
				"UPDATE branch_profiles SET kind = 'village' WHERE branch_code = 'b02'",
				[]string{"branch_profiles/b02/2020-01-01/kind"},
				`published as "village", and "community" in the database now`,
			},
			{
				"name", "UPDATE branch_profiles SET name_en = 'other' WHERE branch_code = 'b02'",
				"UPDATE branch_profiles SET name_en = 'branch b02' WHERE branch_code = 'b02'",
				[]string{"branch_profiles/b02/2020-01-01/name_en"},
				`published as "branch b02", and "other" in the database now`,
			},
			{
				"end", "UPDATE branches SET closed_on = '2026-02-01' WHERE code = 'b03'",
				"UPDATE branches SET closed_on = NULL WHERE code = 'b03'",
				[]string{"branches/b03/closed_on"},
				`published as "", and "2026-02-01" in the database now`,
			},
			{
				"score", "UPDATE results SET score = score - 1 WHERE branch_code = 'b02'",
				"UPDATE results SET score = score + 1 WHERE branch_code = 'b02'",
				[]string{"results/…/b02/score"},
				"in the database now",
			},
			{
				// the last one: it is not undone
				"data", "UPDATE runs SET data = replace(data, 'b02', 'b03')", "UPDATE runs SET data = data",
				[]string{"runs/…/data"},
				`published as "branch,class,kind`,
			},
		} {
			h.must(owner.Exec(c.tamper).Error)
			for how, a := range map[string]*apitest.Answer{
				"amendment": amends(group.Lang("en")), "appeal": upheld(group.Lang("en"), appeal, value("meetings", 10)),
			} {
				p := a.Problem(http.StatusConflict)
				var places []string
				for _, e := range p.Errors {
					parts := strings.Split(e.Pointer, "/")
					for i, part := range parts {
						if len(part) == 36 && part != sheet2 {
							parts[i] = "…"
						}
					}
					places = append(places, strings.Join(parts, "/"))
				}
				if p.Code != "published_data_differs" || !slices.Equal(places, c.places) ||
					!strings.Contains(string(a.Body), strings.ReplaceAll(c.says, `"`, `\"`)) {
					t.Errorf("%s, %s: %s", c.what, how, a.Body)
				}
			}
			if c.what != "score" && c.what != "data" {
				if now := string(h.restarted().Get(q1 + "/ranking").Want(http.StatusOK).Body); now != before {
					t.Errorf("%s: the ranking was\n%s\nand is\n%s", c.what, before, now)
				}
			}
			h.must(owner.Exec(c.undo).Error)
			if c.what == "end" { // all is as it was
				amends(group).Want(http.StatusCreated)
				refused(t, amends(group), http.StatusConflict, "nothing_changes")
				h.must(owner.Exec("UPDATE corrections SET value = 3").Error)
				refused(t, amends(group), http.StatusConflict, "published_data_differs", "corrections/2026Q1/1/value")
				h.must(owner.Exec("UPDATE corrections SET value = 1").Error)
				before = string(h.Get(q1 + "/ranking").Want(http.StatusOK).Body)
			}
		}
	})
}

// A publication that was removed, or points at another run, is not what is amended.
func TestNoAmendmentOfAPublicationThatTheTrailDoesNotHave(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		published(h)
		amended(h, "2026Q1", "b01", "complaints", 1)
		owner := unguarded(t, db)
		h.must(owner.Exec("DELETE FROM corrections").Error)
		h.must(owner.Exec("DELETE FROM publications WHERE number = 2").Error)
		a := h.as(policy.LeadingGroup).Post("/towns/demo/periods/2026Q1/publications", object{
			"reason": "x", "corrections": []object{{"branch": "b02", "code": "complaints", "value": 1}},
		})
		refused(t, a, http.StatusConflict, "published_data_differs", "corrections/2026Q1/1",
			"publications/2026Q1/2")
	})
}

// Anybody who verifies a receipt sees that a row behind it was changed, and which, even where
// the figures that are served do not depend on it.
func TestAReceiptNamesTheRowsThatWereTamperedWith(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		published(h)
		at := func() (rows index.Check, ok bool) {
			t.Helper()
			v := apitest.Decode[index.Verification](h.Get(q1+"/receipt/verify"), http.StatusOK)
			i := slices.IndexFunc(v.Checks, func(c index.Check) bool { return c.What == "rows" })
			if i < 0 {
				t.Fatalf("no check of rows: %+v", v)
			}
			return v.Checks[i], v.OK
		}
		if rows, ok := at(); !rows.OK || !ok || rows.Computed != "" {
			t.Fatalf("before anything is changed: %+v", rows)
		}
		owner := unguarded(t, db)
		for _, c := range []struct{ tamper, undo, place string }{
			{"UPDATE results SET bonus = 5.0 WHERE branch_code = 'b02'", "UPDATE results SET bonus = 0.0 WHERE branch_code = 'b02'", "results/"},
			{"UPDATE results SET name_en = 'x' WHERE branch_code = 'b02'", "UPDATE results SET name_en = 'branch b02' WHERE branch_code = 'b02'", "results/"},
			{
				"UPDATE result_nodes SET coverage = coverage / 2 WHERE branch_code = 'b03' AND node_code = 'party'",
				"UPDATE result_nodes SET coverage = coverage * 2 WHERE branch_code = 'b03' AND node_code = 'party'", "result_nodes/",
			},
			{"UPDATE publications SET published_by = 'x'", "UPDATE publications SET published_by = 'second'", "publications/"},
			{"UPDATE runs SET created_by = 'x'", "UPDATE runs SET created_by = 'leading_group'", "runs/"},
		} {
			h.must(owner.Exec(c.tamper).Error)
			if rows, ok := at(); rows.OK || ok || !strings.Contains(rows.Computed, c.place) {
				t.Errorf("%s: %+v", c.tamper, rows)
			}
			h.must(owner.Exec(c.undo).Error)
			if rows, _ := at(); !rows.OK {
				t.Errorf("%s: put back, and yet %+v", c.undo, rows)
			}
		}
		h.must(owner.Exec("DELETE FROM result_nodes WHERE branch_code = 'b01' AND node_code = 'party'").Error)
		if rows, ok := at(); rows.OK || ok {
			t.Errorf("a node was deleted: %+v", rows)
		}
	})
}
