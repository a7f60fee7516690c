package main

import "testing"

const log = `# Changes

## Unreleased

### Breaking

- The rule of an indicator is described (` + "`GET /towns/{town}/indicators`, `/scheme-templates/{scheme}`" + `).
- Plans have a document (` + "`/towns/{town}/plans*`" + `).

### Added

- Reports (` + "`/towns/{town}/reports`" + `).

## 0.1

### Breaking

- ` + "`/towns`" + `
`

func TestABreakMustBeAnnounced(t *testing.T) {
	for _, tt := range []struct {
		operation, path string
		want            bool
	}{
		{"GET", "/towns/{town}/indicators", true},
		{"POST", "/towns/{town}/indicators", false},
		{"POST", "/scheme-templates/{scheme}", true},
		{"GET", "/towns/{town}/plans", true},
		{"PUT", "/towns/{town}/plans/{plan}", true},
		{"GET", "/towns/{town}", false},
		{"GET", "/towns/{town}/reports", false}, // added, not broken
		{"GET", "/towns", false},                // announced for another release
	} {
		if got := announced(log, change{Operation: tt.operation, Path: tt.path}); got != tt.want {
			t.Errorf("%s %s: got %t", tt.operation, tt.path, got)
		}
	}
}

func TestNothingBreaksAfterReleaseOne(t *testing.T) {
	for text, want := range map[string]bool{log: false, "## 1.0.0\n": true, "# x\n\n## v2.1\n": true, "## 0.9\n": false} {
		if released(text) != want {
			t.Errorf("%q: got %t", text, !want)
		}
	}
}
