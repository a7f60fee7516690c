package visit

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// ProblemState is where a problem stands in its life.
type ProblemState string

// The states of a problem. Solved waits for another party to confirm it.
const (
	ProblemOpen       ProblemState = "open"
	ProblemInProgress ProblemState = "in_progress"
	ProblemSolved     ProblemState = "solved"
	ProblemClosed     ProblemState = "closed"
	ProblemReopened   ProblemState = "reopened"
)

// Party is one side of the joint solving of a problem.
type Party string

// The parties.
const (
	OfBranch     Party = "branch"
	OfInstructor Party = "instructor"
	OfOffice     Party = "office"
)

// partyOf is the side on which who writes about problems stands.
var partyOf = map[access.Role]Party{access.Instructor: OfInstructor, access.Office: OfOffice}

// Problem is what a branch, its instructor and its liaison office solve together
// (难题). One person or one office owns it; another party than the one that solved
// it closes it (销号).
type Problem struct {
	TownID        string        `gorm:"primaryKey" json:"-"`
	ID            string        `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode    string        `json:"branch" example:"b07"`
	VisitID       *string       `json:"visit,omitempty" format:"uuid"` // that found it
	FindingNumber *int64        `json:"finding,omitempty" example:"1"` // of the visit
	AfterID       *string       `json:"after,omitempty" format:"uuid"` // an earlier problem that came back too late to be reopened
	Title         string        `json:"title" example:"drains of the old village"`
	Description   string        `json:"description,omitempty"`
	OwnerPerson   *string       `json:"owner_person,omitempty" example:"instructor-1"` // or an office
	OwnerOffice   *string       `json:"owner_office,omitempty" example:"agriculture"`
	Participants  Participants  `json:"participants"`
	DueOn         day.Date      `json:"due_on" swaggertype:"string" format:"date"` // the last day in time
	State         ProblemState  `json:"state" swaggertype:"string" enums:"open,in_progress,solved,closed,reopened"`
	OpenedBy      string        `json:"opened_by" example:"instructor-1"` // the role, for who may not read people
	OpenedRole    access.Role   `json:"opened_role" swaggertype:"string" example:"instructor"`
	Solution      string        `json:"solution,omitempty"` // what was done, the last time that it was solved
	Evidence      string        `json:"evidence,omitempty"`
	SolvedBy      string        `json:"solved_by,omitempty" example:"instructor-1"` // who said so; not told to who may not read people
	SolvedFor     Party         `json:"solved_for,omitempty" swaggertype:"string" enums:"branch,instructor,office"`
	ClosedOn      *day.Date     `json:"closed_on,omitempty" swaggertype:"string" format:"date"`
	Relapses      int64         `json:"relapses"`         // how often it came back after it was closed
	Overdue       bool          `gorm:"-" json:"overdue"` // not solved, and past its day
	History       []ProblemMove `gorm:"-" json:"history,omitempty"`
	Allowed       []string      `gorm:"-" json:"allowed"`
	database.Versioned
} // @name JointProblem

// TableName is the table of problems.
func (Problem) TableName() string { return "problems" }

// Participants are the people and offices who help besides the owner.
type Participants struct {
	Persons []string `json:"persons" example:"mentor-1"`
	Offices []string `json:"offices" example:"agriculture"`
}

// plainParticipants are participants without the methods of a column.
type plainParticipants Participants

// Value stores the participants.
func (p Participants) Value() (driver.Value, error) {
	return database.JSON[plainParticipants]{V: plainParticipants(p)}.Value()
}

// Scan reads what Value has stored.
func (p *Participants) Scan(src any) error { return database.ScanJSON(src, (*plainParticipants)(p)) }

// GormDataType is the column type on both databases.
func (Participants) GormDataType() string { return "text" }

// ProblemMove is one step of a problem, kept for ever under the version that it made.
type ProblemMove struct {
	TownID    string      `gorm:"primaryKey" json:"-"`
	ProblemID string      `gorm:"primaryKey" json:"-"`
	Version   int64       `gorm:"primaryKey" json:"version"`
	Verb      string      `json:"verb" enums:"open,write,start,solve,close,reopen"`
	At        time.Time   `json:"at"`
	Actor     string      `json:"by" example:"instructor-1"`
	Role      access.Role `json:"role" swaggertype:"string" example:"instructor"`
	Reason    string      `json:"reason,omitempty"`
	Evidence  string      `json:"evidence,omitempty"`
	DueOn     day.Date    `json:"due_on" swaggertype:"string" format:"date"` // from then on
}

var problemNoun = text.Text{ZH: "难题", EN: "problem"}

var Unsolved = []ProblemState{ProblemOpen, ProblemInProgress, ProblemReopened}

// problemMoves is the life of a problem.
var problemMoves = workflow.Machine[ProblemState, workflow.Free]{
	{Verb: "write", From: Unsolved, Action: access.WriteProblems},
	{Verb: "start", From: []ProblemState{ProblemOpen, ProblemReopened}, To: ProblemInProgress, Action: access.WriteProblems},
	{Verb: "solve", From: []ProblemState{ProblemInProgress}, To: ProblemSolved, Action: access.WriteProblems, Reason: true},
	{Verb: "close", From: []ProblemState{ProblemSolved}, To: ProblemClosed, Action: access.WriteProblems},
	{Verb: "reopen", From: []ProblemState{ProblemSolved, ProblemClosed}, To: ProblemReopened, Action: access.WriteProblems, Reason: true},
}

// stand is who brought the problem where it stands, from its history.
func (x Problem) stand() workflow.Standing {
	lock := fault.Lock{By: x.OpenedBy, At: x.UpdatedAt, CanLift: string(access.Instructor) + ", " + string(access.Office)}
	if n := len(x.History); n > 0 {
		m := x.History[n-1]
		lock.By, lock.At, lock.Reason = m.Actor, m.At, m.Reason
	}
	return workflow.Standing(lock)
}

// problemViewer is a caller with what he or she sees of problems today. Writing
// reaches as far as reading, for who writes.
type problemViewer struct {
	access.Principal
	reach access.Reach
	today day.Date
}

func problemViewerOf(ctx context.Context, db *gorm.DB, townID string) (v problemViewer, err error) {
	v.Principal, v.today = access.Caller(ctx), day.Of(db.NowFunc())
	v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadProblems, townID, v.today)
	return v, err
}

// confirms reports whether the caller may say that a solution holds: it was not his
// or her own, nor that of the same party.
func (v problemViewer) confirms(x Problem) bool {
	return v.Name() != x.SolvedBy && partyOf[v.Role] != x.SolvedFor
}

// shown is the problem as the caller sees it.
func (v problemViewer) shown(x Problem) Problem {
	x.Overdue = slices.Contains(Unsolved, x.State) && improve.Overdue(x.DueOn, v.today)
	x.Allowed = slices.DeleteFunc(problemMoves.Allowed(v.Principal, x.State, x.stand()), func(verb string) bool {
		return verb == "close" && !v.confirms(x)
	})
	x.OpenedBy, x.SolvedBy = v.Told(x.OpenedBy, x.OpenedRole), v.Told(x.SolvedBy, "")
	for i, m := range x.History {
		x.History[i].Actor = v.Told(m.Actor, m.Role)
	}
	return x
}

// FindProblem gives one problem with its history, if the caller may read those of
// its branch.
func FindProblem(ctx context.Context, db *gorm.DB, townID, id string) (Problem, error) {
	v, err := problemViewerOf(ctx, db, townID)
	if err != nil {
		return Problem{}, err
	}
	x, err := v.find(ctx, db, townID, id)
	return v.shown(x), err
}

// find gives the problem as it is stored, if the caller may read it.
func (v problemViewer) find(ctx context.Context, db *gorm.DB, townID, id string) (Problem, error) {
	var x Problem
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&x).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.reach.Has(x.BranchCode) {
		return Problem{}, fault.Missing(problemNoun, id)
	}
	if err != nil {
		return Problem{}, err
	}
	err = db.WithContext(ctx).Where("town_id = ? AND problem_id = ?", townID, id).Order("version").Find(&x.History).Error
	return x, err
}

// ProblemFilter narrows a list; zero fields do not.
type ProblemFilter struct {
	Branch, Visit string
	Person        string // owned by this person
	Office        string // owned by this office
	State         ProblemState
	Overdue       bool // only those past their day
	After         string
	Limit         int // 0 = all
}

// ListProblems gives the problems that the caller may read, in the order of their
// opening.
func ListProblems(ctx context.Context, db *gorm.DB, townID string, f ProblemFilter) ([]Problem, error) {
	v, err := problemViewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.reach.Narrow(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	for _, n := range []struct{ column, value string }{
		{"branch_code", f.Branch}, {"visit_id", f.Visit}, {"owner_person", f.Person}, {"owner_office", f.Office}, {"state", string(f.State)},
	} {
		if n.value != "" {
			q = q.Where(n.column+" = ?", n.value)
		}
	}
	if f.Overdue {
		q = q.Where("state IN ? AND due_on < ?", Unsolved, v.today)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Problem
	err = q.Order("id").Find(&list).Error
	for i := range list {
		list[i] = v.shown(list[i])
	}
	return list, err
}

// CountProblems counts the problems in reach by state, by one statement. A state
// without any is left out.
func CountProblems(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (map[ProblemState]int64, error) {
	return database.CountStates[ProblemState](reach.Narrow(db.WithContext(ctx).Model(&Problem{}).Where("town_id = ?", townID)))
}

// OpenProblem enters a problem of a branch that the caller works on today. One that
// a visit found names the visit and the finding, one that came back names the
// earlier one.
func OpenProblem(ctx context.Context, db *gorm.DB, x Problem) (Problem, error) {
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
func (x Problem) checkOrigin(ctx context.Context, tx *gorm.DB) error {
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
func (x Problem) check(ctx context.Context, tx *gorm.DB, today day.Date) error {
	var faults []fault.FieldError
	if (x.OwnerPerson == nil) == (x.OwnerOffice == nil) {
		faults = append(faults, fault.Field("/owner_person", "one_owner", "请填写一名责任人或一个责任办，二者择一", "name one person or one office as the owner"))
	}
	if x.DueOn < today {
		faults = append(faults, improve.PastDay("/due_on"))
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
func (x Problem) note(ctx context.Context, tx *gorm.DB, version int64, verb, reason, evidence string) error {
	p := access.Caller(ctx)
	return tx.Create(&ProblemMove{
		TownID: x.TownID, ProblemID: x.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role,
		Reason: reason, Evidence: evidence, DueOn: x.DueOn,
	}).Error
}

// ProblemContent is what can be changed of a problem that is not solved.
type ProblemContent struct {
	Title, Description       string
	OwnerPerson, OwnerOffice *string
	Participants             Participants
	DueOn                    day.Date
}

// WriteProblem changes what is told of an unsolved problem. Another due day or
// owner needs a reason.
func WriteProblem(ctx context.Context, db *gorm.DB, townID, id string, version int64, c ProblemContent, reason string) (Problem, error) {
	return changeProblem(ctx, db, townID, id, func(tx *gorm.DB, v problemViewer, x Problem) (step problemStep, err error) {
		mv, ok := problemMoves.Stay("write", x.State)
		if !ok {
			return step, workflow.Conflict(x.stand(), "problem_solved", text.F("难题已解决：如需修改，请先重新打开", "the problem is solved: reopen it to change it"))
		}
		if err := mv.Refuse(v.Principal, x.stand(), reason); err != nil {
			return step, err
		}
		handed := !same(c.OwnerPerson, x.OwnerPerson) || !same(c.OwnerOffice, x.OwnerOffice)
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

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

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
func MoveProblem(ctx context.Context, db *gorm.DB, townID, id string, version int64, d ProblemDecision) (Problem, error) {
	return changeProblem(ctx, db, townID, id, func(tx *gorm.DB, v problemViewer, x Problem) (step problemStep, err error) {
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
func (x Problem) step(ctx context.Context, tx *gorm.DB, version int64, s problemStep, change map[string]any) error {
	if err := database.UpdateVersioned(tx, &Problem{TownID: x.TownID, ID: x.ID}, version, change); err != nil {
		return err
	}
	return x.note(ctx, tx, version+1, s.verb, s.reason, s.evidence)
}

// changeProblem changes one problem in a transaction with its record.
func changeProblem(ctx context.Context, db *gorm.DB, townID, id string, change func(*gorm.DB, problemViewer, Problem) (problemStep, error)) (after Problem, err error) {
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
func (x Problem) told() Problem {
	x.History, x.Allowed = nil, nil
	return x
}

// refuseRelapse says that the problem was closed too long ago to be the same one.
// A period counts once it began after the day of the closing; years do not, which
// repeat what quarters tell.
func (x Problem) refuseRelapse(ctx context.Context, tx *gorm.DB, today day.Date) error {
	settings, err := improve.FindSettings(ctx, tx, x.TownID)
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
func openAll(ctx context.Context, tx *gorm.DB, v Visit, found []Problem) error {
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
