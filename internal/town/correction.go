package town

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// No branch was founded or changed before the first ones were. A change is entered at most
// a year ahead: the plans of the next year reach no further, and 2062 in place of 2026 does.
const firstDay day.Date = "1921-07-01"

const daysAhead = 366

// checkFar returns a fault of the field where the day is too far away to be meant.
func checkFar(at string, on, today day.Date) []fault.FieldError {
	if last := today.AddDays(daysAhead); on < firstDay || on > last {
		return []fault.FieldError{fault.Field(at, "too_far", "日期须在 %s 至 %s 之间：请核对年份",
			"a day lies between %s and %s: look at the year", firstDay, last)}
	}
	return nil
}

// BranchCorrection is what was entered wrongly about a branch. What is nil stays.
type BranchCorrection struct {
	Code            *string // only where nothing else names the branch
	StatisticalCode *string
	FoundedOn       *day.Date
	Name            *text.Text // of its last change, as of its first day
	Kind, Class     *string    // likewise
	ExternalCodes   []ExternalCode
}

// OfProfile reports whether it corrects what the branch is called or counted as.
func (x BranchCorrection) OfProfile() bool { return x.Name != nil || x.Kind != nil || x.Class != nil }

func (x BranchCorrection) check(today day.Date) (faults []fault.FieldError) {
	if x.Code != nil {
		faults = append(faults, checkCode(*x.Code)...)
	}
	if x.Name != nil {
		faults = append(faults, checkName(*x.Name)...)
	}
	if x.FoundedOn != nil {
		faults = append(faults, checkFar("/founded_on", *x.FoundedOn, today)...)
	}
	return append(faults, CheckExternalCodes(x.ExternalCodes)...)
}

// LastChange is the last change of what a branch is called and counted as.
type LastChange struct {
	Since   day.Date  // the first day on which it holds
	Known   time.Time // when it was entered
	Founded bool      // it is the founding, before which there was nothing
}

// FindLastChange returns the last change of the branch.
func FindLastChange(ctx context.Context, db *gorm.DB, townID, code string) (_ LastChange, err error) {
	defer fault.Wrap(&err, "last change of %s", code)
	last, all, err := lastProfiles(db.WithContext(ctx), townID, code)
	if err != nil {
		return LastChange{}, err
	}
	return LastChange{last[0].ValidFrom, last[0].KnownFrom, len(last) == all}, nil
}

// lastProfiles returns the profiles of the branch from its last change on, and how many it
// has altogether. They are alike: a founding that was corrected has more than one.
func lastProfiles(db *gorm.DB, townID, code string) (last []Profile, all int, err error) {
	err = db.Where("town_id = ? AND branch_code = ?", townID, code).Order("valid_from").Find(&last).Error
	all = len(last)
	if err == nil && all == 0 {
		err = fault.Missing(branchNoun, code)
	}
	for i := all - 1; i > 0; i-- {
		if !last[i].like(last[i-1]) {
			return last[i:], all, err
		}
	}
	return last, all, err
}

// like reports whether the branch is called and counted the same by both.
func (p Profile) like(q Profile) bool {
	return p.Name == q.Name && p.Kind == q.Kind && (p.Class == nil) == (q.Class == nil) && (p.Class == nil || *p.Class == *q.Class)
}

// Correct corrects what was entered wrongly. A founding is known from c.Known on: what was
// locked before keeps the former one.
func Correct(ctx context.Context, db *gorm.DB, c BranchChange, x BranchCorrection) (Branch, error) {
	if faults := x.check(day.Of(db.NowFunc())); len(faults) > 0 {
		return Branch{}, fault.Broken(faults...)
	}
	return c.undo(ctx, db, "branch.correct", func(tx *gorm.DB, before Branch) (string, error) {
		if x.OfProfile() {
			if err := c.correctProfile(tx, x); err != nil {
				return "", err
			}
		}
		columns := map[string]any{}
		if x.StatisticalCode != nil {
			columns["statistical_code"] = *x.StatisticalCode
		}
		if x.FoundedOn != nil {
			if err := c.found(tx, before, *x.FoundedOn); err != nil {
				return "", err
			}
			columns["founded_on"], columns["founded_known_from"] = *x.FoundedOn, c.Known
		}
		if err := database.UpdateVersioned(tx, c.row(), c.Version, columns); err != nil {
			return "", Taken(err)
		}
		if x.ExternalCodes != nil {
			if err := storeCodes(tx, c.Town, c.Branch, x.ExternalCodes); err != nil {
				return "", err
			}
		}
		if x.Code == nil || *x.Code == c.Branch {
			return c.Branch, nil
		}
		return *x.Code, c.recode(tx, *x.Code)
	})
}

// correctProfile changes name, kind or class as of the last change.
func (c BranchChange) correctProfile(tx *gorm.DB, x BranchCorrection) error {
	last, _, err := lastProfiles(tx, c.Town, c.Branch)
	if err != nil {
		return err
	}
	for _, p := range last {
		if x.Name != nil {
			p.Name = *x.Name
		}
		if x.Kind != nil {
			p.Kind = *x.Kind
		}
		if x.Class != nil {
			p.Class = x.Class
		}
		if err := checkCategories(tx, p); err != nil {
			return err
		}
		if err := tx.Save(&p).Error; err != nil {
			return err
		}
	}
	return nil
}

// found moves the founding: an earlier one needs a profile from its day on, a later one must
// not pass what has happened since.
func (c BranchChange) found(tx *gorm.DB, b Branch, on day.Date) error {
	var profiles []Profile
	err := tx.Where("town_id = ? AND branch_code = ?", c.Town, c.Branch).Order("valid_from").Find(&profiles).Error
	if err != nil {
		return err
	}
	first := profiles[0]
	for _, p := range profiles {
		if !p.like(first) && p.ValidFrom <= on {
			return fault.Broken(fault.Field("/founded_on", "after_a_change",
				"该党组织自 %s 起已有变更，成立须早于该日", "the branch changed on %s: it was founded earlier", p.ValidFrom))
		}
	}
	if b.ClosedOn != nil && *b.ClosedOn <= on {
		return fault.Broken(fault.Field("/founded_on", "after_its_end",
			"该党组织已于 %s 撤销或合并，成立须早于该日", "the branch ended on %s: it was founded earlier", *b.ClosedOn))
	}
	if on >= first.ValidFrom {
		return nil
	}
	first.ValidFrom, first.KnownFrom, first.Reason = on, c.Known, ""
	return tx.Create(&first).Error
}

// recode sets another code of the branch. Where anything but its own rows names it, the
// database refuses, and nothing changes.
func (c BranchChange) recode(tx *gorm.DB, code string) error {
	var life Life
	if err := tx.Where("town_id = ? AND code = ?", c.Town, c.Branch).Take(&life).Error; err != nil {
		return err
	}
	var profiles []Profile
	if err := tx.Where("town_id = ? AND branch_code = ?", c.Town, c.Branch).Find(&profiles).Error; err != nil {
		return err
	}
	was := []Branch{{Life: life}}
	if err := fillExternalCodes(tx, c.Town, was); err != nil {
		return err
	}
	if err := storeCodes(tx, c.Town, c.Branch, nil); err != nil {
		return err
	}
	if err := tx.Where("town_id = ? AND branch_code = ?", c.Town, c.Branch).Delete(&Profile{}).Error; err != nil {
		return err
	}
	if err := tx.Where("town_id = ? AND code = ?", c.Town, c.Branch).Delete(&Life{}).Error; err != nil {
		if fault.Is(err, fault.KindConflict) {
			err = fault.Conflict("branch_in_use", "已有考评表、结对或其他记录使用该代码，代码不能再改：请使用统计代码或外部代码",
				"sheets, pairings or other records name the branch by this code, so it stays: correct its names and other codes instead").
				With(fault.Field("/code", "in_use", "已被其他记录使用", "other records name it")).Because(err)
		}
		return err
	}
	life.Code = code
	if err := tx.Create(&life).Error; err != nil {
		return Taken(err)
	}
	for _, p := range profiles {
		p.BranchCode = code
		if err := tx.Create(&p).Error; err != nil {
			return err
		}
	}
	return storeCodes(tx, c.Town, code, was[0].ExternalCodes)
}

// Reopen takes back the end of the branch, as if it had not been entered.
func Reopen(ctx context.Context, db *gorm.DB, c BranchChange) (Branch, error) {
	return c.undo(ctx, db, "branch.reopen", func(tx *gorm.DB, before Branch) (string, error) {
		if before.ClosedOn == nil {
			return "", fault.Conflict("not_ended", "该党组织未撤销，也未合并", "the branch has not ended")
		}
		return c.Branch, database.UpdateVersioned(tx, c.row(), c.Version, map[string]any{
			"closed_on": nil, "closed_reason": "", "merged_into": nil, "closed_known_from": nil,
		})
	})
}

// WithdrawChange takes back the last rename or reclassification, as if it had not been entered.
func WithdrawChange(ctx context.Context, db *gorm.DB, c BranchChange) (Branch, error) {
	return c.undo(ctx, db, "branch.withdraw", func(tx *gorm.DB, before Branch) (string, error) {
		if before.ClosedOn != nil {
			return "", Ended(ctx, tx, before)
		}
		last, all, err := lastProfiles(tx, c.Town, c.Branch)
		if err != nil {
			return "", err
		}
		if len(last) == all {
			return "", fault.Conflict("nothing_to_withdraw", "该党组织成立以来没有更名或改类",
				"the branch was neither renamed nor reclassified since its founding")
		}
		for _, p := range last {
			if err := tx.Delete(&p).Error; err != nil {
				return "", err
			}
		}
		return c.Branch, database.UpdateVersioned(tx, c.row(), c.Version, nil)
	})
}

// undo corrects a branch in a transaction with its record. change returns the code that the
// branch has afterwards.
func (c BranchChange) undo(
	ctx context.Context, db *gorm.DB, action string, change func(tx *gorm.DB, before Branch) (string, error),
) (after Branch, err error) {
	defer fault.Wrap(&err, "branch %s", c.Branch)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, was, err := c.held(ctx, tx)
		if err != nil {
			return err
		}
		if before.Version != c.Version {
			return fault.OutOfDate()
		}
		code, err := change(tx, before)
		if err != nil {
			return err
		}
		if after, err = FindCoded(ctx, tx, c.Town, code, day.Latest); err != nil {
			return err
		}
		is, err := lastProfile(tx, c.Town, code)
		if err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: c.Town, Action: action, Subject: "branches/" + code, Before: recordedBranch{before, was.ValidFrom, was.KnownFrom},
			After: recordedBranch{after, is.ValidFrom, is.KnownFrom}, Reason: c.Reason,
		})
	})
	return after, err
}

// undone are the events in the history of a branch that the trail alone keeps.
var undone = map[string]string{
	"branch.correct": "corrected", "branch.withdraw": "withdrawn", "branch.reopen": "reopened",
}

// undoneEvents returns what was corrected, withdrawn or reopened, on the days on which it was.
func undoneEvents(ctx context.Context, db *gorm.DB, now Branch) (events []Event, err error) {
	var records []audit.Record
	err = db.WithContext(ctx).Where("town_id = ? AND subject = ? AND action IN ?", now.TownID, "branches/"+now.Code,
		[]string{"branch.correct", "branch.withdraw", "branch.reopen"}).Order("sequence").Find(&records).Error
	for _, r := range records {
		events = append(events, Event{
			On: new(day.Of(r.At)), Event: undone[r.Action], Name: now.Name, Kind: now.Kind, Class: now.Class, Reason: r.Reason,
			entered: r.At,
		})
	}
	return events, err
}

// renamed changes the names of a row that has no days, with its record.
func renamed[T any](
	ctx context.Context, db *gorm.DB, audited audit.Change, name text.Text, find func(tx *gorm.DB) (T, error),
) (after T, err error) {
	defer fault.Wrap(&err, "rename %s", audited.Subject)
	if faults := checkName(name); len(faults) > 0 {
		return after, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := find(tx)
		if err != nil {
			return err
		}
		if err := tx.Model(&before).Updates(map[string]any{"name_zh": name.ZH, "name_en": name.EN}).Error; err != nil {
			return err
		}
		if after, err = find(tx); err != nil {
			return err
		}
		audited.Before, audited.After = before, after
		return audit.Write(ctx, tx, audited)
	})
	return after, err
}
