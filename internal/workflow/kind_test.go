package workflow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// letter is a noun made for these tests, with a table of its own: its author writes and
// sends it, the leading group answers or returns it to drafts, and time reopens it.
type letter struct {
	TownID  string `gorm:"primaryKey"`
	ID      string `gorm:"primaryKey"`
	Author  string
	Body    string
	Secret  bool
	State   state
	Allowed []string `gorm:"-"`
	History []step   `gorm:"-"`
	database.Versioned
}

type state string

const (
	draft    state = "draft"
	sent     state = "sent"
	answered state = "answered"
)

// step is one of a letter, with what its history keeps besides.
type step struct {
	workflow.Transition
	extra
}

type extra struct {
	Words string `json:"words,omitempty"`
}

func (l letter) Ref() workflow.Ref { return workflow.Ref{Town: l.TownID, ID: l.ID, Version: l.Version} }

// reader is a caller before letters; who has no person may not see secret ones.
type reader struct {
	access.Principal
	bodies map[string]string // as Load has found them
}

func (*reader) State(l letter) (state, fault.Lock) {
	return l.State, fault.Lock{By: l.Author, At: l.CreatedAt, Reason: "as written"}
}

func (v *reader) Visible(q *gorm.DB) *gorm.DB {
	return q.Where("(author = ? OR NOT secret)", v.Person)
}

func (v *reader) Load(ctx context.Context, db *gorm.DB, list []letter, depth workflow.Depth) (err error) {
	v.bodies = map[string]string{}
	for _, l := range list {
		v.bodies[l.ID] = l.Body
	}
	if depth == workflow.ForOne {
		list[0].History, err = workflow.History[step](ctx, db, letters.Name, list[0].Ref())
	}
	return err
}

func (*reader) Show(l letter, allowed []string) letter {
	l.Allowed = allowed
	return l
}

func (*reader) Audit(l letter, verb string) (string, any) { return "letters/" + l.ID, l.Body }

func author(v *reader, l letter) error {
	if v.Person != l.Author {
		return fault.Forbidden("not_yours", "只能改自己的信", "only its author writes a letter")
	}
	return nil
}

func written(v *reader, l letter) error {
	if v.bodies[l.ID] == "" {
		return fault.Conflict("empty", "信是空的", "the letter is empty")
	}
	return nil
}

type rules = []workflow.Rule[letter, *reader]

var titles = workflow.Titles[state]{
	draft: {ZH: "草稿", EN: "draft"}, sent: {ZH: "已发", EN: "sent"}, answered: {ZH: "已复", EN: "answered"},
}

var letters = workflow.Kind[letter, state, *reader]{
	Noun: text.Text{ZH: "信", EN: "letter"}, Name: "letter", Titles: titles,
	Reader: func(ctx context.Context, _ *gorm.DB, _ string) (*reader, error) {
		return &reader{Principal: access.PrincipalFrom(ctx)}, nil
	},
	Verbs: []workflow.Verb[letter, state, *reader]{
		{Name: "begin", To: draft, Action: policy.WriteSheets, Who: rules{author}},
		{Name: "write", From: []state{draft}, Action: policy.WriteSheets, Silent: true, Who: rules{author}},
		{Name: "send", From: []state{draft}, To: sent, Action: policy.WriteSheets, Who: rules{author}, When: rules{written}},
		{Name: "answer", From: []state{sent}, To: answered, Action: policy.DecideSheets},
		{Name: "return", From: []state{sent}, To: draft, Action: policy.DecideSheets, Reason: true},
		{Name: "reopen", From: []state{answered}, To: sent},
	},
}.Checked()

// as lets a person of the town act under a role.
func as(ctx context.Context, person string, role policy.Role) context.Context {
	ctx = audit.As(ctx, audit.Actor{Name: person, Role: string(role)})
	return access.WithPrincipal(ctx, access.Principal{Towns: []string{"a"}, Person: person}.Holding(role))
}

// post is a town whose people write letters.
type post struct {
	*testing.T
	db            *gorm.DB
	mentor, group context.Context
}

func eachPost(t *testing.T, test func(post)) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		p := post{t, db, as(t.Context(), "m", policy.Mentor), as(t.Context(), "g", policy.LeadingGroup)}
		_, err := town.CreateArea(t.Context(), db, town.Area{Code: "44", Level: "province", Name: text.Same("44")})
		p.must(err)
		_, err = town.Create(t.Context(), db, town.Town{Code: "a", AreaCode: "44", Name: text.Same("a")})
		p.must(err)
		p.must(db.AutoMigrate(&letter{}))
		test(p)
	})
}

func (p post) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p post) refused(err error, code string) *fault.Error {
	p.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != code && (len(e.Fields) != 1 || e.Fields[0].Code != code) {
		p.Fatalf("got %v, want %s", err, code)
	}
	return e
}

func (p post) begin(l letter) letter {
	p.Helper()
	l.TownID, l.Author, l.State, l.Version = "a", "m", draft, 1
	l, err := letters.Create(p.mentor, p.db, "begin", "", l,
		func(tx *gorm.DB, _ *reader, l *letter) error { return tx.Create(l).Error })
	p.must(err)
	return l
}

func (p post) move(ctx context.Context, ref workflow.Ref, to state, reason string) (letter, error) {
	return letters.Move(ctx, p.db, ref, to, reason, func(*gorm.DB, *reader, letter) (workflow.Change, error) {
		return workflow.Change{Extra: extra{Words: "by " + string(to)}}, nil
	})
}

func (p post) write(ctx context.Context, ref workflow.Ref, body string) (letter, error) {
	return letters.Do(ctx, p.db, ref, "write", "", func(*gorm.DB, *reader, letter) (workflow.Change, error) {
		return workflow.Change{Columns: map[string]any{"body": body}}, nil
	})
}

// One letter goes through its life: what is allowed, what is refused in which order, what
// its history and the trail keep.
func TestARecordGoesThroughItsLife(t *testing.T) {
	eachPost(t, func(p post) {
		l := p.begin(letter{ID: "1"})
		if want := []string{"write"}; !slices.Equal(l.Allowed, want) { // sending needs a body
			t.Errorf("a new letter allows %v, want %v", l.Allowed, want)
		}
		_, err := p.move(p.mentor, l.Ref(), sent, "")
		_ = p.refused(err, "empty")
		_, err = p.write(p.group, l.Ref(), "x")
		_ = p.refused(err, "not_yours")
		_, err = p.write(as(t.Context(), "r", policy.Reader), l.Ref(), "x")
		_ = p.refused(err, "not_allowed")
		l, err = p.write(p.mentor, l.Ref(), "x")
		p.must(err)
		l, err = p.move(p.mentor, l.Ref(), sent, "")
		p.must(err)
		if len(l.Allowed) > 0 || l.Allowed == nil {
			t.Errorf("a sent letter allows its author %#v", l.Allowed)
		}
		_, err = p.write(p.group, l.Ref(), "x") // the person before the state
		_ = p.refused(err, "not_yours")
		_, err = p.write(p.mentor, l.Ref(), "x")
		e := p.refused(err, "no_such_transition")
		if e.Lock == nil || e.Lock.By != "m" || e.Lock.CanLift != "leading_group" || !strings.Contains(e.Message.ZH, "“已发”") {
			t.Errorf("%v %v is held by %+v", e.Message.ZH, e, e.Lock)
		}
		_, err = p.move(p.group, l.Ref(), draft, "")
		_ = p.refused(err, "reason_needed")
		l, err = p.move(p.group, l.Ref(), answered, "so")
		p.must(err)
		_, err = p.move(p.group, l.Ref(), sent, "again") // no caller reopens
		_ = p.refused(err, "not_allowed")
		l, err = letters.Apply(p.mentor, p.db, l.Ref(), "reopen", "time", nil)
		p.must(err)
		_, err = letters.Apply(p.mentor, p.db, l.Ref(), "reopen", "time", nil)
		_ = p.refused(err, "no_such_transition")
		var got []string
		for _, s := range l.History {
			got = append(got, s.Verb+" "+s.Actor+" "+s.Reason+s.Words)
		}
		if want := []string{
			"begin m ", "send m by sent", "answer g soby answered", "reopen m time",
		}; !slices.Equal(got, want) {
			t.Errorf("the history is %q, want %q", got, want)
		}
		var trail []string
		p.must(p.db.Model(&audit.Record{}).Where("subject = 'letters/1'").Order("sequence").Pluck("action", &trail).Error)
		if want := []string{
			"letter.begin", "letter.write", "letter.send", "letter.answer", "letter.reopen",
		}; !slices.Equal(trail, want) {
			t.Errorf("the trail is %q, want %q", trail, want)
		}
	})
}

// Who sends an old version learns who made the newer one, when and by which verb.
func TestAStaleVersionNamesWhoChangedIt(t *testing.T) {
	eachPost(t, func(p post) {
		l := p.begin(letter{ID: "1", Body: "x"})
		old, err := p.move(p.mentor, l.Ref(), sent, "")
		p.must(err)
		_, err = p.move(p.group, old.Ref(), draft, "unclear")
		p.must(err)
		_, err = p.write(p.mentor, old.Ref(), "y")
		lock := p.refused(err, "stale_version").Lock
		if lock == nil || lock.By != "g" || lock.Role != "leading_group" || lock.Verb != "return" ||
			lock.Reason != "unclear" || lock.At.IsZero() {
			t.Errorf("the newer version is by %+v", lock)
		}
		again, err := letters.Find(p.mentor, p.db, "a", "1")
		p.must(err)
		_, err = p.write(p.mentor, again.Ref(), "y")
		p.must(err)
		_, err = p.write(p.mentor, again.Ref(), "z") // writing leaves no transition
		if lock := p.refused(err, "stale_version").Lock; lock != nil {
			t.Errorf("the newer version is by %+v", lock)
		}
	})
}

func TestManyRecordsMoveAtOnce(t *testing.T) {
	eachPost(t, func(p post) {
		var refs []workflow.Ref
		for _, l := range []letter{{ID: "1", Body: "x"}, {ID: "2", Body: "x"}, {ID: "3", Body: "x"}} {
			l = p.begin(l)
			l, err := p.move(p.mentor, l.Ref(), sent, "")
			p.must(err)
			refs = append(refs, l.Ref())
		}
		_, err := p.move(p.group, refs[2], draft, "no")
		p.must(err)
		third, err := letters.Find(p.mentor, p.db, "a", "3")
		p.must(err)
		_, err = p.move(p.mentor, third.Ref(), sent, "")
		p.must(err)
		refs = append(refs, workflow.Ref{Town: "a", ID: "none", Version: 1}, refs[0])
		all := workflow.Bulk[state]{Town: "a", Refs: refs, To: answered, DryRun: true}
		judge := func() (codes []string) {
			verdicts, err := letters.MoveAll(p.group, p.db, all, func(*gorm.DB, *reader, []letter) (workflow.Change, error) {
				if all.DryRun {
					t.Error("a dry run changes")
				}
				return workflow.Change{Columns: map[string]any{"body": "answered"}}, nil
			})
			p.must(err)
			for _, v := range verdicts {
				var e *fault.Error
				if errors.As(v.Err, &e) {
					codes = append(codes, e.Code)
					if e.Code == "stale_version" && (e.Lock == nil || e.Lock.Verb != "send") {
						t.Errorf("the newer version is by %+v", e.Lock)
					}
				} else {
					codes = append(codes, "ok")
				}
			}
			return codes
		}
		for _, all.DryRun = range []bool{true, false} {
			if got, want := judge(), []string{
				"ok", "ok", "stale_version", "not_found", "named_twice",
			}; !slices.Equal(got, want) {
				t.Errorf("dry run %t: %v, want %v", all.DryRun, got, want)
			}
		}
		list, err := letters.List(p.group, p.db, &reader{Principal: access.PrincipalFrom(p.group)},
			p.db.Where("town_id = 'a'").Order("id"))
		p.must(err)
		for i, want := range []state{answered, answered, sent} {
			if list[i].State != want {
				t.Errorf("letter %s is %s, want %s", list[i].ID, list[i].State, want)
			}
		}
	})
}

func TestWhatIsNotVisibleIsNotThere(t *testing.T) {
	eachPost(t, func(p post) {
		l := p.begin(letter{ID: "1", Body: "x", Secret: true})
		l, err := p.move(p.mentor, l.Ref(), sent, "")
		p.must(err)
		_, err = letters.Find(p.group, p.db, "a", "1")
		_ = p.refused(err, "not_found")
		_, err = p.move(p.group, l.Ref(), answered, "")
		_ = p.refused(err, "not_found")
		p.must(p.db.Exec("UPDATE letters SET state = 'answered'").Error)
		_, err = letters.Apply(p.group, p.db, l.Ref(), "reopen", "", func(*gorm.DB, *reader, letter) (workflow.Change, error) {
			return workflow.Change{}, nil
		})
		p.must(err) // what follows by itself sees everything
	})
}

// A change that fails leaves nothing behind; one whose transaction runs again is made once.
func TestAChangeIsMadeWholeAndOnce(t *testing.T) {
	eachPost(t, func(p post) {
		l := p.begin(letter{ID: "1", Body: "x"})
		broken := errors.New("broken")
		_, err := letters.Move(p.mentor, p.db, l.Ref(), sent, "", func(tx *gorm.DB, _ *reader, l letter) (workflow.Change, error) {
			p.must(database.Unrecorded(tx).Exec("UPDATE letters SET body = 'y'").Error)
			return workflow.Change{}, broken
		})
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "letter 1") {
			t.Errorf("got %v, want the cause and the place", err)
		}
		runs := 0
		l, err = letters.Move(p.mentor, p.db, l.Ref(), sent, "", func(*gorm.DB, *reader, letter) (workflow.Change, error) {
			if runs++; runs == 1 {
				return workflow.Change{}, &pgconn.PgError{Code: "40001"} // lost against another transaction
			}
			return workflow.Change{Columns: map[string]any{"body": "z"}}, nil
		})
		p.must(err)
		if runs != 2 || l.Version != 2 || l.Body != "z" || len(l.History) != 2 {
			t.Errorf("after %d runs the letter is %+v", runs, l)
		}
	})
}

// Every way in which a table contradicts itself stops the program when it starts.
func TestATableIsCheckedAtStart(t *testing.T) {
	type verb = workflow.Verb[letter, state, *reader]
	for name, c := range map[string]struct {
		change func(*workflow.Kind[letter, state, *reader])
		want   string
	}{
		"no name":   {func(k *workflow.Kind[letter, state, *reader]) { k.Name = "" }, "no name"},
		"no reader": {func(k *workflow.Kind[letter, state, *reader]) { k.Reader = nil }, "no reader"},
		"no title":  {func(k *workflow.Kind[letter, state, *reader]) { k.Titles = nil }, `state "draft" has no title`},
		"no such role": {
			func(k *workflow.Kind[letter, state, *reader]) { k.Verbs[1].Action = "letters:eat" }, "no role may",
		},
		"nobody begins": {func(k *workflow.Kind[letter, state, *reader]) { k.Verbs[0].Action = "" }, "nobody may create"},
		"a silent move": {
			func(k *workflow.Kind[letter, state, *reader]) { k.Verbs[2].Silent = true }, "leaves no transition",
		},
		"two rows": {func(k *workflow.Kind[letter, state, *reader]) {
			k.Verbs = append(k.Verbs, verb{Name: "write", From: []state{draft}, Action: policy.WriteSheets})
		}, "has two rows"},
		"two ways": {func(k *workflow.Kind[letter, state, *reader]) {
			k.Verbs = append(k.Verbs, verb{Name: "push", From: []state{draft}, To: sent, Action: policy.WriteSheets})
		}, "two verbs lead"},
	} {
		k := letters
		k.Verbs = slices.Clone(k.Verbs)
		c.change(&k)
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, c.want) {
					t.Errorf("%s: said %q, want %q", name, said, c.want)
				}
			}()
			k.Checked()
		}()
	}
	if got := letters.Table().States(); !slices.Equal(got, []state{draft, sent, answered}) {
		t.Errorf("the states are %v", got)
	}
	for s, want := range map[state]string{
		draft: "secretary, mentor, instructor, liaison_office, leading_group", sent: "leading_group", answered: fault.Nobody,
	} {
		if got := letters.Table().CanLift(s); got != want {
			t.Errorf("%s can be lifted by %q, want %q", s, got, want)
		}
	}
}
