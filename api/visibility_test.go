package api

import (
	"net/http"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// scored enters enough for all three branches to have a score, by two mentors of
// which one mentors b01 and the other b02 and b03, and gives the sheets.
func scored(h *harness, period string) (of1, of2 string) {
	group := h.as(policy.LeadingGroup)
	other := h.joins("other", policy.Mentor, ties{"b02": access.Mentors, "b03": access.Mentors})
	full := []object{value("meetings", 12), value("spirit", 9), level("standing", "A"), value("complaints", 0)}
	for branch, c := range map[string]*apitest.Client{"b01": h.as(policy.Mentor), "b02": other, "b03": other} {
		sheet := begun(c, period, branch, full...)
		moved(c, sheet, "submitted", "").Want(http.StatusOK)
		moved(group, sheet, "approved", "").Want(http.StatusOK)
		if branch == "b01" {
			of1 = sheet
		} else if branch == "b02" {
			of2 = sheet
		}
	}
	return of1, of2
}

// Provisional results are for those who work on the period, each in reach.
func TestProvisionalResultsAreShownByReach(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		scored(h, "2026Q1")
		const ranking, card1, card2 = q1 + "/ranking", q1 + "/branches/b01", q1 + "/branches/b02"
		for role, sees := range map[policy.Role][]string{
			policy.LeadingGroup: {"b01", "b02", "b03"}, policy.Leadership: {"b01", "b02", "b03"},
			policy.Mentor: {"b01"}, policy.Instructor: {"b01"}, policy.Office: {"b01"},
		} {
			c := h.as(role)
			r := apitest.Decode[index.Ranking](c.Get(ranking), http.StatusOK)
			var got []string
			for _, i := range r.Items {
				got = append(got, i.Branch.Code)
			}
			if !slices.Equal(got, sees) || r.Status != "provisional" {
				t.Errorf("%s sees %v of the %s ranking, want %v", role, got, r.Status, sees)
			}
			// A rank before publication would tell of branches out of reach.
			card := apitest.Decode[index.Scorecard](c.Get(card1), http.StatusOK)
			of := map[bool]int{true: 3}[len(sees) == 3]
			if card.Aggregated || len(card.Nodes) != 9 || card.Of != of || (card.Rank != nil) != (of > 0) ||
				(card.ClassRank != nil) != (of > 0) || (card.OfClass > 0) != (of > 0) {
				t.Errorf("%s sees of b01: %+v", role, card)
			}
			if len(sees) == 1 {
				refused(t, c.Get(card2), http.StatusForbidden, "not_published")
				refused(t, c.Get(card2+"/explanation"), http.StatusForbidden, "not_published")
				refused(t, c.Get(ranking+"?around=b02"), http.StatusNotFound, "not_ranked")
			}
		}
		for _, c := range []*apitest.Client{h.as(policy.Secretary), h.as(policy.Reader), h.as(policy.Admin)} {
			for _, path := range []string{ranking, card1, card1 + "/explanation", ranking + "?format=csv"} {
				refused(t, c.Get(path), http.StatusForbidden, "not_published")
			}
			refused(t, c.Get(q1+"/receipt"), http.StatusNotFound, "not_found")
		}
		for _, path := range []string{ranking, card1, ranking + "?format=csv"} {
			refused(t, h.Get(path), http.StatusUnauthorized, "not_published")
		}
		refused(t, h.Get("/towns/demo/periods/2030Q1/ranking"), http.StatusNotFound, "not_found")
		same(t, "published so far", column(h.Get("/towns/demo/branches/b01/results"), "period"))
	})
}

// Published results are for everybody where the town opens them; the details of a
// branch only for those who work with it.
func TestPublishedResultsAreShownToAll(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		scored(h, "2026Q1")
		h.steps("2026Q1", "review", "locked")
		h.as(policy.LeadingGroup).Post(q1+"/runs", nil).Want(http.StatusCreated)
		h.steps("2026Q1", "published")
		const ranking, card1, card2, data = q1 + "/ranking", q1 + "/branches/b01", q1 + "/branches/b02", q1 +
			"/receipt/data.csv"
		public := h.Get(ranking).Want(http.StatusOK)
		for _, role := range append(policy.Roles(), "") {
			c := h.Client
			if role != "" {
				c = h.as(role)
			}
			if got := c.Get(ranking).Want(http.StatusOK); string(got.Body) != string(public.Body) {
				t.Errorf("%q gets another ranking", role)
			}
			all := role == policy.LeadingGroup || role == policy.Leadership
			own := all || duties[role] != "" || role == policy.Office
			for path, detailed := range map[string]bool{card1: own, card2: all} {
				card := apitest.Decode[index.Scorecard](c.Get(path), http.StatusOK)
				if card.Aggregated == detailed || len(card.Nodes) != map[bool]int{true: 9, false: 3}[detailed] {
					t.Errorf("%q at %s: aggregated %v, %d nodes", role, path, card.Aggregated, len(card.Nodes))
				}
			}
			want := http.StatusForbidden
			if all {
				want = http.StatusOK
			} else if role == "" {
				want = http.StatusUnauthorized
			}
			c.Get(data).Want(want)
			runs := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[role == policy.LeadingGroup]
			if role == "" {
				runs = http.StatusUnauthorized
			}
			c.Get(q1 + "/runs").Want(runs)
		}

		// The same town, closed: strangers are asked for a key and learn nothing.
		town := object{"name": named("demo"), "open_results": false}
		h.as(policy.Admin).IfMatch(h.as(policy.Admin).Get("/towns/demo").ETag()).Put("/towns/demo", town).Want(http.StatusOK)
		for _, path := range []string{
			ranking, card1, q1, q1 + "/receipt", "/towns/demo/branches/b01/results", "/towns/demo/periods",
		} {
			refused(t, h.Get(path), http.StatusUnauthorized, "key_needed")
			h.as(policy.Reader).Get(path).Want(http.StatusOK)
		}
		quiet := "quiet"
		elsewhere := h.As(h.key(credential.Key{Roles: []policy.Role{policy.Reader}, Towns: []string{quiet}}))
		refused(t, elsewhere.Get(ranking), http.StatusNotFound, "not_found")
	})
}

// Sheets and adjustments of branches out of reach do not exist for the caller.
func TestSheetsAreSeenByReach(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		of1, of2 := scored(h, "2026Q1")
		group := h.as(policy.LeadingGroup)
		propose := func(branch string) string {
			made := group.Post("/towns/demo/adjustments",
				object{"period": "2026Q1", "branch": branch, "kind": "bonus", "item": "model", "reason": "seen"})
			return made.Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		}
		bonus1, bonus2 := propose("b01"), propose("b02")
		const sheets, adjustments = "/towns/demo/evaluations", "/towns/demo/adjustments"
		for _, role := range []policy.Role{policy.Mentor, policy.Instructor, policy.Office} {
			c := h.as(role)
			same(t, string(role)+"'s sheets", column(c.Get(sheets), "branch"), "b01")
			same(t, string(role)+" looks for others", column(c.Get(sheets+"?branch=b02"), "branch"))
			same(t, string(role)+"'s adjustments", column(c.Get(adjustments), "branch"), "b01")
			c.Get(of1).Want(http.StatusOK)
			c.Get(bonus1).Want(http.StatusOK)
			for _, path := range []string{of2, bonus2} {
				refused(t, c.Get(path), http.StatusNotFound, "not_found")
			}
			refused(t, c.IfMatch(`"1"`).Put(of2, object{"entries": []object{}}), http.StatusNotFound, "not_found")
			refused(t, c.IfMatch(`"1"`).Post(of2+"/transitions", object{"to": "submitted"}), http.StatusNotFound, "not_found")
			refused(t, c.IfMatch(`"1"`).Post(bonus2+"/transitions", object{"to": "withdrawn"}), http.StatusNotFound, "not_found")
		}
		leadership := h.as(policy.Leadership)
		leadership.Get(of2).Want(http.StatusOK)
		may(t, leadership, of2)
		refused(t, leadership.Post(sheets, sheetOf("2026Q1", "b01", nil)), http.StatusForbidden, "not_allowed")
		for _, role := range []policy.Role{policy.Reader, policy.Admin} {
			for _, path := range []string{sheets, adjustments, of1, bonus1} {
				refused(t, h.as(role).Get(path), http.StatusForbidden, "not_allowed")
			}
			refused(t, h.as(role).Post(sheets, sheetOf("2026Q1", "b01", nil)), http.StatusForbidden, "not_allowed")
		}
		refused(t, h.Get(of1), http.StatusUnauthorized, "key_needed")

		// A duty that ended takes the sheets away at once, but never the own one.
		mentor := h.as(policy.Mentor)
		ended := column(h.as(policy.Admin).Get("/towns/demo/assignments?person=mentor"), "id")
		path := "/towns/demo/assignments/" + ended[0]
		h.as(policy.Admin).IfMatch(h.as(policy.Admin).Get(path).ETag()).Post(path+"/end",
			object{"until": "2020-06-30", "reason": "moved"}).Want(http.StatusOK)
		same(t, "after the duty", column(mentor.Get(sheets), "branch"), "b01")
		mentor.Get(of1).Want(http.StatusOK)
		refused(t, mentor.Get(bonus1), http.StatusNotFound, "not_found")
		refused(t, mentor.Get(q1+"/branches/b01"), http.StatusForbidden, "not_published")

		// A key without a person neither evaluates nor decides, since nobody knows whom it knows.
		demo := "demo"
		office := h.As(h.key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{demo}}))
		refused(t, office.Post(sheets, sheetOf("2026Q1", "b01", nil)), http.StatusForbidden, "person_needed")
		may(t, office, of1)
		refused(t, moved(office, of1, "returned", "x"), http.StatusForbidden, "person_needed")
	})
}
