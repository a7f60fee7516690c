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
	"demo/2022Q4/1":        "6955568d0357113a98a1be2e2e69fd6756bbbb518d186822ce5861aa2df664c0",
	"demo/2023Q1/1":        "7d1991cbc29f47b6c06c33c9fab381ee153141ec5f4d9250c37552bdaab25f4c",
	"demo/2023Q2/1":        "c6aaef7c7cb2717673393785eb2e758c918611f8676de5bfea7d3d12ead06470",
	"demo-street/2023Q1/1": "a6ba8d1382c55454684660ba4343041060302ec3b8bea52ed528840b1da61322",
	"demo-street/2023Q2/1": "4098e88947175a1c3655a31b575b3b3df101e1dc993c0ac91ad10c481bfb8661",
	"demo/2023Q2/2":        "8c2f3d5b3433f1c1b153f2f72cbe656e13a0e9b0032e13f4e1253e9a7e475d93",
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
