// Package town holds areas, towns, branches and their lifespans.
package town

import (
	"context"
	"errors"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Area is one node of the administrative tree, by statistical code.
type Area struct {
	Code       string    `gorm:"primaryKey" json:"code" example:"440605126"`
	ParentCode *string   `json:"parent_code,omitempty" example:"440605"`
	Level      string    `json:"level" example:"town" enums:"province,city,district,town"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Provenance string    `json:"provenance" example:"public statistical list 2021"`
}

// ListAreas gives every area after the code, in the order of codes, at most limit.
func ListAreas(ctx context.Context, db *gorm.DB, after string, limit int) ([]Area, error) {
	var areas []Area
	err := db.WithContext(ctx).Where("code > ?", after).Order("code").Limit(limit).Find(&areas).Error
	return areas, err
}

// FindArea gives one area by its code.
func FindArea(ctx context.Context, db *gorm.DB, code string) (Area, error) {
	var a Area
	err := db.WithContext(ctx).Where("code = ?", code).Take(&a).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Area{}, fault.Missing(text.Text{ZH: "区划", EN: "area"}, code)
	}
	return a, err
}

// digits of a statistical code at each level of the tree, as GB/T 10114 counts
// them: two for the province, two for the city, two for the district, three for
// the town.
var digits = map[string]int{"province": 2, "city": 4, "district": 6, "town": 9}

// CreateArea adds a node at the top or below an existing parent, whose code its
// own begins with.
func CreateArea(ctx context.Context, db *gorm.DB, a Area) (Area, error) {
	if faults := append(checkArea(a), checkName(a.Name)...); len(faults) > 0 {
		return Area{}, fault.Broken(faults...)
	}
	return a, database.InTx(ctx, db, func(tx *gorm.DB) error {
		if a.ParentCode != nil {
			if err := areaExists(tx, "/parent_code", *a.ParentCode); err != nil {
				return err
			}
		}
		if err := tx.Create(&a).Error; err != nil {
			return Taken(err)
		}
		return audit.Write(ctx, tx, audit.Change{Action: "area.create", Subject: "areas/" + a.Code, After: a})
	})
}

func checkArea(a Area) []fault.FieldError {
	n, ok := digits[a.Level]
	switch {
	case !ok:
		return []fault.FieldError{fault.Field("/level", "unknown_level",
			"层级须为 province、city、district 或 town", "the level is province, city, district or town")}
	case len(a.Code) != n || strings.Trim(a.Code, "0123456789") != "":
		return []fault.FieldError{fault.Field("/code", "bad_code", "该层级的统计代码须为 %d 位数字", "a statistical code of this level has %d digits", n)}
	case a.ParentCode != nil && (*a.ParentCode == a.Code || !strings.HasPrefix(a.Code, *a.ParentCode)):
		return []fault.FieldError{fault.Field("/parent_code", "not_a_parent",
			"代码须以上级代码开头", "the code does not begin with that of the parent")}
	}
	return nil
}

// areaExists faults the place that names an area which is not there.
func areaExists(tx *gorm.DB, at, code string) error {
	found, err := exists(tx.Model(&Area{}).Where("code = ?", code))
	if err == nil && !found {
		err = fault.Broken(fault.Field(at, "unknown_area", "没有统计代码为“%s”的区划", "there is no area with the code %q", code))
	}
	return err
}
