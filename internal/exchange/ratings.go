package exchange

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// Rating says how useful a branch found something in a period (1 to 5). The branch
// changes it until the period is final, and nobody else is shown it: others see
// what all ratings come to, see Usefulness.
type Rating struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	ID         string `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode string `json:"period" example:"2023Q3"`
	BranchCode string `json:"branch" example:"b07"`
	Kind       string `json:"kind" enums:"case,mentor,measure,event,study_visit"`
	Subject    string `json:"subject" example:"mentor-1"` // id of the series of a case, id of an event or study visit, code of a mentor, number of a measure
	Score      int64  `json:"score" example:"4"`
	Comment    string `json:"comment,omitempty"`
	database.Versioned
}

// TableName is the table of Rating.
func (Rating) TableName() string { return "usefulness_ratings" }

var ratingNoun = text.Text{ZH: "评价", EN: "rating"}

// FindRating gives one rating of a branch that the caller leads.
func FindRating(ctx context.Context, db *gorm.DB, townID, id string) (Rating, error) {
	var r Rating
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Rating{}, fault.Missing(ratingNoun, id)
	}
	if err != nil {
		return Rating{}, err
	}
	reach, err := access.ReachOf(ctx, db, access.Caller(ctx), access.WriteRatings, townID, day.Of(db.NowFunc()))
	if err == nil && !reach.Has(r.BranchCode) {
		return Rating{}, fault.Missing(ratingNoun, id)
	}
	return r, err
}

// ListRatings gives those that the branches of the caller gave, in the order of
// their making; of one period where it is not empty.
func ListRatings(ctx context.Context, db *gorm.DB, townID, period, after string, limit int) ([]Rating, error) {
	reach, err := access.ReachOf(ctx, db, access.Caller(ctx), access.WriteRatings, townID, day.Of(db.NowFunc()))
	if err != nil {
		return nil, err
	}
	q := reach.Narrow(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, after))
	if period != "" {
		q = q.Where("period_code = ?", period)
	}
	var list []Rating
	err = q.Order("id").Limit(limit).Find(&list).Error
	return list, err
}

// Rate enters how useful a branch of the caller found something.
func Rate(ctx context.Context, db *gorm.DB, r Rating) (Rating, error) {
	r.ID, r.Versioned = database.NewID(), database.Versioned{Version: 1}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		period, err := evaluation.HoldPeriod(ctx, tx, r.TownID, r.PeriodCode)
		if err != nil {
			return err
		}
		if err := access.InScope(ctx, tx, access.Caller(ctx), access.WriteRatings, r.TownID, r.BranchCode, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		if err := refuseFinal(period); err != nil {
			return err
		}
		if r.Subject, err = r.subject(ctx, tx, period); err != nil {
			return err
		}
		err = tx.Create(&r).Error
		if database.ConstraintOf(err) == "usefulness_once" {
			return fault.Conflict("rated_already", "本周期已评价过该对象：请修改原评价", "the branch has rated this for the period already: change that rating").Because(err)
		}
		if err != nil {
			return err
		}
		return r.trail(ctx, tx, "rating.give")
	})
	return r, err
}

// UpdateRating changes a rating until its period is final.
func UpdateRating(ctx context.Context, db *gorm.DB, townID, id string, version, score int64, comment string) (Rating, error) {
	var after Rating
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindRating(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		period, err := evaluation.HoldPeriod(ctx, tx, townID, before.PeriodCode)
		if err != nil {
			return err
		}
		if err := refuseFinal(period); err != nil {
			return err
		}
		change := map[string]any{"score": score, "comment": comment}
		if err := database.UpdateVersioned(tx, &Rating{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		if after, err = FindRating(ctx, tx, townID, id); err != nil {
			return err
		}
		return after.trail(ctx, tx, "rating.change")
	})
	return after, err
}

// trail records that the branch has rated, and neither what nor how: readers of the
// trail are among those who are rated.
func (r Rating) trail(ctx context.Context, tx *gorm.DB, action string) error {
	return audit.Write(ctx, tx, audit.Change{Town: r.TownID, Action: action, Subject: "periods/" + r.PeriodCode + "/ratings"})
}

func refuseFinal(p evaluation.Period) error {
	if p.State != evaluation.Final {
		return nil
	}
	e := fault.Locked("period_final", "考评周期 %s 已办结，评价不能再增改", "the period %s is final: ratings of it are closed", p.Code)
	e.Lock = &fault.Lock{By: p.StateBy, Role: string(access.LeadingGroup), At: p.StateAt, Reason: p.StateReason, CanLift: "nobody"}
	return e
}

// subject names what is rated as it is stored: editions of a case count as one. The
// branch must have had it: nobody rates the own case, a mentor of others, or a
// meeting in which the branch did not take part.
func (r Rating) subject(ctx context.Context, tx *gorm.DB, period evaluation.Period) (string, error) {
	var ok bool
	var err error
	subject := r.Subject
	switch r.Kind {
	case "case":
		var c Case
		err = tx.WithContext(ctx).Omit("story").Where("town_id = ? AND id = ? AND state IN ?", r.TownID, r.Subject, []CaseState{Published, Superseded}).Limit(1).Find(&c).Error
		ok, subject = c.ID != "" && c.BranchCode != r.BranchCode, c.SeriesID
	case "mentor":
		var list []people.Assignment
		list, err = people.ListAssignments(ctx, tx, r.TownID, people.AssignmentFilter{
			Since: period.StartsOn, On: period.EndsOn, Person: r.Subject, Branch: r.BranchCode, Duty: access.Mentors, Limit: 1,
		})
		ok = len(list) > 0
	case "measure":
		ok = len(r.Subject) == 1 && r.Subject >= "1" && r.Subject <= "7"
	case "event", "study_visit":
		var e Event
		err = tx.WithContext(ctx).Where("town_id = ? AND id = ? AND kind = ? AND state = ?", r.TownID, r.Subject, r.Kind, Held).Limit(1).Find(&e).Error
		ok = slices.Contains(e.Branches.V, r.BranchCode)
	}
	if err == nil && !ok {
		err = fault.Broken(fault.Field("/subject", "not_ratable",
			"本党组织在本周期没有可评价的此对象：请核对案例（非本党组织）、本党组织的导师、措施 1–7 或参加过的活动",
			"the branch has nothing such to rate in this period: a published case of another branch, a mentor of its own, a measure 1–7, or a meeting it took part in"))
	}
	return subject, err
}
