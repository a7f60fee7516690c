package index

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/pkg/composite/stats"
)

const (
	// freshFor is how long a town's list of publications is believed without
	// asking again. This process forgets it at once when it publishes; another
	// process on the same database may show the old list for that long.
	freshFor = time.Second
	// maxOutcomes bounds the memory: a published run of 40 branches takes 200 KB.
	maxOutcomes = 256
)

// ResultCache is the notice board: it keeps published outcomes in memory. They are
// immutable, so only the question which run is current is ever asked again.
// Inside a transaction it reads for that one alone: what may be rolled back is not
// remembered, and nobody else waits for it. Safe for concurrent use.
type ResultCache struct {
	mu       sync.Mutex
	editions map[string]timedEdition // by town
	changes  map[string]int          // by town: how often it was forgotten
	outcomes map[string]timedOutcome // by run and state
	loading  singleflight.Group
}

type timedOutcome struct {
	*Outcome
	readAt time.Time
}

// settled reports whether the outcome can be kept: one whose appraisal is still to
// come is read again after a while.
func (o timedOutcome) settled() bool {
	return o.Outcome != nil && (o.robustness != nil || time.Since(o.readAt) < freshFor)
}

type timedEdition struct {
	edition publications
	readAt  time.Time
}

// NewResultCache gives an empty board.
func NewResultCache() *ResultCache {
	return &ResultCache{editions: map[string]timedEdition{}, changes: map[string]int{}, outcomes: map[string]timedOutcome{}}
}

// Forget makes the board ask again what the town has published. What is being
// read at this moment counts for those alone who wait for it already.
func (b *ResultCache) Forget(townID string) {
	b.mu.Lock()
	delete(b.editions, townID)
	b.changes[townID]++
	b.mu.Unlock()
}

// Published gives the view of a publication of the period, the latest where number
// is 0; false where the period is not published.
func (b *ResultCache) Published(ctx context.Context, db *gorm.DB, townID, period string, number int64) (View, bool, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil {
		return View{}, false, err
	}
	if len(e.of(period)) == 0 && number == 0 {
		return View{}, false, nil
	}
	current, err := e.find(period, number)
	if err != nil {
		return View{}, false, err
	}
	v := View{source: current.source(day.Of(db.NowFunc()))}
	v.Token = current.RunID + "." + string(current.Period.State) + "." + v.source.token()
	if v.current, err = b.outcome(ctx, db, *current); err != nil {
		return v, false, err
	}
	if v.current.robustness != nil {
		v.Token += ".appraised"
	}
	before := e.previous(current.Period)
	if before == nil {
		return v, true, nil
	}
	v.Token += "." + before.RunID
	v.previous, err = b.outcome(ctx, db, *before)
	return v, err == nil, err
}

// Latest gives the code of the published period that started last; empty while the
// town has published nothing.
func (b *ResultCache) Latest(ctx context.Context, db *gorm.DB, townID string) (string, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil || len(e) == 0 {
		return "", err
	}
	return e[len(e)-1].PeriodCode, nil
}

// Provisional computes the view of a period that is not published, now, from one
// state of the database.
func (b *ResultCache) Provisional(ctx context.Context, db *gorm.DB, townID, period string) (View, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil {
		return View{}, err
	}
	var v View
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		p, err := evaluation.FindPeriod(ctx, tx, townID, period)
		if err != nil {
			return err
		}
		c, err := compute(ctx, tx, p)
		if err != nil {
			return err
		}
		v.current = c.outcome(p)
		return nil
	})
	if err != nil {
		return View{}, err
	}
	if before := e.previous(v.current.Period); before != nil {
		v.previous, err = b.outcome(ctx, db, *before)
	}
	return v, err
}

// publications gives what the town has published, from memory while it is fresh.
func (b *ResultCache) publications(ctx context.Context, db *gorm.DB, townID string) (publications, error) {
	if database.Joined(db) {
		return readPublications(ctx, db, townID)
	}
	b.mu.Lock()
	known, ok := b.editions[townID]
	changes := b.changes[townID]
	b.mu.Unlock()
	if ok && time.Since(known.readAt) < freshFor {
		return known.edition, nil
	}
	read, err, _ := b.loading.Do(fmt.Sprintf("edition/%s/%d", townID, changes), func() (any, error) {
		started := time.Now()
		e, err := readPublications(context.WithoutCancel(ctx), db, townID)
		if err != nil {
			return nil, err
		}
		b.mu.Lock()
		if b.changes[townID] == changes {
			b.editions[townID] = timedEdition{e, started}
		}
		b.mu.Unlock()
		return e, nil
	})
	if err != nil {
		return nil, err
	}
	return read.(publications), nil
}

// outcome gives the outcome of a published run with the period as it is now.
func (b *ResultCache) outcome(ctx context.Context, db *gorm.DB, p publishedRun) (*Outcome, error) {
	key := p.RunID + "/" + string(p.Period.State)
	b.mu.Lock()
	known := b.outcomes[key]
	b.mu.Unlock()
	if known.settled() {
		return known.Outcome, nil
	}
	if database.Joined(db) {
		return loadOutcome(ctx, db, p.Period, p.RunID, p.Number)
	}
	read, err, _ := b.loading.Do("outcome/"+key, func() (any, error) {
		started := time.Now()
		o, err := loadOutcome(context.WithoutCancel(ctx), db, p.Period, p.RunID, p.Number)
		if err != nil {
			return nil, err
		}
		b.mu.Lock()
		if len(b.outcomes) >= maxOutcomes {
			b.outcomes = map[string]timedOutcome{}
		}
		b.outcomes[key] = timedOutcome{o, started}
		b.mu.Unlock()
		return o, nil
	})
	if err != nil {
		return nil, err
	}
	return read.(*Outcome), nil
}

// History gives every published period of one branch, the latest first.
func (b *ResultCache) History(ctx context.Context, db *gorm.DB, townID, branch string) ([]HistoryEntry, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	list := []HistoryEntry{}
	for i := len(e) - 1; i >= 0; i-- {
		if e[i].Number < e[i].latest {
			continue
		}
		now, err := b.outcome(ctx, db, e[i])
		if err != nil {
			return nil, err
		}
		r := now.find(branch)
		if r == nil {
			continue
		}
		s := HistoryEntry{
			Period: e[i].Period.Code, Kind: e[i].Period.Kind, Status: now.status(), Run: e[i].RunID, Outcome: r.Status,
			Coverage: stats.Round(r.Coverage, 4), Score: r.Score, Grade: word(r.Grade), Rank: r.Rank, ClassRank: r.ClassRank, Dimensions: now.dimensions(r),
		}
		if before := e.previous(e[i].Period); before != nil {
			then, err := b.outcome(ctx, db, *before)
			if err != nil {
				return nil, err
			}
			s.Change = now.change(r, then.find(branch))
		}
		list = append(list, s)
	}
	return list, nil
}

// publishedOutcome gives the outcome of a publication, the latest where number is 0.
func (b *ResultCache) publishedOutcome(ctx context.Context, db *gorm.DB, townID, period string, number int64) (*Outcome, *publishedRun, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil {
		return nil, nil, err
	}
	p, err := e.find(period, number)
	if err != nil {
		return nil, nil, err
	}
	o, err := b.outcome(ctx, db, *p)
	return o, p, err
}
