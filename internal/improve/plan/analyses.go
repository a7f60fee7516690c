package plan

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
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

// BeginAnalysis enters a draft of the caller, who is a mentor of the branch today,
// about a publication: the latest of the period where none is named. A mentor has
// one analysis of a branch and publication.
func BeginAnalysis(ctx context.Context, db *gorm.DB, b *index.ResultCache, a Analysis) (Analysis, error) {
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		p := access.Caller(ctx)
		if err := access.InScope(ctx, tx, p, access.WriteAnalyses, a.TownID, a.BranchCode, day.Of(tx.NowFunc())); err != nil {
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
		a.ID, a.PublicationNumber, a.MentorCode, a.State = database.NewID(), card.Publication, p.Person, AnalysisDraft
		a.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&a).Error; err != nil {
			return alreadyAnalysed(err)
		}
		if a, err = FindAnalysis(ctx, tx, a.TownID, a.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: a.TownID, Action: "analysis.begin", Subject: "analyses/" + a.ID, After: a})
	})
	return a, err
}

// publishedView is the view of a publication, the latest where number is 0.
func publishedView(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, period string, number int64) (index.View, error) {
	p, err := evaluation.FindPeriod(ctx, db, townID, period)
	if err != nil {
		return index.View{}, err
	}
	v, there, err := b.Published(ctx, db, townID, period, number)
	if err == nil && !there {
		e := fault.Conflict("period_not_published",
			"考评周期 %[1]s 尚未公布：请等待公布", "the period %[1]s is not published: wait until it is", p.Code)
		e.Lock = &fault.Lock{By: p.StateBy, Role: string(access.LeadingGroup), At: p.StateAt, Reason: p.StateReason, CanLift: string(access.LeadingGroup)}
		return v, e
	}
	return v, err
}

// cardOf is the scorecard of a branch that must be in the result.
func cardOf(v index.View, branch string) (index.Scorecard, error) {
	card, err := v.Scorecard(branch, "", true)
	if fault.Is(err, fault.KindNotFound) {
		return card, fault.Conflict("not_in_result", "党组织“%s”不在本周期的结果中", "the branch %q is not in this result", branch)
	}
	return card, err
}

// check lists the findings that are tied to no indicator.
func (list Causes) check(c *scheme.Compiled) (faults []fault.FieldError) {
	for i, x := range list {
		if !c.HasIndicator(x.Indicator) {
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
func WriteAnalysis(ctx context.Context, db *gorm.DB, townID, id string, version int64, findings Causes, summary string) (Analysis, error) {
	return changeAnalysis(ctx, db, townID, id, version, func(tx *gorm.DB, v analysisViewer, a Analysis) (string, map[string]any, error) {
		mv, ok := analysisMoves.Stay("write", a.State)
		if !ok {
			return "", nil, workflow.Conflict(a.stand(), "analysis_submitted", text.F("原因分析已提交：请先撤回再修改", "the analysis is submitted: withdraw it to change it"))
		}
		if err := mv.Refuse(v.Principal, a.stand(), ""); err != nil {
			return "", nil, err
		}
		p, err := evaluation.FindPeriod(ctx, tx, townID, a.PeriodCode)
		if err != nil {
			return "", nil, err
		}
		c, err := scheme.Load(ctx, tx, townID, p.Scheme.Code, p.Scheme.Number)
		if err != nil {
			return "", nil, err
		}
		if faults := findings.check(c); len(faults) > 0 {
			return "", nil, fault.Broken(faults...)
		}
		return mv.Verb, map[string]any{"findings": findings, "summary": summary}, nil
	})
}

// MoveAnalysis submits a draft, or withdraws it to go on writing. What is submitted
// says at least one cause.
func MoveAnalysis(ctx context.Context, db *gorm.DB, townID, id string, version int64, to AnalysisState, reason string) (Analysis, error) {
	return changeAnalysis(ctx, db, townID, id, version, func(tx *gorm.DB, v analysisViewer, a Analysis) (string, map[string]any, error) {
		mv, err := analysisMoves.Find(v.Principal, a.State, to, a.stand(), reason)
		if err != nil {
			return "", nil, err
		}
		change := map[string]any{"state": to, "submitted_at": nil}
		if to == AnalysisSubmitted {
			change["submitted_at"] = tx.NowFunc()
			if len(a.Findings) == 0 {
				return "", nil, fault.Broken(fault.Field("/findings", "empty_analysis", "尚未写明原因，不能提交", "it says no cause: write at least one"))
			}
		}
		step := AnalysisMove{TownID: townID, AnalysisID: id, Version: version + 1, Verb: mv.Verb, At: tx.NowFunc(), Actor: v.Name(), Role: v.Role, Reason: reason}
		return mv.Verb, change, tx.Create(&step).Error
	})
}

// changeAnalysis makes one change of an analysis of the caller: judge gives its verb
// and columns.
func changeAnalysis(ctx context.Context, db *gorm.DB, townID, id string, version int64, judge func(*gorm.DB, analysisViewer, Analysis) (string, map[string]any, error)) (Analysis, error) {
	var after Analysis
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := analysisViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		if err := v.refuseOutsider(ctx, tx, before); err != nil {
			return err
		}
		if version != before.Version {
			return fault.OutOfDate()
		}
		verb, columns, err := judge(tx, v, before)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Analysis{TownID: townID, ID: id}, version, columns); err != nil {
			return err
		}
		if after, err = v.find(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "analysis." + verb, Subject: "analyses/" + id, Before: before, After: after})
	})
	return after, err
}

// refuseOutsider keeps analyses from being changed by anyone but their authors, and
// by those who do not work with the branch any more.
func (v analysisViewer) refuseOutsider(ctx context.Context, tx *gorm.DB, a Analysis) error {
	if !v.wrote(a) {
		return fault.Forbidden("not_author", "只有撰写人可以修改、提交或撤回", "only its author changes, submits or withdraws it")
	}
	return access.InScope(ctx, tx, v.Principal, access.WriteAnalyses, a.TownID, a.BranchCode, day.Of(tx.NowFunc()))
}
