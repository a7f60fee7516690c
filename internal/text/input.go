package text

import (
	"slices"
	"strconv"
	"strings"
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

// Printable reports whether s is valid UTF-8 free of control, format and private-use
// characters: those hide text from a reader, reorder it (U+202E), or look different to
// each. Line breaks and tabs are allowed only where multiline is set.
func Printable(s string, multiline bool) bool {
	_, found := unprintable(s, multiline)
	return !found && utf8.ValidString(s)
}

// unprintable returns the first character of s that is not Printable.
func unprintable(s string, multiline bool) (_ rune, found bool) {
	for _, r := range s {
		if multiline && (r == '\n' || r == '\r' || r == '\t') {
			continue
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) || strings.ContainsRune(blankLetters, r) {
			return r, true
		}
	}
	return 0, false
}

// blankLetters are letters and symbols that show nothing: the Hangul fillers and the empty Braille pattern.
const blankLetters = "\u115f\u1160\u2800\u3164\uffa0"

// Unprintable returns in words which character makes s not Printable and what to do about
// it; no words where s is Printable.
func Unprintable(s string, multiline bool) Text {
	r, found := unprintable(s, multiline)
	at := int(r) - firstOfGBK
	switch gbk := []rune(ofGBK); {
	case !utf8.ValidString(s):
		return F("不是有效的 UTF-8 文本", "is not valid UTF-8")
	case !found:
		return Text{}
	case at >= 0 && at < len(gbk):
		return F("含有旧编码的自造字 %[1]U，请改用标准字“%[2]c”",
			"contains %[1]U, a private-use character of an old encoding: use %[2]c instead", r, gbk[at])
	case unicode.Is(unicode.Co, r):
		return F("含有自造字 %[1]U，他人看不到或看到的是别的字：请改用标准字，没有标准字的请用同音字或拼音",
			"contains %[1]U, a private-use character that others see differently or not at all: use its standard character, "+
				"or one that sounds alike if it has none", r)
	}
	return F("含有看不见的字符 %[1]U，请删除", "contains %[1]U, a control or invisible character: remove it", r)
}

// Characters that GBK (1995) had and Unicode had not: older programs still write them as the
// private-use characters from U+E815 on. GB 18030 maps them to these.
const (
	firstOfGBK = 0xE815
	ofGBK      = "⺁𠂇𠂉𠃌⺄㑳㑇⺈⺋龴㖞㘚㘎⺌⺗㥮㤘龵㧏㧟㩳㧐龶龷㭎㱮㳠⺧𡗗龸⺪䁖䅟⺮䌷⺳⺶⺷𢦏䎱" +
		"䎬⺻䏝䓖䙡䙌龹䜣䜩䝼䞍⻊䥇䥺䥽䦂䦃䦅䦆䦟䦛䦷䦶龺𤇾䲣䲟䲠䲡䱷䲢䴓䴔䴕䴖䴗䴘䴙䶮龻"
)

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
