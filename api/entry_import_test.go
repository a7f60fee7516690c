package api

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// whole has an indicator of each kind that can be entered.
const wholeScheme = `{
  "code": "small", "version": 1, "name": {"zh": "小指数"}, "decimals": 2, "min_coverage": 0.1,
  "quantities": [
    {"code": "cases", "name": {"zh": "受理数"}, "range": {"min": 0}, "decimals": 0},
    {"code": "cases.solved", "name": {"zh": "办结数"}, "range": {"min": 0}, "decimals": 0}],
  "tree": {"code": "index", "aggregation": {"kind": "arithmetic"}, "children": [
    {"code": "party", "name": {"zh": "党建"}, "weight": 60, "aggregation": {"kind": "arithmetic"}, "children": [
      {"code": "meetings", "name": {"zh": "会议"}, "weight": 1, "direction": "benefit", "entry": "reported", "range": {"min": 0, "max": 12}, "decimals": 0,
       "rule": {"kind": "goalposts", "low": 0, "high": 12}},
      {"code": "turnout", "name": {"zh": "到会率"}, "weight": 1, "direction": "benefit", "entry": "reported", "unit": "%", "range": {"min": 0, "max": 100}, "decimals": 1,
       "rule": {"kind": "goalposts", "low": 0, "high": 100}},
      {"code": "spirit", "name": {"zh": "作风"}, "weight": 2, "direction": "benefit", "entry": "rated", "decimals": 1,
       "rule": {"kind": "points", "max": 10}, "combine": {"kind": "mean", "role_weights": {"mentor": 2, "instructor": 1, "leading_group": 1}}},
      {"code": "standing", "name": {"zh": "星级"}, "weight": 1, "entry": "reported", "waivable": true, "rule": {"kind": "levels", "levels": {"A": 100, "B": 80, "C": 50}}}]},
    {"code": "service", "name": {"zh": "服务"}, "weight": 40, "aggregation": {"kind": "arithmetic"}, "children": [
      {"code": "solving", "name": {"zh": "办结率"}, "weight": 1, "direction": "benefit", "entry": "derived", "unit": "%", "waivable": true,
       "derive": {"kind": "ratio", "numerator": "cases.solved", "denominator": "cases", "scale": 100}, "rule": {"kind": "goalposts", "low": 0, "high": 100}},
      {"code": "fields", "name": {"zh": "农田"}, "weight": 1, "direction": "benefit", "entry": "reported", "rule": {"kind": "points", "max": 50},
       "applies_to": {"classes": ["rural"]}},
      {"code": "complaints", "name": {"zh": "投诉"}, "weight": 2, "direction": "cost", "entry": "reported", "range": {"min": 0}, "waivable": true,
       "rule": {"kind": "deduct", "per": 10}}]}]},
  "grades": [{"code": "good", "from": 80}, {"code": "poor", "from": 0}]}`

// The template has the columns and rows of the form. What is entered in it becomes the same sheets
// as what is typed, whatever role enters it; a second import changes nothing.
func TestATemplateBecomesTheSheetsThatAreTyped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		h.steps("2026Q1", "open")
		h.steps("2026Q2", "open")
		for _, role := range []policy.Role{policy.Mentor, policy.Instructor, policy.Secretary, policy.Office, policy.LeadingGroup} {
			c := h.as(role)
			typed := []object{
				value("meetings", 12), value("turnout", 88.5), level("standing", "B"), value("cases", 20), value("cases.solved", 17),
				waived("solving", "none reported"), value("fields", 7.25), waived("complaints", "no office"),
			}
			f := entryTemplate(t, c, "2026Q2")
			if role == policy.Secretary || role == policy.Office {
				for _, column := range formOf(c, "2026Q2").Columns {
					if column.Code == "spirit" {
						t.Errorf("%s rates", role)
					}
				}
			} else {
				typed = append(typed, value("spirit", 7.5))
			}
			sheet := begun(c, "2026Q1", "b01", typed...)
			for _, e := range typed {
				code := e["code"].(string)
				switch {
				case e["value"] != nil:
					f.set("b01", code, e["value"])
				case e["level"] != nil:
					f.set("b01", code, e["level"])
				default:
					f.set("b01", code, fmt.Sprintf("不适用：%s", e["evidence"]))
				}
			}
			f.shown(f.set("b01", "turnout", 0.885), "0.0%")

			before := recordsOf(h)
			dry := rehearsed(c, "2026Q2", f.bytes())
			if dry.Changed != 1 || len(dry.Faults)+len(dry.Warnings)+len(dry.Overwritten) != 0 || !dry.DryRun {
				t.Errorf("%s: the dry run: %+v", role, dry)
			}
			if n := recordsOf(h) - before; n != 0 {
				t.Errorf("%s: the dry run left %d records", role, n)
			}
			done := apitest.Decode[entry.Import](importing(c, "2026Q2", "", f.bytes()), http.StatusOK)
			if n := recordsOf(h) - before; n != 1 || done.Changed != 1 {
				t.Errorf("%s: the import left %d records: %+v", role, n, done)
			}
			want := apitest.Decode[evaluation.Sheet](c.Get(sheet), http.StatusOK)
			row := formOf(c, "2026Q2").Rows[0]
			got := apitest.Decode[evaluation.Sheet](c.Get("/towns/demo/evaluations/"+row.Sheet), http.StatusOK)
			if fmt.Sprint(plainEntries(got)) != fmt.Sprint(plainEntries(want)) || got.State != want.State || got.Role != want.Role {
				t.Errorf("%s: imported\n%v, typed\n%v", role, plainEntries(got), plainEntries(want))
			}
			again := apitest.Decode[entry.Import](importing(c, "2026Q2", "submit=true", f.bytes()), http.StatusOK)
			if again.Changed != 0 || again.Submitted != 1 {
				t.Errorf("%s: the second import: %+v", role, again)
			}
			again = apitest.Decode[entry.Import](importing(c, "2026Q2", "submit=true", f.bytes()), http.StatusOK)
			if again.Changed != 0 || again.Submitted != 0 || len(again.Faults) != 0 {
				t.Errorf("%s: the third import: %+v", role, again)
			}
			if same := rehearsed(c, "2026Q2", entryTemplate(t, c, "2026Q2").bytes()); same.Changed != 0 || len(same.Faults) != 0 {
				t.Errorf("%s: a new template, unchanged: %+v", role, same)
			}
			csv := c.Get("/towns/demo/periods/2026Q2/entry?format=csv").Want(http.StatusOK).Body
			if same := rehearsed(c, "2026Q2", csv); same.Changed != 0 || len(same.Faults) != 0 || same.Rows == 0 {
				t.Errorf("%s: the CSV file, unchanged: %+v", role, same)
			}
		}
	})
}

// plainEntries are the entries without what differs between two sheets.
func plainEntries(s evaluation.Sheet) (list []string) {
	for _, e := range s.Entries {
		words := e.Code
		if e.Value != nil {
			words += fmt.Sprint(" ", *e.Value)
		}
		if e.Level != nil {
			words += " " + *e.Level
		}
		list = append(list, fmt.Sprint(words, e.NotApplicable, e.Evidence, e.Source, e.Ignored))
	}
	return list
}

// The template can be changed in its cells of input alone, and offers there what can be entered, in
// the language of the caller.
func TestTheTemplateIsLocked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		group := h.as(policy.LeadingGroup)
		locked := begun(group, "2026Q1", "b02", value("spirit", 7))
		moved(group, locked, "submitted", "").Want(http.StatusOK)
		f := entryTemplate(t, group, "2026Q1")
		same(t, "sheets", f.GetSheetList(), "填报", "说明", "词表")
		if identity, _ := f.GetCellValue("填报", "A1"); !strings.HasPrefix(identity, "bulwark:v1:demo:2026Q1:leading_group:small.1:") {
			t.Errorf("identity %q", identity)
		}
		for _, row := range []int{1, 2} {
			if shown, _ := f.GetRowVisible("填报", row); shown {
				t.Errorf("row %d is shown", row)
			}
		}
		for _, column := range []string{"A", "B"} {
			if shown, _ := f.GetColVisible("填报", column); shown {
				t.Errorf("column %s is shown", column)
			}
		}
		if shown, _ := f.GetSheetVisible("词表"); shown {
			t.Error("the lists are shown")
		}
		if p, err := f.GetSheetProtection("填报"); err != nil || p.FormatCells || !p.SelectUnlockedCells {
			t.Errorf("protection %+v, %v", p, err)
		}
		open := func(branch, code string) bool {
			id, err := f.GetCellStyle("填报", f.cell(branch, code))
			f.must(err)
			style, err := f.GetStyle(id)
			f.must(err)
			return style.Protection != nil && !style.Protection.Locked
		}
		for at, want := range map[[2]string]bool{
			{"b01", "spirit"}: true, {"b01", "standing"}: true, {"b01", "_name"}: false, {"b02", "spirit"}: false, {"b03", "fields"}: false,
			{"b03", "spirit"}: true, {"b01", "_version"}: false,
		} {
			if open(at[0], at[1]) != want {
				t.Errorf("%v can be filled in: %v", at, !want)
			}
		}
		head, err := f.GetCellValue("填报", f.cell("b01", "turnout")[:1]+"3")
		f.must(err)
		if head != "到会率（%，0–100，最多 1 位小数）" {
			t.Errorf("head %q", head)
		}
		rules, err := f.GetDataValidations("填报")
		f.must(err)
		kinds := map[string]string{}
		for _, r := range rules {
			code, _ := f.GetCellValue("填报", r.Sqref[:1]+"2")
			kinds[code] = r.Type + " " + html.UnescapeString(r.Formula1) + " " + r.Formula2
			if r.Error == nil || !strings.ContainsAny(*r.Error, "请此") || r.Prompt == nil {
				t.Errorf("%s has the words %v, %v", code, r.Error, r.Prompt)
			}
		}
		for code, want := range map[string]string{
			"meetings": "whole 0 12", "turnout": "decimal 0 100", "spirit": "decimal -1E+15 1E+15", "standing": "list '词表'!$A$1:$A$4 ",
			"solving": "list '词表'!$B$1:$B$1 ", "complaints": `custom OR(AND(ISNUMBER(M4),M4>=0),LEFT(M4,3)="不适用",LEFT(M4,14)="not applicable") `,
		} {
			if kinds[code] != want {
				t.Errorf("%s: %q, want %q", code, kinds[code], want)
			}
		}
		english := openFilled(t, group.Lang("en").Get("/towns/demo/periods/2026Q1/entry?format=xlsx").Want(http.StatusOK).Body)
		same(t, "sheets", english.GetSheetList(), "Entry", "Notes", "Lists")
		english.set("b01", "complaints", "not applicable: no office")
		if dry := rehearsed(group.Lang("zh"), "2026Q1", english.bytes()); dry.Changed != 1 || len(dry.Faults) != 0 {
			t.Errorf("a template of the other language: %+v", dry)
		}
	})
}
