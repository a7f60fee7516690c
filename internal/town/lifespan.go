package town

import (
	"context"
	"slices"
	"sort"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// BranchChange is a change of a branch from a day on.
type BranchChange struct {
	Town, Branch string
	Version      int64    // that the caller has read
	On           day.Date // the first day on which it holds
	Reason       string
	Known        time.Time // when it was entered; now where zero
}

// Rename sets another name of the branch; days before keep the old one.
func Rename(ctx context.Context, db *gorm.DB, c BranchChange, name text.Text) (Branch, error) {
	if faults := checkName(name); len(faults) > 0 {
		return Branch{}, fault.Broken(faults...)
	}
	return c.reprofile(ctx, db, "branch.rename", func(p *Profile) { p.Name = name })
}

// Reclassify sets another kind and class of the branch; days before keep the old ones.
func Reclassify(ctx context.Context, db *gorm.DB, c BranchChange, kind string, class *string) (Branch, error) {
	return c.reprofile(ctx, db, "branch.reclassify", func(p *Profile) { p.Kind, p.Class = kind, class })
}

// Close ends the branch: the day is the first one without it.
func Close(ctx context.Context, db *gorm.DB, c BranchChange) (Branch, error) {
	return c.end(ctx, db, "branch.close", nil)
}

// Merge ends the branch on the day and names the branch that takes it over,
// which must exist on that day.
func Merge(ctx context.Context, db *gorm.DB, c BranchChange, into string) (Branch, error) {
	return c.end(ctx, db, "branch.merge", &into)
}

func (c BranchChange) reprofile(
	ctx context.Context, db *gorm.DB, action string, change func(*Profile),
) (Branch, error) {
	return c.make(ctx, db, action, func(tx *gorm.DB, p Profile) error {
		change(&p)
		p.ValidFrom, p.Reason, p.KnownFrom = c.On, c.Reason, c.Known
		if err := createProfile(tx, p); err != nil {
			return err
		}
		return database.UpdateVersioned(tx, c.row(), c.Version, nil)
	})
}

func (c BranchChange) end(ctx context.Context, db *gorm.DB, action string, into *string) (Branch, error) {
	return c.make(ctx, db, action, func(tx *gorm.DB, _ Profile) error {
		if into != nil {
			if err := c.checkSuccessor(ctx, tx, *into); err != nil {
				return err
			}
		}
		if err := c.checkAbsorbed(tx); err != nil {
			return err
		}
		columns := map[string]any{
			"closed_on": c.On, "closed_reason": c.Reason, "merged_into": into, "closed_known_from": c.Known,
		}
		return database.UpdateVersioned(tx, c.row(), c.Version, columns)
	})
}

func (c BranchChange) row() *Life { return &Life{TownID: c.Town, Code: c.Branch} }

// make changes a living branch in a transaction with its record. It
// locks the branch, so that no two changes interleave.
func (c BranchChange) make(
	ctx context.Context, db *gorm.DB, action string, change func(tx *gorm.DB, last Profile) error,
) (after Branch, err error) {
	defer fault.Wrap(&err, "branch %s", c.Branch)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, last, err := c.held(ctx, tx)
		switch {
		case err != nil:
			return err
		case before.ClosedOn != nil:
			return Ended(ctx, tx, before)
		case before.Version != c.Version:
			return fault.OutOfDate()
		}
		if faults := checkFar("/on", c.On, day.Of(tx.NowFunc())); len(faults) > 0 {
			return fault.Broken(faults...)
		}
		if err := checkDay(before, last, c.On); err != nil {
			return err
		}
		if err := change(tx, last); err != nil {
			return err
		}
		if after, err = FindCoded(ctx, tx, c.Town, c.Branch, c.On); err != nil {
			return err
		}
		if last, err = lastProfile(tx, c.Town, c.Branch); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: c.Town, Action: action, Subject: "branches/" + c.Branch, Before: before,
			After: recordedBranch{after, last.ValidFrom, last.KnownFrom}, Reason: c.Reason,
		})
	})
	return after, err
}

// held locks the branch until the end of the transaction, and returns it with its last
// change. Known becomes now where it is not set.
func (c *BranchChange) held(ctx context.Context, tx *gorm.DB) (b Branch, last Profile, err error) {
	if err := lockRow(tx, c.Town, c.Branch); err != nil {
		return b, last, err
	}
	if c.Known.IsZero() {
		c.Known = tx.NowFunc()
	}
	if b, err = FindCoded(ctx, tx, c.Town, c.Branch, day.Latest); err == nil {
		last, err = lastProfile(tx, c.Town, c.Branch)
	}
	return b, last, err
}

// EndedBy reports whether the branch is no more on the day.
func (l Life) EndedBy(on day.Date) bool { return l.ClosedOn != nil && *l.ClosedOn <= on }

// closedKnown returns when the end was entered.
func (l Life) closedKnown() time.Time {
	if l.ClosedKnownFrom == nil {
		return l.UpdatedAt
	}
	return *l.ClosedKnownFrom
}

// EndKnownBy reports whether the end of the branch was entered by the time; zero is now.
func (l Life) EndKnownBy(known time.Time) bool {
	return known.IsZero() || !l.closedKnown().After(known)
}

// Ending is how a branch ended.
type Ending struct {
	On     day.Date `json:"on" swaggertype:"string" format:"date"` // the first day without it
	Into   string   `json:"into,omitempty" example:"b08"`          // the branch that it merged into
	Reason string   `json:"reason,omitempty"`
} // @name BranchEnding

// Endings returns how the branches of the town have ended or will, by code.
func Endings(ctx context.Context, db *gorm.DB, townID string) (map[string]Ending, error) {
	var closed []Life
	err := db.WithContext(ctx).Select("code", "closed_on", "closed_reason", "merged_into").
		Where("town_id = ? AND closed_on IS NOT NULL", townID).Find(&closed).Error
	endings := make(map[string]Ending, len(closed))
	for _, b := range closed {
		e := Ending{On: *b.ClosedOn, Reason: b.ClosedReason}
		if b.MergedInto != nil {
			e.Into = *b.MergedInto
		}
		endings[b.Code] = e
	}
	return endings, err
}

// EndedOn returns the branches of the town that have ended or will, with the first day
// without them.
func EndedOn(ctx context.Context, db *gorm.DB, townID string) (map[string]day.Date, error) {
	endings, err := Endings(ctx, db, townID)
	ended := make(map[string]day.Date, len(endings))
	for code, e := range endings {
		ended[code] = e.On
	}
	return ended, err
}

// Gone is a query of the codes of the branches of a town that have ended by the day.
func Gone(db *gorm.DB, townID string, on day.Date) *gorm.DB {
	return db.Session(&gorm.Session{NewDB: true}).Model(&Life{}).Select("code").
		Where("town_id = ? AND closed_on <= ?", townID, on)
}

// Ended returns the refusal of a closed branch, with who ended it, read from the trail.
func Ended(ctx context.Context, db *gorm.DB, b Branch) error {
	var last []audit.Record
	err := db.WithContext(ctx).Where("town_id = ? AND subject = ? AND action IN ?", b.TownID, "branches/"+b.Code,
		[]string{"branch.close", "branch.merge"}).
		Order("sequence DESC").Limit(1).Find(&last).Error
	if err != nil {
		return err
	}
	by := fault.Lock{At: b.UpdatedAt, Reason: b.ClosedReason, CanLift: fault.Nobody}
	if len(last) > 0 {
		by.By, by.Role, by.At = last[0].Actor, last[0].Role, last[0].At
	}
	return fault.Conflict("branch_closed", "该党组织已于 %s 撤销或合并", "the branch ended on %s", *b.ClosedOn).Held(by)
}

// lockRow keeps the row of the branch from changing until tx ends. SQLite has one
// writer at a time and needs no lock.
func lockRow(tx *gorm.DB, townID, code string) error {
	var held []Life
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code = ?", townID, code).Find(&held).Error
}

// checkDay refuses a change on or before the day of the last one: it would be made
// after it and yet hold before it.
func checkDay(b Branch, last Profile, on day.Date) error {
	if last.ValidFrom < on {
		return nil
	}
	if b.FoundedOn != nil && *b.FoundedOn == last.ValidFrom {
		return fault.Broken(fault.Field("/on", "not_after_founding",
			"该党组织成立于 %s，变更须晚于该日", "the branch was founded on %s: a change must be later", *b.FoundedOn))
	}
	return fault.Broken(fault.Field("/on", "not_after_last_change",
		"该党组织自 %s 起已有变更，新变更须晚于该日", "the branch already changed on %s: a new change must be later", last.ValidFrom))
}

// checkSuccessor makes sure that the branch to merge into lives on the day, and
// locks it, so that it cannot end meanwhile.
func (c BranchChange) checkSuccessor(ctx context.Context, tx *gorm.DB, into string) error {
	if err := lockRow(tx, c.Town, into); err != nil {
		return err
	}
	other, err := FindBranch(ctx, tx, c.Town, into, c.On)
	if fault.Is(err, fault.KindNotFound) || err == nil && (into == c.Branch || other.EndedBy(c.On)) {
		return fault.Broken(fault.Field("/into", "no_successor",
			"“%s”在该日不存在，不能并入", "%q does not exist on that day: a branch merges into a living other one", into))
	}
	return err
}

// checkAbsorbed refuses an end before the day on which another branch merged
// into this one.
func (c BranchChange) checkAbsorbed(tx *gorm.DB) error {
	var absorbed []Life
	err := tx.Where("town_id = ? AND merged_into = ? AND closed_on >= ?", c.Town, c.Branch, c.On).
		Order("closed_on DESC, code").Limit(1).Find(&absorbed).Error
	if err != nil || len(absorbed) == 0 {
		return err
	}
	return fault.Broken(fault.Field("/on", "before_absorbing",
		"“%s”于 %s 并入该党组织，结束须晚于该日", "%q merged into it on %s: the end must be later", absorbed[0].Code, *absorbed[0].ClosedOn))
}

func lastProfile(tx *gorm.DB, townID, code string) (Profile, error) {
	var p Profile
	err := tx.Where("town_id = ? AND branch_code = ?", townID, code).Order("valid_from DESC").Take(&p).Error
	return p, err
}

// Event is one step in the life of a branch.
type Event struct {
	On     *day.Date `json:"on,omitempty" swaggertype:"string" format:"date"` // absent = not known
	Event  string    `json:"event" enums:"founded,renamed,reclassified,absorbed,merged,closed,corrected,withdrawn,reopened"`
	Name   text.Text `json:"name"`
	Kind   string    `json:"kind"`
	Class  *string   `json:"class,omitempty"`
	Other  string    `json:"other,omitempty"` // the branch absorbed, or merged into
	Reason string    `json:"reason,omitempty"`
	// the day on which it was entered, where that was later: periods locked before do not take it
	KnownFrom *day.Date `json:"known_from,omitempty" swaggertype:"string" format:"date"`
	entered   time.Time
} // @name BranchEvent

// since sets when the event was entered.
func (e *Event) since(entered time.Time) {
	e.entered = entered
	if on := day.Of(entered); e.On == nil || *e.On < on {
		e.KnownFrom = &on
	}
}

// BranchHistory returns the events in the life of a branch from its founding on.
func BranchHistory(ctx context.Context, db *gorm.DB, townID, code string) ([]Event, error) {
	life, err := FindBranch(ctx, db, townID, code, day.Latest)
	if err != nil {
		return nil, err
	}
	var profiles []Profile
	err = db.WithContext(ctx).Where("town_id = ? AND branch_code = ?", townID, code).
		Order("valid_from").Find(&profiles).Error
	if err != nil {
		return nil, err
	}
	var absorbed []Life
	err = db.WithContext(ctx).Where("town_id = ? AND merged_into = ?", townID, code).
		Order("closed_on, code").Find(&absorbed).Error
	if err != nil {
		return nil, err
	}
	events := eventsOf(life, profiles, absorbed)
	later, err := undoneEvents(ctx, db, life)
	events = append(events, later...)
	sort.SliceStable(events, func(i, j int) bool { return before(events[i].On, events[j].On) })
	return events, err
}

func eventsOf(life Branch, profiles []Profile, absorbed []Life) []Event {
	var events []Event
	for i, p := range profiles {
		if i > 0 && p.like(profiles[i-1]) { // the founding was corrected to an earlier day
			continue
		}
		e := Event{
			On: &profiles[i].ValidFrom, Event: "reclassified", Name: p.Name, Kind: p.Kind, Class: p.Class, Reason: p.Reason,
		}
		switch {
		case i == 0:
			e.Event, e.On = "founded", life.FoundedOn
			if life.FoundedKnownFrom != nil {
				p.KnownFrom = *life.FoundedKnownFrom
			}
		case profiles[i-1].Name != p.Name:
			e.Event = "renamed"
		}
		e.since(p.KnownFrom)
		events = append(events, e)
	}
	for _, other := range absorbed {
		p := profileOn(profiles, *other.ClosedOn)
		e := Event{
			On: other.ClosedOn, Event: "absorbed", Name: p.Name, Kind: p.Kind,
			Class: p.Class, Other: other.Code, Reason: other.ClosedReason,
		}
		e.since(other.closedKnown())
		events = append(events, e)
	}
	if life.ClosedOn != nil {
		e := Event{
			On: life.ClosedOn, Event: "closed", Name: life.Name, Kind: life.Kind, Class: life.Class, Reason: life.ClosedReason,
		}
		if life.MergedInto != nil {
			e.Event, e.Other = "merged", *life.MergedInto
		}
		e.since(life.closedKnown())
		events = append(events, e)
	}
	sort.SliceStable(events, func(i, j int) bool { return before(events[i].On, events[j].On) })
	return events
}

// profileOn is the profile in force on the day, the last that began by then.
func profileOn(profiles []Profile, on day.Date) Profile {
	p := profiles[0]
	for _, next := range profiles[1:] {
		if next.ValidFrom <= on {
			p = next
		}
	}
	return p
}

// before orders days; one that is not known comes first.
func before(a, b *day.Date) bool { return b != nil && (a == nil || *a < *b) }

// LaterChange is a change of a branch that was entered after the first day on which it
// holds.
type LaterChange struct {
	Branch string `json:"branch" example:"b07"`
	// absent: the founding, of a day that is not known
	On *day.Date `json:"on,omitempty" swaggertype:"string" format:"date"`
	// what happened to the branch
	Event     string    `json:"event" enums:"founded,renamed,reclassified,merged,closed"`
	KnownFrom day.Date  `json:"known_from" swaggertype:"string" format:"date"` // the day on which it was entered
	Reason    string    `json:"reason,omitempty"`
	Entered   time.Time `json:"-"`
}

// ListLaterChanges returns the changes that hold by the day, and were entered later than
// after and not later than through, each on a later day than that from which it holds: in
// the order of their entry. One statement where there are none.
func ListLaterChanges(
	ctx context.Context, db *gorm.DB, townID string, by day.Date, after, through time.Time,
) (list []LaterChange, err error) {
	defer fault.Wrap(&err, "later changes of branches")
	args := map[string]any{"town": townID, "by": by, "after": after, "through": through}
	var codes []string
	err = db.WithContext(ctx).Raw(`SELECT branch_code FROM branch_profiles
WHERE town_id = @town AND valid_from <= @by AND known_from > @after AND known_from <= @through
UNION SELECT code FROM branches
WHERE town_id = @town AND closed_on <= @by AND closed_known_from > @after AND closed_known_from <= @through
UNION SELECT code FROM branches
WHERE town_id = @town AND founded_on <= @by AND founded_known_from > @after AND founded_known_from <= @through
ORDER BY 1`, args).Scan(&codes).Error
	if err != nil || len(codes) == 0 {
		return nil, err
	}
	lives, err := ListBranches(ctx, db, townID, BranchFilter{On: day.Latest, Closed: true})
	if err != nil {
		return nil, err
	}
	var profiles []Profile
	err = db.WithContext(ctx).Where("town_id = ? AND branch_code IN ?", townID, codes).Order("branch_code, valid_from").
		Find(&profiles).Error
	for _, life := range lives {
		own := slices.DeleteFunc(slices.Clone(profiles), func(p Profile) bool { return p.BranchCode != life.Code })
		if len(own) == 0 {
			continue
		}
		for _, e := range eventsOf(life, own, nil) {
			if (e.On == nil || *e.On <= by) && e.KnownFrom != nil && e.entered.After(after) && !e.entered.After(through) {
				list = append(list, LaterChange{
					Branch: life.Code, On: e.On, Event: e.Event, KnownFrom: *e.KnownFrom, Reason: e.Reason, Entered: e.entered,
				})
			}
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Entered.Before(list[j].Entered) })
	return list, err
}

// LastKnown returns when the last change of a branch of the town was entered; zero where
// there is no branch.
func LastKnown(ctx context.Context, db *gorm.DB, townID string) (last time.Time, err error) {
	var profiles []Profile
	err = db.WithContext(ctx).Where("town_id = ?", townID).Order("known_from DESC").Limit(1).Find(&profiles).Error
	if err != nil || len(profiles) == 0 {
		return last, err
	}
	last = profiles[0].KnownFrom
	var later []Life
	err = db.WithContext(ctx).Where("town_id = ? AND (closed_known_from > ? OR founded_known_from > ?)", townID, last, last).
		Find(&later).Error
	for _, b := range later {
		for _, at := range []*time.Time{b.ClosedKnownFrom, b.FoundedKnownFrom} {
			if at != nil && at.After(last) {
				last = *at
			}
		}
	}
	return last, err
}

// ChangedBranches returns each place in which the branches of the day, as they were known
// at a time, differ from those that are given.
func ChangedBranches(
	ctx context.Context, db *gorm.DB, townID string, f BranchFilter, given []Branch,
) (places []fault.FieldError, err error) {
	defer fault.Wrap(&err, "changes of branches")
	list, err := ListBranches(ctx, db, townID, f)
	now := map[string]Branch{}
	for _, b := range list {
		now[b.Code] = b
	}
	for _, was := range given {
		is, exists := now[was.Code]
		delete(now, was.Code)
		if !exists {
			places = append(places, fault.Differs("branches", was.Code, "", was.Code, ""))
			continue
		}
		for _, x := range []struct{ column, was, is string }{
			{"kind", was.Kind, is.Kind}, {"class", was.Ref("").Class, is.Ref("").Class},
		} {
			if x.was != x.is {
				places = append(places, fault.Differs("branch_profiles", was.Code, x.column, x.was, x.is))
			}
		}
	}
	for _, b := range list {
		if _, more := now[b.Code]; more {
			places = append(places, fault.Differs("branches", b.Code, "", "", b.Code))
		}
	}
	return places, err
}
