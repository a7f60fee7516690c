package plan

import (
	"context"
	"reflect"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/explanation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

// Version is a document as it was advised on or approved, kept for ever.
type Version struct {
	TownID     string                     `gorm:"primaryKey" json:"-"`
	PlanID     string                     `gorm:"primaryKey" json:"plan" format:"uuid"`
	Number     int64                      `gorm:"primaryKey" json:"number" example:"2"`
	Stage      State                      `json:"stage" enums:"advised,approved"`
	Document   database.JSON[Document]    `json:"document"`
	Digest     string                     `json:"digest"`               // SHA-256 of the document
	Prediction *database.JSON[Prediction] `json:"prediction,omitempty"` // of an approved one
	Note       string                     `json:"note,omitempty"`       // the advice, or why it was approved
	MadeBy     string                     `json:"by" example:"mentor-1"`
	Role       policy.Role                `json:"role" swaggertype:"string" example:"mentor"`
	MadeAt     time.Time                  `json:"at"`
	MadeOn     day.Date                   `json:"on" swaggertype:"string" format:"date"`
} // @name PlanVersion

// TableName is the table of versions of plans.
func (Version) TableName() string { return "plan_versions" }

// told returns the version with the role of who made it, where p may not read people.
func (v Version) told(p access.Principal) Version {
	v.MadeBy = p.Told(v.MadeBy, v.Role)
	return v
}

// keep stores the document of the plan as its next version.
func (p Plan) keep(
	ctx context.Context, tx *gorm.DB, stage State, note string, predicted *database.JSON[Prediction],
) (Version, error) {
	who := access.PrincipalFrom(ctx)
	v := Version{
		TownID: p.TownID, PlanID: p.ID, Stage: stage, Document: p.Document, Prediction: predicted, Note: note,
		MadeBy: who.Name(), Role: who.Role, MadeAt: tx.NowFunc(), MadeOn: day.Of(tx.NowFunc()),
	}
	var err error
	if v.Digest, err = p.Document.V.hash(); err != nil {
		return v, err
	}
	var last int64
	if err := tx.Model(&Version{}).Where("town_id = ? AND plan_id = ?", p.TownID, p.ID).
		Select("COALESCE(MAX(number), 0)").Scan(&last).Error; err != nil {
		return v, err
	}
	v.Number = last + 1
	return v, tx.Create(&v).Error
}

// ListVersions returns the versions of a plan, by number.
func ListVersions(
	ctx context.Context, db *gorm.DB, townID, plan string, after int64, limit int,
) (list []Version, err error) {
	defer fault.Wrap(&err, "versions of the plan %s", plan)
	if _, err := Find(ctx, db, townID, plan); err != nil {
		return nil, err
	}
	err = db.WithContext(ctx).Where("town_id = ? AND plan_id = ? AND number > ?", townID, plan, after).Order("number").
		Limit(limit).Find(&list).Error
	for i, v := range list {
		list[i] = v.told(access.PrincipalFrom(ctx))
	}
	return list, err
}

// FindVersion returns one version of a plan.
func FindVersion(ctx context.Context, db *gorm.DB, townID, plan string, number int64) (v Version, err error) {
	defer fault.Wrap(&err, "version %d of the plan %s", number, plan)
	if _, err := Find(ctx, db, townID, plan); err != nil {
		return Version{}, err
	}
	v, err = database.Take[Version](db.WithContext(ctx).Where("town_id = ? AND plan_id = ? AND number = ?", townID, plan, number),
		planVersionNoun, strconv.FormatInt(number, 10))
	return v.told(access.PrincipalFrom(ctx)), err
}

var planVersionNoun = text.Text{ZH: "方案版本", EN: "version of the plan"}

// VersionOn returns the version of the branch's plan that held on the day: the last one
// approved until then of a plan that was not closed yet.
func VersionOn(ctx context.Context, db *gorm.DB, townID, branch string, on day.Date) (_ Version, err error) {
	defer fault.Wrap(&err, "plan of %s on %s", branch, on)
	v, err := newReader(ctx, db, townID)
	if err != nil {
		return Version{}, err
	}
	var list []Version
	if v.Reach.Has(branch) {
		err = db.WithContext(ctx).Raw(
			`SELECT v.* FROM plan_versions v JOIN plans p ON p.town_id = v.town_id AND p.id = v.plan_id
WHERE p.town_id = ? AND p.branch_code = ? AND v.stage = ? AND v.made_on <= ? AND (p.closed_on IS NULL OR p.closed_on > ?)
ORDER BY v.plan_id DESC, v.number DESC LIMIT 1`, townID, branch, Approved, on, on).Scan(&list).Error
	}
	if err == nil && len(list) == 0 {
		err = fault.NotFound("no_plan", "党组织“%[1]s”在 %[2]s 没有已批准的提升方案",
			"the branch %[1]q had no approved plan on %[2]s", branch, on)
	}
	if err != nil {
		return Version{}, err
	}
	return list[0].told(v.Principal), nil
}

// Diff is how one version differs from an earlier one.
type Diff struct {
	Plan    string     `json:"plan" format:"uuid"`
	From    int64      `json:"from"`
	To      int64      `json:"to"`
	Summary bool       `json:"summary"` // whether the summary differs
	Items   []ItemDiff `json:"items"`   // those that differ, in the order of the later version, then those gone
} // @name PlanDiff

// ItemDiff is how one item differs.
type ItemDiff struct {
	Item   string       `json:"item" format:"uuid"`
	Change string       `json:"change" enums:"added,changed,removed"`
	Before *PlannedItem `json:"before,omitempty"`
	After  *PlannedItem `json:"after,omitempty"`
}

// DiffVersions returns how one version of a plan differs from another.
func DiffVersions(ctx context.Context, db *gorm.DB, townID, plan string, from, to int64) (_ Diff, err error) {
	defer fault.Wrap(&err, "versions %d and %d of the plan %s", from, to, plan)
	early, err := FindVersion(ctx, db, townID, plan, from)
	if err != nil {
		return Diff{}, err
	}
	late, err := FindVersion(ctx, db, townID, plan, to)
	if err != nil {
		return Diff{}, err
	}
	before, after := early.Document.V, late.Document.V
	d := Diff{Plan: plan, From: from, To: to, Summary: before.Summary != after.Summary, Items: []ItemDiff{}}
	for _, x := range after.Items {
		was, there := before.find(x.ID)
		switch {
		case !there:
			d.Items = append(d.Items, ItemDiff{Item: x.ID, Change: "added", After: &x})
		case !reflect.DeepEqual(was, x):
			d.Items = append(d.Items, ItemDiff{Item: x.ID, Change: "changed", Before: &was, After: &x})
		}
	}
	for _, was := range before.Items {
		if _, there := after.find(was.ID); !there {
			d.Items = append(d.Items, ItemDiff{Item: was.ID, Change: "removed", Before: &was})
		}
	}
	return d, nil
}

// Prediction is what a plan would have brought, had all its items reached their
// goals in the result that it starts from. It is a supposition, kept with what it
// assumes, and never a published figure.
type Prediction struct {
	Period      string           `json:"period" example:"2023Q2"`
	Publication int64            `json:"publication" example:"1"`
	Run         string           `json:"run" format:"uuid"`
	Score       float64          `json:"score" example:"61.7"` // as published
	ScoreThen   float64          `json:"score_then"`           // with every goal reached together
	Points      float64          `json:"points"`               // their difference: not the sum of the items
	Rank        int              `json:"rank"`
	RankThen    int              `json:"rank_then"`
	Grade       string           `json:"grade,omitempty"`
	GradeThen   string           `json:"grade_then,omitempty"`
	Items       []ItemPrediction `json:"items"`
	Assumptions []string         `json:"assumptions" enums:"goals_reached,others_unchanged,adjustments_unchanged,compared_unchanged"`
}

// ItemPrediction is what one item would have brought alone.
type ItemPrediction struct {
	Item      string  `json:"item" format:"uuid"`
	Indicator string  `json:"indicator" example:"governance.01"`
	Goal      float64 `json:"goal"`
	Points    float64 `json:"points"`
}

// view returns the view of the publication that the plan starts from, for its branch.
func (p Plan) view(ctx context.Context, tx *gorm.DB, b *index.ResultCache) (index.View, error) {
	v, err := publishedView(ctx, tx, b, p.TownID, p.PeriodCode, p.PublicationNumber)
	return ofBranch(v, p.BranchCode), err
}

// predict returns the prediction from the publication that the plan starts from.
func (p Plan) predict(v index.View) (Prediction, error) {
	card, err := cardOf(v, p.BranchCode)
	if err != nil {
		return Prediction{}, err
	}
	then, err := explanation.Predict(v, p.BranchCode, p.Document.V.goals())
	if err != nil {
		return Prediction{}, err
	}
	x := Prediction{
		Period: p.PeriodCode, Publication: p.PublicationNumber, Run: card.Run, Score: *card.Score, ScoreThen: then.Score,
		Points: stats.Round(then.Score-*card.Score, stats.MaxDecimals), Rank: *card.Rank, RankThen: then.Rank,
		Grade: card.Grade, GradeThen: then.Grade, Items: []ItemPrediction{},
		Assumptions: []string{"goals_reached", "others_unchanged", "adjustments_unchanged"},
	}
	if len(then.Kept) > 0 { // what is measured against other branches is not predicted
		x.Assumptions = append(x.Assumptions, "compared_unchanged")
	}
	for _, i := range p.Document.V.Items {
		x.Items = append(x.Items, ItemPrediction{Item: i.ID, Indicator: i.Indicator, Goal: i.ValueGoal, Points: i.Points})
	}
	return x, nil
}
