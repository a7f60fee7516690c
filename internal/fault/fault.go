// Package fault holds the few kinds of error that the service tells apart. An
// error that is not a *Error is a defect: callers get an opaque answer and the
// log gets the rest.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"bulwark/internal/text"
)

// Kind says what went wrong from the caller's point of view.
type Kind int

// The kinds; package api maps each to one HTTP status.
const (
	Internal             Kind = iota // ours, opaque to the caller
	Malformed                        // the request cannot be read
	Invalid                          // readable, but breaks a rule
	Unauthenticated                  // no or unknown credentials
	Forbidden                        // known caller, not allowed
	NotFound                         // absent, or not for this caller to know
	Conflict                         // clashes with what is stored
	Stale                            // If-Match names an old version
	PreconditionRequired             // If-Match is missing
	Locked                           // frozen by someone; Lock says by whom
	TooLarge                         // body or page over the limit
	TooManyRequests                  // rate limit; RetryAfter says how long
	Unavailable                      // try again later
)

// Error is a fault with a public message in both languages and a private cause.
type Error struct {
	Kind       Kind
	Code       string // stable, snake_case, for programs
	Message    text.Text
	Fields     []Field       // what is wrong where, all faults at once
	Lock       *Lock         // with Locked, and with a Conflict that someone else can lift
	RetryAfter time.Duration // with TooManyRequests and Unavailable
	cause      error
}

// Field is one fault inside a request or document.
type Field struct {
	Pointer string    `json:"pointer"` // RFC 6901, or "query/NAME", "row/N/COLUMN" outside JSON
	Code    string    `json:"code"`
	Message text.Text `json:"message"`
}

// Lock says who froze a thing, when and why, and who can lift it.
type Lock struct {
	By      string    `json:"by"`
	Role    string    `json:"-"` // under which By acted: told instead to who may not read people; empty where whoever meets the lock knows By
	At      time.Time `json:"at"`
	Reason  string    `json:"reason,omitempty"`
	CanLift string    `json:"can_lift"` // a role, or Nobody
}

// Nobody can lift what only time changes, or nothing does.
const Nobody = "nobody"

// New makes a fault of the kind.
func New(kind Kind, code string, message text.Text) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Because keeps the private cause for the log and returns e.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// Held says who brought about what stands in the way, and returns e.
func (e *Error) Held(by Lock) *Error {
	e.Lock = &by
	return e
}

// With adds faults at places and returns e.
func (e *Error) With(fields ...Field) *Error {
	e.Fields = append(e.Fields, fields...)
	return e
}

// Error is the English message with the faults of places and the cause behind
// it, for logs and terminals.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message.String())
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s (%s)", f.Pointer, f.Message, f.Code)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	return b.String()
}

// Unwrap gives the private cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether err is a fault of the kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}
