package index

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/cache"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
)

const (
	// freshFor is how long a town's list of publications is used without reading it
	// again. This process forgets it at once when it publishes; another process on
	// the same database may show the old list for that long.
	freshFor = time.Second
	// maxCacheSize bounds the memory in bytes: a published run of 40 branches takes
	// less than 1 MB.
	maxCacheSize = 128 << 20
)

// ResultCache keeps in memory what towns have published. Outcomes are immutable, so
// only the lists of publications are ever read again. Inside a transaction it reads
// for that one alone: what may be rolled back is not kept, and nobody else waits for
// it. Safe for concurrent use.
type ResultCache struct {
	entries *cache.Cache[string, cacheEntry]
	loading singleflight.Group
	mu      sync.Mutex
	changes map[string]int // by town: how often it was forgotten
}

type cacheEntry struct {
	value  any
	readAt time.Time
}

// cacheable is what a ResultCache keeps.
type cacheable interface {
	size() int                    // in bytes, rather too much than too little
	fresh(age time.Duration) bool // whether it is used so long after it was read
}

// NewResultCache returns an empty cache.
func NewResultCache() *ResultCache {
	return &ResultCache{entries: cache.New[string, cacheEntry](maxCacheSize), changes: map[string]int{}}
}

// Forget makes the cache read again what the town has published. What is being read
// at this moment is for those alone who wait for it already: it has the key of
// before.
func (c *ResultCache) Forget(townID string) {
	c.mu.Lock()
	old := c.publicationsKey(townID)
	c.changes[townID]++
	c.mu.Unlock()
	c.entries.Delete(old)
}

func (c *ResultCache) publicationsKey(townID string) string {
	return fmt.Sprintf("publications/%s/%d", townID, c.changes[townID])
}

// View is one period ready to be shown: its outcome, and what its changes are counted
// from. Views of the same Token show the same figures.
type View struct {
	Token   string // empty while provisional
	source  Source
	cited   bool // asked for by the number of its publication
	current *Outcome
	before  baseline
	reader  *access.Reach // branches of whose details the reader may know; nil: all
	precise bool          // explanations have all their digits
}

// For returns the view for a reader who may know the details of the branches in reach.
func (v View) For(reach access.Reach) View {
	if v.reader = nil; !reach.All {
		v.reader = &reach
	}
	return v
}

// Precise returns the view with explanations that have all their digits.
func (v View) Precise() View {
	v.precise = true
	return v
}

// Exact reports whether explanations have all their digits.
func (v View) Exact() bool { return v.precise }

// Limited reports whether the reader may not know the details of every branch.
func (v View) Limited() bool { return v.reader != nil }

// Scheme is the one by which the figures were made.
func (v View) Scheme() *scheme.Compiled { return v.current.Scheme }

// Published returns the view of a publication of the period, the latest that was not
// withdrawn where number is 0; false where the period is not published. Its changes are
// counted from the publication beside which it was published.
func (c *ResultCache) Published(
	ctx context.Context, db *gorm.DB, townID, period string, number int64,
) (View, bool, error) {
	return c.published(ctx, db, townID, period, number, func(p *publishedRun, _ publications) *PublicationRef { return p.From })
}

// PublishedNow returns the view of the latest publication of the period, with changes that
// are counted from what is the latest publication of the period before at present.
func (c *ResultCache) PublishedNow(ctx context.Context, db *gorm.DB, townID, period string) (View, bool, error) {
	return c.published(ctx, db, townID, period, 0, func(p *publishedRun, e publications) *PublicationRef {
		if before := e.previous(p.Period); before != nil {
			return &PublicationRef{Period: before.PeriodCode, Publication: before.Number}
		}
		return nil
	})
}

func (c *ResultCache) published(
	ctx context.Context, db *gorm.DB, townID, period string, number int64,
	from func(*publishedRun, publications) *PublicationRef,
) (_ View, _ bool, err error) {
	defer fault.Wrap(&err, "result of %s", period)
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return View{}, false, err
	}
	if len(e.of(period).standing()) == 0 && number == 0 {
		return View{}, false, nil
	}
	current, err := e.find(period, number)
	if err != nil {
		return View{}, false, err
	}
	v := View{source: current.source(day.Of(db.NowFunc())), cited: number > 0}
	v.Token = current.RunID + "." + string(current.Period.State) + "." + v.source.token()
	if v.current, err = c.outcome(ctx, db, *current); err != nil {
		return v, false, err
	}
	if v.current.robustness != nil {
		v.Token += ".robust"
	}
	if v.before, err = c.baseline(ctx, db, e, from(current, e)); err != nil {
		return v, false, err
	}
	v.before.ended = current.Ended.V
	if b := v.before; b.outcome != nil {
		v.Token += fmt.Sprintf(".%s.%d.%t", b.outcome.Run.ID, b.number, b.outcome.withdrawn)
	}
	return v, true, nil
}

// baseline returns what changes are counted from, withdrawn or not; none where ref is nil.
func (c *ResultCache) baseline(
	ctx context.Context, db *gorm.DB, e publications, ref *PublicationRef,
) (b baseline, err error) {
	if ref == nil {
		return b, nil
	}
	p, err := e.find(ref.Period, ref.Publication)
	if err != nil {
		return b, err
	}
	b.number = p.Number
	b.outcome, err = c.outcome(ctx, db, *p)
	return b, err
}

// Earlier returns the view of the publication of the number of another period, its latest
// where that is 0; of the view's own period where that is empty. Where neither is named it
// is what the changes of the view are counted from.
func (c *ResultCache) Earlier(
	ctx context.Context, db *gorm.DB, v View, period string, number int64,
) (before View, err error) {
	if period == "" && number > 0 {
		period = v.current.Period.Code
	}
	if period != "" {
		before.current, _, err = c.publishedOutcome(ctx, db, v.current.Period.TownID, period, number)
		return before, err
	}
	before, ok := v.Before()
	if !ok {
		return before, fault.NotFound("nothing_before",
			"之前没有已公布的同类考评周期", "no period of this kind was published before")
	}
	return before, nil
}

// RefuseWithdrawn refuses a period of which every publication was withdrawn.
func (c *ResultCache) RefuseWithdrawn(ctx context.Context, db *gorm.DB, townID, period string) error {
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return err
	}
	if _, err = e.find(period, 0); len(e.of(period)) > 0 {
		return err
	}
	return nil
}

// Provisional computes the view of a period that is not published, now, from one
// state of the database and from the branches in reach alone: what the others have
// cannot be found in it, nor by asking again. Without them nothing has a rank; where
// scores by the scheme depend on the others there is no view.
func (c *ResultCache) Provisional(
	ctx context.Context, db *gorm.DB, townID, period string, reach access.Reach,
) (v View, err error) {
	defer fault.Wrap(&err, "provisional result of %s", period)
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return View{}, err
	}
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		p, err := evaluation.FindPeriod(ctx, tx, townID, period)
		if err != nil {
			return err
		}
		c, err := collect(ctx, tx, p)
		if err != nil {
			return err
		}
		if !reach.All {
			if c, err = c.only(reach.Has); err != nil {
				return err
			}
		}
		if err := c.score(); err != nil {
			return withLock(p, err)
		}
		v.current = c.outcome(p)
		v.before.ended, err = p.ListEnded(ctx, tx, e.endBefore(p))
		return err
	})
	if err != nil {
		return View{}, err
	}
	v.before.ended = slices.DeleteFunc(v.before.ended, func(b evaluation.EndedBranch) bool { return !reach.Has(b.Code) })
	if before := e.previous(v.current.Period); before != nil {
		v.before.number = before.Number
		v.before.outcome, err = c.outcome(ctx, db, *before)
	}
	return v, err
}

// Latest returns the code of the published period that started last; empty while the
// town has published nothing.
func (c *ResultCache) Latest(ctx context.Context, db *gorm.DB, townID string) (_ string, err error) {
	defer fault.Wrap(&err, "latest result of %s", townID)
	e, err := c.publications(ctx, db, townID)
	if e = e.standing(); err != nil || len(e) == 0 {
		return "", err
	}
	return e[len(e)-1].PeriodCode, nil
}

// publications returns what the town has published, from memory while it is fresh.
func (c *ResultCache) publications(ctx context.Context, db *gorm.DB, townID string) (publications, error) {
	if database.Joined(db) {
		return readPublications(ctx, db, townID, "")
	}
	c.mu.Lock()
	key := c.publicationsKey(townID)
	c.mu.Unlock()
	return load(ctx, db, c, key, func(ctx context.Context) (publications, error) {
		return readPublications(ctx, db, townID, "")
	})
}

// outcome returns the outcome of a publication, with the period in its present state.
func (c *ResultCache) outcome(ctx context.Context, db *gorm.DB, p publishedRun) (*Outcome, error) {
	key := "outcome/" + p.RunID + "/" + string(p.Period.State) + "/" + strconv.FormatBool(p.withdrawn != nil)
	return load(ctx, db, c, key, func(ctx context.Context) (*Outcome, error) {
		o, err := loadOutcome(ctx, db, p.Period, p.RunID, p.Number)
		if err == nil {
			o.withdrawn = p.withdrawn != nil
		}
		return o, err
	})
}

// load returns the value of the key from memory while it is fresh, and otherwise
// reads and keeps it, once for all who wait for it.
func load[V cacheable](
	ctx context.Context, db *gorm.DB, c *ResultCache, key string, read func(context.Context) (V, error),
) (v V, err error) {
	if e, ok := c.entries.Get(key); ok && e.value.(V).fresh(time.Since(e.readAt)) {
		return e.value.(V), nil
	}
	if database.Joined(db) {
		return read(ctx)
	}
	value, err, _ := c.loading.Do(key, func() (any, error) {
		started := time.Now()
		v, err := read(context.WithoutCancel(ctx))
		if err == nil {
			c.entries.Put(key, cacheEntry{v, started}, v.size())
		}
		return v, err
	})
	if err != nil {
		return v, err
	}
	return value.(V), nil
}

// publishedOutcome returns the outcome of a publication, the latest where number is 0.
func (c *ResultCache) publishedOutcome(
	ctx context.Context, db *gorm.DB, townID, period string, number int64,
) (*Outcome, *publishedRun, error) {
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return nil, nil, err
	}
	p, err := e.find(period, number)
	if err != nil {
		return nil, nil, err
	}
	o, err := c.outcome(ctx, db, *p)
	return o, p, err
}
