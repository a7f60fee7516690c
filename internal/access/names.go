package access

import (
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

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

// actionNames are the actions as what one can or cannot do.
var actionNames = map[Action]text.Text{
	ReadStructure:     {ZH: "查看镇、党组织、指标体系和考评周期", EN: "read towns, branches, schemes and periods"},
	WriteStructure:    {ZH: "修改党组织", EN: "change branches"},
	WriteTowns:        {ZH: "新建镇（街道）", EN: "create towns"},
	ReadDrafts:        {ZH: "查看指标体系草稿", EN: "read drafts of schemes"},
	WriteScheme:       {ZH: "修改指标体系", EN: "change schemes"},
	WritePeriods:      {ZH: "管理考评周期", EN: "change periods"},
	ReadPeople:        {ZH: "查看人员", EN: "read people"},
	WritePeople:       {ZH: "修改人员", EN: "change people"},
	ReadSheets:        {ZH: "查看考评表", EN: "read evaluations"},
	WriteSheets:       {ZH: "填写考评表", EN: "write evaluations"},
	DecideSheets:      {ZH: "审批考评表", EN: "decide on evaluations"},
	ReadAdjustments:   {ZH: "查看加减分", EN: "read adjustments"},
	WriteAdjustments:  {ZH: "提出加减分", EN: "propose adjustments"},
	DecideAdjustments: {ZH: "审批加减分", EN: "decide on adjustments"},
	ReadAppeals:       {ZH: "查看申诉", EN: "read appeals"},
	WriteAppeals:      {ZH: "提出申诉", EN: "file appeals"},
	DecideAppeals:     {ZH: "处理申诉和更正", EN: "decide on appeals and corrections"},
	ReadSignals:       {ZH: "查看信号", EN: "read signals"},
	CreateRuns:        {ZH: "计算和公布成绩", EN: "compute and publish results"},
	ReadRanking:       {ZH: "查看排名", EN: "read rankings"},
	ReadScorecard:     {ZH: "查看考评成绩", EN: "read scorecards"},
	ReadProvisional:   {ZH: "查看未公布的成绩", EN: "read results before they are published"},
	ReadIdentity:      {ZH: "查看自己的身份", EN: "read their identity"},
	SignIn:            {ZH: "登录", EN: "sign in"},
	OwnIdentity:       {ZH: "管理自己的密码和会话", EN: "change their own password and session"},
	ManageAccounts:    {ZH: "管理账号", EN: "manage accounts"},
	ManageKeys:        {ZH: "管理密钥", EN: "manage keys"},
	ReadAudit:         {ZH: "查看审计日志", EN: "read the audit trail"},
	ReadSystemAudit:   {ZH: "查看系统审计日志", EN: "read the audit trail of the installation"},
	ReadService:       {ZH: "查看服务状态", EN: "read the state of the service"},
	ReadRights:        {ZH: "查看待确认权限", EN: "read new rights to decide"},
	AcknowledgeRights: {ZH: "确认新的决定权", EN: "acknowledge new rights to decide"},
	GiveRightsAlone:   {ZH: "单独授予决定权", EN: "give rights to decide alone"},
	ReadSettings:      {ZH: "查看设置", EN: "read settings"},
	WriteSettings:     {ZH: "修改设置", EN: "change settings"},
	ReadTargets:       {ZH: "查看提升对象", EN: "read improvement targets"},
	ProposeTargets:    {ZH: "提出提升对象", EN: "propose improvement targets"},
	DecideTargets:     {ZH: "确定提升对象", EN: "decide on improvement targets"},
	ReadMeasures:      {ZH: "查看措施", EN: "read measures"},
	WriteMeasures:     {ZH: "修改措施", EN: "change measures"},
	ReadTasks:         {ZH: "查看任务", EN: "read tasks"},
	WriteTasks:        {ZH: "安排任务", EN: "set tasks"},
	ReportTasks:       {ZH: "报告任务进展", EN: "report on tasks"},
	ReadEffects:       {ZH: "查看成效", EN: "read effects"},
	ReadDashboard:     {ZH: "查看领导看板", EN: "read the dashboard"},
	ReadCases:         {ZH: "查看案例", EN: "read cases"},
	WriteCases:        {ZH: "撰写案例", EN: "write cases"},
	ReviewCases:       {ZH: "审核案例", EN: "review cases"},
	WriteRatings:      {ZH: "评价有用程度", EN: "rate usefulness"},
	ReadUsefulness:    {ZH: "查看有用程度", EN: "read usefulness"},
	ReadVisits:        {ZH: "查看走访", EN: "read visits"},
	WriteVisits:       {ZH: "记录走访", EN: "record visits"},
	ReadAnalyses:      {ZH: "查看原因分析", EN: "read cause analyses"},
	WriteAnalyses:     {ZH: "撰写原因分析", EN: "write cause analyses"},
	ReadProjects:      {ZH: "查看先锋项目", EN: "read pioneer projects"},
	WriteProjects:     {ZH: "登记先锋项目", EN: "register pioneer projects"},
	JudgeProjects:     {ZH: "评审先锋项目", EN: "judge pioneer projects"},
	RunRounds:         {ZH: "组织评选", EN: "run rounds of selection"},
	ReadProblems:      {ZH: "查看难题", EN: "read problems"},
	WriteProblems:     {ZH: "处理难题", EN: "open and solve problems"},
	ReadReports:       {ZH: "查看汇报", EN: "read progress reports"},
	WriteReports:      {ZH: "撰写汇报", EN: "write progress reports"},
	ReceiveReports:    {ZH: "接收汇报", EN: "receive progress reports"},
	ReadReminders:     {ZH: "查看提醒", EN: "read reminders"},
	ReadEvents:        {ZH: "查看交流活动", EN: "read exchange events"},
	WriteEvents:       {ZH: "组织交流活动", EN: "plan exchange events"},
	ReadPlans:         {ZH: "查看提升方案", EN: "read improvement plans"},
	DraftPlans:        {ZH: "生成提升方案", EN: "draft improvement plans"},
	WritePlans:        {ZH: "修改提升方案", EN: "write improvement plans"},
	AdvisePlans:       {ZH: "指导提升方案", EN: "advise on improvement plans"},
	ApprovePlans:      {ZH: "批准提升方案", EN: "approve improvement plans"},
	VerifyPlans:       {ZH: "核验提升事项", EN: "verify plan items"},
}

// Name returns the action as what one can or cannot do, or its code where it is none
// of ours.
func (a Action) Name() text.Text {
	if name, ok := actionNames[a]; ok {
		return name
	}
	return text.Same(string(a))
}

// NotAllowed returns the refusal of an action that the policy does not allow the caller.
func (p Principal) NotAllowed(a Action) error {
	return fault.Forbidden("not_allowed", "“%s”不能%s", "the role %q may not %s", p.Role.Name(), a.Name())
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
