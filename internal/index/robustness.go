package index

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// RobustnessResult is how sure the ranks of a run are. It is computed once, behind the
// run, and kept for ever.
type RobustnessResult struct {
	TownID     string `gorm:"primaryKey"`
	RunID      string `gorm:"primaryKey"`
	Seed       int64
	Replicates int64
	Document   database.JSON[RobustnessFigures]
	CreatedAt  time.Time
}

// RobustnessDraws reports how the choices that could have been made otherwise were drawn.
type RobustnessDraws struct {
	Seed         int64   `json:"seed"`
	Replicates   int     `json:"replicates" example:"1000"`
	WeightSpread float64 `json:"weight_spread" example:"0.25"` // each weight times 1−f to 1+f
	Evaluators   bool    `json:"evaluators"`                   // ratings drawn again with replacement
	// of missing values, rules and aggregation, that were drawn
	Alternatives []string `json:"alternatives"`
	// those of the scheme that were not drawn, or not for every indicator
	LeftOut []LeftOut `json:"left_out"`
	Top     int       `json:"top" example:"3"`    // k of p_top
	Bottom  int       `json:"bottom" example:"3"` // k of p_bottom
	// share of the replicates in which the rank of every branch is within its set of ranks at once
	Joint float64 `json:"joint_coverage,omitempty" example:"0.954"`
}

// LeftOut is an alternative of the scheme that was not drawn, or not for every indicator.
type LeftOut struct {
	Alternative string   `json:"alternative" example:"aggregation:sum"`
	Reason      string   `json:"reason" enums:"own,repeated,not_possible,too_many_units,kept"`
	Text        string   `json:"text"`
	Indicators  []string `json:"indicators"` // that cannot have it and keep their own way
} // @name LeftOutAlternative

var leftOutWords = map[string]text.Text{
	"own":            {ZH: "与指标体系本身的做法相同", EN: "it is the scheme's own way"},
	"repeated":       {ZH: "与前一备选做法的结果相同", EN: "an earlier alternative leads to the same"},
	"not_possible":   {ZH: "没有指标可以采用", EN: "no indicator can have it"},
	"too_many_units": {ZH: "党组织过多，不能两两比较", EN: "there are too many branches to compare in pairs"},
	"kept":           {ZH: "所列指标不能采用，保留原来的做法", EN: "the indicators listed cannot have it and keep their own way"},
}

// Alternatives returns the names of the alternatives of the options that were drawn, and those that were left out.
func Alternatives(
	c *scheme.Compiled, o composite.RobustnessOptions, list []composite.LeftOut, language string,
) (drawn []string, left []LeftOut) {
	names := map[composite.Source][]string{}
	for _, kind := range o.Missing {
		names["missing"] = append(names["missing"], "missing:"+string(kind))
	}
	for _, rule := range o.Normalisations {
		names["normalisation"] = append(names["normalisation"], "rule:"+rule.Kind())
	}
	for _, a := range o.Aggregations {
		names["aggregation"] = append(names["aggregation"], "aggregation:"+string(a.Kind))
	}
	drawn, left = []string{}, []LeftOut{}
	for _, source := range []composite.Source{"missing", "normalisation", "aggregation"} {
		for i, name := range names[source] {
			at := slices.IndexFunc(list, func(x composite.LeftOut) bool { return x.Source == source && x.Place == i })
			if at < 0 || list[at].Reason == "kept" {
				drawn = append(drawn, name)
			}
			if at < 0 {
				continue
			}
			x := LeftOut{
				Alternative: name, Reason: list[at].Reason, Text: leftOutWords[list[at].Reason].In(language), Indicators: []string{},
			}
			for _, column := range list[at].Kept {
				x.Indicators = append(x.Indicators, c.Indicators[column].Code)
			}
			left = append(left, x)
		}
	}
	return drawn, left
}

// RobustnessFigures is what a Monte-Carlo run over the choices that could have been made
// otherwise says of every branch with a score, as it is stored.
type RobustnessFigures struct {
	RobustnessDraws
	Quotas []storedQuota  `json:"quotas,omitempty"`
	Items  []storedRanges `json:"items"` // in the order of the ranking
}

// storedQuota is which branches are among as many as a quota takes, by code.
type storedQuota struct {
	Grade    string   `json:"grade"`
	Places   int      `json:"places"`
	Surely   []string `json:"surely_top"`
	Possibly []string `json:"possibly_top"`
}

// Quota is which branches are among the best, as many as the quotas of a grade and of those above it take. A branch is
// surely among them if its whole set of ranks is, and possibly if any rank of the set is.
type Quota struct {
	Grade     string           `json:"grade" example:"excellent"`
	GradeName string           `json:"grade_name" example:"优秀"`
	Places    int              `json:"places" example:"12"`
	Surely    []town.BranchRef `json:"surely_top"`   // in the order of the ranking
	Possibly  []town.BranchRef `json:"possibly_top"` // those that surely are included
} // @name RankQuota

// storedRanges are the ranges of the branch of a code.
type storedRanges struct {
	Branch string `json:"branch"`
	Ranges
}

// Ranges is how far one branch moves. Intervals go from the 5 % to the 95 %
// quantile.
type Ranges struct {
	Score        float64      `json:"score"`
	Rank         int          `json:"rank"`
	RankMean     float64      `json:"rank_mean"`
	RankMedian   int          `json:"rank_median"`
	RankInterval RankInterval `json:"rank_interval"`
	// all sets of ranks hold together in at least 95 % of the replicates; absent of results from before there were any
	RankSet       *RankInterval      `json:"rank_set,omitempty"`
	ScoreMedian   float64            `json:"score_median"`
	ScoreInterval ScoreInterval      `json:"score_interval"`
	Top           float64            `json:"p_top"`
	Bottom        float64            `json:"p_bottom"`
	Grades        map[string]float64 `json:"p_grades"`
	NotApart      []string           `json:"not_apart"` // codes of branches that it cannot be told apart from
}

// BranchRanges is how far one branch moves in one period.
type BranchRanges struct {
	Period string         `json:"period" example:"2023Q2"`
	EndsOn day.Date       `json:"ends_on" swaggertype:"string" format:"date"` // of the period
	Branch town.BranchRef `json:"branch"`
	Ranges
}

// RankInterval is from one rank to another, both of which occurred. As rank_interval it is where the rank of one branch
// lies in 90 % of the replicates: from its 5 % to its 95 % quantile. As rank_set it holds together with those of all others.
type RankInterval struct {
	Low  int `json:"low" example:"1"` // the best of them
	High int `json:"high" example:"3"`
}

// ScoreInterval is where a score lies in 90 % of the replicates: from its 5 % to its
// 95 % quantile, both scores that occurred.
type ScoreInterval struct {
	Low  float64 `json:"low" example:"88.1"`
	High float64 `json:"high" example:"92.4"`
}

// replicates is how often the choices are drawn: 5 % and 95 % quantiles of ranks
// settle well before.
const replicates = 1000

// Robustness is how sure the ranks of a published period are.
type Robustness struct {
	Town   string `json:"town" example:"demo"`
	Period string `json:"period" example:"2023Q2"`
	Status string `json:"status" enums:"published,final,withdrawn"`
	Run    string `json:"run" format:"uuid"`
	Source
	RobustnessDraws
	// of each grade with a quota, whose grades above have quotas too; none where ranks are dense: they count no places
	Quotas []Quota        `json:"quotas"`
	Items  []BranchRanges `json:"items"` // in the order of the ranking
}

// computeRobustness computes and stores how sure a run is, unless that is done.
func computeRobustness(ctx context.Context, db *gorm.DB, townID, runID string) (err error) {
	defer fault.Wrap(&err, "robustness of run %s", runID)
	var run Run
	if err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, runID).Take(&run).Error; err != nil {
		return err
	}
	p, err := evaluation.FindPeriod(ctx, db, townID, run.PeriodCode)
	if err != nil {
		return err
	}
	var publication int64 // 0 for a run that was never published
	err = db.WithContext(ctx).Model(&Publication{}).Where("town_id = ? AND run_id = ?", townID, runID).
		Select("COALESCE(MAX(number), 0)").Scan(&publication).Error
	if err != nil {
		return err
	}
	o, err := loadOutcome(ctx, db, p, runID, publication)
	if err != nil {
		return err
	}
	s, err := o.robustnessFigures(ctx, db)
	if err != nil {
		return err
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		a := RobustnessResult{
			TownID: townID, RunID: runID, Seed: s.Seed, Replicates: int64(s.Replicates),
			Document: database.JSON[RobustnessFigures]{V: s}, CreatedAt: tx.NowFunc(),
		}
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "run.appraise", Subject: describe(p) + "/runs/" + runID,
		})
	})
	if fault.Is(err, fault.KindConflict) {
		return nil // another process was faster; both computed the same
	}
	return err
}

// ComputePendingRobustness computes the robustness of every run that has none, the
// newest first, and returns how many it did.
func ComputePendingRobustness(ctx context.Context, db *gorm.DB) (int, error) {
	var pending []Run
	err := db.WithContext(ctx).Select("town_id", "id").
		Where("NOT EXISTS (SELECT 1 FROM robustness_results a WHERE a.town_id = runs.town_id AND a.run_id = runs.id)").
		Order("created_at DESC").Find(&pending).Error
	if err != nil {
		return 0, err
	}
	var failed error
	done := 0
	for _, run := range pending {
		if err := computeRobustness(ctx, db, run.TownID, run.ID); err != nil {
			failed = errors.Join(failed, err) // one that cannot be must not hold up the others
			continue
		}
		done++
	}
	return done, failed
}

// robustnessFigures draws from what the run was made of. The ratings behind it are frozen
// with its period, so they are those that it was computed from.
func (o *Outcome) robustnessFigures(ctx context.Context, db *gorm.DB) (RobustnessFigures, error) {
	if _, err := o.explainer(); err != nil {
		return RobustnessFigures{}, err
	}
	options := o.robustnessOptions()
	options.Done = ctx.Done()
	var err error
	if options.Ratings, _, err = evaluation.Ratings(ctx, db, o.Period, o.Scheme, o.computation.branches); err != nil {
		return RobustnessFigures{}, err
	}
	o.keepCorrectedValues(options.Ratings)
	rb, err := o.Scheme.Index.Robustness(o.computation.values.Data, options)
	if err := ctx.Err(); err != nil {
		return RobustnessFigures{}, err
	}
	if err != nil {
		return RobustnessFigures{}, err
	}
	alternatives, left := Alternatives(o.Scheme, options, rb.LeftOut, "")
	s := RobustnessFigures{Items: []storedRanges{}, RobustnessDraws: RobustnessDraws{
		Seed: o.Run.Seed, Replicates: rb.Replicates, WeightSpread: options.WeightSpread, Evaluators: len(options.Ratings) > 0,
		Alternatives: alternatives, LeftOut: left, Top: rb.Top, Bottom: rb.Bottom, Joint: stats.Round(rb.Joint, 4),
	}}
	ranges := map[string]storedRanges{}
	for _, u := range rb.Units {
		r := o.branchRanges(u, rb.Grades)
		ranges[r.Branch] = r
	}
	for _, r := range o.Results {
		if found, ok := ranges[r.BranchCode]; ok {
			s.Items = append(s.Items, found)
		}
	}
	s.Quotas = o.quotas(s.Items, rb.Places)
	return s, nil
}

// quotas returns which branches are among the best that the quota of each grade takes, by their sets of ranks.
func (o *Outcome) quotas(items []storedRanges, places []int) []storedQuota {
	var list []storedQuota
	if o.Scheme.Document.Ranking == composite.Dense {
		return nil
	}
	for g, n := range places {
		if n < 0 {
			continue
		}
		q := storedQuota{Grade: o.Scheme.Document.Grades[g].Code, Places: n, Surely: []string{}, Possibly: []string{}}
		for _, r := range items {
			if r.RankSet.High <= n {
				q.Surely = append(q.Surely, r.Branch)
			}
			if r.RankSet.Low <= n {
				q.Possibly = append(q.Possibly, r.Branch)
			}
		}
		list = append(list, q)
	}
	return list
}

// keepCorrectedValues takes the ratings of corrected values out: a correction is not drawn again.
func (o *Outcome) keepCorrectedValues(rated []composite.RatedColumn) {
	for _, c := range o.Corrections {
		u, known := o.unit(c.BranchCode)
		for _, column := range rated {
			if known && c.Adjustment == "" && o.Scheme.Indicators[column.Column].Code == c.Code {
				column.Ratings[u] = nil
			}
		}
	}
}

// robustnessOptions is what the scheme lists as uncertain, drawn under the seed of the run.
func (o *Outcome) robustnessOptions() composite.RobustnessOptions {
	options := o.Scheme.Document.Options()
	options.Seed, options.Replicates = 1, replicates
	if o.Run != nil {
		options.Seed = uint64(o.Run.Seed)
	}
	options.Adjustments = o.computation.values.Adjustments
	return options
}

func (o *Outcome) branchRanges(u composite.UnitRobustness, grades []string) storedRanges {
	units := o.computation.values.Data.Units
	r := storedRanges{Branch: units[u.Unit], Ranges: Ranges{
		Score: u.Score, Rank: u.Rank, RankMean: stats.Round(u.RankMean, 4), RankMedian: u.RankMedian,
		RankInterval: RankInterval{Low: u.RankLow, High: u.RankHigh},
		RankSet:      &RankInterval{Low: u.SetLow, High: u.SetHigh},
		ScoreMedian:  u.ScoreMedian, ScoreInterval: ScoreInterval{Low: u.ScoreLow, High: u.ScoreHigh},
		Top: u.Top, Bottom: u.Bottom, Grades: map[string]float64{}, NotApart: []string{},
	}}
	for i, g := range grades {
		r.Grades[g] = u.Grades[i]
	}
	for _, other := range u.Indistinguishable {
		r.NotApart = append(r.NotApart, units[other])
	}
	return r
}

// Robustness returns how sure the ranks of a published period are. Just after a run
// it is not known yet.
func (v View) Robustness(language string) (Robustness, error) {
	if v.current.Run == nil || v.current.robustness == nil {
		e := fault.Unavailable("not_appraised", "稳健性尚在计算，请稍后再试", "the robustness is being computed: try again in a moment")
		e.RetryAfter = time.Second
		return Robustness{}, e
	}
	o := v.current
	r := Robustness{
		Source: v.source, Town: o.Period.TownID, Period: o.Period.Code, Status: o.status(), Run: o.Run.ID,
		RobustnessDraws: o.robustness.RobustnessDraws, Items: make([]BranchRanges, len(o.robustness.Items)),
		Quotas: make([]Quota, len(o.robustness.Quotas)),
	}
	for i, q := range o.robustness.Quotas {
		r.Quotas[i] = Quota{
			Grade: q.Grade, GradeName: o.gradeName(q.Grade, language), Places: q.Places,
			Surely: o.refs(q.Surely, language), Possibly: o.refs(q.Possibly, language),
		}
	}
	r.LeftOut = slices.Clone(r.LeftOut)
	for i := range r.LeftOut { // stored without words
		r.LeftOut[i].Text = leftOutWords[r.LeftOut[i].Reason].In(language)
	}
	for i, item := range o.robustness.Items {
		r.Items[i] = BranchRanges{o.Period.Code, o.Period.EndsOn, o.ref(item.Branch, language), item.Ranges}
	}
	return r, nil
}

// refs returns the references to the branches of the codes.
func (o *Outcome) refs(branches []string, language string) []town.BranchRef {
	list := make([]town.BranchRef, len(branches))
	for i, code := range branches {
		list[i] = o.ref(code, language)
	}
	return list
}

// gradeName returns the name of the grade of a code.
func (o *Outcome) gradeName(code, language string) string {
	for _, g := range o.Scheme.Document.Grades {
		if g.Code == code {
			return g.Name.In(language)
		}
	}
	return ""
}

// ref returns the reference to the branch of the code as it was in the period.
func (o *Outcome) ref(branch, language string) town.BranchRef {
	if r := o.find(branch); r != nil {
		return r.ref(language)
	}
	return town.BranchRef{Code: branch}
}
