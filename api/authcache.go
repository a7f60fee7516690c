package api

import (
	"strings"
	"sync"
	"time"

	"bulwark/internal/access"
)

const (
	// authTTL is how long a caller who was allowed something is allowed it again
	// without a look at the database: what is published would otherwise cost a
	// statement each time, only to learn that the town is still open. This process
	// forgets it at once when it changes a town; another one on the same database may
	// let a stranger read that long after the town was closed. A key is looked up at
	// each request.
	authTTL = time.Second
	// maxAuthKeys bounds the memory: 200 bytes each.
	maxAuthKeys = 4096
)

// authKey is one question of who may do what where. It names the caller by the
// credential and by what that opens now.
type authKey struct {
	key, account    string
	towns, branches string
	role            access.Role
	action          access.Action
	town            string
}

func authKeyOf(p access.Principal, action access.Action, town string) authKey {
	return authKey{p.Key, p.Account, strings.Join(p.Towns, " "), strings.Join(p.Branches, " "), p.Role, action, town}
}

// authCache remembers for a moment who was allowed what, never who was refused. Safe
// for concurrent use; the zero value is empty.
type authCache struct {
	mu      sync.RWMutex
	since   map[authKey]time.Time
	changes int // grows when all is forgotten
}

// Check returns the result of authorise, or nil where that was nil just now.
func (c *authCache) Check(k authKey, authorise func() error) error {
	asked := time.Now()
	c.mu.RLock()
	since, known := c.since[k]
	changes := c.changes
	c.mu.RUnlock()
	if known && asked.Sub(since) < authTTL {
		return nil
	}
	if err := authorise(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return nil // a town changed meanwhile: this result is for this request only
	}
	if c.since == nil || len(c.since) >= maxAuthKeys {
		c.since = map[authKey]time.Time{}
	}
	c.since[k] = asked
	return nil
}

// forget empties the cache.
func (c *authCache) forget() {
	c.mu.Lock()
	c.since = nil
	c.changes++
	c.mu.Unlock()
}
