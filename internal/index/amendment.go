package index

import (
	"cmp"
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
	"bulwark/internal/proposal"
	"bulwark/internal/town"
)

// Amendment is why a publication is replaced, and by what.
type Amendment struct {
	Reason      string
	Corrections []evaluation.Correction
	appeal      *Appeal // that it upholds
}

// reasoned returns the corrections, with the reason of the amendment where they have none.
func (a Amendment) reasoned() []evaluation.Correction {
	list := slices.Clone(a.Corrections)
	for i := range list {
		list[i].Reason = cmp.Or(list[i].Reason, a.Reason)
	}
	return list
}

func (a Amendment) appealID() *string {
	if a.appeal == nil {
		return nil
	}
	return &a.appeal.ID
}

func (a Amendment) branch() *string {
	if a.appeal == nil {
		return nil
	}
	return &a.appeal.BranchCode
}

// Amend corrects a published period of the leading group's own accord: a new run
// with the corrections, and a new publication of it. Where that takes two persons, the
// proposal is returned instead.
func Amend(
	ctx context.Context, db *gorm.DB, townID, periodCode string, a Amendment,
) (after PublicationDetail, waiting *proposal.Proposal, err error) {
	defer fault.Wrap(&err, "amendment of %s", periodCode)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		p, err := lockPeriod(ctx, tx, townID, periodCode)
		if err != nil {
			return err
		}
		var made Publication
		var touched []proposal.Touched
		if made, touched, waiting, err = amend(ctx, tx, p, a); err != nil || waiting != nil {
			return err
		}
		e, err := readPublications(ctx, tx, townID, periodCode)
		if err != nil {
			return err
		}
		after, err = e.detail(access.PrincipalFrom(ctx), periodCode, made.Number, tx.NowFunc())
		after.Touched = touched
		return err
	})
	return after, waiting, err
}

// lockPeriod returns the period, locked alone: amendments of one period follow one
// another.
func lockPeriod(ctx context.Context, tx *gorm.DB, townID, code string) (evaluation.Period, error) {
	return evaluation.FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "UPDATE"}), townID, code)
}

// amend computes the amendment and stores it in tx, which holds the period, or proposes
// it where it takes two persons.
func amend(
	ctx context.Context, tx *gorm.DB, p evaluation.Period, a Amendment,
) (made Publication, touched []proposal.Touched, waiting *proposal.Proposal, err error) {
	d, err := prepare(ctx, tx, p, a)
	if err != nil {
		return made, nil, nil, err
	}
	if !d.takesTwo() {
		if err := proposal.RefuseOpen(ctx, tx, p.TownID, p.Code); err != nil {
			return made, nil, nil, err
		}
		made, err = d.store(ctx, tx, Publication{Reason: a.Reason, AppealID: a.appealID()})
		return made, d.touched, nil, err
	}
	if err := refuseUnsigned(ctx, d.town); err != nil {
		return made, nil, nil, err
	}
	x, err := proposal.Create(ctx, tx, proposal.Proposal{
		TownID: p.TownID, PeriodCode: p.Code, Action: proposal.Amend, PublicationNumber: d.next,
		AppealID: a.appealID(), BranchCode: a.branch(), DataHash: d.receipt.DataHash, ResultHash: d.receipt.ResultHash,
		Corrections: database.JSON[[]evaluation.Correction]{V: d.corrections},
		Touched:     database.JSON[[]proposal.Touched]{V: d.touched}, Until: d.until, Reason: a.Reason,
	})
	if err != nil {
		return made, nil, nil, err
	}
	return made, nil, &x, nil
}

// confirmAmendment carries out the amendment of a proposal, if the corrections still lead
// from the latest publication to the figures that it pins.
func confirmAmendment(ctx context.Context, tx *gorm.DB, x proposal.Proposal) error {
	if x.AppealID != nil {
		return confirmAppeal(ctx, tx, x)
	}
	p, err := lockPeriod(ctx, tx, x.TownID, x.PeriodCode)
	if err != nil {
		return err
	}
	_, err = amendAs(ctx, tx, p, x, nil)
	return err
}

// amendAs stores the amendment that the proposal pins.
func amendAs(
	ctx context.Context, tx *gorm.DB, p evaluation.Period, x proposal.Proposal, appeal *Appeal,
) (Publication, error) {
	a := Amendment{Reason: x.Reason, Corrections: x.Corrections.V, appeal: appeal}
	// Who proposed it was asked about evidence that serves twice.
	d, err := prepare(evaluation.Acknowledging(ctx), tx, p, a)
	if err != nil {
		return Publication{}, err
	}
	if d.next != x.PublicationNumber || d.receipt.DataHash != x.DataHash || d.receipt.ResultHash != x.ResultHash {
		return Publication{}, x.Changed()
	}
	for i := range d.corrections {
		d.corrections[i].MadeBy = x.ProposedBy
	}
	return d.store(ctx, tx, Publication{Reason: x.Reason, AppealID: x.AppealID}.confirmed(ctx, x))
}

// draft is an amendment that is computed and not stored.
type draft struct {
	period      evaluation.Period
	town        town.Town
	last        *publishedRun // that it amends
	next        int64         // its own number
	computation *computation
	receipt     Run                     // without id, number and time
	corrections []evaluation.Correction // with what each replaces, numbered
	touched     []proposal.Touched
	until       *day.Date // last day of amendments
}

// takesTwo reports whether the amendment takes two persons. One that adds or cancels
// adjustments always does: before the publication nobody decides on his or her own
// proposal of an adjustment either.
func (d draft) takesTwo() bool {
	return d.period.TakesTwo(d.town) || slices.ContainsFunc(d.corrections, func(c evaluation.Correction) bool {
		return c.Adjustment != ""
	})
}

// prepare computes the amendment from what is published, and refuses one that the period,
// the stored data or the rules of entries do not allow.
func prepare(ctx context.Context, tx *gorm.DB, p evaluation.Period, a Amendment) (d draft, err error) {
	d.period = p
	if err := p.Correctable(); err != nil {
		return d, err
	}
	if d.town, err = town.Find(ctx, tx, p.TownID); err != nil {
		return d, err
	}
	e, err := readPublications(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return d, err
	}
	if d.last, err = e.find(p.Code, 0); err != nil {
		return d, err
	}
	if d.until = d.last.first.amendable(d.town, a.appeal); d.until != nil && day.Of(tx.NowFunc()) > *d.until {
		return d, d.last.first.amendmentOver(d.town, *d.until)
	}
	d.next = e[len(e)-1].Number + 1
	base, err := loadOutcome(ctx, tx, p, d.last.RunID, d.last.Number)
	if err != nil {
		return d, err
	}
	if err := base.refuseChanged(ctx, tx); err != nil {
		return d, err
	}
	if d.computation, d.corrections, err = base.corrected(ctx, tx, a.reasoned()); err != nil {
		return d, err
	}
	if sha256Hex(d.computation.dataFile()) == base.Run.DataHash {
		return d, fault.Conflict("nothing_changes",
			"这些更正与已公布的数据相同，不会改变任何结果", "these corrections equal what is published and would change nothing").Held(d.last.lock())
	}
	o := d.computation.outcome(p)
	if !slices.ContainsFunc(o.Results, func(r Result) bool { return r.Score != nil }) {
		return d, fault.Conflict(emptyResult, "更正后没有任何党组织有得分，不能公布",
			"with these corrections no branch has a score, so there is nothing to publish").Held(d.last.lock())
	}
	d.receipt, d.touched = d.computation.receipt(p, o), base.touchedBy(o)
	if a := d.computation.amends; a != nil {
		d.touched = a.addTo(d.touched)
	}
	return d, d.number(ctx, tx, a)
}

// touchedBy returns every branch that the later outcome places otherwise, in its order.
func (o *Outcome) touchedBy(now *Outcome) []proposal.Touched {
	touched, before := []proposal.Touched{}, o.byBranch()
	for i := range now.Results {
		r := &now.Results[i]
		was := before[r.BranchCode] // amendments keep the branches
		if was.changed(r) {
			touched = append(touched, proposal.Touched{
				Branch: r.BranchCode, Name: r.Name, Before: was.placing(), Now: r.placing(),
			})
		}
	}
	return touched
}

// store keeps run, publication and corrections of the amendment.
func (d draft) store(ctx context.Context, tx *gorm.DB, next Publication) (Publication, error) {
	run, err := d.computation.createRun(ctx, tx, d.period)
	if err != nil {
		return Publication{}, err
	}
	next.RunID, next.Forced = run.ID, d.last.Forced
	made, err := createPublication(ctx, tx, d.period, next)
	if err != nil {
		return Publication{}, err
	}
	if err := tx.CreateInBatches(d.corrections, database.Batch).Error; err != nil {
		return Publication{}, err
	}
	return made, audit.Write(ctx, tx, audit.Change{
		Town: made.TownID, Action: "result.amend", Subject: describe(d.period) + "/runs/" + run.ID, Before: d.last.Publication, After: struct {
			Publication
			Corrections []evaluation.Correction `json:"corrections"`
			Touched     []proposal.Touched      `json:"touched"`
		}{made, d.corrections, d.touched}, Reason: made.Reason,
	})
}

// corrected computes the outcome again with the corrections, and with nothing else
// changed: from the data as they were published, for the branches as they were then,
// whatever has happened to either since. It refuses where what is stored does not add up
// to what was published.
func (o *Outcome) corrected(
	ctx context.Context, tx *gorm.DB, list []evaluation.Correction,
) (*computation, []evaluation.Correction, error) {
	before, err := readComputation(o.Scheme, o.Run.Data)
	if err != nil {
		return nil, nil, err
	}
	results := o.byBranch()
	for i, b := range before.branches {
		before.branches[i].Name = results[b.Code].Name
	}
	if err := refuseChangedBranches(ctx, tx, o.Period, before.branches); err != nil {
		return nil, nil, err
	}
	published := evaluation.PublishedValues{
		Scheme: o.Scheme, Branches: before.branches, Values: before.values, OtherEngine: o.Run.Engine != Engine,
	}
	values, list, err := evaluation.Correct(ctx, tx, o.Period, published, list)
	if err != nil {
		return nil, nil, err
	}
	c := &computation{scheme: o.Scheme, branches: before.branches, values: values}
	if o.Run.Engine != Engine {
		c.amends = &otherEngines{base: o, again: before.outcome(o.Period), named: map[string]bool{}}
		for _, correction := range list {
			c.amends.named[correction.BranchCode] = true
		}
	}
	return c, list, withLock(o.Period, c.score())
}

// number completes the corrections as the next publication stores them.
func (d *draft) number(ctx context.Context, tx *gorm.DB, a Amendment) error {
	p := d.period
	next, err := nextNumber(tx, &evaluation.Correction{}, p.TownID, p.Code)
	for i := range d.corrections {
		c := &d.corrections[i]
		c.TownID, c.PeriodCode, c.Number, c.PublicationNumber = p.TownID, p.Code, next+int64(i), d.next
		c.AppealID, c.MadeBy, c.CreatedAt = a.appealID(), audit.ActorOf(ctx).Name, tx.NowFunc()
	}
	return err
}
