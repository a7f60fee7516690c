package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
	"bulwark/internal/signature"
)

// refusedAs checks status and code of a refusal, whatever it lists.
func refusedAs(t *testing.T, a *apitest.Answer, status int, code string) {
	t.Helper()
	if p := a.Problem(status); p.Code != code {
		t.Errorf("refused as %s: %s, want %s", p.Code, a.Body, code)
	}
}

var mistaken = object{"reason": "two branches were exchanged"}

// A publication is withdrawn by two persons and stays readable by its number, with its
// reason and note. The period is locked again and published under the next number.
func TestAPublicationIsWithdrawn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.signs(signature.Ed25519)
		lockedQuarter(h)
		group := h.as(policy.LeadingGroup)
		confirmed(group, q1, publishes(group)).Want(http.StatusOK)
		figures := func(query string) string {
			r := apitest.Decode[index.Ranking](h.Get(q1+"/ranking"+query), http.StatusOK)
			return fmt.Sprintf("%d %+v", r.Publication, r.Items)
		}
		first, tag := figures(""), h.Get(q1+"/ranking?publication=1").ETag()
		may(t, group, q1+"/publications/1", "withdraw")
		if p := apitest.Decode[evaluation.Period](group.Get(q1), http.StatusOK); !slices.Contains(p.Allowed, "withdraw") {
			t.Errorf("allowed with the period: %v", p.Allowed)
		}
		may(t, h.as(policy.Leadership), q1+"/publications/1")

		before := records(t, db)
		tried := apitest.Decode[index.PublicationDetail](group.Post(q1+"/publications/1/withdraw?dry_run=true", mistaken), http.StatusOK)
		if tried.DryRun == nil || tried.DryRun.Refused != nil || !tried.DryRun.SecondPerson || records(t, db) != before {
			t.Errorf("dry run: %+v", tried.DryRun)
		}
		a := group.Post(q1+"/publications/1/withdraw", mistaken)
		if x := proposalOf(a); a.Status != http.StatusAccepted || x.Action != proposal.Withdraw || x.PublicationNumber != 1 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		refusedAs(t, decides(group, a, "confirmed"), http.StatusForbidden, "own_proposal")
		decides(group.Second(), a, "confirmed").Want(http.StatusOK)

		refusedAs(t, h.Get(q1+"/ranking"), http.StatusNotFound, "withdrawn")
		refusedAs(t, h.Get(q1+"/receipt"), http.StatusNotFound, "withdrawn")
		if now := figures("?publication=1"); now != first {
			t.Errorf("withdrawn: %s\nwas %s", now, first)
		}
		if now := h.Get(q1 + "/ranking?publication=1"); now.ETag() == tag || !strings.Contains(string(now.Body), `"withdrawn"`) {
			t.Errorf("the ranking hides that it was withdrawn: %s", now.Body)
		}
		d := apitest.Decode[index.PublicationDetail](h.Get(q1+"/publications/1"), http.StatusOK)
		if w := d.Withdrawn; w == nil || w.By != policy.LeadingGroup || w.Reason != mistaken["reason"] || w.OnePerson ||
			!strings.HasPrefix(w.Note, "bulwark/withdrawal 1\n") || d.Notice != nil {
			t.Errorf("%+v", d)
		}
		p := apitest.Decode[evaluation.Period](group.Get(q1), http.StatusOK)
		if p.State != evaluation.Locked || p.Notice != nil || p.LockedAt == nil {
			t.Errorf("period: %+v", p)
		}
		v := apitest.Decode[index.Verification](h.Get(q1+"/receipt/verify?publication=1"), http.StatusOK)
		if !v.OK || !v.Withdrawn {
			t.Errorf("verified: %+v", v)
		}
		content, names := packageOf(t, group, "1")
		v = index.VerifyPackage(content, nil)
		if !slices.Contains(names, "withdrawal.txt") || !v.OK || !v.Withdrawn {
			t.Errorf("package %v: %+v", names, v)
		}
		refusedAs(t, group.Post(q1+"/publications/1/withdraw", mistaken), http.StatusConflict, "already_withdrawn")
		refusedAs(t, publishes(group), http.StatusConflict, "no_run")

		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		confirmed(group, q1, publishes(group)).Want(http.StatusOK)
		if now := figures(""); !strings.HasPrefix(now, "2 ") || now[1:] != first[1:] {
			t.Errorf("published again: %s", now)
		}
		amended(h, "2026Q1", "b01", "complaints", 10)
		if now := figures(""); !strings.HasPrefix(now, "3 ") {
			t.Errorf("amended: %s", now)
		}
		confirmed(group, q1, group.Post(q1+"/publications/3/withdraw", mistaken)).Want(http.StatusOK)
		if now := figures(""); !strings.HasPrefix(now, "2 ") {
			t.Errorf("after the withdrawal of the amendment: %s", now)
		}
		if n := amended(h, "2026Q1", "b01", "complaints", 9); n != 4 {
			t.Errorf("amended as %d", n)
		}
		for _, n := range []string{"1", "2", "3", "4"} {
			if v := apitest.Decode[index.Verification](h.Get(q1+"/receipt/verify?publication="+n), http.StatusOK); !v.OK {
				t.Errorf("publication %s: %+v", n, v)
			}
		}
	})
}

// A withdrawal has its day, and none once an appeal was filed.
func TestAWithdrawalHasItsDay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := newHarnessAt(t, db, "2026-04-15 12:00:00")
		lockedQuarter(h)
		group := h.as(policy.LeadingGroup)
		confirmed(group, q1, publishes(group)).Want(http.StatusOK)
		c.set(t, "2026-04-16 11:59:00")
		may(t, group, q1+"/publications/1", "withdraw")
		a := group.Post(q1+"/publications/1/withdraw", mistaken).Want(http.StatusAccepted)
		c.set(t, "2026-04-16 12:01:00")
		may(t, group, q1+"/publications/1")
		refusedAs(t, decides(group.Second(), a, "confirmed"), http.StatusConflict, "proposal_lapsed")
		a = group.Lang("en").Post(q1+"/publications/1/withdraw", mistaken)
		refusedAs(t, a, http.StatusLocked, "withdrawal_closed")
		if !strings.Contains(string(a.Body), "2026-04-16 12:00") {
			t.Errorf("refused without the time: %s", a.Body)
		}
	})
}

// What is missing keeps a result from being published, and an empty one cannot be forced.
func TestPublishingWaitsForWhatIsMissing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := newHarnessAt(t, db, "2026-03-15 12:00:00")
		h.alone()
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open", "review", "locked")
		group := h.as(policy.LeadingGroup)
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		publish := func(query string, more object) *apitest.Answer {
			body := object{"to": "published", "reason": "the council meets tomorrow"}
			for k, v := range more {
				body[k] = v
			}
			return group.IfMatch(group.Get(q1).ETag()).Post(q1+"/transitions"+query, body)
		}
		refusedAs(t, publish("", object{"force": true}), http.StatusConflict, "empty_result")
		moved(group, q1, "review", "sheets are missing").Want(http.StatusOK)
		h.steps("2026Q1", "open")
		scored(h, "2026Q1")
		h.steps("2026Q1", "review", "locked")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		refusedAs(t, publish("", nil), http.StatusConflict, "period_not_over")
		before := records(t, db)
		p := apitest.Decode[evaluation.Period](publish("?dry_run=true", nil), http.StatusOK)
		if v := p.DryRun; v == nil || v.Refused == nil || v.Refused.Code != "period_not_over" || v.Scored == 0 || v.Branches != 3 ||
			v.Notice == nil || len(v.Irreversible) == 0 || p.State != evaluation.Locked {
			t.Errorf("dry run: %+v", p.DryRun)
		}
		if records(t, db) != before {
			t.Error("a dry run wrote something")
		}
		refusedAs(t, publish("", object{"force": true, "reason": ""}), http.StatusUnprocessableEntity, "invalid")
		publish("", object{"force": true}).Want(http.StatusOK)
		d := apitest.Decode[index.PublicationDetail](h.Get(q1+"/publications/1"), http.StatusOK)
		if !d.Forced || d.Reason != "the council meets tomorrow" || !strings.Contains(d.Note, "\nforced true\n") {
			t.Errorf("%+v", d)
		}
		c.set(t, "2026-04-15 12:00:00")
	})
}

// A correction takes a value away, another takes that correction back.
func TestACorrectionTakesAway(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		lockedQuarter(h)
		group := h.as(policy.LeadingGroup)
		confirmed(group, q1, publishes(group)).Want(http.StatusOK)
		amend := func(c object) *apitest.Answer {
			c["branch"], c["code"] = "b01", "complaints"
			return amendedBy(group, q1, object{"reason": "of another branch", "corrections": []object{c}})
		}
		cell := func() string {
			card := apitest.Decode[index.Scorecard](group.Get(q1+"/branches/b01"), http.StatusOK)
			n := card.Nodes[len(card.Nodes)-1]
			if n.Raw == nil {
				return n.Code + " " + n.Status
			}
			return fmt.Sprint(n.Code, " ", n.Status, " ", *n.Raw)
		}
		was := cell()
		refusedAs(t, amend(object{"removes": "correction"}), http.StatusUnprocessableEntity, "invalid")
		amend(object{"removes": "value"}).Want(http.StatusOK)
		if now := cell(); now != "complaints missing" {
			t.Errorf("taken away: %s", now)
		}
		refusedAs(t, amend(object{"removes": "value"}), http.StatusUnprocessableEntity, "invalid")
		amend(object{"removes": "correction"}).Want(http.StatusOK)
		if now := cell(); now != was {
			t.Errorf("taken back: %s, was %s", now, was)
		}
	})
}
