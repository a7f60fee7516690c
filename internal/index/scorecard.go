package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Scorecard is everything about one branch in one period: from the raw values up
// to the rank. A caller who may not see the branch's details gets the root and
// the first level only.
type Scorecard struct {
	Town   string `json:"town" example:"demo"`
	Period string `json:"period" example:"2023Q3"`
	Status string `json:"status" enums:"provisional,published,final,withdrawn"`
	Run    string `json:"run,omitempty" format:"uuid"`
	Source
	Scheme    scheme.Ref     `json:"scheme"`
	Branch    town.BranchRef `json:"branch"`
	Outcome   string         `json:"outcome" enums:"scored,insufficient,failed"`
	Coverage  float64        `json:"coverage"`
	Base      *float64       `json:"base,omitempty"` // score of the root, before adjustments
	Bonus     float64        `json:"bonus"`          // after the cap
	Deduction float64        `json:"deduction"`      // after the cap
	Vetoes    []string       `json:"vetoes"`
	Score     *float64       `json:"score,omitempty"`
	Scale     float64        `json:"scale" example:"100"` // the highest possible score
	Grade     string         `json:"grade,omitempty"`
	GradeName string         `json:"grade_name,omitempty" example:"优秀"`
	Rank      *int           `json:"rank,omitempty"`
	Of        int            `json:"of,omitempty,omitzero"` // branches with a score; absent without a rank
	ClassRank *int           `json:"class_rank,omitempty"`
	OfClass   int            `json:"of_class,omitempty,omitzero"`
	// what its change is counted from; absent where nothing was published before
	From *Compared `json:"from,omitempty"`
	Comparison
	// with every missing value at the lowest of its class: what the branch gains by what it left out. Absent where nothing
	// is missing, and to who may not know the details of others where the class has fewer than five scores
	ScoreAtLowest *float64        `json:"score_at_lowest,omitempty" example:"78.3"`
	Aggregated    bool            `json:"aggregated"` // true: details are kept from the caller
	Nodes         []ScorecardNode `json:"nodes"`      // in document order
}

// ScorecardNode is one node of the tree for one branch.
type ScorecardNode struct {
	Code            string   `json:"code" example:"organisation.01"`
	Parent          string   `json:"parent,omitempty" example:"organisation"`
	Depth           int      `json:"depth" example:"2"`
	Name            string   `json:"name" example:"三会一课"`
	Weight          float64  `json:"weight" example:"4"`              // among its siblings
	EffectiveWeight float64  `json:"effective_weight" example:"0.04"` // share of the index
	Status          string   `json:"status" enums:"entered,missing,imputed,carried,not_applicable,unscored,scored"`
	Raw             *float64 `json:"raw,omitempty" example:"96.5"`
	Level           *string  `json:"level,omitempty"`
	Unit            string   `json:"unit,omitempty" example:"%"`
	Score           *float64 `json:"score,omitempty" example:"93.1"`
	Coverage        *float64 `json:"coverage,omitempty"` // absent for an indicator
	Provenance      string   `json:"provenance,omitempty"`

	Corrected *evaluation.Correction  `json:"corrected,omitempty"` // what was approved is not what counts
	Source    *evaluation.ValueSource `json:"source,omitempty"`    // of the raw value of an indicator
}

// Scorecard returns one branch, below the first level only where detailed.
func (v View) Scorecard(branch, language string, detailed bool) (Scorecard, error) {
	r := v.current.find(branch)
	if r == nil {
		return Scorecard{}, fault.Missing(text.Text{ZH: "本周期的党组织", EN: "branch of this period"}, branch)
	}
	s := v.current.scorecard(r, language, detailed)
	s.Source, s.From, s.Comparison = v.source, v.before.compared(v.current), v.current.compare(r, v.before)
	if detailed && (!v.Limited() || s.OfClass >= Least) {
		s.ScoreAtLowest = r.ScoreAtLowest
	}
	return s, nil
}

// Least is the smallest number of values of which a statistic is stated, to a reader who may
// not know them all: one of fewer says what some of them are.
const Least = 5

// TellsMedians reports whether the reader may know the medians of the class of a branch, by
// its place in the data. The explainer must have been made.
func (v View) TellsMedians(unit int) bool {
	c := v.current.computation
	if c.partial {
		return false
	}
	if !v.Limited() {
		return true
	}
	n := 0
	for _, s := range c.table {
		if s.Status == composite.UnitScored && word(c.branches[s.Unit].Class) == word(c.branches[unit].Class) {
			n++
		}
	}
	return n >= Least
}

// FillSources sets the sources of the raw values of the scorecard, unless the caller may not see its details.
func (v View) FillSources(ctx context.Context, db *gorm.DB, s *Scorecard) error {
	r := v.current.find(s.Branch.Code)
	if s.Aggregated || r == nil {
		return nil
	}
	var carried []string
	for _, n := range r.Nodes {
		if n.Status == composite.CellCarried.String() {
			carried = append(carried, n.NodeCode)
		}
	}
	branch := town.Branch{Kind: r.Kind, Class: r.Class}
	branch.Code = r.BranchCode
	sources, err := v.current.Period.Sources(ctx, db, v.current.Scheme, branch, carried)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		source, found := sources[n.Code]
		switch {
		case n.Coverage != nil: // no indicator
		case n.Corrected != nil:
			n.Source = &evaluation.ValueSource{Kind: "correction"}
		case n.Status == composite.CellImputed.String():
			n.Source = &evaluation.ValueSource{Kind: "imputed"}
		case found:
			n.Source = &source
		}
	}
	return err
}

func (o *Outcome) scorecard(r *Result, language string, detailed bool) Scorecard {
	d := o.Scheme.Document
	s := Scorecard{
		Town: o.Period.TownID, Period: o.Period.Code, Status: o.status(), Branch: r.ref(language),
		Scheme:  d.Ref(),
		Scale:   d.FullScore(),
		Outcome: r.Status, Coverage: stats.Round(r.Coverage, 4), Base: rounded(r.Base, d.Decimals), Bonus: r.Bonus,
		Deduction: r.Deduction, Vetoes: append([]string{}, r.VetoCodes()...), Score: r.Score, Grade: word(r.Grade),
		Rank: r.Rank, ClassRank: r.ClassRank, Aggregated: !detailed, Nodes: o.nodes(r, language, detailed),
	}
	if o.Run != nil {
		s.Run = o.Run.ID
	}
	for _, g := range d.Grades {
		if g.Code == s.Grade {
			s.GradeName = g.Name.In(language)
		}
	}
	for i := range o.Results {
		if other := &o.Results[i]; other.Rank != nil {
			s.Of++
			if word(other.Class) == word(r.Class) {
				s.OfClass++
			}
		}
	}
	return s
}

func (o *Outcome) nodes(r *Result, language string, detailed bool) []ScorecardNode {
	infos := o.Scheme.Index.Nodes()
	nodes := make([]ScorecardNode, 0, len(infos))
	for i, info := range infos {
		if i >= len(r.Nodes) || !detailed && info.Depth > 1 {
			continue
		}
		n, row := o.Scheme.Node(info.Code), r.Nodes[i]
		node := ScorecardNode{
			Code: info.Code, Depth: info.Depth, Name: n.Name.In(language), Weight: info.Weight,
			EffectiveWeight: info.EffectiveWeight,
			Status:          row.Status, Raw: row.Raw, Level: row.Level, Unit: n.Unit,
			Score: rounded(row.Score, o.Scheme.Document.Decimals), Coverage: rounded(row.Coverage, 4), Provenance: n.Provenance,
		}
		node.Corrected = o.correction(r.BranchCode, n)
		if info.Parent >= 0 {
			node.Parent = infos[info.Parent].Code
		}
		nodes = append(nodes, node)
	}
	return nodes
}
