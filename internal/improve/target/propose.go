// Package target holds improvement targets: the branches that get help, by proposal of the
// town's rules and confirmed by people.
package target

import (
	"context"
	"database/sql/driver"
	"maps"
	"math"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// Proposal is what the rules of a town make of a publication.
type Proposal struct {
	Period      string   `json:"period" example:"2023Q2"`
	Publication int64    `json:"publication" example:"1"` // the latest one
	New         []string `json:"new"`                     // branches that are proposed now
	Refreshed   []string `json:"refreshed"`               // proposed before, for other reasons
	Lapsed      []string `json:"lapsed"`                  // proposed or confirmed before; no reason is left
	// named by a rule, and targets already from another period, or proposed by hand
	Standing []string `json:"standing"`
	Closed   []string `json:"closed"`  // named by a rule, and no branches any more
	Targets  []Target `json:"targets"` // all that the period has led to
}

// Propose applies the rules of the town to the latest publication of the period. It
// proposes each branch once: what a person has decided stays decided, and asked
// again it changes only what an amended result or other rules make different.
func Propose(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, period string) (p Proposal, err error) {
	defer fault.Wrap(&err, "propose targets by %s", period)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		alone := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}) // others who propose, or amend, wait
		held, err := evaluation.FindPeriod(ctx, alone, townID, period)
		if err != nil {
			return err
		}
		view, there, err := b.PublishedNow(ctx, tx, townID, period)
		if err != nil {
			return err
		}
		if !there {
			return unpublished(held)
		}
		pr, err := newProposer(ctx, tx, held, view)
		if err != nil {
			return err
		}
		if err := pr.propose(); err != nil {
			return err
		}
		if err := pr.refresh(); err != nil {
			return err
		}
		if err := pr.write("targets.propose"); err != nil {
			return err
		}
		p = pr.Proposal
		p.Targets, err = List(ctx, tx, townID, Filter{Period: period})
		return err
	})
	return p, err
}

// unpublished refuses what needs a publication of the period.
func unpublished(p evaluation.Period) error {
	e := fault.Conflict("period_not_published",
		"考评周期 %[1]s 尚未公布：请先公布计算批次", "the period %[1]s is not published: publish one of its runs first", p.Code)
	e.Lock = &fault.Lock{
		By: p.StateBy, Role: string(policy.LeadingGroup), At: p.StateAt, Reason: p.StateReason,
		CanLift: string(policy.LeadingGroup),
	}
	return e
}

// proposer holds what the rules name beside the targets that are stored.
type proposer struct {
	Proposal
	ctx   context.Context
	tx    *gorm.DB
	town  string
	named map[string]Reasons
	known map[string]Target // of the period, by branch
}

// newProposer locks the targets of the period, so that who decides waits.
func newProposer(ctx context.Context, tx *gorm.DB, p evaluation.Period, view index.View) (*proposer, error) {
	settings, err := improve.FindSettings(ctx, tx, p.TownID)
	if err != nil {
		return nil, err
	}
	r, err := view.Ranking(index.RankingFilter{}, "")
	if err != nil {
		return nil, err
	}
	pr := bareProposer(ctx, tx, p)
	pr.Publication, pr.named = r.Publication, reasonsBy(settings.Document.V.TargetRules, view.Judged(), r, view.Scheme())
	return pr, pr.lockKnown()
}

// bareProposer names no branch: it is of no publication.
func bareProposer(ctx context.Context, tx *gorm.DB, p evaluation.Period) *proposer {
	return &proposer{
		Proposal: Proposal{
			Period: p.Code,
			New:    []string{}, Refreshed: []string{}, Lapsed: []string{}, Standing: []string{}, Closed: []string{},
		},
		ctx: ctx, tx: tx, town: p.TownID, known: map[string]Target{},
	}
}

// lockKnown reads the targets of the period and locks them.
func (pr *proposer) lockKnown() error {
	var list []Target
	err := pr.tx.WithContext(pr.ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).
		Where("town_id = ? AND period_code = ?", pr.town, pr.Period).Order("id").Find(&list).Error
	for _, t := range list {
		pr.known[t.BranchCode] = t
	}
	return err
}

// propose creates what the rules name and the period has not led to yet, except for
// branches that have ended, are targets, or are proposed by hand.
func (pr *proposer) propose() error {
	named := slices.Sorted(maps.Keys(pr.named))
	if err := lockBranches(pr.tx, pr.town, named); err != nil {
		return err
	}
	var standing []string
	err := pr.tx.WithContext(pr.ctx).Model(&Target{}).
		Where("town_id = ? AND (state = ? OR state = ? AND period_code IS NULL)", pr.town, Confirmed, Proposed).
		Pluck("branch_code", &standing).Error
	if err != nil {
		return err
	}
	ended, err := town.EndedOn(pr.ctx, pr.tx, pr.town)
	if err != nil {
		return err
	}
	today := day.Of(pr.tx.NowFunc())
	for _, branch := range named {
		_, known := pr.known[branch]
		on, ends := ended[branch]
		switch {
		case known:
		case ends && on <= today:
			pr.Closed = append(pr.Closed, branch)
		case slices.Contains(standing, branch):
			pr.Standing = append(pr.Standing, branch)
		default:
			pr.New = append(pr.New, branch)
			if err := pr.create(branch, pr.named[branch]); err != nil {
				return err
			}
		}
	}
	return nil
}

// refresh updates what was proposed before. What is decided stays
// decided: a confirmed target keeps the reasons for which it was, and only
// records whether they have lapsed.
func (pr *proposer) refresh() error {
	for _, branch := range slices.Sorted(maps.Keys(pr.known)) {
		t, reasons := pr.known[branch], pr.named[branch]
		verb, columns := "refresh", map[string]any{"lapsed": reasons == nil}
		if pr.Publication > 0 { // none stands: it stays that of the withdrawn one
			columns["publication_number"] = pr.Publication
		}
		switch {
		case t.State != Proposed && t.State != Confirmed:
			continue
		case reasons == nil && !t.Lapsed:
			verb = "lapse"
			pr.Lapsed = append(pr.Lapsed, branch)
		case reasons != nil && t.State == Proposed && (t.Lapsed || !t.Reasons.equal(reasons)):
			columns["reasons"] = reasons
			pr.Refreshed = append(pr.Refreshed, branch)
		case reasons != nil && t.State == Confirmed && t.Lapsed:
			pr.Refreshed = append(pr.Refreshed, branch)
		default:
			continue
		}
		if err := pr.change(t, verb, columns); err != nil {
			return err
		}
	}
	return nil
}

func (pr *proposer) create(branch string, reasons Reasons) error {
	t := newTarget(pr.ctx, Target{
		TownID: pr.town, BranchCode: branch, PeriodCode: &pr.Period, PublicationNumber: &pr.Publication, Reasons: reasons,
	})
	if err := pr.tx.WithContext(pr.ctx).Create(&t).Error; err != nil {
		return err
	}
	return workflow.AddTransitions(pr.ctx, pr.tx, targets.Name, "", nil, workflow.Step{Ref: t.Ref(), Verb: "propose"})
}

func (pr *proposer) change(t Target, verb string, columns map[string]any) error {
	if err := database.UpdateVersioned(pr.tx, &Target{TownID: pr.town, ID: t.ID}, t.Version, columns); err != nil {
		return err
	}
	t.Version++
	return workflow.AddTransitions(pr.ctx, pr.tx, targets.Name, "", nil, workflow.Step{Ref: t.Ref(), Verb: verb})
}

// write records what was done in the trail.
func (pr *proposer) write(action string) error {
	return audit.Write(pr.ctx, pr.tx, audit.Change{
		Town: pr.town, Action: action, Subject: "periods/" + pr.Period, After: pr.Proposal,
	})
}

// Follow updates the targets that a period has led to by its amended result and the rules
// of now: reasons change, lapse or hold again. Where every publication of the period was
// withdrawn, all reasons lapse. It does so too for the published period of
// the same kind after it, whose falls are counted from this one.
// It proposes no branch, changes nothing when called again, and belongs in the
// transaction of the amendment, which holds the period.
func Follow(ctx context.Context, tx *gorm.DB, b *index.ResultCache, townID, period string) (err error) {
	defer fault.Wrap(&err, "targets of %s", period)
	p, err := evaluation.FindPeriod(ctx, tx, townID, period)
	if err != nil {
		return err
	}
	var next []evaluation.Period
	err = tx.WithContext(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).
		Where("town_id = ? AND kind = ? AND starts_on > ? AND state IN ?", townID, p.Kind, p.StartsOn,
			[]evaluation.PeriodState{evaluation.Published, evaluation.Final}).
		Order("starts_on").Limit(1).Find(&next).Error
	if err != nil {
		return err
	}
	for _, affected := range append([]evaluation.Period{p}, next...) {
		if err := follow(ctx, tx, b, affected); err != nil {
			return err
		}
	}
	return nil
}

func follow(ctx context.Context, tx *gorm.DB, b *index.ResultCache, p evaluation.Period) error {
	view, there, err := b.PublishedNow(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return err
	}
	var pr *proposer
	if there {
		pr, err = newProposer(ctx, tx, p, view)
	} else {
		pr = bareProposer(ctx, tx, p)
		err = pr.lockKnown()
	}
	if err != nil {
		return err
	}
	if err := pr.refresh(); err != nil || len(pr.Refreshed)+len(pr.Lapsed) == 0 {
		return err
	}
	return pr.write("targets.follow")
}

// Reason is why a rule proposes a branch. Value is the figure that was published, or the
// lower one with the missing values of the branch at the lowest of their class: a score, for
// fall_over the points that were lost, for insufficient the coverage.
type Reason struct {
	Code      improve.RuleKind `json:"code" swaggertype:"string" enums:"lowest_share,dimension_below,fall_over,grade_at_most,insufficient"`
	Dimension string           `json:"dimension,omitempty" example:"governance"` // of dimension_below
	Class     string           `json:"class,omitempty" example:"rural"`          // of lowest_share in each class
	Value     float64          `json:"value" example:"57.4"`
	// of lowest_share the score of the last one that is in
	Threshold *float64 `json:"threshold,omitempty" example:"60"`
	// of grade_at_most, with the best that is still in
	Grade  string `json:"grade,omitempty" example:"poor"`
	AtMost string `json:"at_most,omitempty" example:"fair"`
	// of fall_over: what the fall is counted from, and by which ruler
	From *index.Compared `json:"from,omitempty"`
	// the figure is that with the missing values of the branch at the lowest of their class
	AtLowest bool      `json:"at_lowest,omitempty,omitzero"`
	Text     text.Text `json:"text"`
} // @name TargetReason

// Reasons are stored as JSON text.
type Reasons []Reason

// equal reports whether both say the same. A later publication that a fall is counted from,
// with the same figure, is no other reason.
func (r Reasons) equal(other Reasons) bool {
	plain := func(list Reasons) Reasons {
		list = slices.Clone(list)
		for i, reason := range list {
			if reason.From != nil {
				list[i].From = &index.Compared{Period: reason.From.Period, Ruler: reason.From.Ruler}
			}
		}
		return list
	}
	return reflect.DeepEqual(plain(r), plain(other))
}

// Value stores the reasons.
func (r Reasons) Value() (driver.Value, error) {
	return database.JSON[[]Reason]{V: r}.Value()
}

// Scan reads what Value has stored.
func (r *Reasons) Scan(src any) error { return database.ScanJSON(src, (*[]Reason)(r)) }

// GormDataType is the column type on both databases.
func (Reasons) GormDataType() string { return "text" }

// reasonsBy returns the branches of the ranking that the rules name, each with its
// reasons in the order of the rules. Figures are compared as they are shown; r is the ranking
// as rules judge it, and published as everybody sees it. A branch without a score has no
// reason but insufficient.
func reasonsBy(rules []improve.ProposalRule, r, published index.Ranking, s *scheme.Compiled) map[string]Reasons {
	named, shown := map[string]Reasons{}, map[string]index.Ranked{}
	for _, i := range published.Items {
		shown[i.Branch.Code] = i
	}
	add := func(branch string, reason Reason) {
		if item, scored := shown[branch]; scored && reason.Value != reason.shownIn(item) {
			reason.AtLowest = true
			reason.Text.ZH += "（缺失的指标按同类最低分计）"
			reason.Text.EN += " (with what is missing at the lowest of its class)"
		}
		named[branch] = append(named[branch], reason)
	}
	for _, rule := range rules {
		switch rule.Kind {
		case improve.LowestShare:
			lowest(rule, r.Items, add)
		case improve.DimensionBelow:
			weak(rule, r.Items, s, add)
		case improve.FallOver:
			fell(rule, r, add)
		case improve.GradeAtMost:
			graded(rule, r.Items, s, add)
		case improve.Insufficient:
			insufficient(r.Insufficient, add)
		}
	}
	return named
}

// shownIn returns the figure of the reason as it is published.
func (r Reason) shownIn(i index.Ranked) float64 {
	switch {
	case r.Code == improve.FallOver && i.Change != nil:
		return -i.Change.Score
	case r.Code == improve.DimensionBelow:
		return i.Dimensions[r.Dimension]
	}
	return i.Score
}

// insufficient adds the branches that handed in too little to be scored.
func insufficient(items []index.Insufficient, add func(string, Reason)) {
	for _, i := range items {
		add(i.Branch.Code, Reason{Code: improve.Insufficient, Value: i.Coverage, Text: text.F(
			"数据完整度为 %[1]v，不足以计分，缺少 %[2]d 项指标", "its coverage of %[1]v is too low for a score: %[2]d indicators are missing",
			i.Coverage, len(i.Missing))})
	}
}

// lowest adds the share of the branches with the lowest scores, rounded up, and
// those that are level with the last of them.
func lowest(rule improve.ProposalRule, items []index.Ranked, add func(string, Reason)) {
	peers := map[string][]index.Ranked{}
	for _, i := range items {
		class := ""
		if rule.ByClass {
			class = i.Branch.Class
		}
		peers[class] = append(peers[class], i)
	}
	for class, group := range peers {
		scores := make([]float64, len(group))
		for i := range group {
			scores[i] = group[i].Score
		}
		slices.Sort(scores)
		n := int(math.Ceil(rule.Share*float64(len(group)) - 1e-9)) // 0.07 of 100 is 7, not 7.000000000000001
		last := scores[min(max(n, 1), len(group))-1]
		for _, i := range group {
			if i.Score <= last {
				add(i.Branch.Code, Reason{Code: improve.LowestShare, Class: class, Value: i.Score, Threshold: &last, Text: text.F(
					"得分 %[1]v，属于最低的 %[2]d 个（共 %[3]d 个）", "its score of %[1]v is among the lowest %[2]d of %[3]d", i.Score, n,
					len(group))})
			}
		}
	}
}

// weak adds the branches with a dimension below the points.
func weak(rule improve.ProposalRule, items []index.Ranked, s *scheme.Compiled, add func(string, Reason)) {
	for _, info := range s.Index.Nodes() {
		if info.Depth != 1 || len(rule.Dimensions) > 0 && !slices.Contains(rule.Dimensions, info.Code) {
			continue
		}
		name := s.Node(info.Code).Name
		for _, i := range items {
			if score, there := i.Dimensions[info.Code]; there && score < rule.Points {
				add(i.Branch.Code, Reason{Code: improve.DimensionBelow, Dimension: info.Code, Value: score, Threshold: &rule.Points, Text: text.F(
					"%[1]s %[3]v 分，低于 %[4]v 分", "%[2]s scores %[3]v, below %[4]v", name.In("zh"), name.In("en"), score, rule.Points)})
			}
		}
	}
}

// fell adds the branches that lost more than the points since the publication
// before. Where that was scored otherwise nobody has a change.
func fell(rule improve.ProposalRule, r index.Ranking, add func(string, Reason)) {
	for _, i := range r.Items {
		if i.Change == nil || -i.Change.Score <= rule.Points {
			continue
		}
		why := text.F("较上次公布下降 %[1]v 分，超过 %[2]v 分", "it fell by %[1]v since the publication before, by more than %[2]v",
			-i.Change.Score, rule.Points)
		if i.Change.Ruler == index.RelativeRuler {
			why.ZH += "（计分规则相同，但按各期数据重新拟合）"
			why.EN += " (by the same rules, fitted to the values of each period)"
		}
		add(i.Branch.Code, Reason{Code: improve.FallOver, Value: -i.Change.Score, Threshold: &rule.Points, From: r.From, Text: why})
	}
}

// graded adds the branches whose grade is the named one or worse; none where the
// scheme has no such grade.
func graded(rule improve.ProposalRule, items []index.Ranked, s *scheme.Compiled, add func(string, Reason)) {
	place := func(code string) int {
		return slices.IndexFunc(s.Document.Grades, func(g scheme.Grade) bool { return g.Code == code })
	}
	best := place(rule.Grade)
	for _, i := range items {
		if got := place(i.Grade); best >= 0 && got >= best {
			add(i.Branch.Code, Reason{Code: improve.GradeAtMost, Value: i.Score, Grade: i.Grade, AtMost: rule.Grade, Text: text.F(
				"等次为 %[1]s（不高于 %[2]s）", "its grade is %[1]s, no better than %[2]s", i.Grade, rule.Grade)})
		}
	}
}
