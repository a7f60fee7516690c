// Package audit writes the trail of every change, in the transaction of the
// change: a change without its record, or the other way round, cannot be stored.
// The records of a town form a chain of hashes, and those of the installation
// another one, so that Verify finds whatever was changed, removed or added past the
// triggers of the database.
package audit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Actor is who acts, as the trail stores it.
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

// ActorOf returns the actor of the context, or "system" where none was set.
func ActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok && a.Name != "" {
		return a
	}
	return Actor{Name: "system", Role: "system"}
}

// Record is one change: who did what to which subject, and the values before
// and after.
type Record struct {
	TownID string `gorm:"primaryKey" json:"-"`
	ID     string `gorm:"primaryKey" json:"id" format:"uuid"`
	// place in the chain: 1, 2, 3 …; 0 and less are older than the chain
	Sequence   int64     `json:"sequence" example:"42"`
	At         time.Time `json:"at"`
	Actor      string    `json:"actor" example:"group-1"`
	Role       string    `json:"role" example:"leading_group"`
	Credential string    `json:"credential,omitempty" example:"bw_3f9ac1d2"` // which key or account was used
	Action     string    `json:"action" example:"branch.rename"`
	Subject    string    `json:"subject" example:"branches/b07"`
	// values are only there for callers who may read the subject now
	Before Values `json:"before,omitempty" swaggertype:"object"`
	After  Values `json:"after,omitempty" swaggertype:"object"`
	Salt   string `json:"-"` // random; what is stored is never shown
	// hashed before the values, so that who may not read them cannot try them out; there with them only
	ValuesSalt string `gorm:"-" json:"salt,omitempty"`
	// SHA-256 of the salt and the values; what the chain is made of
	BeforeDigest string `gorm:"-" json:"before_digest,omitempty"`
	AfterDigest  string `gorm:"-" json:"after_digest,omitempty"`
	Reason       string `json:"reason,omitempty"`
	RequestID    string `json:"request_id,omitempty"`
	Rows         string `json:"rows,omitempty"` // SHA-256 of the row records of the change; see docs/audit.md
	Hash         string `json:"hash"`           // of this record and the one before it; see docs/audit.md
} // @name AuditRecord

// TableName returns the name of the table.
func (Record) TableName() string { return "audit_records" }

var recordNoun = text.Text{ZH: "审计记录", EN: "audit record"}

// Change is what a caller passes to Write; nil values are not stored.
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
func Write(ctx context.Context, tx *gorm.DB, c Change) (err error) {
	defer fault.Wrap(&err, "audit record of %s", c.Action)
	r, err := newRecord(ctx, tx, c)
	if err != nil {
		return err
	}
	return database.AtEnd(tx, r, appendAll)
}

// newRecord returns the record of a change that the actor of ctx makes now.
func newRecord(ctx context.Context, tx *gorm.DB, c Change) (r Record, err error) {
	before, err := valuesOf(c.Before)
	if err != nil {
		return r, err
	}
	after, err := valuesOf(c.After)
	if err != nil {
		return r, err
	}
	actor := ActorOf(ctx)
	return Record{
		TownID: c.Town, ID: database.NewID(), At: tx.NowFunc().UTC().Truncate(time.Microsecond), // as both databases store it
		Actor: actor.Name, Role: actor.Role, Credential: actor.Credential, RequestID: actor.RequestID,
		Action: c.Action, Subject: c.Subject, Before: before, After: after, Salt: newSalt(), Reason: c.Reason,
	}, nil
}

func newSalt() string {
	salt := make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // it never fails
	return hex.EncodeToString(salt)
}

// salted reports whether the record holds a digest that a salt belongs to.
func (r Record) salted() bool { return r.Before != "" || r.After != "" || r.Rows != "" }

// valuesSalt returns the salt of the values before and after. It is not the stored one, by
// which the row records of a whole transaction are salted: who may read the values of one
// record may not read all of those. A record without a salt has none here either.
func (r Record) valuesSalt() string {
	if r.Salt == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("values:" + r.Salt))
	return hex.EncodeToString(sum[:])
}

// Filter narrows a list; zero fields do not.
type Filter struct {
	Actor, Action string
	Subject       string // beginning of the subject
	RequestID     string
	Credential    string    // key or account
	From          time.Time // included
	Until         time.Time // not included
	Before        *int64    // only records with a smaller sequence
	Limit         int
}

// List returns the records of the town, of the installation where townID is empty,
// the newest first.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) (_ []Record, err error) {
	defer fault.Wrap(&err, "audit trail of %q", townID)
	q := db.WithContext(ctx).Where("town_id = ?", townID)
	q = database.Only(q, "actor", f.Actor, "action", f.Action, "request_id", f.RequestID, "credential", f.Credential)
	if f.Subject != "" {
		q = q.Where("subject >= ? AND subject < ?", f.Subject, f.Subject+"\U0010FFFF") // LIKE ignores case on SQLite
	}
	if !f.From.IsZero() {
		q = q.Where("at >= ?", f.From.UTC())
	}
	if !f.Until.IsZero() {
		q = q.Where("at < ?", f.Until.UTC())
	}
	if f.Before != nil {
		q = q.Where("sequence < ?", *f.Before)
	}
	var records []Record
	return records, q.Order("sequence DESC").Limit(f.Limit).Find(&records).Error
}

// Recorded returns the records of the town with one of the actions and a subject that
// begins so, from a time on, in the order of their making. Those of the transaction that
// tx is in are among them, which are stored at its end.
func Recorded(
	ctx context.Context, tx *gorm.DB, townID string, actions []string, subject string, since time.Time,
) (_ []Record, err error) {
	defer fault.Wrap(&err, "audit trail of %q", townID)
	var records []Record
	err = tx.WithContext(ctx).
		Where("town_id = ? AND action IN ? AND subject >= ? AND subject < ? AND at >= ?",
			townID, actions, subject, subject+"\U0010FFFF", since).
		Order("sequence").Find(&records).Error
	for _, r := range database.Waiting[Record](tx) {
		if r.TownID == townID && slices.Contains(actions, r.Action) && strings.HasPrefix(r.Subject, subject) &&
			!r.At.Before(since) {
			records = append(records, r)
		}
	}
	return records, err
}

// Find returns one record by its place in the chain.
func Find(ctx context.Context, db *gorm.DB, townID string, sequence int64) (_ Record, err error) {
	defer fault.Wrap(&err, "audit record %d", sequence)
	return database.Take[Record](db.WithContext(ctx).Where("town_id = ? AND sequence = ?", townID, sequence),
		recordNoun, strconv.FormatInt(sequence, 10))
}

// Values is a JSON object as text in RFC 8785 form, which everyone who has the
// object can write again, byte for byte; empty = none.
type Values string

// Digest returns the SHA-256 of the salt and the text in hexadecimal digits; empty for none.
func (v Values) Digest(salt string) string {
	if v == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(salt + string(v)))
	return hex.EncodeToString(sum[:])
}

// Shown returns the record with its digests, and with its values and their salt where they
// may be read.
func (r Record) Shown(readable bool) Record {
	salt := r.valuesSalt()
	r.BeforeDigest, r.AfterDigest = r.Before.Digest(salt), r.After.Digest(salt)
	if !readable {
		r.Before, r.After = "", ""
	} else if r.Before != "" || r.After != "" {
		r.ValuesSalt = salt
	}
	return r
}

// MarshalJSON writes the object itself, not a text of it.
func (v Values) MarshalJSON() ([]byte, error) {
	if v == "" {
		return []byte("null"), nil
	}
	return []byte(v), nil
}

// UnmarshalJSON reads an object.
func (v *Values) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = ""
		return nil
	}
	object := jsontext.Value(b).Clone()
	err := object.Canonicalize()
	*v = Values(object)
	return err
}

// valuesOf returns v as the trail stores it. What is no object becomes one with the
// member "value".
func valuesOf(v any) (Values, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("audit value: %w", err)
	}
	object := jsontext.Value(b)
	if object.Kind() != '{' {
		object = jsontext.Value(`{"value":` + string(b) + `}`)
	}
	if err := object.Canonicalize(); err != nil {
		return "", fmt.Errorf("audit value: %w", err)
	}
	return Values(object), nil
}
