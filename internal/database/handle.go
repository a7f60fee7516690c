package database

import (
	"database/sql"
	"io/fs"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// handle is what this package keeps with a *gorm.DB. It travels as a plugin,
// the one place that every session and transaction of the handle shares.
type handle struct {
	pool        *sql.DB
	queries     *atomic.Int64
	writer      chan struct{} // SQLite: full while a transaction may write
	lockTimeout time.Duration
	migrations  fs.FS // see Options
}

const pluginName = "bulwark"

// Name makes the handle a gorm.Plugin.
func (*handle) Name() string { return pluginName }

// Initialize makes the handle a gorm.Plugin. It mends that gorm translates all
// errors but those of Rows, and so of Raw and Scan.
func (*handle) Initialize(db *gorm.DB) error {
	return db.Callback().Row().After("gorm:row").Register("bulwark:translate", func(db *gorm.DB) { db.Error = Translate(db.Error) })
}

// handleOf panics, by its type assertion, on a *gorm.DB that is not from Open.
func handleOf(db *gorm.DB) *handle { return db.Plugins[pluginName].(*handle) }
