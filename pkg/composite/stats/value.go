package stats

// MaxValue is the largest magnitude of a value. What lies beyond it counts as
// missing in a column, and is refused as an entry or a parameter of a rule.
const MaxValue = 1e15

// Valid reports whether x is a value rather than missing: a number within ±MaxValue.
func Valid(x float64) bool { return x >= -MaxValue && x <= MaxValue }
