package dbtest_test

import (
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

func TestEachGivesFreshMigratedDatabases(t *testing.T) {
	for range 2 { // what the first writes, the second must not see
		dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
			if pending, err := database.Pending(t.Context(), db); pending || err != nil {
				t.Fatalf("Pending = %v, %v", pending, err)
			}
			var before int64
			if err := db.Table("areas").Count(&before).Error; err != nil || before != 0 {
				t.Fatalf("%d areas before, %v", before, err)
			}
			if err := db.Exec(
				"INSERT INTO areas VALUES ('44', NULL, 'province', '广东', 'Guangdong', 'public')").Error; err != nil {
				t.Fatal(err)
			}
		})
	}
}
