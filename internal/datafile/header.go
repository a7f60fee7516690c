package datafile

import (
	"bytes"
	"maps"
	"slices"

	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// target is what a column of the file is for.
type target struct {
	name     string
	what     targetKind
	index    int                // of the indicator or quantity in the scheme
	carries  bool               // the indicator may have a carried value
	ordinals map[string]float64 // of its levels; nil for a number
}

type targetKind int

const (
	toBranch targetKind = iota
	toClass
	toKind
	toName
	toAdjustments
	toIndicator
	toQuantity
)

var reservedColumns = map[string]targetKind{
	branchColumn: toBranch, classColumn: toClass, kindColumn: toKind, nameColumn: toName, adjustmentsColumn: toAdjustments,
}

// maxUnknown is the number of unknown columns that are listed by name.
const maxUnknown = 20

// header is the first line of the file, matched with the scheme.
type header struct {
	targets []target        // by column of the file
	derive  []int           // indicators to compute, because they have no column
	known   map[string]bool // names of columns so far
	has     map[targetKind]bool
}

// readHeader reads the first line. Columns may stand in any order.
func readHeader(s *cells, c *scheme.Compiled, f *Faults) (*header, error) {
	if why := foreign(s); !why.IsZero() {
		return nil, &broken{1, why}
	}
	if ok, err := s.row(); err != nil || !ok {
		if err == nil {
			err = &broken{0, text.F("文件是空的：第一行应为列名", "the file is empty: its first line names the columns")}
		}
		return nil, err
	}
	h := &header{known: map[string]bool{}, has: map[targetKind]bool{}}
	line := s.line
	if err := h.read(s, columnsOf(c), f); err != nil {
		return nil, err
	}
	h.complete(line, c, f)
	return h, nil
}

// read matches the names of the first line with those wanted.
func (h *header) read(s *cells, wanted map[string]target, f *Faults) error {
	var unknown []cell
	count, first := 0, s.line
	for last := false; !last; {
		c, err := s.next()
		if err != nil {
			return err
		}
		last = c.last
		t, ok := wanted[string(c.text)]
		if ok && !h.known[t.name] && c.flaw.IsZero() {
			h.known[t.name], h.has[t.what] = true, true
			h.targets = append(h.targets, t)
			continue
		}
		if count++; count <= maxUnknown {
			c.text = bytes.Clone(c.text)
			unknown = append(unknown, c)
		}
	}
	for _, c := range unknown { // now that it is known which ones are missing
		code, why := h.misnamed(c, wanted)
		f.add(c.line, "", c.text, code, why)
	}
	if count > maxUnknown {
		f.add(first, "", nil, "unknown_columns", text.F("共有 %d 列不可识别", "%d columns in all are unknown", count))
	}
	return nil
}

// foreign recognises, from the first bytes, files that are no CSV, and skips a
// byte order mark.
func foreign(s *cells) text.Text {
	s.peek(511)
	start := s.buf[s.pos:min(s.end, s.pos+512)]
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		s.pos += 3
	case bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0")):
		return text.F("这是 Excel 工作簿：请另存为“CSV UTF-8”", "this is an Excel workbook: save it as CSV UTF-8")
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return text.F("这是 UTF-16 编码：请另存为“CSV UTF-8”", "this is UTF-16: save the file as CSV UTF-8")
	case bytes.IndexByte(firstLine(start), 0) >= 0:
		return text.F("这是二进制文件，不是 CSV", "this is a binary file, not CSV")
	}
	return text.Text{}
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// columnsOf returns every column that a data file of the scheme may have, by name.
func columnsOf(c *scheme.Compiled) map[string]target {
	wanted := make(map[string]target, len(c.Indicators)+len(reservedColumns))
	for i, q := range c.Document.Quantities {
		wanted[q.Code] = target{name: q.Code, what: toQuantity, index: i}
	}
	for i, n := range c.Indicators {
		t := target{name: n.Code, what: toIndicator, index: i, carries: n.Missing.Kind == composite.Carry}
		for ordinal, level := range n.Levels() {
			if t.ordinals == nil {
				t.ordinals = map[string]float64{}
			}
			t.ordinals[level] = float64(ordinal)
		}
		wanted[n.Code] = t
	}
	for name, kind := range reservedColumns {
		wanted[name] = target{name: name, what: kind}
	}
	return wanted
}

// misnamed returns what is wrong with the name of a column.
func (h *header) misnamed(c cell, wanted map[string]target) (code string, why text.Text) {
	name := string(c.text)
	if code, why := unreadable(c.text); code != "" {
		return code, why
	}
	switch {
	case !c.flaw.IsZero():
		return "bad_quotes", c.flaw
	case h.known[name]:
		return "duplicate_column", text.F("此列出现两次", "the column occurs twice")
	case name == "":
		return "unknown_column", text.F("缺少列名", "a column has no name")
	case len(h.targets) == 0 && c.last && bytes.ContainsAny(c.text, ";\t"):
		return "unknown_column", text.F("各列须用半角逗号分隔", "separate the columns by commas")
	}
	if near := h.nearest(name, wanted); near != "" {
		return "unknown_column", text.F("指标体系中没有此列：是否为“%s”？", "the scheme has no such column: is it %q?", near)
	}
	return "unknown_column", text.F("指标体系中没有此列", "the scheme has no such column")
}

// complete finds what is missing, and what is computed instead of read.
func (h *header) complete(line int, c *scheme.Compiled, f *Faults) {
	var missing []text.Text
	need := func(column string, why text.Text) {
		missing = append(missing, why)
		if len(missing) <= maxUnknown {
			f.add(line, column, nil, "missing_column", why)
		}
	}
	if !h.has[toBranch] {
		need(branchColumn, text.F("缺少此列：党组织代码", "the column is missing: it holds the codes of the branches"))
	}
	var kinds, classes bool
	for i, n := range c.Indicators {
		if n.AppliesTo != nil {
			kinds, classes = kinds || len(n.AppliesTo.Kinds) > 0, classes || len(n.AppliesTo.Classes) > 0
		}
		d := n.Derive
		switch {
		case h.known[n.Code]:
		case d == nil:
			need(n.Code, text.F("缺少此列：没有数据的单元格可以留空", "the column is missing: where it is not known, leave its cells empty"))
		case h.known[d.Numerator] && h.known[d.Denominator]:
			h.derive = append(h.derive, i)
		default:
			need(n.Code, text.F("缺少此列，也缺少其组成数据 %s 与 %s", "the column is missing, and so are its parts %s and %s", d.Numerator,
				d.Denominator))
		}
	}
	if kinds && !h.has[toKind] {
		need(kindColumn, text.F("缺少此列：有指标只适用于某些类型", "the column is missing: some indicators apply to some kinds only"))
	}
	if classes && !h.has[toClass] {
		need(classColumn, text.F("缺少此列：有指标只适用于某些类别", "the column is missing: some indicators apply to some classes only"))
	}
	if len(missing) > maxUnknown {
		f.add(line, "", nil, "missing_columns", text.F("共缺少 %d 列", "%d columns in all are missing", len(missing)))
	}
}

// nearest returns the name, among those wanted that the file does not have, that
// takes the fewest changes to reach; "" where none is close.
func (h *header) nearest(name string, wanted map[string]target) string {
	best, limit := "", max(1, len(name)/3)+1
	if len(name) > 64 {
		return ""
	}
	for _, candidate := range slices.Sorted(maps.Keys(wanted)) {
		if h.known[candidate] {
			continue
		}
		if d := text.Distance(name, candidate, limit); d < limit {
			best, limit = candidate, d
		}
	}
	return best
}
