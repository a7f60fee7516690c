package api

import (
	"fmt"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/target"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// coldStart takes from the service what it remembers, as if it had just begun.
func coldStart(s *Server) {
	s.results, s.responses, s.authCache = index.NewResultCache(), rest.ResponseCache[cacheKey]{}, authCache{}
}

// statements is how many a request needs: the first one after a cold start, or the
// fewest of several where memory is warm, because it forgets after a second.
func statements(t *testing.T, db *gorm.DB, s *Server, warm bool, ask func() *apitest.Answer) int64 {
	t.Helper()
	coldStart(s)
	fewest := int64(-1)
	for range 5 {
		before := database.Queries(db)
		answer := ask()
		n := database.Queries(db) - before
		if answer.Status != http.StatusOK && answer.Status != http.StatusNotModified {
			t.Fatalf("status %d: %s", answer.Status, answer.Body)
		}
		if !warm {
			return n
		}
		if fewest < 0 || n < fewest {
			fewest = n
		}
	}
	return fewest
}

// A request needs the same number of statements for 1, 10 and 40 branches. One of
// them looks up the key, each time; warm, what is published needs no other.
func TestStatementsDoNotGrowWithTheTown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		for _, n := range []int{1, 10, 40} {
			z := sized{town: fmt.Sprintf("t%d", n), branches: n}
			z.found(t, db)
			if _, err := index.ComputePendingRobustness(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			if _, err := target.Propose(z.as(t.Context(), "g1", policy.LeadingGroup), db, index.NewResultCache(), z.town,
				"q2"); err != nil {
				t.Fatal(err)
			}
			z.tasks(t, db)
			group, mentor := "g1", "m"
			as := map[string]*apitest.Client{
				"nobody": h.Client,
				"group": h.As(h.key(credential.Key{
					Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{z.town}, PersonCode: &group,
				})),
				"mentor": h.As(h.key(credential.Key{
					Roles: []policy.Role{policy.Mentor}, Towns: []string{z.town}, PersonCode: &mentor,
				})),
			}
			for _, tt := range []struct {
				who, path  string
				cold, warm int64
			}{
				{"nobody", "/periods/q2/ranking", 12, 0},
				{"nobody", "/periods/q2/branches/b01", 12, 0},
				{"nobody", "/periods/q2/receipt", 7, 0},
				{"nobody", "/branches/b01/results", 13, 1},
				{"nobody", "/trend?by=class", 15, 1},
				{"group", "/trend?by=dimension&branch=b01", 17, 2},
				{"group", "/periods/q2/ranking", 13, 1},
				{"group", "/periods/q2/branches/b01", 16, 4},
				{"mentor", "/periods/q2/branches/b01", 17, 5},
				{"group", "/periods/q3/ranking", 19, 12},
				{"mentor", "/periods/q3/ranking", 20, 13},
				{"group", "/periods/q3/branches/b01", 23, 16},
				{"mentor", "/periods/q3/branches/b01", 25, 18},
				{"nobody", "/branches", 3, 2},
				{"nobody", "/periods", 3, 2},
				{"group", "/dashboard", 52, 2}, // one counts the rights that wait, nine find sheets that are late
				{"nobody", "/indicators", 2, 1},
				{"group", "/evaluations?period=q3", 9, 8},
				{"mentor", "/evaluations?period=q3", 10, 9},
				{"group", "/adjustments", 5, 4},
				{"mentor", "/adjustments", 6, 5},
				{"group", "/periods/q2/runs", 4, 3},
				{"group", "/periods/q3/completeness", 10, 9},
				{"mentor", "/periods/q3/completeness?by=evaluator", 12, 11},
				{"group", "/periods/q3/completeness?by=indicator", 12, 11},
				{"group", "/people", 11, 6},
				{"group", "/pairings", 8, 7},
				{"group", "/mentors", 7, 6},
				{"group", "/appointments", 3, 2},
				{"group", "/offices", 3, 2},
				{"group", "/assignments", 3, 2},
				{"group", "/targets", 7, 6},
				{"mentor", "/targets?on=2023-09-01", 4, 3},
				{"nobody", "/measures", 4, 3},
				{"group", "/measures/1/tasks", 5, 4},
				{"mentor", "/measures/1/tasks?overdue=true", 5, 4},
				{"group", "/measures/progress?by=branch", 5, 4},
				{"mentor", "/measures/progress?by=branch", 5, 4},
			} {
				ask := func() *apitest.Answer { return as[tt.who].Get("/towns/" + z.town + tt.path) }
				cold, warm := statements(t, db, h.server, false, ask), statements(t, db, h.server, true, ask)
				if cold != tt.cold || warm != tt.warm {
					t.Errorf("%d branches, %s %s: %d statements cold and %d warm, want %d and %d", n, tt.who, tt.path, cold, warm,
						tt.cold, tt.warm)
				}
			}
		}
	})
}

// Who has the ranking already costs no statement; who loses the right to it, by a
// closed town or a revoked key, is refused at the very next request.
func TestWarmAnswersAreFreeButNotForStrangers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		z := sized{town: "warm", branches: 2}
		z.found(t, db)
		if _, err := index.ComputePendingRobustness(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		const ranking = "/towns/warm/periods/q2/ranking"
		first := h.Get(ranking).Want(http.StatusOK)
		again := func() *apitest.Answer { return h.Header("If-None-Match", first.ETag()).Get(ranking) }
		if n := statements(t, db, h.server, true, again); n != 0 {
			t.Errorf("304 took %d statements", n)
		}
		if a := again().Want(http.StatusNotModified); len(a.Body) > 0 || a.ETag() != first.ETag() {
			t.Errorf("304 with %d bytes and the tag %s, want %s", len(a.Body), a.ETag(), first.ETag())
		}

		k, secret, err := credential.CreateKey(t.Context(), db,
			credential.Key{Roles: []policy.Role{policy.Reader}, ReadOnly: true})
		h.must(err)
		h.As(secret).Get(ranking).Want(http.StatusOK)
		h.as(policy.Admin).IfMatch(`"1"`).Delete("/keys/" + k.Prefix).Want(http.StatusNoContent)
		refused(t, h.As(secret).Get(ranking), http.StatusUnauthorized, "bad_key")

		h.as(policy.Admin).IfMatch(`"1"`).Put("/towns/warm",
			object{"name": named("warm"), "open_results": false}).Want(http.StatusOK)
		refused(t, h.Get(ranking), http.StatusUnauthorized, "key_needed")
		refused(t, again(), http.StatusUnauthorized, "key_needed")
	})
}

// A yes that was on its way when a town changed is not remembered.
func TestTheAuthCacheForgetsWhatIsUnderWay(t *testing.T) {
	var c authCache
	asked := 0
	ask := func(during func()) {
		err := c.Check(authKey{town: "demo"}, func() error {
			asked++
			during()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	nothing := func() {}
	for i, step := range []struct {
		during func()
		asked  int
	}{{c.forget, 1}, {nothing, 2}, {nothing, 2}} {
		if ask(step.during); asked != step.asked {
			t.Errorf("question %d: asked %d times, want %d", i+1, asked, step.asked)
		}
	}
}
