package database_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
)

var counters = []string{
	`CREATE TABLE counters (id integer PRIMARY KEY, n integer NOT NULL)`,
	`INSERT INTO counters VALUES (1, 0), (2, 0)`,
}

func read(t *testing.T, db *gorm.DB, id int) int {
	t.Helper()
	var n int
	if err := db.Raw("SELECT n FROM counters WHERE id = ?", id).Scan(&n).Error; err != nil {
		t.Error(err)
	}
	return n
}

func add(tx *gorm.DB, id int) error {
	return database.Unrecorded(tx).Exec("UPDATE counters SET n = n + 1 WHERE id = ?", id).Error
}

var errNo = errors.New("no")

func TestInTxCommitsOrRollsBack(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		if err := database.InTx(t.Context(), db, func(tx *gorm.DB) error { return add(tx, 1) }); err != nil {
			t.Fatal(err)
		}
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error { return errors.Join(add(tx, 1), errNo) })
		if !errors.Is(err, errNo) {
			t.Errorf("the error of fn came back as %v", err)
		}
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic was swallowed")
				}
			}()
			_ = database.InTx(t.Context(), db, func(tx *gorm.DB) error {
				if err := add(tx, 1); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		}()
		ctx, cancel := context.WithCancel(t.Context())
		err = database.InTx(ctx, db, func(tx *gorm.DB) error {
			defer cancel()
			return add(tx, 1)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a commit after its context: %v", err)
		}
		if n := read(t, db, 1); n != 1 {
			t.Errorf("n = %d, want the 1 that was committed", n)
		}
		if err := database.InTx(t.Context(), db, func(tx *gorm.DB) error { return add(tx, 1) }); err != nil {
			t.Errorf("after all that: %v", err)
		}
	})
}

func TestInnerTransactionsJoin(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		outer := func(ignore bool) error {
			return database.InTx(t.Context(), db, func(tx *gorm.DB) error {
				if err := add(tx, 1); err != nil {
					return err
				}
				err := database.InTx(t.Context(), tx, func(tx *gorm.DB) error {
					if read(t, tx, 1) == 0 {
						t.Error("the inner transaction does not see the outer one's write")
					}
					return errors.Join(add(tx, 2), errNo)
				})
				if ignore {
					return nil
				}
				return err
			})
		}
		for _, ignore := range []bool{false, true} {
			if err := outer(ignore); !errors.Is(err, errNo) {
				t.Errorf("ignore %v: %v, want the inner error", ignore, err)
			}
		}
		if a, b := read(t, db, 1), read(t, db, 2); a != 0 || b != 0 {
			t.Errorf("%d, %d were committed", a, b)
		}
	})
}

// Read, think, write, from two handles as two processes would. SQLite must not
// even need to repeat; on PostgreSQL fn asks for the level that it needs, and
// the loser runs again.
func TestNoUpdateIsLost(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		url := dbtest.AsOwner(t, dbtest.URL(t, dialect))
		handles := []*gorm.DB{dbtest.Connect(t, url, database.Options{}), dbtest.Connect(t, url, database.Options{})}
		execAll(t, handles[0], counters...)
		const goroutines, times = 4, 15
		var attempts atomic.Int64
		increment := func(tx *gorm.DB) error {
			attempts.Add(1)
			if dialect == database.PostgreSQL {
				if err := tx.Exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").Error; err != nil {
					return err
				}
			}
			n := read(t, tx, 1)
			time.Sleep(time.Millisecond)
			return database.Unrecorded(tx).Exec("UPDATE counters SET n = ? WHERE id = 1", n+1).Error
		}
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				for range times {
					if err := database.InTx(t.Context(), handles[i%2], increment); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := read(t, handles[0], 1); n != goroutines*times {
			t.Errorf("%s: n = %d after %d increments", dialect, n, goroutines*times)
		}
		if repeated := attempts.Load() > goroutines*times; repeated != (dialect == database.PostgreSQL) {
			t.Errorf("%s: %d attempts for %d increments", dialect, attempts.Load(), goroutines*times)
		}
	}
}

func TestInTxRepeatsAfterDeadlock(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		var first sync.WaitGroup // both hold one row before they want the other
		first.Add(2)
		var attempts atomic.Int64
		var wg sync.WaitGroup
		for _, ids := range [][]int{{1, 2}, {2, 1}} {
			wg.Go(func() {
				err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
					if err := add(tx, ids[0]); err != nil {
						return err
					}
					if attempts.Add(1) <= 2 && database.Dialect(tx) == database.PostgreSQL {
						first.Done()
						first.Wait()
					}
					return add(tx, ids[1])
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if a, b := read(t, db, 1), read(t, db, 2); a != 2 || b != 2 {
			t.Errorf("%d, %d; want 2, 2", a, b)
		}
		if database.Dialect(db) == database.PostgreSQL && attempts.Load() < 3 {
			t.Errorf("%d attempts: there was no deadlock", attempts.Load())
		}
	})
}

func TestInTxGivesUp(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		if database.Dialect(db) == database.SQLite {
			t.Log("one writer at a time: no conflict can be provoked inside one process")
			return
		}
		attempts := 0
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			attempts++
			return tx.Exec("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$").Error
		})
		if !fault.Is(err, fault.KindUnavailable) || attempts != 10 {
			t.Errorf("%d attempts, %v", attempts, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = database.InTx(ctx, db, func(tx *gorm.DB) error {
			cancel()
			return tx.Exec("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$").Error
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a loser whose context ended: %v", err)
		}
	})
}

func TestWritersDoNotStarve(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		const writers, times = 32, 10 // four times the pool
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				for range times {
					write := func(tx *gorm.DB) error { return add(tx, 1) }
					if i%4 == 0 { // a single statement, outside InTx
						if err := write(db); err != nil {
							t.Error(err)
						}
						continue
					}
					if err := database.InTx(t.Context(), db, write); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := read(t, db, 1); n != writers*times {
			t.Errorf("n = %d, want %d", n, writers*times)
		}
	})
}

// Writers who wait must not hold the connections that readers need.
func TestWaitingWritersLeaveConnectionsToReaders(t *testing.T) {
	db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, database.SQLite)), database.Options{MaxConns: 2})
	execAll(t, db, counters...)
	var wg sync.WaitGroup
	err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
		for range 4 {
			wg.Go(func() {
				if err := database.InTx(t.Context(), db, func(tx *gorm.DB) error { return add(tx, 1) }); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(20 * time.Millisecond) // let them queue
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return db.WithContext(ctx).Exec("SELECT n FROM counters").Error
	})
	if err != nil {
		t.Error("a reader waited for writers:", err)
	}
	wg.Wait()
}

func TestReadTxSeesOneState(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		err := database.ReadTx(t.Context(), db, func(tx *gorm.DB) error {
			before := read(t, tx, 1)
			if err := database.InTx(t.Context(), db, func(tx *gorm.DB) error { return add(tx, 1) }); err != nil {
				t.Errorf("a reader keeps a writer out: %v", err)
			}
			if read(t, db, 1) != before+1 {
				t.Error("the write is not there")
			}
			if got := read(t, tx, 1); got != before {
				t.Errorf("the snapshot moved from %d to %d", before, got)
			}
			return database.ReadTx(t.Context(), tx, func(tx *gorm.DB) error {
				if got := read(t, tx, 1); got != before {
					t.Errorf("the inner snapshot moved from %d to %d", before, got)
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A read must not take the write lock, and must leave connections writable,
// even when its context ends in the middle.
func TestReadTxBesideAWriter(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			if err := add(tx, 1); err != nil {
				return err
			}
			return database.ReadTx(t.Context(), db, func(tx *gorm.DB) error {
				if n := read(t, tx, 1); n != 0 {
					t.Errorf("a reader sees %d that was not committed", n)
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			_ = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
				cancel()
				return tx.Exec("SELECT 1").Error
			})
		}
		for range 20 {
			if err := add(db, 1); err != nil {
				t.Fatal("a connection stayed read-only:", err)
			}
		}
	})
}

func TestInTxInsideReadTx(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		err := database.ReadTx(t.Context(), db, func(tx *gorm.DB) error {
			return database.InTx(t.Context(), tx, func(*gorm.DB) error { return nil })
		})
		if err == nil {
			t.Error("a snapshot was written to")
		}
	})
}

func TestInTxDropsChainedConditions(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		chained := db.Table("counters").Where("id = ?", 1)
		err := database.InTx(t.Context(), chained, func(tx *gorm.DB) error {
			var n int64
			if err := tx.Table("counters").Count(&n).Error; err != nil || n != 2 {
				t.Errorf("%d rows, %v: the caller's condition leaked in", n, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
