package database

// Guard is a table of which the triggers of the schema, on both databases, refuse to
// change or delete some rows, and on PostgreSQL to empty it.
type Guard struct {
	Table string
	Rows  string   // condition of SQL for the rows that are frozen; all where empty
	Free  []string // columns that may change all the same, sorted
	Grows []string // columns that may change together, as long as the trigger lets them
	Parts bool     // with the other guards of its table it is about every row
}

// Guards are all guards of the schema. A table can have several, for different rows.
var Guards = []Guard{
	{Table: "audit_heads", Grows: []string{"hash", "sequence"}}, // a head moves only with a higher sequence
	{Table: "audit_records"},
	{Table: "audit_rows"},
	{Table: "cases", Rows: "published_at IS NOT NULL", Free: []string{"state", "updated_at", "version"}},
	{Table: "corrections"},
	{Table: "entries", Rows: entryOf + "s.state = 'approved')"},
	{Table: "entries", Rows: entryOf + "entries.revision < s.revision)"},
	{Table: "evidence", Rows: "removed_at IS NOT NULL", Parts: true},
	{Table: "evidence", Rows: "removed_at IS NULL", Parts: true, Free: []string{
		"removed_at", "removed_by", "removed_reason", "updated_at", "version",
	}},
	{Table: "plan_outcomes"},
	{Table: "plan_versions"},
	{Table: "proposals", Rows: "state <> 'open'", Parts: true},
	{Table: "proposals", Rows: "state = 'open'", Parts: true, Free: []string{
		"decided_at", "decided_by", "decision_reason", "state", "updated_at", "version",
	}},
	{Table: "publications"},
	{Table: "reports", Rows: "state = 'received'"},
	{Table: "reports", Rows: "state = 'submitted'", Free: []string{ // as long as it becomes received
		"received_at", "received_by", "remark", "state", "updated_at", "version",
	}},
	{Table: "result_nodes"},
	{Table: "results"},
	{Table: "robustness_results"},
	{Table: "runs"},
	{Table: "sheet_remarks"},
	{Table: "signing_statements"},
	{Table: "transitions"},
	{Table: "value_choices"},
	{Table: "visit_versions"},
	{Table: "withdrawals"},
}

const entryOf = "EXISTS (SELECT 1 FROM evaluations s WHERE s.town_id = entries.town_id AND s.id = entries.evaluation_id AND "
