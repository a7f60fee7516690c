package backup

// LimitLines makes rows of more bytes too long, until the returned function is called.
func LimitLines(to int) (restore func()) {
	before := maxLine
	maxLine = to
	return func() { maxLine = before }
}
