//go:build browser

package browser

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"bulwark/internal/policy"
)

// number reads a figure as a page has it.
func number(t testing.TB, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(strings.NewReplacer("−", "-", "▲", "", "▼", "-", "＝", "", "\u202f", "", "%", "", " ", "", "+", "").Replace(s), 64)
	if err != nil {
		t.Fatalf("%q is no figure", s)
	}
	return x
}

// The figures of pages are those of the API, for all forty branches.
func TestFiguresArePublishedOnes(t *testing.T) {
	s := serve(t)
	c := s.signedIn(t, "")
	v := s.visit(t, 1280, 900, "zh")
	v.open("/t/demo/ranking")
	var api struct {
		Items []struct {
			Rank       int
			Branch     struct{ Code, Name string }
			Score      float64
			Grade      string
			Dimensions map[string]float64
			Interval   *struct{ Low, High int } `json:"rank_interval"`
			Change     *struct {
				Score float64
				Rank  *int
			}
		}
	}
	_, body, _, _ := c.get("/api/v1/towns/demo/periods/2023Q2/ranking")
	if err := json.Unmarshal([]byte(body), &api); err != nil {
		t.Fatal(err)
	}
	rows := eval[[][]string](v, `[...document.querySelectorAll('table.ranking tbody tr')].map((r) =>
		[...r.children].map((x) => x.querySelector('svg title')?.textContent ?? (x.querySelector('a, span') ?? x).textContent.trim()))`)
	if len(rows) != 40 || len(api.Items) != 40 {
		t.Fatalf("%d rows, %d branches", len(rows), len(api.Items))
	}
	grades := map[string]string{"excellent": "优秀", "good": "良好", "fair": "一般", "poor": "较差"}
	for i, want := range api.Items {
		r := rows[i]
		if r[0] != strconv.Itoa(want.Rank) || r[2] != want.Branch.Name || number(t, r[3]) != want.Score || r[4] != grades[want.Grade] ||
			number(t, r[5]) != want.Change.Score {
			t.Errorf("%v is not %+v", r, want)
		}
		if title := fmt.Sprintf("第%d名，可能在第%d–%d名之间，共40名", want.Rank, want.Interval.Low, want.Interval.High); r[1] != title {
			t.Errorf("%s: %q, want %q", want.Branch.Code, r[1], title)
		}
		for k, d := range []string{"organisation", "development", "governance", "hard-tasks", "ethos"} {
			if number(t, r[6+k]) != want.Dimensions[d] {
				t.Errorf("%s: %s is %s, want %v", want.Branch.Code, d, r[6+k], want.Dimensions[d])
			}
		}
	}
	// scorecards of all, with what the leading group sees of each indicator
	g := s.signedIn(t, policy.LeadingGroup)
	for _, want := range api.Items {
		var card struct {
			Score float64
			Nodes []struct {
				Name     string
				Depth    int
				Coverage *float64
				Score    *float64
			}
		}
		_, body, _, _ := g.get("/api/v1/towns/demo/periods/2023Q2/branches/" + want.Branch.Code)
		if err := json.Unmarshal([]byte(body), &card); err != nil {
			t.Fatal(err)
		}
		_, html, _, _ := g.get("/t/demo/branches/" + want.Branch.Code + "?period=2023Q2")
		if !strings.Contains(html, fmt.Sprintf(`<dd class="big">%.2f</dd>`, card.Score)) {
			t.Errorf("%s: the scorecard does not have %.2f", want.Branch.Code, card.Score)
		}
		for _, n := range card.Nodes {
			if n.Depth == 0 {
				continue
			}
			score := "—"
			if n.Score != nil {
				score = fmt.Sprintf("%.2f", *n.Score)
			}
			_, row, found := strings.Cut(html, `<th scope="row">`+n.Name+"</th>")
			row, _, _ = strings.Cut(row, "</tr>")
			if n.Coverage == nil { // an indicator may stand among the advice before
				if _, section, ok := strings.Cut(html, `<table class="indicators">`); ok {
					_, row, found = strings.Cut(section, `<th scope="row">`+n.Name+"</th>")
					row, _, _ = strings.Cut(row, "</tr>")
				}
			}
			if !found || !strings.Contains(row, ">"+score+"</td>") {
				t.Errorf("%s: %s is not %s: %s", want.Branch.Code, n.Name, score, row)
			}
		}
	}
}
