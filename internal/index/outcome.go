// Package index is the scoring service: it applies pkg/composite to what a town
// has approved, keeps the results, publishes them and answers from them.
package index

import (
	"strings"
	"sync"

	"bulwark/internal/evaluation"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// Result is what a run gave one branch.
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
	Nodes      []NodeResult `gorm:"-"` // in document order
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
}

// TableName of node results.
func (NodeResult) TableName() string { return "result_nodes" }

// Outcome is all that a period came to: stored by a run, or computed just now.
type Outcome struct {
	Period  evaluation.Period
	Scheme  *scheme.Compiled
	Run     *Run // nil for a provisional outcome
	Results []Result

	Corrections []evaluation.Correction // behind the publication, in the order of their making

	robustness  *RobustnessFigures // nil until the run is appraised
	computation *computation       // what a provisional outcome was made by; of a stored one replayed when asked
	once        sync.Once
	explained   *composite.Explainer
	explainErr  error
}

// explainer gives the explainer of the outcome, made once. A stored outcome is
// computed again from its data file, which gives the same figures to the bit.
func (o *Outcome) explainer() (*composite.Explainer, error) {
	o.once.Do(func() {
		if o.computation == nil {
			if o.computation, o.explainErr = replay(o.Scheme, o.Run.Data); o.explainErr != nil {
				return
			}
		}
		o.explained, o.explainErr = o.computation.result.Explain(o.computation.values.Adjustments)
	})
	return o.explained, o.explainErr
}

// unit is the place of a branch in the data, and false where it is not in it.
func (o *Outcome) unit(branch string) (int, bool) {
	for u, code := range o.computation.values.Data.Units {
		if code == branch {
			return u, true
		}
	}
	return 0, false
}

// find gives the result of one branch, nil where the branch was not in the run.
func (o *Outcome) find(branch string) *Result {
	for i := range o.Results {
		if o.Results[i].BranchCode == branch {
			return &o.Results[i]
		}
	}
	return nil
}

// correction is the one that made the value of an indicator of a branch, or a part
// of it; nil where the value is as it was approved.
func (o *Outcome) correction(branch string, n *scheme.Node) *evaluation.Correction {
	for i := len(o.Corrections) - 1; i >= 0; i-- {
		c := &o.Corrections[i]
		part := n.Derive != nil && (c.Code == n.Derive.Numerator || c.Code == n.Derive.Denominator)
		if c.BranchCode == branch && c.Adjustment == "" && (c.Code == n.Code || part) {
			return c
		}
	}
	return nil
}

// byBranch gives every result by the code of its branch.
func (o *Outcome) byBranch() map[string]*Result {
	results := make(map[string]*Result, len(o.Results))
	for i := range o.Results {
		results[o.Results[i].BranchCode] = &o.Results[i]
	}
	return results
}

// vetoes lists the codes of the vetoes that hit.
func (r *Result) vetoes() []string {
	if r.Vetoes == "" {
		return nil
	}
	return strings.Split(r.Vetoes, ",")
}

// missing lists the indicators that apply and have no entered value.
func (r *Result) missing() []string {
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

// leaf tells an indicator from the nodes above it: only those above have a
// coverage.
func (n *NodeResult) leaf() bool { return n.Coverage == nil }
