package api

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/improve/report"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/pkg/composite/stats"
)

// The effect of a measure compares what was published, with the nearest of the
// same class; with too few branches there is no figure.
func TestEffectComparesWhatWasPublished(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		now := func() time.Time { return time.Date(2023, 5, 10, 4, 0, 0, 0, time.UTC) }
		db = db.Session(&gorm.Session{NewDB: true, NowFunc: now})
		_, nobody := serving(t, db, now)
		key := func(k credential.Key) *apitest.Client {
			k.Towns = []string{demo.Town}
			_, secret, err := credential.CreateKey(t.Context(), db, k)
			if err != nil {
				t.Fatal(err)
			}
			return nobody.As(secret)
		}
		person := "group-1"
		group := key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}, PersonCode: &person})
		const path = "/towns/demo/effects?of=measure&measure=6"
		treated := []string{"b02", "b05", "b09", "b12", "b16", "b21", "b25", "b30"}
		for i, branch := range treated {
			if i == 4 {
				few := apitest.Decode[report.EffectReport](group.Get(path), http.StatusOK)
				if few.Status != "too_few" || few.Estimate != nil || few.BeforeAfter != nil || few.Treated != 4 ||
					!strings.Contains(few.Reading, "4 had the help") {
					t.Errorf("with four tasks: %+v", few)
				}
			}
			group.Post("/towns/demo/measures/6/tasks", object{
				"branch": branch, "person": "group-2", "title": "invented", "due_on": "2023-08-31",
			}).Want(http.StatusCreated)
		}
		e := apitest.Decode[report.EffectReport](group.Get(path), http.StatusOK)
		if strings.Join(e.Periods, " ") != "2022Q4 2023Q1 2023Q2" || e.Treated != len(treated) ||
			e.Matched+len(e.Unmatched) != len(treated) || e.Matched < 5 {
			t.Fatalf("%d treated, %d matched, %d left out of %v", e.Treated, e.Matched, len(e.Unmatched), e.Periods)
		}
		before, after := scoresOf(nobody, "2023Q1"), scoresOf(nobody, "2023Q2")
		sum := 0.0
		for _, m := range e.Matches {
			if m.From != "2023Q1" || m.To != "2023Q2" || m.Before != before[m.Branch.Code].Score ||
				m.After != after[m.Branch.Code].Score {
				t.Errorf("%+v is not what was published", m)
			}
			if want := nearest(m.Branch.Code, treated, before, after); !slices.Equal(m.Controls, want) {
				t.Errorf("%s is compared with %v, the nearest are %v", m.Branch.Code, m.Controls, want)
			}
			sum += m.Effect
		}
		if mean := sum / float64(e.Matched); math.Abs(mean-e.Estimate.Effect) > 0.01 ||
			e.Estimate.Low > e.Estimate.Effect || e.Estimate.High < e.Estimate.Effect {
			t.Errorf("the matches have the mean %v, the estimate is %+v", mean, e.Estimate)
		}
		if e.Placebo == nil || e.Caveat == "" || e.Reading == "" {
			t.Errorf("without placebo, caveat or reading: %+v", e)
		}
		chinese := apitest.Decode[report.EffectReport](group.Lang("zh").Get(path), http.StatusOK)
		if !strings.Contains(chinese.Caveat, "不是试验") {
			t.Errorf("in Chinese: %s", chinese.Caveat)
		}
		// With a longer view nothing has been published yet.
		if later := apitest.Decode[report.EffectReport](group.Get(path+"&horizon=2"),
			http.StatusOK); later.Status != "too_few" || later.Unmatched[0].Reason != "no_score_after" {
			t.Errorf("two periods later: %+v", later)
		}
		group.Bad().Get("/towns/demo/effects?of=measure").Problem(http.StatusBadRequest)
		group.Bad().Get("/towns/demo/effects?of=luck").Problem(http.StatusBadRequest)
		key(credential.Key{Roles: []policy.Role{policy.Reader}}).Get(path).Problem(http.StatusForbidden)
	})
}

// scoresOf is the published ranking of the demo by branch.
func scoresOf(c *apitest.Client, period string) map[string]index.Ranked {
	list := map[string]index.Ranked{}
	for _, r := range apitest.Decode[index.Ranking](c.Get("/towns/demo/periods/"+period+"/ranking"), http.StatusOK).Items {
		list[r.Branch.Code] = r
	}
	return list
}

// nearest are the three branches of the class, none of them treated, that started
// nearest within five points.
func nearest(branch string, treated []string, before, after map[string]index.Ranked) []string {
	var near []string
	from := func(code string) float64 {
		return stats.Round(math.Abs(before[code].Score-before[branch].Score), 2)
	}
	for code, r := range before {
		_, later := after[code]
		if later && !slices.Contains(treated, code) && r.Branch.Class == before[branch].Branch.Class && from(code) <= 5 {
			near = append(near, code)
		}
	}
	slices.SortFunc(near, func(a, b string) int {
		if from(a) != from(b) {
			if from(a) < from(b) {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return near[:min(3, len(near))]
}
