package index

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// Run is one computation of a period (计算批次), kept for ever, with its receipt:
// the hashes of what went in and what came out.
type Run struct {
	TownID       string    `gorm:"primaryKey" json:"-"`
	ID           string    `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode   string    `json:"period" example:"2023Q3"`
	Number       int64     `json:"number" example:"1"` // 1, 2, … within the period
	SchemeCode   string    `json:"scheme_code" example:"five-forces"`
	SchemeNumber int64     `json:"scheme_number" example:"1"`
	Engine       string    `json:"engine" example:"bulwark/composite 1"`
	Seed         int64     `json:"seed"`                         // of everything random about it
	SchemeHash   string    `json:"scheme_hash"`                  // SHA-256 of the scheme document (RFC 8785)
	DataHash     string    `json:"data_hash"`                    // SHA-256 of the data file
	ResultHash   string    `json:"result_hash"`                  // SHA-256 of the result file
	Data         string    `json:"-"`                            // the data file
	CreatedBy    string    `json:"created_by" example:"group-1"` // a role where the caller may not read people
	CreatedAt    time.Time `json:"created_at"`
}

// Location is the part of a run's address behind its collection.
func (r Run) Location() string { return r.ID }

var runNoun = text.Text{ZH: "计算批次", EN: "run"}

// CreateRun computes a locked period and stores every figure, in one transaction.
func CreateRun(ctx context.Context, db *gorm.DB, townID, periodCode string) (Run, error) {
	var run Run
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		// The whole lock, not a shared one: two runs at once get two numbers.
		p, err := evaluation.FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "UPDATE"}), townID, periodCode)
		if err != nil {
			return err
		}
		if p.State != evaluation.Locked {
			return fault.Conflict("period_not_locked",
				"考评周期 %[1]s 处于“%[2]s”状态：只有锁定的周期才能计算", "period %[1]s is %[2]s: a run is made of a locked period", p.Code, p.State).Held(p.Lock())
		}
		c, err := compute(ctx, tx, p)
		if err != nil {
			return err
		}
		run, err = c.createRun(ctx, tx, p)
		return err
	})
	return run, err
}

// createRun stores the computation as the next run of the period.
func (c *computation) createRun(ctx context.Context, tx *gorm.DB, p evaluation.Period) (Run, error) {
	o := c.outcome(p)
	run := c.receipt(p, o)
	run.ID, run.CreatedBy, run.CreatedAt = database.NewID(), audit.ActorOf(ctx).Name, evaluation.Following(p.StateAt, tx.NowFunc())
	var err error
	if run.Number, err = nextNumber(tx, &Run{}, p.TownID, p.Code); err != nil {
		return Run{}, err
	}
	if err := insertRun(tx, run, o.Results); err != nil {
		return Run{}, err
	}
	return run, audit.Write(ctx, tx, audit.Change{Town: p.TownID, Action: "run.create", Subject: describe(p) + "/runs/" + run.ID, After: run})
}

// receipt fingerprints the computation.
func (c *computation) receipt(p evaluation.Period, o *Outcome) Run {
	data := c.dataFile()
	return Run{
		TownID: p.TownID, PeriodCode: p.Code, SchemeCode: p.SchemeCode, SchemeNumber: p.SchemeNumber,
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

func nextNumber(tx *gorm.DB, table any, townID, period string) (int64, error) {
	var last int64
	err := tx.Model(table).Where("town_id = ? AND period_code = ?", townID, period).
		Select("COALESCE(MAX(number), 0)").Scan(&last).Error
	return last + 1, err
}

// insertCorrections inserts the run and its rows.
func insertRun(tx *gorm.DB, run Run, results []Result) error {
	if err := tx.Create(&run).Error; err != nil {
		return err
	}
	rows := make([]Result, len(results))
	var nodes []NodeResult
	for i, r := range results {
		r.RunID = run.ID
		rows[i] = r
		for _, n := range r.Nodes {
			n.RunID = run.ID
			nodes = append(nodes, n)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(rows, database.Batch).Error; err != nil {
		return err
	}
	return tx.CreateInBatches(nodes, database.Batch).Error
}

// FindRun gives one run of the period.
func FindRun(ctx context.Context, db *gorm.DB, townID, period, id string) (Run, error) {
	var r Run
	err := db.WithContext(ctx).Where("town_id = ? AND period_code = ? AND id = ?", townID, period, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Run{}, fault.Missing(runNoun, id)
	}
	return r, err
}

// ListRuns gives the runs of the period, without their data, by number.
func ListRuns(ctx context.Context, db *gorm.DB, townID, period string, after int64, limit int) ([]Run, error) {
	if _, err := evaluation.FindPeriod(ctx, db, townID, period); err != nil {
		return nil, err
	}
	var runs []Run
	err := db.WithContext(ctx).Omit("data").Where("town_id = ? AND period_code = ? AND number > ?", townID, period, after).
		Order("number").Limit(limit).Find(&runs).Error
	return runs, err
}

// loadOutcome reads a stored run, and the corrections up to the publication of it,
// 0 where there is none: at most six statements, whatever its size.
func loadOutcome(ctx context.Context, db *gorm.DB, p evaluation.Period, runID string, publication int64) (*Outcome, error) {
	run, err := FindRun(ctx, db, p.TownID, p.Code, runID)
	if err != nil {
		return nil, err
	}
	o := &Outcome{Period: p, Run: &run}
	if o.Scheme, err = scheme.Load(ctx, db, p.TownID, run.SchemeCode, run.SchemeNumber); err != nil {
		return nil, err
	}
	if publication > 1 { // the first is of what was approved
		if o.Corrections, err = evaluation.ListCorrections(ctx, db, p.TownID, []string{p.Code}, publication); err != nil {
			return nil, err
		}
	}
	var appraisals []RobustnessResult
	if err := db.WithContext(ctx).Where("town_id = ? AND run_id = ?", p.TownID, runID).Find(&appraisals).Error; err != nil {
		return nil, err
	}
	if len(appraisals) > 0 {
		o.robustness = &appraisals[0].Document.V
	}
	return o, o.loadRows(ctx, db, p.TownID)
}

// loadRows reads the results of the outcome's run: two statements.
func (o *Outcome) loadRows(ctx context.Context, db *gorm.DB, townID string) error {
	db = db.WithContext(ctx).Where("town_id = ? AND run_id = ?", townID, o.Run.ID).Session(&gorm.Session{})
	if err := db.Order("position").Find(&o.Results).Error; err != nil {
		return err
	}
	var nodes []NodeResult
	if err := db.Order("branch_code, position").Find(&nodes).Error; err != nil {
		return err
	}
	perBranch := map[string][]NodeResult{}
	for _, n := range nodes {
		perBranch[n.BranchCode] = append(perBranch[n.BranchCode], n)
	}
	for i := range o.Results {
		o.Results[i].Nodes = perBranch[o.Results[i].BranchCode]
	}
	return nil
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
