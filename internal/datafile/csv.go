package datafile

import (
	"errors"
	"io"

	"bulwark/internal/text"
)

// maxCell bounds the memory that one cell can take, in bytes. A quote that is
// never closed would otherwise swallow the rest of the file.
const maxCell = 64 << 10

// cells splits CSV (RFC 4180) into cells, in memory that depends neither on the
// length of the file nor on that of a line. Unlike encoding/csv it goes on behind
// a mistake, keeps line breaks in quotes as they are, and never holds a whole line.
type cells struct {
	r        io.Reader
	buf      []byte
	pos, end int // what is read and not yet used
	line     int // of buf[pos], from 1
	quoted   []byte
	err      error // of r; io.EOF at the end
}

// cell is one cell of a line.
type cell struct {
	text []byte // valid until the next cell is read
	line int    // on which it begins
	last bool   // of its line
	flaw text.Text
}

// broken is the error behind which nothing can be read.
type broken struct {
	line int
	why  text.Text
}

func (b *broken) Error() string { return b.why.String() }

func newCells(r io.Reader) *cells { return &cells{r: r, buf: make([]byte, 2*maxCell), line: 1} }

// plain are the bytes that mean nothing in a cell without quotes.
var plain = func() (is [256]bool) {
	for i := range is {
		is[i] = i != ',' && i != '\n' && i != '\r' && i != '"'
	}
	return is
}()

// more reads on and reports whether anything came. What is not used yet moves to
// the front of the buffer.
func (s *cells) more() bool {
	if s.err != nil {
		return false
	}
	copy(s.buf, s.buf[s.pos:s.end])
	s.pos, s.end = 0, s.end-s.pos
	for range 100 { // as bufio does: a reader that never returns anything must not hang us
		var n int
		n, s.err = s.r.Read(s.buf[s.end:])
		s.end += n
		if n > 0 || s.err != nil {
			return n > 0
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// peek returns the byte at an offset from the next one, false behind the end.
func (s *cells) peek(offset int) (byte, bool) {
	for s.pos+offset >= s.end {
		if !s.more() {
			return 0, false
		}
	}
	return s.buf[s.pos+offset], true
}

// row moves to the next line that is not empty and reports whether there is one.
func (s *cells) row() (bool, error) {
	for {
		switch c, ok := s.peek(0); {
		case !ok:
			return false, s.failure()
		case c == '\n':
			s.pos++
			s.line++
		case c == '\r' && s.newline(0):
			s.pos++
		default:
			return true, nil
		}
	}
}

func (s *cells) follows(want byte) bool {
	c, ok := s.peek(1)
	return ok && c == want
}

// failure is the error of reading, if it is more than the end of the file.
func (s *cells) failure() error {
	if s.err == nil || errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// next reads one cell. Its error is a *broken or one of the reader.
func (s *cells) next() (cell, error) {
	c := cell{line: s.line}
	if first, ok := s.peek(0); ok && first == '"' {
		return s.inQuotes(c)
	}
	n := 0
	for {
		rest := s.buf[s.pos+n : s.end]
		for i := range rest {
			if !plain[rest[i]] {
				rest = rest[:i]
				break
			}
		}
		if n += len(rest); n > maxCell {
			return c, s.tooLong(c)
		}
		stop, ok := s.peek(n)
		if ok && plain[stop] {
			continue // the cell goes on behind what had been read
		}
		ends := !ok || stop != '"' && (stop != '\r' || s.newline(n))
		c.text = s.buf[s.pos : s.pos+n] // only now: peeking moves the buffer
		switch {
		case ends:
			s.pos += n
			return c, s.finish(&c)
		case stop == '"':
			c.flaw = text.F("引号只能包住整个单元格；单元格内的引号须写两次", "quotes enclose a whole cell, and a quote inside them is doubled")
		default:
			c.flaw = text.F("单元格内有单独的回车符：请以 LF 或 CRLF 换行保存",
				"a carriage return without line feed: save the file with LF or CRLF line ends")
		}
		n++ // go on behind the flaw
	}
}

// newline reports whether the carriage return at the offset belongs to a line end.
func (s *cells) newline(offset int) bool {
	c, ok := s.peek(offset + 1)
	return !ok || c == '\n'
}

// inQuotes reads a cell whose opening quote is next.
func (s *cells) inQuotes(c cell) (cell, error) {
	s.quoted = s.quoted[:0]
	for s.pos++; ; s.pos++ {
		b, ok := s.peek(0)
		switch {
		case !ok:
			if err := s.failure(); err != nil {
				return c, err
			}
			return c, &broken{c.line, text.F("此处的引号没有结束", "a quote opens here and is never closed")}
		case len(s.quoted) == maxCell:
			return c, s.tooLong(c)
		case b == '"' && s.follows('"'):
			s.pos++
		case b == '"':
			s.pos++
			c.text = s.quoted
			return c, s.behindQuotes(&c)
		case b == '\n':
			s.line++
		}
		s.quoted = append(s.quoted, b)
	}
}

// behindQuotes skips what stands between a closing quote and the next comma.
func (s *cells) behindQuotes(c *cell) error {
	for n := 0; ; n++ {
		b, ok := s.peek(0)
		if !ok || b == ',' || b == '\n' || b == '\r' && s.newline(0) {
			return s.finish(c)
		}
		c.flaw = text.F("结束引号之后还有内容", "there is text behind the closing quote")
		if n == maxCell {
			return s.tooLong(*c)
		}
		s.pos++
	}
}

// finish steps over the comma or line end behind a cell.
func (s *cells) finish(c *cell) error {
	b, ok := s.peek(0)
	if ok && b == ',' {
		s.pos++
		return nil
	}
	c.last = true
	if b == '\r' {
		s.pos++
		b, ok = s.peek(0)
	}
	if ok && b == '\n' {
		s.pos++
		s.line++
	}
	return s.failure()
}

func (*cells) tooLong(c cell) error {
	return &broken{
		c.line,
		text.F("单元格超过 %d KiB：是否缺少结束引号？", "the cell is longer than %d KiB: is a closing quote missing?", maxCell>>10),
	}
}
