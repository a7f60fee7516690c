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
	Origin          Origin   `json:"origin"`             // where the figures below it come from
	Provenance      string   `json:"provenance,omitempty"`

	Corrected *evaluation.Correction  `json:"corrected,omitempty"` // what was approved is not what counts
	Source    *evaluation.ValueSource `json:"source,omitempty"`    // of the raw value of an indicator
}

// Origin is where the values below a node come from, as shares of the effective weight that applies to the branch.
// They sum to 1 unless nothing applies. It is made of what is stored with the run, and is frozen with it.
type Origin struct {
	Measured float64 `json:"measured" example:"0.7"` // reported or computed for this period
	Rated    float64 `json:"rated" example:"0.2"`    // ratings of this period
	Carried  float64 `json:"carried" example:"0.06"` // values of an earlier period
	Imputed  float64 `json:"imputed" example:"0"`    // made of the values of others
	Missing  float64 `json:"missing" example:"0.04"` // nothing stands in, but 0 where the scheme says so
	// how many days before the end of this period that one ended from which the oldest value was carried; 0: all are of
	// this period. Absent without any value, and where a carried value does not say
	OldestDays *int64 `json:"oldest_days,omitempty" example:"90"`
} // @name NodeOrigin

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
	s.GradeName = o.gradeName(s.Grade, language)
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
	origins := o.origins(r)
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
		node.Origin = origins[i]
		node.Corrected = o.correction(r.BranchCode, n)
		if info.Parent >= 0 {
			node.Parent = infos[info.Parent].Code
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// origins returns where the values below each node of a branch come from, in document order.
func (o *Outcome) origins(r *Result) []Origin {
	infos := o.Scheme.Index.Nodes()
	list, applies, unknown := make([]Origin, len(infos)), make([]float64, len(infos)), make([]bool, len(infos))
	for i := len(infos) - 1; i >= 0 && len(r.Nodes) == len(infos); i-- { // children before their parent
		if infos[i].Leaf {
			applies[i] = infos[i].EffectiveWeight
			unknown[i] = list[i].add(o.Scheme.Node(infos[i].Code), &r.Nodes[i], &applies[i])
		}
		if p := infos[i].Parent; p >= 0 {
			list[p].join(list[i])
			applies[p] += applies[i]
			unknown[p] = unknown[p] || unknown[i]
		}
		if unknown[i] {
			list[i].OldestDays = nil
		}
	}
	for i := range list {
		list[i].share(applies[i])
	}
	return list
}

// add adds the weight of one indicator and its age, and takes the weight back where it does not apply. It reports
// whether the value is of an earlier period that is not known.
func (x *Origin) add(n *scheme.Node, row *NodeResult, weight *float64) (unknown bool) {
	switch row.Status {
	case composite.CellMissing.String():
		x.Missing = *weight
	case composite.CellImputed.String():
		x.Imputed = *weight
	case composite.CellCarried.String():
		x.Carried, x.OldestDays = *weight, row.Age
		return row.Age == nil
	case composite.CellNotApplicable.String(), composite.CellUnscored.String(): // coverage leaves them out too
		*weight = 0
	default:
		x.OldestDays = new(int64)
		if n.Entry == scheme.Rated {
			x.Rated = *weight
		} else {
			x.Measured = *weight
		}
	}
	return false
}

// join adds what is below a child.
func (x *Origin) join(child Origin) {
	x.Measured += child.Measured
	x.Rated += child.Rated
	x.Carried += child.Carried
	x.Imputed += child.Imputed
	x.Missing += child.Missing
	if child.OldestDays != nil && (x.OldestDays == nil || *x.OldestDays < *child.OldestDays) {
		x.OldestDays = child.OldestDays
	}
}

// share divides by the weight that applies, to four decimals that sum to 1.
func (x *Origin) share(applies float64) {
	if applies == 0 {
		return
	}
	parts := []*float64{&x.Measured, &x.Rated, &x.Carried, &x.Imputed, &x.Missing}
	shares := make([]float64, len(parts))
	for i, part := range parts {
		shares[i] = *part / applies
	}
	for i, share := range stats.Apportion(1, shares, 4) {
		*parts[i] = share
	}
}
