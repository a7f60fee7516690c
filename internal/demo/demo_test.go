package demo

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/index"
	"bulwark/internal/town"
)

// published are the hashes of every published figure of the demo, with all bits, by
// town, period and number of the run; the second of 2023Q2 upholds an appeal. They are
// the same on both databases and on every machine, and change with the scheme, the
// story or the mathematics, and then on purpose.
var published = map[string]string{
	"demo/2022Q4/1":        "8fbc3fdbf61827a90173586f469470a659fc41196abc12c98a283457c37a3655",
	"demo/2023Q1/1":        "0d3c0bb104b82229ae467b9837b12e2cab793237ad3e77ee2cac30206d29dea1",
	"demo/2023Q2/1":        "9bb8e38ec4b32fea46f5309d3c8196d6f2235c4c88afdf4a3a544c66604da14a",
	"demo-street/2023Q1/1": "39bae6f490cdd07c1e0fc3c8b3ecb5351053247c7b957d5e96e5d957ae872dfe",
	"demo-street/2023Q2/1": "bb31a0f7d6593146c28d2d8d8727491526e1cd27a7c1ce96e3ee1ee7b7984408",
	"demo/2023Q2/2":        "3eca4d32e7ab2e9684315ac0f38dcddcf37e4d68889e7a524a441dcb08fa0588",
}

// told runs the whole story on a database that had nothing.
var told = dbtest.NewTemplate(func(ctx context.Context, db *gorm.DB) error {
	done, err := Seed(ctx, db)
	if err == nil && !done {
		return errors.New("Seed had nothing to do")
	}
	return err
})

func TestSeedTellsTheSameStoryEverywhere(t *testing.T) {
	told.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx := context.Background()
		if done, err := Seed(ctx, db); err != nil || done {
			t.Fatalf("second Seed = %v, %v; want nothing done", done, err)
		}
		for _, code := range []string{"lishui", Town} {
			list, err := town.ListBranches(ctx, db, code, town.BranchFilter{On: "2023-06-30"})
			if err != nil || len(list) != 40 {
				t.Fatalf("%s has %d branches, %v", code, len(list), err)
			}
		}
		var runs []index.Run
		if err := db.Omit("data").Order("period_code").Find(&runs).Error; err != nil {
			t.Fatal(err)
		}
		if len(runs) != len(published) {
			t.Fatalf("%d runs, want %d", len(runs), len(published))
		}
		for _, r := range runs {
			if r.TownID != Town && r.TownID != Street {
				t.Errorf("a run for %s: real names carry no scores", r.TownID)
			}
			if key := fmt.Sprintf("%s/%s/%d", r.TownID, r.PeriodCode, r.Number); r.ResultHash != published[key] {
				t.Errorf("the result of %s has the hash %s", key, r.ResultHash)
			}
		}
		view, ok, err := index.NewResultCache().Published(ctx, db, Town, "2023Q2", 0)
		if err != nil || !ok {
			t.Fatalf("Published = %v, %v", ok, err)
		}
		r, err := view.Ranking(index.RankingFilter{}, "zh")
		if err != nil || len(r.Items) != 40 {
			t.Fatalf("%d ranked, %v", len(r.Items), err)
		}
	})
}
