// Package personal lists what is kept of one person, in whatever table: what the person may
// ask for, and what stays when he or she is pseudonymised.
package personal

import "bulwark/internal/text"

// form is how a column names a person.
type form int

const (
	code       form = iota // the code itself
	list                   // JSON in which the code stands as a text
	credential             // a key or account of the person
	subject                // the address of the person
)

// column is a column that names a person, and as what.
type column struct {
	name string
	as   string // the word of the API
	form form
}

// table is where people are named by code.
type table struct {
	name    string
	columns []column
	// of a row, below the town, with columns in braces; with a leading slash outside of any
	// town. Rows without one are only counted.
	address string
	order   string // columns that order the rows; the last one tells them apart
	where   string // optional: the rows that name people at all
	title   text.Text
	stays   text.Text // why its rows stay when the person is pseudonymised
}

// The reasons why rows stay.
var (
	duty     = text.Text{ZH: "说明当时由谁任职、与哪个党组织有何关系，据此判断回避", EN: "it says who held which office for which branch; conflicts of interest are judged by it"}
	figure   = text.Text{ZH: "公布的成绩由此计算", EN: "published figures are computed from it"}
	decision = text.Text{ZH: "记载由谁作出决定，公布的结果以此为据", EN: "it says who decided; what is published rests on it"}
	work     = text.Text{ZH: "属于党组织工作记录", EN: "it is a record of the work of a branch"}
	security = text.Text{ZH: "记载谁曾能登录系统，用于安全追查", EN: "it says who could sign in, for inquiries into security"}
	trail    = text.Text{ZH: "审计日志只增不改：改动任何一条都会破坏整条链", EN: "the trail only grows: to change one record would break the chain of all later ones"}
)

// cancellable are the columns of what ties a person, and of who cancelled it.
var cancellable = []column{
	{"person_code", "person", code},
	{"cancelled_by", "cancelled_by", code},
	{"cancel_confirmed_by", "cancel_confirmed_by", code},
}

// tables are all columns that name a person by code. A test holds them against the catalogue
// of the database.
var tables = []table{
	{
		"appointments",
		cancellable,
		"appointments/{id}", "id", "",
		text.Text{ZH: "聘任", EN: "appointments"},
		duty,
	},
	{
		"assignments",
		cancellable,
		"assignments/{id}", "id", "",
		text.Text{ZH: "结对和任职关系", EN: "assignments"},
		duty,
	},
	{
		"office_members",
		cancellable,
		"offices/{office_code}/members/{id}", "id", "",
		text.Text{ZH: "挂钩办成员", EN: "members of liaison offices"},
		duty,
	},
	{
		"office_links",
		cancellable[1:],
		"offices/{office_code}/links/{id}", "id", "",
		text.Text{ZH: "挂钩办与党组织的挂钩关系", EN: "links of liaison offices"},
		decision,
	},
	{
		"deciding_rights", []column{
			{"person_code", "person", code},
			{"given_by", "given_by", code},
			{"seconded_by", "seconded_by", code},
			{"decided_by", "decided_by", code},
		}, "rights/{id}", "id", "", text.Text{ZH: "决定权", EN: "rights to decide"}, decision,
	},
	{
		"keys",
		[]column{{"person_code", "person", code}},
		"/keys/{prefix}", "prefix", "",
		text.Text{ZH: "密钥", EN: "keys"},
		security,
	},
	{
		"accounts",
		[]column{{"person_code", "person", code}},
		"/accounts/{name}", "name", "",
		text.Text{ZH: "账号", EN: "accounts"},
		security,
	},
	{
		"sessions",
		[]column{{"account_name", "account", credential}},
		"", "secret_hash", "",
		text.Text{ZH: "会话", EN: "sessions"},
		security,
	},
	{
		"periods",
		[]column{{"state_by", "state_by", code}, {"window_by", "window_by", code}},
		"periods/{code}", "code", "",
		text.Text{ZH: "考评周期", EN: "periods"},
		decision,
	},
	{
		"evaluations",
		[]column{{"evaluator_code", "evaluator", code}, {"decided_by", "decided_by", code}},
		"evaluations/{id}", "id", "",
		text.Text{ZH: "考评表", EN: "evaluations"},
		figure,
	},
	{
		"value_choices",
		[]column{{"chosen_by", "chosen_by", code}},
		"periods/{period_code}/contradictions", "id", "",
		text.Text{ZH: "对不一致数据的选择", EN: "choices between values"},
		figure,
	},
	{
		"sheet_remarks",
		[]column{{"written_by", "by", code}},
		"evaluations/{evaluation_id}/remarks", "id", "",
		text.Text{ZH: "考评表备注", EN: "remarks on evaluations"},
		work,
	},
	{
		"entry_exceptions", []column{
			{"evaluator_code", "evaluator", code}, {"granted_by", "granted_by", code}, {"ended_by", "ended_by", code},
		}, "periods/{period_code}/exceptions/{id}", "id", "", text.Text{ZH: "填报例外", EN: "exceptions"}, decision,
	},
	{
		"adjustments",
		[]column{{"proposed_by", "proposed_by", code}, {"decided_by", "decided_by", code}},
		"adjustments/{id}",
		"id", "",
		text.Text{ZH: "加减分", EN: "adjustments"},
		figure,
	},
	{
		"runs",
		[]column{{"created_by", "created_by", code}},
		"periods/{period_code}/runs/{number}", "period_code, number", "",
		text.Text{ZH: "计算", EN: "runs"},
		figure,
	},
	{
		"publications",
		[]column{
			{"published_by", "published_by", code}, {"proposed_by", "proposed_by", code}, {"confirmed_by", "confirmed_by", code},
		},
		"periods/{period_code}/publications/{number}", "period_code, number", "",
		text.Text{ZH: "公布", EN: "publications"},
		decision,
	},
	{
		"withdrawals",
		[]column{
			{"withdrawn_by", "withdrawn_by", code}, {"proposed_by", "proposed_by", code}, {"confirmed_by", "confirmed_by", code},
		},
		"periods/{period_code}/publications/{publication_number}", "period_code, publication_number", "",
		text.Text{ZH: "撤回", EN: "withdrawals of publications"},
		decision,
	},
	{
		"proposals", []column{
			{"proposed_by", "proposed_by", code}, {"decided_by", "decided_by", code}, {"corrections", "made_by", list},
		}, "proposals/{id}", "id", "", text.Text{ZH: "公布提议", EN: "proposals of publications"}, decision,
	},
	{
		"appeals",
		[]column{{"filed_by", "filed_by", code}, {"decided_by", "decided_by", code}},
		"appeals/{id}", "id", "",
		text.Text{ZH: "申诉", EN: "appeals"},
		decision,
	},
	{
		"corrections",
		[]column{{"made_by", "made_by", code}},
		"periods/{period_code}/corrections", "period_code, number", "",
		text.Text{ZH: "更正", EN: "corrections"},
		figure,
	},
	{
		"improvement_targets",
		[]column{{"proposed_by", "proposed_by", code}, {"decided_by", "decided_by", code}},
		"targets/{id}", "id", "",
		text.Text{ZH: "提升对象", EN: "improvement targets"},
		decision,
	},
	{
		"analyses",
		[]column{{"mentor_code", "mentor", code}},
		"analyses/{id}", "id", "",
		text.Text{ZH: "原因分析", EN: "cause analyses"},
		work,
	},
	{
		"plans",
		[]column{{"state_by", "state_by", code}, {"document", "owner", list}},
		"plans/{id}", "id", "",
		text.Text{ZH: "提升方案", EN: "plans"},
		work,
	},
	{
		"plan_versions",
		[]column{{"made_by", "made_by", code}, {"document", "owner", list}},
		"plans/{plan_id}/versions/{number}", "plan_id, number", "",
		text.Text{ZH: "方案版本", EN: "versions of plans"},
		work,
	},
	{
		"plan_items", []column{
			{"owner_code", "owner", code}, {"done_by", "done_by", code}, {"state_by", "state_by", code},
		}, "plans/{plan_id}/items/{id}", "id", "", text.Text{ZH: "方案事项", EN: "plan items"}, work,
	},
	{
		"measure_tasks", []column{
			{"person_code", "person", code}, {"set_by", "set_by", code}, {"state_by", "state_by", code},
		}, "measures/{measure_number}/tasks/{id}", "id", "", text.Text{ZH: "任务", EN: "tasks"}, work,
	},
	{
		"visits",
		[]column{{"visited_by", "visited_by", code}},
		"visits/{id}", "id", "",
		text.Text{ZH: "走访", EN: "visits"},
		work,
	},
	{
		"visit_versions",
		[]column{{"actor", "by", code}},
		"visits/{visit_id}", "visit_id, version", "",
		text.Text{ZH: "走访记录版本", EN: "versions of visits"},
		work,
	},
	{
		"problems", []column{
			{"owner_person", "owner", code},
			{"participants", "participant", list},
			{"opened_by", "opened_by", code},
			{"solved_by", "solved_by", code},
		}, "problems/{id}", "id", "", text.Text{ZH: "难题", EN: "problems"}, work,
	},
	{
		"reports",
		[]column{{"author_code", "author", code}, {"received_by", "received_by", code}},
		"reports/{id}", "id", "",
		text.Text{ZH: "汇报", EN: "progress reports"},
		work,
	},
	{
		"reminders",
		[]column{{"person_code", "person", code}},
		"reminders", "id", "",
		text.Text{ZH: "提醒", EN: "reminders"},
		work,
	},
	{
		"reminder_receipts",
		[]column{{"reader", "reader", code}},
		"reminders", "reminder_id, reader", "",
		text.Text{ZH: "已读提醒", EN: "acknowledged reminders"},
		work,
	},
	{
		"cases", []column{{"author", "author", code}}, "cases/{id}", "id", "", text.Text{ZH: "案例", EN: "cases"}, work,
	},
	{
		"exchange_events",
		[]column{{"people", "participant", list}, {"state_by", "state_by", code}},
		"events/{id}", "id", "",
		text.Text{ZH: "交流活动", EN: "exchange events"},
		work,
	},
	{ // who rated is shown to nobody, so that the ratings of a mentor are only counted
		"usefulness_ratings",
		[]column{{"subject", "mentor", code}},
		"", "id", "kind = 'mentor'",
		text.Text{ZH: "对导师的评价", EN: "ratings of a mentor"},
		work,
	},
	{
		"selection_rounds",
		[]column{{"judges", "judge", list}, {"state_by", "state_by", code}},
		"rounds/{code}", "code", "",
		text.Text{ZH: "评选", EN: "rounds of selection"},
		decision,
	},
	{
		"pioneer_projects",
		[]column{{"state_by", "state_by", code}},
		"projects/{id}", "id", "",
		text.Text{ZH: "先锋项目", EN: "pioneer projects"},
		work,
	},
	{
		"evidence",
		[]column{{"added_by", "added_by", code}, {"removed_by", "removed_by", code}},
		"evidence/{id}", "id", "",
		text.Text{ZH: "佐证", EN: "evidence"},
		work,
	},
	{
		"judge_sheets",
		[]column{{"judge", "judge", code}},
		"rounds/{round_code}/sheet", "round_code, judge", "",
		text.Text{ZH: "评审表", EN: "sheets of judges"},
		decision,
	},
	{
		"transitions",
		[]column{{"actor", "by", code}},
		"", "kind, record_id, version", "",
		text.Text{ZH: "办理步骤", EN: "steps"},
		decision,
	},
	{
		"audit_records", []column{
			{"actor", "actor", code},
			{"credential", "actor", credential},
			{"subject", "subject", subject},
			{"before", "before", list},
			{"after", "after", list},
		}, "audit/{sequence}", "sequence", "", text.Text{ZH: "审计记录", EN: "audit records"}, trail,
	},
}

// elsewhere are the tables and columns in which a person's code may stand and that are not
// in the answer, with the reason.
var elsewhere = map[string]string{
	"people":       "the person",
	"person_codes": "shown with the person, and removed with the name",
	"audit_rows":   "row records repeat what the tables hold; the audit record with their sequence is named",
	"kept_answers": "answers for a request that is sent again, which end within days",

	"periods.second_person": "a setting", "towns.second_person": "a setting",
}
