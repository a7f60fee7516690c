package project

import (
	"cmp"
	"context"
	"math"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/agreement"
	"bulwark/pkg/composite/stats"
)

// RoundResult is what the judges of a closed round came to, and whom the rule would
// pick next.
type RoundResult struct {
	Round     string            `json:"round" example:"2023"`
	State     RoundState        `json:"state" enums:"closed,shortlisted,decided"`
	Items     []ProjectStanding `json:"items"` // the best first; of the shortlist, once there is one
	Agreement Agreement         `json:"agreement"`
	Proposal  *Pick             `json:"proposal,omitempty"` // absent once the round is decided
	TieRule   string            `json:"tie_rule"`
}

var tieRule = text.Text{
	ZH: "按保留两位小数的得分排名；同分同名次，其后名次顺延；同分跨越入围（入选）线时由工作领导小组说明理由后决定",
	EN: "ranked by the score of two decimals; equal scores share a rank and the next rank is skipped; where a tie lies across the cut the leading group decides and gives its reason",
}

// ResultOf returns the result of a round that is closed: to those who run or judge it
// and to the leadership, and to everybody else who may read projects once it is
// decided. Three statements, whatever its size.
func ResultOf(ctx context.Context, db *gorm.DB, townID, code, language string) (_ RoundResult, err error) {
	defer fault.Wrap(&err, "result of the round %s", code)
	r, err := FindRound(ctx, db, townID, code)
	if err != nil {
		return RoundResult{}, err
	}
	p := access.PrincipalFrom(ctx)
	switch {
	case r.State == Registering || r.State == Judging:
		return RoundResult{}, fault.NotFound("round_open",
			"评选 %s 尚未截止评分：截止前只能看到自己的评分表", "the round %s is not closed: until then judges see their own sheets alone", code)
	case r.State != Decided && !p.May(policy.RunRounds) && p.Role != policy.Leadership &&
		!slices.Contains(r.Judges.V, p.Person):
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

// Choice is what a person confirms: the projects to shortlist or to choose.
type Choice struct {
	To       RoundState // Shortlisted or Decided
	Projects []string
	Reason   string
}

// Confirm shortlists (from closed) or chooses (from shortlisted) projects of a round:
// those that the rule proposes, or with a reason others of the same candidates. The
// candidates left over are not chosen. Nobody confirms who is tied to the branch of
// a candidate.
func Confirm(ctx context.Context, db *gorm.DB, ref workflow.Ref, c Choice) (after Round, err error) {
	defer fault.Wrap(&err, "choose in the round %s", ref.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, verb, err := lockRound(ctx, tx, ref, c.To, c.Reason)
		if err != nil {
			return err
		}
		result, err := before.result(ctx, tx, "en")
		if err != nil {
			return err
		}
		if err := result.refuse(ctx, tx, before, c); err != nil {
			return err
		}
		if err := result.settle(ctx, tx, ref.Town, c); err != nil {
			return err
		}
		moved := before
		moved.State = c.To
		if after, err = moved.move(ctx, tx, workflow.Step{Ref: ref, Verb: verb}, c.Reason); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: ref.Town, Action: roundKind + "." + verb, Subject: "rounds/" + ref.ID, Before: result.Proposal,
			After: c.Projects, Reason: c.Reason,
		})
	})
	return after, err
}

// refuse returns why the choice cannot be made among the candidates.
func (all RoundResult) refuse(ctx context.Context, tx *gorm.DB, r Round, c Choice) error {
	ties, err := access.PrincipalFrom(ctx).TiesIn(ctx, tx, r.TownID, policy.RunRounds)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, s := range all.Items {
		if ties.Any(s.Branch.Code, access.Before(r.CreatedAt), day.Of(tx.NowFunc())) {
			return fault.Forbidden("conflict_of_interest",
				"本次评选有与您有任职、结对或挂钩关系的党组织的项目，须由他人决定",
				"a branch that you lead or help has a project here: somebody else decides")
		}
		known[s.Project] = true
	}
	for _, id := range c.Projects {
		if !known[id] {
			return fault.Broken(fault.Field("/projects", "not_a_candidate",
				"“%s”不是候选项目，或重复", "%q is no candidate, or is there twice", id))
		}
		delete(known, id)
	}
	switch p := all.Proposal; {
	case len(c.Projects) > p.Places:
		return fault.Broken(fault.Field("/projects", "too_many", "最多 %d 个", "at most %d", p.Places))
	case c.Reason == "" && !sameSet(c.Projects, p.Projects):
		return fault.Broken(fault.Field("/reason", "reason_needed",
			"与按规则提出的名单不同，或须在同分项目中取舍：请说明理由", "this differs from what the rule proposes, or decides a tie: give a reason"))
	case c.Reason == "" && p.Open > 0:
		return fault.Broken(fault.Field("/reason", "reason_needed",
			"同分项目的 %d 个名额未决定：请说明理由", "%d places are left to a tie: say why it stays open", p.Open))
	}
	return nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// settle moves every candidate: those picked are on the shortlist or chosen, the
// others are passed over. Its statements grow by batches alone.
func (all RoundResult) settle(ctx context.Context, tx *gorm.DB, townID string, c Choice) error {
	win, verb := OnShortlist, "shortlist"
	if c.To == Decided {
		win, verb = Chosen, "choose"
	}
	var rest []string
	for _, s := range all.Items {
		if !slices.Contains(c.Projects, s.Project) {
			rest = append(rest, s.Project)
		}
	}
	for _, part := range []struct {
		state ProjectState
		verb  string
		ids   []string
	}{{win, verb, c.Projects}, {NotChosen, "pass_over", rest}} {
		for ids := range slices.Chunk(part.ids, database.Batch) {
			o := outcome{part.state, part.verb, c.Reason}
			if err := o.store(ctx, tx, townID, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// outcome is what a round does to one of its projects.
type outcome struct {
	state        ProjectState
	verb, reason string
}

func (o outcome) store(ctx context.Context, tx *gorm.DB, townID string, ids []string) error {
	err := tx.Model(&Project{}).Where("town_id = ? AND id IN ?", townID, ids).Updates(map[string]any{
		"state": o.state, "state_by": access.PrincipalFrom(ctx).Name(), "state_at": tx.NowFunc(), "state_reason": o.reason,
		"version": gorm.Expr("version + 1"),
	}).Error
	if err != nil {
		return err
	}
	var moved []Project
	if err := tx.Select("town_id", "id", "version").Where("town_id = ? AND id IN ?", townID, ids).
		Find(&moved).Error; err != nil {
		return err
	}
	steps := make([]workflow.Step, len(moved))
	for i, p := range moved {
		steps[i] = workflow.Step{Ref: p.Ref(), Verb: o.verb}
	}
	return workflow.AddTransitions(ctx, tx, projects.Name, o.reason, nil, steps...)
}

// Scores are what a judge gave: project → criterion → points.
type Scores map[string]map[string]float64

// ProjectStanding is how one project came out.
type ProjectStanding struct { //nolint:revive // the document calls it so
	Project string         `json:"project" format:"uuid"`
	Branch  town.BranchRef `json:"branch"`
	Title   string         `json:"title"`
	// projects with the same score share a rank, and the next one is skipped; absent without a score
	Rank int `json:"rank,omitempty" example:"1"`
	// 0 to 100, combined from the totals of the judges and rounded to two decimals, by which ranks are
	// made
	Score    *float64           `json:"score,omitempty" example:"86.67"`
	Judges   int                `json:"judges" example:"5"` // who scored it
	Lowest   *float64           `json:"lowest,omitempty"`   // total of a judge
	Highest  *float64           `json:"highest,omitempty"`
	Criteria map[string]float64 `json:"criteria"` // points by criterion, combined as the totals are
}

// Agreement is how much the judges agree about the totals; figures that are not
// defined are absent.
type Agreement struct {
	// Krippendorff's, of interval scale: 1 is perfect, 0 chance; over all projects
	Alpha *float64 `json:"alpha,omitempty"`
	// ICC(2,1): how far one judge can be relied on; over projects that all judges scored
	Single  *float64 `json:"icc_single,omitempty"`
	Average *float64 `json:"icc_average,omitempty"` // ICC(2,k): how far all together can
}

// total is what a judge's points come to, from 0 to 100.
func total(criteria []Criterion, points map[string]float64) float64 {
	shares, weights := make([]float64, len(criteria)), make([]float64, len(criteria))
	for i, c := range criteria {
		shares[i], weights[i] = 100*points[c.Code]/c.Max, c.Weight
	}
	return stats.ArithmeticMean(shares, weights)
}

// standings ranks the projects by what the judges gave, the best first, those
// without a score last. A judge who did not score a project does not count for it.
func standings(r Round, projects []Project, sheets []JudgeSheet) ([]ProjectStanding, Agreement) {
	list, totals := make([]ProjectStanding, len(projects)), make([][]float64, len(projects))
	for i, p := range projects {
		list[i], totals[i] = r.standing(p, sheets)
	}
	slices.SortFunc(list, func(a, b ProjectStanding) int {
		return cmp.Or(cmp.Compare(value(b.Score), value(a.Score)), cmp.Compare(a.Project, b.Project))
	})
	ranks := composite.Ranker{Ranking: composite.Competition}
	for i := range list {
		if list[i].Score != nil {
			list[i].Rank = ranks.Next(*list[i].Score)
		}
	}
	return list, agreementOf(totals)
}

// value puts what has no score behind all that has.
func value(score *float64) float64 {
	if score == nil {
		return -1
	}
	return *score
}

// standing is the score of one project, and the totals of the judges in the order
// of the sheets, NaN where one gave none.
func (r Round) standing(p Project, sheets []JudgeSheet) (ProjectStanding, []float64) {
	s := ProjectStanding{
		Project: p.ID, Branch: town.BranchRef{Code: p.BranchCode}, Title: p.Title, Criteria: map[string]float64{},
	}
	row := make([]float64, len(sheets))
	var totals []composite.Rating
	byCriterion := map[string][]composite.Rating{}
	for i, sheet := range sheets {
		points, scored := sheet.Scores.V[p.ID]
		if !scored {
			row[i] = math.NaN()
			continue
		}
		row[i] = total(r.Criteria.V, points)
		totals = append(totals, composite.Rating{Value: row[i]})
		for _, c := range r.Criteria.V {
			byCriterion[c.Code] = append(byCriterion[c.Code], composite.Rating{Value: points[c.Code]})
		}
		if s.Judges++; s.Lowest == nil || row[i] < *s.Lowest {
			s.Lowest = &row[i]
		}
		if s.Highest == nil || row[i] > *s.Highest {
			s.Highest = &row[i]
		}
	}
	if combined, ok := r.rule().Combine(totals); ok {
		s.Score, s.Lowest, s.Highest = rounded(combined), rounded(*s.Lowest), rounded(*s.Highest)
	}
	for code, points := range byCriterion {
		if combined, ok := r.rule().Combine(points); ok {
			s.Criteria[code] = stats.Round(combined, 2)
		}
	}
	return s, row
}

func agreementOf(totals [][]float64) (a Agreement) {
	round := func(x float64) *float64 { x = stats.Round(x, 3); return &x }
	if alpha, ok := agreement.KrippendorffAlpha(totals, agreement.IntervalScale); ok {
		a.Alpha = round(alpha)
	}
	if icc, ok := agreement.IntraclassCorrelation(totals); ok {
		a.Single, a.Average = round(icc.Single), round(icc.Average)
	}
	return a
}

// Pick is whom the rule picks: the best n. Where a tie lies across the cut the
// rule does not decide: Tied compete for the Open places, and a person decides
// who gets them.
type Pick struct {
	Places   int      `json:"places" example:"10"`
	Projects []string `json:"projects"` // in by their rank
	Tied     []string `json:"tied"`     // of the same score across the cut
	Open     int      `json:"open"`     // places left for them
}

// propose picks the best n of standings in order. What has no score is never
// picked.
func propose(list []ProjectStanding, n int) Pick {
	p := Pick{Places: n, Projects: []string{}, Tied: []string{}}
	list = slices.DeleteFunc(slices.Clone(list), func(s ProjectStanding) bool { return s.Score == nil })
	cut := len(list)
	if n < cut {
		cut = n
	}
	if cut < len(list) && list[cut].Rank == list[cut-1].Rank {
		tied := list[cut].Rank
		for _, s := range list {
			if s.Rank == tied {
				p.Tied = append(p.Tied, s.Project)
			}
		}
		cut = slices.IndexFunc(list, func(s ProjectStanding) bool { return s.Rank == tied })
		p.Open = n - cut
	}
	for _, s := range list[:cut] {
		p.Projects = append(p.Projects, s.Project)
	}
	return p
}

func rounded(x float64) *float64 {
	x = stats.Round(x, 2)
	return &x
}
