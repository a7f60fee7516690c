package datafile

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"bulwark/internal/text"
)

// Mistake is one mistake in a data file.
type Mistake struct {
	Line    int    // from 1; 0 for the file as a whole
	Column  string // name in the first line; "" for a line as a whole
	Cell    string // the first 40 characters of what stands there
	Code    string // stable, for programs
	Message text.Text
}

// Faults are the mistakes of a data file, in the order of reading.
type Faults struct {
	List []Mistake // the first 100
	More int       // those beyond, only counted
}

const (
	maxMistakes = 100
	maxExcerpt  = 40
)

// Error lists every fault in English, one per line.
func (f *Faults) Error() string { return f.In("en", "data") }

// In lists every fault in the language, one per line, each with its place in the
// named file as compilers write it.
func (f *Faults) In(language, file string) string {
	var b strings.Builder
	for i, fault := range f.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(file + ":")
		if fault.Line > 0 {
			fmt.Fprintf(&b, "%d:", fault.Line)
		}
		for _, part := range []string{fault.Column, quoted(fault.Cell)} {
			if part != "" {
				b.WriteString(" " + part + ":")
			}
		}
		b.WriteString(" " + fault.Message.In(language))
	}
	if f.More > 0 {
		b.WriteString("\n" + text.F("另有 %d 处错误", "and %d more", f.More).In(language))
	}
	return b.String()
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return strconv.Quote(s)
}

func (f *Faults) add(line int, column string, cell []byte, code string, message text.Text) {
	if len(f.List) == maxMistakes {
		f.More++
		return
	}
	f.List = append(f.List, Mistake{line, column, excerpt(cell), code, message})
}

func (f *Faults) err() error {
	if len(f.List) == 0 {
		return nil
	}
	return f
}

// excerpt is the beginning of a cell, fit for a message.
func excerpt(cell []byte) string {
	end := 0
	for n := 0; end < len(cell); n++ {
		_, size := utf8.DecodeRune(cell[end:])
		if n == maxExcerpt-1 && end+size < len(cell) {
			return string(cell[:end]) + "…"
		}
		end += size
	}
	return string(cell)
}
