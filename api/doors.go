package api

import (
	"strings"
	"sync"
	"time"

	"bulwark/internal/access"
)

const (
	// letInFor is how long a caller who was let in is let in again without asking
	// the database: what is published would otherwise cost a statement each time,
	// only to learn that the town is still open. This process forgets it at once
	// when it changes a town; another one on the same database may let a stranger
	// read that long after the town was closed. A key is looked up at each request.
	letInFor = time.Second
	// maxLetIn bounds the memory: 200 bytes each.
	maxLetIn = 4096
)

// passage is one question of who may do what where. It names the caller by the
// credential and by what that opens now.
type passage struct {
	key, account    string
	towns, branches string
	role            access.Role
	action          access.Action
	town            string
}

func passageOf(p access.Principal, action access.Action, town string) passage {
	return passage{p.Key, p.Account, strings.Join(p.Towns, " "), strings.Join(p.Branches, " "), p.Role, action, town}
}

// doors remembers for a moment who was let in, never who was refused. Safe for
// concurrent use; the zero value knows nobody.
type doors struct {
	mu      sync.RWMutex
	since   map[passage]time.Time
	changes int // grows when all is forgotten
}

// ask asks authorize unless the same question was answered with yes just now.
func (d *doors) ask(p passage, authorize func() error) error {
	asked := time.Now()
	d.mu.RLock()
	since, known := d.since[p]
	changes := d.changes
	d.mu.RUnlock()
	if known && asked.Sub(since) < letInFor {
		return nil
	}
	if err := authorize(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changes != changes {
		return nil // a town changed meanwhile: this answer is for this request only
	}
	if d.since == nil || len(d.since) >= maxLetIn {
		d.since = map[passage]time.Time{}
	}
	d.since[p] = asked
	return nil
}

// forget makes every caller be asked for again.
func (d *doors) forget() {
	d.mu.Lock()
	d.since = nil
	d.changes++
	d.mu.Unlock()
}
