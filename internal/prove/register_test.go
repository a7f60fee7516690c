// Package prove holds proofs that the service loses nothing and does nothing
// twice. Those that kill servers run by make prove; each proof comes with a
// sabotaged control, which must fail it.
package prove

import (
	"time"

	"github.com/anishathalye/porcupine"
)

// register is a thing that people edit: a value and the version that counts its
// changes.
type register struct {
	version int64
	value   string
}

// edit is one request of an editor: a look at the register, or a new value for
// what was seen.
type edit struct {
	write bool
	seen  int64 // the version that the editor looked at before writing
	value string
}

// outcome is what the request was answered.
type outcome struct {
	register
	refused bool // the version was not that of the register any more
}

// versioned is the model: a write takes effect if nobody wrote since the editor
// looked, and else is refused.
func versioned(initial register) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, input, output any) (bool, any) {
			now, in, out := state.(register), input.(edit), output.(outcome)
			switch {
			case !in.write:
				return out.register == now, now
			case out.refused:
				return in.seen != now.version, now
			}
			after := register{in.seen + 1, in.value}
			return in.seen == now.version && out.register == after, after
		},
	}
}

// linearizable reports whether the operations could have happened one after the
// other in an order that their times allow.
func linearizable(initial register, history []porcupine.Operation) bool {
	return porcupine.CheckOperationsTimeout(versioned(initial), history, time.Minute) == porcupine.Ok
}
