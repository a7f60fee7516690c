// Package index is the scoring service: it applies pkg/composite to what a town has
// approved, keeps the results, publishes them and shows them. Packages explanation and
// analysis say what is behind the figures.
package index

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/proposal"
	"bulwark/internal/robustness"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// Run is one computation of a period (计算批次), kept for ever, with its receipt:
// the hashes of what went in and what came out.
type Run struct {
	TownID     string     `gorm:"primaryKey" json:"-"`
	ID         string     `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode string     `json:"period" example:"2023Q3"`
	Number     int64      `json:"number" example:"1"` // 1, 2, … within the period
	Scheme     scheme.Ref `gorm:"embedded;embeddedPrefix:scheme_" json:"scheme"`
	Engine     string     `json:"engine" example:"bulwark/composite 2"`
	Seed       int64      `json:"seed"`                         // of everything random about it
	SchemeHash string     `json:"scheme_hash"`                  // SHA-256 of the scheme document (RFC 8785)
	DataHash   string     `json:"data_hash"`                    // SHA-256 of the data file
	ResultHash string     `json:"result_hash"`                  // SHA-256 of the result file
	Data       string     `json:"-"`                            // the data file
	CreatedBy  string     `json:"created_by" example:"group-1"` // a role where the caller may not read people
	CreatedAt  time.Time  `json:"created_at"`
	// in the answer to its making: changes of branches that were entered late
	Warnings []evaluation.Warning `gorm:"-" json:"warnings,omitempty"`
}

// Location is the part of a run's address behind its collection.
func (r Run) Location() string { return r.ID }

var runNoun = text.Text{ZH: "计算批次", EN: "run"}

// Engine names the mathematics that a run was made with. It changes when the
// same inputs would lead to other figures. Engine 2 rounds what is combined, derived or
// imputed, and every node, to 12 significant digits; it penalises on the scale from 70 to
// 130, gives capped branches a place in quotas, and lets 0 of 0 be not applicable.
const Engine = "bulwark/composite 2"

// standIn takes the place of this engine in tests of what an earlier one has left behind.
// In the program it is nil.
var standIn *struct {
	name   string
	change func([]Result)
}

// byEngine returns the name of the engine that made the computation: two of them, where an
// amendment has kept figures of another.
func (c *computation) byEngine() string {
	name := Engine
	if standIn != nil {
		name = standIn.name
	}
	if c.amends != nil && !strings.HasSuffix(c.amends.base.Run.Engine, " + "+name) {
		return c.amends.base.Run.Engine + " + " + name
	} else if c.amends != nil {
		return c.amends.base.Run.Engine
	}
	return name
}

// Result is the result of one branch in a run.
type Result struct {
	TownID     string    `gorm:"primaryKey"`
	RunID      string    `gorm:"primaryKey"`
	BranchCode string    `gorm:"primaryKey"`
	Position   int       // place in the list: by rank and code, those without score last
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_"` // as it was at the end of the period
	Kind       string
	Class      *string
	Status     string  // scored, insufficient or failed
	Coverage   float64 // effective weight entered ÷ applicable, 0 to 1
	Base       *float64
	Bonus      float64
	Deduction  float64
	Vetoes     string // codes, separated by commas
	Score      *float64
	Grade      *string
	Rank       *int
	ClassRank  *int
	// with every missing value at the lowest of its class; nil where nothing is missing
	ScoreAtLowest *float64
	Nodes         []NodeResult `gorm:"-"` // in document order
}

// NodeResult is one node of the tree for one branch. The figures are exact, not
// rounded.
type NodeResult struct {
	TownID     string `gorm:"primaryKey"`
	RunID      string `gorm:"primaryKey"`
	BranchCode string `gorm:"primaryKey"`
	NodeCode   string `gorm:"primaryKey"`
	Position   int
	Status     string // of a leaf as composite.CellStatus; of any other node scored or missing
	Raw        *float64
	Level      *string // instead of Raw for a categorical indicator
	Score      *float64
	Coverage   *float64
	// with every missing value below it at the lowest of its class; nil where nothing is missing for the branch
	ScoreAtLowest *float64
	Age           *int64 // of a carried value: so many days before the end of this period its own ended; nil where it is not known
}

// TableName of node results.
func (NodeResult) TableName() string { return "result_nodes" }

// leaf reports whether the node is an indicator: only those above have a coverage.
func (n *NodeResult) leaf() bool { return n.Coverage == nil }

// VetoCodes returns the codes of the vetoes that hit.
func (r *Result) VetoCodes() []string {
	if r.Vetoes == "" {
		return nil
	}
	return strings.Split(r.Vetoes, ",")
}

// lowest returns the score with every missing value at the lowest of its class; nil without
// one.
func (r *Result) lowest() *float64 {
	if r.ScoreAtLowest != nil {
		return r.ScoreAtLowest
	}
	return r.Score
}

// Missing returns the indicators that apply and have no entered value.
func (r *Result) Missing() []string {
	codes := []string{}
	for _, n := range r.Nodes {
		switch n.Status {
		case composite.CellMissing.String(), composite.CellImputed.String(), composite.CellCarried.String():
			if n.leaf() {
				codes = append(codes, n.NodeCode)
			}
		}
	}
	return codes
}

// Outcome is all that a period came to: stored by a run, or computed just now.
type Outcome struct {
	Period  evaluation.Period
	Scheme  *scheme.Compiled
	Run     *Run // nil for a provisional outcome
	Results []Result

	Corrections []evaluation.Correction // behind the publication, in the order of their making

	withdrawn bool // its publication

	robustness  *robustness.Figures // nil until it is computed
	computation *computation        // what a provisional outcome was made by; of a stored one replayed when asked
	once        sync.Once
	explained   *composite.Explainer
	explainErr  error
}

func (o *Outcome) status() string {
	if o.Run == nil {
		return "provisional"
	}
	if o.withdrawn {
		return "withdrawn"
	}
	return string(o.Period.State)
}

// fresh reports whether the outcome is used so long after it was read: one whose
// robustness is still being computed is read again after a while.
func (o *Outcome) fresh(age time.Duration) bool { return o.robustness != nil || age < freshFor }

// size returns the bytes that the outcome takes in memory, with the computation that
// explaining it makes.
func (o *Outcome) size() int {
	const perResult, perNode, perCorrection = 1024, 256, 1024
	size := len(o.Run.Data) + perCorrection*len(o.Corrections)
	for i := range o.Results {
		size += perResult + perNode*len(o.Results[i].Nodes)
	}
	return 2 * size
}

// find returns the result of one branch, nil where the branch was not in the run.
func (o *Outcome) find(branch string) *Result {
	for i := range o.Results {
		if o.Results[i].BranchCode == branch {
			return &o.Results[i]
		}
	}
	return nil
}

// byBranch returns every result by the code of its branch.
func (o *Outcome) byBranch() map[string]*Result {
	results := make(map[string]*Result, len(o.Results))
	for i := range o.Results {
		results[o.Results[i].BranchCode] = &o.Results[i]
	}
	return results
}

// correction is the one that made the value of an indicator of a branch, or a part
// of it; nil where the value is as it was approved.
func (o *Outcome) correction(branch string, n *scheme.Node) *evaluation.Correction {
	var takenBack []string // codes
	for i := len(o.Corrections) - 1; i >= 0; i-- {
		c := &o.Corrections[i]
		part := n.Derive != nil && (c.Code == n.Derive.Numerator || c.Code == n.Derive.Denominator)
		switch {
		case c.BranchCode != branch || c.Adjustment != "" || c.Code != n.Code && !part || slices.Contains(takenBack, c.Code):
		case c.Removes == evaluation.RemoveCorrection:
			takenBack = append(takenBack, c.Code)
		default:
			return c
		}
	}
	return nil
}

// CreateRun computes a locked period and stores every figure, in one transaction.
func CreateRun(ctx context.Context, db *gorm.DB, townID, periodCode string) (run Run, err error) {
	defer fault.Wrap(&err, "run of %s", periodCode)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		// The whole lock, not a shared one: two runs at once get two numbers.
		p, err := evaluation.FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "UPDATE"}), townID, periodCode)
		if err != nil {
			return err
		}
		if p.State != evaluation.Locked {
			return fault.Conflict("period_not_locked",
				"考评周期 %[1]s 处于“%[2]s”状态：只有锁定的周期才能计算", "period %[1]s is %[2]s: a run is made of a locked period", p.Code,
				p.State).Held(p.Lock())
		}
		if err := refuseMoreRuns(ctx, tx, p); err != nil {
			return err
		}
		c, err := compute(ctx, tx, p)
		if err != nil {
			return err
		}
		if run, err = c.createRun(ctx, tx, p); err != nil {
			return err
		}
		return proposal.Lapse(ctx, tx, townID, periodCode, "", text.F("已重新计算", "another run was made"))
	})
	return run, err
}

// refuseMoreRuns refuses a run where the town lets no more be made since the lock.
func refuseMoreRuns(ctx context.Context, tx *gorm.DB, p evaluation.Period) error {
	var made int64
	err := tx.WithContext(ctx).Model(&Run{}).
		Where("town_id = ? AND period_code = ? AND created_at >= ?", p.TownID, p.Code, p.StateAt).
		Count(&made).Error
	if err != nil {
		return err
	}
	return p.RefuseRun(ctx, tx, made)
}

// createRun stores the computation as the next run of the period.
func (c *computation) createRun(ctx context.Context, tx *gorm.DB, p evaluation.Period) (Run, error) {
	o := c.outcome(p)
	run := c.receipt(p, o)
	run.ID, run.CreatedBy, run.CreatedAt = database.NewID(), audit.ActorOf(ctx).Name,
		evaluation.Following(p.StateAt, tx.NowFunc())
	var err error
	if run.Number, err = nextNumber(tx, &Run{}, p.TownID, p.Code); err != nil {
		return Run{}, err
	}
	if err := insertRun(tx, run, o.Results); err != nil {
		return Run{}, err
	}
	return run, audit.Write(ctx, tx, audit.Change{
		Town: p.TownID, Action: "run.create", Subject: describe(p) + "/runs/" + run.ID, After: run,
	})
}

// insertRun inserts the run and its rows.
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

func nextNumber(tx *gorm.DB, table any, townID, period string) (int64, error) {
	var last int64
	err := tx.Model(table).Where("town_id = ? AND period_code = ?", townID, period).
		Select("COALESCE(MAX(number), 0)").Scan(&last).Error
	return last + 1, err
}

// lastRun is the newest run made since the period was locked.
func lastRun(tx *gorm.DB, p evaluation.Period) (Run, error) {
	var runs []Run
	err := tx.Omit("data").Where("town_id = ? AND period_code = ? AND created_at >= ?", p.TownID, p.Code, p.StateAt).
		Order("number DESC").Limit(1).Find(&runs).Error
	if err == nil && len(runs) == 0 {
		return Run{}, fault.Conflict("no_run",
			"锁定后尚未计算：请先生成计算批次", "nothing was computed since the period was locked: make a run first").Held(p.Lock())
	}
	if err != nil {
		return Run{}, err
	}
	return runs[0], nil
}

func describe(p evaluation.Period) string { return fmt.Sprintf("periods/%s", p.Code) }

// FindRun returns one run of the period.
func FindRun(ctx context.Context, db *gorm.DB, townID, period, id string) (r Run, err error) {
	defer fault.Wrap(&err, "run %s", id)
	return database.Take[Run](db.WithContext(ctx).Where("town_id = ? AND period_code = ? AND id = ?", townID, period, id), runNoun, id)
}

// RunFilter narrows the list of a period's runs to those after a number.
type RunFilter struct {
	Period string
	After  int64
	Limit  int
}

// ListRuns returns the runs of the period, without their data, by number.
func ListRuns(ctx context.Context, db *gorm.DB, townID string, f RunFilter) (runs []Run, err error) {
	defer fault.Wrap(&err, "runs of %s", townID)
	if _, err := evaluation.FindPeriod(ctx, db, townID, f.Period); err != nil {
		return nil, err
	}
	err = db.WithContext(ctx).Omit("data").
		Where("town_id = ? AND period_code = ? AND number > ?", townID, f.Period, f.After).
		Order("number").Limit(f.Limit).Find(&runs).Error
	return runs, err
}

// loadOutcome reads a stored run, and the corrections up to the publication of it,
// 0 where there is none: at most six statements, whatever its size.
func loadOutcome(
	ctx context.Context, db *gorm.DB, p evaluation.Period, runID string, publication int64,
) (*Outcome, error) {
	run, err := FindRun(ctx, db, p.TownID, p.Code, runID)
	if err != nil {
		return nil, err
	}
	o := &Outcome{Period: p, Run: &run}
	if o.Scheme, err = scheme.Load(ctx, db, p.TownID, run.Scheme.Code, run.Scheme.Number); err != nil {
		return nil, err
	}
	if publication > 1 { // the first is of what was approved
		if o.Corrections, err = evaluation.ListCorrections(ctx, db, p.TownID, []string{p.Code}, publication); err != nil {
			return nil, err
		}
	}
	var stored []RobustnessResult
	if err := db.WithContext(ctx).Where("town_id = ? AND run_id = ?", p.TownID, runID).Find(&stored).Error; err != nil {
		return nil, err
	}
	if len(stored) > 0 {
		o.robustness = &stored[0].Document.V
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
