package exchange

import (
	"cmp"
	"slices"

	"bulwark/internal/index"
	"bulwark/pkg/composite/stats"
)

// Match is one indicator in which a branch is weak and the branch of a case has
// become strong.
type Match struct {
	Indicator string
	Score     float64 // of the branch
	Median    float64 // of its class
	Then      float64 // lowest score of the case's branch below the median of its class
	ThenIn    string  // the period of that
	Now       float64 // score of the case's branch, in the upper quarter of its class
}

// Gap is what the branch lacks to the median of its class.
func (m Match) Gap() float64 { return m.Median - m.Score }

// Closed is what the branch of the case has risen by.
func (m Match) Closed() float64 { return m.Now - m.Then }

// Fit is a case that may help a branch, and why.
type Fit struct {
	Case      Case
	SameClass bool
	Useful    float64 // mean rating; 0 = not told
	Matches   []Match // the largest gap first
}

// Recommend picks the cases of other branches that fit a branch, by the levels of
// the period asked about and of those before it, the latest first. A case fits by
// an indicator that it is tagged with where
//
//   - the branch scores below the median of its class,
//   - the branch of the case is at or above the upper quartile of its own class,
//   - and was below the median of its class in an earlier period, so that the case
//     tells of a way up.
//
// Cases from the same class come first, then what has risen most over all matches,
// then what others found more useful, then the older case.
func Recommend(branch string, levels []index.PeriodScores, cases []Case, useful map[string]float64) []Fit {
	fits := []Fit{}
	if len(levels) == 0 {
		return fits
	}
	now := levels[0]
	for _, c := range cases {
		if c.BranchCode == branch {
			continue
		}
		f := Fit{Case: c, SameClass: now.Class[c.BranchCode] == now.Class[branch], Useful: useful[c.SeriesID]}
		for _, code := range slices.Compact(slices.Sorted(slices.Values(c.Indicators.V))) {
			if m, ok := match(branch, c.BranchCode, code, levels); ok {
				f.Matches = append(f.Matches, m)
			}
		}
		if len(f.Matches) > 0 {
			slices.SortStableFunc(f.Matches, func(a, b Match) int { return cmp.Compare(b.Gap(), a.Gap()) })
			fits = append(fits, f)
		}
	}
	slices.SortStableFunc(fits, func(a, b Fit) int {
		if a.SameClass != b.SameClass {
			return map[bool]int{true: -1, false: 1}[a.SameClass]
		}
		return cmp.Or(cmp.Compare(b.risen(), a.risen()), cmp.Compare(b.Useful, a.Useful), cmp.Compare(a.Case.ID, b.Case.ID))
	})
	return fits
}

func (f Fit) risen() (sum float64) {
	for _, m := range f.Matches {
		sum += m.Closed()
	}
	return sum
}

func match(branch, other, code string, levels []index.PeriodScores) (Match, bool) {
	score, scored := levels[0].Scores[code][branch]
	now, known := levels[0].Scores[code][other]
	m := Match{Indicator: code, Score: score, Median: stats.Median(peers(levels[0], code, branch)), Now: now}
	if !scored || !known || !(score < m.Median) || now < stats.Quantile(peers(levels[0], code, other), 0.75) {
		return m, false
	}
	for _, before := range levels[1:] {
		then, known := before.Scores[code][other]
		if known && then < stats.Median(peers(before, code, other)) && (m.ThenIn == "" || then < m.Then) {
			m.Then, m.ThenIn = then, before.Period
		}
	}
	return m, m.ThenIn != "" && m.Then < m.Now
}

// peers are the scores of the class of the branch, its own among them.
func peers(l index.PeriodScores, code, branch string) []float64 {
	var scores []float64
	for b, score := range l.Scores[code] {
		if l.Class[b] == l.Class[branch] {
			scores = append(scores, score)
		}
	}
	return scores
}
