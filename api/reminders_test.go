package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/improve"
	"bulwark/internal/improve/report"
	"bulwark/internal/people"
	"bulwark/internal/policy"
)

const remindersAt = "/towns/demo/reminders"

// paired ties a new instructor to b01 from a day on, and takes away the one that
// the harness has.
func (h *harness) paired(code string, from day.Date) *apitest.Client {
	h.t.Helper()
	h.must(h.db.Exec("DELETE FROM assignments WHERE duty = 'instructs'").Error)
	c := h.joins(code, policy.Instructor, nil)
	h.as(policy.Admin).Post("/towns/demo/assignments",
		object{"person": code, "branch": "b01", "duty": "instructs", "from": from, "duties_from": from}).Want(http.StatusCreated)
	return c
}

// remind runs the maker of reminders, and tells how many changes it made.
func (h *harness) remind(want int) {
	h.t.Helper()
	got, err := report.Remind(h.t.Context(), h.db)
	if err != nil || got != want {
		h.t.Errorf("%d changes of reminders, want %d: %v", got, want, err)
	}
}

// feed is what the caller is reminded of since a number, as kind and day, with a
// minus before what was withdrawn.
func remindersOf(t *testing.T, c *apitest.Client, since int64) (told []string, next int64) {
	t.Helper()
	f := apitest.Decode[report.Feed](c.Get(fmt.Sprint(remindersAt, "?since=", since)), http.StatusOK)
	zh := apitest.Decode[report.Feed](c.Lang("zh").Get(fmt.Sprint(remindersAt, "?since=", since)), http.StatusOK)
	for i, r := range f.Items {
		words := r.Kind + " " + string(r.DueOn)
		if r.WithdrawnAt != nil {
			words = "-" + words
		}
		if !strings.Contains(r.Message, string(r.DueOn)) || !strings.Contains(zh.Items[i].Message, string(r.DueOn)) ||
			zh.Items[i].Message == r.Message {
			t.Errorf("%s says %q and %q", words, r.Message, zh.Items[i].Message)
		}
		told = append(told, words)
	}
	return told, f.Next
}

// A visit is due so many days after the pairing began or the last visit, moved off
// weekends and holidays; it is told before its day and after it, to the day in
// Shanghai, and withdrawn when the visit was made.
func TestRemindersOfVisits(t *testing.T) {
	inZone(t, "America/Los_Angeles")
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin, group := h.paired("lin", "2026-01-05"), h.as(policy.LeadingGroup)
		settings := improve.Defaults()
		settings.VisitEvery, settings.WarnBefore, settings.Holidays = 12, 3, []day.Date{"2026-01-19"}
		group.IfMatch(`"1"`).Put("/towns/demo/improvement-settings",
			object{"settings": settings, "reason": "x"}).Want(http.StatusOK)

		clock.set(t, "2026-01-16 23:59:59") // 01-17 is a Saturday, 01-19 a holiday: due on 01-20
		h.remind(0)
		clock.set(t, "2026-01-17 00:00:01")
		h.remind(1)
		h.remind(0)
		told, next := remindersOf(t, lin, 0)
		same(t, "warned", told, "visit_due 2026-01-20")
		told, _ = remindersOf(t, group, 0)
		same(t, "what is not overdue is not for the leading group", told)
		for _, role := range []policy.Role{policy.Secretary, policy.Mentor, policy.Office, policy.Instructor} {
			told, _ = remindersOf(t, h.as(role), 0)
			same(t, "another's", told)
		}
		clock.set(t, "2026-01-20 23:59:59")
		h.remind(0)
		clock.set(t, "2026-01-21 00:00:01")
		h.remind(2)
		told, next = remindersOf(t, lin, next)
		same(t, "overdue", told, "visit_overdue 2026-01-20", "-visit_due 2026-01-20")
		told, _ = remindersOf(t, group, 0)
		same(t, "escalated", told, "visit_overdue 2026-01-20")
		refused(t, h.as(policy.Reader).Get(remindersAt), http.StatusForbidden, "not_allowed")

		undone, err := report.OverdueWork(t.Context(), h.db, "demo",
			report.OverdueQuery{Reach: access.Reach{All: true}, Today: "2026-01-21"})
		if err != nil || undone.Counts[report.VisitDuty] != 1 || len(undone.First) != 1 || *undone.First[0].Person != "lin" {
			t.Errorf("undone: %+v %v", undone, err)
		}
		undone, err = report.OverdueWork(t.Context(), h.db, "demo",
			report.OverdueQuery{Reach: access.Reach{Branches: map[string]bool{"b02": true}}, Today: "2026-01-21"})
		if err != nil || len(undone.Counts) != 0 || len(undone.First) != 0 {
			t.Errorf("undone out of reach: %+v %v", undone, err)
		}

		visit := visitedOn(lin, "b01", "2026-01-21")
		h.remind(1)
		told, next = remindersOf(t, lin, next)
		same(t, "visited", told, "-visit_overdue 2026-01-20")
		clock.noon(t, "2026-01-30") // 12 days after 01-21 is Monday 02-02
		h.remind(1)
		told, next = remindersOf(t, lin, next)
		same(t, "the next visit", told, "visit_due 2026-02-02")

		// What was withdrawn by a mistake is told again when that is corrected.
		v := visitOf(object{"visited_on": "2026-01-22", "reason": "x"})
		lin.IfMatch(lin.Get(visit).ETag()).Put(visit, v).Want(http.StatusOK)
		h.remind(1) // 02-03 is not warned of yet
		v["visited_on"] = "2026-01-21"
		lin.IfMatch(lin.Get(visit).ETag()).Put(visit, v).Want(http.StatusOK)
		h.remind(1)
		told, _ = remindersOf(t, lin, next)
		same(t, "told again", told, "visit_due 2026-02-02")
	})
}

// An owner is told of a problem: a person, or the members of an office.
func TestRemindersOfProblems(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin, office := h.paired("lin", "2026-01-05"), h.as(policy.Office)
		at := opened(lin, "2026-01-08")
		h.remind(1)
		told, next := remindersOf(t, office, 0)
		same(t, "the office", told, "problem_due 2026-01-08")
		told, _ = remindersOf(t, lin, 0)
		same(t, "not the owner", told)

		id := apitest.Decode[report.Feed](office.Get(remindersAt), http.StatusOK).Items[0].ID
		refused(t, lin.Post(remindersAt+"/"+id+"/acknowledge", nil), http.StatusNotFound, "not_found")
		if r := apitest.Decode[report.Reminder](office.Post(remindersAt+"/"+id+"/acknowledge", nil),
			http.StatusOK); r.AcknowledgedAt == nil {
			t.Errorf("acknowledged: %+v", r)
		}
		office.Post(remindersAt+"/"+id+"/acknowledge", nil).Want(http.StatusOK)
		if r := apitest.Decode[report.Feed](office.Get(remindersAt), http.StatusOK).Items[0]; r.AcknowledgedAt == nil {
			t.Errorf("acknowledged: %+v", r)
		}

		x := troubleOf(object{"owner_person": "lin", "due_on": "2026-01-08", "reason": "handed over"})
		delete(x, "owner_office")
		lin.IfMatch(`"1"`).Put(at, x).Want(http.StatusOK)
		h.remind(1)
		told, _ = remindersOf(t, lin, 0)
		same(t, "the new owner", told, "problem_due 2026-01-08")
		told, _ = remindersOf(t, office, next)
		same(t, "the old owner", told)
		clock.noon(t, "2026-01-09")
		h.remind(2)
		told, _ = remindersOf(t, h.as(policy.Leadership), 0)
		same(t, "overdue", told, "problem_overdue 2026-01-08")
		moved(lin, at, "in_progress", "").Want(http.StatusOK)
		moved(lin, at, "solved", "dug").Want(http.StatusOK)
		h.remind(1)
		told, _ = remindersOf(t, h.as(policy.Leadership), 0)
		same(t, "solved", told, "-problem_overdue 2026-01-08")
	})
}

// Who is no member of the office on the day is not told what the office must do,
// though another office works on the branch, and who left the branch is told no more.
func TestRemindersAreForWhoeverAnswersToday(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin, wei := h.paired("lin", "2026-01-05"), h.joins("wei", policy.Office, nil)
		h.linked("second", "wei", "b01")
		opened(lin, "2026-01-06")
		h.remind(1)
		told := func(what string, c *apitest.Client, want ...string) {
			t.Helper()
			got, _ := remindersOf(t, c, 0)
			same(t, what, got, want...)
		}
		told("a member of another office", wei)
		h.must(h.db.Create(&people.OfficeMember{
			TownID: "demo", ID: nothing, OfficeCode: "office", PersonCode: "wei", ValidFrom: "2026-01-06",
			ValidUntil: new(day.Date("2026-01-07")), Versioned: database.Versioned{Version: 1},
		}).Error)
		told("a member from tomorrow", wei)
		clock.noon(t, "2026-01-06")
		told("a member", wei, "problem_due 2026-01-06")
		clock.noon(t, "2026-01-07")
		told("on the last day", wei, "problem_due 2026-01-06")
		clock.noon(t, "2026-01-08")
		told("a former member", wei)

		mine := troubleOf(object{"branch": "b01", "owner_person": "lin", "due_on": "2026-01-09"})
		delete(mine, "owner_office")
		lin.Post("/towns/demo/problems", mine).Want(http.StatusCreated)
		h.remind(3) // the other is overdue
		told("the owner", lin, "problem_due 2026-01-09")
		h.must(h.db.Exec("UPDATE assignments SET valid_until = '2026-01-07' WHERE person_code = 'lin'").Error)
		told("who left the branch", lin)
	})
}

// However many make reminders at once, each is made once, and who follows the feed
// meanwhile misses none.
func TestRemindersAreMadeOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin := h.paired("lin", "2026-01-05")
		const rounds, each = 4, 5
		var followed []string
		var since int64
		follow := func() {
			for more := true; more; {
				f := apitest.Decode[report.Feed](h.as(policy.Office).Get(fmt.Sprint(remindersAt, "?page_size=3&since=", since)),
					http.StatusOK)
				for _, r := range f.Items {
					followed = append(followed, r.Subject)
				}
				since, more = f.Next, f.More
			}
		}
		for range rounds {
			for range each {
				opened(lin, "2026-01-06")
			}
			var made sync.WaitGroup
			for range 10 {
				made.Go(func() {
					if _, err := report.Remind(t.Context(), h.db); err != nil {
						t.Error(err)
					}
				})
			}
			follow()
			made.Wait()
		}
		follow()
		var stored []report.Reminder
		h.must(h.db.Order("sequence").Find(&stored).Error)
		var want []string
		for i, r := range stored {
			want = append(want, r.Subject)
			if r.Sequence != int64(i)+1 {
				t.Errorf("number %d is %d", i+1, r.Sequence)
			}
		}
		if len(stored) != rounds*each || !slices.Equal(followed, want) {
			t.Errorf("%d reminders, followed %d", len(stored), len(followed))
		}
	})
}

// Making and reading reminders costs the same for one duty and for many, where
// nothing is to be changed.
func TestStatementsOfReminders(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin := h.paired("lin", "2026-01-05")
		cost := map[string]int64{}
		for range 3 {
			opened(lin, "2026-01-06")
			h.remind(1)
			for what, do := range map[string]func(){
				"make": func() { h.remind(0) },
				"read": func() { coldStart(h.server); h.as(policy.Office).Get(remindersAt).Want(http.StatusOK) },
				"count": func() {
					_, err := report.OverdueWork(t.Context(), h.db, "demo",
						report.OverdueQuery{Reach: access.Reach{All: true}, Today: "2026-01-21"})
					h.must(err)
				},
			} {
				before := database.Queries(db)
				do()
				got := database.Queries(db) - before
				if cost[what] == 0 {
					cost[what] = got
				}
				if got != cost[what] {
					t.Errorf("%s: %d statements, and %d with more", what, cost[what], got)
				}
			}
		}
	})
}

// A pairing that is entered late brings no arrears: its duties begin on the day on which it was
// entered, or on the one that is given.
func TestABackdatedPairingBringsNoArrears(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-05 09:00:00")
		h.must(h.db.Exec("DELETE FROM assignments WHERE duty = 'instructs'").Error)
		h.joins("lin", policy.Instructor, nil)
		h.every(12, 12)
		pair := func(branch string, more object) *apitest.Answer {
			body := object{"person": "lin", "branch": branch, "duty": "instructs", "from": "2025-01-01"}
			for k, v := range more {
				body[k] = v
			}
			return h.as(policy.Admin).Post("/towns/demo/assignments", body)
		}
		overdue := func(today day.Date, want int) {
			t.Helper()
			all := report.OverdueQuery{Reach: access.Reach{All: true}, Today: today}
			undone, err := report.OverdueWork(t.Context(), h.db, "demo", all)
			if n := undone.Counts[report.VisitDuty]; err != nil || n != want {
				t.Errorf("%d visits are overdue on %s, want %d: %v", n, today, want, err)
			}
		}
		a := apitest.Decode[people.Assignment](pair("b01", nil), http.StatusCreated)
		if a.ValidFrom != "2025-01-01" || a.DutiesFrom == nil || *a.DutiesFrom != "2026-01-05" {
			t.Errorf("entered late: %+v", a)
		}
		overdue("2026-01-05", 0)
		overdue("2026-01-20", 1)
		pair("b02", object{"duties_from": "2024-12-31"}).Problem(http.StatusUnprocessableEntity)
		pair("b02", object{"duties_from": "2025-01-01"}).Want(http.StatusCreated)
		overdue("2026-01-05", 1)
	})
}
