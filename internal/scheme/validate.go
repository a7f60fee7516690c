package scheme

import (
	"strconv"
	"unicode/utf8"

	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// maxEntryDecimals is the most that an entry may carry: more is noise.
const maxEntryDecimals = 6

// maxName is the most characters of a name: longer ones break every table.
const maxName = 200

// Compile checks the document and builds its index. The error lists every fault
// by JSON pointer.
func Compile(d Document) (*Compiled, error) {
	v := &validator{codes: map[string]bool{}, quantities: map[string]bool{}}
	v.document(d)
	index, err := composite.New(d.spec())
	if err != nil {
		v.mathematics(err)
	} else {
		v.uncertainty(d, index)
	}
	if len(v.faults) > 0 {
		return nil, fault.Broken(v.faults...)
	}
	return compiled(d, index)
}

// validator collects the faults of a document that composite knows nothing of:
// words, entry, derivation. The mathematics is checked there.
type validator struct {
	faults     []fault.FieldError
	codes      map[string]bool // of nodes and quantities
	quantities map[string]bool
}

func (v *validator) fault(pointer, code string, message text.Text) {
	v.faults = append(v.faults, fault.At(pointer, code, message))
}

func (v *validator) document(d Document) {
	v.code("/code", d.Code)
	v.name("/name", d.Name)
	if d.Version < 1 {
		v.fault("/version", "bad_version", text.F("版本号从 1 开始", "versions count from 1"))
	}
	for i, q := range d.Quantities {
		v.quantity("/quantities/"+strconv.Itoa(i), q)
	}
	v.node("/tree", d.Tree)
	v.items("/adjustments/bonus/items", d.Adjustments.Bonus.Items)
	v.items("/adjustments/deduction/items", d.Adjustments.Deduction.Items)
	for i, g := range d.Grades {
		v.code("/grades/"+strconv.Itoa(i)+"/code", g.Code)
	}
	for i, veto := range d.Adjustments.Vetoes {
		at := "/adjustments/vetoes/" + strconv.Itoa(i)
		v.code(at+"/code", veto.Code)
		v.name(at+"/name", veto.Name)
		if veto.Effect.Kind == composite.CapScore && veto.Effect.Score == 0 {
			v.fault(at+"/effect/score", "score_missing", text.F("请填写分数上限；归零请用 zero", "give the highest score; for none at all use zero"))
		}
	}
}

func (v *validator) items(at string, items []Item) {
	for i, item := range items {
		v.code(at+"/"+strconv.Itoa(i)+"/code", item.Code)
		v.name(at+"/"+strconv.Itoa(i)+"/name", item.Name)
	}
}

func (v *validator) quantity(at string, q Quantity) {
	v.unique(at+"/code", q.Code)
	v.name(at+"/name", q.Name)
	v.limits(at, q.Range, q.Decimals)
	v.quantities[q.Code] = true
}

func (v *validator) node(at string, n Node) {
	v.unique(at+"/code", n.Code)
	if at != "/tree" {
		v.name(at+"/name", n.Name)
	}
	if len(n.Children) > 0 {
		v.branchingOnly(at, n)
		for i, child := range n.Children {
			v.node(at+"/children/"+strconv.Itoa(i), child)
		}
		return
	}
	v.limits(at, n.Range, n.Decimals)
	v.entry(at, n)
}

// branchingOnly faults members of an indicator on a node that has children: they
// would be ignored in silence.
func (v *validator) branchingOnly(at string, n Node) {
	for _, m := range []struct {
		name string
		set  bool
	}{
		{"entry", n.Entry != ""},
		{"unit", n.Unit != ""},
		{"range", n.Range != nil},
		{"decimals", n.Decimals != nil},
		{"derive", n.Derive != nil},
		{"applies_to", n.AppliesTo != nil},
		{"lenses", len(n.Lenses) > 0},
		{"waivable", n.Waivable},
	} {
		if m.set {
			v.fault(at+"/"+m.name, "only_for_indicators", text.F(
				"有下级的节点不能有“%s”", "a node with children has no %q: move it to its indicators", m.name))
		}
	}
}

func (v *validator) entry(at string, n Node) {
	switch n.Entry {
	case Reported, Rated:
	case Derived:
		v.derivation(at, n)
	default:
		v.fault(at+"/entry", "unknown_entry", text.F(
			"“%s”不是数据来源：请用 reported、rated 或 derived", "%q is not a source of values: use reported, rated or derived", n.Entry))
	}
	if n.Derive != nil && n.Entry != Derived {
		v.fault(at+"/derive", "only_for_derived", text.F("只有 derived 指标可以有 derive", "only a derived indicator has derive"))
	}
	if n.Combine != nil && n.Entry != Rated {
		v.fault(at+"/combine", "only_for_rated", text.F("只有 rated 指标可以有 combine", "only a rated indicator has combine"))
	}
	if _, levels := n.Rule.levels(); levels && n.Entry != Reported {
		v.fault(at+"/entry", "levels_are_reported", text.F("等级型指标须为 reported", "levels cannot be combined or computed: use reported"))
	}
}

func (v *validator) derivation(at string, n Node) {
	if n.Derive == nil || n.Derive.Kind != "ratio" {
		v.fault(at+"/derive/kind", "unknown_derivation", text.F("derived 指标须写明 derive，目前支持 ratio", "a derived indicator says how: use the kind ratio"))
		return
	}
	for _, part := range []struct{ name, code string }{{"numerator", n.Derive.Numerator}, {"denominator", n.Derive.Denominator}} {
		if !v.quantities[part.code] {
			v.fault(at+"/derive/"+part.name, "unknown_quantity", text.F(
				"quantities 中没有“%s”", "quantities has no %q", part.code))
		}
	}
	if !(n.Derive.Scale > 0 && n.Derive.Scale <= 1e9) {
		v.fault(at+"/derive/scale", "bad_scale", text.F("比例系数须大于 0", "give a scale above 0, 100 for a percentage"))
	}
}

func (v *validator) limits(at string, r *Range, decimals *int) {
	if r != nil && r.Min != nil && r.Max != nil && !(*r.Min < *r.Max) {
		v.fault(at+"/range", "empty_range", text.F("下限须小于上限", "min must be below max"))
	}
	if decimals != nil && (*decimals < 0 || *decimals > maxEntryDecimals) {
		v.fault(at+"/decimals", "bad_decimals", text.F("小数位数须在 0–%d 之间", "entries carry 0 to %d decimals", maxEntryDecimals))
	}
}

func (v *validator) code(at, code string) {
	if !text.IsCode(code) {
		v.faults = append(v.faults, fault.BadCode(at))
	}
}

// reserved are the column names of data files that no indicator may take, and
// the subject that a comparison calls "scheme".
var reserved = map[string]bool{
	"branch": true, "class": true, "kind": true, "bonus": true, "deduction": true, "vetoes": true,
	"name": true, "score": true, "grade": true, "rank": true, "class_rank": true, "rank_low": true, "rank_high": true, "coverage": true, "scheme": true, "adjustments": true,
}

// unique checks a code that stands for a column: composite finds nodes that
// share one, this also quantities.
func (v *validator) unique(at, code string) {
	v.code(at, code)
	if reserved[code] {
		v.fault(at, "reserved_code", text.F("“%s”是数据文件的保留列名", "%q names a column of data files: choose another code", code))
	}
	if v.codes[code] && code != "" {
		v.fault(at, "duplicate_code", text.F("代码“%s”重复", "the code %q is used twice", code))
	}
	v.codes[code] = true
}

func (v *validator) name(at string, name text.Text) {
	if name.IsZero() {
		v.fault(at, "name_missing", text.F("请填写名称", "give a name, zh or en"))
	}
	for _, part := range []struct{ language, words string }{{"/zh", name.ZH}, {"/en", name.EN}} {
		if !text.Printable(part.words, false) {
			v.fault(at+part.language, "bad_text", text.F("含有控制字符", "holds control characters"))
		}
		if utf8.RuneCountInString(part.words) > maxName {
			v.fault(at+part.language, "too_long", text.F("名称不超过 %d 个字", "a name has at most %d characters", maxName))
		}
	}
}
