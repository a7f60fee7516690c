// Package gate slows down who comes too often: one token bucket per name, in a
// memory of fixed size. It knows nothing of HTTP, people or the clock.
package gate

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Gate lets each name through burst times at once, and after that as often as
// the rate says. Safe for concurrent use.
type Gate struct {
	mu    sync.Mutex
	every rate.Limit
	burst int
	most  int
	known map[string]*list.Element
	order *list.List // of *guest, the one that came last in front
}

type guest struct {
	name   string
	bucket *rate.Limiter
}

// New makes a gate for perSecond passages of one name after the first burst. It
// remembers most names and then forgets the one that has not come for longest:
// that one has waited most of its time.
func New(perSecond float64, burst, most int) *Gate {
	return &Gate{every: rate.Limit(perSecond), burst: burst, most: most, known: map[string]*list.Element{}, order: list.New()}
}

// Enter takes one of the name's passages and returns 0, or takes none and
// returns how long the name has to wait.
func (g *Gate) Enter(name string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	passage := g.find(name).ReserveN(now, 1)
	wait := passage.DelayFrom(now)
	if wait > 0 {
		passage.CancelAt(now)
	}
	return wait
}

func (g *Gate) find(name string) *rate.Limiter {
	if at, ok := g.known[name]; ok {
		g.order.MoveToFront(at)
		return at.Value.(*guest).bucket
	}
	if len(g.known) >= g.most {
		last := g.order.Back()
		delete(g.known, last.Value.(*guest).name)
		g.order.Remove(last)
	}
	bucket := rate.NewLimiter(g.every, g.burst)
	g.known[name] = g.order.PushFront(&guest{name, bucket})
	return bucket
}
