package plan

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/improve/target"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// State is where a plan stands in its life, or a document of it in its own.
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

// Plan is how one branch is to improve (一村一策). A branch has one at a time that is
// not closed. Its document is what is being written, or what was approved last.
type Plan struct {
	TownID            string                  `gorm:"primaryKey" json:"-"`
	ID                string                  `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode        string                  `json:"branch" example:"b07"`
	TargetID          *string                 `json:"target,omitempty" format:"uuid"` // the branch was a confirmed target when it was drafted
	PeriodCode        string                  `json:"period" example:"2023Q2"`        // whose published result it starts from
	PublicationNumber int64                   `json:"publication" example:"1"`
	Document          database.JSON[Document] `json:"document" swaggertype:"object"`
	Stage             State                   `json:"stage" swaggertype:"string" enums:"draft,advised,approved"` // of the document
	State             State                   `json:"state" swaggertype:"string" enums:"draft,advised,approved,running,returned,accepted,closed"`
	ApprovedVersion   *int64                  `json:"approved_version,omitempty" example:"2"` // that holds now, whatever is being written
	ApprovedOn        *day.Date               `json:"approved_on,omitempty" swaggertype:"string" format:"date"`
	ClosedOn          *day.Date               `json:"closed_on,omitempty" swaggertype:"string" format:"date"`
	StateBy           string                  `json:"state_by" example:"group-1"`
	StateAt           time.Time               `json:"state_at"`
	StateReason       string                  `json:"state_reason,omitempty"`
	Items             []Item                  `gorm:"-" json:"items,omitempty"`   // of the approved version, in the answer about one
	History           []PlanMove              `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed           []string                `gorm:"-" json:"allowed"`
	database.Versioned
}

// PlanMove is one step of a plan, kept for ever under the version that it made.
type PlanMove struct {
	TownID  string      `gorm:"primaryKey" json:"-"`
	PlanID  string      `gorm:"primaryKey" json:"-"`
	Version int64       `gorm:"primaryKey" json:"version"`
	Verb    string      `json:"verb" enums:"draft,redraft,write,advise,send_back,approve,start,return,resume,accept,close,abandon"`
	At      time.Time   `json:"at"`
	Actor   string      `json:"by" example:"group-1"`
	Role    access.Role `json:"role" swaggertype:"string" example:"leading_group"`
	Reason  string      `json:"reason,omitempty"` // of an advice: its text
}

var planNoun = text.Text{ZH: "提升方案", EN: "plan"}

type planMachine = workflow.Machine[State, workflow.Free]

// documentMoves is the life of a document, planMoves that of the plan from its first
// approval on.
var (
	documentMoves = planMachine{
		{Verb: "write", From: []State{Draft, Advised, Approved}, Action: access.WritePlans},
		{Verb: "redraft", From: []State{Draft, Advised}, Action: access.DraftPlans},
		{Verb: "advise", From: []State{Draft}, To: Advised, Action: access.AdvisePlans, Reason: true},
		{Verb: "send_back", From: []State{Advised}, To: Draft, Action: access.ApprovePlans, Reason: true},
		{Verb: "approve", From: []State{Advised}, To: Approved, Action: access.ApprovePlans},
	}
	planMoves = planMachine{
		{Verb: "start", From: []State{Approved}, To: Running, Action: access.WritePlans},
		{Verb: "return", From: []State{Running}, To: Returned, Action: access.ApprovePlans, Reason: true},
		{Verb: "resume", From: []State{Returned}, To: Running, Action: access.WritePlans},
		{Verb: "accept", From: []State{Running}, To: Accepted, Action: access.ApprovePlans},
		{Verb: "close", From: []State{Accepted}, To: Closed, Action: access.ApprovePlans},
		{Verb: "abandon", From: []State{Approved, Running, Returned}, To: Closed, Action: access.ApprovePlans, Reason: true},
	}
)

// over reports whether the plan's work is done, so that its document stays.
func (p Plan) over() bool { return p.State == Accepted || p.State == Closed }

// ofDocument reports whether a move to the state is one of the document.
func (p Plan) ofDocument(to State) bool {
	return p.Stage != Approved && slices.Contains([]State{Draft, Advised, Approved}, to)
}

// stand is who brought the plan where it stands.
func (p Plan) stand() workflow.Standing {
	return workflow.Standing{By: p.StateBy, At: p.StateAt, Reason: p.StateReason, CanLift: string(access.LeadingGroup)}
}

// planViewer is what an answer about plans depends on besides them. Whoever may read
// the plans of a branch reaches as far with what else the role may do.
type planViewer struct {
	access.Principal
	reach access.Reach
	led   map[string]bool // branches about which the caller does not decide
}

func planViewerOf(ctx context.Context, db *gorm.DB, townID string) (v planViewer, err error) {
	v.Principal = access.Caller(ctx)
	if v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadPlans, townID, day.Of(db.NowFunc())); err != nil {
		return v, err
	}
	v.led, err = access.LedBy(ctx, db, townID, access.ApprovePlans)
	return v, err
}

// allowed leaves out deciding about a branch that the caller leads.
func (v planViewer) allowed(p Plan) []string {
	verbs := []string{}
	if v.led[p.BranchCode] {
		return verbs
	}
	if !p.over() {
		verbs = slices.DeleteFunc(documentMoves.Allowed(v.Principal, p.Stage, p.stand()), func(verb string) bool {
			return verb == "redraft" && p.ApprovedVersion != nil
		})
	}
	return append(verbs, planMoves.Allowed(v.Principal, p.State, p.stand())...)
}

// Find gives one plan with the items of its approved version and its history, if
// the caller may read those of its branch.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Plan, error) {
	v, err := planViewerOf(ctx, db, townID)
	if err != nil {
		return Plan{}, err
	}
	return v.find(ctx, db, townID, id)
}

func (v planViewer) find(ctx context.Context, db *gorm.DB, townID, id string) (Plan, error) {
	var p Plan
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&p).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.reach.Has(p.BranchCode) {
		return Plan{}, fault.Missing(planNoun, id)
	}
	if err != nil {
		return Plan{}, err
	}
	p.Allowed = v.allowed(p)
	if p.Items, err = v.items(ctx, db, p); err != nil {
		return Plan{}, err
	}
	err = db.WithContext(ctx).Where("town_id = ? AND plan_id = ?", townID, id).Order("version").Find(&p.History).Error
	return p, err
}

// Filter narrows a list; zero fields do not.
type Filter struct {
	Branch string
	State  State
	On     day.Date // only those that were approved and not closed on the day
	After  string
	Limit  int // 0 = all
}

// List gives the plans that the caller may read, in the order of their drafting.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Plan, error) {
	v, err := planViewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.reach.Narrow(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	if f.Branch != "" {
		q = q.Where("branch_code = ?", f.Branch)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.On != "" {
		q = q.Where("approved_on <= ? AND (closed_on IS NULL OR closed_on > ?)", f.On, f.On)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Plan
	err = q.Order("id").Find(&list).Error
	for i := range list {
		list[i].Allowed = v.allowed(list[i])
	}
	return list, err
}

// Count counts the plans of the branches in the reach by their state, in one
// statement.
func Count(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (map[State]int64, error) {
	return database.CountStates[State](reach.Narrow(db.WithContext(ctx).Model(&Plan{}).Where("town_id = ?", townID)))
}

// CountItems counts the items of those plans likewise, of plans that are closed too.
func CountItems(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (map[ItemState]int64, error) {
	return database.CountStates[ItemState](reach.Narrow(db.WithContext(ctx).Model(&Item{}).Where("town_id = ?", townID)))
}

// Begin makes a plan of a branch with a generated document, from a publication of
// the period, the latest where number is 0. It is tied to the target that the branch
// is, if it is one.
func Begin(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, branch, period string, number int64, language string) (Plan, error) {
	p := Plan{TownID: townID, ID: database.NewID(), BranchCode: branch, PeriodCode: period, Stage: Draft, State: Draft}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		who := access.Caller(ctx)
		if err := access.InScope(ctx, tx, who, access.DraftPlans, townID, branch, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		if err := improve.RefuseBranch(ctx, tx, townID, branch); err != nil {
			return err
		}
		if err := refuseSecondPlan(ctx, tx, townID, branch); err != nil {
			return err
		}
		p.PublicationNumber = number
		if err := p.startFrom(ctx, tx, b, language); err != nil {
			return err
		}
		p.StateBy, p.StateAt, p.Versioned = who.Name(), tx.NowFunc(), database.Versioned{Version: 1}
		if err := tx.Create(&p).Error; err != nil {
			return secondPlan(err)
		}
		if err := p.note(ctx, tx, 1, "draft", ""); err != nil {
			return err
		}
		var err error
		if p, err = Find(ctx, tx, townID, p.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "plan.draft", Subject: "plans/" + p.ID, After: p})
	})
	return p, err
}

// startFrom generates the document from the publication that the plan names, the
// latest where its number is 0, and ties the plan to the target that the branch is.
func (p *Plan) startFrom(ctx context.Context, tx *gorm.DB, b *index.ResultCache, language string) error {
	view, err := publishedView(ctx, tx, b, p.TownID, p.PeriodCode, p.PublicationNumber)
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
	p.Document.V, err = generate(ctx, tx, view, *p, language)
	return err
}

// Redraft has the document of a plan that was never approved generated anew, from
// another publication or the same one. What was written is lost, but for the versions
// that were advised on.
func Redraft(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, id string, version int64, period string, number int64, language string) (Plan, error) {
	return changePlan(ctx, db, townID, id, version, func(tx *gorm.DB, v planViewer, p Plan) (string, string, map[string]any, error) {
		mv, ok := documentMoves.Stay("redraft", p.Stage)
		if !ok || p.ApprovedVersion != nil {
			return "", "", nil, workflow.Conflict(p.stand(), "plan_approved", text.F(
				"方案已批准，其依据的结果不再改变：请修改方案，或说明理由后销号另拟", "the plan was approved and keeps the result that it starts from: write it, or close it with a reason and draft another"))
		}
		if err := mv.Refuse(v.Principal, p.stand(), ""); err != nil {
			return "", "", nil, err
		}
		if v.led[p.BranchCode] {
			return "", "", nil, improve.RefuseLed(ctx, tx, townID, p.BranchCode)
		}
		p.PeriodCode, p.PublicationNumber = period, number
		if err := p.startFrom(ctx, tx, b, language); err != nil {
			return "", "", nil, err
		}
		change := map[string]any{
			"document": p.Document, "stage": Draft, "target_id": p.TargetID, "period_code": p.PeriodCode, "publication_number": p.PublicationNumber,
		}
		p.settle(ctx, tx, Draft, "", change)
		return mv.Verb, "", change, nil
	})
}

// refuseSecondPlan names the plan that the branch has already.
func refuseSecondPlan(ctx context.Context, tx *gorm.DB, townID, branch string) error {
	var p Plan
	err := tx.WithContext(ctx).Where("town_id = ? AND branch_code = ? AND state <> ?", townID, branch, Closed).Take(&p).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return workflow.Conflict(p.stand(), "plan_exists", text.F(
		"党组织“%[1]s”已有提升方案 %[2]s：请修改或重新拟定该方案，或在其销号后另拟", "the branch %[1]q has the plan %[2]s: write or redraft that one, or close it first", branch, p.ID))
}

func secondPlan(err error) error {
	if database.ConstraintOf(err) == "plans_living" {
		return fault.Conflict("plan_exists", "该党组织刚有了提升方案", "the branch has just got a plan").Because(err)
	}
	return err
}

// note keeps a step of the plan.
func (p Plan) note(ctx context.Context, tx *gorm.DB, version int64, verb, reason string) error {
	who := access.Caller(ctx)
	return tx.Create(&PlanMove{TownID: p.TownID, PlanID: p.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: who.Name(), Role: who.Role, Reason: reason}).Error
}

// Write replaces the document, which must be advised and approved again. What was
// approved before holds until then.
func Write(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, id string, version int64, d Document) (Plan, error) {
	return changePlan(ctx, db, townID, id, version, func(tx *gorm.DB, v planViewer, p Plan) (string, string, map[string]any, error) {
		mv, ok := documentMoves.Stay("write", p.Stage)
		if !ok || p.over() {
			return "", "", nil, workflow.Conflict(p.stand(), "plan_over", text.F("方案已验收或销号，不能再修改", "the plan is accepted or closed: it is not written any more"))
		}
		if err := mv.Refuse(v.Principal, p.stand(), ""); err != nil {
			return "", "", nil, err
		}
		view, err := publishedView(ctx, tx, b, townID, p.PeriodCode, p.PublicationNumber)
		if err != nil {
			return "", "", nil, err
		}
		if d, err = d.complete(view, p.BranchCode, p.Document.V); err != nil {
			return "", "", nil, err
		}
		if err := d.checkWork(ctx, tx, p); err != nil {
			return "", "", nil, err
		}
		change := map[string]any{"document": database.JSON[Document]{V: d}, "stage": Draft}
		if p.ApprovedVersion == nil {
			p.settle(ctx, tx, Draft, "", change)
		}
		return mv.Verb, "", change, nil
	})
}

// settle sets the columns that say where the plan stands, and since when.
func (p Plan) settle(ctx context.Context, tx *gorm.DB, to State, reason string, change map[string]any) {
	change["state"], change["state_by"], change["state_at"], change["state_reason"] = to, access.Caller(ctx).Name(), tx.NowFunc(), reason
}

// changePlan makes one change of a plan: judge gives its verb, its reason and its
// columns.
func changePlan(ctx context.Context, db *gorm.DB, townID, id string, version int64, judge func(*gorm.DB, planViewer, Plan) (string, string, map[string]any, error)) (Plan, error) {
	var after Plan
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := planViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		if before.Version != version {
			return fault.OutOfDate()
		}
		verb, reason, columns, err := judge(tx, v, before)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Plan{TownID: townID, ID: id}, version, columns); err != nil {
			return err
		}
		if err := before.note(ctx, tx, version+1, verb, reason); err != nil {
			return err
		}
		if after, err = v.find(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "plan." + verb, Subject: "plans/" + id, Before: before, After: after, Reason: reason})
	})
	return after, err
}

// Move takes a plan or the document under way to another state: a mentor advises
// on the draft of the secretary, the leading group approves or sends it back, and
// later accepts, returns and closes, or abandons with a reason what is not accepted.
// Nobody decides about a branch that he or she leads. An approval stores what the plan is predicted to bring.
func Move(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, id string, version int64, to State, reason string) (Plan, error) {
	return changePlan(ctx, db, townID, id, version, func(tx *gorm.DB, v planViewer, p Plan) (string, string, map[string]any, error) {
		mv, err := p.move(v, to, reason)
		if err != nil {
			return "", "", nil, err
		}
		if mv.Action == access.ApprovePlans {
			if err := improve.RefuseLed(ctx, tx, townID, p.BranchCode); err != nil {
				return "", "", nil, err
			}
		}
		change := map[string]any{}
		if p.ofDocument(to) {
			err = p.moveDocument(ctx, tx, b, to, reason, change)
		} else {
			err = p.moveOn(ctx, tx, to, reason, change)
		}
		return mv.Verb, reason, change, err
	})
}

// move finds the move in the life of the document, or in that of the plan.
func (p Plan) move(v planViewer, to State, reason string) (workflow.Move[State, workflow.Free], error) {
	if p.ofDocument(to) {
		return documentMoves.Find(v.Principal, p.Stage, to, p.stand(), reason)
	}
	return planMoves.Find(v.Principal, p.State, to, p.stand(), reason)
}

// moveDocument sets the columns of a move of the document, and keeps what was advised
// on or approved as a version.
func (p Plan) moveDocument(ctx context.Context, tx *gorm.DB, b *index.ResultCache, to State, reason string, change map[string]any) error {
	if p.over() {
		return workflow.Conflict(p.stand(), "plan_over", text.F("方案已验收或销号，不能再修改", "the plan is accepted or closed: it is not written any more"))
	}
	change["stage"] = to
	if p.ApprovedVersion == nil {
		p.settle(ctx, tx, to, reason, change)
	}
	if to == Draft {
		return nil
	}
	if len(p.Document.V.Items) == 0 {
		return fault.Broken(fault.Field("/items", "empty_plan", "方案没有提升事项", "the plan has no items: write at least one"))
	}
	var predicted *database.JSON[Prediction]
	if to == Approved {
		view, err := publishedView(ctx, tx, b, p.TownID, p.PeriodCode, p.PublicationNumber)
		if err != nil {
			return err
		}
		made, err := p.predict(view)
		if err != nil {
			return err
		}
		predicted = &database.JSON[Prediction]{V: made}
	}
	kept, err := p.keep(ctx, tx, to, reason, predicted)
	if err != nil || to != Approved {
		return err
	}
	change["approved_version"] = kept.Number
	if p.ApprovedOn == nil {
		change["approved_on"] = day.Of(tx.NowFunc())
	}
	return p.syncItems(ctx, tx)
}

// moveOn sets the columns of a move of the plan itself. It is accepted when nothing
// is left to do.
func (p Plan) moveOn(ctx context.Context, tx *gorm.DB, to State, reason string, change map[string]any) error {
	if to == Accepted {
		var left int64
		err := tx.WithContext(ctx).Model(&Item{}).Where("town_id = ? AND plan_id = ? AND state NOT IN ?", p.TownID, p.ID, []ItemState{ItemClosed, ItemDropped}).Count(&left).Error
		if err != nil {
			return err
		}
		if left > 0 {
			return workflow.Conflict(p.stand(), "items_open", text.F("还有 %d 项提升事项未销号", "items that are not closed: %d", left))
		}
		if p.Stage != Approved {
			return workflow.Conflict(p.stand(), "revision_open", text.F("方案的修改稿尚未批准", "a new document of the plan waits for its approval"))
		}
	}
	if to == Closed {
		change["closed_on"] = day.Of(tx.NowFunc())
	}
	p.settle(ctx, tx, to, reason, change)
	return nil
}
