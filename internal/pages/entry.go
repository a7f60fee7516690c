package pages

import (
	"strings"

	"bulwark/internal/day"
	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/text"
)

// EntryView is all that one person enters in a period.
type EntryView struct {
	Town    Place
	Account string   // for which the browser keeps what is not saved yet
	Periods []string // codes of those in which something is entered
	Form    entry.Form
	Today   day.Date
	Branch  string // the only row that is shown, as a form; empty: all, as a table
}

// Entry returns the page on which somebody enters values.
func Entry(f Frame, v EntryView) ([]byte, error) { return render("entry", f, v) }

// NoEntry returns the page of a town in which nothing can be entered now.
func NoEntry(f Frame, v EntryView) ([]byte, error) { return render("no-entry", f, v) }

// Single returns the row that is shown alone, as a form; nil where the rows are a table.
func (v EntryView) Single() *entry.Row {
	for i := range v.Form.Rows {
		if r := &v.Form.Rows[i]; r.Branch.Code == v.Branch || len(v.Form.Rows) == 1 {
			return r
		}
	}
	return nil
}

// ColumnGroup is the columns of one dimension that follow one another.
type ColumnGroup struct {
	Name    string
	Columns []entry.Column
}

// Groups returns the columns by dimension.
func (v EntryView) Groups() (groups []ColumnGroup) {
	for _, c := range v.Form.Columns {
		if n := len(groups); n == 0 || groups[n-1].Name != c.Dimension.Name {
			groups = append(groups, ColumnGroup{Name: c.Dimension.Name})
		}
		last := &groups[len(groups)-1]
		last.Columns = append(last.Columns, c)
	}
	return groups
}

// Open reports whether something can be entered in the row now.
func (v EntryView) Open(r entry.Row) bool {
	return strings.Contains(v.Verbs(r), "write") || r.Sheet == "" && v.Verbs(r) != ""
}

// Verbs returns what can be done with the row, as one text.
func (EntryView) Verbs(r entry.Row) string { return strings.Join(r.Allowed, " ") }

// Cell is one value of a row.
type Cell struct {
	Text     string
	Last     string
	Evidence string
	Source   string
	Exempt   bool
	Ignored  bool
}

// Cell returns the value of the column in the row.
func (EntryView) Cell(r entry.Row, c entry.Column, language string) (x Cell) {
	for _, code := range r.Exempt {
		x.Exempt = x.Exempt || code == c.Code
	}
	for _, e := range r.Entries {
		if e.Code == c.Code {
			x.Text, x.Evidence, x.Source, x.Ignored = entered(e.Value, e.Level, e.NotApplicable, language), e.Evidence, e.Source, e.Ignored
		}
	}
	for _, l := range r.Last {
		if l.Code == c.Code {
			x.Last = entered(l.Value, l.Level, l.NotApplicable, language)
		}
	}
	return x
}

// entered returns an entry as it is typed.
func entered(value *float64, level *string, notApplicable bool, language string) string {
	switch {
	case notApplicable:
		return waived.In(language)
	case level != nil:
		return *level
	case value != nil:
		return strings.Replace(number(value), "−", "-", 1)
	}
	return ""
}

// waived is what is typed where an indicator does not apply.
var waived = text.Text{ZH: "不适用", EN: "n/a"}

// Median returns the median of the class in the last period; empty where it is not stated.
func (EntryView) Median(r entry.Row, c entry.Column) string {
	for _, m := range c.Medians {
		if m.Class == r.Branch.Class {
			return figure(m.Median)
		}
	}
	return ""
}

// Medians returns the medians of a column for the script: class=value, in one text.
func (EntryView) Medians(c entry.Column) string {
	list := make([]string, len(c.Medians))
	for i, m := range c.Medians {
		list[i] = m.Class + "=" + figure(m.Median)
	}
	return strings.Join(list, " ")
}

// Bounds returns what may be entered in a column, in words.
func (EntryView) Bounds(c entry.Column, language string) string {
	var list []string
	switch r := c.Range; {
	case len(c.Levels) > 0:
		list = append(list, strings.Join(c.Levels, " / "))
	case r == nil:
	case r.Min != nil && r.Max != nil:
		list = append(list, number(r.Min)+"–"+number(r.Max))
	case r.Min != nil:
		list = append(list, text.F("不小于%s", "from %s", number(r.Min)).In(language))
	case r.Max != nil:
		list = append(list, text.F("不大于%s", "up to %s", number(r.Max)).In(language))
	}
	if c.Decimals != nil && len(c.Levels) == 0 {
		list = append(list, text.F("最多%d位小数", "at most %d decimals", *c.Decimals).In(language))
	}
	if c.Waivable {
		list = append(list, text.F("可填“%s”", "may be “%s”", waived).In(language))
	}
	return strings.Join(list, text.F("，", ", ").In(language))
}

// State returns the state of the sheet of a row, in words.
func (EntryView) State(r entry.Row) text.Text {
	if r.Sheet == "" {
		return text.F("未填", "not begun")
	}
	return r.State.Title()
}

// Window returns until when something can be entered, in words; empty where there is no limit.
func (v EntryView) Window() text.Text {
	f := v.Form
	switch {
	case f.EntryFrom != nil && v.Today < *f.EntryFrom:
		return text.F("填报自%s开始", "entry begins on %s", *f.EntryFrom)
	case f.EntryUntil != nil && v.Today > *f.EntryUntil:
		return text.F("填报已于%s截止", "entry ended on %s", *f.EntryUntil)
	case f.EntryUntil != nil:
		return text.F("填报至%s，还剩%d天", "entry until %s, %d days left", *f.EntryUntil, v.Today.DaysUntil(*f.EntryUntil)+1)
	case f.State == evaluation.Open:
		return text.F("填报中", "open for entry")
	}
	return f.State.Title()
}

// Unexpected reports whether a row is locked otherwise than by the state of its sheet, which
// says enough where there are many.
func (EntryView) Unexpected(r entry.Row) bool {
	return r.State != evaluation.Submitted && r.State != evaluation.Approved
}
