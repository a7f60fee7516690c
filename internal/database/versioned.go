package database

import (
	"reflect"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/fault"
)

// Versioned is embedded by rows that people edit. Version is 1 at creation and
// grows by one with each change.
type Versioned struct {
	Version   int64     `json:"version" gorm:"default:1"` // counted from 1: see If-Match
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// ETag is the version as an HTTP entity tag, "3" in its quotes.
func (v Versioned) ETag() string { return strconv.Quote(strconv.FormatInt(v.Version, 10)) }

func (v *Versioned) versioned() *Versioned { return v }

// Row is a pointer to a struct that embeds Versioned.
type Row interface{ versioned() *Versioned }

// UpdateVersioned changes the named columns of the one row that has row's
// primary key, provided that it still has the version, raises the version and
// sets updated_at. row carries the
// key, and holds the changed columns afterwards. Errors: fault.OutOfDate when
// the stored version is another one, gorm.ErrRecordNotFound when no row has the
// key; both leave the database as it was (but not row).
func UpdateVersioned(tx *gorm.DB, row Row, version int64, columns map[string]any) error {
	key, err := keyOf(tx, row)
	if err != nil {
		return err
	}
	changes := map[string]any{"version": version + 1}
	for name, value := range columns {
		changes[name] = value
	}
	result := tx.Model(row).Where(key).Where("version = ?", version).Updates(changes)
	if result.Error != nil || result.RowsAffected == 1 {
		return result.Error
	}
	var stored int64
	if err := tx.Model(row).Where(key).Select("version").Take(&stored).Error; err != nil {
		return err
	}
	return fault.OutOfDate()
}

// keyOf is the condition on row's whole primary key. gorm's own leaves out the
// zero parts, and would so change the rows of others.
func keyOf(tx *gorm.DB, row any) (clause.Expression, error) {
	statement := &gorm.Statement{DB: tx}
	if err := statement.Parse(row); err != nil {
		return nil, err
	}
	var key []clause.Expression
	for _, field := range statement.Schema.PrimaryFields {
		value, _ := field.ValueOf(tx.Statement.Context, reflect.ValueOf(row))
		key = append(key, clause.Eq{Column: clause.Column{Name: field.DBName}, Value: value})
	}
	return clause.And(key...), nil
}
