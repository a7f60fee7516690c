package backup_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// small is a database with a few rows, one of which refers to another.
func small(t testing.TB, dialect string) *gorm.DB {
	t.Helper()
	db := dbtest.Owner(t, dbtest.Open(t, dialect))
	parent := "44"
	for _, a := range []town.Area{
		{Code: "44", Level: "province", Name: text.Same("东")},
		{Code: "4499", ParentCode: &parent, Level: "city", Name: text.Same("南")},
	} {
		if err := db.Create(&a).Error; err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// untouched fails the test when the database has any row.
func untouched(t *testing.T, db *gorm.DB) {
	t.Helper()
	if _, s := write(t, db); s.Trailer.Rows != 0 {
		t.Fatalf("%d rows were left behind", s.Trailer.Rows)
	}
}

// refused fails the test when the damaged file is taken or the words do not say
// that it is damaged.
func refused(t *testing.T, db *gorm.DB, what string, file []byte) {
	t.Helper()
	_, err := restore(t.Context(), db, file)
	if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "nothing was restored") {
		t.Fatalf("%s: %v", what, err)
	}
	var areas int64
	if err := db.Model(&town.Area{}).Count(&areas).Error; err != nil || areas != 0 {
		t.Fatalf("%s: %d areas, %v", what, areas, err)
	}
}

// stride is how many positions of a file are passed over: PostgreSQL takes longer
// to roll back, and the file is read alike.
func stride(db *gorm.DB) int {
	if database.Dialect(db) == database.PostgreSQL {
		return 9
	}
	return 1
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		file, _ := write(t, small(t, database.Dialect(db)))
		for i := 0; i < len(file); i += stride(db) {
			damaged := bytes.Clone(file)
			damaged[i] ^= 1 << (i % 8)
			refused(t, db, fmt.Sprintf("byte %d of %d", i, len(file)), damaged)
		}
		untouched(t, db)
		if _, err := restore(t.Context(), db, file); err != nil {
			t.Errorf("the file itself: %v", err)
		}
	})
}

func TestEveryCutIsFound(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		file, _ := write(t, small(t, database.Dialect(db)))
		for n := 0; n < len(file); n += stride(db) {
			refused(t, db, fmt.Sprintf("cut to %d of %d bytes", n, len(file)), file[:n])
		}
		untouched(t, db)
	})
}

func TestGarbageAroundTheFileIsFound(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		file, _ := write(t, small(t, database.Dialect(db)))
		for what, damaged := range map[string][]byte{
			"a byte behind":      append(bytes.Clone(file), 0),
			"a newline behind":   append(bytes.Clone(file), '\n'),
			"twice":              append(bytes.Clone(file), file...),
			"a second seal":      append(bytes.Clone(file), file[len(file)-40:]...),
			"a byte before":      append([]byte{0}, file...),
			"more lines":         sealed(append(file[:len(file)-40:len(file)-40], compressed("[]\n")...)),
			"no backup":          []byte("PRAGMA user_version"),
			"a seal of nothing":  sealed(nil),
			"a seal of an empty": sealed(compressed("")),
		} {
			refused(t, db, what, damaged)
		}
		untouched(t, db)
	})
}

// Below, files are damaged by someone who compresses and seals them again.

func compressed(lines string) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return z.EncodeAll([]byte(lines), nil)
}

// sealed adds the seal as docs/operations.md describes it.
func sealed(content []byte) []byte {
	sum := sha256.Sum256(content)
	return append(append(content, 0x5e, 0x2a, 0x4d, 0x18, 32, 0, 0, 0), sum[:]...)
}

func unpacked(t *testing.T, file []byte) []string {
	t.Helper()
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	content, err := z.DecodeAll(file, nil) // a skippable frame is skipped
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(content)))
}

func packed(lines []string) []byte { return sealed(compressed(strings.Join(lines, ""))) }

// counted writes all counts and hashes anew, as someone who tampers would.
func counted(lines []string) []string {
	table, rows := sha256.New(), int64(0)
	out := slices.Clone(lines)
	for i, line := range lines[:len(lines)-1] {
		var c backup.Count
		switch {
		case i == 0:
		case line[0] == '[':
			rows++
			table.Write([]byte(line))
		default:
			_ = json.Unmarshal([]byte(line), &c)
			out[i] = object(backup.Count{Table: c.Table, Rows: rows, SHA256: hex.EncodeToString(table.Sum(nil))})
			rows = 0
			table.Reset()
		}
	}
	return ended(out)
}

// ended writes the last line anew.
func ended(lines []string) []string {
	var end backup.Trailer
	whole, last := sha256.New(), len(lines)-1
	for i, line := range lines[:last] {
		whole.Write([]byte(line))
		switch {
		case i == 0:
		case line[0] == '[':
			end.Rows++
		default:
			end.Tables++
		}
	}
	end.SHA256 = hex.EncodeToString(whole.Sum(nil))
	return append(slices.Clone(lines[:last]), object(end))
}

func object(v any) string {
	line, _ := json.Marshal(v)
	return string(line) + "\n"
}

func TestTamperedLinesAreFound(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		file, _ := write(t, small(t, database.Dialect(db)))
		lines := unpacked(t, file) // header, 2 areas, their count, the counts of empty tables, trailer
		end := len(lines) - 1
		if !strings.HasPrefix(lines[1], `["44",`) || !strings.HasPrefix(lines[2], `["4499",`) ||
			!strings.Contains(lines[3], `"areas"`) {
			t.Fatalf("the file begins %s", lines[:4])
		}
		edit := func(i int, old, fresh string) func([]string) []string {
			return func(l []string) []string {
				if !strings.Contains(l[i], old) {
					t.Fatalf("no %s in %s", old, l[i])
				}
				l[i] = strings.Replace(l[i], old, fresh, 1)
				return l
			}
		}
		for what, change := range map[string]func([]string) []string{
			"rows swapped":         func(l []string) []string { l[1], l[2] = l[2], l[1]; return l },
			"tables swapped":       func(l []string) []string { l[4], l[5] = l[5], l[4]; return l },
			"row removed":          func(l []string) []string { return slices.Delete(l, 2, 3) },
			"row twice":            func(l []string) []string { return slices.Insert(l, 2, l[2]) },
			"row in another table": func(l []string) []string { l[2], l[3] = l[3], l[2]; return l },
			"table removed":        func(l []string) []string { return slices.Delete(l, 4, 5) },
			"table twice":          func(l []string) []string { return slices.Insert(l, 4, l[1:4]...) },
			"trailer removed":      func(l []string) []string { return l[:end] },
			"trailer twice":        func(l []string) []string { return append(l, l[end]) },
			"row behind the end":   func(l []string) []string { return append(l, l[1]) },
			"value changed":        edit(1, "province", "district"),
			"NULL changed":         edit(1, "null", `"44"`),
			"count changed":        edit(3, `"rows":2`, `"rows":3`),
			"total changed":        edit(end, `"rows":2`, `"rows":3`),
			"space added":          edit(3, `{`, `{ `),
			"unknown member":       edit(end, `{`, `{"a":1,`),
			"header cut":           edit(0, `{"format"`, `{"Format"`),
			"header changed":       edit(0, `"schema":`, `"schema":0`),
			"empty line":           func(l []string) []string { return slices.Insert(l, 2, "\n") },
			"no newline":           edit(end, "\n", ""),
		} {
			changed := change(slices.Clone(lines))
			refused(t, db, what, packed(changed))
			if again := ended(changed); !slices.Equal(again, lines) { // else only the trailer was changed
				refused(t, db, what+", with a new trailer", packed(again))
			}
		}
		// Even with right counts and hashes it must be what Write would have written.
		for what, change := range map[string]func([]string) []string{
			"rows swapped":      func(l []string) []string { l[1], l[2] = l[2], l[1]; return l },
			"parent removed":    func(l []string) []string { return slices.Delete(l, 1, 2) },
			"row twice":         func(l []string) []string { return slices.Insert(l, 2, l[2]) },
			"space in a row":    edit(1, `,`, `, `),
			"escape in a row":   edit(1, `province`, `p\u0072ovince`),
			"too few values":    edit(1, `"44",`, ``),
			"too many values":   edit(1, `"44",`, `"44","44",`),
			"another kind":      edit(1, `"44"`, `44`),
			"a rule is broken":  edit(1, `province`, `empire`),
			"more behind a row": edit(1, "]\n", "][]\n"),
			"no JSON":           edit(1, `"44"`, `"44`),
			"no text":           edit(1, "东", "\xff"),
			"a row is longer":   edit(1, "东", strings.Repeat("东", 50_000)+"\x01"),
		} {
			changed := packed(counted(change(slices.Clone(lines))))
			if shape := []string{
				"too few values", "too many values", "another kind", "more behind a row", "no JSON",
				"no text",
			}; slices.Contains(shape, what) {
				if err := check(changed); !fault.Is(err, fault.KindInvalid) {
					t.Errorf("%s, without a database: %v", what, err)
				}
			}
			_, err := restore(t.Context(), db, changed)
			if err == nil || !strings.Contains(err.Error(), "nothing was restored") {
				t.Errorf("%s, counted anew: %v", what, err)
			}
			untouched(t, db)
		}
		if _, err := restore(t.Context(), db, packed(counted(lines))); err != nil {
			t.Errorf("the lines as they were: %v", err)
		}
	})
}

// What another program or another schema has written is refused with what to do.
func TestOtherFormatsAndSchemasAreRefused(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		file, s := write(t, small(t, database.Dialect(db)))
		lines := unpacked(t, file)
		schema := fmt.Sprintf(`"schema":%d,`, s.Header.Schema)
		for _, c := range []struct{ old, new, says string }{
			{"bulwark backup 1", "bulwark backup 2", "restore it with the program that wrote it, bulwark test"},
			{schema, fmt.Sprintf(`"schema":%d,`, math.MaxInt32), "restore it with bulwark test or a newer one"},
			{schema, `"schema":1,`, "restore into a new database"},
			{`{"name":"level","kind":"text"}`, `{"name":"level","kind":"integer"}`, "restore into a new database"},
			{`{"name":"level","kind":"text"},`, ``, "restore into a new database"},
		} {
			if !strings.Contains(lines[0], c.old) {
				t.Fatalf("no %s in %s", c.old, lines[0])
			}
			changed := slices.Clone(lines)
			changed[0] = strings.Replace(lines[0], c.old, c.new, 1)
			_, err := restore(t.Context(), db, packed(counted(changed)))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", c.new, err)
			}
			untouched(t, db)
		}
	})
}
