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

// Printable reports whether s is valid UTF-8 free of control and format
// characters: those hide text from a reader or reorder it (U+202E). Line breaks
// and tabs are allowed only where multiline is set.
func Printable(s string, multiline bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if multiline && (r == '\n' || r == '\r' || r == '\t') {
			continue
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) {
			return false
		}
	}
	return true
}

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
