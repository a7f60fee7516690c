package main

import (
	"bufio"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"html/template"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"

	"bulwark/internal/analysis"
	"bulwark/internal/index"
	"bulwark/internal/robustness"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// analyse asks of two files what the service asks of a period, without a database: what the
// ranking depends on.
func analyse(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("analyse", flag.ContinueOnError)
	schemeFile := f.String("scheme", "", "the scheme document, a `FILE` of JSON")
	dataFile := f.String("data", "", "the values, a `FILE` of CSV with one line per branch; - reads standard input")
	asJSON := f.Bool("json", false, "write JSON to standard output, with the names of the API")
	page := f.String("html", "", "`FILE` for a report that needs no other file, replaced only when all went well")
	lang := f.String("lang", "zh", "of the report: zh or en")
	seed := f.Uint64("seed", 1, "of the draws: that of a run leads to the figures of the service, where no ratings are drawn")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	switch {
	case *schemeFile == "" || *dataFile == "":
		return usageError{text.F("请给出 --scheme 与 --data", "give --scheme and --data: see bulwark analyse -h")}
	case !*asJSON && *page == "":
		return usageError{text.F("请给出 --json 或 --html", "give --json or --html FILE: see bulwark analyse -h")}
	case *lang != "zh" && *lang != "en":
		return usageError{text.F("没有语言 %q：请用 zh 或 en", "there is no language %q: use zh or en", *lang)}
	}
	compiled, err := p.readScheme(*schemeFile)
	if err != nil {
		return err
	}
	scored, err := p.scoreFile(ctx, compiled, *dataFile)
	if err != nil {
		return err
	}
	r, err := newReport(ctx, compiled, scored, *seed, *lang)
	if err != nil {
		return err
	}
	inputs := []string{*schemeFile, *dataFile}
	if *page != "" {
		if err := p.writeResult(*page, inputs, r.writePage); err != nil {
			return err
		}
	}
	if *asJSON {
		return p.writeResult("-", inputs, func(w *bufio.Writer) error {
			return json.MarshalWrite(w, r.analyses, json.Deterministic(true))
		})
	}
	return nil
}

// analyses are all that can be asked of two files. Ratings of single evaluators are not in them.
type analyses struct {
	Scheme      scheme.Ref            `json:"scheme"`
	SchemeHash  string                `json:"scheme_hash"`
	DataHash    string                `json:"data_hash"`
	Engine      string                `json:"engine"`
	Sensitivity *analysis.Sensitivity `json:"sensitivity"`
	Removal     *analysis.Removal     `json:"removal"`
	Burden      *analysis.Burden      `json:"burden"`
	Statistics  *analysis.Statistics  `json:"statistics"`
	Screening   *analysis.Screening   `json:"screening"`
	Funnels     *analysis.Funnels     `json:"funnels"`
}

// report is what the page shows.
type report struct {
	analyses
	Name     string
	Scored   int
	Branches int
	language string
}

// newReport analyses the scored file. It ends with ctx between two analyses.
func newReport(ctx context.Context, c *scheme.Compiled, scored *scoreReport, seed uint64, language string) (*report, error) {
	view, err := index.OfflineView(c, scored.File)
	if err != nil {
		return nil, err
	}
	study, err := analysis.New(view, language)
	if err != nil {
		return nil, err
	}
	study.Options.Seed = seed
	study.Counts = robustness.Counts(c, scored.Data, func(unit int, code string) float64 {
		return scored.Quantity(c, unit, code)
	})
	r := &report{
		analyses: analyses{
			Scheme: c.Document.Ref(), SchemeHash: c.Hash, DataHash: scored.dataHash, Engine: index.Engine,
			Statistics: study.Statistics(), Funnels: study.Funnels(),
		},
		Name: c.Document.Name.In(language), Branches: len(scored.Data.Units), language: language,
	}
	for _, standing := range scored.list {
		if standing.Status == composite.UnitScored {
			r.Scored++
		}
	}
	for _, step := range []func() error{
		func() (err error) { r.Sensitivity, err = study.Sensitivity(""); return err },
		func() (err error) { r.Removal, err = study.Removal(); return err },
		func() (err error) { r.Burden, err = study.Burden(); return err },
		func() (err error) {
			r.Screening, err = study.Screening(analysis.ScreeningLimits{Indicator: .65, Branch: .65})
			return err
		},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

//go:embed analyse.html
var reportPage string

// writePage writes the report as a page that needs no other file and runs no script.
func (r *report) writePage(w *bufio.Writer) error {
	t, err := template.New("analyse.html").Funcs(template.FuncMap{
		"say":     func(zh, en string) string { return text.Text{ZH: zh, EN: en}.In(r.language) },
		"lang":    func() string { return r.language },
		"number":  figureOf,
		"percent": percent,
		"bar":     bar,

		"funnel": drawFunnel,
		"shade":  shade,
		"source": r.source,
		"most":   r.most,

		"at":   func(i, step int) int { return i * step },
		"plus": func(a, b int) int { return a + b },
	}).Parse(reportPage)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}

// figureOf returns a figure of the report: at most three decimals. A nil pointer is a dash.
func figureOf(x any) string {
	switch v := x.(type) {
	case *float64:
		if v == nil {
			return "–"
		}
		return figureOf(*v)
	case float64:
		return strconv.FormatFloat(stats.Round(v, 3), 'f', -1, 64)
	}
	return fmt.Sprint(x)
}

// barWidth is how many units of a drawing the longest bar takes.
const barWidth = 300

// bar returns the length of a bar that shows x where the longest shows most.
func bar(x, most float64) string {
	if !(most > 0) {
		return "0"
	}
	return strconv.FormatFloat(math.Round(10*barWidth*min(max(x/most, 0), 1))/10, 'f', -1, 64)
}

// shade returns the colour of a correlation: blue above 0, red below, the stronger the deeper.
func shade(r float64) template.CSS {
	light := 100 - 50*math.Abs(r)
	hue := 215
	if r < 0 {
		hue = 5
	}
	return template.CSS(fmt.Sprintf("background: hsl(%d 70%% %.0f%%)", hue, light)) //nolint:gosec // two numbers
}

// source returns the name of a source of uncertainty.
func (r *report) source(code string) string {
	return map[string]text.Text{
		"weights": {ZH: "权重", EN: "weights"}, "ratings": {ZH: "评分", EN: "ratings"},
		"missing": {ZH: "缺失值的处理", EN: "missing values"}, "normalisation": {ZH: "计分规则", EN: "rules"},
		"aggregation": {ZH: "汇总方法", EN: "aggregation"}, "variant": {ZH: "其他体系", EN: "other schemes"},
		"chance": {ZH: "偶然波动", EN: "chance"},
	}[code].In(r.language)
}

// most returns the largest mean change of rank of any node.
func (r *report) most() (most float64) {
	for _, n := range r.Removal.Items {
		most = max(most, n.RankChange)
	}
	return most
}
