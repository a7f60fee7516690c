package datafile

import (
	"errors"
	"fmt"
	"io"
	"math"

	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// Read reads a data file of the scheme, strictly, and returns data that have passed
// Index.Check. The error is of type *Faults and lists the mistakes of the whole
// file, unless reading itself fails.
//
// Memory grows with the number of branches only: neither long lines nor many
// columns nor many mistakes add to it.
func Read(r io.Reader, c *scheme.Compiled) (*File, error) {
	f := &reading{cells: newCells(r), scheme: c}
	err := f.read()
	var stop *broken
	switch {
	case errors.As(err, &stop):
		f.faults.add(stop.line, "", nil, "unreadable", stop.why)
	case err != nil:
		return nil, fmt.Errorf("line %d: %w", f.cells.line, err)
	}
	if err := f.faults.err(); err != nil {
		return nil, err
	}
	return f.done()
}

// reading is a data file in the making.
type reading struct {
	File
	cells  *cells
	scheme *scheme.Compiled
	header *header
	faults Faults

	seen    map[string]int // line of each unit by how its code reads
	words   map[string]string
	limited []int // indicators that do not apply to everyone
}

func (f *reading) read() error {
	h, err := readHeader(f.cells, f.scheme, &f.faults)
	if err != nil || len(f.faults.List) > 0 {
		return err // without its columns no line can be understood
	}
	f.start(h)
	for {
		if ok, err := f.cells.row(); err != nil || !ok {
			return err
		}
		if err := f.row(); err != nil {
			return err
		}
	}
}

func (f *reading) start(h *header) {
	f.header, f.seen, f.words = h, map[string]int{}, map[string]string{}
	n := len(f.scheme.Indicators)
	f.Data = composite.Data{
		Units: []string{}, Columns: make([][]float64, n), NotApplicable: make([][]bool, n),
		Carried: make([][]float64, n),
	}
	f.Ages = make([][]int, n)
	f.Quantities = make([][]float64, len(f.scheme.Document.Quantities))
	for i, n := range f.scheme.Indicators {
		if f.Data.Columns[i] = []float64{}; n.AppliesTo != nil {
			f.limited = append(f.limited, i)
		}
	}
}

// row reads one line.
func (f *reading) row() error {
	if len(f.faults.List) > 0 {
		f.forget() // what is wrong will not be returned
	}
	unit, line := len(f.Data.Units), f.cells.line
	f.grow()
	count := 0
	for last := false; !last; count++ {
		c, err := f.cells.next()
		if err != nil {
			return err
		}
		last = c.last
		switch {
		case count >= len(f.header.targets):
		case !c.flaw.IsZero():
			f.fault(&c, &f.header.targets[count], "bad_quotes", c.flaw)
		default:
			f.cell(unit, &c, &f.header.targets[count])
		}
	}
	if want := len(f.header.targets); count != want {
		f.faults.add(line, "", nil, "ragged_line",
			text.F("此行有 %d 格，应为 %d 格", "the line has %d cells instead of %d", count, want))
		return nil
	}
	f.derive(unit)
	if !f.total(unit, line) {
		f.applicability(unit, line)
	}
	return nil
}

// grow makes room for one more unit, about which nothing is known yet.
func (f *reading) grow() {
	f.Data.Units = append(f.Data.Units, "")
	for i := range f.Data.Columns {
		f.Data.Columns[i] = append(f.Data.Columns[i], math.NaN())
	}
	for _, column := range []struct {
		words *[]string
		what  targetKind
	}{{&f.Data.Classes, toClass}, {&f.Kinds, toKind}, {&f.Names, toName}} {
		if f.header.has[column.what] {
			*column.words = append(*column.words, "")
		}
	}
	for q := range f.Quantities {
		f.Quantities[q] = append(f.Quantities[q], math.NaN())
	}
}

// forget drops the units read so far.
func (f *reading) forget() {
	d := &f.File
	d.Data.Units, d.Data.Classes, d.Kinds, d.Names, d.Adjustments = d.Data.Units[:0], d.Data.Classes[:0], d.Kinds[:0],
		d.Names[:0], d.Adjustments[:0]
	for q := range d.Quantities {
		d.Quantities[q] = d.Quantities[q][:0]
	}
	for i := range d.Data.Columns {
		d.Data.Columns[i], d.Data.NotApplicable[i], d.Data.Carried[i] = d.Data.Columns[i][:0], d.Data.NotApplicable[i][:0],
			d.Data.Carried[i][:0]
		d.Ages[i] = d.Ages[i][:0]
	}
}

// derive computes the indicators of which the file has only the parts, as the service
// does.
func (f *reading) derive(unit int) {
	for _, i := range f.header.derive {
		d := f.scheme.Indicators[i].Derive
		x, notApplicable := d.Of(f.Quantity(f.scheme, unit, d.Numerator), f.Quantity(f.scheme, unit, d.Denominator))
		if f.Data.Columns[i][unit] = x; notApplicable {
			f.waive(i, unit)
		}
	}
}

// applicability marks what does not concern the unit. It comes last, because kind
// and class may stand behind the values.
func (f *reading) applicability(unit, line int) {
	kind, class := f.Kind(unit), f.Class(unit)
	for _, i := range f.limited {
		n := f.scheme.Indicators[i]
		if n.AppliesTo.Covers(kind, class) {
			continue
		}
		if carried := f.Data.Carried[i]; f.header.known[n.Code] &&
			(!math.IsNaN(f.Data.Columns[i][unit]) || len(carried) > unit) {
			f.faults.add(line, n.Code, nil, "not_applicable", text.F("此指标不适用于类型“%s”、类别“%s”的党组织：请留空",
				"the indicator does not apply to the kind %q and class %q: leave the cell empty", kind, class))
		}
		f.waive(i, unit)
	}
}

func (f *reading) waive(i, unit int) {
	f.Data.NotApplicable[i] = padded(f.Data.NotApplicable[i], unit+1, false)
	f.Data.NotApplicable[i][unit] = true
}

// done evens out what was only filled up to the last mark, and lets the rules of
// the indicators look at the values.
func (f *reading) done() (*File, error) {
	n := len(f.Data.Units)
	for i := range f.scheme.Indicators {
		if column := f.Data.NotApplicable[i]; column != nil {
			f.Data.NotApplicable[i] = padded(column, n, false)
		}
		if column := f.Data.Carried[i]; column != nil {
			f.Data.Carried[i] = padded(column, n, math.NaN())
		}
		if column := f.Ages[i]; column != nil {
			f.Ages[i] = padded(column, n, 0)
		}
	}
	var refused *composite.DataFaults
	if errors.As(f.scheme.Index.Check(f.Data), &refused) {
		for _, fault := range refused.Faults {
			f.faults.add(f.seen[text.Alike(fault.Unit)], fault.Indicator, nil, fault.Code, text.Same(fault.Message))
		}
		f.faults.More += refused.More
	}
	if err := f.faults.err(); err != nil {
		return nil, err
	}
	d := f.File // a copy, so that nothing else of the reading stays in memory
	return &d, nil
}
