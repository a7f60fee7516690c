package evaluation

import (
	"errors"
	"math"
	"slices"
	"strconv"

	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Entry is one value of a sheet: a number, a level, or the word that the
// indicator does not apply.
type Entry struct {
	TownID       string   `gorm:"primaryKey" json:"-"`
	EvaluationID string   `gorm:"primaryKey" json:"-"`
	Revision     int64    `gorm:"primaryKey" json:"-"`
	Code         string   `gorm:"primaryKey" json:"code" example:"organisation.01"` // indicator or quantity
	Value        *float64 `json:"value,omitempty" example:"96.5"`                   // in the unit of the indicator
	Level        *string  `json:"level,omitempty"`                                  // instead of a value, where the indicator has levels
	// instead of a value, where the indicator can be waived
	NotApplicable bool   `json:"not_applicable,omitempty"`
	Evidence      string `json:"evidence,omitempty" example:"minutes of 12 meetings"` // what shows it
	Source        string `json:"source,omitempty" example:"branch ledger"`            // where it comes from
	// the scheme has other roles report this: the value is shown and never counts
	Ignored bool `gorm:"-" json:"ignored,omitempty,omitzero"`
}

// Same reports whether both entries say the same about the branch.
func (e Entry) Same(other Entry) bool {
	return e.NotApplicable == other.NotApplicable && equal(e.Value, other.Value) && equal(e.Level, other.Level)
}

// byPlace and byCode return the pointer to an entry of a request: in a list, and by its code.
func byPlace(i int, _ Entry) string { return "/entries/" + strconv.Itoa(i) }
func byCode(_ int, e Entry) string  { return "/entries/" + fault.Escape(e.Code) }

// checkEntries lists every fault of the entries of one sheet, each of which stands at at.
func checkEntries(
	c *scheme.Compiled, b town.Branch, role policy.Role, entries []Entry, at func(i int, e Entry) string,
) []fault.FieldError {
	v := entryCheck{scheme: c, branch: b, role: role, seen: map[string]bool{}, at: map[string]string{}}
	for i, e := range entries {
		v.entry(at(i, e), e)
	}
	return append(v.faults, v.refusedByRules(entries)...)
}

type entryCheck struct {
	scheme  *scheme.Compiled
	branch  town.Branch
	role    policy.Role
	settled bool // a correction, which says what all ratings together come to
	seen    map[string]bool
	at      map[string]string // pointer of each entry that is right so far, by code
	faults  []fault.FieldError
}

func (v *entryCheck) fault(pointer, code string, message text.Text) {
	v.faults = append(v.faults, fault.At(pointer, code, message))
}

func (v *entryCheck) entry(at string, e Entry) {
	if v.seen[e.Code] {
		v.fault(at+"/code", "duplicate_entry", text.F("“%s”填写了两次", "%q is entered twice", e.Code))
		return
	}
	v.seen[e.Code] = true
	before := len(v.faults)
	if q := v.scheme.Quantity(e.Code); q != nil {
		v.applies(at, e, q.AppliesTo, false)
		v.number(at, e, q.Range, q.Decimals)
	} else if n := v.scheme.Node(e.Code); n != nil && len(n.Children) == 0 {
		v.indicator(at, e, n)
	} else {
		v.fault(at+"/code", "unknown_indicator", text.F("指标体系中没有“%s”", "the scheme has no indicator %q", e.Code))
	}
	if len(v.faults) == before {
		v.at[e.Code] = at
	}
}

func (v *entryCheck) indicator(at string, e Entry, n *scheme.Node) {
	switch {
	case n.Entry == scheme.Derived && n.Waivable && e.NotApplicable: // its parts are entered, its waiver is not one of them
	case n.Entry == scheme.Derived:
		v.fault(at+"/code", "computed", text.F(
			"“%s”由系统计算，请填写其组成数据", "%q is computed: enter the quantities it is made of", e.Code))
		return
	case n.Entry == scheme.Rated && !v.settled && !n.RatedBy(v.role):
		v.fault(at+"/code", "role_does_not_rate",
			text.F("“%s”不评定此指标", "the role %q does not rate this indicator", v.role.Name()))
	}
	v.applies(at, e, n.AppliesTo, n.Waivable)
	if levels := n.Levels(); levels != nil {
		v.level(at, e, levels)
		return
	}
	decimals := n.Decimals
	if v.settled && n.Entry == scheme.Rated {
		decimals = nil // a mean has more than its parts
	}
	v.number(at, e, n.Range, decimals)
}

func (v *entryCheck) applies(at string, e Entry, to *scheme.Applicability, waivable bool) {
	class := ""
	if v.branch.Class != nil {
		class = *v.branch.Class
	}
	switch {
	case !to.Covers(v.branch.Kind, class):
		v.fault(at+"/code", "not_applicable", text.F("此指标不适用于该党组织", "this indicator does not apply to the branch"))
	case e.NotApplicable && !waivable:
		v.fault(at+"/not_applicable", "always_applies", text.F("此指标不能标为不适用", "this indicator cannot be waived"))
	case e.NotApplicable && e.Evidence == "":
		v.fault(at+"/evidence", "evidence_needed",
			text.F("标为不适用时须在佐证（evidence）中说明原因", "give the reason in evidence where it does not apply"))
	case e.NotApplicable && (e.Value != nil || e.Level != nil):
		v.fault(at+"/not_applicable", "value_and_waiver", text.F("不能既有数值又标为不适用", "give a value or not_applicable, not both"))
	}
}

func (v *entryCheck) level(at string, e Entry, levels []string) {
	switch {
	case e.Value != nil:
		v.fault(at+"/value", "level_needed", text.F("此指标按等级填写：%v", "this indicator takes a level: one of %v", levels))
	case e.Level == nil && !e.NotApplicable:
		v.fault(at+"/level", "level_needed", text.F("请填写等级：%v", "give a level: one of %v", levels))
	case e.Level != nil && !slices.Contains(levels, *e.Level):
		v.fault(at+"/level", "unknown_level", text.F(
			"没有等级“%s”：请用 %v", "there is no level %q: use one of %v", *e.Level, levels))
	}
}

func (v *entryCheck) number(at string, e Entry, r *scheme.Range, decimals *int) {
	switch {
	case e.Level != nil:
		v.fault(at+"/level", "value_needed", text.F("此指标填写数值，不填等级", "this indicator takes a value, not a level"))
		return
	case e.NotApplicable:
		return
	case e.Value == nil:
		v.fault(at+"/value", "value_needed", text.F("请填写数值；没有数据时请删去该项", "give a value, or leave the entry out"))
		return
	}
	x := *e.Value
	if math.Abs(x) >= stats.MaxValue {
		v.fault(at+"/value", "out_of_range", text.F("数值过大", "the value is too large"))
		return
	}
	if r != nil && (r.Min != nil && x < *r.Min || r.Max != nil && x > *r.Max) {
		zh, en := bounds(r)
		v.fault(at+"/value", "out_of_range", text.Text{ZH: "数值须" + zh, EN: "the value must be " + en})
	}
	if decimals != nil && stats.Round(x, *decimals) != x && math.Abs(x) < 9e9 {
		v.fault(at+"/value", "too_many_decimals", text.F("最多 %d 位小数", "at most %d decimals", *decimals))
	}
}

func bounds(r *scheme.Range) (zh, en string) {
	show := func(x *float64) string { return strconv.FormatFloat(*x, 'f', -1, 64) }
	switch {
	case r.Min == nil:
		return "不大于 " + show(r.Max), "at most " + show(r.Max)
	case r.Max == nil:
		return "不小于 " + show(r.Min), "at least " + show(r.Min)
	}
	return "在 " + show(r.Min) + " 与 " + show(r.Max) + " 之间", "between " + show(r.Min) + " and " + show(r.Max)
}

// refusedByRules asks the index itself about the values that are right so far, and
// what is derived from them: what a rule cannot score must not get in.
func (v *entryCheck) refusedByRules(entries []Entry) []fault.FieldError {
	right := map[string]float64{}
	for _, e := range entries {
		if e.Value != nil && v.at[e.Code] != "" {
			right[e.Code] = *e.Value
		}
	}
	columns := make([][]float64, len(v.scheme.Indicators))
	for i, n := range v.scheme.Indicators {
		columns[i] = []float64{math.NaN()}
		if x, ok := right[n.Code]; ok {
			columns[i][0] = x
		} else if n.Entry == scheme.Derived {
			columns[i][0], _ = n.Derive.Of(part(right, n.Derive.Numerator), part(right, n.Derive.Denominator))
			v.at[n.Code] = v.at[n.Derive.Numerator]
		}
	}
	err := v.scheme.Index.Check(composite.Data{Units: []string{v.branch.Code}, Columns: columns})
	var found *composite.DataFaults
	if !errors.As(err, &found) {
		return nil
	}
	var faults []fault.FieldError
	for _, f := range found.Faults {
		faults = append(faults, fault.Field(v.at[f.Indicator]+"/value", f.Code,
			"该数值无法计分：%s", "the rule cannot score this: %s", f.Message))
	}
	return faults
}

// part returns a value that is right, NaN where there is none.
func part(right map[string]float64, code string) float64 {
	if x, ok := right[code]; ok {
		return x
	}
	return math.NaN()
}
