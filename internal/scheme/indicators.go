package scheme

import (
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// Indicator is one leaf of a scheme, flat, with the weight that it really has.
type Indicator struct {
	Code            string              `json:"code" example:"organisation.01"`
	Name            text.Text           `json:"name"`
	Path            []string            `json:"path"` // codes from the root's child down to the parent
	Unit            string              `json:"unit,omitempty" example:"%"`
	Direction       composite.Direction `json:"direction" swaggertype:"string" enums:"benefit,cost"`
	Entry           Entry               `json:"entry" swaggertype:"string" enums:"reported,rated,derived"`
	Rule            *Rule               `json:"rule"`
	Missing         composite.Missing   `json:"missing"`
	Weight          float64             `json:"weight" example:"4"`              // among its siblings
	EffectiveWeight float64             `json:"effective_weight" example:"0.04"` // share of the index, 0 to 1
	Levels          []string            `json:"levels,omitempty"`
	AppliesTo       *Applicability      `json:"applies_to,omitempty"`
	Lenses          []string            `json:"lenses,omitempty"`
	Provenance      string              `json:"provenance,omitempty"`
}

// Flat lists the indicators in document order.
func (c *Compiled) Flat() []Indicator {
	nodes := c.Index.Nodes()
	flat := make([]Indicator, 0, len(c.Indicators))
	for _, info := range nodes {
		if !info.Leaf {
			continue
		}
		n := c.nodes[info.Code]
		flat = append(flat, Indicator{
			Code: n.Code, Name: n.Name, Path: path(nodes, info.Parent), Unit: n.Unit,
			Direction: info.Direction, Entry: n.Entry, Rule: n.Rule, Missing: n.Missing,
			Weight: n.Weight, EffectiveWeight: info.EffectiveWeight, Levels: n.Levels(),
			AppliesTo: n.AppliesTo, Lenses: n.Lenses, Provenance: n.Provenance,
		})
	}
	return flat
}

// path is the codes from below the root down to the node.
func path(nodes []composite.NodeInfo, i int) []string {
	var codes []string
	for ; i > 0; i = nodes[i].Parent {
		codes = append([]string{nodes[i].Code}, codes...)
	}
	return codes
}
