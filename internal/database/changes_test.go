package database_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

var province = town.Area{Code: "44", Level: "province", Name: text.Text{ZH: "广东"}, Provenance: "x"}

// unfaithful returns where rows differ from the trail.
func unfaithful(t *testing.T, db *gorm.DB) (places []string) {
	t.Helper()
	if _, err := audit.VerifyRows(t.Context(), db, "", func(d audit.Difference) {
		places = append(places, d.Kind+" "+d.Place())
	}); err != nil {
		t.Fatal(err)
	}
	return places
}

func TestRawChangesInATransactionAreRefusedUnlessNoted(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		if _, err := town.CreateArea(t.Context(), db, province); err != nil {
			t.Fatal(err)
		}
		const raw = "UPDATE areas SET provenance = provenance || 'y'"
		if err := database.InTx(t.Context(), db, func(tx *gorm.DB) error { return tx.Exec(raw).Error }); err == nil {
			t.Error("raw SQL changed rows unseen")
		}
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			return database.RawChanges(tx, []string{"areas"}, func(tx *gorm.DB) error {
				return errors.Join(tx.Exec(raw).Error,
					tx.Exec("INSERT INTO areas SELECT '45', NULL, level, name_zh, name_en, provenance FROM areas").Error)
			})
		})
		if found := unfaithful(t, db); err != nil || len(found) > 0 {
			t.Errorf("%v, %q", err, found)
		}
		if err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			return database.Unrecorded(tx).Exec(raw).Error
		}); err != nil || len(unfaithful(t, db)) != 2 {
			t.Errorf("%v, %q", err, unfaithful(t, db))
		}
	})
}

// What was changed past the service stays visible although the service changes the same
// row afterwards.
func TestALaterChangeCoversNothing(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		url := dbtest.AsOwner(t, dbtest.URL(t, dialect))
		db := dbtest.Connect(t, url, database.Options{})
		_, err := town.CreateArea(t.Context(), db, province)
		if err == nil {
			_, err = town.Create(t.Context(), db, town.Town{Code: "a", AreaCode: "44", Name: text.Same("a")})
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := people.Create(t.Context(), db, people.Person{TownID: "a", Code: "p", Name: text.Same("p")})
		if err != nil {
			t.Fatal(err)
		}
		dbtest.Tamper(t, url, "UPDATE people SET provenance = 'other'")
		p.Name = text.Same("q")
		ctx := access.WithPrincipal(t.Context(), access.Principal{Role: policy.Admin})
		if _, err := people.Update(ctx, db, p); err != nil {
			t.Fatal(err)
		}
		if found := unfaithful(t, db); len(found) != 1 || found[0] != "unrecorded people/a/p" {
			t.Errorf("%q", found)
		}
	})
}

// A row record holds no name, and no digest that is worth anything without the salt.
func TestRowRecordsHoldNoNames(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		_, err := town.CreateArea(t.Context(), db, province)
		for _, code := range []string{"a", "b"} {
			if err == nil && code == "a" {
				_, err = town.Create(t.Context(), db, town.Town{Code: "a", AreaCode: "44", Name: text.Same("a")})
			}
			if err == nil {
				_, err = people.Create(t.Context(), db, people.Person{TownID: "a", Code: code, Name: text.Same("王小明")})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		var list []audit.RowRecord
		if err := db.Where("table_name = 'people'").Order("key").Find(&list).Error; err != nil || len(list) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		digest := regexp.MustCompile(`"name_zh":\{"hmac":"[0-9a-f]{64}"\}`)
		one, two := digest.FindString(list[0].Rows), digest.FindString(list[1].Rows)
		if one == "" || one == two || strings.Contains(list[0].Rows, "小明") {
			t.Errorf("%s\n%s", list[0].Rows, list[1].Rows)
		}
	})
}

// rawWrites are the places of the program that may change rows by raw SQL, with the reason.
var rawWrites = map[string]string{
	"internal/backup/restore.go":    "rows come with their row records",
	"internal/database/changes.go":  "the definition",
	"internal/database/database.go": "the words of a comment",
}

// No other part of the program writes past what notes the rows: nobody asks for an
// unrecorded statement, or for the connection itself.
func TestNobodyWritesRowsUnseen(t *testing.T) {
	past := regexp.MustCompile(`\bUnrecorded\(|ConnPool\.ExecContext|\bRawChanges\(|` +
		`\bdb(\.WithContext\(\w+\))?\.(Exec\(.?(INSERT|UPDATE|DELETE)|(Create|CreateInBatches|Save|Delete|Updates?)\()`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.Contains(path, "/dbtest/") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), "../../")
		if found := past.FindString(string(source)); found != "" && rawWrites[name] == "" {
			t.Errorf("%s: %s", name, found)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
