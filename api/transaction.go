package api

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

func within(ctx context.Context, t *transaction) context.Context {
	return context.WithValue(ctx, transactionKey{}, t)
}

// db is the handle of a request: its transaction where it has one.
func (s *Server) db(ctx context.Context) *gorm.DB {
	if t, ok := ctx.Value(transactionKey{}).(*transaction); ok {
		return t.tx
	}
	return s.DB
}

// afterwards does what must see the change of the request committed: at once
// where no transaction is open any more, never after a rollback. A memory that
// forgot before the commit would fill again with what was true before.
func (s *Server) afterwards(ctx context.Context, do func()) {
	if t, ok := ctx.Value(transactionKey{}).(*transaction); ok {
		t.after = append(t.after, do)
		return
	}
	do()
}
