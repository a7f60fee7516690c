package rest

import (
	"context"

	"gorm.io/gorm"
)

// transaction is the one in which a request is worked on, and what waits for its
// commit.
type transaction struct {
	tx    *gorm.DB
	after []func()
}

type transactionKey struct{}

// WithTx returns a context in which a request is worked on inside tx.
func WithTx(ctx context.Context, tx *gorm.DB) context.Context {
	return within(ctx, &transaction{tx: tx})
}

func within(ctx context.Context, t *transaction) context.Context {
	return context.WithValue(ctx, transactionKey{}, t)
}

// Tx returns the transaction of a request, or db where it has none.
func Tx(ctx context.Context, db *gorm.DB) *gorm.DB {
	if t, ok := ctx.Value(transactionKey{}).(*transaction); ok {
		return t.tx
	}
	return db
}

// AfterCommit does what must see the change of the request committed: at once
// where no transaction is open any more, never after a rollback. A cache that
// was emptied before the commit would fill again with what was true before.
func AfterCommit(ctx context.Context, do func()) {
	if t, ok := ctx.Value(transactionKey{}).(*transaction); ok {
		t.after = append(t.after, do)
		return
	}
	do()
}
