package dashboard

import (
	"cmp"
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/exchange"
	"bulwark/internal/fault"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/improve/target"
	"bulwark/internal/improve/visit"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
	"bulwark/internal/review"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/webhook"
	"bulwark/internal/workflow"
)

// Home is what waits for the caller: in each town that he or she may enter, under each role held.
type Home struct {
	Today day.Date `json:"today" swaggertype:"string" format:"date"` // in Asia/Shanghai
	// in the order of codes, at most 20 of those that the caller is not limited to
	Towns []HomeTown `json:"towns"`
} // @name Home

// HomeTown is what waits in one town.
type HomeTown struct {
	Code  string     `json:"code" example:"lishui"` // of the town
	Name  string     `json:"name" example:"里水镇"`    // in the language of the answer
	Roles []HomeRole `json:"roles"`                 // held now, in the order of the policy table
} // @name HomeTown

// HomeRole is what waits for the caller under one role. Send Act-As with it to do what is there.
type HomeRole struct {
	Role  policy.Role `json:"role" swaggertype:"string" example:"mentor"` // for Act-As
	Name  string      `json:"name" example:"导师"`                          // in words of the language
	Total int         `json:"total" example:"12"`                         // of items; of each kind at most 200 are counted
	Items []HomeItem  `json:"items"`                                      // by day, those without one last; at most 100
} // @name HomeRole

// HomeItem is one thing to do.
type HomeItem struct {
	// sheet_…: to enter; decide_…, receive_report, review_case, verify_item: to decide; the others as reminders have them
	Kind    string          `json:"kind" example:"sheet_returned"`
	Message string          `json:"message"`                           // what is to be done
	Reason  string          `json:"reason,omitempty"`                  // of the one who sent it back
	Period  string          `json:"period,omitempty" example:"2023Q3"` // absent where it is about none
	Branch  *town.BranchRef `json:"branch,omitempty"`                  // likewise
	// the last day in time; absent where there is none
	DueOn   *day.Date `json:"due_on,omitempty" swaggertype:"string" format:"date"`
	Overdue bool      `json:"overdue"`                                               // that day has passed
	Subject string    `json:"subject" example:"evaluations/0190…"`                   // its address below the town
	Link    string    `json:"link" example:"/api/v1/towns/lishui/evaluations/0190…"` // its path below the address of the service
	Allowed []string  `json:"allowed"`                                               // what the caller can do with it now
	// why nothing can be entered now
	Locked *workflow.Refusal `json:"locked,omitempty"`

	branch string
} // @name HomeItem

const (
	homeTowns = 20
	homeItems = 100
	homeRead  = 200 // of one kind
)

var homeWords = map[string]text.Text{
	"sheet_missing":     {ZH: "考评表尚未填写", EN: "an evaluation is not begun"},
	"sheet_draft":       {ZH: "考评表尚未提交", EN: "an evaluation is not submitted"},
	"sheet_returned":    {ZH: "考评表已被退回，请改正后重新提交", EN: "an evaluation was returned: correct and submit it"},
	"decide_sheet":      {ZH: "考评表等待审核", EN: "an evaluation waits for a decision"},
	"decide_adjustment": {ZH: "加减分等待审批", EN: "an adjustment waits for a decision"},
	"decide_proposal":   {ZH: "公布提议等待第二人确认", EN: "a proposal waits for a second person"},
	"decide_appeal":     {ZH: "申诉等待处理", EN: "an appeal waits for an answer"},
	"decide_target":     {ZH: "提升对象等待确定", EN: "a target waits for a decision"},
	"decide_right":      {ZH: "新的决定权等待确认", EN: "a new right to decide waits for an acknowledgement"},
	"advise_plan":       {ZH: "提升方案等待指导", EN: "a plan waits for advice"},
	"decide_plan":       {ZH: "提升方案等待批准", EN: "a plan waits for approval"},
	"verify_item":       {ZH: "提升事项等待核验", EN: "a plan item waits for verification"},
	"close_item":        {ZH: "提升事项等待销号", EN: "a plan item waits for being closed"},
	"receive_report":    {ZH: "汇报等待接收", EN: "a report waits for being received"},
	"draft_report":      {ZH: "汇报尚未提交", EN: "a report is not submitted"},
	"draft_visit":       {ZH: "走访记录尚未完成", EN: "a visit is not recorded"},
	"review_case":       {ZH: "案例等待审核", EN: "a case waits for a review"},
	"webhook_disabled":  {ZH: "推送地址已停用：请检查后重新启用", EN: "a webhook is disabled: look at its attempts and enable it again"},
	"case_returned":     {ZH: "案例已被退回，请修改", EN: "a case was returned: change it"},
}

// FindHome returns what waits for the caller. Of each kind of record it asks what the caller
// could read, and shows those that the rules of the kind let him or her take further now.
func FindHome(ctx context.Context, db *gorm.DB, language string) (h Home, err error) {
	defer fault.Wrap(&err, "what waits for the caller")
	p := access.PrincipalFrom(ctx)
	h = Home{Today: day.Of(db.NowFunc()), Towns: []HomeTown{}}
	if len(p.Roles) == 0 {
		return h, nil
	}
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		h.Towns = []HomeTown{}
		towns, err := town.List(ctx, tx, town.Filter{Only: p.Towns})
		if err != nil {
			return err
		}
		towns = slices.DeleteFunc(towns, func(t town.Town) bool { return p.In(t.Code).Role == "" })
		for _, t := range towns[:min(len(towns), homeTowns)] {
			one := HomeTown{Code: t.Code, Name: t.Name.In(language)}
			refs, err := town.ListBranchRefs(ctx, tx, t.Code, h.Today, language)
			if err != nil {
				return err
			}
			for _, role := range p.Roles {
				w := waiting{tx, t.Code, language, h.Today}
				r, err := w.under(ctx, role, refs)
				if err != nil {
					return err
				}
				one.Roles = append(one.Roles, r)
			}
			h.Towns = append(h.Towns, one)
		}
		return nil
	})
	return h, err
}

// waiting finds what waits in a town.
type waiting struct {
	db             *gorm.DB
	town, language string
	today          day.Date
}

// sources are the kinds of things that wait, each with what one must be allowed to read.
var sources = []struct {
	reads policy.Action
	find  func(waiting, context.Context) ([]HomeItem, error)
}{
	{policy.WriteSheets, waiting.ownSheets},
	{policy.DecideSheets, waiting.sheets},
	{policy.ReadAdjustments, waiting.adjustments},
	{policy.ReadProposals, waiting.proposals},
	{policy.ReadAppeals, waiting.appeals},
	{policy.ReadTargets, waiting.targets},
	{policy.ReadPlans, waiting.plans},
	{policy.ReadPlans, waiting.items},
	{policy.ReadReports, waiting.reports},
	{policy.ReadVisits, waiting.visits},
	{policy.ReadCases, waiting.cases},
	{policy.ReadRights, waiting.rights},
	{policy.ReadReminders, waiting.reminders},
	{policy.ManageWebhooks, waiting.webhooks},
}

// under returns what waits under the role.
func (w waiting) under(ctx context.Context, role policy.Role, refs town.BranchRefs) (HomeRole, error) {
	r := HomeRole{Role: role, Name: role.Name().In(w.language), Items: []HomeItem{}}
	p, err := access.PrincipalFrom(ctx).ActingAs(role)
	if err != nil {
		return r, err
	}
	ctx = access.WithPrincipal(ctx, p)
	for _, s := range sources {
		if !p.May(s.reads) {
			continue
		}
		list, err := s.find(w, ctx)
		if err != nil {
			return r, err
		}
		r.Items = append(r.Items, list...)
	}
	for i := range r.Items {
		item := &r.Items[i]
		if item.branch != "" {
			item.Branch = new(refs.Of(item.branch))
		}
		if item.Message == "" {
			item.Message = homeWords[item.Kind].In(w.language)
		}
		item.Overdue = item.DueOn != nil && w.today > *item.DueOn
		item.Link = "/api/v1/towns/" + w.town + "/" + item.Subject
	}
	slices.SortStableFunc(r.Items, func(a, b HomeItem) int {
		return cmp.Or(cmp.Compare(a.dueBy(), b.dueBy()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Period, b.Period),
			cmp.Compare(a.branch, b.branch))
	})
	r.Total = len(r.Items)
	r.Items = r.Items[:min(r.Total, homeItems)]
	return r, nil
}

func (i HomeItem) dueBy() day.Date {
	if i.DueOn == nil {
		return day.Latest
	}
	return *i.DueOn
}

// those returns the items of the records with which one of the verbs can be used now.
func those[T any](list []T, err error, item func(T) HomeItem, verbs ...string) ([]HomeItem, error) {
	var items []HomeItem
	for _, x := range list {
		one := item(x)
		if slices.ContainsFunc(verbs, func(verb string) bool { return slices.Contains(one.Allowed, verb) }) {
			items = append(items, one)
		}
	}
	return items, err
}

func (w waiting) ownSheets(ctx context.Context) ([]HomeItem, error) {
	list, err := review.ListOwnUnsubmitted(ctx, w.db, w.town, w.language)
	items := make([]HomeItem, len(list))
	for i, s := range list {
		items[i] = HomeItem{
			Kind: "sheet_" + cmp.Or(string(s.Sheet.State), "missing"), Reason: s.Row.Reason, Period: s.Period.Code,
			branch: s.Sheet.BranchCode, DueOn: s.DueOn, Subject: "evaluations/" + s.Sheet.ID, Allowed: s.Row.Allowed,
			Locked: s.Row.Locked,
		}
		if s.Sheet.ID == "" {
			items[i].Subject = "periods/" + s.Period.Code + "/entry"
		}
	}
	return items, err
}

func (w waiting) sheets(ctx context.Context) (items []HomeItem, err error) {
	for _, state := range []evaluation.PeriodState{evaluation.Open, evaluation.Review} {
		periods, err := evaluation.ListPeriods(ctx, w.db, w.town, evaluation.PeriodFilter{State: state, Limit: homeRead})
		if err != nil {
			return nil, err
		}
		for _, p := range periods {
			list, err := evaluation.ListSheets(ctx, w.db, w.town, evaluation.SheetFilter{
				Period: p.Code, State: evaluation.Submitted, Limit: homeRead,
			})
			some, err := those(list, err, func(s evaluation.Sheet) HomeItem {
				return HomeItem{
					Kind: "decide_sheet", Period: p.Code, branch: s.BranchCode, DueOn: p.ReviewUntil,
					Subject: "evaluations/" + s.ID, Allowed: s.Allowed,
				}
			}, "approve", "return")
			if err != nil {
				return nil, err
			}
			items = append(items, some...)
		}
	}
	return items, nil
}

func (w waiting) adjustments(ctx context.Context) ([]HomeItem, error) {
	list, err := evaluation.ListAdjustments(ctx, w.db, w.town, evaluation.AdjustmentFilter{
		State: evaluation.Proposed, Limit: homeRead,
	})
	return those(list, err, func(a evaluation.Adjustment) HomeItem {
		return HomeItem{
			Kind: "decide_adjustment", Period: a.PeriodCode, branch: a.BranchCode, Subject: "adjustments/" + a.ID, Allowed: a.Allowed,
		}
	}, "approve", "reject")
}

func (w waiting) proposals(ctx context.Context) ([]HomeItem, error) {
	list, err := proposal.List(ctx, w.db, w.town, proposal.Filter{State: proposal.Open, Limit: homeRead})
	return those(list, err, func(p proposal.Proposal) HomeItem {
		return HomeItem{
			Kind: "decide_proposal", Period: p.PeriodCode, branch: word(p.BranchCode), Subject: "proposals/" + p.ID, Allowed: p.Allowed,
		}
	}, "confirm", "reject")
}

func (w waiting) appeals(ctx context.Context) ([]HomeItem, error) {
	list, err := index.ListAppeals(ctx, w.db, w.town, index.AppealFilter{State: index.Filed, Limit: homeRead})
	return those(list, err, func(a index.Appeal) HomeItem {
		return HomeItem{
			Kind: "decide_appeal", Period: a.PeriodCode, branch: a.BranchCode, DueOn: &a.DueOn, Subject: "appeals/" + a.ID,
			Allowed: a.Allowed,
		}
	}, "uphold", "reject")
}

func (w waiting) targets(ctx context.Context) ([]HomeItem, error) {
	list, err := target.List(ctx, w.db, w.town, target.Filter{State: target.Proposed, Limit: homeRead})
	return those(list, err, func(t target.Target) HomeItem {
		return HomeItem{
			Kind: "decide_target", Period: word(t.PeriodCode), branch: t.BranchCode, Subject: "targets/" + t.ID, Allowed: t.Allowed,
		}
	}, "confirm", "dismiss")
}

func (w waiting) plans(ctx context.Context) (items []HomeItem, err error) {
	for _, step := range []struct {
		state plan.State
		kind  string
		verb  string
	}{
		{plan.Draft, "advise_plan", "advise"}, {plan.Advised, "decide_plan", "approve"},
	} {
		list, err := plan.List(ctx, w.db, w.town, plan.Filter{State: step.state, Limit: homeRead})
		some, err := those(list, err, func(p plan.Plan) HomeItem {
			return HomeItem{Kind: step.kind, branch: p.BranchCode, Subject: "plans/" + p.ID, Allowed: p.Allowed}
		}, step.verb)
		if err != nil {
			return nil, err
		}
		items = append(items, some...)
	}
	return items, nil
}

func (w waiting) items(ctx context.Context) (items []HomeItem, err error) {
	for _, step := range []struct {
		state plan.ItemState
		kind  string
		verb  string
	}{
		{plan.ItemDone, "verify_item", "verify"}, {plan.ItemVerified, "close_item", "close"},
	} {
		list, err := plan.ListItems(ctx, w.db, w.town, step.state, homeRead)
		some, err := those(list, err, func(x plan.Item) HomeItem {
			return HomeItem{
				Kind: step.kind, branch: x.BranchCode, Subject: "plans/" + x.PlanID + "/items/" + x.ID, Allowed: x.Allowed,
			}
		}, step.verb)
		if err != nil {
			return nil, err
		}
		items = append(items, some...)
	}
	return items, nil
}

func (w waiting) reports(ctx context.Context) ([]HomeItem, error) {
	list, err := report.List(ctx, w.db, w.town, report.Filter{State: report.Submitted, Limit: homeRead})
	items, err := those(list, err, func(r report.Report) HomeItem {
		return HomeItem{Kind: "receive_report", Subject: "reports/" + r.ID, Allowed: r.Allowed}
	}, "receive")
	if err != nil {
		return nil, err
	}
	list, err = report.List(ctx, w.db, w.town, report.Filter{State: report.Draft, Limit: homeRead})
	own, err := those(list, err, func(r report.Report) HomeItem {
		return HomeItem{Kind: "draft_report", Subject: "reports/" + r.ID, Allowed: r.Allowed}
	}, "submit")
	return append(items, own...), err
}

func (w waiting) visits(ctx context.Context) ([]HomeItem, error) {
	list, err := visit.List(ctx, w.db, w.town, visit.Filter{State: visit.Draft, Limit: homeRead})
	return those(list, err, func(v visit.Visit) HomeItem {
		return HomeItem{Kind: "draft_visit", branch: v.BranchCode, Subject: "visits/" + v.ID, Allowed: v.Allowed}
	}, "record")
}

func (w waiting) cases(ctx context.Context) ([]HomeItem, error) {
	list, err := exchange.ListCases(ctx, w.db, w.town, exchange.CaseFilter{State: exchange.Submitted, Limit: homeRead})
	items, err := those(list, err, func(c exchange.Case) HomeItem {
		return HomeItem{Kind: "review_case", branch: c.BranchCode, Subject: "cases/" + c.ID, Allowed: c.Allowed}
	}, "publish", "return")
	if err != nil {
		return nil, err
	}
	list, err = exchange.ListCases(ctx, w.db, w.town, exchange.CaseFilter{State: exchange.Returned, Limit: homeRead})
	own, err := those(list, err, func(c exchange.Case) HomeItem {
		return HomeItem{Kind: "case_returned", branch: c.BranchCode, Subject: "cases/" + c.ID, Allowed: c.Allowed}
	}, "edit")
	return append(items, own...), err
}

func (w waiting) rights(ctx context.Context) (items []HomeItem, err error) {
	for _, state := range []credential.RightState{credential.RightPending, credential.RightSeconded} {
		list, err := credential.ListRights(ctx, w.db, w.town, credential.RightFilter{State: state, Limit: homeRead})
		some, err := those(list, err, func(r credential.Right) HomeItem {
			return HomeItem{Kind: "decide_right", Subject: "rights/" + r.ID, Allowed: r.Allowed}
		}, "second", "acknowledge", "give_alone")
		if err != nil {
			return nil, err
		}
		items = append(items, some...)
	}
	return items, nil
}

// webhooks returns those that stand still until somebody enables them again.
func (w waiting) webhooks(ctx context.Context) (items []HomeItem, err error) {
	list, err := webhook.ListFailed(ctx, w.db, w.town)
	for _, one := range list {
		items = append(items, HomeItem{Kind: "webhook_disabled", Subject: "webhooks/" + one.ID, Allowed: []string{}})
	}
	return items, err
}

// reminders returns what the caller is reminded of and is not in another list: sheets are.
func (w waiting) reminders(ctx context.Context) (items []HomeItem, err error) {
	if policy.ReadReminders.ScopeFor(access.PrincipalFrom(ctx).Role) == policy.All {
		return nil, nil // what others are late with: the dashboard has it
	}
	list, err := report.ListCurrent(ctx, w.db, w.town, w.language, homeRead)
	for _, r := range list {
		if !r.AboutSheets() {
			items = append(items, HomeItem{
				Kind: r.Kind, Message: r.Message, branch: word(r.BranchCode), DueOn: &r.DueOn, Subject: r.Subject, Allowed: []string{},
			})
		}
	}
	return items, err
}

func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
