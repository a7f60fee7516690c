package index

import (
	"context"
	"database/sql/driver"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// AppealState is where an appeal is in its life.
type AppealState string

// The states of an appeal. Only a filed one waits for anybody.
const (
	Filed     AppealState = "filed"
	Upheld    AppealState = "upheld" // by a publication
	Rejected  AppealState = "rejected"
	Withdrawn AppealState = "withdrawn"
)

var appealTitles = workflow.Titles[AppealState]{
	Filed:     {ZH: "待答复", EN: "filed"},
	Upheld:    {ZH: "已支持", EN: "upheld"},
	Rejected:  {ZH: "已驳回", EN: "rejected"},
	Withdrawn: {ZH: "已撤回", EN: "withdrawn"},
}

// Title returns the name of the state.
func (s AppealState) Title() text.Text { return appealTitles.Of(s) }

// Appeal is a branch's objection to its published result (申诉), filed by who leads
// the branch and answered by the leading group.
type Appeal struct {
	TownID            string      `gorm:"primaryKey" json:"-"`
	ID                string      `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode        string      `json:"period" example:"2023Q2"`
	PublicationNumber int64       `json:"publication" example:"1"` // against which it is
	BranchCode        string      `json:"branch" example:"b07"`
	Points            Points      `json:"points"`
	Statement         string      `json:"statement" example:"two meetings were overlooked"`
	Evidence          string      `json:"evidence,omitempty"`
	State             AppealState `json:"state"`
	FiledBy           string      `json:"filed_by" example:"secretary-7"`
	FiledAt           time.Time   `json:"filed_at"`
	DueOn             day.Date    `json:"due_on" swaggertype:"string" format:"date"` // last day for the answer
	DecidedBy         string      `json:"decided_by,omitempty"`
	DecidedAt         *time.Time  `json:"decided_at,omitempty"`
	Answer            string      `json:"answer,omitempty"`
	AmendedTo         *int64      `json:"amended_to,omitempty" example:"2"` // the publication that upholds it
	Overdue           bool        `gorm:"-" json:"overdue"`                 // not decided, and past its day
	Allowed           []string    `gorm:"-" json:"allowed"`
	// what would happen; only in the answer to a dry run
	DryRun *evaluation.Preview `gorm:"-" json:"dry_run,omitempty"`
	database.Versioned
}

// Point is one thing that an appeal objects to.
type Point struct {
	Code      string `json:"code" example:"organisation.01"` // of an indicator, a quantity, another node or an adjustment
	Claim     string `json:"claim" example:"98"`             // what it should be
	Statement string `json:"statement,omitempty"`
}

// Points are stored as JSON text.
type Points []Point

// Value stores the points.
func (p Points) Value() (driver.Value, error) { return database.JSON[[]Point]{V: p}.Value() }

// Scan reads what Value has stored.
func (p *Points) Scan(src any) error { return database.ScanJSON(src, (*[]Point)(p)) }

// GormDataType is the column type on both databases.
func (Points) GormDataType() string { return "text" }

// Ref names the appeal.
func (a Appeal) Ref() workflow.Ref { return workflow.Ref{Town: a.TownID, ID: a.ID, Version: a.Version} }

// lock returns who brought the appeal into its state, when, why, and who can take it
// further: nobody once it is decided.
func (a Appeal) lock() fault.Lock {
	if a.State == Filed {
		return fault.Lock{
			By: a.FiledBy, Role: string(policy.Secretary), At: a.FiledAt, Reason: a.Statement,
			CanLift: string(policy.LeadingGroup),
		}
	}
	l := fault.Lock{By: a.DecidedBy, Role: string(policy.LeadingGroup), Reason: a.Answer, CanLift: fault.Nobody}
	if a.State == Withdrawn {
		l.Role = string(policy.Secretary)
	}
	if a.DecidedAt != nil {
		l.At = *a.DecidedAt
	}
	return l
}

// appealReader is a caller who reads or decides appeals.
type appealReader struct {
	access.Caller
	town    town.Town
	periods map[string]appealedPeriod
	open    map[string]error // by period: the refusal by its open proposal
}

// appealedPeriod is what the rules need of a period of appeals.
type appealedPeriod struct {
	Code, SecondPerson string
	StartsOn           day.Date
	PublishedAt        time.Time // for the first time
}

func appealReaderOf(ctx context.Context, db *gorm.DB, townID string) (v *appealReader, err error) {
	v = &appealReader{}
	v.Caller, err = access.CallerOf(ctx, db, townID, policy.ReadAppeals, policy.DecideAppeals)
	return v, err
}

type appealRules = []workflow.Rule[Appeal, *appealReader]

// appeals is the life of an appeal: the branch withdraws it, or the leading group upholds
// or rejects it.
var appeals = workflow.Kind[Appeal, AppealState, *appealReader]{
	Noun: text.Text{ZH: "申诉", EN: "appeal"}, Name: "appeal", Titles: appealTitles, Reader: appealReaderOf,
	Verbs: []workflow.Verb[Appeal, AppealState, *appealReader]{
		{
			Name: "uphold", From: []AppealState{Filed}, To: Upheld, Action: policy.DecideAppeals,
			Who: appealRules{notLed, secondable}, When: appealRules{nothingProposed, stillAmendable},
		},
		{Name: "reject", From: []AppealState{Filed}, To: Rejected, Action: policy.DecideAppeals, Who: appealRules{notLed}},
		{Name: "attach", From: []AppealState{Filed}, Action: policy.WriteAppeals, Silent: true},
		{Name: "withdraw", From: []AppealState{Filed}, To: Withdrawn, Action: policy.WriteAppeals},
	},
}.Checked()

func notLed(v *appealReader, a Appeal) error {
	return v.RefuseTied(a.BranchCode, v.periods[a.PeriodCode].StartsOn)
}

// secondable refuses who could not propose it, where it takes two persons.
func secondable(v *appealReader, a Appeal) error {
	p := evaluation.Period{SecondPerson: v.periods[a.PeriodCode].SecondPerson}
	if !p.TakesTwo(v.town) {
		return nil
	}
	return proposal.RefuseNobody(v.Principal)
}

func nothingProposed(v *appealReader, a Appeal) error { return v.open[a.PeriodCode] }

func stillAmendable(v *appealReader, a Appeal) error {
	first := Publication{PublishedAt: v.periods[a.PeriodCode].PublishedAt}
	if last := first.amendable(v.town, &a); last != nil && v.Today > *last {
		return first.amendmentOver(v.town, *last)
	}
	return nil
}

// State returns the state of the appeal, and who brought it there.
func (v *appealReader) State(a Appeal) (AppealState, fault.Lock) { return a.State, a.lock() }

// Load locks the period of an appeal that is decided, and reads what the rules need of
// periods, town and open proposals where the caller decides on appeals.
func (v *appealReader) Load(ctx context.Context, db *gorm.DB, list []Appeal, depth workflow.Depth) (err error) {
	if depth == workflow.ForChange {
		if _, err := lockPeriod(ctx, db, v.Town, list[0].PeriodCode); err != nil {
			return err
		}
	}
	if !v.May(policy.DecideAppeals) {
		return nil
	}
	codes := make([]string, len(list))
	for i, a := range list {
		codes[i] = a.PeriodCode
	}
	if v.town, err = town.Find(ctx, db, v.Town); err != nil {
		return err
	}
	var rows []appealedPeriod
	err = db.WithContext(ctx).Raw(`SELECT p.code, p.second_person, p.starts_on, f.published_at FROM periods p
JOIN publications f ON f.town_id = p.town_id AND f.period_code = p.code AND `+First("f")+`
WHERE p.town_id = ? AND p.code IN ?`, v.Town, codes).Scan(&rows).Error
	if err != nil {
		return err
	}
	v.periods = make(map[string]appealedPeriod, len(rows))
	for _, r := range rows {
		v.periods[r.Code] = r
	}
	v.open, err = proposal.Refusals(ctx, db, v.Town, codes)
	return err
}

// Show returns the appeal with what depends on the day and the caller.
func (v *appealReader) Show(a Appeal, allowed []string) Appeal {
	a.Overdue, a.Allowed = a.State == Filed && v.Today > a.DueOn, allowed
	return a
}

// Tell returns the appeal with the role alone of who decided it, where the caller may not
// read people.
func (v *appealReader) Tell(a Appeal) Appeal {
	role := policy.LeadingGroup
	if a.State == Withdrawn {
		role = policy.Secretary
	}
	a.DecidedBy = v.Told(a.DecidedBy, role)
	return a
}

// Audit returns the state.
func (v *appealReader) Audit(a Appeal, _ string) (string, any) { return "appeals/" + a.ID, a.State }

// FileAppeal enters an appeal of the caller, who leads the branch, against the latest
// publication of the period, while its notice is open for the branch.
func FileAppeal(ctx context.Context, db *gorm.DB, a Appeal) (_ Appeal, err error) {
	defer fault.Wrap(&err, "appeal of %s", a.BranchCode)
	p := access.PrincipalFrom(ctx)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		today := day.Of(tx.NowFunc())
		period, err := evaluation.HoldPeriod(ctx, tx, a.TownID, a.PeriodCode)
		if err != nil {
			return err
		}
		if err := p.InScope(ctx, tx, policy.WriteAppeals, a.TownID, a.BranchCode, today); err != nil {
			return err
		}
		if a.PublicationNumber, err = appealable(ctx, tx, period, a.BranchCode); err != nil {
			return err
		}
		if err := a.check(ctx, tx, period); err != nil {
			return err
		}
		a.ID, a.State, a.FiledBy, a.FiledAt, a.DueOn = database.NewID(), Filed, p.Person, tx.NowFunc(),
			today.AddDays(int(period.AnswerDays))
		a.Versioned = database.Versioned{Version: 1}
		if err := a.insert(tx); err != nil {
			return err
		}
		v := &appealReader{Caller: access.Caller{Principal: p, Town: a.TownID, Today: today, Reach: access.Reach{All: true}}}
		a = v.Show(a, appeals.Allowed(v, a))
		return audit.Write(ctx, tx, audit.Change{Town: a.TownID, Action: "appeal.file", Subject: "appeals/" + a.ID, After: a})
	})
	return a, err
}

// insert stores a new appeal, unless the branch has one that waits for its decision.
func (a *Appeal) insert(tx *gorm.DB) error {
	made := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(a)
	if made.Error != nil || made.RowsAffected == 1 {
		return made.Error
	}
	var other Appeal
	err := tx.Where("town_id = ? AND period_code = ? AND publication_number = ? AND branch_code = ? AND state = ?",
		a.TownID, a.PeriodCode, a.PublicationNumber, a.BranchCode, Filed).Take(&other).Error
	if err != nil {
		return err
	}
	return fault.Conflict("appeal_exists",
		"该党组织对本次公布已有尚未决定的申诉：可撤回后重新提出",
		"the branch has an undecided appeal against this publication: withdraw it to file another").Held(other.lock())
}

// check lists the points that are about nothing in the scheme.
func (a Appeal) check(ctx context.Context, tx *gorm.DB, p evaluation.Period) error {
	c, err := scheme.Load(ctx, tx, p.TownID, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return err
	}
	var faults []fault.FieldError
	for i, point := range a.Points {
		if c.Node(point.Code) == nil && c.Quantity(point.Code) == nil && !c.HasAdjustment(point.Code) {
			faults = append(faults, fault.Field("/points/"+strconv.Itoa(i)+"/code", "unknown_code",
				"指标体系中没有“%s”", "the scheme has no indicator, quantity or adjustment %q", point.Code))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// appealable returns the number of the latest publication, if the branch is in it and
// may appeal today: in the notice of the first one, or in that of one that changed
// the branch.
func appealable(ctx context.Context, tx *gorm.DB, p evaluation.Period, branch string) (int64, error) {
	if err := p.Correctable(); err != nil {
		return 0, err
	}
	list, err := readPublications(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return 0, err
	}
	list = list.standing()
	last, err := list.find(p.Code, 0)
	if err != nil {
		return 0, err
	}
	placed, err := placings(ctx, tx, list, branch)
	if err != nil {
		return 0, err
	}
	if placed[last.RunID] == nil {
		by := last.lock()
		by.CanLift = fault.Nobody
		return 0, fault.Conflict("not_in_result", "党组织“%s”不在本周期的结果中", "the branch %q is not in this result", branch).Held(by)
	}
	today := day.Of(tx.NowFunc())
	until := last.firstNotice()
	for i := range list {
		n := list[i].notice()
		if n == nil || i > 0 && !placed[list[i-1].RunID].changed(placed[list[i].RunID]) {
			continue
		}
		if n.Open(today) {
			return last.Number, nil
		}
		until = n
	}
	return 0, noticeOver(p, last, until)
}

// noticeOver returns a refusal with the last day on which the branch could have
// appealed, and what is left to do.
func noticeOver(p evaluation.Period, last *publishedRun, n *evaluation.Notice) error {
	if n == nil {
		by := p.Calendar.Lock()
		by.CanLift = fault.Nobody // the days of what is published stay
		return fault.Conflict("no_notice", "本周期不设公示期，不受理申诉", "this period has no public notice: nobody can appeal").Held(by)
	}
	return fault.Locked("notice_closed",
		"公示期为 %[1]s 至 %[2]s，已经结束；如有错误请向工作领导小组反映，由其更正",
		"the public notice ran from %[1]s until %[2]s: tell the leading group, which can correct a mistake", n.From, n.Until).
		Held(last.lock())
}

// placings returns the results of the branch in each run of the list, by run.
func placings(ctx context.Context, tx *gorm.DB, list publications, branch string) (map[string]*Result, error) {
	runs := make([]string, len(list))
	for i := range list {
		runs[i] = list[i].RunID
	}
	var rows []Result
	err := tx.WithContext(ctx).Where("town_id = ? AND run_id IN ? AND branch_code = ?", list[0].TownID, runs, branch).
		Find(&rows).Error
	placed := make(map[string]*Result, len(rows))
	for i := range rows {
		placed[rows[i].RunID] = &rows[i]
	}
	return placed, err
}

// changed reports whether score, grade or a rank differ.
func (r *Result) changed(now *Result) bool {
	return r == nil || now == nil || differs(r.placing(), now.placing())
}

// AppealDecision is what becomes of an appeal.
type AppealDecision struct {
	To          AppealState
	Answer      string                  // needed to uphold and to reject
	Corrections []evaluation.Correction // needed to uphold: of the branch that appeals where they name none
}

// DecideAppeal upholds, rejects or withdraws an appeal. Upholding stores the
// corrections, a run with them and its publication, all in one transaction; where that
// takes two persons, the appeal stays as it is and the proposal is returned.
func DecideAppeal(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, d AppealDecision,
) (after Appeal, waiting *proposal.Proposal, err error) {
	defer fault.Wrap(&err, "appeal %s", ref.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if d.To == Upheld {
			after, waiting, err = upholdAppeal(ctx, tx, ref, d)
			return err
		}
		after, err = appeals.Move(ctx, tx, ref, d.To, d.Answer, func(tx *gorm.DB, v *appealReader, a Appeal) (workflow.Change, error) {
			return decidedAppeal(tx, v.Principal, d.Answer, nil), d.check()
		})
		if err != nil {
			return err
		}
		return proposal.Lapse(ctx, tx, ref.Town, after.PeriodCode, ref.ID, text.F("申诉已有结果", "the appeal was decided"))
	})
	return after, waiting, err
}

// decidedAppeal returns the columns of a decision; amended is the publication that upholds.
func decidedAppeal(tx *gorm.DB, by access.Principal, answer string, amended *int64) workflow.Change {
	return workflow.Change{Columns: map[string]any{
		"decided_by": by.Name(), "decided_at": tx.NowFunc(), "answer": answer, "amended_to": amended,
	}}
}

// upholdAppeal amends the period, or proposes that.
func upholdAppeal(
	ctx context.Context, tx *gorm.DB, ref workflow.Ref, d AppealDecision,
) (after Appeal, waiting *proposal.Proposal, err error) {
	a, p, err := holdAppeal(ctx, tx, ref.Town, ref.ID)
	if err != nil {
		return after, nil, err
	}
	v, err := appealReaderOf(ctx, tx, ref.Town)
	if err != nil {
		return after, nil, err
	}
	if err := v.Load(ctx, tx, []Appeal{a}, workflow.ForList); err != nil {
		return after, nil, err
	}
	if _, err := appeals.Table().Move(v, a, Upheld, d.Answer); err != nil {
		return after, nil, err
	}
	if a.Version != ref.Version {
		return after, nil, workflow.Stale(ctx, tx, appeals.Name, ref)
	}
	if err := d.check(); err != nil {
		return after, nil, err
	}
	made, _, waiting, err := amend(ctx, tx, p, Amendment{Reason: d.Answer, Corrections: a.own(d.Corrections), appeal: &a})
	if err != nil || waiting != nil {
		return a, waiting, err
	}
	after, err = appeals.Move(ctx, tx, ref, Upheld, d.Answer, func(tx *gorm.DB, v *appealReader, _ Appeal) (workflow.Change, error) {
		return decidedAppeal(tx, v.Principal, d.Answer, &made.Number), nil
	})
	return after, nil, err
}

// holdAppeal returns an appeal that the caller sees, with its period, which is locked:
// whoever decides on the appeal waits.
func holdAppeal(ctx context.Context, tx *gorm.DB, townID, id string) (a Appeal, p evaluation.Period, err error) {
	if a, err = appeals.Find(ctx, tx, townID, id); err != nil {
		return a, p, err
	}
	if p, err = lockPeriod(ctx, tx, townID, a.PeriodCode); err != nil {
		return a, p, err
	}
	a, err = appeals.Find(ctx, tx, townID, id)
	return a, p, err
}

// confirmAppeal upholds the appeal of a proposal, which the rules of proposals let the
// caller confirm.
func confirmAppeal(ctx context.Context, tx *gorm.DB, x proposal.Proposal) error {
	a, p, err := holdAppeal(ctx, tx, x.TownID, *x.AppealID)
	if err != nil {
		return err
	}
	if a.State != Filed {
		return x.Changed()
	}
	made, err := amendAs(ctx, tx, p, x, &a)
	if err != nil {
		return err
	}
	_, err = appeals.Apply(ctx, tx, a.Ref(), "uphold", x.Reason, func(tx *gorm.DB, v *appealReader, _ Appeal) (workflow.Change, error) {
		return decidedAppeal(tx, v.Principal, x.Reason, &made.Number), nil
	})
	return err
}

// own are the corrections, about the branch of the appeal where they name none.
func (a Appeal) own(list []evaluation.Correction) []evaluation.Correction {
	for i := range list {
		if list[i].BranchCode == "" {
			list[i].BranchCode = a.BranchCode
		}
	}
	return list
}

// check lists what is missing from the decision, or too much.
func (d AppealDecision) check() error {
	var faults []fault.FieldError
	if d.To != Withdrawn && d.Answer == "" {
		faults = append(faults, fault.Field("/reason", "reason_needed", "请写明答复", "answer the branch: give a reason"))
	}
	switch {
	case d.To == Upheld && len(d.Corrections) == 0:
		faults = append(faults, fault.Field("/corrections", "corrections_needed",
			"支持申诉须至少作一项更正", "to uphold an appeal, correct at least one thing"))
	case d.To != Upheld && len(d.Corrections) > 0:
		faults = append(faults, fault.Field("/corrections", "corrections_refused",
			"只有支持申诉时才能更正", "corrections belong only to an appeal that is upheld"))
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// FindAppeal returns one appeal, if the caller may read those of its branch.
func FindAppeal(ctx context.Context, db *gorm.DB, townID, id string) (Appeal, error) {
	return appeals.Find(ctx, db, townID, id)
}

// Hold locks the appeal until tx ends, if the caller can attach evidence to it now.
func (a Appeal) Hold(ctx context.Context, tx *gorm.DB) error {
	_, err := appeals.Hold(ctx, tx, a.TownID, a.ID, "attach")
	return err
}

// AppealFilter narrows a list; zero fields do not.
type AppealFilter struct {
	Period, Branch string
	State          AppealState
	Overdue        bool // only those past their day
	After          string
	Limit          int
}

// ListAppeals returns the appeals that the caller may read, in the order of their
// filing.
func ListAppeals(ctx context.Context, db *gorm.DB, townID string, f AppealFilter) ([]Appeal, error) {
	v, err := appealReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	if f.Overdue {
		q = q.Where("state = ? AND due_on < ?", Filed, v.Today)
	}
	q = database.Only(q, "period_code", f.Period, "branch_code", f.Branch, "state", string(f.State))
	return appeals.List(ctx, db, v, q)
}
