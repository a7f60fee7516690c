package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scoring runs the command on a scheme and data, each a file unless it is "-".
func scoring(t *testing.T, stdin, schemeFile, dataFile string, more ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), program{nil, strings.NewReader(stdin), &o, &e},
		append([]string{"score", "--scheme", schemeFile, "--data", dataFile}, more...))
	return code, o.String(), e.String()
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestScoreExample(t *testing.T) {
	for name, args := range map[string][]string{
		"table.txt": nil, "scores.csv": {"--format", "csv"}, "exact.csv": {"--format", "csv", "--exact"},
		"scores.json": {"--format", "json"},
	} {
		code, out, err := scoring(t, "", examples+"five-forces.json", examples+"data.csv", args...)
		if code != 0 || err != "" {
			t.Fatalf("%s: code %d, %s", name, code, err)
		}
		golden(t, "testdata/score/"+name, []byte(out))
	}
}

// small has one of everything that needs words: flags, outliers, failures, vetoes.
const small = `{"code": "small", "version": 2, "name": {"zh": "小指数", "en": "small index"}, "decimals": 1, "min_coverage": 0.5,
 "tree": {"code": "index", "children": [
  {"code": "a", "name": {"zh": "甲", "en": "a dimension with a long name"}, "weight": 1, "children": [
   {"code": "a.1", "name": {"en": "x"}, "weight": 1, "entry": "reported", "rule": {"kind": "minmax"}, "treat": {"kind": "winsorise"}},
   {"code": "a.2", "name": {"en": "y"}, "weight": 1, "entry": "reported", "rule": {"kind": "minmax"}, "peers": "class"}]},
  {"code": "b", "name": {"zh": "乙", "en": "second"}, "weight": 1, "entry": "reported", "rule": {"kind": "goalposts", "low": 0, "high": 10}, "missing": {"kind": "fail"}}]},
 "adjustments": {"vetoes": [{"code": "fire", "name": {"en": "fire"}, "effect": {"kind": "cap_score", "score": 20}}]}}`

const smallData = "branch,name,class,adjustments,a.1,a.2,b\n" +
	"v1,甲村,p,,1,5,9\nv2,e\u0301é村,p,,2,5,8\nv3,,q,fire,3,1,7\nv4,乙社区,q,,4,2,6\nv5,Ａ,q,,5,3,\nv6,,q,,,,1\nv7,,q,,1000,2,3\n"

func TestScoreInWords(t *testing.T) {
	schemeFile, dataFile := file(t, "s.json", "\ufeff"+small), file(t, "d.csv", smallData)
	for name, c := range map[string]struct {
		language string
		args     []string
	}{
		"small-en.txt": {"en", nil}, "small-zh.txt": {"zh_CN.UTF-8", nil},
		"small.json": {"en", []string{"--format", "json"}}, "small.csv": {"en", []string{"--format", "csv"}},
	} {
		code, out, err := invoke(t.Context(), []string{"LANG=" + c.language},
			append([]string{"score", "--scheme", schemeFile, "--data", dataFile}, c.args...)...)
		if code != 0 || err != "" {
			t.Fatalf("%s: code %d, %s", name, code, err)
		}
		golden(t, "testdata/score/"+name, []byte(out))
	}
}

// All three formats tell the same figures.
func TestScoreFormatsAgree(t *testing.T) {
	_, asCSV, _ := scoring(t, "", examples+"five-forces.json", examples+"data.csv", "--format", "csv", "--exact")
	_, asJSON, _ := scoring(t, "", examples+"five-forces.json", examples+"data.csv", "--format", "json", "--exact")
	rows, err := csv.NewReader(strings.NewReader(asCSV)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Items, Insufficient []struct {
			Rank, ClassRank int `json:",omitempty"`
			Branch          struct{ Code, Class string }
			Score, Coverage json.Number
			Grade           string
			Nodes           map[string]json.Number
		}
	}
	if err := json.Unmarshal([]byte(asJSON), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Items) != 39 || len(document.Insufficient) != 1 || len(rows) != 41 {
		t.Fatalf("%d items, %d insufficient, %d rows", len(document.Items), len(document.Insufficient), len(rows))
	}
	for i, item := range append(document.Items, document.Insufficient...) {
		row := rows[i+1]
		if row[0] != item.Branch.Code || row[1] != item.Branch.Class || row[2] != string(item.Score) ||
			row[3] != item.Grade || row[6] != string(item.Coverage) {
			t.Errorf("%v is %+v in JSON", row, item)
		}
		for n, code := range rows[0][7:] {
			if row[7+n] != string(item.Nodes[code]) {
				t.Errorf("%s %s: %s is %s in JSON", row[0], code, row[7+n], item.Nodes[code])
			}
		}
	}
}

func TestScoreOfNobody(t *testing.T) {
	header := strings.SplitAfter(smallData, "\n")[0]
	for format, want := range map[string]string{
		"csv":   "branch,class,score,grade,rank,class_rank,coverage,index,a,a.1,a.2,b\n",
		"json":  `"items":[],"insufficient":[],"flags":[],"treated":[]}` + "\n",
		"table": "small index (small, version 2): 0 of 0 branches scored\n",
	} {
		code, out, err := scoring(t, header, file(t, "s.json", small), "-", "--format", format)
		if code != 0 || err != "" || !strings.Contains(out, want) {
			t.Errorf("%s: code %d, %s%s", format, code, out, err)
		}
	}
}

func TestScoreRefuses(t *testing.T) {
	header := strings.SplitAfter(smallData, "\n")[0]
	for name, c := range map[string]struct {
		scheme, data string
		want         []string
	}{
		"no scheme file": {"", smallData, []string{"cannot read", "none.json: no such file or directory"}},
		"no data file":   {small, "", []string{"cannot read", "none.csv: no such file or directory"}},
		"no JSON":        {"{", smallData, []string{"s.json: : cannot read this", "at byte 1"}},
		"twice":          {small + small, smallData, []string{"cannot read this"}},
		"unknown member": {strings.Replace(small, `"decimals"`, `"decimal"`, 1), smallData, []string{"s.json: /decimal: "}},
		"faulty scheme": {strings.NewReplacer(`"decimals": 1`, `"decimals": 99`, `"weight": 1, "entry"`, `"weight": -1, "entry"`).Replace(small), smallData, []string{
			"s.json: /decimals: give 0 to 9 decimals\n",
			"/tree/children/0/children/0/weight: the weight is -1: give one above 0\n", "/tree/children/1/weight",
		}},
		"wrong header": {
			small, "branch,klass,a.1,a.2\n", []string{
				"d.csv:1: \"klass\": the scheme has no such column: is it \"class\"?\n", "d.csv:1: b: the column is missing",
			},
		},
		"wrong cells": {small, header + "v1,,p,,1_000,NaN,1\nv1,,p,,1,1,1\n", []string{
			"bulwark score: \n", "d.csv:2: a.1: \"1_000\": remove the underscores\n", "d.csv:2: a.2: \"NaN\": leave",
			"d.csv:3: branch: \"v1\": the branch is on line 2 already\n",
		}},
		"workbook": {small, "PK\x03\x04", []string{"d.csv:1: this is an Excel workbook"}},
		"many":     {small, header + strings.Repeat(",,p,,x,x,x\n", 200), []string{"and 700 more\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			schemeFile, dataFile := filepath.Join(dir, "none.json"), filepath.Join(dir, "none.csv")
			if c.scheme != "" {
				schemeFile = file(t, "s.json", c.scheme)
			}
			if c.data != "" {
				dataFile = file(t, "d.csv", c.data)
			}
			target := filepath.Join(dir, "out.csv")
			if err := os.WriteFile(target, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, said := scoring(t, "", schemeFile, dataFile, "--out", target)
			if code != exitFailure || out != "" || read(t, target) != "before" {
				t.Errorf("code %d, printed %q, target holds %q", code, out, read(t, target))
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in\n%s", want, said)
				}
			}
			if left, _ := filepath.Glob(target + ".*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestScoreSpeaksChinese(t *testing.T) {
	code, _, said := invoke(t.Context(), []string{"LANG=zh_CN.UTF-8"}, "score", "--scheme", file(t, "s.json", small),
		"--data", file(t, "d.csv", "branch,a.1,a.2\n"))
	if code != exitFailure || !strings.Contains(said, "缺少此列") {
		t.Errorf("code %d, %s", code, said)
	}
}

func TestScoreCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"":                           "give --scheme and --data",
		"--scheme s.json":            "give --scheme and --data",
		"--format xml":               `no format "xml"`,
		"--scheme s --data d --fast": "see bulwark score -h",
		"more":                       `unexpected argument "more"`,
	} {
		if code, _, said := invoke(t.Context(), nil,
			append([]string{"score"}, strings.Fields(args)...)...); code != exitUsage || !strings.Contains(said, want) {
			t.Errorf("%q: code %d, %s", args, code, said)
		}
	}
}

func TestScoreReplacesItsOutput(t *testing.T) {
	schemeFile, dataFile := file(t, "s.json", small), file(t, "d.csv", smallData)
	target := filepath.Join(t.TempDir(), "out.csv")
	link := filepath.Join(t.TempDir(), "link.csv")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	_, want, _ := scoring(t, "", schemeFile, dataFile, "--format", "csv")
	for _, name := range []string{target, target, link} {
		if code, out, said := scoring(t, "", schemeFile, dataFile, "--format", "csv", "--out", name); code != 0 ||
			out != "" || read(t, target) != want {
			t.Errorf("%s: code %d, %s%s", name, code, out, said)
		}
	}
	if there, err := os.Lstat(link); err != nil || there.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
	entries, _ := os.ReadDir(filepath.Dir(target))
	if len(entries) != 1 {
		t.Errorf("%d files in the directory", len(entries))
	}
}

// What cannot be finished leaves the target as it was, and nothing beside it.
func TestReplaceIsAllOrNothing(t *testing.T) {
	target := file(t, "out.csv", "before")
	failed := errors.New("half way")
	err := replace(target, func(w *bufio.Writer) error {
		w.WriteString(strings.Repeat("x", 1<<20)) //nolint:errcheck // it is given up anyway
		return failed
	})
	if entries, _ := os.ReadDir(filepath.Dir(target)); !errors.Is(err, failed) || read(t, target) != "before" ||
		len(entries) != 1 {
		t.Errorf("%v, the target holds %.20q, %d files", err, read(t, target), len(entries))
	}
}

func TestScoreDestroysNothing(t *testing.T) {
	schemeFile, dataFile := file(t, "s.json", small), file(t, "d.csv", smallData)
	// A socket stands for devices: without the guard, as root, /dev/null would be lost.
	device := filepath.Join(t.TempDir(), "s")
	socket, err := net.Listen("unix", device)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for target, want := range map[string]string{
		dataFile: "it is the input", schemeFile: "it is the input", t.TempDir(): "not a regular file",
		device: "not a regular file", filepath.Join(t.TempDir(), "no", "out.csv"): "no such file or directory",
	} {
		if code, _, said := scoring(t, "", schemeFile, dataFile, "--out", target); code != exitFailure ||
			!strings.Contains(said, want) {
			t.Errorf("%s: code %d, %s", target, code, said)
		}
	}
	if read(t, dataFile) != smallData || read(t, schemeFile) != small {
		t.Error("an input was changed")
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestScoreTellsOfAFullDisk(t *testing.T) {
	schemeFile, dataFile := file(t, "s.json", small), file(t, "d.csv", smallData)
	for _, format := range []string{"table", "csv", "json"} {
		var said bytes.Buffer
		if code := run(t.Context(), program{nil, nil, full{}, &said}, []string{
			"score", "--scheme", schemeFile, "--data", dataFile, "--format", format,
		}); code != exitFailure || !strings.Contains(said.String(), "no space left") {
			t.Errorf("%s: code %d, %s", format, code, said.String())
		}
	}
}

func TestScoreStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, out, said := invoke(ctx, nil, "score", "--scheme", file(t, "s.json", small), "--data",
		"-"); code != exitFailure || out != "" || !strings.Contains(said, "canceled") {
		t.Errorf("code %d, %s%s", code, out, said)
	}
}
