package analysis

import (
	"cmp"
	"slices"

	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Statistics describe every node of the scheme over all branches, and over those of each class.
type Statistics struct {
	index.Subject
	Least   int               `json:"least" example:"5"` // a statistic of fewer values is not stated
	Nodes   []NodeStatistics  `json:"nodes"`             // in document order
	Classes []ClassStatistics `json:"classes"`           // by code; empty where branches have no classes
}

// NodeStatistics describe one node.
type NodeStatistics struct {
	Node NodeRef `json:"node"`
	// of the values of an indicator that were entered, among the branches to which it applies
	Entered *Moments `json:"entered,omitempty"`
	Scores  *Moments `json:"scores,omitempty"` // absent where fewer branches than the least have one
	// of an indicator those of its values, otherwise those of the scores
	Flags []string `json:"flags" enums:"constant_column,low_availability,outliers"`
	// Cronbach's α of the nodes below: how far they measure one thing; absent where it is not defined
	Alpha *float64 `json:"alpha,omitempty"`
	// of the scores of the nodes below with each other; absent for an indicator
	Correlations *Correlations `json:"correlations,omitempty"`
	// of the scores of the nodes below; absent where fewer branches than the least have all of them
	Components *Components `json:"components,omitempty"`
}

// Moments describe one column.
type Moments struct {
	Values       int      `json:"values"`
	Missing      int      `json:"missing"`
	Availability float64  `json:"availability"` // share that has a value
	Distinct     int      `json:"distinct"`     // different values
	Min          float64  `json:"min"`
	Max          float64  `json:"max"`
	Mean         float64  `json:"mean"`
	Median       float64  `json:"median"`
	SD           float64  `json:"sd"`                 // n−1
	Skewness     *float64 `json:"skewness,omitempty"` // type 2; absent where all values are equal
	Kurtosis     *float64 `json:"kurtosis,omitempty"` // excess, type 2; absent where all values are equal
}

// Correlations are Pearson's r of all pairs of nodes.
type Correlations struct {
	Nodes []NodeRef `json:"nodes"`
	// by node, then node; 0 where a pair has none or fewer branches than the least have both
	Rows [][]float64 `json:"rows"`
	High []Pair      `json:"high"` // the pairs beyond ±0.9: one of the two adds little
}

// Pair is two nodes with the correlation of their scores.
type Pair struct {
	Nodes       []string `json:"nodes"` // the codes of both
	Correlation float64  `json:"correlation"`
}

// Components are the principal components of the nodes below a node, the strongest first.
type Components struct {
	Branches    int         `json:"branches"`    // that have all scores
	Eigenvalues []float64   `json:"eigenvalues"` // they sum to the number of nodes that vary
	Explained   []float64   `json:"explained"`   // share of each
	Loadings    [][]float64 `json:"loadings"`    // by component, then node: the correlation of the two
}

// ClassStatistics describe the scores of one class.
type ClassStatistics struct {
	Class    string      `json:"class" example:"rural"`
	Branches int         `json:"branches"`
	Withheld bool        `json:"withheld"` // fewer branches than the least have a score
	Nodes    []ClassNode `json:"nodes"`    // of which so many branches have a score
}

// ClassNode describes the scores of one node in one class.
type ClassNode struct {
	Node NodeRef `json:"node"`
	Moments
}

// Statistics describes all nodes.
func (s *Study) Statistics() *Statistics {
	out := &Statistics{Subject: s.Subject, Least: Least, Nodes: []NodeStatistics{}}
	for _, n := range s.Result.Statistics(stats.FlagLimits{}) {
		x := NodeStatistics{Node: s.node(n.Node), Scores: moments(n.Scores), Flags: []string{}}
		if n.Entered != nil {
			x.Entered = moments(*n.Entered)
		}
		for _, flag := range n.Flags {
			x.Flags = append(x.Flags, string(flag))
		}
		if !s.nodes[n.Node].Leaf {
			s.relate(&x, &n)
		}
		out.Nodes = append(out.Nodes, x)
	}
	out.Classes = s.classes()
	return out
}

// moments returns the column, nil where it has too few values.
func moments(c stats.ColumnSummary) *Moments {
	if c.N < Least {
		return nil
	}
	m := &Moments{
		Values: c.N, Missing: c.Missing, Availability: round(c.Availability), Distinct: c.Distinct,
		Min: round(c.Min), Max: round(c.Max), Mean: round(c.Mean), Median: round(c.Median), SD: round(c.SD),
	}
	if c.Skewness != nil && c.Distinct > 1 {
		m.Skewness = new(round(*c.Skewness))
	}
	if c.Kurtosis != nil && c.Distinct > 1 {
		m.Kurtosis = new(round(*c.Kurtosis))
	}
	return m
}

// relate sets how the children of a node hang together.
func (s *Study) relate(x *NodeStatistics, n *composite.NodeStatistics) {
	children, scores := s.Result.Children(n.Node)
	x.Correlations = &Correlations{Nodes: []NodeRef{}, Rows: [][]float64{}, High: []Pair{}}
	for _, child := range children {
		x.Correlations.Nodes = append(x.Correlations.Nodes, s.node(child))
	}
	rows, err := stats.Correlations(scores, func(a, b []float64) (float64, bool) {
		if both, err := stats.Complete([][]float64{a, b}); err != nil || len(both[0]) < Least {
			return 0, false
		}
		return stats.Pearson(a, b)
	})
	if err == nil {
		for _, row := range rows {
			x.Correlations.Rows = append(x.Correlations.Rows, rounded(row))
		}
	}
	place := func(node int) int { return slices.Index(children, node) }
	for _, p := range n.Correlated {
		if rows != nil && rows[place(p.A)][place(p.B)] != 0 {
			x.Correlations.High = append(x.Correlations.High,
				Pair{[]string{s.nodes[p.A].Code, s.nodes[p.B].Code}, round(p.Correlation)})
		}
	}
	if all, err := stats.Complete(scores); err != nil || len(all) == 0 || len(all[0]) < Least {
		return
	}
	if n.Alpha != nil {
		x.Alpha = new(round(*n.Alpha))
	}
	if p, err := stats.PrincipalComponents(scores); err == nil {
		x.Components = &Components{
			Branches: p.Units, Eigenvalues: rounded(p.Eigenvalues), Explained: rounded(p.Explained), Loadings: [][]float64{},
		}
		for _, row := range p.Loadings {
			x.Components.Loadings = append(x.Components.Loadings, rounded(row))
		}
	}
}

func rounded(x []float64) []float64 {
	list := make([]float64, len(x))
	for i, v := range x {
		list[i] = round(v)
	}
	return list
}

// classes describes the scores of each class that is large enough.
func (s *Study) classes() []ClassStatistics {
	units := map[string][]int{}
	for u, class := range s.Values.Data.Classes {
		if class != "" {
			units[class] = append(units[class], u)
		}
	}
	list := []ClassStatistics{}
	for class, members := range units {
		c := ClassStatistics{Class: class, Branches: len(members), Withheld: true, Nodes: []ClassNode{}}
		for n := range s.nodes {
			column := make([]float64, 0, len(members))
			for _, u := range members {
				if x, ok := s.Result.Score(n, u); ok {
					column = append(column, x)
				}
			}
			if m := moments(stats.Summarise(column)); m != nil {
				m.Missing = len(members) - m.Values
				m.Availability = round(float64(m.Values) / float64(len(members)))
				c.Nodes, c.Withheld = append(c.Nodes, ClassNode{s.node(n), *m}), false
			}
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b ClassStatistics) int { return cmp.Compare(a.Class, b.Class) })
	return list
}

// Screening lists the indicators and branches that have enough values to be compared.
type Screening struct {
	index.Subject
	Limits     ScreeningLimits     `json:"limits"`
	Indicators []ScreenedIndicator `json:"indicators"` // in document order
	Branches   []ScreenedBranch    `json:"branches"`   // by code
}

// ScreeningLimits are the least shares of values.
type ScreeningLimits struct {
	Indicator float64 `json:"indicator" example:"0.65"` // of the branches to which an indicator applies
	Branch    float64 `json:"branch" example:"0.65"`    // of the kept indicators that apply to a branch
}

// ScreenedIndicator is an indicator with the share of branches that have a value.
type ScreenedIndicator struct {
	Node         NodeRef `json:"node"`
	Availability float64 `json:"availability"`
	Kept         bool    `json:"kept"`
}

// ScreenedBranch is a branch with the share of the kept indicators of which it has a value.
type ScreenedBranch struct {
	Branch       town.BranchRef `json:"branch"`
	Availability float64        `json:"availability"`
	Kept         bool           `json:"kept"`
}

// Screening keeps the indicators that enough branches have, then the branches that have enough
// of those. It changes no figure.
func (s *Study) Screening(limits ScreeningLimits) (*Screening, error) {
	found := s.Values.Data.Screen(limits.Indicator, limits.Branch)
	if found == nil {
		return nil, fault.Invalid("bad_shape", "数据的形状不符合指标体系", "the data do not have the shape of the scheme")
	}
	out := &Screening{
		Subject: s.Subject, Limits: limits, Indicators: []ScreenedIndicator{}, Branches: []ScreenedBranch{},
	}
	for n, info := range s.nodes {
		if info.Leaf {
			_, kept := slices.BinarySearch(found.Columns, info.Column)
			out.Indicators = append(out.Indicators,
				ScreenedIndicator{s.node(n), round(found.ColumnAvailability[info.Column]), kept})
		}
	}
	for u := range s.Values.Data.Units {
		_, kept := slices.BinarySearch(found.Units, u)
		out.Branches = append(out.Branches, ScreenedBranch{s.branch(u), round(found.UnitAvailability[u]), kept})
	}
	slices.SortFunc(out.Branches, func(a, b ScreenedBranch) int { return cmp.Compare(a.Branch.Code, b.Branch.Code) })
	return out, nil
}
