package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

// Every kind of slip has its way back through the API, and the trail tells both: the slip and
// what undid it, with the reason. The tests of each noun look closer.
func TestEverySlipIsUndoneAndTheTrailTellsBoth(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 12:00:00")
		h.alone()
		lockedQuarter(h)
		group := h.as(policy.LeadingGroup)
		const demo, why = "/towns/demo/", "a slip"
		do := func(at, verb string, body object) *apitest.Answer {
			t.Helper()
			body["reason"] = why
			return group.IfMatch(group.Get(at).Want(http.StatusOK).ETag()).Post(at+"/"+verb, body).Want(http.StatusOK)
		}
		for _, slip := range []struct {
			name, told string // by the trail
			of         func() (subject string)
		}{
			{"a period that should not be", "period.create period.cancelled", func() string {
				h.planned("2062Q2", "2062-04-01", "2062-06-30")
				do(demo+"periods/2062Q2", "transitions", object{"to": "cancelled"})
				return "periods/2062Q2"
			}},
			{"a role of the wrong person", "appointment.create appointment.cancel", func() string {
				at := created(group, demo+"appointments", object{"person": "mentor", "role": "secretary", "from": "2026-04-01"})
				do(at, "cancel", object{})
				return at[len(demo):]
			}},
			{"a pairing of the wrong person", "assignment.create assignment.cancel", func() string {
				at := created(group, demo+"assignments", object{"person": "mentor", "branch": "b02", "duty": "mentors", "from": "2026-04-01"})
				do(at, "cancel", object{})
				return at[len(demo):]
			}},
			{"a wrong statistical code", "branch.create branch.correct", func() string {
				created(group, demo+"branches", object{
					"code": "b07", "name": named("seven"), "kind": "village", "founded_on": "2026-04-01", "statistical_code": "449901001208",
				})
				do(demo+"branches/b07", "correct", object{"statistical_code": "449901001207"})
				return "branches/b07"
			}},
			{"a rename from a far day", "branch.create branch.correct branch.rename branch.withdraw", func() string {
				do(demo+"branches/b07", "rename", object{"name": named("x"), "on": "2027-04-01"})
				do(demo+"branches/b07", "withdraw", object{})
				return "branches/b07"
			}},
			{"a branch closed by mistake", "branch.create branch.correct branch.rename branch.withdraw branch.close branch.reopen", func() string {
				do(demo+"branches/b07", "close", object{"on": "2026-05-01"})
				do(demo+"branches/b07", "reopen", object{})
				return "branches/b07"
			}},
			{"a wrong draft", "scheme.create scheme.delete", func() string {
				group.Post(demo+"schemes", smallScheme).Want(http.StatusCreated)
				do(demo+"schemes/small/versions/2", "delete", object{})
				return "schemes/small/versions/2"
			}},
			{"a publication that should not be", "run.publish publication.withdraw", func() string {
				moved(group, q1, "published", "too early").Want(http.StatusOK)
				group.Post(q1+"/publications/1/withdraw", object{"reason": why}).Want(http.StatusOK)
				group.Get(q1 + "/ranking?publication=1").Want(http.StatusOK)
				return "periods/2026Q1/"
			}},
			{"a value that should not be", "run.publish result.amend", func() string {
				group.Post(q1+"/runs", nil).Want(http.StatusCreated)
				moved(group, q1, "published", "").Want(http.StatusOK)
				group.Post(q1+"/publications", object{"reason": why, "corrections": []object{
					{"branch": "b01", "code": "complaints", "removes": "value"},
				}}).Want(http.StatusCreated)
				return "periods/2026Q1/"
			}},
		} {
			subject := slip.of()
			var kept []string
			h.must(db.Raw("SELECT action FROM audit_records WHERE subject LIKE ? ORDER BY sequence", subject+"%").Scan(&kept).Error)
			rest := kept
			for action := range strings.FieldsSeq(slip.told) { // in this order
				at := slices.Index(rest, action)
				if at < 0 {
					t.Errorf("%s: the trail tells %q, want %q", slip.name, kept, slip.told)
					break
				}
				rest = rest[at+1:]
			}
			var reasons []string
			h.must(db.Raw("SELECT reason FROM audit_records WHERE subject LIKE ?", subject+"%").Scan(&reasons).Error)
			if !slices.Contains(reasons, why) {
				t.Errorf("%s: the trail tells no reason, but %q", slip.name, reasons)
			}
		}

		// What cannot be a slip any more is refused, or means what was meant.
		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		h.steps("2026Q2", "open")
		sheet := begun(h.as(policy.Mentor), "2026Q2", "b01", value("spirit", 7))
		refused(t, h.as(policy.Mentor).Bad().IfMatch(`"1"`).Put(sheet, object{"note": "x"}), http.StatusUnprocessableEntity,
			"invalid", "/entries")
		if p := group.Post(demo+"schemes", strings.Replace(smallScheme, "投诉", "会议", 1)).Problem(http.StatusUnprocessableEntity); len(p.Errors) == 0 ||
			p.Errors[0].Code != "duplicate_name" {
			t.Errorf("two columns of one name: %+v", p)
		}
		late := apitest.Decode[struct {
			DutiesFrom string `json:"duties_from"`
		}](group.Post(demo+"assignments", object{"person": "instructor", "branch": "b03", "duty": "instructs", "from": "2020-01-01"}), http.StatusCreated)
		if late.DutiesFrom != "2026-04-10" {
			t.Errorf("duties of a pairing that is entered late begin on %s", late.DutiesFrom)
		}
		clock.noon(t, "2026-04-11")
		total := apitest.Decode[struct {
			Totals struct{ Expected, Begun, Missing int }
		}](group.Get(demo+"periods/2026Q2/completeness"), http.StatusOK).Totals
		if total.Begun != 1 || total.Expected != total.Begun+total.Missing {
			t.Errorf("completeness: %+v", total)
		}
	})
}
