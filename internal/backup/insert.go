package backup

import (
	"strconv"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/database"
)

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

// end inserts what is left and tells PostgreSQL how large the table is now: it
// would go through all of it for each row of a later table that refers to it.
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
	if err := in.tx.Exec(`INSERT INTO "` + in.t.Name + `" (` + columns + ") SELECT " + columns + " FROM " + in.target).Error; err != nil {
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
