package town_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// found makes an area, the towns a and b, and in a the kinds and classes below.
func found(t *testing.T, db *gorm.DB) {
	t.Helper()
	ctx := t.Context()
	_, err := town.CreateArea(ctx, db, town.Area{
		Code: "44", Level: "province", Name: text.Same("44"), Provenance: "public list",
	})
	must(t, err)
	for _, code := range []string{"a", "b"} {
		_, err := town.Create(ctx, db, town.Town{Code: code, AreaCode: "44", Name: text.Same(code), Provenance: "invented"})
		must(t, err)
	}
	for _, class := range []string{"rural", "urban"} {
		_, err := town.CreateClass(ctx, db, town.Class{TownID: "a", Code: class, Name: text.Same(class)})
		must(t, err)
	}
}

// branch founds a village of the class rural in the town a; an empty day is not known.
func branch(t *testing.T, db *gorm.DB, code string, founded day.Date) town.Branch {
	t.Helper()
	b, err := town.CreateBranch(t.Context(), db, village("a", code, founded), "")
	must(t, err)
	return b
}

func village(townID, code string, founded day.Date) town.Branch {
	rural := "rural"
	b := town.Branch{Name: text.Text{ZH: code + "村"}, Kind: "village"}
	if townID == "a" {
		b.Class = &rural
	}
	b.Life = town.Life{TownID: townID, Code: code, Provenance: "invented for " + code}
	if founded != "" {
		b.FoundedOn = &founded
	}
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// broken checks the code of a fault and the pointers it lists.
func broken(t *testing.T, what string, err error, code string, pointers ...string) {
	t.Helper()
	gotCode, got := faultOf(err)
	if gotCode != code || !slices.Equal(got, pointers) {
		t.Errorf("%s: got %s at %q (%v), want %s at %q", what, gotCode, got, err, code, pointers)
	}
}

func TestABranchIsReadAsOfADay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		ctx := t.Context()
		branch(t, db, "old", "")
		branch(t, db, "new", "2021-05-01")
		_, err := town.Rename(ctx, db, change("old", 1, "2022-01-01", ""), text.Text{ZH: "新名"})
		must(t, err)
		_, err = town.Reclassify(ctx, db, change("old", 2, "2022-02-01", ""), "community", nil)
		must(t, err)
		_, err = town.Close(ctx, db, change("new", 1, "2023-01-01", "gone"))
		must(t, err)
		for _, tt := range []struct {
			on   day.Date
			want string
		}{
			{day.Earliest, "old:old村:village:rural"},
			{"2021-04-30", "old:old村:village:rural"},
			{"2021-05-01", "new:new村:village:rural old:old村:village:rural"},
			{"2021-12-31", "new:new村:village:rural old:old村:village:rural"},
			{"2022-01-01", "new:new村:village:rural old:新名:village:rural"},
			{"2022-02-01", "new:new村:village:rural old:新名:community:-"},
			{"2022-12-31", "new:new村:village:rural old:新名:community:-"},
			{"2023-01-01", "old:新名:community:-"},
			{day.Latest, "old:新名:community:-"},
		} {
			list, err := town.ListBranches(ctx, db, "a", town.BranchFilter{On: tt.on})
			must(t, err)
			if got := strings.Join(describe(list), " "); got != tt.want {
				t.Errorf("on %s: %s, want %s", tt.on, got, tt.want)
			}
			for _, b := range list { // one alone reads as it does in the list
				one, err := town.FindBranch(ctx, db, "a", b.Code, tt.on)
				must(t, err)
				if got, want := describe([]town.Branch{one})[0], describe([]town.Branch{b})[0]; got != want {
					t.Errorf("on %s: alone %s, in the list %s", tt.on, got, want)
				}
			}
		}
		closed, err := town.FindBranch(ctx, db, "a", "new", "2024-01-01")
		must(t, err)
		if closed.ClosedOn == nil || *closed.ClosedOn != "2023-01-01" || closed.ClosedReason != "gone" ||
			closed.Provenance != "invented for new" {
			t.Errorf("the closed branch reads %+v", closed)
		}
		_, err = town.FindBranch(ctx, db, "a", "new", "2021-04-30")
		broken(t, "before its founding", err, "not_found")
	})
}

func describe(list []town.Branch) []string {
	words := []string{}
	for _, b := range list {
		class := "-"
		if b.Class != nil {
			class = *b.Class
		}
		words = append(words, b.Code+":"+b.Name.ZH+":"+b.Kind+":"+class)
	}
	return words
}

func TestChangesOfABranchAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		ctx := t.Context()
		name := text.Same("x")
		branch(t, db, "one", "2020-01-01")   // renamed in 2022
		branch(t, db, "two", "2020-01-01")   // absorbed "three" in 2023
		branch(t, db, "three", "2020-01-01") // ended
		branch(t, db, "late", "2024-01-01")
		_, err := town.Rename(ctx, db, change("one", 1, "2022-01-01", ""), name)
		must(t, err)
		_, err = town.Merge(ctx, db, change("three", 1, "2023-01-01", ""), "two")
		must(t, err)
		before := dump(t, db)
		for _, tt := range []struct {
			what string
			do   func() error
			code string
			at   []string
		}{
			{
				"rename on the day of the last change", func() error { return rename(ctx, db, "one", 2, "2022-01-01") },
				"invalid",
				[]string{"/on"},
			},
			{"rename before it", func() error { return rename(ctx, db, "one", 2, "2021-01-01") }, "invalid", []string{"/on"}},
			{
				"rename on the day of founding", func() error { return rename(ctx, db, "two", 1, "2020-01-01") }, "invalid",
				[]string{"/on"},
			},
			{"old version", func() error { return rename(ctx, db, "one", 1, "2023-01-01") }, "stale_version", nil},
			{"no name", func() error {
				_, err := town.Rename(ctx, db, change("one", 2, "2023-01-01", ""), text.Text{})
				return err
			}, "invalid", []string{"/name"}},
			{"a name too long", func() error {
				_, err := town.Rename(ctx, db, change("one", 2, "2023-01-01", ""), text.Text{ZH: strings.Repeat("村", 201)})
				return err
			}, "invalid", []string{"/name/zh"}},
			{"unknown kind and class", func() error {
				other := "x"
				_, err := town.Reclassify(ctx, db, change("one", 2, "2023-01-01", ""), "castle", &other)
				return err
			}, "invalid", []string{"/kind", "/class"}},
			{
				"close before its change of name", func() error { return end(ctx, db, "one", 2, "2021-06-01") }, "invalid",
				[]string{"/on"},
			},
			{
				"close on the day of founding", func() error { return end(ctx, db, "two", 1, "2020-01-01") }, "invalid",
				[]string{"/on"},
			},
			{
				"close before it absorbed another", func() error { return end(ctx, db, "two", 1, "2022-06-01") }, "invalid",
				[]string{"/on"},
			},
			{
				"close on the day it absorbed another", func() error { return end(ctx, db, "two", 1, "2023-01-01") }, "invalid",
				[]string{"/on"},
			},
			{"end it again", func() error { return end(ctx, db, "three", 2, "2024-01-01") }, "branch_closed", nil},
			{
				"merge into itself", func() error { return merge(ctx, db, "one", 2, "one", "2023-06-01") }, "invalid",
				[]string{"/into"},
			},
			{
				"merge into an ended one", func() error { return merge(ctx, db, "one", 2, "three", "2023-01-01") }, "invalid",
				[]string{"/into"},
			},
			{
				"merge into one not yet founded", func() error { return merge(ctx, db, "one", 2, "late", "2023-12-31") },
				"invalid",
				[]string{"/into"},
			},
			{
				"merge into none", func() error { return merge(ctx, db, "one", 2, "nowhere", "2023-06-01") }, "invalid",
				[]string{"/into"},
			},
			{"unknown branch", func() error { return end(ctx, db, "nowhere", 1, "2023-01-01") }, "not_found", nil},
		} {
			broken(t, tt.what, tt.do(), tt.code, tt.at...)
		}
		if after := dump(t, db); after != before {
			t.Errorf("a refused change left traces:\n%s\nbefore:\n%s", after, before)
		}
		must(t, merge(ctx, db, "one", 2, "late", "2024-01-01")) // its first day is enough
		must(t, end(ctx, db, "two", 1, "2023-01-02"))           // the day after the merger, too
	})
}

func TestHistoryIsToldInOrder(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		ctx := t.Context()
		branch(t, db, "main", "")
		branch(t, db, "side", "2019-01-01")
		urban := "urban"
		_, err := town.Reclassify(ctx, db, change("main", 1, "2020-01-01", "counted"), "village", &urban)
		must(t, err)
		_, err = town.Rename(ctx, db, change("main", 2, "2021-01-01", "called"), text.Text{ZH: "后名"})
		must(t, err)
		must(t, merge(ctx, db, "side", 1, "main", "2020-06-01"))
		branch(t, db, "heir", "2021-06-01")
		must(t, merge(ctx, db, "main", 3, "heir", "2022-01-01"))
		events, err := town.BranchHistory(ctx, db, "a", "main")
		must(t, err)
		var got []string
		for _, e := range events {
			on := "?"
			if e.On != nil {
				on = string(*e.On)
			}
			got = append(got, on+" "+e.Event+" "+e.Name.ZH+" "+e.Other)
		}
		want := []string{
			"? founded main村 ", "2020-01-01 reclassified main村 ", "2020-06-01 absorbed main村 side", "2021-01-01 renamed 后名 ",
			"2022-01-01 merged 后名 heir",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// No reference leads from one town into another.
func TestTownsDoNotMix(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		ctx := t.Context()
		branch(t, db, "mine", "2020-01-01")
		_, err := town.CreateBranch(ctx, db, village("b", "theirs", "2020-01-01"), "")
		must(t, err)
		_, err = town.CreateBranch(ctx, db, village("b", "mine", "2020-01-01"), "")
		must(t, err) // codes are a town's own
		broken(t, "merge across", merge(ctx, db, "mine", 1, "theirs", "2023-01-01"), "invalid", "/into")
		rural := "rural" // a class of the town a
		other := village("b", "third", "")
		other.Class = &rural
		_, err = town.CreateBranch(ctx, db, other, "")
		broken(t, "class across", err, "invalid", "/class")
		_, err = town.FindBranch(ctx, db, "b", "none", "2023-01-01")
		broken(t, "not here", err, "not_found")
		if err := db.Exec("UPDATE branches SET merged_into = 'theirs', closed_on = '2023-01-01' WHERE town_id = 'a' AND code = 'mine'").Error; !fault.Is(err, fault.KindConflict) {
			t.Errorf("the schema lets a branch merge into another town's: %v", err)
		}
		list, err := town.ListBranches(ctx, db, "b", town.BranchFilter{On: "2023-01-01"})
		must(t, err)
		if got := strings.Join(describe(list), " "); got != "mine:mine村:village:- theirs:theirs村:village:-" {
			t.Errorf("the town b has %s", got)
		}
	})
}

// Two branches cannot merge into each other, nor can one be merged into while it
// ends, however the two changes meet.
func TestEndsDoNotCross(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		ctx := t.Context()
		for _, round := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			x, y := "x"+round, "y"+round
			branch(t, db, x, "2020-01-01")
			branch(t, db, y, "2020-01-01")
			var both [2]error
			var wait sync.WaitGroup
			for i, pair := range [][2]string{{x, y}, {y, x}} {
				wait.Go(func() { both[i] = merge(ctx, db, pair[0], 1, pair[1], "2023-01-01") })
			}
			wait.Wait()
			if (both[0] == nil) == (both[1] == nil) {
				t.Fatalf("want one merger, got %v and %v", both[0], both[1])
			}
		}
	})
}
