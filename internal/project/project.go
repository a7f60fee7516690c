package project

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// ProjectState is where a project is in its life.
type ProjectState string //nolint:revive // the document calls it so

// The states of a project.
const (
	Registered       ProjectState = "registered"
	OnShortlist      ProjectState = "shortlisted"
	Chosen           ProjectState = "chosen"
	NotChosen        ProjectState = "not_chosen"
	Finished         ProjectState = "finished"
	ProjectWithdrawn ProjectState = "withdrawn"
)

var projectTitles = workflow.Titles[ProjectState]{
	Registered:       {ZH: "已登记", EN: "registered"},
	OnShortlist:      {ZH: "已入围", EN: "shortlisted"},
	Chosen:           {ZH: "已入选", EN: "chosen"},
	NotChosen:        {ZH: "未入选", EN: "not chosen"},
	Finished:         {ZH: "已完成", EN: "finished"},
	ProjectWithdrawn: {ZH: "已撤回", EN: "withdrawn"},
}

// Title returns the name of the state.
func (s ProjectState) Title() text.Text { return projectTitles.Of(s) }

// Project is what a branch, or a team of it, undertakes (党员先锋项目): a candidate of
// one round.
type Project struct {
	TownID       string       `gorm:"primaryKey" json:"-"`
	ID           string       `gorm:"primaryKey" json:"id" format:"uuid"`
	RoundCode    string       `json:"round" example:"2023"`
	BranchCode   string       `json:"branch" example:"b07"`
	TeamCode     *string      `json:"team,omitempty" example:"river-watch"`
	Title        string       `json:"title" example:"Clean river"`
	Field        string       `json:"field" enums:"development,governance,hard-tasks,ethos"` // 推动发展、基层治理、急难攻坚、风尚引领
	Description  string       `json:"description"`
	Evidence     string       `json:"evidence,omitempty"`
	State        ProjectState `json:"state"`
	StateBy      string       `json:"state_by" example:"group-1"` // a role where the caller may not read people
	StateAt      time.Time    `json:"state_at"`
	StateReason  string       `json:"state_reason,omitempty"`
	AdjustmentID *string      `json:"adjustment,omitempty" format:"uuid"` // the bonus that was proposed for it
	Allowed      []string     `gorm:"-" json:"allowed"`                   // what the caller can do with it now
	database.Versioned
}

// TableName is the table of Project.
func (Project) TableName() string { return "pioneer_projects" }

// Ref names the project.
func (p Project) Ref() workflow.Ref {
	return workflow.Ref{Town: p.TownID, ID: p.ID, Version: p.Version}
}

// projectReader is a caller who reads or changes projects. Reach is the branches whose
// projects he or she writes.
type projectReader struct {
	access.Caller
	rounds map[string]Round                      // of the projects, by code
	bonus  map[string]evaluation.AdjustmentState // of their adjustments, by id
}

func projectReaderOf(ctx context.Context, db *gorm.DB, townID string) (v *projectReader, err error) {
	v = &projectReader{}
	v.Caller, err = access.CallerOf(ctx, db, townID, policy.WriteProjects)
	return v, err
}

type (
	projectRules = []workflow.Rule[Project, *projectReader]
	projectVerbs = []workflow.Verb[Project, ProjectState, *projectReader]
)

var writing = projectRules{tiedToBranch}

// projects is the life of a project. Its branch withdraws it before judging begins; a
// round shortlists and chooses all of its projects together, see Confirm.
var projects = workflow.Kind[Project, ProjectState, *projectReader]{
	Noun: text.Text{
		ZH: "项目", EN: "project",
	}, Name: "project", Titles: projectTitles, Reader: projectReaderOf, Frozen: projectFrozen,
	Verbs: projectVerbs{
		{
			Name: "register", To: Registered, Action: policy.WriteProjects, Silent: true, Who: writing,
			When: projectRules{registering},
		},
		{
			Name: "edit", From: []ProjectState{Registered}, Action: policy.WriteProjects, Silent: true, Who: writing,
			When: projectRules{registering},
		},
		{
			Name: "withdraw", From: []ProjectState{Registered}, To: ProjectWithdrawn, Action: policy.WriteProjects,
			Who: writing, When: projectRules{registering},
		},
		{Name: "shortlist", From: []ProjectState{Registered}, To: OnShortlist},
		{Name: "choose", From: []ProjectState{OnShortlist}, To: Chosen},
		{Name: "pass_over", From: []ProjectState{Registered, OnShortlist}, To: NotChosen},
		{Name: "finish", From: []ProjectState{Chosen}, To: Finished, Action: policy.WriteProjects, Who: writing},
		{
			Name: "propose_bonus", From: []ProjectState{Chosen, Finished}, Action: policy.RunRounds,
			When: projectRules{notRewarded},
		},
	},
}.Checked()

func tiedToBranch(v *projectReader, p Project) error { return v.Reach.Refuse(p.BranchCode) }

// registering refuses where judging has begun.
func registering(v *projectReader, p Project) error {
	r, known := v.rounds[p.RoundCode]
	switch {
	case !known:
		return fault.Missing(rounds.Noun, p.RoundCode)
	case r.State != Registering:
		return r.locked("round_judged", text.F("评选 %s 已停止登记", "the round %s no longer registers projects", r.Code))
	}
	return nil
}

// notRewarded refuses where a bonus waits or was approved.
func notRewarded(v *projectReader, p Project) error {
	if p.AdjustmentID == nil {
		return nil
	}
	if s := v.bonus[*p.AdjustmentID]; s == evaluation.Proposed || s == evaluation.ApprovedAdjustment {
		_, lock := v.State(p)
		return fault.Conflict("bonus_proposed", "该项目已提出加分", "a bonus was proposed for this project already").Held(lock)
	}
	return nil
}

func projectFrozen(v *projectReader, p Project) error {
	state, lock := v.State(p)
	return fault.Conflict("project_frozen",
		"项目处于“%s”状态，不能修改", "the project is %s: it cannot be changed any more", state.Title()).Held(lock)
}

// State returns the state of the project, and who brought it there: a role where the
// caller may not read people.
func (v *projectReader) State(p Project) (ProjectState, fault.Lock) {
	return p.State, fault.Lock{
		By: v.stateBy(p), At: p.StateAt, Reason: p.StateReason, CanLift: string(policy.LeadingGroup),
	}
}

func (v *projectReader) stateBy(p Project) string {
	mover := policy.LeadingGroup
	if p.State == Registered || p.State == ProjectWithdrawn || p.State == Finished {
		mover = policy.Secretary
	}
	return v.Told(p.StateBy, mover)
}

// Visible leaves the query as it is: who may read projects reads all.
func (*projectReader) Visible(q *gorm.DB) *gorm.DB { return q }

// Load reads the rounds of the projects, held where one is to change, so that judging
// begins before or after, and the states of their bonuses: two statements.
func (v *projectReader) Load(ctx context.Context, db *gorm.DB, list []Project, depth workflow.Depth) error {
	codes, ids := make([]string, len(list)), []string{}
	for i, p := range list {
		if codes[i] = p.RoundCode; p.AdjustmentID != nil {
			ids = append(ids, *p.AdjustmentID)
		}
	}
	q := db.WithContext(ctx)
	if depth == workflow.ForChange {
		q = q.Clauses(clause.Locking{Strength: "SHARE"})
	}
	var known []Round
	if err := q.Where("town_id = ? AND code IN ?", v.Town, codes).Order("code").Find(&known).Error; err != nil {
		return err
	}
	v.rounds = make(map[string]Round, len(known))
	for _, r := range known {
		v.rounds[r.Code] = r.forReader(v.Principal)
	}
	v.bonus = map[string]evaluation.AdjustmentState{}
	if len(ids) == 0 {
		return nil
	}
	var proposed []evaluation.Adjustment
	err := db.WithContext(ctx).Select("id", "state").Where("town_id = ? AND id IN ?", v.Town, ids).Find(&proposed).Error
	for _, a := range proposed {
		v.bonus[a.ID] = a.State
	}
	return err
}

// Show returns the project with what the caller can do.
func (v *projectReader) Show(p Project, allowed []string) Project {
	p.StateBy, p.Allowed = v.stateBy(p), allowed
	return p
}

// Audit returns the whole project.
func (v *projectReader) Audit(p Project, _ string) (string, any) { return "projects/" + p.ID, p }

// RegisterProject enters a project of a branch that the caller leads, while the
// round registers.
func RegisterProject(ctx context.Context, db *gorm.DB, p Project) (_ Project, err error) {
	defer fault.Wrap(&err, "register a project of %s", p.BranchCode)
	if err := town.KnownBranches(ctx, db, p.TownID, []string{p.BranchCode}, "/branch"); err != nil {
		return Project{}, err
	}
	p.ID, p.State, p.Versioned = database.NewID(), Registered, database.Versioned{Version: 1}
	return projects.Create(ctx, db, "register", "", p, func(tx *gorm.DB, v *projectReader, p *Project) error {
		if _, err := town.FindLiving(ctx, tx, p.TownID, p.BranchCode, v.Today); err != nil {
			return err
		}
		if err := p.checkTeam(ctx, tx); err != nil {
			return err
		}
		p.StateBy, p.StateAt = v.Name(), tx.NowFunc()
		return tx.Create(p).Error
	})
}

// checkTeam refuses a team that is not one of the branch.
func (p Project) checkTeam(ctx context.Context, tx *gorm.DB) error {
	if p.TeamCode == nil {
		return nil
	}
	t, err := FindTeam(ctx, tx, p.TownID, *p.TeamCode)
	if err == nil && !slices.Contains(t.Branches.V, p.BranchCode) || fault.Is(err, fault.KindNotFound) {
		return fault.Broken(fault.Field("/team", "not_of_the_branch",
			"“%s”不是本党组织的先锋队", "%q is no team of the branch", *p.TeamCode))
	}
	return err
}

// UpdateProject replaces the content of a registered project, before judging begins.
func UpdateProject(ctx context.Context, db *gorm.DB, p Project, version int64) (Project, error) {
	ref := workflow.Ref{Town: p.TownID, ID: p.ID, Version: version}
	return projects.Do(ctx, db, ref, "edit", "", func(tx *gorm.DB, _ *projectReader, before Project) (workflow.Change, error) {
		p.BranchCode = before.BranchCode
		return workflow.Change{Columns: map[string]any{
			"team_code": p.TeamCode, "title": p.Title, "field": p.Field, "description": p.Description, "evidence": p.Evidence,
		}}, p.checkTeam(ctx, tx)
	})
}

// MoveProject withdraws a project before judging begins, or records that a chosen one
// is finished.
func MoveProject(ctx context.Context, db *gorm.DB, ref workflow.Ref, to ProjectState, reason string) (Project, error) {
	return projects.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, v *projectReader, _ Project) (workflow.Change, error) {
		return workflow.Change{
			Columns: map[string]any{"state_by": v.Name(), "state_at": tx.NowFunc(), "state_reason": reason},
		}, nil
	})
}

// Bonus is the item of the scheme that is proposed for a project, in a period.
type Bonus struct{ Period, Item string }

// ProposeBonus proposes an item of the scheme for the branch of a chosen project, and
// links the two. It counts when somebody else approves it, as any adjustment; where it
// was rejected or withdrawn, another takes its place.
func ProposeBonus(ctx context.Context, db *gorm.DB, ref workflow.Ref, b Bonus) (after Project, err error) {
	defer fault.Wrap(&err, "bonus of the project %s", ref.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindProject(ctx, tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		v, err := projectReaderOf(ctx, tx, ref.Town)
		if err == nil {
			err = v.Load(ctx, tx, []Project{before}, workflow.ForChange)
		}
		if err != nil {
			return err
		}
		if before.State != Chosen && before.State != Finished {
			_, lock := v.State(before)
			return fault.Conflict("not_chosen", "只有入选的项目才能提出加分", "a bonus is proposed for a chosen project only").Held(lock)
		}
		if _, err := projects.Table().Do(v, before, "propose_bonus", ""); err != nil {
			return err
		}
		a, err := evaluation.Propose(ctx, tx, evaluation.Adjustment{
			TownID: ref.Town, PeriodCode: b.Period, BranchCode: before.BranchCode, Kind: "bonus", ItemCode: b.Item,
			Reason: before.Title, Evidence: "projects/" + ref.ID,
		})
		if err != nil {
			return err
		}
		key := Project{TownID: ref.Town, ID: ref.ID}
		if err := database.UpdateVersioned(tx, &key, ref.Version, map[string]any{"adjustment_id": a.ID}); err != nil {
			return err
		}
		ref := workflow.Ref{Town: ref.Town, ID: ref.ID, Version: ref.Version + 1}
		if err := workflow.AddTransitions(ctx, tx, projects.Name, "", nil, workflow.Step{Ref: ref, Verb: "propose_bonus"}); err != nil {
			return err
		}
		if after, err = FindProject(ctx, tx, ref.Town, ref.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: ref.Town, Action: "project.bonus", Subject: "projects/" + ref.ID, After: map[string]string{"adjustment": a.ID},
		})
	})
	return after, err
}

// FindProject returns one project.
func FindProject(ctx context.Context, db *gorm.DB, townID, id string) (Project, error) {
	return projects.Find(ctx, db, townID, id)
}

// ProjectFilter narrows a list; zero fields do not.
type ProjectFilter struct { //nolint:revive // the document calls it so
	Round, Branch, Team, Field string
	State                      ProjectState
	After                      string
	Limit                      int
}

// ListProjects returns the projects of the town in the order of their registration.
func ListProjects(ctx context.Context, db *gorm.DB, townID string, f ProjectFilter) ([]Project, error) {
	v, err := projectReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "round_code", f.Round, "branch_code", f.Branch, "team_code", f.Team, "field", f.Field,
		"state", string(f.State))
	return projects.List(ctx, db, v, q)
}

// candidates returns the projects of a round that were not withdrawn, by their ids.
func candidates(ctx context.Context, db *gorm.DB, townID, round string) ([]Project, error) {
	var list []Project
	err := db.WithContext(ctx).Where("town_id = ? AND round_code = ? AND state <> ?", townID, round, ProjectWithdrawn).
		Order("id").Find(&list).Error
	return list, err
}
