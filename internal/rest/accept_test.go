package rest

import "testing"

// Ranges, weights and case as RFC 9110 §12.4.2 and §12.5.1 have them.
func TestPreferred(t *testing.T) {
	offers := []string{"application/json", "text/csv"}
	for _, c := range []struct{ accept, want string }{
		{"", "application/json"},
		{"*/*", "application/json"},
		{"text/*", "text/csv"},
		{"text/csv;q=0.2, application/*;q=0.1", "text/csv"},
		{"text/csv;q=0.2, */*;q=0.1", "text/csv"},
		{"text/csv;q=0, */*", "application/json"},
		{"application/json;q=0, */*;q=0.1", "text/csv"},
		{"Text/CSV ; Q=0.5", "text/csv"},
		{"text/csv;q=2", ""},
		{"text/csv;q=x", ""},
		{"image/png", ""},
		{"*/*;q=0", ""},
		{"/, text/csv", "text/csv"},
		{"application/json, text/csv", "application/json"},
	} {
		if got, ok := preferred([]string{c.accept}, offers...); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q %t, want %q", c.accept, got, ok, c.want)
		}
	}
}
