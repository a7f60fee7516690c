package dbtest_test

import (
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// What was committed is there after the server was killed, and it can be killed
// again.
func TestAKilledServerStartsAgain(t *testing.T) {
	m := dbtest.NewKillableServer(t)
	if err := database.Migrate(t.Context(), m.URL(), database.Options{}); err != nil {
		t.Fatal(err)
	}
	for round := range int64(2) {
		db := dbtest.Connect(t, m.URL(), database.Options{})
		if err := db.Exec("INSERT INTO areas VALUES (?, NULL, 'province', 'a', 'a', 'public')", string(rune('1'+round))+"0").Error; err != nil {
			t.Fatal(err)
		}
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := db.Exec("SELECT 1").Error; err == nil {
			t.Error("a killed server answers")
		}
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		var n int64
		if err := dbtest.Connect(t, m.URL(), database.Options{}).Table("areas").Count(&n).Error; err != nil || n != round+1 {
			t.Errorf("%d areas, %v", n, err)
		}
	}
}
