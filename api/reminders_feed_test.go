package api

import (
	"fmt"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/report"
	"bulwark/internal/policy"
)

// A reminder follows the duty to whoever has it now, and is new to who had seen it
// when it is told again.
func TestAReminderFollowsItsDuty(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin := h.paired("lin", "2026-01-05")
		h.every(366, 366)
		wu := h.joins("wu", policy.Instructor, nil)
		h.pairs("wu", "b01", access.Instructs, "2026-01-05")
		wei := h.joins("wei", policy.Office, nil)
		h.linked("second", "wei", "b01")
		owners := func(at string, owner object) {
			t.Helper()
			x := troubleOf(object{"due_on": "2026-01-05", "reason": "handed over"})
			delete(x, "owner_office")
			for name, code := range owner {
				x[name] = code
			}
			lin.IfMatch(lin.Get(at).ETag()).Put(at, x).Want(http.StatusOK)
		}
		at := owned(lin, "b01", "2026-01-05")
		told := func(what string, changes int, mine map[*apitest.Client]int) {
			t.Helper()
			h.remind(changes)
			for c, want := range mine {
				if got, _ := remindersOf(t, c, 0); len(got) != want {
					t.Errorf("%s: told %q, want %d", what, got, want)
				}
			}
		}
		told("lin's", 1, map[*apitest.Client]int{lin: 1, wu: 0})
		owners(at, object{"owner_person": "wu"})
		told("wu's", 1, map[*apitest.Client]int{lin: 0, wu: 1})
		owners(at, object{"owner_office": "office"})
		told("the office's", 1, map[*apitest.Client]int{wu: 0, h.as(policy.Office): 1, wei: 0})
		owners(at, object{"owner_office": "second"})
		told("the second office's", 1, map[*apitest.Client]int{h.as(policy.Office): 0, wei: 1})

		seen := func() *report.Reminder {
			t.Helper()
			return &apitest.Decode[report.Feed](wei.Get(remindersAt), http.StatusOK).Items[0]
		}
		wei.Post(remindersAt+"/"+seen().ID+"/acknowledge", nil).Want(http.StatusOK)
		h.remind(0)
		if seen().AcknowledgedAt == nil {
			t.Error("it is not acknowledged")
		}
		moved(lin, at, "in_progress", "").Want(http.StatusOK)
		moved(lin, at, "solved", "dug").Want(http.StatusOK)
		h.remind(1)
		clock.set(t, "2026-01-05 10:00:00")
		moved(h.as(policy.Office), at, "reopened", "wet again").Want(http.StatusOK)
		h.remind(1)
		if r := seen(); r.AcknowledgedAt != nil || r.WithdrawnAt != nil {
			t.Errorf("told again: %+v", r)
		}
	})
}

// A page of the feed says whether there is more, and the leadership is shown the ten
// that are due longest.
func TestPagesOfReminders(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin := h.paired("lin", "2026-01-05")
		h.every(366, 366)
		for range 11 {
			opened(lin, "2026-01-06")
		}
		opened(lin, "2026-01-05")
		undone, err := report.OverdueWork(t.Context(), h.db, "demo",
			report.OverdueQuery{Reach: access.Reach{All: true}, Today: "2026-01-07"})
		if err != nil || undone.Counts[report.ProblemDuty] != 12 || len(undone.First) != 10 ||
			undone.First[0].DueOn != "2026-01-05" || undone.First[1].DueOn != "2026-01-06" {
			t.Errorf("undone: %+v %v", undone, err)
		}
		h.remind(1) // the one that is due today
		for size, more := range map[int]bool{1: false, 2: false} {
			if f := apitest.Decode[report.Feed](h.as(policy.Office).Get(fmt.Sprint(remindersAt, "?page_size=", size)),
				http.StatusOK); f.More != more || len(f.Items) != 1 || f.Next != 1 {
				t.Errorf("of one, a page of %d: %+v", size, f)
			}
		}
		if f := apitest.Decode[report.Feed](h.as(policy.Office).Get(remindersAt+"?since=1"), http.StatusOK); f.More ||
			len(f.Items) != 0 || f.Next != 1 {
			t.Errorf("nothing since: %+v", f)
		}
	})
}
