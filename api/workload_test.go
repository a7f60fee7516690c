package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// codes lists who is paired, with the letter of those who hold the role.
func codes(paired []people.Paired) string {
	words := make([]string, len(paired))
	for i, p := range paired {
		words[i] = p.Person.Code
		if p.Appointment != nil {
			words[i] += "/" + p.Appointment.Letter
		}
		if p.Exclusive {
			words[i] += "!"
		}
	}
	return strings.Join(words, " ")
}

// Who was tied to a branch on a day is answered for any day.
func TestPairingsAreAsOfADay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group, leader := h.as(policy.LeadingGroup), h.as(policy.Leadership)
		h.joins("li", policy.Instructor, nil)
		group.Post("/towns/demo/people", object{"code": "zhang", "name": object{"zh": "张某", "en": "Zhang"}}).
			Want(http.StatusCreated)
		group.Post("/towns/demo/appointments", object{
			"person": "zhang", "role": "mentor", "letter": "聘字7号", "from": "2023-01-01", "until": "2023-12-31",
		}).Want(http.StatusCreated)
		for _, in := range []object{
			{"person": "zhang", "branch": "b01", "duty": "mentors", "from": "2023-03-01", "until": "2024-06-30"},
			{"person": "li", "branch": "b02", "duty": "instructs", "from": "2023-03-01", "exclusive": true},
		} {
			group.Post("/towns/demo/assignments", in).Want(http.StatusCreated)
		}
		on := func(query string) map[string]string {
			list := apitest.Decode[rest.Page[people.Pairing]](leader.Get("/towns/demo/pairings?"+query), http.StatusOK)
			found := map[string]string{}
			for _, p := range list.Items {
				offices := ""
				for _, o := range p.Offices {
					offices += o.Office.Code
					for _, m := range o.Members {
						offices += "+" + m.Code
					}
				}
				found[p.Branch.Code] = strings.Join([]string{codes(p.Leads), codes(p.Mentors), codes(p.Instructors), offices}, "|")
			}
			return found
		}
		const all = "secretary/invented|mentor/invented%s|instructor/invented|office+liaison_office"
		for query, want := range map[string]map[string]string{
			"on=2023-02-28":            {"b01": fmt.Sprintf(all, ""), "b02": "|||", "b03": "|||"},
			"on=2023-03-01":            {"b01": fmt.Sprintf(all, " zhang/聘字7号"), "b02": "||li/invented!|", "b03": "|||"},
			"on=2024-06-30":            {"b01": fmt.Sprintf(all, " zhang"), "b02": "||li/invented!|", "b03": "|||"},
			"on=2024-07-01&branch=b01": {"b01": fmt.Sprintf(all, "")},
			"on=2019-12-31":            {},
		} {
			if got := on(query); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: got %v, want %v", query, got, want)
			}
		}
		h.linked("second", "liaison_office", "b02", "b01")
		group.IfMatch(`"1"`).Post("/towns/demo/offices/office/members/"+
			column(group.Get("/towns/demo/offices/office/members"), "id")[0]+"/end",
			object{"until": "2023-12-31"}).Want(http.StatusOK)
		if got := on("on=2024-01-01&branch=b01")["b01"]; !strings.HasSuffix(got, "|officesecond+liaison_office") {
			t.Errorf("the offices of b01 are %s", got)
		}
		ended := column(group.Get("/towns/demo/offices/second/links"), "id")[0] // with b02
		group.IfMatch(`"1"`).Post("/towns/demo/offices/second/links/"+ended+"/end",
			object{"until": "2023-12-31"}).Want(http.StatusOK)
		for day, want := range map[string]string{"2023-12-31": "second+liaison_office", "2024-01-01": ""} {
			if got := on("branch=b02&on=" + day)["b02"]; got != "||li/invented!|"+want {
				t.Errorf("on %s b02 has %s", day, got)
			}
		}
		refused(t, leader.Get("/towns/demo/pairings?branch=b99"), http.StatusNotFound, "not_found")
		refused(t, h.as(policy.Secretary).Get("/towns/demo/pairings"), http.StatusForbidden, "not_allowed")
		page1 := apitest.Decode[rest.Page[people.Pairing]](leader.Get("/towns/demo/pairings?page_size=2"), http.StatusOK)
		page2 := apitest.Decode[rest.Page[people.Pairing]](leader.Get("/towns/demo/pairings?page_size=2&page_token="+
			page1.NextPageToken), http.StatusOK)
		if len(page1.Items) != 2 || len(page2.Items) != 1 || page2.Items[0].Branch.Code != "b03" ||
			page2.NextPageToken != "" {
			t.Errorf("pages %+v and %+v", page1, page2)
		}
	})
}

// The load of mentors shows letter, term, branches and what waits, and how uneven
// it is.
func TestTheLoadOfMentorsShows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		zhang := h.joins("zhang", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
		h.joins("idle", policy.Mentor, nil)
		h.planned("2023Q1", "2023-01-01", "2023-03-31")
		h.planned("2023Q2", "2023-04-01", "2023-06-30")
		h.steps("2023Q1", "open")
		counted(zhang, group, "2023Q1", "b01", value("spirit", 8))
		h.steps("2023Q1", "review", "locked") // counts no more
		h.steps("2023Q2", "open")
		counted(zhang, group, "2023Q2", "b01", value("spirit", 8))
		begun(zhang, "2023Q2", "b02", value("spirit", 8))
		moved(zhang, begun(zhang, "2023Q2", "b03", value("spirit", 8)), "submitted", "").Want(http.StatusOK)
		back := begun(mentor, "2023Q2", "b01", value("spirit", 8))
		moved(mentor, back, "submitted", "").Want(http.StatusOK)
		moved(group, back, "returned", "again").Want(http.StatusOK)
		h.appointed("demo", "instructor", policy.Mentor)
		begun(h.as(policy.Instructor).Header("Act-As", "instructor"), "2023Q2", "b01", value("spirit", 8)) // not as a mentor
		h.steps("2023Q2", "review")

		list := apitest.Decode[Mentorships](mentor.Get("/towns/demo/mentors"), http.StatusOK)
		got := ""
		for _, m := range list.Items {
			got += fmt.Sprintf("%s %s %s %v %+v\n", m.Person.Code, m.Appointment.Letter, *m.Appointment.ValidUntil,
				m.Branches, m.Load)
		}
		want := `idle invented 2099-12-31 [] {Branches:0 SheetCount:{Open:0 Submitted:0 Approved:0}}
instructor invented 2099-12-31 [] {Branches:0 SheetCount:{Open:0 Submitted:0 Approved:0}}
mentor invented 2099-12-31 [b01] {Branches:1 SheetCount:{Open:1 Submitted:0 Approved:0}}
zhang invented 2099-12-31 [b01 b02 b03] {Branches:3 SheetCount:{Open:1 Submitted:1 Approved:1}}
`
		if got != want || list.MostBranches != 3 || list.MeanBranches != 1 {
			t.Errorf("mean %v, most %d of\n%swant\n%s", list.MeanBranches, list.MostBranches, got, want)
		}
		if past := apitest.Decode[Mentorships](mentor.Get("/towns/demo/mentors?on=2019-12-31"),
			http.StatusOK); past.MostBranches != 0 || len(past.Items) != 4 {
			t.Errorf("before the assignments: %+v", past)
		}
		if none := apitest.Decode[Mentorships](mentor.Get("/towns/demo/mentors?on=1999-12-31"),
			http.StatusOK); none.MeanBranches != 0 || len(none.Items) != 0 {
			t.Errorf("before the appointments: %+v", none)
		}
		instructors := apitest.Decode[Mentorships](mentor.Get("/towns/demo/instructors"), http.StatusOK)
		if len(instructors.Items) != 1 || instructors.Items[0].Person.Code != "instructor" ||
			instructors.Items[0].Load.Branches != 1 {
			t.Errorf("the instructors are %+v", instructors)
		}
		refused(t, h.as(policy.Reader).Get("/towns/demo/mentors"), http.StatusForbidden, "not_allowed")
	})
}

// The list of people shows what each holds today, and a name can be corrected.
func TestPeopleShowWhatTheyHold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		h.appointed("demo", "mentor", policy.Leadership)
		h.joins("gone", policy.Instructor, ties{"b02": access.Instructs})
		id := column(group.Get("/towns/demo/assignments?person=gone"), "id")[0]
		group.IfMatch(`"1"`).Post("/towns/demo/assignments/"+id+"/end", object{"until": "2023-12-31"}).Want(http.StatusOK)
		for _, p := range apitest.Decode[rest.Page[people.PersonOn]](group.Get("/towns/demo/people"), http.StatusOK).Items {
			got, want := fmt.Sprint(p.Roles, p.Duties, p.Offices), fmt.Sprintf("[%s] [] []", p.Code)
			switch p.Code {
			case "gone":
				want = "[instructor] [] []"
			case "mentor":
				want = "[mentor leadership] [{mentors b01}] []"
			case "instructor":
				want = "[instructor] [{instructs b01}] []"
			case "secretary":
				want = "[secretary] [{leads b01}] []"
			case "liaison_office":
				want = "[liaison_office] [] [office]"
			}
			if got != want {
				t.Errorf("%s has %s, want %s", p.Code, got, want)
			}
		}
		refused(t, group.Bad().Put("/towns/demo/people/gone", object{"name": named("龚某")}),
			http.StatusPreconditionRequired, "if_match_required")
		refused(t, group.IfMatch(`"1"`).Put("/towns/demo/people/gone", object{"name": object{}}),
			http.StatusUnprocessableEntity, "invalid", "/name")
		changed := apitest.Decode[people.Person](group.IfMatch(`"1"`).Put("/towns/demo/people/gone",
			object{"name": named("龚某")}), http.StatusOK)
		if changed.Name.ZH != "龚某" || changed.Version != 2 {
			t.Errorf("the person is %+v", changed)
		}
		refused(t, group.IfMatch(`"1"`).Put("/towns/demo/people/gone", object{"name": named("龚")}),
			http.StatusPreconditionFailed, "stale_version")
		refused(t, group.IfMatch(`"1"`).Put("/towns/demo/people/nobody", object{"name": named("龚")}),
			http.StatusNotFound, "not_found")
		refused(t, h.as(policy.Mentor).IfMatch(`"2"`).Put("/towns/demo/people/gone", object{"name": named("龚")}),
			http.StatusForbidden, "not_allowed")
	})
}
