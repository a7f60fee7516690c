package index

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

const (
	// freshFor is how long a town's list of publications is believed without
	// asking again. This process forgets it at once when it publishes; another
	// process on the same database may show the old list for that long.
	freshFor = time.Second
	// maxOutcomes bounds the memory: a published run of 40 branches takes 200 KB.
	maxOutcomes = 256
)

// Board is the notice board: it keeps published outcomes in memory. They are
// immutable, so only the question which run is current is ever asked again.
// Inside a transaction it reads for that one alone: what may be rolled back is not
// remembered, and nobody else waits for it. Safe for concurrent use.
type Board struct {
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
	return o.Outcome != nil && (o.sure != nil || time.Since(o.readAt) < freshFor)
}

type timedEdition struct {
	edition edition
	readAt  time.Time
}

// NewBoard gives an empty board.
func NewBoard() *Board {
	return &Board{editions: map[string]timedEdition{}, changes: map[string]int{}, outcomes: map[string]timedOutcome{}}
}

// Forget makes the board ask again what the town has published. What is being
// read at this moment counts for those alone who wait for it already.
func (b *Board) Forget(townID string) {
	b.mu.Lock()
	delete(b.editions, townID)
	b.changes[townID]++
	b.mu.Unlock()
}

// Published gives the view of a published period; false where it is not published.
func (b *Board) Published(ctx context.Context, db *gorm.DB, townID, period string) (View, bool, error) {
	e, err := b.edition(ctx, db, townID)
	if err != nil {
		return View{}, false, err
	}
	current, before := e.find(period)
	if current == nil {
		return View{}, false, nil
	}
	v := View{Token: current.RunID + "." + string(current.Period.State)}
	if v.now, err = b.outcome(ctx, db, *current); err != nil {
		return v, false, err
	}
	if v.now.sure != nil {
		v.Token += ".appraised"
	}
	if before == nil {
		return v, true, nil
	}
	v.Token += "." + before.RunID
	v.before, err = b.outcome(ctx, db, *before)
	return v, err == nil, err
}

// Provisional computes the view of a period that is not published, now, from one
// state of the database.
func (b *Board) Provisional(ctx context.Context, db *gorm.DB, townID, period string) (View, error) {
	e, err := b.edition(ctx, db, townID)
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
		v.now = c.outcome(p)
		return nil
	})
	if err != nil {
		return View{}, err
	}
	if before := e.before(v.now.Period); before != nil {
		v.before, err = b.outcome(ctx, db, *before)
	}
	return v, err
}

// edition gives what the town has published, from memory while it is fresh.
func (b *Board) edition(ctx context.Context, db *gorm.DB, townID string) (edition, error) {
	if database.Joined(db) {
		return readEdition(ctx, db, townID)
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
		e, err := readEdition(context.WithoutCancel(ctx), db, townID)
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
	return read.(edition), nil
}

// outcome gives the outcome of a published run with the period as it is now.
func (b *Board) outcome(ctx context.Context, db *gorm.DB, p published) (*Outcome, error) {
	key := p.RunID + "/" + string(p.Period.State)
	b.mu.Lock()
	known := b.outcomes[key]
	b.mu.Unlock()
	if known.settled() {
		return known.Outcome, nil
	}
	if database.Joined(db) {
		return loadOutcome(ctx, db, p.Period, p.RunID)
	}
	read, err, _ := b.loading.Do("outcome/"+key, func() (any, error) {
		started := time.Now()
		o, err := loadOutcome(context.WithoutCancel(ctx), db, p.Period, p.RunID)
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
func (b *Board) History(ctx context.Context, db *gorm.DB, townID, branch string) ([]Standing, error) {
	e, err := b.edition(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	list := []Standing{}
	for i := len(e) - 1; i >= 0; i-- {
		now, err := b.outcome(ctx, db, e[i])
		if err != nil {
			return nil, err
		}
		r := now.find(branch)
		if r == nil {
			continue
		}
		s := Standing{
			Period: e[i].Period.Code, Kind: e[i].Period.Kind, Status: now.status(), Run: e[i].RunID, Outcome: r.Status,
			Coverage: composite.Round(r.Coverage, 4), Score: r.Score, Grade: word(r.Grade), Rank: r.Rank, ClassRank: r.ClassRank, Dimensions: now.dimensions(r),
		}
		if before := e.before(e[i].Period); before != nil {
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

// Receipt is what anyone needs to check a published result: hashes of what went
// in and came out, and how it was computed.
type Receipt struct {
	Run
	Publication int64  `json:"publication" example:"1"`
	Status      string `json:"status" enums:"published,final"`
}

// Receipt gives the receipt of a published period.
func (b *Board) Receipt(ctx context.Context, db *gorm.DB, townID, period string) (Receipt, error) {
	o, p, err := b.current(ctx, db, townID, period)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Run: *o.Run, Publication: p.Publication, Status: o.status()}, nil
}

// Files gives the two files from which `bulwark score` computes the published
// result again: the scheme document and the data.
func (b *Board) Files(ctx context.Context, db *gorm.DB, townID, period string) (scheme []byte, data string, err error) {
	o, _, err := b.current(ctx, db, townID, period)
	if err != nil {
		return nil, "", err
	}
	return o.Scheme.Canonical, o.Run.Data, nil
}

// Verify computes a published result again and compares it with its receipt.
func (b *Board) Verify(ctx context.Context, db *gorm.DB, townID, period string) (Verification, error) {
	o, _, err := b.current(ctx, db, townID, period)
	if err != nil {
		return Verification{}, err
	}
	run, err := FindRun(ctx, db, townID, period, o.Run.ID) // not from memory: it is the database that is doubted
	if err != nil {
		return Verification{}, err
	}
	return Verify(ctx, db, run)
}

func (b *Board) current(ctx context.Context, db *gorm.DB, townID, period string) (*Outcome, published, error) {
	e, err := b.edition(ctx, db, townID)
	if err != nil {
		return nil, published{}, err
	}
	p, _ := e.find(period)
	if p == nil {
		return nil, published{}, fault.Missing(text.Text{ZH: "已公布的考评周期", EN: "published period"}, period)
	}
	o, err := b.outcome(ctx, db, *p)
	return o, *p, err
}
