package index

import (
	"context"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
)

// FileAppeal enters an appeal of the caller, who leads the branch, against the latest
// publication of the period, while its notice is open for the branch.
func FileAppeal(ctx context.Context, db *gorm.DB, a Appeal) (Appeal, error) {
	p := access.Caller(ctx)
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		today := day.Of(tx.NowFunc())
		period, err := evaluation.HoldPeriod(ctx, tx, a.TownID, a.PeriodCode)
		if err != nil {
			return err
		}
		if err := access.InScope(ctx, tx, p, access.WriteAppeals, a.TownID, a.BranchCode, today); err != nil {
			return err
		}
		if a.PublicationNumber, err = appealable(ctx, tx, period, a.BranchCode); err != nil {
			return err
		}
		if err := a.check(ctx, tx, period); err != nil {
			return err
		}
		a.ID, a.State, a.FiledBy, a.FiledAt, a.DueOn = database.NewID(), Filed, p.Person, tx.NowFunc(), today.AddDays(int(period.AnswerDays))
		a.Versioned = database.Versioned{Version: 1}
		if err := a.insert(tx); err != nil {
			return err
		}
		v := &appealReader{Principal: p, town: a.TownID, today: today, reach: access.Reach{All: true}}
		a = v.Show(a, appeals.Allowed(v, a))
		return audit.Write(ctx, tx, audit.Change{Town: a.TownID, Action: "appeal.file", Subject: "appeals/" + a.ID, After: a})
	})
	return a, err
}

// insert stores a new appeal, unless the branch has one that waits for its decision.
func (a *Appeal) insert(tx *gorm.DB) error {
	made := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(a)
	if made.Error != nil || made.RowsAffected == 1 {
		return made.Error
	}
	var other Appeal
	err := tx.Where("town_id = ? AND period_code = ? AND publication_number = ? AND branch_code = ? AND state = ?",
		a.TownID, a.PeriodCode, a.PublicationNumber, a.BranchCode, Filed).Take(&other).Error
	if err != nil {
		return err
	}
	return fault.Conflict("appeal_exists",
		"该党组织对本次公布已有尚未决定的申诉：可撤回后重新提出", "the branch has an undecided appeal against this publication: withdraw it to file another").Held(other.lock())
}

// appealable gives the number of the latest publication, if the branch is in it and
// may appeal today: in the notice of the first one, or in that of one that changed
// the branch.
func appealable(ctx context.Context, tx *gorm.DB, p evaluation.Period, branch string) (int64, error) {
	if err := p.Correctable(); err != nil {
		return 0, err
	}
	list, err := readPublicationsOf(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return 0, err
	}
	last, err := list.find(p.Code, 0)
	if err != nil {
		return 0, err
	}
	placed, err := placings(ctx, tx, list, branch)
	if err != nil {
		return 0, err
	}
	if placed[last.RunID] == nil {
		by := last.lock()
		by.CanLift = fault.Nobody
		return 0, fault.Conflict("not_in_result", "党组织“%s”不在本周期的结果中", "the branch %q is not in this result", branch).Held(by)
	}
	today := day.Of(tx.NowFunc())
	until := last.first
	for i := range list {
		n := list[i].notice()
		if n == nil || i > 0 && !placed[list[i-1].RunID].changed(placed[list[i].RunID]) {
			continue
		}
		if n.Open(today) {
			return last.Number, nil
		}
		until = n
	}
	return 0, noticeOver(p, last, until)
}

// noticeOver says until when the branch could have appealed, and what is left to do.
func noticeOver(p evaluation.Period, last *publishedRun, n *evaluation.Notice) error {
	if n == nil {
		by := p.Calendar.Lock()
		by.CanLift = fault.Nobody // the days of what is published stay
		return fault.Conflict("no_notice", "本周期不设公示期，不受理申诉", "this period has no public notice: nobody can appeal").Held(by)
	}
	return fault.Locked("notice_closed",
		"公示期为 %[1]s 至 %[2]s，已经结束；如有错误请向工作领导小组反映，由其更正", "the public notice ran from %[1]s until %[2]s: tell the leading group, which can correct a mistake", n.From, n.Until).
		Held(last.lock())
}

// placings are the results of the branch in each run of the list, by run.
func placings(ctx context.Context, tx *gorm.DB, list publications, branch string) (map[string]*Result, error) {
	runs := make([]string, len(list))
	for i := range list {
		runs[i] = list[i].RunID
	}
	var rows []Result
	err := tx.WithContext(ctx).Where("town_id = ? AND run_id IN ? AND branch_code = ?", list[0].TownID, runs, branch).Find(&rows).Error
	placed := make(map[string]*Result, len(rows))
	for i := range rows {
		placed[rows[i].RunID] = &rows[i]
	}
	return placed, err
}

// changed reports whether score or rank differ.
func (r *Result) changed(now *Result) bool {
	return r == nil || now == nil || r.placing().differs(now.placing())
}

// check lists the points that are about nothing in the scheme.
func (a Appeal) check(ctx context.Context, tx *gorm.DB, p evaluation.Period) error {
	c, err := scheme.Load(ctx, tx, p.TownID, p.SchemeCode, p.SchemeNumber)
	if err != nil {
		return err
	}
	var faults []fault.FieldError
	for i, point := range a.Points {
		if c.Node(point.Code) == nil && c.Quantity(point.Code) == nil && !c.HasAdjustment(point.Code) {
			faults = append(faults, fault.Field("/points/"+strconv.Itoa(i)+"/code", "unknown_code",
				"指标体系中没有“%s”", "the scheme has no indicator, quantity or adjustment %q", point.Code))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
