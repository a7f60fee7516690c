package backup_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
)

// write makes a backup in memory.
func write(t testing.TB, db *gorm.DB) ([]byte, backup.Summary) {
	t.Helper()
	var out bytes.Buffer
	s, err := backup.Write(t.Context(), db, nil, &out, "test")
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), s
}

// restore restores a backup from memory.
func restore(ctx context.Context, db *gorm.DB, file []byte) (backup.Summary, error) {
	r, err := backup.Open(bytes.NewReader(file))
	if err != nil {
		return backup.Summary{}, err
	}
	defer r.Close()
	return r.Restore(ctx, db, nil)
}

// check reads a backup without a database.
func check(file []byte) error {
	r, err := backup.Open(bytes.NewReader(file))
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = r.Check()
	return err
}

// A demo town goes from each database to each, and every backup of it has the
// same tables with the same hashes.
func TestBackupsOfBothDatabasesAreOne(t *testing.T) {
	for _, from := range dbtest.Dialects {
		db := dbtest.Owner(t, dbtest.Open(t, from))
		if _, err := demo.Seed(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		file, wrote := write(t, db)
		for _, to := range dbtest.Dialects {
			t.Run(from+" to "+to, func(t *testing.T) {
				db := dbtest.Owner(t, dbtest.Open(t, to))
				restored, err := restore(t.Context(), db, file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(wrote.Counts, restored.Counts); diff != "" {
					t.Errorf("restored:\n%s", diff)
				}
				_, again := write(t, db)
				if diff := cmp.Diff(wrote.Counts, again.Counts); diff != "" {
					t.Errorf("backed up again:\n%s", diff)
				}
			})
		}
	}
}
