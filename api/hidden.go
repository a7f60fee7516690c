package api

// hidden is a password or token in a request: taken as it was typed, never
// trimmed or printed.
type hidden struct{ value string }

// UnmarshalText takes the text as it is.
func (h *hidden) UnmarshalText(b []byte) error {
	h.value = string(b)
	return nil
}

// String hides the value from logs.
func (hidden) String() string { return "(hidden)" }

// GoString hides it from %#v.
func (h hidden) GoString() string { return h.String() }

// secretBody is the most bytes of a request that holds names and secrets alone.
const secretBody = 4096
