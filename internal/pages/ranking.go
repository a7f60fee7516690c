package pages

import (
	"net/url"
	"slices"
	"strings"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Result is what all pages about a result have.
type Result struct {
	Town     Place
	Period   evaluation.Period
	Periods  []string // codes of those that are published, the latest last
	Asked    int64    // number of the publication that was asked for; 0: the latest
	Status   string
	Source   index.Source
	Scheme   *scheme.Compiled
	Classes  []town.Class
	Kinds    []town.Kind
	Today    day.Date
	language string
}

// Dimensions returns the nodes of the first level.
func (r Result) Dimensions() (list []*scheme.Node) {
	for _, info := range r.Scheme.Index.Nodes() {
		if info.Depth == 1 {
			list = append(list, r.Scheme.Node(info.Code))
		}
	}
	return list
}

// Decimals returns those of published figures.
func (r Result) Decimals() int { return r.Scheme.Document.Decimals }

// Grades returns the grades of the scheme from the best down.
func (r Result) Grades() []scheme.Grade { return r.Scheme.Document.Grades }

// Full returns the highest possible score.
func (r Result) Full() float64 { return r.Scheme.Document.FullScore() }

// Grade returns the name of a grade.
func (r Result) Grade(code string) text.Text {
	for _, g := range r.Grades() {
		if g.Code == code {
			return g.Name
		}
	}
	return text.Text{}
}

// GradeOf returns the code of the grade that a score alone has.
func (r Result) GradeOf(score float64) string {
	for _, g := range r.Grades() {
		if score >= g.From {
			return g.Code
		}
	}
	return ""
}

// ClassName returns the name of a class.
func (r Result) ClassName(code string) text.Text {
	for _, c := range r.Classes {
		if c.Code == code {
			return c.Name
		}
	}
	return text.Same(code)
}

// KindName returns the name of a kind of branch.
func (r Result) KindName(code string) text.Text {
	for _, k := range r.Kinds {
		if k.Code == code {
			return k.Name
		}
	}
	return text.Same(code)
}

// NodeName returns the name of a node of the scheme.
func (r Result) NodeName(code string) string { return r.Scheme.NodeName(code, r.language) }

// Publication returns the number of the publication for the query of a link; empty for the
// latest.
func (r Result) Publication() string {
	if r.Asked == 0 {
		return ""
	}
	return number(r.Asked)
}

// NoticeState returns where the notice is on the day, in words.
func (r Result) NoticeState() text.Text {
	switch n := r.Source.Notice; {
	case n == nil:
		return text.Text{}
	case n.Open:
		return text.F("公示中，还剩%d天", "on public notice, %d days left", r.Today.DaysUntil(n.Until)+1)
	case r.Today < n.From:
		return text.F("公示自%s开始", "public notice begins on %s", n.From)
	}
	return text.F("公示期已过", "public notice is over")
}

// RankingView is a ranking as a page shows it.
type RankingView struct {
	Result
	Ranking index.Ranking
	Class   string // only this peer group; empty: all
	Of      int    // branches with a rank, of all classes
}

// Ranking returns the page of a ranking.
func Ranking(f Frame, v RankingView) ([]byte, error) {
	v.language = f.Language
	return render("ranking", f, v)
}

// Interval returns the figure of where a rank may lie; nil where that is not known.
func (v RankingView) Interval(r index.Ranked) *IntervalFigure {
	if r.Interval == nil || r.Rank == 0 {
		return nil
	}
	i := &IntervalFigure{Of: v.Of, Rank: r.Rank, Low: r.Interval.Low, High: r.Interval.High}
	if r.RankSet != nil {
		i.SetLow, i.SetHigh = r.RankSet.Low, r.RankSet.High
	}
	return i
}

// Together returns the ranks from which the branch cannot be told apart, where there are
// others than its own.
func (i IntervalFigure) Together() *[2]int {
	low, high := i.Low, i.High
	if i.SetLow > 0 {
		low, high = min(i.SetLow, i.Low), max(i.SetHigh, i.High)
	}
	if low == high {
		return nil
	}
	return &[2]int{low, high}
}

// Remarks returns what is said below the name of a branch.
func (v RankingView) Remarks(r index.Ranked) string {
	var list []string
	if v.Class != "" && r.Rank > 0 {
		list = append(list, text.F("全镇第%d名", "rank %d of all", r.Rank).In(v.language))
	}
	if where := v.Interval(r); where != nil {
		if t := where.Together(); t != nil {
			list = append(list, text.F("与第%d–%d名难分高下", "not apart from ranks %d–%d", t[0], t[1]).In(v.language))
		}
	}
	if r.Coverage < 1 {
		list = append(list, text.F("数据完整度%s", "coverage %s", percent(r.Coverage)).In(v.language))
	}
	return strings.Join(list, " · ")
}

// Score returns the score of a dimension of a branch; nil where it has none.
func (v RankingView) Score(r index.Ranked, dimension string) *float64 {
	if x, ok := r.Dimensions[dimension]; ok {
		return &x
	}
	return nil
}

// Download returns the path of the list as a table in the format.
func (v RankingView) Download(format string) string {
	q := url.Values{"lang": {v.language}}
	if v.Class != "" {
		q.Set("class", v.Class)
	}
	if v.Asked > 0 {
		q.Set("publication", v.Publication())
	}
	return "/api/v1/towns/" + url.PathEscape(v.Town.Code) + "/periods/" + url.PathEscape(v.Period.Code) + "/ranking." + format +
		"?" + q.Encode()
}

// Used returns the classes that are in the ranking of the town.
func (v RankingView) Used() []town.Class { return v.Classes }

// UnpublishedView is a town without a published result.
type UnpublishedView struct {
	Town     Place
	Periods  []evaluation.Period
	Branches []town.BranchRef
}

// Unpublished returns the page of a town that has published nothing yet.
func Unpublished(f Frame, v UnpublishedView) ([]byte, error) { return render("unpublished", f, v) }

// median returns the middle of the values; nil where there are none.
func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	m := values[len(values)/2]
	if len(values)%2 == 0 {
		m = (m + values[len(values)/2-1]) / 2
	}
	return &m
}
