package scheme_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// towns makes the towns a and b.
func towns(t *testing.T, db *gorm.DB) {
	t.Helper()
	_, err := town.CreateArea(t.Context(), db, town.Area{Code: "44", Level: "province", Name: text.Same("44")})
	must(t, err)
	for _, code := range []string{"a", "b"} {
		_, err := town.Create(t.Context(), db, town.Town{Code: code, AreaCode: "44", Name: text.Same(code)})
		must(t, err)
	}
}

// asGroup returns the context of somebody who works on schemes.
func asGroup(t *testing.T) context.Context {
	ctx := audit.As(t.Context(), audit.Actor{Name: "group-1", Role: string(policy.LeadingGroup)})
	return access.WithPrincipal(ctx, access.Principal{}.Holding(policy.LeadingGroup))
}

// ref names a version of the scheme s of town a, as it was read in the version.
func ref(number, version int64) workflow.Ref {
	return workflow.Ref{Town: "a", ID: "s/" + strconv.FormatInt(number, 10), Version: version}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v %+v", err, fieldsOf(err))
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if code, _ := faults(err); code != want {
		t.Errorf("got %q (%v), want %s", code, err, want)
	}
}

// isHeld makes sure that the refusal says who froze the version and that nobody lifts it.
func isHeld(t *testing.T, err error) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Lock == nil || e.Lock.By != "group-1" || e.Lock.At.IsZero() ||
		e.Lock.CanLift != fault.Nobody {
		t.Errorf("%v is held by %+v", err, e.Lock)
	}
}

func document(t *testing.T, old, changed string) scheme.Document {
	t.Helper()
	d, err := scheme.Decode([]byte(strings.Replace(small, old, changed, 1)))
	must(t, err)
	return d
}

func TestAVersionIsDraftedActivatedAndRetired(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		towns(t, db)
		ctx := asGroup(t)
		d := document(t, `"version":1`, `"version":9`)
		v, err := scheme.Create(ctx, db, "a", d)
		must(t, err)
		if v.Number != 1 || v.State != scheme.Draft || v.ActivatedAt != nil ||
			!strings.Contains(string(v.Document), `"version":1}`) {
			t.Errorf("the draft is %+v", v)
		}
		_, err = scheme.Create(ctx, db, "a", d)
		refused(t, err, "draft_exists")
		_, err = scheme.Create(ctx, db, "b", d)
		must(t, err) // towns do not share schemes
		_, err = scheme.FindActive(ctx, db, "a", "")
		refused(t, err, "no_active_scheme")

		_, err = scheme.Update(ctx, db, ref(1, 1), document(t, `"code":"s"`, `"code":"other"`))
		refused(t, err, "invalid")
		v, err = scheme.Update(ctx, db, ref(1, 1), document(t, `"weight":3`, `"weight":4`))
		must(t, err)
		_, err = scheme.Update(ctx, db, ref(1, 1), d)
		refused(t, err, "stale_version")
		_, err = scheme.Activate(ctx, db, ref(1, 1), nil)
		refused(t, err, "stale_version")
		first, err := scheme.Activate(ctx, db, ref(1, 2), nil)
		must(t, err)
		if first.State != scheme.Active || first.ActivatedAt == nil || first.Hash != v.Hash {
			t.Errorf("the active version is %+v", first)
		}
		_, err = scheme.Activate(ctx, db, ref(1, 3), nil)
		refused(t, err, "not_a_draft")
		isHeld(t, err)
		_, err = scheme.Update(ctx, db, ref(1, 3), d)
		refused(t, err, "version_frozen")
		isHeld(t, err)

		second, err := scheme.Create(ctx, db, "a", d)
		must(t, err)
		_, err = scheme.Activate(ctx, db, ref(second.Number, 1), nil)
		must(t, err)
		old, err := scheme.Find(ctx, db, "a", "s", 1)
		must(t, err)
		if old.State != scheme.Retired || old.RetiredAt == nil || old.Document != first.Document || old.Hash != first.Hash {
			t.Errorf("the retired version is %+v", old)
		}
		now, err := scheme.FindActive(ctx, db, "a", "s")
		must(t, err)
		if now.Number != 2 {
			t.Errorf("version %d is active", now.Number)
		}
		_, err = scheme.Update(ctx, db, ref(1, 4), d)
		refused(t, err, "version_frozen")
		list, err := scheme.List(ctx, db, "a", scheme.Filter{})
		must(t, err)
		if len(list) != 2 || list[0].Document != "" || list[0].Hash == "" {
			t.Errorf("the list is %+v", list)
		}
	})
}

func TestADraftIsHeldAgainstItsTown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		towns(t, db)
		_, err := scheme.Create(asGroup(t), db, "a",
			document(t, `"weight":3`, `"weight":3,"applies_to":{"kinds":["village","castle"],"classes":["x"]}`))
		var e *fault.Error
		if !errors.As(err, &e) || len(e.Fields) != 2 || e.Fields[0].Pointer != "/tree/children/1/applies_to/kinds/1" ||
			e.Fields[1].Pointer != "/tree/children/1/applies_to/classes/0" {
			t.Errorf("got %v %+v", err, fieldsOf(err))
		}
		list, err := scheme.List(t.Context(), db, "a", scheme.Filter{})
		must(t, err)
		if len(list) != 0 {
			t.Errorf("stored %+v", list)
		}
	})
}

// However many people press the button, one draft is made and one activation
// counts, and the schema itself allows no second of either.
func TestOneDraftAndOneActiveVersion(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		towns(t, db)
		ctx := asGroup(t)
		d := document(t, "", "")
		if n := together(8, func() error { _, err := scheme.Create(ctx, db, "a", d); return err }); n != 1 {
			t.Errorf("%d drafts were made", n)
		}
		if n := together(8, func() error { _, err := scheme.Activate(ctx, db, ref(1, 1), nil); return err }); n != 1 {
			t.Errorf("%d activations counted", n)
		}
		_, err := scheme.Create(ctx, db, "a", d)
		must(t, err)
		for state, change := range map[string]string{
			"active": "UPDATE schemes SET state = 'active', activated_at = created_at WHERE number = 2",
			"draft":  "UPDATE schemes SET state = 'draft', activated_at = NULL WHERE number = 1",
		} {
			if err := db.Exec(change).Error; !fault.Is(err, fault.KindConflict) {
				t.Errorf("a second %s version: %v", state, err)
			}
		}
	})
}

// together runs do n times at once and counts the successes.
func together(n int, do func() error) (ok int) {
	var wait sync.WaitGroup
	results := make([]error, n)
	for i := range n {
		wait.Go(func() { results[i] = do() })
	}
	wait.Wait()
	for _, err := range results {
		if err == nil {
			ok++
		}
	}
	return ok
}

func TestCompiledVersionsAreShared(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		towns(t, db)
		d, err := scheme.FiveForces()
		must(t, err)
		_, err = scheme.Create(asGroup(t), db, "a", d)
		must(t, err)
		first, err := scheme.Load(t.Context(), db, "a", "five-forces", 1)
		must(t, err)
		second, err := scheme.Load(t.Context(), db, "a", "five-forces", 1)
		must(t, err)
		if first != second || first.Document.Code != "five-forces" {
			t.Error("the second load compiled anew")
		}
		_, err = scheme.Load(t.Context(), db, "a", "five-forces", 2)
		refused(t, err, "not_found")
	})
}
