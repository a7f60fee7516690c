package api

import (
	"fmt"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/measure"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/town"
)

const measures = "/towns/demo/measures"

// taskOf is a task about a branch for which a person answers; about the town
// without a branch.
func taskOf(branch, person string) object {
	task := object{"person": person, "title": "repair the reading room", "due_on": "2026-05-01"}
	if branch != "" {
		task["branch"] = branch
	}
	return task
}

// set is the address of a new task under the first measure.
func set(c *apitest.Client, task object) string {
	return measures + "/1/tasks/" + last(c.Post(measures+"/1/tasks", task).Want(http.StatusCreated))
}

func reported(c *apitest.Client, path string, progress int, note string) *apitest.Answer {
	return c.IfMatch(c.Get(path).Want(http.StatusOK).ETag()).Post(path+"/report",
		object{"progress": progress, "note": note})
}

func completed(c *apitest.Client, path, evidence string) *apitest.Answer {
	return c.IfMatch(c.Get(path).Want(http.StatusOK).ETag()).Post(path+"/transitions",
		object{"to": "done", "evidence": evidence})
}

// Four measures have the names of the source, and keep them in sight; the others
// have none until the town gives them one.
func TestMeasuresAreNamed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		told := func() (list []string) {
			for _, m := range apitest.Decode[rest.Page[measure.Measure]](h.Get(measures), http.StatusOK).Items {
				list = append(list, fmt.Sprint(m.Number, " ", m.Name.ZH, " ", m.SourceName.ZH, " ", m.Provenance, " ", m.Named,
					" ", m.Note.ZH != "" && m.Note.EN != ""))
			}
			return list
		}
		same(t, "built in", told(),
			"1 加强联系帮扶 加强联系帮扶 source true false", "2 制定一村一策精准提升 制定一村一策精准提升 source true false",
			"3 选派指导员挂钩结对 选派指导员挂钩结对 source true false", "4 搭建交流平台 搭建交流平台 source true false",
			"5   unnamed false true", "6   unnamed false true", "7   unnamed false true")
		its := apitest.Decode[town.Town](h.Get("/towns/demo"), http.StatusOK)
		for _, m := range apitest.Decode[rest.Page[measure.Measure]](h.Get(measures), http.StatusOK).Items {
			if m.CreatedAt.IsZero() || !m.CreatedAt.Equal(its.CreatedAt) || !m.UpdatedAt.Equal(its.CreatedAt) {
				t.Errorf("measure %d is of %v, changed %v", m.Number, m.CreatedAt, m.UpdatedAt)
			}
		}
		name := func(role policy.Role, path, tag, name string) *apitest.Answer {
			return h.as(role).IfMatch(tag).Put(path, object{"name": named(name), "description": named("说明")})
		}
		name(policy.Admin, measures+"/5", `"1"`, "第五").Want(http.StatusOK)
		name(policy.LeadingGroup, measures+"/1", `"1"`, "联系").Want(http.StatusOK)
		refused(t, name(policy.LeadingGroup, measures+"/1", `"1"`, "x"), http.StatusPreconditionFailed, "stale_version")
		refused(t, name(policy.Mentor, measures+"/1", `"2"`, "x"), http.StatusForbidden, "not_allowed")
		refused(t, name(policy.Admin, measures+"/8", `"1"`, "x"), http.StatusNotFound, "not_found")
		refused(t, h.Bad().Get(measures+"/0"), http.StatusNotFound, "not_found")
		after := told()
		same(t, "named", []string{after[0], after[4]}, "1 联系 加强联系帮扶 town true false", "5 第五  town true false")
		name(policy.Admin, measures+"/5", `"2"`, "").Want(http.StatusOK)
		name(policy.Admin, measures+"/1", `"2"`, "").Want(http.StatusOK)
		after = told()
		same(t, "named no more", []string{after[0], after[4]}, "1 加强联系帮扶 加强联系帮扶 source true false", "5   unnamed false true")
		if m := apitest.Decode[measure.Measure](h.Get(measures+"/1"), http.StatusOK); m.Description.ZH != "说明" ||
			m.Version != 3 {
			t.Errorf("%+v", m)
		}
	})
}

// Who answers for a task reports and finishes it; who sets tasks changes, drops and
// reopens them, an office for its branches only.
func TestTheLifeOfATask(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group, office, mentor := h.as(policy.LeadingGroup), h.as(policy.Office), h.as(policy.Mentor)
		path := set(office, taskOf("b01", "mentor"))
		may(t, mentor, path, "report", "finish")
		may(t, office, path, "change", "drop")
		may(t, group, path, "change", "report", "finish", "drop")
		may(t, h.as(policy.Secretary), path)
		may(t, h.as(policy.Leadership), path)
		for _, task := range []object{taskOf("b02", "mentor"), taskOf("", "mentor")} {
			refused(t, office.Post(measures+"/1/tasks", task), http.StatusForbidden, "not_assigned")
		}
		moved := func(c *apitest.Client, branch string) *apitest.Answer {
			return c.IfMatch(c.Get(path).Want(http.StatusOK).ETag()).Put(path, taskOf(branch, "mentor"))
		}
		refused(t, moved(office, "b02"), http.StatusForbidden, "not_assigned")

		refused(t, reported(h.as(policy.Secretary), path, 10, "x"), http.StatusForbidden, "not_responsible")
		refused(t, reported(office, path, 10, "x"), http.StatusForbidden, "not_responsible")
		reported(mentor, path, 40, "shelves are in").Want(http.StatusOK)
		refused(t, mentor.IfMatch(`"1"`).Post(path+"/report", object{"progress": 50, "note": "x"}),
			http.StatusPreconditionFailed, "stale_version")
		refused(t, completed(mentor, path, ""), http.StatusUnprocessableEntity, "invalid", "/evidence")
		completed(mentor, path, "photos").Want(http.StatusOK)
		may(t, mentor, path)
		may(t, office, path, "reopen")
		again := reported(mentor, path, 50, "x").Problem(http.StatusConflict)
		if again.Code != "task_done" || again.Locked == nil || again.Locked.By != "mentor" ||
			again.Locked.CanLift != "leading_group" {
			t.Errorf("%s, locked %+v", again.Code, again.Locked)
		}
		refused(t, moved(office, "b01"), http.StatusConflict, "task_done")
		to := func(c *apitest.Client, to, reason string) *apitest.Answer {
			return c.IfMatch(c.Get(path).Want(http.StatusOK).ETag()).Post(path+"/transitions",
				object{"to": to, "reason": reason})
		}
		refused(t, to(mentor, "open", "x"), http.StatusForbidden, "not_allowed")
		refused(t, to(office, "open", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		to(office, "open", "the roof leaks").Want(http.StatusOK)
		refused(t, to(mentor, "dropped", "x"), http.StatusForbidden, "not_allowed")
		refused(t, to(office, "dropped", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		to(office, "dropped", "moved to next year").Want(http.StatusOK)
		task := apitest.Decode[measure.Task](office.Get(path), http.StatusOK)
		var told []string
		for _, n := range task.Timeline {
			told = append(told, fmt.Sprint(n.Version, " ", n.Verb, " ", n.Actor, " ", n.Progress, " ", n.Note, n.Evidence))
		}
		same(t, "timeline", told, "1 set liaison_office 0 ", "2 report mentor 40 shelves are in",
			"3 finish mentor 100 photos", "4 reopen liaison_office 40 the roof leaks",
			"5 drop liaison_office 40 moved to next year")
		chen := h.joins("chen", policy.LeadingGroup, ties{"b02": access.Leads})
		led := set(group, taskOf("b02", "mentor"))
		may(t, chen, led, "change", "report", "finish")
		refused(t, chen.IfMatch(`"1"`).Post(led+"/transitions", object{"to": "dropped", "reason": "x"}),
			http.StatusForbidden, "conflict_of_interest")

		both := taskOf("b01", "nobody")
		both["office"] = "nowhere"
		refused(t, group.Post(measures+"/1/tasks", both),
			http.StatusUnprocessableEntity, "invalid", "/person", "/person", "/office")
		refused(t, group.Post(measures+"/1/tasks", taskOf("b99", "mentor")),
			http.StatusUnprocessableEntity, "invalid", "/branch")
		refused(t, group.Post(measures+"/8/tasks", taskOf("b01", "mentor")), http.StatusNotFound, "not_found")
		refused(t, group.Get(measures+"/2"+path[len(measures)+2:]), http.StatusNotFound, "not_found")
	})
}

// Progress is counted of what the caller may read, overdue from the day after the
// last one in Shanghai, and without what was dropped.
func TestProgressOfMeasures(t *testing.T) {
	inZone(t, "America/Los_Angeles")
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-20 12:00:00")
		group := h.as(policy.LeadingGroup)
		first, second := set(group, taskOf("b01", "mentor")), set(group, taskOf("b01", "instructor"))
		other := set(group, taskOf("b02", "mentor"))
		town := set(group, object{"office": "office", "title": "hold a fair", "due_on": "2026-06-01"})
		dropped := set(group, taskOf("b02", "mentor"))
		completed(group, first, "photos").Want(http.StatusOK)
		reported(group, second, 25, "x").Want(http.StatusOK)
		reported(h.as(policy.Office), town, 10, "x").Want(http.StatusOK)
		group.IfMatch(`"1"`).Post(dropped+"/transitions", object{"to": "dropped", "reason": "x"}).Want(http.StatusOK)

		told := func(c *apitest.Client, path string) (list []string) {
			for _, p := range apitest.Decode[rest.Page[measure.Progress]](c.Get(measures+path), http.StatusOK).Items {
				branch := "town"
				if p.Branch != nil {
					branch = p.Branch.Code
				}
				if p.Tasks > 0 {
					list = append(list, fmt.Sprint(p.MeasureNumber, " ", branch, " ", p.Tasks, " ", p.Done, " ", p.Overdue,
						" ", p.Mean))
				}
			}
			return list
		}
		clock.set(t, "2026-05-01 23:59:59")
		same(t, "on the last day", told(group, "/progress"), "1 town 4 1 0 33.8")
		same(t, "overdue on the last day", column(group.Get(measures+"/1/tasks?overdue=true"), "branch"))
		late := func() bool { return apitest.Decode[measure.Task](group.Get(other), http.StatusOK).Overdue }
		if late() {
			t.Error("a task is overdue on its last day")
		}
		clock.set(t, "2026-05-02 00:00:01")
		if !late() {
			t.Error("a task is not overdue on the day after")
		}
		same(t, "the day after", told(group, "/progress?by=branch"), "1 town 1 0 0 10", "1 b01 2 1 1 62.5", "1 b02 1 0 1 0")
		same(t, "overdue", column(group.Get(measures+"/1/tasks?overdue=true"), "branch"), "b01", "b02")
		same(t, "open", column(group.Get(measures+"/1/tasks?state=open&branch=b02"), "branch"), "b02")
		for _, role := range []policy.Role{policy.Secretary, policy.Instructor, policy.Office} {
			same(t, string(role), told(h.as(role), "/progress?by=branch"), "1 town 1 0 0 10", "1 b01 2 1 1 62.5")
			same(t, string(role), column(h.as(role).Get(measures+"/1/tasks"), "branch"), "b01", "b01", "<nil>")
			refused(t, h.as(role).Get(other), http.StatusNotFound, "not_found")
		}
		same(t, "the mentor of b01 who answers for one of b02",
			column(h.as(policy.Mentor).Get(measures+"/1/tasks"), "branch"), "b01", "b01", "b02", "<nil>", "b02")
		h.as(policy.Mentor).Get(other).Want(http.StatusOK)
		same(t, "with the one that he or she answers for", told(h.as(policy.Mentor), "/progress?by=branch"),
			"1 town 1 0 0 10", "1 b01 2 1 1 62.5", "1 b02 1 0 1 0")
		same(t, "by measure", told(h.as(policy.Mentor), "/progress"), "1 town 4 1 2 33.8")
		same(t, "an office that is not linked",
			column(h.joins("qian", policy.Office, nil).Get(measures+"/1/tasks"), "branch"), "<nil>")
		m := apitest.Decode[measure.Measure](h.Get(measures+"/1"), http.StatusOK)
		if got := fmt.Sprint(m.Progress.Tasks, m.Progress.Done, m.Progress.Overdue, m.Progress.Mean); got != "4 1 2 33.8" {
			t.Errorf("of the town: %s", got)
		}
		for _, role := range []policy.Role{policy.Reader, policy.Admin} {
			refused(t, h.as(role).Get(measures+"/progress"), http.StatusForbidden, "not_allowed")
			refused(t, h.as(role).Get(measures+"/1/tasks"), http.StatusForbidden, "not_allowed")
		}
	})
}

// A key that is limited to branches reads and sets the tasks of these alone, also where its
// person or office is responsible for others, and reads their targets alone.
func TestALimitedKeyHasTheTasksAndTargetsOfItsBranches(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		in, out, ofTown := set(group, taskOf("b01", "mentor")), set(group, taskOf("b02", "mentor")), set(group, taskOf("", "mentor"))
		limited := func(role policy.Role) *apitest.Client {
			person := string(role)
			return h.As(h.key(credential.Key{
				Roles: []policy.Role{role}, Towns: []string{"demo"}, PersonCode: &person, Branches: []string{"b01"},
			}))
		}
		for _, role := range []policy.Role{policy.LeadingGroup, policy.Mentor} {
			c := limited(role)
			same(t, string(role), column(c.Get(measures+"/1/tasks"), "branch"), "b01")
			c.Get(in).Want(http.StatusOK)
			for _, hidden := range []string{out, ofTown} {
				refused(t, c.Get(hidden), http.StatusNotFound, "not_found")
				refused(t, c.IfMatch(`"1"`).Post(hidden+"/report", object{"progress": 10, "note": "x"}),
					http.StatusNotFound, "not_found")
			}
			reported(c, in, 10, "begun").Want(http.StatusOK)
		}
		c := limited(policy.LeadingGroup)
		set(c, taskOf("b01", "mentor"))
		for _, task := range []object{taskOf("b02", "mentor"), taskOf("", "mentor")} {
			refused(t, c.Post(measures+"/1/tasks", task), http.StatusForbidden, "not_assigned")
		}
		for _, branch := range []string{"b01", "b02"} {
			group.Post("/towns/demo/targets", object{"branch": branch, "reason": "seen"}).Want(http.StatusCreated)
		}
		same(t, "targets", column(c.Get("/towns/demo/targets"), "branch"), "b01")
		refused(t, c.Post("/towns/demo/targets", object{"branch": "b01", "reason": "seen"}), http.StatusForbidden, "key_of_branches")
	})
}
