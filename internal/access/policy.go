package access

import "slices"

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

// Action is what a route does, as the policy table names it.
type Action string

// The actions. A route without one does not compile.
const (
	ReadStructure     Action = "structure:read"   // towns, branches, schemes, periods
	WriteStructure    Action = "structure:write"  // found, rename, merge, close
	WriteTowns        Action = "towns:write"      // a new town
	ReadDrafts        Action = "drafts:read"      // versions of a scheme not yet in force
	WriteScheme       Action = "scheme:write"     // draft and activate versions
	WritePeriods      Action = "periods:write"    // plan and move periods
	ReadPeople        Action = "people:read"      // persons and assignments
	WritePeople       Action = "people:write"     // persons and assignments
	ReadSheets        Action = "sheets:read"      // evaluations of branches in scope
	WriteSheets       Action = "sheets:write"     // enter and submit
	DecideSheets      Action = "sheets:decide"    // approve, return
	ReadAdjustments   Action = "adjustments:read" //
	WriteAdjustments  Action = "adjustments:write"
	DecideAdjustments Action = "adjustments:decide"
	ReadAppeals       Action = "appeals:read"       //
	WriteAppeals      Action = "appeals:write"      // file and withdraw
	DecideAppeals     Action = "appeals:decide"     // uphold, reject; correct what is published
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

	ReadEffects   Action = "effects:read" // whether help helped
	ReadDashboard Action = "dashboard:read"

	ReadCases   Action = "cases:read"   // published ones
	WriteCases  Action = "cases:write"  // draft and submit
	ReviewCases Action = "cases:review" // publish, return, take back

	WriteRatings   Action = "usefulness:write" // for the own branch
	ReadUsefulness Action = "usefulness:read"  // a mentor: of himself or herself

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

// own makes the rows of the table short.
const own = Assigned

// policy is the one table of who may do what; unlisted means no.
var policy = map[Action]map[Role]Scope{
	ReadService:       everyone(),
	SignIn:            everyone(),
	ReadIdentity:      everyone(),
	OwnIdentity:       everyone(),
	ReadStructure:     everyone(),
	ReadRanking:       everyone(),
	ReadScorecard:     {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	ReadProvisional:   {Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	ReadSheets:        {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	WriteSheets:       {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All},
	DecideSheets:      {LeadingGroup: All},
	ReadAdjustments:   {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	WriteAdjustments:  {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All},
	DecideAdjustments: {LeadingGroup: All},
	ReadAppeals:       {Secretary: own, Mentor: own, Instructor: own, LeadingGroup: All, Leadership: All},
	WriteAppeals:      {Secretary: own},
	DecideAppeals:     {LeadingGroup: All},
	WritePeriods:      {LeadingGroup: All},
	ReadSignals:       {LeadingGroup: All, Leadership: All},
	CreateRuns:        {LeadingGroup: All},
	ReadDrafts:        {LeadingGroup: All, Leadership: All},
	WriteScheme:       {LeadingGroup: All},
	WriteStructure:    {LeadingGroup: All, Admin: All},
	WriteTowns:        {Admin: All},
	ReadPeople:        {Mentor: All, Instructor: All, Office: All, LeadingGroup: All, Leadership: All, Admin: All},
	WritePeople:       {LeadingGroup: All, Admin: All},
	ManageAccounts:    {Admin: All},
	ManageKeys:        {Admin: All},
	ReadAudit:         {LeadingGroup: All, Admin: All},
	ReadSystemAudit:   {Admin: All},
	ReadRights:        {LeadingGroup: All, Admin: All},
	AcknowledgeRights: {LeadingGroup: All},
	GiveRightsAlone:   {Admin: All},

	ReadSettings:  everyone(),
	WriteSettings: {LeadingGroup: All, Admin: All},

	ReadTargets:    {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	ProposeTargets: {LeadingGroup: All},
	DecideTargets:  {LeadingGroup: All},
	ReadMeasures:   everyone(),
	WriteMeasures:  {LeadingGroup: All, Admin: All},
	ReadTasks:      {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	WriteTasks:     {Office: own, LeadingGroup: All},
	ReportTasks:    {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All},

	ReadDashboard: {LeadingGroup: All, Leadership: All},
	ReadEffects:   {Mentor: All, Instructor: All, Office: All, LeadingGroup: All, Leadership: All},

	ReadCases:   everyone(),
	WriteCases:  {Secretary: own, Mentor: own, Instructor: own},
	ReviewCases: {LeadingGroup: All},

	WriteRatings:   {Secretary: own},
	ReadUsefulness: {Mentor: All, LeadingGroup: All, Leadership: All},

	ReadVisits:  {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	WriteVisits: {Instructor: own, Office: own},

	ReadAnalyses:  {Secretary: own, Mentor: own, Instructor: own, LeadingGroup: All, Leadership: All},
	WriteAnalyses: {Mentor: own},

	ReadProjects:  everyoneBut(Reader),
	WriteProjects: {Secretary: own},
	JudgeProjects: {Mentor: All, Instructor: All, Office: All, LeadingGroup: All, Leadership: All},
	RunRounds:     {LeadingGroup: All},

	ReadProblems:   {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	WriteProblems:  {Instructor: own, Office: own},
	ReadReports:    {Instructor: All, LeadingGroup: All, Leadership: All},
	WriteReports:   {Instructor: All},
	ReceiveReports: {LeadingGroup: All},
	ReadReminders:  {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},

	ReadEvents:  everyoneBut(Reader),
	WriteEvents: {Office: All, LeadingGroup: All},

	ReadPlans:    {Secretary: own, Mentor: own, Instructor: own, Office: own, LeadingGroup: All, Leadership: All},
	DraftPlans:   {Secretary: own, LeadingGroup: All},
	WritePlans:   {Secretary: own},
	AdvisePlans:  {Mentor: own},
	ApprovePlans: {LeadingGroup: All},
	VerifyPlans:  {Instructor: own},
}

// everyone is all roles, without limit.
func everyone() map[Role]Scope {
	all := make(map[Role]Scope)
	for _, r := range Roles() {
		all[r] = All
	}
	return all
}

// everyoneBut is all roles but one, without limit.
func everyoneBut(role Role) map[Role]Scope {
	all := everyone()
	delete(all, role)
	return all
}

// ScopeFor returns the scope of the action for a role: None unless listed.
func (a Action) ScopeFor(r Role) Scope { return policy[a][r] }

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
