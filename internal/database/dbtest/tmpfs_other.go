//go:build !linux

package dbtest

// tmpfs returns "": use the system's temporary folder.
func tmpfs() string { return "" }

// tmpfsDir returns "": use the test's temporary folder.
func tmpfsDir() string { return "" }
