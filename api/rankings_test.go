package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// Branches of two towns with one scheme stand in one list, as far as the towns are
// open to the caller.
func TestRankingsAcrossTowns(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		_, nobody := serving(t, db, time.Now)
		ask := func(c *apitest.Client, query string) index.Rankings {
			return apitest.Decode[index.Rankings](c.Get("/rankings?"+query), http.StatusOK)
		}
		both := ask(nobody, "area=999999&period=2023Q2")
		if len(both.Groups) != 1 || strings.Join(both.Groups[0].Towns, " ") != "demo demo-street" {
			t.Fatalf("groups %+v", both.Groups)
		}
		g := both.Groups[0]
		if len(g.Items)+int(g.Insufficient["demo"]+g.Insufficient["demo-street"]) != 52 {
			t.Errorf("%d ranked and %v without a score, want 52 in all", len(g.Items), g.Insufficient)
		}
		checkAcross(t, g.Items)
		for _, code := range []string{"demo", "demo-street"} {
			own := apitest.Decode[index.Ranking](nobody.Get("/towns/"+code+"/periods/2023Q2/ranking"), http.StatusOK)
			for _, o := range own.Items {
				if i := find(g.Items, code, o.Branch.Code); i == nil || i.Score != o.Score || i.TownRank != o.Rank ||
					i.Grade != o.Grade {
					t.Errorf("%s of %s is %+v here and %+v there", o.Branch.Code, code, o, i)
				}
			}
		}
		only := ask(nobody, "area=999999&period=2023Q2&kind=agency")
		if items := only.Groups[0].Items; len(items) != 4 || *find(g.Items, items[0].Town, items[0].Branch.Code) != items[0] {
			t.Errorf("agencies alone: %+v", items)
		}
		if all := ask(nobody, "area=44&period=2023Q2"); len(all.Groups) != 0 || len(all.Towns) != 1 ||
			all.Towns[0].Status != "not_published" {
			t.Errorf("where nothing is published: %+v", all)
		}
		nobody.Get("/rankings?area=55&period=2023Q2").Problem(http.StatusNotFound)
		nobody.Bad().Get("/rankings?period=2023Q2").Problem(http.StatusBadRequest)

		// A key of one town sees that one and the open ones, a stranger the open ones alone.
		_, secret, err := credential.CreateKey(t.Context(), db,
			credential.Key{Roles: []policy.Role{policy.Reader}, Towns: []string{demo.Street}, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		own := nobody.As(secret)
		if r := ask(own, "area=99&period=2023Q2"); len(r.Towns) != 2 {
			t.Errorf("the key of one town reads %+v", r.Towns)
		}
		if err := db.Exec("UPDATE towns SET open_results = ? WHERE code = ?", false, demo.Street).Error; err != nil {
			t.Fatal(err)
		}
		if r := ask(nobody, "area=99&period=2023Q2"); len(r.Towns) != 1 || r.Towns[0].Code != demo.Town {
			t.Errorf("a stranger reads of a closed town: %+v", r.Towns)
		}
		if r := ask(own, "area=99&period=2023Q2"); len(r.Towns) != 2 {
			t.Errorf("the key of the closed town reads %+v", r.Towns)
		}
	})
}

func find(items []index.RankedInTown, town, branch string) *index.RankedInTown {
	for i := range items {
		if items[i].Town == town && items[i].Branch.Code == branch {
			return &items[i]
		}
	}
	return nil
}

// checkAcross recounts the ranks: one more than there are better scores.
func checkAcross(t *testing.T, items []index.RankedInTown) {
	t.Helper()
	for _, i := range items {
		better, inClass := 1, 1
		for _, o := range items {
			if o.Score > i.Score {
				better++
				if o.Branch.Class == i.Branch.Class {
					inClass++
				}
			}
		}
		if i.Rank != better || i.ClassRank != inClass {
			t.Errorf("%s/%s has the ranks %d and %d, want %d and %d", i.Town, i.Branch.Code, i.Rank, i.ClassRank,
				better, inClass)
		}
	}
}
