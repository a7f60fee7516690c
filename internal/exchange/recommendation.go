package exchange

import (
	"cmp"
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite/stats"
)

// lookBack is how many periods before the one asked about show where branches come
// from: two years of quarters.
const lookBack = 8

// Recommended are the cases that may help a branch, the best first.
type Recommended struct {
	Branch town.BranchRef   `json:"branch"`
	Period string           `json:"period" example:"2023Q2"` // by whose published result
	Items  []Recommendation `json:"items"`
}

// Recommendation is one case and why it may help.
type Recommendation struct {
	Case      string         `json:"case" format:"uuid"`
	Title     string         `json:"title"`
	Branch    town.BranchRef `json:"case_branch"`
	SameClass bool           `json:"same_class"`
	// mean of the ratings of final periods, where enough branches gave one
	Useful  *float64  `json:"useful,omitempty" example:"4.4"`
	Reasons []Grounds `json:"reasons"` // the largest gap first
}

// Grounds are one indicator in figures and words. The figures of the case's branch
// are there for who may read its scorecard.
type Grounds struct {
	Indicator string   `json:"indicator" example:"governance.02"`
	Name      string   `json:"name"`
	Score     float64  `json:"score" example:"41.25"` // of the branch
	Median    float64  `json:"median" example:"60"`   // of its class
	Gap       float64  `json:"gap" example:"18.75"`
	Since     string   `json:"since" example:"2022Q4"` // when the case's branch was below the median of its class
	Then      *float64 `json:"then,omitempty"`         // its score in that period
	Now       *float64 `json:"now,omitempty"`
	Closed    *float64 `json:"closed,omitempty"`
	Text      string   `json:"text"`
}

// RecommendationQuery selects the cases that may help a branch, by the published
// result of the period, of the latest where it is empty.
type RecommendationQuery struct{ Town, Branch, Period, Language string }

// RecommendedFor returns the cases that may help a branch of which the caller may read
// the scorecard. Its statements do not grow with cases or branches.
func RecommendedFor(
	ctx context.Context, db *gorm.DB, results *index.ResultCache, q RecommendationQuery,
) (_ Recommended, err error) {
	defer fault.Wrap(&err, "recommend cases to %s", q.Branch)
	p, today := access.PrincipalFrom(ctx), day.Of(db.NowFunc())
	if err := p.InScope(ctx, db, policy.ReadScorecard, q.Town, q.Branch, today); err != nil {
		return Recommended{}, err
	}
	reach, err := p.ReachOf(ctx, db, policy.ReadScorecard, q.Town, today)
	if err != nil {
		return Recommended{}, err
	}
	levels, err := results.Scores(ctx, db, q.Town, q.Period, lookBack)
	if err != nil {
		return Recommended{}, err
	}
	if _, known := levels[0].Class[q.Branch]; !known {
		return Recommended{}, fault.Missing(text.Text{ZH: "本周期的党组织", EN: "branch of this period"}, q.Branch)
	}
	var cases []Case
	if err := db.WithContext(ctx).Omit("story").Where("town_id = ? AND state = ?", q.Town, Published).Order("id").
		Find(&cases).Error; err != nil {
		return Recommended{}, err
	}
	useful, err := usefulCases(ctx, db, q.Town)
	if err != nil {
		return Recommended{}, err
	}
	refs, err := town.ListBranchRefs(ctx, db, q.Town, today, q.Language)
	if err != nil {
		return Recommended{}, err
	}
	r := Recommended{Branch: refs.Of(q.Branch), Period: levels[0].Period, Items: []Recommendation{}}
	for _, f := range Recommend(q.Branch, levels, cases, useful) {
		r.Items = append(r.Items, f.recommendation(levels[0].Names, q.Language, reach.Has(f.Case.BranchCode)))
		r.Items[len(r.Items)-1].Branch = refs.Of(f.Case.BranchCode)
	}
	return r, nil
}

// recommendation returns the fit in words, with the figures of the case's branch only
// where figures is set.
func (f Fit) recommendation(names map[string]text.Text, language string, figures bool) Recommendation {
	r := Recommendation{Case: f.Case.ID, Title: f.Case.Title, SameClass: f.SameClass}
	if f.Useful > 0 {
		r.Useful = rounded(f.Useful)
	}
	for _, m := range f.Matches {
		name := names[m.Indicator].In(language)
		reason := Grounds{
			Indicator: m.Indicator, Name: name, Since: m.ThenIn,
			Score: *rounded(m.Score), Median: *rounded(m.Median), Gap: *rounded(m.Gap()),
		}
		words := text.F("“%[1]s”得 %.2[2]f 分，比同类中位数 %.2[3]f 低 %.2[4]f 分；案例所在党组织在 %[5]s 曾低于同类中位数，现已进入同类前四分之一",
			"%[1]s scores %.2[2]f, %.2[4]f below the median %.2[3]f of its class; the branch of the case was below the median of its class in %[5]s and is in the upper quarter now",
			name, m.Score, m.Median, m.Gap(), m.ThenIn)
		if figures {
			reason.Then, reason.Now, reason.Closed = rounded(m.Then), rounded(m.Now), rounded(m.Closed())
			more := text.F("（由 %.2f 升至 %.2f）", " (from %.2f to %.2f)", m.Then, m.Now)
			words = text.Text{ZH: words.ZH + more.ZH, EN: words.EN + more.EN}
		}
		reason.Text = words.In(language)
		r.Reasons = append(r.Reasons, reason)
	}
	return r
}

func rounded(x float64) *float64 {
	x = stats.Round(x, 2)
	return &x
}

// CaseMatch is one indicator in which a branch is weak and the branch of a case has
// become strong.
type CaseMatch struct {
	Indicator string
	Score     float64 // of the branch
	Median    float64 // of its class
	Then      float64 // lowest score of the case's branch below the median of its class
	ThenIn    string  // the period of that
	Now       float64 // score of the case's branch, in the upper quarter of its class
}

// Gap is what the branch lacks to the median of its class.
func (m CaseMatch) Gap() float64 { return m.Median - m.Score }

// Closed is what the branch of the case has risen by.
func (m CaseMatch) Closed() float64 { return m.Now - m.Then }

// Fit is a case that may help a branch, and why.
type Fit struct {
	Case      Case
	SameClass bool
	Useful    float64     // mean rating; 0 = not known
	Matches   []CaseMatch // the largest gap first
}

// Recommend picks the cases of other branches that fit a branch, by the levels of
// the period asked about and of those before it, the latest first. A case fits by
// an indicator that it is tagged with where
//
//   - the branch scores below the median of its class,
//   - the branch of the case is at or above the upper quartile of its own class,
//   - and was below the median of its class in an earlier period, so that the case
//     shows a way up.
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
			slices.SortStableFunc(f.Matches, func(a, b CaseMatch) int { return cmp.Compare(b.Gap(), a.Gap()) })
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

func match(branch, other, code string, levels []index.PeriodScores) (CaseMatch, bool) {
	score, scored := levels[0].Scores[code][branch]
	now, known := levels[0].Scores[code][other]
	m := CaseMatch{Indicator: code, Score: score, Median: stats.Median(peers(levels[0], code, branch)), Now: now}
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
