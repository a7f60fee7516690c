package composite

import "math"

// mixed is one column in the making.
type mixed struct {
	entered, carried []float64
	absent           []bool
}

func newMixed(units int) mixed {
	return mixed{make([]float64, units), make([]float64, units), make([]bool, units)}
}

func (m mixed) put(i int, v entry) {
	m.entered[i], m.carried[i], m.absent[i] = v.entered, v.carried, v.absent
}

// entry is one cell of the Data.
type entry struct {
	entered, carried float64
	absent           bool // not applicable
}

func (s *side) value(column, unit int) entry {
	if unit < 0 {
		return entry{nan, nan, true}
	}
	d := &s.result.data
	v := entry{entered: d.Columns[column][unit], carried: nan}
	if carried := columnOf(d.Carried, column); carried != nil {
		v.carried = carried[unit]
	}
	if absent := columnOf(d.NotApplicable, column); absent != nil && absent[unit] {
		v = entry{nan, nan, true}
	}
	return v
}

// donor says where a column of the rules' owner gets the values of the peers from.
func (m *mix) donor(owner, peers *side, column int) donor {
	d := donor{owner: owner, peers: peers, column: column, from: -1}
	if c, ok := peers.columns[owner.index.code(column)]; ok {
		d.from, d.read = c, translate(peers.index.leaves[c].rule, owner.index.leaves[column].rule)
	}
	return d
}

type donor struct {
	owner, peers *side
	column, from int // of the owner, of the peers or −1
	read         func(float64) (float64, bool)
}

func (d donor) value(unit int) entry {
	if d.from >= 0 {
		if v, ok := d.peers.value(d.from, unit).through(d.read); ok {
			return v
		}
	}
	return d.owner.value(d.column, d.owner.find(d.peers.result.data.Units[unit]))
}

// own is the unit's own value for a column of the rules' owner. Where it applies
// only once, it goes with the scheme; where it is entered only once, with the
// stand-ins; what is carried goes with them too.
func (m *mix) own(s mixState, owner *side, column int) entry {
	fallback := owner.value(column, owner.unit)
	code := owner.index.code(column)
	if !m.early.knows(code) || !m.late.knows(code) {
		return fallback
	}
	early, late := m.early.cell(code), m.late.cell(code)
	if early.absent != late.absent {
		return fallback
	}
	entered := m.side(s[ownData])
	if math.IsNaN(early.entered) != math.IsNaN(late.entered) {
		entered = m.side(s[standIns])
	}
	stood := m.side(s[standIns])
	v, ok := entered.cell(code).through(entered.reader(code, owner, column))
	w, ok2 := stood.cell(code).through(stood.reader(code, owner, column))
	if !ok || !ok2 {
		return fallback
	}
	return entry{v.entered, w.carried, v.absent}
}

func (s *side) cell(code string) entry { return s.value(s.columns[code], s.unit) }

func (s *side) reader(code string, owner *side, column int) func(float64) (float64, bool) {
	return translate(s.index.leaves[s.columns[code]].rule, owner.index.leaves[column].rule)
}
