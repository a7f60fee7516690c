package rest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// A caller has a budget of costly answers, and it fills up again. That of one caller is
// not that of another, and nothing else is limited by it.
func TestCostlyAnswersHaveABudget(t *testing.T) {
	o := newOptions()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	o.Config.Rate, o.Config.Burst = 1e6, 1e6
	h := serveProbes(t, o, func(r Router) {
		Get(r, "/api/v1/costly", policy.ReadStructure,
			func(context.Context, struct{}) (string, error) { return "", nil }, Costly)
	})
	ask := func(key, path string) int {
		return do(h, http.MethodGet, path, "", "Authorization", "Bearer "+key).Code
	}
	for i := range costlyBurst {
		if code := ask("group", "/api/v1/costly"); code != http.StatusOK {
			t.Fatalf("answer %d: %d", i+1, code)
		}
	}
	if code := ask("group", "/api/v1/costly"); code != http.StatusTooManyRequests {
		t.Errorf("one more: %d", code)
	}
	if code := ask("group", itemURL); code != http.StatusOK {
		t.Errorf("something else: %d", code)
	}
	if code := ask("reader", "/api/v1/costly"); code != http.StatusOK {
		t.Errorf("somebody else: %d", code)
	}
	now = now.Add(time.Second / costlyRate)
	if code := ask("group", "/api/v1/costly"); code != http.StatusOK {
		t.Errorf("a moment later: %d", code)
	}
}

// One computation at a time for each slot; some wait, strangers few, and none for long.
func TestTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		leave, err := q.enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		results := make(chan error, 2*maxWaiting)
		wait := func(n int, stranger bool) {
			for range n {
				go func() {
					next, err := q.enter(t.Context(), stranger)
					if err == nil {
						next()
					}
					results <- err
				}()
			}
			synctest.Wait()
		}
		wait(maxStrangers+3, true)
		if len(results) != 3 {
			t.Errorf("%d strangers are refused at once, want 3", len(results))
		}
		wait(maxWaiting-maxStrangers+2, false)
		if len(results) != 5 {
			t.Errorf("%d are refused at once, want 5", len(results))
		}
		leave()
		synctest.Wait()
		refused := 0
		for range maxWaiting + 5 {
			if <-results != nil {
				refused++
			}
		}
		if refused != 5 {
			t.Errorf("%d refused, want 5", refused)
		}
		if leave, err = q.enter(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		defer leave()
		started := time.Now()
		_, err = q.enter(t.Context(), false)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != "busy" || f.RetryAfter != maxWait || time.Since(started) != maxWait {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := q.enter(ctx, false); err == nil {
			t.Error("who left got a slot")
		}
	})
}

// A stranger without budget waits for the refusal, unless too many do.
func TestStrangersWaitForARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		started := time.Now()
		for range maxPaused {
			go q.pause(t.Context())
		}
		synctest.Wait()
		if q.pause(t.Context()); time.Since(started) != 0 {
			t.Errorf("one too many waits %v", time.Since(started))
		}
		time.Sleep(pauseFor)
		synctest.Wait()
		started = time.Now()
		if q.pause(t.Context()); time.Since(started) != pauseFor {
			t.Errorf("waits %v", time.Since(started))
		}
	})
}

// Keys that may only read may ask what a POST computes.
func TestReadOnlyKeysMayCompute(t *testing.T) {
	h := serveProbes(t, newOptions(), func(r Router) {
		Post(r, "/api/v1/computed", policy.ReadStructure,
			func(context.Context, struct{ Body item }) (string, error) { return "", nil }, Computes)
	})
	w := do(h, http.MethodPost, "/api/v1/computed", `{"name": "a"}`, "Authorization", "Bearer readonly")
	if w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
