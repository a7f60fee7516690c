package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/evidence"
	"bulwark/internal/evidence/store"
	"bulwark/internal/improve/visit"
)

// photographed attaches a photo to a visit of the demo, and returns what it is.
func photographed(t *testing.T, url, folder string) evidence.Evidence {
	t.Helper()
	db := dbtest.Connect(t, url, database.Options{Now: now})
	var v visit.Visit
	if err := db.Where("state = ?", visit.Recorded).Order("id").Take(&v).Error; err != nil {
		t.Fatal(err)
	}
	p := access.Principal{Towns: []string{v.TownID}, Person: v.VisitedBy}.Holding(v.Role)
	ctx := audit.As(access.WithPrincipal(t.Context(), p), audit.Actor{Name: p.Name(), Role: string(p.Role)})
	var photo bytes.Buffer
	if err := png.Encode(&photo, image.NewRGBA(image.Rect(0, 0, 30, 20))); err != nil {
		t.Fatal(err)
	}
	e, err := evidence.Attach(ctx, db, store.NewFolder(folder), evidence.Ref{Town: v.TownID, Of: evidence.OfVisit, Record: v.ID},
		evidence.Received{Name: "a.png", Content: bytes.NewReader(photo.Bytes()), Bytes: int64(photo.Len()), SHA256: strings.Repeat("0", 64)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Files go with the commands from one kind of database into the other; where one is gone, each command says so.
func TestFilesGoWithABackup(t *testing.T) {
	for from, to := range map[string]string{database.SQLite: database.PostgreSQL, database.PostgreSQL: database.SQLite} {
		t.Run(from+" to "+to, func(t *testing.T) {
			source, target := demotest.Towns.URL(t, from), dbtest.EmptyURL(t, to)
			here, there := t.TempDir(), filepath.Join(t.TempDir(), "there")
			e := photographed(t, source, here)
			one, other := append(on(source), "BULWARK_EVIDENCE_DIR="+here), append(on(target), "BULWARK_EVIDENCE_DIR="+there)
			file := filepath.Join(t.TempDir(), "a.backup")
			runs := func(env []string, want int, words string, args ...string) {
				t.Helper()
				code, out, said := invoke(t.Context(), env, args...)
				if code != want || !strings.Contains(out+said, words) {
					t.Errorf("%q: %d, want %d with %q\n%s%s", args, code, want, words, out, said)
				}
			}
			runs(one, 0, "1 files", "backup", "--check", file)
			runs(other, 0, "restored 3 towns", "restore", file)
			runs(other, 0, "1 files of evidence verified", "verify")
			runs(other, 0, "the store of evidence can be used", "doctor")
			name := filepath.Join(there, e.SHA256[:2], e.SHA256+"-"+e.ID)
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			content[0] ^= 1
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
			runs(other, exitFailure, "evidence/"+e.ID+": the file", "verify")
			runs(other, exitFailure, "without 1 files of evidence that are missing or changed", "backup", file+"2")
			runs(nil, exitFailure, "the store has no file", "restore", "--check", file+"2")
		})
	}
}

// Where files are kept is one place, and what is wrong with it is said together.
func TestWhereFilesAreKept(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		settings []string
		want     string
	}{
		{[]string{"DATABASE_URL=sqlite:/a/b.db"}, "/a/b.db.evidence"},
		{[]string{"DATABASE_URL=postgres://u@h/n"}, "evidence"},
		{[]string{"EVIDENCE_DIR=/c"}, "/c"},
		{[]string{"EVIDENCE_S3_URL=https://s3.example.org/bucket/a/b", "EVIDENCE_S3_ACCESS_KEY=k", "EVIDENCE_S3_SECRET_FILE=" + secret}, "s3.example.org/bucket/a/b/"},
		{[]string{"EVIDENCE_S3_URL=https://s3.example.org/", "EVIDENCE_DIR=/c"}, "HOST/BUCKET|both set|goes together"},
		{[]string{"EVIDENCE_S3_URL=https://k:s@s3.example.org/b", "EVIDENCE_S3_ACCESS_KEY=k", "EVIDENCE_S3_SECRET_FILE=" + secret + "x"}, "HOST/BUCKET|cannot be read"},
		{[]string{"EVIDENCE_S3_ACCESS_KEY=k"}, "without BULWARK_EVIDENCE_S3_URL"},
	} {
		env := make([]string, len(tt.settings))
		for i, s := range tt.settings {
			env[i] = "BULWARK_" + s
		}
		cfg, err := program{env: env}.config()
		said := ""
		if err != nil {
			said = err.Error()
		} else if s, err := openStore(cfg); err != nil {
			t.Error(err)
		} else {
			said = s.String()
		}
		for want := range strings.SplitSeq(tt.want, "|") {
			if !strings.Contains(said, want) || strings.Contains(said, "k:s@") {
				t.Errorf("%q: %s, want %q", tt.settings, said, want)
			}
		}
	}
}
