// Package ratelimit slows down who comes too often: one token bucket per name, in a
// memory of fixed size. It knows nothing of HTTP, people or the clock.
package ratelimit

import (
	"container/list"
	"math"
	"net/netip"
	"sync"
	"time"
)

// Limiter lets each name take burst tokens at once, and after that as many as the
// rate allows. Safe for concurrent use.
type Limiter struct {
	mu       sync.Mutex
	interval time.Duration // in which a bucket gets a token
	burst    int64
	most     int
	known    map[string]*list.Element
	order    *list.List // of *bucket, the one used last in front
}

// bucket holds tokens as the time in which they come, so that sums are exact.
type bucket struct {
	name string
	held time.Duration // interval × tokens that can be taken
	lent int64         // tokens taken that may still come back
	at   time.Time     // of held
}

// New returns a Limiter of perSecond tokens for each name after the first burst. It
// remembers most names and then forgets the one that has not come for longest:
// that one has waited most of its time.
func New(perSecond float64, burst, most int) *Limiter {
	interval := max(time.Duration(math.Round(float64(time.Second)/perSecond)), 1)
	return &Limiter{
		interval: interval, burst: min(int64(burst), int64(longest/interval)), most: most,
		known: map[string]*list.Element{}, order: list.New(),
	}
}

// longest is more than any bucket needs to fill, and less than a duration can hold.
const longest = 100 * 365 * 24 * time.Hour

// Take takes one token of the name and returns 0, or takes none and returns how long
// the name has to wait.
func (l *Limiter) Take(name string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, wait := l.take(name, now)
	return wait
}

func (l *Limiter) take(name string, now time.Time) (*bucket, time.Duration) {
	b := l.find(name, now)
	l.fill(b, now)
	if b.held < l.interval {
		return b, l.interval - b.held
	}
	b.held -= l.interval
	return b, 0
}

// lend is Take for a token that settle ends.
func (l *Limiter) lend(name string, now time.Time) (*bucket, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, wait := l.take(name, now)
	if wait > 0 {
		return nil, wait
	}
	b.lent++
	return b, 0
}

// settle ends what lend has lent: the token comes back, or it is spent.
func (l *Limiter) settle(b *bucket, back bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill(b, now)
	b.lent--
	if back {
		b.held += l.interval
	}
}

// fill adds the tokens that have come since. Those that are lent count as if they were in
// the bucket: their return never makes it fuller than if nobody had taken them.
func (l *Limiter) fill(b *bucket, now time.Time) {
	whole := time.Duration(l.burst-b.lent) * l.interval
	since := min(max(now.Sub(b.at), 0), whole-b.held) // the clock may go back
	b.held, b.at = b.held+since, now
}

func (l *Limiter) find(name string, now time.Time) *bucket {
	if at, ok := l.known[name]; ok {
		l.order.MoveToFront(at)
		return at.Value.(*bucket)
	}
	if len(l.known) >= l.most {
		last := l.order.Back()
		delete(l.known, last.Value.(*bucket).name)
		l.order.Remove(last)
	}
	b := &bucket{name: name, held: time.Duration(l.burst) * l.interval, at: now}
	l.known[name] = l.order.PushFront(b)
	return b
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
//   - an address may fail 30 times, then once in 10 s, so that a whole office
//     behind one address can sign in, but nobody can try one password on many names;
//   - an address may fail 8 times with one account, then once a minute;
//   - an account may be tried 20 times without success, then once in 15 s, from all
//     addresses together. That is more than one address can use up: one stranger cannot
//     keep the owner out.
//
// A try takes a token of each bucket before anything is hashed, and a success returns
// them: so many tries can be under way at the same time, and only failures are few.
// Safe for concurrent use.
type Login struct{ address, pair, account *Limiter }

// maxNames bounds each memory: about 300 bytes each.
const maxNames = 1 << 16

// NewLogin returns a Login with full buckets.
func NewLogin() *Login {
	return &Login{New(1.0/10, 30, maxNames), New(1.0/60, 8, maxNames), New(1.0/15, 20, maxNames)}
}

// Try is one try that was let through. Whoever has it calls End once it is known whether
// it succeeded.
type Try struct{ lent []loan }

type loan struct {
	of     *Limiter
	bucket *bucket
}

// Take takes one try of the account from the address, or returns how long to wait. An
// empty account is a secret that names none: the address alone counts. The account is
// asked last: a try that is refused for its address costs the owner of the account
// nothing. What a refused try has taken before is spent.
func (l *Login) Take(account, address string, now time.Time) (*Try, time.Duration) {
	address = Network(address)
	asked := []struct {
		of   *Limiter
		name string
	}{{l.address, address}, {l.pair, address + " " + account}, {l.account, account}}
	if account == "" {
		asked = asked[:1]
	}
	t := &Try{}
	for _, a := range asked {
		b, wait := a.of.lend(a.name, now)
		if wait > 0 {
			t.End(false, now)
			return nil, wait
		}
		t.lent = append(t.lent, loan{a.of, b})
	}
	return t, 0
}

// End returns what the try took if it succeeded; a failure has cost it. A second call does
// nothing.
func (t *Try) End(success bool, now time.Time) {
	for _, l := range t.lent {
		l.of.settle(l.bucket, success, now)
	}
	t.lent = nil
}
