package index

import (
	"cmp"
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/proposal"
	"bulwark/internal/review"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// Step names the period of which a step is tried, and the language of the answer.
type Step struct {
	Town, Period, Language string
	to                     evaluation.PeriodState // of a move
	publishes              bool                   // it opens a notice if it is taken
	ends                   []text.Text            // what of a decision cannot be undone; nil for other steps
}

// TryMove takes the period to another state by all rules, and takes that back. It returns
// the period as it would be, or as it is where the move would be refused or wait for a
// second person, with the preview.
func TryMove(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, m evaluation.PeriodMove,
) (after evaluation.Period, err error) {
	step := Step{Town: ref.Town, Period: ref.ID, Language: m.Language, to: m.To, publishes: m.To == evaluation.Published}
	preview, err := try(ctx, db, step, func(tx *gorm.DB) (waiting *proposal.Proposal, err error) {
		after, waiting, err = MovePeriod(ctx, tx, ref, m)
		return waiting, err
	})
	if err != nil {
		return after, err
	}
	if preview.Refused != nil {
		p, err := evaluation.FindPeriod(ctx, db, ref.Town, ref.ID)
		if err != nil {
			return after, err
		}
		one := []evaluation.Period{p.For(access.PrincipalFrom(ctx))}
		if err := FillNotices(ctx, db, one); err != nil {
			return after, err
		}
		after = one[0]
	}
	after.DryRun = &preview
	return after, nil
}

// TryPublication takes a step by all rules that makes a publication of the period, where the
// number is 0, or withdraws the one of the number, and takes that back. It returns the
// publication as it would be with the preview. Where the step would be refused or wait for
// a second person, it is the latest one, or the one of the number, as it is.
func TryPublication(
	ctx context.Context, db *gorm.DB, s Step, number int64,
	step func(tx *gorm.DB) (PublicationDetail, *proposal.Proposal, error),
) (after PublicationDetail, err error) {
	var waiting *proposal.Proposal
	var failed error
	s.publishes = number == 0
	preview, err := try(ctx, db, s, func(tx *gorm.DB) (*proposal.Proposal, error) {
		after, waiting, failed = step(tx)
		return waiting, failed
	})
	if err != nil {
		return after, err
	}
	if preview.Refused != nil || waiting != nil {
		list, err := readPublications(ctx, db, s.Town, s.Period)
		if err != nil {
			return after, err
		}
		d, err := list.detail(access.PrincipalFrom(ctx), s.Period, number, db.NowFunc())
		if err != nil { // there is none that could be shown
			return after, cmp.Or(failed, err)
		}
		one := []PublicationDetail{d}
		if err := fillWithdrawal(ctx, db, s.Town, list, one); err != nil {
			return after, err
		}
		if after = one[0]; waiting != nil {
			after.Touched = waiting.Touched.V
		}
	}
	after.DryRun = &preview
	return after, nil
}

// TryAppeal decides on the appeal by all rules, and takes that back. It returns the appeal as
// it would be, or as it is where the decision would be refused or wait for a second person,
// with the preview in the language.
func TryAppeal(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, d AppealDecision, language string,
) (after Appeal, err error) {
	before, err := FindAppeal(ctx, db, ref.Town, ref.ID)
	if err != nil {
		return after, err
	}
	s := Step{Town: ref.Town, Period: before.PeriodCode, Language: language, publishes: d.To == Upheld, ends: []text.Text{
		text.F("申诉一经处理，不能再次处理", "an appeal is decided once"),
	}}
	preview, err := try(ctx, db, s, func(tx *gorm.DB) (waiting *proposal.Proposal, err error) {
		after, waiting, err = DecideAppeal(ctx, tx, ref, d)
		return waiting, err
	})
	if preview.Refused != nil || preview.SecondPerson {
		after = before
	}
	after.DryRun = &preview
	return after, err
}

// TryProposal decides on the proposal by all rules, and takes that back. It returns the
// proposal as it would be, or as it is where the decision would be refused, with the preview
// in the language. A proposal about which something has changed does not lapse.
func TryProposal(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, d ProposalDecision, language string,
) (after proposal.Proposal, err error) {
	before, err := proposal.Find(ctx, db, ref.Town, ref.ID)
	if err != nil {
		return after, err
	}
	s := Step{
		Town: ref.Town, Period: before.PeriodCode, Language: language,
		publishes: d.To == proposal.Confirmed && before.Action != proposal.Withdraw,
		ends:      []text.Text{text.F("提议一经处理，不能再次处理", "a proposal is decided once")},
	}
	preview, err := try(ctx, db, s, func(tx *gorm.DB) (*proposal.Proposal, error) {
		var err error
		after, _, err = DecideProposal(ctx, tx, ref, d)
		return nil, err
	})
	if preview.Refused != nil {
		after = before
	}
	after.DryRun = &preview
	return after, err
}

// try takes a step of the period, or of its publications, by all rules, and takes that
// back: nothing is written. It returns what one has to know before the step.
func try(
	ctx context.Context, db *gorm.DB, s Step, step func(tx *gorm.DB) (*proposal.Proposal, error),
) (v evaluation.Preview, err error) {
	defer fault.Wrap(&err, "dry run about %s", s.Period)
	before, err := evaluation.FindPeriod(ctx, db, s.Town, s.Period)
	if err != nil {
		return v, err
	}
	var waiting *proposal.Proposal
	refused, err := workflow.Rehearse(ctx, db, s.Language, func(tx *gorm.DB) (err error) {
		waiting, err = step(tx)
		return err
	})
	if err != nil {
		return v, err
	}
	if v, err = before.Preview(ctx, db); err != nil {
		return v, err
	}
	if v.Missing, err = review.ListMissing(ctx, db, before, s.Language); err != nil {
		return v, err
	}
	v.Refused, v.SecondPerson = refused, waiting != nil && refused == nil
	open, err := proposal.OpenOf(ctx, db, s.Town, s.Period)
	if err != nil {
		return v, err
	}
	v.Waiting.Proposal = open
	err = db.WithContext(ctx).Model(&Appeal{}).
		Where("town_id = ? AND period_code = ? AND state = ?", s.Town, s.Period, Filed).Count(&v.Waiting.Appeals).Error
	if err != nil {
		return v, err
	}
	if err := countScored(ctx, db, before, &v); err != nil {
		return v, err
	}
	if days := before.NoticeDays; days > 0 && s.publishes {
		today := day.Of(db.NowFunc())
		v.Notice = &evaluation.Notice{From: today, Until: today.AddDays(int(days))}
	}
	v.Irreversible = s.irreversible(before)
	return v, nil
}

// countScored sets how many of the branches of the period have a score: in what is
// published, in the last run since the lock, or as computed now.
func countScored(ctx context.Context, db *gorm.DB, p evaluation.Period, v *evaluation.Preview) error {
	o, err := lastOutcome(ctx, db, p)
	if err != nil {
		return err
	}
	v.Branches = len(o.Results)
	for _, r := range o.Results {
		if r.Score != nil {
			v.Scored++
		} else {
			v.Unscored = append(v.Unscored, r.BranchCode)
		}
	}
	return nil
}

func lastOutcome(ctx context.Context, db *gorm.DB, p evaluation.Period) (*Outcome, error) {
	run := Run{TownID: p.TownID}
	list, err := readPublications(ctx, db, p.TownID, p.Code)
	if err != nil {
		return nil, err
	}
	if last, err := list.find(p.Code, 0); err == nil {
		run.ID = last.RunID
	} else if p.State == evaluation.Locked {
		if run, err = lastRun(db.WithContext(ctx), p); err != nil && !fault.Is(err, fault.KindConflict) {
			return nil, err
		}
	}
	if run.ID != "" {
		o := &Outcome{Run: &run}
		err := db.WithContext(ctx).Where("town_id = ? AND run_id = ?", p.TownID, run.ID).Order("position").
			Find(&o.Results).Error
		return o, err
	}
	c, err := collect(ctx, db, p)
	if err != nil {
		return nil, err
	}
	if err := c.score(); err != nil { // which refuses the run later
		return &Outcome{Results: make([]Result, len(c.branches))}, nil //nolint:nilerr // as above: nobody has a score
	}
	return c.outcome(p), nil
}

// irreversible returns what of the step cannot be undone.
func (s Step) irreversible(p evaluation.Period) []string {
	list := []text.Text{}
	switch s.to {
	case evaluation.Open:
		if p.State == evaluation.Planned {
			list = append(list, text.F("考评周期开始填报后不能退回计划状态，是否须由两人公布也随之确定",
				"an open period is never planned again, and whether it takes two persons to publish it is settled"))
		}
	case evaluation.Published:
		list = append(list, publishedForEver(),
			text.F("公布后 %[1]d 小时内、尚无申诉时可以撤回；此后只能通过申诉或更正改变",
				"it can be withdrawn for %[1]d hours, before anybody appeals; afterwards it changes by appeals and amendments alone",
				int(withdrawalWindow.Hours())))
	case evaluation.Final:
		list = append(list, text.F("最终结果不再改变：不能申诉、更正或撤回",
			"a final result stays as it is: nobody can appeal, amend or withdraw"))
	case "": // a step of its publications
		if list = s.ends; s.publishes || s.ends == nil {
			list = append(slices.Clip(list), publishedForEver())
		}
	}
	told := make([]string, len(list))
	for i, t := range list {
		told[i] = t.In(s.Language)
	}
	return told
}

func publishedForEver() text.Text {
	return text.F("每次公布都按序号长期可查，撤回的也不例外，序号不再使用",
		"every publication can be read by its number for ever, also one that is withdrawn, and its number is never used again")
}
