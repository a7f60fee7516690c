package exchange

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

// Rating is how useful a branch found something in a period (1 to 5). The branch
// changes it until the period is final, and nobody else sees it: others see the sum of
// all ratings, see Usefulness.
type Rating struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	ID         string `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode string `json:"period" example:"2023Q3"`
	BranchCode string `json:"branch" example:"b07"`
	Kind       string `json:"kind" enums:"case,mentor,measure,event,study_visit"`
	// id of the series of a case, id of an event or study visit, code of a mentor, number of a measure
	Subject string `json:"subject" example:"mentor-1"`
	Score   int64  `json:"score" example:"4"`
	Comment string `json:"comment,omitempty"`
	database.Versioned
}

// TableName is the table of Rating.
func (Rating) TableName() string { return "usefulness_ratings" }

var ratingNoun = text.Text{ZH: "评价", EN: "rating"}

// FindRating returns one rating of a branch that the caller leads.
func FindRating(ctx context.Context, db *gorm.DB, townID, id string) (r Rating, err error) {
	defer fault.Wrap(&err, "rating %s", id)
	r, err = database.Take[Rating](db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id), ratingNoun, id)
	if err != nil {
		return Rating{}, err
	}
	reach, err := access.PrincipalFrom(ctx).ReachOf(ctx, db, policy.WriteRatings, townID, day.Of(db.NowFunc()))
	if err == nil && !reach.Has(r.BranchCode) {
		return Rating{}, fault.Missing(ratingNoun, id)
	}
	return r, err
}

// RatingFilter narrows a list; zero fields do not.
type RatingFilter struct {
	Period string
	After  string
	Limit  int
}

// ListRatings returns those that the branches of the caller gave, in the order of
// their making.
func ListRatings(ctx context.Context, db *gorm.DB, townID string, f RatingFilter) (list []Rating, err error) {
	defer fault.Wrap(&err, "ratings of %s", townID)
	reach, err := access.PrincipalFrom(ctx).ReachOf(ctx, db, policy.WriteRatings, townID, day.Of(db.NowFunc()))
	if err != nil {
		return nil, err
	}
	q := reach.Narrow(database.Page(db.WithContext(ctx), townID, f.After, f.Limit))
	if f.Period != "" {
		q = q.Where("period_code = ?", f.Period)
	}
	err = q.Find(&list).Error
	return list, err
}

// Rate enters how useful a branch of the caller found something.
func Rate(ctx context.Context, db *gorm.DB, r Rating) (_ Rating, err error) {
	defer fault.Wrap(&err, "rate for %s", r.BranchCode)
	r.ID, r.Versioned = database.NewID(), database.Versioned{Version: 1}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		period, err := evaluation.HoldPeriod(ctx, tx, r.TownID, r.PeriodCode)
		if err != nil {
			return err
		}
		if err := access.PrincipalFrom(ctx).InScope(ctx, tx, policy.WriteRatings, r.TownID, r.BranchCode,
			day.Of(tx.NowFunc())); err != nil {
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
			return fault.Conflict("rated_already",
				"本周期已评价过该对象：请修改原评价", "the branch has rated this for the period already: change that rating").Because(err)
		}
		if err != nil {
			return err
		}
		return r.trail(ctx, tx, "rating.give")
	})
	return r, err
}

// UpdateRating replaces score and comment of a rating until its period is final.
func UpdateRating(ctx context.Context, db *gorm.DB, r Rating, version int64) (after Rating, err error) {
	defer fault.Wrap(&err, "write the rating %s", r.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindRating(ctx, tx, r.TownID, r.ID)
		if err != nil {
			return err
		}
		period, err := evaluation.HoldPeriod(ctx, tx, r.TownID, before.PeriodCode)
		if err != nil {
			return err
		}
		if err := refuseFinal(period); err != nil {
			return err
		}
		change := map[string]any{"score": r.Score, "comment": r.Comment}
		if err := database.UpdateVersioned(tx, &Rating{TownID: r.TownID, ID: r.ID}, version, change); err != nil {
			return err
		}
		if after, err = FindRating(ctx, tx, r.TownID, r.ID); err != nil {
			return err
		}
		return after.trail(ctx, tx, "rating.change")
	})
	return after, err
}

// trail records that the branch has rated, and neither what nor how: readers of the
// trail are among those who are rated.
func (r Rating) trail(ctx context.Context, tx *gorm.DB, action string) error {
	return audit.Write(ctx, tx, audit.Change{
		Town: r.TownID, Action: action, Subject: "periods/" + r.PeriodCode + "/ratings",
	})
}

func refuseFinal(p evaluation.Period) error {
	if p.State != evaluation.Final {
		return nil
	}
	e := fault.Locked("period_final", "考评周期 %s 已定为最终，不能再增改评价", "the period %s is final: ratings of it are closed", p.Code)
	e.Lock = &fault.Lock{
		By: p.StateBy, Role: string(policy.LeadingGroup), At: p.StateAt, Reason: p.StateReason, CanLift: "nobody",
	}
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
		err = tx.WithContext(ctx).Omit("story").Where("town_id = ? AND id = ? AND state IN ?", r.TownID, r.Subject, []CaseState{
			Published, Superseded,
		}).Limit(1).Find(&c).Error
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
		err = tx.WithContext(ctx).Where("town_id = ? AND id = ? AND kind = ? AND state = ?", r.TownID, r.Subject, r.Kind,
			Held).Limit(1).Find(&e).Error
		ok = slices.Contains(e.Branches.V, r.BranchCode)
	}
	if err == nil && !ok {
		err = fault.Broken(fault.Field("/subject", "not_ratable",
			"本党组织在本周期没有可评价的此对象：请核对案例（非本党组织）、本党组织的导师、措施 1–7 或参加过的活动",
			"the branch cannot rate this in this period: it rates published cases of other branches, its own mentors, measures 1–7 and events in which it took part"))
	}
	return subject, err
}

// fewestRaters is how many branches must have rated something before anybody sees
// what their ratings come to.
const fewestRaters = 3

// Usefulness is what the branches found of one thing in one period: only of final
// periods, in which no rating changes any more, so that nobody learns who gave which
// by watching the figures move.
type Usefulness struct {
	Period       string   `json:"period" example:"2023Q2"`
	Kind         string   `json:"kind" enums:"case,mentor,measure,event,study_visit"`
	Subject      string   `json:"subject" example:"mentor-1"`
	TooFew       bool     `json:"too_few"`                                    // fewer than 3 branches rated it: no figures
	Raters       *int64   `json:"raters,omitempty" example:"9"`               // branches that rated it
	Mean         *float64 `json:"mean,omitempty" example:"4.33"`              // 1 to 5
	Distribution []int64  `json:"distribution,omitempty" example:"0,0,1,4,4"` // raters who gave 1, 2, 3, 4, 5
}

// UsefulnessFilter narrows a list; zero fields do not. After are period, kind and
// subject of the last one before.
type UsefulnessFilter struct {
	Period, Kind, Subject string
	After                 [3]string
	Limit                 int
}

// ListUsefulness returns what things were found to be worth, by period, kind and
// subject. A mentor sees only what is said about him or her.
func ListUsefulness(ctx context.Context, db *gorm.DB, townID string, f UsefulnessFilter) (_ []Usefulness, err error) {
	defer fault.Wrap(&err, "usefulness in %s", townID)
	q := finalRatings(ctx, db, townID)
	if p := access.PrincipalFrom(ctx); p.Role == policy.Mentor {
		q = q.Where("r.kind = 'mentor' AND r.subject = ?", p.Person)
	}
	q = database.Only(q, "r.period_code", f.Period, "r.kind", f.Kind, "r.subject", f.Subject)
	a := f.After
	q = q.Where("r.period_code > ? OR (r.period_code = ? AND (r.kind > ? OR (r.kind = ? AND r.subject > ?)))", a[0],
		a[0], a[1], a[1], a[2])
	var rows []tally
	err = q.Order("r.period_code, r.kind, r.subject").Limit(f.Limit).Scan(&rows).Error
	list := make([]Usefulness, len(rows))
	for i, t := range rows {
		list[i] = t.usefulness()
	}
	return list, err
}

// tally counts the ratings of one subject.
type tally struct {
	PeriodCode, Kind, Subject string
	N1, N2, N3, N4, N5        int64
}

// finalRatings counts the ratings of final periods.
func finalRatings(ctx context.Context, db *gorm.DB, townID string) *gorm.DB {
	return db.WithContext(ctx).Table("usefulness_ratings r").
		Joins("JOIN periods p ON p.town_id = r.town_id AND p.code = r.period_code").
		Where("r.town_id = ? AND p.state = ?", townID, evaluation.Final).
		Select(`r.period_code, r.kind, r.subject,
SUM(CASE score WHEN 1 THEN 1 ELSE 0 END) AS n1, SUM(CASE score WHEN 2 THEN 1 ELSE 0 END) AS n2, SUM(CASE score WHEN 3 THEN 1 ELSE 0 END) AS n3,
SUM(CASE score WHEN 4 THEN 1 ELSE 0 END) AS n4, SUM(CASE score WHEN 5 THEN 1 ELSE 0 END) AS n5`).
		Group("r.period_code, r.kind, r.subject")
}

func (t tally) count() int64 { return t.N1 + t.N2 + t.N3 + t.N4 + t.N5 }

func (t tally) sum() int64 { return t.N1 + 2*t.N2 + 3*t.N3 + 4*t.N4 + 5*t.N5 }

func (t tally) usefulness() Usefulness {
	u := Usefulness{Period: t.PeriodCode, Kind: t.Kind, Subject: t.Subject, TooFew: t.count() < fewestRaters}
	if u.TooFew {
		return u
	}
	n, mean := t.count(), stats.Round(float64(t.sum())/float64(t.count()), 2)
	u.Raters, u.Mean, u.Distribution = &n, &mean, []int64{t.N1, t.N2, t.N3, t.N4, t.N5}
	return u
}

// usefulCases is the mean rating of each series of cases over the periods in which
// enough branches rated it. A period with too few is left out, or it could be computed
// from the difference.
func usefulCases(ctx context.Context, db *gorm.DB, townID string) (map[string]float64, error) {
	var rows []tally
	err := finalRatings(ctx, db, townID).Where("r.kind = 'case'").Scan(&rows).Error
	sums, counts := map[string]int64{}, map[string]int64{}
	for _, t := range rows {
		if t.count() >= fewestRaters {
			sums[t.Subject] += t.sum()
			counts[t.Subject] += t.count()
		}
	}
	means := make(map[string]float64, len(sums))
	for series, sum := range sums {
		means[series] = float64(sum) / float64(counts[series])
	}
	return means, err
}
