package api

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/dashboard"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/pkg/composite/stats"
)

// The first screen of the leadership is two calls: they carry every name that it shows, in the
// language of the caller, and every figure.
func TestTheFirstScreenTakesTwoCalls(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		_, callers := demoTown(t, db)
		calls := 0
		leadership := callers[policy.Leadership].Lang("zh").Watch(func(testing.TB, string, *apitest.Answer) { calls++ })
		d := apitest.Decode[dashboard.Dashboard](leadership.Get("/towns/demo/dashboard"), http.StatusOK).Result
		trend := apitest.Decode[index.Trend](leadership.Get("/towns/demo/trend"), http.StatusOK)
		if calls != 2 || d == nil || len(trend.Periods) < 2 || len(trend.Series) != 1 {
			t.Fatalf("%d calls: %+v, %+v", calls, d, trend)
		}
		names := map[string]string{"town": trend.Name}
		for i, g := range d.Grades {
			names["grade "+g.Grade] = g.Name
			if i > 0 && g.From >= d.Grades[i-1].From {
				t.Errorf("%s from %v, %s from %v", d.Grades[i-1].Grade, d.Grades[i-1].From, g.Grade, g.From)
			}
		}
		for _, c := range d.Classes {
			names["class "+c.Class] = c.Name
		}
		for _, x := range d.Heat.Dimensions {
			names["dimension "+x.Code] = x.Name
		}
		for _, r := range d.Heat.Rows {
			names["branch "+r.Branch.Code] = r.Branch.Name
		}
		for _, m := range slices.Concat(d.Risers, d.Fallers) {
			names["mover "+m.Branch.Code] = m.Branch.Name
		}
		if len(names) < 1+4+2+5+d.Scored {
			t.Errorf("only %d names: %v", len(names), names)
		}
		for what, name := range names {
			if !strings.ContainsFunc(name, func(c rune) bool { return c >= '一' && c <= '龥' }) {
				t.Errorf("%s is called %q", what, name)
			}
		}
		items := trend.Series[0].Items
		last, before := items[len(items)-1], trend.Periods[len(items)-1].From
		if last.Period != d.Period || *last.Score != *d.Index.Mean || *last.Median != *d.Index.Median || last.Scored != d.Scored ||
			*last.Change != *d.Index.Change || last.Compared != d.Index.Compared || last.Ruler != d.Index.Ruler ||
			*before != *d.From {
			t.Errorf("the trend ends with %+v from %+v, the dashboard shows %+v from %+v", last, before, d.Index, d.From)
		}
		if first := items[0]; first.Change != nil || first.OtherScheme || trend.Periods[0].From != nil {
			t.Errorf("the first period is compared: %+v", first)
		}
	})
}

// A trend shows what the rankings of its periods show, added up: by town, class, dimension and
// branch, as JSON and as a table.
func TestTrendsAreTheRankingsInOrder(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, callers := demoTown(t, db)
		ask := func(query string) index.Trend {
			t.Helper()
			return apitest.Decode[index.Trend](nobody.Get("/towns/demo/trend?"+query), http.StatusOK)
		}
		town := ask("by=town")
		rankings := map[string]index.Ranking{}
		for i, p := range town.Periods {
			r := apitest.Decode[index.Ranking](nobody.Get("/towns/demo/periods/"+p.Period+"/ranking"), http.StatusOK)
			if rankings[p.Period] = r; p.Run != r.Run || p.Publication != r.Publication || p.Status != r.Status || p.EndsOn != r.Items[0].EndsOn {
				t.Errorf("%+v, ranking %s", p, r.Run)
			}
			if i > 0 && (p.EndsOn <= town.Periods[i-1].EndsOn || p.From.Period != town.Periods[i-1].Period) {
				t.Errorf("%s after %s", p.Period, town.Periods[i-1].Period)
			}
		}
		means := func(lines []index.TrendSeries, of func(index.TrendSeries, index.Ranked) (float64, bool)) {
			t.Helper()
			if len(lines) == 0 {
				t.Error("no lines")
			}
			for _, l := range lines {
				for _, i := range l.Items {
					var scores []float64
					sum := 0.0
					for _, b := range rankings[i.Period].Items {
						if x, ok := of(l, b); ok {
							scores, sum = append(scores, x), sum+x
						}
					}
					if i.Scored != len(scores) || *i.Score != stats.Round(sum/float64(len(scores)), 2) ||
						*i.Median != stats.Round(stats.Median(scores), 2) {
						t.Errorf("%s%s in %s: %v of %d, want the mean of %v", l.Code, l.Dimension, i.Period, *i.Score, i.Scored, scores)
					}
				}
			}
		}
		means(town.Series, func(_ index.TrendSeries, b index.Ranked) (float64, bool) { return b.Score, true })
		classes := ask("by=class").Series
		means(classes, func(l index.TrendSeries, b index.Ranked) (float64, bool) { return b.Score, b.Branch.Class == l.Code })
		for _, l := range classes {
			if l.Of != "class" || l.Name == "" {
				t.Errorf("class %+v", l)
			}
		}
		both := ask("by=dimension&branch=b07")
		ofTown := slices.DeleteFunc(slices.Clone(both.Series), func(l index.TrendSeries) bool { return l.Of != "town" })
		means(ofTown, func(l index.TrendSeries, b index.Ranked) (float64, bool) {
			x, ok := b.Dimensions[l.Dimension]
			return x, ok
		})
		if alone := ask("by=dimension").Series; len(alone) != len(ofTown) || len(both.Series) != 2*len(alone) ||
			both.Branch == nil || both.Branch.Code != "b07" || both.Branch.Name == "" {
			t.Errorf("%d lines, of the town %d and %d", len(both.Series), len(ofTown), len(alone))
		}
		trendOfBranch(t, ask("by=branch&branch=b07"), both,
			apitest.Decode[struct{ Items []index.HistoryEntry }](nobody.Get("/towns/demo/branches/b07/results"), http.StatusOK).Items)

		for query, n := range map[string]int{"by=town": len(town.Periods), "by=dimension&branch=b07": 2 * 5 * len(town.Periods)} {
			path := "/towns/demo/trend?" + query + "&header=codes&format="
			_, rows := rowsOf(t, nobody.Get(path+"csv"))
			if len(rows) != n || rows[0]["code_name"] == "" || rows[0]["ruler"] != "" || rows[n-1]["ruler"] != "same" ||
				rows[n-1]["from_period"] == "" || rows[0]["score"] == "" {
				t.Errorf("%s: %d rows: %v", query, len(rows), rows)
			}
			nobody.Get(path + "xlsx").Want(http.StatusOK)
		}
		head, _ := rowsOf(t, nobody.Lang("zh").Get("/towns/demo/trend?by=dimension&format=csv"))
		if slices.ContainsFunc(head, func(s string) bool { return strings.ContainsFunc(s, func(c rune) bool { return c < 128 }) }) {
			t.Errorf("a Chinese head has code words: %v", head)
		}
		if sorted := slices.Sorted(slices.Values(head)); len(slices.Compact(sorted)) != len(head) {
			t.Errorf("two columns of one name: %v", head)
		}
		if one := ask("last=1"); len(one.Periods) != 1 || one.Series[0].Items[0].Change != nil {
			t.Errorf("the last one alone: %+v", one)
		}
		if years := ask("kind=year&by=class"); len(years.Periods) != 0 || len(years.Series) != 0 || years.Kind != "year" {
			t.Errorf("years: %+v", years)
		}
		nobody.Get("/towns/demo/trend?by=branch&branch=nobody").Problem(http.StatusNotFound)
		for _, query := range []string{"by=branch", "by=month", "last=13", "last=0", "kind=week"} {
			nobody.Bad().Get("/towns/demo/trend?" + query).Problem(http.StatusBadRequest)
		}
		if err := db.Exec("UPDATE towns SET open_results = ? WHERE code = 'demo'", false).Error; err != nil {
			t.Fatal(err)
		}
		_, closed := serving(t, db, nil)
		closed.Get("/towns/demo/trend").Problem(http.StatusUnauthorized)
		callers[policy.Reader].Get("/towns/demo/trend").Want(http.StatusOK)
	})
}

// trendOfBranch compares the lines of a branch with its history, which has the latest first.
func trendOfBranch(t *testing.T, own, byDimension index.Trend, history []index.HistoryEntry) {
	t.Helper()
	slices.Reverse(history)
	items := own.Series[0].Items
	if len(own.Series) != 1 || len(items) != len(history) {
		t.Fatalf("%d figures, %d in the history", len(items), len(history))
	}
	same := func(x, y *float64) bool { return (x == nil) == (y == nil) && (x == nil || math.Abs(*x-*y) < 1e-9) }
	for k, i := range items {
		h := history[k]
		var change *float64
		if h.Change != nil {
			change = &h.Change.Score
		}
		if i.Period != h.Period || !same(i.Score, h.Score) || i.Grade != h.Grade || i.GradeName == "" || *i.Rank != *h.Rank ||
			*i.ClassRank != *h.ClassRank || !same(i.Change, change) || i.Outcome != h.Outcome || *i.Coverage != h.Coverage {
			t.Errorf("%+v, in the history %+v", i, h)
		}
		left := maps.Clone(h.Dimensions)
		for _, l := range byDimension.Series {
			if l.Of != "branch" {
				continue
			}
			for _, d := range l.Items {
				if d.Period == i.Period {
					if x, ok := left[l.Dimension]; !ok || !same(&x, d.Score) {
						t.Errorf("%s in %s is %v, in the history %v", l.Dimension, d.Period, *d.Score, x)
					}
					delete(left, l.Dimension)
				}
			}
		}
		if len(left) > 0 {
			t.Errorf("%s: not in the trend: %v", i.Period, left)
		}
	}
}

// What a period shows of another scheme is not subtracted in a trend. An amendment and
// another name of the town show at the next request.
func TestTrendsSubtractUnderOneRulerOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		ask := func(query string) index.Trend {
			t.Helper()
			return apitest.Decode[index.Trend](group.Get("/towns/demo/trend?"+query), http.StatusOK)
		}
		if i := ask("by=branch&branch=b03").Series[0].Items[1]; i.Ruler != index.SameRuler || i.Change == nil || *i.Change <= 0 {
			t.Errorf("by the same scheme: %+v", i)
		}
		clock.set(t, "2026-07-20 12:00:00")
		h.inForce(strings.Replace(smallScheme, `"per": 10`, `"per": 11`, 1))
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors})
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": {value("meetings", 12), value("spirit", 10), level("standing", "A"), value("complaints", 0)},
		})
		for _, query := range []string{"by=town", "by=branch&branch=b01", "by=dimension&branch=b01"} {
			trend := ask(query)
			if p := trend.Periods[2]; p.From.Ruler != index.OtherScheme || p.From.Period != "2026Q2" {
				t.Errorf("%s: from %+v", query, p.From)
			}
			for _, l := range trend.Series {
				i := l.Items[len(l.Items)-1]
				if i.Period != "2026Q3" || !i.OtherScheme || i.Change != nil || i.Ruler != "" || i.Compared != 0 {
					t.Errorf("%s: %+v", query, i)
				}
			}
		}
		_, rows := rowsOf(t, group.Get("/towns/demo/trend?format=csv&header=codes"))
		if r := rows[2]; r["ruler"] != "other_scheme" || r["change_score"] != "" || r["scored_count"] != strconv.Itoa(1) {
			t.Errorf("%v", r)
		}
		amended(h, "2026Q2", "b01", "complaints", 1)
		if p := ask("by=town").Periods; p[1].Publication != 2 || p[2].From.Publication != 2 {
			t.Errorf("after an amendment: %+v", p)
		}
		admin := h.as(policy.Admin)
		admin.IfMatch(admin.Get("/towns/demo").ETag()).Put("/towns/demo",
			object{"name": named("Elsewhere"), "open_results": true}).Want(http.StatusOK)
		if name := ask("by=town").Name; name != "Elsewhere" {
			t.Errorf("the town is called %s", name)
		}
	})
}
