package api

import "sync"

// maxAnswers bounds the memory of answers: 40 branches take 10 KB each.
const maxAnswers = 1024

// question is all that the answer to a request for a ranking depends on. The
// token names the run, so an answer never goes stale.
type question struct {
	token, town, period, class, around string
	publication                        int64 // as asked: a file is named by it
	span                               int
	language                           locale
	csv                                bool
}

// answers keeps finished answers of published periods. Safe for concurrent use;
// the zero value is empty.
type answers struct {
	mu   sync.RWMutex
	made map[question]Raw
}

// get returns the answer to the question, made once.
func (a *answers) get(key question, render func() (Raw, error)) (Raw, error) {
	a.mu.RLock()
	raw, ok := a.made[key]
	a.mu.RUnlock()
	if ok {
		return raw, nil
	}
	raw, err := render()
	if err != nil {
		return Raw{}, err
	}
	raw.ETag = digest(raw.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.made == nil || len(a.made) >= maxAnswers {
		a.made = map[question]Raw{}
	}
	a.made[key] = raw
	return raw, nil
}
