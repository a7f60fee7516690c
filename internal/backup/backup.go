// Package backup writes a whole database into one file and reads it back, into
// SQLite or PostgreSQL, whichever it came from.
//
// A backup is zstd of lines, so that any tool can look into it. The first line is
// the header; then come the tables in the order in which they can be restored,
// each as its rows, one JSON array a line, and a line that counts and hashes
// them; then come the files that rows name, one a line with its content in base64;
// the last line counts and hashes the whole:
//
//	{"format":"bulwark backup 1","bulwark":"1.4.0","schema":9,"at":…,"dialect":"sqlite","tables":[…]}
//	["44",null,"province",…]
//	{"table":"areas","rows":1,"sha256":"…"}
//	{"file":"9f/9f86…","sha256":"9f86…","content":"…"}
//	{"tables":1,"rows":1,"files":1,"sha256":"…"}
//
// Values are exact and the same from both databases: integers in full, reals as
// the shortest number that reads back to the same bits (but -0 as 0), times in RFC 3339 and
// UTC. Rows stand in the order of their primary key, so equal tables have equal
// hashes. A seal after the last line covers the compressed bytes. The hashes find damage;
// they are no signature.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// format names the layout; another one gets another number.
const format = "bulwark backup 1"

// Header describes a backup.
type Header struct {
	Format  string    `json:"format"`
	Bulwark string    `json:"bulwark"` // version of the program that wrote it
	Schema  int64     `json:"schema"`  // number of the last migration
	At      time.Time `json:"at"`
	Dialect string    `json:"dialect"` // database.SQLite or database.PostgreSQL
	Tables  []Table   `json:"tables"`  // in the order of the file
}

// Count is the line after the rows of a table.
type Count struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"` // of the lines of the rows, with their newlines
}

// Trailer is the last line.
type Trailer struct {
	Tables int    `json:"tables"`
	Rows   int64  `json:"rows"`
	Files  int    `json:"files,omitempty"` // also lost ones
	SHA256 string `json:"sha256"`          // of all lines before, with their newlines
}

// File is a file that a row names and that is kept outside of the database.
type File struct {
	Key     string `json:"file"`
	SHA256  string `json:"sha256"`         // of the content
	Lost    bool   `json:"lost,omitempty"` // it was missing or another one when the backup was written
	Content []byte `json:"content,omitempty"`
}

// Files calls take with each file that the rows name which tx sees, in a lasting order.
type Files func(ctx context.Context, tx *gorm.DB, take func(File) error) error

// Summary is what was written or restored.
type Summary struct {
	Header  Header
	Counts  []Count  // in the order of Header.Tables
	Lost    []string // keys of files that were lost when the backup was written
	Trailer Trailer
}

// Rows returns the number of rows of the table, 0 for one that is not there.
func (s Summary) Rows(table string) int64 {
	for _, c := range s.Counts {
		if c.Table == table {
			return c.Rows
		}
	}
	return 0
}

// add takes in the count of the next table.
func (s *Summary) add(c Count) {
	s.Counts = append(s.Counts, c)
	s.Trailer.Tables++
	s.Trailer.Rows += c.Rows
}

const window = 1 << 20 // of the compression: what a reader needs in memory

// maxLine bounds a row: what a reader would not take into memory is not written.
var maxLine = 256 << 20

// Write writes a backup of the database at one moment and of the files, nil for none, that
// its rows name, while others go on writing to it. Its memory does not grow with the number of rows. Where it
// fails, what it has written is no backup.
func Write(ctx context.Context, db *gorm.DB, files Files, out io.Writer, bulwark string) (_ Summary, err error) {
	defer fault.Wrap(&err, "write a backup")
	sum := sha256.New()
	z, err := zstd.NewWriter(io.MultiWriter(out, sum), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	if err != nil {
		return Summary{}, err
	}
	w := &writer{out: z, sum: sha256.New()}
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		if w.begun {
			return errors.New("backup: the snapshot was lost while it was written")
		}
		return w.all(tx, files, bulwark)
	})
	if err := errors.Join(err, z.Close()); err != nil {
		return Summary{}, err
	}
	_, err = out.Write(seal(sum.Sum(nil)))
	return w.Summary, err
}

// writer writes the lines.
type writer struct {
	Summary
	out   *zstd.Encoder
	sum   hash.Hash // of all lines so far
	begun bool
}

func (w *writer) all(tx *gorm.DB, files Files, bulwark string) error {
	if err := w.header(tx, bulwark); err != nil {
		return err
	}
	for _, t := range w.Header.Tables {
		count, err := t.dump(tx, w.line)
		if err != nil {
			return fmt.Errorf("back up the table %s: %w", t.Name, err)
		}
		w.add(count)
		if err := w.object(count); err != nil {
			return err
		}
	}
	if files != nil {
		if err := files(tx.Statement.Context, tx, w.file); err != nil {
			return fmt.Errorf("back up files: %w", err)
		}
	}
	w.Trailer.SHA256 = hex.EncodeToString(w.sum.Sum(nil))
	return w.object(w.Trailer)
}

func (w *writer) file(f File) error {
	w.note(f)
	return w.object(f)
}

// note counts a file.
func (s *Summary) note(f File) {
	s.Trailer.Files++
	if f.Lost {
		s.Lost = append(s.Lost, f.Key)
	}
}

// header writes the first line and sends it on its way, so that an output that
// takes nothing fails at once.
func (w *writer) header(tx *gorm.DB, bulwark string) error {
	have, _, err := database.Version(tx.Statement.Context, tx)
	if err != nil {
		return err
	}
	if have == 0 {
		return fault.Conflict("nothing_to_back_up",
			"数据库中还没有表：请先运行 bulwark migrate", "the database has no tables yet: run bulwark migrate first")
	}
	w.Header = Header{Format: format, Bulwark: bulwark, Schema: have, At: tx.NowFunc(), Dialect: database.Dialect(tx)}
	if w.Header.Tables, err = tables(tx, shortLived); err != nil {
		return err
	}
	w.begun = true
	if err := w.object(w.Header); err != nil {
		return err
	}
	return w.out.Flush()
}

func (w *writer) object(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.line(append(line, '\n'))
}

func (w *writer) line(line []byte) error {
	w.sum.Write(line)
	_, err := w.out.Write(line)
	return err
}

// ReadAll reads every row of every table, also of those that a backup leaves out, and
// calls unreadable for each table of which it cannot. The error is about the connection.
func ReadAll(ctx context.Context, db *gorm.DB, unreadable func(table string, err error)) (_ Summary, err error) {
	defer fault.Wrap(&err, "read all tables")
	var s Summary
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) (err error) {
		s.Header.Tables, err = tables(tx, nil)
		return err
	})
	if err != nil {
		return s, err
	}
	for _, t := range s.Header.Tables {
		var count Count
		err := database.ReadTx(ctx, db, func(tx *gorm.DB) (err error) { // of its own: PostgreSQL ends one that failed
			count, err = t.dump(tx, func([]byte) error { return nil })
			return err
		})
		switch {
		case err == nil:
			s.add(count)
		case ctx.Err() != nil, fault.Is(err, fault.KindUnavailable):
			return s, err
		default:
			unreadable(t.Name, err)
		}
	}
	return s, nil
}

// dump hands the rows of the table to emit, line by line in the order of the
// primary key. Both databases order text by its bytes.
func (t Table) dump(tx *gorm.DB, emit func(line []byte) error) (Count, error) {
	count, sum := Count{Table: t.Name}, sha256.New()
	targets := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		targets[i] = c.Kind.target()
	}
	var line []byte
	err := each(tx, `SELECT `+quoted(t.Columns)+` FROM "`+t.Name+`" ORDER BY `+quoted(t.Columns[:t.Key]), targets, func() error {
		var err error
		if line, err = t.line(line[:0], targets); err != nil {
			return fmt.Errorf("row %d: %w", count.Rows+1, err)
		}
		count.Rows++
		sum.Write(line)
		return emit(line)
	})
	count.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return count, err
}

// line appends a row.
func (t Table) line(line []byte, targets []any) ([]byte, error) {
	separator := byte('[')
	var err error
	for i, target := range targets {
		line = append(line, separator)
		if line, err = appendValue(line, target); err != nil {
			return nil, fmt.Errorf("column %s: %w", t.Columns[i].Name, err)
		}
		separator = ','
	}
	if len(line) > maxLine {
		return nil, errLong
	}
	return append(line, "]\n"...), nil
}
