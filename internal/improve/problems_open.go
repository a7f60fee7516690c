package improve

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/town"
)

// OpenProblem enters a problem of a branch that the caller works on today. One that
// a visit found names the visit and the finding, one that came back names the
// earlier one.
func OpenProblem(ctx context.Context, db *gorm.DB, x JointProblem) (JointProblem, error) {
	p := access.Caller(ctx)
	x.ID, x.State, x.OpenedBy, x.OpenedRole = database.NewID(), ProblemOpen, p.Name(), p.Role
	x.Versioned = database.Versioned{Version: 1}
	err := database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		today := day.Of(tx.NowFunc())
		if _, err := town.FindLiving(ctx, tx, x.TownID, x.BranchCode, today); err != nil {
			return err
		}
		if err := access.InScope(ctx, tx, p, access.WriteProblems, x.TownID, x.BranchCode, today); err != nil {
			return err
		}
		if err := x.checkOrigin(ctx, tx); err != nil {
			return err
		}
		if err := x.check(ctx, tx, today); err != nil {
			return err
		}
		if err := tx.Create(&x).Error; err != nil {
			return alreadyOpened(err)
		}
		if err := x.note(ctx, tx, 1, "open", "", ""); err != nil {
			return err
		}
		if x, err = FindProblem(ctx, tx, x.TownID, x.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: x.TownID, Action: "problem.open", Subject: "problems/" + x.ID, After: x})
	})
	return x, err
}

// checkOrigin faults a visit, finding or earlier problem that the branch does not
// have, or that the caller may not know of.
func (x JointProblem) checkOrigin(ctx context.Context, tx *gorm.DB) error {
	var faults []fault.FieldError
	if x.VisitID != nil {
		v, err := visitViewerOf(ctx, tx, x.TownID)
		if err != nil {
			return err
		}
		visit, err := v.find(ctx, tx, x.TownID, *x.VisitID)
		switch {
		case fault.Is(err, fault.KindNotFound) || err == nil && visit.BranchCode != x.BranchCode:
			faults = append(faults, fault.Field("/visit", "unknown_visit", "该党组织没有这次走访", "the branch has no such visit"))
		case err != nil:
			return err
		case x.FindingNumber != nil && (*x.FindingNumber < 1 || *x.FindingNumber > int64(len(visit.Findings))):
			faults = append(faults, fault.Field("/finding", "unknown_finding", "这次走访没有第 %d 项发现", "the visit has no finding %d", *x.FindingNumber))
		}
	} else if x.FindingNumber != nil {
		faults = append(faults, fault.Field("/visit", "required", "请写明是哪次走访的发现", "say of which visit the finding is"))
	}
	if x.AfterID != nil {
		earlier, err := FindProblem(ctx, tx, x.TownID, *x.AfterID)
		switch {
		case fault.Is(err, fault.KindNotFound) || err == nil && (earlier.BranchCode != x.BranchCode || earlier.State != ProblemClosed):
			faults = append(faults, fault.Field("/after", "unknown_problem", "该党组织没有这一已销号的难题", "the branch has no such problem that is closed"))
		case err != nil:
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// check faults an owner, participants or a day that cannot be.
func (x JointProblem) check(ctx context.Context, tx *gorm.DB, today day.Date) error {
	var faults []fault.FieldError
	if (x.OwnerPerson == nil) == (x.OwnerOffice == nil) {
		faults = append(faults, fault.Field("/owner_person", "one_owner", "请填写一名责任人或一个责任办，二者择一", "name one person or one office as the owner"))
	}
	if x.DueOn < today {
		faults = append(faults, pastDay("/due_on"))
	}
	for _, known := range []struct {
		table  string
		codes  []string
		member string
		owner  *string
	}{
		{"people", x.Participants.Persons, "persons", x.OwnerPerson},
		{"offices", x.Participants.Offices, "offices", x.OwnerOffice},
	} {
		asked := slices.Clone(known.codes)
		if known.owner != nil {
			asked = append(asked, *known.owner)
		}
		var there []string
		if err := tx.WithContext(ctx).Table(known.table).Where("town_id = ? AND code IN ?", x.TownID, append(asked, "")).Pluck("code", &there).Error; err != nil {
			return err
		}
		unknown := func(at, code string) {
			if !slices.Contains(there, code) {
				faults = append(faults, fault.Field(at, "unknown_code", "本镇没有“%s”", "this town has no %q", code))
			}
		}
		if known.owner != nil {
			unknown("/owner_"+map[string]string{"persons": "person", "offices": "office"}[known.member], *known.owner)
		}
		for i, code := range known.codes {
			unknown(fmt.Sprintf("/%s/%d", known.member, i), code)
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// alreadyOpened tells that the finding has a problem already.
func alreadyOpened(err error) error {
	if database.ConstraintOf(err) == "problems_finding" {
		return fault.Conflict("already_opened", "该项发现已列为难题", "the finding has opened a problem already").Because(err)
	}
	return err
}

// note keeps one step of the problem under the version that it made.
func (x JointProblem) note(ctx context.Context, tx *gorm.DB, version int64, verb, reason, evidence string) error {
	p := access.Caller(ctx)
	return tx.Create(&ProblemMove{
		TownID: x.TownID, ProblemID: x.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role,
		Reason: reason, Evidence: evidence, DueOn: x.DueOn,
	}).Error
}
