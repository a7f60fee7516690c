// Package webhook sends events of the change feed to addresses outside: in order, at least
// once, signed as Standard Webhooks 1.0 says.
package webhook

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/feed"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// State is whether events are sent to a webhook.
type State string

// The states.
const (
	Enabled  State = "enabled"
	Disabled State = "disabled"
)

// Webhook is an address to which the events of a town are sent.
type Webhook struct {
	TownID string `gorm:"primaryKey" json:"-"`
	// of the webhook
	ID string `gorm:"primaryKey" json:"id" format:"uuid"`
	// to which events are sent
	URL string `json:"url" example:"https://example.org/hooks/bulwark"`
	// what people call it
	Description string   `json:"description,omitempty" example:"county platform"`
	Types       []string `gorm:"serializer:json" json:"types" example:"publication.*"` // each a type or the beginning of some; none: all
	// events are those that a key of this role without a person could read
	Role   policy.Role `json:"role" swaggertype:"string" enums:"reader,leading_group,leadership" example:"reader"`
	Secret string      `json:"-"`
	// that signs too until OldSecretUntil
	OldSecret      string     `json:"-"`
	OldSecretUntil *time.Time `json:"rotation_until,omitempty"` // until then two secrets sign
	// whether events are sent
	State       State  `json:"state" enums:"enabled,disabled"`
	StateReason string `json:"state_reason,omitempty" enums:"gone,failing,restored,by_hand"` // of disabled
	// since when
	StateAt  time.Time `json:"state_at"`
	Delivery *Delivery `gorm:"-" json:"delivery,omitempty"` // absent after the database was restored
	database.Versioned
} // @name Webhook

// TableName returns the name of the table.
func (Webhook) TableName() string { return "webhooks" }

// Why a webhook is disabled.
const (
	reasonGone     = "gone"     // it answered 410
	reasonFailing  = "failing"  // it has failed for 75 hours
	reasonRestored = "restored" // the database was restored from a backup
	reasonByHand   = "by_hand"
)

// Delivery is how far the events of a town have been sent to a webhook.
type Delivery struct {
	TownID    string `gorm:"primaryKey" json:"-"`
	WebhookID string `gorm:"primaryKey" json:"-"`
	Sequence  int64  `json:"sequence" example:"42"` // of the last record of the trail that is done with
	Failures  int64  `json:"failures" example:"0"`  // in a row, of the next event
	// of the first of these failures
	FailingSince *time.Time `json:"failing_since,omitempty"`
	NextAt       time.Time  `json:"next_at"`                // no attempt before
	Ping         bool       `json:"ping"`                   // a test event is due
	DeliveredAt  *time.Time `json:"delivered_at,omitempty"` // the last success
	Lease        string     `json:"-"`
	LeasedUntil  *time.Time `json:"-"` // until then one process alone sends
} // @name WebhookDelivery

// TableName returns the name of the table.
func (Delivery) TableName() string { return "webhook_deliveries" }

// Attempt is one request that was sent to a webhook, or could not be.
type Attempt struct {
	TownID    string `gorm:"primaryKey" json:"-"`
	ID        string `gorm:"primaryKey" json:"id" format:"uuid"` // of the attempt
	WebhookID string `json:"-"`
	// when it was sent
	At       time.Time `json:"at"`
	EventID  string    `json:"event" format:"uuid"`          // the header webhook-id
	Type     string    `json:"type" example:"plan.approved"` // of the event
	Sequence int64     `json:"sequence" example:"42"`        // 0 of a test
	Status   int64     `json:"status" example:"200"`         // of HTTP; 0: there was no answer
	Millis   int64     `json:"took_ms" example:"35"`         // until the answer was there
	// why it counts as failed; absent where it does not
	Failure string `json:"failure,omitempty" enums:"status,redirect,gone,timeout,connection,address_closed" example:"timeout"`
} // @name WebhookAttempt

// TableName returns the name of the table.
func (Attempt) TableName() string { return "webhook_attempts" }

var noun = text.Text{ZH: "推送地址", EN: "webhook"}

const (
	// maxWebhooks is how many a town has.
	maxWebhooks = 20
	// keptAttempts is how many attempts of a webhook are kept.
	keptAttempts = 100
	// oldSecretFor is how long the secret before the last one signs too.
	oldSecretFor = 24 * time.Hour
)

// Find returns a webhook of the town with its delivery.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook %s", id)
	w, err = database.Take[Webhook](db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id), noun, id)
	if err != nil {
		return w, err
	}
	list := []Webhook{w}
	err = fill(ctx, db, townID, list)
	return list[0], err
}

// List returns the webhooks of the town after the id, in the order of their making.
func List(ctx context.Context, db *gorm.DB, townID, after string, limit int) (list []Webhook, err error) {
	defer fault.Wrap(&err, "webhooks of %s", townID)
	list = []Webhook{}
	if err = database.Page(db.WithContext(ctx), townID, after, limit).Find(&list).Error; err != nil {
		return nil, err
	}
	return list, fill(ctx, db, townID, list)
}

// fill adds to each webhook how far it is. One that is enabled and has no delivery any more
// is shown as disabled by the restore.
func fill(ctx context.Context, db *gorm.DB, townID string, list []Webhook) error {
	var deliveries []Delivery
	if err := db.WithContext(ctx).Where("town_id = ?", townID).Find(&deliveries).Error; err != nil {
		return err
	}
	for i := range list {
		for j := range deliveries {
			if deliveries[j].WebhookID == list[i].ID {
				list[i].Delivery = &deliveries[j]
			}
		}
		if list[i].Delivery == nil && list[i].State == Enabled {
			list[i].State, list[i].StateReason = Disabled, reasonRestored
		}
	}
	return nil
}

// Attempts returns the attempts of a webhook before an id, the newest first.
func Attempts(ctx context.Context, db *gorm.DB, w Webhook, before string, limit int) (list []Attempt, err error) {
	defer fault.Wrap(&err, "attempts of the webhook %s", w.ID)
	q := db.WithContext(ctx).Where("town_id = ? AND webhook_id = ?", w.TownID, w.ID)
	if before != "" {
		q = q.Where("id < ?", before)
	}
	list = []Attempt{}
	return list, q.Order("id DESC").Limit(limit).Find(&list).Error
}

// Create stores a webhook and returns its secret, which cannot be had again. Events are
// sent from after on, from now on where it is nil.
func Create(ctx context.Context, db *gorm.DB, g Guard, w Webhook, after *int64) (_ Webhook, secret string, err error) {
	defer fault.Wrap(&err, "create a webhook")
	if faults := g.check(w); len(faults) > 0 {
		return Webhook{}, "", fault.Broken(faults...)
	}
	made := w
	made.Secret = newSecret()
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		made.ID, made.State, made.StateAt, made.Versioned = database.NewID(), Enabled, tx.NowFunc(), database.Versioned{Version: 1}
		head, err := audit.FindHead(ctx, tx, w.TownID)
		if err != nil {
			return err
		}
		from, err := start(head, after)
		if err != nil {
			return err
		}
		var n int64
		if err := tx.Model(&Webhook{}).Where("town_id = ?", w.TownID).Count(&n).Error; err != nil {
			return err
		}
		if n >= maxWebhooks {
			return fault.Conflict("too_many_webhooks", "本镇已有 %[1]d 个推送地址，请先删除不用的",
				"the town has %[1]d webhooks already: delete one that is not used", maxWebhooks)
		}
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		if made.Delivery, err = begin(tx, made, from); err != nil {
			return err
		}
		return made.record(ctx, tx, "create", nil, made)
	})
	return made, made.Secret, err
}

// start returns the sequence after which sending begins: after, or the end of the trail.
func start(head audit.Head, after *int64) (int64, error) {
	if after == nil {
		return head.Sequence, nil
	}
	if *after > head.Sequence {
		return 0, fault.Broken(fault.Field("/after", "after_the_end", "审计链只到 %[1]d", "the trail ends at %[1]d", head.Sequence))
	}
	return *after, nil
}

// begin makes sending begin after a sequence, whatever was before, and ends the lease of who
// sends now.
func begin(tx *gorm.DB, w Webhook, after int64) (*Delivery, error) {
	d := &Delivery{TownID: w.TownID, WebhookID: w.ID, Sequence: after, NextAt: tx.NowFunc()}
	return d, tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "town_id"}, {Name: "webhook_id"}},
		DoUpdates: clause.AssignmentColumns([]string{
			"sequence", "failures", "failing_since", "next_at", "ping", "lease", "leased_until",
		}),
	}).Create(d).Error
}

func (w Webhook) record(ctx context.Context, tx *gorm.DB, verb string, before, after any) error {
	return audit.Write(ctx, tx, audit.Change{
		Town: w.TownID, Action: "webhook." + verb, Subject: "webhooks/" + w.ID, Before: before, After: after,
	})
}

// forAudit returns the webhook as the trail keeps it: without what changes with each event.
func (w Webhook) forAudit() Webhook {
	w.Delivery = nil
	return w
}

// Update changes a webhook if the version is still the stored one. Sending goes on where it
// stopped; after a restore it begins with what happens from then on.
func Update(ctx context.Context, db *gorm.DB, g Guard, w Webhook) (after Webhook, err error) {
	defer fault.Wrap(&err, "webhook %s", w.ID)
	if faults := g.check(w); len(faults) > 0 {
		return Webhook{}, fault.Broken(faults...)
	}
	return change(ctx, db, w, "update", func(tx *gorm.DB, before Webhook) (map[string]any, error) {
		columns := map[string]any{"url": w.URL, "description": w.Description, "types": jsonList(w.Types), "role": w.Role}
		if w.State == before.State {
			return columns, nil
		}
		columns["state"], columns["state_reason"], columns["state_at"] = w.State, reasonByHand, tx.NowFunc()
		if w.State == Disabled {
			return columns, nil
		}
		columns["state_reason"] = ""
		from := before.Delivery
		if from == nil {
			head, err := audit.FindHead(ctx, tx, w.TownID)
			if err != nil {
				return nil, err
			}
			from = &Delivery{Sequence: head.Sequence}
		}
		_, err := begin(tx, before, from.Sequence)
		return columns, err
	})
}

// Rotate replaces the secret of the webhook and returns the new one. The one before signs too for a day.
func Rotate(ctx context.Context, db *gorm.DB, w Webhook) (after Webhook, secret string, err error) {
	defer fault.Wrap(&err, "webhook %s", w.ID)
	secret = newSecret()
	after, err = change(ctx, db, w, "rotate", func(tx *gorm.DB, before Webhook) (map[string]any, error) {
		return map[string]any{
			"secret": secret, "old_secret": before.Secret, "old_secret_until": tx.NowFunc().Add(oldSecretFor),
		}, nil
	})
	return after, secret, err
}

// change changes the columns of a webhook in a transaction with its record.
func change(
	ctx context.Context, db *gorm.DB, w Webhook, verb string,
	how func(tx *gorm.DB, before Webhook) (map[string]any, error),
) (after Webhook, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx, w.TownID, w.ID)
		if err != nil {
			return err
		}
		columns, err := how(tx, before)
		if err != nil {
			return err
		}
		err = database.UpdateVersioned(tx, &Webhook{TownID: w.TownID, ID: w.ID}, w.Version, columns)
		if err != nil {
			return err
		}
		if after, err = Find(ctx, tx, w.TownID, w.ID); err != nil {
			return err
		}
		return w.record(ctx, tx, verb, before.forAudit(), after.forAudit())
	})
	return after, err
}

// Delete removes a webhook with its secrets and its log.
func Delete(ctx context.Context, db *gorm.DB, w Webhook) (err error) {
	defer fault.Wrap(&err, "webhook %s", w.ID)
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx, w.TownID, w.ID)
		if err != nil {
			return err
		}
		for _, row := range []any{&Attempt{}, &Delivery{}} {
			if err := tx.Where("town_id = ? AND webhook_id = ?", w.TownID, w.ID).Delete(row).Error; err != nil {
				return err
			}
		}
		done := tx.Where("town_id = ? AND id = ? AND version = ?", w.TownID, w.ID, w.Version).Delete(&Webhook{})
		if done.Error == nil && done.RowsAffected == 0 {
			return fault.OutOfDate()
		}
		if done.Error != nil {
			return done.Error
		}
		return w.record(ctx, tx, "delete", before.forAudit(), nil)
	})
}

// Ping makes a test event be sent to an enabled webhook.
func Ping(ctx context.Context, db *gorm.DB, w Webhook) (Webhook, error) {
	return steer(ctx, db, w, steering{verb: "ping"}, func(tx *gorm.DB, _ Webhook) error {
		return tx.Model(&Delivery{}).Where("town_id = ? AND webhook_id = ?", w.TownID, w.ID).
			Updates(map[string]any{"ping": true}).Error
	})
}

// Resend makes the events after a sequence be sent again, at once, to an enabled webhook.
func Resend(ctx context.Context, db *gorm.DB, w Webhook, after int64) (Webhook, error) {
	return steer(ctx, db, w, steering{"resend", map[string]int64{"after": after}}, func(tx *gorm.DB, before Webhook) error {
		head, err := audit.FindHead(ctx, tx, w.TownID)
		if err != nil {
			return err
		}
		if after, err = start(head, &after); err != nil {
			return err
		}
		_, err = begin(tx, before, after)
		return err
	})
}

// steering is what is done with a delivery, as the trail keeps it.
type steering struct {
	verb  string
	asked any
}

// steer changes the delivery of an enabled webhook in a transaction with its record.
func steer(
	ctx context.Context, db *gorm.DB, w Webhook, s steering, how func(tx *gorm.DB, before Webhook) error,
) (after Webhook, err error) {
	defer fault.Wrap(&err, "webhook %s", w.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx, w.TownID, w.ID)
		if err != nil {
			return err
		}
		if before.State != Enabled {
			return fault.Conflict("webhook_disabled", "推送地址已停用，请先启用", "the webhook is disabled: enable it first")
		}
		if err := how(tx, before); err != nil {
			return err
		}
		if after, err = Find(ctx, tx, w.TownID, w.ID); err != nil {
			return err
		}
		return w.record(ctx, tx, s.verb, nil, s.asked)
	})
	return after, err
}

// principal returns who the webhook reads as: a key of its role that may only read, without
// a person.
func (w Webhook) principal() access.Principal {
	return access.Principal{Towns: []string{w.TownID}, ReadOnly: true}.Holding(w.Role)
}

// check returns what is wrong with a webhook that somebody wants.
func (g Guard) check(w Webhook) []fault.FieldError {
	faults := g.checkURL(w.URL)
	return append(faults, feed.CheckTypes(w.Types, func(i int) string { return "/types/" + strconv.Itoa(i) })...)
}

// ListFailed returns the webhooks of the town that stand still and were not disabled by hand.
func ListFailed(ctx context.Context, db *gorm.DB, townID string) (failed []Webhook, err error) {
	list, err := List(ctx, db, townID, "", 0)
	for _, w := range list {
		if w.State == Disabled && w.StateReason != reasonByHand {
			failed = append(failed, w)
		}
	}
	return failed, err
}
