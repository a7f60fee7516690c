// Package cache keeps values in memory up to a number of bytes.
package cache

import (
	"container/list"
	"sync"
)

// Cache keeps entries by their keys. Where a new entry does not fit, the oldest ones
// are evicted. Safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu      sync.Mutex
	limit   int // of size
	size    int // of all entries
	entries map[K]*list.Element
	byAge   *list.List // of entry[K, V], the oldest first
}

type entry[K comparable, V any] struct {
	key   K
	value V
	size  int
}

// New returns an empty cache for so many bytes.
func New[K comparable, V any](limit int) *Cache[K, V] {
	return &Cache[K, V]{limit: limit, entries: map[K]*list.Element{}, byAge: list.New()}
}

// Get returns the value of the key, and false where there is none.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.entries[key]
	if !ok {
		return value, false
	}
	return at.Value.(entry[K, V]).value, true
}

// Put sets the value of the key and its size in bytes. A value that is larger than
// the whole cache is not kept.
func (c *Cache[K, V]) Put(key K, value V, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(c.entries[key])
	if size > c.limit {
		return
	}
	for c.size+size > c.limit {
		c.remove(c.byAge.Front())
	}
	c.entries[key] = c.byAge.PushBack(entry[K, V]{key, value, size})
	c.size += size
}

// Delete removes the key.
func (c *Cache[K, V]) Delete(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(c.entries[key])
}

func (c *Cache[K, V]) remove(at *list.Element) {
	if at == nil {
		return
	}
	e := c.byAge.Remove(at).(entry[K, V])
	delete(c.entries, e.key)
	c.size -= e.size
}
