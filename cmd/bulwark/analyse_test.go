package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	exampleScheme = "../../docs/examples/five-forces.json"
	exampleData   = "../../docs/examples/data.csv"
)

// The report is one file that loads nothing and runs nothing, in both languages, and the same
// each time; JSON has the names of the API.
func TestAnalyse(t *testing.T) {
	analysed := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		p := program{env: []string{"LANG=en"}, in: strings.NewReader(""), out: &out, err: &errs}
		code := run(t.Context(), p, append([]string{"analyse", "--scheme", exampleScheme, "--data", exampleData}, args...))
		return code, out.String(), errs.String()
	}
	page := filepath.Join(t.TempDir(), "report.html")
	pages := map[string]string{}
	for _, language := range []string{"zh", "en", "zh"} {
		code, _, message := analysed("--html", page, "--lang", language)
		content, err := os.ReadFile(page)
		if code != 0 || err != nil {
			t.Fatal(code, message, err)
		}
		if before := pages[language]; before != "" && before != string(content) {
			t.Error("a second report differs")
		}
		pages[language] = string(content)
		for _, bad := range []string{"<script", "http:", "https:", "ZgotmplZ", "<no value>", "src="} {
			if strings.Contains(string(content), bad) {
				t.Errorf("the report has %q", bad)
			}
		}
		if n := strings.Count(string(content), "<svg"); n < 31 {
			t.Errorf("%d drawings", n)
		}
		wellFormed(t, string(content))
	}
	if !strings.Contains(pages["zh"], "组织锻造力") || !strings.Contains(pages["en"], "organisational strength") {
		t.Error("nodes have no names")
	}
	code, out, message := analysed("--json", "--seed", "7")
	var found struct {
		Sensitivity struct {
			Seed  int
			Items []any
		}
		Removal, Burden struct{ Items []any }
		Statistics      struct{ Nodes []any }
		Screening       struct{ Indicators []any }
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 0 {
		t.Fatal(code, message, err)
	}
	if found.Sensitivity.Seed != 7 || len(found.Sensitivity.Items) != 39 || len(found.Removal.Items) != 31 ||
		len(found.Burden.Items) != 26 || len(found.Statistics.Nodes) != 32 || len(found.Screening.Indicators) != 26 {
		t.Errorf("%+v", found)
	}
	for _, args := range [][]string{{}, {"--html", page, "--lang", "fr"}} {
		if code, _, _ := analysed(args...); code != exitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	if code, _, _ := analysed("--html", exampleData); code != exitFailure {
		t.Errorf("the report replaces its input: exit code %d", code)
	}
}

// A file with the parts of a ratio leads to its funnel, drawn and listed, and one with the ratio alone to none.
func TestAnalyseDrawsFunnels(t *testing.T) {
	folder := t.TempDir()
	path := func(name, content string) string {
		full := filepath.Join(folder, name)
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return full
	}
	document := path("scheme.json", `{"code": "s", "version": 1, "name": {"zh": "样例", "en": "sample"}, "decimals": 1, "min_coverage": 0,
"quantities": [{"code": "n", "name": {"en": "settled"}}, {"code": "d", "name": {"en": "cases"}}],
"tree": {"code": "index", "children": [{"code": "rate", "name": {"zh": "办结率", "en": "settlement"}, "weight": 1, "entry": "derived",
 "derive": {"kind": "ratio", "numerator": "n", "denominator": "d", "scale": 100, "chance": "binomial"}, "rule": {"kind": "points", "max": 100}}]}}`)
	parts := path("parts.csv", "branch,n,d\nb1,8,10\nb2,30,40\nb3,160,200\nb4,100,200\nb5,322,400\nb6,9,10\n")
	whole := path("whole.csv", "branch,rate\nb1,80\nb2,75\nb3,80\nb4,50\nb5,80.5\nb6,90\n")
	page := filepath.Join(folder, "report.html")
	// 629 of 860 are settled: b3, b4 and b5 lie further from 73 % than 95 % of so large branches.
	for data, outside := range map[string]int{parts: 3, whole: 0} {
		var out, errs bytes.Buffer
		p := program{env: []string{"LANG=zh_CN.UTF-8"}, in: strings.NewReader(""), out: &out, err: &errs}
		if code := run(t.Context(), p, []string{"analyse", "--scheme", document, "--data", data, "--html", page, "--lang", "zh"}); code != 0 {
			t.Fatal(code, errs.String())
		}
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, string(content))
		if n := strings.Count(string(content), `fill="#b3261e"`); n != outside {
			t.Errorf("%s: %d dots outside", data, n)
		}
		if n := strings.Count(string(content), "<polyline"); (n == 4) != (outside > 0) || n%4 != 0 || strings.Contains(string(content), "NaN") {
			t.Errorf("%s: %d limits", data, n)
		}
	}
}

// wellFormed holds that every element of the page is closed in its order.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!DOCTYPE html>")))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta"}, xml.HTMLEntity
	var open []string
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local != "meta" {
				open = append(open, e.Name.Local)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("</%s> closes %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("open at the end: %v", open)
	}
}
