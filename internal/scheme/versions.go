package scheme

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// State is where a version of a scheme stands in its life.
type State string

// The states. An active version never changes; at most one is active and one is
// a draft at a time.
const (
	Draft   State = "draft"
	Active  State = "active"
	Retired State = "retired"
)

// Version is one version of a scheme in a town's registry.
type Version struct {
	TownID      string     `gorm:"primaryKey" json:"-"`
	Code        string     `gorm:"primaryKey" json:"code" example:"five-forces"`
	Number      int64      `gorm:"primaryKey" json:"number" example:"1"`
	State       State      `json:"state" swaggertype:"string" enums:"draft,active,retired"`
	Name        text.Text  `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Document    Raw        `json:"document,omitempty"`
	Hash        string     `json:"hash"` // SHA-256 of the document in RFC 8785 form
	ActivatedAt *time.Time `json:"activated_at,omitempty"`
	RetiredAt   *time.Time `json:"retired_at,omitempty"`
	database.Versioned
} // @name SchemeVersion

// TableName of the versions of all schemes.
func (Version) TableName() string { return "schemes" }

// Raw is a document as canonical JSON text.
type Raw string

// MarshalJSON gives the text itself.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}

var noun = text.Text{ZH: "指标体系版本", EN: "scheme version"}

// Missing is the answer for a version that does not exist or that the caller may
// not know of.
func Missing(code string, number int64) error {
	return fault.Missing(noun, code+"/"+strconv.FormatInt(number, 10))
}

// Find gives one version of a scheme.
func Find(ctx context.Context, db *gorm.DB, townID, code string, number int64) (Version, error) {
	var v Version
	err := db.WithContext(ctx).Where("town_id = ? AND code = ? AND number = ?", townID, code, number).Take(&v).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Version{}, Missing(code, number)
	}
	return v, err
}

// Filter narrows a list of versions; zero fields do not.
type Filter struct {
	Code        string
	State       State
	NoDrafts    bool
	AfterCode   string
	AfterNumber int64
	Limit       int // 0 = all
}

// List gives versions without their documents, by code and number.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Version, error) {
	q := db.WithContext(ctx).Omit("document").Where("town_id = ?", townID).
		Where("(code > ? OR (code = ? AND number > ?))", f.AfterCode, f.AfterCode, f.AfterNumber)
	if f.Code != "" {
		q = q.Where("code = ?", f.Code)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.NoDrafts {
		q = q.Where("state <> ?", Draft)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var versions []Version
	err := q.Order("code, number").Find(&versions).Error
	return versions, err
}

// FindActive gives the active version of the scheme, or, where code is empty, of
// the scheme that was activated last.
func FindActive(ctx context.Context, db *gorm.DB, townID, code string) (Version, error) {
	q := db.WithContext(ctx).Where("town_id = ? AND state = ?", townID, Active)
	if code != "" {
		q = q.Where("code = ?", code)
	}
	var v Version
	err := q.Order("activated_at DESC, code").Take(&v).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Version{}, fault.NotFound("no_active_scheme",
			"没有启用中的指标体系：请先启用一个版本", "no scheme is in force: activate a version first")
	}
	return v, err
}

// InForce compiles the version that FindActive gives; nil where the town has none yet.
func InForce(ctx context.Context, db *gorm.DB, townID string) (*Compiled, error) {
	v, err := FindActive(ctx, db, townID, "")
	if fault.Is(err, fault.KindNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return v.Compile()
}

// Create stores the document as the next version of its scheme, a draft. A
// scheme with a draft already takes no second one: edit that.
func Create(ctx context.Context, db *gorm.DB, townID string, d Document) (Version, error) {
	var v Version
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		var last int64
		err := tx.Model(&Version{}).Where("town_id = ? AND code = ?", townID, d.Code).
			Select("COALESCE(MAX(number), 0)").Scan(&last).Error
		if err != nil {
			return err
		}
		d.Version = last + 1
		c, err := check(ctx, tx, townID, d)
		if err != nil {
			return err
		}
		v = Version{
			TownID: townID, Code: d.Code, Number: d.Version, State: Draft, Name: d.Name,
			Document: Raw(c.Canonical), Hash: c.Hash, Versioned: database.Versioned{Version: 1},
		}
		if err := tx.Create(&v).Error; err != nil {
			return draftExists(err)
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "scheme.create", Subject: subject(v), After: v})
	})
	return v, err
}

// Update replaces the document of a draft.
func Update(ctx context.Context, db *gorm.DB, townID, code string, number, version int64, d Document) (Version, error) {
	var after Version
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx, townID, code, number)
		if err != nil {
			return err
		}
		if before.State != Draft {
			return fault.Conflict("version_frozen",
				"该版本已启用或停用，不能修改：请新建一个版本", "this version is %s and never changes: create a new version", before.State)
		}
		if d.Code != code {
			return fault.Broken(fault.Field("/code", "code_fixed", "代码须为“%s”", "the code must stay %q", code))
		}
		d.Version = number
		c, err := check(ctx, tx, townID, d)
		if err != nil {
			return err
		}
		change := map[string]any{"document": Raw(c.Canonical), "hash": c.Hash, "name_zh": d.Name.ZH, "name_en": d.Name.EN}
		if err := database.UpdateVersioned(tx, &Version{TownID: townID, Code: code, Number: number}, version, change); err != nil {
			return err
		}
		if after, err = Find(ctx, tx, townID, code, number); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "scheme.update", Subject: subject(after), Before: before, After: after})
	})
	return after, err
}

// Activate puts a draft into force and retires the version that was.
func Activate(ctx context.Context, db *gorm.DB, townID, code string, number, version int64) (Version, error) {
	var after Version
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx, townID, code, number)
		if err != nil {
			return err
		}
		if before.State != Draft {
			return fault.Conflict("not_a_draft", "只有草稿可以启用", "only a draft can be activated: this version is %s", before.State)
		}
		if err := retire(ctx, tx, townID, code); err != nil {
			return err
		}
		change := map[string]any{"state": Active, "activated_at": tx.NowFunc()}
		if err := database.UpdateVersioned(tx, &Version{TownID: townID, Code: code, Number: number}, version, change); err != nil {
			return err
		}
		if after, err = Find(ctx, tx, townID, code, number); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "scheme.activate", Subject: subject(after), Before: before.State, After: after.State})
	})
	return after, err
}

func retire(ctx context.Context, tx *gorm.DB, townID, code string) error {
	active, err := FindActive(ctx, tx, townID, code)
	if fault.Is(err, fault.KindNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	row := &Version{TownID: townID, Code: code, Number: active.Number}
	err = database.UpdateVersioned(tx, row, active.Version, map[string]any{"state": Retired, "retired_at": tx.NowFunc()})
	if err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "scheme.retire", Subject: subject(active), Before: Active, After: Retired})
}

func subject(v Version) string { return fmt.Sprintf("schemes/%s/versions/%d", v.Code, v.Number) }

func draftExists(err error) error {
	if database.ConstraintOf(err) == "schemes_one_draft" || fault.Is(err, fault.KindConflict) {
		return fault.Conflict("draft_exists", "该指标体系已有草稿：请先修改或启用它", "this scheme has a draft already: edit or activate that one").Because(err)
	}
	return err
}

// check compiles the document and makes sure that the town has the kinds and
// classes it speaks of.
func check(ctx context.Context, tx *gorm.DB, townID string, d Document) (*Compiled, error) {
	c, err := Compile(d)
	if err != nil {
		return nil, err
	}
	kinds, err := town.ListKinds(ctx, tx, townID)
	if err != nil {
		return nil, err
	}
	classes, err := town.ListClasses(ctx, tx, townID)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, k := range kinds {
		known["kinds/"+k.Code] = true
	}
	for _, k := range classes {
		known["classes/"+k.Code] = true
	}
	if faults := unknownCategories("/tree", d.Tree, known); len(faults) > 0 {
		return nil, fault.Broken(faults...)
	}
	return c, nil
}

func unknownCategories(at string, n Node, known map[string]bool) []fault.FieldError {
	var faults []fault.FieldError
	look := func(facet string, codes []string) {
		for i, code := range codes {
			if !known[facet+"/"+code] {
				faults = append(faults, fault.Field(fmt.Sprintf("%s/applies_to/%s/%d", at, facet, i), "unknown_category",
					"本镇没有“%s”", "this town has no %q among its %[2]s", code, facet))
			}
		}
	}
	if n.AppliesTo != nil {
		look("kinds", n.AppliesTo.Kinds)
		look("classes", n.AppliesTo.Classes)
	}
	for i, child := range n.Children {
		faults = append(faults, unknownCategories(fmt.Sprintf("%s/children/%d", at, i), child, known)...)
	}
	return faults
}
