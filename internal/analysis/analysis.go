// Package analysis asks of the figures of a period what its ranking depends on: sources of
// uncertainty, single nodes, indicators and raters, and how indicators hang together. It
// proposes weights, and compares schemes. It stores nothing: of one run every answer is the
// same each time.
package analysis

import (
	"slices"

	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Least is the smallest number of values of which a statistic is stated.
const Least = index.Least

// decimals are those of figures that have no unit of the scheme: shares, correlations.
const decimals = 6

// Study is a view ready to be analysed, in one language.
type Study struct {
	index.Computed
	view     index.View
	language string
	nodes    []composite.NodeInfo

	// Ratings are those behind the rated indicators and Evaluators the codes of who gave them;
	// nil where they are not known.
	Ratings    []composite.RatedColumn
	Evaluators []string
	// Counts are those behind the ratios that vary by chance; nil where they are not known.
	Counts []stats.Counts
}

// New returns the study of a view.
func New(view index.View, language string) (*Study, error) {
	c, err := view.Computed()
	if err != nil {
		return nil, err
	}
	return &Study{Computed: c, view: view, language: language, nodes: c.Scheme.Index.Nodes()}, nil
}

// NodeRef names a node of the scheme.
type NodeRef struct {
	Code      string `json:"code" example:"governance.01"`
	Name      string `json:"name"`
	Parent    string `json:"parent,omitempty" example:"governance"`
	Depth     int    `json:"depth" example:"2"` // 0 is the index itself
	Indicator bool   `json:"indicator"`         // it has no nodes below it
}

// refOf returns the reference to a node, by its place in the scheme.
func refOf(c *scheme.Compiled, n int, language string) NodeRef {
	info := c.Index.Nodes()[n]
	r := NodeRef{Code: info.Code, Name: c.NodeName(info.Code, language), Depth: info.Depth, Indicator: info.Leaf}
	if info.Parent >= 0 {
		r.Parent = c.Index.Nodes()[info.Parent].Code
	}
	return r
}

func (s *Study) node(n int) NodeRef { return refOf(s.Scheme, n, s.language) }

func (s *Study) branch(unit int) town.BranchRef {
	return s.view.Branch(s.Values.Data.Units[unit], s.language)
}

// indicator returns the document's indicator of a leaf.
func (s *Study) indicator(n int) *scheme.Node { return s.Scheme.Indicators[s.nodes[n].Column] }

// ranked returns the units that have a score, by rank.
func (s *Study) ranked() (units []int) {
	for _, standing := range s.Standings {
		if standing.Status == composite.UnitScored {
			units = append(units, standing.Unit)
		}
	}
	return units
}

// Interval is where an estimate lies with 95 % confidence.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

func round(x float64) float64 { return stats.Round(x, decimals) }

func between(low, high float64) Interval { return Interval{round(low), round(high)} }

// values counts the values of a column.
func values(x []float64) int {
	return len(x) - len(slices.DeleteFunc(slices.Clone(x), stats.Valid))
}
