package town

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Town is the tenant: it owns branches, schemes, periods and people.
type Town struct {
	Code        string    `gorm:"primaryKey" json:"code" example:"lishui"`
	AreaCode    string    `json:"area_code" example:"440605126"`
	Name        text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	OpenResults bool      `json:"open_results"` // anyone may read what is published, without a key
	Provenance  string    `json:"provenance"`
	database.Versioned
}

var noun = text.Text{ZH: "镇（街道）", EN: "town"}

// Find gives one town by its code.
func Find(ctx context.Context, db *gorm.DB, code string) (Town, error) {
	var t Town
	err := db.WithContext(ctx).Where("code = ?", code).Take(&t).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Town{}, fault.Missing(noun, code)
	}
	return t, err
}

// Filter narrows a list of towns; zero fields do not.
type Filter struct {
	Only  []string // these towns; none = all
	Open  bool     // towns that open their results
	Area  string   // towns in the area of this code or below it
	After string   // codes after this one
	Limit int      // 0 = all
}

// List gives the towns in the order of codes.
func List(ctx context.Context, db *gorm.DB, f Filter) ([]Town, error) {
	q := db.WithContext(ctx).Where("code > ?", f.After)
	if len(f.Only) > 0 {
		q = q.Where("code IN ?", f.Only)
	}
	if f.Area != "" { // a code begins with those above it
		q = q.Where("substr(area_code, 1, ?) = ?", len(f.Area), f.Area)
	}
	if f.Open {
		q = q.Where("open_results = ?", true)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var towns []Town
	err := q.Order("code").Find(&towns).Error
	return towns, err
}

// Create founds a town with the usual kinds of branch.
func Create(ctx context.Context, db *gorm.DB, t Town) (Town, error) {
	if faults := CheckIdentity(t.Code, t.Name); len(faults) > 0 {
		return Town{}, fault.Broken(faults...)
	}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := areaExists(tx, "/area_code", t.AreaCode); err != nil {
			return err
		}
		t.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&t).Error; err != nil {
			return Taken(err)
		}
		for _, k := range usualKinds {
			k.TownID = t.Code
			if err := tx.Create(&k).Error; err != nil {
				return err
			}
		}
		return audit.Write(ctx, tx, audit.Change{Town: t.Code, Action: "town.create", Subject: "", After: t})
	})
	return t, err
}

// Update changes name and openness if the version is still the stored one.
func Update(ctx context.Context, db *gorm.DB, code string, version int64, name text.Text, open bool) (Town, error) {
	if faults := checkName(name); len(faults) > 0 {
		return Town{}, fault.Broken(faults...)
	}
	var after Town
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx, code)
		if err != nil {
			return err
		}
		change := map[string]any{"name_zh": name.ZH, "name_en": name.EN, "open_results": open}
		if err := database.UpdateVersioned(tx, &Town{Code: code}, version, change); err != nil {
			return err
		}
		if after, err = Find(ctx, tx, code); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: code, Action: "town.update", Before: before, After: after})
	})
	return after, err
}
