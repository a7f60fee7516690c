// Package town holds areas, towns, their kinds and classes of branch, and branches with
// their lifespans.
package town

import (
	"cmp"
	"context"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

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

	RequireSignature bool `json:"require_signature"` // nothing is published that no key of the installation signs

	Provenance string `json:"provenance,omitempty"`
	Limits
	Safeguards
	database.Versioned
}

// Safeguards are what keeps one person of a town from deciding alone what is published.
type Safeguards struct {
	// required: what one person proposes to publish or amend, another one confirms
	SecondPerson string `json:"second_person" enums:"required,none" example:"required"`
	// days after the first publication in which a result can be amended; 0: until it is final
	AmendmentDays int64 `json:"amendment_days" example:"90"`
	// the least share of branches with a score, 0 to 1, with which a result is published without force
	LeastScored float64 `json:"least_scored" example:"0.8"`
}

// UsualLeastScored is the least share of branches with a score of a town that sets none.
const UsualLeastScored = 0.8

// The settings of SecondPerson. A new town has SecondRequired.
const (
	SecondRequired = "required"
	SecondNone     = "none"
)

// maxAmendmentDays bounds AmendmentDays.
const maxAmendmentDays = 3650

func (s Safeguards) checkSafeguards() (faults []fault.FieldError) {
	if s.SecondPerson != SecondRequired && s.SecondPerson != SecondNone {
		faults = append(faults, fault.Field("/second_person", "unknown_setting",
			"请用需要两人（required）或无须两人（none）", "use required or none"))
	}
	if s.AmendmentDays < 0 || s.AmendmentDays > maxAmendmentDays {
		faults = append(faults, fault.Field("/amendment_days", "out_of_range",
			"须为 0–%d 天", "it must be 0–%d days", maxAmendmentDays))
	}
	if !(s.LeastScored >= 0 && s.LeastScored <= 1) { // NaN neither
		faults = append(faults, fault.Field("/least_scored", "out_of_range", "须在 0–1 之间", "it must be 0–1"))
	}
	return faults
}

// Limits are the numbers that keep one person from burying a town in work, and the least
// of public notice.
type Limits struct {
	// the most adjustments of one person about one branch that wait for a decision
	OpenProposals int64 `json:"open_proposals" example:"10"`
	// the most runs of a period between its lock and its publication
	RunsPerLock int64 `json:"runs_per_lock" example:"20"`
	NoticeFloor int64 `json:"notice_floor" example:"3"` // the fewest days of public notice that a period may have
}

// usualLimits are those of a town that sets none.
var usualLimits = Limits{OpenProposals: 10, RunsPerLock: 20}

// The bounds of limits.
const (
	maxLimit  = 1000
	maxNotice = 90
)

// or returns the limits with those of other where one is 0. No floor is 0 itself.
func (l Limits) or(other Limits) Limits {
	l.OpenProposals, l.RunsPerLock = cmp.Or(l.OpenProposals, other.OpenProposals), cmp.Or(l.RunsPerLock, other.RunsPerLock)
	return l
}

func (l Limits) check() (faults []fault.FieldError) {
	for _, x := range []struct {
		at             string
		n, least, most int64
	}{
		{"/open_proposals", l.OpenProposals, 1, maxLimit},
		{"/runs_per_lock", l.RunsPerLock, 1, maxLimit},
		{"/notice_floor", l.NoticeFloor, 0, maxNotice},
	} {
		if x.n < x.least || x.n > x.most {
			faults = append(faults, fault.Field(x.at, "out_of_range", "须在 %d–%d 之间", "it must be %d–%d", x.least, x.most))
		}
	}
	return faults
}

var noun = text.Text{ZH: "镇（街道）", EN: "town"}

// Find returns one town by its code.
func Find(ctx context.Context, db *gorm.DB, code string) (Town, error) {
	return database.Take[Town](db.WithContext(ctx).Where("code = ?", code), noun, code)
}

// Filter narrows a list of towns; zero fields do not.
type Filter struct {
	Only  []string // these towns and those that open their results; none = all
	Open  bool     // towns that open their results
	Area  string   // towns in the area of this code or below it
	After string   // codes after this one
	Limit int      // 0 = all
}

// List returns the towns in the order of codes.
func List(ctx context.Context, db *gorm.DB, f Filter) ([]Town, error) {
	q := db.WithContext(ctx).Where("code > ?", f.After)
	if len(f.Only) > 0 {
		q = q.Where("(code IN ? OR open_results = ?)", f.Only, true)
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
	t.Limits, t.SecondPerson = t.or(usualLimits), cmp.Or(t.SecondPerson, SecondRequired)
	faults := append(CheckIdentity(t.Code, t.Name), append(t.check(), t.checkSafeguards()...)...)
	if len(faults) > 0 {
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

// Authority is why a town is changed, and whether an administrator does it.
type Authority struct {
	Reason        string // needed to lower the floor of public notice, and to change the safeguards
	Administrator bool   // who alone lowers it
	// asked, with the town held, where the safeguards change
	Guard func(tx *gorm.DB) error
}

// refuseUnguarded refuses a change of the safeguards that the guard refuses or that has no
// reason.
func (a Authority) refuseUnguarded(tx *gorm.DB, from, to Safeguards) error {
	if from == to {
		return nil
	}
	if err := a.Guard(tx); err != nil {
		return err
	}
	if a.Reason == "" {
		return fault.Broken(fault.Field("/reason", "reason_needed",
			"更改双人公布、更正期限或公布所需的得分比例须说明理由",
			"say why the second person, the days of amendments or the least share of scored branches changes"))
	}
	return nil
}

// refuseLowering refuses a lower floor of public notice without a reason, and by others
// than administrators.
func (a Authority) refuseLowering(from, to Limits) error {
	switch {
	case to.NoticeFloor >= from.NoticeFloor:
		return nil
	case !a.Administrator:
		return fault.Forbidden("floor_of_notice",
			"公示天数下限只能由系统管理员降低", "only an administrator lowers the least days of public notice")
	case a.Reason == "":
		return fault.Broken(fault.Field("/reason", "reason_needed", "请说明理由", "give a reason"))
	}
	return nil
}

// Update changes name, settings and limits to those of next if its version is still the
// stored one.
func Update(ctx context.Context, db *gorm.DB, next Town, by Authority) (Town, error) {
	if faults := append(checkName(next.Name), append(next.check(), next.checkSafeguards()...)...); len(faults) > 0 {
		return Town{}, fault.Broken(faults...)
	}
	var after Town
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), next.Code)
		if err != nil {
			return err
		}
		if err := by.refuseLowering(before.Limits, next.Limits); err != nil {
			return err
		}
		if err := by.refuseUnguarded(tx, before.Safeguards, next.Safeguards); err != nil {
			return err
		}
		change := map[string]any{
			"second_person": next.SecondPerson, "amendment_days": next.AmendmentDays,
			"least_scored": next.LeastScored,
			"name_zh":      next.Name.ZH, "name_en": next.Name.EN, "open_results": next.OpenResults,
			"require_signature": next.RequireSignature, "open_proposals": next.OpenProposals,
			"runs_per_lock": next.RunsPerLock, "notice_floor": next.NoticeFloor,
		}
		if err := database.UpdateVersioned(tx, &Town{Code: next.Code}, next.Version, change); err != nil {
			return err
		}
		if after, err = Find(ctx, tx, next.Code); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: next.Code, Action: "town.update", Before: before, After: after, Reason: by.Reason,
		})
	})
	return after, err
}

// Area is one node of the administrative tree, by statistical code.
type Area struct {
	Code       string    `gorm:"primaryKey" json:"code" example:"440605126"`
	ParentCode *string   `json:"parent_code,omitempty" example:"440605"`
	Level      string    `json:"level" example:"town" enums:"province,city,district,town"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Provenance string    `json:"provenance,omitempty" example:"public statistical list 2021"`
}

// ListAreas returns every area after the code, in the order of codes, at most limit.
func ListAreas(ctx context.Context, db *gorm.DB, after string, limit int) ([]Area, error) {
	var areas []Area
	err := db.WithContext(ctx).Where("code > ?", after).Order("code").Limit(limit).Find(&areas).Error
	return areas, err
}

// FindArea returns one area by its code.
func FindArea(ctx context.Context, db *gorm.DB, code string) (Area, error) {
	return database.Take[Area](db.WithContext(ctx).Where("code = ?", code), text.Text{ZH: "区划", EN: "area"}, code)
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
			"层级须为省（province）、市（city）、区县（district）或镇街（town）", "the level is province, city, district or town")}
	case len(a.Code) != n || strings.Trim(a.Code, "0123456789") != "":
		return []fault.FieldError{fault.Field("/code", "bad_code",
			"该层级的统计代码须为 %d 位数字", "a statistical code of this level has %d digits", n)}
	case a.ParentCode != nil && (*a.ParentCode == a.Code || !strings.HasPrefix(a.Code, *a.ParentCode)):
		return []fault.FieldError{fault.Field("/parent_code", "not_a_parent",
			"代码须以上级代码开头", "the code does not begin with that of the parent")}
	}
	return nil
}

// areaExists refuses an area that is not there, at the place that names it.
func areaExists(tx *gorm.DB, at, code string) error {
	found, err := exists(tx.Model(&Area{}).Where("code = ?", code))
	if err == nil && !found {
		err = fault.Broken(fault.Field(at, "unknown_area", "没有统计代码为“%s”的区划", "there is no area with the code %q", code))
	}
	return err
}

// Kind is a kind of branch: village, community, enterprise … A town adds its own.
type Kind struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	Code       string    `gorm:"primaryKey" json:"code" example:"village"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Provenance string    `json:"provenance,omitempty"`
} // @name BranchKind

// Class is the peer group that ranks together.
type Class struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	Code       string    `gorm:"primaryKey" json:"code" example:"rural"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Provenance string    `json:"provenance,omitempty"`
} // @name BranchClass

var usualKinds = []Kind{
	{Code: "village", Name: text.Text{ZH: "村", EN: "village"}, Provenance: "default"},
	{Code: "community", Name: text.Text{ZH: "社区", EN: "community"}, Provenance: "default"},
	{Code: "cooperative", Name: text.Text{ZH: "经济社", EN: "cooperative"}, Provenance: "default"},
	{Code: "enterprise", Name: text.Text{ZH: "两新组织", EN: "enterprise"}, Provenance: "default"},
	{Code: "agency", Name: text.Text{ZH: "机关", EN: "agency"}, Provenance: "default"},
}

// ListKinds returns the kinds of the town in the order of codes.
func ListKinds(ctx context.Context, db *gorm.DB, townID string) ([]Kind, error) {
	var kinds []Kind
	err := db.WithContext(ctx).Where("town_id = ?", townID).Order("code").Find(&kinds).Error
	return kinds, err
}

// CreateKind adds a kind to the town.
func CreateKind(ctx context.Context, db *gorm.DB, k Kind) (Kind, error) {
	return k, createCategory(ctx, db, category{k.TownID, "kind", "kinds/", k.Code, k.Name}, &k)
}

// ListClasses returns the classes of the town in the order of codes.
func ListClasses(ctx context.Context, db *gorm.DB, townID string) ([]Class, error) {
	var classes []Class
	err := db.WithContext(ctx).Where("town_id = ?", townID).Order("code").Find(&classes).Error
	return classes, err
}

// CreateClass adds a class to the town.
func CreateClass(ctx context.Context, db *gorm.DB, c Class) (Class, error) {
	return c, createCategory(ctx, db, category{c.TownID, "class", "classes/", c.Code, c.Name}, &c)
}

// category is a new kind or class.
type category struct {
	town, facet, path, code string
	name                    text.Text
}

func createCategory(ctx context.Context, db *gorm.DB, c category, row any) error {
	if faults := CheckIdentity(c.code, c.name); len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := tx.Create(row).Error; err != nil {
			return Taken(err)
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: c.town, Action: c.facet + ".create", Subject: c.path + c.code, After: row,
		})
	})
}

// maxName is the most characters of a name: longer ones break every table.
const maxName = 200

// CheckIdentity returns what is wrong with the members /code and /name of a thing that
// people know by them: a code that cannot be in a URL, a name that is absent or too long.
func CheckIdentity(code string, name text.Text) []fault.FieldError {
	return append(checkCode(code), checkName(name)...)
}

func checkCode(code string) []fault.FieldError {
	if text.IsCode(code) {
		return nil
	}
	return []fault.FieldError{fault.BadCode("/code")}
}

func checkName(name text.Text) (faults []fault.FieldError) {
	if name.IsZero() {
		return []fault.FieldError{fault.Field("/name", "required", "请填写名称", "give a name")}
	}
	for _, part := range []struct{ at, words string }{{"/name/zh", name.ZH}, {"/name/en", name.EN}} {
		if f, hidden := fault.Unprintable(part.at, part.words, false); hidden {
			faults = append(faults, f)
		}
		if utf8.RuneCountInString(part.words) > maxName {
			faults = append(faults, fault.Field(part.at, "too_long", "名称不超过 %d 个字", "a name has at most %d characters", maxName))
		}
	}
	return faults
}

// exists reports whether the query finds a row.
func exists(query *gorm.DB) (bool, error) {
	var n int64
	err := query.Limit(1).Count(&n).Error
	return n > 0, err
}

// Taken turns the conflict of a new row's key into a refusal that names the code which
// another row has already; other errors stay.
func Taken(err error) error {
	if !fault.Is(err, fault.KindConflict) {
		return err
	}
	at := "/code"
	switch constraint := database.ConstraintOf(err); {
	case strings.Contains(constraint, "statistical_code"):
		at = "/statistical_code"
	case !strings.HasSuffix(constraint, "_pkey") && !strings.HasSuffix(constraint, "_code_lower"):
		return err
	}
	return fault.Conflict("already_exists", "该代码已被使用", "this code is taken").
		With(fault.Field(at, "taken", "已被使用（不分大小写）：请另取一个",
			"it is taken, in capital or small letters: choose another")).Because(err)
}

// RenameArea corrects the name of an area.
func RenameArea(ctx context.Context, db *gorm.DB, a Area, reason string) (Area, error) {
	return renamed(ctx, db, audit.Change{Action: "area.rename", Subject: "areas/" + a.Code, Reason: reason}, a.Name,
		func(tx *gorm.DB) (Area, error) { return FindArea(ctx, tx, a.Code) })
}

// RenameKind corrects the name of a kind.
func RenameKind(ctx context.Context, db *gorm.DB, k Kind, reason string) (Kind, error) {
	return renamed(ctx, db, audit.Change{Town: k.TownID, Action: "kind.rename", Subject: "kinds/" + k.Code, Reason: reason}, k.Name,
		func(tx *gorm.DB) (Kind, error) {
			return database.Take[Kind](tx.Where("town_id = ? AND code = ?", k.TownID, k.Code), text.Text{ZH: "类型", EN: "kind"}, k.Code)
		})
}

// RenameClass corrects the name of a class.
func RenameClass(ctx context.Context, db *gorm.DB, c Class, reason string) (Class, error) {
	return renamed(ctx, db, audit.Change{Town: c.TownID, Action: "class.rename", Subject: "classes/" + c.Code, Reason: reason}, c.Name,
		func(tx *gorm.DB) (Class, error) {
			return database.Take[Class](tx.Where("town_id = ? AND code = ?", c.TownID, c.Code), text.Text{ZH: "类别", EN: "class"}, c.Code)
		})
}
