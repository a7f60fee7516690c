// Package policy holds who may do what: the roles, the actions, and the one table of rules
// that joins them. It knows no caller and no database.
package policy

import (
	"slices"

	"bulwark/internal/text"
)

// Role is one of the duties of domain language that a person or key can hold.
type Role string

// The roles. Anonymous callers of a town that opens its published results read
// them as Reader.
const (
	Reader       Role = "reader"
	Secretary    Role = "secretary"
	Mentor       Role = "mentor"
	Instructor   Role = "instructor"
	Office       Role = "liaison_office"
	LeadingGroup Role = "leading_group"
	Leadership   Role = "leadership"
	Admin        Role = "admin"
)

// Roles lists every role in the order of the policy table.
func Roles() []Role {
	return []Role{Reader, Secretary, Mentor, Instructor, Office, LeadingGroup, Leadership, Admin}
}

// WorksOnBranches reports whether the role reaches the branches that its person is
// tied to, and so nothing without a person.
func (r Role) WorksOnBranches() bool { return slices.Contains(tied, r) }

// Decides reports whether the role decides on what counts and is published. In a town that
// has published, a new right to it must be acknowledged.
func (r Role) Decides() bool { return r == LeadingGroup }

// Action is what a route does, as the policy table names it.
type Action string

// The actions. A route without one does not compile.
const (
	ReadStructure     Action = "structure:read"    // towns, branches, schemes, periods
	WriteStructure    Action = "structure:write"   // found, rename, merge, close
	WriteTowns        Action = "towns:write"       // a new town
	WriteSafeguards   Action = "safeguards:write"  // whether publications take two persons
	ReadDrafts        Action = "drafts:read"       // versions of a scheme not yet in force
	WriteScheme       Action = "scheme:write"      // draft and activate versions
	WritePeriods      Action = "periods:write"     // plan and move periods
	ReadPeople        Action = "people:read"       // persons and assignments
	WritePeople       Action = "people:write"      // persons and assignments
	ReadOwnData       Action = "people:own"        // all that is kept of oneself
	ReadPersonalData  Action = "people:everything" // of anybody
	Pseudonymise      Action = "people:pseudonymise"
	ReadSheets        Action = "sheets:read"      // evaluations of branches in scope
	WriteSheets       Action = "sheets:write"     // enter and submit
	DecideSheets      Action = "sheets:decide"    // approve, return
	ReadAdjustments   Action = "adjustments:read" //
	WriteAdjustments  Action = "adjustments:write"
	DecideAdjustments Action = "adjustments:decide"
	ReadAppeals       Action = "appeals:read"       //
	WriteAppeals      Action = "appeals:write"      // file and withdraw
	DecideAppeals     Action = "appeals:decide"     // uphold, reject; correct what is published
	ReadProposals     Action = "proposals:read"     // what waits for a second person
	DecideProposals   Action = "proposals:decide"   // confirm, reject, withdraw
	ReadSignals       Action = "signals:read"       // patterns in sheets that raise questions
	CreateRuns        Action = "runs:write"         // make a run, publish it
	ReadRanking       Action = "ranking:read"       // published ranking
	ReadScorecard     Action = "scorecard:read"     // published scorecard
	ReadProvisional   Action = "provisional:read"   // results of a period not yet published
	ReadIdentity      Action = "identity:read"      // who am I
	SignIn            Action = "session:open"       // sign in, or set the installation up: by secrets of its own
	OwnIdentity       Action = "identity:own"       // my password, sign out
	ManageAccounts    Action = "accounts:write"     // who signs in
	ManageKeys        Action = "keys:write"         // what programs use
	ManageWebhooks    Action = "webhooks:write"     // where events are sent
	ReadAudit         Action = "audit:read"         // the trail of a town
	ReadSystemAudit   Action = "system:audit"       // the trail of what belongs to no town
	ReadService       Action = "service:read"       // liveness, API document
	ReadRights        Action = "rights:read"        // new rights to decide
	AcknowledgeRights Action = "rights:acknowledge" // or reject them
	GiveRightsAlone   Action = "rights:give"        // where nobody is left to acknowledge them

	ReadSettings  Action = "settings:read" // of improvement
	WriteSettings Action = "settings:write"

	ReadTargets    Action = "targets:read"    // improvement targets
	ProposeTargets Action = "targets:propose" // by the rules, or by hand
	DecideTargets  Action = "targets:decide"  // confirm, dismiss, end
	ReadMeasures   Action = "measures:read"
	WriteMeasures  Action = "measures:write" // name them
	ReadTasks      Action = "tasks:read"     // of measures
	WriteTasks     Action = "tasks:write"    // set, change, drop, reopen
	ReportTasks    Action = "tasks:report"   // progress, by who answers for a task

	ReadStatistics Action = "statistics:read" // of a ranking as a whole: what it depends on
	ReadRaters     Action = "raters:read"     // how severe evaluators are; a mentor: of himself or herself

	ReadEffects   Action = "effects:read" // whether help helped
	ReadDashboard Action = "dashboard:read"

	ReadCases   Action = "cases:read"   // published ones
	WriteCases  Action = "cases:write"  // draft and submit
	ReviewCases Action = "cases:review" // publish, return, take back

	WriteRatings   Action = "usefulness:write" // for the own branch
	ReadUsefulness Action = "usefulness:read"  // a mentor: of himself or herself

	ReadEvidence  Action = "evidence:read"  // of what one reads
	WriteEvidence Action = "evidence:write" // attach to what one writes, and remove

	ReadVisits  Action = "visits:read"
	WriteVisits Action = "visits:write"

	ReadAnalyses  Action = "analyses:read"  // cause analyses that are submitted, and one's own
	WriteAnalyses Action = "analyses:write" // begin, write, submit, withdraw

	ReadProjects  Action = "projects:read"  // pioneer teams, rounds and projects
	WriteProjects Action = "projects:write" // register for the own branch
	JudgeProjects Action = "projects:judge" // those whom the round names
	RunRounds     Action = "rounds:write"   // open, close, shortlist, choose

	ReadProblems   Action = "problems:read"
	WriteProblems  Action = "problems:write" // open, solve, close
	ReadReports    Action = "reports:read"   // an instructor: his or her own
	WriteReports   Action = "reports:write"  // begin, write, submit
	ReceiveReports Action = "reports:receive"
	ReadReminders  Action = "reminders:read" // one's own; of the whole town: what is overdue

	ReadEvents  Action = "events:read"  // exchange events and study visits
	WriteEvents Action = "events:write" // plan, hold, cancel

	ReadPlans    Action = "plans:read"
	DraftPlans   Action = "plans:draft"   // have one generated
	WritePlans   Action = "plans:write"   // write, start, say what is done
	AdvisePlans  Action = "plans:advise"  //
	ApprovePlans Action = "plans:approve" // approve, send back, accept, return, close
	VerifyPlans  Action = "plans:verify"  // what is said to be done
)

// Scope is the part of the town in which a role may act.
type Scope int

// Scopes, from nothing to the whole town.
const (
	None     Scope = iota
	Assigned       // branches that the person leads, mentors, instructs or has through an office on the day
	All
)

// rule is one row of the policy. All its fields are given, so that none is forgotten.
type rule struct {
	action Action
	extent extent
	zh, en string // what one can or cannot do
	roles  roles
}

// extent is what an action is about, and so whether a caller who is limited to branches
// can do it.
type extent int

const (
	wholeTown extent = iota // not by a caller who is limited to branches
	byBranch                // its reach is asked for branch by branch: on those of the limit
	openToAll               // it shows nobody more than an open town shows to all
)

// roles are who may do an action, and where.
type roles map[Role]Scope

// own returns the roles, each on the branches that it is assigned.
func own(list ...Role) roles { return roles{}.with(Assigned, list) }

// all returns the roles, each in the whole town.
func all(list ...Role) roles { return roles{}.with(All, list) }

// all returns r with more roles, each in the whole town.
func (r roles) all(list ...Role) roles { return r.with(All, list) }

func (r roles) with(s Scope, list []Role) roles {
	for _, role := range list {
		r[role] = s
	}
	return r
}

// The roles that many rules name together; tied are those that work on some branches.
var (
	everyone      = Roles()
	allButReaders = Roles()[1:]
	tied          = []Role{Secretary, Mentor, Instructor, Office}
)

// rules are who may do what, and how each action is called; unlisted means no.
var rules = []rule{
	{ReadService, openToAll, "查看服务状态", "read the state of the service", all(everyone...)},
	{SignIn, openToAll, "登录", "sign in", all(everyone...)},
	{ReadIdentity, openToAll, "查看自己的身份", "read their identity", all(everyone...)},
	{OwnIdentity, openToAll, "管理自己的密码和会话", "change their own password and session", all(everyone...)},
	{ReadStructure, openToAll, "查看镇、党组织、指标体系和考评周期", "read towns, branches, schemes and periods", all(everyone...)},
	{ReadRanking, openToAll, "查看排名", "read rankings", all(everyone...)},
	{ReadScorecard, byBranch, "查看考评成绩", "read scorecards", own(tied...).all(LeadingGroup, Leadership)},
	{
		ReadProvisional, byBranch, "查看未公布的成绩", "read results before they are published",
		own(Mentor, Instructor, Office).all(LeadingGroup, Leadership),
	},
	{ReadSheets, byBranch, "查看考评表", "read evaluations", own(tied...).all(LeadingGroup, Leadership)},
	{WriteSheets, byBranch, "填写考评表", "write evaluations", own(tied...).all(LeadingGroup)},
	{DecideSheets, byBranch, "审批考评表", "decide on evaluations", all(LeadingGroup)},
	{ReadAdjustments, byBranch, "查看加减分", "read adjustments", own(tied...).all(LeadingGroup, Leadership)},
	{WriteAdjustments, byBranch, "提出加减分", "propose adjustments", own(tied...).all(LeadingGroup)},
	{DecideAdjustments, byBranch, "审批加减分", "decide on adjustments", all(LeadingGroup)},
	{ReadAppeals, byBranch, "查看申诉", "read appeals", own(Secretary, Mentor, Instructor).all(LeadingGroup, Leadership)},
	{WriteAppeals, byBranch, "提出申诉", "file appeals", own(Secretary)},
	{DecideAppeals, wholeTown, "处理申诉和更正", "decide on appeals and corrections", all(LeadingGroup)},
	{ReadProposals, wholeTown, "查看公布提议", "read proposals of publications", all(LeadingGroup, Leadership)},
	{DecideProposals, wholeTown, "确认或否决公布提议", "decide on proposals of publications", all(LeadingGroup)},
	{WritePeriods, wholeTown, "管理考评周期", "change periods", all(LeadingGroup)},
	{ReadSignals, wholeTown, "查看信号", "read signals", all(LeadingGroup, Leadership)},
	{CreateRuns, wholeTown, "计算和公布成绩", "compute and publish results", all(LeadingGroup)},
	{ReadDrafts, wholeTown, "查看指标体系草稿", "read drafts of schemes", all(LeadingGroup, Leadership)},
	{WriteScheme, wholeTown, "修改指标体系", "change schemes", all(LeadingGroup)},
	{WriteStructure, wholeTown, "修改党组织", "change branches", all(LeadingGroup, Admin)},
	{WriteTowns, wholeTown, "新建镇（街道）", "create towns", all(Admin)},
	{WriteSafeguards, wholeTown, "更改双人公布的要求", "change whether publications take two persons", all(Admin)},
	{ReadPeople, wholeTown, "查看人员", "read people", all(Mentor, Instructor, Office, LeadingGroup, Leadership, Admin)},
	{WritePeople, wholeTown, "修改人员", "change people", all(LeadingGroup, Admin)},
	{ReadOwnData, wholeTown, "查看本系统保存的本人信息", "read all that is kept of themselves", all(everyone...)},
	{ReadPersonalData, wholeTown, "查看本系统保存的他人信息", "read all that is kept of other people", all(LeadingGroup, Admin)},
	{Pseudonymise, wholeTown, "将人员假名化", "pseudonymise people", all(Admin)},
	{ManageAccounts, wholeTown, "管理账号", "manage accounts", all(Admin)},
	{ManageKeys, wholeTown, "管理密钥", "manage keys", all(Admin)},
	{ManageWebhooks, wholeTown, "管理推送地址", "manage webhooks", all(Admin)},
	{ReadAudit, wholeTown, "查看审计日志", "read the audit trail", all(LeadingGroup, Admin)},
	{ReadSystemAudit, wholeTown, "查看系统审计日志", "read the audit trail of the installation", all(Admin)},
	{ReadRights, wholeTown, "查看新的决定权", "read new rights to decide", all(LeadingGroup, Admin)},
	{AcknowledgeRights, wholeTown, "确认新的决定权", "acknowledge new rights to decide", all(LeadingGroup)},
	{GiveRightsAlone, wholeTown, "单独授予决定权", "give rights to decide alone", all(Admin)},

	{ReadSettings, wholeTown, "查看设置", "read settings", all(everyone...)},
	{WriteSettings, wholeTown, "修改设置", "change settings", all(LeadingGroup, Admin)},

	{ReadTargets, byBranch, "查看提升对象", "read improvement targets", own(tied...).all(LeadingGroup, Leadership)},
	{ProposeTargets, wholeTown, "提出提升对象", "propose improvement targets", all(LeadingGroup)},
	{DecideTargets, wholeTown, "确定提升对象", "decide on improvement targets", all(LeadingGroup)},
	{ReadMeasures, wholeTown, "查看措施", "read measures", all(everyone...)},
	{WriteMeasures, wholeTown, "修改措施", "change measures", all(LeadingGroup, Admin)},
	{ReadTasks, byBranch, "查看任务", "read tasks", own(tied...).all(LeadingGroup, Leadership)},
	{WriteTasks, byBranch, "安排任务", "set tasks", own(Office).all(LeadingGroup)},
	{ReportTasks, byBranch, "报告任务进展", "report on tasks", own(tied...).all(LeadingGroup)},

	{ReadStatistics, wholeTown, "查看统计分析", "read analyses of the ranking", all(LeadingGroup, Leadership)},
	{ReadRaters, wholeTown, "查看评分松严程度", "read how severe evaluators are", all(Mentor, LeadingGroup, Leadership)},
	{ReadDashboard, wholeTown, "查看领导看板", "read the dashboard", all(LeadingGroup, Leadership)},
	{ReadEffects, wholeTown, "查看成效", "read effects", all(Mentor, Instructor, Office, LeadingGroup, Leadership)},

	{ReadCases, openToAll, "查看案例", "read cases", all(everyone...)},
	{WriteCases, byBranch, "撰写案例", "write cases", own(Secretary, Mentor, Instructor)},
	{ReviewCases, byBranch, "审核案例", "review cases", all(LeadingGroup)},

	{WriteRatings, byBranch, "评价有用程度", "rate usefulness", own(Secretary)},
	{ReadUsefulness, wholeTown, "查看有用程度", "read usefulness", all(Mentor, LeadingGroup, Leadership)},

	// which of it is up to the record: see the verbs "attach"
	{ReadEvidence, openToAll, "查看佐证", "read evidence", all(everyone...)},
	{WriteEvidence, byBranch, "提交佐证", "attach evidence", own(tied...).all(LeadingGroup, Admin)},

	{ReadVisits, byBranch, "查看走访", "read visits", own(tied...).all(LeadingGroup, Leadership)},
	{WriteVisits, byBranch, "记录走访", "record visits", own(Instructor, Office)},

	{
		ReadAnalyses, byBranch, "查看原因分析", "read cause analyses",
		own(Secretary, Mentor, Instructor).all(LeadingGroup, Leadership),
	},
	{WriteAnalyses, byBranch, "撰写原因分析", "write cause analyses", own(Mentor)},

	{ReadProjects, wholeTown, "查看先锋项目", "read pioneer projects", all(allButReaders...)},
	{WriteProjects, byBranch, "登记先锋项目", "register pioneer projects", own(Secretary)},
	{
		JudgeProjects, wholeTown, "评审先锋项目", "judge pioneer projects",
		all(Mentor, Instructor, Office, LeadingGroup, Leadership),
	},
	{RunRounds, wholeTown, "组织评选", "run rounds of selection", all(LeadingGroup)},

	{ReadProblems, byBranch, "查看难题", "read problems", own(tied...).all(LeadingGroup, Leadership)},
	{WriteProblems, byBranch, "处理难题", "open and solve problems", own(Instructor, Office)},
	{ReadReports, wholeTown, "查看汇报", "read progress reports", all(Instructor, LeadingGroup, Leadership)},
	{WriteReports, wholeTown, "撰写汇报", "write progress reports", all(Instructor)},
	{ReceiveReports, wholeTown, "接收汇报", "receive progress reports", all(LeadingGroup)},
	{ReadReminders, byBranch, "查看提醒", "read reminders", own(tied...).all(LeadingGroup, Leadership)},

	{ReadEvents, wholeTown, "查看交流活动", "read exchange events", all(allButReaders...)},
	{WriteEvents, wholeTown, "组织交流活动", "plan exchange events", all(Office, LeadingGroup)},

	{ReadPlans, byBranch, "查看提升方案", "read improvement plans", own(tied...).all(LeadingGroup, Leadership)},
	{DraftPlans, byBranch, "生成提升方案", "draft improvement plans", own(Secretary).all(LeadingGroup)},
	{WritePlans, byBranch, "修改提升方案", "write improvement plans", own(Secretary)},
	{AdvisePlans, byBranch, "指导提升方案", "advise on improvement plans", own(Mentor)},
	{ApprovePlans, byBranch, "批准提升方案", "approve improvement plans", all(LeadingGroup)},
	{VerifyPlans, byBranch, "核验提升事项", "verify plan items", own(Instructor)},
}

// personal are the actions by which somebody judges, or puts forward what others judge, or
// changes who is tied to what: they need a person behind the key or account, so that it is
// known who does not decide about whom. Administrators have none.
var personal = map[Action]bool{
	WriteSheets: true, DecideSheets: true, WriteAdjustments: true, DecideAdjustments: true, WriteAppeals: true, DecideAppeals: true, DecideProposals: true,
	WritePeriods: true, WritePeople: true, DecideTargets: true, WriteCases: true, ReviewCases: true,
	JudgeProjects: true, RunRounds: true, ReceiveReports: true, ApprovePlans: true, VerifyPlans: true, AcknowledgeRights: true,
}

// policy holds the rules by their actions.
var policy = func() map[Action]rule {
	m := make(map[Action]rule, len(rules))
	for _, r := range rules {
		m[r.action] = r
	}
	return m
}()

// ScopeFor returns the scope of the action for a role: None unless listed.
func (a Action) ScopeFor(r Role) Scope { return policy[a].roles[r] }

// LimitedScopeFor returns the scope of the action for a role that is limited to some
// branches: what concerns the whole town is left out.
func (a Action) LimitedScopeFor(r Role) Scope {
	scope := a.ScopeFor(r)
	switch about := policy[a].extent; {
	case scope == None || about == openToAll:
		return scope
	case about == byBranch:
		return Assigned
	}
	return None
}

// NeedsPerson reports whether only a person does the action: he or she judges by it, puts
// forward what others judge, or changes who is tied to what.
func (a Action) NeedsPerson() bool { return personal[a] }

// Actions lists what the policy allows the role on some branch at least, in the
// order of names. No role is an anonymous caller, who may what a reader may where
// a town opens its results.
func (r Role) Actions() []Action {
	if r == "" {
		r = Reader
	}
	actions := []Action{}
	for a := range policy {
		if a.ScopeFor(r) != None {
			actions = append(actions, a)
		}
	}
	slices.Sort(actions)
	return actions
}

// roleNames are the roles in words of people. The empty role is an anonymous caller.
var roleNames = map[Role]text.Text{
	"":           {ZH: "匿名访问者", EN: "anonymous"},
	Reader:       {ZH: "查阅者", EN: "reader"},
	Secretary:    {ZH: "书记", EN: "secretary"},
	Mentor:       {ZH: "导师", EN: "mentor"},
	Instructor:   {ZH: "指导员", EN: "instructor"},
	Office:       {ZH: "挂钩办", EN: "liaison office"},
	LeadingGroup: {ZH: "工作领导小组", EN: "leading group"},
	Leadership:   {ZH: "镇领导", EN: "leadership"},
	Admin:        {ZH: "管理员", EN: "administrator"},
}

// Name returns the role in words of people, or its code where it is none of ours.
func (r Role) Name() text.Text {
	if name, ok := roleNames[r]; ok {
		return name
	}
	return text.Same(string(r))
}

// Name returns the action as what one can or cannot do, or its code where it is none
// of ours.
func (a Action) Name() text.Text {
	if r, ok := policy[a]; ok {
		return text.Text{ZH: r.zh, EN: r.en}
	}
	return text.Same(string(a))
}

// Roles returns the roles that the policy allows the action on some branch at least,
// in the order of the policy table.
func (a Action) Roles() (list []Role) {
	for _, r := range Roles() {
		if a.ScopeFor(r) != None {
			list = append(list, r)
		}
	}
	return list
}
