package town

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// maxName is the most characters of a name: longer ones break every table.
const maxName = 200

// CheckIdentity faults the members /code and /name of a thing that people know by
// them: a code that could not stand in a URL, a name that is absent or too long.
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

// Taken says which code of a new row another row has already.
func Taken(err error) error {
	if !fault.Is(err, fault.KindConflict) {
		return err
	}
	at := "/code"
	switch constraint := database.ConstraintOf(err); {
	case strings.Contains(constraint, "statistical_code"):
		at = "/statistical_code"
	case !strings.HasSuffix(constraint, "_pkey"):
		return err
	}
	return fault.Conflict("already_exists", "该代码已被使用", "this code is taken").
		With(fault.Field(at, "taken", "已被使用：请另取一个", "it is taken: choose another")).Because(err)
}

// KnownBranches returns a fault for each of the codes that is no branch of the town
// today, below the pointer of their list.
func KnownBranches(ctx context.Context, db *gorm.DB, townID string, codes []string, pointer string) error {
	var faults []fault.FieldError
	for i, code := range codes {
		_, err := FindBranch(ctx, db, townID, code, day.Of(db.NowFunc()))
		switch {
		case fault.Is(err, fault.KindNotFound):
			faults = append(faults, fault.Field(pointer+"/"+strconv.Itoa(i), "unknown_branch", "没有党组织“%s”", "there is no branch %q", code))
		case err != nil:
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
