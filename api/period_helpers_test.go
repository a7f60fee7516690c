package api

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
)

// ties are duties of one person, branch → duty.
type ties map[string]access.Duty

// joins makes one more person of demo with a key of the role, appointed to that
// and to what the duties need, and tied to branches since 2020.
func (h *harness) joins(code string, role policy.Role, t ties) *apitest.Client {
	h.t.Helper()
	admin := h.as(policy.Admin)
	admin.Post("/towns/demo/people", object{"code": code, "name": named(code)}).Want(http.StatusCreated)
	roles := map[policy.Role]bool{role: true}
	for _, duty := range t {
		roles[duty.Role()] = true
	}
	for held := range roles {
		h.appointed("demo", code, held)
	}
	for branch, duty := range t {
		admin.Post("/towns/demo/assignments",
			object{"person": code, "branch": branch, "duty": duty, "from": "2020-01-01", "duties_from": "2020-01-01"}).Want(http.StatusCreated)
	}
	if role.Decides() { // in a town that has published, one of an administrator would wait
		return h.As(h.key(credential.Key{Roles: []policy.Role{role}, Towns: []string{"demo"}, PersonCode: &code}))
	}
	key := apitest.Decode[struct{ Secret string }](admin.Post("/keys", object{
		"roles": []policy.Role{role}, "towns": []string{"demo"}, "person": code, "read_only": false,
	}), http.StatusCreated)
	return h.As(key.Secret)
}

// inForce drafts the scheme and puts it into force.
func (h *harness) inForce(document string) {
	h.t.Helper()
	group := h.as(policy.LeadingGroup)
	made := group.Post("/towns/demo/schemes", document).Want(http.StatusCreated)
	group.IfMatch(made.ETag()).Post(made.Header.Get("Location")[len("/api/v1"):]+"/activate", nil).Want(http.StatusOK)
}

// planned plans a quarter under the active version of the scheme small.
func (h *harness) planned(code, from, until string) {
	h.t.Helper()
	h.as(policy.LeadingGroup).Post("/towns/demo/periods", object{
		"code": code, "kind": "quarter", "starts_on": from, "ends_on": until, "scheme": object{"code": "small"},
	}).Want(http.StatusCreated)
}

// steps moves a period from state to state, as the leading group.
func (h *harness) steps(period string, states ...string) {
	h.t.Helper()
	for _, to := range states {
		moved(h.as(policy.LeadingGroup), "/towns/demo/periods/"+period, to, "next").Want(http.StatusOK)
	}
}

// moved reads a thing and moves the version that was read to another state. What waits
// for a second person is confirmed, and the thing read again.
func moved(c *apitest.Client, path, to, reason string) *apitest.Answer {
	tag := c.Get(path).Want(http.StatusOK).ETag()
	body := object{"to": to, "reason": reason}
	if to == "published" && strings.Contains(path, "/periods/") { // some stories publish before their period ends
		body["force"], body["reason"] = true, cmp.Or(reason, "next")
	}
	return confirmed(c, path, c.IfMatch(tag).Post(path+"/transitions", body))
}

// confirmed has a second person confirm what waits for one, and reads what it was about
// at the path; another answer stays as it is.
func confirmed(c *apitest.Client, path string, a *apitest.Answer) *apitest.Answer {
	if a.Status != http.StatusAccepted {
		return a
	}
	decides(c.Second(), a, "confirmed").Want(http.StatusOK)
	return c.Get(path)
}

// decides has somebody decide on a proposal that was just made.
func decides(c *apitest.Client, proposed *apitest.Answer, to string) *apitest.Answer {
	at := proposed.Want(http.StatusAccepted).Header.Get("Location")[len("/api/v1"):]
	return c.IfMatch(c.Get(at).ETag()).Post(at+"/transitions", object{"to": to, "reason": "because"})
}

// amendedBy corrects a published period and has it confirmed: the answer is the latest
// publication.
func amendedBy(c *apitest.Client, period string, body object) *apitest.Answer {
	a := c.Post(period+"/publications", body)
	if a.Status != http.StatusAccepted {
		return a
	}
	number := apitest.Decode[proposal.Proposal](a, http.StatusAccepted).PublicationNumber
	return confirmed(c, fmt.Sprintf("%s/publications/%d", period, number), a)
}

// begun is the address of a new sheet of the caller.
func begun(c *apitest.Client, period, branch string, entries ...object) string {
	made := c.Post("/towns/demo/evaluations", sheetOf(period, branch, entries)).Want(http.StatusCreated)
	return made.Header.Get("Location")[len("/api/v1"):]
}

func sheetOf(period, branch string, entries []object) object {
	if entries == nil {
		entries = []object{}
	}
	return object{"period": period, "branch": branch, "entries": entries}
}

// counted enters a sheet, submits it and has it approved.
func counted(evaluator, approver *apitest.Client, period, branch string, entries ...object) {
	path := begun(evaluator, period, branch, entries...)
	moved(evaluator, path, "submitted", "").Want(http.StatusOK)
	moved(approver, path, "approved", "").Want(http.StatusOK)
}

// value, level and waived are the three kinds of entry.
func value(code string, x float64) object { return object{"code": code, "value": x} }
func level(code, l string) object         { return object{"code": code, "level": l} }
func waived(code, evidence string) object {
	return object{"code": code, "not_applicable": true, "evidence": evidence}
}

// may checks what the caller can do with a thing now.
func may(t *testing.T, c *apitest.Client, path string, want ...string) {
	t.Helper()
	same(t, "allowed on "+path, apitest.Decode[struct{ Allowed []string }](c.Get(path), http.StatusOK).Allowed, want...)
}

// smallScheme has one of everything that is entered. Its indicators carry, in
// order, 15, 30, 15, 10, 10 and 20 % of the index.
const smallScheme = `{
  "code": "small", "version": 1, "name": {"zh": "小指数"}, "decimals": 2, "min_coverage": 0.6,
  "quantities": [
    {"code": "cases", "name": {"zh": "受理数"}, "range": {"min": 0}, "decimals": 0},
    {"code": "cases.solved", "name": {"zh": "办结数"}, "range": {"min": 0}, "decimals": 0}],
  "tree": {"code": "index", "aggregation": {"kind": "arithmetic"}, "children": [
    {"code": "party", "name": {"zh": "党建"}, "weight": 60, "aggregation": {"kind": "arithmetic"}, "children": [
      {"code": "meetings", "name": {"zh": "会议"}, "weight": 1, "direction": "benefit", "entry": "reported", "range": {"min": 0, "max": 12}, "decimals": 0,
       "rule": {"kind": "goalposts", "low": 0, "high": 12}},
      {"code": "spirit", "name": {"zh": "作风"}, "weight": 2, "direction": "benefit", "entry": "rated", "decimals": 1,
       "rule": {"kind": "points", "max": 10}, "combine": {"kind": "mean", "role_weights": {"mentor": 2, "instructor": 1, "leading_group": 1}}},
      {"code": "standing", "name": {"zh": "星级"}, "weight": 1, "entry": "reported", "rule": {"kind": "levels", "levels": {"A": 100, "B": 80, "C": 50}}}]},
    {"code": "service", "name": {"zh": "服务"}, "weight": 40, "aggregation": {"kind": "arithmetic"}, "children": [
      {"code": "solving", "name": {"zh": "办结率"}, "weight": 1, "direction": "benefit", "entry": "derived", "unit": "%",
       "derive": {"kind": "ratio", "numerator": "cases.solved", "denominator": "cases", "scale": 100}, "rule": {"kind": "goalposts", "low": 0, "high": 100}},
      {"code": "fields", "name": {"zh": "农田"}, "weight": 1, "direction": "benefit", "entry": "reported", "rule": {"kind": "points", "max": 50},
       "applies_to": {"classes": ["rural"]}},
      {"code": "complaints", "name": {"zh": "投诉"}, "weight": 2, "direction": "cost", "entry": "reported", "range": {"min": 0}, "waivable": true,
       "rule": {"kind": "deduct", "per": 10}}]}]},
  "adjustments": {
    "bonus": {"cap": 5, "items": [{"code": "top-ten", "name": {"zh": "十佳"}, "points": 3}, {"code": "model", "name": {"zh": "示范"}, "points": 4}]},
    "deduction": {"cap": 10, "items": [{"code": "late", "name": {"zh": "迟报"}, "points": 2}]},
    "vetoes": [{"code": "forged", "name": {"zh": "造假"}, "effect": {"kind": "cap_grade", "grade": "poor"}}]},
  "grades": [{"code": "excellent", "from": 90}, {"code": "good", "from": 80}, {"code": "fair", "from": 60}, {"code": "poor", "from": 0}]}`
