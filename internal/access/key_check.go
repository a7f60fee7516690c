package access

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// tidy puts the lists in order, each entry once, and the end at the precision of
// the databases.
func (k Key) tidy() Key {
	if k.ExpiresAt != nil {
		end := k.ExpiresAt.UTC().Truncate(time.Microsecond)
		k.ExpiresAt = &end
	}
	order := Roles()
	k.Roles = distinct(k.Roles, func(a, b Role) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
	k.Towns, k.Branches = distinct(k.Towns, cmp.Compare[string]), distinct(k.Branches, cmp.Compare[string])
	k.PersonTown = nil
	if k.PersonCode != nil && len(k.Towns) == 1 {
		k.PersonTown = &k.Towns[0]
	}
	return k
}

// distinct is a sorted copy without repetitions, never nil.
func distinct[T comparable](list []T, compare func(a, b T) int) []T {
	sorted := append([]T{}, list...)
	slices.SortFunc(sorted, compare)
	return slices.Compact(sorted)
}

// town is the one town of the key, under which the trail keeps its deeds; empty
// where it opens another number of them.
func (k Key) town() string {
	if len(k.Towns) == 1 {
		return k.Towns[0]
	}
	return ""
}

func checkKey(k Key, now time.Time) (faults []fault.FieldError) {
	if len(k.Roles) == 0 {
		faults = append(faults, fault.Field("/roles", "roles_needed", "请至少给出一个角色", "give at least one role"))
	}
	tied := false
	for i, r := range k.Roles {
		if ScopeOf(ReadIdentity, r) == None {
			faults = append(faults, fault.Field("/roles/"+strconv.Itoa(i), "unknown_role", "没有角色“%s”", "there is no role %q", r))
		}
		tied = tied || WorksOnBranches(r)
	}
	if k.PersonCode != nil && slices.Contains(k.Roles, Admin) {
		faults = append(faults, fault.Field("/person", "admin_without_person",
			"管理员不经聘任，其密钥不关联人员", "nobody is appointed admin: the key of one has no person"))
	}
	if tied && k.PersonCode == nil {
		faults = append(faults, fault.Field("/person", "person_needed", "该角色须写明人员", "this role works on branches: name the person"))
	}
	if len(k.Towns) != 1 && (k.PersonCode != nil || tied) {
		faults = append(faults, fault.Field("/towns", "one_town_needed", "人员属于某一个镇：请只写明该镇", "a person belongs to one town: name that one alone"))
	}
	if len(k.Towns) != 1 && len(k.Branches) > 0 {
		faults = append(faults, fault.Field("/branches", "one_town_needed", "党组织属于某一个镇：请只写明该镇", "branches belong to one town: name that one alone"))
	}
	if k.ExpiresAt != nil && !k.ExpiresAt.After(now) {
		faults = append(faults, fault.Field("/expires_at", "in_the_past", "有效期已过", "the key would have expired already"))
	}
	return faults
}

// checkHolder makes sure that towns, branches and person of the key are there.
func checkHolder(ctx context.Context, tx *gorm.DB, k Key) error {
	for i, code := range k.Towns {
		if _, err := town.Find(ctx, tx, code); err != nil {
			return fault.MissingAt(err, "/towns/"+strconv.Itoa(i), "unknown_town", text.F("没有镇（街道）“%s”", "there is no town %q", code))
		}
	}
	for i, code := range k.Branches {
		if _, err := town.FindBranch(ctx, tx, k.town(), code, day.Latest); err != nil {
			return fault.MissingAt(err, "/branches/"+strconv.Itoa(i), "unknown_branch", text.F("本镇没有党组织“%s”", "this town has no branch %q", code))
		}
	}
	if k.PersonCode == nil {
		return nil
	}
	return PersonExists(ctx, tx, k.town(), *k.PersonCode)
}
