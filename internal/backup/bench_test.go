package backup_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
)

// BenchmarkBackup backs up and restores the demo with 200,000 entries, and beside
// it what the databases have for that themselves: VACUUM INTO writes a copy of an
// SQLite file, COPY passes the rows of the same tables out of PostgreSQL and in.
func BenchmarkBackup(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		open := func() *gorm.DB {
			return dbtest.Connect(b, dbtest.URL(b, dialect), database.Options{StatementTimeout: -1})
		}
		db := open()
		file, s := large(b, db)
		rows := func(b *testing.B) {
			b.ReportMetric(float64(s.Trailer.Rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		}
		b.Run(dialect+"/backup", func(b *testing.B) {
			for b.Loop() {
				if _, err := backup.Write(b.Context(), db, nil, io.Discard, "test"); err != nil {
					b.Fatal(err)
				}
			}
			rows(b)
			b.ReportMetric(float64(len(file))/float64(s.Trailer.Rows), "bytes/row")
		})
		b.Run(dialect+"/check", func(b *testing.B) {
			for b.Loop() {
				if err := check(file); err != nil {
					b.Fatal(err)
				}
			}
			rows(b)
		})
		b.Run(dialect+"/restore", func(b *testing.B) {
			for b.Loop() {
				if _, err := restore(b.Context(), open(), file); err != nil {
					b.Fatal(err)
				}
			}
			rows(b)
		})
		b.Run(dialect+"/native", func(b *testing.B) {
			for b.Loop() {
				if dialect == database.SQLite {
					exec(b, db, "VACUUM INTO '"+filepath.Join(b.TempDir(), fmt.Sprint("copy", b.Elapsed().Nanoseconds()))+"'")
				} else {
					copyOut(b, db, s.Header.Tables)
				}
			}
			rows(b)
		})
		if dialect == database.PostgreSQL {
			copied := copyOut(b, db, s.Header.Tables)
			b.Run(dialect+"/native_restore", func(b *testing.B) {
				for b.Loop() {
					copyIn(b, open(), s.Header.Tables, copied)
				}
				rows(b)
			})
		}
	}
}

// large is the demo with its entries doubled, as earlier revisions, until there
// are 200,000.
func large(b *testing.B, db *gorm.DB) ([]byte, backup.Summary) {
	b.Helper()
	if _, err := demo.Seed(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	_, s := write(b, db)
	var columns []string
	for _, t := range s.Header.Tables {
		for _, c := range t.Columns {
			if t.Name == "entries" {
				columns = append(columns, c.Name)
			}
		}
	}
	list := strings.Join(columns, ", ")
	for shift, rows := 1000, s.Rows("entries"); rows < 200_000; shift, rows = 2*shift, 2*rows {
		exec(b, db, "INSERT INTO entries ("+list+") SELECT "+strings.Replace(list, "revision",
			fmt.Sprint("revision + ", shift), 1)+" FROM entries")
	}
	return write(b, db)
}

func exec(b *testing.B, db *gorm.DB, statement string) {
	b.Helper()
	if err := db.Exec(statement).Error; err != nil {
		b.Fatal(err)
	}
}

func copyOut(b *testing.B, db *gorm.DB, tables []backup.Table) [][]byte {
	b.Helper()
	all := make([][]byte, len(tables))
	wire(b, db, func(c *pgconn.PgConn) error {
		for i, t := range tables {
			var out bytes.Buffer
			if _, err := c.CopyTo(b.Context(), &out, "COPY "+t.Name+" TO STDOUT"); err != nil {
				return err
			}
			all[i] = out.Bytes()
		}
		return nil
	})
	return all
}

func copyIn(b *testing.B, db *gorm.DB, tables []backup.Table, all [][]byte) {
	b.Helper()
	wire(b, db, func(c *pgconn.PgConn) error {
		for i, t := range tables {
			if _, err := c.CopyFrom(b.Context(), bytes.NewReader(all[i]), "COPY "+t.Name+" FROM STDIN"); err != nil {
				return err
			}
		}
		return nil
	})
}

// wire returns the connection to PostgreSQL below database/sql.
func wire(b *testing.B, db *gorm.DB, fn func(*pgconn.PgConn) error) {
	b.Helper()
	pool, err := db.DB()
	if err != nil {
		b.Fatal(err)
	}
	conn, err := pool.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Raw(func(c any) error { return fn(c.(*stdlib.Conn).Conn().PgConn()) }); err != nil {
		b.Fatal(err)
	}
}
