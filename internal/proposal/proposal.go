// Package proposal holds what one person proposes to publish and another one confirms.
// What a proposal leads to is done by package index, in the transaction that confirms it.
package proposal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// State is where a proposal is in its life.
type State string

// The states of a proposal. Only an open one waits for anybody.
const (
	Open      State = "open"
	Confirmed State = "confirmed" // and carried out
	Rejected  State = "rejected"
	Lapsed    State = "lapsed"    // what it pins no longer held
	Withdrawn State = "withdrawn" // by its proposer
)

var titles = workflow.Titles[State]{
	Open:      {ZH: "待确认", EN: "open"},
	Confirmed: {ZH: "已确认", EN: "confirmed"},
	Rejected:  {ZH: "已否决", EN: "rejected"},
	Lapsed:    {ZH: "已失效", EN: "lapsed"},
	Withdrawn: {ZH: "已撤回", EN: "withdrawn"},
}

// Title returns the name of the state.
func (s State) Title() text.Text { return titles.Of(s) }

// The actions that are proposed.
const (
	Publish  = "publish"  // make a run the result of its period
	Amend    = "amend"    // correct a result, of the leading group's own accord or to uphold an appeal
	Withdraw = "withdraw" // take a publication back
)

// Proposal is what one person proposes to publish until another one confirms or rejects
// it. It pins what it is about: the run, or the corrections and the figures that they lead
// to. Once that no longer holds, it has lapsed.
type Proposal struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	ID         string `gorm:"primaryKey" json:"id" format:"uuid"` // chosen by the service
	PeriodCode string `json:"period" example:"2023Q3"`            // whose result it is about
	// make the run the result, correct the result, or take the publication back
	Action string `json:"action" enums:"publish,amend,withdraw"`
	State  State  `json:"state" swaggertype:"string" enums:"open,confirmed,rejected,lapsed,withdrawn"`
	// that it has once it is confirmed; of a withdrawal that of the publication
	PublicationNumber int64 `json:"number" example:"2"`
	// that is to be the result, or no longer; an amendment makes its run when it is confirmed
	RunID      *string `json:"run,omitempty" format:"uuid"`
	AppealID   *string `json:"appeal,omitempty" format:"uuid"` // that the amendment upholds
	BranchCode *string `json:"branch,omitempty" example:"b07"` // whose appeal it is
	DataHash   string  `json:"data_hash"`                      // of the result as it is to be, or of the one that is withdrawn
	ResultHash string  `json:"result_hash"`                    // likewise
	// empty unless it is an amendment
	Corrections database.JSON[[]evaluation.Correction] `json:"corrections"`
	// every branch whose score, grade or rank an amendment changes
	Touched database.JSON[[]Touched] `json:"touched"`
	// last day on which it can be confirmed; absent: no limit
	Until *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
	// publish although too few branches have a score or the period has not ended
	Forced     bool   `json:"forced,omitempty,omitzero"`
	Reason     string `json:"reason,omitempty"`              // that the publication, or the withdrawal, states
	ProposedBy string `json:"proposed_by" example:"group-1"` // code of the person
	// code of the person, or who made the step by which it lapsed
	DecidedBy string     `json:"decided_by,omitempty" example:"group-2"`
	DecidedAt *time.Time `json:"decided_at,omitempty"` // when it left the state open
	// of who confirmed or rejected it, or why it lapsed
	DecisionReason string               `json:"decision_reason,omitempty"`
	Confirmers     []string             `gorm:"-" json:"confirmers"`         // other persons who could confirm it today
	Warnings       []evaluation.Warning `gorm:"-" json:"warnings,omitempty"` // what to know before it is confirmed
	History        []Step               `gorm:"-" json:"history,omitempty"`  // in the answer about one
	Allowed        []string             `gorm:"-" json:"allowed"`            // what the caller can do with it now
	DryRun         *evaluation.Preview  `gorm:"-" json:"dry_run,omitempty"`  // what would happen; only in the answer to a dry run
	database.Versioned
} // @name PublicationProposal

// Touched is a branch whose score, grade or rank a proposal changes, or which another engine
// would place otherwise.
type Touched struct {
	Branch string    `json:"branch" example:"b07"` // code
	Name   text.Text `json:"name"`
	Before Placing   `json:"before"`
	Now    Placing   `json:"now"`
	// of an amendment of what an earlier engine computed: where the new engine alone, without any correction,
	// would have put the branch; not taken unless a correction changes the branch
	ByEngine *Placing `json:"by_engine,omitempty"`
}

// Placing is where a publication puts a branch.
type Placing struct {
	Outcome   string   `json:"outcome" enums:"scored,insufficient,failed"`
	Score     *float64 `json:"score,omitempty"`
	Grade     string   `json:"grade,omitempty"`
	Rank      *int     `json:"rank,omitempty"`
	ClassRank *int     `json:"class_rank,omitempty"`
}

// Step is one step of a proposal.
type Step struct{ workflow.Transition } // @name ProposalStep

// Ref names the proposal.
func (p Proposal) Ref() workflow.Ref {
	return workflow.Ref{Town: p.TownID, ID: p.ID, Version: p.Version}
}

// Path returns the address of the proposal below the root of the service.
func (p Proposal) Path() string { return "/api/v1/towns/" + p.TownID + "/proposals/" + p.ID }

// reader is a caller who reads or decides on proposals.
type reader struct {
	access.Caller
	able  []string            // persons who may decide on proposals today
	begun map[string]day.Date // first days of the periods, for who has a tie to some branch
}

func newReader(ctx context.Context, db *gorm.DB, townID string) (v *reader, err error) {
	v = &reader{}
	v.Caller, err = access.CallerOf(ctx, db, townID, policy.ReadProposals, policy.DecideProposals)
	if err != nil || len(v.Ties) == 0 {
		return v, err
	}
	var periods []evaluation.Period
	err = db.WithContext(ctx).Select("code", "starts_on").Where("town_id = ?", townID).Find(&periods).Error
	v.begun = make(map[string]day.Date, len(periods))
	for _, p := range periods {
		v.begun[p.Code] = p.StartsOn
	}
	return v, err
}

type (
	rules = []workflow.Rule[Proposal, *reader]
	verbs = []workflow.Verb[Proposal, State, *reader]
)

// proposals is the life of a proposal: its proposer withdraws it, another person confirms
// or rejects it, and it lapses by a step that changes what it pins.
var proposals = workflow.Kind[Proposal, State, *reader]{
	Noun: text.Text{ZH: "公布提议", EN: "proposal"}, Name: "proposal", Titles: titles, Reader: newReader,
	Verbs: verbs{
		{Name: "propose", To: Open, Action: policy.DecideProposals, Who: rules{aPerson}},
		{
			Name: "confirm", From: []State{Open}, To: Confirmed, Action: policy.DecideProposals,
			Who: rules{sameRight, aPerson, another, unbiased}, When: rules{inTime},
		},
		{
			Name: "reject", From: []State{Open}, To: Rejected, Action: policy.DecideProposals, Reason: true,
			Who: rules{sameRight, aPerson, another},
		},
		{Name: "withdraw", From: []State{Open}, To: Withdrawn, Action: policy.DecideProposals, Who: rules{proposer}},
		{Name: "lapse", From: []State{Open}, To: Lapsed},
	},
}.Checked()

// rightTo is what one must be allowed in order to do without a second person what is
// proposed.
var rightTo = map[string]policy.Action{
	Publish: policy.WritePeriods, Amend: policy.DecideAppeals, Withdraw: policy.WritePeriods,
}

// sameRight refuses who could not have proposed it.
func sameRight(v *reader, p Proposal) error {
	if right := rightTo[p.Action]; !v.May(right) {
		return v.NotAllowed(right)
	}
	return nil
}

func aPerson(v *reader, _ Proposal) error { return RefuseNobody(v.Principal) }

// RefuseNobody refuses a credential that belongs to no person: two credentials are not
// two persons.
func RefuseNobody(p access.Principal) error {
	if p.Person != "" {
		return nil
	}
	return fault.Forbidden("person_needed",
		"公布须由两人完成，而您的密钥或账号未关联人员：请使用本人的密钥或账号，由管理员签发",
		"a publication takes two persons, and your key or account belongs to none: use one of your own, which an administrator can make")
}

// another refuses the proposer, by whatever credential.
func another(v *reader, p Proposal) error {
	if v.Person != p.ProposedBy {
		return nil
	}
	others := p.others(v.able)
	if len(others) == 0 {
		return fault.Forbidden("own_proposal",
			"须由另一人确认或否决，而目前没有其他人有此权限：请由工作领导小组或管理员再聘任一名工作领导小组成员",
			"another person must confirm or reject it, and nobody else can now: "+
				"the leading group or an administrator can appoint another member of the leading group")
	}
	return fault.Forbidden("own_proposal", "须由另一人确认或否决：%s", "another person must confirm or reject it: %s",
		strings.Join(others, ", "))
}

func proposer(v *reader, p Proposal) error {
	if v.Person == "" || v.Person != p.ProposedBy {
		return fault.Forbidden("not_your_proposal", "只能撤回自己提出的提议", "only its proposer withdraws it")
	}
	return nil
}

// unbiased refuses to confirm what corrects a branch, or upholds the appeal of one, to which
// the caller had a tie since the period began.
func unbiased(v *reader, p Proposal) error {
	tied := func(c evaluation.Correction) bool { return v.Tied(c.BranchCode, v.begun[p.PeriodCode]) }
	if p.BranchCode != nil && v.Tied(*p.BranchCode, v.begun[p.PeriodCode]) || slices.ContainsFunc(p.Corrections.V, tied) {
		return access.OwnBranch()
	}
	return nil
}

func inTime(v *reader, p Proposal) error {
	if p.Until == nil || v.Today <= *p.Until {
		return nil
	}
	if p.Action == Withdraw {
		return fault.Locked("withdrawal_closed", "撤回期限已于 %s 届满：请否决该提议，改为更正结果",
			"the last day to withdraw it was %s: reject the proposal and correct the result instead", *p.Until).Held(p.lock())
	}
	return fault.Locked("amendment_closed", "更正期限已于 %s 届满", "the last day of amendments was %s", *p.Until).Held(p.lock())
}

// others returns those of the persons who did not propose it.
func (p Proposal) others(able []string) []string {
	return slices.DeleteFunc(append([]string{}, able...), func(person string) bool { return person == p.ProposedBy })
}

// lock returns who brought the proposal into its state, when and why.
func (p Proposal) lock() fault.Lock {
	l := fault.Lock{
		By: p.ProposedBy, Role: string(policy.LeadingGroup), At: p.CreatedAt, Reason: p.Reason,
		CanLift: string(policy.LeadingGroup),
	}
	if p.DecidedAt != nil {
		l.By, l.At, l.Reason, l.CanLift = p.DecidedBy, *p.DecidedAt, p.DecisionReason, fault.Nobody
	}
	return l
}

// State returns the state of the proposal, and who brought it there.
func (v *reader) State(p Proposal) (State, fault.Lock) { return p.State, p.lock() }

// Visible lets through every proposal: they are about whole towns.
func (v *reader) Visible(q *gorm.DB) *gorm.DB { return q }

// Load reads who could confirm, the history of one proposal, and locks the period of one
// that is decided.
func (v *reader) Load(ctx context.Context, db *gorm.DB, list []Proposal, depth workflow.Depth) (err error) {
	if depth == workflow.ForChange {
		// Whoever publishes or amends locks the period first, and then its proposal.
		q := db.Clauses(clause.Locking{Strength: "UPDATE"})
		if _, err := evaluation.FindPeriod(ctx, q, v.Town, list[0].PeriodCode); err != nil {
			return err
		}
	}
	if v.able == nil {
		if v.able, err = access.Deciders(ctx, db, policy.DecideProposals, v.Town, v.Today); err != nil {
			return err
		}
	}
	if depth == workflow.ForOne {
		list[0].History, err = workflow.History[Step](ctx, db, proposals.Name, list[0].Ref())
	}
	return err
}

// Show returns the proposal with what the caller can do and who else could confirm it.
func (v *reader) Show(p Proposal, allowed []string) Proposal {
	p.Allowed, p.Confirmers = allowed, []string{}
	if p.State == Open {
		p.Confirmers = p.others(v.able)
	}
	return p
}

// In returns the proposal with a warning in the language where nobody else could confirm it.
func (p Proposal) In(language string) Proposal {
	if p.State == Open && len(p.Confirmers) == 0 {
		p.Warnings = append(slices.Clip(p.Warnings), evaluation.TooFewPersons(1, language))
	}
	return p
}

// WithChanges returns the proposal with the changes of branches that whoever confirms the
// first publication of a period must know of, as warnings in the language.
func (p Proposal) WithChanges(ctx context.Context, db *gorm.DB, language string) (Proposal, error) {
	if p.State != Open || p.Action != Publish {
		return p, nil
	}
	of, err := evaluation.FindPeriod(ctx, db, p.TownID, p.PeriodCode)
	if err != nil {
		return p, err
	}
	p.Warnings, err = of.StructureWarnings(ctx, db, language)
	return p, err
}

// Audit returns the whole proposal where it was made, and the state where it moved.
func (v *reader) Audit(p Proposal, verb string) (string, any) {
	if verb == "propose" {
		p.Allowed, p.Confirmers, p.Warnings, p.History = nil, nil, nil, nil
		return "proposals/" + p.ID, p
	}
	return "proposals/" + p.ID, p.State
}

// Create stores an open proposal of the caller, in the transaction that holds its period.
func Create(ctx context.Context, tx *gorm.DB, p Proposal) (_ Proposal, err error) {
	defer fault.Wrap(&err, "proposal about %s", p.PeriodCode)
	// Whoever changes the need of a second person waits until tx ends, or has done it.
	if _, err := town.Find(ctx, tx.Clauses(clause.Locking{Strength: "SHARE"}), p.TownID); err != nil {
		return Proposal{}, err
	}
	if err := RefuseOpen(ctx, tx, p.TownID, p.PeriodCode); err != nil {
		return Proposal{}, err
	}
	p.ID, p.State, p.ProposedBy = database.NewID(), Open, access.PrincipalFrom(ctx).Person
	p.Versioned = database.Versioned{Version: 1}
	if p.Corrections.V == nil {
		p.Corrections.V = []evaluation.Correction{}
	}
	if p.Touched.V == nil {
		p.Touched.V = []Touched{}
	}
	return proposals.Create(ctx, tx, "propose", p.Reason, p, func(tx *gorm.DB, _ *reader, p *Proposal) error {
		return tx.Create(p).Error
	})
}

// RefuseOpen refuses what cannot be done while a proposal about the period, or any period
// where that is empty, is open, and names the proposal.
func RefuseOpen(ctx context.Context, db *gorm.DB, townID, period string) error {
	var open []Proposal
	err := db.WithContext(ctx).Where("town_id = ? AND (? = '' OR period_code = ?) AND state = ?", townID, period,
		period, Open).
		Order("id").Limit(1).Find(&open).Error
	if err != nil || len(open) == 0 {
		return err
	}
	return open[0].refusal()
}

// OpenOf returns the id of the open proposal about the period; empty where there is none.
func OpenOf(ctx context.Context, db *gorm.DB, townID, period string) (id string, err error) {
	err = db.WithContext(ctx).Model(&Proposal{}).Select("id").
		Where("town_id = ? AND period_code = ? AND state = ?", townID, period, Open).Limit(1).Scan(&id).Error
	return id, err
}

// Refusals returns the refusal of each of the periods that has an open proposal.
func Refusals(ctx context.Context, db *gorm.DB, townID string, periods []string) (map[string]error, error) {
	var open []Proposal
	err := db.WithContext(ctx).Where("town_id = ? AND period_code IN ? AND state = ?", townID, append(periods, ""),
		Open).Find(&open).Error
	refusals := make(map[string]error, len(open))
	for _, p := range open {
		refusals[p.PeriodCode] = p.refusal()
	}
	return refusals, err
}

func (p Proposal) refusal() error {
	return fault.Conflict("proposal_open",
		"考评周期 %[1]s 有待确认的公布提议（%[2]s）：请先确认、否决或撤回",
		"a proposal about the period %[1]s is open (%[2]s): confirm, reject or withdraw it first",
		p.PeriodCode, p.ID).Held(p.lock())
}

// RefuseSetting refuses a change of what keeps one person from deciding alone to all but
// administrators, and while a proposal is open.
func RefuseSetting(ctx context.Context, tx *gorm.DB, townID string) error {
	if p := access.PrincipalFrom(ctx); !p.May(policy.WriteSafeguards) {
		return p.NotAllowed(policy.WriteSafeguards)
	}
	return RefuseOpen(ctx, tx, townID, "")
}

// Move confirms, rejects or withdraws a proposal. carryOut does what is confirmed, in the
// same transaction; it gets the proposal as it was.
func Move(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, to State, reason string, carryOut func(tx *gorm.DB, p Proposal) error,
) (Proposal, error) {
	return proposals.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, v *reader, p Proposal) (workflow.Change, error) {
		if to == Confirmed {
			if err := carryOut(tx, p); err != nil {
				return workflow.Change{}, err
			}
		}
		return decided(tx, v.Name(), reason), nil
	})
}

var errChanged = errors.New("proposal: it has lapsed")

// Changed refuses to confirm the proposal since what it pins no longer holds.
func (p Proposal) Changed() error {
	return fault.Conflict("proposal_lapsed", "提议所依据的内容已经改变：请重新提出",
		"what the proposal is about has changed: propose it anew").
		Held(p.lock()).Because(errChanged)
}

// EndChanged ends a proposal about which err is the refusal of Changed, and returns err.
func EndChanged(ctx context.Context, db *gorm.DB, ref workflow.Ref, err error) error {
	if !errors.Is(err, errChanged) {
		return err
	}
	return errors.Join(err, lapse(ctx, db, ref, text.F("所依据的内容已经改变", "what it was about had changed")))
}

func decided(tx *gorm.DB, by, reason string) workflow.Change {
	return workflow.Change{Columns: map[string]any{
		"decided_by": by, "decided_at": tx.NowFunc(), "decision_reason": reason,
	}}
}

// Lapse ends the open proposal about a period, if there is one, because of the step that
// the caller makes in tx; of an appeal, where it is not empty, only one that upholds it.
func Lapse(ctx context.Context, tx *gorm.DB, townID, period, appeal string, because text.Text) (err error) {
	defer fault.Wrap(&err, "lapse of the proposal about %s", period)
	var open []Proposal
	err = tx.WithContext(ctx).Where("town_id = ? AND period_code = ? AND (? = '' OR appeal_id = ?) AND state = ?",
		townID, period, appeal, appeal, Open).Find(&open).Error
	if err != nil || len(open) == 0 {
		return err
	}
	return lapse(ctx, tx, open[0].Ref(), because)
}

func lapse(ctx context.Context, db *gorm.DB, ref workflow.Ref, because text.Text) error {
	reason := because.ZH + " / " + because.EN
	_, err := proposals.Apply(ctx, db, ref, "lapse", reason, func(tx *gorm.DB, v *reader, _ Proposal) (workflow.Change, error) {
		return decided(tx, v.Name(), reason), nil
	})
	return err
}

// Find returns one proposal.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Proposal, error) {
	return proposals.Find(ctx, db, townID, id)
}

// Filter narrows a list; zero fields do not.
type Filter struct {
	Period string
	State  State
	After  string
	Limit  int
}

// List returns the proposals of the town in the order of their making.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Proposal, error) {
	v, err := newReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "period_code", f.Period, "state", string(f.State))
	return proposals.List(ctx, db, v, q)
}
