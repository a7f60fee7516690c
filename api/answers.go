package api

import "sync"

// maxAnswers bounds the memory of answers: 40 branches take 10 KB each.
const maxAnswers = 1024

// question is a request for a ranking or a dashboard.
type question struct {
	view                        string
	town, period, class, around string
	publication                 int64 // as asked: a file is named by it
	span                        int
	language                    locale
	csv                         bool
}

// answers keeps the latest finished answer to each question. Safe for concurrent
// use; the zero value is empty.
type answers struct {
	mu   sync.RWMutex
	made map[question]answer
}

type answer struct {
	token string
	Raw
}

// get returns the answer to the question, made once for a token: it names all that
// the answer shows, as the run does of a ranking, so that none is ever stale.
func (a *answers) get(key question, token string, render func() (Raw, error)) (Raw, error) {
	a.mu.RLock()
	kept, ok := a.made[key]
	a.mu.RUnlock()
	if ok && kept.token == token {
		return kept.Raw, nil
	}
	raw, err := render()
	if err != nil {
		return Raw{}, err
	}
	raw.ETag = digest(raw.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.made == nil || len(a.made) >= maxAnswers {
		a.made = map[question]answer{}
	}
	a.made[key] = answer{token, raw}
	return raw, nil
}
