package project

import (
	"cmp"
	"math"
	"slices"

	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/agreement"
	"bulwark/pkg/composite/stats"
)

// Scores are what a judge gave: project → criterion → points.
type Scores map[string]map[string]float64

// ProjectStanding is how one project came out.
type ProjectStanding struct {
	Project  string             `json:"project" format:"uuid"`
	Branch   town.BranchRef     `json:"branch"`
	Title    string             `json:"title"`
	Rank     int                `json:"rank,omitempty" example:"1"`      // projects with the same score share a rank, and the next one is skipped; absent without a score
	Score    *float64           `json:"score,omitempty" example:"86.67"` // 0 to 100, combined from the totals of the judges and rounded to two decimals, by which ranks are made
	Judges   int                `json:"judges" example:"5"`              // who scored it
	Lowest   *float64           `json:"lowest,omitempty"`                // total of a judge
	Highest  *float64           `json:"highest,omitempty"`
	Criteria map[string]float64 `json:"criteria"` // points by criterion, combined as the totals are
}

// Agreement says how much the judges agree about the totals; figures that are not
// defined are absent.
type Agreement struct {
	Alpha   *float64 `json:"alpha,omitempty"`       // Krippendorff's, of interval scale: 1 is perfect, 0 chance; over all projects
	Single  *float64 `json:"icc_single,omitempty"`  // ICC(2,1): how far one judge can be relied on; over projects that all judges scored
	Average *float64 `json:"icc_average,omitempty"` // ICC(2,k): how far all together can
}

// total is what a judge's points come to, from 0 to 100.
func total(criteria []Criterion, points map[string]float64) float64 {
	shares, weights := make([]float64, len(criteria)), make([]float64, len(criteria))
	for i, c := range criteria {
		shares[i], weights[i] = 100*points[c.Code]/c.Max, c.Weight
	}
	return stats.ArithmeticMean(shares, weights)
}

// standings ranks the projects by what the judges gave, the best first, those
// without a score last. A judge who did not score a project does not count for it.
func standings(r Round, projects []Project, sheets []JudgeSheet) ([]ProjectStanding, Agreement) {
	list, totals := make([]ProjectStanding, len(projects)), make([][]float64, len(projects))
	for i, p := range projects {
		list[i], totals[i] = r.standing(p, sheets)
	}
	slices.SortFunc(list, func(a, b ProjectStanding) int {
		return cmp.Or(cmp.Compare(value(b.Score), value(a.Score)), cmp.Compare(a.Project, b.Project))
	})
	ranks := composite.Ranker{Ranking: composite.Competition}
	for i := range list {
		if list[i].Score != nil {
			list[i].Rank = ranks.Next(*list[i].Score)
		}
	}
	return list, agreementOf(totals)
}

// value puts what has no score behind all that has.
func value(score *float64) float64 {
	if score == nil {
		return -1
	}
	return *score
}

// standing is the score of one project, and the totals of the judges in the order
// of the sheets, NaN where one gave none.
func (r Round) standing(p Project, sheets []JudgeSheet) (ProjectStanding, []float64) {
	s := ProjectStanding{Project: p.ID, Branch: town.BranchRef{Code: p.BranchCode}, Title: p.Title, Criteria: map[string]float64{}}
	row := make([]float64, len(sheets))
	var totals []composite.Rating
	byCriterion := map[string][]composite.Rating{}
	for i, sheet := range sheets {
		points, scored := sheet.Scores.V[p.ID]
		if !scored {
			row[i] = math.NaN()
			continue
		}
		row[i] = total(r.Criteria.V, points)
		totals = append(totals, composite.Rating{Value: row[i]})
		for _, c := range r.Criteria.V {
			byCriterion[c.Code] = append(byCriterion[c.Code], composite.Rating{Value: points[c.Code]})
		}
		if s.Judges++; s.Lowest == nil || row[i] < *s.Lowest {
			s.Lowest = &row[i]
		}
		if s.Highest == nil || row[i] > *s.Highest {
			s.Highest = &row[i]
		}
	}
	if combined, ok := r.rule().Combine(totals); ok {
		s.Score, s.Lowest, s.Highest = rounded(combined), rounded(*s.Lowest), rounded(*s.Highest)
	}
	for code, points := range byCriterion {
		if combined, ok := r.rule().Combine(points); ok {
			s.Criteria[code] = stats.Round(combined, 2)
		}
	}
	return s, row
}

func agreementOf(totals [][]float64) (a Agreement) {
	round := func(x float64) *float64 { x = stats.Round(x, 3); return &x }
	if alpha, ok := agreement.KrippendorffAlpha(totals, agreement.IntervalScale); ok {
		a.Alpha = round(alpha)
	}
	if icc, ok := agreement.IntraclassCorrelation(totals); ok {
		a.Single, a.Average = round(icc.Single), round(icc.Average)
	}
	return a
}

// Pick is whom the rule picks: the best n. Where a tie lies across the cut the
// rule does not decide: Tied compete for the Open places, and a person says who
// gets them.
type Pick struct {
	Places   int      `json:"places" example:"10"`
	Projects []string `json:"projects"` // in by their rank
	Tied     []string `json:"tied"`     // of the same score across the cut
	Open     int      `json:"open"`     // places left for them
}

// propose picks the best n of standings in order. What has no score is never
// picked.
func propose(list []ProjectStanding, n int) Pick {
	p := Pick{Places: n, Projects: []string{}, Tied: []string{}}
	list = slices.DeleteFunc(slices.Clone(list), func(s ProjectStanding) bool { return s.Score == nil })
	cut := len(list)
	if n < cut {
		cut = n
	}
	if cut < len(list) && list[cut].Rank == list[cut-1].Rank {
		tied := list[cut].Rank
		for _, s := range list {
			if s.Rank == tied {
				p.Tied = append(p.Tied, s.Project)
			}
		}
		cut = slices.IndexFunc(list, func(s ProjectStanding) bool { return s.Rank == tied })
		p.Open = n - cut
	}
	for _, s := range list[:cut] {
		p.Projects = append(p.Projects, s.Project)
	}
	return p
}

func rounded(x float64) *float64 {
	x = stats.Round(x, 2)
	return &x
}
