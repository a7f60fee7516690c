package database_test

import (
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
)

// note is a row as the rooms have them.
type note struct {
	TownID string `gorm:"primaryKey"`
	Code   string `gorm:"primaryKey"`
	Text   string
	Pinned bool
	Tags   database.JSON[map[string]any]
	SeenAt *time.Time
	database.Versioned
}

func createNotes(t *testing.T, db *gorm.DB) {
	t.Helper()
	moment := map[string]string{database.SQLite: "DATETIME", database.PostgreSQL: "timestamptz"}[database.Dialect(db)]
	execAll(t, db, strings.ReplaceAll(
		`CREATE TABLE notes (town_id text NOT NULL, code text NOT NULL, text text NOT NULL, pinned boolean NOT NULL,
		tags text NOT NULL, seen_at MOMENT, version bigint NOT NULL, created_at MOMENT NOT NULL, updated_at MOMENT NOT NULL, PRIMARY KEY (town_id, code))`, "MOMENT", moment))
}

func TestUpdateVersioned(t *testing.T) {
	var now time.Time
	clock := func() time.Time { now = now.Add(time.Hour); return now }
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			now = time.Date(2023, 7, 1, 8, 0, 0, 123456789, time.FixedZone("", 8*3600))
			db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, dialect)), database.Options{Now: clock})
			createNotes(t, db)
			for _, town := range []string{"a", "b"} {
				n := note{TownID: town, Code: "1", Text: "first", Pinned: true}
				if err := db.Create(&n).Error; err != nil {
					t.Fatal(err)
				}
				if n.Version != 1 || n.ETag() != `"1"` || n.CreatedAt.IsZero() {
					t.Fatalf("created %+v", n)
				}
			}
			changed := note{TownID: "a", Code: "1"}
			if err := database.UpdateVersioned(db, &changed, 1, map[string]any{"text": "second", "pinned": false}); err != nil {
				t.Fatal(err)
			}
			var stored, other note
			if err := db.Where("town_id = ? AND code = ?", "a", "1").Take(&stored).Error; err != nil {
				t.Fatal(err)
			}
			if stored.Version != 2 || stored.Text != "second" || stored.Pinned || !stored.UpdatedAt.After(stored.CreatedAt) {
				t.Errorf("stored %+v", stored)
			}
			if changed.Version != 2 || changed.Text != "second" || !changed.UpdatedAt.Equal(stored.UpdatedAt) {
				t.Errorf("the row in memory is %+v", changed)
			}
			if err := db.Where("town_id = ?", "b").Take(&other).Error; err != nil || other.Version != 1 {
				t.Errorf("the row of another town is %+v, %v", other, err)
			}
			if err := database.UpdateVersioned(db, &note{TownID: "a", Code: "1"}, 1, nil); !fault.Is(err, fault.KindStale) {
				t.Errorf("an old version: %v", err)
			}
			if err := database.UpdateVersioned(db, &note{TownID: "a", Code: "9"}, 1, nil); !errors.Is(err,
				gorm.ErrRecordNotFound) {
				t.Errorf("a missing row: %v", err)
			}
			if err := database.UpdateVersioned(db, &note{Code: "1"}, 1, nil); !errors.Is(err, gorm.ErrRecordNotFound) {
				t.Errorf("half a key: %v", err)
			}
		})
	}
}

func TestOneOfManyEditorsWins(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		createNotes(t, db)
		if err := db.Create(&note{TownID: "a", Code: "1"}).Error; err != nil {
			t.Fatal(err)
		}
		var won, stale atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
					return database.UpdateVersioned(tx, &note{TownID: "a", Code: "1"}, 1, map[string]any{"text": "mine"})
				})
				switch {
				case err == nil:
					won.Add(1)
				case fault.Is(err, fault.KindStale):
					stale.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || stale.Load() != 7 {
			t.Errorf("%d won, %d were told", won.Load(), stale.Load())
		}
	})
}

// Times come back as they went in, in UTC, whatever their zone, and the database
// orders them as Go does.
func TestTimes(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		createNotes(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			moment := func(label string) time.Time {
				zone := time.FixedZone("", rapid.IntRange(-12, 14).Draw(rt, label+" zone")*3600)
				micros := rapid.Int64Range(0, 4e15).Draw(rt, label) // 1970 to 2096
				if rapid.Bool().Draw(rt, label+" whole") {
					micros -= micros % 1e6
				}
				return time.UnixMicro(micros).In(zone)
			}
			a, b := moment("a"), moment("b")
			if err := db.Where("town_id = ?", "t").Delete(&note{}).Error; err != nil {
				rt.Fatal(err)
			}
			if err := db.Create(&note{TownID: "t", Code: "1", SeenAt: &a}).Error; err != nil {
				rt.Fatal(err)
			}
			var got note
			if err := db.Take(&got, "town_id = ?", "t").Error; err != nil {
				rt.Fatal(err)
			}
			if !got.SeenAt.Equal(a) || got.SeenAt.Location() != time.UTC {
				rt.Fatalf("%v came back as %v", a, got.SeenAt)
			}
			var before int64
			if err := db.Model(&note{}).Where("seen_at < ?", b).Count(&before).Error; err != nil {
				rt.Fatal(err)
			}
			if (before == 1) != a.Before(b) {
				rt.Fatalf("in the database %v < %v is %v", a, b, before == 1)
			}
		})
	})
}

func TestJSONKeepsItsBytes(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		createNotes(t, db)
		in := note{
			TownID: "a", Code: "1",
			Tags: database.JSON[map[string]any]{V: map[string]any{"战": "<&>", "a": 1.5, "": nil}},
		}
		if err := db.Create(&in).Error; err != nil {
			t.Fatal(err)
		}
		var text string
		if err := db.Raw("SELECT tags FROM notes").Scan(&text).Error; err != nil || text != `{"":null,"a":1.5,"战":"<&>"}` {
			t.Errorf("stored %s, %v", text, err)
		}
		var out note
		if err := db.Take(&out, "town_id = ?", "a").Error; err != nil || !cmp.Equal(in.Tags, out.Tags) {
			t.Errorf("read %+v, %v", out.Tags, err)
		}
		bad := note{TownID: "a", Code: "2", Tags: database.JSON[map[string]any]{V: map[string]any{"a": math.NaN()}}}
		if err := db.Create(&bad).Error; err == nil {
			t.Error("NaN was stored")
		}
		execAll(t, db, `UPDATE notes SET tags = 'no json'`)
		if err := db.Take(&out, "town_id = ?", "a").Error; err == nil {
			t.Errorf("broken text was read as %v", out.Tags)
		}
	})
}

func TestQueriesCountsStatements(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		createNotes(t, db)
		before := database.Queries(db)
		err := database.ReadTx(t.Context(), db, func(tx *gorm.DB) error {
			var notes []note
			if err := tx.Limit(1).Find(&notes).Error; err != nil {
				return err
			}
			return tx.WithContext(t.Context()).Find(&notes).Error
		})
		if got := database.Queries(db) - before; err != nil || got != 2 {
			t.Errorf("%d statements, %v; want 2", got, err)
		}
	})
}
