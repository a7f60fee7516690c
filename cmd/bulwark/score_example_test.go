package main

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

var update = flag.Bool("update", false, "write docs/examples and testdata anew")

const examples = "../../docs/examples/"

// golden compares with a file, or writes it under -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale or wrong: see what changed with go test ./cmd/bulwark -update and git diff\n%.2000s", name, got)
	}
}

// The example scheme is the shipped one, in the order of its fields.
func TestExampleScheme(t *testing.T) {
	d, err := scheme.FiveForces()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(d, jsonv1.OmitEmptyWithLegacySemantics(true), json.Deterministic(true),
		jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, examples+"five-forces.json", append(raw, '\n'))
	again, err := scheme.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := d.Canonical()
	if got, _ := again.Canonical(); !bytes.Equal(got, want) {
		t.Error("the file is another scheme than the shipped one")
	}
}

// The example data are invented: 40 branches with a lasting strength each.
func TestExampleData(t *testing.T) {
	d, err := scheme.FiveForces()
	if err != nil {
		t.Fatal(err)
	}
	c, err := scheme.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	header := []string{"branch", "name", "class", "kind", "adjustments"}
	for _, n := range c.Indicators {
		header = append(header, n.Code)
	}
	rows := [][]string{header}
	random := rand.New(rand.NewPCG(2023, 40))
	for n := range 40 {
		rows = append(rows, exampleBranch(c, random, n))
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	golden(t, examples+"data.csv", b.Bytes())
}

func exampleBranch(c *scheme.Compiled, random *rand.Rand, n int) []string {
	class, kind := []string{"urban", "suburban", "rural"}[n%3], "community"
	if class == "rural" {
		kind = "village"
	}
	row := []string{
		fmt.Sprintf("b%02d", n+1), fmt.Sprintf("示例%s%s", numeral(n+1),
			map[string]string{"village": "村", "community": "社区"}[kind]), class, kind,
		map[int]string{3: "top-ten", 7: "honour;honour", 18: "notified", 26: "top-ten;honour", 32: "forged-data"}[n],
	}
	strength := 0.55 + 0.4*bell(random)
	for i, leaf := range c.Indicators {
		level := min(1, strength-0.15+0.3*bell(random))
		switch chance := random.IntN(100); {
		case leaf.Waivable && chance < 20:
			row = append(row, "n/a") // no plan, so nothing to close
		case chance < 2 || n == 12 && i%3 == 0:
			row = append(row, "")
		default:
			row = append(row, exampleValue(leaf, level))
		}
	}
	return row
}

// exampleValue is the raw value that scores the level.
func exampleValue(leaf *scheme.Node, level float64) string {
	x := 0.0
	switch rule := leaf.Rule.Rule.(type) {
	case *composite.Goalposts:
		x = rule.Low + (rule.High-rule.Low)*level
	case *composite.Deduct:
		x = 100 * (1 - level) / rule.Per
	}
	decimals := 1
	if leaf.Decimals != nil && *leaf.Decimals == 0 {
		decimals = 0
	}
	return strconv.FormatFloat(stats.Round(max(x, 0), decimals), 'f', -1, 64)
}

// bell is between 0 and 1, mostly in the middle.
func bell(random *rand.Rand) float64 {
	return float64(random.IntN(100)+random.IntN(100)+random.IntN(100)) / 297
}

// numeral writes 1 to 40 in Chinese.
func numeral(n int) string {
	digits := []string{"", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	tens := []string{"", "十", "二十", "三十", "四十"}
	return tens[n/10] + digits[n%10]
}

// The examples of docs/score.md are what the command really prints.
func TestScorePage(t *testing.T) {
	t.Chdir("../..")
	page, err := os.ReadFile("docs/score.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(page), "```\n$ bulwark ")[1:]
	if len(examples) != 2 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, example := range examples {
		example, _, _ = strings.Cut(example, "```")
		command, want, _ := strings.Cut(example, "\n")
		_, out, said := invoke(t.Context(), nil, strings.Fields(command)...)
		got := out + strings.TrimPrefix(said, "bulwark score: \n")
		if want, more := strings.CutSuffix(want, "…\n"); !strings.HasPrefix(got, want) || !more && got != want {
			t.Errorf("%s prints\n%s", command, got)
		}
	}
}
