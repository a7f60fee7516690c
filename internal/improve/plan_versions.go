package improve

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// PlanVersion is a document as it was advised on or approved, kept for ever.
type PlanVersion struct {
	TownID     string                         `gorm:"primaryKey" json:"-"`
	PlanID     string                         `gorm:"primaryKey" json:"plan" format:"uuid"`
	Number     int64                          `gorm:"primaryKey" json:"number" example:"2"`
	Stage      PlanState                      `json:"stage" swaggertype:"string" enums:"advised,approved"`
	Document   database.JSON[PlanDocument]    `json:"document"`
	Digest     string                         `json:"digest"`               // SHA-256 of the document
	Prediction *database.JSON[PlanPrediction] `json:"prediction,omitempty"` // of an approved one
	Note       string                         `json:"note,omitempty"`       // the advice, or why it was approved
	MadeBy     string                         `json:"by" example:"mentor-1"`
	Role       access.Role                    `json:"role" swaggertype:"string" example:"mentor"`
	MadeAt     time.Time                      `json:"at"`
	MadeOn     day.Date                       `json:"on" swaggertype:"string" format:"date"`
}

// keep stores the document of the plan as its next version.
func (p Plan) keep(ctx context.Context, tx *gorm.DB, stage PlanState, note string, predicted *database.JSON[PlanPrediction]) (PlanVersion, error) {
	who := access.Caller(ctx)
	v := PlanVersion{
		TownID: p.TownID, PlanID: p.ID, Stage: stage, Document: p.Document, Prediction: predicted, Note: note,
		MadeBy: who.Name(), Role: who.Role, MadeAt: tx.NowFunc(), MadeOn: day.Of(tx.NowFunc()),
	}
	var err error
	if v.Digest, err = p.Document.V.hash(); err != nil {
		return v, err
	}
	var last int64
	if err := tx.Model(&PlanVersion{}).Where("town_id = ? AND plan_id = ?", p.TownID, p.ID).Select("COALESCE(MAX(number), 0)").Scan(&last).Error; err != nil {
		return v, err
	}
	v.Number = last + 1
	return v, tx.Create(&v).Error
}

// ListPlanVersions gives the versions of a plan, by number.
func ListPlanVersions(ctx context.Context, db *gorm.DB, townID, plan string, after int64, limit int) ([]PlanVersion, error) {
	if _, err := FindPlan(ctx, db, townID, plan); err != nil {
		return nil, err
	}
	var list []PlanVersion
	err := db.WithContext(ctx).Where("town_id = ? AND plan_id = ? AND number > ?", townID, plan, after).Order("number").Limit(limit).Find(&list).Error
	return list, err
}

// FindPlanVersion gives one version of a plan.
func FindPlanVersion(ctx context.Context, db *gorm.DB, townID, plan string, number int64) (PlanVersion, error) {
	if _, err := FindPlan(ctx, db, townID, plan); err != nil {
		return PlanVersion{}, err
	}
	var v PlanVersion
	err := db.WithContext(ctx).Where("town_id = ? AND plan_id = ? AND number = ?", townID, plan, number).Take(&v).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return PlanVersion{}, fault.Missing(planVersionNoun, strconv.FormatInt(number, 10))
	}
	return v, err
}

var planVersionNoun = text.Text{ZH: "方案版本", EN: "version of the plan"}

// PlanOn gives the version of the branch's plan that held on the day: the last one
// approved until then of a plan that was not closed yet.
func PlanOn(ctx context.Context, db *gorm.DB, townID, branch string, on day.Date) (PlanVersion, error) {
	v, err := planViewerOf(ctx, db, townID)
	if err != nil {
		return PlanVersion{}, err
	}
	var list []PlanVersion
	if v.reach.Has(branch) {
		err = db.WithContext(ctx).Raw(`SELECT v.* FROM plan_versions v JOIN plans p ON p.town_id = v.town_id AND p.id = v.plan_id
WHERE p.town_id = ? AND p.branch_code = ? AND v.stage = ? AND v.made_on <= ? AND (p.closed_on IS NULL OR p.closed_on > ?)
ORDER BY v.plan_id DESC, v.number DESC LIMIT 1`, townID, branch, PlanApproved, on, on).Scan(&list).Error
	}
	if err == nil && len(list) == 0 {
		err = fault.NotFound("no_plan", "党组织“%[1]s”在 %[2]s 没有已批准的提升方案", "the branch %[1]q had no approved plan on %[2]s", branch, on)
	}
	if err != nil {
		return PlanVersion{}, err
	}
	return list[0], nil
}

// PlanDiff is what one version says otherwise than an earlier one.
type PlanDiff struct {
	Plan    string     `json:"plan" format:"uuid"`
	From    int64      `json:"from"`
	To      int64      `json:"to"`
	Summary bool       `json:"summary"` // whether the summary differs
	Items   []ItemDiff `json:"items"`   // those that differ, in the order of the later version, then those gone
}

// ItemDiff is how one item differs.
type ItemDiff struct {
	Item   string       `json:"item" format:"uuid"`
	Change string       `json:"change" enums:"added,changed,removed"`
	Before *PlannedItem `json:"before,omitempty"`
	After  *PlannedItem `json:"after,omitempty"`
}

// DiffPlanVersions compares two versions of a plan.
func DiffPlanVersions(ctx context.Context, db *gorm.DB, townID, plan string, from, to int64) (PlanDiff, error) {
	early, err := FindPlanVersion(ctx, db, townID, plan, from)
	if err != nil {
		return PlanDiff{}, err
	}
	late, err := FindPlanVersion(ctx, db, townID, plan, to)
	if err != nil {
		return PlanDiff{}, err
	}
	before, after := early.Document.V, late.Document.V
	d := PlanDiff{Plan: plan, From: from, To: to, Summary: before.Summary != after.Summary, Items: []ItemDiff{}}
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
