package probe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/policy"
)

// tied are the callers who see some branches of an open period, and those who see none.
var tied = []string{"secretary", "mentor", "instructor", "liaison_office", "reader", "nobody"}

// Whatever a caller who is tied to some branches may ask, what is entered for the others
// in an open period changes no byte of an answer, so that no sequence of questions can
// find it out. The leading group sees the change, or the test would show nothing.
func TestHiddenValuesChangeNoAnswer(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		db := dbtest.Connect(t, demotest.Towns.URL(t, dialect), database.Options{Now: now})
		chores(t, db)
		s := &service{t: t, names: names{}, record: newRecord()}
		s.serve(db)
		hidden := s.untied(db)
		if len(hidden) < 10 {
			t.Fatalf("only %v are hidden from everybody who is tied", hidden)
		}
		w := &walker{s, map[string][]string{}}
		addresses := w.questions(readDocument(t))
		before, whole := s.answers(addresses, tied), s.answers(addresses, []string{"leading_group"})
		change := `UPDATE entries SET value = value * 0.97 WHERE evaluation_id IN (
SELECT id FROM evaluations WHERE town_id = 'demo' AND period_code = '2023Q3' AND branch_code IN ?)`
		owner := dbtest.Owner(t, db)
		disarm(t, owner)
		if done := owner.Exec(change, hidden); done.Error != nil || done.RowsAffected < 100 {
			t.Fatalf("%d values changed: %v", done.RowsAffected, done.Error)
		}
		for _, q := range differing(before, s.answers(addresses, tied)) {
			t.Errorf("%s depends on what the caller may not see", q)
		}
		seen := differing(whole, s.answers(addresses, []string{"leading_group"}))
		if !slices.ContainsFunc(seen, func(q string) bool { return strings.Contains(q, "/2023Q3/ranking") }) {
			t.Errorf("the leading group sees no change but of %v", seen)
		}
	})
}

// disarm lets entries be changed that the program would never change.
func disarm(t *testing.T, db *gorm.DB) {
	t.Helper()
	statement := "DROP TRIGGER entries_frozen_update"
	if db.Name() == database.PostgreSQL {
		statement = "ALTER TABLE entries DISABLE TRIGGER USER"
	}
	if err := db.Exec(statement).Error; err != nil {
		t.Fatal(err)
	}
}

// untied returns the branches that none of the tied callers reaches.
func (s *service) untied(db *gorm.DB) []string {
	var codes []string
	if err := db.Raw("SELECT code FROM branches WHERE town_id = 'demo' ORDER BY code").Scan(&codes).Error; err != nil {
		s.t.Fatal(err)
	}
	for _, c := range s.callers {
		if !slices.Contains(tied, c.name) || c.key == "" {
			continue
		}
		p, err := credential.Authenticate(s.t.Context(), db, c.key)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, a := range []policy.Action{policy.ReadProvisional, policy.ReadSheets, policy.ReadScorecard} {
			reach, err := p.ReachOf(s.t.Context(), db, a, "demo", day.Of(today))
			if err != nil {
				s.t.Fatal(err)
			}
			codes = slices.DeleteFunc(codes, reach.Has)
		}
	}
	return codes
}

// questions are every address that can be read, with each value of its parameters that
// the walk knows, and suppositions.
func (w *walker) questions(d document) (addresses []string) {
	for _, path := range d.paths("get") {
		if slices.Contains(excluded, path) {
			continue
		}
		for _, address := range w.fill("", path) {
			if !strings.Contains(address, "demo-street") && !strings.Contains(address, "lishui") {
				addresses = append(addresses, address)
			}
		}
	}
	addresses = append(addresses, tour...)
	var ranking struct {
		Items []struct{ Branch struct{ Code string } }
	}
	answer := w.send(w.as(policy.Mentor), http.MethodGet, "/towns/demo/periods/2023Q3/ranking", "en", nil)
	if err := json.Unmarshal(answer.Body.Bytes(), &ranking); err != nil || len(ranking.Items) < 3 {
		w.t.Fatalf("a mentor sees %s", answer.Body)
	}
	addresses = append(addresses, "/towns/demo/periods/2023Q3/ranking?format=csv",
		"/towns/demo/periods/2023Q3/ranking?class=rural")
	branches := []string{"b01", "b30"}
	for _, item := range ranking.Items[:3] {
		branches = append(branches, item.Branch.Code)
	}
	for _, branch := range branches {
		for _, what := range []string{"", "/explanation", "/gains", "/change", "/explanation?precise=true"} {
			addresses = append(addresses, "/towns/demo/periods/2023Q3/branches/"+branch+what)
		}
		for _, value := range []float64{0, 40, 80, 100} {
			for _, weights := range []string{`{}`, `{"governance": 1000000, "governance.01": 1000000}`} {
				addresses = append(addresses, fmt.Sprintf(
					`/towns/demo/periods/2023Q3/what-if {"weights": %s, "values": [{"branch": %q, "indicator": "governance.01", "value": %v}]}`,
					weights, branch, value))
			}
		}
	}
	return append(addresses, `/towns/demo/periods/2023Q3/what-if {}`, `/towns/demo/periods/2023Q2/what-if {}`)
}

// answers asks each question as the callers and returns status, tag and body by question.
func (s *service) answers(addresses, callers []string) map[string]string {
	all := map[string]string{}
	for _, c := range s.callers {
		if !slices.Contains(callers, c.name) {
			continue
		}
		for _, address := range addresses {
			method, body := http.MethodGet, []byte(nil)
			path, given, posted := strings.Cut(address, " ")
			if posted {
				method, body = http.MethodPost, []byte(given)
			}
			a := s.send(c, method, path, "en", body)
			all[c.name+" "+address] = fmt.Sprintf("%d %s %s", a.Code, a.Header().Get("ETag"), withoutRequest(a.Body.Bytes()))
		}
	}
	return all
}

// withoutRequest returns the body without the id of the request, which problems repeat.
func withoutRequest(body []byte) string {
	var problem map[string]any
	if json.Unmarshal(body, &problem) != nil || problem["request_id"] == nil {
		return string(body)
	}
	delete(problem, "request_id")
	delete(problem, "instance")
	return fmt.Sprint(problem)
}

// differing returns the questions with other answers, sorted.
func differing(a, b map[string]string) (questions []string) {
	for q := range a {
		if a[q] != b[q] {
			questions = append(questions, q)
		}
	}
	slices.Sort(questions)
	return questions
}
