package workflow

import (
	"errors"
	"slices"
	"testing"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/fault"
)

type state string

const (
	draft state = "draft"
	sent  state = "sent"
)

// day is a stand that bars what has to happen before its end.
type day struct{ over bool }

type before bool

func (d day) Bar(when before) error {
	if bool(when) && d.over {
		return fault.Locked("too_late", "已过期", "too late")
	}
	return nil
}

func (day) Lock() fault.Lock {
	return fault.Lock{By: "group-1", At: time.Unix(0, 0), Reason: "was sent", CanLift: "nobody"}
}

var letters = Machine[state, before]{
	{Verb: "write", From: []state{draft}, Action: access.WriteSheets, When: true},
	{Verb: "send", From: []state{draft}, To: sent, Action: access.WriteSheets, When: true},
	{Verb: "return", From: []state{sent}, To: draft, Action: access.DecideSheets, Reason: true},
}

func TestMoves(t *testing.T) {
	mentor := access.Principal{Towns: []string{"demo"}, Person: "m", Role: access.Mentor}
	group := access.Principal{Towns: []string{"demo"}, Person: "g", Role: access.LeadingGroup}
	for _, c := range []struct {
		name     string
		caller   access.Principal
		from, to state
		at       day
		reason   string
		code     string
	}{
		{"in time", mentor, draft, sent, day{}, "", ""},
		{"too late", mentor, draft, sent, day{over: true}, "", "too_late"},
		{"another's", mentor, sent, draft, day{}, "x", "not_allowed"},
		{"without a reason", group, sent, draft, day{}, "", "reason_needed"},
		{"with a reason, at any time", group, sent, draft, day{over: true}, "x", ""},
		{"to where it stands", group, sent, sent, day{}, "x", "no_such_transition"},
		{"to nowhere", group, draft, "", day{}, "x", "no_such_transition"},
	} {
		_, err := letters.Find(c.caller, c.from, c.to, c.at, c.reason)
		var e *fault.Error
		switch {
		case c.code == "" && err == nil:
		case !errors.As(err, &e) || e.Code != c.code && (len(e.Fields) != 1 || e.Fields[0].Code != c.code):
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		case c.code == "no_such_transition" && (e.Lock == nil || *e.Lock != c.at.Lock()):
			t.Errorf("%s: lock %+v", c.name, e.Lock)
		}
		if shown := len(letters.Allowed(c.caller, c.from, c.at)) > 0; shown != (c.code == "" || c.code == "reason_needed" || c.to == c.from || c.to == "") {
			t.Errorf("%s: allowed %v", c.name, letters.Allowed(c.caller, c.from, c.at))
		}
	}
	if got := letters.Allowed(mentor, draft, day{}); !slices.Equal(got, []string{"write", "send"}) {
		t.Errorf("a draft allows %v", got)
	}
	if got := letters.Allowed(mentor, draft, day{over: true}); got == nil || len(got) > 0 {
		t.Errorf("after the day a draft allows %#v", got)
	}
	if _, ok := letters.Stay("write", sent); ok {
		t.Error("what was sent is written")
	}
	if mv, ok := letters.Stay("write", draft); !ok || mv.Verb != "write" {
		t.Error("a draft is not written")
	}
}

func TestFreeMovesKeepTheirLock(t *testing.T) {
	lock := fault.Lock{By: "group-1", Reason: "because", CanLift: "leading_group"}
	m := Machine[state, Free]{{Verb: "send", From: []state{draft}, To: sent, Action: access.WriteSheets}}
	_, err := m.Find(access.Principal{Towns: []string{"demo"}, Role: access.Mentor}, sent, draft, Standing(lock), "")
	var e *fault.Error
	if !errors.As(err, &e) || e.Lock == nil || *e.Lock != lock {
		t.Errorf("got %v", err)
	}
}
