package evaluation

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// AdjustmentState is where an adjustment is in its life.
type AdjustmentState string

// The states of an adjustment. Only approved ones count.
const (
	Proposed           AdjustmentState = "proposed"
	ApprovedAdjustment AdjustmentState = "approved"
	Rejected           AdjustmentState = "rejected"
	Withdrawn          AdjustmentState = "withdrawn"
)

var adjustmentTitles = workflow.Titles[AdjustmentState]{
	Proposed:           {ZH: "待审批", EN: "proposed"},
	ApprovedAdjustment: {ZH: "已通过", EN: "approved"},
	Rejected:           {ZH: "未通过", EN: "rejected"},
	Withdrawn:          {ZH: "已撤回", EN: "withdrawn"},
}

// Title returns the name of the state.
func (s AdjustmentState) Title() text.Text { return adjustmentTitles.Of(s) }

// Adjustment is a bonus, deduction or veto of the scheme, proposed for one branch
// and period, and decided on by itself.
type Adjustment struct {
	TownID     string          `gorm:"primaryKey" json:"-"`
	ID         string          `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode string          `json:"period" example:"2023Q3"`
	BranchCode string          `json:"branch" example:"b07"`
	Kind       string          `json:"kind" enums:"bonus,deduction,veto"`
	ItemCode   string          `json:"item" example:"top-ten"`
	Points     float64         `json:"points" example:"2"` // as the scheme had them; 0 for a veto
	Reason     string          `json:"reason" example:"project chosen among the ten"`
	Evidence   string          `json:"evidence,omitempty"`
	State      AdjustmentState `json:"state"`
	// to the branch the role, and that once it is decided
	ProposedBy     string           `json:"proposed_by,omitempty" example:"mentor-1"`
	ProposedRole   policy.Role      `json:"-"`
	DecidedAt      *time.Time       `json:"decided_at,omitempty"`
	DecidedBy      string           `json:"decided_by,omitempty"`
	DecisionReason string           `json:"decision_reason,omitempty"`
	History        []AdjustmentMove `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed        []string         `gorm:"-" json:"allowed"`           // what the caller can do with it now
	database.Versioned
}

// AdjustmentMove is one step of an adjustment after its proposal.
type AdjustmentMove struct{ workflow.Transition }

// Ref names the adjustment.
func (a Adjustment) Ref() workflow.Ref {
	return workflow.Ref{Town: a.TownID, ID: a.ID, Version: a.Version}
}

// adjustmentReader is a caller who reads or changes adjustments.
type adjustmentReader struct {
	viewer
	earlier map[string]Adjustment // by id of one that changes: what was approved by the same evidence
}

func adjustmentReaderOf(ctx context.Context, db *gorm.DB, townID string) (*adjustmentReader, error) {
	v, err := viewerOf(ctx, db, townID, policy.ReadAdjustments)
	return &adjustmentReader{viewer: v}, err
}

type (
	adjustmentRules = []workflow.Rule[Adjustment, *adjustmentReader]
	adjustmentVerbs = []workflow.Verb[Adjustment, AdjustmentState, *adjustmentReader]
)

var decidingAdjustment = adjustmentRules{adjustable, notOwnProposal, notOwnBranch}

// adjustments is the life of an adjustment: its proposer withdraws it, the leading group
// approves or rejects it, until the period is locked.
var adjustments = workflow.Kind[Adjustment, AdjustmentState, *adjustmentReader]{
	Noun: text.Text{ZH: "加减分或否决", EN: "adjustment"}, Name: "adjustment", Titles: adjustmentTitles,
	Reader: adjustmentReaderOf,
	Verbs: adjustmentVerbs{
		{
			Name: "propose", To: Proposed, Action: policy.WriteAdjustments, Silent: true, Who: adjustmentRules{tiedToBranch},
			When: adjustmentRules{adjustable},
		},
		{
			Name: "approve", From: []AdjustmentState{Proposed}, To: ApprovedAdjustment, Action: policy.DecideAdjustments,
			When: slices.Concat(decidingAdjustment, adjustmentRules{notRepeated}), // last: who may not decide is not asked
		},
		{
			Name: "reject", From: []AdjustmentState{Proposed, ApprovedAdjustment}, To: Rejected,
			Action: policy.DecideAdjustments, Reason: true, When: decidingAdjustment,
		},
		{
			Name: "withdraw", From: []AdjustmentState{Proposed}, To: Withdrawn, Action: policy.WriteAdjustments,
			When: adjustmentRules{adjustable, proposer},
		},
	},
}.Checked()

// adjustable refuses outside the states of the period in which adjustments are made.
func adjustable(v *adjustmentReader, a Adjustment) error {
	return v.during(a.PeriodCode, entering...)
}

func tiedToBranch(v *adjustmentReader, a Adjustment) error { return v.Reach.Refuse(a.BranchCode) }

func notOwnBranch(v *adjustmentReader, a Adjustment) error {
	return v.refuseTied(a.BranchCode, a.PeriodCode)
}

// proposer lets only who proposed an adjustment withdraw it.
func proposer(v *adjustmentReader, a Adjustment) error {
	if v.Name() != a.ProposedBy {
		return fault.Forbidden("not_your_proposal", "只能撤回自己提出的项目", "only its proposer withdraws it")
	}
	return nil
}

// notOwnProposal keeps people from deciding on their own proposals.
func notOwnProposal(v *adjustmentReader, a Adjustment) error {
	if v.Name() == a.ProposedBy {
		return fault.Forbidden("own_proposal", "不能审批自己提出的项目", "nobody decides on his or her own proposal")
	}
	return nil
}

type acknowledgedKey struct{}

// Acknowledging returns a context in which an adjustment is approved although another was
// by the same evidence: whoever approves it knows and has given the reason.
func Acknowledging(ctx context.Context) context.Context {
	return context.WithValue(ctx, acknowledgedKey{}, true)
}

// notRepeated asks about an adjustment whose evidence has served another one already. What
// can be done stays allowed: only a call has looked.
func notRepeated(v *adjustmentReader, a Adjustment) error {
	if e, is := v.earlier[a.ID]; is {
		return repeatedEvidence(e)
	}
	return nil
}

// repeatedEvidence refuses what claims the evidence of an adjustment that counts already.
func repeatedEvidence(e Adjustment) *fault.Error {
	lock := fault.Lock{
		By: e.DecidedBy, Role: string(policy.LeadingGroup), At: e.UpdatedAt, Reason: e.DecisionReason,
		CanLift: string(policy.LeadingGroup),
	}
	return fault.Conflict("repeated_evidence",
		"同一依据已用于“%[1]s”党组织 %[2]s 周期的同一项目（%[3]s）：如确属另一事项，请写明理由并确认（acknowledge）后再通过",
		"an approved adjustment of the branch %[1]q in the period %[2]q has the same item and evidence (%[3]s): "+
			"if this is another matter, approve it with acknowledge and a reason", e.BranchCode, e.PeriodCode, e.ID).Held(lock)
}

// repeated finds the adjustments of the list whose evidence served an approved one of the
// town, or one before it in the list.
func repeated(ctx context.Context, db *gorm.DB, townID string, list []Adjustment) (map[string]Adjustment, error) {
	if ctx.Value(acknowledgedKey{}) != nil {
		return nil, nil
	}
	items := []string{}
	for _, a := range list {
		if a.State == Proposed {
			items = append(items, a.ItemCode)
		}
	}
	if len(items) == 0 {
		return nil, nil
	}
	known, err := counted(ctx, db, townID, items)
	found := map[string]Adjustment{}
	for _, a := range list {
		if at := slices.IndexFunc(known, a.repeats); at >= 0 {
			found[a.ID] = known[at]
		}
		known = append(known, a)
	}
	return found, err
}

// counted returns the adjustments of the items that count in the town: those that were
// approved and those that corrections have added, without those that corrections cancelled.
func counted(ctx context.Context, db *gorm.DB, townID string, items []string) (known []Adjustment, err error) {
	db = db.WithContext(ctx)
	err = db.Where("town_id = ? AND item_code IN ? AND state = ?", townID, items, ApprovedAdjustment).
		Order("id").Find(&known).Error
	if err != nil {
		return nil, err
	}
	var list []Correction
	err = db.Where("town_id = ? AND code IN ? AND adjustment <> ''", townID, items).Order("period_code, number").
		Find(&list).Error
	for _, c := range list {
		if c.Adjustment == AddAdjustment {
			known = append(known, c.claim())
			continue
		}
		at := slices.IndexFunc(known, func(a Adjustment) bool {
			return a.PeriodCode == c.PeriodCode && a.BranchCode == c.BranchCode && a.ItemCode == c.Code
		})
		if at >= 0 {
			known = slices.Delete(known, at, at+1)
		}
	}
	return known, err
}

// repeats reports whether a claims by the same evidence what another one has: the same
// item, by the same text or by a document or file of the same number or digest. A bonus
// is earned once; of deductions and vetoes, one branch gets the same once.
func (a Adjustment) repeats(other Adjustment) bool {
	if a.ID == other.ID || a.ItemCode != other.ItemCode || a.Kind != "bonus" && a.BranchCode != other.BranchCode {
		return false
	}
	texts, documents := a.evidence()
	otherTexts, others := other.evidence()
	return texts[0] == otherTexts[0] || len(texts[1]) >= telling && texts[1] == otherTexts[1] ||
		slices.ContainsFunc(documents, func(d string) bool { return slices.Contains(others, d) })
}

// document finds the number of an official document, such as 佛发〔2023〕12号, and the
// SHA-256 of a file.
var document = regexp.MustCompile(`[〔\[(【]([0-9]{4})[〕\])】]\s*第?\s*0*([0-9]+)\s*号|\b[0-9a-f]{64}\b`)

// telling is how many bytes of letters and digits make an evidence that is not a common
// word such as "photos".
const telling = 24

// evidence returns what an adjustment rests on, reason with evidence and evidence alone, as
// letters and digits, and the documents that it names.
func (a Adjustment) evidence() (texts [2]string, documents []string) {
	evidence := strings.ToLower(norm.NFKC.String(a.Evidence))
	whole := strings.ToLower(norm.NFKC.String(a.Reason)) + " " + evidence
	for _, m := range document.FindAllStringSubmatch(whole, -1) {
		documents = append(documents, cmp.Or(strings.Trim(m[1]+"-"+m[2], "-"), m[0]))
	}
	return [2]string{plain(whole), plain(evidence)}, documents
}

// plain returns the letters and digits of a text.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, text)
}

// State returns the state of the adjustment, and who brought it there.
func (v *adjustmentReader) State(a Adjustment) (AdjustmentState, fault.Lock) {
	lock := fault.Lock{By: a.ProposedBy, At: a.CreatedAt, Reason: a.Reason, CanLift: string(policy.LeadingGroup)}
	// without a role: who is judged is not told it before the decision
	if a.DecidedAt != nil {
		lock.By, lock.Role, lock.At, lock.Reason = a.DecidedBy, string(policy.LeadingGroup), *a.DecidedAt, a.DecisionReason
	}
	return a.State, lock
}

// Visible narrows a query to the adjustments of branches in reach.
func (v *adjustmentReader) Visible(q *gorm.DB) *gorm.DB { return v.Reach.Narrow(q) }

// Load reads the periods of the adjustments, held where they are to change, and the
// history of one.
func (v *adjustmentReader) Load(ctx context.Context, db *gorm.DB, list []Adjustment, depth workflow.Depth) (err error) {
	if v.periods == nil {
		q, codes := db.WithContext(ctx), make([]string, len(list))
		if depth == workflow.ForChange {
			q = q.Clauses(shared)
		}
		for i, a := range list {
			codes[i] = a.PeriodCode
		}
		if v.periods, err = readPeriods(q, v.Town, codes); err != nil {
			return err
		}
	}
	if depth == workflow.ForChange {
		if v.earlier, err = repeated(ctx, db, v.Town, list); err != nil {
			return err
		}
	}
	if depth == workflow.ForOne {
		list[0].History, err = workflow.History[AdjustmentMove](ctx, db, adjustments.Name, list[0].Ref())
	}
	return err
}

// Show returns the adjustment with what the caller can do.
func (v *adjustmentReader) Show(a Adjustment, allowed []string) Adjustment {
	a.Allowed = allowed
	return a
}

// Tell returns the adjustment without the names of those who judge the caller's branch:
// with the role of who proposed it once that is decided, and of who decided.
func (v *adjustmentReader) Tell(a Adjustment) Adjustment {
	decider := policy.LeadingGroup
	if a.State == Withdrawn {
		decider = a.ProposedRole
	}
	a.DecidedBy = v.Told(a.DecidedBy, decider)
	if a.State == Proposed {
		a.ProposedBy = v.Told(a.ProposedBy, "")
	} else {
		a.ProposedBy = v.Told(a.ProposedBy, a.ProposedRole)
	}
	for i, m := range a.History {
		a.History[i].Actor = v.Told(m.Actor, m.Role)
	}
	return a
}

// Audit returns the whole adjustment where it was proposed, and the state where it moved.
func (v *adjustmentReader) Audit(a Adjustment, verb string) (string, any) {
	if verb == "propose" {
		return "adjustments/" + a.ID, a
	}
	return "adjustments/" + a.ID, a.State
}

// Propose enters an item of the scheme for a branch. Its points are those of the
// scheme, so that nobody bargains.
func Propose(ctx context.Context, db *gorm.DB, a Adjustment) (Adjustment, error) {
	p := access.PrincipalFrom(ctx)
	a.ID, a.State, a.ProposedBy, a.ProposedRole = database.NewID(), Proposed, p.Name(), p.Role
	a.DecidedAt, a.DecidedBy, a.DecisionReason = nil, "", ""
	a.Versioned = database.Versioned{Version: 1}
	period, err := FindPeriod(ctx, db, a.TownID, a.PeriodCode)
	if err != nil {
		return Adjustment{}, err
	}
	if _, err := period.branch(ctx, db, a.BranchCode); err != nil {
		return Adjustment{}, err
	}
	return adjustments.Create(ctx, db, "propose", "", a, func(tx *gorm.DB, v *adjustmentReader, a *Adjustment) error {
		compiled, err := scheme.Load(ctx, tx, a.TownID, period.Scheme.Code, period.Scheme.Number)
		if err != nil {
			return err
		}
		if err := a.refuseMore(ctx, tx); err != nil {
			return err
		}
		if a.Points, err = points(compiled.Document.Adjustments, a.Kind, a.ItemCode); err != nil {
			return err
		}
		return tx.Create(a).Error
	})
}

// refuseMore refuses a proposal of who has as many about the branch as the town lets wait
// for a decision. Proposals about one branch that come at the same moment follow one another.
func (a Adjustment) refuseMore(ctx context.Context, tx *gorm.DB) error {
	in, err := town.Find(ctx, tx, a.TownID)
	if err != nil {
		return err
	}
	if err := people.LockBranch(tx.WithContext(ctx), a.TownID, a.BranchCode); err != nil {
		return err
	}
	var open []Adjustment
	err = tx.WithContext(ctx).Where("town_id = ? AND branch_code = ? AND proposed_by = ? AND state = ?",
		a.TownID, a.BranchCode, a.ProposedBy, Proposed).Order("id").Limit(int(in.OpenProposals)).Find(&open).Error
	if err != nil || int64(len(open)) < in.OpenProposals {
		return err
	}
	return fault.Conflict("too_many_proposals",
		"您对党组织“%[1]s”已有 %[2]d 项加减分待审批，达到本镇上限：请等待审批，或先撤回其中几项",
		"%[2]d of your adjustments about the branch %[1]q wait for a decision, which is the limit of this town: "+
			"wait for the decisions, or withdraw some", a.BranchCode, in.OpenProposals).
		Held(fault.Lock{
			By: a.ProposedBy, At: open[0].CreatedAt, Reason: open[0].Reason, CanLift: string(policy.LeadingGroup),
		})
}

// points returns those of the item among the items of its kind.
func points(known scheme.Adjustments, kind, code string) (float64, error) {
	var items []scheme.Item
	switch kind {
	case "bonus":
		items = known.Bonus.Items
	case "deduction":
		items = known.Deduction.Items
	case "veto":
		for _, v := range known.Vetoes {
			items = append(items, scheme.Item{Code: v.Code})
		}
	default:
		return 0, fault.Broken(fault.Field("/kind", "unknown_kind",
			"请用加分（bonus）、扣分（deduction）或一票否决（veto）", "use bonus, deduction or veto"))
	}
	for _, item := range items {
		if item.Code == code {
			return item.Points, nil
		}
	}
	return 0, fault.Broken(fault.Field("/item", "unknown_item",
		"指标体系的该类项目中没有“%s”", "the scheme has no such item: %q", code))
}

// MoveAdjustment decides on an adjustment, or withdraws one's own.
func MoveAdjustment(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, to AdjustmentState, reason string,
) (Adjustment, error) {
	return adjustments.Move(ctx, db, ref, to, reason,
		func(tx *gorm.DB, v *adjustmentReader, _ Adjustment) (workflow.Change, error) {
			return v.decided(tx, reason), nil
		})
}

// decided returns the change of a step that the caller takes now.
func (v *adjustmentReader) decided(tx *gorm.DB, reason string) workflow.Change {
	return workflow.Change{Columns: map[string]any{
		"decided_at": tx.NowFunc(), "decided_by": v.Name(), "decision_reason": reason,
	}}
}

// MoveAdjustments decides on many adjustments of a town, or withdraws one's own: those
// that can move do, the verdicts about the others hold why not.
func MoveAdjustments(ctx context.Context, db *gorm.DB, all workflow.Bulk[AdjustmentState]) ([]workflow.Verdict, error) {
	return adjustments.MoveAll(ctx, db, all,
		func(tx *gorm.DB, v *adjustmentReader, _ []Adjustment) (workflow.Change, error) {
			return v.decided(tx, all.Reason), nil
		})
}

// FindAdjustment returns one adjustment, if the caller may read those of its branch.
func FindAdjustment(ctx context.Context, db *gorm.DB, townID, id string) (Adjustment, error) {
	return adjustments.Find(ctx, db, townID, id)
}

// AdjustmentFilter narrows a list; zero fields do not.
type AdjustmentFilter struct {
	Period, Branch string
	State          AdjustmentState
	After          string
	Limit          int
}

// ListAdjustments returns the adjustments that the caller may read, in the order of
// their making.
func ListAdjustments(ctx context.Context, db *gorm.DB, townID string, f AdjustmentFilter) ([]Adjustment, error) {
	v, err := adjustmentReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "period_code", f.Period, "branch_code", f.Branch, "state", string(f.State))
	return adjustments.List(ctx, db, v, q)
}
