package improve

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// AnalysisState is where a cause analysis stands in its life.
type AnalysisState string

// The states of an analysis. A draft is for its author alone.
const (
	AnalysisDraft     AnalysisState = "draft"
	AnalysisSubmitted AnalysisState = "submitted"
)

// Analysis says why a published result of a branch is what it is (原因分析), as a
// mentor of the branch sees it.
type Analysis struct {
	TownID            string         `gorm:"primaryKey" json:"-"`
	ID                string         `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode        string         `json:"period" example:"2023Q2"`
	PublicationNumber int64          `json:"publication" example:"1"`
	BranchCode        string         `json:"branch" example:"b07"`
	MentorCode        string         `json:"mentor" example:"mentor-1"`
	Findings          Causes         `json:"findings"`
	Summary           string         `json:"summary,omitempty"`
	State             AnalysisState  `json:"state" swaggertype:"string" enums:"draft,submitted"`
	SubmittedAt       *time.Time     `json:"submitted_at,omitempty"`
	History           []AnalysisMove `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed           []string       `gorm:"-" json:"allowed"`
	database.Versioned
}

// Cause is one finding, tied to the indicator that it shows in.
type Cause struct {
	Indicator string `json:"indicator" example:"governance.01"`
	Kind      string `json:"kind" enums:"team,resources,mechanism,execution,environment,data,other"` // an example list
	Cause     string `json:"cause" example:"nobody answers for it"`
	Evidence  string `json:"evidence,omitempty"`
}

// Causes are stored as JSON text.
type Causes []Cause

// Value stores the findings.
func (c Causes) Value() (driver.Value, error) { return database.JSON[[]Cause]{V: c}.Value() }

// Scan reads what Value has stored.
func (c *Causes) Scan(src any) error { return database.ScanJSON(src, (*[]Cause)(c)) }

// GormDataType is the column type on both databases.
func (Causes) GormDataType() string { return "text" }

// AnalysisMove is one step of an analysis, kept for ever under the version that it
// made.
type AnalysisMove struct {
	TownID     string      `gorm:"primaryKey" json:"-"`
	AnalysisID string      `gorm:"primaryKey" json:"-"`
	Version    int64       `gorm:"primaryKey" json:"version"`
	Verb       string      `json:"verb" enums:"submit,withdraw"`
	At         time.Time   `json:"at"`
	Actor      string      `json:"by" example:"mentor-1"`
	Role       access.Role `json:"role" swaggertype:"string" example:"mentor"`
	Reason     string      `json:"reason,omitempty"`
}

var analysisNoun = text.Text{ZH: "原因分析", EN: "analysis"}

// analysisMoves is the life of an analysis.
var analysisMoves = workflow.Machine[AnalysisState, workflow.Free]{
	{Verb: "write", From: []AnalysisState{AnalysisDraft}, Action: access.WriteAnalyses},
	{Verb: "submit", From: []AnalysisState{AnalysisDraft}, To: AnalysisSubmitted, Action: access.WriteAnalyses},
	{Verb: "withdraw", From: []AnalysisState{AnalysisSubmitted}, To: AnalysisDraft, Action: access.WriteAnalyses},
}

// stand is who brought the analysis where it stands.
func (a Analysis) stand() workflow.Standing {
	lock := fault.Lock{By: a.MentorCode, Role: string(access.Mentor), At: a.CreatedAt, CanLift: string(access.Mentor)}
	if a.SubmittedAt != nil {
		lock.At = *a.SubmittedAt
	}
	return workflow.Standing(lock)
}

// analysisViewer is what an answer about analyses depends on besides them.
type analysisViewer struct {
	access.Principal
	reach access.Reach // branches whose analyses the caller reads; a mentor writes about the same ones
}

func analysisViewerOf(ctx context.Context, db *gorm.DB, townID string) (v analysisViewer, err error) {
	v.Principal = access.Caller(ctx)
	v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadAnalyses, townID, day.Of(db.NowFunc()))
	return v, err
}

// sighted narrows a query to the analyses that the caller may see: the own ones, and
// of others those submitted about branches in reach.
func (v analysisViewer) sighted(q *gorm.DB) *gorm.DB {
	if v.reach.All {
		return q.Where("(mentor_code = ? OR state = ?)", v.Person, AnalysisSubmitted)
	}
	mine := "mentor_code = @me"
	if len(v.Branches) > 0 {
		mine += " AND branch_code IN @limit"
	}
	return q.Where("(state = @submitted AND branch_code IN @reach OR "+mine+")", map[string]any{
		"submitted": AnalysisSubmitted, "reach": append(v.reach.Codes(), ""), "me": v.Person, "limit": v.Branches,
	})
}

func (v analysisViewer) wrote(a Analysis) bool { return v.Person != "" && v.Person == a.MentorCode }

// allowed is nothing for all but the author, as long as he or she works with the
// branch.
func (v analysisViewer) allowed(a Analysis) []string {
	if !v.wrote(a) || !v.reach.Has(a.BranchCode) {
		return []string{}
	}
	return analysisMoves.Allowed(v.Principal, a.State, a.stand())
}

// FindAnalysis gives one analysis with its history, if the caller may see it.
func FindAnalysis(ctx context.Context, db *gorm.DB, townID, id string) (Analysis, error) {
	v, err := analysisViewerOf(ctx, db, townID)
	if err != nil {
		return Analysis{}, err
	}
	return v.find(ctx, db, townID, id)
}

func (v analysisViewer) find(ctx context.Context, db *gorm.DB, townID, id string) (Analysis, error) {
	var a Analysis
	err := v.sighted(db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id)).Take(&a).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Analysis{}, fault.Missing(analysisNoun, id)
	}
	if err != nil {
		return Analysis{}, err
	}
	a.Allowed = v.allowed(a)
	err = db.WithContext(ctx).Where("town_id = ? AND analysis_id = ?", townID, id).Order("version").Find(&a.History).Error
	return a, err
}

// AnalysisFilter narrows a list; zero fields do not.
type AnalysisFilter struct {
	Period, Branch, Mentor string
	State                  AnalysisState
	After                  string
	Limit                  int // 0 = all
}

// ListAnalyses gives the analyses that the caller may see, in the order of their
// beginning.
func ListAnalyses(ctx context.Context, db *gorm.DB, townID string, f AnalysisFilter) ([]Analysis, error) {
	v, err := analysisViewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.sighted(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	for _, narrow := range []struct{ column, value string }{
		{"period_code", f.Period}, {"branch_code", f.Branch}, {"mentor_code", f.Mentor}, {"state", string(f.State)},
	} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Analysis
	err = q.Order("id").Find(&list).Error
	for i := range list {
		list[i].Allowed = v.allowed(list[i])
	}
	return list, err
}
