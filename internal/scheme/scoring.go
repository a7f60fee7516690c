package scheme

import (
	"slices"

	"bulwark/internal/text"
)

// scoring returns the part of the document that scores: tree, weights, rules, grades and
// policies. It leaves out what names, describes or numbers the version, what limits an
// entry, and the choices that only robustness asks about. Whatever is added to a document
// scores until it is named here.
func (d Document) scoring() Document {
	d.Code, d.Version, d.Name, d.Description, d.Provenance = "", 0, text.Text{}, text.Text{}, ""
	d.Uncertainty = nil
	d.Tree = d.Tree.scoring()
	d.Quantities = slices.Clone(d.Quantities)
	for i := range d.Quantities {
		q := &d.Quantities[i]
		q.Name, q.Unit, q.Verify, q.Range, q.Decimals = text.Text{}, "", nil, nil, nil
	}
	d.Grades = slices.Clone(d.Grades)
	for i := range d.Grades {
		d.Grades[i].Name = text.Text{}
	}
	d.Adjustments.Bonus.Items = scoringItems(d.Adjustments.Bonus.Items)
	d.Adjustments.Deduction.Items = scoringItems(d.Adjustments.Deduction.Items)
	d.Adjustments.Vetoes = slices.Clone(d.Adjustments.Vetoes)
	for i := range d.Adjustments.Vetoes {
		d.Adjustments.Vetoes[i].Name, d.Adjustments.Vetoes[i].Provenance = text.Text{}, ""
	}
	return d
}

func (n Node) scoring() Node {
	n.Name, n.Description, n.Provenance, n.Unit, n.Lenses = text.Text{}, text.Text{}, "", "", nil
	n.Verify, n.Range, n.Decimals = nil, nil, nil
	if n.Derive != nil {
		derive := *n.Derive
		derive.Chance = ""
		n.Derive = &derive
	}
	n.Children = slices.Clone(n.Children)
	for i := range n.Children {
		n.Children[i] = n.Children[i].scoring()
	}
	return n
}

func scoringItems(items []Item) []Item {
	items = slices.Clone(items)
	for i := range items {
		items[i].Name, items[i].Provenance = text.Text{}, ""
	}
	return items
}
