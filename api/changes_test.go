package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/feed"
	"bulwark/internal/policy"
)

const changesAt = "/towns/demo/changes"

// allChanges reads the feed to its end, page by page.
func allChanges(t *testing.T, c *apitest.Client, query string) (events []feed.Event) {
	t.Helper()
	for after, more := int64(0), true; more; {
		page := apitest.Decode[feed.Page](c.Get(fmt.Sprintf("%s?after=%d&page_size=7%s", changesAt, after, query)), http.StatusOK)
		if page.Next < after {
			t.Fatalf("next goes back from %d to %d", after, page.Next)
		}
		events, after, more = append(events, page.Items...), page.Next, page.More
	}
	return events
}

// typesOf counts events by type.
func typesOf(events []feed.Event) map[string]int {
	n := map[string]int{}
	for _, e := range events {
		n[e.Type]++
	}
	return n
}

// Each caller is told what he or she may read now, in the order of the trail, and nothing of
// what was before and after.
func TestChangesAreWhatTheCallerMayRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		lockedQuarter(h)
		moved(h.as(policy.LeadingGroup), q1, "published", "as computed").Want(http.StatusOK)
		instructor := h.as(policy.Instructor)
		opened(instructor, "2099-01-01")
		group := h.as(policy.LeadingGroup)
		target := last(group.Post("/towns/demo/targets", object{"branch": "b02", "reason": "seen"}).Want(http.StatusCreated))
		moved(group, "/towns/demo/targets/"+target, "confirmed", "").Want(http.StatusOK)

		var trail []audit.Record
		h.must(db.Where("town_id = ? AND sequence > 0", "demo").Order("sequence").Find(&trail).Error)
		bySequence := map[int64]audit.Record{}
		for _, r := range trail {
			bySequence[r.Sequence] = r
		}
		seen := map[policy.Role]map[string]int{}
		for _, role := range policy.Roles() {
			c := h.as(role)
			events := allChanges(t, c, "")
			seen[role] = typesOf(events)
			before := int64(0)
			for _, e := range events {
				r := bySequence[e.Data.Sequence]
				if e.Data.Sequence <= before || e.ID != r.ID || e.Type != feed.TypeOf(r.Action) || !e.Time.Equal(r.At) ||
					e.SpecVersion != "1.0" || !e.Timestamp.Equal(e.Time) {
					t.Errorf("%s: %+v is not %+v", role, e, r)
				}
				before = e.Data.Sequence
				_, at, _ := strings.Cut(e.Data.URL, "/api/v1")
				c.Get(at).Want(http.StatusOK)
			}
			// what is not told cannot be read, or is of no action that is told
			told := map[int64]bool{}
			for _, e := range events {
				told[e.Data.Sequence] = true
			}
			for _, r := range trail {
				if feed.TypeOf(r.Action) != "" && !told[r.Sequence] && !strings.Contains(r.Subject, "/runs/") &&
					!strings.HasPrefix(r.Action, "targets.") && c.Get("/towns/demo/"+r.Subject).Status == http.StatusOK {
					t.Errorf("%s can read %s and is not told of %s", role, r.Subject, r.Action)
				}
			}
		}
		if got := seen[policy.Reader]; got["branch.created"] != 3 || got["period.locked"] != 1 || got["evaluation.approved"] != 0 ||
			got["target.confirmed"] != 0 || got["problem.opened"] != 0 || got["scheme.activated"] != 1 {
			t.Errorf("a reader is told %v", got)
		}
		if got := seen[policy.LeadingGroup]; got["target.confirmed"] != 1 || got["problem.opened"] != 1 ||
			got["evaluation.approved"] == 0 {
			t.Errorf("the leading group is told %v", got)
		}
		if got := seen[policy.Instructor]; got["problem.opened"] != 1 || got["target.proposed"] != 0 {
			t.Errorf("an instructor of b01 is told %v", got)
		}
		body := string(h.as(policy.LeadingGroup).Get(changesAt + "?page_size=200").Body)
		for _, word := range []string{"before", "after", "reason", "actor", "seen", "session", "account", "key"} {
			if strings.Contains(body, `"`+word+`"`) {
				t.Errorf("the feed has %q", word)
			}
		}
	})
}

func TestChangesOfSomeTypes(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, dbtest.Dialects[0]))
	h.inForce(smallScheme)
	h.planned("2026Q1", "2026-01-01", "2026-03-31")
	h.steps("2026Q1", "open")
	c := h.as(policy.Reader)
	for query, want := range map[string]string{
		"&types=period.*":                      "period.created period.opened",
		"&types=period.opened":                 "period.opened",
		"&types=scheme.activated,period.open*": "period.opened scheme.activated",
		"&types=plan.*":                        "",
	} {
		got := strings.Join(slices.Sorted(maps.Keys(typesOf(allChanges(t, c, query)))), " ")
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	refusedAt(t, c.Get(changesAt+"?types=periods.*"), http.StatusBadRequest, "query/types")
	end := apitest.Decode[feed.Page](c.Get(changesAt+"?page_size=200"), http.StatusOK).Next
	if p := c.Get(fmt.Sprintf("%s?after=%d", changesAt, end+1)).Problem(http.StatusBadRequest); p.Code != "after_the_end" {
		t.Errorf("after the end: %+v", p)
	}
	// nobody waits where something is there, and a stranger reads what an open town shows
	page := apitest.Decode[feed.Page](h.Get(changesAt+"?wait=60"), http.StatusOK)
	if len(page.Items) == 0 {
		t.Errorf("a stranger is told %+v", page)
	}
	h.Get("/towns/quiet/changes").Want(http.StatusUnauthorized)
}

// refusedAt fails unless the answer is a problem whose first fault is at the place.
func refusedAt(t *testing.T, a *apitest.Answer, status int, place string) {
	t.Helper()
	p := a.Problem(status)
	if len(p.Errors) == 0 || p.Errors[0].Pointer != place {
		t.Errorf("%+v, want a fault at %s", p, place)
	}
}

// consumer reads the feed by plain HTTP and keeps what it has in a place of its own: next is
// stored together with the events, as a consumer does who loses nothing.
type consumer struct {
	url, key string
	next     int64
	got      []int64
}

// read reads one page; killed before its end, it keeps nothing of it.
func (c *consumer) read(ctx context.Context, wait int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet,
		fmt.Sprintf("%s/api/v1%s?after=%d&wait=%d&types=branch.*&page_size=5", c.url, changesAt, c.next, wait), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	var page feed.Page
	if err := json.NewDecoder(a.Body).Decode(&page); err != nil {
		return err
	}
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", a.StatusCode)
	}
	for _, e := range page.Items {
		c.got = append(c.got, e.Data.Sequence)
	}
	c.next = page.Next
	return nil
}

// Of 16 who write at once, 3 who read meanwhile, one of them killed fifty times, are told of
// each change once and in order.
func TestReadersAreToldOfEachChangeOnceAndInOrder(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		handler, err := h.server.Handler()
		h.must(err)
		service := httptest.NewServer(handler)
		defer service.Close()
		const writers, each = 16, 4
		var writing, reading sync.WaitGroup
		for w := range writers {
			c := h.as(policy.Admin)
			writing.Go(func() {
				for i := range each {
					c.Post("/towns/demo/branches", object{
						"code": fmt.Sprintf("n%02d%d", w, i), "name": named(fmt.Sprintf("new %d %d", w, i)), "kind": "village", "founded_on": "2020-01-01",
					}).Want(http.StatusCreated)
				}
			})
		}
		readers := make([]*consumer, 3)
		for i := range readers {
			readers[i] = &consumer{url: service.URL, key: h.secrets[policy.Reader]}
			kills := 0
			if i == 0 {
				kills = 50
			}
			reading.Go(func() {
				for len(readers[i].got) < 3+writers*each {
					ctx, cancel := context.WithCancel(t.Context())
					if kills > 0 {
						kills--
						time.AfterFunc(time.Duration(kills)*time.Millisecond, cancel)
					}
					if err := readers[i].read(ctx, 10); err != nil && ctx.Err() == nil {
						t.Errorf("reader %d: %v", i, err)
						cancel()
						return
					}
					cancel()
				}
			})
		}
		writing.Wait()
		reading.Wait()
		var want []int64
		h.must(db.Model(&audit.Record{}).Where("town_id = ? AND action = ?", "demo", "branch.create").Order("sequence").
			Pluck("sequence", &want).Error)
		for i, c := range readers {
			if !slices.Equal(c.got, want) {
				t.Errorf("reader %d got %v, want %v", i, c.got, want)
			}
		}
	})
}

// A wait ends with the next change, and with the service. It holds no connection to the
// database, and there are at most a hundred.
func TestWaitingForChanges(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		handler, err := h.server.Handler()
		h.must(err)
		service := httptest.NewServer(handler)
		defer service.Close()
		end := apitest.Decode[feed.Page](h.as(policy.Reader).Get(changesAt+"?page_size=200"), http.StatusOK).Next
		const all = 100
		done := make(chan *consumer, all)
		var waiting []*consumer
		for range all {
			c := &consumer{url: service.URL, key: h.secrets[policy.Reader], next: end}
			waiting = append(waiting, c)
			go func() {
				if err := c.read(t.Context(), 60); err != nil {
					t.Error(err)
				}
				done <- c
			}()
		}
		for h.server.waiting.Len() < all && len(done) == 0 { // until they have all come
			time.Sleep(time.Millisecond)
		}
		full := h.as(policy.Mentor).Get(fmt.Sprintf("%s?after=%d&wait=1", changesAt, end))
		if p := full.Problem(http.StatusServiceUnavailable); p.Code != "too_many_waiting" || full.Header.Get("Retry-After") != "5" {
			t.Errorf("one more: %+v, Retry-After %q", p, full.Header.Get("Retry-After"))
		}
		pool, err := db.DB()
		h.must(err)
		for pool.Stats().InUse > 1 && len(done) == 0 { // the last ones still ask; then one looks at the trails for all
			time.Sleep(time.Millisecond)
		}
		if n := len(done); n > 0 {
			t.Errorf("%d waits ended although nothing happened", n)
		}
		h.as(policy.Admin).Post("/towns/demo/branches", object{
			"code": "n1", "name": named("new"), "kind": "village", "founded_on": "2020-01-01",
		}).Want(http.StatusCreated)
		for range all {
			if c := <-done; len(c.got) != 1 {
				t.Errorf("a wait ended with %v", c.got)
			}
		}
		last := &consumer{url: service.URL, key: h.secrets[policy.Reader], next: waiting[0].next}
		ended := make(chan error, 1)
		go func() { ended <- last.read(t.Context(), 60) }()
		for h.server.waiting.Len() == 0 {
			time.Sleep(time.Millisecond)
		}
		h.server.Drain()
		if err := <-ended; err != nil || len(last.got) != 0 {
			t.Errorf("at the end of the service: %v, %v", last.got, err)
		}
	})
}
