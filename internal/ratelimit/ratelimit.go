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

// Login stands in front of the hashing of passwords. Three buckets slow guessing
// down, and none locks anybody out for good:
//
//   - an address may try 30 times, then once in 10 s, so that a whole office
//     behind one address can sign in, but nobody can try one password on many names;
//   - an address may try one account 8 times, then once a minute;
//   - an account may be tried 20 times, then once in 15 s, from all addresses
//     together. That is more than one address can use up: one stranger cannot
//     keep the owner out.
//
// Safe for concurrent use.
type Login struct{ address, pair, account *Limiter }

// maxNames bounds each memory: about 300 bytes each.
const maxNames = 1 << 16

// NewLogin returns a Login with full buckets.
func NewLogin() *Login {
	return &Login{New(1.0/10, 30, maxNames), New(1.0/60, 8, maxNames), New(1.0/15, 20, maxNames)}
}

// Take takes one try of the account from the address and returns 0, or returns
// how long to wait. It asks the account last: a try that is refused for its
// address costs the owner of the account nothing.
func (l *Login) Take(account, address string, now time.Time) time.Duration {
	address = Network(address)
	if wait := l.address.Take(address, now); wait > 0 {
		return wait
	}
	if wait := l.pair.Take(address+" "+account, now); wait > 0 {
		return wait
	}
	return l.account.Take(account, now)
}

// TakeUnnamed is Take for a secret that names no account.
func (l *Login) TakeUnnamed(address string, now time.Time) time.Duration {
	return l.address.Take(Network(address), now)
}
