// Package fault holds the few kinds of error that the service distinguishes. An
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

// Kind is what went wrong from the caller's point of view.
type Kind int

// The kinds; package api maps each to one HTTP status.
const (
	KindInternal             Kind = iota // ours, opaque to the caller
	KindMalformed                        // the request cannot be read
	KindInvalid                          // readable, but breaks a rule
	KindUnauthenticated                  // no or unknown credentials
	KindForbidden                        // known caller, not allowed
	KindNotFound                         // absent, or not for this caller to know
	KindConflict                         // clashes with what is stored
	KindStale                            // If-Match names an old version
	KindPreconditionRequired             // If-Match is missing
	KindLocked                           // frozen by someone; Lock says by whom
	KindTooLarge                         // body or page over the limit
	KindTooManyRequests                  // rate limit; RetryAfter says how long
	KindUnavailable                      // try again later
)

// Error is a fault with a public message in both languages and a private cause.
type Error struct {
	Kind       Kind
	Code       string // stable, snake_case, for programs
	Message    text.Text
	Fields     []FieldError  // what is wrong where, all faults at once
	Lock       *Lock         // with Locked, and with a Conflict that someone else can lift
	RetryAfter time.Duration // with TooManyRequests and Unavailable
	cause      error
}

// FieldError is one fault inside a request or document.
type FieldError struct {
	Pointer string    `json:"pointer"` // RFC 6901, or "query/NAME", "row/N/COLUMN" outside JSON
	Code    string    `json:"code"`
	Message text.Text `json:"message"`
}

// Lock is who froze a thing, when and why, and who can lift it. In the refusal of an old
// version it is who made the newer one.
type Lock struct {
	By     string    `json:"by"`
	Role   string    `json:"-"` // of By, shown in its place to who may not read people; empty where everybody may know By
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
	// by which the newer version was made, where an old one was sent
	Verb    string `json:"verb,omitempty" example:"approve"`
	CanLift string `json:"can_lift"` // a role, or Nobody
} // @name LockReason

// Nobody is CanLift of what only time changes, or nothing does.
const Nobody = "nobody"

// New returns a fault of the kind. The constructors of the kinds, which take their
// words in both languages, are the usual way.
func New(kind Kind, code string, message text.Text) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Malformed returns a fault about a request that cannot be read.
func Malformed(code, zh, en string, args ...any) *Error {
	return New(KindMalformed, code, text.F(zh, en, args...))
}

// Invalid returns a fault about a request that breaks a rule as a whole; Broken is for its fields.
func Invalid(code, zh, en string, args ...any) *Error {
	return New(KindInvalid, code, text.F(zh, en, args...))
}

// Unauthenticated returns a fault about credentials that are missing or unknown.
func Unauthenticated(code, zh, en string, args ...any) *Error {
	return New(KindUnauthenticated, code, text.F(zh, en, args...))
}

// Forbidden returns a fault about what the caller may not do.
func Forbidden(code, zh, en string, args ...any) *Error {
	return New(KindForbidden, code, text.F(zh, en, args...))
}

// NotFound returns a fault about what is absent, or not for this caller to know.
func NotFound(code, zh, en string, args ...any) *Error {
	return New(KindNotFound, code, text.F(zh, en, args...))
}

// Conflict returns a fault about what clashes with what is stored.
func Conflict(code, zh, en string, args ...any) *Error {
	return New(KindConflict, code, text.F(zh, en, args...))
}

// PreconditionRequired returns a fault about a change without If-Match.
func PreconditionRequired(code, zh, en string, args ...any) *Error {
	return New(KindPreconditionRequired, code, text.F(zh, en, args...))
}

// Locked returns a fault about what someone froze; Held adds who.
func Locked(code, zh, en string, args ...any) *Error {
	return New(KindLocked, code, text.F(zh, en, args...))
}

// TooLarge returns a fault about a body or page over the limit.
func TooLarge(code, zh, en string, args ...any) *Error {
	return New(KindTooLarge, code, text.F(zh, en, args...))
}

// TooManyRequests returns a fault about a caller who sends too many requests.
func TooManyRequests(code, zh, en string, args ...any) *Error {
	return New(KindTooManyRequests, code, text.F(zh, en, args...))
}

// Unavailable returns a fault about what may succeed later.
func Unavailable(code, zh, en string, args ...any) *Error {
	return New(KindUnavailable, code, text.F(zh, en, args...))
}

// Because sets the private cause, for the log, and returns e.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// Held sets who brought about the reason of the refusal, and returns e.
func (e *Error) Held(by Lock) *Error {
	e.Lock = &by
	return e
}

// With adds faults at places and returns e.
func (e *Error) With(fields ...FieldError) *Error {
	e.Fields = append(e.Fields, fields...)
	return e
}

// Escape returns the name as it stands in a JSON pointer (RFC 6901).
func Escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// Below returns what is wrong as fields of a larger request, in which the thing stands at the
// pointer: the fields of e, or e itself where it has none.
func (e *Error) Below(pointer string) []FieldError {
	if len(e.Fields) == 0 {
		return []FieldError{{pointer, e.Code, e.Message}}
	}
	list := make([]FieldError, len(e.Fields))
	for i, f := range e.Fields {
		list[i] = FieldError{pointer + f.Pointer, f.Code, f.Message}
	}
	return list
}

// Error returns the English message with the faults of places and the cause behind
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

// Unwrap returns the private cause, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.cause }

// Refusal returns the fault that err is, and false where it is none or one of the service itself, which
// has failed or cannot be reached now: nobody is refused by that.
func Refusal(err error) (e *Error, ok bool) {
	ok = errors.As(err, &e) && e.Kind != KindUnavailable && e.Kind != KindInternal
	return e, ok
}

// Is reports whether err is a fault of the kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// Wrap adds the place where an error came from, for the log of a defect: deferred in a
// function whose named result it points to, it writes the place before the error and
// keeps what errors.Is and errors.As find. A refusal, which is a
// *Error and written for the caller, stays as it is.
func Wrap(err *error, format string, args ...any) {
	var refusal *Error
	if *err == nil || errors.As(*err, &refusal) {
		return
	}
	*err = fmt.Errorf(format+": %w", append(args, *err)...)
}

// Missing returns the refusal both of a thing that does not exist and of one that the
// caller may not know of, so that nobody can distinguish them.
func Missing(noun text.Text, code string) *Error {
	return NotFound("not_found", "没有找到%s“%s”", "no %s %q here", noun, code)
}

// Broken returns the fault of fields that are invalid.
func Broken(fields ...FieldError) *Error {
	if len(fields) == 0 {
		return Invalid("invalid", "内容不符合要求", "the content is invalid")
	}
	en := "%d fields are invalid: see errors"
	if len(fields) == 1 {
		en = "%d field is invalid: see errors"
	}
	return Invalid("invalid", "有 %d 处不符合要求，请逐条修改", en, len(fields)).With(fields...)
}

// OutOfDate returns the refusal to change a version that is not the newest.
func OutOfDate() *Error {
	return New(KindStale, "stale_version", text.F(
		"内容已被他人修改：请重新读取后再提交", "someone changed this since you read it: read it again, then send your change"))
}

// Field returns the fault of one field. The pointer is RFC 6901, or "query/NAME",
// "row/N/COLUMN" outside JSON.
func Field(pointer, code, zh, en string, args ...any) FieldError {
	return At(pointer, code, text.F(zh, en, args...))
}

// At returns the fault of one field from words that are at hand.
func At(pointer, code string, message text.Text) FieldError {
	return FieldError{Pointer: pointer, Code: code, Message: message}
}

// MissingAt returns NotFound, of a thing that a field names, as a fault of that
// field; other errors stay.
func MissingAt(err error, at, code string, message text.Text) error {
	if !Is(err, KindNotFound) {
		return err
	}
	return Broken(At(at, code, message))
}

// Below returns the fault with the places of its fields below a pointer, as those of a part of a
// larger document; other errors stay.
func Below(err error, pointer string) error {
	var e *Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	below := *e
	below.Fields = make([]FieldError, len(e.Fields))
	for i, f := range e.Fields {
		if f.Pointer == "" || f.Pointer[0] == '/' { // other places are no part of the document
			f.Pointer = pointer + f.Pointer
		}
		below.Fields[i] = f
	}
	return &below
}

// BadCode returns the fault of a code that text.IsCode refuses.
func BadCode(pointer string) FieldError {
	return Field(pointer, "bad_code",
		"代码须为 1–64 个字母、数字、点、横线或下划线，并以字母或数字开头",
		"a code is 1–64 letters, digits, dots, dashes or underscores and starts with a letter or digit")
}

// Unprintable returns the fault of a text in which text.Hidden finds a character, and false
// where it finds none.
func Unprintable(pointer, s string, multiline bool) (FieldError, bool) {
	remedy, found := text.Hidden(s, multiline)
	return At(pointer, "unprintable", remedy), found
}

// Differs returns the fault of a column whose value is not the published one. Its pointer is TABLE/KEY/COLUMN;
// an empty column means the whole row.
func Differs(table, key, column, published, now string) FieldError {
	at := table + "/" + key
	if column != "" {
		at += "/" + column
	}
	return Field(at, "differs", "公布时为“%s”，数据库中现为“%s”", "published as %q, and %q in the database now", published, now)
}

// PublishedDataDiffers returns the refusal to amend what was published while the
// database differs from it, with every place.
func PublishedDataDiffers(places ...FieldError) *Error {
	return Conflict("published_data_differs",
		"数据库中有 %d 处与公布时的数据不符，未作任何更正：请逐条查明原因",
		"the database differs from what was published in %d places, so nothing was amended: find out why, see errors",
		len(places)).With(places...)
}
