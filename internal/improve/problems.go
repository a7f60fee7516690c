package improve

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
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

// JointProblem is what a branch, its instructor and its liaison office solve together
// (难题). One person or one office owns it; another party than the one that solved
// it closes it (销号).
type JointProblem struct {
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
}

// TableName is the table of problems.
func (JointProblem) TableName() string { return "problems" }

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

var unsolved = []ProblemState{ProblemOpen, ProblemInProgress, ProblemReopened}

// problemMoves is the life of a problem.
var problemMoves = workflow.Machine[ProblemState, workflow.Free]{
	{Verb: "write", From: unsolved, Action: access.WriteProblems},
	{Verb: "start", From: []ProblemState{ProblemOpen, ProblemReopened}, To: ProblemInProgress, Action: access.WriteProblems},
	{Verb: "solve", From: []ProblemState{ProblemInProgress}, To: ProblemSolved, Action: access.WriteProblems, Reason: true},
	{Verb: "close", From: []ProblemState{ProblemSolved}, To: ProblemClosed, Action: access.WriteProblems},
	{Verb: "reopen", From: []ProblemState{ProblemSolved, ProblemClosed}, To: ProblemReopened, Action: access.WriteProblems, Reason: true},
}

// stand is who brought the problem where it stands, from its history.
func (x JointProblem) stand() workflow.Standing {
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
func (v problemViewer) confirms(x JointProblem) bool {
	return v.Name() != x.SolvedBy && partyOf[v.Role] != x.SolvedFor
}

// shown is the problem as the caller sees it.
func (v problemViewer) shown(x JointProblem) JointProblem {
	x.Overdue = slices.Contains(unsolved, x.State) && Overdue(x.DueOn, v.today)
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
func FindProblem(ctx context.Context, db *gorm.DB, townID, id string) (JointProblem, error) {
	v, err := problemViewerOf(ctx, db, townID)
	if err != nil {
		return JointProblem{}, err
	}
	x, err := v.find(ctx, db, townID, id)
	return v.shown(x), err
}

// find gives the problem as it is stored, if the caller may read it.
func (v problemViewer) find(ctx context.Context, db *gorm.DB, townID, id string) (JointProblem, error) {
	var x JointProblem
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&x).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.reach.Has(x.BranchCode) {
		return JointProblem{}, fault.Missing(problemNoun, id)
	}
	if err != nil {
		return JointProblem{}, err
	}
	err = db.WithContext(ctx).Where("town_id = ? AND problem_id = ?", townID, id).Order("version").Find(&x.History).Error
	return x, err
}
