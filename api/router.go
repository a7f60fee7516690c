package api

import (
	"net/http"

	"bulwark/internal/access"
	"bulwark/internal/dashboard"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/rest"
	"bulwark/internal/scheme"
	"bulwark/internal/signature"
)

// Routes returns every route of the service. It needs no database.
func Routes() []rest.Route {
	s := new(Server)
	e, err := s.newEngine()
	if err != nil {
		panic(err) // only settings can be wrong, and there are none
	}
	return e.Routes()
}

// addRoutes adds every address of the service, area by area. Each line has the path,
// the action that the policy table must allow, and the handler.
func (s *Server) addRoutes(r rest.Router) {
	v1 := r.Under("/api/v1")
	t := v1.Under("/towns/:town")
	s.routesOfService(r)
	s.routesOfAccess(v1.Tag("access"), t.Tag("access"))
	s.routesOfStructure(v1.Tag("structure"), t.Tag("structure"))
	s.routesOfSchemes(v1.Tag("scheme"), t.Tag("scheme"))
	s.routesOfPeople(t.Tag("people"))
	s.routesOfEntry(t.Tag("entry"))
	s.routesOfIndex(v1.Tag("index"), t.Tag("index"))
	s.routesOfAppeals(t.Tag("appeals"))
	s.routesOfPlans(t.Tag("improvement"))
	s.routesOfMeasures(t.Tag("improvement"))
	s.routesOfExchange(t.Tag("exchange"))
}

// routesOfService adds the health of the service and of its description.
func (s *Server) routesOfService(r rest.Router) {
	rest.Get(r, "/livez", access.ReadService, s.live)
	rest.Get(r, "/readyz", access.ReadService, s.ready)
	rest.Get(r, "/.well-known/bulwark-keys", access.ReadService, s.signingKeys, rest.Sends[signature.Keys]())
	rest.Get(r, "/openapi.json", access.ReadService, s.openAPI, rest.Sends[map[string]any]())
	r.Swagger("/openapi.json", "bulwark")
}

// routesOfAccess adds who signs in, accounts, keys and the audit trails.
func (s *Server) routesOfAccess(v1, t rest.Router) {
	rest.Create(v1, "/sessions", access.SignIn, s.createSession, rest.HoldsSecret, rest.BodyLimit(secretBody))
	rest.Get(v1, "/session", access.ReadIdentity, s.findSession)
	rest.Delete(v1, "/session", access.OwnIdentity, s.endSession)
	rest.Create(v1, "/setup", access.SignIn, s.setUp, rest.HoldsSecret, rest.BodyLimit(secretBody))
	rest.Get(v1, "/oidc/start", access.SignIn, s.startOIDC, rest.Status(http.StatusFound))
	rest.Get(v1, "/oidc/callback", access.SignIn, s.finishOIDC, rest.Status(http.StatusSeeOther))
	rest.Get(v1, "/me", access.ReadIdentity, s.me)
	rest.Post(v1, "/me/password", access.OwnIdentity, s.changePassword, rest.HoldsSecret, rest.BodyLimit(secretBody))
	rest.Get(v1, "/accounts", access.ManageAccounts, s.listAccounts)
	rest.Create(v1, "/accounts", access.ManageAccounts, s.createAccount)
	rest.Get(v1, "/accounts/:account", access.ManageAccounts, s.findAccount)
	rest.Put(v1, "/accounts/:account", access.ManageAccounts, s.updateAccount)
	rest.Post(v1, "/accounts/:account/password", access.ManageAccounts, s.resetPassword, rest.HoldsSecret)
	rest.Get(v1, "/keys", access.ManageKeys, s.listKeys)
	rest.Create(v1, "/keys", access.ManageKeys, s.createKey, rest.HoldsSecret)
	rest.Delete(v1, "/keys/:key", access.ManageKeys, s.revokeKey)
	rest.Get(v1, "/audit", access.ReadSystemAudit, s.listInstallationAudit)
	rest.Get(v1, "/audit/head", access.ReadSystemAudit, s.findInstallationHead)
	rest.Get(v1, "/audit/verify", access.ReadSystemAudit, s.verifyInstallationAudit, rest.Costly)
	rest.Get(v1, "/audit/:sequence", access.ReadSystemAudit, s.findInstallationRecord)
	rest.Get(t, "/rights", access.ReadRights, s.listRights)
	rest.Get(t, "/rights/:right", access.ReadRights, s.findRight)
	rest.Post(t, "/rights/:right/transitions", access.ReadRights, s.moveRight)
	rest.Get(t, "/audit", access.ReadAudit, s.listAudit)
	rest.Get(t, "/audit/head", access.ReadAudit, s.findAuditHead)
	rest.Get(t, "/audit/verify", access.ReadAudit, s.verifyAudit, rest.Costly)
	rest.Get(t, "/audit/:sequence", access.ReadAudit, s.findAuditRecord)
}

// routesOfStructure adds areas, towns and their branches.
func (s *Server) routesOfStructure(v1, t rest.Router) {
	rest.Get(v1, "/areas", access.ReadStructure, s.listAreas)
	rest.Create(v1, "/areas", access.WriteTowns, s.createArea)
	rest.Get(v1, "/towns", access.ReadStructure, s.listTowns)
	rest.Create(v1, "/towns", access.WriteTowns, s.createTown)
	rest.Get(t, "", access.ReadStructure, s.findTown)
	rest.Put(t, "", access.WriteStructure, s.updateTown)
	rest.Get(t, "/kinds", access.ReadStructure, s.listKinds)
	rest.Create(t, "/kinds", access.WriteStructure, s.createKind)
	rest.Get(t, "/classes", access.ReadStructure, s.listClasses)
	rest.Create(t, "/classes", access.WriteStructure, s.createClass)
	rest.Get(t, "/branches", access.ReadStructure, s.listBranches)
	rest.Create(t, "/branches", access.WriteStructure, s.createBranch)
	rest.Get(t, "/branches/:branch", access.ReadStructure, s.findBranch)
	rest.Get(t, "/branches/:branch/history", access.ReadStructure, s.branchHistory)
	rest.Post(t, "/branches/:branch/rename", access.WriteStructure, s.renameBranch)
	rest.Post(t, "/branches/:branch/reclassify", access.WriteStructure, s.reclassifyBranch)
	rest.Post(t, "/branches/:branch/merge", access.WriteStructure, s.mergeBranch)
	rest.Post(t, "/branches/:branch/close", access.WriteStructure, s.closeBranch)
	rest.Create(t, "/branches/:branch/sub-branches", access.WriteStructure, s.createSubBranch)
	rest.Get(t, "/sub-branches", access.ReadStructure, s.listSubBranches)
}

// routesOfSchemes adds indicator schemes.
func (s *Server) routesOfSchemes(v1, t rest.Router) {
	rest.Get(v1, "/scheme-templates/:scheme", access.ReadStructure, s.findSchemeTemplate, rest.Sends[scheme.Document]())
	rest.Get(t, "/indicators", access.ReadStructure, s.listIndicators)
	rest.Get(t, "/schemes", access.ReadStructure, s.listSchemes)
	rest.Create(t, "/schemes", access.WriteScheme, s.createScheme, rest.Takes[scheme.Document]())
	rest.Get(t, "/schemes/:scheme/versions/:version", access.ReadStructure, s.findScheme)
	rest.Put(t, "/schemes/:scheme/versions/:version", access.WriteScheme, s.updateScheme, rest.Takes[scheme.Document]())
	rest.Get(t, "/schemes/:scheme/versions/:version/diff", access.ReadStructure, s.diffScheme)
	rest.Post(t, "/schemes/:scheme/versions/:version/activate", access.WriteScheme, s.activateScheme)
}

// routesOfPeople adds persons, what they are appointed and assigned to, and offices.
func (s *Server) routesOfPeople(t rest.Router) {
	rest.Get(t, "/people", access.ReadPeople, s.listPeople)
	rest.Create(t, "/people", access.WritePeople, s.createPerson)
	rest.Get(t, "/people/:person", access.ReadPeople, s.findPerson)
	rest.Put(t, "/people/:person", access.WritePeople, s.updatePerson)
	rest.Get(t, "/pairings", access.ReadPeople, s.listPairings)
	rest.Get(t, "/mentors", access.ReadPeople, s.listMentors)
	rest.Get(t, "/instructors", access.ReadPeople, s.listInstructors)
	rest.Get(t, "/appointments", access.ReadPeople, s.listAppointments)
	rest.Create(t, "/appointments", access.WritePeople, s.createAppointment)
	rest.Get(t, "/appointments/:id", access.ReadPeople, s.findAppointment)
	rest.Post(t, "/appointments/:id/end", access.WritePeople, s.endAppointment)
	rest.Get(t, "/assignments", access.ReadPeople, s.listAssignments)
	rest.Create(t, "/assignments", access.WritePeople, s.createAssignment)
	rest.Get(t, "/assignments/:id", access.ReadPeople, s.findAssignment)
	rest.Post(t, "/assignments/:id/end", access.WritePeople, s.endAssignment)
	rest.Get(t, "/offices", access.ReadPeople, s.listOffices)
	rest.Create(t, "/offices", access.WritePeople, s.createOffice)
	rest.Get(t, "/offices/:office", access.ReadPeople, s.findOffice)
	rest.Put(t, "/offices/:office", access.WritePeople, s.updateOffice)
	rest.Get(t, "/offices/:office/members", access.ReadPeople, s.listOfficeMembers)
	rest.Create(t, "/offices/:office/members", access.WritePeople, s.createOfficeMember)
	rest.Get(t, "/offices/:office/members/:id", access.ReadPeople, s.findOfficeMember)
	rest.Post(t, "/offices/:office/members/:id/end", access.WritePeople, s.endOfficeMember)
	rest.Get(t, "/offices/:office/links", access.ReadPeople, s.listOfficeLinks)
	rest.Create(t, "/offices/:office/links", access.WritePeople, s.createOfficeLink)
	rest.Get(t, "/offices/:office/links/:id", access.ReadPeople, s.findOfficeLink)
	rest.Post(t, "/offices/:office/links/:id/end", access.WritePeople, s.endOfficeLink)
}

// routesOfEntry adds periods and what is entered in them.
func (s *Server) routesOfEntry(t rest.Router) {
	rest.Get(t, "/periods", access.ReadStructure, s.listPeriods)
	rest.Create(t, "/periods", access.WritePeriods, s.createPeriod)
	rest.Get(t, "/periods/:period", access.ReadStructure, s.findPeriod)
	rest.Put(t, "/periods/:period", access.WritePeriods, s.updatePeriod)
	rest.Post(t, "/periods/:period/transitions", access.WritePeriods, s.movePeriod)
	rest.Get(t, "/periods/:period/completeness", access.ReadSheets, s.findCompleteness,
		rest.Sends[evaluation.Completeness]("application/json", "text/csv"))
	rest.Get(t, "/periods/:period/signals", access.ReadSignals, s.findSignals)
	rest.Get(t, "/periods/:period/exceptions", access.ReadSheets, s.listExceptions)
	rest.Create(t, "/periods/:period/exceptions", access.WritePeriods, s.grantException)
	rest.Get(t, "/periods/:period/exceptions/:exception", access.ReadSheets, s.findException)
	rest.Post(t, "/periods/:period/exceptions/:exception/end", access.WritePeriods, s.endException)
	rest.Get(t, "/periods/:period/contradictions", access.ReadSignals, s.listContradictions)
	rest.Post(t, "/periods/:period/contradictions/:branch/:indicator", access.DecideSheets, s.chooseValue)
	rest.Get(t, "/evaluations", access.ReadSheets, s.listEvaluations)
	rest.Create(t, "/evaluations", access.WriteSheets, s.beginEvaluation)
	rest.Post(t, "/evaluations/decide", access.DecideSheets, s.decideEvaluations)
	rest.Get(t, "/evaluations/:evaluation", access.ReadSheets, s.findEvaluation)
	rest.Put(t, "/evaluations/:evaluation", access.WriteSheets, s.writeEvaluation)
	rest.Post(t, "/evaluations/:evaluation/transitions", access.WriteSheets, s.moveEvaluation)
	rest.Get(t, "/adjustments", access.ReadAdjustments, s.listAdjustments)
	rest.Create(t, "/adjustments", access.WriteAdjustments, s.proposeAdjustment)
	rest.Post(t, "/adjustments/decide", access.WriteAdjustments, s.decideAdjustments)
	rest.Get(t, "/adjustments/:adjustment", access.ReadAdjustments, s.findAdjustment)
	rest.Post(t, "/adjustments/:adjustment/transitions", access.WriteAdjustments, s.moveAdjustment)
}

// routesOfIndex adds runs, results and what can be asked of them.
func (s *Server) routesOfIndex(v1, t rest.Router) {
	rest.Get(v1, "/rankings", access.ReadRanking, s.findRankings)
	rest.Get(t, "/periods/:period/runs", access.CreateRuns, s.listRuns)
	rest.Create(t, "/periods/:period/runs", access.CreateRuns, s.createRun)
	rest.Get(t, "/periods/:period/runs/:run", access.CreateRuns, s.findRun)
	rest.Get(t, "/periods/:period/ranking", access.ReadRanking, s.findRanking,
		rest.Sends[index.Ranking]("application/json", "text/csv"))
	rest.Get(t, "/periods/:period/branches/:branch", access.ReadRanking, s.findScorecard)
	rest.Get(t, "/periods/:period/branches/:branch/explanation", access.ReadRanking, s.findExplanation, rest.Costly)
	rest.Get(t, "/periods/:period/branches/:branch/change", access.ReadRanking, s.findChange, rest.Costly)
	rest.Get(t, "/periods/:period/branches/:branch/gains", access.ReadScorecard, s.findGains, rest.Costly)
	rest.Post(t, "/periods/:period/what-if", access.ReadScorecard, s.whatIf, rest.Computes, rest.Costly)
	rest.Get(t, "/periods/:period/robustness", access.ReadRanking, s.findRobustness)
	rest.Get(t, "/periods/:period/publications", access.ReadRanking, s.listPublications)
	rest.Post(t, "/periods/:period/publications", access.DecideAppeals, s.amendResult, rest.Status(http.StatusCreated))
	rest.Get(t, "/periods/:period/publications/:publication", access.ReadRanking, s.findPublication)
	rest.Get(t, "/periods/:period/publications/:publication/diff", access.ReadRanking, s.diffPublications)
	rest.Get(t, "/periods/:period/publications/:publication/package", access.ReadRanking, s.publicationPackage,
		rest.Sends[string]("application/zip"), rest.Costly)
	rest.Get(t, "/periods/:period/corrections", access.ReadScorecard, s.listCorrections)
	rest.Get(t, "/periods/:period/receipt", access.ReadRanking, s.findReceipt)
	rest.Get(t, "/periods/:period/receipt/verify", access.ReadRanking, s.verifyReceipt, rest.Costly)
	rest.Get(t, "/periods/:period/receipt/scheme.json", access.ReadRanking, s.receiptScheme, rest.Sends[scheme.Document]())
	rest.Get(t, "/periods/:period/receipt/data.csv", access.ReadScorecard, s.receiptData, rest.Sends[string]("text/csv"))
	rest.Get(t, "/branches/:branch/results", access.ReadRanking, s.branchResults)
}

// routesOfAppeals adds what waits for a second person, and objections to published results.
func (s *Server) routesOfAppeals(t rest.Router) {
	rest.Get(t, "/proposals", access.ReadProposals, s.listProposals)
	rest.Get(t, "/proposals/:proposal", access.ReadProposals, s.findProposal)
	rest.Post(t, "/proposals/:proposal/transitions", access.DecideProposals, s.moveProposal)
	rest.Get(t, "/appeals", access.ReadAppeals, s.listAppeals)
	rest.Create(t, "/appeals", access.WriteAppeals, s.fileAppeal)
	rest.Get(t, "/appeals/:appeal", access.ReadAppeals, s.findAppeal)
	// who decides and who withdraws differ: see index.DecideAppeal
	rest.Post(t, "/appeals/:appeal/transitions", access.ReadAppeals, s.decideAppeal)
}

// routesOfPlans adds targets, analyses and plans.
func (s *Server) routesOfPlans(t rest.Router) {
	rest.Post(t, "/periods/:period/targets/propose", access.ProposeTargets, s.proposeTargets)
	rest.Get(t, "/targets", access.ReadTargets, s.listTargets)
	rest.Create(t, "/targets", access.ProposeTargets, s.addTarget)
	rest.Get(t, "/targets/:target", access.ReadTargets, s.findTarget)
	rest.Post(t, "/targets/:target/transitions", access.DecideTargets, s.decideTarget)
	rest.Get(t, "/periods/:period/branches/:branch/analysis-draft", access.WriteAnalyses, s.draftAnalysis, rest.Costly)
	rest.Get(t, "/analyses", access.ReadAnalyses, s.listAnalyses)
	rest.Create(t, "/analyses", access.WriteAnalyses, s.beginAnalysis)
	rest.Get(t, "/analyses/:analysis", access.ReadAnalyses, s.findAnalysis)
	rest.Put(t, "/analyses/:analysis", access.WriteAnalyses, s.writeAnalysis)
	rest.Post(t, "/analyses/:analysis/transitions", access.WriteAnalyses, s.moveAnalysis)
	rest.Get(t, "/plans", access.ReadPlans, s.listPlans)
	rest.Create(t, "/plans", access.DraftPlans, s.draftPlan)
	rest.Get(t, "/plans/:plan", access.ReadPlans, s.findPlan)
	rest.Put(t, "/plans/:plan", access.WritePlans, s.writePlan)
	rest.Post(t, "/plans/:plan/redraft", access.DraftPlans, s.redraftPlan)
	// who advises, approves and starts differ: see plan.Move
	rest.Post(t, "/plans/:plan/transitions", access.ReadPlans, s.movePlan)
	rest.Get(t, "/plans/:plan/versions", access.ReadPlans, s.listPlanVersions)
	rest.Get(t, "/plans/:plan/outcomes", access.ReadPlans, s.listPlanOutcomes)
	rest.Get(t, "/plans/:plan/versions/:version", access.ReadPlans, s.findPlanVersion)
	rest.Get(t, "/plans/:plan/versions/:version/diff", access.ReadPlans, s.diffPlanVersions)
	rest.Get(t, "/plans/:plan/items/:item", access.ReadPlans, s.findPlanItem)
	// who does, verifies and closes differ
	rest.Post(t, "/plans/:plan/items/:item/transitions", access.ReadPlans, s.movePlanItem)
	rest.Get(t, "/branches/:branch/plan", access.ReadPlans, s.findBranchPlan)
}

// routesOfMeasures adds the dashboard, measures and their tasks, visits, problems, reports and reminders.
func (s *Server) routesOfMeasures(t rest.Router) {
	rest.Get(t, "/dashboard", access.ReadDashboard, s.findDashboard, rest.Sends[dashboard.Dashboard]())
	rest.Get(t, "/effects", access.ReadEffects, s.findEffect)
	rest.Get(t, "/improvement-settings", access.ReadSettings, s.findImprovementSettings)
	rest.Put(t, "/improvement-settings", access.WriteSettings, s.updateImprovementSettings)
	rest.Get(t, "/visits", access.ReadVisits, s.listVisits)
	rest.Create(t, "/visits", access.WriteVisits, s.beginVisit)
	rest.Get(t, "/visits/:visit", access.ReadVisits, s.findVisit)
	rest.Put(t, "/visits/:visit", access.WriteVisits, s.writeVisit)
	rest.Post(t, "/visits/:visit/transitions", access.WriteVisits, s.moveVisit)
	rest.Get(t, "/measures", access.ReadMeasures, s.listMeasures)
	rest.Get(t, "/measures/progress", access.ReadTasks, s.listMeasureProgress)
	rest.Get(t, "/measures/:measure", access.ReadMeasures, s.findMeasure)
	rest.Put(t, "/measures/:measure", access.WriteMeasures, s.nameMeasure)
	rest.Get(t, "/measures/:measure/tasks", access.ReadTasks, s.listTasks)
	rest.Create(t, "/measures/:measure/tasks", access.WriteTasks, s.setTask)
	rest.Get(t, "/measures/:measure/tasks/:task", access.ReadTasks, s.findTask)
	rest.Put(t, "/measures/:measure/tasks/:task", access.WriteTasks, s.changeTask)
	rest.Post(t, "/measures/:measure/tasks/:task/report", access.ReportTasks, s.reportTask)
	// who finishes and who drops differ: see measure.MoveTask
	rest.Post(t, "/measures/:measure/tasks/:task/transitions", access.ReportTasks, s.moveTask)
	rest.Get(t, "/problems", access.ReadProblems, s.listProblems)
	rest.Create(t, "/problems", access.WriteProblems, s.openProblem)
	rest.Get(t, "/problems/:problem", access.ReadProblems, s.findProblem)
	rest.Put(t, "/problems/:problem", access.WriteProblems, s.updateProblem)
	rest.Post(t, "/problems/:problem/transitions", access.WriteProblems, s.moveProblem)
	rest.Get(t, "/reports", access.ReadReports, s.listReports)
	rest.Create(t, "/reports", access.WriteReports, s.beginReport)
	rest.Get(t, "/reports/draft", access.WriteReports, s.draftReport)
	rest.Get(t, "/reports/:report", access.ReadReports, s.findReport)
	rest.Put(t, "/reports/:report", access.WriteReports, s.writeReport)
	// who submits and who receives differ: see the verbs of report
	rest.Post(t, "/reports/:report/transitions", access.ReadReports, s.moveReport)
	rest.Get(t, "/reminders", access.ReadReminders, s.listReminders)
	rest.Post(t, "/reminders/:reminder/acknowledge", access.ReadReminders, s.acknowledgeReminder)
}

// routesOfExchange adds what branches learn from each other: cases, ratings, events and projects.
func (s *Server) routesOfExchange(t rest.Router) {
	rest.Get(t, "/cases", access.ReadCases, s.listCases)
	rest.Create(t, "/cases", access.WriteCases, s.draftCase)
	rest.Get(t, "/cases/:case", access.ReadCases, s.findCase)
	rest.Put(t, "/cases/:case", access.WriteCases, s.updateCase)
	rest.Post(t, "/cases/:case/renew", access.WriteCases, s.renewCase)
	// who writes and who reviews differ: see the verbs of exchange
	rest.Post(t, "/cases/:case/transitions", access.ReadCases, s.moveCase)
	rest.Get(t, "/branches/:branch/recommended-cases", access.ReadScorecard, s.recommendCases)
	rest.Get(t, "/ratings", access.WriteRatings, s.listRatings)
	rest.Create(t, "/ratings", access.WriteRatings, s.rate)
	rest.Get(t, "/ratings/:rating", access.WriteRatings, s.findRating)
	rest.Put(t, "/ratings/:rating", access.WriteRatings, s.updateRating)
	rest.Get(t, "/usefulness", access.ReadUsefulness, s.listUsefulness)
	rest.Get(t, "/teams", access.ReadProjects, s.listTeams)
	rest.Create(t, "/teams", access.WriteProjects, s.createTeam)
	rest.Get(t, "/teams/:team", access.ReadProjects, s.findTeam)
	rest.Put(t, "/teams/:team", access.WriteProjects, s.updateTeam)
	rest.Get(t, "/rounds", access.ReadProjects, s.listRounds)
	rest.Create(t, "/rounds", access.RunRounds, s.openRound)
	rest.Get(t, "/rounds/:round", access.ReadProjects, s.findRound)
	rest.Put(t, "/rounds/:round", access.RunRounds, s.updateRound)
	rest.Post(t, "/rounds/:round/transitions", access.RunRounds, s.moveRound)
	rest.Get(t, "/rounds/:round/sheet", access.JudgeProjects, s.findSheet)
	rest.Put(t, "/rounds/:round/sheet", access.JudgeProjects, s.writeSheet)
	rest.Get(t, "/rounds/:round/result", access.ReadProjects, s.findRoundResult)
	rest.Post(t, "/rounds/:round/shortlist", access.RunRounds, s.shortlist)
	rest.Post(t, "/rounds/:round/choice", access.RunRounds, s.choose)
	rest.Get(t, "/projects", access.ReadProjects, s.listProjects)
	rest.Create(t, "/projects", access.WriteProjects, s.registerProject)
	rest.Get(t, "/projects/:project", access.ReadProjects, s.findProject)
	rest.Put(t, "/projects/:project", access.WriteProjects, s.updateProject)
	rest.Post(t, "/projects/:project/transitions", access.WriteProjects, s.moveProject)
	rest.Post(t, "/projects/:project/bonus", access.RunRounds, s.proposeBonus)
	rest.Get(t, "/events", access.ReadEvents, s.listEvents)
	rest.Create(t, "/events", access.WriteEvents, s.planEvent)
	rest.Get(t, "/events/:event", access.ReadEvents, s.findEvent)
	rest.Put(t, "/events/:event", access.WriteEvents, s.updateEvent)
	rest.Post(t, "/events/:event/transitions", access.WriteEvents, s.moveEvent)
}
