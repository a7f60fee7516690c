package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// at calls fn once, at the first byte that is written to it.
type at struct {
	bytes.Buffer
	fn   func()
	once sync.Once
}

func (w *at) Write(p []byte) (int, error) {
	w.once.Do(w.fn)
	return w.Buffer.Write(p)
}

// What others store while a backup is written waits for the next backup: it is
// in no table, however late the table comes.
func TestABackupIsOfOneMoment(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		grow(t, db, 0, 50)
		wrote := at{fn: func() { grow(t, db, 50, 80) }}
		s, err := backup.Write(t.Context(), db, nil, &wrote, "test")
		if err != nil || s.Rows("kinds") != 50 || s.Rows("classes") != 50 {
			t.Fatalf("%d kinds, %d classes, %v; want the 50 of the beginning", s.Rows("kinds"), s.Rows("classes"), err)
		}
		if err := check(wrote.Bytes()); err != nil {
			t.Error(err)
		}
		if _, s := write(t, db); s.Rows("kinds") != 80 {
			t.Errorf("afterwards %d kinds, want 80", s.Rows("kinds"))
		}
	})
}

// Many writers at once: each stores a kind and a class together, so a backup
// that has not as many of one as of the other is of no one moment.
func TestABackupWhileManyWrite(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		grow(t, db, 0, 1)
		ctx, stop := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		for w := range 3 {
			writers.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					if err := pair(ctx, db, fmt.Sprintf("w%d-%d", w, i)); err != nil && ctx.Err() == nil {
						t.Error(err)
						return
					}
				}
			})
		}
		var first, last int64
		for range 20 {
			file, s := write(t, db)
			if s.Rows("kinds") != s.Rows("classes") {
				t.Errorf("%d kinds, %d classes", s.Rows("kinds"), s.Rows("classes"))
			}
			if err := check(file); err != nil {
				t.Error(err)
			}
			last = s.Rows("kinds")
			if first == 0 {
				first = last
			}
		}
		stop()
		writers.Wait()
		if last == first {
			t.Error("nobody wrote meanwhile")
		}
	})
}

// grow returns the database the kinds and classes of these numbers, in one town.
func grow(t testing.TB, db *gorm.DB, from, until int) {
	t.Helper()
	err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
		if from == 0 {
			if err := tx.Create(&town.Area{Code: "44", Level: "province"}).Error; err != nil {
				return err
			}
			if err := tx.Create(&town.Town{
				Code: "demo", AreaCode: "44", Limits: town.Limits{OpenProposals: 10, RunsPerLock: 20},
				Safeguards: town.Safeguards{SecondPerson: town.SecondRequired},
			}).Error; err != nil {
				return err
			}
		}
		kinds, classes := make([]town.Kind, until-from), make([]town.Class, until-from)
		for i := range kinds {
			code := fmt.Sprintf("k%08d", from+i)
			kinds[i] = town.Kind{TownID: "demo", Code: code, Name: text.Same("战斗力指数 " + code), Provenance: "invented"}
			classes[i] = town.Class{TownID: "demo", Code: code, Name: text.Same("战斗力指数 " + code), Provenance: "invented"}
		}
		return errors.Join(tx.CreateInBatches(kinds, database.Batch).Error, tx.CreateInBatches(classes, database.Batch).Error)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func pair(ctx context.Context, db *gorm.DB, code string) error {
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := tx.Create(&town.Kind{TownID: "demo", Code: code}).Error; err != nil {
			return err
		}
		return tx.Create(&town.Class{TownID: "demo", Code: code}).Error
	})
}

// gauge measures, each time that something passes through it, how much memory is
// in use.
type gauge struct{ most uint64 }

func (g *gauge) take() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	g.most = max(g.most, m.HeapAlloc)
}

func (g *gauge) Write(p []byte) (int, error) { g.take(); return len(p), nil }

type gauged struct {
	*gauge
	in io.Reader
}

func (g gauged) Read(p []byte) (int, error) {
	g.take()
	return g.in.Read(p)
}

// inUse is the memory that backing up the database takes, and restoring it.
func inUse(t *testing.T, db *gorm.DB) (writing, reading uint64) {
	t.Helper()
	var out, in gauge
	if _, err := backup.Write(t.Context(), db, nil, &out, "test"); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "a") // on disk: in memory it would count
	err := backup.Create(name, false, func(w io.Writer) error {
		_, err := backup.Write(t.Context(), db, nil, w, "test")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := backup.Open(gauged{&in, file})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Restore(t.Context(), dbtest.Owner(t, dbtest.Open(t, database.Dialect(db))), nil); err != nil {
		t.Fatal(err)
	}
	return out.most, in.most
}

// alone runs a test on one database after the other: both share the memory.
func alone(t *testing.T, fn func(t *testing.T, db *gorm.DB)) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) { fn(t, dbtest.Owner(t, dbtest.Open(t, dialect))) })
	}
}

// Twenty times as many rows take no more memory, neither to back up nor to
// restore.
func TestMemoryDoesNotGrowWithTheRows(t *testing.T) {
	alone(t, func(t *testing.T, db *gorm.DB) {
		grow(t, db, 0, 1000)
		writing, reading := inUse(t, db)
		grow(t, db, 1000, 20_000)
		writing2, reading2 := inUse(t, db)
		const slack = 3 << 20
		if writing2 > writing+slack || reading2 > reading+slack {
			t.Errorf("bytes in use: writing %d, then %d; reading %d, then %d", writing, writing2, reading, reading2)
		}
	})
}

// Many rows go into one statement, but not many large ones.
func TestMemoryDoesNotGrowWithLargeRows(t *testing.T) {
	alone(t, func(t *testing.T, db *gorm.DB) {
		grow(t, db, 0, 1)
		noise := rand.New(rand.NewPCG(1, 2))
		add := func(rows int) {
			for range rows {
				large := make([]byte, 100_000)
				for i := range large {
					large[i] = byte(' ' + noise.IntN(90))
				}
				if err := db.Create(&town.Kind{
					TownID: "demo", Code: string(large[:40]),
					Name: text.Same(string(large)),
				}).Error; err != nil {
					t.Fatal(err)
				}
			}
		}
		add(30)
		_, reading := inUse(t, db)
		add(120)
		if _, more := inUse(t, db); more > reading+10<<20 {
			t.Errorf("bytes in use: %d, then %d; 30 MB were restored", reading, more)
		}
	})
}

// A row that a reader would refuse is not written, and one that has no end is
// not read into memory.
func TestRowsAreBounded(t *testing.T) {
	db := dbtest.Owner(t, dbtest.Open(t, database.SQLite))
	grow(t, db, 0, 1)
	if err := db.Create(&town.Kind{
		TownID: "demo", Code: "long",
		Name: text.Same(strings.Repeat("x", 200_000)),
	}).Error; err != nil {
		t.Fatal(err)
	}
	file, _ := write(t, db)
	defer backup.LimitLines(150_000)()
	if _, err := backup.Write(t.Context(), db, nil, io.Discard, "test"); err == nil ||
		!strings.Contains(err.Error(), "back up the table kinds: row 2: a row of more") {
		t.Errorf("written: %v", err)
	}
	if err := check(file); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "a row of more than") {
		t.Errorf("read: %v", err)
	}
}

// A backup that is broken off, or cannot be written, leaves no file and nothing
// running behind.
func TestNoHalfFileStays(t *testing.T) {
	db := dbtest.Owner(t, dbtest.Open(t, database.SQLite))
	grow(t, db, 0, 20_000)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := t.TempDir()
	name := filepath.Join(folder, "a")
	full := errors.New("no space left")
	for what, c := range map[string]struct {
		spoil func(w io.Writer, stop func()) io.Writer
		want  error
	}{
		"cancelled": {func(w io.Writer, stop func()) io.Writer {
			return io.MultiWriter(w, &at{fn: stop})
		}, context.Canceled},
		"full": {func(w io.Writer, _ func()) io.Writer {
			return &limited{w, 5000, full}
		}, full},
	} {
		ctx, stop := context.WithCancel(t.Context())
		var there bool
		err := backup.Create(name, false, func(w io.Writer) error {
			_, err := os.Stat(name + ".partial")
			there = err == nil
			_, err = backup.Write(ctx, db, nil, c.spoil(w, stop), "test")
			return err
		})
		stop()
		if left, _ := os.ReadDir(folder); !errors.Is(err, c.want) || !there || len(left) != 0 {
			t.Errorf("%s: %v, left behind %v", what, err, left)
		}
	}
}

// limited is a disk that is full after some bytes.
type limited struct {
	io.Writer
	left int
	full error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, l.full
	}
	return l.Writer.Write(p)
}

// Two restore at once: one wins, the other is told, and the rows are there once.
func TestOneOfTwoRestoresWins(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		grow(t, db, 0, 2000)
		file, wrote := write(t, db)
		target := dbtest.Owner(t, dbtest.Open(t, database.Dialect(db)))
		var won sync.Map
		var both sync.WaitGroup
		for i := range 2 {
			both.Go(func() {
				_, err := restore(t.Context(), target, file)
				if err == nil {
					won.Store(i, true)
				} else if !fault.Is(err, fault.KindConflict) || !strings.Contains(err.Error(), "is not empty") {
					t.Error(err)
				}
			})
		}
		both.Wait()
		winners := 0
		won.Range(func(any, any) bool { winners++; return true })
		if _, s := write(t, target); winners != 1 || s.Trailer.Rows != wrote.Trailer.Rows {
			t.Errorf("%d won, %d rows", winners, s.Trailer.Rows)
		}
	})
}
