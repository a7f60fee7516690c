package audit_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

func write(ctx context.Context, tx *gorm.DB, town, subject string) error {
	return audit.Write(ctx, tx, audit.Change{Town: town, Action: "note.write", Subject: subject})
}

// Many writers of two towns, in transactions that make several changes to the
// towns in either order, and that hold rows of which the others wait for one.
func TestConcurrentWritersKeepTheChainsWhole(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.AsOwner(t, dbtest.URL(t, dialect))
			// two processes
			handles := []*gorm.DB{dbtest.Connect(t, url, database.Options{}), dbtest.Connect(t, url, database.Options{})}
			if err := handles[0].Exec("CREATE TABLE rows (id integer PRIMARY KEY, n integer NOT NULL)").Error; err != nil {
				t.Fatal(err)
			}
			if err := handles[0].Exec("INSERT INTO rows VALUES (0, 0), (1, 0)").Error; err != nil {
				t.Fatal(err)
			}
			const goroutines, times = 16, 8
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					for i := range times {
						attempts := 0
						err := database.InTx(t.Context(), handles[g%2], func(tx *gorm.DB) error {
							attempts++
							if attempts > 1 && dialect == database.SQLite {
								t.Error("SQLite ran a transaction again")
							}
							first, second := g%2, 1-g%2
							return errors.Join(
								write(t.Context(), tx, fmt.Sprint("town", first), "a"),
								database.Unrecorded(tx).Exec("UPDATE rows SET n = n + 1 WHERE id = ?", i%2).Error,
								write(t.Context(), tx, fmt.Sprint("town", second), "b"),
								write(t.Context(), tx, fmt.Sprint("town", first), "c"),
							)
						})
						if err != nil {
							t.Error(err)
						}
						if attempts > 1 {
							t.Errorf("a transaction with one row and the trail ran %d times: two waited for each other", attempts)
						}
					}
				})
			}
			wg.Wait()
			var records int64
			err := audit.VerifyAll(t.Context(), handles[0], "", nil, func(r audit.Report) {
				records += r.Records
				if !r.OK {
					t.Errorf("%s: %+v", r.TownID, r.Fault)
				}
			})
			if err != nil || records != 3*goroutines*times {
				t.Errorf("%d records, %v", records, err)
			}
		})
	}
}

// An own reading of docs/audit.md: what a stranger programs must give our hash.
func TestTheDocumentedHashIsTheHash(t *testing.T) {
	const salt = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	r := audit.Record{
		TownID: "demo", ID: "0190a6e2-7c1b-7a53-9f21-0242ac120002", Sequence: 2,
		At:    time.Date(2023, 7, 1, 1, 2, 3, 450000000, time.UTC),
		Actor: "group-1", Role: "leading_group", Credential: "bw_3f9ac1d2", Action: "branch.rename", Subject: "branches/b07",
		Before: `{"name":{"zh":"禾丰村"}}`, After: `{"name":{"zh":"禾丰社区"}}`, Reason: "改制", RequestID: "r-1",
		Salt: salt,
		Rows: audit.DigestOf(salt, []audit.RowRecord{
			{
				Of: "branch_profiles", Key: `["demo","b07","2023-07-01"]`,
				Rows: `[{"class":"urban","kind":"community","name_en":"Hefeng","name_zh":"禾丰社区","reason":"改制"}]`,
			},
			{Of: "branches", Key: `["demo","b07"]`, Before: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"},
		}),
	}
	const previous = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	text := audit.Linked(r, previous)
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	if got := audit.Link(r, previous); got != hash {
		t.Errorf("hash %s of a text whose hash is %s", got, hash)
	}
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{text, hash, r.Rows, salt, r.Shown(true).ValuesSalt} {
		if !strings.Contains(string(page), part) {
			t.Errorf("docs/audit.md lacks %s", part)
		}
	}
}

// What is older than the chain is told apart from it, and nothing younger can
// pass for it.
func TestRecordsOlderThanTheChain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		at := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
		old := func(sequence int64, at time.Time) error {
			return db.Create(&audit.Record{
				TownID: "x", ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", -sequence),
				Sequence: sequence, At: at,
			}).Error
		}
		if err := errors.Join(old(-1, at), old(0, at)); err != nil {
			t.Fatal(err)
		}
		check := func(want string, earlier, records int64) {
			t.Helper()
			r, err := audit.Verify(t.Context(), db, "x", nil)
			if err != nil || r.OK != (want == "") || !r.OK && r.Fault.Kind != want || r.Earlier != earlier ||
				r.Records != records {
				t.Errorf("%+v, %+v, %v", r, r.Fault, err)
			}
		}
		check("", 2, 0)
		if err := database.InTx(t.Context(), db,
			func(tx *gorm.DB) error { return write(t.Context(), tx, "x", "a") }); err != nil {
			t.Fatal(err)
		}
		check("", 2, 1)
		if err := old(-2, time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Second)); err != nil {
			t.Fatal(err)
		}
		check("inserted", 3, 0)
	})
}

func TestARecordNeedsATransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		if write(t.Context(), db, "x", "a") == nil {
			t.Error("recorded outside a transaction")
		}
	})
}

// A whole chain, moved to another town, tells of the wrong town.
func TestAChainBelongsToItsTown(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		if err := database.InTx(t.Context(), db,
			func(tx *gorm.DB) error { return write(t.Context(), tx, "x", "a") }); err != nil {
			t.Fatal(err)
		}
		disarm(t, db)
		for _, table := range []string{"audit_records", "audit_heads"} {
			if err := db.Exec("UPDATE " + table + " SET town_id = 'y'").Error; err != nil {
				t.Fatal(err)
			}
		}
		if r, err := audit.Verify(t.Context(), db, "y", nil); err != nil || r.OK || r.Fault.Kind != "edited" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
