//go:build prove && linux

package prove

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const atOnce = 8 // clients work at the same time

// crowd are clients that propose adjustments, one after the other, and send each
// again until it is acknowledged, and sometimes once more.
type crowd struct {
	t      *testing.T
	server *program
	secret string
	keyed  bool // with an Idempotency-Key
	http   *http.Client

	leave        atomic.Bool
	gone         sync.WaitGroup
	again        atomic.Int64 // requests sent again that were answered
	replayed     atomic.Int64 // of these, from the kept answer
	silent       atomic.Int64 // requests that got no answer
	changed      atomic.Int64 // of these, answered otherwise than the first time
	refused      atomic.Int64 // requests answered with a status other than success
	mu           sync.Mutex
	acknowledged map[string]string // reason → id, as the service told it
	codes        map[string]int    // of refusals
}

func gathered(t *testing.T, p *program, secret string, keyed bool) *crowd {
	c := &crowd{
		t: t, server: p, secret: secret, keyed: keyed, http: &http.Client{Timeout: 30 * time.Second},
		acknowledged: map[string]string{}, codes: map[string]int{},
	}
	for i := range atOnce {
		c.gone.Go(func() {
			for n := 0; !c.leave.Load() && !t.Failed(); n++ {
				c.propose(fmt.Sprintf("proof %d.%d", i, n))
			}
		})
	}
	t.Cleanup(func() { c.leave.Store(true); c.gone.Wait() })
	return c
}

// busy waits until so many more have been acknowledged.
func (c *crowd) busy(more int) {
	count := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.acknowledged)
	}
	for wanted := count() + more; count() < wanted && !c.t.Failed(); time.Sleep(time.Millisecond) {
	}
}

// disperse lets everybody finish once so many requests sent again were answered.
func (c *crowd) disperse(enough int64) {
	for deadline := time.Now().Add(5 * time.Minute); c.again.Load() < enough &&
		!c.t.Failed(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("only %d requests sent again were answered in time", c.again.Load())
		}
	}
	c.leave.Store(true)
	c.gone.Wait()
}

// propose has one adjustment made, whose reason names it.
func (c *crowd) propose(reason string) {
	id := c.insist(reason, true)
	if id == "" {
		return
	}
	c.mu.Lock()
	c.acknowledged[reason] = id
	c.mu.Unlock()
	for range rand.IntN(6) { // an answer may also be lost on its way
		if told := c.insist(reason, false); told != id {
			c.changed.Add(1)
		}
	}
}

// insist sends the request until it is acknowledged.
func (c *crowd) insist(reason string, first bool) (id string) {
	for deadline := time.Now().Add(time.Minute); !c.t.Failed(); time.Sleep(5 * time.Millisecond) {
		status, header, err := c.send(reason)
		if err != nil {
			c.silent.Add(1)
		} else if !first {
			c.again.Add(1)
		}
		first = false
		switch {
		case err != nil:
		case status == http.StatusCreated:
			if header.Get("Idempotency-Replayed") != "" {
				c.replayed.Add(1)
			}
			return path.Base(header.Get("Location"))
		case status == http.StatusServiceUnavailable, status == http.StatusConflict, status == http.StatusTooManyRequests:
			c.refused.Add(1)
		default:
			c.t.Errorf("%s: status %d: %s", reason, status, c.server.failure.Load())
		}
		if time.Now().After(deadline) {
			c.t.Errorf("%s: not acknowledged within a minute", reason)
		}
	}
	return ""
}

// branchOf spreads the proposals over the branches, of each of which so many can be open: one
// reason is always about the same branch.
func branchOf(reason string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(reason)) // it never fails
	return fmt.Sprintf("b%02d", 1+h.Sum32()%40)
}

func (c *crowd) send(reason string) (status int, header http.Header, err error) {
	body, err := json.Marshal(map[string]string{
		"period": "2023Q3", "branch": branchOf(reason), "kind": "bonus", "item": "honour",
		"reason": reason,
	})
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost,
		c.server.address.Load().(string)+"/adjustments", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.secret)
	r.Header.Set("Content-Type", "application/json")
	if c.keyed {
		r.Header.Set("Idempotency-Key", reason)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	var p struct{ Code string }
	body, err = io.ReadAll(answer.Body) // an answer that is cut off is none
	if json.Unmarshal(body, &p) == nil && p.Code != "" {
		c.mu.Lock()
		c.codes[p.Code]++
		c.mu.Unlock()
	}
	return answer.StatusCode, answer.Header, err
}
