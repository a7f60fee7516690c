package backup

// LimitLines makes rows of more bytes too long, until the returned function is called.
func LimitLines(to int) (restore func()) {
	before := maxLine
	maxLine = to
	return func() { maxLine = before }
}

// Check reads the backup to its end and returns what it holds, or what is wrong
// with the file. It needs no database, and so does not find rows that none would take.
func (r *Reader) Check() (Summary, error) {
	return r.read(func(Table) (*inserter, error) { return nil, nil }, nil) //nolint:nilnil // rows that go nowhere
}
