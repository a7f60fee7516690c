package exchange

import (
	"context"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// EventState is where an event is in its life.
type EventState string

// The states of events.
const (
	Planned   EventState = "planned"
	Held      EventState = "held"
	Cancelled EventState = "cancelled"
)

var eventTitles = workflow.Titles[EventState]{
	Planned:   {ZH: "计划中", EN: "planned"},
	Held:      {ZH: "已举办", EN: "held"},
	Cancelled: {ZH: "已取消", EN: "cancelled"},
}

// Title returns the name of the state.
func (s EventState) Title() text.Text { return eventTitles.Of(s) }

// Event is a meeting from which branches learn: an exchange of experience (经验交流,
// kind event), or a visit of branches to one that does well (学习, kind study_visit).
type Event struct {
	TownID string   `gorm:"primaryKey" json:"-"`
	ID     string   `gorm:"primaryKey" json:"id" format:"uuid"`
	Kind   string   `json:"kind" enums:"event,study_visit"`
	HeldOn day.Date `json:"held_on" swaggertype:"string" format:"date"`
	Place  string   `json:"place,omitempty"`
	Topic  string   `json:"topic" example:"meetings that decide"`
	// the branch visited; always there for a study visit
	HostCode    *string                 `json:"host,omitempty" example:"b11"`
	Branches    database.JSON[[]string] `json:"branches" swaggertype:"array,string" example:"b07"`
	People      database.JSON[[]string] `json:"people" swaggertype:"array,string" example:"mentor-1"`
	Cases       database.JSON[[]string] `json:"cases" swaggertype:"array,string" format:"uuid"`
	Outcome     string                  `json:"outcome,omitempty"` // what came of it, or was learned
	State       EventState              `json:"state"`
	StateBy     string                  `json:"state_by" example:"group-1"`
	StateAt     time.Time               `json:"state_at"`
	StateReason string                  `json:"state_reason,omitempty"`
	Allowed     []string                `gorm:"-" json:"allowed"` // what the caller can do with it now
	database.Versioned
} // @name ExchangeEvent

// TableName is the table of Event.
func (Event) TableName() string { return "exchange_events" }

// Ref names the event.
func (e Event) Ref() workflow.Ref { return workflow.Ref{Town: e.TownID, ID: e.ID, Version: e.Version} }

// eventReader is a caller who reads or changes events.
type eventReader struct {
	access.Principal
	today day.Date
}

func eventReaderOf(ctx context.Context, db *gorm.DB, _ string) (*eventReader, error) {
	return &eventReader{access.PrincipalFrom(ctx), day.Of(db.NowFunc())}, nil
}

type eventRules = []workflow.Rule[Event, *eventReader]

// events is the life of an event. Its outcome is written until it was held, and
// afterwards too: minutes come late.
var events = workflow.Kind[Event, EventState, *eventReader]{
	Noun: text.Text{ZH: "活动", EN: "event"}, Name: "event", Titles: eventTitles, Reader: eventReaderOf, Frozen: eventFrozen,
	Verbs: []workflow.Verb[Event, EventState, *eventReader]{
		{Name: "plan", To: Planned, Action: policy.WriteEvents, Silent: true},
		{Name: "edit", From: []EventState{Planned, Held}, Action: policy.WriteEvents, Silent: true},
		{Name: "hold", From: []EventState{Planned}, To: Held, Action: policy.WriteEvents, When: eventRules{hasCome}},
		{Name: "cancel", From: []EventState{Planned}, To: Cancelled, Action: policy.WriteEvents, Reason: true},
	},
}.Checked()

// hasCome refuses an event that lies ahead.
func hasCome(v *eventReader, e Event) error {
	if v.today < e.HeldOn {
		_, lock := v.State(e)
		return fault.Conflict("not_yet",
			"活动日期为 %s，尚未到", "the event is on %s, which has not come yet", e.HeldOn).Held(lock)
	}
	return nil
}

func eventFrozen(v *eventReader, e Event) error {
	_, lock := v.State(e)
	return fault.Conflict("event_cancelled", "活动已取消", "the event is cancelled").Held(lock)
}

// State returns the state of the event, and who brought it there.
func (v *eventReader) State(e Event) (EventState, fault.Lock) {
	by := v.Told(e.StateBy, policy.LeadingGroup)
	return e.State, fault.Lock{By: by, At: e.StateAt, Reason: e.StateReason, CanLift: string(policy.LeadingGroup)}
}

// Visible leaves the query as it is: who may read events reads all.
func (*eventReader) Visible(q *gorm.DB) *gorm.DB { return q }

// Load reads nothing: no rule needs more than the event.
func (*eventReader) Load(context.Context, *gorm.DB, []Event, workflow.Depth) error { return nil }

// Show returns the event with what the caller can do, without people where he or she
// may not read them.
func (v *eventReader) Show(e Event, allowed []string) Event {
	e.Allowed, e.StateBy = allowed, v.Told(e.StateBy, policy.LeadingGroup)
	if !v.May(policy.ReadPeople) {
		e.People.V = []string{}
	}
	return e
}

// Audit returns the whole event.
func (v *eventReader) Audit(e Event, _ string) (string, any) { return "events/" + e.ID, e }

// PlanEvent enters a planned event or study visit.
func PlanEvent(ctx context.Context, db *gorm.DB, e Event) (Event, error) {
	e.ID, e.State, e.Versioned = database.NewID(), Planned, database.Versioned{Version: 1}
	return events.Create(ctx, db, "plan", "", e, func(tx *gorm.DB, v *eventReader, e *Event) error {
		if err := e.check(ctx, tx, nil); err != nil {
			return err
		}
		e.StateBy, e.StateAt = v.Name(), tx.NowFunc()
		return tx.Create(e).Error
	})
}

// UpdateEvent replaces the content of an event; its kind stays.
func UpdateEvent(ctx context.Context, db *gorm.DB, e Event, version int64) (Event, error) {
	ref := workflow.Ref{Town: e.TownID, ID: e.ID, Version: version}
	return events.Do(ctx, db, ref, "edit", "", func(tx *gorm.DB, v *eventReader, before Event) (workflow.Change, error) {
		e.Kind = before.Kind
		if before.State == Held && e.HeldOn > v.today {
			return workflow.Change{}, fault.Broken(fault.Field("/held_on", "in_the_future",
				"活动已举办，日期不能晚于今天", "the event was held: its day cannot be in the future"))
		}
		return workflow.Change{Columns: map[string]any{
			"held_on": e.HeldOn, "place": e.Place, "topic": e.Topic, "host_code": e.HostCode,
			"branches": e.Branches, "people": e.People, "cases": e.Cases, "outcome": e.Outcome,
		}}, e.check(ctx, tx, before.Cases.V)
	})
}

// MoveEvent records that an event was held, not before its day, or is cancelled.
func MoveEvent(ctx context.Context, db *gorm.DB, ref workflow.Ref, to EventState, reason string) (Event, error) {
	return events.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, v *eventReader, _ Event) (workflow.Change, error) {
		return workflow.Change{
			Columns: map[string]any{"state_by": v.Name(), "state_at": tx.NowFunc(), "state_reason": reason},
		}, nil
	})
}

// check lists the branches, people and cases that are not there, and what is
// missing from a study visit. Cases that were named before stay, though a later
// edition or the leading group has taken them off the list since.
func (e Event) check(ctx context.Context, tx *gorm.DB, named []string) error {
	if e.Kind == "study_visit" && (e.HostCode == nil || slices.Contains(e.Branches.V, *e.HostCode)) {
		return fault.Broken(fault.Field("/host", "host_needed",
			"请给出所到访的党组织，且不能是来访者", "name the branch that is visited, other than those who visit it"))
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
			faults = append(faults, fault.Field("/people/"+strconv.Itoa(i), "unknown_person",
				"没有人员“%s”", "there is no person %q", code))
		} else if err != nil {
			return err
		}
	}
	for i, id := range e.Cases.V {
		if slices.Contains(named, id) {
			continue
		}
		if c, err := FindCase(ctx, tx, e.TownID, id); fault.Is(err, fault.KindNotFound) ||
			err == nil && c.State != Published {
			faults = append(faults, fault.Field("/cases/"+strconv.Itoa(i), "unknown_case",
				"没有已公布的案例“%s”", "there is no published case %q", id))
		} else if err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// FindEvent returns one event or study visit.
func FindEvent(ctx context.Context, db *gorm.DB, townID, id string) (Event, error) {
	return events.Find(ctx, db, townID, id)
}

// EventFilter narrows a list; zero fields do not.
type EventFilter struct {
	Kind, Branch string // Branch takes part, or is the host
	State        EventState
	After        string
	Limit        int
}

// ListEvents returns events and study visits in the order of their making.
func ListEvents(ctx context.Context, db *gorm.DB, townID string, f EventFilter) ([]Event, error) {
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "kind", f.Kind, "state", string(f.State))
	if f.Branch != "" { // a code has no character that JSON writes otherwise
		q = q.Where("(host_code = ? OR replace(branches, ?, '') <> branches)", f.Branch, strconv.Quote(f.Branch))
	}
	v, err := eventReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	return events.List(ctx, db, v, q)
}
