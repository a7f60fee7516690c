package apitest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	Method string

	t  testing.TB
	of string // the request, for messages
}

// Want stops the test unless the answer has the status.
func (a *Answer) Want(status int) *Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s: status %d, want %d: %s", a.of, a.Status, status, a.Body)
	}
	return a
}

// Version is the version in the tag of the answer; 0 where it has none.
func (a *Answer) Version() int64 {
	digits, _, _ := strings.Cut(strings.Trim(a.ETag(), `"`), ".")
	version, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return version
}

// ETag is the tag of the answer.
func (a *Answer) ETag() string { return a.Header.Get("ETag") }

// Into decodes the body.
func (a *Answer) Into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.of, err, a.Body)
	}
}

// Decode is the body of an answer with the status as a T.
func Decode[T any](a *Answer, status int) T {
	a.t.Helper()
	var v T
	a.Want(status).Into(&v)
	return v
}

// Problem is a failure as a client reads it (RFC 9457).
type Problem struct {
	Status int
	Title  string
	Detail string
	Code   string
	Errors []struct{ Pointer, Code, Message string }
	Locked *struct {
		By, Reason string
		At         time.Time
		CanLift    string `json:"can_lift"`
	}
}

// Problem is the failure that the answer is; it must have the status.
func (a *Answer) Problem(status int) Problem {
	a.t.Helper()
	p := Decode[Problem](a, status)
	if p.Status != status || p.Code == "" {
		a.t.Fatalf("%s: not a problem of status %d: %s", a.of, status, a.Body)
	}
	return p
}
