package demo

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/policy"
	"bulwark/internal/project"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// entrants are the projects that compete, the first by a team, with the points by each
// criterion, which are the same from every judge.
var entrants = []struct {
	n            int
	title, field string
	points       []float64
}{
	{8, "invented: an evening of stories each month", "ethos", []float64{8, 7, 9}},
	{21, "invented: a market of our own", "development", []float64{7, 9, 7}},
	{30, "invented: a duty roster for the rainy season", "hard-tasks", []float64{6, 5, 8}},
}

// pioneers holds one round of projects: two judges score them, two are
// shortlisted and one is chosen, for which a bonus is proposed in the open quarter,
// where it waits for a decision.
func (s *story) pioneers(ctx context.Context, tx *gorm.DB) error {
	s.until("2023-10-12")
	group := as(ctx, "group-1", policy.LeadingGroup)
	judges := []string{"mentor-1", "mentor-2"}
	r, err := project.OpenRound(group, tx, project.Round{
		TownID: Town, Code: "2023", Name: text.F("2023年党员先锋项目评选（虚构）", "Pioneer projects of 2023 (invented)"),
		Judges: database.JSON[[]string]{V: judges}, Combination: "mean", Places: 2, Seats: 1,
	})
	if err != nil {
		return err
	}
	scores, err := register(ctx, tx, r)
	if err != nil {
		return err
	}
	if r, err = project.MoveRound(group, tx, r.Ref(), project.Judging, ""); err != nil {
		return err
	}
	for _, judge := range judges {
		if _, err := project.WriteSheet(as(ctx, judge, policy.Mentor), tx, workflow.Ref{Town: Town, ID: r.Code, Version: 1},
			scores); err != nil {
			return err
		}
	}
	if r, err = project.MoveRound(group, tx, r.Ref(), project.Closed, ""); err != nil {
		return err
	}
	var chosen []string
	for _, to := range []project.RoundState{project.Shortlisted, project.Decided} {
		result, err := project.ResultOf(group, tx, Town, r.Code, "en")
		if err != nil {
			return err
		}
		chosen = result.Proposal.Projects
		if r, err = project.Confirm(group, tx, r.Ref(), project.Choice{To: to, Projects: chosen}); err != nil {
			return err
		}
	}
	p, err := project.FindProject(group, tx, Town, chosen[0])
	if err != nil {
		return err
	}
	_, err = project.ProposeBonus(group, tx, p.Ref(), project.Bonus{Period: "2023Q3", Item: "top-ten"})
	return err
}

// register enters a team and the projects, and returns the points of one judge.
func register(ctx context.Context, tx *gorm.DB, r project.Round) (project.Scores, error) {
	team := "storytellers"
	_, err := project.CreateTeam(as(ctx, "secretary-8", policy.Secretary), tx, project.Team{
		TownID: Town, Code: team, Name: text.F("说书先锋队（虚构）", "Storytellers (invented)"), Field: entrants[0].field, Members: 12,
		Branches: database.JSON[[]string]{V: []string{branchCode(8)}},
	})
	scores := project.Scores{}
	for i, e := range entrants {
		if err != nil {
			return nil, err
		}
		p := project.Project{
			TownID: Town, RoundCode: r.Code, BranchCode: branchCode(e.n), Title: e.title, Field: e.field,
			Description: invented, Evidence: invented,
		}
		if i == 0 {
			p.TeamCode = &team
		}
		p, err = project.RegisterProject(as(ctx, fmt.Sprintf("secretary-%d", e.n), policy.Secretary), tx, p)
		scores[p.ID] = map[string]float64{}
		for c, criterion := range r.Criteria.V {
			scores[p.ID][criterion.Code] = e.points[c]
		}
	}
	return scores, err
}
