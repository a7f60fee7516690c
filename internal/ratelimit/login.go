package ratelimit

import "time"

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
