package api

import (
	"fmt"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/improve/target"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// standsAs lists the targets of a quarter: branch, state, publication, whether lapsed.
func standsAs(c *apitest.Client, quarter string) (list []string) {
	for _, t := range apitest.Decode[rest.Page[target.Target]](c.Get("/towns/demo/targets?period="+quarter), http.StatusOK).Items {
		list = append(list, fmt.Sprint(t.BranchCode, " ", t.State, " ", *t.PublicationNumber, " ", t.Lapsed))
	}
	return list
}

// followed counts the records of targets that followed an amendment.
func followed(h *harness) (n int64) {
	h.t.Helper()
	h.must(h.db.Model(audit.Record{}).Where("action = 'targets.follow'").Count(&n).Error)
	return n
}

// Targets follow an amendment and an upheld appeal at once, also those of the next
// quarter, which measures its falls against the amended one; no branch is proposed
// by that, what was confirmed stays, and an amendment that is rolled back moves
// nothing.
func TestTargetsFollowAnAmendment(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		p := proposed(h, q1)
		proposed(h, q2)
		b02 := idOf(t, p.Targets, "b02")
		decided(group, b02, object{"to": "confirmed"}).Want(http.StatusOK)

		amended(h, "2026Q1", "b03", "spirit", 9) // 95 for party then; its service stays 50
		same(t, "nothing that a rule looks at", standsAs(group, "2026Q1"), "b02 confirmed 1 false", "b03 proposed 1 false")
		if n := followed(h); n != 0 {
			t.Errorf("%d records of nothing", n)
		}
		refused(t, group.Post(q1+"/publications",
			object{"reason": "x", "corrections": []object{{"branch": "b03", "code": "spirit", "value": 9}}}),
			http.StatusConflict, "nothing_changes")

		amended(h, "2026Q1", "b01", "complaints", 2) // 92 as in the second quarter: it falls no more
		same(t, "the first quarter", standsAs(group, "2026Q1"), "b02 confirmed 1 false", "b03 proposed 1 false")
		same(t, "the second quarter", standsAs(group, "2026Q2"), "b01 proposed 1 true", "b02 proposed 1 false")
		amended(h, "2026Q1", "b03", "meetings", 0) // worse than b02 overall
		same(t, "b02 is not the last any more", standsAs(group, "2026Q1"), "b02 confirmed 1 false", "b03 proposed 4 false")
		same(t, "why b03", because(apitest.Decode[rest.Page[target.Target]](group.Get("/towns/demo/targets?period=2026Q1"),
			http.StatusOK).Items, "b03"),
			"lowest_share  62 62", "dimension_below service 50 60")
		if n := followed(h); n != 2 {
			t.Errorf("%d records of two changes", n)
		}

		appeal := "/towns/demo/appeals/" + last(h.as(policy.Secretary).Post("/towns/demo/appeals", object{
			"period": "2026Q1", "branch": "b01", "statement": "counted wrongly",
			"points": []object{{"code": "complaints", "claim": "0"}},
		}).Want(http.StatusCreated))
		confirmed(group, appeal, group.IfMatch(`"1"`).Post(appeal+"/transitions", object{
			"to": "upheld", "reason": "so it is", "corrections": []object{{"code": "complaints", "value": 0}},
		})).Want(http.StatusOK)
		same(t, "after the appeal", standsAs(group, "2026Q2"), "b01 proposed 1 false", "b02 proposed 1 false")
		same(t, "history of b01", verbsOf(group,
			idOf(t, apitest.Decode[rest.Page[target.Target]](group.Get("/towns/demo/targets?period=2026Q2"),
				http.StatusOK).Items, "b01")),
			"propose", "lapse", "refresh")
		h.must(database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			return target.Follow(acting(t, "leading_group", policy.LeadingGroup), tx, index.NewResultCache(), "demo", "2026Q1")
		}))
		if n := followed(h); n != 3 {
			t.Errorf("%d records of three changes, after a call that changes nothing", n)
		}
	})
}

// A branch that has been closed or merged is neither confirmed nor proposed, and who
// asks is told who ended it. A target whose branch ends stays one until it is ended.
func TestTargetsOfBranchesThatEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		p := proposed(h, q1)
		b02, b03 := idOf(t, p.Targets, "b02"), idOf(t, p.Targets, "b03")
		clock.set(t, "2026-05-09 12:00:00")
		end := func(branch, how string, body object) {
			group.IfMatch(`"1"`).Post("/towns/demo/branches/"+branch+"/"+how, body).Want(http.StatusOK)
		}
		end("b03", "close", object{"on": "2026-05-11", "reason": "all moved away"})
		end("b02", "merge", object{"into": "b01", "on": "2026-05-12", "reason": "one village"})
		clock.set(t, "2026-05-10 23:59:59")
		may(t, group, b03, "confirm", "dismiss")
		clock.set(t, "2026-05-11 00:00:01")
		may(t, group, b03, "dismiss")
		may(t, group, b02, "confirm", "dismiss")
		problem := decided(group, b03, object{"to": "confirmed", "reason": "x"}).Problem(http.StatusConflict)
		if l := problem.Locked; problem.Code != "branch_closed" || l == nil || l.By != "leading_group" ||
			l.Reason != "all moved away" || l.CanLift != "nobody" {
			t.Errorf("%s, locked %+v", problem.Code, l)
		}
		decided(group, b02, object{"to": "confirmed"}).Want(http.StatusOK)
		decided(group, b03, object{"to": "dismissed", "reason": "is no more"}).Want(http.StatusOK)
		clock.set(t, "2026-05-12 00:00:01")
		may(t, group, b02, "end")
		refused(t, group.Post("/towns/demo/targets", object{"branch": "b03", "reason": "x"}),
			http.StatusUnprocessableEntity, "invalid", "/branch")
		decided(group, b02, object{"to": "ended", "reason": "merged", "outcome": "other"}).Want(http.StatusOK)
		p = proposed(h, q2)
		same(t, "the second quarter", outcomeOf(p), "new [b01], refreshed [], lapsed [], standing []")
		same(t, "no branches any more", p.Closed, "b02")
	})
}

// The rules leave a proposal alone that was made by hand, and propose the branch once
// that is dismissed.
func TestRulesLeaveProposalsByHandAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		byHand := "/towns/demo/targets/" +
			last(group.Post("/towns/demo/targets", object{"branch": "b02", "reason": "its roof"}).Want(http.StatusCreated))
		same(t, "with a proposal by hand", outcomeOf(proposed(h, q1)), "new [b03], refreshed [], lapsed [], standing [b02]")
		same(t, "its history", verbsOf(group, byHand), "propose")
		refused(t, decided(group, byHand, object{"to": "dismissed"}), http.StatusUnprocessableEntity, "invalid", "/reason")
		decided(group, byHand, object{"to": "dismissed", "reason": "repaired"}).Want(http.StatusOK)
		same(t, "once that is dismissed", outcomeOf(proposed(h, q1)), "new [b02], refreshed [], lapsed [], standing []")
	})
}

// Who proposes or confirms a branch waits for others who do, and sees what they did.
func TestProposalsFollowOneAnother(t *testing.T) {
	h, _ := quarters(t, dbtest.Open(t, database.PostgreSQL)) // SQLite has one writer anyway
	ctx := acting(t, "leading_group", policy.LeadingGroup)
	add := func(db *gorm.DB) error {
		_, err := target.Add(ctx, db, "demo", "b02", "its roof")
		return err
	}
	var p target.Proposal
	propose := func(db *gorm.DB) (err error) {
		p, err = target.Propose(ctx, db, index.NewResultCache(), "demo", "2026Q1")
		return err
	}
	first, second := besides(t, h.db, add, add)
	if first != nil || !fault.Is(second, fault.KindConflict) {
		t.Errorf("by hand twice: %v, %v", first, second)
	}
	h.must(h.db.Exec(
		"UPDATE improvement_targets SET state = 'dismissed', decided_at = created_at, decision_reason = 'x'").Error)
	if first, second = besides(t, h.db, add, propose); first != nil || second != nil {
		t.Fatalf("by hand: %v, by the rules: %v", first, second)
	}
	same(t, "by the rules beside by hand", outcomeOf(p), "new [b03], refreshed [], lapsed [], standing [b02]")
}
