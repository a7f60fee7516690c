package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Reader reads a backup: Open, then once Check or Restore, then Close.
type Reader struct {
	Header Header
	lines  *lines
	used   bool
}

// Open reads the header of a backup.
func Open(in io.Reader) (*Reader, error) {
	l, err := newLines(in)
	if err != nil {
		return nil, err
	}
	r := &Reader{lines: l}
	if err := r.open(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) open() error {
	line, err := r.lines.next()
	if err != nil {
		return r.lines.ended(err)
	}
	if err := r.lines.object(line, &r.Header); err != nil {
		return err
	}
	if r.Header.Format != format {
		return r.lines.sure(fault.Invalid("backup_format",
			"备份的格式为 %[1]q，本程序只能读取 %[2]q：请用写出它的程序（bulwark %[3]s）恢复",
			"the backup has the format %[1]q, this program reads %[2]q: restore it with the program that wrote it, bulwark %[3]s",
			r.Header.Format, format, r.Header.Bulwark))
	}
	return nil
}

// Close frees the memory of the decompression; it does not close the file.
func (r *Reader) Close() { r.lines.z.Close() }

// Restore reads the backup into db in one transaction, and hands the files to put, which stores
// them before the transaction ends; nil drops them. The database must hold no
// data and have the schema of the backup. What is stored in the end is read back
// and compared with the backup; on any difference, and on any fault of the file,
// the database stays as it was.
//
// Others who use the database meanwhile wait: nobody should.
func (r *Reader) Restore(ctx context.Context, db *gorm.DB, put func(File) error) (s Summary, err error) {
	defer fault.Wrap(&err, "restore a backup")
	err = database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if err := r.fits(ctx, tx); err != nil {
			return err
		}
		if s, err = r.read(func(t Table) (*inserter, error) { return newInserter(tx, t) }, put); err != nil {
			return err
		}
		return compare(tx, s)
	})
	return s, err
}

// fits refuses a database that the backup cannot be restored into, and replaces the
// tables of the header by those of the database, which it knows more of.
func (r *Reader) fits(ctx context.Context, tx *gorm.DB) error {
	have, known, err := database.Version(ctx, tx)
	if err != nil {
		return err
	}
	if r.Header.Schema > known {
		return r.lines.sure(fault.Conflict("backup_newer",
			"备份的数据库结构版本为 %[1]d，本程序只认识到 %[2]d：请用 bulwark %[3]s 或更新的程序恢复",
			"the backup has the schema %[1]d, this program knows up to %[2]d: restore it with bulwark %[3]s or a newer one",
			r.Header.Schema, known, r.Header.Bulwark))
	}
	here, err := tables(tx, shortLived)
	if err != nil {
		return err
	}
	if have != r.Header.Schema || !sameTables(here, r.Header.Tables) {
		return r.lines.sure(fault.Conflict("backup_schema",
			"备份的数据库结构版本为 %[1]d（bulwark %[2]s），此数据库为 %[3]d：请恢复到一个全新的数据库",
			"the backup has the schema %[1]d (bulwark %[2]s), this database has %[3]d: restore into a new database",
			r.Header.Schema, r.Header.Bulwark, have))
	}
	r.Header.Tables = here
	if err := lockTables(tx, here); err != nil {
		return err
	}
	return empty(tx, here)
}

// lockTables keeps others from writing until the transaction ends. On SQLite a
// transaction does that by itself.
func lockTables(tx *gorm.DB, list []Table) error {
	if database.Dialect(tx) == database.SQLite {
		return nil
	}
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = `"` + t.Name + `"`
	}
	return tx.Exec("LOCK TABLE " + strings.Join(names, ", ") + " IN EXCLUSIVE MODE").Error
}

// empty refuses a database with data, and ends what is short-lived.
func empty(tx *gorm.DB, list []Table) error {
	for _, t := range list {
		var taken bool
		if err := tx.Raw(`SELECT EXISTS (SELECT 1 FROM "` + t.Name + `")`).Scan(&taken).Error; err != nil {
			return err
		}
		if taken {
			return fault.Conflict("database_not_empty",
				"数据库不是空的（表 %[1]s 中有数据）：请恢复到一个全新的数据库",
				"the database is not empty (the table %[1]s has rows): restore into a new database", t.Name)
		}
	}
	for _, name := range shortLived {
		if !tx.Migrator().HasTable(name) {
			continue
		}
		if err := database.Unrecorded(tx).Exec(`DELETE FROM "` + name + `"`).Error; err != nil {
			return err
		}
	}
	return nil
}

// read hands the rows of every table to its inserter and every file to put, and checks all
// counts and hashes.
func (r *Reader) read(into func(Table) (*inserter, error), put func(File) error) (Summary, error) {
	if r.used {
		return Summary{}, fault.Unavailable("restore_disturbed",
			"恢复时数据库被他人占用：请停止其他程序后重新恢复", "others used the database during the restore: stop them and restore again")
	}
	r.used = true
	s := Summary{Header: r.Header}
	for _, t := range r.Header.Tables {
		out, err := into(t)
		if err != nil {
			return s, err
		}
		count, err := r.table(t, out)
		if err != nil {
			return s, err
		}
		s.add(count)
	}
	line, err := r.files(&s, put)
	if err == nil {
		s.Trailer, err = r.lines.trailer(line, s.Trailer)
	}
	return s, err
}

// files hands the files to put, and returns the line after them. Before it the trailer of the
// summary has the hash of all lines.
func (r *Reader) files(s *Summary, put func(File) error) ([]byte, error) {
	for {
		s.Trailer.SHA256 = hex.EncodeToString(r.lines.sum.Sum(nil))
		line, err := r.lines.next()
		if err != nil || !bytes.HasPrefix(line, []byte(`{"file":`)) {
			return line, r.lines.ended(err)
		}
		var f File
		if err := r.lines.object(line, &f); err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(f.Content); !f.Lost && hex.EncodeToString(sum[:]) != f.SHA256 {
			return nil, r.lines.damaged(errors.New("the file " + f.Key + " has another hash"))
		}
		s.note(f)
		if put == nil || f.Lost {
			continue
		}
		if err := put(f); err != nil {
			return nil, err
		}
	}
}

// table reads the rows of one table and the line after them.
func (r *Reader) table(t Table, out *inserter) (Count, error) {
	want, sum := Count{Table: t.Name}, sha256.New()
	for {
		line, err := r.lines.next()
		if err != nil {
			return want, r.lines.ended(err)
		}
		if line[0] != '[' {
			var got Count
			want.SHA256 = hex.EncodeToString(sum.Sum(nil))
			if err := r.lines.object(line, &got); err != nil {
				return want, err
			}
			if got != want {
				return want, r.lines.damaged(fmt.Errorf("it says %+v, but before it stood %+v", got, want))
			}
			return want, r.refused(t, out.end())
		}
		values, err := t.parse(line)
		if err != nil {
			return want, r.lines.damaged(err)
		}
		want.Rows++
		sum.Write(line)
		if err := r.refused(t, out.add(values, len(line))); err != nil {
			return want, err
		}
	}
}

// refused returns the fault of rows that the database refuses, with their table.
func (r *Reader) refused(t Table, err error) error {
	err = database.Translate(err)
	if fault.Is(err, fault.KindConflict) || fault.Is(err, fault.KindInvalid) {
		return fault.Invalid("backup_damaged",
			"数据库拒绝接受表 %[1]s 的数据（到第 %[2]d 行），什么也没有恢复：请换一份备份",
			"the database refuses rows of the table %[1]s (up to line %[2]d), nothing was restored: take another backup", t.Name,
			r.lines.number).Because(err)
	}
	return err
}

// compare reads back what is stored now.
func compare(tx *gorm.DB, s Summary) error {
	for i, t := range s.Header.Tables {
		stored, err := t.dump(tx, func([]byte) error { return nil })
		if err != nil {
			return fmt.Errorf("read back the table %s: %w", t.Name, err)
		}
		if stored != s.Counts[i] {
			return fault.Conflict("not_restored",
				"表 %[1]s 恢复后与备份不符，已全部撤销", "the table %[1]s is not as in the backup, so nothing was restored", t.Name).
				Because(errors.New(stored.SHA256 + " is not " + s.Counts[i].SHA256))
		}
	}
	return nil
}

// maxBatch bounds the memory of one statement, for tables with large rows.
const maxBatch = 4 << 20 // bytes

// inserter inserts rows, many by one statement. A table that refers to itself is
// filled through a temporary one: both databases look at the references of a
// statement when it ends, so in one statement rows may come in any order. A nil
// inserter drops the rows.
type inserter struct {
	tx     *gorm.DB
	t      Table
	target string
	whole  int // rows of a whole batch
	args   []any
	size   int // bytes of the rows in args
}

func newInserter(tx *gorm.DB, t Table) (*inserter, error) {
	in := &inserter{tx: tx, t: t, target: `"` + t.Name + `"`, whole: min(database.Batch, 32766/len(t.Columns))}
	if !t.refersToItself {
		return in, nil
	}
	in.target = `"restoring_` + t.Name + `"`
	return in, tx.Exec("CREATE TEMPORARY TABLE " + in.target + ` AS SELECT * FROM "` + t.Name + `" WHERE false`).Error
}

func (in *inserter) add(values []any, size int) error {
	if in == nil {
		return nil
	}
	in.args, in.size = append(in.args, values...), in.size+size
	if len(in.args) < in.whole*len(in.t.Columns) && in.size < maxBatch {
		return nil
	}
	return in.flush()
}

// end inserts what is left and has PostgreSQL analyse the table: without it a later table
// that refers to this one would scan it for each row.
func (in *inserter) end() error {
	if in == nil {
		return nil
	}
	if err := in.flush(); err != nil {
		return err
	}
	if in.t.refersToItself {
		if err := in.move(); err != nil {
			return err
		}
	}
	if database.Dialect(in.tx) == database.SQLite {
		return nil
	}
	return in.tx.Exec(`ANALYZE "` + in.t.Name + `"`).Error
}

// move empties the temporary table into its own.
func (in *inserter) move() error {
	columns := quoted(in.t.Columns)
	if err := database.Unrecorded(in.tx).Exec(`INSERT INTO "` + in.t.Name + `" (` + columns + ") SELECT " + columns +
		" FROM " + in.target).Error; err != nil {
		return err
	}
	return in.tx.Exec("DROP TABLE " + in.target).Error
}

// flush goes past gorm, which would look for its own placeholders in a statement
// of thousands of them.
func (in *inserter) flush() error {
	if len(in.args) == 0 {
		return nil
	}
	statement := "INSERT INTO " + in.target + " (" + quoted(in.t.Columns) + ") VALUES " +
		placeholders(database.Dialect(in.tx), len(in.args)/len(in.t.Columns), len(in.t.Columns))
	_, err := in.tx.Statement.ConnPool.ExecContext(in.tx.Statement.Context, statement, in.args...)
	in.args, in.size = in.args[:0], 0
	return err
}

// placeholders are ($1,$2),($3,$4) for 2 rows of 2 columns. SQLite gets (?,?),(?,?):
// it would look each name up among all others, which takes longer than the rest.
func placeholders(dialect string, rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		if dialect == database.SQLite {
			b.WriteByte('?')
		} else {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(i + 1))
		}
	}
	b.WriteByte(')')
	return b.String()
}
