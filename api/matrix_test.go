package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// The authorization matrix asks every route that the service has, as every kind of
// caller, about what is the caller's own, another's, another town's or not there,
// in every state of the period. What must come out is told by rights, which knows
// nothing of the policy table in package people.

// subject is what a request is about, seen from the caller.
type subject string

const (
	own       subject = "own"       // in the caller's reach, if he or she has any
	others    subject = "others"    // in the same town, out of reach of those with a reach
	elsewhere subject = "elsewhere" // in another town, which is closed
	missing   subject = "missing"   // nowhere
)

// cell is one question of the matrix.
type cell struct {
	rest.Route
	caller string // a role, "" for nobody, or one of the special callers
	about  subject
	state  string // of the period; "" where the route knows no period
}

func (c cell) String() string {
	return fmt.Sprintf("%s %s as %q about %s, period %s", c.Method, c.Path, c.caller, c.about, c.state)
}

// rowOf names the row of a route in rights.
func rowOf(r rest.Route) string { return r.Method + " " + strings.TrimPrefix(r.Path, "/api/v1") }

// Special callers besides the roles.
const (
	readOnly = "read-only" // a key of the leading group that may only read
	revoked  = "revoked"   // a key that was taken back
	stranger = "stranger"  // the leading group of the other town
)

var states = []string{"planned", "open", "review", "locked", "published", "final"}

// letters name the roles in the table of rights.
var letters = map[byte]policy.Role{
	'R': policy.Reader, 'S': policy.Secretary, 'M': policy.Mentor, 'I': policy.Instructor, 'O': policy.Office,
	'G': policy.LeadingGroup, 'L': policy.Leadership, 'A': policy.Admin,
}

// right is what the matrix knows of one route.
type right struct {
	who string // the letters of the roles; small ones only in reach
	ok  int    // the status where all is well; 0 = 200

	inPeriod    bool // its body names a branch and a period
	aboutBranch bool // its body names a branch

	in   string // states of the period in which it works; "" = all
	shut int    // the status in the others

	out     int    // the status out of reach; 0 = 404
	far     int    // the status for who belongs to the other town, or to all; 0 = as for what is missing
	gone    int    // the status for what is not there; 0 = 404
	version string // SQL of the version to send as If-Match; without a parameter it is 1
	body    func(w *world, c cell) any
	query   string
	but     func(w *world, c cell) int // another status than the row says, 0 = none
	skip    func(c cell) bool          // what cannot be asked
}

// scope is what the row gives a role: everything, things in reach, nothing.
func (r right) scope(role policy.Role) policy.Scope {
	for letter, named := range letters {
		switch {
		case named != role:
		case strings.IndexByte(r.who, letter) >= 0:
			return policy.All
		case strings.IndexByte(r.who, letter|0x20) >= 0:
			return policy.Assigned
		}
	}
	return policy.None
}

// want is the status that the cell must have.
func (r right) want(w *world, c cell) int {
	role, safe := policy.Role(c.caller), c.Method == http.MethodGet || c.Computes
	inTown := strings.Contains(c.Path, ":town")
	if c.Open() {
		return first(r.ok, http.StatusOK)
	}
	switch c.caller {
	case revoked:
		return http.StatusUnauthorized
	case readOnly:
		if !safe {
			return http.StatusForbidden
		}
		role = policy.LeadingGroup
	case stranger:
		if role = policy.LeadingGroup; inTown && c.about != elsewhere {
			if !safe || r.scope(policy.Reader) == policy.None || c.about == missing && !w.within(c) {
				return http.StatusNotFound
			}
			role = policy.Reader // demo is open: nobody needs a key for it
		}
	case "":
		if c.about == elsewhere || inTown && c.about == missing && !w.within(c) {
			return http.StatusUnauthorized
		}
		role = policy.Reader
	}
	if inTown && role != policy.Admin && c.caller != stranger &&
		(c.about == elsewhere || c.about == missing && !w.within(c)) {
		return http.StatusNotFound
	}
	if role == policy.Admin && c.about == missing && inTown && !w.within(c) {
		return http.StatusNotFound
	}
	if r.scope(role) == policy.None {
		if c.caller == "" {
			return http.StatusUnauthorized
		}
		return http.StatusForbidden
	}
	if r.but != nil {
		if status := r.but(w, c); status != 0 {
			return status
		}
	}
	switch {
	case c.about == elsewhere:
		return first(r.far, r.gone, http.StatusNotFound)
	case c.about == missing:
		return first(r.gone, http.StatusNotFound)
	case c.about == others && r.scope(role) == policy.Assigned:
		return first(r.out, http.StatusNotFound)
	case c.state != "" && r.in != "" && !slices.Contains(strings.Fields(r.in), c.state):
		return r.shut
	}
	return first(r.ok, http.StatusOK)
}

func first(statuses ...int) int {
	i := slices.IndexFunc(statuses, func(s int) bool { return s != 0 })
	return statuses[i]
}

// TestTheAuthorizationMatrix asserts every cell. A route without a row fails it.
func TestTheAuthorizationMatrix(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorld(t, db)
		cells, wrong, seen := 0, map[string][]string{}, views{}
		for _, o := range w.server.engine.Routes() {
			row, known := rights[rowOf(o)]
			if !known {
				t.Errorf("%s %s has no row in rights", o.Method, o.Path)
				continue
			}
			for _, c := range w.cells(o) {
				if row.skip != nil && row.skip(c) {
					continue
				}
				cells++
				got := w.ask(row, c)
				seen.add(c, got)
				if want := row.want(w, c); got.Code != want {
					what := fmt.Sprintf("%s %s: %d, want %d", c.Method, c.Path, got.Code, want)
					wrong[what] = append(wrong[what], fmt.Sprintf("%q %s %s", c.caller, c.about, c.state),
						fmt.Sprintf("%.200s", got.Body))
				}
			}
		}
		for what, where := range wrong {
			t.Errorf("%s\n\t%d cells, such as %s", what, len(where)/2, strings.Join(where[:min(len(where), 6)], "\n\t"))
		}
		seen.compare(t)
		t.Logf("%d cells of %d routes", cells, len(w.server.engine.Routes()))
		if cells < 10_000 {
			t.Errorf("only %d cells", cells)
		}
	})
}

// cells are the questions about one route.
func (w *world) cells(o rest.Route) (all []cell) {
	about := []subject{own}
	row, inPath := rights[rowOf(o)], func(name string) bool { return strings.Contains(o.Path, name) }
	switch {
	case row.inPeriod || row.aboutBranch || slices.ContainsFunc(w.ofBranches(), inPath):
		about = []subject{own, others, elsewhere, missing}
	case strings.Contains(o.Path, ":"):
		about = []subject{own, elsewhere, missing}
	}
	in := []string{""}
	if row.inPeriod || slices.ContainsFunc([]string{":period", ":evaluation", ":adjustment", ":appeal"}, inPath) {
		in = states
	}
	for _, state := range in {
		for _, a := range about {
			for _, who := range w.callers() {
				all = append(all, cell{o, who, a, state})
			}
		}
	}
	return all
}

// ofBranches are the parameters of what there is of the caller's branch and of another:
// those with a place in address of their own, and the things of b02.
func (w *world) ofBranches() []string {
	list := []string{":branch", ":evaluation", ":adjustment", ":appeal", ":visit", ":report", ":task"}
	for parameter, byBranch := range w.things {
		if byBranch["b02"] != "" {
			list = append(list, parameter)
		}
	}
	return list
}

func (w *world) callers() []string {
	callers := []string{"", readOnly, revoked, stranger}
	for _, role := range policy.Roles() {
		callers = append(callers, string(role))
	}
	return callers
}

var errUndo = errors.New("the cell is over")

// ask puts the question in a transaction that is taken back, so that no cell
// changes what the next one finds.
func (w *world) ask(row right, c cell) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	r := w.request(row, c)
	if c.Method == http.MethodGet {
		w.handler.ServeHTTP(answer, r)
		return answer
	}
	w.undone(r, func(_ *gorm.DB, a *httptest.ResponseRecorder) { answer = a })
	return answer
}

// undone sends a request in a transaction that is taken back after a look at it.
func (w *world) undone(r *http.Request, look func(*gorm.DB, *httptest.ResponseRecorder)) {
	err := database.InTx(w.t.Context(), w.db, func(tx *gorm.DB) error {
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r.WithContext(rest.WithTx(context.WithoutCancel(r.Context()), tx)))
		look(tx, answer)
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		w.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
}
