package datafile

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// maxWord bounds codes, kinds, classes and names, in bytes.
const maxWord = 256

func (f *reading) fault(c *cell, t *target, code string, why text.Text) {
	f.faults.add(c.line, t.name, c.text, code, why)
}

// cell adds one cell to the unit.
func (f *reading) cell(unit int, c *cell, t *target) {
	switch t.what {
	case toIndicator:
		f.entry(unit, c, t)
	case toQuantity:
		f.part(c, t)
	case toAdjustments:
		f.adjustments(unit, c, t)
	case toBranch:
		f.branch(unit, c, t)
	case toClass:
		f.Data.Classes[unit] = f.known(c, t)
	case toKind:
		f.Kinds[unit] = f.known(c, t)
	case toName:
		f.Names[unit] = string(f.word(c, t))
	}
}

// entry is the cell of an indicator: empty, n/a, a value or a carried one.
func (f *reading) entry(unit int, c *cell, t *target) {
	value, carried := bytes.CutPrefix(c.text, []byte(markCarried))
	switch {
	case len(c.text) == 0:
		return
	case string(c.text) == markNotApplicable:
		f.waive(t.index, unit)
		return
	case carried && !t.carries:
		f.fault(c, t, "never_carried", text.F("指标体系不允许此指标沿用往期数据", "the scheme does not carry values of this indicator over"))
		return
	}
	days := 0
	if carried {
		days, value = age(value)
	}
	x, code, why := f.value(value, t)
	switch {
	case code != "":
		f.fault(c, t, code, why)
	case carried:
		f.carry(t.index, unit, x, days)
	default:
		f.Data.Columns[t.index][unit] = x
	}
}

// value is a number, or the ordinal of a level.
func (f *reading) value(b []byte, t *target) (x float64, code string, why text.Text) {
	if t.ordinals == nil {
		return number(b)
	}
	level, literal := bytes.CutPrefix(b, []byte(markLevel))
	x, ok := t.ordinals[string(level)]
	if !ok {
		x, ok = t.ordinals[text.Clean(string(level))] // as the service reads it
	}
	switch {
	case ok && (len(level) > 0 || literal):
		return x, "", text.Text{}
	case !ok:
		if code, why := unreadable(b); code != "" {
			return 0, code, why
		}
	}
	return 0, "unknown_level", text.F("没有这个等级：请用 %[1]s", "there is no such level: use one of %[1]s", f.levels(t))
}

// levels lists the levels of an indicator, as many as fit into a message.
func (f *reading) levels(t *target) string {
	names := f.scheme.Indicators[t.index].Levels()
	slices.Reverse(names) // the best first
	if len(names) > 10 {
		names = append(names[:10], "…")
	}
	return strings.Join(names, ", ")
}

// age splits the days from a carried value; 0 without any.
func age(b []byte) (days int, value []byte) {
	n := digits(b)
	if n == 0 || n > maxAgeDigits || n == len(b) || string(b[n:n+1]) != markCarried {
		return 0, b
	}
	days, _ = strconv.Atoi(string(b[:n])) // it is digits
	return days, b[n+1:]
}

// maxAgeDigits is how many digits the days of an age have at most.
const maxAgeDigits = 6

// carry notes a value to fall back on.
func (f *reading) carry(i, unit int, x float64, days int) {
	f.Data.Carried[i] = append(padded(f.Data.Carried[i], unit, math.NaN()), x)
	if days > 0 {
		f.Ages[i] = append(padded(f.Ages[i], unit, 0), days)
	}
}

// padded is column, filled up to a length.
func padded[T any](column []T, length int, with T) []T {
	for len(column) < length {
		column = append(column, with)
	}
	return column
}

// part is the cell of a quantity.
func (f *reading) part(c *cell, t *target) {
	if len(c.text) == 0 {
		return
	}
	if string(c.text) == markNotApplicable {
		f.fault(c, t, "mark_on_quantity", text.F("n/a 只用于指标：请将组成数据留空", "n/a marks indicators: leave a quantity empty"))
		return
	}
	x, code, why := number(c.text)
	if code != "" {
		f.fault(c, t, code, why)
		return
	}
	f.Quantities[t.index][len(f.Data.Units)-1] = x
}

// adjustments is a list of codes of the scheme.
func (f *reading) adjustments(unit int, c *cell, t *target) {
	if len(c.text) == 0 {
		return
	}
	for code := range strings.SplitSeq(string(c.text), adjustmentsEnd) {
		if !f.adjusts(code) {
			f.faults.add(c.line, t.name, []byte(code), "unknown_adjustment", text.F(
				"指标体系中没有此加分、扣分或否决项；多项之间用分号分隔，不留空格",
				"the scheme has no such bonus, deduction or veto; separate several by ; without blanks"))
			continue
		}
		f.Adjustments = append(f.Adjustments, composite.Adjustment{Unit: unit, Code: f.intern([]byte(code))})
	}
}

func (f *reading) adjusts(code string) bool {
	a := f.scheme.Document.Adjustments
	for i := range a.Bonus.Items {
		if a.Bonus.Items[i].Code == code {
			return true
		}
	}
	for i := range a.Deduction.Items {
		if a.Deduction.Items[i].Code == code {
			return true
		}
	}
	for i := range a.Vetoes {
		if a.Vetoes[i].Code == code {
			return true
		}
	}
	return false
}

// branch is the code of the unit. An offline file may use any words as codes.
func (f *reading) branch(unit int, c *cell, t *target) {
	if len(c.text) == 0 {
		f.fault(c, t, "branch_missing", text.F("缺少党组织代码", "the line has no branch"))
		return
	}
	code := string(f.word(c, t))
	if first, twice := f.seen[text.Alike(code)]; twice {
		f.fault(c, t, "duplicate_branch", text.F("此党组织已出现在第 %d 行", "the branch is on line %d already", first))
	} else if code != "" {
		f.seen[text.Alike(code)], f.Data.Units[unit] = c.line, code
	}
}

// totals are the names of lines that sum up others, as they read without blanks.
var totals = []string{
	"合计", "总计", "小计", "共计", "总和", "平均", "平均值", "均值",
	"total", "totals", "grandtotal", "subtotal", "sum", "average", "mean",
}

// isTotal reports whether the text reads as the name of a line that sums up others: "合 计",
// "全镇合计", "TOTAL:".
func isTotal(s string) bool {
	s = strings.TrimRight(strings.ToLower(strings.ReplaceAll(text.Alike(s), " ", "")), ":")
	return slices.Contains(totals, s) || slices.ContainsFunc(totals[:3], func(word string) bool {
		return strings.HasSuffix(s, word)
	})
}

// total asks about a line that reads as the total of others: scored as a branch it would
// change every rank. It reports whether it does. A branch that really has the name has a kind or a class too.
func (f *reading) total(unit, line int) bool {
	if f.Kind(unit) != "" || f.Class(unit) != "" {
		return false
	}
	for _, name := range []string{f.Data.Units[unit], f.Name(unit)} {
		if isTotal(name) {
			f.faults.add(line, branchColumn, []byte(name), "total_line", text.F(
				"此行像是其他各行的合计：请删去此行；如确为党组织，请填写其类型或类别",
				"the line reads as a total of others: remove it, or give its kind or class if it is a branch"))
			return true
		}
	}
	return false
}

// word is a short text without surprises; nil where it is not.
func (f *reading) word(c *cell, t *target) []byte {
	if simple(c.text) {
		return c.text
	}
	code, why := unreadable(c.text)
	remedy, hidden := text.Hidden(string(c.text), false)
	switch {
	case code != "":
	case len(c.text) > maxWord:
		code, why = "too_long", text.F("超过 %d 字节", "is longer than %d bytes", maxWord)
	case hidden:
		code, why = "bad_text", remedy
	case formula(bytes.TrimSpace(c.text)):
		code, why = "formula", text.F("以 = + - @ 开头，表格软件会当作公式：请改写",
			"begins with = + - or @: spreadsheets would run it as a formula")
	default:
		return []byte(text.Clean(string(c.text))) // as the service reads it
	}
	f.fault(c, t, code, why)
	return nil
}

// simple recognises most words without a closer look: ASCII without blanks.
func simple(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(b) <= maxWord && (len(b) == 0 || !formula(b))
}

// formula recognises what spreadsheets run when they open a result.
func formula(b []byte) bool {
	first, _ := utf8.DecodeRune(b)
	return strings.ContainsRune("=+-@＝＋－＠", first)
}

// known is a word that comes again and again: it is looked at once.
func (f *reading) known(c *cell, t *target) string {
	if s, ok := f.words[string(c.text)]; ok {
		return s
	}
	return f.intern(f.word(c, t))
}

// intern keeps one copy of a word.
func (f *reading) intern(b []byte) string {
	s, ok := f.words[string(b)]
	if !ok {
		s = string(b)
		f.words[s] = s
	}
	return s
}

// decimal reports whether b is a decimal number: an optional sign, digits with an
// optional point, an optional exponent. strconv alone would also take NaN, Inf,
// hexadecimal and underscores.
func decimal(b []byte) bool {
	b = sign(b)
	whole := digits(b)
	b, fraction := b[whole:], 0
	if len(b) > 0 && b[0] == '.' {
		fraction = digits(b[1:])
		b = b[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = sign(b[1:])
		exponent := digits(b)
		return exponent > 0 && exponent == len(b)
	}
	return len(b) == 0
}

func sign(b []byte) []byte {
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		return b[1:]
	}
	return b
}

// digits counts the digits that b begins with.
func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// number reads a cell that is neither empty nor marked; code is "" where it is one.
func number(b []byte) (x float64, code string, why text.Text) {
	if !decimal(b) {
		code, why = notNumber(b)
		return 0, code, why
	}
	x, _ = strconv.ParseFloat(string(b), 64) // what is out of range comes as an infinity
	if text.Vanishes(string(b)) {
		return 0, "number_too_small", text.F("这个数不是 0，却小到只能按 0 读取",
			"is not 0 and yet so small that it would be read as 0")
	}
	if !(x >= -stats.MaxValue && x <= stats.MaxValue) {
		return 0, "out_of_range", text.F("数值须在 -1e15 与 1e15 之间", "a value lies between -1e15 and 1e15")
	}
	return x, "", text.Text{}
}

// unreadable returns why a cell is no text at all; code is "" where it is.
func unreadable(b []byte) (code string, why text.Text) {
	switch {
	case bytes.IndexByte(b, 0) >= 0:
		return "nul_byte", text.F("含有 NUL 字节：这不是文本文件", "holds a NUL byte: this is not a text file")
	case !utf8.Valid(b):
		return "not_utf8", text.F("不是 UTF-8 编码：请另存为“CSV UTF-8”", "is not UTF-8: save the file as CSV UTF-8")
	}
	return "", text.Text{}
}

// missingWords are ways of others to write that there is no value.
var missingWords = []string{
	"na", "n/a", "#n/a", "null", "none", "nil", "nan", "-", "--", "—", "——", "/", ".", "?", "无", "缺", "缺失",
}

// notNumber returns what is wrong with a cell that should be a number, and what to do.
func notNumber(b []byte) (code string, why text.Text) {
	if code, why := unreadable(b); code != "" {
		return code, why
	}
	s := string(b)
	trimmed := strings.TrimSpace(s)
	lower := strings.ToLower(trimmed)
	contains := func(chars string) bool { return strings.ContainsAny(trimmed, chars) }
	switch {
	case trimmed == "":
		return "blank", text.F("只有空白：没有数据请留空", "is blank but not empty: leave a missing value empty")
	case strings.EqualFold(trimmed, markNotApplicable), slices.Contains(missingWords, lower):
		return "not_a_number", text.F("没有数据请留空，不适用请写小写 n/a",
			"leave a missing value empty, and write n/a in small letters where the indicator does not apply")
	case slices.Contains([]string{"inf", "infinity", "∞"}, strings.TrimLeft(lower, "+-")):
		return "not_a_number", text.F("无穷大不能计分", "an infinite value cannot be scored")
	case strings.ContainsFunc(trimmed, fullWidth):
		return "not_a_number", text.F("请用半角数字、符号和小数点", "write digits, sign and point in ASCII, not full-width")
	case trimmed != s:
		return "blank", text.F("请删去数值前后的空白", "remove the blanks around the number")
	case !contains("0123456789"):
	case strings.HasPrefix(strings.TrimLeft(lower, "+-"), "0x"):
		return "not_a_number", text.F("请用十进制", "write the number in decimal")
	case contains("_"):
		return "not_a_number", text.F("请删去下划线", "remove the underscores")
	case strings.HasSuffix(trimmed, "%"):
		return "not_a_number", text.F("请删去百分号", "leave the percent sign out")
	case strings.Trim(string(sign([]byte(trimmed))), "0123456789.,'’ \u00a0\u202f") == "":
		return "not_a_number", text.F("请删去千分位，并用小数点", "use no thousands separators, and a point before the decimals")
	}
	return "not_a_number", text.F("不是数值", "is not a number")
}

// fullWidth reports digits, signs and points that only look like those of ASCII.
func fullWidth(r rune) bool {
	return r > unicode.MaxASCII && unicode.IsDigit(r) || strings.ContainsRune("．，－＋−。％", r)
}
