package people

import (
	"context"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Assignment ties a person to a branch by a duty, from a day until a day, both
// included; without an end it holds until further notice.
type Assignment struct {
	TownID     string      `gorm:"primaryKey" json:"-"`
	ID         string      `gorm:"primaryKey" json:"id" format:"uuid"`
	PersonCode string      `json:"person" example:"mentor-1"`
	BranchCode string      `json:"branch" example:"b07"`
	Duty       access.Duty `json:"duty" swaggertype:"string" enums:"leads,mentors,instructs"`
	// nobody else has the duty for the branch in that time
	Exclusive bool     `json:"exclusive"`
	ValidFrom day.Date `json:"from" swaggertype:"string" format:"date"` // the first day
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
	// from when visits and reports are due
	DutiesFrom *day.Date `json:"duties_from,omitempty" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason,omitempty"`
	Cancellation
	database.Versioned
}

// AssignmentFilter narrows a list; zero fields do not.
type AssignmentFilter struct {
	On     day.Date // those in force on the day; empty = all of history
	Since  day.Date // with On: those in force on any day from this one to that
	Person string
	Branch string
	Duty   access.Duty
	After  string // ids after this one
	Limit  int    // 0 = all
}

// ListAssignments returns the assignments of the town in the order of their ids,
// that is, of their making.
func ListAssignments(ctx context.Context, db *gorm.DB, townID string, f AssignmentFilter) (_ []Assignment, err error) {
	defer fault.Wrap(&err, "assignments of %s", townID)
	q, on := db.WithContext(ctx), f.On
	if f.Since != "" {
		q, on = overlapping(q, f.Since, &f.On), ""
	}
	q = page(q, townID, on, f.After, f.Limit)
	q = database.Only(q, "person_code", f.Person, "branch_code", f.Branch, "duty", string(f.Duty))
	var list []Assignment
	err = q.Find(&list).Error
	p := access.PrincipalFrom(ctx)
	for i := range list {
		list[i] = list[i].shown(p)
	}
	return list, err
}

// FindAssignment returns one assignment of the town.
func FindAssignment(ctx context.Context, db *gorm.DB, townID, id string) (_ Assignment, err error) {
	defer fault.Wrap(&err, "assignment %s", id)
	a, err := storedAssignment(db.WithContext(ctx), townID, id)
	return a.shown(access.PrincipalFrom(ctx)), err
}

func storedAssignment(db *gorm.DB, townID, id string) (Assignment, error) {
	return database.Take[Assignment](db.Where("town_id = ? AND id = ?", townID, id), text.Text{ZH: "结对关系", EN: "assignment"}, id)
}

// shown returns the assignment with what the caller can do.
func (a Assignment) shown(to access.Principal) Assignment {
	a.Allowed = a.allowed(to, a.PersonCode)
	return a
}

// Assign ties a person to a branch. The person must be appointed to the role of
// the duty on its first day. See refuseClash for what cannot hold at once. Unless DutiesFrom is
// given, duties begin today where the first day is past: nobody is in arrears with visits that
// nobody could know of.
func Assign(ctx context.Context, db *gorm.DB, a Assignment) (_ Assignment, err error) {
	defer fault.Wrap(&err, "assignment of %s to %s", a.PersonCode, a.BranchCode)
	if faults := checkAssignment(a); len(faults) > 0 {
		return Assignment{}, fault.Broken(faults...)
	}
	if err := notOwn(ctx, a.PersonCode); err != nil {
		return Assignment{}, err
	}
	a.ID = database.NewID()
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := LockPerson(tx, a.TownID, a.PersonCode); err != nil {
			return err
		}
		if err := checkEnds(ctx, tx, a); err != nil {
			return err
		}
		if err := LockBranch(tx, a.TownID, a.BranchCode); err != nil {
			return err
		}
		if err := refuseClash(tx, a); err != nil {
			return err
		}
		if a.DutiesFrom == nil {
			a.DutiesFrom = new(max(a.ValidFrom, day.Of(tx.NowFunc())))
		}
		if a.ValidUntil != nil && *a.DutiesFrom > *a.ValidUntil { // entered when all was over: none
			a.DutiesFrom = nil
		}
		a.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: a.TownID, Action: "assignment.create", Subject: "assignments/" + a.ID, After: a})
	})
	return a.shown(access.PrincipalFrom(ctx)), err
}

// EndAssignment sets the last day of an assignment, which can only come closer: a
// longer one is a new assignment. Without a reason the first one stays.
func EndAssignment(ctx context.Context, db *gorm.DB, townID, id string, end Ending) (_ Assignment, err error) {
	defer fault.Wrap(&err, "end assignment %s", id)
	a, err := assignmentTie(ctx, townID, id).end(ctx, db, end)
	return a.shown(access.PrincipalFrom(ctx)), err
}

// CancelAssignment marks an assignment as a mistake: from the next request on it ties nobody.
func CancelAssignment(ctx context.Context, db *gorm.DB, townID, id string, c Cancelling) (_ Assignment, err error) {
	defer fault.Wrap(&err, "cancel assignment %s", id)
	a, err := assignmentTie(ctx, townID, id).cancel(ctx, db, c)
	return a.shown(access.PrincipalFrom(ctx)), err
}

func assignmentTie(ctx context.Context, townID, id string) tie[Assignment] {
	return tie[Assignment]{
		townID, "assignment", id, &Assignment{TownID: townID, ID: id},
		func(tx *gorm.DB) (Assignment, error) { return storedAssignment(tx.WithContext(ctx), townID, id) },
	}
}

func (a Assignment) term() (day.Date, *day.Date) { return a.ValidFrom, a.ValidUntil }

func (a Assignment) of() string { return a.PersonCode }

func checkAssignment(a Assignment) (faults []fault.FieldError) {
	switch a.Duty {
	case access.Leads, access.Mentors, access.Instructs:
	default:
		faults = append(faults, fault.Field("/duty", "unknown_duty",
			"职责须为任职（leads）、导师（mentors）或指导员（instructs）", "the duty must be leads, mentors or instructs"))
	}
	if a.DutiesFrom != nil && (*a.DutiesFrom < a.ValidFrom || a.ValidUntil != nil && *a.DutiesFrom > *a.ValidUntil) {
		faults = append(faults, fault.Field("/duties_from", "out_of_term",
			"职责起始日须在起止日期之内", "duties begin on a day of the assignment"))
	}
	return append(faults, checkTerm(a.ValidFrom, a.ValidUntil)...)
}

// LockPerson locks the row of the person until tx ends: of two overlapping assignments or
// reports of one person, made at once, the second must see the first.
func LockPerson(tx *gorm.DB, townID, code string) error {
	var held []Person
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code = ?", townID, code).Find(&held).Error
}

// LockBranch locks the row of a branch likewise. The person is locked before the branch
// everywhere, so that there is no deadlock.
func LockBranch(tx *gorm.DB, townID, code string) error {
	var held []town.Life
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code = ?", townID, code).Find(&held).Error
}

// checkEnds refuses an unknown person, one who does not hold the role of the duty on
// the first day, and a branch that does not exist on that day.
func checkEnds(ctx context.Context, tx *gorm.DB, a Assignment) error {
	if err := access.PersonExists(ctx, tx, a.TownID, a.PersonCode); err != nil {
		return err
	}
	if err := branchLives(ctx, tx, a.TownID, a.BranchCode, a.ValidFrom); err != nil {
		return err
	}
	return demandRole(ctx, tx, a.TownID, holder{a.PersonCode, a.Duty.Role()}, a.ValidFrom)
}

func branchLives(ctx context.Context, tx *gorm.DB, townID, code string, on day.Date) error {
	b, err := town.FindBranch(ctx, tx, townID, code, on)
	if err == nil && b.EndedBy(on) {
		err = fault.Missing(text.Same("branch"), code)
	}
	return fault.MissingAt(err, "/branch", "unknown_branch",
		text.F("党组织“%s”在 %s 不存在", "there is no branch %q on %s", code, on))
}

// demandRole refuses a person who does not hold the role on the first day of what needs it.
func demandRole(ctx context.Context, tx *gorm.DB, townID string, who holder, on day.Date) error {
	held, err := access.RolesOf(ctx, tx, townID, who.person, on)
	if err != nil || slices.Contains(held, who.role) {
		return err
	}
	return fault.Broken(fault.Field("/person", "not_appointed",
		"“%[1]s”在 %[3]s 未被聘任为“%[2]s”：请先聘任", "%[1]q is not appointed %[2]s on %[3]s: appoint first",
		who.person, who.role.Name(), on))
}

// refuseClash refuses an assignment that overlaps in time with the same one, with another
// of its duty where one of the two is exclusive, or with leading the branch where it is to
// mentor or instruct it.
func refuseClash(tx *gorm.DB, a Assignment) error {
	var others []Assignment
	err := overlapping(tx, a.ValidFrom, a.ValidUntil).
		Where("town_id = ? AND branch_code = ? AND (duty = ? OR person_code = ?)", a.TownID, a.BranchCode, a.Duty,
			a.PersonCode).
		Order("id").Find(&others).Error
	if err != nil {
		return err
	}
	for _, other := range others {
		same := other.PersonCode == a.PersonCode
		switch {
		case same && other.Duty == a.Duty:
			return fault.Conflict("overlapping_assignment",
				"该人员在此期间已承担同一职责", "this person has the same duty for the branch in that time already")
		case same && (other.Duty == access.Leads || a.Duty == access.Leads):
			return fault.Conflict("conflict_of_interest",
				"同一人不能在任职期间担任本党组织的导师或指导员", "nobody mentors or instructs a branch while leading it: end the other assignment first")
		case other.Duty == a.Duty && (other.Exclusive || a.Exclusive):
			return fault.Conflict("exclusive_assignment",
				"“%s”在此期间已承担该职责，且其中一方为专任：请先结束该关系",
				"%q has the duty for the branch in that time, and one of the two is exclusive: end that assignment first",
				other.PersonCode)
		}
	}
	return nil
}
