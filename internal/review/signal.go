package review

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// Signal is a pattern in the sheets of a period that someone should look at. It
// is what was seen, never what it means.
type Signal struct {
	Code       string             `json:"code" enums:"last_hour,ceiling,same_for_many,same_as_another,self_report_gap,left_out"`
	Evaluators []string           `json:"evaluators"`
	Branches   []string           `json:"branches"`
	Subject    string             `json:"subject,omitempty"` // the indicator or dimension, where it is about one
	Figures    map[string]float64 `json:"figures"`           // what was measured, by name
	Message    string             `json:"message"`
	words      text.Text          // the message in both languages
}

// Signals are all signals of a period, in the order of their codes and subjects.
type Signals struct {
	Period string   `json:"period" example:"2023Q3"`
	Sheets int      `json:"sheets"` // that were looked at: submitted and approved
	Caveat string   `json:"caveat"` // that a signal is a question, not a finding
	Items  []Signal `json:"items"`
}

var caveat = text.F(
	"信号只是需要核实的问题，不是结论：请先了解情况，再作判断。", "A signal is a question, not a finding: ask before you judge.")

// FindSignals returns the patterns in the submitted and approved sheets of a period.
func FindSignals(ctx context.Context, db *gorm.DB, townID, period, language string) (_ Signals, err error) {
	defer fault.Wrap(&err, "signals of %s", period)
	p, err := evaluation.FindPeriod(ctx, db, townID, period)
	if err != nil {
		return Signals{}, err
	}
	compiled, err := scheme.Load(ctx, db, townID, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return Signals{}, err
	}
	sheets, err := readSheets(ctx, db, p)
	if err != nil {
		return Signals{}, err
	}
	score(compiled, sheets)
	s := Signals{Period: p.Code, Sheets: len(sheets), Caveat: caveat.In(language), Items: []Signal{}}
	if p.EntryUntil != nil {
		s.Items = append(s.Items, lastHour(sheets, p.EntryUntil.AddDays(1).Start())...)
	}
	s.Items = append(s.Items, ceiling(sheets)...)
	s.Items = append(s.Items, sameForMany(sheets)...)
	s.Items = append(s.Items, sameAsAnother(sheets)...)
	s.Items = append(s.Items, selfReportGap(sheets)...)
	for i := range s.Items {
		s.Items[i].Message = s.Items[i].words.In(language)
	}
	return s, nil
}

// readSheet is a sheet as the signals read it.
type readSheet struct {
	branch, evaluator string
	role              policy.Role
	submitted         time.Time
	values            []readValue // numbers only, in the order of codes
}

type readValue struct {
	code      string
	raw       float64
	rated     bool
	dimension string
	score     float64 // 0–100 as its rule scores it; NaN where it does not
}

// readSheets reads the sheets and their values in one statement.
func readSheets(ctx context.Context, db *gorm.DB, p evaluation.Period) ([]readSheet, error) {
	rows, err := db.WithContext(ctx).Raw(
		`SELECT s.id, s.branch_code, s.evaluator_code, s.role, s.submitted_at, e.code, e.value
FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id AND e.revision = s.revision
WHERE s.town_id = ? AND s.period_code = ? AND s.state IN ? AND e.value IS NOT NULL
ORDER BY s.evaluator_code, s.branch_code, e.code`, p.TownID, p.Code, []evaluation.SheetState{evaluation.Submitted, evaluation.Approved}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var sheets []readSheet
	last := ""
	for rows.Next() {
		var id string
		var submitted sql.NullTime
		var s readSheet
		var v readValue
		if err := rows.Scan(&id, &s.branch, &s.evaluator, &s.role, &submitted, &v.code, &v.raw); err != nil {
			return nil, database.Translate(err)
		}
		if id != last {
			s.submitted, last = submitted.Time, id
			sheets = append(sheets, s)
		}
		sheet := &sheets[len(sheets)-1]
		sheet.values = append(sheet.values, v)
	}
	return sheets, database.Translate(rows.Err())
}

// score sets the score of every value by the index, one sheet as one unit, and which
// are ratings and to which dimension each belongs.
func score(c *scheme.Compiled, sheets []readSheet) {
	n := len(sheets)
	d := composite.Data{Units: make([]string, n), Classes: make([]string, n)}
	for range c.Indicators {
		d.Columns = append(d.Columns, slices.Repeat([]float64{math.NaN()}, n))
	}
	column, dimension := map[string]int{}, dimensions(c)
	for i, n := range c.Indicators {
		column[n.Code] = i
	}
	for u, s := range sheets {
		for _, v := range s.values {
			if i, ok := column[v.code]; ok {
				d.Columns[i][u] = v.raw
			}
		}
	}
	result := c.Index.Score(d, composite.KeepAll)
	leaf := map[int]int{}
	for n, info := range c.Index.Nodes() {
		if info.Leaf {
			leaf[info.Column] = n
		}
	}
	for u, s := range sheets {
		for k := range s.values {
			v := &s.values[k]
			v.score = math.NaN()
			i, ok := column[v.code]
			if !ok {
				continue // a quantity
			}
			v.rated, v.dimension = c.Indicators[i].Entry == scheme.Rated, dimension[v.code]
			if x, ok := result.Score(leaf[i], u); ok {
				v.score = x
			}
		}
	}
}

// dimensions returns the node of the first level above each indicator.
func dimensions(c *scheme.Compiled) map[string]string {
	of := map[string]string{}
	var walk func(n *scheme.Node, top string)
	walk = func(n *scheme.Node, top string) {
		of[n.Code] = top
		for i := range n.Children {
			walk(&n.Children[i], top)
		}
	}
	for i := range c.Document.Tree.Children {
		n := &c.Document.Tree.Children[i]
		walk(n, n.Code)
	}
	return of
}
