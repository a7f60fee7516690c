package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

// probed is the service of a harness with one more route, POST /probe, that makes
// the person ann and then does what the test wants.
func probed(
	t *testing.T, db *gorm.DB, then func(context.Context, *Server) error,
) (*harness, func(key string) (status int, code string)) {
	t.Helper()
	h := newHarness(t, db)
	handler := servingRoutes(t, h.server, func(r rest.Router) {
		rest.Post(r.Under("/api/v1"), "/probe", policy.WriteTowns, func(ctx context.Context, _ struct{}) (string, error) {
			_, err := people.Create(ctx, h.server.db(ctx), people.Person{TownID: "demo", Code: "ann", Name: text.Same("ann")})
			if err == nil {
				err = then(ctx, h.server)
			}
			return "done", err
		})
	})
	return h, func(key string) (int, string) {
		w := do(handler, http.MethodPost, "/api/v1/probe", "", "Authorization", "Bearer "+h.secrets[policy.Admin],
			"Idempotency-Key", key)
		if w.Code == http.StatusOK {
			return w.Code, w.Body.String()
		}
		return w.Code, problemOf(t, w, w.Code).Code
	}
}

// However a handler fails, nothing of it stays and the request can be sent again.
func TestAFailedHandlerLeavesNothing(t *testing.T) {
	taken := func(ctx context.Context, s *Server) error {
		_, err := people.Create(ctx, s.db(ctx), people.Person{TownID: "demo", Code: "mentor", Name: text.Same("x")})
		return err
	}
	for name, fail := range map[string]func(context.Context, *Server) error{
		"an error":          func(context.Context, *Server) error { return errors.New("late") },
		"a panic":           func(context.Context, *Server) error { panic("late") },
		"an error ignored":  func(ctx context.Context, s *Server) error { _ = taken(ctx, s); return nil },
		"an error answered": taken,
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
				failing, ran := true, 0
				h, send := probed(t, db, func(ctx context.Context, s *Server) error {
					rest.AfterCommit(ctx, func() { ran++ })
					if failing {
						return fail(ctx, s)
					}
					return nil
				})
				if status, code := send("k"); status < http.StatusBadRequest {
					t.Fatalf("status %d %s", status, code)
				}
				h.made("ann", 0)
				failing = false
				if status, code := send("k"); status != http.StatusOK || ran != 1 {
					t.Errorf("sent again: %d %s; %d afterwards", status, code, ran)
				}
				h.made("ann", 1)
			})
		})
	}
}

// What waits for the commit sees it, from outside.
func TestAfterwardsSeesTheCommit(t *testing.T) {
	for name, key := range map[string]string{"with a key": "k", "without": ""} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
				seen := int64(-1)
				_, send := probed(t, db, func(ctx context.Context, s *Server) error {
					rest.AfterCommit(ctx, func() {
						if err := s.DB.Model(people.Person{}).Where("code = 'ann'").Count(&seen).Error; err != nil {
							t.Error(err)
						}
					})
					return nil
				})
				if status, code := send(key); status != http.StatusOK || seen != 1 {
					t.Errorf("status %d %s, %d rows seen", status, code, seen)
				}
			})
		})
	}
}

// While the first of two is at work the second is told to wait, and nothing is
// left of that when the first is done.
func TestASecondRequestIsToldToWait(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		working, finish := make(chan struct{}), make(chan struct{})
		h, send := probed(t, db, func(context.Context, *Server) error {
			close(working)
			<-finish
			return nil
		})
		var first sync.WaitGroup
		first.Go(func() {
			if status, code := send("k"); status != http.StatusOK {
				t.Errorf("first: %d %s", status, code)
			}
		})
		<-working
		if status, code := send("k"); status != http.StatusConflict || code != "request_in_flight" {
			t.Errorf("second: %d %s", status, code)
		}
		close(finish)
		first.Wait()
		if status, body := send("k"); status != http.StatusOK || body != `"done"` {
			t.Errorf("afterwards: %d %s", status, body)
		}
		h.made("ann", 1)
	})
}

// Nobody's key is no key: it cannot be told from those of others.
func TestAnonymousCallersHaveNoKeys(t *testing.T) {
	done := 0
	handler := servingRoutes(t, newTestServer(), func(r rest.Router) { // without a database
		rest.Post(r, "/probe", policy.ReadService, func(context.Context, struct{}) (int, error) { done++; return done, nil })
	})
	for want := range 2 {
		if w := do(handler, http.MethodPost, "/probe", "", "Authorization", "", "Idempotency-Key",
			"k"); w.Code != http.StatusOK || done != want+1 {
			t.Errorf("status %d, done %d times", w.Code, done)
		}
	}
}
