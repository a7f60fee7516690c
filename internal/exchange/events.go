package exchange

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// EventState is where an event stands in its life.
type EventState string

// The states of events.
const (
	Planned   EventState = "planned"
	Held      EventState = "held"
	Cancelled EventState = "cancelled"
)

// Event is a meeting from which branches learn: an exchange of experience (经验交流,
// kind event), or a visit of branches to one that does well (学习, kind study_visit).
type Event struct {
	TownID      string                  `gorm:"primaryKey" json:"-"`
	ID          string                  `gorm:"primaryKey" json:"id" format:"uuid"`
	Kind        string                  `json:"kind" enums:"event,study_visit"`
	HeldOn      day.Date                `json:"held_on" swaggertype:"string" format:"date"`
	Place       string                  `json:"place,omitempty"`
	Topic       string                  `json:"topic" example:"meetings that decide"`
	HostCode    *string                 `json:"host,omitempty" example:"b11"` // the branch visited; always there for a study visit
	Branches    database.JSON[[]string] `json:"branches" swaggertype:"array,string" example:"b07"`
	People      database.JSON[[]string] `json:"people" swaggertype:"array,string" example:"mentor-1"`
	Cases       database.JSON[[]string] `json:"cases" swaggertype:"array,string" format:"uuid"`
	Outcome     string                  `json:"outcome,omitempty"` // what came of it, or was learned
	State       EventState              `json:"state" swaggertype:"string" enums:"planned,held,cancelled"`
	StateBy     string                  `json:"state_by" example:"group-1"`
	StateAt     time.Time               `json:"state_at"`
	StateReason string                  `json:"state_reason,omitempty"`
	Allowed     []string                `gorm:"-" json:"allowed"`
	database.Versioned
} // @name ExchangeEvent

// TableName is the table of Event.
func (Event) TableName() string { return "exchange_events" }

var eventNoun = text.Text{ZH: "活动", EN: "event"}

// eventMoves is the life of an event. What came of it is written until it was held,
// and afterwards too: minutes come late.
var eventMoves = workflow.Machine[EventState, workflow.Free]{
	{Verb: "edit", From: []EventState{Planned, Held}, Action: access.WriteEvents},
	{Verb: "hold", From: []EventState{Planned}, To: Held, Action: access.WriteEvents},
	{Verb: "cancel", From: []EventState{Planned}, To: Cancelled, Action: access.WriteEvents, Reason: true},
}

func (e Event) stand() workflow.Standing {
	return workflow.Standing{By: e.StateBy, At: e.StateAt, Reason: e.StateReason, CanLift: string(access.LeadingGroup)}
}

// tell is the event as the caller sees it: without people where he or she may not
// read them.
func (e Event) tell(p access.Principal) Event {
	e.Allowed = eventMoves.Allowed(p, e.State, e.stand())
	e.StateBy = p.Told(e.StateBy, access.LeadingGroup)
	if !p.May(access.ReadPeople) {
		e.People.V = []string{}
	}
	return e
}

// FindEvent gives one event or study visit.
func FindEvent(ctx context.Context, db *gorm.DB, townID, id string) (Event, error) {
	var e Event
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&e).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Event{}, fault.Missing(eventNoun, id)
	}
	return e.tell(access.Caller(ctx)), err
}

// EventFilter narrows a list; zero fields do not.
type EventFilter struct {
	Kind, Branch string // Branch takes part, or is the host
	State        EventState
	After        string
	Limit        int
}

// ListEvents gives events and study visits in the order of their making.
func ListEvents(ctx context.Context, db *gorm.DB, townID string, f EventFilter) ([]Event, error) {
	q := db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After)
	for _, narrow := range []struct{ column, value string }{{"kind", f.Kind}, {"state", string(f.State)}} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	if f.Branch != "" { // a code has no character that JSON writes otherwise
		q = q.Where("(host_code = ? OR replace(branches, ?, '') <> branches)", f.Branch, strconv.Quote(f.Branch))
	}
	var list []Event
	err := q.Order("id").Limit(f.Limit).Find(&list).Error
	for i := range list {
		list[i] = list[i].tell(access.Caller(ctx))
	}
	return list, err
}

// PlanEvent enters a planned event or study visit.
func PlanEvent(ctx context.Context, db *gorm.DB, e Event) (Event, error) {
	caller := access.Caller(ctx)
	e.ID, e.State, e.StateBy, e.Versioned = database.NewID(), Planned, caller.Name(), database.Versioned{Version: 1}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := e.check(ctx, tx, nil); err != nil {
			return err
		}
		e.StateAt = tx.NowFunc()
		if err := tx.Create(&e).Error; err != nil {
			return err
		}
		e = e.tell(caller)
		return audit.Write(ctx, tx, audit.Change{Town: e.TownID, Action: "event.plan", Subject: "events/" + e.ID, After: e})
	})
	return e, err
}

// UpdateEvent replaces what an event says; its kind stays.
func UpdateEvent(ctx context.Context, db *gorm.DB, e Event, version int64) (Event, error) {
	return changeEvent(ctx, db, e.TownID, e.ID, version, "", "", func(tx *gorm.DB, before Event) (map[string]any, error) {
		e.Kind = before.Kind
		if before.State == Held && e.HeldOn > day.Of(tx.NowFunc()) {
			return nil, fault.Broken(fault.Field("/held_on", "in_the_future", "活动已举办，日期不能晚于今天", "it was held: its day cannot lie ahead"))
		}
		return map[string]any{
			"held_on": e.HeldOn, "place": e.Place, "topic": e.Topic, "host_code": e.HostCode, "branches": e.Branches, "people": e.People, "cases": e.Cases, "outcome": e.Outcome,
		}, e.check(ctx, tx, before.Cases.V)
	})
}

// MoveEvent says that an event was held, not before its day, or is cancelled.
func MoveEvent(ctx context.Context, db *gorm.DB, townID, id string, version int64, to EventState, reason string) (Event, error) {
	return changeEvent(ctx, db, townID, id, version, to, reason, func(tx *gorm.DB, before Event) (map[string]any, error) {
		if to == Held && day.Of(tx.NowFunc()) < before.HeldOn {
			return nil, workflow.Conflict(before.stand(), "not_yet", text.F("活动日期为 %s，尚未到", "the day of it is %s, which has not come", before.HeldOn))
		}
		return map[string]any{"state": to, "state_by": access.Caller(ctx).Name(), "state_at": tx.NowFunc(), "state_reason": reason}, nil
	})
}

// changeEvent moves an event to a state, or edits it where that is empty.
func changeEvent(ctx context.Context, db *gorm.DB, townID, id string, version int64, to EventState, reason string, change func(*gorm.DB, Event) (map[string]any, error)) (Event, error) {
	var after Event
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindEvent(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		mv, err := before.move(access.Caller(ctx), to, reason)
		if err != nil {
			return err
		}
		columns, err := change(tx, before)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Event{TownID: townID, ID: id}, version, columns); err != nil {
			return err
		}
		if after, err = FindEvent(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "event." + mv.Verb, Subject: "events/" + id, Before: before, After: after, Reason: reason})
	})
	return after, err
}

// move gives the move to the state, or where it is empty that of editing.
func (e Event) move(caller access.Principal, to EventState, reason string) (workflow.Move[EventState, workflow.Free], error) {
	if to != "" {
		return eventMoves.Find(caller, e.State, to, e.stand(), reason)
	}
	mv, ok := eventMoves.Stay("edit", e.State)
	if !ok {
		return mv, workflow.Conflict(e.stand(), "event_cancelled", text.F("活动已取消", "the event is cancelled"))
	}
	return mv, nil
}

// check lists the branches, people and cases that are not there, and what is
// missing from a study visit. Cases that were named before stay, though a later
// edition or the leading group has taken them off the list since.
func (e Event) check(ctx context.Context, tx *gorm.DB, named []string) error {
	if e.Kind == "study_visit" && (e.HostCode == nil || slices.Contains(e.Branches.V, *e.HostCode)) {
		return fault.Broken(fault.Field("/host", "host_needed", "请给出所到访的党组织，且不能是来访者", "name the branch that is visited, other than those who visit it"))
	}
	if err := town.KnownBranches(ctx, tx, e.TownID, e.Branches.V, "/branches"); err != nil {
		return err
	}
	if e.HostCode != nil {
		if err := town.KnownBranches(ctx, tx, e.TownID, []string{*e.HostCode}, "/host"); err != nil {
			return err
		}
	}
	var faults []fault.FieldError
	for i, code := range e.People.V {
		if _, err := people.Find(ctx, tx, e.TownID, code); fault.Is(err, fault.KindNotFound) {
			faults = append(faults, fault.Field("/people/"+strconv.Itoa(i), "unknown_person", "没有人员“%s”", "there is no person %q", code))
		} else if err != nil {
			return err
		}
	}
	for i, id := range e.Cases.V {
		if slices.Contains(named, id) {
			continue
		}
		if c, err := FindCase(ctx, tx, e.TownID, id); fault.Is(err, fault.KindNotFound) || err == nil && c.State != Published {
			faults = append(faults, fault.Field("/cases/"+strconv.Itoa(i), "unknown_case", "没有已公布的案例“%s”", "there is no published case %q", id))
		} else if err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
