package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/dashboard"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/feed"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/webhook"
)

const webhooksAt = "/towns/demo/webhooks"

// receiver takes what is sent to webhooks. Answer decides how; nil is 204.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	events []feed.Event
	heads  []http.Header
	bodies []string
	answer func(w http.ResponseWriter, r *http.Request)
}

func newReceiver(t *testing.T) *receiver {
	x := &receiver{}
	x.Server = httptest.NewServer(x)
	t.Cleanup(x.Close)
	return x
}

func (x *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var e feed.Event
	_ = json.Unmarshal(body, &e)
	x.mu.Lock()
	x.events, x.heads, x.bodies = append(x.events, e), append(x.heads, r.Header.Clone()), append(x.bodies, string(body))
	answer := x.answer
	x.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (x *receiver) answers(how func(w http.ResponseWriter, r *http.Request)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answer = how
}

// took returns the sequences of what has come, and forgets them.
func (x *receiver) took() (list []int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.events {
		list = append(list, e.Data.Sequence)
	}
	x.events, x.heads, x.bodies = nil, nil, nil
	return list
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hooked is a harness whose webhooks may reach this machine, on a clock that the test moves.
type hooked struct {
	*harness
	clock *wallClock
	admin *apitest.Client
	n     int
}

func newHooked(t *testing.T, db *gorm.DB) *hooked {
	h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
	h.server.webhooks = webhook.NewGuard([]string{"127.0.0.1"})
	x := &hooked{harness: h, clock: clock, admin: h.as(policy.Admin)}
	h.server.Jobs.Webhooks = x.deliverer()
	return x
}

// deliverer is another process that sends.
func (h *hooked) deliverer() *webhook.Deliverer {
	d := webhook.NewDeliverer(h.db, slog.New(slog.DiscardHandler), h.server.webhooks)
	d.Source = h.server.changes
	return d
}

func (h *hooked) delivered(want int) {
	h.t.Helper()
	if n, err := h.server.Jobs.Webhooks.Deliver(h.t.Context()); n != want || err != nil {
		h.t.Errorf("%d requests were sent, %v; want %d", n, err, want)
	}
}

// adds makes the trail grow by some branches, and returns the sequences of that.
func (h *hooked) adds(n int) []int64 {
	h.t.Helper()
	for range n {
		h.n++
		h.admin.Post("/towns/demo/branches", object{
			"code": fmt.Sprintf("n%03d", h.n), "name": named(fmt.Sprint("new ", h.n)), "kind": "village", "founded_on": "2020-01-01",
		}).Want(http.StatusCreated)
	}
	return h.told()[len(h.told())-n:]
}

// told are the sequences of all branches that were created.
func (h *hooked) told() (list []int64) {
	h.must(h.db.Model(&audit.Record{}).Where("town_id = ? AND action = ?", "demo", "branch.create").Order("sequence").
		Pluck("sequence", &list).Error)
	return list
}

func (h *hooked) hook(url string, change object) WebhookWithSecret {
	h.t.Helper()
	body := object{"url": url, "role": "reader", "types": []string{"branch.*"}}
	for name, value := range change {
		body[name] = value
	}
	return apitest.Decode[WebhookWithSecret](h.admin.Post(webhooksAt, body), http.StatusCreated)
}

func (h *hooked) state(id string) webhook.Webhook {
	h.t.Helper()
	return apitest.Decode[webhook.Webhook](h.admin.Get(webhooksAt+"/"+id), http.StatusOK)
}

func (h *hooked) attempts(id string) []webhook.Attempt {
	h.t.Helper()
	return apitest.Decode[rest.Page[webhook.Attempt]](h.admin.Get(webhooksAt+"/"+id+"/attempts?page_size=200"),
		http.StatusOK).Items
}

// What is sent is signed as the official library verifies it, with two secrets while one
// follows the other, and is what the feed tells.
func TestWebhooksAreSignedAndInOrder(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHooked(t, db)
		h.clock.add(time.Since(h.clock.now())) // the library looks at its own clock
		x := newReceiver(t)
		w := h.hook(x.URL+"/hook?x=1", nil)
		h.delivered(0)
		want := h.adds(3)
		h.delivered(3)
		first, err := standardwebhooks.NewWebhook(w.Secret)
		h.must(err)
		for i, e := range x.events {
			h.must(first.Verify([]byte(x.bodies[i]), x.heads[i]))
			if x.heads[i].Get("webhook-id") != e.ID || x.heads[i].Get("Content-Type") != "application/cloudevents+json; charset=utf-8" {
				t.Errorf("%v is not of %+v", x.heads[i], e)
			}
		}
		page := apitest.Decode[feed.Page](h.as(policy.Reader).Get(
			fmt.Sprintf("%s?after=%d&types=branch.*", changesAt, want[0]-1)), http.StatusOK)
		for i, e := range page.Items {
			text, err := e.JSON()
			h.must(err)
			if string(text) != x.bodies[i] {
				t.Errorf("sent %s, the feed has %s", x.bodies[i], text)
			}
		}
		if got := x.took(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		rotated := apitest.Decode[WebhookWithSecret](
			h.admin.IfMatch(`"1"`).Post(webhooksAt+"/"+w.ID+"/secret", nil), http.StatusOK)
		second, err := standardwebhooks.NewWebhook(rotated.Secret)
		h.must(err)
		h.adds(1)
		h.delivered(1)
		h.must(first.Verify([]byte(x.bodies[0]), x.heads[0]))
		h.must(second.Verify([]byte(x.bodies[0]), x.heads[0]))
		h.clock.add(25 * time.Hour)
		x.took()
		h.adds(1)
		h.delivered(1)
		body, head := []byte(x.bodies[0]), x.heads[0]
		if first.VerifyIgnoringTimestamp(body, head) == nil || second.VerifyIgnoringTimestamp(body, head) != nil {
			t.Error("a day later the new secret alone should sign")
		}
		body[len(body)/2] ^= 1
		if second.VerifyIgnoringTimestamp(body, head) == nil {
			t.Error("a flipped bit is not seen")
		}
		// no secret is told again, nor in the trail
		for _, path := range []string{webhooksAt, webhooksAt + "/" + w.ID, "/towns/demo/audit?page_size=200"} {
			text := string(h.admin.Get(path).Want(http.StatusOK).Body)
			if strings.Contains(text, w.Secret[6:]) || strings.Contains(text, rotated.Secret[6:]) {
				t.Errorf("%s has a secret", path)
			}
		}
	})
}

// A receiver that fails is tried again by the schedule of the standard, nothing is left out
// meanwhile, and after 75 hours the webhook is disabled, which administrators are told.
func TestAFailingWebhookIsTriedAgainAndDisabled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHooked(t, db)
		x := newReceiver(t)
		w := h.hook(x.URL, nil)
		want := h.adds(2)
		x.answers(status(http.StatusInternalServerError))
		h.delivered(1)
		h.delivered(0) // not yet
		h.clock.add(6 * time.Second)
		h.delivered(1)
		x.answers(nil)
		h.clock.add(6 * time.Minute)
		h.delivered(2)
		if got := x.took(); !slices.Equal(got, []int64{want[0], want[0], want[0], want[1]}) {
			t.Errorf("got %v, want %v", got, want)
		}
		x.answers(status(http.StatusInternalServerError))
		want = h.adds(1)
		began, tries := h.clock.now(), 0
		for h.state(w.ID).State == webhook.Enabled && tries < 20 {
			h.delivered(1)
			tries++
			d := h.state(w.ID)
			if d.State == webhook.Enabled {
				h.clock.add(d.Delivery.NextAt.Sub(h.clock.now()))
			}
		}
		took, after := h.clock.now().Sub(began), h.state(w.ID)
		if tries != 10 || took < 75*time.Hour || took > 84*time.Hour || after.StateReason != "failing" {
			t.Errorf("disabled after %d attempts in %v: %+v", tries, took, after)
		}
		home := apitest.Decode[dashboard.Home](h.admin.Get("/home"), http.StatusOK)
		if !strings.Contains(fmt.Sprint(home), "webhook_disabled") {
			t.Errorf("the administrator is not told: %+v", home)
		}
		x.took()
		x.answers(nil)
		want = append(want, h.adds(1)...)
		h.delivered(0)
		h.admin.IfMatch(fmt.Sprintf("%q", fmt.Sprint(after.Version))).Put(webhooksAt+"/"+w.ID, object{
			"url": x.URL, "role": "reader", "types": []string{"branch.*"}, "state": "enabled",
		}).Want(http.StatusOK)
		h.delivered(2)
		if got := x.took(); !slices.Equal(got, want) {
			t.Errorf("enabled again it got %v, want %v", got, want)
		}
		log := h.attempts(w.ID)
		if len(log) != 16 || log[0].Status != 204 || log[3].Failure != "status" {
			t.Errorf("%d attempts, such as %+v", len(log), log)
		}
	})
}

// Who redirects, hangs, cuts the connection or is away gets the event again and nobody else
// does; who answers 410 gets nothing any more.
func TestReceiversThatMisbehave(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHooked(t, db)
		h.server.Jobs.Webhooks.Timeout = 200 * time.Millisecond
		other := newReceiver(t)
		x := newReceiver(t)
		w := h.hook(x.URL, nil)
		want := h.adds(1)
		for i, c := range []struct {
			failure string
			answer  func(http.ResponseWriter, *http.Request)
		}{
			{"redirect", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			}},
			{"timeout", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
			{"connection", func(w http.ResponseWriter, _ *http.Request) {
				conn, _, _ := w.(http.Hijacker).Hijack()
				conn.Close()
			}},
			{"status", status(http.StatusTooManyRequests)},
		} {
			x.answers(c.answer)
			h.delivered(1)
			if a := h.attempts(w.ID)[0]; a.Failure != c.failure || a.Sequence != want[0] {
				t.Errorf("%d: %+v, want %s", i, a, c.failure)
			}
			h.clock.add(25 * time.Hour)
		}
		if got := other.took(); len(got) > 0 {
			t.Errorf("a redirect was followed: %v", got)
		}
		address := x.Listener.Addr().String()
		x.CloseClientConnections()
		x.Close()
		want = append(want, h.adds(2)...)
		h.delivered(1)
		again, err := net.Listen("tcp", address)
		h.must(err)
		y := &receiver{Server: &httptest.Server{Listener: again, Config: &http.Server{}}}
		y.Config.Handler = y
		y.Start()
		t.Cleanup(y.Close)
		h.clock.add(25 * time.Hour)
		h.delivered(3)
		if got := y.took(); !slices.Equal(got, want) {
			t.Errorf("after its restart it got %v, want %v", got, want)
		}
		y.answers(status(http.StatusGone))
		h.adds(2)
		h.delivered(1)
		if s := h.state(w.ID); s.State != webhook.Disabled || s.StateReason != "gone" {
			t.Errorf("gone is %+v", s)
		}
		h.delivered(0)
	})
}

// Several processes send each event once, as long as none is killed; and of one that is
// killed fifty times each event comes at least once and in order.
func TestSeveralProcessesDeliver(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHooked(t, db)
		hooks := []*receiver{newReceiver(t), newReceiver(t), newReceiver(t)}
		for _, x := range hooks {
			h.hook(x.URL, nil)
		}
		want := h.adds(12)
		var all sync.WaitGroup
		for range 4 {
			d := h.deliverer()
			all.Go(func() {
				for range 5 {
					if _, err := d.Deliver(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		h.delivered(0)
		for _, x := range hooks {
			if got := x.took(); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		want = h.adds(60)
		kills := 0
		for _, x := range hooks {
			x.answers(nil)
		}
		victim := hooks[0]
		for kills < 50 {
			ctx, cancel := context.WithCancel(t.Context())
			victim.answers(func(w http.ResponseWriter, _ *http.Request) {
				cancel() // killed before it learns what came of it
				w.WriteHeader(http.StatusNoContent)
			})
			_, _ = h.deliverer().Deliver(ctx)
			cancel()
			kills++
		}
		victim.answers(nil)
		for range 5 {
			if _, err := h.server.Jobs.Webhooks.Deliver(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for i, x := range hooks {
			got := x.took()
			first := slices.Compact(got) // each again at once, if at all
			if !slices.Equal(first, want) {
				t.Errorf("%d got %v, want %v", i, got, want)
			}
		}
	})
}

// A lease that a killed process leaves behind holds others up for a minute at most.
func TestALeaseEnds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHooked(t, db)
		x := newReceiver(t)
		h.hook(x.URL, nil)
		want := h.adds(1)
		until := h.clock.now().Add(time.Minute)
		h.must(db.Model(&webhook.Delivery{}).Where("town_id = ?", "demo").
			Updates(map[string]any{"lease": "killed", "leased_until": until}).Error)
		h.delivered(0)
		h.clock.add(61 * time.Second)
		h.delivered(1)
		if got := x.took(); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

// A webhook is told what its role may read and no more; it can be asked for a test, for what
// was sent before, and can be deleted.
func TestWhatAWebhookIsTold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHooked(t, db)
		x, y := newReceiver(t), newReceiver(t)
		w := h.hook(x.URL, object{"types": []string{}})
		h.hook(y.URL, object{"types": []string{}, "role": "leading_group"})
		group := h.as(policy.LeadingGroup)
		target := last(group.Post("/towns/demo/targets", object{"branch": "b02", "reason": "seen"}).Want(http.StatusCreated))
		moved(group, "/towns/demo/targets/"+target, "confirmed", "").Want(http.StatusOK)
		want := h.adds(1)
		h.delivered(4)
		if got := x.took(); !slices.Equal(got, want) {
			t.Errorf("a reader got %v, want %v", got, want)
		}
		if got := y.took(); len(got) != 3 {
			t.Errorf("the leading group got %v", got)
		}
		at := webhooksAt + "/" + w.ID
		h.admin.Post(at+"/ping", nil).Want(http.StatusOK)
		h.delivered(1)
		if e := x.events[0]; e.Type != "webhook.ping" || e.Data.Sequence != 0 {
			t.Errorf("the test is %+v", e)
		}
		x.took()
		h.delivered(0)
		h.admin.Post(at+"/resend", object{"after": 0}).Want(http.StatusOK)
		h.delivered(len(h.told()))
		if got := x.took(); !slices.Equal(got, h.told()) {
			t.Errorf("again it got %v", got)
		}
		refusedAt(t, h.admin.Post(at+"/resend", object{"after": 99999}), http.StatusUnprocessableEntity, "/after")
		h.admin.IfMatch(`"2"`).Delete(at).Want(http.StatusPreconditionFailed)
		h.admin.IfMatch(`"1"`).Delete(at).Want(http.StatusNoContent)
		h.admin.Get(at).Want(http.StatusNotFound)
		h.adds(1)
		h.delivered(1) // to the other one
		for range 19 { // beside the other one
			h.hook(x.URL, nil)
		}
		full := h.admin.Post(webhooksAt, object{"url": x.URL, "role": "reader"})
		if p := full.Problem(http.StatusConflict); p.Code != "too_many_webhooks" {
			t.Errorf("one more is %+v", p)
		}
	})
}

// Addresses inside are refused: those that are named, and what a name leads to when it is
// dialled.
func TestWebhooksReachNoAddressInside(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, dbtest.Dialects[0]))
	admin := h.as(policy.Admin)
	for _, url := range []string{
		"https://127.0.0.1/x", "https://10.1.2.3", "https://[::1]:8080/x", "https://[::ffff:127.0.0.1]/", "https://192.168.0.1",
		"https://169.254.169.254/latest", "https://0.0.0.0/", "https://[fe80::1]/", "https://[fd00::1]/", "https://100.64.0.1/",
		"http://example.org/hook", "ftp://example.org", "https://user@example.org/", "https:///x", "example.org", "https://example.org/#x",
		"https://[2002:7f00:1::]/", "https://[64:ff9b::7f00:1]/", "https://[2001:db8::1]/", "https://255.255.255.255/",
	} {
		refusedAt(t, admin.Post(webhooksAt, object{"url": url, "role": "reader"}), http.StatusUnprocessableEntity, "/url")
	}
	made := apitest.Decode[WebhookWithSecret](admin.Post(webhooksAt,
		object{"url": "https://localhost:1/hook", "role": "reader", "after": 0}), http.StatusCreated)
	if n, err := h.server.Jobs.Webhooks.Deliver(t.Context()); n != 1 || err != nil {
		t.Errorf("%d were sent: %v", n, err)
	}
	log := apitest.Decode[rest.Page[webhook.Attempt]](admin.Get(webhooksAt+"/"+made.ID+"/attempts"), http.StatusOK).Items
	if len(log) != 1 || log[0].Failure != "address_closed" || log[0].Status != 0 {
		t.Errorf("localhost: %+v", log)
	}
	refusedAt(t, admin.Bad().Post(webhooksAt, object{"url": "https://example.org", "role": "mentor"}),
		http.StatusUnprocessableEntity, "/role")
	refusedAt(t, admin.Post(webhooksAt, object{"url": "https://example.org", "role": "reader", "types": []string{"plan.*", "x"}}),
		http.StatusUnprocessableEntity, "/types/1")
}
