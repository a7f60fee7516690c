package text

import (
	"encoding/csv"
	"strings"
)

// Inert puts an apostrophe before text that a spreadsheet would take for a
// formula, the full-width signs included: some programs fold them.
func Inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}

// CSV writes rows for a spreadsheet: UTF-8 with a byte order mark. Cells that
// people wrote must be Inert.
func CSV(rows [][]string) []byte {
	var b strings.Builder
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows) // a strings.Builder never fails
	return []byte(b.String())
}
