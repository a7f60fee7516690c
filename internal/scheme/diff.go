package scheme

import (
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Difference is one difference between two versions of a scheme.
type Difference struct {
	Subject string `json:"subject" example:"organisation.01"` // code of the node, item or grade; "scheme" for the rest
	Field   string `json:"field,omitempty" example:"weight"`  // empty: the subject as a whole
	Change  string `json:"change" enums:"added,removed,changed"`
	Before  any    `json:"before,omitempty"` // the JSON value; absent where the document leaves it out
	After   any    `json:"after,omitempty"`
} // @name SchemeChange

// Compare returns what changed from one stored version to another.
func Compare(from, to Version) ([]Difference, error) {
	before, err := from.Compile()
	if err != nil {
		return nil, err
	}
	after, err := to.Compile()
	if err != nil {
		return nil, err
	}
	return Diff(before.Document, after.Document)
}

// Diff returns what changed from one document to another, by subject and field. A
// node that moved to another parent has a changed "parent".
func Diff(from, to Document) ([]Difference, error) {
	before, err := from.fields()
	if err != nil {
		return nil, err
	}
	after, err := to.fields()
	if err != nil {
		return nil, err
	}
	changes := []Difference{}
	subjects := map[string]bool{}
	for s := range before {
		subjects[s] = true
	}
	for s := range after {
		subjects[s] = true
	}
	for _, s := range slices.Sorted(maps.Keys(subjects)) {
		changes = append(changes, compare(s, before[s], after[s])...)
	}
	return changes, nil
}

type fields map[string]jsontext.Value

func compare(subject string, before, after fields) []Difference {
	switch {
	case before == nil:
		return []Difference{{Subject: subject, Change: "added"}}
	case after == nil:
		return []Difference{{Subject: subject, Change: "removed"}}
	}
	var changes []Difference
	names := map[string]bool{}
	for n := range before {
		names[n] = true
	}
	for n := range after {
		names[n] = true
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if string(before[n]) != string(after[n]) {
			changes = append(changes, Difference{
				Subject: subject, Field: n, Change: "changed", Before: given(before[n]), After: given(after[n]),
			})
		}
	}
	return changes
}

// given is nil for a member that is not there.
func given(v jsontext.Value) any {
	if v == nil {
		return nil
	}
	return v
}

// fields breaks a document into subjects (nodes, items, grades) and their members.
func (d Document) fields() (map[string]fields, error) {
	all := map[string]fields{}
	add := func(subject string, v any, parent string, without ...string) error {
		f, err := members(v)
		if err != nil {
			return err
		}
		for _, name := range without {
			delete(f, name)
		}
		if parent != "" {
			f["parent"] = jsontext.Value(strconv.Quote(parent))
		}
		all[subject] = f
		return nil
	}
	if err := add("scheme", d, "", "version", "tree", "adjustments", "grades", "quantities"); err != nil {
		return nil, err
	}
	var walk func(n Node, parent string) error
	walk = func(n Node, parent string) error {
		if err := add(n.Code, n, parent, "children"); err != nil {
			return err
		}
		if len(n.Children) > 0 { // their order is that of the sums
			order, err := marshal(codes(n.Children))
			if err != nil {
				return err
			}
			all[n.Code]["children"] = order
		}
		for _, child := range n.Children {
			if err := walk(child, n.Code); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(d.Tree, ""); err != nil {
		return nil, err
	}
	for subject, v := range d.parts() {
		if err := add(subject, v, ""); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func codes(nodes []Node) []string {
	list := make([]string, len(nodes))
	for i, n := range nodes {
		list[i] = n.Code
	}
	return list
}

// parts are the subjects beside the tree.
func (d Document) parts() map[string]any {
	parts := map[string]any{
		"bonus":     map[string]any{"cap": d.Adjustments.Bonus.Cap},
		"deduction": map[string]any{"cap": d.Adjustments.Deduction.Cap},
	}
	for _, q := range d.Quantities {
		parts["quantities/"+q.Code] = q
	}
	for _, i := range d.Adjustments.Bonus.Items {
		parts["bonus/"+i.Code] = i
	}
	for _, i := range d.Adjustments.Deduction.Items {
		parts["deduction/"+i.Code] = i
	}
	for _, v := range d.Adjustments.Vetoes {
		parts["vetoes/"+v.Code] = v
	}
	for _, g := range d.Grades {
		parts["grades/"+g.Code] = g
	}
	return parts
}

// members are the JSON members of v in canonical form.
func members(v any) (fields, error) {
	raw, err := marshal(v)
	if err != nil {
		return nil, err
	}
	f := fields{}
	return f, json.Unmarshal(raw, (*map[string]jsontext.Value)(&f))
}
