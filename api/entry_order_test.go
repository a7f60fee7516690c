package api

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/index"
)

// The same values give the same published figures and the same hashes, whatever
// the order in which branches were founded, sheets entered and approved, and on
// both databases.
func TestTheOrderOfEntryChangesNoFigure(t *testing.T) {
	type published struct{ receipt, ranking, csv string }
	var mu sync.Mutex
	first := map[string]published{} // by period, of whichever database came first
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		for seed := range uint64(4) {
			z := sized{town: fmt.Sprintf("order%d", seed), branches: 6}
			if seed > 0 {
				z.order = func(n int) []int { return rand.New(rand.NewPCG(seed, uint64(n))).Perm(n) }
			}
			z.found(t, db)
			for _, period := range []string{"q1", "q2"} {
				at := "/towns/" + z.town + "/periods/" + period
				r := apitest.Decode[index.Receipt](h.Get(at+"/receipt"), http.StatusOK)
				ranking := h.Get(at + "/ranking").Want(http.StatusOK).Body
				csv := h.Get(at + "/ranking?format=csv").Want(http.StatusOK).Body
				for _, own := range []string{r.ID, z.town} { // all that may differ
					ranking = bytes.ReplaceAll(ranking, []byte(own), []byte("-"))
					csv = bytes.ReplaceAll(csv, []byte(own), []byte("-"))
				}
				got := published{fmt.Sprint(r.SchemeHash, r.DataHash, r.ResultHash, r.Seed, r.Engine), string(ranking), string(csv)}
				mu.Lock()
				want, ok := first[period]
				if !ok {
					first[period] = got
				}
				mu.Unlock()
				if ok && got != want {
					t.Errorf("%s in order %d:\n got %v\nwant %v", period, seed, got, want)
				}
			}
		}
	})
	if first["q1"].ranking == first["q2"].ranking {
		t.Error("both periods came out alike: the test compares nothing")
	}
}
