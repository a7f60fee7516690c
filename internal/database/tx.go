package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"
)

const (
	maxAttempts = 10               // of one transaction
	retryFor    = 10 * time.Second // no new attempt after this time
	maxPause    = 200 * time.Millisecond
)

var errWriteInRead = errors.New("database: InTx inside ReadTx: a snapshot cannot be written to")

// transaction is gorm's connection inside InTx and ReadTx.
type transaction struct {
	*sql.Tx
	readOnly bool
	doomed   error // a joined InTx failed: the whole must not be committed
	last     []last
	touched  map[string]*touched // by table: see TakeChanges
}

// InTx runs fn in one transaction: committed when fn returns nil, rolled back
// when it returns an error or panics. fn must use tx alone, because the outer
// handle would wait for fn's own lock on SQLite and escape the transaction on
// PostgreSQL; and it may run again, from the start, when the transaction lost
// against another one (serialization failure, deadlock, SQLITE_BUSY), so it
// must not change anything else. Attempts are bounded in number and time and
// end with ctx; after the last one the fault is Unavailable.
//
// If db is a transaction already, fn joins it; where such a joined fn fails,
// the outer transaction is rolled back even if its fn ignores the error.
//
// PostgreSQL runs at READ COMMITTED: unique keys and updates conditional on the
// version (UpdateVersioned) keep writers apart without the retries that stricter
// levels cost; a fn that needs one begins with SET TRANSACTION ISOLATION LEVEL.
// On SQLite one writes at a time and the others queue here, in order, so that
// they keep neither the file busy nor connections from readers.
func InTx(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	if outer, ok := db.Statement.ConnPool.(*transaction); ok {
		return outer.join(ctx, db, fn)
	}
	return repeat(ctx, func() error { return write(ctx, db, fn) })
}

// Do runs fn as Rehearse does where it is a dry run, and otherwise as InTx does.
func Do(ctx context.Context, db *gorm.DB, dryRun bool, fn func(tx *gorm.DB) error) error {
	if dryRun {
		return Rehearse(ctx, db, fn)
	}
	return InTx(ctx, db, fn)
}

// Rehearse runs fn as InTx does and takes back all that it wrote, whether it fails or not;
// what waits for the end of the transaction is not done. Inside a transaction it leaves
// that one as it was.
func Rehearse(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	return InTx(ctx, db, func(tx *gorm.DB) error {
		outer := tx.Statement.ConnPool.(*transaction)
		if _, err := outer.ExecContext(ctx, "SAVEPOINT rehearsal"); err != nil {
			return err
		}
		inner := &transaction{Tx: outer.Tx}
		failed := fn(session(ctx, tx, inner))
		for _, back := range []string{"ROLLBACK TO SAVEPOINT rehearsal", "RELEASE SAVEPOINT rehearsal"} {
			if _, err := outer.ExecContext(context.WithoutCancel(ctx), back); err != nil {
				return errors.Join(failed, err)
			}
		}
		return failed
	})
}

// ReadTx runs fn on one unchanging state of the database, the one at fn's first
// statement, however long it reads and whatever others commit. Writing in fn is
// an error on both databases. Inside a transaction fn joins that one, which on
// PostgreSQL sees what others commit meanwhile unless it is a ReadTx too.
func ReadTx(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	if Joined(db) {
		return fn(db.WithContext(ctx))
	}
	return repeat(ctx, func() error { return read(ctx, db, fn) })
}

// Joined reports whether db is inside InTx or ReadTx.
func Joined(db *gorm.DB) bool {
	_, ok := db.Statement.ConnPool.(*transaction)
	return ok
}

func (t *transaction) join(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	if t.readOnly {
		return errWriteInRead
	}
	err := fn(session(ctx, db, t))
	if err != nil && t.doomed == nil {
		t.doomed = err
	}
	return err
}

func write(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) (err error) {
	h := handleOf(db)
	defer func() {
		if isFull(err) {
			h.full.Store(time.Now().UnixNano())
		}
	}()
	if Dialect(db) == SQLite {
		if err := h.queue(ctx); err != nil {
			return err
		}
		defer func() { <-h.writer }()
	}
	tx, err := h.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing is left to roll back after a commit
	t := &transaction{Tx: tx}
	if err := fn(session(ctx, db, t)); err != nil {
		return err
	}
	if t.doomed != nil {
		return fmt.Errorf("rolled back, because a part of the transaction failed: %w", t.doomed)
	}
	if err := t.finish(session(ctx, db, t)); err != nil {
		return err
	}
	return tx.Commit()
}

// queue waits for this process's turn to write, as long as PostgreSQL would wait for a
// lock: whatever waits longer may be waiting for its own transaction.
func (h *handle) queue(ctx context.Context) error {
	patience := time.NewTimer(h.lockTimeout)
	defer patience.Stop()
	select {
	case h.writer <- struct{}{}:
		return nil
	case <-patience.C:
		return meaning(busy, fmt.Errorf("waited %v for the transactions before this one", h.lockTimeout))
	case <-ctx.Done():
		return ctx.Err()
	}
}

func read(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) (err error) {
	conn, err := handleOf(db).pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	options := sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if Dialect(db) == SQLite {
		// ReadOnly alone makes the driver begin deferred, so that it takes no
		// write lock, but would not refuse a write.
		options.Isolation = sql.LevelDefault
		if _, err := conn.ExecContext(ctx, "PRAGMA query_only = 1"); err != nil {
			return err
		}
		if !handleOf(db).queryOnly {
			defer writable(ctx, conn)
		}
	}
	tx, err := conn.BeginTx(ctx, &options)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // a read leaves nothing behind
	return fn(session(ctx, db, &transaction{Tx: tx, readOnly: true}))
}

// writable allows conn to write again, or takes it out of the pool.
func writable(ctx context.Context, conn *sql.Conn) {
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only = 0"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // its one effect: the pool drops conn
	}
}

// session is db on the transaction, without conditions that a caller chained.
func session(ctx context.Context, db *gorm.DB, t *transaction) *gorm.DB {
	tx := db.Session(&gorm.Session{NewDB: true, Context: ctx})
	tx.Statement.ConnPool = t
	return tx
}

// repeat runs once until it succeeds or fails for another reason than a
// conflict with another transaction.
func repeat(ctx context.Context, once func() error) error {
	begin := time.Now()
	for attempt := 1; ; attempt++ {
		err := once()
		if ended := ctx.Err(); ended != nil && errors.Is(err, sql.ErrTxDone) {
			err = ended // database/sql rolled back when ctx ended, and only says that it is over
		}
		if !conflicting(err) || attempt == maxAttempts || time.Since(begin) > retryFor {
			return Translate(err)
		}
		// Full jitter: two that collided must not collide again in step.
		pause := min(maxPause, time.Millisecond<<attempt)
		select {
		case <-time.After(rand.N(pause)): //nolint:gosec // no secret depends on it
		case <-ctx.Done():
			return Translate(ctx.Err())
		}
	}
}

var errNoTransaction = errors.New("database: AtEnd outside InTx")

// last is what a transaction does before its commit.
type last interface{ run(tx *gorm.DB) error }

type batch[T any] struct {
	items []T
	do    func(tx *gorm.DB, items []T) error
}

func (b *batch[T]) run(tx *gorm.DB) error { return b.do(tx, b.items) }

// AtEnd has do called once, with all items of the type in the order in which
// they came, as the last step of the transaction that tx is in. A lock that many
// transactions need is best taken there: it is held for the shortest time, and whoever
// holds it waits for nothing more, so that there is no deadlock. An error of do rolls the
// transaction back.
func AtEnd[T any](tx *gorm.DB, item T, do func(tx *gorm.DB, items []T) error) error {
	t, ok := tx.Statement.ConnPool.(*transaction)
	switch {
	case !ok:
		return errNoTransaction
	case t.readOnly:
		return errWriteInRead
	}
	for _, l := range t.last {
		if b, ok := l.(*batch[T]); ok {
			b.items = append(b.items, item)
			return nil
		}
	}
	t.last = append(t.last, &batch[T]{[]T{item}, do})
	return nil
}

// Waiting returns the items of the type that AtEnd has taken so far in the transaction
// that tx is in.
func Waiting[T any](tx *gorm.DB) []T {
	if t, ok := tx.Statement.ConnPool.(*transaction); ok {
		for _, l := range t.last {
			if b, ok := l.(*batch[T]); ok {
				return b.items
			}
		}
	}
	return nil
}

// finish does what was left for the end. What that leaves in turn is done too, and then
// what was changed is kept.
func (t *transaction) finish(tx *gorm.DB) error {
	for i := 0; i < len(t.last); i++ {
		if err := t.last[i].run(tx); err != nil {
			return err
		}
	}
	if len(t.touched) > 0 && keepRows != nil {
		return keepRows(tx)
	}
	return nil
}
