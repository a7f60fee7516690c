package workflow

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
)

// Transition is one step of a record, kept for ever under the version that it made.
type Transition struct {
	TownID   string      `gorm:"primaryKey" json:"-"`
	Kind     string      `gorm:"primaryKey" json:"-"`
	RecordID string      `gorm:"primaryKey" json:"-"`
	Version  int64       `gorm:"primaryKey" json:"version"`
	Verb     string      `json:"verb"`
	At       time.Time   `json:"at"`
	Actor    string      `json:"by,omitempty" example:"group-1"`
	Role     access.Role `json:"role" swaggertype:"string" example:"leading_group"`
	Reason   string      `json:"reason,omitempty"`
	Extra    string      `json:"-"` // what the kind keeps besides, as JSON
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
			Actor: who.Name, Role: access.Role(who.Role), Reason: reason, Extra: string(more),
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
	err := db.WithContext(ctx).Where("town_id = ? AND kind = ? AND record_id = ?", ref.Town, kind, ref.ID).Order("version").Find(&rows).Error
	list := make([]X, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal([]byte(r.Extra), &list[i]); err != nil {
			return nil, err
		}
		P(&list[i]).set(r)
	}
	return list, err
}
