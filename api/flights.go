package api

import "sync"

// flights are the claims that this process works on, so that a request sent again
// too early need not wait for the first with a connection in its hand. Safe for
// concurrent use; the zero value is empty.
type flights struct {
	mu    sync.Mutex
	under map[[2]string]bool // way: credential and key
}

// begin takes off, unless the same claim is under way; land ends what it began.
func (f *flights) begin(c *claim) (land func(), free bool) {
	id := [2]string{c.credential, c.key}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.under[id] {
		return nil, false
	}
	if f.under == nil {
		f.under = map[[2]string]bool{}
	}
	f.under[id] = true
	return func() {
		f.mu.Lock()
		delete(f.under, id)
		f.mu.Unlock()
	}, true
}
