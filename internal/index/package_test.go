package index

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulwark/internal/audit"
	"bulwark/internal/datafile"
	"bulwark/internal/evaluation"
	"bulwark/internal/scheme"
	"bulwark/internal/signature"
	"bulwark/internal/text"
)

const smallScheme = `{"code": "small", "version": 1, "name": {"en": "small"}, "decimals": 1, "min_coverage": 0.5, "grades": [{"code": "good", "from": 0}],
 "tree": {"code": "index", "children": [{"code": "a", "name": {"en": "a"}, "weight": 1, "children": [
  {"code": "a.1", "name": {"en": "a.1"}, "weight": 1, "entry": "reported", "rule": {"kind": "goalposts", "low": 0, "high": 3}}]}]}}`

// sealed returns the members of a package with everything in it, and the public keys.
func sealed(t *testing.T) (m map[string]string, public []string) {
	t.Helper()
	at := time.Date(2026, 7, 1, 2, 0, 0, 0, time.UTC)
	files := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	for i, algorithm := range []string{signature.Ed25519, signature.SM2} {
		key, err := signature.CreateKey(files[i], algorithm, "bulwark", at, signature.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		public = append(public, key)
	}
	signer := signature.SignerOf(files...)
	compiled := compile(t, smallScheme)
	compiled.Canonical = []byte(smallScheme)
	compiled.Hash = sha256Hex(smallScheme)
	f, err := datafile.Read(strings.NewReader("branch,kind,a.1\nb01,village,1\nb02,village,2\n"), compiled)
	if err != nil {
		t.Fatal(err)
	}
	c, err := computationOf(compiled, f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.branches {
		c.branches[i].Name = text.Text{ZH: "村，“" + c.branches[i].Code + "”", EN: `village, "x"`}
	}
	o := c.outcome(evaluation.Period{})
	run := c.receipt(evaluation.Period{TownID: "demo", Code: "2026Q2", Scheme: scheme.Ref{Code: "small", Number: 1}}, o)
	run.ID, run.CreatedAt, o.Run = "0190a6e2-7c1b-7a53-9f21-0242ac120002", at, &run
	p := Publication{TownID: "demo", PeriodCode: "2026Q2", Number: 1, RunID: run.ID, PublishedAt: at}
	note, err := signer.Sign(p.text(run, audit.Head{Sequence: 7, Hash: run.DataHash}))
	if err != nil {
		t.Fatal(err)
	}
	statements, err := signer.Statements()
	if err != nil {
		t.Fatal(err)
	}
	keys := signature.KeysOf(statements)
	return o.members(note, keys, func(string) bool { return true }, true), public
}

func zipped(t *testing.T, m map[string]string) []byte {
	t.Helper()
	b, err := packed(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// failed returns what is wrong with a package.
func failed(v Verification) (names []string) {
	for _, c := range v.Checks {
		if !c.OK {
			names = append(names, c.What)
		}
	}
	return names
}

// A package is checked with either public key, and no byte of it can be another: neither
// of a member, which is named, nor of the zip file around them.
func TestNoByteOfAPackageCanBeAnother(t *testing.T) {
	m, public := sealed(t)
	whole := zipped(t, m)
	for _, keys := range [][]string{nil, public, public[:1], public[1:]} {
		v := VerifyPackage(whole, keys)
		if !v.OK || v.Town != "demo" || v.Period != "2026Q2" {
			t.Fatalf("%v: %+v", keys, v)
		}
	}
	if !bytes.Equal(whole, zipped(t, m)) {
		t.Error("two packages of the same publication differ")
	}
	for name, content := range m {
		step := 1
		if len(content) > 1000 || name == noteFile || name == keysFile { // signatures take longer
			step = 11
		}
		for i := 0; i < len(content); i += step {
			b := []byte(content)
			b[i] ^= 1 << (i % 8)
			other := make(map[string]string, len(m))
			for n, c := range m {
				other[n] = c
			}
			other[name] = string(b)
			if bad := failed(VerifyPackage(zipped(t, other), public)); !slices.Contains(bad, name) {
				t.Fatalf("byte %d of %s: %v is wrong", i, name, bad)
			}
		}
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		if v := VerifyPackage(b, public); v.OK {
			t.Fatalf("byte %d of the zip file is not found", i)
		}
	}
}

// The description of the tables names each of their columns, and every value is of its type.
func TestADataPackageDescribesItsTables(t *testing.T) {
	m, _ := sealed(t)
	var p dataPackage
	if err := json.Unmarshal([]byte(m[dataPackageFile]), &p); err != nil {
		t.Fatal(err)
	}
	if p.Name != "bulwark-demo-2026q2-1" || p.Profile != "tabular-data-package" || len(p.Resources) != 2 {
		t.Errorf("%+v", p)
	}
	for _, r := range p.Resources {
		rows, err := csv.NewReader(strings.NewReader(m[r.Path])).ReadAll()
		if err != nil || len(rows) < 3 || len(rows[0]) != len(r.Schema.Fields) || r.Bytes != len(m[r.Path]) ||
			r.Hash != "sha256:"+sha256Hex(m[r.Path]) {
			t.Fatalf("%s: %v, %+v", r.Path, err, r)
		}
		seen := map[string]bool{}
		for n, row := range rows {
			var key []string
			for i, f := range r.Schema.Fields {
				if n == 0 && row[i] != f.Name {
					t.Errorf("%s: column %d is %s, not %s", r.Path, i, row[i], f.Name)
				}
				if _, err := strconv.ParseFloat(row[i], 64); n > 0 && f.Type != "string" && row[i] != "" && err != nil {
					t.Errorf("%s: %q is no %s", r.Path, row[i], f.Type)
				}
				if slices.Contains(r.Schema.PrimaryKey, f.Name) {
					key = append(key, row[i])
				}
			}
			if len(key) != len(r.Schema.PrimaryKey) || seen[strings.Join(key, "/")] {
				t.Errorf("%s: the key of row %d is %v", r.Path, n, key)
			}
			seen[strings.Join(key, "/")] = true
		}
	}
}

// What is left out of a package, or put into it, is found, unless it is what not
// everybody may read.
func TestMembersOfAPackage(t *testing.T) {
	m, public := sealed(t)
	without := func(names ...string) map[string]string {
		other := make(map[string]string, len(m))
		for n, c := range m {
			if !slices.Contains(names, n) {
				other[n] = c
			}
		}
		return other
	}
	for _, names := range [][]string{
		{dataFile}, {detailsFile("b01")}, {dataPackageFile}, {dataFile, detailsFile("b01"), detailsFile("b02")},
	} {
		if v := VerifyPackage(zipped(t, without(names...)), public); !v.OK {
			t.Errorf("without %v: %v", names, failed(v))
		}
	}
	for _, name := range []string{
		readmeFile, noteFile, receiptFile, keysFile, schemeFile, resultText, resultsFile, nodesFile,
	} {
		if bad := failed(VerifyPackage(zipped(t, without(name)), public)); !slices.Contains(bad, name) {
			t.Errorf("without %s: %v", name, bad)
		}
	}
	for _, name := range []string{"more.txt", detailsFile("b03"), "../x"} {
		other := without()
		other[name] = "x"
		if bad := failed(VerifyPackage(zipped(t, other), public)); !slices.Contains(bad, name) {
			t.Errorf("with %s: %v", name, bad)
		}
	}
	unsigned := without()
	unsigned[noteFile], _ = signature.Split(unsigned[noteFile])
	if bad := failed(VerifyPackage(zipped(t, unsigned), nil)); !slices.Equal(bad, []string{noteFile}) {
		t.Errorf("unsigned: %v", bad)
	}
	stranger, err := signature.CreateKey(filepath.Join(t.TempDir(), "c"), signature.Ed25519, "bulwark", time.Now(),
		signature.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	if bad := failed(VerifyPackage(zipped(t, m), []string{stranger})); !slices.Equal(bad, []string{noteFile}) {
		t.Errorf("the key of a stranger: %v", bad)
	}
	for _, content := range []string{"", "PK", "no zip file"} {
		if bad := failed(VerifyPackage([]byte(content), public)); !slices.Equal(bad, []string{"package"}) {
			t.Errorf("%q: %v", content, bad)
		}
	}
}

// Every readme that a package has ever had must stay known: add the hash of a new one.
func TestTheReadmeIsKnown(t *testing.T) {
	if hash := sha256Hex(readme); readmes[len(readmes)-1] != hash {
		t.Errorf("add %s at the end of readmes, and remove none", hash)
	}
}

// A package is written in one way, whatever becomes of the library of zip files.
func TestPackedBytes(t *testing.T) {
	b := zipped(t, map[string]string{noteFile: "x\n", detailsFile("b01"): "y", nodesFile: "z", dataFile: ""})
	const want = "147c1d12324dfaa41faae5454d6a30ea3e5cd2ae842a405eb40fefc0a8575337"
	if got := sha256Hex(string(b)); got != want {
		t.Errorf("the zip file has the hash %s", got)
	}
}
