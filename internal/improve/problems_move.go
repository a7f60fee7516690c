package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// ProblemContent is what can be changed of a problem that is not solved.
type ProblemContent struct {
	Title, Description       string
	OwnerPerson, OwnerOffice *string
	Participants             Participants
	DueOn                    day.Date
}

// UpdateProblem changes what is told of an unsolved problem. Another due day or
// owner needs a reason.
func UpdateProblem(ctx context.Context, db *gorm.DB, townID, id string, version int64, c ProblemContent, reason string) (JointProblem, error) {
	return changeProblem(ctx, db, townID, id, func(tx *gorm.DB, v problemViewer, x JointProblem) (step problemStep, err error) {
		mv, ok := problemMoves.Stay("write", x.State)
		if !ok {
			return step, workflow.Conflict(x.stand(), "problem_solved", text.F("难题已解决：如需修改，请先重新打开", "the problem is solved: reopen it to change it"))
		}
		if err := mv.Refuse(v.Principal, x.stand(), reason); err != nil {
			return step, err
		}
		handed := deref(c.OwnerPerson) != deref(x.OwnerPerson) || deref(c.OwnerOffice) != deref(x.OwnerOffice)
		if reason == "" && (handed || c.DueOn != x.DueOn) {
			return step, fault.Broken(fault.Field("/reason", "reason_needed", "变更责任方或期限须说明理由", "say why owner or due day change"))
		}
		due := x.DueOn
		x.OwnerPerson, x.OwnerOffice, x.Participants, x.DueOn = c.OwnerPerson, c.OwnerOffice, c.Participants, c.DueOn
		earliest := v.today
		if c.DueOn == due {
			earliest = due // a day that has passed may stay
		}
		if err := x.check(ctx, tx, earliest); err != nil {
			return step, err
		}
		change := map[string]any{
			"title": c.Title, "description": c.Description, "owner_person": c.OwnerPerson, "owner_office": c.OwnerOffice,
			"participants": c.Participants, "due_on": c.DueOn,
		}
		return problemStep{"write", reason, ""}, x.step(ctx, tx, version, problemStep{"write", reason, ""}, change)
	})
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// ProblemDecision is where a problem is moved.
type ProblemDecision struct {
	To       ProblemState
	Reason   string // what was done, to solve; why, to reopen
	Evidence string
	For      Party // who solved it; empty = the party of the caller
}

// MoveProblem starts, solves, closes or reopens a problem. Another party than the
// one that solved it closes it, and another person than who said so. What was
// closed is reopened within the periods that the settings give; later it is a new
// problem that names the earlier one.
func MoveProblem(ctx context.Context, db *gorm.DB, townID, id string, version int64, d ProblemDecision) (JointProblem, error) {
	return changeProblem(ctx, db, townID, id, func(tx *gorm.DB, v problemViewer, x JointProblem) (step problemStep, err error) {
		mv, err := problemMoves.Find(v.Principal, x.State, d.To, x.stand(), d.Reason)
		if err != nil {
			return step, err
		}
		step = problemStep{mv.Verb, d.Reason, d.Evidence}
		change := map[string]any{"state": d.To}
		switch mv.Verb {
		case "solve":
			if d.For == "" {
				d.For = partyOf[v.Role]
			}
			change["solution"], change["evidence"], change["solved_by"], change["solved_for"] = d.Reason, d.Evidence, v.Name(), d.For
		case "close":
			if !v.confirms(x) {
				return step, workflow.Conflict(x.stand(), "another_party_needed", text.F(
					"须由解决方以外的一方确认销号", "another party than the one that solved it, and another person than who said so, closes it"))
			}
			change["closed_on"] = v.today
		case "reopen":
			if x.State == ProblemClosed {
				if err := x.refuseRelapse(ctx, tx, v.today); err != nil {
					return step, err
				}
				change["relapses"] = x.Relapses + 1
			}
			change["solved_by"], change["solved_for"], change["closed_on"] = "", "", nil
		}
		return step, x.step(ctx, tx, version, step, change)
	})
}

// problemStep is what the history and the trail tell of a change.
type problemStep struct{ verb, reason, evidence string }

// step stores a change and its place in the history. x has the due day from then on.
func (x JointProblem) step(ctx context.Context, tx *gorm.DB, version int64, s problemStep, change map[string]any) error {
	if err := database.UpdateVersioned(tx, &JointProblem{TownID: x.TownID, ID: x.ID}, version, change); err != nil {
		return err
	}
	return x.note(ctx, tx, version+1, s.verb, s.reason, s.evidence)
}

// changeProblem changes one problem in a transaction with its record.
func changeProblem(ctx context.Context, db *gorm.DB, townID, id string, change func(*gorm.DB, problemViewer, JointProblem) (problemStep, error)) (after JointProblem, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := problemViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		step, err := change(tx, v, before)
		if err != nil {
			return err
		}
		if after, err = FindProblem(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "problem." + step.verb, Subject: "problems/" + id,
			Before: before.told(), After: after.told(), Reason: step.reason,
		})
	})
	return after, err
}

// told is the problem without what depends on the reader.
func (x JointProblem) told() JointProblem {
	x.History, x.Allowed = nil, nil
	return x
}

// refuseRelapse says that the problem was closed too long ago to be the same one.
// A period counts once it began after the day of the closing; years do not, which
// repeat what quarters tell.
func (x JointProblem) refuseRelapse(ctx context.Context, tx *gorm.DB, today day.Date) error {
	settings, err := FindSettings(ctx, tx, x.TownID)
	if err != nil {
		return err
	}
	var n int64
	err = tx.WithContext(ctx).Table("periods").Where("town_id = ? AND kind <> 'year' AND starts_on > ? AND starts_on <= ?", x.TownID, x.ClosedOn, today).Count(&n).Error
	if err != nil || n <= settings.Document.V.RelapsePeriods {
		return err
	}
	return workflow.Conflict(x.stand(), "relapsed_too_late", text.F(
		"销号后已过 %d 个考评周期：请新建难题，并注明原难题", "%d periods have begun since it was closed: open a new problem that names this one as the earlier", n))
}

// openAll opens the problems that a visit found, as a part of its recording.
func openAll(ctx context.Context, tx *gorm.DB, v Visit, found []JointProblem) error {
	if len(found) > 0 && !access.Caller(ctx).May(access.WriteProblems) {
		return fault.Forbidden("not_allowed", "您无权提出难题", "you may not open problems")
	}
	for _, x := range found {
		x.TownID, x.BranchCode, x.VisitID = v.TownID, v.BranchCode, &v.ID
		if _, err := OpenProblem(ctx, tx, x); err != nil {
			return err
		}
	}
	return nil
}
