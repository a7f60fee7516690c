package index

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/robustness"
	"bulwark/internal/scheme"
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
	Document   database.JSON[robustness.Figures]
	CreatedAt  time.Time
}

// BranchRanges is how far one branch moves in one period.
type BranchRanges struct {
	Period string         `json:"period" example:"2023Q2"`
	EndsOn day.Date       `json:"ends_on" swaggertype:"string" format:"date"` // of the period
	Branch town.BranchRef `json:"branch"`
	robustness.Ranges
}

// Quota is which branches are among the best, as many as the quotas of a grade and of those above it take. A branch is
// surely among them if its whole set of ranks is, and possibly if any rank of the set is.
type Quota struct {
	Grade     string           `json:"grade" example:"excellent"` // whose quota it is
	GradeName string           `json:"grade_name" example:"优秀"`   // in the language of the answer
	Places    int              `json:"places" example:"12"`       // that these quotas take
	Surely    []town.BranchRef `json:"surely_top"`                // in the order of the ranking
	Possibly  []town.BranchRef `json:"possibly_top"`              // those that surely are included
} // @name RankQuota

// Robustness is how sure the ranks of a published period are.
type Robustness struct {
	Town   string `json:"town" example:"demo"`
	Period string `json:"period" example:"2023Q2"`
	Status string `json:"status" enums:"published,final,withdrawn"`
	Run    string `json:"run" format:"uuid"`
	Source
	robustness.Draws
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
			Document: database.JSON[robustness.Figures]{V: s}, CreatedAt: tx.NowFunc(),
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
func (o *Outcome) robustnessFigures(ctx context.Context, db *gorm.DB) (robustness.Figures, error) {
	if _, err := o.explainer(); err != nil {
		return robustness.Figures{}, err
	}
	options := o.robustnessOptions()
	options.Done = ctx.Done()
	var err error
	if options.Ratings, _, err = approvedRatings(ctx, db, o.Period, o.Scheme, o.computation.branches); err != nil {
		return robustness.Figures{}, err
	}
	o.keepCorrectedValues(options.Ratings)
	if options.Counts, err = o.counts(ctx, db); err != nil {
		return robustness.Figures{}, err
	}
	order := make([]string, len(o.Results))
	for i, r := range o.Results {
		order[i] = r.BranchCode
	}
	figures, err := robustness.Compute(o.Scheme, o.computation.values, options, order)
	if err := ctx.Err(); err != nil {
		return robustness.Figures{}, err
	}
	return figures, err
}

// counts returns the counts behind the ratios that vary by chance. Without such ratios nothing is read.
func (o *Outcome) counts(ctx context.Context, db *gorm.DB) ([]stats.Counts, error) {
	if !slices.ContainsFunc(o.Scheme.Indicators, func(n *scheme.Node) bool { return n.Derive != nil && n.Derive.Chance != "" }) {
		return nil, nil
	}
	counted, _, err := o.Period.Counted(ctx, db)
	if err != nil {
		return nil, err
	}
	branches := o.computation.branches
	return robustness.Counts(o.Scheme, o.computation.values.Data, func(unit int, code string) float64 {
		if x := counted(branches[unit].Code, code, "").Value; x != nil {
			return *x
		}
		return math.NaN()
	}), nil
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

// robustnessOptions are drawn under the seed of the run; 1 while there is none.
func (o *Outcome) robustnessOptions() composite.RobustnessOptions {
	seed := uint64(1)
	if o.Run != nil {
		seed = uint64(o.Run.Seed)
	}
	return robustness.Options(o.Scheme, o.computation.values, seed)
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
		Draws: o.robustness.In(language), Quotas: o.quotas(language), Items: make([]BranchRanges, len(o.robustness.Items)),
	}
	for i, item := range o.robustness.Items {
		r.Items[i] = BranchRanges{o.Period.Code, o.Period.EndsOn, o.ref(item.Code, language), item.Ranges}
	}
	return r, nil
}

// quotas returns the lists of branches by the names that they had in the period.
func (o *Outcome) quotas(language string) []Quota {
	list := make([]Quota, len(o.robustness.Quotas))
	refs := func(codes []string) []town.BranchRef {
		branches := make([]town.BranchRef, len(codes))
		for i, code := range codes {
			branches[i] = o.ref(code, language)
		}
		return branches
	}
	for i, q := range o.robustness.Quotas {
		list[i] = Quota{
			Grade: q.Grade, GradeName: o.gradeName(q.Grade, language), Places: q.Places,
			Surely: refs(q.Surely), Possibly: refs(q.Possibly),
		}
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
