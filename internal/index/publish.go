package index

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
	"bulwark/internal/proposal"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// MovePeriod takes a period to another state: to Published by its last run, to Final
// where nothing is waited for, and to Locked later than every run that was made before,
// since only their times tell a result from a run that the period has outlived. Where a
// publication takes two persons, the period stays as it is and the proposal is returned.
func MovePeriod(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, m evaluation.PeriodMove,
) (after evaluation.Period, waiting *proposal.Proposal, err error) {
	defer fault.Wrap(&err, "period %s", ref.ID)
	switch m.To {
	case evaluation.Published:
		after, waiting, err = publish(ctx, db, ref, m)
		switch {
		case err != nil:
		case waiting == nil:
			after.Warnings, err = after.StructureWarnings(ctx, db, m.Language)
		default:
			*waiting, err = waiting.WithChanges(ctx, db, m.Language)
		}
		return after, waiting, err
	case evaluation.Final:
		after, err = finalise(ctx, db, ref, m.Reason)
	case evaluation.Locked:
		after, err = lock(ctx, db, ref, m)
	case evaluation.Review:
		after, err = reopen(ctx, db, ref, m)
	default:
		after, err = evaluation.MovePeriod(ctx, db, ref, m)
	}
	return after, nil, err
}

// reopen takes a period to review, also from a lock, by which what was proposed of it lapses.
func reopen(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, m evaluation.PeriodMove,
) (after evaluation.Period, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if after, err = evaluation.MovePeriod(ctx, tx, ref, m); err != nil {
			return err
		}
		return proposal.Lapse(ctx, tx, ref.Town, ref.ID, "", text.F("考评周期已解锁", "the period was unlocked"))
	})
	return after, err
}

func lock(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, m evaluation.PeriodMove,
) (after evaluation.Period, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		// Whoever computes holds the period: nobody does between this look and the lock.
		if _, err := evaluation.FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), ref.Town, ref.ID); err != nil {
			return err
		}
		later := m
		var err error
		if later.After, err = afterRuns(ctx, tx, ref.Town, ref.ID); err != nil {
			return err
		}
		after, err = evaluation.MovePeriod(ctx, tx, ref, later)
		return err
	})
	return after, err
}

// afterRuns returns the first instant that is later than every run of the period, the zero
// time where it has none: what is published after a lock of then is computed anew.
func afterRuns(ctx context.Context, tx *gorm.DB, townID, period string) (after time.Time, err error) {
	var runs []Run
	err = tx.WithContext(ctx).Select("created_at").Where("town_id = ? AND period_code = ?", townID, period).
		Order("created_at DESC").Limit(1).Find(&runs).Error
	for _, last := range runs {
		after = last.CreatedAt.Add(time.Microsecond)
	}
	return after, err
}

// publish makes the last run of a locked period its result and opens its public
// notice, or proposes that. The run must be of this locking: one that was made before
// the period was reopened is refused, and so is one that leaves too much out, unless by
// force.
func publish(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, m evaluation.PeriodMove,
) (after evaluation.Period, waiting *proposal.Proposal, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		waiting = nil
		p, err := lockPeriod(ctx, tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		if err := p.RefusePublishing(ctx, tx, ref.Version); err != nil {
			return err
		}
		run, err := lastRun(tx, p)
		if err != nil {
			return err
		}
		t, err := town.Find(ctx, tx, ref.Town)
		if err != nil {
			return err
		}
		forced, err := run.refuseGaps(ctx, tx, p, t, m)
		if err != nil {
			return err
		}
		if !p.TakesTwo(t) {
			after, err = publishRun(ctx, tx, p, Publication{RunID: run.ID, Reason: m.Reason, Forced: forced})
			return err
		}
		if err := refuseUnsigned(ctx, t); err != nil {
			return err
		}
		number, err := nextNumber(tx, &Publication{}, p.TownID, p.Code)
		if err != nil {
			return err
		}
		made, err := proposal.Create(ctx, tx, proposal.Proposal{
			TownID: p.TownID, PeriodCode: p.Code, Action: proposal.Publish, PublicationNumber: number, RunID: &run.ID,
			DataHash: run.DataHash, ResultHash: run.ResultHash, Reason: m.Reason, Forced: forced,
		})
		if err != nil {
			return err
		}
		waiting, after = &made, p.For(access.PrincipalFrom(ctx))
		return nil
	})
	return after, waiting, err
}

// publishRun publishes the run of the publication as the first result of its period.
func publishRun(
	ctx context.Context, tx *gorm.DB, p evaluation.Period, next Publication,
) (after evaluation.Period, err error) {
	if after, err = evaluation.PublishPeriod(ctx, tx, p.Ref(), next.Reason); err != nil {
		return after, err
	}
	made, err := createPublication(ctx, tx, after, next)
	if err != nil {
		return after, err
	}
	one := []evaluation.Period{after}
	if err := FillNotices(ctx, tx, one); err != nil {
		return after, err
	}
	return one[0], audit.Write(ctx, tx, audit.Change{
		Town: p.TownID, Action: "run.publish", Subject: describe(after) + "/runs/" + next.RunID, After: made,
		Reason: next.Reason,
	})
}

// ProposalDecision is the step of a proposal that is asked for.
type ProposalDecision struct {
	To     proposal.State
	Reason string // needed to reject
}

// DecideProposal confirms, rejects or withdraws a proposal. One that is confirmed is
// carried out in the same transaction, by all the rules that held when it was made, and
// refused by proposal.Changed where what it pins no longer holds. amended is the period
// whose result was amended or withdrawn.
func DecideProposal(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, d ProposalDecision,
) (after proposal.Proposal, amended string, err error) {
	defer fault.Wrap(&err, "proposal %s", ref.ID)
	after, err = proposal.Move(ctx, db, ref, d.To, d.Reason, func(tx *gorm.DB, p proposal.Proposal) error {
		amended = ""
		if p.Action == proposal.Publish {
			return confirmPublication(ctx, tx, p)
		}
		amended = p.PeriodCode
		if p.Action == proposal.Withdraw {
			return confirmWithdrawal(ctx, tx, p)
		}
		return confirmAmendment(ctx, tx, p)
	})
	return after, amended, err
}

// confirmPublication publishes the run that the proposal pins, if it still is the last one
// of the locked period.
func confirmPublication(ctx context.Context, tx *gorm.DB, x proposal.Proposal) error {
	p, err := lockPeriod(ctx, tx, x.TownID, x.PeriodCode)
	if err != nil {
		return err
	}
	if err := p.RefusePublishing(ctx, tx, p.Version); err != nil {
		return err
	}
	run, err := lastRun(tx, p)
	if err != nil {
		return err
	}
	if run.ID != *x.RunID || run.DataHash != x.DataHash || run.ResultHash != x.ResultHash {
		return x.Changed()
	}
	t, err := town.Find(ctx, tx, p.TownID)
	if err != nil {
		return err
	}
	asked := evaluation.PeriodMove{Reason: x.Reason, Force: x.Forced}
	if _, err := run.refuseGaps(ctx, tx, p, t, asked); err != nil {
		return err
	}
	_, err = publishRun(ctx, tx, p, Publication{RunID: run.ID, Reason: x.Reason, Forced: x.Forced}.confirmed(ctx, x))
	return err
}

// confirmed returns the publication with its two persons.
func (p Publication) confirmed(ctx context.Context, x proposal.Proposal) Publication {
	p.ProposedBy, p.ConfirmedBy = x.ProposedBy, access.PrincipalFrom(ctx).Person
	return p
}

// createPublication stores the next publication of the period, with a notice of as many days
// as the calendar of the period has.
func createPublication(ctx context.Context, tx *gorm.DB, p evaluation.Period, next Publication) (Publication, error) {
	now := tx.NowFunc()
	next.TownID, next.PeriodCode = p.TownID, p.Code
	next.PublishedBy, next.PublishedAt = audit.ActorOf(ctx).Name, now
	if p.NoticeDays > 0 {
		until := day.Of(now).AddDays(int(p.NoticeDays))
		next.NoticeUntil = &until
	}
	var err error
	if next.NoticeFloor, err = p.UnderFloor(ctx, tx); err != nil {
		return next, err
	}
	if next.Number, err = nextNumber(tx, &Publication{}, p.TownID, p.Code); err != nil {
		return next, err
	}
	if err := next.count(ctx, tx, p); err != nil {
		return next, err
	}
	if next.Note, err = next.sign(ctx, tx); err != nil {
		return next, err
	}
	return next, tx.Create(&next).Error
}

// count sets what the changes of the publication are counted from: the latest publication
// of the period before, as it is now. It stays that one, whatever is published later.
func (p *Publication) count(ctx context.Context, tx *gorm.DB, period evaluation.Period) error {
	all, err := readPublications(ctx, tx, period.TownID, "")
	if err != nil {
		return err
	}
	if before := all.previous(period); before != nil {
		p.setFrom(&before.PeriodCode, &before.Number)
	}
	p.Ended.V, err = period.ListEnded(ctx, tx, all.endBefore(period))
	return err
}

// FillNotices sets the notices of the periods of one town, and removes publish from
// what is allowed with one that has no run, or that waits for a second person or needs
// one or of which nobody has a score, finalise with one that has to wait, withdraw with one
// whose publication stays, and lock with one whose sheets contradict each other. At most
// two statements, three where one was published within a day, and three for each period
// that the caller may lock.
func FillNotices(ctx context.Context, db *gorm.DB, periods []evaluation.Period) (err error) {
	defer fault.Wrap(&err, "notices of periods")
	if err := evaluation.WithholdLock(ctx, db, periods); err != nil {
		return err
	}
	var published, locked []string
	for _, p := range periods {
		switch {
		case p.State == evaluation.Published || p.State == evaluation.Final:
			published = append(published, p.Code)
		case slices.Contains(p.Allowed, "publish"):
			locked = append(locked, p.Code)
		}
	}
	if err := refusePublishing(ctx, db, periods, locked); err != nil || len(published) == 0 {
		return err
	}
	var rows []struct {
		Publication
		Waiting int64
	}
	err = db.WithContext(ctx).Raw(`SELECT c.*, (SELECT COUNT(*) FROM appeals a WHERE a.town_id = c.town_id AND a.period_code = c.period_code AND a.state = ?)
	+ (SELECT COUNT(*) FROM proposals o WHERE o.town_id = c.town_id AND o.period_code = c.period_code AND o.state = ?) AS waiting
FROM publications c WHERE c.town_id = ? AND c.period_code IN ? AND `+Standing("c")+` ORDER BY c.period_code, c.number`,
		Filed, proposal.Open, periods[0].TownID, published).Scan(&rows).Error
	if err != nil {
		return err
	}
	today := day.Of(db.NowFunc())
	var latest publications
	for i := range periods {
		p := &periods[i]
		var last *publishedRun
		for _, r := range rows {
			if r.PeriodCode != p.Code {
				continue
			}
			n := r.notice()
			if last == nil { // the first one
				p.Notice = n
			}
			if r.Waiting > 0 || n != nil && n.Open(today) {
				p.Allowed = without(p.Allowed, "finalise")
			}
			last = &publishedRun{Publication: r.Publication, Period: *p, latest: r.Number}
		}
		if last != nil && slices.Contains(p.Allowed, withdrawing) && !db.NowFunc().After(last.withdrawalUntil()) {
			latest = append(latest, *last)
		}
	}
	return withholdWithdrawal(ctx, db, periods, latest)
}

// withholdWithdrawal removes withdraw from what is allowed with the periods of which the
// caller cannot withdraw a publication of the list.
func withholdWithdrawal(ctx context.Context, db *gorm.DB, periods []evaluation.Period, latest publications) error {
	refusals, err := map[string]error{}, error(nil)
	if len(latest) > 0 {
		refusals, err = withdrawalRefusals(ctx, db, periods[0].TownID, latest)
	}
	for i := range periods {
		p := &periods[i]
		if len(latest.of(p.Code)) == 0 || refusals[p.Code] != nil {
			p.Allowed = without(p.Allowed, withdrawing)
		}
	}
	return err
}

// refusePublishing removes publish from what is allowed with those of the periods of
// which nothing was computed since they were locked, of which the last run has no score, or
// of which a proposal is open, and with those that take two persons where the caller is
// none.
func refusePublishing(ctx context.Context, db *gorm.DB, periods []evaluation.Period, locked []string) error {
	if len(locked) == 0 {
		return nil
	}
	var ready []string
	err := db.WithContext(ctx).Raw(`SELECT p.code FROM periods p JOIN towns t ON t.code = p.town_id
WHERE p.town_id = @town AND p.code IN @locked
AND EXISTS (SELECT 1 FROM runs r JOIN results s ON s.town_id = r.town_id AND s.run_id = r.id AND s.status = 'scored'
	WHERE r.town_id = p.town_id AND r.period_code = p.code AND r.created_at >= p.state_at
	AND r.number = (SELECT MAX(m.number) FROM runs m WHERE m.town_id = p.town_id AND m.period_code = p.code))
AND NOT EXISTS (SELECT 1 FROM proposals o WHERE o.town_id = p.town_id AND o.period_code = p.code AND o.state = @open)
AND (@person <> '' OR p.second_person <> @required AND t.second_person <> @required)`, map[string]any{
		"town": periods[0].TownID, "locked": locked, "open": proposal.Open, "person": access.PrincipalFrom(ctx).Person,
		"required": town.SecondRequired,
	}).Scan(&ready).Error
	for i := range periods {
		if p := &periods[i]; slices.Contains(locked, p.Code) && !slices.Contains(ready, p.Code) {
			p.Allowed = without(p.Allowed, "publish")
		}
	}
	return err
}

func without(verbs []string, verb string) []string {
	return slices.DeleteFunc(verbs, func(v string) bool { return v == verb })
}

// finalise closes a published period: its notices are over, its appeals decided, and no
// proposal is open.
func finalise(ctx context.Context, db *gorm.DB, ref workflow.Ref, reason string) (after evaluation.Period, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		// Whoever appeals holds the period: nobody does between this look and the move.
		p, err := lockPeriod(ctx, tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		if p.State == evaluation.Published {
			if err := refuseFinal(ctx, tx, p); err != nil {
				return err
			}
		}
		if after, err = evaluation.FinalisePeriod(ctx, tx, ref, reason); err != nil {
			return err
		}
		one := []evaluation.Period{after}
		err = FillNotices(ctx, tx, one)
		after = one[0]
		return err
	})
	return after, err
}

// refuseFinal returns a refusal with what has to be waited for: the end of the last
// notice, and each appeal that is not decided.
func refuseFinal(ctx context.Context, tx *gorm.DB, p evaluation.Period) error {
	var undecided []Appeal
	err := tx.WithContext(ctx).Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Filed).
		Order("id").Find(&undecided).Error
	if err != nil {
		return err
	}
	list, err := readPublications(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return err
	}
	var waiting []fault.FieldError
	for _, a := range undecided {
		waiting = append(waiting, fault.Field("appeals/"+a.ID, "undecided",
			"党组织“%[1]s”的申诉尚未作出决定，应于 %[2]s 前答复", "the appeal of the branch %[1]q is not decided; its answer is due on %[2]s",
			a.BranchCode, a.DueOn))
	}
	today := day.Of(tx.NowFunc())
	var open *publishedRun
	list = list.standing()
	for i := range list {
		if n := list[i].notice(); n != nil && n.Open(today) && (open == nil || n.Until > *open.NoticeUntil) {
			open = &list[i]
		}
	}
	switch {
	case open != nil:
		by := open.lock()
		by.CanLift = fault.Nobody
		return fault.Locked("notice_open",
			"公示期至 %s 止，期满后方可定为最终", "the public notice runs until %s: the period can be made final from the day after", *open.NoticeUntil).
			Held(by).With(waiting...)
	case len(waiting) > 0:
		return fault.Locked("appeals_undecided",
			"有 %d 件申诉尚未作出决定：请先决定", "%d appeals are not decided: decide them first", len(waiting)).
			Held(undecided[0].lock()).With(waiting...)
	}
	return proposal.RefuseOpen(ctx, tx, p.TownID, p.Code)
}
