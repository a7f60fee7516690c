package api

import (
	"net/http"

	"bulwark/internal/analysis"
	"bulwark/internal/dashboard"
	"bulwark/internal/entry"
	"bulwark/internal/evidence"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/review"
	"bulwark/internal/scheme"
	"bulwark/internal/setup"
	"bulwark/internal/signature"
	"bulwark/internal/spreadsheet"
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
	s.routesOfOData(r.Under("/odata/:town").Tag("index"))
	s.addPages(r)
}

// routesOfOData adds what Excel, Power BI and the like load by themselves.
func (s *Server) routesOfOData(o rest.Router) {
	rest.Get(o, "/", policy.ReadStructure, s.odataService, rest.Sends[map[string]any]())
	rest.Get(o, "/$metadata", policy.ReadStructure, s.odataMetadata, rest.Sends[string]("application/xml"))
	rest.Get(o, "/connection.pbids", policy.ReadStructure, s.odataConnection, rest.Sends[map[string]any]())
	rest.Get(o, "/:set", policy.ReadStructure, s.odataSet, rest.Sends[map[string]any]())
}

// routesOfService adds the health of the service and of its description.
func (s *Server) routesOfService(r rest.Router) {
	rest.Get(r, "/livez", policy.ReadService, s.live)
	rest.Get(r, "/readyz", policy.ReadService, s.ready)
	rest.Get(r, "/.well-known/bulwark-keys", policy.ReadService, s.signingKeys, rest.Sends[signature.Keys]())
	rest.Get(r, "/openapi.json", policy.ReadService, s.openAPI, rest.Sends[map[string]any]())
	r.Swagger("/openapi.json", "bulwark")
}

// routesOfAccess adds who signs in, accounts, keys and the audit trails.
func (s *Server) routesOfAccess(v1, t rest.Router) {
	rest.Create(v1, "/sessions", policy.SignIn, s.createSession, rest.HoldsSecret, rest.BodyLimit(secretBody))
	rest.Get(v1, "/session", policy.ReadIdentity, s.findSession)
	rest.Delete(v1, "/session", policy.OwnIdentity, s.endSession)
	rest.Create(v1, "/setup", policy.SignIn, s.setUp, rest.HoldsSecret, rest.BodyLimit(secretBody))
	rest.Get(v1, "/oidc/start", policy.SignIn, s.startOIDC, rest.Status(http.StatusFound))
	rest.Get(v1, "/oidc/callback", policy.SignIn, s.finishOIDC, rest.Status(http.StatusSeeOther))
	rest.Get(v1, "/me", policy.ReadIdentity, s.me)
	rest.Get(v1, "/home", policy.ReadIdentity, s.home)
	rest.Post(v1, "/me/password", policy.OwnIdentity, s.changePassword, rest.HoldsSecret, rest.BodyLimit(secretBody))
	rest.Get(v1, "/accounts", policy.ManageAccounts, s.listAccounts)
	rest.Create(v1, "/accounts", policy.ManageAccounts, s.createAccount)
	rest.Get(v1, "/accounts/:account", policy.ManageAccounts, s.findAccount)
	rest.Put(v1, "/accounts/:account", policy.ManageAccounts, s.updateAccount)
	rest.Post(v1, "/accounts/:account/password", policy.ManageAccounts, s.resetPassword, rest.HoldsSecret)
	rest.Get(v1, "/keys", policy.ManageKeys, s.listKeys)
	rest.Create(v1, "/keys", policy.ManageKeys, s.createKey, rest.HoldsSecret)
	rest.Delete(v1, "/keys/:key", policy.ManageKeys, s.revokeKey)
	rest.Get(v1, "/audit", policy.ReadSystemAudit, s.listInstallationAudit)
	rest.Get(v1, "/audit/head", policy.ReadSystemAudit, s.findInstallationHead)
	rest.Get(v1, "/audit/verify", policy.ReadSystemAudit, s.verifyInstallationAudit, rest.Costly)
	rest.Get(v1, "/audit/:sequence", policy.ReadSystemAudit, s.findInstallationRecord)
	rest.Get(t, "/rights", policy.ReadRights, s.listRights)
	rest.Get(t, "/rights/:right", policy.ReadRights, s.findRight)
	rest.Post(t, "/rights/:right/transitions", policy.ReadRights, s.moveRight)
	rest.Get(t, "/changes", policy.ReadStructure, s.listChanges)
	rest.Get(t, "/webhooks", policy.ManageWebhooks, s.listWebhooks)
	rest.Create(t, "/webhooks", policy.ManageWebhooks, s.createWebhook, rest.HoldsSecret)
	rest.Get(t, "/webhooks/:webhook", policy.ManageWebhooks, s.findWebhook)
	rest.Put(t, "/webhooks/:webhook", policy.ManageWebhooks, s.updateWebhook)
	rest.Delete(t, "/webhooks/:webhook", policy.ManageWebhooks, s.deleteWebhook)
	rest.Post(t, "/webhooks/:webhook/secret", policy.ManageWebhooks, s.rotateWebhook, rest.HoldsSecret)
	rest.Post(t, "/webhooks/:webhook/ping", policy.ManageWebhooks, s.pingWebhook)
	rest.Post(t, "/webhooks/:webhook/resend", policy.ManageWebhooks, s.resendWebhook)
	rest.Get(t, "/webhooks/:webhook/attempts", policy.ManageWebhooks, s.listWebhookAttempts)
	rest.Get(t, "/audit", policy.ReadAudit, s.listAudit)
	rest.Get(t, "/audit/head", policy.ReadAudit, s.findAuditHead)
	rest.Get(t, "/audit/verify", policy.ReadAudit, s.verifyAudit, rest.Costly)
	rest.Get(t, "/audit/:sequence", policy.ReadAudit, s.findAuditRecord)
}

// routesOfStructure adds areas, towns and their branches.
func (s *Server) routesOfStructure(v1, t rest.Router) {
	rest.Get(v1, "/areas", policy.ReadStructure, s.listAreas)
	rest.Create(v1, "/areas", policy.WriteTowns, s.createArea)
	rest.Post(v1, "/areas/:area/rename", policy.WriteTowns, s.renameArea)
	rest.Get(v1, "/towns", policy.ReadStructure, s.listTowns)
	rest.Create(v1, "/towns", policy.WriteTowns, s.createTown)
	rest.Get(t, "", policy.ReadStructure, s.findTown)
	rest.Put(t, "", policy.WriteStructure, s.updateTown)
	rest.Get(t, "/kinds", policy.ReadStructure, s.listKinds)
	rest.Create(t, "/kinds", policy.WriteStructure, s.createKind)
	rest.Post(t, "/kinds/:kind/rename", policy.WriteStructure, s.renameKind)
	rest.Get(t, "/classes", policy.ReadStructure, s.listClasses)
	rest.Create(t, "/classes", policy.WriteStructure, s.createClass)
	rest.Post(t, "/classes/:class/rename", policy.WriteStructure, s.renameClass)
	rest.Get(t, "/branches", policy.ReadStructure, s.listBranches)
	rest.Create(t, "/branches", policy.WriteStructure, s.createBranch)
	rest.Get(t, "/branches/:branch", policy.ReadStructure, s.findBranch)
	rest.Get(t, "/branches/:branch/history", policy.ReadStructure, s.branchHistory)
	rest.Post(t, "/branches/:branch/rename", policy.WriteStructure, s.renameBranch)
	rest.Post(t, "/branches/:branch/reclassify", policy.WriteStructure, s.reclassifyBranch)
	rest.Post(t, "/branches/:branch/merge", policy.WriteStructure, s.mergeBranch)
	rest.Post(t, "/branches/:branch/close", policy.WriteStructure, s.closeBranch)
	rest.Post(t, "/branches/:branch/reopen", policy.WriteStructure, s.reopenBranch)
	rest.Post(t, "/branches/:branch/withdraw", policy.WriteStructure, s.withdrawBranchChange)
	rest.Post(t, "/branches/:branch/correct", policy.WriteStructure, s.correctBranch)
	rest.Post(t, "/branches/:branch/sub-branches/:subBranch/rename", policy.WriteStructure, s.renameSubBranch)
	rest.Create(t, "/branches/:branch/sub-branches", policy.WriteStructure, s.createSubBranch)
	rest.Get(t, "/sub-branches", policy.ReadStructure, s.listSubBranches)
}

// routesOfSchemes adds indicator schemes.
func (s *Server) routesOfSchemes(v1, t rest.Router) {
	rest.Get(v1, "/scheme-templates/:scheme", policy.ReadStructure, s.findSchemeTemplate, rest.Sends[scheme.Document]())
	rest.Get(t, "/indicators", policy.ReadStructure, s.listIndicators)
	rest.Get(t, "/schemes", policy.ReadStructure, s.listSchemes)
	rest.Create(t, "/schemes", policy.WriteScheme, s.createScheme, rest.Takes[scheme.Document]())
	rest.Post(t, "/schemes/weights", policy.ReadStatistics, s.proposeWeights, rest.Computes, rest.Costly,
		rest.Takes[weightsProposal]())
	rest.Get(t, "/schemes/:scheme/versions/:version", policy.ReadStructure, s.findScheme)
	rest.Put(t, "/schemes/:scheme/versions/:version", policy.WriteScheme, s.updateScheme, rest.Takes[scheme.Document]())
	rest.Get(t, "/schemes/:scheme/versions/:version/diff", policy.ReadStructure, s.diffScheme)
	rest.Post(t, "/schemes/:scheme/versions/:version/activate", policy.WriteScheme, s.activateScheme)
	rest.Post(t, "/schemes/:scheme/versions/:version/delete", policy.WriteScheme, s.deleteScheme)
	rest.Get(t, "/schemes/:scheme/versions/:version/try", policy.ReadStatistics, s.tryScheme, rest.Costly)
}

// routesOfPeople adds persons, what they are appointed and assigned to, and offices.
func (s *Server) routesOfPeople(t rest.Router) {
	rest.Get(t, "/people", policy.ReadPeople, s.listPeople)
	rest.Create(t, "/people", policy.WritePeople, s.createPerson)
	rest.Get(t, "/people/:person", policy.ReadPeople, s.findPerson)
	rest.Put(t, "/people/:person", policy.WritePeople, s.updatePerson)
	rest.Post(t, "/people/:person/transitions", policy.Pseudonymise, s.movePerson)
	// oneself, or who may read it of anybody
	rest.Get(t, "/people/:person/everything", policy.ReadOwnData, s.findEverything, rest.Costly)
	rest.Get(t, "/pairings", policy.ReadPeople, s.listPairings)
	rest.Get(t, "/mentors", policy.ReadPeople, s.listMentors)
	rest.Get(t, "/instructors", policy.ReadPeople, s.listInstructors)
	rest.Get(t, "/appointments", policy.ReadPeople, s.listAppointments)
	rest.Create(t, "/appointments", policy.WritePeople, s.createAppointment)
	rest.Get(t, "/appointments/:id", policy.ReadPeople, s.findAppointment)
	rest.Post(t, "/appointments/:id/end", policy.WritePeople, s.endAppointment)
	rest.Post(t, "/appointments/:id/cancel", policy.WritePeople, s.cancelAppointment)
	rest.Get(t, "/import", policy.WritePeople, s.findTownBook, rest.Sends[string](spreadsheet.MediaXLSX))
	rest.Post(t, "/import", policy.WritePeople, s.importTown, rest.HoldsSecret,
		rest.Sends[setup.Import]("application/json", spreadsheet.MediaXLSX),
		rest.TakesFile(spreadsheet.MaxUpload, spreadsheet.MediaXLSX))
	rest.Get(t, "/assignments", policy.ReadPeople, s.listAssignments)
	rest.Create(t, "/assignments", policy.WritePeople, s.createAssignment)
	rest.Get(t, "/assignments/:id", policy.ReadPeople, s.findAssignment)
	rest.Post(t, "/assignments/:id/end", policy.WritePeople, s.endAssignment)
	rest.Post(t, "/assignments/:id/cancel", policy.WritePeople, s.cancelAssignment)
	rest.Get(t, "/offices", policy.ReadPeople, s.listOffices)
	rest.Create(t, "/offices", policy.WritePeople, s.createOffice)
	rest.Get(t, "/offices/:office", policy.ReadPeople, s.findOffice)
	rest.Put(t, "/offices/:office", policy.WritePeople, s.updateOffice)
	rest.Get(t, "/offices/:office/members", policy.ReadPeople, s.listOfficeMembers)
	rest.Create(t, "/offices/:office/members", policy.WritePeople, s.createOfficeMember)
	rest.Get(t, "/offices/:office/members/:id", policy.ReadPeople, s.findOfficeMember)
	rest.Post(t, "/offices/:office/members/:id/end", policy.WritePeople, s.endOfficeMember)
	rest.Post(t, "/offices/:office/members/:id/cancel", policy.WritePeople, s.cancelOfficeMember)
	rest.Get(t, "/offices/:office/links", policy.ReadPeople, s.listOfficeLinks)
	rest.Create(t, "/offices/:office/links", policy.WritePeople, s.createOfficeLink)
	rest.Get(t, "/offices/:office/links/:id", policy.ReadPeople, s.findOfficeLink)
	rest.Post(t, "/offices/:office/links/:id/end", policy.WritePeople, s.endOfficeLink)
	rest.Post(t, "/offices/:office/links/:id/cancel", policy.WritePeople, s.cancelOfficeLink)
}

// routesOfEntry adds periods and what is entered in them.
func (s *Server) routesOfEntry(t rest.Router) {
	rest.Get(t, "/periods", policy.ReadStructure, s.listPeriods)
	rest.Create(t, "/periods", policy.WritePeriods, s.createPeriod)
	rest.Get(t, "/periods/:period", policy.ReadStructure, s.findPeriod)
	rest.Put(t, "/periods/:period", policy.WritePeriods, s.updatePeriod)
	rest.Post(t, "/periods/:period/transitions", policy.WritePeriods, s.movePeriod)
	rest.Get(t, "/periods/:period/completeness", policy.ReadSheets, s.findCompleteness,
		rest.Sends[review.Completeness]("application/json", "text/csv", spreadsheet.MediaXLSX))
	rest.Get(t, "/periods/:period/entry", policy.WriteSheets, s.findForm,
		rest.Sends[entry.Form]("application/json", "text/csv", spreadsheet.MediaXLSX))
	rest.Post(t, "/periods/:period/entry/import", policy.WriteSheets, s.importEntries,
		rest.Sends[entry.Import]("application/json", spreadsheet.MediaXLSX),
		rest.TakesFile(spreadsheet.MaxUpload, spreadsheet.MediaXLSX, spreadsheet.MediaCSV))
	rest.Post(t, "/periods/:period/entry/copy", policy.WriteSheets, s.copyEntries)
	rest.Post(t, "/periods/:period/entry/submit", policy.WriteSheets, s.submitForm)
	rest.Get(t, "/periods/:period/review", policy.ReadSignals, s.listReview)
	rest.Get(t, "/periods/:period/signals", policy.ReadSignals, s.findSignals)
	rest.Get(t, "/periods/:period/exceptions", policy.ReadSheets, s.listExceptions)
	rest.Create(t, "/periods/:period/exceptions", policy.WritePeriods, s.grantException)
	rest.Get(t, "/periods/:period/exceptions/:exception", policy.ReadSheets, s.findException)
	rest.Post(t, "/periods/:period/exceptions/:exception/end", policy.WritePeriods, s.endException)
	rest.Get(t, "/periods/:period/contradictions", policy.ReadSignals, s.listContradictions)
	rest.Post(t, "/periods/:period/contradictions/:branch/:indicator", policy.DecideSheets, s.chooseValue)
	rest.Get(t, "/evaluations", policy.ReadSheets, s.listEvaluations)
	rest.Create(t, "/evaluations", policy.WriteSheets, s.beginEvaluation)
	rest.Post(t, "/evaluations/decide", policy.DecideSheets, s.decideEvaluations)
	rest.Get(t, "/evaluations/:evaluation", policy.ReadSheets, s.findEvaluation)
	rest.Put(t, "/evaluations/:evaluation", policy.WriteSheets, s.writeEvaluation)
	rest.Patch(t, "/evaluations/:evaluation", policy.WriteSheets, s.patchEvaluation)
	rest.Get(t, "/evaluations/:evaluation/remarks", policy.WriteSheets, s.listRemarks)
	rest.Create(t, "/evaluations/:evaluation/remarks", policy.WriteSheets, s.writeRemark)
	rest.Post(t, "/evaluations/:evaluation/transitions", policy.WriteSheets, s.moveEvaluation)
	rest.Get(t, "/adjustments", policy.ReadAdjustments, s.listAdjustments)
	rest.Create(t, "/adjustments", policy.WriteAdjustments, s.proposeAdjustment)
	rest.Post(t, "/adjustments/decide", policy.WriteAdjustments, s.decideAdjustments)
	rest.Get(t, "/adjustments/:adjustment", policy.ReadAdjustments, s.findAdjustment)
	rest.Post(t, "/adjustments/:adjustment/transitions", policy.WriteAdjustments, s.moveAdjustment)
}

// routesOfIndex adds runs, results and what can be asked of them.
func (s *Server) routesOfIndex(v1, t rest.Router) {
	rest.Get(v1, "/rankings", policy.ReadRanking, s.findRankings)
	rest.Get(t, "/periods/:period/runs", policy.CreateRuns, s.listRuns)
	rest.Create(t, "/periods/:period/runs", policy.CreateRuns, s.createRun)
	rest.Get(t, "/periods/:period/runs/:run", policy.CreateRuns, s.findRun)
	rest.Get(t, "/periods/:period/ranking", policy.ReadRanking, s.findRanking,
		rest.Sends[index.Ranking]("application/json", "text/csv", spreadsheet.MediaXLSX))
	rest.Get(t, "/periods/:period/results.ndjson", policy.ReadRanking, s.resultLines, rest.Sends[string](rest.MediaLines))
	rest.Get(t, "/periods/:period/branches/:branch", policy.ReadRanking, s.findScorecard,
		rest.Sends[index.Scorecard]("application/json", "text/csv", spreadsheet.MediaXLSX))
	rest.Get(t, "/periods/:period/branches/:branch/explanation", policy.ReadRanking, s.findExplanation, rest.Costly)
	rest.Get(t, "/periods/:period/branches/:branch/change", policy.ReadRanking, s.findChange, rest.Costly)
	rest.Get(t, "/periods/:period/branches/:branch/gains", policy.ReadScorecard, s.findGains, rest.Costly)
	rest.Post(t, "/periods/:period/what-if", policy.ReadScorecard, s.whatIf, rest.Computes, rest.Costly)
	rest.Post(t, "/periods/:period/what-if/schemes", policy.ReadStatistics, s.compareSchemes, rest.Computes, rest.Costly,
		rest.Takes[comparedSchemes]())
	rest.Get(t, "/periods/:period/robustness", policy.ReadRanking, s.findRobustness)
	s.routesOfAnalysis(t)
	rest.Get(t, "/periods/:period/publications", policy.ReadRanking, s.listPublications)
	rest.Post(t, "/periods/:period/publications", policy.DecideAppeals, s.amendResult, rest.Status(http.StatusCreated))
	rest.Get(t, "/periods/:period/publications/:publication", policy.ReadRanking, s.findPublication)
	rest.Post(t, "/periods/:period/publications/:publication/withdraw", policy.WritePeriods, s.withdrawPublication)
	rest.Get(t, "/periods/:period/publications/:publication/diff", policy.ReadRanking, s.diffPublications)
	rest.Get(t, "/periods/:period/publications/:publication/package", policy.ReadRanking, s.publicationPackage,
		rest.Sends[string]("application/zip"), rest.Costly)
	rest.Get(t, "/periods/:period/corrections", policy.ReadScorecard, s.listCorrections)
	rest.Get(t, "/periods/:period/receipt", policy.ReadRanking, s.findReceipt)
	rest.Get(t, "/periods/:period/receipt/verify", policy.ReadRanking, s.verifyReceipt, rest.Costly)
	rest.Get(t, "/periods/:period/receipt/scheme.json", policy.ReadRanking, s.receiptScheme, rest.Sends[scheme.Document]())
	rest.Get(t, "/periods/:period/receipt/data.csv", policy.ReadScorecard, s.receiptData, rest.Sends[string]("text/csv"))
	rest.Get(t, "/branches/:branch/results", policy.ReadRanking, s.branchResults)
	rest.Get(t, "/trend", policy.ReadRanking, s.findTrend,
		rest.Sends[index.Trend]("application/json", "text/csv", spreadsheet.MediaXLSX))
}

// routesOfAnalysis adds what can be asked of a ranking as a whole.
func (s *Server) routesOfAnalysis(t rest.Router) {
	rest.Get(t, "/periods/:period/analysis/sensitivity", policy.ReadStatistics, s.findSensitivity,
		rest.Sends[analysis.Sensitivity](), rest.Costly)
	rest.Get(t, "/periods/:period/analysis/removal", policy.ReadStatistics, s.findRemoval,
		rest.Sends[analysis.Removal](), rest.Costly)
	rest.Get(t, "/periods/:period/analysis/burden", policy.ReadStatistics, s.findBurden,
		rest.Sends[analysis.Burden](), rest.Costly)
	rest.Get(t, "/periods/:period/analysis/statistics", policy.ReadStatistics, s.findStatistics,
		rest.Sends[analysis.Statistics](), rest.Costly)
	rest.Get(t, "/periods/:period/analysis/funnels", policy.ReadStatistics, s.findFunnels,
		rest.Sends[analysis.Funnels](), rest.Costly)
	rest.Get(t, "/periods/:period/analysis/raters", policy.ReadRaters, s.findRaters,
		rest.Sends[analysis.Raters](), rest.Costly)
	rest.Get(t, "/periods/:period/analysis/screening", policy.ReadStatistics, s.findScreening,
		rest.Sends[analysis.Screening](), rest.Costly)
}

// routesOfAppeals adds what waits for a second person, and objections to published results.
func (s *Server) routesOfAppeals(t rest.Router) {
	rest.Get(t, "/proposals", policy.ReadProposals, s.listProposals)
	rest.Get(t, "/proposals/:proposal", policy.ReadProposals, s.findProposal)
	rest.Post(t, "/proposals/:proposal/transitions", policy.DecideProposals, s.moveProposal)
	rest.Get(t, "/appeals", policy.ReadAppeals, s.listAppeals)
	rest.Create(t, "/appeals", policy.WriteAppeals, s.fileAppeal)
	rest.Get(t, "/appeals/:appeal", policy.ReadAppeals, s.findAppeal)
	// who decides and who withdraws differ: see index.DecideAppeal
	rest.Post(t, "/appeals/:appeal/transitions", policy.ReadAppeals, s.decideAppeal)
}

// routesOfPlans adds targets, analyses and plans.
func (s *Server) routesOfPlans(t rest.Router) {
	rest.Post(t, "/periods/:period/targets/propose", policy.ProposeTargets, s.proposeTargets)
	rest.Get(t, "/targets", policy.ReadTargets, s.listTargets)
	rest.Create(t, "/targets", policy.ProposeTargets, s.addTarget)
	rest.Get(t, "/targets/:target", policy.ReadTargets, s.findTarget)
	rest.Post(t, "/targets/:target/transitions", policy.DecideTargets, s.decideTarget)
	rest.Get(t, "/periods/:period/branches/:branch/analysis-draft", policy.WriteAnalyses, s.draftAnalysis, rest.Costly)
	rest.Get(t, "/analyses", policy.ReadAnalyses, s.listAnalyses)
	rest.Create(t, "/analyses", policy.WriteAnalyses, s.beginAnalysis)
	rest.Get(t, "/analyses/:analysis", policy.ReadAnalyses, s.findAnalysis)
	rest.Put(t, "/analyses/:analysis", policy.WriteAnalyses, s.writeAnalysis)
	rest.Post(t, "/analyses/:analysis/transitions", policy.WriteAnalyses, s.moveAnalysis)
	rest.Get(t, "/plans", policy.ReadPlans, s.listPlans)
	rest.Create(t, "/plans", policy.DraftPlans, s.draftPlan)
	rest.Get(t, "/plans/:plan", policy.ReadPlans, s.findPlan)
	rest.Put(t, "/plans/:plan", policy.WritePlans, s.writePlan)
	rest.Post(t, "/plans/:plan/redraft", policy.DraftPlans, s.redraftPlan)
	// who advises, approves and starts differ: see plan.Move
	rest.Post(t, "/plans/:plan/transitions", policy.ReadPlans, s.movePlan)
	rest.Get(t, "/plans/:plan/versions", policy.ReadPlans, s.listPlanVersions)
	rest.Get(t, "/plans/:plan/outcomes", policy.ReadPlans, s.listPlanOutcomes)
	rest.Get(t, "/plans/:plan/versions/:version", policy.ReadPlans, s.findPlanVersion)
	rest.Get(t, "/plans/:plan/versions/:version/diff", policy.ReadPlans, s.diffPlanVersions)
	rest.Get(t, "/plans/:plan/items/:item", policy.ReadPlans, s.findPlanItem)
	// who does, verifies and closes differ
	rest.Post(t, "/plans/:plan/items/:item/transitions", policy.ReadPlans, s.movePlanItem)
	rest.Get(t, "/branches/:branch/plan", policy.ReadPlans, s.findBranchPlan)
}

// routesOfMeasures adds the dashboard, measures and their tasks, visits, problems, reports and reminders.
func (s *Server) routesOfMeasures(t rest.Router) {
	rest.Get(t, "/dashboard", policy.ReadDashboard, s.findDashboard, rest.Sends[dashboard.Dashboard]())
	rest.Get(t, "/effects", policy.ReadEffects, s.findEffect)
	rest.Get(t, "/improvement-settings", policy.ReadSettings, s.findImprovementSettings)
	rest.Put(t, "/improvement-settings", policy.WriteSettings, s.updateImprovementSettings)
	rest.Get(t, "/visits", policy.ReadVisits, s.listVisits)
	rest.Create(t, "/visits", policy.WriteVisits, s.beginVisit)
	rest.Get(t, "/visits/:visit", policy.ReadVisits, s.findVisit)
	rest.Put(t, "/visits/:visit", policy.WriteVisits, s.writeVisit)
	rest.Post(t, "/visits/:visit/transitions", policy.WriteVisits, s.moveVisit)
	rest.Get(t, "/evidence", policy.ReadEvidence, s.listEvidence)
	rest.Create(t, "/evidence", policy.WriteEvidence, s.attachEvidence, rest.Uploads(evidence.MaxBytes))
	rest.Get(t, "/evidence/:evidence", policy.ReadEvidence, s.findEvidence)
	rest.Get(t, "/evidence/:evidence/file", policy.ReadEvidence, s.evidenceFile, rest.Sends[string](evidence.MediaTypes()...))
	rest.Post(t, "/evidence/:evidence/remove", policy.WriteEvidence, s.removeEvidence)
	rest.Get(t, "/measures", policy.ReadMeasures, s.listMeasures)
	rest.Get(t, "/measures/progress", policy.ReadTasks, s.listMeasureProgress)
	rest.Get(t, "/measures/:measure", policy.ReadMeasures, s.findMeasure)
	rest.Put(t, "/measures/:measure", policy.WriteMeasures, s.nameMeasure)
	rest.Get(t, "/measures/:measure/tasks", policy.ReadTasks, s.listTasks)
	rest.Create(t, "/measures/:measure/tasks", policy.WriteTasks, s.setTask)
	rest.Get(t, "/measures/:measure/tasks/:task", policy.ReadTasks, s.findTask)
	rest.Put(t, "/measures/:measure/tasks/:task", policy.WriteTasks, s.changeTask)
	rest.Post(t, "/measures/:measure/tasks/:task/report", policy.ReportTasks, s.reportTask)
	// who finishes and who drops differ: see measure.MoveTask
	rest.Post(t, "/measures/:measure/tasks/:task/transitions", policy.ReportTasks, s.moveTask)
	rest.Get(t, "/problems", policy.ReadProblems, s.listProblems)
	rest.Create(t, "/problems", policy.WriteProblems, s.openProblem)
	rest.Get(t, "/problems/:problem", policy.ReadProblems, s.findProblem)
	rest.Put(t, "/problems/:problem", policy.WriteProblems, s.updateProblem)
	rest.Post(t, "/problems/:problem/transitions", policy.WriteProblems, s.moveProblem)
	rest.Get(t, "/reports", policy.ReadReports, s.listReports)
	rest.Create(t, "/reports", policy.WriteReports, s.beginReport)
	rest.Get(t, "/reports/draft", policy.WriteReports, s.draftReport)
	rest.Get(t, "/reports/:report", policy.ReadReports, s.findReport)
	rest.Put(t, "/reports/:report", policy.WriteReports, s.writeReport)
	// who submits and who receives differ: see the verbs of report
	rest.Post(t, "/reports/:report/transitions", policy.ReadReports, s.moveReport)
	rest.Get(t, "/reminders", policy.ReadReminders, s.listReminders)
	rest.Post(t, "/reminders/:reminder/acknowledge", policy.ReadReminders, s.acknowledgeReminder)
}

// routesOfExchange adds what branches learn from each other: cases, ratings, events and projects.
func (s *Server) routesOfExchange(t rest.Router) {
	rest.Get(t, "/cases", policy.ReadCases, s.listCases)
	rest.Create(t, "/cases", policy.WriteCases, s.draftCase)
	rest.Get(t, "/cases/:case", policy.ReadCases, s.findCase)
	rest.Put(t, "/cases/:case", policy.WriteCases, s.updateCase)
	rest.Post(t, "/cases/:case/renew", policy.WriteCases, s.renewCase)
	// who writes and who reviews differ: see the verbs of exchange
	rest.Post(t, "/cases/:case/transitions", policy.ReadCases, s.moveCase)
	rest.Get(t, "/branches/:branch/recommended-cases", policy.ReadScorecard, s.recommendCases)
	rest.Get(t, "/ratings", policy.WriteRatings, s.listRatings)
	rest.Create(t, "/ratings", policy.WriteRatings, s.rate)
	rest.Get(t, "/ratings/:rating", policy.WriteRatings, s.findRating)
	rest.Put(t, "/ratings/:rating", policy.WriteRatings, s.updateRating)
	rest.Get(t, "/usefulness", policy.ReadUsefulness, s.listUsefulness)
	rest.Get(t, "/teams", policy.ReadProjects, s.listTeams)
	rest.Create(t, "/teams", policy.WriteProjects, s.createTeam)
	rest.Get(t, "/teams/:team", policy.ReadProjects, s.findTeam)
	rest.Put(t, "/teams/:team", policy.WriteProjects, s.updateTeam)
	rest.Get(t, "/rounds", policy.ReadProjects, s.listRounds)
	rest.Create(t, "/rounds", policy.RunRounds, s.openRound)
	rest.Get(t, "/rounds/:round", policy.ReadProjects, s.findRound)
	rest.Put(t, "/rounds/:round", policy.RunRounds, s.updateRound)
	rest.Post(t, "/rounds/:round/transitions", policy.RunRounds, s.moveRound)
	rest.Get(t, "/rounds/:round/sheet", policy.JudgeProjects, s.findSheet)
	rest.Put(t, "/rounds/:round/sheet", policy.JudgeProjects, s.writeSheet)
	rest.Get(t, "/rounds/:round/result", policy.ReadProjects, s.findRoundResult)
	rest.Post(t, "/rounds/:round/shortlist", policy.RunRounds, s.shortlist)
	rest.Post(t, "/rounds/:round/choice", policy.RunRounds, s.choose)
	rest.Get(t, "/projects", policy.ReadProjects, s.listProjects)
	rest.Create(t, "/projects", policy.WriteProjects, s.registerProject)
	rest.Get(t, "/projects/:project", policy.ReadProjects, s.findProject)
	rest.Put(t, "/projects/:project", policy.WriteProjects, s.updateProject)
	rest.Post(t, "/projects/:project/transitions", policy.WriteProjects, s.moveProject)
	rest.Post(t, "/projects/:project/bonus", policy.RunRounds, s.proposeBonus)
	rest.Get(t, "/events", policy.ReadEvents, s.listEvents)
	rest.Create(t, "/events", policy.WriteEvents, s.planEvent)
	rest.Get(t, "/events/:event", policy.ReadEvents, s.findEvent)
	rest.Put(t, "/events/:event", policy.WriteEvents, s.updateEvent)
	rest.Post(t, "/events/:event/transitions", policy.WriteEvents, s.moveEvent)
}
