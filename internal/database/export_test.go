package database

import (
	"context"

	"gorm.io/gorm"
)

var CheckServer = checkServer

// MigrateBack takes back every migration behind that of the number. No command
// does: to go back in earnest is to restore the backup from before the upgrade.
func MigrateBack(ctx context.Context, db *gorm.DB, version int64) error {
	p, err := provider(db)
	if err == nil {
		_, err = p.DownTo(ctx, version)
	}
	return err
}
