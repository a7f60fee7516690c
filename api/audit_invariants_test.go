package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
)

// unrecorded are the operations that change nothing which the trail tells of.
var unrecorded = map[string]bool{
	"whatIf":            true, // computes
	"compareSchemes":    true, // likewise
	"proposeWeights":    true, // likewise
	"decideEvaluations": true, // one record for each sheet that was decided on, which may be none
	"decideAdjustments": true, // likewise
	"attachEvidence":    true, // the same file again changes nothing
	"submitForm":        true, // one for each sheet, none in a dry run
	"importEntries":     true, // likewise
	"copyEntries":       true, // likewise
	"importTown":        true, // one for each record that is added
	"movePerson":        true, // a second time changes nothing; the first time accounts lose what they hold
}

// severalRecords are the operations that make more than one change at once.
var severalRecords = map[string]bool{
	"activateScheme":      true, // and retires the version before
	"movePeriod":          true, // publishing moves the period and publishes its run
	"updatePeriod":        true, // another scheme returns what was submitted
	"decideAppeal":        true, // upholding makes a run and its publication
	"moveProposal":        true, // confirming does what was proposed
	"createRun":           true, // ends an open proposal of another run
	"amendResult":         true, // makes a run and its publication
	"withdrawPublication": true, // and locks the period

	"proposeBonus": true, // proposes an adjustment and links it
	"moveVisit":    true, // opens problems for what was found

	"createAppointment": true, // a new right to decide waits, and replaces one that waited
	"cancelAppointment": true, // a right that waited waits no longer
	"createKey":         true, // likewise
	"createAccount":     true,
	"updateAccount":     true,
	"resetPassword":     true,
}

// secretive finds members of a record, and texts in it, that nobody may read there.
var secretive = regexp.MustCompile(`(?i)"[^"]*(secret|password|token|cookie)[^"]*":|bw_[0-9a-f]{8}_[\w-]+|\$argon2`)

// trailWatch holds every test of the API to three rules of the trail: a change that
// was answered with success has left exactly one record, and a dry run none, no record tells a
// secret, and at the end of the test every chain is whole.
func trailWatch(t testing.TB, db *gorm.DB) func(testing.TB, string, *apitest.Answer) {
	t.Cleanup(func() {
		err := audit.VerifyAll(context.Background(), db, "", nil, func(r audit.Report) {
			if !r.OK {
				t.Errorf("the trail of %q is broken: %+v", r.TownID, r.Fault)
			}
		})
		if err != nil {
			t.Errorf("verify the trails: %v", err)
		}
	})
	var mu sync.Mutex
	changes := map[string]int{} // request id → changes that were answered with success
	return func(t testing.TB, operation string, a *apitest.Answer) {
		t.Helper()
		if a.Method == http.MethodGet || a.Status >= 300 || unrecorded[operation] ||
			a.Header.Get("Idempotency-Replayed") != "" {
			return
		}
		id := a.Header.Get("X-Request-Id")
		mu.Lock()
		if !strings.Contains(string(a.Body), `"dry_run":{`) { // which leaves no record
			changes[id]++
		}
		want := changes[id]
		mu.Unlock()
		var records []audit.Record
		if err := db.WithContext(context.Background()).Where("request_id = ?", id).Find(&records).Error; err != nil {
			t.Errorf("the trail of %s: %v", operation, err)
		}
		if len(records) < want || len(records) > want && !severalRecords[operation] {
			t.Errorf("%s: %d records in the trail for %d changes; if that is meant, name it in unrecorded or severalRecords",
				operation, len(records), want)
		}
		for _, r := range records {
			if told := secretive.FindString(string(r.Before + r.After)); told != "" || r.Actor == "" || r.Role == "" {
				t.Errorf("%s: the record %s by %q tells %q", operation, r.Action, r.Actor, told)
			}
		}
	}
}
