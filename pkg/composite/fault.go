package composite

import (
	"fmt"
	"strconv"
	"strings"
)

// Fault is one mistake in a Spec.
type Fault struct {
	Pointer string `json:"pointer"` // RFC 6901, into the scheme document
	Code    string `json:"code"`    // stable, for programs: "weight_out_of_range"
	Message string `json:"message"` // what to change, for people
}

// Faults are all the mistakes of a Spec, in document order. It is the only
// error type that New returns.
type Faults []Fault

// Error lists every fault, one per line.
func (f Faults) Error() string {
	var b strings.Builder
	for i, fault := range f {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s (%s)", fault.Pointer, fault.Message, fault.Code)
	}
	return b.String()
}

// Add adds a fault.
func (f *Faults) Add(pointer, code, format string, args ...any) {
	*f = append(*f, Fault{pointer, code, fmt.Sprintf(format, args...)})
}

// Err returns f, or nil without faults.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// collect runs a check and returns its faults.
func collect(check func(report)) (faults Faults) {
	check(faults.Add)
	return faults
}

// report notes one fault at a pointer relative to the part being checked.
type report func(at, code, format string, args ...any)

// under returns a report for the part of the document at the given place.
func (r report) under(at string) report {
	return func(below, code, format string, args ...any) { r(at+below, code, format, args...) }
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// key is one RFC 6901 step to a member of an object.
func key(name string) string { return "/" + pointerEscape.Replace(name) }

// item is one RFC 6901 step to an element of an array.
func item(i int) string { return "/" + strconv.Itoa(i) }
