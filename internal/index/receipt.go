package index

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulwark/internal/fault"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/signature"
	"bulwark/pkg/composite/stats"
)

// Receipt is what anyone needs to check a published result: hashes of what went
// in and came out, and how it was computed.
type Receipt struct {
	Run
	Source
	Status string `json:"status" enums:"published,final,withdrawn"`
	Signed bool   `json:"signed"` // false: only the database says that it is so
	Note   string `json:"note"`   // what is signed, and the signatures under it; see docs/trust.md
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
	r := Receipt{
		Run: *o.Run, Source: p.source(day.Of(db.NowFunc())), Status: o.status(), Signed: signature.Signed(p.Note),
		Note: p.Note,
	}
	r.CreatedBy = access.PrincipalFrom(ctx).Told(r.CreatedBy, policy.LeadingGroup)
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
		Engine: c.byEngine(), Seed: seedOf(c.scheme.Hash + data), SchemeHash: c.scheme.Hash, DataHash: sha256Hex(data),
		ResultHash: o.resultHash(data), Data: data,
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

// resultFiles are the figures of a run as files without language. Two hold what every
// reader of a publication is served, rounded as it is served; one file per branch holds
// the rest, with all bits. A receipt keeps the hash of the text that lists their hashes,
// so that each file can be checked without the others.
type resultFiles struct {
	Text    string   // the hash of every file, one line each
	Results string   // one line per branch, in the order of the ranking
	Nodes   string   // of every branch down to the first level
	Details []string // of each branch in the order of Results: exact figures, and the nodes below
}

// Names of the files of a result. Those of branches lie in a folder.
const (
	resultsFile   = "results.csv"
	nodesFile     = "nodes.csv"
	detailsFolder = "details/"
	resultFormat  = "bulwark/result 1"
)

func detailsFile(branch string) string { return detailsFolder + branch + ".csv" }

// files returns the outcome as files. data is its data file: the salt of what not
// everybody may read is made of it.
func (o *Outcome) files(data string) resultFiles {
	decimals, depths := o.Scheme.Document.Decimals, map[string]int{}
	for _, info := range o.Scheme.Index.Nodes() {
		depths[info.Code] = info.Depth
	}
	results := [][]string{{
		"branch", "name_zh", "name_en", "kind", "class", "status", "coverage", "base", "bonus", "deduction", "vetoes",
		"score", "grade", "rank", "class_rank", "missing",
	}}
	nodes := [][]string{{"branch", "node", "status", "raw", "level", "score", "coverage"}}
	f := resultFiles{}
	for i := range o.Results {
		r := &o.Results[i]
		coverage, missing := stats.Round(r.Coverage, 4), ""
		if r.Score == nil { // the ranking lists them then
			missing = strings.Join(r.Missing(), ",")
		}
		results = append(results, []string{
			r.BranchCode, r.Name.ZH, r.Name.EN, r.Kind, optional(r.Class), r.Status, exact(&coverage),
			exact(rounded(r.Base, decimals)), exact(&r.Bonus), exact(&r.Deduction), r.Vetoes,
			exact(r.Score), optional(r.Grade), whole(r.Rank), whole(r.ClassRank), missing,
		})
		for _, n := range r.Nodes {
			if depth, known := depths[n.NodeCode]; known && depth <= 1 {
				nodes = append(nodes, []string{
					r.BranchCode, n.NodeCode, n.Status, exact(n.Raw), optional(n.Level),
					exact(rounded(n.Score, decimals)), exact(rounded(n.Coverage, 4)),
				})
			}
		}
		f.Details = append(f.Details, r.details(data))
	}
	f.Results, f.Nodes = written(results), written(nodes)
	list := []string{resultFormat, resultsFile + " " + sha256Hex(f.Results), nodesFile + " " + sha256Hex(f.Nodes)}
	for i, details := range f.Details {
		list = append(list, detailsFile(o.Results[i].BranchCode)+" "+sha256Hex(details))
	}
	f.Text = strings.Join(list, "\n") + "\n"
	return f
}

// details returns the file of one branch: its exact figures and every node. The salt keeps
// whoever knows all but one value of the branch from trying that one out with the hash,
// which everybody can read; those who have the data file can compute it.
func (r *Result) details(data string) string {
	rows := [][]string{
		{"node", "position", "status", "raw", "level", "score", "coverage", "score_at_lowest"},
		{"", strconv.Itoa(r.Position), r.Status, "", "", exact(r.Base), exact(&r.Coverage), exact(r.ScoreAtLowest)},
	}
	aged := false
	for _, n := range r.Nodes {
		rows = append(rows, []string{
			n.NodeCode, strconv.Itoa(n.Position), n.Status, exact(n.Raw), optional(n.Level), exact(n.Score), exact(n.Coverage),
			exact(n.ScoreAtLowest),
		})
		aged = aged || n.Age != nil
	}
	if aged { // the column is there only where something was carried
		rows[0], rows[1] = append(rows[0], "age"), append(rows[1], "")
		for i, n := range r.Nodes {
			age := ""
			if n.Age != nil {
				age = strconv.FormatInt(*n.Age, 10)
			}
			rows[i+2] = append(rows[i+2], age)
		}
	}
	return "salt " + sha256Hex(resultFormat+" salt\n"+r.BranchCode+"\n"+data) + "\n" + written(rows)
}

func (o *Outcome) resultHash(data string) string { return sha256Hex(o.files(data).Text) }

// written returns rows as CSV.
func written(rows [][]string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows) // a strings.Builder never fails
	return b.String()
}

// optional returns a word so that none and an empty one differ.
func optional(s *string) string {
	switch {
	case s == nil:
		return ""
	case *s == "" || strings.HasPrefix(*s, `\`):
		return `\` + *s
	}
	return *s
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
	Town   string `json:"town" example:"demo"`
	Period string `json:"period" example:"2023Q2"`
	Run    string `json:"run" format:"uuid"`
	Engine string `json:"engine" example:"bulwark/composite 2"` // that computed again, now
	OK     bool   `json:"ok"`                                   // all checks agree
	// its publication was taken back
	Withdrawn bool    `json:"withdrawn,omitempty,omitzero"`
	Checks    []Check `json:"checks"`
}

// Check compares one hash of a receipt with the thing itself.
type Check struct {
	// stored: the rows that are served; note, signature and trail: of the publication, and the record that it names;
	// withdrawal: the note of its withdrawal, which a signature and a trail follow too;
	// rows: publications, run and results, held against the trail, with the places that differ;
	// other_engine, instead of recomputed: the run was made by another engine, which this one cannot
	// compute again; receipt and computed name the two, and it is no fault
	What     string `json:"what" enums:"scheme,data,recomputed,other_engine,stored,note,signature,trail,withdrawal,rows"`
	Receipt  string `json:"receipt"`
	Computed string `json:"computed"`
	OK       bool   `json:"ok"` // stored and computed are the same
}

// OtherEngine is the check of a run that was made by another engine than this one.
const OtherEngine = "other_engine"

// OtherEngine reports whether the run was made by another engine, so that its figures were
// not computed again.
func (v Verification) OtherEngine() bool {
	return slices.ContainsFunc(v.Checks, func(c Check) bool { return c.What == OtherEngine })
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
	c.mu.Lock()
	key := fmt.Sprintf("verification/%s/%d", o.Run.ID, c.changes[townID])
	c.mu.Unlock()
	return load(ctx, db, c, key, func(ctx context.Context) (Verification, error) {
		// not from memory: it is the database that is doubted
		run, err := FindRun(ctx, db, townID, period, o.Run.ID)
		if err != nil {
			return Verification{}, err
		}
		return verify(ctx, db, run)
	})
}

// verifiedFor is how long a verification is told again without another look. Whoever
// tampers with the database gains nothing by these seconds, and many who ask at once cost
// one computation.
const verifiedFor = 10 * time.Second

// fresh reports whether the verification is used so long after it was made.
func (Verification) fresh(age time.Duration) bool { return age < verifiedFor }

// size returns the bytes that the verification takes in memory.
func (v Verification) size() int { return 1024 * (len(v.Checks) + 1) }

// verify computes the run again from its scheme and data file, and compares every
// figure, to the last bit, with the receipt and with the rows that are served. What another
// engine made is not computed again; the rest is compared all the same.
func verify(ctx context.Context, db *gorm.DB, run Run) (_ Verification, err error) {
	defer fault.Wrap(&err, "verify the run %s", run.ID)
	v := Verification{Town: run.TownID, Period: run.PeriodCode, Run: run.ID, Engine: Engine, OK: true}
	document, err := scheme.Find(ctx, db, run.TownID, run.Scheme.Code, run.Scheme.Number)
	if err != nil {
		return v, err
	}
	v.check("scheme", run.SchemeHash, sha256Hex(string(document.Document)))
	v.check("data", run.DataHash, sha256Hex(run.Data))
	recomputed, served, err := resultHashes(ctx, db, run, document)
	if err != nil {
		return v, err
	}
	if run.Engine == Engine {
		v.check("recomputed", run.ResultHash, recomputed)
	} else {
		v.Checks = append(v.Checks, Check{OtherEngine, run.Engine, Engine, true})
	}
	v.check("stored", run.ResultHash, served)
	return v, v.checkNotes(ctx, db, run)
}

func (v *Verification) check(what, receipt, computed string) {
	v.Checks = append(v.Checks, Check{what, receipt, computed, receipt == computed})
	v.OK = v.OK && receipt == computed
}

// resultHashes returns the hash of the results made anew and of the rows that are
// served, or why there is none: scheme and data are exactly what may have been tampered
// with. Names of branches are not computed: those that are served stand for them.
func resultHashes(
	ctx context.Context, db *gorm.DB, run Run, v scheme.Version,
) (recomputed, served string, err error) {
	d, err := scheme.Decode([]byte(v.Document))
	if err != nil {
		return err.Error(), err.Error(), nil //nolint:nilerr // what cannot be read is what verify finds
	}
	compiled, err := scheme.Compile(d)
	if err != nil {
		return err.Error(), err.Error(), nil //nolint:nilerr // what cannot be read is what verify finds
	}
	stored := &Outcome{Run: &run, Scheme: compiled}
	if err := stored.loadRows(ctx, db, run.TownID); err != nil {
		return "", "", err
	}
	served = stored.resultHash(run.Data)
	c, err := readComputation(compiled, run.Data)
	if err != nil {
		return err.Error(), served, nil //nolint:nilerr // as above
	}
	again := c.outcome(evaluation.Period{TownID: run.TownID, Code: run.PeriodCode})
	again.nameAs(stored.byBranch())
	return again.resultHash(run.Data), served, nil
}

// nameAs sets the names of the results to those of others with the same codes.
func (o *Outcome) nameAs(named map[string]*Result) {
	for i := range o.Results {
		if r := named[o.Results[i].BranchCode]; r != nil {
			o.Results[i].Name = r.Name
		}
	}
}

// VerifyAll verifies every run of the town (every town where townID is empty) and passes each verification to
// report.
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
		v, err := verify(ctx, db, run)
		if err != nil {
			return err
		}
		report(v)
	}
	return nil
}
