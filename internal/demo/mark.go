package demo

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Mark is the one row that marks a database of the demo. It is written
// before anything else, so that a demo that was broken off can be taken up again.
type Mark struct {
	Code string `gorm:"primaryKey"`
}

// TableName returns the table of the mark.
func (Mark) TableName() string { return marks }

const marks = "demo_marks"

// Owned reports whether the demo made the database. A database that it did not make and
// that is not empty, which includes one with tables of other programs, is a fault.
// Owned writes nothing.
func Owned(ctx context.Context, db *gorm.DB) (own bool, err error) {
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		own, err = owned(tx)
		return err
	})
	return own, err
}

func owned(tx *gorm.DB) (bool, error) {
	tables, err := database.Tables(tx)
	if err != nil || len(tables) == 0 {
		return false, err
	}
	if !slices.Contains(tables, marks) {
		return false, notOurs()
	}
	var marked int64
	if err := tx.Model(&Mark{}).Count(&marked).Error; err != nil || marked > 0 {
		return err == nil, err
	}
	for _, table := range tables {
		var taken bool
		if err := tx.Raw(`SELECT EXISTS (SELECT 1 FROM "` + table + `")`).Scan(&taken).Error; err != nil {
			return false, err
		}
		if taken {
			return false, notOurs()
		}
	}
	return false, nil
}

// claim marks an empty database. On PostgreSQL it locks the tables before it looks, so
// that nobody fills them between the look and the mark; SQLite has one writer at a time.
func claim(ctx context.Context, db *gorm.DB) error {
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		own, err := owned(tx)
		if err != nil || own {
			return err
		}
		if err := lockTables(tx); err != nil {
			return err
		}
		if own, err = owned(tx); err != nil || own {
			return err
		}
		if err := tx.Create(&Mark{Code: "demo"}).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Action: "demo.begin"})
	})
}

func lockTables(tx *gorm.DB) error {
	if database.Dialect(tx) == database.SQLite {
		return nil
	}
	tables, err := database.Tables(tx)
	for _, table := range tables {
		if err == nil {
			err = tx.Exec(`LOCK TABLE "` + table + `" IN EXCLUSIVE MODE`).Error
		}
	}
	return err
}

func notOurs() error {
	return fault.Conflict("demo_not_ours",
		"数据库中已有数据，且不是演示程序建立的，未作任何改动：请用 --data 指定一个新文件夹，或用 --database 指定一个空数据库",
		"the database holds data that the demo did not create, and nothing was changed: name a new folder with --data, "+
			"or an empty database with --database")
}
