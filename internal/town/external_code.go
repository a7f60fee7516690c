package town

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// ExternalCode is what another system, such as a register of the county, calls a branch or a
// person. It is never an identity number.
type ExternalCode struct {
	System string `json:"system" validate:"required,max=64" example:"county-register"` // without : ; =
	Code   string `json:"code" validate:"required,max=64" example:"4406-0171"`         // without ;
}

// Cell returns the code as one text, for a cell of a table.
func (c ExternalCode) Cell() string { return c.System + "=" + c.Code }

// Keys returns what two external codes share that are one: letter case and forms that read
// alike do not matter.
func (c ExternalCode) Keys() (system, code string) { return externalKey(c.System), externalKey(c.Code) }

func externalKey(s string) string { return text.CodeKey(text.Alike(s)) }

const (
	maxExternalCodes = 8  // of one thing
	maxExternalCode  = 64 // characters of a system, and of a code
)

// ParseExternalCode reads SYSTEM:CODE. ok is false where one of them is missing.
func ParseExternalCode(s string) (c ExternalCode, ok bool) {
	c.System, c.Code, _ = strings.Cut(text.Alike(s), ":")
	c.System, c.Code = strings.TrimSpace(c.System), strings.TrimSpace(c.Code)
	return c, c.System != "" && c.Code != ""
}

// CheckExternalCodes returns the faults of codes of one thing, below /external_codes.
func CheckExternalCodes(list []ExternalCode) (faults []fault.FieldError) {
	const at = "/external_codes"
	if len(list) > maxExternalCodes {
		faults = append(faults, fault.Field(at, "too_many", "外部代码不超过 %d 个", "there are at most %d external codes", maxExternalCodes))
	}
	seen := map[string]bool{}
	for i, c := range list {
		here := at + "/" + strconv.Itoa(i)
		faults = append(faults, checkExternal(here+"/system", c.System, ":;=")...)
		faults = append(faults, checkExternal(here+"/code", c.Code, ";")...)
		key := externalKey(c.System)
		if seen[key] {
			faults = append(faults, fault.Field(here+"/system", "repeated", "系统“%s”已有一个代码：每个系统只能有一个",
				"system %q has a code already: one of each system", c.System))
		}
		seen[key] = true
	}
	return faults
}

func checkExternal(at, s, without string) []fault.FieldError {
	if f, hidden := fault.Unprintable(at, s, false); hidden {
		return []fault.FieldError{f}
	}
	read := text.Alike(s)
	switch n := max(utf8.RuneCountInString(s), utf8.RuneCountInString(read)); {
	case strings.TrimSpace(read) == "":
		return []fault.FieldError{fault.Field(at, "required", "请填写", "write it")}
	case n > maxExternalCode:
		return []fault.FieldError{fault.Field(at, "too_long", "不超过 %d 个字符", "it has at most %d characters", maxExternalCode)}
	case strings.ContainsAny(read, without):
		return []fault.FieldError{fault.Field(at, "separator", "不能含有 %s：这些符号用于分隔", "%s separate codes: leave them out",
			strings.Join(strings.Split(without, ""), " "))}
	case text.IsIdentityNumber(s):
		return []fault.FieldError{fault.Field(at, "identity_number", "这是居民身份证号码，系统不保存：请改用该系统自己的编号",
			"it is a resident identity number, which is not kept here: use the number that the system itself assigns")}
	}
	return nil
}

// SortedCodes returns the codes in the order of their systems, never nil.
func SortedCodes(list []ExternalCode) []ExternalCode {
	sorted := append([]ExternalCode{}, list...)
	slices.SortFunc(sorted, func(a, b ExternalCode) int { return cmp.Compare(externalKey(a.System), externalKey(b.System)) })
	return sorted
}

// RefuseTaken refuses codes that something else has. rows selects, as owner, who has a row
// among those that are not of the thing itself.
func RefuseTaken(rows func() *gorm.DB, list []ExternalCode) error {
	var faults []fault.FieldError
	for i, c := range list {
		var owners []string
		system, code := c.Keys()
		if err := rows().Where("system_key = ? AND code_key = ?", system, code).Limit(1).Scan(&owners).Error; err != nil {
			return err
		}
		if len(owners) > 0 {
			faults = append(faults, fault.Field("/external_codes/"+strconv.Itoa(i)+"/code", "taken",
				"已是“%s”在该系统中的代码（不分大小写和全角半角）", "it is the code of %q in this system, in whatever letter case", owners[0]))
		}
	}
	if len(faults) > 0 {
		return takenCode().With(faults...)
	}
	return nil
}

func takenCode() *fault.Error {
	return fault.Conflict("external_code_taken", "外部代码已被使用", "an external code is taken")
}

// CodeTaken returns what the error of an INSERT of external codes means: somebody else was first.
func CodeTaken(err error) error {
	if !fault.Is(err, fault.KindConflict) || !strings.HasSuffix(database.ConstraintOf(err), "_codes_system_code") {
		return err
	}
	return takenCode().With(fault.Field("/external_codes", "taken", "其中一个已被使用", "one of them is taken")).Because(err)
}

// BranchCode is a row of an external code of a branch.
type BranchCode struct {
	TownID     string `gorm:"primaryKey"`
	BranchCode string `gorm:"primaryKey"`
	SystemKey  string `gorm:"primaryKey"`
	CodeKey    string
	System     string
	Code       string
}

// fillExternalCodes sets the external codes of the branches of a town, by one statement.
func fillExternalCodes(db *gorm.DB, townID string, list []Branch) error {
	codes, at := make([]string, len(list)), make(map[string]*Branch, len(list))
	for i := range list {
		codes[i], at[list[i].Code] = list[i].Code, &list[i]
		list[i].ExternalCodes = []ExternalCode{}
	}
	if len(list) == 0 {
		return nil
	}
	var rows []BranchCode
	err := db.Where("town_id = ? AND branch_code IN ?", townID, codes).Order("branch_code, system_key").Find(&rows).Error
	for _, r := range rows {
		b := at[r.BranchCode]
		b.ExternalCodes = append(b.ExternalCodes, ExternalCode{r.System, r.Code})
	}
	return err
}

// storeCodes sets these codes of the branch and no others.
func storeCodes(tx *gorm.DB, townID, branch string, list []ExternalCode) error {
	err := RefuseTaken(func() *gorm.DB {
		return tx.Model(&BranchCode{}).Select("branch_code AS owner").Where("town_id = ? AND branch_code <> ?", townID, branch)
	}, list)
	if err != nil {
		return err
	}
	if err := tx.Where("town_id = ? AND branch_code = ?", townID, branch).Delete(&BranchCode{}).Error; err != nil || len(list) == 0 {
		return err
	}
	rows := make([]BranchCode, len(list))
	for i, c := range list {
		system, code := c.Keys()
		rows[i] = BranchCode{townID, branch, system, code, c.System, c.Code}
	}
	return CodeTaken(tx.Create(&rows).Error)
}
