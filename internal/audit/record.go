// Package audit writes the trail of every change, in the transaction of the
// change: a change without its record, or the other way round, cannot be stored.
// The records of a town form a chain of hashes, and those of the installation
// another one, so that whoever gets past the database's own guards and changes,
// removes or adds one is found out by Verify.
package audit

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/text"
)

// Actor is who acts, as the trail keeps it.
type Actor struct {
	Name       string // person, or the credential where no person stands behind it
	Role       string
	Credential string // prefix of the key, or name of the account; empty within the program
	RequestID  string
}

type actorKey struct{}

// As returns a context whose changes are recorded under the actor.
func As(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf is the actor of the context, or "system" where none was set.
func ActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok && a.Name != "" {
		return a
	}
	return Actor{Name: "system", Role: "system"}
}

// Record is one change: who did what to which subject, and the values before
// and after.
type Record struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	ID         string    `gorm:"primaryKey" json:"id" format:"uuid"`
	Sequence   int64     `json:"sequence" example:"42"` // place in the chain: 1, 2, 3 …; 0 and less are older than the chain
	At         time.Time `json:"at"`
	Actor      string    `json:"actor" example:"group-1"`
	Role       string    `json:"role" example:"leading_group"`
	Credential string    `json:"credential,omitempty" example:"bw_3f9ac1d2"` // which key or account was used
	Action     string    `json:"action" example:"branch.rename"`
	Subject    string    `json:"subject" example:"branches/b07"`
	Before     Values    `json:"before,omitempty" swaggertype:"object"`
	After      Values    `json:"after,omitempty" swaggertype:"object"`
	Reason     string    `json:"reason,omitempty"`
	RequestID  string    `json:"request_id,omitempty"`
	Hash       string    `json:"hash"` // of this record and the one before it; see docs/audit.md
} // @name AuditRecord

// TableName keeps the table apart from other records.
func (Record) TableName() string { return "audit_records" }

var recordNoun = text.Text{ZH: "审计记录", EN: "audit record"}

// Change is what a caller of Write knows of it; nil values leave no trace.
type Change struct {
	Town    string // empty = the installation
	Action  string // noun.verb
	Subject string // path below the town
	Before  any
	After   any
	Reason  string
}

// Write records the change in tx, which must be the transaction that makes it.
// The record is stored as the last step of that transaction: see database.AtEnd.
func Write(ctx context.Context, tx *gorm.DB, c Change) error {
	before, err := valuesOf(c.Before)
	if err != nil {
		return err
	}
	after, err := valuesOf(c.After)
	if err != nil {
		return err
	}
	actor := ActorOf(ctx)
	return database.AtEnd(tx, Record{
		TownID: c.Town, ID: database.NewID(), At: tx.NowFunc().UTC().Truncate(time.Microsecond), // as both databases store it
		Actor: actor.Name, Role: actor.Role, Credential: actor.Credential, RequestID: actor.RequestID,
		Action: c.Action, Subject: c.Subject, Before: before, After: after, Reason: c.Reason,
	}, appendAll)
}
