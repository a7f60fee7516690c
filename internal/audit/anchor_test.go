package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/signature"
)

func TestAnchorsAreKeptForEveryChainThatMoved(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		path := filepath.Join(t.TempDir(), "anchors")
		happens := func(town string) {
			t.Helper()
			if err := database.InTx(t.Context(), db,
				func(tx *gorm.DB) error { return write(t.Context(), tx, town, "a") }); err != nil {
				t.Fatal(err)
			}
		}
		file, err := audit.OpenAnchors(path)
		if err != nil {
			t.Fatal(err)
		}
		keep := func(want int) {
			t.Helper()
			if n, err := file.Keep(t.Context(), db); err != nil || n != want {
				t.Errorf("kept %d, %v; want %d", n, err, want)
			}
		}
		keep(0)
		happens("")
		happens("x")
		happens("x")
		keep(2)
		keep(0)
		happens("x")
		if file, err = audit.OpenAnchors(path); err != nil { // a new start
			t.Fatal(err)
		}
		keep(1)
		anchors, err := audit.LoadAnchors(path)
		if err != nil || len(anchors) != 3 || anchors[0].TownID != "" || anchors[2].Sequence != 3 {
			t.Fatalf("%v, %v", anchors, err)
		}
		for town, want := range map[string]int64{"": 1, "x": 2, "y": 0} {
			r, err := audit.Verify(t.Context(), db, town, anchors)
			if err != nil || !r.OK || r.Anchors != want {
				t.Errorf("%q: %+v, %v", town, r, err)
			}
		}
	})
}

// A chain that has gone back is told at once, and its anchor stays.
func TestAChainThatWentBackIsTold(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		path := filepath.Join(t.TempDir(), "anchors")
		file, err := audit.OpenAnchors(path)
		if err != nil {
			t.Fatal(err)
		}
		long(t, db)
		if n, err := file.Keep(t.Context(), db); n != 2 || err != nil {
			t.Fatalf("kept %d, %v", n, err)
		}
		was, _ := os.ReadFile(path)
		disarm(t, db)
		for _, change := range []string{
			"UPDATE audit_heads SET sequence = 3 WHERE town_id = 'x'",
			"UPDATE audit_heads SET sequence = 60, hash = 'x' WHERE town_id = 'x'",
			"UPDATE audit_heads SET sequence = 61, hash = 'x' WHERE town_id = 'x'",
			"DELETE FROM audit_heads WHERE town_id = 'x'",
		} {
			if err := db.Exec(change).Error; err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, was, 0o600); err != nil {
				t.Fatal(err)
			}
			if file, err = audit.OpenAnchors(path); err != nil {
				t.Fatal(err)
			}
			if n, err := file.Keep(t.Context(), db); n != 0 || !fault.Is(err, fault.KindConflict) || file.Differing() != 1 {
				t.Errorf("%s: kept %d, %v", change, n, err)
			}
			if now, _ := os.ReadFile(path); !strings.HasPrefix(string(now), string(was)) ||
				!strings.HasSuffix(string(now), " differs #\n") || strings.Count(string(now), "\n") != 3 {
				t.Errorf("the file was\n%s\nand is\n%s", was, now)
			}
		}
	})
}

// A trail that was laid anew gets no anchor, however it goes on, and although it is put
// back, until there is another file. The other trails get theirs.
func TestATrailThatDiffersGetsNoMoreAnchors(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		path := filepath.Join(t.TempDir(), "anchors")
		file, err := audit.OpenAnchors(path)
		if err != nil {
			t.Fatal(err)
		}
		long(t, db)
		if n, err := file.Keep(t.Context(), db); n != 2 || err != nil {
			t.Fatalf("kept %d, %v", n, err)
		}
		disarm(t, db)
		was := stored(t, db)
		forged := was.clone()
		forged.records[20].Actor = "nobody"
		forged.relink(20, len(forged.records))
		forged.rehead()
		happens := func() {
			t.Helper()
			for _, town := range []string{"x", ""} {
				if err := database.InTx(t.Context(), db,
					func(tx *gorm.DB) error { return write(t.Context(), tx, town, "a") }); err != nil {
					t.Fatal(err)
				}
			}
		}
		differs := func(how string, kept int) {
			t.Helper()
			n, err := file.Keep(t.Context(), db)
			if n != kept || !fault.Is(err, fault.KindConflict) || file.Differing() != 1 {
				t.Errorf("%s: kept %d, %d differ: %v", how, n, file.Differing(), err)
			}
		}
		if err := forged.store(db, was); err != nil {
			t.Fatal(err)
		}
		if r, err := audit.Verify(t.Context(), db, "x", nil); err != nil || !r.OK {
			t.Fatalf("not well forged: %+v, %v", r, err)
		}
		happens()
		differs("forged", 1)
		differs("again", 0)
		if err := was.store(db, stored(t, db)); err != nil {
			t.Fatal(err)
		}
		differs("put back", 0)
		if file, err = audit.OpenAnchors(path); err != nil { // a new start
			t.Fatal(err)
		}
		differs("after a new start", 0)
		anchors, err := audit.LoadAnchors(path)
		if err != nil || len(anchors) != 3 || anchors[2].TownID != "" {
			t.Errorf("%v, %v", anchors, err)
		}
		if file, err = audit.OpenAnchors(path + ".next"); err != nil {
			t.Fatal(err)
		}
		if n, err := file.Keep(t.Context(), db); n != 2 || err != nil || file.Differing() != 0 {
			t.Errorf("with another file: kept %d, %v", n, err)
		}
	})
}

const line = "2023-07-01T01:02:03Z demo 42 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"

func TestALineTornByACrashIsNoAnchor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(path, []byte(line+line[:40]), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := audit.OpenAnchors(path); err != nil {
			t.Fatal(err)
		}
		if anchors, err := audit.LoadAnchors(path); err != nil || len(anchors) != 1 || anchors[0].String()+"\n" != line {
			t.Errorf("%v, %v", anchors, err)
		}
	}
	if data, _ := os.ReadFile(path); string(data) != line+line[:40]+"#\n" {
		t.Errorf("the file is now %q", data)
	}
}

func TestWhatIsNoAnchorIsRefused(t *testing.T) {
	for _, bad := range []string{
		"demo 42 9f86", strings.Replace(line, "42", "0", 1), strings.Replace(line, "42", "x", 1),
		strings.Replace(line, "2023-07-01T01:02:03Z", "yesterday", 1),
		strings.Replace(line, "9f", "9F", 1), strings.Replace(line, "9f", "", 1), strings.Replace(line, "demo", "/", 1),
	} {
		if _, _, err := audit.ReadAnchors(strings.NewReader(line + bad)); !fault.Is(err, fault.KindInvalid) ||
			!strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := audit.OpenAnchors(filepath.Join(t.TempDir(), "none", "anchors")); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

// A line of a signed anchor is its note in one line: the text can be written again from
// it. Lines from before there was a key are read as they are.
func TestSignedAnchors(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		dir := t.TempDir()
		path, key := filepath.Join(dir, "anchors.txt"), filepath.Join(dir, "signing.key")
		happens := func() {
			t.Helper()
			err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
				return audit.Write(t.Context(), tx, audit.Change{Town: "x", Action: "a.b"})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		open := func() *audit.AnchorFile {
			t.Helper()
			file, err := audit.OpenAnchors(path)
			if err != nil {
				t.Fatal(err)
			}
			return file
		}
		happens()
		if n, err := open().Keep(t.Context(), db); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if _, err := signature.CreateKey(key, signature.Ed25519, "bulwark", time.Now().UTC(), signature.Keys{}); err != nil {
			t.Fatal(err)
		}
		happens()
		file := open()
		file.Sign = signature.SignerOf(key).Sign
		if n, err := file.Keep(t.Context(), db); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		happens()
		file.Sign = func(string) (string, error) { return "", errors.New("no key") }
		if n, err := file.Keep(t.Context(), db); n != 1 || err == nil {
			t.Errorf("%d anchors without the key, %v: an unsigned one is better than none", n, err)
		}
		anchors, err := audit.LoadAnchors(path)
		if err != nil || len(anchors) != 3 || anchors[0].Signatures != "" || anchors[2].Signatures != "" {
			t.Fatalf("%+v, %v", anchors, err)
		}
		statements, err := signature.SignerOf(key).Statements()
		if err != nil {
			t.Fatal(err)
		}
		keys, signed := signature.KeysOf(statements), anchors[1]
		if text, by, err := keys.Open(signed.Note(), time.Now()); err != nil || len(by) != 1 || text != signed.Text() {
			t.Errorf("%q by %v, %v", text, by, err)
		}
		for _, other := range []audit.Anchor{
			{Seen: signed.Seen.Add(time.Second), Head: signed.Head, Signatures: signed.Signatures},
			{Seen: signed.Seen, Head: anchors[2].Head, Signatures: signed.Signatures},
			{Seen: signed.Seen, Head: signed.Head},
		} {
			if _, _, err := keys.Open(other.Note(), time.Now()); err == nil {
				t.Errorf("%s is opened", other)
			}
		}
		for _, line := range []string{
			signed.String() + " — bulwark", strings.Replace(signed.String(), "—", "-", 1), anchors[0].String() + " x",
		} {
			if _, _, err := audit.ReadAnchors(strings.NewReader(line)); err == nil {
				t.Errorf("%q is an anchor", line)
			}
		}
		if r, err := audit.Verify(t.Context(), db, "x", anchors); err != nil || !r.OK || r.Anchors != 3 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
