package jobs

import (
	"context"
	"sync"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/credential"
)

// keyUsage holds when each key was last used until that is stored: a request does
// not wait for it. Safe for concurrent use; the zero value is empty.
type keyUsage struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// Touch records that a key was used; "" is no key.
func (u *keyUsage) Touch(key string, at time.Time) {
	if key == "" {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = map[string]time.Time{}
	}
	u.last[key] = at
}

// Flush stores what was recorded since the last call. What cannot be stored is dropped:
// the next use of the key is stored.
func (u *keyUsage) Flush(ctx context.Context, db *gorm.DB) error {
	u.mu.Lock()
	last := u.last
	u.last = nil
	u.mu.Unlock()
	if len(last) == 0 {
		return nil
	}
	return credential.NoteUses(ctx, db, last)
}
