package index

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
	"bulwark/internal/signature"
	"bulwark/internal/town"
)

// withdrawalWindow is how long after its publication a result can be withdrawn:
// docs/workflow.md names it too.
const withdrawalWindow = 24 * time.Hour

// withdrawing is the verb that takes a publication back, in what is allowed with a period
// and with a publication.
const withdrawing = "withdraw"

// Withdrawal takes a publication back. The publication stays readable by its number, and
// counts for nothing any more.
type Withdrawal struct {
	TownID            string `gorm:"primaryKey"`
	PeriodCode        string `gorm:"primaryKey"`
	PublicationNumber int64  `gorm:"primaryKey"`
	LastNumber        int64  // the highest number that the period had then
	WithdrawnBy       string
	WithdrawnAt       time.Time
	Reason            string
	ProposedBy        string // empty where one person withdrew it, like ConfirmedBy
	ConfirmedBy       string
	Note              string // what is signed, and the signatures under it
}

// PublicWithdrawal is what everybody reads of a withdrawal.
type PublicWithdrawal struct {
	At     time.Time   `json:"at"`
	By     policy.Role `json:"by" swaggertype:"string" example:"leading_group"` // the role of who withdrew it
	Reason string      `json:"reason" example:"the values of two branches were exchanged"`
	// withdrawn by one person: no second one confirmed it
	OnePerson bool   `json:"one_person,omitempty,omitzero"`
	Note      string `json:"note"` // what is signed, and the signatures under it; see docs/trust.md
}

// told returns what everybody reads of the withdrawal; nil where there is none.
func (w *Withdrawal) told() *PublicWithdrawal {
	if w == nil {
		return nil
	}
	return &PublicWithdrawal{
		At: w.WithdrawnAt, By: policy.LeadingGroup, Reason: w.Reason, OnePerson: w.ConfirmedBy == "", Note: w.Note,
	}
}

// lock returns who withdrew it, when and why. Nobody can lift that.
func (w *Withdrawal) lock() fault.Lock {
	return fault.Lock{
		By: w.WithdrawnBy, Role: string(policy.LeadingGroup), At: w.WithdrawnAt, Reason: w.Reason, CanLift: fault.Nobody,
	}
}

// Standing returns the condition of SQL for the publications, under their name in the
// statement, that were not withdrawn.
func Standing(publications string) string {
	return "NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.town_id = " + publications + ".town_id AND w.period_code = " +
		publications + ".period_code AND w.publication_number = " + publications + ".number)"
}

// First returns the condition of SQL for the publications, under their name in the
// statement, that are the first of their period that was not withdrawn.
func First(publications string) string {
	return publications + ".number = " + standing("MIN", publications)
}

// Last returns the condition of SQL for the publications, under their name in the
// statement, that are the last of their period that was not withdrawn.
func Last(publications string) string {
	return publications + ".number = " + standing("MAX", publications)
}

func standing(of, publications string) string {
	return "(SELECT " + of + "(s.number) FROM publications s WHERE s.town_id = " + publications +
		".town_id AND s.period_code = " + publications + ".period_code AND " + Standing("s") + ")"
}

// TakenBack returns a function that reports whether the publication of the number was
// withdrawn. It is for figures that rest on an earlier publication of the town.
func TakenBack(ctx context.Context, db *gorm.DB, townID string) (func(period string, number int64) bool, error) {
	var list []Withdrawal
	err := db.WithContext(ctx).Select("period_code", "publication_number").Where("town_id = ?", townID).Find(&list).Error
	return func(period string, number int64) bool {
		return slices.ContainsFunc(list, func(w Withdrawal) bool {
			return w.PeriodCode == period && w.PublicationNumber == number
		})
	}, err
}

// withdrawnPeriod refuses to show what is published of a period of which every publication
// was withdrawn.
func (w *Withdrawal) withdrawnPeriod() error {
	return fault.NotFound("withdrawn",
		"考评周期 %[1]s 的第 %[2]d 次公布已于 %[3]s 撤回，更正后将重新公布；撤回的内容可按公布序号查阅",
		"publication %[2]d of the period %[1]s was withdrawn on %[3]s and will be published again once it is corrected: "+
			"it can still be read by its number", w.PeriodCode, w.PublicationNumber, day.Of(w.WithdrawnAt)).Held(w.publicLock())
}

// publicLock is the lock as a stranger may read it.
func (w *Withdrawal) publicLock() fault.Lock {
	l := w.lock()
	l.By, l.CanLift = "", string(policy.LeadingGroup)
	return l
}

// withdrawalUntil is the last instant at which it can be withdrawn.
func (p Publication) withdrawalUntil() time.Time { return p.PublishedAt.Add(withdrawalWindow) }

// refuseWithdrawal refuses to withdraw a publication that was withdrawn or replaced, that
// upholds an appeal, about which an appeal was filed, or that is older than the window.
// appealed is the first appeal about it; nil where there is none.
func (p *publishedRun) refuseWithdrawal(appealed *Appeal, now time.Time) error {
	if p.withdrawn != nil {
		return fault.Conflict("already_withdrawn", "第 %d 次公布已撤回", "publication %d was withdrawn already", p.Number).
			Held(p.withdrawn.lock())
	}
	if err := p.Period.Correctable(); err != nil { // final
		return err
	}
	by := p.lock()
	if p.latest > p.Number {
		return fault.Conflict("not_the_latest",
			"第 %[1]d 次公布已被第 %[2]d 次代替：只能撤回最近一次公布", "publication %[1]d was replaced by %[2]d: only the latest one can be withdrawn",
			p.Number, p.latest).Held(by)
	}
	by.CanLift = fault.Nobody
	switch until := p.withdrawalUntil(); {
	case p.AppealID != nil:
		return fault.Conflict("upholds_appeal",
			"本次公布支持了一件申诉，不能撤回；如有错误请再次更正",
			"this publication upholds an appeal and cannot be withdrawn: correct it by another amendment").Held(by)
	case appealed != nil:
		lock := appealed.lock()
		lock.CanLift = fault.Nobody
		return fault.Locked("appealed",
			"已有党组织对本次公布提出申诉，不能再撤回；请答复申诉或更正结果",
			"an appeal was filed about this publication, so it cannot be withdrawn: answer the appeal, or correct the result").
			Held(lock)
	case now.After(until):
		return fault.Locked("withdrawal_closed",
			"公布后 %[1]d 小时内可以撤回，期限已于 %[2]s 届满；此后请更正结果",
			"a publication can be withdrawn for %[1]d hours, until %[2]s: correct the result instead",
			int(withdrawalWindow.Hours()), localTime(until)).Held(by)
	}
	return nil
}

// localTime returns the minute at which an instant is in the town.
func localTime(t time.Time) string { return t.In(day.Zone).Format("2006-01-02 15:04") }

// firstAppeals returns the first appeal about each publication of the period, by number.
func firstAppeals(ctx context.Context, db *gorm.DB, townID string, periods []string) (map[[2]string]*Appeal, error) {
	var list []Appeal
	err := db.WithContext(ctx).Where("town_id = ? AND period_code IN ?", townID, append(periods, "")).
		Order("filed_at DESC, id DESC").Find(&list).Error
	first := make(map[[2]string]*Appeal, len(list))
	for i, a := range list {
		first[appealKey(a.PeriodCode, a.PublicationNumber)] = &list[i]
	}
	return first, err
}

func appealKey(period string, number int64) [2]string {
	return [2]string{period, strconv.FormatInt(number, 10)}
}

// mayWithdraw refuses who may not withdraw a publication of the period.
func mayWithdraw(caller access.Principal, p evaluation.Period, t town.Town) error {
	if !caller.May(policy.WritePeriods) {
		return caller.NotAllowed(policy.WritePeriods)
	}
	if p.TakesTwo(t) {
		return proposal.RefuseNobody(caller)
	}
	return nil
}

// Withdraw takes a publication back, within a day and before anybody appealed about it. The
// publication before it counts again; where there is none, the period is locked, so that
// it can be corrected and published under the next number. Where that takes two persons,
// the proposal is returned instead.
func Withdraw(
	ctx context.Context, db *gorm.DB, p Publication, reason string,
) (after PublicationDetail, waiting *proposal.Proposal, err error) {
	defer fault.Wrap(&err, "withdrawal of the publication %d of %s", p.Number, p.PeriodCode)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		waiting = nil
		w, err := findWithdrawal(ctx, tx, p)
		if err != nil {
			return err
		}
		if err := mayWithdraw(access.PrincipalFrom(ctx), w.period, w.town); err != nil {
			return err
		}
		if err := w.published.refuseWithdrawal(w.appealed, tx.NowFunc()); err != nil {
			return err
		}
		if !w.period.TakesTwo(w.town) {
			if err := proposal.RefuseOpen(ctx, tx, p.TownID, p.PeriodCode); err != nil {
				return err
			}
			after, err = w.store(ctx, tx, Withdrawal{Reason: reason})
			return err
		}
		if err := refuseUnsigned(ctx, w.town); err != nil {
			return err
		}
		until := day.Of(w.published.withdrawalUntil())
		made, err := proposal.Create(ctx, tx, proposal.Proposal{
			TownID: p.TownID, PeriodCode: p.PeriodCode, Action: proposal.Withdraw, PublicationNumber: p.Number,
			RunID: &w.published.RunID, DataHash: w.published.DataHash, ResultHash: w.published.ResultHash, Until: &until,
			Reason: reason,
		})
		waiting = &made
		return err
	})
	return after, waiting, err
}

// openWithdrawal is a publication that somebody wants to withdraw, with what the rules need.
type openWithdrawal struct {
	period    evaluation.Period
	town      town.Town
	list      publications
	published *publishedRun
	appealed  *Appeal
}

// findWithdrawal locks the period of the publication and reads what the rules need.
func findWithdrawal(ctx context.Context, tx *gorm.DB, p Publication) (w openWithdrawal, err error) {
	if w.period, err = lockPeriod(ctx, tx, p.TownID, p.PeriodCode); err != nil {
		return w, err
	}
	if w.town, err = town.Find(ctx, tx, p.TownID); err != nil {
		return w, err
	}
	if w.list, err = readPublications(ctx, tx, p.TownID, p.PeriodCode); err != nil {
		return w, err
	}
	if w.published, err = w.list.find(p.PeriodCode, p.Number); err != nil {
		return w, err
	}
	appeals, err := firstAppeals(ctx, tx, p.TownID, []string{p.PeriodCode})
	w.appealed = appeals[appealKey(p.PeriodCode, p.Number)]
	return w, err
}

// confirmWithdrawal withdraws the publication that the proposal pins, if it still can be.
func confirmWithdrawal(ctx context.Context, tx *gorm.DB, x proposal.Proposal) error {
	w, err := findWithdrawal(ctx, tx, Publication{TownID: x.TownID, PeriodCode: x.PeriodCode, Number: x.PublicationNumber})
	if err != nil {
		return err
	}
	if w.published.ResultHash != x.ResultHash || w.published.refuseWithdrawal(w.appealed, tx.NowFunc()) != nil {
		return x.Changed()
	}
	_, err = w.store(ctx, tx, Withdrawal{
		Reason: x.Reason, ProposedBy: x.ProposedBy, ConfirmedBy: access.PrincipalFrom(ctx).Person,
	})
	return err
}

// store keeps the withdrawal, and locks the period where no other publication stands.
func (w openWithdrawal) store(ctx context.Context, tx *gorm.DB, made Withdrawal) (after PublicationDetail, err error) {
	p := w.published
	made.TownID, made.PeriodCode, made.PublicationNumber = p.TownID, p.PeriodCode, p.Number
	made.LastNumber = w.list[len(w.list)-1].Number
	made.WithdrawnBy, made.WithdrawnAt = audit.ActorOf(ctx).Name, evaluation.Following(p.PublishedAt, tx.NowFunc())
	if made.Note, err = made.sign(ctx, tx, p, w.town); err != nil {
		return after, err
	}
	if err := tx.Create(&made).Error; err != nil {
		return after, err
	}
	err = audit.Write(ctx, tx, audit.Change{
		Town: p.TownID, Action: "publication.withdraw",
		Subject: describe(w.period) + "/publications/" + strconv.FormatInt(p.Number, 10),
		Before:  p.Publication, After: made, Reason: made.Reason,
	})
	if err != nil {
		return after, err
	}
	if len(w.list.standing()) == 1 { // this one
		locked, err := afterRuns(ctx, tx, p.TownID, p.PeriodCode)
		if err != nil {
			return after, err
		}
		if err := evaluation.WithdrawPeriod(ctx, tx, w.period, made.Reason, locked); err != nil {
			return after, err
		}
	}
	list, err := readPublications(ctx, tx, p.TownID, p.PeriodCode)
	if err != nil {
		return after, err
	}
	return list.detail(access.PrincipalFrom(ctx), p.PeriodCode, p.Number, tx.NowFunc())
}

// withdrawalFormat is the first line of the note of a withdrawal.
const withdrawalFormat = "bulwark/withdrawal 1"

// text returns what the note of the withdrawal states of the publication of a run, with the
// head of the trail at that time. It names no person.
func (w Withdrawal) text(r Run, published time.Time, head audit.Head) string {
	pairs := []string{
		"town", w.TownID, "period", w.PeriodCode, "publication", strconv.FormatInt(w.PublicationNumber, 10),
		"run", r.ID, "result_hash", r.ResultHash,
		"trail", strings.TrimSuffix(strconv.FormatInt(head.Sequence, 10)+" "+head.Hash, " "),
		"published", published.UTC().Format(time.RFC3339Nano), "withdrawn", w.WithdrawnAt.UTC().Format(time.RFC3339Nano),
		"reason", w.Reason,
	}
	if w.ConfirmedBy == "" {
		pairs = append(pairs, "one_person", "true")
	}
	return signature.Compose(withdrawalFormat, pairs...)
}

// sign returns the note of the withdrawal, unsigned where there is no key and none is
// required.
func (w Withdrawal) sign(ctx context.Context, tx *gorm.DB, p *publishedRun, t town.Town) (string, error) {
	if err := refuseUnsigned(ctx, t); err != nil {
		return "", err
	}
	head, err := audit.FindHead(ctx, tx, p.TownID)
	if err != nil {
		return "", err
	}
	if err := signature.Record(ctx, tx); err != nil {
		return "", err
	}
	return signature.From(ctx).Sign(w.text(Run{ID: p.RunID, ResultHash: p.ResultHash}, p.PublishedAt, head))
}

// fillWithdrawal sets with each publication of one period whether the caller can withdraw
// it, and until when that is.
func fillWithdrawal(ctx context.Context, db *gorm.DB, townID string, e publications, list []PublicationDetail) error {
	for i := range list {
		list[i].Allowed = []string{}
	}
	caller, now := access.PrincipalFrom(ctx), db.NowFunc()
	at := slices.IndexFunc(list, func(d PublicationDetail) bool { return d.Withdrawn == nil && d.SupersededBy == 0 })
	if at < 0 || caller.ReadOnly || !caller.May(policy.WritePeriods) {
		return nil
	}
	d := &list[at]
	p, err := e.find(d.PeriodCode, d.Number)
	if err != nil || now.After(p.withdrawalUntil()) {
		return err
	}
	refusals, err := withdrawalRefusals(ctx, db, townID, publications{*p})
	if err == nil && refusals[d.PeriodCode] == nil {
		until := p.withdrawalUntil()
		d.Allowed, d.WithdrawUntil = []string{withdrawing}, &until
	}
	return err
}

// withdrawalRefusals returns by period why the caller cannot withdraw the publication of
// the list that is of it.
func withdrawalRefusals(
	ctx context.Context, db *gorm.DB, townID string, list publications,
) (refusals map[string]error, err error) {
	periods := make([]string, len(list))
	for i, p := range list {
		periods[i] = p.PeriodCode
	}
	t, err := town.Find(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	appeals, err := firstAppeals(ctx, db, townID, periods)
	if err != nil {
		return nil, err
	}
	if refusals, err = proposal.Refusals(ctx, db, townID, periods); err != nil {
		return nil, err
	}
	for i := range list {
		p := &list[i]
		if err := mayWithdraw(access.PrincipalFrom(ctx), p.Period, t); err != nil {
			refusals[p.PeriodCode] = err
		} else if err := p.refuseWithdrawal(appeals[appealKey(p.PeriodCode, p.Number)], db.NowFunc()); err != nil {
			refusals[p.PeriodCode] = err
		}
	}
	return refusals, nil
}
