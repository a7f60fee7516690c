package pages

import (
	"slices"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/review"
)

// ReviewView is the sheets of a period that wait for a decision, or were decided on.
type ReviewView struct {
	Town    Place
	Periods []string // codes of those in which sheets are decided on
	Period  string
	State   evaluation.SheetState // of the sheets that are shown
	Sheets  []review.Sheet
	More    bool // there are more than are shown
	Today   day.Date
}

// Review returns the page on which sheets are decided on.
func Review(f Frame, v ReviewView) ([]byte, error) { return render("review", f, v) }

// States returns the states by which sheets can be shown.
func (ReviewView) States() []evaluation.SheetState {
	return []evaluation.SheetState{evaluation.Submitted, evaluation.Returned, evaluation.Approved}
}

// Can reports whether the reader can use the verb on the sheet now.
func (ReviewView) Can(s review.Sheet, verb string) bool {
	return slices.Contains(s.Sheet.Allowed, verb)
}

// Changed returns how many values differ from those on which somebody decided last.
func (ReviewView) Changed(s review.Sheet) (n int) {
	for _, v := range s.Values {
		if v.Changed {
			n++
		}
	}
	return n + len(s.Removed)
}

// Contradicted returns how many values other sheets contradict.
func (ReviewView) Contradicted(s review.Sheet) (n int) {
	for _, v := range s.Values {
		if len(v.Contradicts) > 0 {
			n++
		}
	}
	return n
}

// Value returns a value as it is read.
func (ReviewView) Value(v review.ReviewedValue, language string) string {
	if s := entered(v.Value, v.Level, v.NotApplicable, language); s != "" {
		return s
	}
	return none
}
