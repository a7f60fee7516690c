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
	"demo/2022Q4/1":        "2d35f3d2cc8d514c4e683d60153ffcfcc8cb9fe6ddc1d485f0a93c34301ea603",
	"demo/2023Q1/1":        "e234fe54849123c5b5dc244a9ee7515f2c19fbc7b6fcc2b12b59a75a5949db33",
	"demo/2023Q2/1":        "51c6dd82a0e4bd320dda0844e20ebf7eb80e673d49b7f724f39065a94e9f02cd",
	"demo-street/2023Q1/1": "2b607b116ac11b2719c0f1800650bd0ebdf9593de8b212e8f9a592c42c172df0",
	"demo-street/2023Q2/1": "2aace0c48376dc69309184b1e5aaa4709d77b35b0984c22d69120f70047c554f",
	"demo/2023Q2/2":        "f976be23392ec6cdb28fb228953d058fb603bef6942bab510aae01808c484eee",
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
