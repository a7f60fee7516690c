package text

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Clean returns s in Unicode form NFC without surrounding white space, so that
// the same name typed on two keyboards is stored as the same bytes.
func Clean(s string) string { return strings.TrimSpace(norm.NFC.String(s)) }

// Alike returns a key that two texts share where they read alike: in Unicode form NFKC,
// with one blank for any white space between words and none around them. Capital and small
// letters differ.
func Alike(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return s
	}
	return strings.Join(strings.Fields(norm.NFKC.String(s)), " ")
}

// Printable reports whether Hidden finds nothing in s.
func Printable(s string, multiline bool) bool {
	_, hidden := Hidden(s, multiline)
	return !hidden
}

// Hidden reports whether s holds a character that a reader does not see or that no two
// systems show alike, and returns what to do about the first one: control, format and
// default-ignorable characters hide text or reorder it (U+202E), private-use characters are
// another one in each font. Line breaks and tabs are allowed only where multiline is set.
func Hidden(s string, multiline bool) (remedy Text, found bool) {
	if !utf8.ValidString(s) {
		return F("不是有效的 UTF-8 文本：请以 UTF-8 编码重新输入", "is not valid UTF-8: send it in UTF-8"), true
	}
	for _, r := range s {
		switch {
		case r >= ' ' && r <= '~', multiline && (r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029'):
		case unicode.Is(unicode.Co, r):
			return private(r), true
		case r == '\u2028' || r == '\u2029' || unicode.IsControl(r):
			return F("含有控制字符 U+%04X：请删除，或改用空格", "contains the control character U+%04X: remove it, or use a blank", r), true
		case unicode.Is(unicode.Bidi_Control, r):
			return F("含有改变文字方向的不可见字符 U+%04X：请删除",
				"contains the invisible character U+%04X, which changes the direction of text: remove it", r), true
		case unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point) || r == '\u2800':
			return F("含有不可见字符 U+%04X：请删除，需要间隔时用空格",
				"contains the invisible character U+%04X: remove it, or use a blank between words", r), true
		}
	}
	return Text{}, false
}

func private(r rune) Text {
	if at := int(r - gbkFirst); at >= 0 && at < len(gbkPrivate) {
		return F("含有私用字符 U+%04[1]X：请改用标准字“%[2]c”（U+%04[2]X）",
			"contains the private-use character U+%04[1]X: use %[2]c (U+%04[2]X) instead", r, gbkPrivate[at])
	}
	return F("含有私用字符 U+%04X，在其他系统中会显示为别的字或空白：请改用标准字，没有标准字时用读音相同的字或拼音",
		"contains the private-use character U+%04X, which other systems show as another one or not at all: "+
			"use the standard character, or one of the same sound, or pinyin", r)
}

// gbkPrivate are the characters that GBK (FE50–FEA0) put at private-use code points from
// gbkFirst on, as Unicode and GB 18030-2022 have them since.
const gbkFirst = '\uE815'

var gbkPrivate = []rune("⺁𠂇𠂉𠃌⺄㑳㑇⺈⺋龴㖞㘚㘎⺌⺗㥮㤘龵㧏㧟㩳㧐龶龷㭎㱮㳠⺧𡗗龸⺪䁖䅟⺮䌷⺳⺶⺷𢦏䎱" +
	"䎬⺻䏝䓖䙡䙌龹䜣䜩䝼䞍⻊䥇䥺䥽䦂䦃䦅䦆䦟䦛䦷䦶龺𤇾䲣䲟䲠䲡䱷䲢䴓䴔䴕䴖䴗䴘䴙䶮龻")

// CodeKey returns what two codes share that differ only in capital and small letters, and
// that unique indexes on lower(code) keep apart from others.
func CodeKey(code string) string { return strings.ToLower(code) }

// IsCode reports whether s can be a public identifier: 1 to 64 letters, digits,
// dots, dashes or underscores, starting with a letter or digit. Codes are parts of
// URLs, file names and column headers, so nothing else may be in them.
func IsCode(s string) bool {
	if len(s) == 0 || len(s) > 64 || !alphanumeric(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !alphanumeric(s[i]) && s[i] != '.' && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return true
}

func alphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// Distance returns the edit distance of Levenshtein (1966): the fewest insertions,
// deletions and substitutions of a byte that turn a into b, or limit where they
// are not fewer.
func Distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
		if slices.Min(row) >= limit {
			return limit
		}
	}
	return min(row[len(b)], limit)
}

// VanishingNumber returns where the first number of a JSON text stands that Vanishes, and
// false where there is none.
func VanishingNumber(data []byte) (at int, found bool) {
	quoted := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted || c < '0' || c > '9':
		default:
			end := i
			for end < len(data) && strings.IndexByte("0123456789.eE+-", data[end]) >= 0 {
				end++
			}
			if Vanishes(string(data[i:end])) {
				return i, true
			}
			i = end - 1
		}
	}
	return 0, false
}

// Vanishes reports whether a decimal number is not 0 and yet so small that it would be
// read as 0.
func Vanishes(number string) bool {
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || x != 0 {
		return false
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	return strings.ContainsAny(mantissa, "123456789")
}

// IsIdentityNumber reports whether s is a resident identity number: 18 characters with a day of birth and
// the check character of GB 11643, or 15 digits of the older form, however they are grouped.
func IsIdentityNumber(s string) bool {
	var number []byte
	for _, r := range strings.ToUpper(norm.NFKC.String(s)) {
		switch {
		case r >= '0' && r <= '9', r == 'X':
			number = append(number, byte(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return false
		}
	}
	if len(number) < 15 || !provinces[string(number[:2])] {
		return false
	}
	switch len(number) {
	case 15:
		return !slices.Contains(number, 'X') && isDay("19"+string(number[6:12]))
	case 18:
		return isDay(string(number[6:14])) && checkCharacter(number[:17]) == number[17]
	default:
		return false
	}
}

// provinces are the first two digits of an identity number (GB/T 2260).
var provinces = func() map[string]bool {
	known := map[string]bool{}
	for _, code := range strings.Fields("11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 " +
		"50 51 52 53 54 61 62 63 64 65 71 81 82 83 91") {
		known[code] = true
	}
	return known
}()

func isDay(digits string) bool {
	day, err := time.Parse("20060102", digits)
	return err == nil && day.Year() >= 1850 && day.Year() < 2100
}

// checkCharacter returns the last character of an identity number (ISO 7064, MOD 11-2), and 0
// where what it follows are not digits.
func checkCharacter(digits []byte) byte {
	sum := 0
	for _, d := range digits {
		if d == 'X' {
			return 0
		}
		sum = (sum + int(d-'0')) * 2 % 11
	}
	return "10X98765432"[sum%11]
}
