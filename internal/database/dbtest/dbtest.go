// Package dbtest makes real databases for tests: a fresh, migrated SQLite and a
// fresh, migrated PostgreSQL for each test. It never skips one of them.
package dbtest

import (
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
)

// Dialects are the databases that every storage test runs on.
var Dialects = []string{database.SQLite, database.PostgreSQL}

// Each runs the test as the subtests "sqlite" and "postgres", each on a fresh
// migrated database. See Both.
func Each(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	migrated.Each(t, test)
}

// EachAsOwner is Each with a handle of the owner of the database: for tests that change the
// schema, or that want its triggers to refuse what the service has no right to.
func EachAsOwner(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	Each(t, func(t *testing.T, db *gorm.DB) { test(t, Owner(t, db)) })
}

// Both runs the test as the subtests "sqlite" and "postgres" at the same time,
// because one mostly waits while the other computes, and returns when they are
// done. What they share they must guard.
func Both(t *testing.T, test func(t *testing.T, dialect string)) {
	t.Helper()
	var both sync.WaitGroup
	for _, dialect := range Dialects {
		both.Go(func() { t.Run(dialect, func(t *testing.T) { test(t, dialect) }) })
	}
	both.Wait()
}

// Open returns a fresh migrated database, closed and dropped when t ends. On PostgreSQL it
// is connected as the role of the service, which owns nothing; see Owner.
func Open(t testing.TB, dialect string) *gorm.DB {
	t.Helper()
	return migrated.Open(t, dialect)
}

// Connect opens a second handle, or one with other options, on a URL. It creates the
// file of EmptyURL.
func Connect(t testing.TB, url string, options database.Options) *gorm.DB {
	t.Helper()
	options.Create = !options.ReadOnly
	db, err := database.Open(t.Context(), url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(db); err != nil {
			t.Errorf("close the test database: %v", err)
		}
	})
	return db
}

// URL returns the URL of a fresh migrated database, dropped when t ends.
func URL(t testing.TB, dialect string) string {
	t.Helper()
	return migrated.URL(t, dialect)
}

// EmptyURL is URL without the migrations, for the owner of the database.
func EmptyURL(t testing.TB, dialect string) string {
	t.Helper()
	if dialect == database.SQLite {
		return sqliteURL(t, nil)
	}
	s, name := postgresCopy(t, "template0")
	return s.named(name)
}
