package exchange

import (
	"time"

	"bulwark/internal/database"
	"bulwark/internal/day"
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
}

// TableName is the table of Event.
func (Event) TableName() string { return "exchange_events" }
