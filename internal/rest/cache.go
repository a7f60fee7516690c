package rest

import "sync"

// maxCached bounds a ResponseCache: a ranking of 40 branches takes 10 KB.
const maxCached = 1024

// ResponseCache keeps the latest finished answer for each key. Safe for concurrent
// use; the zero value is empty.
type ResponseCache[K comparable] struct {
	mu      sync.RWMutex
	entries map[K]cached
}

type cached struct {
	token string
	Raw
}

// Get returns the answer kept for the key and token, or the one that render makes. A
// token names all that the answer shows, as the run does of a ranking, so that no
// answer is ever stale.
func (c *ResponseCache[K]) Get(key K, token string, render func() (Raw, error)) (Raw, error) {
	c.mu.RLock()
	kept, ok := c.entries[key]
	c.mu.RUnlock()
	if ok && kept.token == token {
		return kept.Raw, nil
	}
	raw, err := render()
	if err != nil {
		return Raw{}, err
	}
	raw.ETag = Digest(raw.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxCached {
		c.entries = map[K]cached{}
	}
	c.entries[key] = cached{token, raw}
	return raw, nil
}
