package database_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
)

func TestLogShowsStatementsWithoutParameters(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		var out bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, dialect)), database.Options{Logger: log})
		createNotes(t, db)
		secret := note{TownID: "hunter2", Code: "hunter2", Text: "hunter2"}
		for range 2 { // the second breaks the key
			_ = db.Create(&secret).Error
		}
		_ = db.Exec("SELECT nonsense WHERE ? = ?", "hunter2", "hunter2").Error
		_ = db.Debug().Where("text = ?", "hunter2").Find(&[]note{}).Error
		for _, want := range []string{"INSERT INTO", "failed statement", "nonsense"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: the log lacks %q:\n%s", dialect, want, out.String())
			}
		}
		if strings.Contains(out.String(), "hunter2") {
			t.Errorf("%s: the log shows a parameter:\n%s", dialect, out.String())
		}
	}
}

// A slow statement is logged with its time in milliseconds and what names its request.
func TestSlowStatementsNameTheirRequest(t *testing.T) {
	type key struct{}
	var out bytes.Buffer
	db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, database.PostgreSQL)), database.Options{
		Logger: slog.New(slog.NewJSONHandler(&out, nil)),
		Attributes: func(ctx context.Context) []slog.Attr {
			return []slog.Attr{slog.Any("request_id", ctx.Value(key{}))}
		},
	})
	ctx := context.WithValue(t.Context(), key{}, "r-1")
	err := database.InTx(ctx, db, func(tx *gorm.DB) error { return tx.Exec("SELECT pg_sleep(0.6)").Error })
	if err != nil {
		t.Fatal(err)
	}
	var line struct {
		Msg       string
		TookMS    float64 `json:"took_ms"`
		RequestID string  `json:"request_id"`
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "slow statement" || line.TookMS < 600 ||
		line.TookMS > 60_000 || line.RequestID != "r-1" {
		t.Errorf("logged %s, %v", out.String(), err)
	}
}

// A database that is only to be read refuses every change, also after a snapshot was read,
// while others go on writing.
func TestQueryOnly(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		url := dbtest.AsOwner(t, dbtest.URL(t, dialect))
		writer, reader := dbtest.Connect(t, url, database.Options{}),
			dbtest.Connect(t, url, database.Options{QueryOnly: true, MaxConns: 1})
		createNotes(t, writer)
		for range 2 {
			if err := database.InTx(t.Context(), writer, func(tx *gorm.DB) error {
				return tx.Create(&note{TownID: "a", Code: database.NewID(), Text: "x"}).Error
			}); err != nil {
				t.Fatal(err)
			}
			var seen int64
			if err := database.ReadTx(t.Context(), reader,
				func(tx *gorm.DB) error { return tx.Model(&note{}).Count(&seen).Error }); err != nil || seen == 0 {
				t.Errorf("%s: %d rows, %v", dialect, seen, err)
			}
			if err := reader.Create(&note{TownID: "b", Code: "b", Text: "b"}).Error; !fault.Is(err, fault.KindUnavailable) {
				t.Errorf("%s: a change: %v", dialect, err)
			}
		}
	}
}

// That the disk is full is remembered.
func TestOutOfSpace(t *testing.T) {
	db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, database.SQLite)), database.Options{MaxConns: 1})
	createNotes(t, db)
	if at := database.OutOfSpace(db); !at.IsZero() {
		t.Errorf("full at %v", at)
	}
	if err := db.Exec("PRAGMA max_page_count = 1").Error; err != nil { // SQLite takes no less than it has
		t.Fatal(err)
	}
	err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
		return tx.Create(&note{TownID: "a", Code: "a", Text: strings.Repeat("x", 1<<20)}).Error
	})
	if !fault.Is(err, fault.KindUnavailable) || time.Since(database.OutOfSpace(db)) > time.Minute {
		t.Errorf("%v, full at %v", err, database.OutOfSpace(db))
	}
}
