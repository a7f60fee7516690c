package ratelimit

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestABurstThenOneAtATime(t *testing.T) {
	g := New(0.5, 3, 10)
	for i := range 3 {
		if wait := g.Take("a", start); wait != 0 {
			t.Errorf("try %d waits %v", i+1, wait)
		}
	}
	for range 5 { // being refused costs nothing
		if wait := g.Take("a", start); wait != 2*time.Second {
			t.Errorf("waits %v", wait)
		}
	}
	if wait := g.Take("b", start); wait != 0 {
		t.Errorf("another name waits %v", wait)
	}
	if wait := g.Take("a", start.Add(time.Second)); wait != time.Second {
		t.Errorf("after 1 s it waits %v", wait)
	}
	later := start.Add(2 * time.Second)
	if first, second := g.Take("a", later), g.Take("a", later); first != 0 || second == 0 {
		t.Errorf("after 2 s: %v, %v", first, second)
	}
}

func TestTheMemoryIsBounded(t *testing.T) {
	g := New(0.001, 1, 3)
	for _, name := range []string{"a", "b", "a", "c", "d"} { // d drives out b, which came longest ago
		g.Take(name, start)
	}
	if len(g.known) != 3 || g.order.Len() != 3 || g.known["a"] == nil || g.known["b"] != nil {
		t.Errorf("remembers %v", g.known)
	}
	if g.Take("a", start) == 0 {
		t.Error("a was forgotten")
	}
	for i := range 1000 {
		g.Take(fmt.Sprint(i), start)
	}
	if len(g.known) != 3 || g.order.Len() != 3 {
		t.Errorf("remembers %d", len(g.known))
	}
}

func TestManyAtOnce(t *testing.T) {
	g := New(0.001, 5, 100)
	let := make(chan bool, 200)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 10 {
				let <- g.Take("a", start) == 0
			}
		})
	}
	all.Wait()
	close(let)
	n := 0
	for in := range let {
		if in {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d got through, want 5", n)
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::1": "2001:db8:1:2::/64", "2001:db8:1:3::1": "2001:db8:1:3::/64", "fe80::1%eth0": "fe80::/64", "": "",
		"odd": "odd",
	} {
		if got := Network(address); got != want {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
	}
}

// tries counts how many of n get through.
func tries(l *Login, n int, try func(i int) (account, address string)) (through int) {
	for i := range n {
		account, address := try(i)
		if _, wait := l.Take(account, address, start); wait == 0 {
			through++
		}
	}
	return through
}

func TestGuessingIsSlow(t *testing.T) {
	for name, c := range map[string]struct {
		try  func(i int) (string, string)
		most int
	}{
		"one name, one address":    {func(int) (string, string) { return "li", "192.0.2.1" }, 8},
		"many names, one address":  {func(i int) (string, string) { return fmt.Sprint("n", i), "192.0.2.1" }, 30},
		"one name, many addresses": {func(i int) (string, string) { return "li", fmt.Sprintf("192.0.2.%d", i%250) }, 20},
		"many names, one IPv6 subnet": {
			func(i int) (string, string) { return fmt.Sprint("n", i), fmt.Sprintf("2001:db8::%x", i) }, 30,
		},
	} {
		if got := tries(NewLogin(), 1000, c.try); got != c.most {
			t.Errorf("%s: %d got through, want %d", name, got, c.most)
		}
	}
}

// One address, trying as often as it may, must not use up the account: its owner
// signs in from another one at any time.
func TestAStrangerDoesNotLockTheOwnerOut(t *testing.T) {
	l := NewLogin()
	for second := range 3600 {
		now := start.Add(time.Duration(second) * time.Second)
		l.Take("li", "192.0.2.66", now)
		if second%600 == 0 {
			if _, wait := l.Take("li", "192.0.2.1", now); wait != 0 {
				t.Fatalf("after %d s the owner waits %v", second, wait)
			}
		}
	}
}

func TestAnAddressAloneIsLimited(t *testing.T) {
	l := NewLogin()
	n := 0
	for range 100 {
		if _, wait := l.Take("", "192.0.2.1", start); wait == 0 {
			n++
		}
	}
	if _, wait := l.Take("li", "192.0.2.1", start); n != 30 || wait == 0 {
		t.Errorf("%d got through", n)
	}
}

// A success costs nothing, and more than a burst never gathers: 200 sign-ins one after
// another leave the buckets as full as they were.
func TestASuccessCostsNothing(t *testing.T) {
	l := NewLogin()
	for i := range 200 {
		now := start.Add(time.Duration(i) * 10 * time.Millisecond)
		try, wait := l.Take("li", "192.0.2.1", now)
		if wait != 0 {
			t.Fatalf("sign-in %d waits %v", i+1, wait)
		}
		try.End(true, now.Add(5*time.Millisecond))
		try.End(true, now.Add(5*time.Millisecond)) // a second time: nothing
	}
	later := start.Add(time.Hour)
	through := 0
	for range 100 {
		if _, wait := l.Take("li", "192.0.2.1", later); wait == 0 {
			through++
		}
	}
	if through != 8 {
		t.Errorf("%d guesses get through after the successes, want 8", through)
	}
}

// Whatever succeeds beside them, in whatever order and however long it takes, no guess is let
// through that a bucket without any success would have refused at that moment.
func TestSuccessesGiveGuessesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		burst := rapid.IntRange(1, 6).Draw(t, "burst")
		mixed, alone := New(1, burst, 10), New(1, burst, 10)
		now := start
		var signIns, guesses []*bucket
		slowGuess := false
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			case 1:
				if b, wait := mixed.lend("a", now); wait == 0 {
					signIns = append(signIns, b)
				}
			case 2:
				if n := len(signIns); n > 0 {
					mixed.settle(signIns[n-1], true, now)
					signIns = signIns[:n-1]
				}
			case 3:
				for _, b := range guesses {
					mixed.settle(b, false, now)
				}
				guesses = nil
			default:
				b, wait := mixed.lend("a", now)
				if wait > 0 {
					continue
				}
				if guesses = append(guesses, b); rapid.Bool().Draw(t, "at once") {
					mixed.settle(b, false, now)
					guesses = guesses[:len(guesses)-1]
				} else {
					slowGuess = true
				}
				if alone.Take("a", now) > 0 {
					t.Fatalf("at %v a guess was let through by %d successes under way", now.Sub(start), len(signIns))
				}
			}
			if b, whole := mixed.find("a", now), time.Duration(burst)*mixed.interval; b.held < 0 ||
				b.held+time.Duration(b.lent)*mixed.interval > whole {
				t.Fatalf("%v and %d lent are more than the burst", b.held, b.lent)
			}
		}
		// Nor does a success cost anything: once all are over both let the same number in.
		for _, b := range signIns {
			mixed.settle(b, true, now)
		}
		if slowGuess { // which count when they have failed
			return
		}
		for range burst + 1 {
			if a, b := mixed.Take("a", now), alone.Take("a", now); a != b {
				t.Fatalf("after all successes a try waits %v, without them %v", a, b)
			}
		}
	})
}

// A name whose bucket was forgotten while a try was under way gets no token by its end.
func TestATryOutlivesItsBucket(t *testing.T) {
	l := New(0.001, 1, 1)
	b, _ := l.lend("a", start)
	l.Take("b", start)
	l.Take("a", start)
	l.settle(b, true, start)
	if l.Take("a", start) == 0 {
		t.Error("a token came back to another bucket")
	}
}
