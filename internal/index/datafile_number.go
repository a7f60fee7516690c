package index

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

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
	if !(x >= -stats.MaxValue && x <= stats.MaxValue) {
		return 0, "out_of_range", text.F("数值须在 -1e15 与 1e15 之间", "a value lies between -1e15 and 1e15")
	}
	return x, "", text.Text{}
}

// unreadable says why a cell is no text at all; code is "" where it is.
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
var missingWords = []string{"na", "n/a", "#n/a", "null", "none", "nil", "nan", "-", "--", "—", "——", "/", ".", "?", "无", "缺", "缺失"}

// notNumber says what is wrong with a cell that should be a number, and what to do.
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
		return "not_a_number", text.F("没有数据请留空，不适用请写小写 n/a", "leave a missing value empty, and write n/a in small letters where the indicator does not apply")
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
