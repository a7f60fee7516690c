package index

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
	"bulwark/internal/signature"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Publication makes a run the result of a period. Of those that were not withdrawn the one
// of the highest number counts; the others stay citable.
type Publication struct {
	TownID      string    `gorm:"primaryKey" json:"-"`
	PeriodCode  string    `gorm:"primaryKey" json:"period" example:"2023Q3"`
	Number      int64     `gorm:"primaryKey" json:"number" example:"1"`
	RunID       string    `json:"run" format:"uuid"`
	PublishedBy string    `json:"published_by" example:"group-1"` // a role where the caller may not read people
	PublishedAt time.Time `json:"published_at"`
	Reason      string    `json:"reason,omitempty"`
	NoticeUntil *day.Date `json:"-"` // nil: nobody can appeal against it
	// least days of notice in the town, where this one has fewer
	NoticeFloor int64   `json:"notice_floor,omitempty,omitzero" example:"3"`
	AppealID    *string `json:"appeal,omitempty" format:"uuid"` // that it upholds
	FromPeriod  *string `json:"-"`                              // From, as columns
	FromNumber  *int64  `json:"-"`
	// although too few branches had a score or the period had not ended, for the reason that it states
	Forced bool `json:"forced,omitempty,omitzero"`
	// its hashes, and the signatures under them; see docs/trust.md
	Note string `json:"note"`
	// what its changes are counted from; absent where nothing was published before
	From *PublicationRef `gorm:"-" json:"from,omitempty"`
	// branches that ended since, and are scored no more
	Ended database.JSON[[]evaluation.EndedBranch] `json:"ended"`
	// the two persons, shown as published_by; absent where one person published it
	ProposedBy  string `json:"proposed_by,omitempty" example:"group-1"`
	ConfirmedBy string `json:"confirmed_by,omitempty" example:"group-2"` // absent where one person published it
}

// PublicationRef names a publication of a town.
type PublicationRef struct {
	Period      string `json:"period" example:"2023Q2"`
	Publication int64  `json:"publication" example:"1"`
} // @name PublicationRef

// setFrom sets what the changes of the publication are counted from, as columns.
func (p *Publication) setFrom(period *string, number *int64) {
	p.FromPeriod, p.FromNumber, p.From = period, number, nil
	if period != nil && number != nil {
		p.From = &PublicationRef{Period: *period, Publication: *number}
	}
}

// AfterFind sets From.
func (p *Publication) AfterFind(*gorm.DB) error {
	p.setFrom(p.FromPeriod, p.FromNumber)
	return nil
}

// notice is its window; nil where it has none.
func (p Publication) notice() *evaluation.Notice {
	if p.NoticeUntil == nil {
		return nil
	}
	return &evaluation.Notice{
		From: day.Of(p.PublishedAt), Until: *p.NoticeUntil, OnePerson: p.onePerson(), Signed: signature.Signed(p.Note),
		Forced: p.Forced, Ended: p.Ended.V,
	}
}

// onePerson reports whether nobody confirmed it.
func (p Publication) onePerson() bool { return p.ConfirmedBy == "" }

// amendable returns the last day on which the result, of which p is the first
// publication, can be amended by the setting of the town: an appeal can be upheld until
// its answer is due. It is nil where there is no limit.
func (p Publication) amendable(t town.Town, appeal *Appeal) *day.Date {
	if t.AmendmentDays == 0 {
		return nil
	}
	last := day.Of(p.PublishedAt).AddDays(int(t.AmendmentDays))
	if appeal != nil {
		last = max(last, appeal.DueOn)
	}
	return &last
}

// amendmentOver refuses an amendment after the last day.
func (p Publication) amendmentOver(t town.Town, last day.Date) error {
	by := p.lock()
	by.CanLift = string(policy.Admin)
	return fault.Locked("amendment_closed",
		"首次公布后 %[1]d 天内可以更正，期限已于 %[2]s 届满；管理员可以更改期限",
		"a result can be amended for %[1]d days after its first publication, until %[2]s: an administrator can change the days",
		t.AmendmentDays, last).Held(by)
}

// CountUnsigned returns how many publications no key has signed.
func (Publication) CountUnsigned(ctx context.Context, db *gorm.DB) (n int64, err error) {
	defer fault.Wrap(&err, "unsigned publications")
	err = db.WithContext(ctx).Model(&Publication{}).Where("note NOT LIKE ?", "%\n\n%").Count(&n).Error
	return n, err
}

// lock returns who published it, when, why and who can correct it.
func (p Publication) lock() fault.Lock {
	return fault.Lock{
		By: p.PublishedBy, Role: string(policy.LeadingGroup), At: p.PublishedAt, Reason: p.Reason,
		CanLift: string(policy.LeadingGroup),
	}
}

// publications is all that a town has published: every publication, in the order of the
// calendar and then of their numbers.
type publications []publishedRun

// publishedRun is one publication with its period and the hashes of its run.
type publishedRun struct {
	Publication
	Period     evaluation.Period
	SchemeHash string
	DataHash   string
	ResultHash string
	first      *Publication // of the period that was not withdrawn; nil where there is none
	latest     int64        // number of the last one that was not withdrawn; 0 where there is none
	withdrawn  *Withdrawal  // nil: it was not
}

// readPublications reads the publications of one period in one statement, or all of
// the town where period is empty.
func readPublications(ctx context.Context, db *gorm.DB, townID, period string) (publications, error) {
	var rows []struct {
		evaluation.Period
		Number               int64
		RunID, PublishedBy   string
		PublishedAt          time.Time
		PublicationReason    string
		NoticeUntil          *day.Date
		NoticeFloor          int64
		AppealID             *string
		Forced               bool
		ProposedBy           string
		ConfirmedBy          string
		Note                 string
		FromPeriod           *string
		FromNumber           *int64
		Ended                database.JSON[[]evaluation.EndedBranch]
		SchemeHash, DataHash string
		ResultHash           string
		LastNumber           int64
		WithdrawnBy          string
		WithdrawnAt          *time.Time
		WithdrawnReason      string
		WithdrawnProposedBy  string
		WithdrawnConfirmedBy string
		WithdrawnNote        string
	}
	err := db.WithContext(ctx).Raw(`SELECT p.*, c.number, c.run_id, c.published_by, c.published_at, c.reason AS publication_reason, c.notice_until, c.notice_floor, c.appeal_id, c.note,
c.forced, c.from_period, c.from_number, c.ended, c.proposed_by, c.confirmed_by, r.scheme_hash, r.data_hash, r.result_hash, w.last_number, w.withdrawn_by, w.withdrawn_at,
w.reason AS withdrawn_reason, w.proposed_by AS withdrawn_proposed_by, w.confirmed_by AS withdrawn_confirmed_by, w.note AS withdrawn_note
FROM periods p
JOIN publications c ON c.town_id = p.town_id AND c.period_code = p.code
JOIN runs r ON r.town_id = c.town_id AND r.id = c.run_id
LEFT JOIN withdrawals w ON w.town_id = c.town_id AND w.period_code = c.period_code AND w.publication_number = c.number
WHERE p.town_id = ? AND (? = '' OR p.code = ?) ORDER BY p.starts_on, p.code, c.number`,
		townID, period, period).Scan(&rows).Error
	e := make(publications, len(rows))
	for i, r := range rows {
		e[i] = publishedRun{
			Publication: Publication{
				TownID: r.TownID, PeriodCode: r.Code, Number: r.Number, RunID: r.RunID, PublishedBy: r.PublishedBy,
				PublishedAt: r.PublishedAt, Reason: r.PublicationReason, NoticeUntil: r.NoticeUntil, NoticeFloor: r.NoticeFloor,
				AppealID: r.AppealID, Forced: r.Forced,
				Note:       r.Note,
				Ended:      r.Ended,
				ProposedBy: r.ProposedBy, ConfirmedBy: r.ConfirmedBy,
			},
			Period: r.Period, SchemeHash: r.SchemeHash, DataHash: r.DataHash, ResultHash: r.ResultHash,
		}
		e[i].setFrom(r.FromPeriod, r.FromNumber)
		if r.WithdrawnAt != nil {
			e[i].withdrawn = &Withdrawal{
				TownID: townID, PeriodCode: r.Code, PublicationNumber: r.Number, LastNumber: r.LastNumber,
				WithdrawnBy: r.WithdrawnBy, WithdrawnAt: *r.WithdrawnAt, Reason: r.WithdrawnReason,
				ProposedBy: r.WithdrawnProposedBy, ConfirmedBy: r.WithdrawnConfirmedBy, Note: r.WithdrawnNote,
			}
		}
	}
	e.link()
	return e, err
}

// fresh reports whether the list is used so long after it was read.
func (publications) fresh(age time.Duration) bool { return age < freshFor }

// size returns the bytes that the list takes in memory.
func (e publications) size() int { return 2048 * (len(e) + 1) }

// link sets in each publication the first and the last one of its period that were not
// withdrawn.
func (e publications) link() {
	for start := 0; start < len(e); {
		list := e.of(e[start].PeriodCode)
		var first *Publication
		var latest int64
		for i := range list {
			if list[i].withdrawn != nil {
				continue
			}
			if latest = list[i].Number; first == nil {
				first = &list[i].Publication
			}
		}
		for i := range list {
			list[i].first, list[i].latest = first, latest
		}
		start += len(list)
	}
}

// standing returns those that were not withdrawn.
func (e publications) standing() publications {
	return slices.DeleteFunc(slices.Clone(e), func(p publishedRun) bool { return p.withdrawn != nil })
}

// counts reports whether it is the result of its period.
func (p *publishedRun) counts() bool { return p.withdrawn == nil && p.Number == p.latest }

// firstNotice is the notice of the first publication of the period; nil where it has none.
func (p *publishedRun) firstNotice() *evaluation.Notice {
	if p.first == nil {
		return nil
	}
	return p.first.notice()
}

// before returns the number of the publication that counted when the one of the number was
// published; of the one before it where none did, and 0 where there is none.
func (e publications) before(period string, number int64) int64 {
	for _, p := range slices.Backward(e.of(period)) {
		if p.Number < number && (p.withdrawn == nil || p.withdrawn.LastNumber >= number) {
			return p.Number
		}
	}
	return number - 1
}

// of returns the publications of one period, which follow one another.
func (e publications) of(period string) publications {
	first := slices.IndexFunc(e, func(p publishedRun) bool { return p.PeriodCode == period })
	if first < 0 {
		return nil
	}
	end := first
	for end < len(e) && e[end].PeriodCode == period {
		end++
	}
	return e[first:end]
}

// find returns the publication of the number, or the latest that was not withdrawn where it
// is 0; NotFound where the period is not published or has no such publication.
func (e publications) find(period string, number int64) (*publishedRun, error) {
	list := e.of(period)
	if len(list) == 0 {
		return nil, fault.Missing(text.Text{ZH: "已公布的考评周期", EN: "published period"}, period)
	}
	if number == 0 {
		if number = list[0].latest; number == 0 {
			return nil, list[len(list)-1].withdrawn.withdrawnPeriod()
		}
	}
	for i := range list {
		if list[i].Number == number {
			return &list[i], nil
		}
	}
	return nil, fault.NotFound("not_found", "考评周期 %s 没有第 %d 次公布", "the period %s has no publication %d", period, number)
}

// previous returns the latest publication of the last published period of the same
// kind that started earlier; nil where there is none.
func (e publications) previous(p evaluation.Period) *publishedRun {
	var last *publishedRun
	for i := range e {
		if e[i].counts() && e[i].Period.Kind == p.Kind && e[i].Period.StartsOn < p.StartsOn {
			last = &e[i]
		}
	}
	return last
}

// endBefore returns the last day of the period of previous; empty where there is none.
func (e publications) endBefore(p evaluation.Period) day.Date {
	if before := e.previous(p); before != nil {
		return before.Period.EndsOn
	}
	return ""
}

// PublicNotice is a public notice on the present day.
type PublicNotice struct {
	evaluation.Notice
	Open bool `json:"open"`
}

func publicNotice(n *evaluation.Notice, today day.Date) *PublicNotice {
	if n == nil {
		return nil
	}
	told := *n
	told.Ended = nil // rankings list them
	return &PublicNotice{Notice: told, Open: n.Open(today)}
}

// Source is the publication that figures are from. All of it is absent while they
// are provisional.
type Source struct {
	Publication int64 `json:"publication,omitempty,omitzero" example:"1"`
	// the latest publication, where this is an older one
	SupersededBy int64         `json:"superseded_by,omitempty,omitzero" example:"2"`
	Notice       *PublicNotice `json:"notice,omitempty"` // in which every branch can appeal
	// in which the branches can whose score or rank this publication changed
	AmendmentNotice *PublicNotice `json:"amendment_notice,omitempty"`
	// published by one person: no second one confirmed it
	OnePerson bool `json:"one_person,omitempty,omitzero"`
	// published although too few branches had a score or the period had not ended; the publication states the reason
	Forced bool `json:"forced,omitempty,omitzero"`
	// by whom and why it was taken back; absent where it was not
	Withdrawn *PublicWithdrawal `json:"withdrawn,omitempty"`
}

func (p *publishedRun) source(today day.Date) Source {
	s := Source{
		Publication: p.Number, Notice: publicNotice(p.firstNotice(), today), OnePerson: p.onePerson(), Forced: p.Forced,
		Withdrawn: p.withdrawn.told(),
	}
	if p.withdrawn != nil {
		s.Notice = nil
	}
	if p.latest > p.Number {
		s.SupersededBy = p.latest
	}
	if p.withdrawn == nil && p.first.Number < p.Number {
		s.AmendmentNotice = publicNotice(p.notice(), today)
	}
	return s
}

// token returns a different text for sources that read differently.
func (s Source) token() string {
	open := func(c *PublicNotice) bool { return c != nil && c.Open }
	return fmt.Sprintf("%d.%d.%t.%t.%t", s.Publication, s.SupersededBy, open(s.Notice), open(s.AmendmentNotice),
		s.Withdrawn != nil)
}

// PublicationDetail is a publication as it is cited: with the hashes of its receipt, its
// notice and the one that replaced it.
type PublicationDetail struct {
	Publication
	SchemeHash string `json:"scheme_hash"`
	DataHash   string `json:"data_hash"`
	ResultHash string `json:"result_hash"`
	// false: only the database says that it is so
	Signed bool `json:"signed"`
	// the latest publication, where this is an older one
	SupersededBy int64         `json:"superseded_by,omitempty,omitzero" example:"2"`
	Notice       *PublicNotice `json:"notice,omitempty"` // of the first one for every branch, of a later one for those that it changed
	// changes of branches since the publication before that hold in periods that were locked by then, and count in none of them
	LaterChanges []town.LaterChange `json:"later_changes,omitempty"`
	// rights to decide that an administrator gave since the publication before because nobody was left to acknowledge them
	GivenAlone []credential.GivenAlone `json:"rights_given_alone,omitempty"`
	OnePerson  bool                    `json:"one_person,omitempty,omitzero"` // no second person confirmed it
	// by whom and why it was taken back; absent where it was not
	Withdrawn *PublicWithdrawal `json:"withdrawn,omitempty"`
	// last instant at which the caller can withdraw it; absent where he or she cannot
	WithdrawUntil *time.Time `json:"withdraw_until,omitempty"`
	Allowed       []string   `json:"allowed"` // what the caller can do with it now
	// every branch whose score, grade or rank it changed; only in the answer to an amendment
	Touched []proposal.Touched `json:"touched,omitempty"`
	// what would happen; only in the answer to a dry run
	DryRun *evaluation.Preview `json:"dry_run,omitempty"`
}

// ListPublications returns the publications of a period by number; none while it has none.
func (c *ResultCache) ListPublications(
	ctx context.Context, db *gorm.DB, townID, period string,
) (_ []PublicationDetail, err error) {
	defer fault.Wrap(&err, "publications of %s", period)
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	list := []PublicationDetail{}
	for _, p := range e.of(period) {
		list = append(list, p.detail(access.PrincipalFrom(ctx), db.NowFunc()))
	}
	if err := fillWithdrawal(ctx, db, townID, e, list); err != nil {
		return nil, err
	}
	return list, e.fillSince(ctx, db, townID, list)
}

// fillSince sets in each publication what happened since the one before it in the town:
// the changes of branches that were entered and hold in a period that was locked by then,
// and the rights to decide that were given alone. Two statements where there are none.
func (e publications) fillSince(
	ctx context.Context, db *gorm.DB, townID string, list []PublicationDetail,
) error {
	if len(list) == 0 {
		return nil
	}
	var first, last time.Time
	before := make([]time.Time, len(list))
	for i, d := range list {
		for _, p := range e {
			if p.PublishedAt.Before(d.PublishedAt) && p.PublishedAt.After(before[i]) {
				before[i] = p.PublishedAt
			}
		}
		if i == 0 || before[i].Before(first) {
			first = before[i]
		}
		if d.PublishedAt.After(last) {
			last = d.PublishedAt
		}
	}
	alone, err := credential.RightsGivenAlone(ctx, db, townID, first)
	if err != nil {
		return err
	}
	for _, r := range alone {
		for i := range list {
			if d := &list[i]; r.DecidedAt.After(before[i]) && !r.DecidedAt.After(d.PublishedAt) {
				d.GivenAlone = append(d.GivenAlone, r.Notice(access.PrincipalFrom(ctx)))
			}
		}
	}
	changes, err := town.ListLaterChanges(ctx, db, townID, day.Latest, first, last)
	if err != nil || len(changes) == 0 {
		return err
	}
	periods, err := evaluation.ListPeriods(ctx, db, townID, evaluation.PeriodFilter{Limit: -1})
	for _, c := range changes {
		locked := slices.ContainsFunc(periods, func(p evaluation.Period) bool {
			return !p.Known().IsZero() && p.Known().Before(c.Entered) && (c.On == nil || *c.On <= p.EndsOn)
		})
		for i := range list {
			if d := &list[i]; locked && c.Entered.After(before[i]) && !c.Entered.After(d.PublishedAt) {
				d.LaterChanges = append(d.LaterChanges, c)
			}
		}
	}
	return err
}

// FindPublication returns one publication.
func (c *ResultCache) FindPublication(
	ctx context.Context, db *gorm.DB, townID, period string, number int64,
) (_ PublicationDetail, err error) {
	defer fault.Wrap(&err, "publication %d of %s", number, period)
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return PublicationDetail{}, err
	}
	d, err := e.detail(access.PrincipalFrom(ctx), period, number, db.NowFunc())
	if err != nil {
		return d, err
	}
	one := []PublicationDetail{d}
	if err := fillWithdrawal(ctx, db, townID, e, one); err != nil {
		return d, err
	}
	err = e.fillSince(ctx, db, townID, one)
	return one[0], err
}

func (e publications) detail(
	caller access.Principal, period string, number int64, now time.Time,
) (PublicationDetail, error) {
	p, err := e.find(period, number)
	if err != nil {
		return PublicationDetail{}, err
	}
	return p.detail(caller, now), nil
}

func (p *publishedRun) detail(caller access.Principal, now time.Time) PublicationDetail {
	today := day.Of(now)
	i := PublicationDetail{
		Publication: p.Publication, SchemeHash: p.SchemeHash, DataHash: p.DataHash, ResultHash: p.ResultHash,
		Signed: signature.Signed(p.Note), SupersededBy: p.source(today).SupersededBy, Notice: publicNotice(p.notice(), today),
		OnePerson: p.onePerson(), Withdrawn: p.withdrawn.told(), Allowed: []string{},
	}
	if p.withdrawn != nil {
		i.Notice = nil
	}
	for _, name := range []*string{&i.PublishedBy, &i.ProposedBy, &i.ConfirmedBy} {
		*name = caller.Told(*name, policy.LeadingGroup)
	}
	return i
}
