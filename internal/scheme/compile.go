package scheme

import (
	"cmp"
	"errors"
	"slices"

	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// Compiled is a checked document with its index. It is shared and never changed.
type Compiled struct {
	Document   Document
	Canonical  []byte // RFC 8785
	Hash       string // SHA-256 of Canonical, hexadecimal
	Scoring    string // SHA-256 of what scores alone: the same for documents that differ in words and numbers of versions
	Index      *composite.Index
	Indicators []*Node // the leaves in document order: the columns of the data
	nodes      map[string]*Node
	quantities map[string]*Quantity
}

func compiled(d Document, index *composite.Index) (*Compiled, error) {
	canonical, err := d.Canonical()
	if err != nil {
		return nil, err
	}
	scoring, err := d.scoring().Canonical()
	if err != nil {
		return nil, err
	}
	c := &Compiled{
		Document: d, Canonical: canonical, Hash: Hash(canonical), Scoring: Hash(scoring), Index: index,
		nodes: map[string]*Node{}, quantities: map[string]*Quantity{},
	}
	c.collect(&c.Document.Tree)
	for i := range c.Document.Quantities {
		q := &c.Document.Quantities[i]
		c.quantities[q.Code] = q
	}
	return c, nil
}

func (c *Compiled) collect(n *Node) {
	c.nodes[n.Code] = n
	if len(n.Children) == 0 {
		c.Indicators = append(c.Indicators, n)
	}
	for i := range n.Children {
		c.collect(&n.Children[i])
	}
}

// Node returns the node of the tree with the code; nil where there is none.
func (c *Compiled) Node(code string) *Node { return c.nodes[code] }

// NodeName returns the name of the node with the code; the root may have no name but that of its
// scheme.
func (c *Compiled) NodeName(code, language string) string {
	if n := c.Node(code); n != nil && !n.Name.IsZero() {
		return n.Name.In(language)
	}
	return c.Document.Name.In(language)
}

// HasIndicator reports whether an indicator, a leaf of the tree, has the code.
func (c *Compiled) HasIndicator(code string) bool {
	n := c.Node(code)
	return n != nil && len(n.Children) == 0
}

// Unfitted returns the indicators that are to be fitted to periods and have not been: a draft's, by code.
func (c *Compiled) Unfitted() (codes []string) {
	for _, n := range c.Indicators {
		if n.Over != nil && len(n.Over.Fitted) == 0 {
			codes = append(codes, n.Code)
		}
	}
	return codes
}

// Quantity returns the reported quantity with the code; nil where there is none.
func (c *Compiled) Quantity(code string) *Quantity { return c.quantities[code] }

// Reports reports whether the scheme counts values of the code, an indicator or a
// quantity, that the role reports.
func (c *Compiled) Reports(role policy.Role, code string) bool {
	var reporters []policy.Role
	if q := c.Quantity(code); q != nil {
		reporters = q.Reporters
	} else if n := c.Node(code); n != nil {
		reporters = n.Reporters
	}
	return len(reporters) == 0 || slices.Contains(reporters, role)
}

// Asks reports whether a sheet that somebody in the role writes about a branch of the kind and
// class has anything to fill: a value that the role reports, or a rating of the role that counts.
func (c *Compiled) Asks(role policy.Role, kind, class string) bool {
	for code, q := range c.quantities {
		if q.AppliesTo.Covers(kind, class) && c.Reports(role, code) {
			return true
		}
	}
	return slices.ContainsFunc(c.Indicators, func(n *Node) bool {
		return n.AppliesTo.Covers(kind, class) &&
			(n.Entry == Reported && c.Reports(role, n.Code) || n.Entry == Rated && n.RatedBy(role))
	})
}

// RatedBy reports whether ratings of the role count for a rated indicator: a secretary or office
// reports but does not rate, and a role without weight would be ignored in silence.
func (n *Node) RatedBy(role policy.Role) bool {
	if role == policy.Secretary || role == policy.Office {
		return false
	}
	return n.Combine == nil || n.Combine.RoleWeights == nil || n.Combine.RoleWeights[string(role)] > 0
}

// Reported lists the codes of which a branch has one value: the reported indicators and
// the quantities.
func (c *Compiled) Reported() (codes []string) {
	for _, n := range c.Indicators {
		if n.Entry == Reported {
			codes = append(codes, n.Code)
		}
	}
	for _, q := range c.Document.Quantities {
		codes = append(codes, q.Code)
	}
	return codes
}

// HasAdjustment reports whether a bonus, deduction or veto has the code.
func (c *Compiled) HasAdjustment(code string) bool {
	known := c.Document.Adjustments
	is := func(item Item) bool { return item.Code == code }
	return slices.ContainsFunc(known.Bonus.Items, is) || slices.ContainsFunc(known.Deduction.Items, is) ||
		slices.ContainsFunc(known.Vetoes, func(v Veto) bool { return v.Code == code })
}

// spec is the mathematical part of the document.
func (d Document) spec() composite.Spec {
	s := composite.Spec{
		Decimals: d.Decimals, Rounding: d.Rounding, Ranking: d.Ranking, MinCoverage: d.MinCoverage,
		Scale:       d.Scale,
		Tree:        d.Tree.spec(),
		Adjustments: composite.Adjustments{Bonus: d.Adjustments.Bonus.spec(), Deduction: d.Adjustments.Deduction.spec()},
	}
	for _, veto := range d.Adjustments.Vetoes {
		s.Adjustments.Vetoes = append(s.Adjustments.Vetoes, composite.Veto{Code: veto.Code, Effect: veto.Effect})
	}
	for _, g := range d.Grades {
		s.Grades = append(s.Grades, composite.Grade{Code: g.Code, From: g.From, MaxShare: g.MaxShare})
	}
	return s
}

func (g Group) spec() composite.AdjustmentGroup {
	group := composite.AdjustmentGroup{Cap: g.Cap}
	for _, item := range g.Items {
		group.Items = append(group.Items, composite.AdjustmentItem{Code: item.Code, Points: item.Points})
	}
	return group
}

func (n Node) spec() composite.Node {
	node := composite.Node{
		Code: n.Code, Weight: n.Weight, Aggregation: n.Aggregation, Direction: n.Direction,
		Missing: n.Missing, Peers: n.Peers, Treat: n.Treat, Combine: n.Combine,
	}
	if n.Rule != nil {
		node.Rule = n.Rule.Rule
	}
	if n.Over != nil {
		node.Fitted = n.Over.Fitted
	}
	for _, child := range n.Children {
		node.Children = append(node.Children, child.spec())
	}
	return node
}

// mathematics adds the faults that composite found, unless the place has one
// already: one mistake is reported once.
func (v *validator) mathematics(err error) {
	var faults composite.Faults
	if !errors.As(err, &faults) {
		v.fault("", "invalid", text.Same(err.Error()))
		return
	}
	reported := map[string]bool{}
	for _, f := range v.faults {
		reported[f.Pointer] = true
	}
	for _, f := range faults {
		if !reported[f.Pointer] {
			v.faults = append(v.faults, fault.At(f.Pointer, f.Code, inChinese(f)))
		}
	}
}

// defaultWeightSpread is what weights vary by where the scheme does not say.
const defaultWeightSpread = 0.25

// Options returns the choices that could have been made otherwise, as the document
// lists them, without seed, data and ratings.
func (d Document) Options() composite.RobustnessOptions {
	u := d.Uncertainty
	if u == nil {
		return composite.RobustnessOptions{WeightSpread: defaultWeightSpread}
	}
	o := composite.RobustnessOptions{WeightSpread: u.WeightSpread, Missing: u.Missing, Aggregations: u.Aggregations}
	for _, rule := range u.Normalisations {
		o.Normalisations = append(o.Normalisations, rule.Rule)
	}
	return o
}

// uncertainty asks the index about the listed choices, on no data at all.
func (v *validator) uncertainty(d Document, index *composite.Index) {
	if d.Uncertainty == nil {
		return
	}
	o := d.Options()
	o.Replicates, o.Workers = 1, 1
	_, err := index.Robustness(composite.Data{Columns: make([][]float64, len(index.Leaves()))}, o)
	var faults composite.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			v.faults = append(v.faults, fault.At("/uncertainty"+f.Pointer, f.Code, inChinese(f)))
		}
	}
}

// Indicator is one leaf of a scheme, flat, with the weight that it really has.
type Indicator struct {
	Code            string              `json:"code" example:"organisation.01"`
	Name            text.Text           `json:"name"`
	Path            []string            `json:"path"` // codes from the root's child down to the parent
	Unit            string              `json:"unit,omitempty" example:"%"`
	Direction       composite.Direction `json:"direction" swaggertype:"string" enums:"benefit,cost"`
	Entry           Entry               `json:"entry" swaggertype:"string" enums:"reported,rated,derived"`
	Reporters       []policy.Role       `json:"reporters,omitempty" swaggertype:"array,string" enums:"secretary,mentor,instructor,liaison_office,leading_group"`
	Verify          *Verify             `json:"verify,omitempty"`
	Rule            *Rule               `json:"rule"`
	Missing         composite.Missing   `json:"missing"`
	Weight          float64             `json:"weight" example:"4"`              // among its siblings
	EffectiveWeight float64             `json:"effective_weight" example:"0.04"` // share of the index, 0 to 1
	Levels          []string            `json:"levels,omitempty"`
	AppliesTo       *Applicability      `json:"applies_to,omitempty"`
	Lenses          []string            `json:"lenses,omitempty"`
	Provenance      string              `json:"provenance,omitempty"`
}

// Flat returns the indicators in document order.
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
			Direction: info.Direction, Entry: n.Entry, Reporters: n.Reporters, Verify: n.Verify, Rule: n.Rule, Missing: inForce(n.Missing),
			Weight: n.Weight, EffectiveWeight: info.EffectiveWeight, Levels: n.Levels(),
			AppliesTo: n.AppliesTo, Lenses: n.Lenses, Provenance: n.Provenance,
		})
	}
	return flat
}

// inForce returns the policy with the kind that an empty one stands for.
func inForce(m composite.Missing) composite.Missing {
	m.Kind = cmp.Or(m.Kind, composite.Exclude)
	return m
}

// path is the codes from below the root down to the node.
func path(nodes []composite.NodeInfo, i int) []string {
	var codes []string
	for ; i > 0; i = nodes[i].Parent {
		codes = append([]string{nodes[i].Code}, codes...)
	}
	return codes
}
