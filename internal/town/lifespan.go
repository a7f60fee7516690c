package town

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Rename gives the branch another name from the day on; earlier days keep the old one.
func Rename(ctx context.Context, db *gorm.DB, townID, code string, version int64, name text.Text, on day.Date, reason string) (Branch, error) {
	if faults := checkName(name); len(faults) > 0 {
		return Branch{}, fault.Broken(faults...)
	}
	return reprofile(ctx, db, townID, code, version, on, "branch.rename", reason, func(p *Profile) { p.Name = name })
}

// Reclassify counts the branch as another kind and class from the day on.
func Reclassify(ctx context.Context, db *gorm.DB, townID, code string, version int64, kind string, class *string, on day.Date, reason string) (Branch, error) {
	return reprofile(ctx, db, townID, code, version, on, "branch.reclassify", reason, func(p *Profile) { p.Kind, p.Class = kind, class })
}

// Close ends the branch: the day is the first one without it.
func Close(ctx context.Context, db *gorm.DB, townID, code string, version int64, on day.Date, reason string) (Branch, error) {
	return end(ctx, db, townID, code, version, on, "branch.close", nil, reason)
}

// Merge ends the branch on the day and names the branch that takes it over,
// which must exist on that day.
func Merge(ctx context.Context, db *gorm.DB, townID, code string, version int64, into string, on day.Date, reason string) (Branch, error) {
	return end(ctx, db, townID, code, version, on, "branch.merge", &into, reason)
}

func reprofile(ctx context.Context, db *gorm.DB, townID, code string, version int64, on day.Date, action, reason string, change func(*Profile)) (Branch, error) {
	return alter(ctx, db, townID, code, version, on, action, reason, func(tx *gorm.DB, _ Branch, p Profile) error {
		change(&p)
		p.ValidFrom, p.Reason = on, reason
		if err := createProfile(tx, p); err != nil {
			return err
		}
		return database.UpdateVersioned(tx, &Life{TownID: townID, Code: code}, version, nil)
	})
}

func end(ctx context.Context, db *gorm.DB, townID, code string, version int64, on day.Date, action string, into *string, reason string) (Branch, error) {
	return alter(ctx, db, townID, code, version, on, action, reason, func(tx *gorm.DB, before Branch, _ Profile) error {
		if into != nil {
			if err := checkSuccessor(ctx, tx, townID, code, *into, on); err != nil {
				return err
			}
		}
		if err := checkAbsorbed(tx, townID, code, on); err != nil {
			return err
		}
		return database.UpdateVersioned(tx, &Life{TownID: townID, Code: code}, version, map[string]any{"closed_on": on, "closed_reason": reason, "merged_into": into})
	})
}

// alter runs one change of a living branch in a transaction with its record. It
// holds the branch, so that no two changes interleave.
func alter(ctx context.Context, db *gorm.DB, townID, code string, version int64, on day.Date, action, reason string, change func(*gorm.DB, Branch, Profile) error) (Branch, error) {
	var after Branch
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := hold(tx, townID, code); err != nil {
			return err
		}
		before, err := FindBranch(ctx, tx, townID, code, day.Latest)
		if err != nil {
			return err
		}
		if before.ClosedOn != nil {
			return Ended(ctx, tx, before)
		}
		if before.Version != version {
			return fault.OutOfDate()
		}
		last, err := lastProfile(tx, townID, code)
		if err != nil {
			return err
		}
		if err := checkDay(before, last, on); err != nil {
			return err
		}
		if err := change(tx, before, last); err != nil {
			return err
		}
		if after, err = FindBranch(ctx, tx, townID, code, on); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: action, Subject: "branches/" + code, Before: before, After: after, Reason: reason})
	})
	return after, err
}

// EndedBy reports whether the branch is no more on the day.
func (l Life) EndedBy(on day.Date) bool { return l.ClosedOn != nil && *l.ClosedOn <= on }

// EndedOn gives the branches of the town that have ended or will, with the first day
// without them.
func EndedOn(ctx context.Context, db *gorm.DB, townID string) (map[string]day.Date, error) {
	var closed []Life
	err := db.WithContext(ctx).Select("code", "closed_on").Where("town_id = ? AND closed_on IS NOT NULL", townID).Find(&closed).Error
	ended := make(map[string]day.Date, len(closed))
	for _, b := range closed {
		ended[b.Code] = *b.ClosedOn
	}
	return ended, err
}

// Ended says that a closed branch is no more, and who ended it, as the trail tells.
func Ended(ctx context.Context, db *gorm.DB, b Branch) error {
	var last []audit.Record
	err := db.WithContext(ctx).Where("town_id = ? AND subject = ? AND action IN ?", b.TownID, "branches/"+b.Code, []string{"branch.close", "branch.merge"}).
		Order("sequence DESC").Limit(1).Find(&last).Error
	if err != nil {
		return err
	}
	by := fault.Lock{At: b.UpdatedAt, Reason: b.ClosedReason, CanLift: fault.Nobody}
	if len(last) > 0 {
		by.By, by.Role, by.At = last[0].Actor, last[0].Role, last[0].At
	}
	return fault.Conflict("branch_closed", "该党组织已于 %s 撤销或合并", "the branch ended on %s", *b.ClosedOn).Held(by)
}

// hold keeps the row of the branch from changing until tx ends. SQLite has one
// writer at a time and needs no lock.
func hold(tx *gorm.DB, townID, code string) error {
	var held []Life
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code = ?", townID, code).Find(&held).Error
}

// checkDay refuses a change on or before the day of the last one: it would be
// told after it and yet hold before it.
func checkDay(b Branch, last Profile, on day.Date) error {
	if last.ValidFrom < on {
		return nil
	}
	if b.FoundedOn != nil && *b.FoundedOn == last.ValidFrom {
		return fault.Broken(fault.Field("/on", "not_after_founding",
			"该党组织成立于 %s，变更须晚于该日", "the branch was founded on %s: a change must be later", *b.FoundedOn))
	}
	return fault.Broken(fault.Field("/on", "not_after_last_change",
		"该党组织自 %s 起已有变更，新变更须晚于该日", "the branch already changed on %s: a new change must be later", last.ValidFrom))
}

// checkSuccessor makes sure that the branch to merge into lives on the day, and
// holds it, so that it cannot end meanwhile.
func checkSuccessor(ctx context.Context, tx *gorm.DB, townID, code, into string, on day.Date) error {
	if err := hold(tx, townID, into); err != nil {
		return err
	}
	other, err := FindBranch(ctx, tx, townID, into, on)
	if fault.Is(err, fault.KindNotFound) || err == nil && (into == code || other.EndedBy(on)) {
		return fault.Broken(fault.Field("/into", "no_successor",
			"“%s”在该日不存在，不能并入", "%q does not exist on that day: a branch merges into a living other one", into))
	}
	return err
}

// checkAbsorbed refuses an end before the day on which another branch merged
// into this one.
func checkAbsorbed(tx *gorm.DB, townID, code string, on day.Date) error {
	var absorbed []Life
	err := tx.Where("town_id = ? AND merged_into = ? AND closed_on >= ?", townID, code, on).
		Order("closed_on DESC, code").Limit(1).Find(&absorbed).Error
	if err != nil || len(absorbed) == 0 {
		return err
	}
	return fault.Broken(fault.Field("/on", "before_absorbing",
		"“%s”于 %s 并入该党组织，结束须晚于该日", "%q merged into it on %s: the end must be later", absorbed[0].Code, *absorbed[0].ClosedOn))
}

func lastProfile(tx *gorm.DB, townID, code string) (Profile, error) {
	var p Profile
	err := tx.Where("town_id = ? AND branch_code = ?", townID, code).Order("valid_from DESC").Take(&p).Error
	return p, err
}
