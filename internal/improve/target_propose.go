package improve

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/town"
)

// Proposal is what the rules of a town make of a publication.
type Proposal struct {
	Period      string   `json:"period" example:"2023Q2"`
	Publication int64    `json:"publication" example:"1"` // the latest one
	New         []string `json:"new"`                     // branches that are proposed now
	Refreshed   []string `json:"refreshed"`               // proposed before; the reasons are others now
	Lapsed      []string `json:"lapsed"`                  // proposed or confirmed before; no reason is left
	Standing    []string `json:"standing"`                // named by a rule, and targets already from another period, or proposed by hand
	Closed      []string `json:"closed"`                  // named by a rule, and no branches any more
	Targets     []Target `json:"targets"`                 // all that the period has led to
}

// Propose applies the rules of the town to the latest publication of the period. It
// proposes each branch once: what a person has decided stays decided, and asked
// again it changes only what an amended result or other rules make different.
func Propose(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, period string) (Proposal, error) {
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
		p.Targets, err = ListTargets(ctx, tx, townID, TargetFilter{Period: period})
		return err
	})
	return p, err
}

// unpublished refuses what needs a publication of the period.
func unpublished(p evaluation.Period) error {
	e := fault.Conflict("period_not_published",
		"考评周期 %[1]s 尚未公布：请先公布计算批次", "the period %[1]s is not published: publish one of its runs first", p.Code)
	e.Lock = &fault.Lock{By: p.StateBy, Role: string(access.LeadingGroup), At: p.StateAt, Reason: p.StateReason, CanLift: string(access.LeadingGroup)}
	return e
}

// proposer compares what the rules name with the targets that are there.
type proposer struct {
	Proposal
	ctx   context.Context
	tx    *gorm.DB
	town  string
	named map[string]TargetReasons
	known map[string]Target // of the period, by branch
}

// newProposer holds the targets of the period, so that who decides waits.
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
		Proposal: Proposal{
			Period: p.Code, Publication: r.Publication,
			New: []string{}, Refreshed: []string{}, Lapsed: []string{}, Standing: []string{}, Closed: []string{},
		},
		ctx: ctx, tx: tx, town: p.TownID, named: reasonsBy(settings.Document.V.TargetRules, r, view.Scheme()), known: map[string]Target{},
	}
	var list []Target
	err = tx.WithContext(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).
		Where("town_id = ? AND period_code = ?", p.TownID, p.Code).Order("id").Find(&list).Error
	for _, t := range list {
		pr.known[t.BranchCode] = t
	}
	return pr, err
}

// propose creates what the rules name and the period has not led to yet, but for
// branches that have ended, are targets, or are proposed by hand.
func (pr *proposer) propose() error {
	named := slices.Sorted(maps.Keys(pr.named))
	if err := holdBranches(pr.tx, pr.town, named); err != nil {
		return err
	}
	var standing []string
	err := pr.tx.WithContext(pr.ctx).Model(&Target{}).
		Where("town_id = ? AND (state = ? OR state = ? AND period_code IS NULL)", pr.town, Confirmed, Proposed).Pluck("branch_code", &standing).Error
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

// refresh brings what was proposed before up to date. What is decided stays
// decided: a confirmed target keeps the reasons for which it was, and only tells
// whether they have lapsed.
func (pr *proposer) refresh() error {
	for _, branch := range slices.Sorted(maps.Keys(pr.known)) {
		t, reasons := pr.known[branch], pr.named[branch]
		verb, columns := "refresh", map[string]any{"lapsed": reasons == nil, "publication_number": pr.Publication}
		switch {
		case t.State != Proposed && t.State != Confirmed:
			continue
		case reasons == nil && !t.Lapsed:
			verb = "lapse"
			pr.Lapsed = append(pr.Lapsed, branch)
		case reasons != nil && t.State == Proposed && (t.Lapsed || !reflect.DeepEqual(t.Reasons, reasons)):
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

// write keeps what was done in the trail.
func (pr *proposer) write(action string) error {
	return audit.Write(pr.ctx, pr.tx, audit.Change{Town: pr.town, Action: action, Subject: "periods/" + pr.Period, After: pr.Proposal})
}

// createTarget stores a new proposal of the caller with its first step.
func createTarget(ctx context.Context, tx *gorm.DB, t *Target) error {
	t.ID, t.State, t.ProposedBy, t.Versioned = database.NewID(), Proposed, access.Caller(ctx).Name(), database.Versioned{Version: 1}
	if err := tx.WithContext(ctx).Create(t).Error; err != nil {
		return err
	}
	return noteTarget(ctx, tx, *t, 1, "propose", t.Statement)
}

func noteTarget(ctx context.Context, tx *gorm.DB, t Target, version int64, verb, reason string) error {
	p := access.Caller(ctx)
	return tx.WithContext(ctx).Create(&TargetMove{
		TownID: t.TownID, TargetID: t.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role, Reason: reason,
	}).Error
}
