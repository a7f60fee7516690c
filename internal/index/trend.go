package index

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite/stats"
)

// Trend is the course of published figures over the periods of one kind, each in its latest
// publication. A change is the difference of two figures that it shows, where one ruler
// measured both.
type Trend struct {
	Town    string          `json:"town" example:"demo"`                           // its code
	Name    string          `json:"name" example:"演示镇"`                            // of the town, now
	By      string          `json:"by" enums:"town,class,branch,dimension"`        // whose figures
	Kind    string          `json:"kind,omitempty" enums:"quarter,half_year,year"` // of the periods; absent while there is none
	Branch  *town.BranchRef `json:"branch,omitempty"`                              // as it is called now; absent where none was named
	Periods []TrendPeriod   `json:"periods"`                                       // in order, the latest last
	Series  []TrendSeries   `json:"series"`                                        // the lines
}

// TrendPeriod is one published period of a trend.
type TrendPeriod struct {
	Period      string     `json:"period" example:"2023Q3"`
	EndsOn      day.Date   `json:"ends_on" swaggertype:"string" format:"date"`
	Status      string     `json:"status" enums:"published,final"` // of the period
	Run         string     `json:"run" format:"uuid"`              // of the publication
	Publication int64      `json:"publication" example:"1"`        // the latest
	Scheme      scheme.Ref `json:"scheme"`                         // by which it was scored
	Scale       float64    `json:"scale" example:"100"`            // the highest possible score
	// what changes are counted from: the period before it in the trend, in its latest publication; absent for the first one
	From *Compared `json:"from,omitempty"`
}

// TrendSeries is one line of a trend: the scores of the town, of a class or of a branch, or
// those of one dimension of the town or of a branch.
type TrendSeries struct {
	Of            string      `json:"of" enums:"town,class,branch"`             // whose figures
	Code          string      `json:"code" example:"rural"`                     // empty for the branches without a class
	Name          string      `json:"name" example:"农村"`                        // of the town, class or branch, now
	Dimension     string      `json:"dimension,omitempty" example:"governance"` // absent where it is the score itself
	DimensionName string      `json:"dimension_name,omitempty" example:"基层治理力"` // by the latest scheme that has it
	Items         []TrendItem `json:"items"`                                    // by period; one of which there is nothing to state is left out
}

// TrendItem is one figure of a trend. That of a town or class is the mean of its branches
// with a score, each in its class of then.
type TrendItem struct {
	Period    string   `json:"period" example:"2023Q3"`
	EndsOn    day.Date `json:"ends_on" swaggertype:"string" format:"date"`           // of the period
	Score     *float64 `json:"score,omitempty" example:"82.4"`                       // absent for a branch without a score
	Median    *float64 `json:"median,omitempty" example:"83.1"`                      // of a town or class
	Scored    int      `json:"scored,omitempty,omitzero" example:"40"`               // so many branches have a score; of a town or class
	Outcome   string   `json:"outcome,omitempty" enums:"scored,insufficient,failed"` // of a branch, and not of one dimension
	Coverage  *float64 `json:"coverage,omitempty" example:"1"`                       // likewise, and all down to the places
	Grade     string   `json:"grade,omitempty" example:"good"`                       // its code
	GradeName string   `json:"grade_name,omitempty" example:"良好"`                    // by the scheme of the period
	Rank      *int     `json:"rank,omitempty"`                                       // in the town
	ClassRank *int     `json:"class_rank,omitempty"`                                 // in its class
	// points more than in the period before; of a town or class the mean change of the branches with a score in both. Absent
	// where either has none, and with other_scheme
	Change   *float64 `json:"change,omitempty" example:"2.1"`
	Compared int      `json:"compared,omitempty,omitzero" example:"39"` // so many branches; of a town or class
	// of the change; relative: by the same rules, fitted to other values
	Ruler Ruler `json:"ruler,omitempty" swaggertype:"string" enums:"same,relative"`
	// both have a score, by schemes that score differently: there is no change to state
	OtherScheme bool     `json:"other_scheme,omitempty,omitzero"`
	Merged      []string `json:"merged,omitempty" example:"b08"` // branches that merged into it since the period before
	// its score rose, and would not have with every missing value at the lowest of its class
	LeftOut bool `json:"left_out,omitempty,omitzero"`
}

// PublishedSteps are the last published periods of one kind, in order.
type PublishedSteps struct {
	Token string // the same for the same figures
	kind  string
	list  []publishedStep
}

type publishedStep struct {
	run     *publishedRun
	outcome *Outcome
}

// Steps returns the last published periods of the kind, of that of the latest published
// period where it is empty. What is published is read once and then kept.
func (c *ResultCache) Steps(
	ctx context.Context, db *gorm.DB, townID, kind string, last int,
) (s PublishedSteps, err error) {
	defer fault.Wrap(&err, "trend of %s", townID)
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return s, err
	}
	counting := []*publishedRun{}
	for i := len(e) - 1; i >= 0 && len(counting) < last; i-- {
		if !e[i].counts() || kind != "" && e[i].Period.Kind != kind {
			continue
		}
		kind = e[i].Period.Kind
		counting = append(counting, &e[i])
	}
	slices.Reverse(counting)
	s.kind = kind
	for _, p := range counting {
		o, err := c.outcome(ctx, db, *p)
		if err != nil {
			return s, err
		}
		s.list = append(s.list, publishedStep{p, o})
		s.Token += fmt.Sprintf("%s.%s ", p.RunID, p.Period.State)
	}
	return s, nil
}

// TrendQuery selects the lines of a trend, and names what they are about.
type TrendQuery struct {
	By       string // town, class, branch or dimension
	Language string
	Town     town.Town
	Classes  []town.Class
	Branch   *town.BranchRef // nil: none is named
}

// Trend returns the course of the figures over the periods.
func (s PublishedSteps) Trend(q TrendQuery) Trend {
	t := Trend{
		Town: q.Town.Code, Name: q.Town.Name.In(q.Language), By: q.By, Kind: s.kind, Branch: q.Branch,
		Periods: []TrendPeriod{}, Series: []TrendSeries{},
	}
	for i, step := range s.list {
		o := step.outcome
		t.Periods = append(t.Periods, TrendPeriod{
			Period: o.Period.Code, EndsOn: o.Period.EndsOn, Status: o.status(), Run: step.run.RunID, Publication: step.run.Number,
			Scheme: o.Scheme.Document.Ref(), Scale: o.Scheme.Document.FullScore(), From: s.before(i).compared(o),
		})
	}
	ofTown := TrendSeries{Of: "town", Code: t.Town, Name: t.Name}
	switch q.By {
	case "town":
		t.Series = append(t.Series, s.mean(ofTown, func(*Result) bool { return true }))
	case "class":
		for _, class := range s.classes(q.Classes, q.Language) {
			t.Series = append(t.Series, s.mean(class, func(r *Result) bool { return word(r.Class) == class.Code }))
		}
	case "dimension":
		for _, d := range s.dimensions(q.Language) {
			line := ofTown
			line.Dimension, line.DimensionName = d.Dimension, d.DimensionName
			t.Series = append(t.Series, s.mean(line, func(*Result) bool { return true }))
			if q.Branch != nil {
				t.Series = append(t.Series, s.branch(*q.Branch, d, q.Language))
			}
		}
	case "branch":
		t.Series = append(t.Series, s.branch(*q.Branch, TrendSeries{}, q.Language))
	}
	return t
}

// before returns what changes of a step are counted from: the step before it.
func (s PublishedSteps) before(i int) (b baseline) {
	b.ended = s.list[i].run.Ended.V
	if i > 0 {
		b.outcome, b.number = s.list[i-1].outcome, s.list[i-1].run.Number
	}
	return b
}

// classes returns a line for each class that a scored branch had, without its items, at the
// end that of the branches without one.
func (s PublishedSteps) classes(known []town.Class, language string) (list []TrendSeries) {
	had := map[string]bool{}
	for _, step := range s.list {
		for i := range step.outcome.Results {
			if r := &step.outcome.Results[i]; r.Score != nil {
				had[word(r.Class)] = true
			}
		}
	}
	for _, c := range known {
		if had[c.Code] {
			list = append(list, TrendSeries{Of: "class", Code: c.Code, Name: c.Name.In(language)})
		}
	}
	if had[""] {
		list = append(list, TrendSeries{Of: "class", Name: text.F("未分类", "without a class").In(language)})
	}
	return list
}

// dimensions returns a line for each dimension, without its items: those of the latest scheme
// in their order, then those of earlier ones.
func (s PublishedSteps) dimensions(language string) (list []TrendSeries) {
	for _, step := range slices.Backward(s.list) {
		for _, d := range step.outcome.Scheme.Document.Tree.Children {
			if !slices.ContainsFunc(list, func(l TrendSeries) bool { return l.Dimension == d.Code }) {
				list = append(list, TrendSeries{Dimension: d.Code, DimensionName: d.Name.In(language)})
			}
		}
	}
	return list
}

// figure returns what a line shows of a branch: its score, or that of the dimension.
func (o *Outcome) figure(r *Result, dimension string) (float64, bool) {
	if dimension == "" {
		if r.Score == nil {
			return 0, false
		}
		return *r.Score, true
	}
	x, ok := o.dimensions(r)[dimension]
	return x, ok
}

// mean fills the line with the means of the scored branches of which it is so.
func (s PublishedSteps) mean(line TrendSeries, is func(*Result) bool) TrendSeries {
	line.Items = []TrendItem{}
	for i, step := range s.list {
		o, before := step.outcome, s.before(i)
		item := TrendItem{Period: o.Period.Code, EndsOn: o.Period.EndsOn}
		then := map[string]*Result{}
		var ruler Ruler
		if before.outcome != nil {
			then, ruler = before.outcome.byBranch(), o.ruler(before.outcome)
		}
		var scores []float64
		sum, change := 0.0, 0.0
		for k := range o.Results {
			r := &o.Results[k]
			x, ok := o.figure(r, line.Dimension)
			if !ok || r.Score == nil || !is(r) {
				continue
			}
			scores = append(scores, x)
			sum += x
			old := then[r.BranchCode]
			if old == nil || old.Score == nil {
				continue
			}
			if y, ok := before.outcome.figure(old, line.Dimension); ok {
				change += o.decimal(x - y)
				item.Compared++
			}
		}
		if len(scores) == 0 {
			continue
		}
		item.Scored, item.Score = len(scores), new(o.decimal(sum/float64(len(scores))))
		item.Median = new(o.decimal(stats.Median(scores)))
		switch {
		case item.Compared == 0:
		case ruler == OtherScheme:
			item.OtherScheme, item.Compared = true, 0
		default:
			item.Ruler, item.Change = ruler, new(o.decimal(change/float64(item.Compared)))
		}
		line.Items = append(line.Items, item)
	}
	return line
}

// branch returns the line of a branch: of its score, or of the dimension that d names.
func (s PublishedSteps) branch(b town.BranchRef, d TrendSeries, language string) TrendSeries {
	line := d
	line.Of, line.Code, line.Name, line.Items = "branch", b.Code, b.Name, []TrendItem{}
	for i, step := range s.list {
		o := step.outcome
		r := o.find(b.Code)
		if r == nil {
			continue
		}
		item, ok := o.trendItem(r, s.before(i), language), true
		if line.Dimension != "" {
			item, ok = o.trendItemOf(line.Dimension, r, s.before(i))
		}
		if ok {
			line.Items = append(line.Items, item)
		}
	}
	return line
}

// trendItem returns the score of a branch beside that in the step before.
func (o *Outcome) trendItem(r *Result, before baseline, language string) TrendItem {
	c := o.compare(r, before)
	item := TrendItem{
		Period: o.Period.Code, EndsOn: o.Period.EndsOn, Score: r.Score, Outcome: r.Status,
		Coverage: new(stats.Round(r.Coverage, 4)), Grade: word(r.Grade), GradeName: o.gradeName(word(r.Grade), language),
		Rank: r.Rank, ClassRank: r.ClassRank, OtherScheme: c.OtherScheme, Merged: c.Merged, LeftOut: c.LeftOut,
	}
	if c.Change != nil {
		item.Change, item.Ruler = &c.Change.Score, c.Change.Ruler
	}
	return item
}

// trendItemOf returns the score of a branch in a dimension beside that in the step before;
// false where it has none.
func (o *Outcome) trendItemOf(dimension string, r *Result, before baseline) (TrendItem, bool) {
	item := TrendItem{Period: o.Period.Code, EndsOn: o.Period.EndsOn}
	x, ok := o.figure(r, dimension)
	if !ok {
		return item, false
	}
	item.Score = &x
	if before.outcome == nil {
		return item, true
	}
	then := before.outcome.find(r.BranchCode)
	if then == nil {
		return item, true
	}
	y, ok := before.outcome.figure(then, dimension)
	ruler := o.ruler(before.outcome)
	switch {
	case !ok:
	case ruler == OtherScheme:
		item.OtherScheme = true
	default:
		item.Change, item.Ruler = new(o.decimal(x-y)), ruler
	}
	return item, true
}

// Table returns the trend as a table: one row for each figure, line by line.
func (t Trend) Table(language string) spreadsheet.Table {
	table := spreadsheet.Table{Name: text.F("走势", "trend").In(language), Columns: spreadsheet.ColumnsOf(
		"town", "period", "ends_on", "publication", "run", "scale", "of", "code", "code_name", "dimension", "dimension_name", "score",
		"median", "scored_count", "status", "coverage", "grade", "grade_name", "rank", "class_rank", "change_score", "compared_count",
		"ruler", "from_period", "from_publication", "merged", "left_out",
	)}
	periods := map[string]TrendPeriod{}
	for _, p := range t.Periods {
		periods[p.Period] = p
	}
	for _, line := range t.Series {
		for _, i := range line.Items {
			set := table.Add()
			p := periods[i.Period]
			set("town", t.Town)
			set("period", i.Period)
			set("ends_on", i.EndsOn)
			set("publication", p.Publication)
			set("run", p.Run)
			set("scale", p.Scale)
			set("of", line.Of)
			set("code", line.Code)
			set("code_name", line.Name)
			set("dimension", line.Dimension)
			set("dimension_name", line.DimensionName)
			set("status", i.Outcome)
			set("grade", i.Grade)
			set("grade_name", i.GradeName)
			set("merged", strings.Join(i.Merged, "; "))
			for column, x := range map[string]*float64{
				"score": i.Score, "median": i.Median, "coverage": i.Coverage, "change_score": i.Change,
			} {
				if x != nil {
					set(column, *x)
				}
			}
			for column, n := range map[string]int{
				"scored_count": i.Scored, "compared_count": i.Compared, "rank": place(i.Rank), "class_rank": place(i.ClassRank),
			} {
				if n > 0 {
					set(column, int64(n))
				}
			}
			if i.LeftOut {
				set("left_out", true)
			}
			ruler := i.Ruler
			if i.OtherScheme {
				ruler = OtherScheme
			}
			if ruler != "" && p.From != nil {
				set("ruler", string(ruler))
				set("from_period", p.From.Period)
				set("from_publication", p.From.Publication)
			}
		}
	}
	return table
}
