package api

import (
	"context"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/workflow"
)

// acting is the context of somebody of demo who works without the router.
func acting(t *testing.T, person string, role policy.Role) context.Context {
	ctx := audit.As(t.Context(), audit.Actor{Name: person, Role: string(role)})
	return access.WithPrincipal(ctx, access.Principal{Towns: []string{"demo"}, Person: person, Role: role})
}

// someoneWaits returns when a transaction of the PostgreSQL database waits for
// another one, or is done.
func someoneWaits(t *testing.T, db *gorm.DB, done chan error) {
	t.Helper()
	for waiting := int64(0); waiting == 0 && len(done) == 0; {
		if err := db.Raw("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting).Error; err != nil {
			t.Fatal(err)
		}
	}
}

// besides runs second while the transaction of first is open, and commits that only
// when second waits for it.
func besides(t *testing.T, db *gorm.DB, first, second func(db *gorm.DB) error) (error, error) {
	t.Helper()
	done := make(chan error, 1)
	err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
		if err := first(tx); err != nil {
			return err
		}
		go func() { done <- second(db) }()
		someoneWaits(t, db, done)
		return nil
	})
	return err, <-done
}

// Of two amendments at once the second one is made of what the first has published.
func TestAmendmentsFollowOneAnother(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, database.PostgreSQL)) // SQLite has one writer anyway
	h.alone()
	published(h)
	ctx := acting(t, "leading_group", policy.LeadingGroup)
	var made [2]index.PublicationDetail
	amend := func(i int, code string) func(db *gorm.DB) error {
		x := 3.0
		list := []evaluation.Correction{{BranchCode: "b01", Code: code, Value: &x}}
		return func(db *gorm.DB) (err error) {
			made[i], _, err = index.Amend(ctx, db, "demo", "2026Q1", index.Amendment{Reason: "recounted", Corrections: list})
			return err
		}
	}
	first, second := besides(t, h.db, amend(0, "meetings"), amend(1, "complaints"))
	if first != nil || second != nil {
		t.Fatalf("the first: %v, the second: %v", first, second)
	}
	if made[0].Number != 2 || made[1].Number != 3 || made[0].DataHash == made[1].DataHash {
		t.Errorf("published %+v and %+v", made[0].Publication, made[1].Publication)
	}
	var values []float64
	h.must(h.db.Raw("SELECT raw FROM result_nodes WHERE run_id = ? AND branch_code = 'b01' AND node_code IN ('meetings', 'complaints')", made[1].RunID).Scan(&values).Error)
	if len(values) != 2 || values[0] != 3 || values[1] != 3 {
		t.Errorf("the second is of %v: the first is lost", values)
	}
}

// A period is not made final beside an appeal that is being filed.
func TestNobodyFinalisesBesideAnAppeal(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, database.PostgreSQL))
	published(h)
	version := int64(0)
	h.must(h.db.Raw("SELECT version FROM periods WHERE code = '2026Q1'").Scan(&version).Error)
	file := func(tx *gorm.DB) error {
		_, err := index.FileAppeal(acting(t, "secretary", policy.Secretary), tx, index.Appeal{
			TownID: "demo", PeriodCode: "2026Q1", BranchCode: "b01", Statement: "miscounted",
			Points: index.Points{{Code: "meetings", Claim: "12"}},
		})
		return err
	}
	finalise := func(db *gorm.DB) error {
		later := db.Session(&gorm.Session{NewDB: true, NowFunc: func() time.Time { return db.NowFunc().AddDate(0, 0, 10) }})
		_, _, err := index.MovePeriod(acting(t, "leading_group", policy.LeadingGroup), later,
			workflow.Ref{Town: "demo", ID: "2026Q1", Version: version}, evaluation.PeriodMove{To: evaluation.Final})
		return err
	}
	filed, final := besides(t, h.db, file, finalise)
	if filed != nil || !fault.Is(final, fault.KindLocked) {
		t.Errorf("filed: %v, made final: %v", filed, final)
	}
}
