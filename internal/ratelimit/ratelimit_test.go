package ratelimit

import (
	"fmt"
	"sync"
	"testing"
	"time"
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
		if l.Take(account, address, start) == 0 {
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
			if wait := l.Take("li", "192.0.2.1", now); wait != 0 {
				t.Fatalf("after %d s the owner waits %v", second, wait)
			}
		}
	}
}

func TestAnAddressAloneIsLimited(t *testing.T) {
	l := NewLogin()
	n := 0
	for range 100 {
		if l.TakeUnnamed("192.0.2.1", start) == 0 {
			n++
		}
	}
	if n != 30 || l.Take("li", "192.0.2.1", start) == 0 {
		t.Errorf("%d got through", n)
	}
}
