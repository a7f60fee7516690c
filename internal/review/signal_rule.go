package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
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
				words: text.F("%[1]s 在截止前一小时内提交了 %[2]d 份考评表（占其全部的 %.0[3]f%%）",
					"%[1]s submitted %[2]d sheets in the hour before the window closed (%.0[3]f %% of all)", evaluator,
					len(late), 100*share),
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
				words: text.F("%[1]s 对 %[2]d 个党组织的评分有 %.0[3]f%% 接近满分",
					"%.0[3]f %% of the ratings of %[1]s for %[2]d branches are at or near the maximum", evaluator,
					len(branches), 100*share),
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

// ordered sorts by evaluators, branches and subject, so that the same sheets have
// the same answer.
func ordered(signals []Signal) []Signal {
	slices.SortFunc(signals, func(a, b Signal) int {
		return cmp.Or(slices.Compare(a.Evaluators, b.Evaluators), slices.Compare(a.Branches, b.Branches),
			cmp.Compare(a.Subject, b.Subject))
	})
	return signals
}

// sameForMany finds evaluators who give several branches the same ratings.
func sameForMany(sheets []readSheet) []Signal {
	var found []Signal
	for evaluator, own := range byEvaluator(sheets) {
		alike := map[string][]string{}
		for _, s := range own {
			if vector, ok := s.vector(); ok {
				alike[vector] = append(alike[vector], s.branch)
			}
		}
		for vector, branches := range alike {
			if tooAlike(vector, len(branches), len(own)) {
				found = append(found, Signal{
					Code: "same_for_many", Evaluators: []string{evaluator}, Branches: branches,
					Figures: map[string]float64{"branches": float64(len(branches)), "ratings": float64(length(vector))},
					words: text.F("%[1]s 给 %[2]d 个党组织的评分完全相同",
						"%[1]s gave %[2]d branches exactly the same ratings", evaluator, len(branches)),
				})
			}
		}
	}
	return ordered(found)
}

// tooAlike reports whether a vector that was given to n of all branches is more
// than chance.
func tooAlike(vector string, n, all int) bool {
	if length(vector) >= vectorValues {
		return n >= longBranches
	}
	return n >= shortBranches && float64(n) >= shortShare*float64(all)
}

// sameAsAnother finds pairs of evaluators who rate exactly alike: on one branch
// where there is much to rate, else on many.
func sameAsAnother(sheets []readSheet) []Signal {
	type judgement struct{ branch, vector string }
	alike := map[judgement][]string{}
	for _, s := range sheets {
		if vector, ok := s.vector(); ok {
			at := judgement{s.branch, vector}
			alike[at] = append(alike[at], s.evaluator)
		}
	}
	type couple struct{ one, other string }
	long, short := map[couple][]string{}, map[couple][]string{}
	for at, evaluators := range alike {
		into := short
		if length(at.vector) >= vectorValues {
			into = long
		}
		for i, one := range evaluators {
			for _, other := range evaluators[i+1:] {
				into[couple{one, other}] = append(into[couple{one, other}], at.branch)
			}
		}
	}
	for of, branches := range short {
		if len(branches) >= shortBranches {
			long[of] = append(long[of], branches...)
		}
	}
	var found []Signal
	for of, branches := range long {
		slices.Sort(branches)
		found = append(found, Signal{
			Code: "same_as_another", Evaluators: []string{of.one, of.other}, Branches: branches,
			Figures: map[string]float64{"branches": float64(len(branches))},
			words: text.F("%[1]s 与 %[2]s 对 %[3]d 个党组织的评分完全相同",
				"%[1]s and %[2]s rated %[3]d branches exactly alike", of.one, of.other, len(branches)),
		})
	}
	return ordered(found)
}

// vector is the set of ratings of the sheet as text; false where it is too short
// to say anything.
func (s readSheet) vector() (string, bool) {
	var b strings.Builder
	ratings := s.ratings()
	for _, v := range ratings {
		fmt.Fprintf(&b, "%s=%v ", v.code, v.raw)
	}
	return b.String(), len(ratings) >= shortestValues
}

// length is how many ratings a vector has; codes hold no "=".
func length(vector string) int { return strings.Count(vector, "=") }

// selfReportGap finds branches whose own values are further above the mentor's
// than is usual: by dimension, and by each indicator for which both have a value.
// The usual gap is the median over branches and its spread the median absolute
// deviation, so that the outliers do not set the scale.
func selfReportGap(sheets []readSheet) []Signal {
	var found []Signal
	for subject, gaps := range gapsBySubject(sheets) {
		if len(gaps) < gapBranches {
			continue
		}
		usual, spread := robust(gaps)
		for branch, gap := range gaps {
			z := (gap - usual) / spread
			if z >= gapZ && gap-usual >= gapPoints {
				found = append(found, Signal{
					Code: "self_report_gap", Evaluators: []string{}, Branches: []string{branch}, Subject: subject,
					Figures: map[string]float64{"gap": gap, "usual_gap": usual, "z": z},
					words: text.F("%[1]s 在“%[2]s”上的自报得分比导师评分高 %.1[3]f 分，一般为 %.1[4]f 分",
						"on %[2]q the own values of %[1]s score %.1[3]f points above the mentor's; %.1[4]f is usual", branch, subject,
						gap, usual),
				})
			}
		}
	}
	return ordered(found)
}

// gapsBySubject returns, by dimension or indicator and by branch, how far the mean
// score of the branch's own values lies above that of its mentors.
func gapsBySubject(sheets []readSheet) map[string]map[string]float64 {
	type side struct{ sum, n [2]float64 } // 0 the branch, 1 its mentors
	sides := map[string]map[string]*side{}
	for _, s := range sheets {
		who := slices.Index([]policy.Role{policy.Secretary, policy.Mentor}, s.role)
		if who < 0 {
			continue
		}
		for _, v := range s.values {
			if math.IsNaN(v.score) {
				continue
			}
			for _, subject := range []string{v.code, v.dimension} {
				if sides[subject] == nil {
					sides[subject] = map[string]*side{}
				}
				if sides[subject][s.branch] == nil {
					sides[subject][s.branch] = &side{}
				}
				at := sides[subject][s.branch]
				at.sum[who] += v.score
				at.n[who]++
			}
		}
	}
	gaps := map[string]map[string]float64{}
	for subject, branches := range sides {
		for branch, at := range branches {
			if at.n[0] > 0 && at.n[1] > 0 {
				if gaps[subject] == nil {
					gaps[subject] = map[string]float64{}
				}
				gaps[subject][branch] = at.sum[0]/at.n[0] - at.sum[1]/at.n[1]
			}
		}
	}
	return gaps
}

// robust returns the median and 1.4826 times the median absolute deviation, which is
// the standard deviation of normal values; at least one point, or the least gap would be an outlier
// where all are alike.
func robust(gaps map[string]float64) (median, spread float64) {
	var all, deviations []float64
	for _, x := range gaps {
		all = append(all, x)
	}
	median = stats.Median(all)
	for _, x := range all {
		deviations = append(deviations, math.Abs(x-median))
	}
	return median, max(1, 1.4826*stats.Median(deviations))
}
