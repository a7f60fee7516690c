package composite

import (
	"bulwark/pkg/composite/internal/num"
	"slices"
)

// The causes that a mix takes from one run or the other.
const (
	ownData = iota
	peerData
	schemeRules
	standIns
	causes
)

// mixState says of each cause whether it is the later run's.
type mixState [causes]bool

// mix makes up runs between two runs, for one unit that may be in both.
type mix struct{ early, late side }

// side is one of the two runs.
type side struct {
	*Explainer
	unit    int // −1 if it is not there
	columns map[string]int
	units   map[string]int // filled in when first needed
}

func newMix(from, to *Explainer, unit string) *mix {
	return &mix{newSide(from, unit), newSide(to, unit)}
}

func newSide(e *Explainer, unit string) side {
	s := side{Explainer: e, unit: slices.Index(e.result.data.Units, unit), columns: map[string]int{}}
	for c := range e.index.leaves {
		s.columns[e.index.code(c)] = c
	}
	return s
}

func (s *side) knows(code string) bool { _, ok := s.columns[code]; return ok }

// find is the unit with the code, −1 if it is not there.
func (s *side) find(code string) int {
	if s.units == nil {
		s.units = make(map[string]int, len(s.result.data.Units))
		for i, c := range s.result.data.Units {
			s.units[c] = i
		}
	}
	if i, ok := s.units[code]; ok {
		return i
	}
	return -1
}

func (m *mix) side(late bool) *side {
	if late {
		return &m.late
	}
	return &m.early
}

// base is the unit's base in a state, false if it has no value there at all. It is
// rolled up from the cells: a coverage too small for publication does not matter here.
func (m *mix) base(s mixState) (float64, bool) {
	ix, err := New(m.spec(s))
	if err != nil { // the rules are those of a checked spec, so are the policies
		return 0, false
	}
	d, unit := m.data(s)
	scores := make([]float64, len(ix.nodes))
	r := ix.Score(d, KeepRoot)
	for _, l := range ix.leaves {
		scores[l.node] = r.Cell(l.node, unit).Score
	}
	ix.roll(scores)
	return num.Known(scores[0])
}

// spec is that of the rules, with the policies of the stand-ins.
func (m *mix) spec(s mixState) Spec {
	owner, donor := m.side(s[schemeRules]), m.side(s[standIns])
	spec := owner.index.spec.resolve()
	column := 0
	var visit func(n *Node)
	visit = func(n *Node) {
		for i := range n.Children {
			visit(&n.Children[i])
		}
		if len(n.Children) > 0 {
			return
		}
		policy := n.Missing.Kind
		if c, ok := donor.columns[n.Code]; ok {
			policy = donor.index.leaves[c].missing
		}
		if _, levels := n.Rule.(*Levels); levels && policy.imputes() {
			policy = owner.index.leaves[column].missing
		}
		n.Missing = Missing{Kind: policy}
		column++
	}
	visit(&spec.Tree)
	return spec
}

// data are the values in a state, and the place of the unit among them.
func (m *mix) data(s mixState) (Data, int) {
	peers, owner := m.side(s[peerData]), m.side(s[schemeRules])
	d := Data{Units: peers.result.data.Units, Classes: peers.result.data.Classes}
	for c := range owner.index.leaves {
		column := newMixed(len(d.Units))
		from := m.donor(owner, peers, c)
		for i := range d.Units {
			if i != peers.unit {
				column.put(i, from.value(i))
			}
		}
		column.put(peers.unit, m.own(s, owner, c))
		d.Columns = append(d.Columns, column.entered)
		d.NotApplicable = append(d.NotApplicable, column.absent)
		d.Carried = append(d.Carried, column.carried)
	}
	return d, peers.unit
}
