package plan

import "testing"

// Amounts are written as people do, whatever binary fractions leave behind.
func TestAmountsAreWrittenForPeople(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  string
		want  string
	}{
		{81.56666666666668, "score 0-100", "81.5667 score 0-100"},
		{0.1 + 0.2, "%", "0.3%"},
		{100, "%", "100%"},
		{12, "", "12"},
		{-1500000, "yuan", "-1500000 yuan"},
	} {
		if got := amount(c.value, c.unit); got != c.want {
			t.Errorf("%v of %q: %q, want %q", c.value, c.unit, got, c.want)
		}
	}
}
