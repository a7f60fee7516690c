package entry

import (
	"math"
	"slices"
	"strconv"

	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

// Question asks about an entered value that may be a slip: a question, not a finding. It hinders nothing.
type Question struct {
	Code string `json:"code" example:"organisation.01"` // of the indicator or quantity
	// what may be wrong
	Kind string `json:"kind" enums:"looks_like_fraction,far_from_last,far_from_class"`
	Text string `json:"text" example:"上期为 96.5，本期为 9.65，相差五倍以上：小数点或位数是否有误？"` // in the language of the answer
} // @name EntryQuestion

const (
	// manyTimes is how many times as much or as little as last time raises a question: one digit too many or too few is ten.
	manyTimes = 5
	// usualSpreads is how many robust standard deviations from the median of the class raise a question. Of normal values one
	// in 1.7 million lies further away.
	usualSpreads = 5
)

// Usual returns between which values of a class no question is raised: its median and five robust standard deviations, each
// 1.4826 times the median distance from the median, within the range of the column. It returns nil where more than half of
// the values are equal: then nothing is unusual.
func (c Column) Usual(values []float64) *scheme.Range {
	median := stats.Median(values)
	distances := make([]float64, len(values))
	for i, x := range values {
		distances[i] = math.Abs(x - median)
	}
	far := usualSpreads * 1.4826 * stats.Median(distances)
	if far == 0 {
		return nil
	}
	r := scheme.Range{Min: new(stats.Round(median-far, 6)), Max: new(stats.Round(median+far, 6))}
	if c.Range != nil && c.Range.Min != nil {
		*r.Min = max(*r.Min, *c.Range.Min)
	}
	if c.Range != nil && c.Range.Max != nil {
		*r.Max = min(*r.Max, *c.Range.Max)
	}
	return &r
}

// ask sets the questions about what is entered in the form.
func (f *Form) ask(language string) {
	for i := range f.Rows {
		f.Rows[i].Questions = f.questions(f.Rows[i], language)
	}
}

// questions returns the questions about the entries of a row, in the order of the columns.
func (f *Form) questions(row Row, language string) []Question {
	list := []Question{}
	for _, c := range f.Columns {
		e := row.entry(c.Code)
		if e == nil || e.Value == nil {
			continue
		}
		if kind, why := f.question(c, row, *e.Value); kind != "" {
			list = append(list, Question{Code: c.Code, Kind: kind, Text: why.In(language)})
		}
	}
	return list
}

// question returns the first question about a value that is entered in the column of a row; "" where there is none.
func (f *Form) question(c Column, row Row, x float64) (kind string, why text.Text) {
	var last *float64
	if i := slices.IndexFunc(row.Last, func(v LastValue) bool { return v.Code == c.Code }); i >= 0 {
		last = row.Last[i].Value
	}
	var class *Median
	if i := slices.IndexFunc(c.Medians, func(m Median) bool { return m.Class == row.Branch.Class }); i >= 0 {
		class = &c.Medians[i]
	}
	return c.question(x, last, class)
}

// fractional reports whether the value looks like a fraction although the unit is per cent.
func (c Column) fractional(x float64) bool {
	return c.unit == "%" && x > 0 && x <= 1 && (c.Range == nil || c.Range.Max == nil || *c.Range.Max > 1)
}

// question returns the first question about a value that is entered in the column, beside what counted last time and the
// class of the branch, each nil where it is not known; "" where there is none. A rating is a judgement and is not asked about.
func (c Column) question(x float64, last *float64, class *Median) (kind string, why text.Text) {
	if c.Kind == "rated" {
		return "", why
	}
	usual := last
	if usual == nil && class != nil {
		usual = &class.Median
	}
	switch {
	case c.fractional(x) && (usual == nil || *usual > manyTimes*x):
		return fractionWarning, text.F("单位为 %%，填报值为 %[1]s：是否应为 %[2]s？",
			"the unit is %% and the value %[1]s: should it be %[2]s?", show(x), show(100*x))
	case last != nil && *last > 0 && x > 0 && (x >= manyTimes**last || *last >= manyTimes*x):
		return "far_from_last", text.F("上期为 %s，本期为 %s，相差五倍以上：小数点或位数是否有误？",
			"it was %s last time and is %s now, five times as much or as little: is the decimal point or a digit wrong?", show(*last), show(x))
	case class != nil && class.Usual != nil && (x < *class.Usual.Min || x > *class.Usual.Max):
		return "far_from_class", text.F("填报值为 %s；上期同类党组织多在 %s 至 %s 之间：是否有误？",
			"the value is %s; last time branches of this class lay between %s and %s: is it right?",
			show(x), show(*class.Usual.Min), show(*class.Usual.Max))
	}
	return "", why
}

// show returns a value with at most six decimals.
func show(x float64) string { return strconv.FormatFloat(stats.Round(x, 6), 'f', -1, 64) }
