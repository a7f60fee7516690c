package entry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulwark/internal/evaluation"
	"bulwark/internal/scheme"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/text"
)

// Codes of the columns of a template that hold no values: no indicator can be called so.
const (
	branchColumn  = "_branch"
	versionColumn = "_version"
	nameColumn    = "_name"
	stateColumn   = "_state"
)

var (
	sheetName  = text.Text{ZH: "填报", EN: "Entry"}
	notesName  = text.Text{ZH: "说明", EN: "Notes"}
	listsName  = text.Text{ZH: "词表", EN: "Lists"}
	nameHead   = text.Text{ZH: "党组织", EN: "branch"}
	waived     = text.Text{ZH: "不适用", EN: "not applicable"}
	waiverHint = text.Text{ZH: "“不适用：原因”", EN: `"not applicable: reason"`}
)

// identity is to what a template belongs, as its first cell states it.
type identity struct{ town, period, evaluator, scheme, hash string }

// identityPrefix begins the first cell of every template.
const identityPrefix = "bulwark:v1:"

func (i identity) String() string {
	return identityPrefix + strings.Join([]string{i.town, i.period, i.evaluator, i.scheme, i.hash}, ":")
}

// identity returns to what the form belongs. The hash is of the scheme, the role and the columns.
func (f Form) identity() identity {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s", f.schemeHash, f.Role)
	for _, c := range f.Columns {
		fmt.Fprintf(h, " %s", c.Code)
	}
	evaluator := f.evaluator
	if evaluator == "" { // a key of no person
		evaluator = "-"
	}
	return identity{
		f.town, f.Period, evaluator, f.Scheme.Code + "." + strconv.FormatInt(f.Scheme.Number, 10),
		hex.EncodeToString(h.Sum(nil)[:8]),
	}
}

// Template returns the form as a workbook to be filled in (填报模板) in the language: what the form
// shows, in the same order and with the values that are there.
func (f Form) Template(language string) ([]byte, error) {
	return spreadsheet.Workbook([]spreadsheet.Form{f.sheet(language)}, f.notes(language))
}

// Table returns the form as a table for CSV: the identity in its first row, the codes in the
// second one.
func (f Form) Table() spreadsheet.Table {
	sheet := f.sheet("zh")
	t := spreadsheet.Table{Columns: []spreadsheet.Column{{Code: sheet.Identity}}}
	codes := make([]any, len(sheet.Columns))
	for i, c := range sheet.Columns {
		codes[i] = c.Code
	}
	t.Rows = append(t.Rows, codes)
	for _, r := range sheet.Rows {
		t.Rows = append(t.Rows, r.Cells)
	}
	return t
}

func (f Form) sheet(language string) spreadsheet.Form {
	say := func(zh, en string) string { return text.Text{ZH: zh, EN: en}.In(language) }
	form := spreadsheet.Form{
		Name: sheetName.In(language), Identity: f.identity().String(), Lists: listsName.In(language), Frozen: 4,
		Columns: []spreadsheet.FormColumn{
			{Code: branchColumn, Hidden: true},
			{Code: versionColumn, Hidden: true},
			{Code: nameColumn, Head: nameHead.In(language), Width: 22},
			{Code: stateColumn, Head: say("状态", "state"), Width: 10},
		},
	}
	for _, c := range f.Columns {
		form.Columns = append(form.Columns, spreadsheet.FormColumn{Code: c.Code, Head: c.head(language), Width: 14, Input: c.input(language)})
	}
	for _, r := range f.Rows {
		row := spreadsheet.FormRow{
			Locked: r.Locked != nil, Cells: []any{r.Branch.Code, nil, r.Branch.Name, nil}, Barred: make([]bool, 4, 4+len(f.Columns)),
		}
		if r.Sheet != "" {
			row.Cells[1], row.Cells[3] = r.Version, r.State.Title().In(language)
		}
		for _, c := range f.Columns {
			row.Cells = append(row.Cells, cellOf(r.entry(c.Code), language))
			row.Barred = append(row.Barred, slices.Contains(r.Exempt, c.Code))
		}
		form.Rows = append(form.Rows, row)
	}
	return form
}

// entry returns what the sheet of the row has of the code; nil where that is nothing.
func (r Row) entry(code string) *evaluation.Entry {
	for i := range r.Entries {
		if r.Entries[i].Code == code {
			return &r.Entries[i]
		}
	}
	return nil
}

// cellOf returns an entry as it stands in a cell.
func cellOf(e *evaluation.Entry, language string) any {
	switch {
	case e == nil:
		return nil
	case e.NotApplicable && e.Evidence != "":
		return waived.In(language) + text.Text{ZH: "：", EN: ": "}.In(language) + e.Evidence
	case e.NotApplicable:
		return waived.In(language)
	case e.Level != nil:
		return *e.Level
	case e.Value != nil:
		return *e.Value
	}
	return nil
}

// rules are the unit and the bounds of the column in words.
func (c Column) rules(language string) (words []string) {
	if c.Unit != "" {
		words = append(words, c.Unit)
	}
	if c.Range != nil {
		words = append(words, rangeOf(c.Range))
	}
	if c.Decimals != nil && c.Levels == nil {
		if *c.Decimals == 0 {
			words = append(words, text.Text{ZH: "整数", EN: "whole number"}.In(language))
		} else {
			words = append(words, text.F("最多 %d 位小数", "at most %d decimals", *c.Decimals).In(language))
		}
	}
	if c.Levels != nil {
		words = append(words, strings.Join(c.Levels, "/"))
	}
	return words
}

func rangeOf(r *scheme.Range) string {
	show := func(x *float64) string { return strconv.FormatFloat(*x, 'f', -1, 64) }
	switch {
	case r.Min == nil && r.Max == nil:
		return ""
	case r.Min == nil:
		return "≤ " + show(r.Max)
	case r.Max == nil:
		return "≥ " + show(r.Min)
	}
	return show(r.Min) + "–" + show(r.Max)
}

func (c Column) head(language string) string {
	words := slices.DeleteFunc(c.rules(language), func(s string) bool { return s == "" })
	if len(words) == 0 {
		return c.Name
	}
	if language == "zh" {
		return c.Name + "（" + strings.Join(words, "，") + "）"
	}
	return c.Name + " (" + strings.Join(words, ", ") + ")"
}

func (c Column) input(language string) *spreadsheet.Input {
	in := &spreadsheet.Input{Hint: c.head(language)}
	if c.Waivable {
		in.Or = []string{waived.ZH, waived.EN}
	}
	rules := strings.Join(c.rules(language), text.Text{ZH: "，", EN: ", "}.In(language))
	switch {
	case c.Kind == "waiver":
		in.Options = []string{waived.In(language)}
		in.Refusal = text.F("此项由系统计算，只能填写%s", "this is computed: only %s can be entered", waiverHint).In(language)
	case c.Levels != nil:
		in.Options = slices.Clone(c.Levels)
		if c.Waivable {
			in.Options = append(in.Options, waived.In(language))
		}
		in.Refusal = text.F("请从列表中选择：%s", "choose from the list: %s", strings.Join(c.Levels, ", ")).In(language)
	default:
		in.Numbers, in.Whole = true, c.Decimals != nil && *c.Decimals == 0
		if c.Range != nil {
			in.Min, in.Max = c.Range.Min, c.Range.Max
		}
		in.Refusal = text.F("请填写数字：%s", "enter a number: %s", rules).In(language)
	}
	if c.Waivable {
		in.Refusal += text.F("；不适用时填写%s", "; where it does not apply, %s", waiverHint).In(language)
		in.Hint += text.F("；不适用时填写%s", "; where it does not apply, %s", waiverHint).In(language)
	}
	return in
}

// notes explain the template to who fills it in.
func (f Form) notes(language string) spreadsheet.Notes {
	say := func(zh, en string) string { return text.Text{ZH: zh, EN: en}.In(language) }
	n := spreadsheet.Notes{Name: notesName.In(language)}
	line := func(cells ...string) { n.Lines = append(n.Lines, cells) }
	line(say("填报说明", "How to fill in this workbook"))
	line(say("考评周期", "period"), f.Period)
	line(say("角色", "role"), f.Role.Name().In(language))
	if f.EntryFrom != nil || f.EntryUntil != nil {
		window := ""
		if f.EntryFrom != nil {
			window = string(*f.EntryFrom)
		}
		window += " – "
		if f.EntryUntil != nil {
			window += string(*f.EntryUntil)
		}
		line(say("填报时间", "days of entry"), window)
	}
	line()
	for _, sentence := range []text.Text{
		{ZH: "一、只填写“填报”表中的白色单元格；灰色单元格不适用或已锁定。", EN: "1. Fill in the white cells of the sheet Entry; grey ones do not apply or are locked."},
		{ZH: "二、空白表示没有数值：清空已有数值的单元格，该数值将被删除。", EN: "2. An empty cell is no value: where you empty a cell that had a value, the value is deleted."},
		{ZH: "三、单位为“%”时填写百分号前的数字（88.5），也可使用百分比格式（88.5%）。", EN: "3. Where the unit is %, enter the number before the sign (88.5), or use a percentage format (88.5%)."},
		{ZH: "四、可不适用的指标，不适用时填写“不适用：原因”。", EN: `4. Where an indicator may not apply, enter "not applicable: reason" then.`},
		{ZH: "五、不要合并单元格，不要填写日期；公式须保存计算结果。", EN: "5. Do not merge cells or enter dates; formulas must be saved with their results."},
		{ZH: "六、填好后上传本文件。系统先检查并列出将被覆盖的数值，确认后才保存；有错误时全部不保存。", EN: "6. Then send this file back. It is checked first, and what would be overwritten is listed; with any fault nothing is stored."},
	} {
		line(sentence.In(language))
	}
	line()
	line(say("指标", "indicator"), say("代码", "code"), say("维度", "dimension"), say("要求", "rules"), say("可不适用", "may not apply"))
	for _, c := range f.Columns {
		waivable := ""
		if c.Waivable {
			waivable = say("是", "yes")
		}
		line(c.Name, c.Code, c.Dimension.Name, strings.Join(c.rules(language), text.Text{ZH: "，", EN: ", "}.In(language)), waivable)
	}
	return n
}
