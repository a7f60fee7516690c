package project

import (
	"context"
	"slices"

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

// RoundResult is what the judges of a closed round came to, and whom the rule would
// pick next.
type RoundResult struct {
	Round     string            `json:"round" example:"2023"`
	State     RoundState        `json:"state" swaggertype:"string" enums:"closed,shortlisted,decided"`
	Items     []ProjectStanding `json:"items"` // the best first; of the shortlist, once there is one
	Agreement Agreement         `json:"agreement"`
	Proposal  *Pick             `json:"proposal,omitempty"` // absent once the round is decided
	TieRule   string            `json:"tie_rule"`
}

var tieRule = text.Text{
	ZH: "按保留两位小数的得分排名；同分同名次，其后名次顺延；同分跨越入围（入选）线时由工作领导小组说明理由后决定",
	EN: "ranked by the score of two decimals; equal scores share a rank and the next rank is skipped; where a tie lies across the cut the leading group decides and says why",
}

// ResultOf gives the result of a round that is closed: to those who run or judge it
// and to the leadership, and to everybody else who may read projects once it is
// decided. Four statements, whatever its size.
func ResultOf(ctx context.Context, db *gorm.DB, townID, code, language string) (RoundResult, error) {
	r, err := FindRound(ctx, db, townID, code)
	if err != nil {
		return RoundResult{}, err
	}
	p := access.Caller(ctx)
	switch {
	case r.State == Registering || r.State == Judging:
		return RoundResult{}, fault.NotFound("round_open", "评选 %s 尚未截止评分：截止前只能看到自己的评分表", "the round %s is not closed: until then judges see their own sheets alone", code)
	case r.State != Decided && !p.May(access.RunRounds) && p.Role != access.Leadership && !slices.Contains(r.Judges.V, p.Person):
		return RoundResult{}, fault.Forbidden("not_decided", "评选 %s 尚未决定", "the round %s is not decided yet", code)
	}
	return r.result(ctx, db, language)
}

func (r Round) result(ctx context.Context, db *gorm.DB, language string) (RoundResult, error) {
	list, err := candidates(ctx, db, r.TownID, r.Code)
	if err != nil {
		return RoundResult{}, err
	}
	sheets, err := sheetsOf(ctx, db, r)
	if err != nil {
		return RoundResult{}, err
	}
	all := RoundResult{Round: r.Code, State: r.State, TieRule: tieRule.In(language)}
	refs, err := town.ListBranchRefs(ctx, db, r.TownID, day.Of(db.NowFunc()), language)
	if err != nil {
		return RoundResult{}, err
	}
	all.Items, all.Agreement = standings(r, list, sheets)
	for i := range all.Items {
		all.Items[i].Branch = refs.Of(all.Items[i].Branch.Code)
	}
	places := r.Places
	if r.State == Shortlisted {
		places = r.Seats
		on := map[string]bool{}
		for _, p := range list {
			on[p.ID] = p.State == OnShortlist
		}
		all.Items = slices.DeleteFunc(all.Items, func(s ProjectStanding) bool { return !on[s.Project] })
	}
	if r.State != Decided {
		p := propose(all.Items, int(places))
		all.Proposal = &p
	}
	return all, nil
}

// Confirm shortlists (from closed) or chooses (from shortlisted) projects of a round:
// those that the rule proposes, or with a reason others of the same candidates. The
// candidates left over are not chosen. Nobody confirms who leads the branch of a
// candidate.
func Confirm(ctx context.Context, db *gorm.DB, townID, code string, version int64, to RoundState, picked []string, reason string) (Round, error) {
	var after Round
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindRound(ctx, tx.Clauses(clause.Locking{Strength: "UPDATE"}), townID, code)
		if err != nil {
			return err
		}
		mv, err := roundMoves.Find(access.Caller(ctx), before.State, to, before.stand(), reason)
		if err != nil {
			return err
		}
		result, err := before.result(ctx, tx, "en")
		if err != nil {
			return err
		}
		if err := result.refuse(ctx, tx, townID, picked, reason); err != nil {
			return err
		}
		if err := result.settle(ctx, tx, townID, to, picked, reason); err != nil {
			return err
		}
		if after, err = before.move(ctx, tx, version, to, reason); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "round." + mv.Verb, Subject: "rounds/" + code, Before: result.Proposal, After: picked, Reason: reason,
		})
	})
	return after, err
}

// refuse says why the projects cannot be picked among the candidates.
func (all RoundResult) refuse(ctx context.Context, tx *gorm.DB, townID string, picked []string, reason string) error {
	led, err := access.LedBy(ctx, tx, townID, access.RunRounds)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, s := range all.Items {
		if led[s.Branch.Code] {
			return fault.Forbidden("conflict_of_interest", "本次评选有您所任职党组织的项目，须由他人决定", "a branch that you lead has a project here: somebody else decides")
		}
		known[s.Project] = true
	}
	for _, id := range picked {
		if !known[id] {
			return fault.Broken(fault.Field("/projects", "not_a_candidate", "“%s”不是候选项目，或重复", "%q is no candidate, or is there twice", id))
		}
		delete(known, id)
	}
	switch p := all.Proposal; {
	case len(picked) > p.Places:
		return fault.Broken(fault.Field("/projects", "too_many", "最多 %d 个", "at most %d", p.Places))
	case reason == "" && !sameSet(picked, p.Projects):
		return fault.Broken(fault.Field("/reason", "reason_needed", "与按规则提出的名单不同，或须在同分项目中取舍：请说明理由", "this differs from what the rule proposes, or decides a tie: give a reason"))
	case reason == "" && p.Open > 0:
		return fault.Broken(fault.Field("/reason", "reason_needed", "同分项目的 %d 个名额未决定：请说明理由", "%d places are left to a tie: say why it stays open", p.Open))
	}
	return nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// settle moves every candidate at once: two statements.
func (all RoundResult) settle(ctx context.Context, tx *gorm.DB, townID string, to RoundState, picked []string, reason string) error {
	win := map[RoundState]ProjectState{Shortlisted: OnShortlist, Decided: Chosen}[to]
	var rest []string
	for _, s := range all.Items {
		if !slices.Contains(picked, s.Project) {
			rest = append(rest, s.Project)
		}
	}
	for _, part := range []struct {
		state ProjectState
		ids   []string
	}{{win, picked}, {NotChosen, rest}} {
		for ids := range slices.Chunk(part.ids, database.Batch) {
			err := tx.Model(&Project{}).Where("town_id = ? AND id IN ?", townID, ids).Updates(map[string]any{
				"state": part.state, "state_by": access.Caller(ctx).Name(), "state_at": tx.NowFunc(), "state_reason": reason, "version": gorm.Expr("version + 1"),
			}).Error
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// ProposeBonus proposes an item of the scheme for the branch of a chosen project, and
// links the two. It counts when somebody else approves it, as any adjustment; where it
// was rejected or withdrawn, another takes its place.
func ProposeBonus(ctx context.Context, db *gorm.DB, townID, id string, version int64, period, item string) (Project, error) {
	var after Project
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindProject(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		switch _, ok := projectMoves.Stay("propose_bonus", before.State); {
		case !ok:
			return workflow.Conflict(before.stand(), "not_chosen", text.F("只有入选的项目才能提出加分", "a bonus is proposed for a chosen project only"))
		case before.rewarded:
			return workflow.Conflict(before.stand(), "bonus_proposed", text.F("该项目已提出加分", "a bonus was proposed for this project already"))
		}
		a, err := evaluation.Propose(ctx, tx, evaluation.Adjustment{
			TownID: townID, PeriodCode: period, BranchCode: before.BranchCode, Kind: "bonus", ItemCode: item,
			Reason: before.Title, Evidence: "projects/" + id,
		})
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Project{TownID: townID, ID: id}, version, map[string]any{"adjustment_id": a.ID}); err != nil {
			return err
		}
		if after, err = FindProject(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "project.bonus", Subject: "projects/" + id, After: map[string]string{"adjustment": a.ID}})
	})
	return after, err
}
