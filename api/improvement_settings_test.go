package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/improve"
	"bulwark/internal/policy"
)

// A town has rules before it has made any; who changes them must know the ones
// that hold, and say why.
func TestTheRulesOfImprovement(t *testing.T) {
	const at = "/towns/demo/improvement-settings"
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		first := h.Get(at).Want(http.StatusOK)
		got := apitest.Decode[improve.TownSettings](first, http.StatusOK)
		if d := cmp.Diff(improve.Defaults(), got.Settings); d != "" || got.Version != 1 || first.Version() != 1 {
			t.Errorf("version %d of the defaults:\n%s", got.Version, d)
		}
		if got.CreatedAt != nil || got.UpdatedAt != nil || strings.Contains(string(first.Body), "_at") {
			t.Errorf("nobody made them, and yet: %s", first.Body)
		}
		h.Header("If-None-Match", first.ETag()).Get(at).Want(http.StatusNotModified)
		h.Header("If-None-Match", `"1"`).Get(at).Want(http.StatusOK) // whoever saw that version may have seen other fields
		refused(t, group.Bad().Put(at, object{"settings": got.Settings, "reason": "x"}),
			http.StatusPreconditionRequired, "if_match_required")
		refused(t, group.IfMatch(`"2"`).Put(at, object{"settings": got.Settings, "reason": "x"}),
			http.StatusPreconditionFailed, "stale_version")
		changed := improve.Defaults()
		changed.VisitEvery, changed.Holidays = 14, []day.Date{"2026-10-01"}
		change := object{"settings": changed, "reason": "visit more often"}
		group.IfMatch(first.ETag()).Put(at, change).Want(http.StatusOK)
		refused(t, group.IfMatch(first.ETag()).Put(at, change), http.StatusPreconditionFailed, "stale_version")
		after := apitest.Decode[improve.TownSettings](h.Get(at), http.StatusOK)
		if d := cmp.Diff(changed, after.Settings); d != "" || after.Version != 2 {
			t.Errorf("version %d:\n%s", after.Version, d)
		}
		if after.CreatedAt == nil || after.UpdatedAt == nil || after.CreatedAt.Year() < 2020 {
			t.Errorf("made at %v, changed at %v", after.CreatedAt, after.UpdatedAt)
		}
		records := group.Get("/towns/demo/audit?subject=improvement-settings").Want(http.StatusOK)
		if body := string(records.Body); !strings.Contains(body, "visit more often") || strings.Contains(body, "0001-01-01") {
			t.Errorf("the trail: %s", body)
		}

		wrong := changed
		wrong.VisitEvery, wrong.WarnBefore, wrong.Workdays = 0, 61, []day.Date{"2026-10-01", "2026-10-10", "2026-10-10"}
		wrong.TargetRules = []improve.ProposalRule{
			{Kind: improve.LowestShare},
			{Kind: improve.DimensionBelow, Points: 101},
			{Kind: improve.FallOver},
			{Kind: improve.GradeAtMost},
			{Kind: "x"},
		}
		refused(t, group.IfMatch(`"2"`).Bad().Put(at, object{"settings": wrong, "reason": "x"}),
			http.StatusUnprocessableEntity, "invalid",
			"/settings/target_rules/0/share", "/settings/target_rules/1/points", "/settings/target_rules/2/points",
			"/settings/target_rules/3/grade", "/settings/target_rules/4/kind", "/settings/visit_every_days",
			"/settings/warn_before_days", "/settings/holidays/0", "/settings/workdays/0", "/settings/workdays/2")
		refused(t, group.IfMatch(`"2"`).Bad().Put(at, object{"settings": changed}),
			http.StatusUnprocessableEntity, "invalid", "/reason")
		h.inForce(smallScheme) // with which a slip of the hand shows: its rule would name nobody
		slip := changed
		slip.TargetRules = []improve.ProposalRule{
			{Kind: improve.DimensionBelow, Points: 60, Dimensions: []string{"party", "partei", "meetings"}},
			{Kind: improve.GradeAtMost, Grade: "fare"},
			{Kind: improve.GradeAtMost, Grade: "fair"},
		}
		refused(t, group.IfMatch(`"2"`).Put(at, object{"settings": slip, "reason": "x"}),
			http.StatusUnprocessableEntity, "invalid", "/settings/target_rules/0/dimensions/1",
			"/settings/target_rules/0/dimensions/2", "/settings/target_rules/1/grade")
		for _, role := range []policy.Role{policy.Reader, policy.Secretary, policy.Mentor, policy.Leadership} {
			refused(t, h.as(role).IfMatch(`"2"`).Put(at, change), http.StatusForbidden, "not_allowed")
		}
	})
}
