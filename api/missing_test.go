package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// gapScheme treats each missing value in another way.
const gapScheme = `{
  "code": "small", "version": 1, "name": {"zh": "缺项"}, "decimals": 2, "min_coverage": 0.5,
  "tree": {"code": "index", "aggregation": {"kind": "arithmetic"}, "children": [
    {"code": "carried", "name": {"zh": "沿用"}, "weight": 40, "direction": "benefit", "entry": "reported", "rule": {"kind": "points", "max": 100}, "missing": {"kind": "carry", "periods": 1}},
    {"code": "meant", "name": {"zh": "均值"}, "weight": 30, "direction": "benefit", "entry": "reported", "rule": {"kind": "points", "max": 100}, "missing": {"kind": "peer_mean"}},
    {"code": "nought", "name": {"zh": "记零"}, "weight": 20, "direction": "benefit", "entry": "reported", "rule": {"kind": "points", "max": 100}, "missing": {"kind": "zero"}},
    {"code": "needed", "name": {"zh": "必填"}, "weight": 10, "direction": "benefit", "entry": "reported", "rule": {"kind": "points", "max": 100}, "missing": {"kind": "fail"}},
    {"code": "older", "name": {"zh": "久用"}, "weight": 10, "direction": "benefit", "entry": "reported", "rule": {"kind": "points", "max": 100}, "missing": {"kind": "carry", "periods": 2},
     "applies_to": {"kinds": ["community"]}}]},
  "grades": [{"code": "excellent", "from": 90}, {"code": "poor", "from": 0}]}`

// gaps is a town of seven branches whose first quarter lacks something of each:
//
//	b01  carried missing: 80 from 2025Q4; 0.4·80 + 0.3·60 + 0.2·50 + 0.1·100 = 70
//	b02  meant missing: (60 + 30 + 90 + 60)/4 = 60; 0.4·90 + 0.3·60 + 0.2·50 + 0.1·80 = 72
//	b03  nought missing: 0; 0.4·60 + 0.3·30 + 0 + 0.1·100 = 43
//	b04  carried missing, and 2025Q3 is too long ago: (0.3·90 + 0.2·100 + 0.1·70)/0.6 = 90
//	b05  needed missing: no score
//	b06  entered are 0.2 + 0.1 of the weight, less than half: no score
//	b07  carried missing as for b04, older 30 from 2025Q3; (0.3·60 + 0.2·100 + 0.1·100 + 0.1·30)/0.7 = 72.857,
//	     of 1.1 of weight 0.6 is entered
func gaps(h *harness) {
	group := h.as(policy.LeadingGroup)
	for code, b := range map[string]object{
		"b04": {"name": object{"zh": "=1+1", "en": "＠sum"}, "class": "rural"},
		"b05": {"name": named("五"), "class": "urban"},
		"b06": {"name": object{"zh": "六，\"号\"", "en": "six"}, "class": "urban"},
		"b07": {"name": named("七"), "kind": "community"},
	} {
		b["code"], b["founded_on"] = code, "2020-01-01"
		if b["kind"] == nil {
			b["kind"] = "village"
		}
		group.Post("/towns/demo/branches", b).Want(http.StatusCreated)
	}
	h.inForce(gapScheme)
	chen := h.joins("chen", policy.LeadingGroup, nil)
	for _, p := range []struct{ code, from, until string }{
		{"2025Q3", "2025-07-01", "2025-09-30"},
		{"2025Q4", "2025-10-01", "2025-12-31"},
		{"2026Q1", "2026-01-01", "2026-03-31"},
	} {
		h.planned(p.code, p.from, p.until)
		h.steps(p.code, "open")
	}
	for _, s := range []struct {
		period, branch string
		entries        []object
	}{
		{"2025Q3", "b04", []object{value("carried", 100)}},
		{"2025Q3", "b07", []object{value("carried", 90), value("older", 30)}},
		{"2025Q3", "b01", []object{value("carried", 5)}},
		{"2025Q4", "b01", []object{value("carried", 80)}},
		{"2025Q4", "b02", []object{value("carried", 1), value("meant", 1)}},
		{"2026Q1", "b01", []object{value("meant", 60), value("nought", 50), value("needed", 100)}},
		{"2026Q1", "b02", []object{value("carried", 90), value("nought", 50), value("needed", 80)}},
		{"2026Q1", "b03", []object{value("carried", 60), value("meant", 30), value("needed", 100)}},
		{"2026Q1", "b04", []object{value("meant", 90), value("nought", 100), value("needed", 70)}},
		{"2026Q1", "b05", []object{value("carried", 100), value("nought", 100)}},
		{"2026Q1", "b06", []object{value("nought", 40), value("needed", 100)}},
		{"2026Q1", "b07", []object{value("meant", 60), value("nought", 100), value("needed", 100)}},
	} {
		counted(chen, group, s.period, s.branch, s.entries...)
	}
}

// lines shows a ranking in short, those without score behind.
func lines(r index.Ranking) (list []string) {
	for _, i := range r.Items {
		list = append(list, fmt.Sprintf("%d/%d %s %v %s %v", i.Rank, i.ClassRank, i.Branch.Code, i.Score, i.Grade,
			i.Coverage))
	}
	for _, i := range r.Insufficient {
		list = append(list, fmt.Sprintf("%s %s %v %v", i.Branch.Code, i.Status, i.Coverage, i.Missing))
	}
	return list
}

func TestMissingValuesAreTreatedAsTheSchemeSays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		gaps(h)
		group := h.as(policy.LeadingGroup)
		all := []string{
			"1/1 b04 90 excellent 0.6", "2/1 b07 72.86 poor 0.5455", "3/2 b02 72 poor 0.7", "4/3 b01 70 poor 0.6",
			"5/1 b03 43 poor 0.8",
		}
		without := []string{"b05 failed 0.6 [meant needed]", "b06 insufficient 0.3 [carried meant]"}
		ranked := func(c *apitest.Client, query string, want ...string) {
			t.Helper()
			r := apitest.Decode[index.Ranking](c.Get(q1+"/ranking"+query), http.StatusOK)
			if d := cmp.Diff(want, lines(r)); d != "" {
				t.Errorf("%s (-want +got):\n%s", query, d)
			}
		}
		check := func(c *apitest.Client) {
			t.Helper()
			ranked(c, "", append(all, without...)...)
			ranked(c, "?class=urban", append(all[4:5:5], without...)...)
			ranked(c, "?class=none")
			ranked(c, "?around=b02&span=1", all[1:4]...)
			ranked(c, "?around=b04&span=1", all[:2]...)
			ranked(c, "?around=b03&span=0", all[4:]...)
			ranked(c, "?around=b01", all...)
			ranked(c, "?class=rural&around=b02&span=1", all[0], all[2], all[3])
			refused(t, c.Get(q1+"/ranking?around=b05"), http.StatusNotFound, "not_ranked")
			refused(t, c.Get(q1+"/ranking?around=b01&class=urban"), http.StatusNotFound, "not_ranked")
			refused(t, c.Bad().Get(q1+"/ranking?span=101"), http.StatusBadRequest, "invalid", "query/span")
		}
		check(group)
		h.steps("2026Q1", "review", "locked")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		h.steps("2026Q1", "published")
		check(h.Client)

		for branch, want := range map[string]string{
			"b01": "carried 80 → 80", "b02": "imputed 60 → 60", "b03": "missing → 0", "b04": "missing", "b07": "carried 30 → 30",
		} {
			card := apitest.Decode[index.Scorecard](group.Get(q1+"/branches/"+branch), http.StatusOK)
			n := card.Nodes[map[string]int{"b01": 1, "b02": 2, "b03": 3, "b04": 1, "b07": 5}[branch]]
			got := n.Status
			if n.Raw != nil {
				got += fmt.Sprintf(" %v", *n.Raw)
			}
			if n.Score != nil {
				got += fmt.Sprintf(" → %v", *n.Score)
			}
			if got != want {
				t.Errorf("%s: %s is %s, want %s", branch, n.Code, got, want)
			}
		}
		originsOfGaps(t, group)
		if v := apitest.Decode[index.Verification](group.Get(q1+"/receipt/verify"), http.StatusOK); !v.OK {
			t.Errorf("%+v", v)
		}
		for branch, outcome := range map[string]string{"b05": "failed", "b06": "insufficient"} {
			card := apitest.Decode[index.Scorecard](group.Get(q1+"/branches/"+branch), http.StatusOK)
			if card.Outcome != outcome || card.Score != nil || card.Rank != nil || card.ClassRank != nil || card.Grade != "" ||
				card.Of != 5 || card.OfClass != 1 {
				t.Errorf("%s: %+v", branch, card)
			}
		}
	})
}

// originsOfGaps checks where the scores of gaps come from, and that it is frozen with the run.
func originsOfGaps(t *testing.T, group *apitest.Client) {
	t.Helper()
	days := func(n int64) *int64 { return &n }
	for branch, want := range map[string]index.Origin{
		"b01": {Measured: 0.6, Carried: 0.4, OldestDays: days(90)}, // from 2025-12-31
		"b02": {Measured: 0.7, Imputed: 0.3, OldestDays: days(0)},
		"b03": {Measured: 0.8, Missing: 0.2, OldestDays: days(0)},
		"b07": {Measured: 0.5455, Carried: 0.0909, Missing: 0.3636, OldestDays: days(182)}, // from 2025-09-30
	} {
		card := apitest.Decode[index.Scorecard](group.Get(q1+"/branches/"+branch), http.StatusOK)
		if d := cmp.Diff(want, card.Nodes[0].Origin); d != "" {
			t.Errorf("%s (-want +got):\n%s", branch, d)
		}
	}
	card := apitest.Decode[index.Scorecard](group.Get(q1+"/branches/b01"), http.StatusOK)
	if d := cmp.Diff(index.Origin{Carried: 1, OldestDays: days(90)}, card.Nodes[1].Origin); d != "" {
		t.Errorf("of one indicator (-want +got):\n%s", d)
	}
	if d := cmp.Diff(index.Origin{}, card.Nodes[5].Origin); d != "" { // it does not apply
		t.Errorf("of an indicator that does not apply (-want +got):\n%s", d)
	}
	if data := string(group.Get(q1 + "/receipt/data.csv").Want(http.StatusOK).Body); !strings.Contains(data, ",~90~80,") ||
		!strings.Contains(data, ",~182~30\n") {
		t.Errorf("the data file does not say how old carried values are:\n%s", data)
	}
}

// A ranking opens in a spreadsheet as it is, and no cell of it is run.
func TestRankingsOpenInSpreadsheets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		gaps(h)
		group := h.as(policy.LeadingGroup)
		const zh = "\ufeff" +
			`town,period,ends_on,publication,run,rank,class_rank,rank_from,rank_to,branch,branch_name,kind,class,score,grade,grade_name,coverage,status,change_score,change_rank,ruler,from_period,from_publication,merged,left_out,carried,meant,nought,needed,older
demo,2026Q1,2026-03-31,,,1,1,,,b04,'=1+1,village,rural,90,excellent,,0.6,scored,,,,,,,,,90,100,70,
demo,2026Q1,2026-03-31,,,2,1,,,b07,七,community,,72.86,poor,,0.5455,scored,,,,,,,,,60,100,100,30
demo,2026Q1,2026-03-31,,,3,2,,,b02,branch b02,village,rural,72,poor,,0.7,scored,,,,,,,,90,60,50,80,
demo,2026Q1,2026-03-31,,,4,3,,,b01,branch b01,village,rural,70,poor,,0.6,scored,,,,,,,,80,60,50,100,
demo,2026Q1,2026-03-31,,,5,1,,,b03,branch b03,village,urban,43,poor,,0.8,scored,,,,,,,,60,30,0,100,
demo,2026Q1,2026-03-31,,,,,,,b05,五,village,urban,,,,0.6,failed,,,,,,,,,,,,
demo,2026Q1,2026-03-31,,,,,,,b06,"六，""号""",village,urban,,,,0.3,insufficient,,,,,,,,,,,,
`
		en := strings.NewReplacer("'=1+1", "'＠sum", `"六，""号"""`, "six").Replace(zh)
		check := func(a *apitest.Answer, want string) {
			t.Helper()
			if d := cmp.Diff(want, string(a.Want(http.StatusOK).Body)); d != "" {
				t.Errorf("CSV (-want +got):\n%s", d)
			}
			if got := a.Header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
				t.Errorf("Content-Type %q", got)
			}
			if got := a.Header.Get("Content-Disposition"); got != "attachment; filename=demo-2026Q1-ranking.csv" {
				t.Errorf("Content-Disposition %q", got)
			}
		}
		check(group.Lang("zh").Get(q1+"/ranking?format=csv&header=codes"), zh)
		words := strings.Replace(zh, zh[len("\ufeff"):strings.IndexByte(zh, '\n')], "镇,考评周期,结束日期,公布,计算批次,名次,同类名次,可能的最好名次,"+
			"可能的最差名次,党组织,党组织名称,类型,类别,分数,等次,等次名称,数据完整度,情况,得分变化,名次变化,可比性,对比的考评周期,对比的公布,并入,"+
			"是否因缺项提高,沿用,均值,记零,必填,久用", 1)
		words = strings.NewReplacer(",village,", ",村,", ",community,", ",社区,", ",scored,", ",已计分,", ",failed,", ",无法计算,",
			",insufficient,", ",数据不足,").Replace(words)
		check(group.Lang("en").Get(q1+"/ranking?format=csv"), en)
		check(group.Lang("zh-CN").Header("Accept", "text/csv").Get(q1+"/ranking"), words)
		for language, want := range map[string]string{"zh": "=1+1", "en": "＠sum"} {
			r := apitest.Decode[index.Ranking](group.Lang(language).Get(q1+"/ranking?around=b04&span=0"), http.StatusOK)
			if got := r.Items[0].Branch.Name; got != want {
				t.Errorf("%s: JSON calls b04 %q, want %q", language, got, want)
			}
		}
		mentor := h.as(policy.Mentor).Lang("zh")
		// A missing value takes the mean of the others, which the mentor may not know.
		refused(t, mentor.Get(q1+"/ranking?format=csv"), http.StatusForbidden, "relative_scheme")
	})
}
