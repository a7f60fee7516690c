package index

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/town"
)

// publishingActions are what the trail calls a publication and an amendment.
var publishingActions = []string{"run.publish", "result.amend"}

// refuseChanged refuses an outcome that is not, as it is stored, what the trail says was
// published last: another run or publication, other data, or other rows than those of
// its receipt.
func (o *Outcome) refuseChanged(ctx context.Context, tx *gorm.DB, last *publishedRun) error {
	var places []fault.FieldError
	differs := func(table, key, column, published, now string) {
		if published != now {
			places = append(places, fault.Differs(table, key, column, published, now))
		}
	}
	prefix := describe(o.Period) + "/runs/"
	var publication struct {
		Run    string `json:"run"`
		Number int64  `json:"number"`
	}
	if err := lastAfter(ctx, tx, last.TownID, publishingActions, prefix, &publication); err != nil {
		return err
	}
	key := last.PeriodCode + "/" + strconv.FormatInt(last.Number, 10)
	differs("publications", last.PeriodCode, "number", strconv.FormatInt(publication.Number, 10),
		strconv.FormatInt(last.Number, 10))
	differs("publications", key, "run_id", publication.Run, last.RunID)
	var run Run
	if err := lastAfter(ctx, tx, last.TownID, []string{"run.create"}, prefix+o.Run.ID, &run); err != nil {
		return err
	}
	differs("runs", o.Run.ID, "scheme_hash", run.SchemeHash, o.Run.SchemeHash)
	differs("runs", o.Run.ID, "data_hash", run.DataHash, o.Run.DataHash)
	differs("runs", o.Run.ID, "result_hash", run.ResultHash, o.Run.ResultHash)
	differs("runs", o.Run.ID, "data", run.DataHash, sha256Hex(o.Run.Data))
	differs("results", o.Run.ID, "", run.ResultHash, o.resultHash(o.Run.Data))
	differs("schemes", o.Run.Scheme.Code+"/"+strconv.FormatInt(o.Run.Scheme.Number, 10), "document", run.SchemeHash,
		o.Scheme.Hash)
	if len(places) > 0 {
		return fault.PublishedDataDiffers(places...)
	}
	return nil
}

// lastAfter reads what the last record of the actions about a subject with the prefix
// has stored; nothing where there is no such record.
func lastAfter(
	ctx context.Context, tx *gorm.DB, townID string, actions []string, prefix string, into any,
) error {
	records, err := audit.Recorded(ctx, tx, townID, actions, prefix, time.Time{})
	if err != nil || len(records) == 0 {
		return err
	}
	return json.Unmarshal([]byte(records[len(records)-1].After), into)
}

// refuseChangedBranches refuses where kind, class or existence of a branch on the last
// day of the period, as it was known at the lock, differs from what was published. A
// change that was entered later changes no published result.
func refuseChangedBranches(
	ctx context.Context, tx *gorm.DB, p evaluation.Period, published []town.Branch,
) error {
	places, err := town.ChangedBranches(ctx, tx, p.TownID, p.BranchFilter(), published)
	if err != nil {
		return err
	}
	if len(places) > 0 {
		return fault.PublishedDataDiffers(places...)
	}
	return nil
}
