package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
)

// lockedQuarter has a run of the first quarter of 2026 that nobody has published.
func lockedQuarter(h *harness) {
	h.t.Helper()
	h.inForce(smallScheme)
	h.planned("2026Q1", "2026-01-01", "2026-03-31")
	h.steps("2026Q1", "open")
	scored(h, "2026Q1")
	h.steps("2026Q1", "review", "locked")
	h.as(policy.LeadingGroup).Post(q1+"/runs", nil).Want(http.StatusCreated)
}

// publishes asks for the publication of the first quarter.
func publishes(c *apitest.Client) *apitest.Answer {
	return c.IfMatch(c.Get(q1).ETag()).Post(q1+"/transitions", object{"to": "published", "reason": "as computed"})
}

// madeAt is the address of what was made.
func madeAt(a *apitest.Answer) string { return a.Header.Get("Location")[len("/api/v1"):] }

func proposalOf(a *apitest.Answer) proposal.Proposal {
	return apitest.Decode[proposal.Proposal](a, a.Status)
}

// What one person proposes to publish, another one confirms: not the same person by
// another credential, nor a credential of nobody, nor who may not publish.
func TestAPublicationTakesTwoPersons(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		lockedQuarter(h)
		group, person, town := h.as(policy.LeadingGroup), "leading_group", "demo"
		roles := []policy.Role{policy.LeadingGroup}
		h.account(credential.Account{Name: "liu", OnlyTown: &town, PersonCode: &person})
		account, _ := h.in("liu", phrase)
		key := h.As(h.key(credential.Key{Roles: roles, Towns: []string{town}, PersonCode: &person}))
		nobody := h.As(h.key(credential.Key{Roles: roles, Towns: []string{town}}))
		refused(t, publishes(nobody), http.StatusForbidden, "person_needed")
		may(t, nobody, q1)
		may(t, group, q1, "unlock", "publish")

		lone := publishes(group).Want(http.StatusAccepted)
		if p := proposalOf(lone); len(p.Confirmers) != 0 || len(p.Warnings) != 1 || p.Warnings[0].Code != "too_few_persons" {
			t.Errorf("nobody can confirm it: %+v", p)
		}
		if a := decides(group, lone, "confirmed"); !strings.Contains(string(a.Body), "administrator") &&
			!strings.Contains(string(a.Body), "管理员") {
			t.Errorf("it is not said who can appoint another: %s", a.Body)
		}
		chen := h.joins("chen", policy.LeadingGroup, nil)
		p := proposalOf(chen.Get(madeAt(lone)))
		run := apitest.Decode[struct{ Items []index.Run }](group.Get(q1+"/runs"), http.StatusOK).Items[0]
		if p.Action != "publish" || p.State != "open" || p.ProposedBy != person || p.RunID == nil || *p.RunID != run.ID ||
			p.DataHash != run.DataHash || p.ResultHash != run.ResultHash || fmt.Sprint(p.Confirmers) != "[chen]" ||
			len(p.Warnings) > 0 {
			t.Errorf("%+v", p)
		}
		at := madeAt(lone)
		refused(t, h.Get(q1+"/ranking"), http.StatusUnauthorized, "not_published")
		may(t, group, q1, "unlock")
		may(t, group, at, "withdraw")
		may(t, account, at, "withdraw")
		may(t, key, at, "withdraw")
		may(t, nobody, at)
		may(t, h.as(policy.Leadership), at)
		may(t, chen, at, "confirm", "reject")
		refused(t, h.as(policy.Mentor).Get(at), http.StatusForbidden, "not_allowed")
		for c, code := range map[*apitest.Client]string{
			group: "own_proposal", key: "own_proposal", account: "own_proposal", nobody: "person_needed",
			h.as(policy.Leadership): "not_allowed",
		} {
			refused(t, decides(c, lone, "confirmed"), http.StatusForbidden, code)
			refused(t, decides(c, lone, "rejected"), http.StatusForbidden, code)
		}
		refused(t, decides(chen, lone, "withdrawn"), http.StatusForbidden, "not_your_proposal")
		refused(t, chen.IfMatch(chen.Get(at).ETag()).Post(at+"/transitions", object{"to": "rejected"}),
			http.StatusUnprocessableEntity, "invalid", "/reason")
		refused(t, chen.IfMatch(`"7"`).Post(at+"/transitions", object{"to": "confirmed"}),
			http.StatusPreconditionFailed, "stale_version")

		decides(chen, lone, "rejected").Want(http.StatusOK)
		decides(account, publishes(group), "withdrawn").Want(http.StatusOK)
		publishes(group).Want(http.StatusAccepted)
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		publishes(key).Want(http.StatusAccepted)
		h.steps("2026Q1", "review", "locked")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		last := publishes(account)
		decides(chen, last, "confirmed").Want(http.StatusOK)
		same(t, "what became of them", column(group.Get("/towns/demo/proposals"), "state"),
			"rejected", "withdrawn", "lapsed", "lapsed", "confirmed")
		same(t, "of one state", column(group.Get("/towns/demo/proposals?state=lapsed&period=2026Q1"), "decided_by"),
			person, person)
		done := proposalOf(chen.Get(madeAt(last)))
		if n := len(done.History); n != 2 || done.History[1].Verb != "confirm" || done.History[1].Actor != "chen" {
			t.Errorf("history %+v", done.History)
		}
		for c, names := range map[*apitest.Client][2]string{
			h.Client: {"leading_group", "leading_group"}, h.as(policy.Mentor): {person, "chen"},
		} {
			x := apitest.Decode[index.PublicationDetail](c.Get(q1+"/publications/1"), http.StatusOK)
			if x.ProposedBy != names[0] || x.ConfirmedBy != names[1] || x.PublishedBy != names[1] || x.OnePerson ||
				x.Notice.OnePerson || strings.Contains(x.Note, "\none_person ") {
				t.Errorf("published by %+v", x)
			}
		}
		actions := column(h.as(policy.Admin).Get("/towns/demo/audit?page_size=200"), "action")
		for _, action := range []string{
			"proposal.propose", "proposal.reject", "proposal.withdraw", "proposal.lapse", "proposal.confirm",
		} {
			if !strings.Contains(strings.Join(actions, " "), action) {
				t.Errorf("the trail has no %s", action)
			}
		}
	})
}

// An amendment names every branch that it touches before anybody confirms it, and nobody
// confirms one of a branch that he or she leads. An appeal is upheld likewise: who loses
// by it is named, and has a notice of his or her own.
func TestAnAmendmentNamesWhomItTouches(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 12:00:00")
		published(h)
		group := h.as(policy.LeadingGroup)
		wu := h.joins("wu", policy.LeadingGroup, ties{"b02": access.Leads})
		sun := h.joins("sun", policy.Secretary, ties{"b02": access.Leads})
		body := object{"reason": "x", "corrections": []object{
			{"branch": "b02", "code": "meetings", "value": 3}, {"branch": "b03", "code": "complaints", "value": 4},
		}}
		proposed := group.Post(q1+"/publications", body).Want(http.StatusAccepted)
		refused(t, group.Post(q1+"/publications", body), http.StatusConflict, "proposal_open")
		refused(t, decides(wu, proposed, "confirmed"), http.StatusForbidden, "conflict_of_interest")
		may(t, wu, madeAt(proposed), "reject")
		clock.set(t, "2026-04-20 12:00:00")
		refused(t, moved(group, q1, "final", ""), http.StatusConflict, "proposal_open")
		may(t, group, q1)
		if list := apitest.Decode[struct{ Items []object }](h.Get(q1+"/publications"), http.StatusOK).Items; len(list) != 1 {
			t.Errorf("%d publications before anybody confirmed", len(list))
		}
		decides(group.Second(), proposed, "confirmed").Want(http.StatusOK)
		touchesWhatTheDiffSays(t, h, proposed)

		clock.set(t, "2026-04-21 12:00:00") // b02 and b03 are in the notice of the amendment
		path := "/towns/demo/appeals/" +
			last(sun.Post("/towns/demo/appeals", appealOf("2026Q1", "b02")).Want(http.StatusCreated))
		uphold := func() *apitest.Answer {
			return group.IfMatch(group.Get(path).ETag()).Post(path+"/transitions", object{
				"to": "upheld", "reason": "x", "corrections": []object{
					{"code": "meetings", "value": 12}, {"branch": "b01", "code": "meetings", "value": 1},
				},
			}).Want(http.StatusAccepted)
		}
		first := uphold()
		may(t, group, path, "reject")
		refused(t, decides(wu, first, "confirmed"), http.StatusForbidden, "conflict_of_interest")
		moved(group, path, "rejected", "no").Want(http.StatusOK)
		if p := proposalOf(group.Get(madeAt(first))); p.State != proposal.Lapsed {
			t.Errorf("the appeal was rejected, and the proposal to uphold it is %s", p.State)
		}
		path = "/towns/demo/appeals/" +
			last(sun.Post("/towns/demo/appeals", appealOf("2026Q1", "b02")).Want(http.StatusCreated))
		again := uphold()
		x := proposalOf(again)
		if x.AppealID == nil || *x.BranchCode != "b02" || !strings.Contains(fmt.Sprintf("%+v", x.Touched.V), "b01") {
			t.Errorf("%+v", x)
		}
		decides(group.Second(), again, "confirmed").Want(http.StatusOK)
		touchesWhatTheDiffSays(t, h, again)
		a := apitest.Decode[index.Appeal](group.Get(path), http.StatusOK)
		if a.State != index.Upheld || *a.AmendedTo != 3 || a.DecidedBy != "second" {
			t.Errorf("%+v", a)
		}
		for _, c := range column(group.Get(q1+"/corrections"), "made_by") {
			if c != "leading_group" {
				t.Errorf("a correction is made by %s", c)
			}
		}
		clock.set(t, "2026-04-22 12:00:00")
		h.as(policy.Secretary).Post("/towns/demo/appeals", appealOf("2026Q1", "b01")).Want(http.StatusCreated)
	})
}

// touchesWhatTheDiffSays holds what a proposal has named against what came of it.
func touchesWhatTheDiffSays(t *testing.T, h *harness, proposed *apitest.Answer) {
	t.Helper()
	p := proposalOf(proposed)
	diff := apitest.Decode[index.Diff](h.Get(fmt.Sprintf("%s/publications/%d/diff", q1, p.PublicationNumber)),
		http.StatusOK)
	var named, changed []string
	for _, x := range p.Touched.V {
		named = append(named, fmt.Sprint(x.Branch, x.Name.In("zh"), placed(x.Before), placed(x.Now)))
	}
	for _, x := range diff.Items {
		changed = append(changed, fmt.Sprint(x.Branch.Code, x.Branch.Name, placed(x.Before), placed(x.Now)))
	}
	if len(named) == 0 {
		t.Error("nobody is touched")
	}
	same(t, "touched", named, changed...)
	if r := apitest.Decode[index.Receipt](h.Get(q1+"/receipt"), http.StatusOK); r.ResultHash != p.ResultHash ||
		r.DataHash != p.DataHash || r.OnePerson {
		t.Errorf("published %+v, proposed %+v", r, p)
	}
}

func placed(p proposal.Placing) string {
	return fmt.Sprint(*p.Score, p.Grade, *p.Rank, *p.ClassRank)
}

// A proposal pins what it is about: where the database gives something else at the
// confirmation, nothing is published.
func TestAProposalPinsWhatItIsAbout(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		lockedQuarter(h)
		owner := unguarded(t, db)
		group := h.as(policy.LeadingGroup)
		lapses := func(what string, propose func() *apitest.Answer, tamper string) {
			t.Helper()
			made := propose()
			h.must(owner.Exec(tamper).Error)
			before := h.Get(q1 + "/ranking").Body
			refused(t, decides(group.Second(), made, "confirmed"), http.StatusConflict, "proposal_lapsed")
			if p := proposalOf(group.Get(madeAt(made))); p.State != proposal.Lapsed ||
				p.DecidedBy != "second" {
				t.Errorf("%s: %+v", what, p)
			}
			if after := h.Get(q1 + "/ranking").Body; before != nil && !strings.Contains(string(before), "request_id") &&
				string(after) != string(before) {
				t.Errorf("%s: the ranking has changed", what)
			}
		}
		publish := func() *apitest.Answer { return publishes(group) }
		lapses("another result", publish, "UPDATE proposals SET result_hash = data_hash WHERE state = 'open'")
		lapses("another hash of the run", publish, "UPDATE runs SET data_hash = result_hash")
		h.steps("2026Q1", "review", "locked")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		h.steps("2026Q1", "published")
		amend := func() *apitest.Answer {
			return group.Post(q1+"/publications",
				object{"reason": "x", "corrections": []object{{"branch": "b01", "code": "meetings", "value": 3}}})
		}
		lapses("another correction", amend,
			"UPDATE proposals SET corrections = replace(corrections, '\"value\":3', '\"value\":4') WHERE state = 'open'")
		made := amend()
		h.must(owner.Exec("UPDATE results SET bonus = bonus + 1 WHERE branch_code = 'b02'").Error)
		if p := decides(group.Second(), made, "confirmed").Problem(http.StatusConflict); p.Code != "published_data_differs" {
			t.Errorf("%+v", p)
		}
	})
}

// Only an administrator changes whether publications take two persons, with a reason, and
// while none waits. What was opened under the need of a second person keeps it.
func TestOnlyAnAdministratorChangesTheNeedOfASecondPerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin, group := h.as(policy.Admin), h.as(policy.LeadingGroup)
		none := object{"second_person": "none"}
		refused(t, changesTown(group, none), http.StatusForbidden, "not_allowed")
		refused(t, changesTown(group, object{"amendment_days": 9}), http.StatusForbidden, "not_allowed")
		refused(t, changesTown(admin, object{"second_person": "none", "reason": ""}),
			http.StatusUnprocessableEntity, "invalid", "/reason")
		changesTown(group, object{"reason": ""}).Want(http.StatusOK)
		lockedQuarter(h)
		open := publishes(group)
		refused(t, changesTown(admin, none), http.StatusConflict, "proposal_open")
		decides(group, open, "withdrawn").Want(http.StatusOK)
		changesTown(admin, none).Want(http.StatusOK)
		changesTown(group, object{}).Want(http.StatusOK) // what is left out stays
		changesTown(group, none).Want(http.StatusOK)
		publishes(group).Want(http.StatusAccepted) // it was opened before
		if told := apitest.Decode[evaluation.Period](group.Get(q1), http.StatusOK); told.SecondPerson != "required" {
			t.Errorf("the period says %q", told.SecondPerson)
		}
		record := apitest.Decode[struct{ Items []object }](admin.Get("/towns/demo/audit?action=town.update&page_size=200"),
			http.StatusOK).Items
		if len(record) == 0 || !strings.Contains(fmt.Sprint(record), "so it was decided") {
			t.Errorf("the trail has %v", record)
		}
		made := admin.Post("/towns", object{
			"code": "third", "area_code": "449901001", "name": named("x"), "second_person": "none", "amendment_days": 30,
		})
		made.Want(http.StatusCreated)

		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		opened := apitest.Decode[evaluation.Period](moved(group, "/towns/demo/periods/2026Q2", "open", ""), http.StatusOK)
		if opened.SecondPerson != "none" || len(opened.Warnings) > 0 {
			t.Errorf("opened alone: %+v", opened)
		}
	})
}

// Where fewer than two could publish, the opening of a period warns.
func TestOpeningAPeriodWarnsOfTooFewPersons(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		open := func(c *apitest.Client, quarter string) []evaluation.Warning {
			return apitest.Decode[evaluation.Period](moved(c, "/towns/demo/periods/"+quarter, "open", ""),
				http.StatusOK).Warnings
		}
		group := h.as(policy.LeadingGroup)
		if w := open(group.Lang("en"), "2026Q1"); len(w) != 1 || w[0].Code != "too_few_persons" || w[0].Count != 1 ||
			!strings.Contains(w[0].Message, "administrator") {
			t.Errorf("one person: %+v", w)
		}
		h.secondPerson()
		if w := open(group, "2026Q2"); len(w) != 0 {
			t.Errorf("two persons: %+v", w)
		}
	})
}

// After the days that the town has set nothing is amended, but an appeal that waits for
// its answer. One person alone adds no bonus, wherever it is.
func TestAmendmentsEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 12:00:00")
		h.setting(object{"second_person": "none", "amendment_days": 3})
		published(h)
		group := h.as(policy.LeadingGroup)
		correct := func(x float64) *apitest.Answer {
			return group.Post(q1+"/publications",
				object{"reason": "x", "corrections": []object{{"branch": "b01", "code": "meetings", "value": x}}})
		}
		alone := apitest.Decode[index.PublicationDetail](correct(11), http.StatusCreated)
		if !strings.Contains(alone.Note, "\none_person true\n") {
			t.Errorf("it is not signed that one person made it: %s", alone.Note)
		}
		if !alone.OnePerson || alone.ProposedBy != "" || len(alone.Touched) == 0 {
			t.Errorf("%+v", alone)
		}
		bonus := group.Post(q1+"/publications",
			object{"reason": "x", "corrections": []object{{"branch": "b02", "code": "top-ten", "adjustment": "add"}}})
		if p := proposalOf(bonus.Want(http.StatusAccepted)); p.Until == nil || *p.Until != "2026-04-13" {
			t.Errorf("%+v", p)
		}
		path := "/towns/demo/appeals/" +
			last(h.as(policy.Secretary).Post("/towns/demo/appeals", appealOf("2026Q1", "b01")).Want(http.StatusCreated))
		may(t, group, path, "reject")
		clock.set(t, "2026-04-14 00:00:00")
		refused(t, decides(group.Second(), bonus, "confirmed"), http.StatusLocked, "amendment_closed")
		decides(group, bonus, "withdrawn").Want(http.StatusOK)
		refused(t, correct(10), http.StatusLocked, "amendment_closed")
		may(t, group, path, "uphold", "reject") // its answer is due on the 15th
		clock.set(t, "2026-04-16 00:00:00")
		may(t, group, path, "reject")
		refused(t, upheld(group, path, value("meetings", 10)), http.StatusLocked, "amendment_closed")
		h.setting(object{"second_person": "none", "amendment_days": 30})
		upheld(group, path, value("meetings", 10)).Want(http.StatusOK)
	})
}
