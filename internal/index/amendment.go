package index

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
)

// Amendment is why a publication is replaced, and by what.
type Amendment struct {
	Reason      string
	Corrections []evaluation.Correction
	appeal      *string // that it upholds
}

// Amend corrects a published period of the leading group's own accord: a new run
// with the corrections, and a new publication of it.
func Amend(
	ctx context.Context, db *gorm.DB, townID, periodCode string, a Amendment,
) (after PublicationDetail, err error) {
	defer fault.Wrap(&err, "amendment of %s", periodCode)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		p, err := lockPeriod(ctx, tx, townID, periodCode)
		if err != nil {
			return err
		}
		made, err := amend(ctx, tx, p, a)
		if err != nil {
			return err
		}
		e, err := readPublications(ctx, tx, townID, periodCode)
		if err != nil {
			return err
		}
		after, err = e.detail(access.PrincipalFrom(ctx), periodCode, made.Number, tx.NowFunc())
		return err
	})
	return after, err
}

// lockPeriod returns the period, locked alone: amendments of one period follow one
// another.
func lockPeriod(ctx context.Context, tx *gorm.DB, townID, code string) (evaluation.Period, error) {
	return evaluation.FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "UPDATE"}), townID, code)
}

// amend stores run, publication and corrections in tx, which holds the period.
func amend(ctx context.Context, tx *gorm.DB, p evaluation.Period, a Amendment) (Publication, error) {
	if err := p.Correctable(); err != nil {
		return Publication{}, err
	}
	e, err := readPublications(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return Publication{}, err
	}
	last, err := e.find(p.Code, 0)
	if err != nil {
		return Publication{}, err
	}
	base, err := loadOutcome(ctx, tx, p, last.RunID, last.Number)
	if err != nil {
		return Publication{}, err
	}
	if err := base.refuseChanged(ctx, tx, last); err != nil {
		return Publication{}, err
	}
	c, list, err := base.corrected(ctx, tx, a.Corrections)
	if err != nil {
		return Publication{}, err
	}
	if sha256Hex(c.dataFile()) == base.Run.DataHash {
		return Publication{}, fault.Conflict("nothing_changes",
			"这些更正与已公布的数据相同，不会改变任何结果", "these corrections change nothing: they say what is published already").Held(last.lock())
	}
	run, err := c.createRun(ctx, tx, p)
	if err != nil {
		return Publication{}, err
	}
	made, err := createPublication(ctx, tx, p, Publication{RunID: run.ID, Reason: a.Reason, AppealID: a.appeal})
	if err != nil {
		return Publication{}, err
	}
	if list, err = made.insertCorrections(ctx, tx, list); err != nil {
		return Publication{}, err
	}
	return made, audit.Write(ctx, tx, audit.Change{
		Town: p.TownID, Action: "result.amend", Subject: describe(p) + "/runs/" + run.ID, Before: last.Publication, After: struct {
			Publication
			Corrections []evaluation.Correction `json:"corrections"`
		}{made, list}, Reason: a.Reason,
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
	published := evaluation.PublishedValues{Scheme: o.Scheme, Branches: before.branches, Values: before.values}
	values, list, err := evaluation.Correct(ctx, tx, o.Period, published, list)
	if err != nil {
		return nil, nil, err
	}
	c := &computation{scheme: o.Scheme, branches: before.branches, values: values}
	return c, list, withLock(o.Period, c.score())
}

// insertCorrections numbers the corrections of the publication and keeps them.
func (p Publication) insertCorrections(
	ctx context.Context, tx *gorm.DB, list []evaluation.Correction,
) ([]evaluation.Correction, error) {
	next, err := nextNumber(tx, &evaluation.Correction{}, p.TownID, p.PeriodCode)
	if err != nil {
		return nil, err
	}
	for i := range list {
		c := &list[i]
		c.TownID, c.PeriodCode, c.Number, c.PublicationNumber = p.TownID, p.PeriodCode, next+int64(i), p.Number
		c.AppealID, c.MadeBy, c.CreatedAt = p.AppealID, audit.ActorOf(ctx).Name, tx.NowFunc()
		if c.Reason == "" {
			c.Reason = p.Reason
		}
	}
	return list, tx.CreateInBatches(list, database.Batch).Error
}
