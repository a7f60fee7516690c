package rest

import (
	"net/http"
	"strings"
	"testing"
)

// A list that is too long for a workbook is refused there, with what to do, and whole as CSV.
func TestLongTables(t *testing.T) {
	for most, xlsx := range map[int]int{5: http.StatusOK, 4: http.StatusRequestEntityTooLarge, 1: http.StatusRequestEntityTooLarge} {
		e, err := New(newOptions())
		if err != nil {
			t.Fatal(err)
		}
		e.maxRows, e.rowsAtATime = most, 2
		probes(e.Root())
		h, err := e.Handler()
		if err != nil {
			t.Fatal(err)
		}
		got := do(h, http.MethodGet, "/api/v1/towns/demo/items?format=xlsx", "", "Authorization", "Bearer group")
		if got.Code != xlsx || xlsx != http.StatusOK && !strings.Contains(got.Body.String(), "use csv") {
			t.Errorf("at most %d rows: %d %s", most, got.Code, got.Body)
		}
		csv := do(h, http.MethodGet, "/api/v1/towns/demo/items?format=csv", "", "Authorization", "Bearer group")
		if csv.Code != http.StatusOK || csv.Body.String() != "\ufeffvalue\na\nb\nc\nd\ne\n" || csv.Header().Get("Content-Disposition") == "" {
			t.Errorf("at most %d rows: %d %q", most, csv.Code, csv.Body)
		}
	}
}
