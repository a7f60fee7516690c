package index_test

import (
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/index"
)

// A period that is published while the cache reads the older list is in the list for
// the next reader: what was read before the change is not kept.
func TestTheCacheForgetsWhatIsUnderWay(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		results, reads := index.NewResultCache(), 0
		onRead := func(*gorm.DB) {
			if reads++; reads == 1 {
				results.Forget(demo.Town)
			}
		}
		if err := db.Callback().Row().After("gorm:row").Register("publish_meanwhile", onRead); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{1, 2, 2} { // each look at an unpublished period reads the list alone
			if _, published, err := results.Published(t.Context(), db, demo.Town, "2023Q3", 0); err != nil || published {
				t.Fatalf("Published = %v, %v", published, err)
			}
			if reads != want {
				t.Errorf("look %d: the list was read %d times, want %d", i+1, reads, want)
			}
		}
	})
}

// A transaction sees at once what it publishes, and others never where it is rolled
// back.
func TestTheCacheKeepsNothingOfATransaction(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		results, undo := index.NewResultCache(), errors.New("undo")
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			if err := database.Unrecorded(tx).
				Exec("UPDATE periods SET state = 'final' WHERE code = '2023Q2'").Error; err != nil {
				return err
			}
			r, err := results.Receipt(t.Context(), tx, demo.Town, "2023Q2", 0)
			if err != nil || r.Status != "final" {
				t.Errorf("inside: %s, %v", r.Status, err)
			}
			if err := tx.Create(&index.RobustnessResult{TownID: demo.Town, RunID: r.ID, Replicates: 1}).Error; err != nil {
				return err
			}
			if err := database.Unrecorded(tx).
				Exec("UPDATE periods SET state = 'published' WHERE code = '2023Q2'").Error; err != nil {
				return err
			}
			if v, _, err := results.Published(t.Context(), tx, demo.Town, "2023Q2", 0); err != nil ||
				!strings.Contains(v.Token, "robust") {
				t.Errorf("inside: %s, %v", v.Token, err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		if r, err := results.Receipt(t.Context(), db, demo.Town, "2023Q2", 0); err != nil || r.Status != "published" {
			t.Errorf("afterwards: %s, %v", r.Status, err)
		}
		if v, _, err := results.Published(t.Context(), db, demo.Town, "2023Q2", 0); err != nil ||
			strings.Contains(v.Token, "robust") {
			t.Errorf("afterwards: %s, %v", v.Token, err)
		}
	})
}
