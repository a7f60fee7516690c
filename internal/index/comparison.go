package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/proposal"
	"bulwark/internal/town"
)

// Diff is what differs between two publications of a period.
type Diff struct {
	Town   string `json:"town" example:"demo"`
	Period string `json:"period" example:"2023Q2"`
	From   int64  `json:"from" example:"1"`
	To     int64  `json:"to" example:"2"`
	// relative: by the same rules, fitted to other values
	Ruler Ruler        `json:"ruler" swaggertype:"string" enums:"same,relative"`
	Items []BranchDiff `json:"items"` // the branches that differ, in the order of the later ranking
}

// BranchDiff is one branch that two publications show differently. A caller who may
// not see its details gets no nodes and no corrections.
type BranchDiff struct {
	Branch      town.BranchRef          `json:"branch"`
	Before      proposal.Placing        `json:"before"`
	Now         proposal.Placing        `json:"now"`
	Nodes       []NodeDiff              `json:"nodes,omitempty"`       // those that differ, in document order
	Corrections []evaluation.Correction `json:"corrections,omitempty"` // between the two
}

// NodeDiff is one node of a branch before and now.
type NodeDiff struct {
	Code   string    `json:"code" example:"organisation.01"`
	Name   string    `json:"name"`
	Before NodeState `json:"before"`
	Now    NodeState `json:"now"`
}

// NodeState is what a publication shows of a node.
type NodeState struct {
	Status string   `json:"status" enums:"entered,missing,imputed,carried,not_applicable,unscored,scored"`
	Raw    *float64 `json:"raw,omitempty"`
	Level  *string  `json:"level,omitempty"`
	Score  *float64 `json:"score,omitempty"`
}

// DiffQuery selects two publications of a period to compare.
type DiffQuery struct {
	Town, Period string
	To           int64
	From         int64 // an earlier or later one; 0: the one that counted before
	Language     string
	Detailed     func(branch string) bool // whether the caller may see its details
}

// Diff compares two publications.
func (c *ResultCache) Diff(ctx context.Context, db *gorm.DB, q DiffQuery) (_ Diff, err error) {
	defer fault.Wrap(&err, "publications %d and %d of %s", q.From, q.To, q.Period)
	from := q.From
	if from == 0 {
		e, err := c.publications(ctx, db, q.Town)
		if err != nil {
			return Diff{}, err
		}
		from = e.before(q.Period, q.To)
	}
	if from == 0 {
		return Diff{}, fault.NotFound("nothing_before",
			"第 1 次公布之前没有可比较的公布", "nothing was published before publication 1: say from which one to compare")
	}
	now, p, err := c.publishedOutcome(ctx, db, q.Town, q.Period, q.To)
	if err != nil {
		return Diff{}, err
	}
	then, other, err := c.publishedOutcome(ctx, db, q.Town, q.Period, from)
	if err != nil {
		return Diff{}, err
	}
	d := Diff{Town: q.Town, Period: q.Period, From: other.Number, To: p.Number, Ruler: now.ruler(then), Items: []BranchDiff{}}
	between := now.since(other.Number)
	if other.Number > p.Number {
		between = then.since(p.Number)
	}
	before := then.byBranch()
	for i := range now.Results {
		r := &now.Results[i]
		old := before[r.BranchCode]
		if old == nil { // amendments keep the branches; a period that was withdrawn and unlocked may have others
			old = &Result{}
		}
		x := BranchDiff{Branch: r.ref(q.Language), Before: old.placing(), Now: r.placing()}
		changed := differs(x.Before, x.Now)
		if q.Detailed(r.BranchCode) {
			x.Nodes = now.nodeDiffs(old, r, q.Language)
			x.Corrections = between[r.BranchCode]
			changed = changed || len(x.Nodes) > 0 || len(x.Corrections) > 0
		}
		if changed {
			d.Items = append(d.Items, x)
		}
	}
	return d, nil
}

// since returns the corrections after a publication, by branch.
func (o *Outcome) since(publication int64) map[string][]evaluation.Correction {
	list := map[string][]evaluation.Correction{}
	for _, c := range o.Corrections {
		if c.PublicationNumber > publication {
			list[c.BranchCode] = append(list[c.BranchCode], c)
		}
	}
	return list
}

// nodeDiffs compares node by node: an amendment keeps the scheme. Where the branch was not
// in the other one, there are none.
func (o *Outcome) nodeDiffs(then, now *Result, language string) []NodeDiff {
	var list []NodeDiff
	decimals := o.Scheme.Document.Decimals
	for i, n := range now.Nodes {
		if i >= len(then.Nodes) || then.Nodes[i].NodeCode != n.NodeCode {
			continue // nothing to compare it with
		}
		d := NodeDiff{
			Code: n.NodeCode, Name: o.Scheme.NodeName(n.NodeCode, language), Before: then.Nodes[i].state(decimals),
			Now: n.state(decimals),
		}
		if d.Before.differs(d.Now) {
			list = append(list, d)
		}
	}
	return list
}

func (r *Result) placing() proposal.Placing {
	return proposal.Placing{Outcome: r.Status, Score: r.Score, Grade: word(r.Grade), Rank: r.Rank, ClassRank: r.ClassRank}
}

func differs(p, q proposal.Placing) bool {
	return p.Outcome != q.Outcome || p.Grade != q.Grade || !equal(p.Score, q.Score) || !equal(p.Rank, q.Rank) ||
		!equal(p.ClassRank, q.ClassRank)
}

func (n NodeResult) state(decimals int) NodeState {
	return NodeState{Status: n.Status, Raw: n.Raw, Level: n.Level, Score: rounded(n.Score, decimals)}
}

func (s NodeState) differs(t NodeState) bool {
	return s.Status != t.Status || !equal(s.Raw, t.Raw) || !equal(s.Level, t.Level) || !equal(s.Score, t.Score)
}

// equal compares what two pointers point to; nil equals nil only.
func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }
