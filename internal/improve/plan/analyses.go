// Package plan holds cause analyses, improvement plans with their items, and what came of
// them.
package plan

import (
	"context"
	"database/sql/driver"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// AnalysisState is the state of a cause analysis.
type AnalysisState string

// The states of an analysis. A draft is for its author alone.
const (
	AnalysisDraft     AnalysisState = "draft"
	AnalysisSubmitted AnalysisState = "submitted"
)

var analysisTitles = workflow.Titles[AnalysisState]{
	AnalysisDraft:     {ZH: "草稿", EN: "draft"},
	AnalysisSubmitted: {ZH: "已提交", EN: "submitted"},
}

// Title returns the name of the state.
func (s AnalysisState) Title() text.Text { return analysisTitles.Of(s) }

// Analysis is about why a published result of a branch is what it is (原因分析), as a
// mentor of the branch sees it.
type Analysis struct {
	TownID            string                `gorm:"primaryKey" json:"-"`
	ID                string                `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode        string                `json:"period" example:"2023Q2"`
	PublicationNumber int64                 `json:"publication" example:"1"`
	Withdrawn         bool                  `gorm:"-" json:"withdrawn,omitempty,omitzero"` // the publication was taken back
	BranchCode        string                `json:"branch" example:"b07"`
	MentorCode        string                `json:"mentor" example:"mentor-1"`
	Findings          Causes                `json:"findings"`
	Summary           string                `json:"summary,omitempty"`
	State             AnalysisState         `json:"state"`
	SubmittedAt       *time.Time            `json:"submitted_at,omitempty"`
	History           []workflow.Transition `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed           []string              `gorm:"-" json:"allowed"`
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

type (
	analysisRules = []workflow.Rule[Analysis, *analysisReader]
	analysisVerbs = []workflow.Verb[Analysis, AnalysisState, *analysisReader]
)

// analyses is the life of an analysis. A draft is kept without its steps.
var analyses = workflow.Kind[Analysis, AnalysisState, *analysisReader]{
	Noun: text.Text{ZH: "原因分析", EN: "analysis"}, Name: "analysis", Titles: analysisTitles, Reader: newAnalysisReader,
	History: func(a *Analysis) *[]workflow.Transition { return &a.History },
	Frozen:  submitted,
	Verbs: analysisVerbs{
		{Name: "begin", To: AnalysisDraft, Action: policy.WriteAnalyses, Silent: true},
		{Name: "write", From: []AnalysisState{AnalysisDraft}, Action: policy.WriteAnalyses, Who: ownOfBranch, Silent: true},
		{
			Name: "submit", From: []AnalysisState{AnalysisDraft}, To: AnalysisSubmitted, Action: policy.WriteAnalyses,
			Who: ownOfBranch,
		},
		{
			Name: "withdraw", From: []AnalysisState{AnalysisSubmitted}, To: AnalysisDraft, Action: policy.WriteAnalyses,
			Who: ownOfBranch,
		},
	},
}.Checked()

// ownOfBranch are the rules by which its author changes an analysis, as long as he or she
// works with the branch.
var ownOfBranch = analysisRules{author, withBranch}

func author(v *analysisReader, a Analysis) error {
	if v.Person == "" || v.Person != a.MentorCode {
		return fault.Forbidden("not_author", "只有撰写人可以修改、提交或撤回", "only its author changes, submits or withdraws an analysis")
	}
	return nil
}

func withBranch(v *analysisReader, a Analysis) error { return v.Reach.Refuse(a.BranchCode) }

func submitted(v *analysisReader, a Analysis) error {
	_, lock := v.State(a)
	return fault.Conflict("analysis_submitted", "原因分析已提交：请先撤回再修改",
		"the analysis is submitted: withdraw it to change it").Held(lock)
}

// Ref names the analysis.
func (a Analysis) Ref() workflow.Ref {
	return workflow.Ref{Town: a.TownID, ID: a.ID, Version: a.Version}
}

// analysisReader is a caller who reads or writes analyses. A mentor writes about the
// branches whose analyses he or she reads.
type analysisReader struct {
	access.Caller
}

// Load sets whether the publications that the analyses are about were withdrawn.
func (v *analysisReader) Load(ctx context.Context, db *gorm.DB, list []Analysis, _ workflow.Depth) error {
	withdrawn, err := index.TakenBack(ctx, db, v.Town)
	for i, a := range list {
		list[i].Withdrawn = withdrawn(a.PeriodCode, a.PublicationNumber)
	}
	return err
}

func newAnalysisReader(ctx context.Context, db *gorm.DB, townID string) (*analysisReader, error) {
	v, err := access.CallerOf(ctx, db, townID, policy.ReadAnalyses)
	return &analysisReader{Caller: v}, err
}

// Visible narrows to the caller's own analyses and, of others, to those submitted about
// branches in reach.
func (v *analysisReader) Visible(q *gorm.DB) *gorm.DB {
	if v.Reach.All {
		return q.Where("(mentor_code = ? OR state = ?)", v.Person, AnalysisSubmitted)
	}
	mine := "mentor_code = @me"
	if len(v.Branches) > 0 {
		mine += " AND branch_code IN @limit"
	}
	return q.Where("(state = @submitted AND branch_code IN @reach OR "+mine+")", map[string]any{
		"submitted": AnalysisSubmitted, "reach": append(v.Reach.Codes(), ""), "me": v.Person, "limit": v.Branches,
	})
}

// State returns where the analysis is, and since when.
func (v *analysisReader) State(a Analysis) (AnalysisState, fault.Lock) {
	lock := fault.Lock{By: a.MentorCode, Role: string(policy.Mentor), At: a.CreatedAt, CanLift: string(policy.Mentor)}
	if a.SubmittedAt != nil {
		lock.At = *a.SubmittedAt
	}
	return a.State, lock
}

// Show returns the analysis with what the caller can do.
func (v *analysisReader) Show(a Analysis, allowed []string) Analysis {
	a.Allowed = allowed
	return a
}

// Audit returns the analysis without its history.
func (v *analysisReader) Audit(a Analysis, _ string) (string, any) {
	a.History, a.Allowed = nil, nil
	return "analyses/" + a.ID, a
}

// BeginAnalysis enters a draft of the caller, who is a mentor of the branch today,
// about a publication: the latest of the period where none is named. A mentor has
// one analysis of a branch and publication.
func BeginAnalysis(ctx context.Context, db *gorm.DB, b *index.ResultCache, a Analysis) (Analysis, error) {
	a.ID, a.MentorCode, a.State, a.Versioned = database.NewID(), access.PrincipalFrom(ctx).Person, AnalysisDraft,
		database.Versioned{Version: 1}
	return analyses.Create(ctx, db, "begin", "", a, func(tx *gorm.DB, v *analysisReader, a *Analysis) error {
		if err := v.Principal.InScope(ctx, tx, policy.WriteAnalyses, a.TownID, a.BranchCode, v.Today); err != nil {
			return err
		}
		view, err := publishedView(ctx, tx, b, a.TownID, a.PeriodCode, a.PublicationNumber)
		if err != nil {
			return err
		}
		card, err := cardOf(view, a.BranchCode)
		if err != nil {
			return err
		}
		if faults := a.Findings.check(view.Scheme()); len(faults) > 0 {
			return fault.Broken(faults...)
		}
		a.PublicationNumber = card.Publication
		return alreadyAnalysed(tx.Create(a).Error)
	})
}

// cardOf returns the scorecard of a branch that must be in the result.
func cardOf(v index.View, branch string) (index.Scorecard, error) {
	card, err := v.Scorecard(branch, "", true)
	if fault.Is(err, fault.KindNotFound) {
		return card, fault.Conflict("not_in_result", "党组织“%s”不在本周期的结果中", "the branch %q is not in this result", branch)
	}
	return card, err
}

// check returns the faults of findings that name no indicator of the scheme.
func (c Causes) check(pinned *scheme.Compiled) (faults []fault.FieldError) {
	for i, x := range c {
		if !pinned.HasIndicator(x.Indicator) {
			faults = append(faults, fault.Field("/findings/"+strconv.Itoa(i)+"/indicator", "unknown_indicator",
				"指标体系中没有指标“%s”", "the scheme has no indicator %q", x.Indicator))
		}
	}
	return faults
}

func alreadyAnalysed(err error) error {
	if database.ConstraintOf(err) == "analyses_one" {
		return fault.Conflict("analysis_exists",
			"您对该结果已有原因分析：请修改原有的", "you have an analysis of this result already: change that one").Because(err)
	}
	return err
}

// WriteAnalysis replaces findings and summary of a draft.
func WriteAnalysis(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, findings Causes, summary string,
) (Analysis, error) {
	return analyses.Do(ctx, db, ref, "write", "", func(tx *gorm.DB, _ *analysisReader, a Analysis) (c workflow.Change, err error) {
		p, err := evaluation.FindPeriod(ctx, tx, a.TownID, a.PeriodCode)
		if err != nil {
			return c, err
		}
		pinned, err := scheme.Load(ctx, tx, a.TownID, p.Scheme.Code, p.Scheme.Number)
		if err != nil {
			return c, err
		}
		if faults := findings.check(pinned); len(faults) > 0 {
			return c, fault.Broken(faults...)
		}
		c.Columns = map[string]any{"findings": findings, "summary": summary}
		return c, nil
	})
}

// MoveAnalysis submits a draft, or withdraws it to go on writing. What is submitted
// names at least one cause.
func MoveAnalysis(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, to AnalysisState, reason string,
) (Analysis, error) {
	return analyses.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, _ *analysisReader, a Analysis) (c workflow.Change, err error) {
		c.Columns = map[string]any{"submitted_at": nil}
		if to == AnalysisSubmitted {
			c.Columns["submitted_at"] = tx.NowFunc()
			if len(a.Findings) == 0 {
				return c, fault.Broken(fault.Field("/findings", "empty_analysis", "尚未写明原因，不能提交",
					"the analysis names no cause: write at least one"))
			}
		}
		return c, nil
	})
}

// FindAnalysis returns one analysis with its history, if the caller may see it.
func FindAnalysis(ctx context.Context, db *gorm.DB, townID, id string) (Analysis, error) {
	return analyses.Find(ctx, db, townID, id)
}

// AnalysisFilter narrows a list; zero fields do not.
type AnalysisFilter struct {
	Period, Branch, Mentor string
	State                  AnalysisState
	After                  string
	Limit                  int // 0 = all
}

// ListAnalyses returns the analyses that the caller may see, in the order of their
// beginning.
func ListAnalyses(ctx context.Context, db *gorm.DB, townID string, f AnalysisFilter) ([]Analysis, error) {
	v, err := newAnalysisReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "period_code", f.Period, "branch_code", f.Branch, "mentor_code", f.Mentor,
		"state", string(f.State))
	return analyses.List(ctx, db, v, q)
}
