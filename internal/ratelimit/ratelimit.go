// Package ratelimit slows down who comes too often: one token bucket per name, in a
// memory of fixed size. It knows nothing of HTTP, people or the clock.
package ratelimit

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter lets each name take burst tokens at once, and after that as many as the
// rate allows. Safe for concurrent use.
type Limiter struct {
	mu    sync.Mutex
	rate  rate.Limit
	burst int
	most  int
	known map[string]*list.Element
	order *list.List // of *bucket, the one used last in front
}

type bucket struct {
	name   string
	tokens *rate.Limiter
}

// New returns a Limiter of perSecond tokens for each name after the first burst. It
// remembers most names and then forgets the one that has not come for longest:
// that one has waited most of its time.
func New(perSecond float64, burst, most int) *Limiter {
	return &Limiter{
		rate: rate.Limit(perSecond), burst: burst, most: most, known: map[string]*list.Element{}, order: list.New(),
	}
}

// Take takes one token of the name and returns 0, or takes none and returns how long
// the name has to wait.
func (l *Limiter) Take(name string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	token := l.find(name).ReserveN(now, 1)
	wait := token.DelayFrom(now)
	if wait > 0 {
		token.CancelAt(now)
	}
	return wait
}

func (l *Limiter) find(name string) *rate.Limiter {
	if at, ok := l.known[name]; ok {
		l.order.MoveToFront(at)
		return at.Value.(*bucket).tokens
	}
	if len(l.known) >= l.most {
		last := l.order.Back()
		delete(l.known, last.Value.(*bucket).name)
		l.order.Remove(last)
	}
	tokens := rate.NewLimiter(l.rate, l.burst)
	l.known[name] = l.order.PushFront(&bucket{name, tokens})
	return tokens
}

// Network returns what one caller is taken to own of the addresses: an IPv4 address,
// or the /64 around an IPv6 address, of which everybody has 2⁶⁴. What is no
// address stands for itself.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, _ := a.Prefix(64) // 64 bits are always there
	return p.String()
}
