package api

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// Every column of every list has a Chinese name, of which no part is a code word.
func TestEveryColumnHasAChineseName(t *testing.T) {
	missing, lists := map[string]string{}, 0
	for _, r := range Routes() {
		names := map[string]string{}
		for _, code := range r.Columns {
			name := labels.Column(code)
			if strings.ContainsFunc(name, func(c rune) bool { return c >= 'a' && c <= 'z' }) {
				missing[code] = name + " " + r.Path
			}
			if other, taken := names[name]; taken {
				t.Errorf("%s: %s and %s are both called %s", r.Path, other, code, name)
			}
			names[name] = code
		}
		if len(r.Columns) > 0 {
			lists++
		}
	}
	for _, code := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%s: %s", code, missing[code])
	}
	if lists < 40 {
		t.Errorf("only %d lists are tables", lists)
	}
}

func rowsOf(t *testing.T, a *apitest.Answer) (head []string, rows []map[string]string) {
	t.Helper()
	body, marked := strings.CutPrefix(string(a.Want(http.StatusOK).Body), "\ufeff")
	if !marked {
		t.Error("the table has no byte order mark")
	}
	all, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatalf("%v: %s", err, body)
	}
	for _, cells := range all[1:] {
		row := map[string]string{}
		for i, cell := range cells {
			row[all[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return all[0], rows
}

// A table has the same items as the list, each with every plain value of it.
func TestTablesHaveWhatListsHave(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		_, callers := demoTown(t, db)
		lists, filled := 0, map[string]bool{}
		for _, r := range Routes() {
			if len(r.Columns) == 0 || strings.HasSuffix(r.Path, "/evidence") || // which is of one record
				strings.Count(r.Path, ":") > strings.Count(r.Path, ":town")+strings.Count(r.Path, ":period") {
				continue
			}
			path := strings.NewReplacer("/api/v1", "", ":town", "demo", ":period", "2023Q2").Replace(r.Path)
			c := callers[policy.LeadingGroup]
			if c.Get(path).Status == http.StatusForbidden {
				c = callers[policy.Admin]
			}
			if c.Get(path).Status == http.StatusBadRequest || c.Get(path).Status == http.StatusUnprocessableEntity {
				path += "?days=30"
			}
			if c.Get(path).Status != http.StatusOK {
				continue
			}
			lists++
			paged := slices.Contains(queries(r), "page_token")
			read := func(next string) *apitest.Answer {
				if !paged {
					return c.Get(path)
				}
				return c.Get(asking(path, "page_size=200&page_token="+next))
			}
			var items []any
			for next := ""; ; {
				page := apitest.Decode[struct {
					Items []any  `json:"items"`
					Next  string `json:"next_page_token"`
				}](read(next), http.StatusOK)
				items = append(items, page.Items...)
				if next = page.Next; next == "" {
					break
				}
			}
			_, rows := rowsOf(t, c.Get(asking(path, "format=csv&header=codes")))
			if len(rows) != len(items) && !strings.HasSuffix(path, "/audit") { // reading writes records there
				t.Errorf("%s: %d items, %d rows", path, len(items), len(rows))
				continue
			}
			for i, item := range items[:min(len(items), len(rows))] {
				for code, want := range leaves(item, "") {
					got, there := rows[i][code]
					if !there {
						t.Errorf("%s: the table has no column %s", path, code)
						break
					}
					filled[code] = true
					if got != want && strings.TrimPrefix(got, "'") != want && !sameInstant(got, want) {
						t.Errorf("%s: row %d: %s is %q, the list has %q", path, i, code, got, want)
						break
					}
				}
			}
		}
		if lists < 30 || len(filled) < 150 {
			t.Errorf("%d lists were read, %d columns had values", lists, len(filled))
		}
	})
}

// asking adds a query to an address.
func asking(path, query string) string {
	if strings.Contains(path, "?") {
		return path + "&" + query
	}
	return path + "?" + query
}

// queries returns the names of the parameters that a route takes in the query.
func queries(r rest.Route) (names []string) {
	for _, f := range reflect.VisibleFields(r.Request) {
		if name := f.Tag.Get("form"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func sameInstant(table, list string) bool {
	a, err := time.Parse(time.RFC3339, table)
	b, other := time.Parse(time.RFC3339, list)
	return err == nil && other == nil && a.Equal(b.Truncate(time.Second))
}

// unlisted are parts of items that are no columns, or one with a document as JSON.
var unlisted = map[string]bool{
	"dry_run": true, "links": true, "before": true, "after": true, "rule": true, "document": true,
}

// leaves returns the plain values within an item by the codes of their columns.
func leaves(item any, prefix string) map[string]string {
	found := map[string]string{}
	object, ok := item.(map[string]any)
	if !ok {
		return found
	}
	for name, v := range object {
		code := prefix + name
		switch v := v.(type) {
		case string:
			if name == "code" && prefix != "" {
				code = strings.TrimSuffix(prefix, "_")
			}
			found[code] = v
		case bool:
			found[code] = strconv.FormatBool(v)
		case float64:
			found[code] = strconv.FormatFloat(v, 'f', -1, 64)
		case map[string]any:
			if !unlisted[name] {
				maps.Copy(found, leaves(v, code+"_"))
			}
		}
	}
	return found
}

// In Chinese the head has words; codes stay where they are asked for.
func TestHeadsOfTables(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, callers := demoTown(t, db)
		const ranking = "/towns/demo/periods/2023Q2/ranking"
		head, rows := rowsOf(t, nobody.Lang("zh").Get(ranking+"?format=csv"))
		if !slices.Contains(head, "党组织名称") || !slices.Contains(head, "组织锻造力") || !slices.Contains(head, "等次名称") {
			t.Errorf("head %q", head)
		}
		if first := rows[0]; first["党组织"] != "b15" || first["等次名称"] != "优秀" || first["公布"] != "2" || first["镇"] != "demo" {
			t.Errorf("first row %v", first)
		}
		codes, _ := rowsOf(t, nobody.Lang("zh").Get(ranking+"?format=csv&header=codes"))
		if english, _ := rowsOf(t, nobody.Get(ranking+"?format=csv")); !slices.Equal(codes, english) || codes[0] != "town" {
			t.Errorf("codes %q, in English %q", codes, english)
		}
		other, _ := rowsOf(t, nobody.Bad().Get("/towns/demo/periods/2023Q1/ranking.csv"))
		if !slices.Equal(other, codes) {
			t.Errorf("two quarters cannot be put below each other: %q and %q", other, codes)
		}
		_, sheets := rowsOf(t, callers[policy.LeadingGroup].Lang("zh").Get("/towns/demo/evaluations?period=2023Q3&format=csv"))
		if sheets[0]["状态名称"] == "" || strings.ContainsAny(sheets[0]["状态名称"], "abcdefg") {
			t.Errorf("a state has no Chinese name: %v", sheets[0])
		}
	})
}

// A workbook has numbers, days and codes as such, and what looks like a formula as text.
func TestWorkbooks(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, _ := demoTown(t, db)
		a := nobody.Bad().Get("/towns/demo/periods/2023Q2/ranking.xlsx?lang=zh").Want(http.StatusOK)
		if name := a.Header.Get("Content-Disposition"); !strings.Contains(name, "demo-2023Q2-ranking.xlsx") {
			t.Errorf("download called %s", name)
		}
		f, err := excelize.OpenReader(bytes.NewReader(a.Body))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := f.GetRows("排名")
		if err != nil || len(rows) != 41 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for code, want := range map[string]excelize.CellType{
			"镇": excelize.CellTypeInlineString, "名次": excelize.CellTypeUnset, "分数": excelize.CellTypeUnset,
		} {
			at, _ := excelize.CoordinatesToCellName(slices.Index(rows[0], code)+1, 2)
			if kind, err := f.GetCellType("排名", at); err != nil || kind != want {
				t.Errorf("%s is of type %v, want %v (%v)", code, kind, want, err)
			}
		}
		ends := slices.Index(rows[0], "结束日期")
		if ends < 0 || rows[1][ends] != "2023-06-30" {
			t.Errorf("the last day is %q", rows[1])
		}
		if panes, err := f.GetPanes("排名"); err != nil || !panes.Freeze {
			t.Errorf("the head is not frozen: %+v %v", panes, err)
		}
	})
}

// A caller gets one of the media types that it accepts, or is refused.
func TestAccept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		const xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		for _, c := range []struct {
			path, accept, want string
			status             int
		}{
			{"/towns/demo/branches", "", "application/json", 200},
			{"/towns/demo/branches", "*/*", "application/json", 200},
			{"/towns/demo/branches", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json", 200},
			{"/towns/demo/branches", "text/csv", "text/csv; charset=utf-8", 200},
			{"/towns/demo/branches", "application/json;q=0.5, TEXT/CSV", "text/csv; charset=utf-8", 200},
			{"/towns/demo/branches", "text/*;q=0.3, application/json;q=0.2", "text/csv; charset=utf-8", 200},
			{"/towns/demo/branches", xlsx, xlsx, 200},
			{"/towns/demo/branches", "*/*, application/json;q=0", "text/csv; charset=utf-8", 200},
			{"/towns/demo/branches", "application/pdf", "application/problem+json", 406},
			{"/towns/demo", "text/csv", "application/problem+json", 406},
			{"/towns/demo", "application/json;q=0", "application/problem+json", 406},
		} {
			a := group.Get(c.path)
			if c.accept != "" {
				a = group.Header("Accept", c.accept).Get(c.path)
			}
			if a.Status != c.status || a.Header.Get("Content-Type") != c.want {
				t.Errorf("%s, Accept %q: %d %s, want %d %s", c.path, c.accept, a.Status, a.Header.Get("Content-Type"), c.status, c.want)
			}
		}
		group.Bad().Get("/towns/demo.csv").Want(http.StatusNotFound) // no list
		group.Bad().Get("/towns/demo/branches?format=pdf").Want(http.StatusBadRequest)
	})
}

// Programs that know only a name and a password read with a key that may only read.
func TestBasicCredentials(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		made := func(readOnly bool) string {
			return "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+h.key(credential.Key{
				Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, ReadOnly: readOnly,
			})))
		}
		nobody := h.Client
		reads, writes := nobody.Header("Authorization", made(true)), nobody.Header("Authorization", made(false))
		if _, rows := rowsOf(t, reads.Bad().Get("/towns/demo/people.csv")); len(rows) == 0 {
			t.Error("no rows")
		}
		refused(t, writes.Bad().Get("/towns/demo/people.csv"), http.StatusUnauthorized, "authorization_scheme")
		refused(t, reads.Bad().Post("/towns/demo/periods", object{}), http.StatusUnauthorized, "authorization_scheme")
		a := nobody.Bad().Get("/towns/demo/people.csv").Want(http.StatusUnauthorized)
		if c := a.Header["Www-Authenticate"]; len(c) != 2 || !strings.HasPrefix(c[1], "Basic ") {
			t.Errorf("the challenge is %q", c)
		}
		if c := nobody.Get("/towns/demo/people").Want(http.StatusUnauthorized).Header["Www-Authenticate"]; len(c) != 1 {
			t.Errorf("without a table the challenge is %q", c)
		}
	})
}

// What people wrote is no formula in a spreadsheet, in either format.
func TestTablesHaveNoFormulas(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin)
		admin.Post("/towns/demo/people", object{
			"code": "formula", "name": object{"zh": "=1+1", "en": "@SUM(A1)"},
		}).Want(http.StatusCreated)
		_, rows := rowsOf(t, admin.Bad().Get("/towns/demo/people.csv"))
		at := slices.IndexFunc(rows, func(r map[string]string) bool { return r["code"] == "formula" })
		if at < 0 || rows[at]["name_zh"] != "'=1+1" || rows[at]["name_en"] != "'@SUM(A1)" {
			t.Errorf("row %v", rows)
		}
		f, err := excelize.OpenReader(bytes.NewReader(admin.Bad().Get("/towns/demo/people.xlsx").Want(http.StatusOK).Body))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, row := range must(f.GetRows("people")) {
			for i, cell := range row {
				name, _ := excelize.CoordinatesToCellName(i+1, at+2)
				if formula, err := f.GetCellFormula("people", name); err != nil || formula != "" {
					t.Errorf("%s holds the formula %s (%v), value %s", name, formula, err, cell)
				}
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
