package scheme_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
)

// Every fault of a document is told at once, each at its place.
func TestCompileListsEveryFault(t *testing.T) {
	const document = `{"code":"a b","name":{},"decimals":12,"min_coverage":2,
"quantities":[{"code":"q","name":{"zh":"量"},"decimals":9},{"code":"q","name":{}},{"code":"rank","name":{"zh":"x"}}],
"tree":{"code":"index","unit":"%","entry":"rated","children":[
 {"code":"q","name":{"zh":"与量同名"},"weight":0,"entry":"guessed","rule":{"kind":"points","max":10}},
 {"code":"c","name":{"zh":"x"},"weight":1,"entry":"derived","rule":{"kind":"minmax"},"range":{"min":2,"max":1}},
 {"code":"d","name":{"zh":"y"},"weight":1,"entry":"derived","derive":{"kind":"ratio","numerator":"q","denominator":"z","scale":0},"rule":{"kind":"levels","levels":{}}},
 {"code":"e","weight":1,"entry":"reported","derive":{"kind":"ratio","numerator":"q","denominator":"q","scale":1},"combine":{"kind":"mean"},"rule":{"kind":"goalposts","low":1,"high":1}},
 {"code":"c","name":{"zh":"z"},"weight":1,"entry":"reported"}]},
"adjustments":{"bonus":{"cap":5,"items":[{"code":"x","name":{},"points":1}]},
 "vetoes":[{"code":"v","name":{},"effect":{"kind":"cap_grade","grade":"none"}},{"code":"w","name":{"zh":"x"},"effect":{"kind":"cap_score"}}]},
"grades":[{"code":"g","from":50},{"code":"h","from":60}]}`
	d, err := scheme.Decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	_, err = scheme.Compile(d)
	code, at := faults(err)
	want := []string{
		"/code", "/name", "/version", "/decimals", "/min_coverage",
		"/quantities/0/decimals", "/quantities/1/code", "/quantities/1/name", "/quantities/2/code",
		"/tree/entry", "/tree/unit", "/tree/children/0/code", "/tree/children/0/entry", "/tree/children/0/weight",
		"/tree/children/1/range", "/tree/children/1/derive/kind",
		"/tree/children/2/derive/denominator", "/tree/children/2/derive/scale", "/tree/children/2/entry",
		"/tree/children/2/rule/levels",
		"/tree/children/3/name", "/tree/children/3/derive", "/tree/children/3/combine", "/tree/children/3/rule/high",
		"/tree/children/4/code", "/tree/children/4/rule",
		"/adjustments/bonus/items/0/name", "/adjustments/vetoes/0/name", "/adjustments/vetoes/0/effect/grade",
		"/adjustments/vetoes/1/effect/score", "/grades/1/from",
	}
	slices.Sort(want)
	slices.Sort(at)
	if code != "invalid" || !fault.Is(err, fault.KindInvalid) {
		t.Errorf("got %s: %v", code, err)
	}
	for _, p := range want {
		if !slices.Contains(at, p) {
			t.Errorf("nothing is told at %s", p)
		}
	}
	for _, p := range at {
		if !slices.Contains(want, p) {
			t.Errorf("told at %s, where all is well", p)
		}
	}
	if len(slices.Compact(at)) != len(want) {
		t.Error("a place is told twice")
	}
}

// One mistake at a time, with the code that programs see.
func TestCompileNamesTheFault(t *testing.T) {
	for _, tt := range []struct{ old, new, code, at string }{
		{`"code":"s"`, `"code":""`, "bad_code", "/code"},
		{`"name":{"zh":"小"}`, `"name":{}`, "name_missing", "/name"},
		{`"name":{"zh":"小"}`, `"name":{"zh":"上\n下"}`, "bad_text", "/name/zh"},
		{`"name":{"zh":"小"}`, `"name":{"zh":"` + strings.Repeat("长", 201) + `"}`, "too_long", "/name/zh"},
		{`"version":1`, `"version":0`, "bad_version", "/version"},
		{`"code":"b"`, `"code":"a"`, "duplicate_code", "/tree/children/1/code"},
		{`"code":"b"`, `"code":"score"`, "reserved_code", "/tree/children/1/code"},
		{`"code":"b"`, `"code":"change_rank"`, "reserved_code", "/tree/children/1/code"},
		{`"name":{"zh":"乙"}`, `"name":{"zh":"甲"}`, "duplicate_name", "/tree/children/1/name"},
		{`"name":{"zh":"乙"}`, `"name":{"zh":"乙","en":"甲"}`, "duplicate_name", "/tree/children/1/name"},
		{`"weight":3`, `"weight":-3`, "weight_not_positive", "/tree/children/1/weight"},
		{`"low":0`, `"low":200`, "direction_contradicts_goalposts", "/tree/children/0/rule/low"},
		{`"from":5,"points":90`, `"from":0,"points":90`, "bands_not_ascending", "/tree/children/1/rule/bands/1/from"},
		{`"weight":3`, `"weight":3,"combine":{"kind":"mean"}`, "only_for_rated", "/tree/children/1/combine"},
		{`"weight":3`, `"weight":3,"reporters":["secretary","reader"]`, "unknown_reporter", "/tree/children/1/reporters/1"},
		{`"weight":3`, `"weight":3,"decimals":7`, "bad_decimals", "/tree/children/1/decimals"},
		{`"from":0}]}`, `"from":1}]}`, "last_grade_not_zero", "/grades/1/from"},
	} {
		d, err := scheme.Decode([]byte(strings.Replace(small, tt.old, tt.new, 1)))
		if err != nil {
			t.Errorf("%s: %v", tt.new, err)
			continue
		}
		_, err = scheme.Compile(d)
		var told []string
		for _, f := range fieldsOf(err) {
			told = append(told, f.Code+" "+f.Pointer)
			if f.Message.ZH == "" || f.Message.EN == "" {
				t.Errorf("%s: no words in one language: %+v", tt.code, f.Message)
			}
		}
		if !slices.Equal(told, []string{tt.code + " " + tt.at}) {
			t.Errorf("%s: told %q, want %s at %s", tt.new, told, tt.code, tt.at)
		}
	}
}

// The Chinese reader learns of every mistake that package composite can find.
func TestEveryFaultHasChineseWords(t *testing.T) {
	sources, err := filepath.Glob("../../pkg/composite/*.go")
	must(t, err)
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	found := map[string]bool{}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		must(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 { // a report is r(place, code, words, …)
				return true
			}
			if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "r" {
				return true
			}
			if literal, ok := call.Args[1].(*ast.BasicLit); ok {
				if code, err := strconv.Unquote(literal.Value); err == nil && snake.MatchString(code) {
					found[code] = true
				}
			}
			return true
		})
	}
	if len(found) < 40 {
		t.Fatalf("found %d codes: the source reports in another way than this test reads", len(found))
	}
	for code := range found {
		if scheme.Chinese(code) == "" {
			t.Errorf("%s has no Chinese words", code)
		}
	}
}

// Codes stand in data files, URLs and lists separated by marks; what could have
// been chosen otherwise is checked like the rest.
func TestCodesAndChoicesAreChecked(t *testing.T) {
	for _, c := range []struct {
		change        func(*scheme.Document)
		code, pointer string
	}{
		{
			func(d *scheme.Document) { d.Tree.Children[0].Children[0].Code = "adjustments" }, "reserved_code",
			"/tree/children/0/children/0/code",
		},
		{
			func(d *scheme.Document) { d.Adjustments.Bonus.Items[0].Code = "a;b" }, "bad_code",
			"/adjustments/bonus/items/0/code",
		},
		{func(d *scheme.Document) { d.Adjustments.Vetoes[1].Code = "一票" }, "bad_code", "/adjustments/vetoes/1/code"},
		{func(d *scheme.Document) { d.Grades[2].Code = "=1+1" }, "bad_code", "/grades/2/code"},
		{
			func(d *scheme.Document) { d.Uncertainty = &scheme.Uncertainty{WeightSpread: 1} }, "spread_out_of_range",
			"/uncertainty/weight_spread",
		},
		{func(d *scheme.Document) {
			d.Uncertainty = &scheme.Uncertainty{Missing: []composite.MissingKind{"zero", "fail"}}
		}, "missing_fails", "/uncertainty/missing/1/kind"},
		{func(d *scheme.Document) {
			d.Uncertainty = &scheme.Uncertainty{Aggregations: []composite.Aggregation{{Kind: "mode"}}}
		}, "unknown_aggregation", "/uncertainty/aggregations/0/kind"},
		{func(d *scheme.Document) { d.Scale = 1000 }, "scale_without_sum", "/scale"},
		{func(d *scheme.Document) {
			d.Tree.Children[0].Aggregation.Kind = composite.Sum
			d.Tree.Children[0].Children[0].Weight = 77
		}, "sum_not_100", "/tree/children/0/aggregation/kind"},
		{func(d *scheme.Document) {
			d.Tree.Children[0].Over = &scheme.Over{Periods: []string{"q1"}}
		}, "only_for_indicators", "/tree/children/0/over"},
		{func(d *scheme.Document) {
			d.Tree.Children[0].Children[0].Rule = &scheme.Rule{Rule: &composite.PointsRule{Max: 9}}
			d.Tree.Children[0].Children[0].Over = &scheme.Over{Periods: []string{"q1"}}
		}, "nothing_to_fit", "/tree/children/0/children/0/over"},
		{func(d *scheme.Document) {
			d.Tree.Children[0].Children[0].Over = &scheme.Over{}
		}, "bad_periods", "/tree/children/0/children/0/over/periods"},
		{func(d *scheme.Document) {
			d.Tree.Children[0].Children[0].Over = &scheme.Over{Periods: []string{"q1", "q1"}}
		}, "duplicate_code", "/tree/children/0/children/0/over/periods/1"},
	} {
		d, err := scheme.FiveForces()
		if err != nil {
			t.Fatal(err)
		}
		c.change(&d)
		_, err = scheme.Compile(d)
		var e *fault.Error
		if !errors.As(err, &e) || !slices.ContainsFunc(e.Fields, func(f fault.FieldError) bool {
			return f.Pointer == c.pointer && f.Code == c.code && f.Message.ZH != ""
		}) {
			t.Errorf("want %s at %s, got %v", c.code, c.pointer, err)
		}
	}
}

// A reported value states how it is verified, by another role than the only one that reports it. Without it a document is
// good and has a warning.
func TestVerifyOfReportedValues(t *testing.T) {
	const at = `"code":"a",`
	compile := func(with string) (*scheme.Compiled, error) {
		d, err := scheme.Decode([]byte(strings.Replace(small, at, at+with, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return scheme.Compile(d)
	}
	c, err := compile(`"verify":{"how":{"zh":"查记录"},"tolerance":0.5,"by":"instructor"},`)
	if err != nil {
		t.Fatal(err)
	}
	without, err := compile("")
	if err != nil {
		t.Fatal(err)
	}
	if n, all := len(c.Warnings("en")), without.Warnings("zh"); n != len(all)-1 || all[0].Code != "not_verified" ||
		!strings.HasSuffix(all[0].Pointer, "/verify") || !strings.Contains(all[0].Message, "甲") {
		t.Errorf("%d warnings with one verification, without it %+v", n, all)
	}
	if c.Scoring != without.Scoring || c.Hash == without.Hash {
		t.Error("a verification scores, or is not part of the document")
	}
	for with, want := range map[string]string{
		`"verify":{"how":{},"by":"instructor"},`:                                        "/how",
		`"verify":{"how":{"zh":"查"},"by":"nobody"},`:                                    "/by",
		`"verify":{"how":{"zh":"查"},"tolerance":-1,"by":"mentor"},`:                     "/tolerance",
		`"reporters":["secretary"],"verify":{"how":{"zh":"查"},"by":"secretary"},`:       "/by",
		`"reporters":["secretary"],"verify":{"how":{"zh":"\ue863"},"by":"instructor"},`: "",
	} {
		if want == "" {
			if _, err := scheme.Decode([]byte(strings.Replace(small, at, at+with, 1))); err == nil || !strings.Contains(err.Error(), "U+E863") {
				t.Errorf("a private-use character: %v", err)
			}
			continue
		}
		_, err := compile(with)
		if _, places := faults(err); len(places) != 1 || !strings.HasSuffix(places[0], "/verify"+want) {
			t.Errorf("%s: faults at %v", with, places)
		}
	}
}
