package evaluation

import (
	"time"

	"bulwark/internal/database"
	"bulwark/internal/day"
)

// Exception is leave to enter sheets of a period after its window: about one
// branch, by one evaluator, or both.
type Exception struct {
	TownID        string     `gorm:"primaryKey" json:"-"`
	ID            string     `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode    string     `json:"period" example:"2023Q3"`
	BranchCode    *string    `json:"branch,omitempty" example:"b07"`           // absent = about any branch
	EvaluatorCode *string    `json:"evaluator,omitempty" example:"mentor-1"`   // absent = by anyone
	Until         day.Date   `json:"until" swaggertype:"string" format:"date"` // the last day
	Reason        string     `json:"reason" example:"was away for the flood"`
	GrantedBy     string     `json:"granted_by" example:"group-1"`
	GrantedAt     time.Time  `json:"granted_at"`
	EndedBy       string     `json:"ended_by,omitempty"`
	EndedAt       *time.Time `json:"ended_at,omitempty"`
	EndReason     string     `json:"end_reason,omitempty"`
	Allowed       []string   `gorm:"-" json:"allowed"`
	database.Versioned
}

// TableName of exceptions.
func (Exception) TableName() string { return "entry_exceptions" }
