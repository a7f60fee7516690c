package api

import (
	"net/http"
	"slices"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/policy"
)

const caseVersion = "SELECT version FROM cases WHERE id = ?"

func draftOfCase(branch string) object {
	return object{
		"branch": branch, "title": "courtyard meetings", "story": "every evening", "indicators": []string{"meetings"},
		"measures": []int{4},
	}
}

// exchange leaves a draft of a case and a rating of b01 and of b02, and one case of
// b03 that is published.
func (w *world) exchange() map[string]map[string]string {
	mentor, other, group := w.as(policy.Mentor),
		w.joins("li", policy.Mentor, ties{"b02": access.Mentors, "b03": access.Mentors}), w.as(policy.LeadingGroup)
	cases := map[string]string{
		"b01": last(mentor.Post("/towns/demo/cases", draftOfCase("b01")).Want(http.StatusCreated)),
		"b02": last(other.Post("/towns/demo/cases", draftOfCase("b02")).Want(http.StatusCreated)),
	}
	published := "/towns/demo/cases/" + last(other.Post("/towns/demo/cases", draftOfCase("b03")).Want(http.StatusCreated))
	moved(other, published, "submitted", "").Want(http.StatusOK)
	moved(group, published, "published", "").Want(http.StatusOK)
	found := func(branch string) object {
		return object{"period": "in-open", "branch": branch, "kind": "measure", "subject": "4", "score": 4}
	}
	ratings := map[string]string{
		"b01": last(w.as(policy.Secretary).Post("/towns/demo/ratings", found("b01")).Want(http.StatusCreated)),
		"b02": last(w.joins("sun", policy.Secretary, ties{"b02": access.Leads}).Post("/towns/demo/ratings",
			found("b02")).Want(http.StatusCreated)),
	}
	visit := last(group.Post("/towns/demo/events", meeting("event")).Want(http.StatusCreated))
	return map[string]map[string]string{
		":case": cases, ":rating": ratings, ":project": w.rounds(), ":event": {"b01": visit},
	}
}

// meeting brings b01 and b02 together at b03.
func meeting(kind string) object {
	m := object{
		"held_on": "2026-01-10", "topic": "meetings that decide", "host": "b03", "branches": []string{"b01", "b02"},
		"people": []string{"mentor"},
	}
	if kind != "" {
		m["kind"] = kind
	}
	return m
}

const (
	closedVersion = "SELECT version FROM selection_rounds WHERE code = 'closed' OR code = ?"
	shortVersion  = "SELECT version FROM selection_rounds WHERE code = 'short' OR code = ?"
)

func rulesOf(judges ...string) object {
	criterion := func(code string, weight int) object {
		return object{"code": code, "name": named(code), "weight": weight, "max": 10}
	}
	return object{
		"name": named("ten of many"), "criteria": []object{
			criterion("momentum", 40), criterion("drive", 30), criterion("care", 30),
		},
		"judges": append([]string{}, judges...), "combination": "trimmed", "trim": 1, "places": 20, "seats": 10,
	}
}

func roundOf(code string, judges ...string) object {
	r := rulesOf(judges...)
	r["code"] = code
	return r
}

func projectOf(round, branch string) object {
	return object{
		"round": round, "branch": branch, "title": "clean river", "field": "governance", "description": "every week",
	}
}

// rounds are one in each state from registering to shortlisted, all judged by a
// person of each role that can, with a project of b03. The open one has projects of
// b01 and b02 too, which it gives. The team t is of b01.
func (w *world) rounds() map[string]string {
	group, leader := w.as(policy.LeadingGroup), w.joins("feng", policy.Secretary, ties{"b03": access.Leads})
	register := func(c *apitest.Client, round, branch string) string {
		return last(c.Post("/towns/demo/projects", projectOf(round, branch)).Want(http.StatusCreated))
	}
	w.as(policy.Secretary).Post("/towns/demo/teams",
		object{"code": "t", "name": named("t"), "field": "ethos", "branches": []string{"b01"}}).Want(http.StatusCreated)
	for i, round := range []string{"open", "judged", "closed", "short"} {
		group.Post("/towns/demo/rounds", roundOf(round, "mentor", "instructor", "liaison_office", "leading_group",
			"leadership")).Want(http.StatusCreated)
		at := "/towns/demo/rounds/" + round
		w.ids[round] = register(leader, round, "b03")
		if i > 0 {
			moved(group, at, "judging", "").Want(http.StatusOK)
		}
		if i > 1 {
			group.IfMatch(`"1"`).Put(at+"/sheet",
				object{"scores": object{w.ids[round]: object{"momentum": 9, "drive": 8, "care": 7}}}).Want(http.StatusOK)
			moved(group, at, "closed", "the others are ill").Want(http.StatusOK)
		}
		if i > 2 {
			group.IfMatch(group.Get(at).ETag()).Post(at+"/shortlist",
				object{"projects": []string{w.ids[round]}}).Want(http.StatusOK)
		}
	}
	return map[string]string{
		"b01": register(w.as(policy.Secretary), "open", "b01"),
		"b02": register(w.joins("shi", policy.Secretary, ties{"b02": access.Leads}), "open", "b02"),
	}
}

// picked are the projects of a round.
func picked(round string) func(*world, cell) any {
	return func(w *world, _ cell) any { return object{"projects": []string{w.ids[round]}} }
}

// exchangeCodes fills in the team and the round that is in the state which the
// route is for.
func exchangeCodes(c cell) string {
	round, team := "open", "t"
	for ending, of := range map[string]string{
		"/sheet": "judged", "/result": "closed", "/shortlist": "closed", "/choice": "short",
	} {
		if strings.HasSuffix(c.Path, ending) {
			round = of
		}
	}
	if c.about == missing {
		round, team = "nothing", "nothing"
	}
	return strings.NewReplacer(":round", round, ":team", team).Replace(c.Path)
}

// undecided results are for those who judge, run the round or lead the town.
func undecided(_ *world, c cell) int {
	if c.about == own && (c.caller == string(policy.Secretary) || c.caller == string(policy.Admin)) {
		return http.StatusForbidden
	}
	return 0
}

// draftsOfOthers are read by those who write about the branch and those who review.
func draftsOfOthers(_ *world, c cell) int {
	switch {
	case slices.Contains([]string{"leading_group", readOnly}, c.caller):
		return 0
	case c.about == own && slices.Contains([]string{"secretary", "mentor", "instructor"}, c.caller):
		return 0
	}
	return http.StatusNotFound
}

// submittingCases is for those who write about the branch.
func submittingCases(w *world, c cell) int {
	if c.caller == "" {
		return http.StatusNotFound
	}
	if c.caller == string(policy.LeadingGroup) && (c.about == own || c.about == others) {
		return http.StatusForbidden
	}
	return draftsOfOthers(w, c)
}

// notAssigned answers about a branch that is not there as about others.
func notAssigned(_ *world, c cell) int {
	if c.about == missing && slices.Contains([]string{"secretary", "mentor", "instructor", "liaison_office"}, c.caller) {
		return http.StatusForbidden
	}
	return 0
}
