package database_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
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
