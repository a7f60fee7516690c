package api

import (
	"net/http"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// waiting returns the address of the right of the subject that waits, with who may do what.
func (h *harness) waiting(subject string) string {
	h.t.Helper()
	var found string
	for _, r := range apitest.Decode[struct{ Items []credential.Right }](h.as(policy.LeadingGroup).Get("/towns/demo/rights"), http.StatusOK).Items {
		if r.Subject == subject && (r.State == credential.RightPending || r.State == credential.RightSeconded) {
			found = "/towns/demo/rights/" + r.ID
		}
	}
	if found == "" {
		h.t.Fatalf("nothing waits for %s", subject)
	}
	return found
}

// keyOf is the input for a key of the leading group for a person.
func (h *harness) keyOf(person string) object {
	return object{"roles": []string{"leading_group"}, "towns": []string{"demo"}, "person": person, "read_only": false}
}

// A young town with one administrator begins at once; one that has published lets nobody
// make a second decider of himself or herself.
func TestANewRightToDecideWaitsForASecondPerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		admin, first := h.as(policy.Admin), h.as(policy.LeadingGroup)
		admin.Post("/towns/demo/people", object{"code": "wang", "name": named("王某")}).Want(http.StatusCreated)
		admin.Post("/towns/demo/people", object{"code": "zhao", "name": named("赵某")}).Want(http.StatusCreated)
		admin.Post("/towns/demo/appointments", object{"person": "wang", "role": "leading_group", "from": "2020-01-01"}).Want(http.StatusCreated)
		young := apitest.Decode[NewKey](admin.Post("/keys", h.keyOf("wang")), http.StatusCreated)
		wang := h.As(young.Secret)
		if me := apitest.Decode[Me](wang.Get("/me"), http.StatusOK); me.Role != policy.LeadingGroup || me.RightsWaiting != 0 {
			t.Errorf("before the first publication: %+v", me)
		}
		published(h)

		// By the first decider: one more must acknowledge it, and neither of the two others can.
		made := first.Post("/towns/demo/appointments", object{"person": "zhao", "role": "leading_group", "from": "2020-01-01"}).Want(http.StatusCreated)
		appointment := made.Header.Get("Location")[len("/api/v1/towns/demo/"):]
		zhao := h.As(h.key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: new("zhao")}))
		refused(t, zhao.Get("/me"), http.StatusForbidden, "right_waits")
		right := h.waiting(appointment)
		may(t, first, right, "reject")
		may(t, wang, right, "acknowledge", "reject")
		may(t, admin, right)
		refused(t, moved(first, right, "acknowledged", ""), http.StatusForbidden, "own_right")
		refused(t, moved(admin, right, "acknowledged", ""), http.StatusForbidden, "not_allowed")
		refused(t, moved(admin, right, "alone", "because"), http.StatusConflict, "somebody_left")
		if me := apitest.Decode[Me](wang.Get("/me"), http.StatusOK); me.RightsWaiting != 1 {
			t.Errorf("wang is told of %d rights", me.RightsWaiting)
		}
		done := apitest.Decode[credential.Right](moved(wang, right, "acknowledged", ""), http.StatusOK)
		if done.GivenBy != "leading_group" || done.DecidedBy != "wang" || done.PersonCode != "zhao" || done.Kind != "appointment" {
			t.Errorf("acknowledged: %+v", done)
		}
		zhao.Get("/me").Want(http.StatusOK)
		may(t, wang, right)

		// By an administrator, who is nobody that decides: two must stand behind it.
		key := apitest.Decode[NewKey](admin.Post("/keys", h.keyOf("zhao")), http.StatusCreated)
		fresh := h.As(key.Secret)
		refused(t, fresh.Get("/me"), http.StatusForbidden, "right_waits")
		right = h.waiting("keys/" + key.Prefix)
		may(t, wang, right, "second", "reject")
		refused(t, moved(wang, right, "acknowledged", ""), http.StatusConflict, "no_such_transition")
		moved(wang, right, "seconded", "").Want(http.StatusOK)
		refused(t, moved(wang, right, "acknowledged", ""), http.StatusForbidden, "own_right")
		refused(t, fresh.Get("/me"), http.StatusForbidden, "right_waits")
		moved(zhao, right, "acknowledged", "").Want(http.StatusOK) // by another key: it is his or hers
		fresh.Get("/me").Want(http.StatusOK)

		// A password that an administrator knows does not decide, nor an account that was
		// linked, enabled or given to somebody else.
		h.account(credential.Account{Name: "wang", OnlyTown: new("demo"), PersonCode: new("wang")})
		browser, _ := h.in("wang", phrase)
		browser.Get("/me").Want(http.StatusOK)
		reset := apitest.Decode[OneTimePassword](admin.IfMatch(admin.Get("/accounts/wang").ETag()).Post("/accounts/wang/password", nil), http.StatusOK)
		refused(t, signIn(h.Client, "wang", reset.Password), http.StatusForbidden, "right_waits")
		right = h.waiting("accounts/wang")
		refused(t, moved(zhao, right, "rejected", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		moved(zhao, right, "rejected", "she did not ask for it").Want(http.StatusOK)
		refused(t, signIn(h.Client, "wang", reset.Password), http.StatusForbidden, "right_waits")
		h.server.Config.OIDCIssuer = "https://id.example.org"
		link := object{"town": "demo", "person": "wang", "issuer": "https://id.example.org", "subject": "w"}
		admin.IfMatch(admin.Get("/accounts/wang").ETag()).Put("/accounts/wang", link).Want(http.StatusOK)
		right = h.waiting("accounts/wang")
		moved(zhao, right, "seconded", "").Want(http.StatusOK)
		moved(first, right, "acknowledged", "").Want(http.StatusOK)
		browser, _ = h.in("wang", reset.Password)
		browser.Post("/me/password", object{"old": reset.Password, "password": phrase}).Want(http.StatusOK)
		browser.Get("/towns/demo/rights").Want(http.StatusOK)
		var last credential.Right
		h.must(db.Where("subject = 'accounts/wang' AND kind = 'password'").Take(&last).Error)
		if last.State != credential.RightSuperseded {
			t.Errorf("the rejected password is %s", last.State)
		}
		for _, role := range []policy.Role{policy.Secretary, policy.Mentor, policy.Leadership} {
			refused(t, h.as(role).Get("/towns/demo/rights"), http.StatusForbidden, "not_allowed")
		}
		// What the program gives itself, as the command line does, is outside of this.
		h.As(h.key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: new("wang")})).Get("/me").Want(http.StatusOK)
	})
}

// Who decides now does not acknowledge that he or she decides for longer.
func TestNobodyAcknowledgesTheOwnAppointment(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		admin, first := h.as(policy.Admin), h.as(policy.LeadingGroup)
		until := day.Of(time.Now()).AddDays(200)
		var keys []*apitest.Client
		for _, person := range []string{"wang", "zhao"} {
			admin.Post("/towns/demo/people", object{"code": person, "name": named(person)}).Want(http.StatusCreated)
			admin.Post("/towns/demo/appointments", object{
				"person": person, "role": "leading_group", "from": "2020-01-01", "until": until,
			}).Want(http.StatusCreated)
			keys = append(keys, h.As(apitest.Decode[NewKey](admin.Post("/keys", h.keyOf(person)), http.StatusCreated).Secret))
		}
		published(h)
		made := first.Post("/towns/demo/appointments", object{
			"person": "wang", "role": "leading_group", "from": until.AddDays(1),
		}).Want(http.StatusCreated)
		right := h.waiting(made.Header.Get("Location")[len("/api/v1/towns/demo/"):])
		may(t, keys[0], right, "reject")
		may(t, keys[1], right, "acknowledge", "reject")
		refused(t, moved(keys[0], right, "acknowledged", ""), http.StatusForbidden, "own_right")
		moved(keys[1], right, "acknowledged", "").Want(http.StatusOK)
	})
}

// Where nobody is left who decides, an administrator gives the right alone: it works after
// three days, and the next notice learns of it.
func TestARightThatIsGivenAloneWaitsThreeDays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-05 12:00:00")
		published(h)
		began := clock.now()
		admin := h.as(policy.Admin)
		admin.Post("/towns/demo/people", object{"code": "wang", "name": named("王某")}).Want(http.StatusCreated)
		// All who decide in the town lose their keys: the first decider, and the second one who
		// confirmed the publication.
		lost := func(person string) {
			var key credential.Key
			h.must(db.Where("person_code = ?", person).Take(&key).Error)
			h.must(credential.RevokeKey(t.Context(), db, key.Prefix, 1))
		}
		lost("leading_group")
		made := apitest.Decode[NewKey](admin.Post("/keys", h.keyOf("leading_group")), http.StatusCreated)
		again := h.As(made.Secret)
		refused(t, again.Get("/me"), http.StatusForbidden, "right_waits")
		var r credential.Right
		h.must(db.Where("subject = ?", "keys/"+made.Prefix).Take(&r).Error)
		right := "/towns/demo/rights/" + r.ID
		may(t, admin, right)
		refused(t, moved(admin, right, "alone", "the key is lost"), http.StatusConflict, "somebody_left")
		lost("second")
		may(t, admin, right, "give_alone")
		refused(t, moved(admin, right, "alone", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		clock.set(t, "2026-04-06 12:00:00")
		moved(admin, right, "alone", "the key is lost").Want(http.StatusOK)
		refused(t, again.Get("/me"), http.StatusForbidden, "right_waits")
		clock.set(t, "2026-04-09 11:59:59")
		refused(t, again.Get("/me"), http.StatusForbidden, "right_waits")
		clock.set(t, "2026-04-09 12:00:01")
		again.Get("/me").Want(http.StatusOK)
		// The next notice names it, to the public by the role.
		amended := again.Post(q1+"/publications", object{
			"reason": "recounted", "corrections": []object{{"branch": "b01", "code": "meetings", "value": 1}},
		}).Want(http.StatusAccepted)
		chen := h.joins("chen", policy.LeadingGroup, nil)
		decides(chen, amended, "confirmed").Want(http.StatusOK)
		for number, want := range map[string]int{"1": 0, "2": 1} {
			for who, c := range map[string]*apitest.Client{"leading_group": h.Client, "admin": admin} {
				d := apitest.Decode[index.PublicationDetail](c.Get(q1+"/publications/"+number), http.StatusOK)
				if len(d.GivenAlone) != want || want == 1 && (d.GivenAlone[0].Kind != "key" || d.GivenAlone[0].Person != "leading_group") {
					t.Errorf("publication %s names to %s: %+v", number, who, d.GivenAlone)
				}
			}
		}
		for since, want := range map[time.Time]int{began: 1, clock.now(): 0} {
			list, err := credential.RightsGivenAlone(t.Context(), h.db, "demo", since)
			if h.must(err); len(list) != want {
				t.Errorf("given alone since %v: %+v", since, list)
			}
		}
	})
}

// A name in the trail is that of one person or account.
func TestNamesOfPersonsAndAccountsAreDistinct(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin)
		refused(t, admin.Post("/accounts", object{"name": "leading_group", "roles": []string{"leading_group"}, "town": "demo"}), http.StatusConflict, "name_of_a_person", "/name")
		refused(t, admin.Post("/accounts", object{"name": "leading_group", "roles": []string{"admin"}}), http.StatusConflict, "name_of_a_person", "/name")
		refused(t, admin.Post("/accounts", object{"name": "leading_group", "town": "demo", "person": "mentor"}), http.StatusConflict, "name_of_a_person", "/name")
		refused(t, admin.Post("/accounts", object{"name": "system", "roles": []string{"admin"}}), http.StatusConflict, "name_reserved")
		refused(t, admin.Post("/towns/demo/people", object{"code": "bw_12345678", "name": named("李某")}), http.StatusConflict, "name_reserved")
		own := admin.Post("/accounts", object{"name": "leading_group", "town": "demo", "person": "leading_group"}).Want(http.StatusCreated)
		refused(t, admin.IfMatch(own.ETag()).Put("/accounts/leading_group", object{"town": "demo", "roles": []string{"leading_group"}}), http.StatusConflict, "name_of_a_person", "/name")
		refused(t, admin.IfMatch(own.ETag()).Put("/accounts/leading_group", object{"town": "demo", "person": "mentor"}), http.StatusConflict, "name_of_a_person", "/name")
		admin.Post("/accounts", object{"name": "keeper", "roles": []string{"admin"}}).Want(http.StatusCreated)
		refused(t, admin.Post("/towns/demo/people", object{"code": "Keeper", "name": named("李某")}), http.StatusConflict, "name_of_an_account", "/code")
		admin.Post("/accounts", object{"name": "mentor", "roles": []string{"reader"}, "town": "quiet"}).Want(http.StatusCreated) // nobody there is called so
		refused(t, admin.Post("/towns/quiet/people", object{"code": "mentor", "name": named("李某")}), http.StatusConflict, "name_of_an_account", "/code")
	})
}

// A credential without a person decides nothing, and proposes nothing that its holder
// could decide on.
func TestWhoDecidesIsAPerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		nobody := h.As(h.key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}}))
		refused(t, moved(nobody, q1, "open", ""), http.StatusForbidden, "person_needed")
		may(t, nobody, q1)
		h.steps("2026Q1", "open")
		sheet := begun(h.as(policy.Mentor), "2026Q1", "b01", value("spirit", 8))
		moved(h.as(policy.Mentor), sheet, "submitted", "").Want(http.StatusOK)
		may(t, nobody, sheet)
		refused(t, moved(nobody, sheet, "approved", ""), http.StatusForbidden, "person_needed")
		bonus := object{"period": "2026Q1", "branch": "b01", "kind": "bonus", "item": "model", "reason": "x"}
		refused(t, nobody.Post("/towns/demo/adjustments", bonus), http.StatusForbidden, "person_needed")
		refused(t, nobody.Post("/towns/demo/people", object{"code": "li", "name": named("李某")}), http.StatusForbidden, "person_needed")
		nobody.Get("/towns/demo/people").Want(http.StatusOK)
		moved(h.as(policy.LeadingGroup), sheet, "approved", "").Want(http.StatusOK)
	})
}

// What tied somebody to a branch on any day since the period began still does, and only
// others end it.
func TestATieOfThePeriodDoesNotEndWithItsLastDay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-11-15 12:00:00")
		h.inForce(smallScheme)
		admin, group := h.as(policy.Admin), h.as(policy.LeadingGroup)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.planned("2026Q4", "2026-10-01", "2026-12-31")
		h.steps("2026Q1", "open")
		h.steps("2026Q4", "open")
		li := h.joins("li", policy.LeadingGroup, ties{"b01": access.Leads, "b02": access.Mentors})
		h.joins("wu", policy.LeadingGroup, nil)
		h.appointed("demo", "wu", policy.Office)
		h.linked("trade", "wu", "b03")
		wu := h.As(h.key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: new("wu")}))

		// Nobody does it for himself or herself: not the end, not a new one, not by the office.
		list := apitest.Decode[struct {
			Items []struct{ ID, Branch string }
		}](admin.Get("/towns/demo/assignments?person=li"), http.StatusOK).Items
		end := object{"until": "2026-02-10", "reason": "another secretary"}
		for _, a := range list {
			path := "/towns/demo/assignments/" + a.ID
			refused(t, li.IfMatch(li.Get(path).ETag()).Post(path+"/end", end), http.StatusForbidden, "own_tie")
			admin.IfMatch(admin.Get(path).ETag()).Post(path+"/end", end).Want(http.StatusOK)
		}
		refused(t, li.Post("/towns/demo/assignments", object{"person": "li", "branch": "b03", "duty": "leads", "from": "2026-01-01"}), http.StatusForbidden, "own_tie")
		refused(t, li.Post("/towns/demo/appointments", object{"person": "li", "role": "instructor", "from": "2026-01-01"}), http.StatusForbidden, "own_tie")
		refused(t, wu.Post("/towns/demo/offices/trade/links", object{"branch": "b02", "from": "2026-01-01"}), http.StatusForbidden, "own_tie")
		refused(t, wu.Post("/towns/demo/offices/trade/members", object{"person": "wu", "from": "2019-01-01", "until": "2019-12-31"}), http.StatusForbidden, "own_tie")
		links := apitest.Decode[struct{ Items []struct{ ID string } }](admin.Get("/towns/demo/offices/trade/links"), http.StatusOK).Items
		link := "/towns/demo/offices/trade/links/" + links[0].ID
		refused(t, wu.IfMatch(wu.Get(link).ETag()).Post(link+"/end", end), http.StatusForbidden, "own_tie")
		members := apitest.Decode[struct{ Items []struct{ ID string } }](admin.Get("/towns/demo/offices/trade/members"), http.StatusOK).Items
		member := "/towns/demo/offices/trade/members/" + members[0].ID
		refused(t, wu.IfMatch(wu.Get(member).ETag()).Post(member+"/end", end), http.StatusForbidden, "own_tie")
		admin.IfMatch(admin.Get(link).ETag()).Post(link+"/end", end).Want(http.StatusOK)

		// All ties have ended, in the first quarter: they count for it and not for the last one.
		for _, period := range []string{"2026Q1", "2026Q4"} {
			for branch, who := range map[string]*apitest.Client{"b01": li, "b02": li, "b03": wu} {
				bias := period == "2026Q1"
				sheet := begun(group, period, branch, value("spirit", 8))
				moved(group, sheet, "submitted", "").Want(http.StatusOK)
				bonus := apitest.Decode[evaluation.Adjustment](group.Post("/towns/demo/adjustments",
					object{"period": period, "branch": branch, "kind": "bonus", "item": "model", "reason": period + branch}), http.StatusCreated)
				except := object{"branch": branch, "until": "2099-01-01", "reason": "flood"}
				answers := []*apitest.Answer{
					moved(who, sheet, "approved", "x"),
					moved(who, "/towns/demo/adjustments/"+bonus.ID, "approved", "x"),
					who.Post("/towns/demo/periods/"+period+"/exceptions", except),
				}
				if branch == "b01" {
					answers = append(answers, who.Post("/towns/demo/evaluations", sheetOf(period, branch, nil)))
				}
				for i, a := range answers {
					if !bias {
						if a.Status >= http.StatusBadRequest {
							t.Errorf("%s %s %d: %s", period, branch, i, a.Body)
						}
						continue
					}
					refused(t, a, http.StatusForbidden, "conflict_of_interest")
				}
			}
		}
	})
}

// The same certificate is not approved twice unseen, for one branch or for another, in one
// period or the next; for a deduction only the same branch is asked about.
func TestTheSameEvidenceIsAskedAbout(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		for i, period := range []string{"2026Q1", "2026Q2"} {
			h.planned(period, []string{"2026-01-01", "2026-04-01"}[i], []string{"2026-03-31", "2026-06-30"}[i])
			h.steps(period, "open")
		}
		group, wu := h.as(policy.LeadingGroup), h.joins("wu", policy.LeadingGroup, nil)
		propose := func(period, branch, kind, item, reason, evidence string) string {
			a := apitest.Decode[evaluation.Adjustment](group.Post("/towns/demo/adjustments", object{
				"period": period, "branch": branch, "kind": kind, "item": item, "reason": reason, "evidence": evidence,
			}), http.StatusCreated)
			return "/towns/demo/adjustments/" + a.ID
		}
		first := propose("2026Q1", "b01", "bonus", "model", "model branch", "佛发〔2026〕12号")
		moved(wu, first, "approved", "").Want(http.StatusOK)
		for _, again := range []string{
			propose("2026Q1", "b01", "bonus", "model", "honoured once more", "see 佛发〔2026〕 第012号, page 2"),
			propose("2026Q2", "b02", "bonus", "model", "another text", "佛发(2026)12号"),
			propose("2026Q2", "b03", "bonus", "model", "Model  branch!", "佛发【2026】12号"),
		} {
			may(t, wu, again, "approve", "reject")
			refused(t, moved(wu, again, "approved", "it is fine"), http.StatusConflict, "repeated_evidence")
		}
		other := propose("2026Q1", "b02", "bonus", "model", "model branch", "佛发〔2026〕13号")
		moved(wu, other, "approved", "").Want(http.StatusOK)
		again := propose("2026Q1", "b03", "bonus", "model", "a second page", "佛发〔2026〕13号")
		tag := wu.Get(again).ETag()
		refused(t, wu.IfMatch(tag).Post(again+"/transitions", object{"to": "approved", "acknowledge": true}), http.StatusUnprocessableEntity, "invalid", "/reason")
		wu.IfMatch(tag).Post(again+"/transitions", object{"to": "approved", "acknowledge": true, "reason": "the circular honours both"}).Want(http.StatusOK)
	})
}

// Nor by a correction of what is published, or by an appeal that is upheld: neither by what
// an adjustment was approved for, nor by what another correction has added, nor the same twice
// in one amendment. What was cancelled serves again.
func TestTheSameEvidenceIsAskedAboutInAmendments(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		published(h)
		group, secretary := h.as(policy.LeadingGroup), h.as(policy.Secretary)
		bonus := func(branch, evidence string) object {
			return object{"branch": branch, "code": "model", "adjustment": "add", "reason": "overlooked: " + branch, "evidence": evidence}
		}
		amends := func(list ...object) *apitest.Answer {
			return amendedBy(group, q1, object{"reason": "整理", "corrections": list})
		}
		twice := []object{bonus("b01", "佛发〔2026〕12号"), bonus("b02", "see 佛发(2026) 第12号")}
		refused(t, amends(twice...), http.StatusConflict, "repeated_evidence")
		plain := object{"branch": "b01", "code": "top-ten", "adjustment": "add"}
		refused(t, amends(plain, plain), http.StatusConflict, "repeated_evidence")
		amends(twice[0]).Want(http.StatusOK)
		refused(t, amends(twice[1]), http.StatusConflict, "repeated_evidence")
		amends(bonus("b02", "佛发〔2026〕13号")).Want(http.StatusOK)

		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		h.steps("2026Q2", "open")
		made := group.Post("/towns/demo/adjustments", object{
			"period": "2026Q2", "branch": "b03", "kind": "bonus", "item": "model", "reason": "again", "evidence": "佛发〔2026〕12号",
		}).Want(http.StatusCreated)
		at := made.Header.Get("Location")[len("/api/v1"):]
		refused(t, moved(h.As(h.secondPerson()), at, "approved", ""), http.StatusConflict, "repeated_evidence")

		appeal := secretary.Post("/towns/demo/appeals", object{
			"period": "2026Q1", "branch": "b01", "statement": "we were honoured", "points": []object{{"code": "model", "claim": "1"}},
		}).Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		upholds := func(acknowledge bool) *apitest.Answer {
			return group.IfMatch(group.Get(appeal).ETag()).Post(appeal+"/transitions", object{
				"to": "upheld", "reason": "the circular honours two", "acknowledge": acknowledge, "corrections": []object{bonus("b01", "佛发〔2026〕13号")},
			})
		}
		refused(t, upholds(false), http.StatusConflict, "repeated_evidence")
		confirmed(group, appeal, upholds(true)).Want(http.StatusOK)

		amends(object{"branch": "b01", "code": "model", "adjustment": "cancel", "reason": "of another year"}).Want(http.StatusOK)
		amends(twice[1]).Want(http.StatusOK)
		refused(t, amends(twice[0]), http.StatusConflict, "repeated_evidence")
		amendedBy(group, q1, object{"reason": "it honours both", "acknowledge": true, "corrections": twice[:1]}).Want(http.StatusOK)
	})
}
