package cache

import (
	"strings"
	"sync"
	"testing"
)

// kept lists the keys of a to f that the cache has.
func kept(c *Cache[string, int]) string {
	var keys []string
	for _, k := range []string{"a", "b", "c", "d", "e", "f"} {
		if _, ok := c.Get(k); ok {
			keys = append(keys, k)
		}
	}
	return strings.Join(keys, "")
}

func TestTheOldestEntriesAreEvicted(t *testing.T) {
	c := New[string, int](10)
	for _, step := range []struct {
		key  string
		size int
		want string
	}{
		{"a", 4, "a"},
		{"b", 4, "ab"},
		{"c", 2, "abc"},
		{"d", 1, "bcd"}, // a makes room
		{"b", 4, "bcd"}, // replaced, and the youngest now
		{"e", 4, "bde"}, // c makes room
		{"f", 10, "f"},  // all make room
		{"a", 11, "f"},  // larger than the cache
		{"f", 11, ""},   // so is this one, and its older value is gone
		{"a", 0, "a"},   // takes nothing
		{"b", 10, "ab"}, // fits beside it
		{"c", 3, "c"},   // both are older
		{"d", 5, "cd"},  // fits
		{"e", 2, "cde"}, // fits
	} {
		c.Put(step.key, step.size, step.size)
		if got := kept(c); got != step.want {
			t.Fatalf("after %s of %d: %q, want %q", step.key, step.size, got, step.want)
		}
	}
	c.Delete("d")
	c.Delete("unknown")
	if got := kept(c); got != "ce" || c.size != 5 || c.byAge.Len() != 2 {
		t.Errorf("after deleting: %q, %d bytes in %d entries", got, c.size, c.byAge.Len())
	}
	if v, ok := c.Get("c"); !ok || v != 3 {
		t.Errorf("c = %d, %v", v, ok)
	}
}

func TestACacheIsSafeForConcurrentUse(t *testing.T) {
	c, done := New[int, int](100), sync.WaitGroup{}
	for g := range 8 {
		done.Go(func() {
			for i := range 1000 {
				key := (g + i) % 50
				c.Put(key, key, 10)
				if v, ok := c.Get(key); ok && v != key {
					t.Errorf("%d = %d", key, v)
				}
				c.Delete(key + 1)
			}
		})
	}
	done.Wait()
	if c.size > 100 || c.size != 10*c.byAge.Len() || len(c.entries) != c.byAge.Len() {
		t.Errorf("%d bytes, %d entries, %d by age", c.size, len(c.entries), c.byAge.Len())
	}
}
