package evaluation

import (
	"cmp"
	"math"
	"slices"
	"time"

	"bulwark/internal/text"
)

// From here on a pattern is a signal. The thresholds are chosen so that honest
// evaluators raise few; docs/workflow.md explains each.
const (
	lastHourSheets = 5   // submitted in the last hour of the window …
	lastHourShare  = 0.5 // … and this share of one's sheets

	ceilingScore    = 95.0 // a rating that scores this much is at the ceiling
	ceilingShare    = 0.9  // of one's ratings …
	ceilingBranches = 5    // … over so many branches

	vectorValues   = 4   // a sheet with so many ratings is a long one
	longBranches   = 4   // the same long sheet for so many branches
	shortBranches  = 8   // a short one comes out alike by chance: for so many …
	shortShare     = 0.5 // … and this share of one's sheets
	shortestValues = 2   // a single rating says nothing

	gapBranches = 8    // fewer give no scale of what is usual
	gapZ        = 3.5  // robust standard deviations above the usual gap …
	gapPoints   = 10.0 // … and so many points of the score above it
)

// lastHour finds evaluators who submitted much of what they submitted in the hour
// before the window closed.
func lastHour(sheets []readSheet, closes time.Time) []Signal {
	var found []Signal
	for evaluator, own := range byEvaluator(sheets) {
		var late []string
		for _, s := range own {
			if s.submitted.Before(closes) && !s.submitted.Before(closes.Add(-time.Hour)) {
				late = append(late, s.branch)
			}
		}
		share := float64(len(late)) / float64(len(own))
		if len(late) >= lastHourSheets && share >= lastHourShare {
			found = append(found, Signal{
				Code: "last_hour", Evaluators: []string{evaluator}, Branches: late,
				Figures: map[string]float64{"sheets": float64(len(late)), "share": share},
				Message: text.F("%[1]s 在截止前一小时内提交了 %[2]d 份考评表（占其全部的 %.0[3]f%%）",
					"%[1]s submitted %[2]d sheets in the hour before the window closed (%.0[3]f %% of all)", evaluator, len(late), 100*share),
			})
		}
	}
	return ordered(found)
}

// ceiling finds evaluators who give nearly everybody nearly the maximum.
func ceiling(sheets []readSheet) []Signal {
	var found []Signal
	for evaluator, own := range byEvaluator(sheets) {
		var high, all int
		var branches []string
		for _, s := range own {
			ratings := s.ratings()
			for _, v := range ratings {
				if !math.IsNaN(v.score) {
					all++
					high += count(v.score >= ceilingScore)
				}
			}
			if len(ratings) > 0 {
				branches = append(branches, s.branch)
			}
		}
		share := float64(high) / float64(max(all, 1))
		if len(branches) >= ceilingBranches && share >= ceilingShare {
			found = append(found, Signal{
				Code: "ceiling", Evaluators: []string{evaluator}, Branches: branches,
				Figures: map[string]float64{"ratings": float64(all), "share": share},
				Message: text.F("%[1]s 对 %[2]d 个党组织的评分有 %.0[3]f%% 接近满分",
					"%.0[3]f %% of the ratings of %[1]s for %[2]d branches are at or near the maximum", evaluator, len(branches), 100*share),
			})
		}
	}
	return ordered(found)
}

func byEvaluator(sheets []readSheet) map[string][]readSheet {
	by := map[string][]readSheet{}
	for _, s := range sheets {
		by[s.evaluator] = append(by[s.evaluator], s)
	}
	return by
}

func (s readSheet) ratings() []readValue {
	var rated []readValue
	for _, v := range s.values {
		if v.rated {
			rated = append(rated, v)
		}
	}
	return rated
}

// ordered sorts by evaluators, branches and subject, so that the same sheets give
// the same answer.
func ordered(signals []Signal) []Signal {
	slices.SortFunc(signals, func(a, b Signal) int {
		return cmp.Or(slices.Compare(a.Evaluators, b.Evaluators), slices.Compare(a.Branches, b.Branches), cmp.Compare(a.Subject, b.Subject))
	})
	return signals
}
