package improve

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// VisitState is where a visit stands in its life.
type VisitState string

// The states of a visit. A draft is its author's alone; what is recorded counts,
// and is only corrected.
const (
	VisitDraft    VisitState = "draft"
	VisitRecorded VisitState = "recorded"
)

// VisitContent is what a visit tells, and what a correction replaces.
type VisitContent struct {
	VisitedOn day.Date    `json:"visited_on" swaggertype:"string" format:"date"`
	Place     string      `json:"place" example:"meeting room of the branch"`
	Checks    Inspections `json:"checks"`
	Findings  []Finding   `gorm:"-" json:"findings"`
	Evidence  string      `json:"evidence,omitempty"`
}

// Visit is a visit to a branch (走访) by the instructor paired with it on that day,
// or by a member of an office linked to it.
type Visit struct {
	TownID     string      `gorm:"primaryKey" json:"-"`
	ID         string      `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode string      `json:"branch" example:"b07"`
	VisitedBy  string      `json:"visited_by" example:"instructor-1"` // the role, for who may not read people
	Role       access.Role `json:"role" swaggertype:"string" enums:"instructor,liaison_office"`
	State      VisitState  `json:"state" swaggertype:"string" enums:"draft,recorded"`
	RecordedAt *time.Time  `json:"recorded_at,omitempty"`
	VisitContent
	Paired  *people.Pairing `gorm:"-" json:"paired,omitempty"`  // who worked on the branch on the day of the visit, for who may read people; in the answer about one
	History []VisitVersion  `gorm:"-" json:"history,omitempty"` // what was recorded, and each correction; in the answer about one
	Allowed []string        `gorm:"-" json:"allowed"`
	database.Versioned
}

// VisitVersion is what a visit told from one version on, kept for ever.
type VisitVersion struct {
	TownID   string                      `gorm:"primaryKey" json:"-"`
	VisitID  string                      `gorm:"primaryKey" json:"-"`
	Version  int64                       `gorm:"primaryKey" json:"version"`
	Verb     string                      `json:"verb" enums:"record,correct"`
	At       time.Time                   `json:"at"`
	Actor    string                      `json:"by" example:"instructor-1"`
	Role     access.Role                 `json:"role" swaggertype:"string" example:"instructor"`
	Reason   string                      `json:"reason,omitempty"`
	Document database.JSON[VisitContent] `json:"content"`
}

var visitNoun = text.Text{ZH: "走访记录", EN: "visit"}

// visitMoves is the life of a visit.
var visitMoves = workflow.Machine[VisitState, workflow.Free]{
	{Verb: "write", From: []VisitState{VisitDraft}, Action: access.WriteVisits},
	{Verb: "record", From: []VisitState{VisitDraft}, To: VisitRecorded, Action: access.WriteVisits},
	{Verb: "correct", From: []VisitState{VisitRecorded}, Action: access.WriteVisits, Reason: true},
}

func (v Visit) stand() workflow.Standing {
	lock := fault.Lock{By: v.VisitedBy, Role: string(v.Role), At: v.CreatedAt, CanLift: string(v.Role)}
	if v.RecordedAt != nil {
		lock.At = *v.RecordedAt
	}
	return workflow.Standing(lock)
}

// visitViewer is a caller with what he or she sees of visits today.
type visitViewer struct {
	access.Principal
	reach access.Reach
}

func visitViewerOf(ctx context.Context, db *gorm.DB, townID string) (v visitViewer, err error) {
	v.Principal = access.Caller(ctx)
	v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadVisits, townID, day.Of(db.NowFunc()))
	return v, err
}

// wrote reports whether the caller is the author, within the branches that he or
// she is limited to.
func (v visitViewer) wrote(x Visit) bool {
	return v.Person != "" && v.Person == x.VisitedBy && (len(v.Branches) == 0 || slices.Contains(v.Branches, x.BranchCode))
}

func (v visitViewer) sees(x Visit) bool {
	return v.wrote(x) || x.State == VisitRecorded && v.reach.Has(x.BranchCode)
}

// sighted narrows a query to what the caller sees.
func (v visitViewer) sighted(q *gorm.DB) *gorm.DB {
	if v.reach.All {
		return q.Where("(state = ? OR visited_by = ?)", VisitRecorded, v.Person)
	}
	mine := "visited_by = @me"
	if len(v.Branches) > 0 {
		mine += " AND branch_code IN @limit"
	}
	return q.Where("(state = @recorded AND branch_code IN @reach OR "+mine+")", map[string]any{
		"recorded": VisitRecorded, "reach": append(v.reach.Codes(), ""), "me": v.Person, "limit": append([]string{""}, v.Branches...),
	})
}

// shown is the visit as the caller sees it.
func (v visitViewer) shown(x Visit) Visit {
	x.Allowed = []string{}
	if v.wrote(x) {
		x.Allowed = visitMoves.Allowed(v.Principal, x.State, x.stand())
	}
	x.VisitedBy = v.Told(x.VisitedBy, x.Role)
	for i, h := range x.History {
		x.History[i].Actor = v.Told(h.Actor, h.Role)
	}
	return x
}

// FindVisit gives one visit with its history and who was paired with the branch on
// its day, if the caller may read it.
func FindVisit(ctx context.Context, db *gorm.DB, townID, id string) (Visit, error) {
	v, err := visitViewerOf(ctx, db, townID)
	if err != nil {
		return Visit{}, err
	}
	x, err := v.find(ctx, db, townID, id)
	if err != nil {
		return Visit{}, err
	}
	if v.May(access.ReadPeople) {
		paired, err := people.ListPairings(ctx, db, townID, people.PairingFilter{On: x.VisitedOn, Branch: x.BranchCode})
		if err != nil {
			return Visit{}, err
		}
		x.Paired = &paired[0]
	}
	return v.shown(x), nil
}

// find gives the visit as it is stored, if the caller may read it.
func (v visitViewer) find(ctx context.Context, db *gorm.DB, townID, id string) (Visit, error) {
	var x Visit
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&x).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.sees(x) {
		return Visit{}, fault.Missing(visitNoun, id)
	}
	if err != nil {
		return Visit{}, err
	}
	if err := db.WithContext(ctx).Where("town_id = ? AND visit_id = ?", townID, id).Order("version").Find(&x.History).Error; err != nil {
		return Visit{}, err
	}
	one := []Visit{x}
	err = addFindings(ctx, db, townID, one)
	return one[0], err
}
