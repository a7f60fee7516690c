package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

func records(t *testing.T, db *gorm.DB) []audit.Record {
	t.Helper()
	var all []audit.Record
	if err := db.Order("id").Find(&all).Error; err != nil {
		t.Fatal(err)
	}
	return all
}

var province = town.Area{Code: "44", Level: "province", Name: text.Text{ZH: "广东"}, Provenance: "public list"}

func TestAChangeIsRecordedWithIt(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
			db := dbtest.Connect(t, dbtest.URL(t, dialect), database.Options{Now: func() time.Time { return now }})
			ctx := audit.As(t.Context(),
				audit.Actor{Name: "group-1", Role: "leading_group", Credential: "bw_1", RequestID: "r-1"})
			if _, err := town.CreateArea(ctx, db, province); err != nil {
				t.Fatal(err)
			}
			all := records(t, db)
			if len(all) != 1 || all[0].ID == "" || len(all[0].Hash) != 64 || len(all[0].Rows) != 64 || len(all[0].Salt) != 64 {
				t.Fatalf("%d records: %+v", len(all), all)
			}
			all[0].ID, all[0].Hash, all[0].Rows, all[0].Salt = "", "", "", ""
			want := audit.Record{
				Sequence: 1, At: now, Actor: "group-1", Role: "leading_group", Credential: "bw_1", RequestID: "r-1",
				Action: "area.create", Subject: "areas/44",
				After: `{"code":"44","level":"province","name":{"zh":"广东"},"provenance":"public list"}`,
			}
			if diff := cmp.Diff(want, all[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARolledBackChangeLeavesNoRecord(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		later := errors.New("something later failed")
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			if _, err := town.CreateArea(t.Context(), tx, province); err != nil {
				return err
			}
			return later
		})
		if !errors.Is(err, later) {
			t.Fatal(err)
		}
		if all := records(t, db); len(all) != 0 {
			t.Errorf("the trail tells of what did not happen: %+v", all)
		}
	})
}

// A change that cannot be recorded does not happen.
func TestNoChangeWithoutARecord(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		if err := db.Exec("DROP TABLE audit_records").Error; err != nil {
			t.Fatal(err)
		}
		if _, err := town.CreateArea(t.Context(), db, province); err == nil {
			t.Error("made an area without a record")
		}
		areas, err := town.ListAreas(t.Context(), db, "", 10)
		if err != nil || len(areas) != 0 {
			t.Errorf("stored %+v, %v", areas, err)
		}
	})
}

func TestTheTrailOnlyGrows(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		if _, err := town.CreateArea(t.Context(), db, province); err != nil {
			t.Fatal(err)
		}
		before := records(t, db)
		for _, change := range []string{
			"UPDATE audit_records SET actor = 'somebody else'", "DELETE FROM audit_records",
			"UPDATE audit_heads SET sequence = sequence - 1", "UPDATE audit_heads SET hash = ''", "DELETE FROM audit_heads",
		} {
			if err := db.Exec(change).Error; err == nil {
				t.Errorf("%s was done", change)
			}
		}
		if diff := cmp.Diff(before, records(t, db)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestActorOf(t *testing.T) {
	system := audit.Actor{Name: "system", Role: "system"}
	if got := audit.ActorOf(context.Background()); got != system {
		t.Errorf("without an actor: %+v", got)
	}
	named := audit.Actor{Name: "x", Role: "mentor", RequestID: "r"}
	if got := audit.ActorOf(audit.As(context.Background(), named)); got != named {
		t.Errorf("with one: %+v", got)
	}
	if got := audit.ActorOf(audit.As(context.Background(), audit.Actor{Role: "mentor"})); got != system {
		t.Errorf("without a name: %+v", got)
	}
}

// What cannot be written as JSON is an error, not an empty record.
func TestValuesAreWrittenWholly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			return audit.Write(t.Context(), tx, audit.Change{Action: "x.y", After: func() {}})
		})
		if err == nil || !strings.Contains(err.Error(), "audit value") {
			t.Errorf("got %v", err)
		}
		if all := records(t, db); len(all) != 0 {
			t.Errorf("stored %+v", all)
		}
	})
}
