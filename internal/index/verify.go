package index

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/datafile"
	"bulwark/internal/evaluation"
	"bulwark/internal/scheme"
)

// Verification says whether a stored run is what its receipt says.
type Verification struct {
	Town   string  `json:"town" example:"demo"`
	Period string  `json:"period" example:"2023Q2"`
	Run    string  `json:"run" format:"uuid"`
	Engine string  `json:"engine" example:"bulwark/composite 1"` // that computed again, now
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check compares one hash of a receipt with the thing itself.
type Check struct {
	What     string `json:"what" enums:"scheme,data,recomputed,stored"` // stored: the rows that are served
	Receipt  string `json:"receipt"`
	Computed string `json:"computed"`
	OK       bool   `json:"ok"`
}

// Verify computes the run again from its scheme and data file, and compares every
// figure, to the last bit, with the receipt and with the rows that are served.
func Verify(ctx context.Context, db *gorm.DB, run Run) (Verification, error) {
	v := Verification{Town: run.TownID, Period: run.PeriodCode, Run: run.ID, Engine: Engine, OK: true}
	check := func(what, receipt, computed string) {
		v.Checks = append(v.Checks, Check{what, receipt, computed, receipt == computed})
		v.OK = v.OK && receipt == computed
	}
	document, err := scheme.Find(ctx, db, run.TownID, run.SchemeCode, run.SchemeNumber)
	if err != nil {
		return v, err
	}
	check("scheme", run.SchemeHash, sha256Hex(string(document.Document)))
	check("data", run.DataHash, sha256Hex(run.Data))
	check("recomputed", run.ResultHash, recomputed(document, run))
	served, err := storedRows(ctx, db, run)
	if err != nil {
		return v, err
	}
	check("stored", run.ResultHash, served)
	return v, nil
}

// recomputed is the hash of the results made anew, or why there are none: scheme
// and data are exactly what may have been tampered with.
func recomputed(v scheme.Version, run Run) string {
	d, err := scheme.Decode([]byte(v.Document))
	if err != nil {
		return err.Error()
	}
	compiled, err := scheme.Compile(d)
	if err != nil {
		return err.Error()
	}
	c, err := replay(compiled, run.Data)
	if err != nil {
		return err.Error()
	}
	return sha256Hex(resultFile(c.outcome(evaluation.Period{TownID: run.TownID, Code: run.PeriodCode})))
}

// storedRows is the hash of the rows that are served. The compiled scheme is not
// needed for it, so a spoilt one does not hide them.
func storedRows(ctx context.Context, db *gorm.DB, run Run) (string, error) {
	o := &Outcome{Run: &run}
	err := o.loadRows(ctx, db, run.TownID)
	return sha256Hex(resultFile(o)), err
}

// replay computes from a data file what was computed when it was written.
func replay(compiled *scheme.Compiled, data string) (*computation, error) {
	file, err := datafile.Read(strings.NewReader(data), compiled)
	if err != nil {
		return nil, err
	}
	return computationOf(compiled, file)
}

// VerifyAll verifies every run of the town (every town where townID is empty) and
// hands each verification to report.
func VerifyAll(ctx context.Context, db *gorm.DB, townID string, report func(Verification)) error {
	q := db.WithContext(ctx).Select("town_id", "id")
	if townID != "" {
		q = q.Where("town_id = ?", townID)
	}
	var runs []Run
	if err := q.Order("town_id, period_code, number").Find(&runs).Error; err != nil {
		return err
	}
	for _, key := range runs {
		var run Run
		if err := db.WithContext(ctx).Where("town_id = ? AND id = ?", key.TownID, key.ID).Take(&run).Error; err != nil {
			return err
		}
		v, err := Verify(ctx, db, run)
		if err != nil {
			return err
		}
		report(v)
	}
	return nil
}
