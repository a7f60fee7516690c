package evaluation

import (
	"time"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/workflow"
)

// SheetMove is one step of a sheet.
type SheetMove struct {
	workflow.Transition
	sheetExtra
}

type sheetExtra struct {
	DueOn       *day.Date `json:"due_on,omitempty" swaggertype:"string" format:"date"`
	ExceptionID *string   `json:"exception,omitempty" format:"uuid"`
}

// AdjustmentMove is one step of an adjustment, kept as those of sheets are.
type AdjustmentMove struct {
	TownID       string      `gorm:"primaryKey" json:"-"`
	AdjustmentID string      `gorm:"primaryKey" json:"-"`
	Version      int64       `gorm:"primaryKey" json:"version"`
	Verb         string      `json:"verb" enums:"approve,reject,withdraw"`
	At           time.Time   `json:"at"`
	Actor        string      `json:"by" example:"group-1"`
	Role         access.Role `json:"role" swaggertype:"string" example:"leading_group"`
	Reason       string      `json:"reason,omitempty"`
}
