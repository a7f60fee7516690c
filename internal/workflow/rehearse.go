package workflow

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Refusal is why a step would be refused.
type Refusal struct {
	Code    string      `json:"code" example:"too_few_scored"`
	Message string      `json:"message"`
	Errors  []Obstacle  `json:"errors,omitempty"` // each thing that is in the way
	Locked  *fault.Lock `json:"locked,omitempty"` // who can lift it
} // @name DryRunRefusal

// Obstacle is one thing that is in the way of a step.
type Obstacle struct {
	Pointer string `json:"pointer" example:"branches/b07"` // what it is about
	Code    string `json:"code" example:"no_score"`
	Message string `json:"message"`
} // @name DryRunObstacle

// Rehearse takes the step by all its rules in a transaction, and takes back all that it
// wrote: it is the dry run of every transition. It returns why the step would be refused
// by how things stand, in the language; nil where it would be done. Whoever may not take
// the step, or names something that does not exist or an old version of it, gets the same
// error as without a dry run.
func Rehearse(
	ctx context.Context, db *gorm.DB, language string, step func(tx *gorm.DB) error,
) (refused *Refusal, err error) {
	err = database.Rehearse(ctx, db, func(tx *gorm.DB) error {
		refused = nil
		err := step(tx)
		var e *fault.Error
		if !errors.As(err, &e) || !stands(e.Kind) {
			return err
		}
		refused = RefusalOf(ctx, e, language)
		return nil
	})
	return refused, err
}

// RefusalOf returns the fault in the language, as the caller of ctx may read it.
func RefusalOf(ctx context.Context, e *fault.Error, language string) *Refusal {
	r := &Refusal{
		Code: e.Code, Message: e.Message.In(language), Locked: access.PrincipalFrom(ctx).ToldLock(e.Lock),
	}
	for _, f := range e.Fields {
		r.Errors = append(r.Errors, Obstacle{Pointer: f.Pointer, Code: f.Code, Message: f.Message.In(language)})
	}
	return r
}

// stands reports whether a refusal is about how things stand, and not about the caller.
func stands(k fault.Kind) bool {
	return k == fault.KindConflict || k == fault.KindLocked || k == fault.KindInvalid || k == fault.KindUnavailable
}
