package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"cmp"
	"slices"
	"strings"
)

// Standing is the published outcome of one unit. Without a score, its figures are 0.
type Standing struct {
	Unit      int // index into Data.Units
	Status    UnitStatus
	Base      float64  // score of the root
	Bonus     float64  // added, after the cap
	Deduction float64  // subtracted, after the cap
	Score     float64  // adjusted, clamped to 0–100, rounded, after vetoes
	Vetoes    []string // codes, in the order given
	Rank      int      // from 1, on the rounded score; 0 without a score
	ClassRank int
	Grade     string // "" without a score or without grades
}

// Standings adjusts, rounds, vetoes, ranks and grades, in this order: base plus
// capped bonus minus capped deduction; clamp to 0–100; Round; vetoes that cap or
// zero the score; rank on that figure, overall and within the class; grade. A veto
// that caps the grade leaves score and rank.
//
// The list is ordered by rank and then by unit code; units without a score follow,
// by code. The error, of type *DataFaults, says which adjustments do not fit the
// scheme; nothing else can fail.
func (ix *Index) Standings(r *Result, adjustments []Adjustment) ([]Standing, error) {
	list := make([]Standing, r.Units())
	for u := range list {
		list[u] = Standing{Unit: u, Status: r.status[u]}
		if base, ok := r.Base(u); ok {
			list[u].Base = base
		}
	}
	limits, err := ix.adjust(list, r.data.Units, adjustments)
	if err != nil {
		return nil, err
	}
	scored := 0
	for u := range list {
		if list[u].Status != UnitScored {
			list[u].Bonus, list[u].Deduction = 0, 0
			continue
		}
		ix.settle(&list[u], limits)
		scored++
	}
	list = inOrder(list, r.data.Units)
	ix.rank(list[:scored], classGroups(r.data.Classes))
	ix.grade(list[:scored], limits)
	return list, nil
}

// inOrder sorts by descending score, then code, with units without a score last.
func inOrder(list []Standing, codes []string) []Standing {
	type place struct {
		score float64
		unit  int
	}
	places := make([]place, len(list))
	for u, s := range list {
		places[u] = place{s.Score, u}
		if s.Status != UnitScored {
			places[u].score = -1
		}
	}
	sorted := slices.IsSorted(codes) // then a tie need not compare text
	slices.SortFunc(places, func(a, b place) int {
		switch {
		case a.score != b.score:
			return cmp.Compare(b.score, a.score)
		case sorted:
			return a.unit - b.unit
		}
		return strings.Compare(codes[a.unit], codes[b.unit])
	})
	ordered := make([]Standing, len(list))
	for i, p := range places {
		ordered[i] = list[p.unit]
	}
	return ordered
}

// settle works out the published score.
func (ix *Index) settle(s *Standing, limits map[int]limit) {
	s.Bonus = min(s.Bonus, ix.spec.Adjustments.Bonus.Cap)
	s.Deduction = min(s.Deduction, ix.spec.Adjustments.Deduction.Cap)
	score := num.Clamp(s.Base+s.Bonus-s.Deduction, 0, 100)
	s.Score = stats.Round(score, ix.spec.Decimals)
	if l, ok := limits[s.Unit]; ok && l.score < s.Score {
		s.Score = l.score
	}
}
