package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/feed"
)

// schedule is how long after each failed attempt the next one follows, as Standard Webhooks
// 1.0 recommends it: ten attempts in 75 h 35 min. A webhook that has failed them all is
// disabled.
var schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

const (
	// jitter is the greatest part of a time by which it is made longer, so that what failed
	// together does not come back together.
	jitter = 0.1
	// lease is how long a process sends alone without saying so again. Another one takes over
	// after that.
	lease = time.Minute
	// atOnce is to how many webhooks a process sends at the same time.
	atOnce = 8
	// perTurn is how many events one webhook gets before the others have their turn.
	perTurn = 200
	// perRead is how many events are read at once.
	perRead = 20
	// mostOfAnswer is how much of an answer is read, so that its connection can be used again.
	mostOfAnswer = 64 << 10
)

// Deliverer sends events to the webhooks of all towns. Several of them, in one process or in
// many, share the work: each webhook is leased by one at a time.
type Deliverer struct {
	DB     *gorm.DB
	Log    *slog.Logger
	Source feed.Source // nothing is sent before it is set
	// how long one attempt may take
	Timeout time.Duration

	clients map[bool]*http.Client // by whether they speak without TLS
}

// NewDeliverer returns a Deliverer that reaches the addresses which the guard permits.
func NewDeliverer(db *gorm.DB, log *slog.Logger, g Guard) *Deliverer {
	return &Deliverer{DB: db, Log: log, Timeout: timeout, clients: map[bool]*http.Client{true: g.client(true), false: g.client(false)}}
}

// due are the webhooks for which something may be sent now. A time far in the future was
// written before the clock was moved back, and does not count.
const due = `SELECT d.town_id, d.webhook_id FROM webhook_deliveries d
JOIN webhooks w ON w.town_id = d.town_id AND w.id = d.webhook_id
JOIN audit_heads h ON h.town_id = d.town_id
WHERE w.state = @enabled AND (d.next_at <= @now OR d.next_at > @late) AND (d.ping OR h.sequence > d.sequence)
	AND (d.leased_until IS NULL OR d.leased_until <= @now OR d.leased_until > @soon)
ORDER BY d.next_at, d.town_id, d.webhook_id LIMIT 64`

// Deliver sends what is due to every webhook that no other process sends to, and returns how
// many requests were sent. A receiver that fails is no error.
func (d *Deliverer) Deliver(ctx context.Context) (sent int, err error) {
	defer fault.Wrap(&err, "deliver to webhooks")
	if d.Source.Readable == nil {
		return 0, nil
	}
	var list []Delivery
	now := d.DB.NowFunc()
	err = d.DB.WithContext(ctx).Raw(due, map[string]any{
		"enabled": Enabled, "now": now, "late": now.Add(2 * schedule[len(schedule)-1]), "soon": now.Add(2 * lease),
	}).Scan(&list).Error
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	places := make(chan struct{}, atOnce)
	for _, one := range list {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			n, failed := d.deliverTo(ctx, one)
			mu.Lock()
			defer mu.Unlock()
			sent += n
			if failed != nil && ctx.Err() == nil {
				err = errors.Join(err, failed)
			}
		})
	}
	all.Wait()
	return sent, err
}

// errLost ends a turn: another process has the lease, or somebody has moved the delivery.
var errLost = errors.New("the lease of the webhook is lost")

// turn is one webhook while this process alone sends to it.
type turn struct {
	*Deliverer
	webhook Webhook
	at      Delivery
	lease   string
	sent    int
}

// deliverTo sends to one webhook until nothing is left, an attempt fails, or its turn ends.
func (d *Deliverer) deliverTo(ctx context.Context, of Delivery) (sent int, err error) {
	defer fault.Wrap(&err, "webhook %s of %s", of.WebhookID, of.TownID)
	t := &turn{Deliverer: d, at: of, lease: database.NewID()}
	taken, err := t.take(ctx)
	if err != nil || !taken {
		return 0, err
	}
	err = t.run(access.WithPrincipal(ctx, t.webhook.principal()))
	if errors.Is(err, errLost) {
		return t.sent, nil
	}
	// also when ctx has ended: the next process should not have to wait
	free := t.mine(d.DB.WithContext(context.WithoutCancel(ctx))).
		Updates(map[string]any{"lease": "", "leased_until": nil}).Error
	return t.sent, errors.Join(err, free)
}

// mine is the delivery as long as this turn has its lease.
func (t *turn) mine(db *gorm.DB) *gorm.DB {
	return db.Model(&Delivery{}).Where("town_id = ? AND webhook_id = ? AND lease = ?",
		t.at.TownID, t.at.WebhookID, t.lease)
}

// take takes the lease, if it is still free, and reads the webhook.
func (t *turn) take(ctx context.Context) (taken bool, err error) {
	err = database.InTx(ctx, t.DB, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		done := tx.Model(&Delivery{}).Where("town_id = ? AND webhook_id = ?", t.at.TownID, t.at.WebhookID).
			Where("leased_until IS NULL OR leased_until <= ? OR leased_until > ?", now, now.Add(2*lease)).
			Updates(map[string]any{"lease": t.lease, "leased_until": now.Add(lease)})
		if taken = done.RowsAffected == 1; done.Error != nil || !taken {
			return done.Error
		}
		var err error
		if t.webhook, err = Find(ctx, tx, t.at.TownID, t.at.WebhookID); err != nil {
			return err
		}
		if t.webhook.Delivery != nil {
			t.at = *t.webhook.Delivery
		}
		return nil
	})
	return taken && t.webhook.State == Enabled, err
}

func (t *turn) run(ctx context.Context) error {
	if t.at.Ping {
		if err := t.ping(ctx); err != nil {
			return err
		}
	}
	for t.sent < perTurn {
		page, err := t.Source.Read(ctx, t.DB, t.at.TownID, feed.Query{
			After: t.at.Sequence, Types: t.webhook.Types, Limit: perRead,
		})
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			a, err := t.send(ctx, e)
			if err != nil {
				return err
			}
			if a.Failure != "" {
				return t.failed(ctx, a)
			}
			if err := t.moved(ctx, e.Data.Sequence, &a); err != nil {
				return err
			}
		}
		if page.Next != t.at.Sequence {
			if err := t.moved(ctx, page.Next, nil); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
	}
	return nil
}

// ping sends a test event, once.
func (t *turn) ping(ctx context.Context) error {
	now := t.DB.NowFunc()
	e := feed.Event{
		SpecVersion: "1.0", ID: database.NewID(), Source: t.Source.Link("/api/v1/towns/" + t.at.TownID), Type: "webhook.ping",
		Subject: "webhooks/" + t.at.WebhookID, Time: now, Timestamp: now, ContentType: "application/json",
		Data: feed.EventData{Town: t.at.TownID, URL: t.Source.Link("/api/v1/towns/" + t.at.TownID + "/webhooks/" + t.at.WebhookID)},
	}
	a, err := t.send(ctx, e)
	if err != nil {
		return err
	}
	return t.store(ctx, &a, map[string]any{"ping": false})
}

// send makes one attempt. It is an error only where the attempt says nothing about the
// receiver.
func (t *turn) send(ctx context.Context, e feed.Event) (a Attempt, err error) {
	body, err := e.JSON()
	if err != nil {
		return a, err
	}
	began := t.DB.NowFunc()
	a = Attempt{
		TownID: t.at.TownID, ID: database.NewID(), WebhookID: t.at.WebhookID, At: began, EventID: e.ID, Type: e.Type,
		Sequence: e.Data.Sequence,
	}
	within, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(within, http.MethodPost, t.webhook.URL, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	r.Header.Set("User-Agent", "bulwark-webhook/1")
	if err := t.webhook.sign(r.Header, e.ID, began, body); err != nil {
		return a, err
	}
	t.sent++
	clock := time.Now()
	answer, err := t.clients[r.URL.Scheme == "http"].Do(r)
	if err == nil {
		a.Status = int64(answer.StatusCode)
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, mostOfAnswer)) // the status says all
		answer.Body.Close()
	} else if ctx.Err() != nil {
		return a, ctx.Err() // it is the end of this process
	}
	a.Millis = time.Since(clock).Milliseconds()
	a.Failure = failureOf(a.Status, err)
	return a, nil
}

// failureOf returns why an attempt counts as failed; empty where it does not.
func failureOf(status int64, err error) string {
	var late interface{ Timeout() bool }
	switch {
	case errors.Is(err, errClosed):
		return "address_closed"
	case errors.As(err, &late) && late.Timeout():
		return "timeout"
	case err != nil:
		return "connection"
	case status == http.StatusGone:
		return "gone"
	case status >= 300 && status < 400:
		return "redirect"
	case status < 200 || status > 299:
		return "status"
	}
	return ""
}

// moved stores that everything up to a sequence is done with.
func (t *turn) moved(ctx context.Context, sequence int64, a *Attempt) error {
	columns := map[string]any{"sequence": sequence}
	if a != nil {
		columns["failures"], columns["failing_since"], columns["delivered_at"] = 0, nil, a.At
	}
	err := t.store(ctx, a, columns)
	if err == nil {
		t.at.Sequence, t.at.Failures, t.at.FailingSince = sequence, 0, nil
	}
	return err
}

// failed stores a failed attempt and when the next one follows, or disables the webhook.
func (t *turn) failed(ctx context.Context, a Attempt) error {
	n := t.at.Failures
	columns := map[string]any{"failures": n + 1}
	if t.at.FailingSince == nil {
		columns["failing_since"] = a.At
	}
	reason := ""
	switch {
	case a.Failure == "gone":
		reason = reasonGone
	case n >= int64(len(schedule)):
		reason = reasonFailing
	default:
		wait := schedule[n]
		columns["next_at"] = t.DB.NowFunc().Add(wait + time.Duration(rand.Float64()*jitter*float64(wait))) //nolint:gosec // to spread attempts, nothing secret
	}
	if err := t.store(ctx, &a, columns); err != nil || reason == "" {
		return err
	}
	return t.disable(ctx, reason)
}

// disable disables the webhook, which its town's trail and the home of administrators show.
func (t *turn) disable(ctx context.Context, reason string) error {
	t.Log.Warn("a webhook is disabled", "town", t.at.TownID, "webhook", t.at.WebhookID, "reason", reason)
	ctx = audit.As(ctx, audit.Actor{})
	w := Webhook{TownID: t.at.TownID, ID: t.at.WebhookID, Versioned: database.Versioned{Version: t.webhook.Version}}
	_, err := change(ctx, t.DB, w, "disable", func(tx *gorm.DB, _ Webhook) (map[string]any, error) {
		return map[string]any{"state": Disabled, "state_reason": reason, "state_at": tx.NowFunc()}, nil
	})
	if fault.Is(err, fault.KindStale) {
		return nil // somebody has changed it meanwhile: the next attempt is of what it is now
	}
	return err
}

// store keeps an attempt and changes the delivery, unless the lease is lost. The lease is
// taken for as long again.
func (t *turn) store(ctx context.Context, a *Attempt, columns map[string]any) error {
	return database.InTx(context.WithoutCancel(ctx), t.DB, func(tx *gorm.DB) error {
		changes := map[string]any{"leased_until": tx.NowFunc().Add(lease)}
		maps.Copy(changes, columns)
		done := t.mine(tx).Updates(changes)
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 {
			return errLost
		}
		if a == nil {
			return nil
		}
		if err := tx.Create(a).Error; err != nil {
			return err
		}
		kept := tx.Model(&Attempt{}).Select("id").Where("town_id = ? AND webhook_id = ?", a.TownID, a.WebhookID).
			Order("id DESC").Limit(keptAttempts)
		return tx.Where("town_id = ? AND webhook_id = ? AND id NOT IN (?)", a.TownID, a.WebhookID, kept).
			Delete(&Attempt{}).Error
	})
}
