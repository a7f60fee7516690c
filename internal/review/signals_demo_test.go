package review_test

import (
	"context"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
	"bulwark/internal/review"
)

const period = "2023Q3" // the open one of the demo

func as(ctx context.Context, person string, role policy.Role) context.Context {
	ctx = audit.As(ctx, audit.Actor{Name: person, Role: string(role)})
	return access.WithPrincipal(ctx, access.Principal{Towns: []string{demo.Town}, Person: person}.Holding(role))
}

// The demo's evaluators are honest: in four quarters with 440 sheets they raise
// hardly a question. One who gives everybody the same high marks is found.
func TestHonestEvaluatorsRaiseFewSignals(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx := as(t.Context(), "group-1", policy.LeadingGroup)
		total, sheets := 0, 0
		signals := func(period string) review.Signals {
			s, err := review.FindSignals(ctx, db, demo.Town, period, "en")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		for _, p := range []string{"2022Q4", "2023Q1", "2023Q2", "2023Q3"} {
			s := signals(p)
			total, sheets = total+len(s.Items), sheets+s.Sheets
			for _, i := range s.Items {
				t.Logf("%s: %s", p, i.Message)
			}
		}
		if sheets < 400 || total > 4 {
			t.Errorf("%d signals in %d sheets", total, sheets)
		}

		before := len(signals(period).Items)
		cheat := as(ctx, "group-2", policy.LeadingGroup)
		for n := 1; n <= 8; n++ {
			theirs, err := evaluation.ListSheets(ctx, db, demo.Town, evaluation.SheetFilter{
				Period: period, Branch: fmt.Sprintf("b%02d", n), Evaluator: fmt.Sprintf("mentor-%d", (n-1)%4+1), Limit: 1,
			})
			if err != nil || len(theirs) != 1 {
				t.Fatalf("%d sheets, %v", len(theirs), err)
			}
			full, err := evaluation.FindSheet(ctx, db, demo.Town, theirs[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			var entries []evaluation.Entry
			for _, e := range full.Entries {
				top := 100.0
				entries = append(entries, evaluation.Entry{Code: e.Code, Value: &top})
			}
			s, err := evaluation.BeginSheet(cheat, db,
				evaluation.Sheet{TownID: demo.Town, PeriodCode: period, BranchCode: fmt.Sprintf("b%02d", n), Entries: entries})
			if err == nil {
				_, err = evaluation.MoveSheet(cheat, db, s.Ref(), evaluation.Submitted, "")
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		found := map[string]bool{}
		after := signals(period)
		for _, s := range after.Items {
			for _, e := range s.Evaluators {
				found[s.Code+" "+e] = true
			}
		}
		if !found["ceiling group-2"] || !found["same_for_many group-2"] || len(after.Items) != before+2 {
			t.Errorf("found %v", found)
		}
	})
}
