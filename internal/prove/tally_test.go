//go:build prove && linux

package prove

import (
	"fmt"
	"testing"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/evaluation"
	"bulwark/internal/rest"
)

// tally is what was acknowledged beside what is stored.
type tally struct {
	acknowledged int
	lost         int // acknowledged, not there
	doubled      int // there more than once
	unasked      int // there, not acknowledged
	wrong        int // there under another id than was told
	unrecorded   int // without exactly one audit record
	broken       int // chains of audit records that are not whole
	kept         int // answers kept

	again, replayed, changed, silent, refused int64
	codes                                     map[string]int
}

func (a tally) String() string {
	return fmt.Sprintf("%d acknowledged; %d sent again and answered, %d of them from the kept answer, %d otherwise than before; %d without an answer, %d told to wait %v; "+
		"%d lost, %d doubled, %d unasked, %d wrong, %d without one audit record, %d audit chains broken; %d answers kept",
		a.acknowledged, a.again, a.replayed, a.changed, a.silent, a.refused, a.codes, a.lost, a.doubled, a.unasked, a.wrong, a.unrecorded, a.broken, a.kept)
}

// tally compares what the crowd was told with the database, once all have gone.
func (c *crash) tally(t *testing.T) tally {
	t.Helper()
	c.kill()
	db := dbtest.Connect(t, c.url, database.Options{})
	found := tally{
		acknowledged: len(c.crowd.acknowledged), again: c.crowd.again.Load(), replayed: c.crowd.replayed.Load(), changed: c.crowd.changed.Load(),
		silent: c.crowd.silent.Load(), refused: c.crowd.refused.Load(), codes: c.crowd.codes,
	}
	var kept int64
	if err := db.Model(rest.StoredResponse{}).Where("status = 201").Count(&kept).Error; err != nil {
		t.Fatal(err)
	}
	found.kept = int(kept)
	var rows []evaluation.Adjustment
	if err := db.Where("town_id = ? AND reason LIKE 'proof %'", demo.Town).Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	stored := map[string][]string{} // ids by reason
	for _, r := range rows {
		stored[r.Reason] = append(stored[r.Reason], r.ID)
	}
	for reason, id := range c.crowd.acknowledged {
		switch ids := stored[reason]; {
		case len(ids) == 0:
			found.lost++
		case len(ids) > 1:
			found.doubled++
		case ids[0] != id:
			found.wrong++
		}
		delete(stored, reason)
	}
	found.unasked = len(stored)
	var subjects []string
	if err := db.Model(audit.Record{}).Where("town_id = ? AND action = 'adjustment.propose' AND after LIKE '%\"proof %'", demo.Town).Pluck("subject", &subjects).Error; err != nil {
		t.Fatal(err)
	}
	records := map[string]int{}
	for _, s := range subjects {
		records[s]++
	}
	for _, r := range rows {
		if records["adjustments/"+r.ID] != 1 {
			found.unrecorded++
		}
		delete(records, "adjustments/"+r.ID)
	}
	found.unrecorded += len(records)
	err := audit.VerifyAll(t.Context(), db, "", nil, func(r audit.Report) {
		if !r.OK {
			found.broken++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
