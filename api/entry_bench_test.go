package api

import (
	"net/http"
	"testing"

	"github.com/xuri/excelize/v2"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

// BenchmarkEntryFile makes a template of 40 branches and the shipped scheme, and rehearses the
// import of one that is filled in.
func BenchmarkEntryFile(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		h := newHarness(b, dbtest.Open(b, dialect))
		founded(h, 40)
		group := h.as(policy.LeadingGroup).Watch(nil)
		template := apitest.Decode[object](group.Get("/scheme-templates/five-forces"), http.StatusOK)
		made := group.Post("/towns/demo/schemes", template).Want(http.StatusCreated)
		group.IfMatch(made.ETag()).Post("/towns/demo/schemes/five-forces/versions/1/activate", nil).Want(http.StatusOK)
		group.Post("/towns/demo/periods", object{
			"code": "2026Q1", "kind": "quarter", "starts_on": "2026-01-01", "ends_on": "2026-03-31",
			"scheme": object{"code": "five-forces"},
		}).Want(http.StatusCreated)
		h.steps("2026Q1", "open")
		f := openFilled(b, group.Get("/towns/demo/periods/2026Q1/entry?format=xlsx").Want(http.StatusOK).Body)
		rows, err := f.GetRows(f.sheet)
		f.must(err)
		for i, row := range rows[3:] {
			for k := 4; k < len(rows[1]); k++ {
				at, err := excelize.CoordinatesToCellName(k+1, i+4)
				f.must(err)
				if len(row) <= k || row[k] == "" {
					f.must(f.SetCellValue(f.sheet, at, 7+i%3))
				}
			}
		}
		file := f.bytes()
		dry := rehearsed(group, "2026Q1", file)
		b.Logf("%s: %d rows, %d columns, %d changed, %d faults", dialect, dry.Rows, len(rows[1])-4, dry.Changed, len(dry.Faults))
		b.Run("template/"+dialect, func(b *testing.B) {
			for b.Loop() {
				group.Get("/towns/demo/periods/2026Q1/entry?format=xlsx").Want(http.StatusOK)
			}
		})
		b.Run("dry-run/"+dialect, func(b *testing.B) {
			for b.Loop() {
				rehearsed(group, "2026Q1", file)
			}
		})
	}
}
