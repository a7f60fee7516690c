package audit

// Link shows tests the hash of a record, so that they can forge one.
func Link(r Record, previous string) string { return r.link(previous) }

// Linked shows tests what is hashed.
func Linked(r Record, previous string) string { return r.linked(previous) }

// DigestOf shows tests what a record holds of its row records.
func DigestOf(salt string, rows []RowRecord) string { return digestOf(salt, rows) }
