package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// published is a town whose first quarter is published, and a sheet of it.
func published(h *harness) (sheet string) {
	h.t.Helper()
	h.inForce(smallScheme)
	h.planned("2026Q1", "2026-01-01", "2026-03-31")
	h.steps("2026Q1", "open")
	sheet, _ = scored(h, "2026Q1")
	h.steps("2026Q1", "review", "locked")
	h.as(policy.LeadingGroup).Post(q1+"/runs", nil).Want(http.StatusCreated)
	h.steps("2026Q1", "published")
	return sheet
}

// shown are the public answers about the published quarter.
func shown(h *harness) map[string]*apitest.Answer {
	answers := map[string]*apitest.Answer{}
	for _, path := range []string{
		"/ranking", "/ranking?class=rural", "/ranking?format=csv", "/ranking?around=b02&span=1", "/receipt",
		"/receipt/scheme.json", "/branches/b01", "/branches/b01/explanation", "/branches/b02",
	} {
		answers[path] = h.Get(q1 + path).Want(http.StatusOK)
	}
	answers["data"] = h.as(policy.LeadingGroup).Get(q1 + "/receipt/data.csv").Want(http.StatusOK)
	return answers
}

// restarted is a caller without a key of another process on the same database.
func (h *harness) restarted() *apitest.Client {
	h.t.Helper()
	old := h.server
	s := &Server{
		DB: old.DB, Config: old.Config, Log: old.Log, Version: old.Version, Now: old.Now,
		Authenticate: old.Authenticate, Authorize: old.Authorize, Ready: old.Ready, Jobs: old.Jobs,
		Signing: old.Signing,
	}
	handler, err := s.Handler()
	h.must(err)
	return apitest.New(h.t, handler)
}

// What was published stays, byte for byte, whatever changes around it.
func TestPublishedFiguresNeverChange(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		sheet := published(h)
		before := shown(h)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)

		// Every change in the period is refused.
		locked := func(a *apitest.Answer) { t.Helper(); refused(t, a, http.StatusLocked, "period_published") }
		locked(moved(group, sheet, "returned", "second thoughts"))
		locked(group.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", nil)))
		locked(group.Post("/towns/demo/adjustments",
			object{"period": "2026Q1", "branch": "b01", "kind": "bonus", "item": "model", "reason": "x"}))
		tag := mentor.Get(sheet).ETag()
		refused(t, mentor.IfMatch(tag).Put(sheet, object{"entries": []object{}}), http.StatusConflict, "sheet_approved")
		may(t, group, sheet)
		may(t, mentor, sheet)
		refused(t, group.Post(q1+"/runs", nil), http.StatusConflict, "period_not_locked")
		for _, to := range []string{"open", "review", "locked", "published"} {
			refused(t, moved(group, q1, to, "again"), http.StatusConflict, "no_such_transition")
		}

		// What surrounds it changes: names, classes, the end of a branch, the scheme.
		change := func(branch, how string, body object) {
			t.Helper()
			path := "/towns/demo/branches/" + branch
			group.IfMatch(group.Get(path).ETag()).Post(path+"/"+how, body).Want(http.StatusOK)
		}
		change("b01", "rename", object{"name": named("改名村"), "on": "2026-02-01", "reason": "x"})
		change("b01", "reclassify", object{"kind": "community", "class": "urban", "on": "2026-02-02", "reason": "x"})
		change("b03", "close", object{"on": "2026-03-01", "reason": "x"})
		h.inForce(strings.ReplaceAll(smallScheme, `"decimals": 2, "min_coverage": 0.6`, `"decimals": 0, "min_coverage": 1`))
		h.planned("2025Q4", "2025-10-01", "2025-12-31") // an earlier period, never published
		h.steps("2025Q4", "open")
		counted(mentor, group, "2025Q4", "b01", value("spirit", 1))

		time.Sleep(1100 * time.Millisecond) // nothing is answered from fresh memory
		for _, nobody := range []*apitest.Client{h.Client, h.restarted()} {
			for path, then := range before {
				c := nobody
				if path == "data" {
					c, path = group, "/receipt/data.csv"
				}
				now := c.Get(q1 + path).Want(http.StatusOK)
				if string(now.Body) != string(then.Body) || now.ETag() != then.ETag() {
					t.Errorf("%s changed, %s → %s:\n%s\n%s", path, then.ETag(), now.ETag(), then.Body, now.Body)
				}
			}
		}
		h.Header("If-None-Match", before["/ranking"].ETag()).Get(q1 + "/ranking").Want(http.StatusNotModified)
		if v := apitest.Decode[index.Verification](h.Get(q1+"/receipt/verify"), http.StatusOK); !v.OK {
			t.Errorf("verified: %+v", v)
		}
	})
}

// The database itself refuses to change a result, by whatever road.
func TestResultsAreImmutableInTheDatabase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		published(h)
		amended(h, "2026Q1", "b01", "meetings", 1)
		owner, refusal := dbtest.Owner(t, db), "immutable"
		if database.Dialect(db) == database.PostgreSQL {
			refusal = "permission denied for table" // the server's own, before any trigger
		}
		for _, statement := range []string{
			"UPDATE runs SET engine = 'x'", "DELETE FROM runs",
			"UPDATE results SET score = 100", "DELETE FROM results",
			"UPDATE result_nodes SET score = 100", "DELETE FROM result_nodes",
			"UPDATE publications SET number = 2", "DELETE FROM publications",
			"UPDATE corrections SET value = 1", "DELETE FROM corrections",
		} {
			table := strings.Fields(strings.NewReplacer("UPDATE ", "", "DELETE FROM ", "").Replace(statement))[0]
			count := func() (n int64) { h.must(db.Table(table).Count(&n).Error); return n }
			before := count()
			err := owner.Exec(statement).Error
			if err == nil || !strings.Contains(err.Error(), "immutable") || before == 0 || count() != before {
				t.Errorf("%s: %v, %d rows before, %d after", statement, err, before, count())
			}
			err = db.Exec(statement).Error
			if err == nil || !strings.Contains(err.Error(), refusal) || count() != before {
				t.Errorf("%s by the service: %v, %d rows before, %d after", statement, err, before, count())
			}
		}
	})
}

// A period that is reopened needs a new run: the one before is no longer of its
// data.
func TestReopenedPeriodsAreRunAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		sheet, _ := scored(h, "2026Q1")
		for _, state := range []string{"", "review"} {
			if state != "" {
				h.steps("2026Q1", state)
			}
			refused(t, group.Post(q1+"/runs", nil), http.StatusConflict, "period_not_locked")
			refused(t, moved(group, q1, "published", ""), http.StatusConflict, "no_such_transition")
		}
		h.steps("2026Q1", "locked")
		refused(t, h.as(policy.Leadership).Post(q1+"/runs", nil), http.StatusForbidden, "not_allowed")
		first := apitest.Decode[index.Run](group.Post(q1+"/runs", nil), http.StatusCreated)
		refused(t, moved(group, q1, "review", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		reopened := apitest.Decode[evaluation.Period](moved(group, q1, "review", "a sheet was wrong"), http.StatusOK)
		if reopened.StateReason != "a sheet was wrong" {
			t.Errorf("reopened: %+v", reopened)
		}
		moved(group, sheet, "returned", "wrong").Want(http.StatusOK)
		mentor := h.as(policy.Mentor)
		mentor.IfMatch(mentor.Get(sheet).ETag()).Put(sheet, object{
			"entries": []object{value("meetings", 3), value("spirit", 4), level("standing", "C"), value("complaints", 5)},
		}).Want(http.StatusOK)
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		moved(group, sheet, "approved", "").Want(http.StatusOK)
		h.steps("2026Q1", "locked")
		refused(t, moved(group, q1, "published", ""), http.StatusConflict, "no_run")
		same(t, "state", []string{string(apitest.Decode[evaluation.Period](group.Get(q1), http.StatusOK).State)}, "locked")
		second := apitest.Decode[index.Run](group.Post(q1+"/runs", nil), http.StatusCreated)
		third := apitest.Decode[index.Run](group.Post(q1+"/runs", nil), http.StatusCreated)
		if first.Number != 1 || second.Number != 2 || third.Number != 3 || second.DataHash == first.DataHash ||
			second.DataHash != third.DataHash || second.ResultHash != third.ResultHash {
			t.Errorf("runs: %+v\n%+v\n%+v", first, second, third)
		}
		same(t, "runs", column(group.Get(q1+"/runs"), "number"), "1", "2", "3")
		h.steps("2026Q1", "published")
		if r := apitest.Decode[index.Receipt](h.Get(q1+"/receipt"), http.StatusOK); r.Number != 3 || r.Publication != 1 {
			t.Errorf("the receipt is of run %d, publication %d", r.Number, r.Publication)
		}
		// b01: party (25 + 2·40 + 50)/4 = 38.75, service 50: 0.6·38.75 + 0.4·50 = 43.25
		same(t, "score", column(h.Get("/towns/demo/branches/b01/results"), "score"), "43.25")
	})
}
