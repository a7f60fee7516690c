package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"bulwark/internal/improve"
	"bulwark/internal/policy"
)

const everyone = "RSMIOGLA"

// rights say who may use which route, in the words of docs/operations.md.
var rights = map[string]right{
	"GET /livez":                    {who: everyone},
	"GET /.well-known/bulwark-keys": {who: everyone},
	"GET /readyz":                   {who: everyone},
	"GET /openapi.json":             {who: everyone},

	"GET /me":           {who: everyone},
	"GET /home":         {who: everyone},
	"GET /keys":         {who: "A"},
	"POST /keys":        {who: "A", ok: 201, body: sent(object{"roles": []string{"reader"}})},
	"DELETE /keys/:key": {who: "A", ok: 204, version: "1", skip: elsewhereToo},

	"POST /sessions":  {who: everyone, ok: 401, body: signingIn},
	"GET /session":    {who: everyone, ok: 401},
	"DELETE /session": {who: everyone, ok: 401, version: "1"},
	"POST /setup": {
		who: everyone, ok: 404, body: sent(object{"token": "x", "account": "x", "password": "correct horse battery"}),
	},
	"GET /oidc/start":    {who: everyone, ok: 404},
	"GET /oidc/callback": {who: everyone, ok: 404},
	"POST /me/password": {
		who: everyone, ok: 401, body: sent(object{"old": "x", "password": "correct horse battery"}),
	},
	"GET /accounts":          {who: "A"},
	"POST /accounts":         {who: "A", ok: 201, body: sent(object{"name": "x", "roles": []string{"reader"}})},
	"GET /accounts/:account": {who: "A", skip: elsewhereToo},
	"PUT /accounts/:account": {
		who: "A", skip: elsewhereToo, version: "1", body: sent(object{"roles": []string{"reader"}, "disabled": true}),
	},
	"POST /accounts/:account/password": {who: "A", skip: elsewhereToo, version: "1"},
	"GET /audit":                       {who: "A"},
	"GET /audit/head":                  {who: "A"},
	"GET /audit/verify":                {who: "A"},
	"GET /audit/:sequence":             {who: "A", skip: elsewhereToo},
	"GET /rankings":                    {who: everyone, query: "?area=44&period=q3"},
	"GET /towns/:town/audit":           {who: "GA", far: 200},

	"GET /towns/:town/rights":        {who: "GA", far: 200},
	"GET /towns/:town/rights/:right": {who: "GA"},
	"POST /towns/:town/rights/:right/transitions": {
		who: "GA", version: "1", body: sent(object{"to": "seconded"}), but: admins,
	},

	"GET /towns/:town/changes":  {who: everyone, far: 200},
	"GET /towns/:town/webhooks": {who: "A", far: 200},
	"POST /towns/:town/webhooks": {
		who: "A", ok: 201, far: 201, body: sent(object{"url": "https://example.org/hook", "role": "reader"}),
	},
	"GET /towns/:town/webhooks/:webhook": {who: "A"},
	"PUT /towns/:town/webhooks/:webhook": {
		who: "A", version: "1", body: sent(object{"url": "https://example.org/x", "role": "reader", "state": "disabled"}),
	},
	"DELETE /towns/:town/webhooks/:webhook":       {who: "A", ok: 204, version: "1"},
	"POST /towns/:town/webhooks/:webhook/secret":  {who: "A", version: "1"},
	"POST /towns/:town/webhooks/:webhook/ping":    {who: "A"},
	"POST /towns/:town/webhooks/:webhook/resend":  {who: "A", body: sent(object{"after": 1})},
	"GET /towns/:town/webhooks/:webhook/attempts": {who: "A"},

	"GET /odata/:town/":                 {who: everyone, far: 200},
	"GET /odata/:town/$metadata":        {who: everyone, far: 200},
	"GET /odata/:town/connection.pbids": {who: everyone, far: 200},
	"GET /odata/:town/:set":             {who: everyone, far: 200},

	"GET /towns/:town/audit/head":      {who: "GA", far: 200},
	"GET /towns/:town/audit/verify":    {who: "GA", far: 200},
	"GET /towns/:town/audit/:sequence": {who: "GA", far: 200},

	"GET /towns/:town/dashboard": {who: "GL", far: 200},
	"GET /towns/:town/effects":   {who: "MIOGL", query: "?of=mentoring", far: 200},
	"GET /towns/:town/appeals":   {who: "smiGL", far: 200},
	"POST /towns/:town/appeals": {
		who: "s", ok: 201, inPeriod: true, in: "published", shut: 409, out: 403, body: newAppeal, but: finished,
	},
	"GET /towns/:town/proposals":           {who: "GL", far: 200},
	"GET /towns/:town/proposals/:proposal": {who: "GL"},
	"POST /towns/:town/proposals/:proposal/transitions": {
		who: "G", version: "SELECT version FROM proposals WHERE id = ?", body: sent(object{"to": "confirmed"}),
	},
	"GET /towns/:town/appeals/:appeal": {who: "smiGL", in: "published", shut: 404},
	"POST /towns/:town/appeals/:appeal/transitions": {
		who: "smiGL", in: "published", shut: 404, version: "1", body: answerAppeal, but: readersOfAppeals,
	},

	"GET /towns/:town/periods/:period/publications": {who: everyone},
	"POST /towns/:town/periods/:period/publications": {
		who: "G", ok: 202, in: "published", shut: 409, body: sent(object{
			"reason": "x", "corrections": []object{{"branch": "b01", "code": "meetings", "value": 1}},
		}), but: finished,
	},
	"GET /towns/:town/periods/:period/publications/:publication": {
		who: everyone, in: "published final", shut: 404,
	},
	"POST /towns/:town/periods/:period/publications/:publication/withdraw": { // an appeal was filed about it
		who: "G", ok: 423, in: "published", shut: 404, body: sent(object{"reason": "x"}), but: finished,
	},
	"GET /towns/:town/periods/:period/publications/:publication/diff": {
		who: everyone, in: "published final", shut: 404, query: "?from=1",
	},
	"GET /towns/:town/periods/:period/publications/:publication/package": {
		who: everyone, in: "published final", shut: 404,
	},
	"GET /towns/:town/periods/:period/corrections": {who: "smioGL"},
	"PUT /towns/:town/periods/:period": {
		who: "G", in: "planned open review", shut: 423, version: "SELECT version FROM periods WHERE code = ?",
		body: sent(object{"reason": "x", "notice_days": 3, "answer_days": 3}),
	},
	"GET /towns/:town/improvement-settings": {who: everyone, far: 200},
	"PUT /towns/:town/improvement-settings": {
		who: "GA", far: 200, version: "1", body: sent(object{"settings": improve.Defaults(), "reason": "x"}),
	},

	"POST /towns/:town/periods/:period/targets/propose": {who: "G", in: "published final", shut: 409},
	"GET /towns/:town/targets":                          {who: "smioGL", far: 200},
	"POST /towns/:town/targets": {
		who: "G", ok: 201, far: 422, body: sent(object{"branch": "b03", "reason": "x"}),
	},
	"GET /towns/:town/targets/:target": {who: "smioGL"},
	"POST /towns/:town/targets/:target/transitions": {
		who: "G", version: "1", body: sent(object{"to": "confirmed"}),
	},
	"GET /towns/:town/evidence":                {who: everyone, ok: 404, far: 404, query: "?of=problem&record=" + nothing},
	"POST /towns/:town/evidence":               {who: "SMIOGA", ok: 404, query: "?of=problem&record=" + nothing, body: sent("x")},
	"GET /towns/:town/evidence/:evidence":      {who: everyone, but: readersOfEvidence},
	"GET /towns/:town/evidence/:evidence/file": {who: everyone, but: readersOfEvidence},
	"POST /towns/:town/evidence/:evidence/remove": {
		who: "SMIOGA", version: "1", body: sent(object{"reason": "x"}), but: removersOfEvidence,
	},
	"GET /towns/:town/problems":          {who: "smioGL", far: 200},
	"POST /towns/:town/problems":         {who: "io", ok: 201, aboutBranch: true, out: 403, body: newProblemOf},
	"GET /towns/:town/problems/:problem": {who: "smioGL"},
	"PUT /towns/:town/problems/:problem": {
		who: "io", version: "SELECT version FROM problems WHERE id = ?", body: sent(troubleOf(object{"reason": "x"})),
	},
	"POST /towns/:town/problems/:problem/transitions": {
		who: "io", version: "SELECT version FROM problems WHERE id = ?", body: sent(object{"to": "in_progress"}),
	},
	"GET /towns/:town/reports": {who: "iGL", far: 200},
	"POST /towns/:town/reports": {
		who: "I", ok: 201, body: sent(reportOf("2026-01-01", "2026-01-31")),
	},
	"GET /towns/:town/reports/draft": {
		who: "I", query: "?from=2026-01-01&until=2026-01-31",
	},
	"GET /towns/:town/reports/:report": {who: "iGL"},
	"PUT /towns/:town/reports/:report": {
		who: "i", version: "SELECT version FROM reports WHERE id = ?", body: sent(reportOf("2026-01-02", "2026-01-31")),
	},
	"POST /towns/:town/reports/:report/transitions": {
		who: "iGL", version: "SELECT version FROM reports WHERE id = ?", body: tellReport, but: onlyRead,
	},
	"GET /towns/:town/reminders":                        {who: "smioGL", far: 200},
	"POST /towns/:town/reminders/:reminder/acknowledge": {who: "smioGL", but: reminded},
	"GET /towns/:town/visits":                           {who: "smioGL", far: 200},
	"POST /towns/:town/visits":                          {who: "io", ok: 201, aboutBranch: true, out: 403, body: newVisitTo},
	"GET /towns/:town/visits/:visit":                    {who: "smioGL"},
	"PUT /towns/:town/visits/:visit": {
		who: "io", version: "SELECT version FROM visits WHERE id = ?", body: sent(visitOf(nil)),
	},
	"POST /towns/:town/visits/:visit/transitions": {
		who: "io", version: "SELECT version FROM visits WHERE id = ?", body: sent(object{"to": "recorded"}),
	},
	"GET /towns/:town/periods/:period/branches/:branch/analysis-draft": {
		who: "m", in: "published final", shut: 404, out: 403, but: unassigned,
	},
	"GET /towns/:town/analyses": {who: "smiGL", far: 200},
	"POST /towns/:town/analyses": {
		who: "m", ok: 201, inPeriod: true, in: "published final", shut: 409, out: 403, gone: 403, far: 403, body: newAnalysis,
	},
	"GET /towns/:town/analyses/:analysis": {who: "smiGL"},
	"PUT /towns/:town/analyses/:analysis": {
		who: "m", version: analysisVersion, body: sent(object{"findings": []object{}}), but: notAuthor,
	},
	"GET /towns/:town/plans": {who: "smioGL", far: 200},
	// b01 has one
	"POST /towns/:town/plans": {
		who: "sG", ok: 409, aboutBranch: true, out: 403, gone: 422, far: 422, body: newPlan, but: notTheSecretarys,
	},
	"GET /towns/:town/plans/:plan": {who: "smioGL"},
	"PUT /towns/:town/plans/:plan": {
		who: "s", version: planVersion, body: sent(object{"items": []object{}}),
	},
	// it is approved
	"POST /towns/:town/plans/:plan/redraft": {
		who: "sG", ok: 409, version: planVersion, body: sent(object{"period": "in-published"}),
	},
	"POST /towns/:town/plans/:plan/transitions": {
		who: "smioGL", version: planVersion, body: sent(object{"to": "running"}), but: bySecretaryAlone,
	},
	"GET /towns/:town/plans/:plan/versions":               {who: "smioGL"},
	"GET /towns/:town/plans/:plan/outcomes":               {who: "smioGL"},
	"GET /towns/:town/plans/:plan/versions/:version":      {who: "smioGL"},
	"GET /towns/:town/plans/:plan/versions/:version/diff": {who: "smioGL", query: "?from=1"},
	"GET /towns/:town/plans/:plan/items/:item":            {who: "smioGL"},
	// before it is started
	"POST /towns/:town/plans/:plan/items/:item/transitions": {
		who: "smioGL", ok: 409, version: "1", body: sent(object{"to": "done", "evidence": "x"}), but: bySecretaryAlone,
	},
	"GET /towns/:town/branches/:branch/plan": {who: "smioGL"},
	"POST /towns/:town/analyses/:analysis/transitions": {
		who: "m", version: analysisVersion, body: sent(object{"to": "draft"}), but: notAuthor,
	},

	"GET /towns/:town/measures":          {who: everyone, far: 200},
	"GET /towns/:town/measures/progress": {who: "SMIOGL", far: 200, query: "?by=branch"},
	"GET /towns/:town/measures/:measure": {who: everyone, far: 200},
	"PUT /towns/:town/measures/:measure": {
		who: "GA", far: 200, version: "1", body: sent(object{"name": named("x"), "description": object{}}),
	},
	"GET /towns/:town/measures/:measure/tasks": {who: "SMIOGL", far: 200},
	"POST /towns/:town/measures/:measure/tasks": {
		who: "OG", ok: 201, far: 422, body: sent(taskOf("b01", "mentor")),
	},
	"GET /towns/:town/measures/:measure/tasks/:task": {who: "smioGL"},
	"PUT /towns/:town/measures/:measure/tasks/:task": {
		who: "oG", version: "1", body: sent(taskOf("b01", "mentor")),
	},
	"POST /towns/:town/measures/:measure/tasks/:task/report": {
		who: "smioG", version: "1", body: sent(object{"progress": 40, "note": "x"}),
	},
	"POST /towns/:town/measures/:measure/tasks/:task/transitions": {
		who: "smioG", version: "1", body: sent(object{"to": "done", "evidence": "x"}),
	},

	"GET /towns/:town/appointments": {who: "MIOGLA", far: 200},
	"POST /towns/:town/appointments": {
		who: "GA", ok: 201, far: 422, body: sent(object{"person": "all", "role": "instructor", "from": "2026-01-01"}),
	},
	"GET /towns/:town/appointments/:id": {who: "MIOGLA"},
	"POST /towns/:town/appointments/:id/end": {
		who: "GA", version: "1", body: sent(object{"until": "2026-01-01", "reason": "x"}),
	},
	"POST /towns/:town/appointments/:id/cancel": {
		who: "GA", version: "1", body: sent(object{"reason": "x"}),
	},
	"GET /towns/:town/offices": {who: "MIOGLA", far: 200},
	"POST /towns/:town/offices": {
		who: "GA", ok: 201, far: 201, body: sent(object{"code": "x", "name": named("x")}),
	},
	"GET /towns/:town/offices/:office": {who: "MIOGLA"},
	"PUT /towns/:town/offices/:office": {
		who: "GA", version: "1", body: sent(object{"name": named("x")}),
	},
	"GET /towns/:town/import": {who: "GA", far: 200},
	"POST /towns/:town/import": {
		who: "GA", ok: 415, far: 415, body: func(*world, cell) any { return []byte("no workbook") },
	},
	"GET /towns/:town/offices/:office/members": {who: "MIOGLA"},
	"POST /towns/:town/offices/:office/members": {
		who: "GA", ok: 409, body: sent(object{"person": "liaison_office", "from": "2026-01-01"}),
	},
	"GET /towns/:town/offices/:office/members/:id": {who: "MIOGLA"},
	"POST /towns/:town/offices/:office/members/:id/end": {
		who: "GA", version: "1", body: sent(object{"until": "2026-01-01", "reason": "x"}),
	},
	"POST /towns/:town/offices/:office/members/:id/cancel": {
		who: "GA", version: "1", body: sent(object{"reason": "x"}),
	},
	"GET /towns/:town/offices/:office/links": {who: "MIOGLA"},
	"POST /towns/:town/offices/:office/links": {
		who: "GA", ok: 201, body: sent(object{"branch": "b03", "from": "2026-01-01"}),
	},
	"GET /towns/:town/offices/:office/links/:id": {who: "MIOGLA"},
	"POST /towns/:town/offices/:office/links/:id/end": {
		who: "GA", version: "1", body: sent(object{"until": "2026-01-01", "reason": "x"}),
	},
	"POST /towns/:town/offices/:office/links/:id/cancel": {
		who: "GA", version: "1", body: sent(object{"reason": "x"}),
	},
	"GET /towns/:town/periods/:period/entry": {who: "smioG"},
	"POST /towns/:town/periods/:period/entry/copy": {
		who: "smioG", ok: 409, body: sent(object{"branches": []string{"b01"}}), but: copying,
	},
	"POST /towns/:town/periods/:period/entry/submit": {
		who: "smioG", ok: 422, body: sent(object{"items": []object{{"id": nothing, "version": 1}}}),
	},
	"POST /towns/:town/periods/:period/entry/import": {
		who: "smioG", ok: 422, body: func(*world, cell) any { return []byte("a file of something else") },
	},
	"GET /towns/:town/periods/:period/review":       {who: "GL"},
	"GET /towns/:town/periods/:period/signals":      {who: "GL"},
	"GET /towns/:town/periods/:period/completeness": {who: "smioGL"},
	"GET /towns/:town/periods/:period/exceptions":   {who: "smioGL"},
	"POST /towns/:town/periods/:period/exceptions": {
		who: "G", ok: 201, in: "planned open review", shut: 423, body: grant,
	},
	"GET /towns/:town/periods/:period/exceptions/:exception": {who: "smioGL", in: "open review", shut: 404},
	"POST /towns/:town/periods/:period/exceptions/:exception/end": {
		who: "G", in: "open review", shut: 404, version: "1", body: sent(object{"reason": "x"}),
	},
	"GET /towns/:town/periods/:period/contradictions": {who: "GL"},
	"POST /towns/:town/periods/:period/contradictions/:branch/:indicator": {
		who: "G", ok: 404, in: "open review", shut: 423, body: sent(object{"sheet": nothing, "reason": "x"}),
	},
	"POST /towns/:town/adjustments/decide": {who: "SMIOG", far: 200, body: decideMany},
	"POST /towns/:town/evaluations/decide": {who: "G", far: 200, body: decideMany},

	"GET /areas":               {who: everyone},
	"POST /areas":              {who: "A", ok: 201, body: sent(object{"code": "55", "level": "province", "name": named("x")})},
	"POST /areas/:area/rename": {who: "A", body: sent(object{"name": named("x"), "reason": "x"}), skip: elsewhereToo},
	"GET /towns":               {who: everyone},
	"POST /towns":              {who: "A", ok: 201, body: sent(object{"code": "third", "area_code": "449901001", "name": named("x")})},

	"GET /towns/:town": {who: everyone, far: 200},
	"PUT /towns/:town": {
		who: "GA", far: 200, version: "SELECT version FROM towns WHERE code = ?",
		body: sent(object{"name": named("x"), "open_results": true}),
	},

	"GET /towns/:town/kinds":                  {who: everyone, far: 200},
	"POST /towns/:town/kinds":                 {who: "GA", ok: 201, far: 201, body: sent(object{"code": "x", "name": named("x")})},
	"POST /towns/:town/kinds/:kind/rename":    {who: "GA", far: 200, body: sent(object{"name": named("x"), "reason": "x"})},
	"POST /towns/:town/classes/:class/rename": {who: "GA", body: sent(object{"name": named("x"), "reason": "x"})},
	"GET /towns/:town/classes":                {who: everyone, far: 200},
	"POST /towns/:town/classes":               {who: "GA", ok: 201, far: 201, body: sent(object{"code": "x", "name": named("x")})},

	"GET /towns/:town/branches": {who: everyone, far: 200},
	"POST /towns/:town/branches": {
		who: "GA", ok: 201, far: 201, body: sent(object{"code": "x", "name": named("x"), "kind": "village", "reason": "x"}),
	},
	"GET /towns/:town/branches/:branch":         {who: everyone},
	"GET /towns/:town/branches/:branch/history": {who: everyone},
	"POST /towns/:town/branches/:branch/rename": {
		who: "GA", version: branchVersion, body: sent(object{"name": named("x"), "on": "2026-01-01", "reason": "x"}),
	},
	"POST /towns/:town/branches/:branch/reclassify": {
		who: "GA", version: branchVersion,
		body: sent(object{"kind": "village", "class": "urban", "on": "2026-01-01", "reason": "x"}),
	},
	"POST /towns/:town/branches/:branch/merge": {
		who: "GA", version: branchVersion, body: sent(object{"into": "b03", "on": "2026-01-01", "reason": "x"}),
	},
	"POST /towns/:town/branches/:branch/close": {
		who: "GA", version: branchVersion, body: sent(object{"on": "2026-01-01", "reason": "x"}),
	},
	"POST /towns/:town/branches/:branch/reopen": {
		who: "GA", version: branchVersion, ok: 409, body: sent(object{"reason": "x"}),
	},
	"POST /towns/:town/branches/:branch/withdraw": {
		who: "GA", version: branchVersion, ok: 409, body: sent(object{"reason": "x"}),
	},
	"POST /towns/:town/branches/:branch/correct": {
		who: "GA", version: branchVersion, body: sent(object{"statistical_code": "449901001201", "reason": "x"}),
	},
	"POST /towns/:town/branches/:branch/sub-branches/:subBranch/rename": {
		who: "GA", ok: 404, body: sent(object{"name": named("x"), "reason": "x"}),
	},
	"POST /towns/:town/branches/:branch/sub-branches": {
		who: "GA", ok: 201, body: sent(object{"code": "x", "name": named("x")}),
	},
	"GET /towns/:town/sub-branches": {who: everyone, far: 200},

	"GET /scheme-templates/:scheme":                                {who: everyone, skip: elsewhereToo},
	"GET /towns/:town/indicators":                                  {who: everyone, query: "?scheme=small"},
	"GET /towns/:town/schemes":                                     {who: everyone, far: 200},
	"POST /towns/:town/schemes":                                    {who: "G", ok: 201, far: 422, body: schemeOf("tiny")},
	"POST /towns/:town/schemes/weights":                            {who: "GL", ok: 422, far: 422, body: sent(object{"method": "pairwise"})},
	"GET /towns/:town/schemes/:scheme/versions/:version":           {who: everyone, but: draftOf},
	"PUT /towns/:town/schemes/:scheme/versions/:version":           {who: "G", version: "1", body: schemeOf("small")},
	"GET /towns/:town/schemes/:scheme/versions/:version/diff":      {who: everyone, query: "?from=1", but: draftOf},
	"POST /towns/:town/schemes/:scheme/versions/:version/activate": {who: "G", version: "1"},
	"POST /towns/:town/schemes/:scheme/versions/:version/delete": {
		who: "G", version: "1", body: sent(object{"reason": "x"}),
	},
	"GET /towns/:town/schemes/:scheme/versions/:version/try": {who: "GL", but: draftOf},
	"GET /towns/:town/people":                                {who: "MIOGLA", far: 200},
	"POST /towns/:town/people": {
		who: "GA", ok: 201, far: 201, body: sent(object{"code": "x", "name": named("x")}),
	},
	"GET /towns/:town/people/:person": {who: "MIOGLA"},
	"PUT /towns/:town/people/:person": {
		who: "GA", version: "SELECT 1", body: sent(object{"name": named("x")}),
	},
	"POST /towns/:town/people/:person/transitions": {
		who: "A", version: "1", ok: 409, body: sent(object{"to": "pseudonymised", "reason": "asked"}), // still appointed
	},
	"GET /towns/:town/people/:person/everything": {who: everyone, but: ofOthers},
	"GET /towns/:town/pairings":                  {who: "MIOGLA", far: 200},
	"GET /towns/:town/mentors":                   {who: "MIOGLA", far: 200},
	"GET /towns/:town/instructors":               {who: "MIOGLA", far: 200},
	"GET /towns/:town/assignments":               {who: "MIOGLA", far: 200},
	"POST /towns/:town/assignments": {
		who: "GA", ok: 201, far: 422,
		body: sent(object{"person": "other", "branch": "b03", "duty": "mentors", "from": "2026-01-01"}),
	},
	"GET /towns/:town/assignments/:id": {who: "MIOGLA"},
	"POST /towns/:town/assignments/:id/end": {
		who: "GA", version: "1", body: sent(object{"until": "2026-01-01"}),
	},
	"POST /towns/:town/assignments/:id/cancel": {
		who: "GA", version: "1", body: sent(object{"reason": "x"}),
	},
	"GET /towns/:town/periods": {who: everyone, far: 200},
	"POST /towns/:town/periods": {
		who: "G", ok: 201, far: 422, body: sent(object{
			"code": "x", "kind": "quarter", "starts_on": "2026-01-01", "ends_on": "2026-03-31", "scheme": object{"code": "small"},
		}),
	},
	"GET /towns/:town/periods/:period": {who: everyone},
	"POST /towns/:town/periods/:period/transitions": {
		who: "G", in: "planned open review locked published", shut: 409,
		version: "SELECT version FROM periods WHERE code = ?", body: onwards, but: noticeOpen,
	},
	"GET /towns/:town/evaluations": {who: "smioGL", far: 200},
	"POST /towns/:town/evaluations": {
		who: "smioG", ok: 201, inPeriod: true, in: "open", shut: 423, out: 403, body: newSheetOf,
	},
	"GET /towns/:town/evaluations/:evaluation": {who: "smioGL", but: begunOnly},
	"PUT /towns/:town/evaluations/:evaluation": {
		who: "smioG", in: "open", shut: 423, version: sheetVersion, body: sent(object{"entries": []object{}}), but: notMine,
	},
	"PATCH /towns/:town/evaluations/:evaluation": {
		who: "smioG", in: "open", shut: 423, version: sheetVersion, body: sent(object{"entries": object{}}), but: notMine,
	},
	"GET /towns/:town/evaluations/:evaluation/remarks": {who: "smioG", but: begunOnly},
	"POST /towns/:town/evaluations/:evaluation/remarks": {
		who: "smioG", ok: 201, body: sent(object{"code": "meetings", "text": "x"}), but: begunOnly,
	},
	"POST /towns/:town/evaluations/:evaluation/transitions": {
		who: "smioG", in: "open", shut: 423, version: sheetVersion, body: decide("submitted"), but: deciding,
	},
	"GET /towns/:town/adjustments": {who: "smioGL", far: 200},
	"POST /towns/:town/adjustments": {
		who: "smioG", ok: 201, inPeriod: true, in: "open review", shut: 423, out: 403, body: newBonus,
	},
	"GET /towns/:town/adjustments/:adjustment": {who: "smioGL", but: begunOnly},
	"POST /towns/:town/adjustments/:adjustment/transitions": {
		who: "smioG", in: "open review", shut: 423, version: "SELECT version FROM adjustments WHERE id = ?",
		body: decide("withdrawn"), but: begunOnly,
	},
	"GET /towns/:town/periods/:period/runs":                         {who: "G"},
	"POST /towns/:town/periods/:period/runs":                        {who: "G", ok: 201, in: "locked", shut: 409},
	"GET /towns/:town/periods/:period/runs/:run":                    {who: "G", in: "locked published final", shut: 404},
	"GET /towns/:town/periods/:period/ranking":                      {who: everyone, but: unpublished(0)},
	"GET /towns/:town/periods/:period/results.ndjson":               {who: everyone, but: unpublished(0)},
	"GET /towns/:town/periods/:period/branches/:branch":             {who: everyone, but: unpublished(0)},
	"GET /towns/:town/periods/:period/branches/:branch/explanation": {who: everyone, but: unpublished(409)},
	"GET /towns/:town/periods/:period/branches/:branch/change": {
		who: everyone, query: "?from=in-published", but: unpublished(0),
	},
	"GET /towns/:town/periods/:period/branches/:branch/gains": {who: "smioGL", out: 403, but: outOfReach},
	"POST /towns/:town/periods/:period/what-if": {
		who: "smioGL", body: sent(object{"weights": object{}, "values": []object{}}), but: unpublished(0),
	},
	"POST /towns/:town/periods/:period/what-if/schemes": {
		who: "GL", body: sent(object{"schemes": []object{{"code": "small", "number": 1}}}),
	},
	"GET /towns/:town/periods/:period/analysis/sensitivity": {who: "GL"},
	"GET /towns/:town/periods/:period/analysis/removal":     {who: "GL"},
	"GET /towns/:town/periods/:period/analysis/burden":      {who: "GL"},
	"GET /towns/:town/periods/:period/analysis/statistics":  {who: "GL"},
	"GET /towns/:town/periods/:period/analysis/funnels":     {who: "GL"},
	"GET /towns/:town/periods/:period/analysis/raters":      {who: "MGL", but: notYetForMentors},
	"GET /towns/:town/periods/:period/analysis/screening":   {who: "GL"},
	"GET /towns/:town/periods/:period/robustness": {
		who: everyone, in: "published final", shut: 404, ok: 503,
	},
	"GET /towns/:town/periods/:period/receipt":             {who: everyone, in: "published final", shut: 404},
	"GET /towns/:town/periods/:period/receipt/verify":      {who: everyone, in: "published final", shut: 404},
	"GET /towns/:town/periods/:period/receipt/scheme.json": {who: everyone, in: "published final", shut: 404},
	"GET /towns/:town/periods/:period/receipt/data.csv":    {who: "GL", in: "published final", shut: 404},
	"GET /towns/:town/branches/:branch/results":            {who: everyone},
	"GET /towns/:town/trend":                               {who: everyone, query: "?by=branch&branch=b01"},

	"GET /towns/:town/cases":       {who: everyone, far: 200},
	"POST /towns/:town/cases":      {who: "smi", ok: 201, body: sent(draftOfCase("b01"))},
	"GET /towns/:town/cases/:case": {who: everyone, but: draftsOfOthers},
	"PUT /towns/:town/cases/:case": {
		who: "smi", version: caseVersion, body: sent(object{"title": "x", "story": "x"}),
	},
	"POST /towns/:town/cases/:case/renew": {who: "smi", ok: 409},
	"POST /towns/:town/cases/:case/transitions": {
		who: everyone, version: caseVersion, body: sent(object{"to": "submitted"}), but: submittingCases,
	},
	"GET /towns/:town/branches/:branch/recommended-cases": {who: "smioGL", out: 403, but: notAssigned},
	"GET /towns/:town/ratings":                            {who: "s"},
	"POST /towns/:town/ratings": {
		who: "s", ok: 201,
		body: sent(object{"period": "in-open", "branch": "b01", "kind": "measure", "subject": "3", "score": 4}),
	},
	"GET /towns/:town/ratings/:rating": {who: "s"},
	"PUT /towns/:town/ratings/:rating": {who: "s", version: "1", body: sent(object{"score": 2})},
	"GET /towns/:town/usefulness":      {who: "MGL", far: 200},

	"GET /towns/:town/events":                     {who: "SMIOGLA", far: 200},
	"POST /towns/:town/events":                    {who: "OG", ok: 201, far: 422, body: sent(meeting("event"))},
	"GET /towns/:town/events/:event":              {who: "SMIOGLA"},
	"PUT /towns/:town/events/:event":              {who: "OG", version: "1", body: sent(meeting(""))},
	"POST /towns/:town/events/:event/transitions": {who: "OG", version: "1", body: sent(object{"to": "held"})},

	"GET /towns/:town/teams": {who: "SMIOGLA", far: 200},
	"POST /towns/:town/teams": {
		who: "s", ok: 201, body: sent(object{"code": "x", "name": named("x"), "field": "ethos", "branches": []string{"b01"}}),
	},
	"GET /towns/:town/teams/:team": {who: "SMIOGLA"},
	"PUT /towns/:town/teams/:team": {
		who: "s", version: "1", body: sent(object{"name": named("x"), "field": "ethos", "branches": []string{"b01"}}),
	},
	"GET /towns/:town/rounds":                     {who: "SMIOGLA", far: 200},
	"POST /towns/:town/rounds":                    {who: "G", ok: 201, far: 422, body: sent(roundOf("x", "mentor"))},
	"GET /towns/:town/rounds/:round":              {who: "SMIOGLA"},
	"PUT /towns/:town/rounds/:round":              {who: "G", version: "1", body: sent(rulesOf())},
	"POST /towns/:town/rounds/:round/transitions": {who: "G", version: "1", body: sent(object{"to": "judging"})},
	"GET /towns/:town/rounds/:round/sheet":        {who: "MIOGL"},
	"PUT /towns/:town/rounds/:round/sheet": {
		who: "MIOGL", version: "1", body: sent(object{"scores": object{}}),
	},
	"GET /towns/:town/rounds/:round/result":     {who: "SMIOGLA", but: undecided},
	"POST /towns/:town/rounds/:round/shortlist": {who: "G", version: closedVersion, body: picked("closed")},
	"POST /towns/:town/rounds/:round/choice":    {who: "G", version: shortVersion, body: picked("short")},
	"GET /towns/:town/projects":                 {who: "SMIOGLA", far: 200},
	"POST /towns/:town/projects":                {who: "s", ok: 201, body: sent(projectOf("open", "b01"))},
	"GET /towns/:town/projects/:project":        {who: "SMIOGLA"},
	"PUT /towns/:town/projects/:project": {
		who: "s", out: 403, version: "1", body: sent(object{"title": "x", "field": "ethos", "description": "x"}),
	},
	"POST /towns/:town/projects/:project/transitions": {
		who: "s", out: 403, version: "1", body: sent(object{"to": "withdrawn"}),
	},
	"POST /towns/:town/projects/:project/bonus": {
		who: "G", ok: 409, version: "1", body: sent(object{"period": "in-open", "item": "top-ten"}),
	},
}

const (
	branchVersion = "SELECT version FROM branches WHERE code = ?"
	sheetVersion  = "SELECT version FROM evaluations WHERE id = ?"

	planVersion     = "SELECT version FROM plans WHERE id = ?"
	analysisVersion = "SELECT version FROM analyses WHERE id = ?"
)

func sent(body any) func(*world, cell) any { return func(*world, cell) any { return body } }

func elsewhereToo(c cell) bool { return c.about == elsewhere || c.about == others }

func schemeOf(code string) func(*world, cell) any {
	return sent(json.RawMessage(strings.Replace(smallScheme, `"small"`, `"`+code+`"`, 1)))
}

// draftOf hides a draft from those who do not make schemes.
func draftOf(_ *world, c cell) int {
	if (c.about == own || c.about == others) &&
		!slices.Contains([]string{"leading_group", "leadership", readOnly}, c.caller) {
		return http.StatusNotFound
	}
	return 0
}

func onwards(_ *world, c cell) any {
	for i, s := range states {
		if s == c.state && i+1 < len(states) {
			return object{"to": states[i+1], "reason": "x", "force": states[i+1] == "locked"}
		}
	}
	return object{"to": "open"}
}

func newSheetOf(_ *world, c cell) any {
	branch := map[subject]string{own: "b04", others: "b02", elsewhere: "b01", missing: "b99"}[c.about]
	return object{"period": "in-" + c.state, "branch": branch, "entries": []object{}}
}

func newBonus(_ *world, c cell) any {
	branch := map[subject]string{own: "b01", others: "b02", elsewhere: "b01", missing: "b99"}[c.about]
	return object{"period": "in-" + c.state, "branch": branch, "kind": "bonus", "item": "model", "reason": "seen"}
}

func decide(alone string) func(*world, cell) any {
	return func(_ *world, c cell) any {
		if c.caller == string(policy.LeadingGroup) {
			return object{"to": "approved"}
		}
		return object{"to": alone}
	}
}

func begunOnly(_ *world, c cell) int {
	if c.state == "planned" {
		return http.StatusNotFound
	}
	return 0
}

func notMine(w *world, c cell) int {
	if c.about == others && c.caller == string(policy.LeadingGroup) && c.state != "planned" {
		return http.StatusForbidden
	}
	return begunOnly(w, c)
}

// copying finds a period that was published before only for the last one.
func copying(_ *world, c cell) int {
	writers := []string{"secretary", "mentor", "instructor", "liaison_office", "leading_group"}
	if c.state == "final" && c.about == own && slices.Contains(writers, c.caller) {
		return http.StatusOK
	}
	return 0
}

// deciding goes on in review.
func deciding(w *world, c cell) int {
	if c.state == "review" && c.caller == string(policy.LeadingGroup) && (c.about == own || c.about == others) {
		return http.StatusOK
	}
	return begunOnly(w, c)
}

// notYetForMentors: a mentor reads the own severity once the period is published.
func notYetForMentors(_ *world, c cell) int {
	if c.caller == "mentor" && c.about != elsewhere && c.state != "published" && c.state != "final" {
		return http.StatusNotFound
	}
	return 0
}

// unpublished hides what is not published yet from all but those who work on it, a
// branch from those who do not work on that one. Without any entry a branch has no
// score to explain.
func unpublished(noScore int) func(*world, cell) int {
	return func(_ *world, c cell) int {
		if c.state == "published" || c.state == "final" || c.about == elsewhere {
			return 0
		}
		ofBranch := strings.Contains(c.Path, ":branch")
		if c.about == missing && !ofBranch {
			return http.StatusNotFound
		}
		switch c.caller {
		case "", stranger:
			return http.StatusUnauthorized
		case readOnly, "leading_group", "leadership":
		case "mentor", "instructor", "liaison_office":
			if ofBranch && (c.about == others || c.about == missing) {
				return http.StatusForbidden
			}
		default:
			return http.StatusForbidden
		}
		if c.about == missing {
			return http.StatusNotFound
		}
		if c.state == "planned" && noScore != 0 {
			return noScore
		}
		return http.StatusOK
	}
}

// outOfReach answers about a branch that is not there as about others.
func outOfReach(w *world, c cell) int {
	if status := unpublished(http.StatusConflict)(w, c); status != 0 {
		return status
	}
	if c.about == missing && slices.Contains([]string{"secretary", "mentor", "instructor", "liaison_office"}, c.caller) {
		return http.StatusForbidden
	}
	return 0
}

func signingIn(_ *world, c cell) any {
	return object{"account": "is-" + c.caller, "password": "correct horse battery"}
}

func newAppeal(_ *world, c cell) any {
	return appealOf("in-"+c.state, map[subject]string{
		own: "b04", others: "b02", elsewhere: "b01", missing: "b99",
	}[c.about])
}

func answerAppeal(_ *world, c cell) any {
	if c.caller == string(policy.LeadingGroup) {
		return object{"to": "rejected", "reason": "counted again"}
	}
	return object{"to": "withdrawn"}
}

// readersOfAppeals may see one and not decide it.
func readersOfAppeals(_ *world, c cell) int {
	seen := c.about == own || c.about == others && c.caller == "leadership"
	if seen && c.state == "published" && slices.Contains([]string{"mentor", "instructor", "leadership"}, c.caller) {
		return http.StatusForbidden
	}
	return 0
}

// noticeOpen keeps a published period from being final. To publish one takes a second person.
func noticeOpen(_ *world, c cell) int {
	if c.state == "locked" && c.about == own {
		return http.StatusAccepted
	}
	if c.state == "published" && c.about == own {
		return http.StatusLocked
	}
	return 0
}

// finished is told as a lock, and not as a result that is not there yet.
func finished(_ *world, c cell) int {
	if c.state == "final" && c.about == own {
		return http.StatusLocked
	}
	return 0
}

func grant(w *world, _ cell) any { return exceptionFor(w, "b02") }

// decideMany answers 200 whatever becomes of each sheet.
func decideMany(*world, cell) any {
	return object{"to": "approved", "items": []object{{"id": nothing, "version": 1}}}
}

func newVisitTo(_ *world, c cell) any {
	return visitOf(object{
		"branch": map[subject]string{own: "b04", others: "b02", elsewhere: "b01", missing: "b99"}[c.about],
	})
}

func newProblemOf(_ *world, c cell) any {
	return troubleOf(object{
		"branch": map[subject]string{own: "b04", others: "b02", elsewhere: "b01", missing: "b99"}[c.about],
	})
}

func tellReport(_ *world, c cell) any {
	if c.caller == string(policy.Instructor) {
		return object{"to": "submitted"}
	}
	return object{"to": "received"}
}

// onlyRead: the leadership sees what is submitted, and receives nothing.
func onlyRead(_ *world, c cell) int {
	if c.caller == string(policy.Leadership) && (c.about == own || c.about == others) {
		return http.StatusForbidden
	}
	return 0
}

// admins: an administrator sees which rights wait and acknowledges none.
func admins(_ *world, c cell) int {
	if c.caller == string(policy.Admin) && (c.about == own || c.about == others) {
		return http.StatusForbidden
	}
	return 0
}

// reminded: the problems of the world are the office's, and past their day.
func reminded(_ *world, c cell) int {
	if c.about == own && slices.Contains([]string{"secretary", "mentor", "instructor"}, c.caller) {
		return http.StatusNotFound
	}
	return 0
}

// newAnalysis is about a branch of which the mentor has none.
func newAnalysis(_ *world, c cell) any {
	branch := map[subject]string{own: "b04", others: "b02", elsewhere: "b01", missing: "b99"}[c.about]
	return object{"period": "in-" + c.state, "branch": branch, "findings": []object{}}
}

// notAuthor: the analyses of the world are another mentor's.
func notAuthor(_ *world, c cell) int {
	if c.about == own && c.caller == string(policy.Mentor) {
		return http.StatusForbidden
	}
	return 0
}

// unassigned answers about a branch that is not there as about others.
func unassigned(_ *world, c cell) int {
	if c.about == missing && c.caller == string(policy.Mentor) {
		return http.StatusForbidden
	}
	return 0
}

func newPlan(_ *world, c cell) any {
	branch := map[subject]string{own: "b01", others: "b02", elsewhere: "b01", missing: "b99"}[c.about]
	return object{"branch": branch, "period": "in-published"}
}

// notTheSecretarys answers about a branch that is not there as about others.
func notTheSecretarys(_ *world, c cell) int {
	if c.about == missing && c.caller == string(policy.Secretary) {
		return http.StatusForbidden
	}
	return 0
}

// ofOthers: everybody reads what is kept of himself or herself, and few what is of others.
func ofOthers(_ *world, c cell) int {
	administers := []string{string(policy.LeadingGroup), string(policy.Admin), readOnly}
	if slices.Contains(administers, c.caller) || c.caller == stranger && c.about == elsewhere ||
		c.caller == string(policy.Mentor) && c.about == own {
		return 0
	}
	return http.StatusForbidden
}

// bySecretaryAlone: the others who see the plan may not do this with it.
func bySecretaryAlone(_ *world, c cell) int {
	all := c.caller == string(policy.LeadingGroup) || c.caller == string(policy.Leadership)
	if c.about == own && c.caller != string(policy.Secretary) && c.caller != stranger || c.about == others && all {
		return http.StatusForbidden
	}
	return 0
}

// readersOfEvidence are those who read the problem to which it belongs.
func readersOfEvidence(_ *world, c cell) int {
	switch policy.Role(c.caller) {
	case policy.LeadingGroup, policy.Leadership, readOnly:
		return 0
	case policy.Secretary, policy.Mentor, policy.Instructor, policy.Office:
		if c.about == own {
			return 0
		}
	}
	return http.StatusNotFound
}

// removersOfEvidence: an administrator, and who has attached it, who is none of the callers.
func removersOfEvidence(_ *world, c cell) int {
	switch {
	case c.about != own && c.about != others, policy.Role(c.caller) == policy.Admin:
		return 0
	case c.about == own, policy.Role(c.caller) == policy.LeadingGroup:
		return http.StatusForbidden
	}
	return http.StatusNotFound
}
