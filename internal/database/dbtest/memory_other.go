//go:build !linux

package dbtest

// scratch is "": use the system's temporary folder.
func scratch() string { return "" }

// memory is "": use the test's temporary folder.
func memory() string { return "" }
