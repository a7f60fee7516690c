package people

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// LiaisonOffice is a liaison office (挂钩办) of a town. It has members and is linked to
// branches, each for a term: OfficeMember and OfficeLink.
type LiaisonOffice struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	Code       string    `gorm:"primaryKey" json:"code" example:"agriculture"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Provenance string    `json:"provenance" example:"invented"`
	database.Versioned
}

// TableName of liaison offices.
func (LiaisonOffice) TableName() string { return "offices" }

// FindOffice gives one office of the town.
func FindOffice(ctx context.Context, db *gorm.DB, townID, code string) (LiaisonOffice, error) {
	var o LiaisonOffice
	err := db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code).Take(&o).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return LiaisonOffice{}, fault.Missing(text.Text{ZH: "挂钩办", EN: "liaison office"}, code)
	}
	return o, err
}

// ListOffices gives the offices of the town after the code, in the order of codes.
func ListOffices(ctx context.Context, db *gorm.DB, townID, after string, limit int) ([]LiaisonOffice, error) {
	var offices []LiaisonOffice
	err := db.WithContext(ctx).Where("town_id = ? AND code > ?", townID, after).Order("code").Limit(limit).Find(&offices).Error
	return offices, err
}

// CreateOffice adds an office to the town.
func CreateOffice(ctx context.Context, db *gorm.DB, o LiaisonOffice) (LiaisonOffice, error) {
	if faults := town.CheckIdentity(o.Code, o.Name); len(faults) > 0 {
		return LiaisonOffice{}, fault.Broken(faults...)
	}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		o.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&o).Error; err != nil {
			return town.Taken(err)
		}
		return audit.Write(ctx, tx, audit.Change{Town: o.TownID, Action: "office.create", Subject: "offices/" + o.Code, After: o})
	})
	return o, err
}

// UpdateOffice changes the name of an office if the version is still the stored one.
func UpdateOffice(ctx context.Context, db *gorm.DB, townID, code string, version int64, name text.Text) (LiaisonOffice, error) {
	if faults := town.CheckIdentity(code, name); len(faults) > 0 {
		return LiaisonOffice{}, fault.Broken(faults...)
	}
	var after LiaisonOffice
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindOffice(ctx, tx, townID, code)
		if err != nil {
			return err
		}
		change := map[string]any{"name_zh": name.ZH, "name_en": name.EN}
		if err := database.UpdateVersioned(tx, &LiaisonOffice{TownID: townID, Code: code}, version, change); err != nil {
			return err
		}
		if after, err = FindOffice(ctx, tx, townID, code); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "office.update", Subject: "offices/" + code, Before: before, After: after})
	})
	return after, err
}

// lockOffice gives the office and makes others who join or link it wait until tx
// ends: two overlapping terms must not miss each other.
func lockOffice(ctx context.Context, tx *gorm.DB, townID, code string) error {
	_, err := FindOffice(ctx, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), townID, code)
	return err
}
