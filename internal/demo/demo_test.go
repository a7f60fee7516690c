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
	"demo/2022Q4/1":        "1b58ac82350795e08a326e32b0393cc2cd234a3bafb5f052dc6587d03b0e4e0d",
	"demo/2023Q1/1":        "dd3506702d4e54400c97264a11bed1604c785015366273de069c98eb99f47614",
	"demo/2023Q2/1":        "d04ece14f8f11d94b7732a41cc6899621c4e904c9f9d629c704f8cd9ddaf8f16",
	"demo-street/2023Q1/1": "feaa39d43bdebabc40cddeb4c31d58d72f2e1b02a45629220b2f8820762b1f48",
	"demo-street/2023Q2/1": "637513fc32c9685a86cac345916dcbc2d22d106f6d289d812debf7122b4e9461",
	"demo/2023Q2/2":        "a90bf7907b67784c1c2346dd44104ab0b3fbe15e8b5eefed3a609c86c4eb51db",
}

// told is the whole story on a database that had nothing.
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
		r, err := view.Ranking(index.RankingFilter{}, "zh", nil)
		if err != nil || len(r.Items) != 40 {
			t.Fatalf("%d ranked, %v", len(r.Items), err)
		}
	})
}
