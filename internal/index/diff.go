package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
)

// Diff says what differs between two publications of a period.
type Diff struct {
	Town   string       `json:"town" example:"demo"`
	Period string       `json:"period" example:"2023Q2"`
	From   int64        `json:"from" example:"1"`
	To     int64        `json:"to" example:"2"`
	Items  []BranchDiff `json:"items"` // the branches that differ, in the order of the later ranking
}

// BranchDiff is one branch that two publications show differently. A caller who may
// not see its details gets no nodes and no corrections.
type BranchDiff struct {
	Branch      BranchRef               `json:"branch"`
	Before      Placing                 `json:"before"`
	Now         Placing                 `json:"now"`
	Nodes       []NodeDiff              `json:"nodes,omitempty"`       // those that differ, in document order
	Corrections []evaluation.Correction `json:"corrections,omitempty"` // between the two
}

// Placing is where a publication puts a branch.
type Placing struct {
	Outcome   string   `json:"outcome" enums:"scored,insufficient,failed"`
	Score     *float64 `json:"score,omitempty"`
	Grade     string   `json:"grade,omitempty"`
	Rank      *int     `json:"rank,omitempty"`
	ClassRank *int     `json:"class_rank,omitempty"`
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

// Diff compares a publication with an earlier or later one, the one before it where
// from is 0. detailed says which branches the caller may see below the first level.
func (b *ResultCache) Diff(ctx context.Context, db *gorm.DB, townID, period string, number, from int64, language string, detailed func(branch string) bool) (Diff, error) {
	if from == 0 {
		from = number - 1
	}
	if from == 0 {
		return Diff{}, fault.NotFound("nothing_before", "第 1 次公布之前没有可比较的公布", "nothing was published before publication 1: say from which one to compare")
	}
	now, p, err := b.publishedOutcome(ctx, db, townID, period, number)
	if err != nil {
		return Diff{}, err
	}
	then, q, err := b.publishedOutcome(ctx, db, townID, period, from)
	if err != nil {
		return Diff{}, err
	}
	d := Diff{Town: townID, Period: period, From: q.Number, To: p.Number, Items: []BranchDiff{}}
	between := now.since(q.Number)
	if q.Number > p.Number {
		between = then.since(p.Number)
	}
	before := then.byBranch()
	for i := range now.Results {
		r := &now.Results[i]
		old := before[r.BranchCode] // amendments keep the branches
		x := BranchDiff{Branch: r.ref(language), Before: old.placing(), Now: r.placing()}
		differs := x.Before.differs(x.Now)
		if detailed(r.BranchCode) {
			x.Nodes = now.nodeDiffs(old, r, language)
			x.Corrections = between[r.BranchCode]
			differs = differs || len(x.Nodes) > 0 || len(x.Corrections) > 0
		}
		if differs {
			d.Items = append(d.Items, x)
		}
	}
	return d, nil
}

// since are the corrections after a publication, by branch.
func (o *Outcome) since(publication int64) map[string][]evaluation.Correction {
	list := map[string][]evaluation.Correction{}
	for _, c := range o.Corrections {
		if c.PublicationNumber > publication {
			list[c.BranchCode] = append(list[c.BranchCode], c)
		}
	}
	return list
}

func (r *Result) placing() Placing {
	return Placing{Outcome: r.Status, Score: r.Score, Grade: word(r.Grade), Rank: r.Rank, ClassRank: r.ClassRank}
}

func (p Placing) differs(q Placing) bool {
	return p.Outcome != q.Outcome || p.Grade != q.Grade || !equal(p.Score, q.Score) || !equal(p.Rank, q.Rank) || !equal(p.ClassRank, q.ClassRank)
}

func (s NodeState) differs(t NodeState) bool {
	return s.Status != t.Status || !equal(s.Raw, t.Raw) || !equal(s.Level, t.Level) || !equal(s.Score, t.Score)
}

// equal compares what two pointers point to; nil equals nil only.
func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// nodeDiffs compares node by node: an amendment keeps the scheme.
func (o *Outcome) nodeDiffs(then, now *Result, language string) []NodeDiff {
	var list []NodeDiff
	decimals := o.Scheme.Document.Decimals
	for i, n := range now.Nodes {
		d := NodeDiff{Code: n.NodeCode, Name: o.name(n.NodeCode, language), Before: then.Nodes[i].state(decimals), Now: n.state(decimals)}
		if d.Before.differs(d.Now) {
			list = append(list, d)
		}
	}
	return list
}

func (n NodeResult) state(decimals int) NodeState {
	return NodeState{Status: n.Status, Raw: n.Raw, Level: n.Level, Score: rounded(n.Score, decimals)}
}
