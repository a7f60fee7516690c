package api

import (
	"net/http"
	"slices"

	"bulwark/internal/people"
)

const caseVersion = "SELECT version FROM cases WHERE id = ?"

func draftOfCase(branch string) object {
	return object{"branch": branch, "title": "courtyard meetings", "story": "every evening", "indicators": []string{"meetings"}, "measures": []int{4}}
}

// exchange leaves a draft of a case and a rating of b01 and of b02, and one case of
// b03 that is published.
func (w *world) exchange() map[string]map[string]string {
	mentor, other, group := w.as(people.Mentor), w.joins("li", people.Mentor, ties{"b02": people.Mentors, "b03": people.Mentors}), w.as(people.LeadingGroup)
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
		"b01": last(w.as(people.Secretary).Post("/towns/demo/ratings", found("b01")).Want(http.StatusCreated)),
		"b02": last(w.joins("sun", people.Secretary, ties{"b02": people.Leads}).Post("/towns/demo/ratings", found("b02")).Want(http.StatusCreated)),
	}
	return map[string]map[string]string{":case": cases, ":rating": ratings}
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
	if c.caller == string(people.LeadingGroup) && (c.about == own || c.about == others) {
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
