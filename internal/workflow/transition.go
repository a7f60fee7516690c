package workflow

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// Transition is one step of a record, kept for ever under the version that it made.
type Transition struct {
	TownID   string      `gorm:"primaryKey" json:"-"`
	Kind     string      `gorm:"primaryKey" json:"-"`
	RecordID string      `gorm:"primaryKey" json:"-"`
	Version  int64       `gorm:"primaryKey" json:"version"`
	Verb     string      `json:"verb"`                                              // what was done, such as approve
	At       time.Time   `json:"at"`                                                // when
	Actor    string      `json:"by,omitempty" example:"group-1"`                    // who took the step
	Role     policy.Role `json:"role" swaggertype:"string" example:"leading_group"` // under which he or she did
	Reason   string      `json:"reason,omitempty"`                                  // that was given
	Extra    string      `json:"-"`                                                 // what the kind keeps besides, as JSON
}

func (t *Transition) set(from Transition) { *t = from }

// Step is a verb that made a version of a record.
type Step struct {
	Ref
	Verb string
}

// AddTransitions keeps steps that the actor of ctx takes now.
func AddTransitions(ctx context.Context, tx *gorm.DB, kind, reason string, extra any, steps ...Step) error {
	if extra == nil {
		extra = struct{}{}
	}
	more, err := json.Marshal(extra)
	if err != nil {
		return err
	}
	who, rows := audit.ActorOf(ctx), make([]Transition, len(steps))
	for i, s := range steps {
		rows[i] = Transition{
			TownID: s.Town, Kind: kind, RecordID: s.ID, Version: s.Version, Verb: s.Verb, At: tx.NowFunc(),
			Actor: who.Name, Role: policy.Role(who.Role), Reason: reason, Extra: string(more),
		}
	}
	return tx.CreateInBatches(rows, database.Batch).Error
}

// History returns the steps of a record, in order. X embeds Transition and adds the
// fields of Extra.
func History[X any, P interface {
	*X
	set(Transition)
}](ctx context.Context, db *gorm.DB, kind string, ref Ref) ([]X, error) {
	var rows []Transition
	err := db.WithContext(ctx).Where("town_id = ? AND kind = ? AND record_id = ?", ref.Town, kind, ref.ID).
		Order("version").Find(&rows).Error
	list := make([]X, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal([]byte(r.Extra), &list[i]); err != nil {
			return nil, err
		}
		P(&list[i]).set(r)
	}
	return list, err
}

// Stale returns the refusal of a change of an old version, with who made a newer one,
// when and by which verb, where the history knows.
func Stale(ctx context.Context, tx *gorm.DB, kind string, ref Ref) error {
	steps, err := LastSteps(ctx, tx, kind, ref.Town, []Ref{ref})
	if err != nil {
		return err
	}
	if s, ok := steps[ref.ID]; ok && s.Version > ref.Version {
		return s.stale()
	}
	return fault.OutOfDate()
}

// LastSteps returns the last step of each record, by id, in one statement; in none where
// there is no ref.
func LastSteps(ctx context.Context, tx *gorm.DB, kind, town string, refs []Ref) (map[string]Transition, error) {
	last := map[string]Transition{}
	if len(refs) == 0 {
		return last, nil
	}
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	var rows []Transition
	err := tx.WithContext(ctx).Where("town_id = ? AND kind = ? AND record_id IN ?", town, kind, ids).
		Order("version").Find(&rows).Error
	for _, r := range rows {
		last[r.RecordID] = r
	}
	return last, err
}

// Lock returns who took the step, when and why, for a refusal. Who can lift it is not
// known here.
func (t Transition) Lock() fault.Lock {
	return fault.Lock{By: t.Actor, Role: string(t.Role), At: t.At, Reason: t.Reason}
}

// stale refuses a change of a version that the step has replaced.
func (t Transition) stale() error {
	lock := t.Lock()
	lock.Verb, lock.CanLift = t.Verb, fault.Nobody
	return fault.OutOfDate().Held(lock)
}
