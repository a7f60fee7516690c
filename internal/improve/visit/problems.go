package visit

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// ProblemState is the state of a problem.
type ProblemState string

// The states of a problem. Solved waits for another party to confirm it.
const (
	ProblemOpen       ProblemState = "open"
	ProblemInProgress ProblemState = "in_progress"
	ProblemSolved     ProblemState = "solved"
	ProblemClosed     ProblemState = "closed"
	ProblemReopened   ProblemState = "reopened"
)

var problemTitles = workflow.Titles[ProblemState]{
	ProblemOpen:       {ZH: "待处理", EN: "open"},
	ProblemInProgress: {ZH: "处理中", EN: "in progress"},
	ProblemSolved:     {ZH: "已解决", EN: "solved"},
	ProblemClosed:     {ZH: "已销号", EN: "closed"},
	ProblemReopened:   {ZH: "重新打开", EN: "reopened"},
}

// Title returns the name of the state.
func (s ProblemState) Title() text.Text { return problemTitles.Of(s) }

// Party is one side of the joint solving of a problem.
type Party string

// The parties.
const (
	OfBranch     Party = "branch"
	OfInstructor Party = "instructor"
	OfOffice     Party = "office"
)

// partyOf is the side on which who writes about problems stands.
var partyOf = map[policy.Role]Party{policy.Instructor: OfInstructor, policy.Office: OfOffice}

// Problem is what a branch, its instructor and its liaison office solve together
// (难题). One person or one office owns it; another party than the one that solved
// it closes it (销号).
type Problem struct {
	TownID        string  `gorm:"primaryKey" json:"-"`
	ID            string  `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode    string  `json:"branch" example:"b07"`
	VisitID       *string `json:"visit,omitempty" format:"uuid"` // that found it
	FindingNumber *int64  `json:"finding,omitempty" example:"1"` // of the visit
	// an earlier problem that came back too late to be reopened
	AfterID      *string      `json:"after,omitempty" format:"uuid"`
	Title        string       `json:"title" example:"drains of the old village"`
	Description  string       `json:"description,omitempty"`
	OwnerPerson  *string      `json:"owner_person,omitempty" example:"instructor-1"` // or an office
	OwnerOffice  *string      `json:"owner_office,omitempty" example:"agriculture"`
	Participants Participants `json:"participants"`
	DueOn        day.Date     `json:"due_on" swaggertype:"string" format:"date"` // the last day in time
	State        ProblemState `json:"state"`
	OpenedBy     string       `json:"opened_by" example:"instructor-1"` // the role, for who may not read people
	OpenedRole   policy.Role  `json:"opened_role" swaggertype:"string" example:"instructor"`
	Solution     string       `json:"solution,omitempty"` // what was done, the last time that it was solved
	Evidence     string       `json:"evidence,omitempty"`
	// who reported it; left out for who may not read people
	SolvedBy  string        `json:"solved_by,omitempty" example:"instructor-1"`
	SolvedFor Party         `json:"solved_for,omitempty" swaggertype:"string" enums:"branch,instructor,office"`
	ClosedOn  *day.Date     `json:"closed_on,omitempty" swaggertype:"string" format:"date"`
	Relapses  int64         `json:"relapses"`         // how often it came back after it was closed
	Overdue   bool          `gorm:"-" json:"overdue"` // not solved, and past its day
	History   []ProblemMove `gorm:"-" json:"history,omitempty"`
	Allowed   []string      `gorm:"-" json:"allowed"`
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
	workflow.Transition
	problemExtra
}

type problemExtra struct {
	Evidence string   `json:"evidence,omitempty"`
	DueOn    day.Date `json:"due_on" swaggertype:"string" format:"date"` // from then on
}

// Unsolved are the states in which a problem is still to be solved.
var Unsolved = []ProblemState{ProblemOpen, ProblemInProgress, ProblemReopened}

type (
	problemRules = []workflow.Rule[Problem, *problemReader]
	problemVerbs = []workflow.Verb[Problem, ProblemState, *problemReader]
)

// problems is the life of a problem.
var problems = workflow.Kind[Problem, ProblemState, *problemReader]{
	Noun: text.Text{ZH: "难题", EN: "problem"}, Name: "problem", Titles: problemTitles, Reader: newProblemReader,
	Frozen: solved,
	Verbs: problemVerbs{
		{Name: "open", To: ProblemOpen, Action: policy.WriteProblems, Extra: dueDay},
		{Name: "write", From: Unsolved, Action: policy.WriteProblems, Extra: dueDay},
		{Name: "attach", From: Unsolved, Action: policy.WriteProblems, Silent: true},
		{
			Name: "start", From: []ProblemState{ProblemOpen, ProblemReopened}, To: ProblemInProgress,
			Action: policy.WriteProblems,
		},
		{
			Name: "solve", From: []ProblemState{ProblemInProgress}, To: ProblemSolved, Action: policy.WriteProblems,
			Reason: true,
		},
		{
			Name: "close", From: []ProblemState{ProblemSolved}, To: ProblemClosed, Action: policy.WriteProblems,
			When: problemRules{solvedByAnother},
		},
		{
			Name: "reopen", From: []ProblemState{ProblemSolved, ProblemClosed}, To: ProblemReopened,
			Action: policy.WriteProblems, Reason: true,
		},
	},
}.Checked()

// dueDay returns the day by which the problem is due from this step on.
func dueDay(x Problem) any { return problemExtra{DueOn: x.DueOn} }

// solvedByAnother refuses who solved the problem, and others of the same party: whether
// a solution holds is for others to confirm.
func solvedByAnother(v *problemReader, x Problem) error {
	if v.Name() == x.SolvedBy || partyOf[v.Role] == x.SolvedFor {
		return fault.Conflict("another_party_needed", "须由解决方以外的一方确认销号",
			"only a party that did not solve the problem can close it, by another person").Held(v.lock(x))
	}
	return nil
}

func solved(v *problemReader, x Problem) error {
	return fault.Conflict("problem_solved", "难题已解决：如需修改，请先重新打开",
		"the problem is solved: reopen it to change it").Held(v.lock(x))
}

// Ref names the problem.
func (x Problem) Ref() workflow.Ref {
	return workflow.Ref{Town: x.TownID, ID: x.ID, Version: x.Version}
}

// problemReader is a caller who reads or changes problems. Writing reaches as far as
// reading, for who writes.
type problemReader struct {
	access.Caller
	last map[string]ProblemMove // the last step of each problem that is changed
}

func newProblemReader(ctx context.Context, db *gorm.DB, townID string) (*problemReader, error) {
	v, err := access.CallerOf(ctx, db, townID, policy.ReadProblems)
	return &problemReader{Caller: v, last: map[string]ProblemMove{}}, err
}

// Load reads the history, but for lists.
func (v *problemReader) Load(ctx context.Context, db *gorm.DB, list []Problem, depth workflow.Depth) error {
	if depth == workflow.ForList {
		return nil
	}
	for i, x := range list {
		steps, err := workflow.History[ProblemMove](ctx, db, problems.Name, x.Ref())
		if err != nil {
			return err
		}
		if n := len(steps); n > 0 {
			v.last[x.ID] = steps[n-1]
		}
		if depth == workflow.ForOne {
			list[i].History = steps
		}
	}
	return nil
}

// State returns where the problem is, and whose its last step was.
func (v *problemReader) State(x Problem) (ProblemState, fault.Lock) { return x.State, v.lock(x) }

func (v *problemReader) lock(x Problem) fault.Lock {
	lock := fault.Lock{By: x.OpenedBy, At: x.UpdatedAt, CanLift: string(policy.Instructor) + ", " + string(policy.Office)}
	if m, ok := v.last[x.ID]; ok {
		lock.By, lock.At, lock.Reason = m.Actor, m.At, m.Reason
	}
	return lock
}

// Show returns the problem as the caller sees it, with what he or she can do.
func (v *problemReader) Show(x Problem, allowed []string) Problem {
	x.Overdue = slices.Contains(Unsolved, x.State) && improve.Overdue(x.DueOn, v.Today)
	x.Allowed = allowed
	x.OpenedBy, x.SolvedBy = v.Told(x.OpenedBy, x.OpenedRole), v.Told(x.SolvedBy, "")
	for i, m := range x.History {
		x.History[i].Actor = v.Told(m.Actor, m.Role)
	}
	return x
}

// Audit returns the problem without its history and what depends on the reader.
func (v *problemReader) Audit(x Problem, verb string) (string, any) {
	if verb != "open" {
		x.History, x.Allowed = nil, nil
	}
	return "problems/" + x.ID, x
}

// OpenProblem enters a problem of a branch that the caller works on today. One that
// a visit found names the visit and the finding, one that came back names the
// earlier one.
func OpenProblem(ctx context.Context, db *gorm.DB, x Problem) (Problem, error) {
	p := access.PrincipalFrom(ctx)
	x.ID, x.State, x.OpenedBy, x.OpenedRole = database.NewID(), ProblemOpen, p.Name(), p.Role
	x.Versioned = database.Versioned{Version: 1}
	return problems.Create(ctx, db, "open", "", x, func(tx *gorm.DB, v *problemReader, x *Problem) error {
		if _, err := town.FindLiving(ctx, tx, x.TownID, x.BranchCode, v.Today); err != nil {
			return err
		}
		if err := v.Principal.InScope(ctx, tx, policy.WriteProblems, x.TownID, x.BranchCode, v.Today); err != nil {
			return err
		}
		if err := x.checkOrigin(ctx, tx); err != nil {
			return err
		}
		if err := x.check(ctx, tx, v.Today); err != nil {
			return err
		}
		return alreadyOpened(tx.Create(x).Error)
	})
}

// checkOrigin refuses a visit, finding or earlier problem that the branch does not
// have, or that the caller may not know of.
func (x Problem) checkOrigin(ctx context.Context, tx *gorm.DB) error {
	var faults []fault.FieldError
	if x.VisitID != nil {
		visit, err := visits.Find(ctx, tx, x.TownID, *x.VisitID)
		switch {
		case fault.Is(err, fault.KindNotFound) || err == nil && visit.BranchCode != x.BranchCode:
			faults = append(faults, fault.Field("/visit", "unknown_visit", "该党组织没有这次走访", "the branch has no such visit"))
		case err != nil:
			return err
		case x.FindingNumber != nil && (*x.FindingNumber < 1 || *x.FindingNumber > int64(len(visit.Findings))):
			faults = append(faults, fault.Field("/finding", "unknown_finding", "这次走访没有第 %d 项发现", "the visit has no finding %d",
				*x.FindingNumber))
		}
	} else if x.FindingNumber != nil {
		faults = append(faults, fault.Field("/visit", "required", "请写明是哪次走访的发现", "name the visit of the finding"))
	}
	if x.AfterID != nil {
		earlier, err := FindProblem(ctx, tx, x.TownID, *x.AfterID)
		switch {
		case fault.Is(err, fault.KindNotFound) ||
			err == nil && (earlier.BranchCode != x.BranchCode || earlier.State != ProblemClosed):
			faults = append(faults, fault.Field("/after", "unknown_problem", "该党组织没有这一已销号的难题",
				"the branch has no such problem that is closed"))
		case err != nil:
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// check refuses owners and participants whom the town does not have, and a day before today.
func (x Problem) check(ctx context.Context, tx *gorm.DB, today day.Date) error {
	var faults []fault.FieldError
	if (x.OwnerPerson == nil) == (x.OwnerOffice == nil) {
		faults = append(faults, fault.Field("/owner_person", "one_owner", "请填写一名责任人或一个责任办，二者择一",
			"name one person or one office as the owner"))
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
		if err := tx.WithContext(ctx).Table(known.table).Where("town_id = ? AND code IN ?", x.TownID, append(asked, "")).
			Pluck("code", &there).Error; err != nil {
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

// alreadyOpened refuses a finding that has a problem already.
func alreadyOpened(err error) error {
	if database.ConstraintOf(err) == "problems_finding" {
		return fault.Conflict("already_opened", "该项发现已列为难题", "the finding has opened a problem already").Because(err)
	}
	return err
}

// ProblemContent is what can be changed of a problem that is not solved.
type ProblemContent struct {
	Title, Description       string
	OwnerPerson, OwnerOffice *string
	Participants             Participants
	DueOn                    day.Date
}

// WriteProblem changes the content of an unsolved problem. Another due day or owner
// needs a reason.
func WriteProblem(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, c ProblemContent, reason string,
) (Problem, error) {
	return problems.Do(ctx, db, ref, "write", reason, func(tx *gorm.DB, v *problemReader, x Problem) (workflow.Change, error) {
		handed := !same(c.OwnerPerson, x.OwnerPerson) || !same(c.OwnerOffice, x.OwnerOffice)
		if reason == "" && (handed || c.DueOn != x.DueOn) {
			return workflow.Change{}, fault.Broken(fault.Field("/reason", "reason_needed",
				"变更责任方或期限须说明理由", "give a reason for another owner or due day"))
		}
		earliest := v.Today
		if c.DueOn == x.DueOn {
			earliest = x.DueOn // a day that has passed may stay
		}
		x.OwnerPerson, x.OwnerOffice, x.Participants, x.DueOn = c.OwnerPerson, c.OwnerOffice, c.Participants, c.DueOn
		return workflow.Change{
			Columns: map[string]any{
				"title": c.Title, "description": c.Description, "owner_person": c.OwnerPerson, "owner_office": c.OwnerOffice,
				"participants": c.Participants, "due_on": c.DueOn,
			},
		}, x.check(ctx, tx, earliest)
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

// MoveProblem starts, solves, closes or reopens a problem. What was closed is reopened
// within the periods that the settings set; later it is a new problem that names the
// earlier one.
func MoveProblem(ctx context.Context, db *gorm.DB, ref workflow.Ref, d ProblemDecision) (Problem, error) {
	return problems.Move(ctx, db, ref, d.To, d.Reason, func(tx *gorm.DB, v *problemReader, x Problem) (workflow.Change, error) {
		change := workflow.Change{Columns: map[string]any{}, Extra: problemExtra{Evidence: d.Evidence, DueOn: x.DueOn}}
		switch d.To {
		case ProblemSolved:
			by := cmp.Or(d.For, partyOf[v.Role])
			change.Columns = map[string]any{
				"solution": d.Reason, "evidence": d.Evidence, "solved_by": v.Name(), "solved_for": by,
			}
		case ProblemClosed:
			change.Columns["closed_on"] = v.Today
		case ProblemReopened:
			change.Columns = map[string]any{"solved_by": "", "solved_for": "", "closed_on": nil}
			if x.State == ProblemClosed {
				change.Columns["relapses"] = x.Relapses + 1
				return change, v.refuseRelapse(ctx, tx, x)
			}
		}
		return change, nil
	})
}

// refuseRelapse refuses to reopen what was closed too long ago to be the same problem.
// A period counts once it began after the day of the closing; years do not, which
// repeat what quarters show.
func (v *problemReader) refuseRelapse(ctx context.Context, tx *gorm.DB, x Problem) error {
	settings, err := improve.FindSettings(ctx, tx, x.TownID)
	if err != nil {
		return err
	}
	var n int64
	err = tx.WithContext(ctx).Table("periods").
		Where("town_id = ? AND kind <> 'year' AND state <> 'cancelled' AND starts_on > ? AND starts_on <= ?",
			x.TownID, x.ClosedOn, v.Today).
		Count(&n).Error
	if err != nil || n <= settings.Document.V.RelapsePeriods {
		return err
	}
	return fault.Conflict("relapsed_too_late", "销号后已过 %d 个考评周期：请新建难题，并注明原难题",
		"%d periods have begun since it was closed: open a new problem that names this one as the earlier", n).Held(v.lock(x))
}

// openAll opens the problems that a visit found, as a part of its recording.
func openAll(ctx context.Context, tx *gorm.DB, v Visit, found []Problem) error {
	if len(found) > 0 && !access.PrincipalFrom(ctx).May(policy.WriteProblems) {
		return access.PrincipalFrom(ctx).NotAllowed(policy.WriteProblems)
	}
	for _, x := range found {
		x.TownID, x.BranchCode, x.VisitID = v.TownID, v.BranchCode, &v.ID
		if _, err := OpenProblem(ctx, tx, x); err != nil {
			return err
		}
	}
	return nil
}

// FindProblem returns one problem with its history, if the caller may read those of
// its branch.
func FindProblem(ctx context.Context, db *gorm.DB, townID, id string) (Problem, error) {
	return problems.Find(ctx, db, townID, id)
}

// Hold locks the problem until tx ends, if the caller can attach evidence to it now.
func (x Problem) Hold(ctx context.Context, tx *gorm.DB) error {
	_, err := problems.Hold(ctx, tx, x.TownID, x.ID, "attach")
	return err
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

// ListProblems returns the problems that the caller may read, in the order of their
// opening.
func ListProblems(ctx context.Context, db *gorm.DB, townID string, f ProblemFilter) ([]Problem, error) {
	v, err := newProblemReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "branch_code", f.Branch, "visit_id", f.Visit, "owner_person", f.Person,
		"owner_office", f.Office, "state", string(f.State))
	if f.Overdue {
		q = q.Where("state IN ? AND due_on < ?", Unsolved, v.Today)
	}
	return problems.List(ctx, db, v, q)
}

// CountProblems counts the problems in reach by state, by one statement. A state
// without any is left out.
func CountProblems(
	ctx context.Context, db *gorm.DB, townID string, reach access.Reach,
) (_ map[ProblemState]int64, err error) {
	defer fault.Wrap(&err, "count the problems of %s", townID)
	return database.CountStates[ProblemState](reach.Narrow(db.WithContext(ctx).Model(&Problem{}).
		Where("town_id = ?", townID)))
}
