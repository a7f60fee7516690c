// Package evaluation holds periods, sheets with their entries, and adjustments,
// and the workflow that they go through.
package evaluation

import (
	"slices"

	"bulwark/internal/fault"
	"bulwark/internal/workflow"
)

// machine is a workflow whose moves depend on the stage of the period.
type machine[S ~string] = workflow.Machine[S, stage]

type move[S ~string] = workflow.Move[S, stage]

// stage is when a move can be made: while the period is in one of the states, nil = in
// any.
type stage struct{ during []PeriodState }

// stand is what a move depends on besides the state of the thing moved.
type stand struct {
	period Period
	lock   fault.Lock // who brought the thing where it stands
}

// Bar says why the period does not allow moves of the stage now.
func (s stand) Bar(when stage) error {
	if when.during != nil && !slices.Contains(when.during, s.period.State) {
		return s.period.locked()
	}
	return nil
}

// Lock is who brought the thing where it stands.
func (s stand) Lock() fault.Lock { return s.lock }
