package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// From its lock on, no row of what a period is computed from changes, whatever
// anybody sends to any route that writes. Before it every move of a sheet or
// adjustment leaves its record.
func TestNothingChangesAfterTheLock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		k := newKeeper(t, db)
		for _, state := range []string{"review", "locked", "published", "final"} {
			k.things(state)
		}
		for _, o := range k.server.engine.Routes() {
			if row := rights[rowOf(o)]; o.Method != http.MethodGet && !strings.Contains(o.Path, ":evaluation") &&
				!strings.Contains(o.Path, ":adjustment") {
				k.routes(o, row)
			}
		}
		t.Logf("%d calls, %d of them done; before the lock they changed %d rows and made %d moves", k.calls, k.done,
			k.changed, k.moved)
		if k.calls < 2000 || k.done < 200 || k.changed < 50 || k.moved < 20 {
			t.Error("that is too little to have seen anything")
		}
	})
}

// keeper watches the rows of a world while things are tried and taken back.
type keeper struct {
	*world
	before                      map[string]keptRow
	callers                     []string
	calls, done, changed, moved int
}

// keptRow is one row of what a period is computed from.
type keptRow struct {
	period, state, all string
	version            int64
}

func newKeeper(t *testing.T, db *gorm.DB) *keeper {
	k := &keeper{world: newWorld(t, db), callers: []string{"all", "other", "qian"}}
	for code, role := range map[string]policy.Role{
		"all": policy.Mentor, "other": policy.Mentor, "qian": policy.LeadingGroup,
	} {
		k.secret[code] = k.key(credential.Key{Roles: []policy.Role{role}, Towns: []string{"demo"}, PersonCode: &code})
	}
	for _, role := range policy.Roles() {
		k.callers = append(k.callers, string(role))
	}
	k.before = k.rows(db)
	return k
}

// rows are those of all sheets, entries and adjustments of the town.
func (k *keeper) rows(db *gorm.DB) map[string]keptRow {
	rows := map[string]keptRow{}
	for table, query := range map[string]string{
		"evaluations": "SELECT t.* FROM evaluations t", "adjustments": "SELECT t.* FROM adjustments t",
		"entries": "SELECT t.*, s.period_code FROM entries t JOIN evaluations s ON s.town_id = t.town_id AND s.id = t.evaluation_id",
	} {
		var found []map[string]any
		k.must(db.Raw(query).Scan(&found).Error)
		for _, r := range found {
			key, version := fmt.Sprintf("%s/%v", table, r["id"]), int64(0)
			if table == "entries" {
				key = fmt.Sprintf("entries/%v/%v/%v", r["evaluation_id"], r["revision"], r["code"])
			} else {
				version = r["version"].(int64)
			}
			rows[key] = keptRow{fmt.Sprint(r["period_code"]), fmt.Sprint(r["state"]), fmt.Sprint(r), version}
		}
	}
	return rows
}

// things tries everything with every sheet and adjustment of the period, those of
// others and those that count too.
func (k *keeper) things(state string) {
	for key, row := range k.before {
		table, id, _ := strings.Cut(key, "/")
		if row.period != "in-"+state || table == "entries" {
			continue
		}
		at, match := "/api/v1/towns/demo/"+key, fmt.Sprintf("%q", fmt.Sprint(row.version))
		for _, caller := range k.callers {
			for _, to := range []string{"draft", "submitted", "approved", "returned", "rejected", "withdrawn"} {
				k.try(k.sent(http.MethodPost, at+"/transitions", caller, match, object{"to": to, "reason": "x"}))
			}
			if table == "evaluations" {
				k.try(k.sent(http.MethodPut, at, caller, match, object{"entries": []object{}}))
				k.try(k.sent(http.MethodPost, "/api/v1/towns/demo/evaluations/decide", caller, "",
					object{"to": "returned", "reason": "x", "items": []object{{"id": id, "version": row.version}}}))
			}
		}
	}
}

// routes asks the route as the matrix does, and a move of the period by force.
func (k *keeper) routes(o rest.Route, row right) {
	for _, c := range k.cells(o) {
		if !slices.Contains(k.callers, c.caller) || c.about == elsewhere || c.about == missing ||
			row.skip != nil && row.skip(c) {
			continue
		}
		k.try(k.request(row, c))
		if rowOf(o) == "POST /towns/:town/periods/:period/transitions" {
			for _, to := range states {
				match := fmt.Sprintf("%q", fmt.Sprint(k.version(row.version, k.address(c))))
				k.try(k.sent(c.Method, k.address(c), c.caller, match, object{"to": to, "reason": "x", "force": to == "locked"}))
			}
		}
	}
}

// try sends the request and looks at the rows before it is taken back.
func (k *keeper) try(r *http.Request) {
	k.calls++
	k.undone(r, func(tx *gorm.DB, a *httptest.ResponseRecorder) {
		if a.Code >= http.StatusMultipleChoices {
			return // what it did is taken back in earnest too
		}
		k.done++
		after := k.rows(tx)
		keys := maps.Clone(after)
		maps.Copy(keys, k.before)
		for key := range keys {
			if was, now := k.before[key], after[key]; was != now {
				k.differs(tx, r, key, was, now)
			}
		}
	})
}

// differs judges one row that a call made, changed or removed.
func (k *keeper) differs(tx *gorm.DB, r *http.Request, key string, was, now keptRow) {
	k.changed++
	switch period := max(was.period, now.period); period {
	case "in-locked", "in-published", "in-final":
		k.t.Errorf("%s %s changes %s of %s\nfrom %s\nto   %s", r.Method, r.URL.Path, key, period, was.all, now.all)
	}
	table, id, _ := strings.Cut(key, "/")
	if table == "entries" || was.state == now.state || was.state == "" {
		return
	}
	k.moved++
	kept := map[string]string{
		"evaluations": "SELECT COUNT(*) FROM transitions WHERE kind = 'evaluation' AND record_id = ? AND version = ?",
		"adjustments": "SELECT COUNT(*) FROM transitions WHERE kind = 'adjustment' AND record_id = ? AND version = ?",
	}
	var records int64
	k.must(tx.Raw(kept[table], id, now.version).Scan(&records).Error)
	if records != 1 {
		k.t.Errorf("%s %s takes %s from %s to %s and leaves %d records", r.Method, r.URL.Path, key, was.state,
			now.state, records)
	}
}
