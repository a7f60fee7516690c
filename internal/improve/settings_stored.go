package improve

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
)

// StoredSettings are the settings of a town as a row. A town that has not edited
// them has version 1 of them, the defaults, and no row.
type StoredSettings struct {
	TownID   string `gorm:"primaryKey"`
	Document database.JSON[Settings]
	database.Versioned
}

// TableName is the table of StoredSettings.
func (StoredSettings) TableName() string { return "improvement_settings" }

// TownSettings are the settings as they are told.
type TownSettings struct {
	Settings  Settings   `json:"settings"`
	Version   int64      `json:"version"`              // 1 of the example that ships: who makes the first rules names it too
	CreatedAt *time.Time `json:"created_at,omitempty"` // both absent while nobody has made rules
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
} // @name ImprovementSettings

// ETag is the version as an HTTP entity tag.
func (s TownSettings) ETag() string { return database.Versioned{Version: s.Version}.ETag() }

// made reports whether there is a row.
func (stored StoredSettings) made() bool { return !stored.CreatedAt.IsZero() }

// Told is what people are told of the settings.
func (stored StoredSettings) Told() TownSettings {
	told := TownSettings{Settings: stored.Document.V, Version: stored.Version}
	if stored.made() {
		told.CreatedAt, told.UpdatedAt = &stored.CreatedAt, &stored.UpdatedAt
	}
	return told
}

// FindSettings gives the settings that hold in the town.
func FindSettings(ctx context.Context, db *gorm.DB, townID string) (StoredSettings, error) {
	stored := StoredSettings{TownID: townID}
	err := db.WithContext(ctx).Where("town_id = ?", townID).Limit(1).Find(&stored).Error
	if err == nil && stored.Version == 0 {
		stored.Version, stored.Document.V = 1, Defaults()
	}
	return stored, err
}

// UpdateSettings replaces the settings of the town. The reason is kept in the trail.
func UpdateSettings(ctx context.Context, db *gorm.DB, townID string, version int64, s Settings, reason string) (StoredSettings, error) {
	if faults := s.check(); len(faults) > 0 {
		return StoredSettings{}, fault.Broken(faults...)
	}
	var after StoredSettings
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		inForce, err := scheme.InForce(ctx, tx, townID)
		if err != nil {
			return err
		}
		if faults := s.checkRules(inForce); len(faults) > 0 {
			return fault.Broken(faults...)
		}
		before, err := FindSettings(ctx, tx, townID)
		if err != nil {
			return err
		}
		if !before.made() { // the defaults, which become a row now
			row := StoredSettings{TownID: townID, Document: before.Document, Versioned: database.Versioned{Version: 1}}
			if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
				return err
			}
		}
		change := map[string]any{"document": database.JSON[Settings]{V: s}}
		if err := database.UpdateVersioned(tx, &StoredSettings{TownID: townID}, version, change); err != nil {
			return err
		}
		if after, err = FindSettings(ctx, tx, townID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "improvement-settings.update", Subject: "improvement-settings",
			Before: before.Told(), After: after.Told(), Reason: reason,
		})
	})
	return after, err
}
