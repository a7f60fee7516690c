package index

import (
	"cmp"
	"context"
	"math"
	"slices"

	"bulwark/pkg/composite/stats"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/proposal"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
)

// ScoreChange is the change of a branch's published score between two periods, by its
// causes.
type ScoreChange struct {
	Town   string         `json:"town" example:"demo"`
	Branch town.BranchRef `json:"branch"`
	From   string         `json:"from" example:"2023Q1"`
	To     string         `json:"to" example:"2023Q2"`
	// relative: by the same rules, fitted to other values; other_scheme: the part of the scheme is what other weights and
	// rules made
	Ruler      Ruler             `json:"ruler" swaggertype:"string" enums:"same,relative,other_scheme"`
	Outcome    string            `json:"outcome" enums:"compared,new,gone,unscored_before,unscored_now,unscored_both"`
	Before     *float64          `json:"before,omitempty"`
	Now        *float64          `json:"now,omitempty"`
	Change     *float64          `json:"change,omitempty"`     // only where compared
	Parts      []changePart      `json:"parts"`                // sum to the change; empty unless compared
	Indicators []IndicatorChange `json:"indicators,omitempty"` // what moved most first; only for callers who see details
}

// changePart is one cause of a change.
type changePart struct {
	Code   string  `json:"code" enums:"own_data,peers,scheme,imputation,adjustments,cut"`
	Points float64 `json:"points"` // rounded so that all sum to the change, or with all digits if precise
	Text   string  `json:"text"`
}

// IndicatorChange is what one indicator carried of the base before and now.
type IndicatorChange struct {
	Code   string   `json:"code" example:"organisation.01"`
	Before *float64 `json:"before,omitempty"` // raw value
	Now    *float64 `json:"now,omitempty"`
	Points float64  `json:"points"` // points of the base
}

var causes = []struct {
	code  string
	words text.Text
	of    func(composite.Parts) float64
}{
	{"own_data", text.Text{ZH: "自身数据变化", EN: "its own values"}, func(p composite.Parts) float64 { return p.OwnData }},
	{"peers", text.Text{ZH: "其他党组织变化", EN: "the other branches"}, func(p composite.Parts) float64 { return p.Peers }},
	{"scheme", text.Text{ZH: "权重与规则变化", EN: "weights and rules"}, func(p composite.Parts) float64 { return p.Scheme }},
	{
		"imputation",
		text.Text{ZH: "缺失数据及其处理", EN: "missing values and their replacements"},
		func(p composite.Parts) float64 { return p.Imputation },
	},
	{
		"adjustments",
		text.Text{ZH: "加分、扣分", EN: "bonuses and deductions"},
		func(p composite.Parts) float64 { return p.Adjustments },
	},
	{
		"cut",
		text.Text{ZH: "封顶、舍入与否决", EN: "limits, rounding and vetoes"},
		func(p composite.Parts) float64 { return p.Cut },
	},
}

// ScoreChangeQuery selects the change of one branch since an earlier publication.
type ScoreChangeQuery struct {
	Branch   string
	From     string // period; empty: what the changes of the view are counted from, or with Number its own period
	Number   int64  // publication of it; 0: the latest
	Language string
	Detailed bool // the caller may see below the first level
}

// Change returns the change from the publication that the query names to the one of
// the view.
func (c *ResultCache) Change(ctx context.Context, db *gorm.DB, v View, q ScoreChangeQuery) (_ ScoreChange, err error) {
	defer fault.Wrap(&err, "change of %s", q.Branch)
	before := v.before.outcome
	from := q.From
	if from == "" && q.Number > 0 {
		from = v.current.Period.Code
	}
	if from != "" {
		var err error
		if before, _, err = c.publishedOutcome(ctx, db, v.current.Period.TownID, from, q.Number); err != nil {
			return ScoreChange{}, err
		}
	}
	if before == nil {
		return ScoreChange{}, fault.NotFound("nothing_before",
			"之前没有已公布的同类考评周期", "no period of this kind was published before")
	}
	early, err := before.explainer()
	if err != nil {
		return ScoreChange{}, err
	}
	late, err := v.current.explainer()
	if err != nil {
		return ScoreChange{}, err
	}
	compared := early.Compare(late, q.Branch)
	r := v.current.find(q.Branch)
	if r == nil {
		r = before.find(q.Branch)
	}
	if r == nil || compared.Status == composite.UnitUnknown {
		return ScoreChange{}, fault.Missing(text.Text{ZH: "党组织", EN: "branch"}, q.Branch)
	}
	x := ScoreChange{
		Town: v.current.Period.TownID, Branch: r.ref(q.Language), From: before.Period.Code, To: v.current.Period.Code,
		Ruler: v.current.ruler(before), Outcome: string(compared.Status), Parts: []changePart{},
	}
	if old := before.find(q.Branch); old != nil {
		x.Before = old.Score
	}
	if r := v.current.find(q.Branch); r != nil {
		x.Now = r.Score
	}
	if compared.Status == composite.Compared {
		x.Change = rounded(&compared.Score, stats.MaxDecimals)
		points := make([]float64, len(causes))
		for i, cause := range causes {
			points[i] = cause.of(compared.Parts)
		}
		if !v.precise {
			points = stats.Apportion(*x.Change, points, v.current.Scheme.Document.Decimals)
		}
		for i, cause := range causes {
			x.Parts = append(x.Parts, changePart{Code: cause.code, Points: points[i], Text: cause.words.In(q.Language)})
		}
	}
	if q.Detailed {
		x.Indicators = v.indicatorChanges(compared)
	}
	return x, nil
}

func (v View) indicatorChanges(c *composite.ScoreChange) []IndicatorChange {
	var list []IndicatorChange
	for _, l := range c.Leaves {
		if l.Points == 0 && l.Before.Cell.Entered == l.Now.Cell.Entered {
			continue
		}
		list = append(list, IndicatorChange{
			Code: l.Code, Before: entered(l.Before), Now: entered(l.Now), Points: v.figure(l.Points),
		})
	}
	slices.SortStableFunc(list, func(a, b IndicatorChange) int {
		return cmp.Compare(math.Abs(b.Points), math.Abs(a.Points))
	})
	return list
}

// entered is the raw value of an indicator in one of the two runs.
func entered(s composite.LeafState) *float64 {
	if !s.Known || math.IsNaN(s.Cell.Entered) {
		return nil
	}
	return &s.Cell.Entered
}

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
			Code: n.NodeCode, Name: o.name(n.NodeCode, language), Before: then.Nodes[i].state(decimals),
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
