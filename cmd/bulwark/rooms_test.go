package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rooms says which packages of ours each room may import, docs/architecture.md
// says why: a request goes down this list and never up.
var rooms = map[string]string{
	"api": "docs internal/pages internal/evidence internal/evidence/store internal/analysis internal/personal internal/rest " +
		"internal/jobs internal/dashboard internal/project " +
		"internal/exchange internal/improve/report internal/improve/visit internal/improve/plan " +
		"internal/improve/measure internal/improve/target internal/improve internal/explanation internal/index " +
		"internal/proposal internal/review internal/setup internal/entry internal/structure internal/evaluation internal/scheme " +
		"internal/people internal/workflow internal/credential internal/access internal/town internal/oidc internal/config " +
		"internal/ratelimit internal/signature internal/cache internal/feed internal/webhook internal/odata",
	"docs":                 "",
	"internal/spreadsheet": "",
	"internal/odata":       "",
	"internal/personal":    "internal/people internal/credential internal/access",
	"internal/rest":        "internal/workflow internal/access internal/config internal/ratelimit",
	"internal/evidence": "internal/evidence/store internal/backup internal/exchange internal/improve/visit internal/improve/plan " +
		"internal/index internal/evaluation internal/scheme internal/workflow internal/access",
	"internal/evidence/store": "",
	"internal/jobs": "internal/evidence internal/evidence/store internal/rest internal/improve/report internal/improve/plan " +
		"internal/index internal/credential internal/webhook",
	"internal/feed": "internal/improve/visit internal/improve/plan internal/improve/target internal/index internal/evaluation " +
		"internal/access",
	"internal/webhook": "internal/feed internal/access",
	"internal/demo": "internal/project internal/exchange internal/improve/report internal/improve/visit " +
		"internal/improve/plan internal/improve/measure internal/improve/target internal/index internal/proposal " +
		"internal/evaluation internal/scheme internal/people internal/workflow " +
		"internal/credential internal/access internal/town pkg/composite pkg/composite/stats",
	"internal/dashboard": "internal/improve/report internal/improve/visit internal/improve/plan " +
		"internal/improve/measure internal/improve/target internal/exchange internal/index internal/proposal internal/review " +
		"internal/evaluation internal/scheme internal/workflow internal/credential internal/access internal/town internal/webhook pkg/composite/stats",
	"internal/pages": "internal/dashboard internal/explanation internal/index internal/entry internal/review internal/evaluation " +
		"internal/scheme internal/town pkg/composite",
	"internal/project": "internal/evaluation internal/people internal/workflow internal/access internal/town " +
		"pkg/composite/agreement pkg/composite pkg/composite/stats",
	"internal/exchange": "internal/index internal/evaluation internal/scheme internal/people internal/workflow " +
		"internal/access internal/town pkg/composite/stats",
	"internal/improve/report": "internal/improve/visit internal/improve/plan internal/improve/measure " +
		"internal/improve/target internal/improve internal/index internal/review internal/evaluation " +
		"internal/people internal/workflow internal/access internal/town pkg/composite/effect " +
		"pkg/composite/stats",
	"internal/improve/visit": "internal/improve/plan internal/improve internal/evaluation internal/scheme internal/people " +
		"internal/workflow internal/access internal/town",
	"internal/improve/plan": "internal/improve/target internal/improve internal/explanation internal/index internal/evaluation " +
		"internal/scheme internal/workflow internal/access internal/town pkg/composite/stats",
	"internal/improve/measure": "internal/improve internal/people internal/workflow internal/access internal/town " +
		"pkg/composite/stats",
	"internal/improve/target": "internal/improve internal/index internal/evaluation internal/scheme internal/workflow " +
		"internal/access internal/town",
	"internal/improve": "internal/scheme internal/access internal/town",
	"internal/explanation": "internal/index internal/evaluation internal/scheme internal/access internal/town " +
		"pkg/composite pkg/composite/stats",
	"internal/index": "internal/credential internal/proposal internal/review internal/entry internal/robustness " +
		"internal/evaluation internal/datafile internal/scheme internal/workflow internal/signature internal/access internal/town " +
		"internal/cache pkg/composite/effect pkg/composite pkg/composite/stats",
	"internal/analysis": "internal/index internal/robustness internal/scheme internal/town pkg/composite/agreement pkg/composite " +
		"pkg/composite/stats",
	"internal/proposal":   "internal/evaluation internal/workflow internal/access internal/town",
	"internal/robustness": "internal/datafile internal/scheme pkg/composite pkg/composite/stats",
	"internal/review": "internal/entry internal/evaluation internal/scheme internal/people internal/workflow internal/access " +
		"internal/town pkg/composite pkg/composite/stats",
	"internal/setup": "internal/structure internal/evaluation internal/scheme internal/people internal/improve/measure " +
		"internal/credential internal/access internal/workflow internal/town",
	"internal/entry":     "internal/evaluation internal/scheme internal/workflow internal/access internal/town pkg/composite/stats",
	"internal/structure": "internal/evaluation internal/access internal/town",
	"internal/evaluation": "internal/datafile internal/scheme internal/people internal/workflow internal/access " +
		"internal/town pkg/composite pkg/composite/stats",
	"internal/datafile":          "internal/scheme pkg/composite pkg/composite/stats",
	"internal/scheme":            "internal/workflow internal/access internal/town pkg/composite pkg/composite/stats",
	"internal/people":            "internal/workflow internal/credential internal/access internal/town",
	"internal/workflow":          "internal/access",
	"internal/credential":        "internal/workflow internal/access internal/town",
	"internal/access":            "internal/town",
	"internal/policy":            "",
	"internal/town":              "",
	"internal/signature":         "",
	"internal/oidc":              "",
	"internal/backup":            "",
	"internal/audit":             "internal/database",
	"internal/database":          "",
	"internal/config":            "",
	"internal/ratelimit":         "none",
	"internal/cache":             "none",
	"internal/fault":             "",
	"internal/day":               "",
	"internal/text":              "",
	"pkg/composite/effect":       "pkg/composite pkg/composite/stats pkg/composite/internal/num",
	"pkg/composite/agreement":    "pkg/composite/stats pkg/composite/internal/num",
	"pkg/composite":              "pkg/composite/stats pkg/composite/internal/num",
	"pkg/composite/stats":        "pkg/composite/internal/num",
	"pkg/composite/internal/num": "none",
}

// Every room may import these: faults, words, days and the policy, and, above the database,
// the database and the audit trail.
const anywhere = "internal/fault internal/text internal/day internal/policy internal/spreadsheet"

var belowData = strings.Fields("internal/database internal/audit internal/config " + anywhere)

// Commands and helpers of tests see everything.
func outside(room string) bool {
	return strings.HasPrefix(room, "cmd/") || strings.HasPrefix(room, "docs/") ||
		strings.HasPrefix(room, "internal/database/") || room == "internal/apitest" ||
		room == "internal/people/peopletest" || room == "internal/demo/demotest" || room == "internal/probe" ||
		room == "internal/prove" || room == "internal/pages/browser" || room == "internal/rest/resttest"
}

func TestRequestsGoDownTheRoomsNeverUp(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "bulwark/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for list := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		room := strings.TrimPrefix(p.ImportPath, "bulwark/")
		if outside(room) {
			continue
		}
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s is in no row of rooms", room)
		}
		for _, i := range p.Imports {
			if to, ours := strings.CutPrefix(i, "bulwark/"); ours && !mayImport(room, to, allowed) {
				t.Errorf("%s may not import %s", room, to)
			}
		}
	}
}

func mayImport(room, to, allowed string) bool {
	switch {
	case slices.Contains(strings.Fields(allowed), to):
		return true
	case allowed == "none", strings.HasPrefix(room, "pkg/"):
		return false
	case slices.Contains(strings.Fields(anywhere), to):
		return true
	}
	return !slices.Contains(belowData, room) && (to == "internal/database" || to == "internal/audit")
}

// tableReaders are the rooms that read tables of rooms which they may not import. Those
// who may enter are looked up below the room of people, by statements of their own; the
// guards of the schema, which is below all rooms, name the table that freezes another.
var tableReaders = map[string]string{
	"internal/access":     "appointments assignments deciding_rights office_links office_members people",
	"internal/credential": "appointments people publications",
	"internal/database":   "evaluations",
	"internal/evaluation": "withdrawals", // corrections of what was withdrawn do not count
}

// tableName finds the tables that the text of a statement names.
var tableName = regexp.MustCompile(`(?:\b(?:FROM|JOIN|INTO|UPDATE)\s+|\.Table\(")([a-z_]+)\b`)

// A statement must not reach into the tables of a room above, which no import shows.
func TestStatementsNameNoTablesOfRoomsAbove(t *testing.T) {
	owners := tableOwners(t)
	files, err := filepath.Glob("../../internal/*/*.go")
	nested, _ := filepath.Glob("../../internal/*/*/*.go") // the pattern is well formed
	if err != nil || len(owners) < 50 || len(files) < 50 {
		t.Fatalf("%d tables, %d files, %v", len(owners), len(files), err)
	}
	for _, file := range append(files, nested...) {
		room := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(file), "../../"))
		if strings.HasSuffix(file, "_test.go") || outside(room) {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range tableName.FindAllStringSubmatch(string(source), -1) {
			owner := owners[found[1]]
			mine := owner == room || slices.Contains(strings.Fields(tableReaders[room]), found[1])
			if owner != "" && !mine && !mayImport(room, owner, rooms[room]) {
				t.Errorf("%s names the table %s of %s", strings.TrimPrefix(file, "../../"), found[1], owner)
			}
		}
	}
}

// tableOwners returns the room of each table: the one that its file of the schema is
// named after.
func tableOwners(t *testing.T) map[string]string {
	t.Helper()
	created := regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)
	// Corrections are of the evaluation, and refer to publications.
	owners := map[string]string{"corrections": "internal/evaluation"}
	files, err := filepath.Glob("../../internal/database/schema/sqlite/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		room := "internal/" + strings.TrimSuffix(filepath.Base(file), ".sql")
		if nested := strings.Replace(room, "internal/", "internal/improve/", 1); rooms[nested] != "" {
			room = nested
		}
		for _, table := range created.FindAllStringSubmatch(string(script), -1) {
			if owners[table[1]] == "" {
				owners[table[1]] = room
			}
		}
	}
	return owners
}
