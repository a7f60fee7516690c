package api

import (
	"context"
	"sync"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
)

// uses remembers when each key was last used until that is written down: a
// request does not wait for it. Safe for concurrent use; the zero value is empty.
type uses struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (u *uses) note(key string, at time.Time) {
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

// write stores what was noted since the last time. What cannot be stored is
// forgotten: the next use of the key says more.
func (u *uses) write(ctx context.Context, db *gorm.DB) error {
	u.mu.Lock()
	last := u.last
	u.last = nil
	u.mu.Unlock()
	if len(last) == 0 {
		return nil
	}
	return access.NoteUses(ctx, db, last)
}
