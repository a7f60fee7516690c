package plan

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/improve/target"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// State is the state of a plan or of its document.
type State string

// The states of a plan. Its document knows the first three of them: a plan that is
// approved or running can have a new document under way.
const (
	Draft    State = "draft"
	Advised  State = "advised"
	Approved State = "approved"
	Running  State = "running"
	Returned State = "returned"
	Accepted State = "accepted"
	Closed   State = "closed"
)

var titles = workflow.Titles[State]{
	Draft:    {ZH: "草稿", EN: "draft"},
	Advised:  {ZH: "导师已提意见", EN: "advised"},
	Approved: {ZH: "已批准", EN: "approved"},
	Running:  {ZH: "实施中", EN: "running"},
	Returned: {ZH: "已退回", EN: "returned"},
	Accepted: {ZH: "已验收", EN: "accepted"},
	Closed:   {ZH: "已销号", EN: "closed"},
}

// Title returns the name of the state.
func (s State) Title() text.Text { return titles.Of(s) }

// Plan is how one branch is to improve (一村一策). A branch has one at a time that is
// not closed. Its document is what is being written, or what was approved last.
type Plan struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	ID         string `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode string `json:"branch" example:"b07"`
	// the branch was a confirmed target when it was drafted
	TargetID *string `json:"target,omitempty" format:"uuid"`
	// whose published result it starts from
	PeriodCode        string                  `json:"period" example:"2023Q2"`
	PublicationNumber int64                   `json:"publication" example:"1"`
	Withdrawn         bool                    `gorm:"-" json:"withdrawn,omitempty,omitzero"` // the publication was taken back
	Document          database.JSON[Document] `json:"document"`
	// of the document
	Stage State `json:"stage" enums:"draft,advised,approved"`
	State State `json:"state"`
	// that holds now, whatever is being written
	ApprovedVersion *int64    `json:"approved_version,omitempty" example:"2"`
	ApprovedOn      *day.Date `json:"approved_on,omitempty" swaggertype:"string" format:"date"`
	ClosedOn        *day.Date `json:"closed_on,omitempty" swaggertype:"string" format:"date"`
	StateBy         string    `json:"state_by" example:"group-1"`
	StateAt         time.Time `json:"state_at"`
	StateReason     string    `json:"state_reason,omitempty"`
	// of the approved version, in the answer about one
	Items   []Item                `gorm:"-" json:"items,omitempty"`
	History []workflow.Transition `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed []string              `gorm:"-" json:"allowed"`
	database.Versioned
}

type (
	rules = []workflow.Rule[Plan, *reader]
	verbs = []workflow.Verb[Plan, State, *reader]
)

// A plan has two lives in one row. documents is that of the document under way, by the
// column stage; plans is that of the plan from its first approval on.
var (
	documents = workflow.Kind[Plan, State, *reader]{
		Noun: noun, Name: "plan", Titles: titles, Column: "stage", Reader: newDocumentReader, Frozen: approvedOnce,
		History: history,
		Verbs: verbs{
			{Name: "draft", To: Draft, Action: policy.DraftPlans},
			{Name: "write", From: []State{Draft, Advised, Approved}, Action: policy.WritePlans, When: rules{notOver}},
			{
				Name: "redraft", From: []State{Draft, Advised}, Action: policy.DraftPlans,
				Who: rules{notLed}, When: rules{neverApproved},
			},
			{Name: "advise", From: []State{Draft}, To: Advised, Action: policy.AdvisePlans, When: rules{notOver}, Reason: true},
			{
				Name: "send_back", From: []State{Advised}, To: Draft, Action: policy.ApprovePlans,
				Who: rules{notLed}, When: rules{notOver}, Reason: true,
			},
			{
				Name: "approve", From: []State{Advised}, To: Approved, Action: policy.ApprovePlans, Who: rules{notLed},
				When: rules{notOver},
			},
		},
	}.Checked()
	plans = workflow.Kind[Plan, State, *reader]{
		Noun: noun, Name: "plan", Titles: titles, Reader: newReader, History: history,
		Verbs: verbs{
			{Name: "start", From: []State{Approved}, To: Running, Action: policy.WritePlans},
			{
				Name: "return", From: []State{Running}, To: Returned, Action: policy.ApprovePlans, Who: rules{notLed}, Reason: true,
			},
			{Name: "resume", From: []State{Returned}, To: Running, Action: policy.WritePlans},
			{Name: "accept", From: []State{Running}, To: Accepted, Action: policy.ApprovePlans, Who: rules{notLed}},
			{Name: "close", From: []State{Accepted}, To: Closed, Action: policy.ApprovePlans, Who: rules{notLed}},
			{
				Name: "abandon", From: []State{Approved, Running, Returned}, To: Closed, Action: policy.ApprovePlans,
				Who: rules{notLed}, Reason: true,
			},
		},
	}.Checked()
)

func history(p *Plan) *[]workflow.Transition { return &p.History }

var noun = text.Text{ZH: "提升方案", EN: "plan"}

// notOver refuses a plan whose work is done: its document stays.
func notOver(_ *reader, p Plan) error {
	if p.State == Accepted || p.State == Closed {
		return fault.Conflict("plan_over", "方案已验收或销号，不能再修改",
			"the plan is accepted or closed and cannot be changed").Held(p.lock())
	}
	return nil
}

func neverApproved(v *reader, p Plan) error {
	if p.ApprovedVersion != nil {
		return approvedOnce(v, p)
	}
	return nil
}

func approvedOnce(_ *reader, p Plan) error {
	return fault.Conflict("plan_approved", "方案已批准，其依据的结果不再改变：请修改方案，或说明理由后销号另拟",
		"the plan was approved and keeps the result on which it is based: change its document, or close it with a reason and draft another").Held(p.lock())
}

// Ref names the plan.
func (p Plan) Ref() workflow.Ref {
	return workflow.Ref{Town: p.TownID, ID: p.ID, Version: p.Version}
}

var notLed = workflow.NotTied[Plan, *reader]

// AboutBranch returns the code of the branch.
func (p Plan) AboutBranch() string { return p.BranchCode }

// lock returns who brought the plan into its state, when and why.
func (p Plan) lock() fault.Lock {
	return fault.Lock{By: p.StateBy, At: p.StateAt, Reason: p.StateReason, CanLift: string(policy.LeadingGroup)}
}

// reader is a caller who reads or changes plans. Whoever may read the plans of a branch
// reaches as far with what else the role may do.
type reader struct {
	access.Caller
	ofDocument bool // whose state is asked: that of the document, or of the plan
}

func newReader(ctx context.Context, db *gorm.DB, townID string) (*reader, error) {
	v, err := access.CallerOf(ctx, db, townID, policy.ReadPlans, policy.ApprovePlans)
	return &reader{Caller: v}, err
}

func newDocumentReader(ctx context.Context, db *gorm.DB, townID string) (*reader, error) {
	v, err := newReader(ctx, db, townID)
	v.ofDocument = true
	return v, err
}

// Load sets whether the publications that the plans start from were withdrawn. In the answer
// about one it reads the items of the approved version.
func (v *reader) Load(ctx context.Context, db *gorm.DB, list []Plan, depth workflow.Depth) (err error) {
	withdrawn, err := index.TakenBack(ctx, db, v.Town)
	if err != nil {
		return err
	}
	for i, p := range list {
		list[i].Withdrawn = withdrawn(p.PeriodCode, p.PublicationNumber)
	}
	for i, p := range list {
		if depth != workflow.ForOne {
			break
		}
		if list[i].Items, err = itemsOf(ctx, db, v.Caller, p); err != nil {
			return err
		}
	}
	return nil
}

// State returns where the plan or its document is, and who brought the plan there.
func (v *reader) State(p Plan) (State, fault.Lock) {
	if v.ofDocument {
		return p.Stage, p.lock()
	}
	return p.State, p.lock()
}

// Show returns the plan with what the caller can do, in both lives.
func (v *reader) Show(p Plan, _ []string) Plan {
	p.Allowed = append(documents.Allowed(&reader{v.Caller, true}, p), plans.Allowed(&reader{v.Caller, false}, p)...)
	return p
}

// movers are the roles that bring a plan into its states, as far as a state says.
var movers = map[State]policy.Role{
	Draft: policy.Secretary, Advised: policy.Mentor, Running: policy.Secretary, Approved: policy.LeadingGroup,
	Returned: policy.LeadingGroup, Accepted: policy.LeadingGroup, Closed: policy.LeadingGroup,
}

// Tell returns the plan with roles in place of names, where the caller may not read people.
func (v *reader) Tell(p Plan) Plan {
	p.StateBy = v.Told(p.StateBy, movers[p.State])
	for i, m := range p.History {
		p.History[i].Actor = v.Told(m.Actor, m.Role)
	}
	return p
}

// Audit returns the plan without what has a record of its own.
func (v *reader) Audit(p Plan, _ string) (string, any) {
	p.Items, p.History, p.Allowed = nil, nil, nil
	return "plans/" + p.ID, p
}

// Source is the published result from which a document is generated.
type Source struct {
	Results     *index.ResultCache
	Period      string
	Publication int64 // 0 = the latest
	Language    string
}

// Begin stores a plan of a branch with a generated document. It is tied to the target
// that the branch is, if it is one.
func Begin(ctx context.Context, db *gorm.DB, townID, branch string, from Source) (Plan, error) {
	p := Plan{
		TownID: townID, ID: database.NewID(), BranchCode: branch, Stage: Draft, State: Draft,
		Versioned: database.Versioned{Version: 1},
	}
	return documents.Create(ctx, db, "draft", "", p, func(tx *gorm.DB, v *reader, p *Plan) error {
		if err := v.Principal.InScope(ctx, tx, policy.DraftPlans, townID, branch, v.Today); err != nil {
			return err
		}
		if err := improve.RefuseBranch(ctx, tx, townID, branch); err != nil {
			return err
		}
		if err := refuseSecondPlan(ctx, tx, townID, branch); err != nil {
			return err
		}
		if err := p.startFrom(ctx, tx, from); err != nil {
			return err
		}
		p.StateBy, p.StateAt = v.Name(), tx.NowFunc()
		return secondPlan(tx.Create(p).Error)
	})
}

// startFrom generates the document from a publication, and ties the plan to the target
// that the branch is.
func (p *Plan) startFrom(ctx context.Context, tx *gorm.DB, from Source) error {
	p.PeriodCode, p.PublicationNumber = from.Period, from.Publication
	view, err := p.view(ctx, tx, from.Results)
	if err != nil {
		return err
	}
	card, err := cardOf(view, p.BranchCode)
	if err != nil {
		return err
	}
	targets, err := target.Current(ctx, tx, p.TownID)
	if err != nil {
		return err
	}
	if t, is := targets[p.BranchCode]; is {
		p.TargetID = &t.ID
	}
	p.PublicationNumber = card.Publication
	p.Document.V, err = generate(ctx, tx, view, *p, from.Language)
	return err
}

// refuseSecondPlan refuses a branch that has a plan already.
func refuseSecondPlan(ctx context.Context, tx *gorm.DB, townID, branch string) error {
	var p Plan
	err := tx.WithContext(ctx).Where("town_id = ? AND branch_code = ? AND state <> ?", townID, branch, Closed).
		Take(&p).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fault.Conflict("plan_exists", "党组织“%[1]s”已有提升方案 %[2]s：请修改或重新拟定该方案，或在其销号后另拟",
		"the branch %[1]q has the plan %[2]s: write or redraft that one, or close it first", branch, p.ID).Held(p.lock())
}

func secondPlan(err error) error {
	if database.ConstraintOf(err) == "plans_living" {
		return fault.Conflict("plan_exists", "刚刚有人为该党组织建立了提升方案：请查看该方案", "somebody has just created a plan of the branch: read that one").Because(err)
	}
	return err
}

// Redraft replaces the document of a plan that was never approved by a generated one, from
// another publication or the same. What was written is lost, except the versions that were
// advised on.
func Redraft(ctx context.Context, db *gorm.DB, ref workflow.Ref, from Source) (Plan, error) {
	return documents.Do(ctx, db, ref, "redraft", "", func(tx *gorm.DB, _ *reader, p Plan) (c workflow.Change, err error) {
		if err := p.startFrom(ctx, tx, from); err != nil {
			return c, err
		}
		c.Columns = stateColumns(ctx, tx, Draft, "")
		c.Columns["stage"], c.Columns["document"], c.Columns["target_id"] = Draft, p.Document, p.TargetID
		c.Columns["period_code"], c.Columns["publication_number"] = p.PeriodCode, p.PublicationNumber
		return c, nil
	})
}

// Write replaces the document, which must be advised and approved again. What was
// approved before holds until then.
func Write(ctx context.Context, db *gorm.DB, b *index.ResultCache, ref workflow.Ref, d Document) (Plan, error) {
	return documents.Do(ctx, db, ref, "write", "", func(tx *gorm.DB, _ *reader, p Plan) (c workflow.Change, err error) {
		view, err := p.view(ctx, tx, b)
		if err != nil {
			return c, err
		}
		written, err := d.complete(view, p.BranchCode, p.Document.V)
		if err != nil {
			return c, err
		}
		if err := written.checkWork(ctx, tx, p); err != nil {
			return c, err
		}
		c.Columns = map[string]any{}
		if p.ApprovedVersion == nil {
			c.Columns = stateColumns(ctx, tx, Draft, "")
		}
		c.Columns["stage"], c.Columns["document"] = Draft, database.JSON[Document]{V: written}
		return c, nil
	})
}

// Move takes a plan or the document under way to another state: a mentor advises on the
// draft of the secretary, the leading group approves or sends it back, and later accepts,
// returns and closes, or abandons with a reason what is not accepted. Nobody decides
// about a branch that he or she leads. An approval stores what the plan is predicted to
// bring.
func Move(
	ctx context.Context, db *gorm.DB, b *index.ResultCache, ref workflow.Ref, to State, reason string,
) (Plan, error) {
	if slices.Contains([]State{Draft, Advised, Approved}, to) {
		return documents.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, _ *reader, p Plan) (c workflow.Change, err error) {
			c.Columns, err = p.moveDocument(ctx, tx, b, to, reason)
			return c, err
		})
	}
	return plans.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, _ *reader, p Plan) (c workflow.Change, err error) {
		c.Columns, err = p.moveOn(ctx, tx, to, reason)
		return c, err
	})
}

// stateColumns returns the columns that hold where a plan stands, and since when.
func stateColumns(ctx context.Context, tx *gorm.DB, to State, reason string) map[string]any {
	return map[string]any{
		"state": to, "state_by": access.PrincipalFrom(ctx).Name(), "state_at": tx.NowFunc(), "state_reason": reason,
	}
}

// moveDocument returns the columns of a move of the document, and stores what was
// advised on or approved as a version.
func (p Plan) moveDocument(
	ctx context.Context, tx *gorm.DB, b *index.ResultCache, to State, reason string,
) (map[string]any, error) {
	change := map[string]any{}
	if p.ApprovedVersion == nil {
		change = stateColumns(ctx, tx, to, reason)
	}
	if to == Draft {
		return change, nil
	}
	if len(p.Document.V.Items) == 0 {
		return change,
			fault.Broken(fault.Field("/items", "empty_plan", "方案没有提升事项", "the plan has no items: write at least one"))
	}
	var predicted *database.JSON[Prediction]
	if to == Approved {
		view, err := p.view(ctx, tx, b)
		if err != nil {
			return change, err
		}
		made, err := p.predict(view)
		if err != nil {
			return change, err
		}
		predicted = &database.JSON[Prediction]{V: made}
	}
	kept, err := p.keep(ctx, tx, to, reason, predicted)
	if err != nil || to != Approved {
		return change, err
	}
	change["approved_version"] = kept.Number
	if p.ApprovedOn == nil {
		change["approved_on"] = day.Of(tx.NowFunc())
	}
	return change, p.syncItems(ctx, tx)
}

// moveOn returns the columns of a move of the plan itself. It is accepted when nothing
// is left to do.
func (p Plan) moveOn(ctx context.Context, tx *gorm.DB, to State, reason string) (map[string]any, error) {
	if to == Accepted {
		var left int64
		err := tx.WithContext(ctx).Model(&Item{}).Where("town_id = ? AND plan_id = ? AND state NOT IN ?", p.TownID, p.ID,
			[]ItemState{ItemClosed, ItemDropped}).Count(&left).Error
		if err != nil {
			return nil, err
		}
		if left > 0 {
			return nil, fault.Conflict("items_open", "还有 %d 项提升事项未销号", "%d items of the plan are not closed",
				left).Held(p.lock())
		}
		if p.Stage != Approved {
			return nil, fault.Conflict("revision_open", "方案的修改稿尚未批准",
				"a new document of the plan waits for its approval").Held(p.lock())
		}
	}
	change := stateColumns(ctx, tx, to, reason)
	if to == Closed {
		change["closed_on"] = day.Of(tx.NowFunc())
	}
	return change, nil
}

// Find returns one plan with the items of its approved version and its history, if the
// caller may read those of its branch.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Plan, error) {
	return plans.Find(ctx, db, townID, id)
}

// Filter narrows a list; zero fields do not.
type Filter struct {
	Branch string
	State  State
	On     day.Date // only those that were approved and not closed on the day
	After  string
	Limit  int // 0 = all
}

// List returns the plans that the caller may read, in the order of their drafting.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Plan, error) {
	v, err := newReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	if f.Branch != "" {
		q = q.Where("branch_code = ?", f.Branch)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.On != "" {
		q = q.Where("approved_on <= ? AND (closed_on IS NULL OR closed_on > ?)", f.On, f.On)
	}
	return plans.List(ctx, db, v, q)
}

// Count returns the numbers of plans of the branches in the reach by their state, by one
// statement.
func Count(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (_ map[State]int64, err error) {
	defer fault.Wrap(&err, "count the plans of %s", townID)
	return database.CountStates[State](reach.Narrow(db.WithContext(ctx).Model(&Plan{}).Where("town_id = ?", townID)))
}

// CountItems returns the numbers of plan items likewise, those of closed plans included.
func CountItems(
	ctx context.Context, db *gorm.DB, townID string, reach access.Reach,
) (_ map[ItemState]int64, err error) {
	defer fault.Wrap(&err, "count the plan items of %s", townID)
	return database.CountStates[ItemState](reach.Narrow(db.WithContext(ctx).Model(&Item{}).Where("town_id = ?", townID)))
}
