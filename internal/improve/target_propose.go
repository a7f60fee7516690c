package improve

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// Proposal is what the rules of a town make of a publication.
type Proposal struct {
	Period      string   `json:"period" example:"2023Q2"`
	Publication int64    `json:"publication" example:"1"` // the latest one
	New         []string `json:"new"`                     // branches that are proposed now
	Refreshed   []string `json:"refreshed"`               // proposed before; the reasons are others now
	Lapsed      []string `json:"lapsed"`                  // proposed or confirmed before; no reason is left
	Standing    []string `json:"standing"`                // named by a rule, and targets already from another period
	Targets     []Target `json:"targets"`                 // all that the period has led to
}

// Propose applies the rules of the town to the latest publication of the period. It
// proposes each branch once: what a person has decided stays decided, and asked
// again it changes only what an amended result or other rules make different.
func Propose(ctx context.Context, db *gorm.DB, b *index.Board, townID, period string) (Proposal, error) {
	var p Proposal
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		alone := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}) // others who propose, or amend, wait
		held, err := evaluation.FindPeriod(ctx, alone, townID, period)
		if err != nil {
			return err
		}
		view, there, err := b.Published(ctx, tx, townID, period, 0)
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
		if err := pr.run(); err != nil {
			return err
		}
		p = pr.Proposal
		if p.Targets, err = ListTargets(ctx, tx, townID, TargetFilter{Period: period}); err != nil {
			return err
		}
		told := p
		told.Targets = nil
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "targets.propose", Subject: "periods/" + period, After: told})
	})
	return p, err
}

// unpublished refuses what needs a publication of the period.
func unpublished(p evaluation.Period) error {
	e := fault.New(fault.Conflict, "period_not_published", text.F(
		"考评周期 %[1]s 尚未公布：请先公布计算批次", "the period %[1]s is not published: publish one of its runs first", p.Code))
	e.Lock = &fault.Lock{By: p.StateBy, Role: string(people.LeadingGroup), At: p.StateAt, Reason: p.StateReason, CanLift: string(people.LeadingGroup)}
	return e
}

// proposer compares what the rules name with the targets that are there.
type proposer struct {
	Proposal
	ctx     context.Context
	tx      *gorm.DB
	town    string
	named   map[string]TargetReasons
	known   map[string]Target // of the period, by branch
	current map[string]Target // confirmed, from any period, by branch
}

func newProposer(ctx context.Context, tx *gorm.DB, p evaluation.Period, view index.View) (*proposer, error) {
	settings, err := FindSettings(ctx, tx, p.TownID)
	if err != nil {
		return nil, err
	}
	r, err := view.Ranking(index.RankingFilter{}, "", nil)
	if err != nil {
		return nil, err
	}
	pr := &proposer{
		Proposal: Proposal{Period: p.Code, Publication: r.Publication, New: []string{}, Refreshed: []string{}, Lapsed: []string{}, Standing: []string{}},
		ctx:      ctx, tx: tx, town: p.TownID, named: reasonsBy(settings.Document.V.TargetRules, r, view.Scheme()), known: map[string]Target{},
	}
	var list []Target
	if err := tx.WithContext(ctx).Where("town_id = ? AND period_code = ?", p.TownID, p.Code).Find(&list).Error; err != nil {
		return nil, err
	}
	for _, t := range list {
		pr.known[t.BranchCode] = t
	}
	pr.current, err = currentTargets(ctx, tx, p.TownID)
	return pr, err
}

func (pr *proposer) run() error {
	for _, branch := range slices.Sorted(maps.Keys(pr.named)) {
		if err := pr.name(branch, pr.named[branch]); err != nil {
			return err
		}
	}
	for _, branch := range slices.Sorted(maps.Keys(pr.known)) {
		t := pr.known[branch]
		if pr.named[branch] != nil || t.Lapsed || t.State != Proposed && t.State != Confirmed {
			continue
		}
		pr.Lapsed = append(pr.Lapsed, branch)
		if err := pr.change(t, "lapse", map[string]any{"lapsed": true, "publication_number": pr.Publication}); err != nil {
			return err
		}
	}
	return nil
}

// name proposes the branch, or brings the proposal that is there up to date.
func (pr *proposer) name(branch string, reasons TargetReasons) error {
	t, known := pr.known[branch]
	_, standing := pr.current[branch]
	switch {
	case !known && standing:
		pr.Standing = append(pr.Standing, branch)
	case !known:
		pr.New = append(pr.New, branch)
		return pr.create(branch, reasons)
	case t.State == Proposed && (t.Lapsed || !reflect.DeepEqual(t.Reasons, reasons)):
		pr.Refreshed = append(pr.Refreshed, branch)
		return pr.change(t, "refresh", map[string]any{"reasons": reasons, "lapsed": false, "publication_number": pr.Publication})
	case t.State == Confirmed && t.Lapsed: // confirmed for the reasons it had
		pr.Refreshed = append(pr.Refreshed, branch)
		return pr.change(t, "refresh", map[string]any{"lapsed": false, "publication_number": pr.Publication})
	}
	return nil
}

func (pr *proposer) create(branch string, reasons TargetReasons) error {
	t := Target{TownID: pr.town, BranchCode: branch, PeriodCode: &pr.Period, PublicationNumber: &pr.Publication, Reasons: reasons}
	return createTarget(pr.ctx, pr.tx, &t)
}

func (pr *proposer) change(t Target, verb string, columns map[string]any) error {
	if err := database.UpdateVersioned(pr.tx, &Target{TownID: pr.town, ID: t.ID}, t.Version, columns); err != nil {
		return err
	}
	return noteTarget(pr.ctx, pr.tx, t, t.Version+1, verb, "")
}

// createTarget stores a new proposal of the caller with its first step.
func createTarget(ctx context.Context, tx *gorm.DB, t *Target) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("new target id: %w", err)
	}
	t.ID, t.State, t.ProposedBy, t.Versioned = id.String(), Proposed, people.Caller(ctx).Name(), database.Versioned{Version: 1}
	if err := tx.WithContext(ctx).Create(t).Error; err != nil {
		return err
	}
	return noteTarget(ctx, tx, *t, 1, "propose", t.Statement)
}

func noteTarget(ctx context.Context, tx *gorm.DB, t Target, version int64, verb, reason string) error {
	p := people.Caller(ctx)
	return tx.WithContext(ctx).Create(&TargetMove{
		TownID: t.TownID, TargetID: t.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role, Reason: reason,
	}).Error
}
