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

// stage is when a move can be made: while the period is in one of the states (nil
// = in any) and the days allow it.
type stage struct {
	during []PeriodState
	within limit
}

// limit names the days within which a move is made.
type limit int

const (
	anyDay limit = iota
	window       // the entry window of the period, or an exception from it
	due          // until the day on which a returned sheet is due
)

// stand is what a move depends on besides the state of the thing moved.
type stand struct {
	period Period
	barred [due + 1]error   // why a limit forbids its moves today; nil where it does not
	leave  [due + 1]*string // the exception that lifts a limit which has passed
	lock   fault.Lock       // who brought the thing where it stands
}

// Bar says why the period or the day does not allow moves of the stage now.
func (s stand) Bar(when stage) error {
	if when.during != nil && !slices.Contains(when.during, s.period.State) {
		return s.period.locked()
	}
	return s.barred[when.within]
}

// Lock is who brought the thing where it stands.
func (s stand) Lock() fault.Lock { return s.lock }
