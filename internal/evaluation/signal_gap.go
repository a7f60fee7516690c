package evaluation

import (
	"math"
	"slices"

	"bulwark/internal/access"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

// selfReportGap finds branches whose own values stand further above the mentor's
// than is usual: by dimension, and by each indicator on which both said something.
// The usual gap is the median over branches and its spread the median absolute
// deviation, so that those who stand out do not set the scale.
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
					Message: text.F("%[1]s 在“%[2]s”上的自报得分比导师评分高 %.1[3]f 分，一般为 %.1[4]f 分",
						"on %[2]q the own values of %[1]s score %.1[3]f points above the mentor's; %.1[4]f is usual", branch, subject, gap, usual),
				})
			}
		}
	}
	return ordered(found)
}

// gapsBySubject gives, by dimension or indicator and by branch, how far the mean
// score of the branch's own values lies above that of its mentors.
func gapsBySubject(sheets []readSheet) map[string]map[string]float64 {
	type side struct{ sum, n [2]float64 } // 0 the branch, 1 its mentors
	sides := map[string]map[string]*side{}
	for _, s := range sheets {
		who := slices.Index([]access.Role{access.Secretary, access.Mentor}, s.role)
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

// robust gives the median and 1.4826 times the median absolute deviation, which is
// the standard deviation of normal values; at least one point, or gaps that are all
// alike would make a mole hill stand out.
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
