package feed

import (
	"context"
	"sync"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/fault"
)

const (
	// maxWaiting is how many callers wait at once: each holds its connection and a few KB.
	maxWaiting = 100
	// maxStrangers is how many of them may be callers without a key or session.
	maxStrangers = maxWaiting / 4
	// lookEvery is how often the trails are looked at while somebody waits.
	lookEvery = 250 * time.Millisecond
	// retryAfter is told to a caller for whom there is no place.
	retryAfter = 5 * time.Second
)

// Waiting lets callers wait until the trail of a town has grown. All of them together cost
// one statement each time the trails are looked at; none holds a connection to the database
// meanwhile. Safe for concurrent use.
type Waiting struct {
	db *gorm.DB

	mu      sync.Mutex
	waiters map[*waiter]bool
	looking bool
	closed  chan struct{}
	once    sync.Once
}

type waiter struct {
	town     string
	stranger bool
	after    int64
	grown    chan struct{}
}

// NewWaiting returns a Waiting without callers.
func NewWaiting(db *gorm.DB) *Waiting {
	return &Waiting{db: db, waiters: map[*waiter]bool{}, closed: make(chan struct{})}
}

// Close ends every wait, now and later.
func (w *Waiting) Close() { w.once.Do(func() { close(w.closed) }) }

// Len returns how many wait now.
func (w *Waiting) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiters)
}

// Enter returns how to wait, or a fault where too many wait already. leave ends it.
func (w *Waiting) Enter(town string, stranger bool) (wait func(ctx context.Context, after int64), leave func(), err error) {
	one := &waiter{town: town, stranger: stranger}
	w.mu.Lock()
	defer w.mu.Unlock()
	strangers := 0
	for other := range w.waiters {
		if other.stranger {
			strangers++
		}
	}
	if len(w.waiters) >= maxWaiting || stranger && strangers >= maxStrangers {
		full := fault.Unavailable("too_many_waiting", "等待更新的请求已满，请稍后再试，或不带 wait 查询",
			"too many callers wait for changes: try again in a moment, or ask without wait")
		full.RetryAfter = retryAfter
		return nil, nil, full
	}
	w.waiters[one] = true
	leave = func() {
		w.mu.Lock()
		delete(w.waiters, one)
		w.mu.Unlock()
	}
	return func(ctx context.Context, after int64) { w.wait(ctx, one, after) }, leave, nil
}

// wait returns when the trail is longer than after, when ctx ends, or when w is closed.
func (w *Waiting) wait(ctx context.Context, one *waiter, after int64) {
	w.mu.Lock()
	one.after, one.grown = after, make(chan struct{})
	grown := one.grown
	if !w.looking {
		w.looking = true
		go w.look() //nolint:gosec // it looks for all who wait, and outlives each of them
	}
	w.mu.Unlock()
	select {
	case <-grown:
	case <-w.closed:
	case <-ctx.Done():
	}
}

// look looks at the trails until nobody waits.
func (w *Waiting) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-w.closed:
			return
		}
		if !w.somebodyWaits() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), retryAfter)
		ends, err := audit.Ends(ctx, w.db)
		cancel()
		if err == nil { // else they wait on; the answer after the wait says what is wrong
			w.wake(ends)
		}
	}
}

// somebodyWaits reports whether a look at the trails is due; where nobody waits, the next one who
// does begins to look again.
func (w *Waiting) somebodyWaits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking = false
	for one := range w.waiters {
		w.looking = w.looking || one.grown != nil
	}
	return w.looking
}

// wake ends the waits of those whose town's trail has grown.
func (w *Waiting) wake(ends map[string]int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.waiters {
		if one.grown != nil && ends[one.town] > one.after {
			close(one.grown)
			one.grown = nil
		}
	}
}
