package robustness

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
)

// A branch is surely among the best if its whole set of ranks is, possibly if a part of it is. Dense ranks count no places.
func TestQuotasOfRankSets(t *testing.T) {
	d := scheme.Document{Grades: []scheme.Grade{{Code: "a"}, {Code: "b"}, {Code: "c"}}}
	items := []Branch{}
	for branch, set := range []RankInterval{{1, 2}, {1, 3}, {2, 4}, {3, 5}, {5, 5}} {
		items = append(items, Branch{Code: string(rune('p' + branch)), Ranges: Ranges{RankSet: &set}})
	}
	want := []Quota{
		{Grade: "a", Places: 2, Surely: []string{"p"}, Possibly: []string{"p", "q", "r"}},
		{Grade: "b", Places: 4, Surely: []string{"p", "q", "r"}, Possibly: []string{"p", "q", "r", "s"}},
	}
	if d := cmp.Diff(want, quotas(d, items, []int{2, 4, -1})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	d.Ranking = composite.Dense
	if got := quotas(d, items, []int{2, 4, -1}); got != nil {
		t.Errorf("of dense ranks: %+v", got)
	}
}
