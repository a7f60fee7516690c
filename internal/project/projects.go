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
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// ProjectState is where a project stands in its life.
type ProjectState string

// The states of a project.
const (
	Registered    ProjectState = "registered"
	OnShortlist   ProjectState = "shortlisted"
	Chosen        ProjectState = "chosen"
	NotChosen     ProjectState = "not_chosen"
	Finished      ProjectState = "finished"
	ProjectPulled ProjectState = "withdrawn"
)

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
	State        ProjectState `json:"state" swaggertype:"string" enums:"registered,shortlisted,chosen,not_chosen,finished,withdrawn"`
	StateBy      string       `json:"state_by" example:"group-1"` // a role where the caller may not read people
	StateAt      time.Time    `json:"state_at"`
	StateReason  string       `json:"state_reason,omitempty"`
	AdjustmentID *string      `json:"adjustment,omitempty" format:"uuid"` // the bonus that was proposed for it
	Allowed      []string     `gorm:"-" json:"allowed"`
	database.Versioned

	rewarded bool // its bonus waits or was approved
}

// TableName is the table of Project.
func (Project) TableName() string { return "pioneer_projects" }

var projectNoun = text.Text{ZH: "项目", EN: "project"}

// projectMoves is what happens to one project alone; a round shortlists and chooses
// all of its projects together. The branch withdraws before judging begins: see
// MoveProject.
var projectMoves = workflow.Machine[ProjectState, workflow.Free]{
	{Verb: "edit", From: []ProjectState{Registered}, Action: access.WriteProjects},
	{Verb: "withdraw", From: []ProjectState{Registered}, To: ProjectPulled, Action: access.WriteProjects},
	{Verb: "finish", From: []ProjectState{Chosen}, To: Finished, Action: access.WriteProjects},
	{Verb: "propose_bonus", From: []ProjectState{Chosen, Finished}, Action: access.RunRounds},
}

func (p Project) stand() workflow.Standing {
	return workflow.Standing{By: p.StateBy, At: p.StateAt, Reason: p.StateReason, CanLift: string(access.LeadingGroup)}
}

// tell fills in what depends on the caller, who writes about the branches of the
// reach, and on the state of the round.
func (p Project) tell(caller access.Principal, reach access.Reach, round RoundState) Project {
	p.Allowed = slices.DeleteFunc(projectMoves.Allowed(caller, p.State, p.stand()), func(verb string) bool {
		switch verb {
		case "propose_bonus":
			return p.rewarded
		case "finish":
			return !reach.Has(p.BranchCode)
		}
		return !reach.Has(p.BranchCode) || round != Registering
	})
	mover := access.LeadingGroup
	if p.State == Registered || p.State == ProjectPulled || p.State == Finished {
		mover = access.Secretary
	}
	p.StateBy = caller.Told(p.StateBy, mover)
	return p
}

// FindProject gives one project.
func FindProject(ctx context.Context, db *gorm.DB, townID, id string) (Project, error) {
	list, err := projects(ctx, db, townID, func(q *gorm.DB) *gorm.DB { return q.Where("p.id = ?", id) })
	if err == nil && len(list) == 0 {
		err = fault.Missing(projectNoun, id)
	}
	if err != nil {
		return Project{}, err
	}
	return list[0], nil
}

// ProjectFilter narrows a list; zero fields do not.
type ProjectFilter struct {
	Round, Branch, Team, Field string
	State                      ProjectState
	After                      string
	Limit                      int
}

// ListProjects gives the projects of the town in the order of their registration.
func ListProjects(ctx context.Context, db *gorm.DB, townID string, f ProjectFilter) ([]Project, error) {
	return projects(ctx, db, townID, func(q *gorm.DB) *gorm.DB {
		for _, narrow := range []struct{ column, value string }{
			{"p.round_code", f.Round}, {"p.branch_code", f.Branch}, {"p.team_code", f.Team}, {"p.field", f.Field}, {"p.state", string(f.State)},
		} {
			if narrow.value != "" {
				q = q.Where(narrow.column+" = ?", narrow.value)
			}
		}
		return q.Where("p.id > ?", f.After).Limit(f.Limit)
	})
}

// projects reads those that narrow leaves, with the state of their round: two
// statements.
func projects(ctx context.Context, db *gorm.DB, townID string, narrow func(*gorm.DB) *gorm.DB) ([]Project, error) {
	caller := access.Caller(ctx)
	reach, err := access.ReachOf(ctx, db, caller, access.WriteProjects, townID, day.Of(db.NowFunc()))
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Project
		RoundState RoundState
		BonusState evaluation.AdjustmentState
	}
	q := db.WithContext(ctx).Table("pioneer_projects p").Select("p.*, r.state AS round_state, a.state AS bonus_state").
		Joins("JOIN selection_rounds r ON r.town_id = p.town_id AND r.code = p.round_code").
		Joins("LEFT JOIN adjustments a ON a.town_id = p.town_id AND a.id = p.adjustment_id").Where("p.town_id = ?", townID)
	err = narrow(q).Order("p.id").Scan(&rows).Error
	list := make([]Project, len(rows))
	for i, row := range rows {
		row.rewarded = row.BonusState == evaluation.Proposed || row.BonusState == evaluation.ApprovedAdjustment
		list[i] = row.Project.tell(caller, reach, row.RoundState)
	}
	return list, err
}

// RegisterProject enters a project of a branch that the caller leads, while the
// round registers.
func RegisterProject(ctx context.Context, db *gorm.DB, p Project) (Project, error) {
	caller := access.Caller(ctx)
	p.ID, p.State, p.StateBy = database.NewID(), Registered, caller.Name()
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := town.KnownBranches(ctx, tx, p.TownID, []string{p.BranchCode}, "/branch"); err != nil {
			return err
		}
		if err := access.InScope(ctx, tx, caller, access.WriteProjects, p.TownID, p.BranchCode, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		if _, err := town.FindLiving(ctx, tx, p.TownID, p.BranchCode, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		if err := p.fits(ctx, tx); err != nil {
			return err
		}
		p.StateAt, p.Versioned = tx.NowFunc(), database.Versioned{Version: 1}
		if err := tx.Create(&p).Error; err != nil {
			return err
		}
		p = p.tell(caller, access.Reach{All: true}, Registering)
		return audit.Write(ctx, tx, audit.Change{Town: p.TownID, Action: "project.register", Subject: "projects/" + p.ID, After: p})
	})
	return p, err
}

// fits holds the project against its round, which must register still, and its team,
// which must be one of the branch.
func (p Project) fits(ctx context.Context, tx *gorm.DB) error {
	if err := registering(ctx, tx, p.TownID, p.RoundCode); err != nil {
		return err
	}
	if p.TeamCode == nil {
		return nil
	}
	t, err := FindTeam(ctx, tx, p.TownID, *p.TeamCode)
	if err == nil && !slices.Contains(t.Branches.V, p.BranchCode) || fault.Is(err, fault.KindNotFound) {
		return fault.Broken(fault.Field("/team", "not_of_the_branch", "“%s”不是本党组织的先锋队", "%q is no team of the branch", *p.TeamCode))
	}
	return err
}

// registering holds the round until the end of the transaction, so that judging
// begins before or after, and refuses where it has begun.
func registering(ctx context.Context, tx *gorm.DB, townID, code string) error {
	r, err := FindRound(ctx, tx.Clauses(clause.Locking{Strength: "SHARE"}), townID, code)
	if err == nil && r.State != Registering {
		err = r.locked("round_judged", text.F("评选 %s 已停止登记", "the round %s no longer registers projects", r.Code))
	}
	return err
}

// UpdateProject changes what a registered project says, before judging begins.
func UpdateProject(ctx context.Context, db *gorm.DB, p Project, version int64) (Project, error) {
	return changeProject(ctx, db, p.TownID, p.ID, version, "", "", func(tx *gorm.DB, before Project) (map[string]any, error) {
		p.RoundCode, p.BranchCode = before.RoundCode, before.BranchCode
		return map[string]any{"team_code": p.TeamCode, "title": p.Title, "field": p.Field, "description": p.Description, "evidence": p.Evidence}, p.fits(ctx, tx)
	})
}

// MoveProject withdraws a project before judging begins, or says that a chosen one
// is finished.
func MoveProject(ctx context.Context, db *gorm.DB, townID, id string, version int64, to ProjectState, reason string) (Project, error) {
	return changeProject(ctx, db, townID, id, version, to, reason, func(tx *gorm.DB, before Project) (map[string]any, error) {
		change := map[string]any{"state": to, "state_by": access.Caller(ctx).Name(), "state_at": tx.NowFunc(), "state_reason": reason}
		if to != ProjectPulled {
			return change, nil
		}
		return change, registering(ctx, tx, townID, before.RoundCode)
	})
}

// move gives the move to the state, or where it is empty that of editing.
func (p Project) move(caller access.Principal, to ProjectState, reason string) (workflow.Move[ProjectState, workflow.Free], error) {
	if to != "" {
		return projectMoves.Find(caller, p.State, to, p.stand(), reason)
	}
	mv, ok := projectMoves.Stay("edit", p.State)
	if !ok {
		return mv, workflow.Conflict(p.stand(), "project_frozen", text.F("项目处于“%s”状态，不能修改", "the project is %s: it cannot be changed any more", p.State))
	}
	return mv, nil
}

// changeProject moves a project of a branch that the caller leads to a state, or
// edits it where that is empty.
func changeProject(ctx context.Context, db *gorm.DB, townID, id string, version int64, to ProjectState, reason string,
	change func(*gorm.DB, Project) (map[string]any, error),
) (Project, error) {
	var after Project
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindProject(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		mv, err := before.move(access.Caller(ctx), to, reason)
		if err != nil {
			return err
		}
		if err := access.InScope(ctx, tx, access.Caller(ctx), access.WriteProjects, townID, before.BranchCode, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		columns, err := change(tx, before)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Project{TownID: townID, ID: id}, version, columns); err != nil {
			return err
		}
		if after, err = FindProject(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "project." + mv.Verb, Subject: "projects/" + id, Before: before, After: after, Reason: reason,
		})
	})
	return after, err
}
