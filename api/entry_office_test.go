package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// officeStep is a workbook that is filled in by testdata/fill.py.
type officeStep struct {
	From  string            `json:"from"`
	To    string            `json:"to"`
	Sheet string            `json:"sheet"`
	Cells map[string]string `json:"cells"` // what is typed, by cell
}

// inOffice fills in workbooks with LibreOffice Calc, in one process.
func inOffice(t *testing.T, folder string, steps ...officeStep) {
	t.Helper()
	data, err := json.Marshal(steps)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "steps.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), officePython(t), "testdata/fill.py", folder).CombinedOutput()
	if err != nil {
		t.Fatalf("LibreOffice: %v: %s", err, out)
	}
}

// officePython returns a Python that speaks with LibreOffice.
func officePython(t *testing.T) string {
	t.Helper()
	_, err := exec.LookPath("soffice")
	if err == nil {
		for _, python := range []string{"python3", "/usr/bin/python3"} {
			if err = exec.CommandContext(t.Context(), python, "-c", "import uno").Run(); err == nil {
				return python
			}
		}
	}
	t.Fatalf("this test needs LibreOffice Calc with python3-uno (%v): run make test, "+
		"or apt-get install libreoffice-calc-nogui python3-uno", err)
	return ""
}

// A template that was filled in and stored by LibreOffice becomes the same sheet as a typed one;
// what a person types wrongly there is found in the same cells.
func TestLibreOfficeFillsInATemplate(t *testing.T) {
	folder := t.TempDir()
	var fill sync.Once // the templates of both databases are the same
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		h.steps("2026Q1", "open")
		h.steps("2026Q2", "open")
		c := h.as(policy.Mentor)
		f := entryTemplate(t, c, "2026Q1")
		at := func(code string) string { return f.cell("b01", code) }
		fill.Do(func() {
			h.must(os.WriteFile(filepath.Join(folder, "empty.xlsx"), f.bytes(), 0o600))
			inOffice(t, folder, officeStep{"empty.xlsx", "right.xlsx", f.sheet, map[string]string{
				at("meetings"): "=10+2", at("turnout"): "88.5%", at("spirit"): "７。５", at("standing"): "B", at("cases"): "20",
				at("cases.solved"): "17", at("solving"): "不适用：none reported", at("complaints"): "不适用：no office", at("fields"): "7.25",
			}}, officeStep{"empty.xlsx", "wrong.xlsx", f.sheet, map[string]string{
				at("meetings"): "=1/0", at("turnout"): "2026-03-05", at("spirit"): "=TRUE()", at("standing"): "D",
				at("cases"): "30%", at("fields"): `=""`,
			}})
		})
		read := func(name string) []byte {
			data, err := os.ReadFile(filepath.Join(folder, name))
			h.must(err)
			return data
		}
		found := map[string]string{}
		for _, w := range rehearsed(c, "2026Q1", read("wrong.xlsx")).Faults {
			found[w.Code] = w.Cell + " " + w.Fault
		}
		if want := map[string]string{
			"meetings": at("meetings") + " error_value", "turnout": at("turnout") + " date", "spirit": at("spirit") + " boolean",
			"standing": at("standing") + " unknown_level", "cases": at("cases") + " percent_elsewhere",
		}; !maps.Equal(found, want) {
			t.Errorf("faults %v, want %v", found, want)
		}
		importing(c, "2026Q1", "", read("right.xlsx")).Want(http.StatusOK)
		typed := begun(c, "2026Q2", "b01", value("meetings", 12), value("turnout", 88.5), value("spirit", 7.5), level("standing", "B"),
			value("cases", 20), value("cases.solved", 17), waived("solving", "none reported"), value("fields", 7.25),
			waived("complaints", "no office"))
		imported := "/towns/demo/evaluations/" + formOf(c, "2026Q1").Rows[0].Sheet
		same(t, "the sheet", plainEntries(apitest.Decode[evaluation.Sheet](c.Get(imported), http.StatusOK)),
			plainEntries(apitest.Decode[evaluation.Sheet](c.Get(typed), http.StatusOK))...)
	})
}
