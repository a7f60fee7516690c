package api

import (
	"archive/zip"
	"bytes"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
	"bulwark/internal/spreadsheet"
)

// A file that is too large, inside or out, is refused as such; internal/spreadsheet tries many more.
func TestLargeFilesAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(wholeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		c := h.as(policy.Mentor)
		large := append([]byte("PK"), make([]byte, spreadsheet.MaxUpload)...)
		refused(t, importing(c, "2026Q1", "dry_run=true", large), http.StatusRequestEntityTooLarge, "body_too_large")
		var bomb bytes.Buffer
		w := zip.NewWriter(&bomb)
		part, err := w.Create("xl/workbook.xml")
		h.must(err)
		for range 100 {
			_, err := part.Write(make([]byte, 1<<20))
			h.must(err)
		}
		h.must(w.Close())
		refused(t, importing(c, "2026Q1", "dry_run=true", bomb.Bytes()), http.StatusRequestEntityTooLarge, "too_much_in_file")
		refused(t, importing(c, "2026Q1", "dry_run=true", bomb.Bytes()[:1000]), http.StatusUnprocessableEntity, "damaged_file")
		refused(t, importing(c, "2026Q1", "dry_run=true", []byte("a,\"b\n")), http.StatusUnprocessableEntity, "not_csv")
	})
}
