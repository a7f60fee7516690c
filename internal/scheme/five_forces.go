package scheme

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

//go:embed five-forces.csv
var fiveForcesCSV string

// FiveForces returns the shipped default: the five published dimensions of Lishui with
// example indicators, weights and goalposts. Everything that is our example says
// so in its provenance.
func FiveForces() (Document, error) {
	rows, err := csv.NewReader(strings.NewReader(fiveForcesCSV)).ReadAll()
	if err != nil || len(rows) < 2 {
		return Document{}, fmt.Errorf("five-forces.csv: %w", err)
	}
	d := Document{
		Code: "five-forces", Version: 1, Name: text.Text{ZH: "五力指数", EN: "Five-forces index"},
		Decimals: 2, Rounding: "half_up", Ranking: composite.Competition, MinCoverage: 0.8,
		Tree:        Node{Code: "index", Aggregation: composite.Aggregation{Kind: composite.Arithmetic}},
		Adjustments: exampleAdjustments(), Grades: exampleGrades(),
		Provenance: "dimensions: published; indicators, weights, goalposts, adjustments and grades: example",
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for i, row := range rows[1:] {
		cell := func(name string) string { return row[column[name]] }
		if n := len(d.Tree.Children); n == 0 || d.Tree.Children[n-1].Code != cell("dimension") {
			d.Tree.Children = append(d.Tree.Children, dimension(cell))
		}
		leaf, err := indicator(cell)
		if err != nil {
			return Document{}, fmt.Errorf("five-forces.csv line %d: %w", i+2, err)
		}
		last := &d.Tree.Children[len(d.Tree.Children)-1]
		last.Children = append(last.Children, leaf)
	}
	return d, nil
}

func dimension(cell func(string) string) Node {
	return Node{
		Code: cell("dimension"), Name: text.Text{ZH: cell("dimension_zh"), EN: cell("dimension_en")},
		Weight: number(cell("dimension_weight")), Aggregation: composite.Aggregation{Kind: composite.Arithmetic},
		Provenance: "published name; example weight",
	}
}

func indicator(cell func(string) string) (Node, error) {
	n := Node{
		Code: cell("indicator"), Name: text.Text{ZH: cell("indicator_zh"), EN: cell("indicator_en")},
		Weight: number(cell("weight")), Unit: cell("unit"), Direction: composite.Direction(cell("direction")),
		Entry: Reported, Missing: composite.Missing{Kind: composite.Exclude},
		Lenses: strings.Split(cell("lens"), ";"), Provenance: cell("provenance"),
	}
	low, high := number(cell("low")), number(cell("high"))
	switch cell("rule") {
	case "linear":
		n.Rule = &Rule{&composite.Goalposts{Low: low, High: high}}
	case "deduct_per_event":
		n.Rule = &Rule{&composite.Deduct{Per: 100 / low}} // low events cost all 100 points
	default:
		return Node{}, fmt.Errorf("unknown rule %q", cell("rule"))
	}
	n.Waivable = strings.Contains(n.Provenance, "not applicable")
	n.Range, n.Decimals = entryLimits(n.Code, n.Unit)
	if rated[n.Code] {
		n.Entry = Rated
		n.Combine = &composite.Combination{
			Kind: composite.Trimmed, Drop: 1,
			RoleWeights: map[string]float64{"mentor": 2, "instructor": 1, "leading_group": 1},
		}
	}
	return n, nil
}

// rated are the indicators that need a judge's eye rather than a count.
var rated = map[string]bool{"governance.05": true, "ethos.02": true}

// entryLimits guesses from the unit what may be entered: shares from 0 to 100,
// counts whole. Growth may be negative or above 100.
func entryLimits(code, unit string) (*Range, *int) {
	zero, hundred, none, two := 0.0, 100.0, 0, 2
	switch {
	case code == "development.02":
		low, high := -100.0, 1000.0
		return &Range{Min: &low, Max: &high}, &two
	case unit == "%" || strings.HasPrefix(unit, "score"):
		return &Range{Min: &zero, Max: &hundred}, &two
	case strings.HasPrefix(unit, "count"):
		return &Range{Min: &zero}, &none
	}
	return &Range{Min: &zero}, &two
}

func exampleAdjustments() Adjustments {
	const example = "example"
	return Adjustments{
		Bonus: Group{Cap: 5, Items: []Item{
			{
				Code: "top-ten", Name: text.Text{ZH: "入选十佳党员先锋项目", EN: "one of the ten chosen pioneer projects"}, Points: 2,
				Provenance: "source: 10 of 162 projects chosen; points example",
			},
			{
				Code: "honour", Name: text.Text{ZH: "获区级以上表彰", EN: "honoured by the district or above"}, Points: 1,
				Provenance: example,
			},
		}},
		Deduction: Group{Cap: 10, Items: []Item{
			{Code: "notified", Name: text.Text{ZH: "被通报批评", EN: "criticised in a circular"}, Points: 2, Provenance: example},
		}},
		Vetoes: []Veto{
			{
				Code: "forged-data", Name: text.Text{ZH: "数据弄虚作假", EN: "forged data"},
				Effect: composite.Effect{Kind: composite.CapGrade, Grade: "poor"}, Provenance: example,
			},
			{
				Code: "serious-incident", Name: text.Text{ZH: "发生重大责任事故", EN: "serious incident with responsibility"},
				Effect: composite.Effect{Kind: composite.CapScore, Score: 59}, Provenance: example,
			},
		},
	}
}

func exampleGrades() []Grade {
	return []Grade{
		{Code: "excellent", Name: text.Text{ZH: "优秀", EN: "excellent"}, From: 90},
		{Code: "good", Name: text.Text{ZH: "良好", EN: "good"}, From: 80},
		{Code: "fair", Name: text.Text{ZH: "一般", EN: "fair"}, From: 60},
		{Code: "poor", Name: text.Text{ZH: "较差", EN: "poor"}, From: 0},
	}
}

// number reads a cell of our own file; Compile refuses what it would spoil.
func number(s string) float64 {
	x, _ := strconv.ParseFloat(s, 64)
	return x
}

// units are the units of the shipped scheme that are words, in both languages.
var units = map[string]text.Text{
	"count/quarter":   {ZH: "次（件）/季度", EN: "count/quarter"},
	"per 1,000":       {ZH: "每千名居民", EN: "per 1,000"},
	"score 0-100":     {ZH: "分（0–100）", EN: "score 0–100"},
	"hours":           {ZH: "小时", EN: "hours"},
	"per 100":         {ZH: "每百名党员", EN: "per 100"},
	"per 100/quarter": {ZH: "每百名居民/季度", EN: "per 100/quarter"},
}

// UnitName returns a unit in words of the language: the unit itself where a town has set it.
func UnitName(unit, language string) string {
	if name, ok := units[unit]; ok {
		return name.In(language)
	}
	return unit
}
