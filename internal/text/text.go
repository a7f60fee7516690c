// Package text holds words in the two languages of the service and the rules
// for text that people send in.
package text

import (
	"encoding/csv"
	"fmt"
	"strings"
)

// Text is one phrase in Chinese and English. Either may be empty when only one
// is known; a reader then gets the other.
type Text struct {
	ZH string `json:"zh,omitempty" example:"组织锻造力"`
	EN string `json:"en,omitempty" example:"organisational strength"`
}

// F returns the same arguments in a Chinese and an English format; a Text among them
// is written in the language of each. Use explicit argument indexes (%[2]s) where the two
// languages order them differently.
func F(zh, en string, args ...any) Text {
	if len(args) == 0 {
		return Text{ZH: zh, EN: en}
	}
	return Text{ZH: fmt.Sprintf(zh, in("zh", args)...), EN: fmt.Sprintf(en, in("en", args)...)}
}

// in returns the arguments with each Text in the language.
func in(language string, args []any) []any {
	words := make([]any, len(args))
	for i, a := range args {
		words[i] = a
		if t, ok := a.(Text); ok {
			words[i] = t.In(language)
		}
	}
	return words
}

// Same returns a phrase that is the same in both languages, such as a code.
func Same(s string) Text { return Text{ZH: s, EN: s} }

// In returns the phrase in the language ("zh" or "en"), or in the other one
// where the asked one is empty.
func (t Text) In(language string) string {
	if strings.HasPrefix(language, "zh") {
		return first(t.ZH, t.EN)
	}
	return first(t.EN, t.ZH)
}

// String returns the English phrase: logs and error chains are read by operators.
func (t Text) String() string { return t.In("en") }

// IsZero reports whether neither language has words.
func (t Text) IsZero() bool { return t.ZH == "" && t.EN == "" }

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Inert returns s, with an apostrophe before what a spreadsheet would take for a
// formula, the full-width signs included: some programs fold them.
func Inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}

// CSV returns rows for a spreadsheet: UTF-8 with a byte order mark. Cells that
// people wrote must be Inert.
func CSV(rows [][]string) []byte {
	var b strings.Builder
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows) // a strings.Builder never fails
	return []byte(b.String())
}
