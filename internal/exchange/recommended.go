package exchange

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

// lookBack is how many periods before the one asked about show where branches come
// from: two years of quarters.
const lookBack = 8

// Recommended are the cases that may help a branch, the best first.
type Recommended struct {
	Branch string           `json:"branch" example:"b07"`
	Period string           `json:"period" example:"2023Q2"` // by whose published result
	Items  []Recommendation `json:"items"`
}

// Recommendation is one case and why it may help.
type Recommendation struct {
	Case      string    `json:"case" format:"uuid"`
	Title     string    `json:"title"`
	Branch    string    `json:"case_branch" example:"b11"`
	SameClass bool      `json:"same_class"`
	Useful    *float64  `json:"useful,omitempty" example:"4.4"` // mean of the ratings of final periods, where enough branches gave one
	Reasons   []Grounds `json:"reasons"`                        // the largest gap first
}

// Grounds are one indicator in figures and words. The figures of the case's branch
// are told to those who may read its scorecard.
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

// RecommendedFor gives the cases that may help a branch that the caller may read
// the scorecard of, by the published result of the period, of the latest where it
// is empty. Its statements do not grow with cases or branches.
func RecommendedFor(ctx context.Context, db *gorm.DB, board *index.ResultCache, townID, branch, period, language string) (Recommended, error) {
	p, today := access.Caller(ctx), day.Of(db.NowFunc())
	if err := access.InScope(ctx, db, p, access.ReadScorecard, townID, branch, today); err != nil {
		return Recommended{}, err
	}
	reach, err := access.ReachOf(ctx, db, p, access.ReadScorecard, townID, today)
	if err != nil {
		return Recommended{}, err
	}
	levels, err := board.Scores(ctx, db, townID, period, lookBack)
	if err != nil {
		return Recommended{}, err
	}
	if _, known := levels[0].Class[branch]; !known {
		return Recommended{}, fault.Missing(text.Text{ZH: "本周期的党组织", EN: "branch of this period"}, branch)
	}
	var cases []Case
	if err := db.WithContext(ctx).Omit("story").Where("town_id = ? AND state = ?", townID, Published).Order("id").Find(&cases).Error; err != nil {
		return Recommended{}, err
	}
	useful, err := usefulCases(ctx, db, townID)
	if err != nil {
		return Recommended{}, err
	}
	r := Recommended{Branch: branch, Period: levels[0].Period, Items: []Recommendation{}}
	for _, f := range Recommend(branch, levels, cases, useful) {
		r.Items = append(r.Items, f.tell(levels[0].Names, language, reach.Has(f.Case.BranchCode)))
	}
	return r, nil
}

// tell puts the fit into words; figures says whether those of the case's branch may
// be told.
func (f Fit) tell(names map[string]text.Text, language string, figures bool) Recommendation {
	r := Recommendation{Case: f.Case.ID, Title: f.Case.Title, Branch: f.Case.BranchCode, SameClass: f.SameClass}
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
