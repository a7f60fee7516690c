package index

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"bulwark/internal/fault"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/scheme"
)

// Receipt is what anyone needs to check a published result: hashes of what went
// in and came out, and how it was computed.
type Receipt struct {
	Run
	Source
	Status string `json:"status" enums:"published,final"`
}

// Receipt returns the receipt of a publication, the latest where number is 0.
func (c *ResultCache) Receipt(
	ctx context.Context, db *gorm.DB, townID, period string, number int64,
) (_ Receipt, err error) {
	defer fault.Wrap(&err, "receipt of %s", period)
	o, p, err := c.publishedOutcome(ctx, db, townID, period, number)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Run: *o.Run, Source: p.source(day.Of(db.NowFunc())), Status: o.status()}
	r.CreatedBy = access.PrincipalFrom(ctx).Told(r.CreatedBy, access.LeadingGroup)
	return r, nil
}

// Files returns the two files from which `bulwark score` computes a published result
// again: the scheme document and the data.
func (c *ResultCache) Files(
	ctx context.Context, db *gorm.DB, townID, period string, number int64,
) (scheme []byte, data string, err error) {
	defer fault.Wrap(&err, "files of %s", period)
	o, _, err := c.publishedOutcome(ctx, db, townID, period, number)
	if err != nil {
		return nil, "", err
	}
	return o.Scheme.Canonical, o.Run.Data, nil
}

// receipt fingerprints the computation.
func (c *computation) receipt(p evaluation.Period, o *Outcome) Run {
	data := c.dataFile()
	return Run{
		TownID: p.TownID, PeriodCode: p.Code, Scheme: p.Scheme,
		Engine: Engine, Seed: seedOf(c.scheme.Hash + data), SchemeHash: c.scheme.Hash, DataHash: sha256Hex(data), ResultHash: sha256Hex(resultFile(o)), Data: data,
	}
}

func sha256Hex(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// seedOf derives the seed from the inputs, so that a run computed again from the
// same data is the same run to the last bit.
func seedOf(s string) int64 {
	h := sha256.Sum256([]byte(s))
	seed := int64(0)
	for _, b := range h[:7] { // 56 bits: exact in every JSON reader's integer, and positive
		seed = seed<<8 | int64(b)
	}
	return seed >> 4 // 52 bits
}

// resultFile is the text whose hash a receipt keeps: every figure of every branch
// with all its bits, in the order of the ranking.
func resultFile(o *Outcome) string {
	var b strings.Builder
	for i := range o.Results {
		r := &o.Results[i]
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s,%s,%s", r.BranchCode, r.Status, exact(r.Score), word(r.Grade), whole(r.Rank), whole(r.ClassRank), exact(&r.Coverage), exact(r.Base))
		for _, n := range r.Nodes {
			fmt.Fprintf(&b, ",%s", exact(n.Score))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// exact returns a number that reads back to the same bits; "" for none.
func exact(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}

func whole(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// Verification is whether a stored run agrees with its receipt.
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

// Verify computes a published result again and compares it with its receipt.
func (c *ResultCache) Verify(
	ctx context.Context, db *gorm.DB, townID, period string, number int64,
) (_ Verification, err error) {
	defer fault.Wrap(&err, "verify %s", period)
	o, _, err := c.publishedOutcome(ctx, db, townID, period, number)
	if err != nil {
		return Verification{}, err
	}
	run, err := FindRun(ctx, db, townID, period, o.Run.ID) // not from memory: it is the database that is doubted
	if err != nil {
		return Verification{}, err
	}
	return Verify(ctx, db, run)
}

// Verify computes the run again from its scheme and data file, and compares every
// figure, to the last bit, with the receipt and with the rows that are served.
func Verify(ctx context.Context, db *gorm.DB, run Run) (_ Verification, err error) {
	defer fault.Wrap(&err, "verify the run %s", run.ID)
	v := Verification{Town: run.TownID, Period: run.PeriodCode, Run: run.ID, Engine: Engine, OK: true}
	check := func(what, receipt, computed string) {
		v.Checks = append(v.Checks, Check{what, receipt, computed, receipt == computed})
		v.OK = v.OK && receipt == computed
	}
	document, err := scheme.Find(ctx, db, run.TownID, run.Scheme.Code, run.Scheme.Number)
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

// recomputed returns the hash of the results made anew, or why there are none: scheme
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
	c, err := readComputation(compiled, run.Data)
	if err != nil {
		return err.Error()
	}
	return sha256Hex(resultFile(c.outcome(evaluation.Period{TownID: run.TownID, Code: run.PeriodCode})))
}

// storedRows returns the hash of the rows that are served. The compiled scheme is not
// needed for it, so a spoilt one does not hide them.
func storedRows(ctx context.Context, db *gorm.DB, run Run) (string, error) {
	o := &Outcome{Run: &run}
	err := o.loadRows(ctx, db, run.TownID)
	return sha256Hex(resultFile(o)), err
}

// VerifyAll verifies every run of the town (every town where townID is empty) and
// hands each verification to report.
func VerifyAll(ctx context.Context, db *gorm.DB, townID string, report func(Verification)) (err error) {
	defer fault.Wrap(&err, "verify the runs of %q", townID)
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
