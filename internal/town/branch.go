package town

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Life is what does not change about a branch unless it is corrected, and how it ended.
type Life struct {
	TownID          string    `gorm:"primaryKey" json:"-"`
	Code            string    `gorm:"primaryKey" json:"code" example:"b07"`
	StatisticalCode *string   `json:"statistical_code,omitempty" example:"440605126222"`
	FoundedOn       *day.Date `json:"founded_on,omitempty" swaggertype:"string" format:"date"` // absent = not known
	ClosedOn        *day.Date `json:"closed_on,omitempty" swaggertype:"string" format:"date"`  // the first day without it
	ClosedReason    string    `json:"closed_reason,omitempty"`
	MergedInto      *string   `json:"merged_into,omitempty" example:"b08"`
	Provenance      string    `json:"provenance,omitempty" example:"public statistical list 2021"`
	// when the branch and when its end were entered: a period that was locked before takes neither
	KnownFrom time.Time `json:"known_from"`
	// when the end was entered: periods that were locked before keep the branch
	ClosedKnownFrom *time.Time `json:"closed_known_from,omitempty"`
	// when the founding was corrected: periods that were locked before keep the former one
	FoundedKnownFrom *time.Time `json:"founded_known_from,omitempty"`
	database.Versioned
}

// TableName of the part of a branch that never changes.
func (Life) TableName() string { return "branches" }

// Profile is what a branch is called and counted as, from a day on.
type Profile struct {
	TownID     string    `gorm:"primaryKey"`
	BranchCode string    `gorm:"primaryKey"`
	ValidFrom  day.Date  `gorm:"primaryKey"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_"`
	Kind       string
	Class      *string
	Reason     string
	KnownFrom  time.Time // when it was entered
}

// TableName keeps profiles apart from those of people.
func (Profile) TableName() string { return "branch_profiles" }

// Branch is a scored organisation as it was on a day.
type Branch struct {
	Life
	Name  text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Kind  string    `json:"kind" example:"village"`
	Class *string   `json:"class,omitempty" example:"rural"` // absent = no peer group of its own
	// what other systems call it, in the order of these; absent where there is nothing
	ExternalCodes []ExternalCode `gorm:"-" json:"external_codes,omitempty"`
	// what the caller can do with the branch now; absent in lists, and where there is nothing
	Allowed []string `gorm:"-" json:"allowed,omitempty,omitzero"`
}

// BranchRef names a branch in what is computed: with its name in the language of the
// answer, its kind and its class as they were in the period or on the day of the answer.
type BranchRef struct {
	Code  string `json:"code" example:"b07"`
	Name  string `json:"name" example:"演示七村"`
	Kind  string `json:"kind" example:"village"`
	Class string `json:"class,omitempty" example:"rural"`
}

// Ref returns the reference to the branch as it is here.
func (b Branch) Ref(language string) BranchRef {
	r := BranchRef{Code: b.Code, Name: b.Name.In(language), Kind: b.Kind}
	if b.Class != nil {
		r.Class = *b.Class
	}
	return r
}

// BranchRefs are references by code.
type BranchRefs map[string]BranchRef

// ListBranchRefs returns the references to all branches as they were on the day, closed
// ones included, by one statement.
func ListBranchRefs(ctx context.Context, db *gorm.DB, townID string, on day.Date, language string) (BranchRefs, error) {
	branches, err := ListBranches(ctx, db, townID, BranchFilter{On: on, Closed: true})
	refs := make(BranchRefs, len(branches))
	for _, b := range branches {
		refs[b.Code] = b.Ref(language)
	}
	return refs, err
}

// Of returns the reference to the branch of the code, or the code alone where there
// was no such branch on the day.
func (r BranchRefs) Of(code string) BranchRef {
	if ref, known := r[code]; known {
		return ref
	}
	return BranchRef{Code: code}
}

// BranchFilter narrows a list; zero fields do not.
type BranchFilter struct {
	On     day.Date  // the day that is asked about
	Known  time.Time // only what was entered by then
	Kind   string
	Class  string
	Closed bool          // list closed branches too
	Coded  *ExternalCode // only what another system calls so
	Codes  bool          // fill the external codes
	After  string        // codes after this one
	Limit  int           // 0 = all
}

var branchNoun = text.Text{ZH: "党组织", EN: "branch"}

// asOf joins each branch of the town with its profile of the day, by what was known at a
// time, or now where @ever.
const asOf = `SELECT b.*, p.name_zh, p.name_en, p.kind, p.class
FROM branches b JOIN branch_profiles p ON p.town_id = b.town_id AND p.branch_code = b.code
AND p.valid_from = (SELECT MAX(q.valid_from) FROM branch_profiles q
	WHERE q.town_id = b.town_id AND q.branch_code = b.code AND q.valid_from <= @on AND (@ever OR q.known_from <= @known))
WHERE b.town_id = @town AND (@ever OR b.known_from <= @known)`

// FindBranch returns one branch as it was on the day: closed ones too, but none
// before its founding. It has no external codes.
func FindBranch(ctx context.Context, db *gorm.DB, townID, code string, on day.Date) (_ Branch, err error) {
	defer fault.Wrap(&err, "branch %s", code)
	var found []Branch
	err = db.WithContext(ctx).Raw(asOf+` AND b.code = @code`,
		map[string]any{"town": townID, "code": code, "on": on, "ever": true, "known": time.Time{}}).Scan(&found).Error
	if err != nil {
		return Branch{}, err
	}
	if len(found) == 0 {
		return Branch{}, fault.Missing(branchNoun, code)
	}
	return found[0], nil
}

// FindCoded is FindBranch with the external codes of the branch.
func FindCoded(ctx context.Context, db *gorm.DB, townID, code string, on day.Date) (Branch, error) {
	b, err := FindBranch(ctx, db, townID, code, on)
	if err != nil {
		return b, err
	}
	one := []Branch{b}
	err = fillExternalCodes(db.WithContext(ctx), townID, one)
	return one[0], err
}

// FindLiving is FindBranch, but a branch that has ended by the day is refused.
func FindLiving(ctx context.Context, db *gorm.DB, townID, code string, on day.Date) (Branch, error) {
	b, err := FindBranch(ctx, db, townID, code, on)
	if err == nil && b.EndedBy(on) {
		err = Ended(ctx, db, b)
	}
	return b, err
}

// ListBranches returns the branches that existed on the day, in the order of codes.
func ListBranches(ctx context.Context, db *gorm.DB, townID string, f BranchFilter) (list []Branch, err error) {
	defer fault.Wrap(&err, "branches")
	query, args := asOf, map[string]any{"town": townID, "on": f.On, "ever": f.Known.IsZero(), "known": f.Known}
	narrow := func(clause, name, value string) {
		if value != "" {
			query += clause
			args[name] = value
		}
	}
	if !f.Closed {
		query += ` AND (b.founded_on IS NULL OR b.founded_on <= @on OR NOT @ever AND b.founded_known_from > @known) AND (b.closed_on IS NULL OR b.closed_on > @on
	OR NOT @ever AND b.closed_known_from > @known)`
	}
	narrow(` AND p.kind = @kind`, "kind", f.Kind)
	narrow(` AND p.class = @class`, "class", f.Class)
	if f.Coded != nil {
		query += ` AND EXISTS (SELECT 1 FROM branch_codes x WHERE x.town_id = b.town_id AND x.branch_code = b.code
	AND x.system_key = @system AND x.code_key = @coded)`
		args["system"], args["coded"] = f.Coded.Keys()
	}
	narrow(` AND b.code > @after`, "after", f.After)
	query += ` ORDER BY b.code`
	if f.Limit > 0 {
		query += ` LIMIT @limit`
		args["limit"] = f.Limit
	}
	if err = db.WithContext(ctx).Raw(query, args).Scan(&list).Error; err != nil || !f.Codes {
		return list, err
	}
	return list, fillExternalCodes(db.WithContext(ctx), townID, list)
}

// KnownBranches returns a fault for each of the codes that is no branch of the town
// today, below the pointer of their list.
func KnownBranches(ctx context.Context, db *gorm.DB, townID string, codes []string, pointer string) error {
	var faults []fault.FieldError
	for i, code := range codes {
		_, err := FindBranch(ctx, db, townID, code, day.Of(db.NowFunc()))
		switch {
		case fault.Is(err, fault.KindNotFound):
			faults = append(faults, fault.Field(pointer+"/"+strconv.Itoa(i), "unknown_branch",
				"没有党组织“%s”", "there is no branch %q", code))
		case err != nil:
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// CreateBranch founds a branch. Its first profile holds from its founding, or
// from the beginning of time where that day is not known. It is known from now, or from
// KnownFrom where that is set.
func CreateBranch(ctx context.Context, db *gorm.DB, b Branch, reason string) (_ Branch, err error) {
	defer fault.Wrap(&err, "branch %s", b.Code)
	faults := append(CheckIdentity(b.Code, b.Name), CheckExternalCodes(b.ExternalCodes)...)
	b.ExternalCodes = SortedCodes(b.ExternalCodes)
	if b.FoundedOn != nil {
		faults = append(faults, checkFar("/founded_on", *b.FoundedOn, day.Of(db.NowFunc()))...)
	}
	if len(faults) > 0 {
		return Branch{}, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		b.Versioned = database.Versioned{Version: 1}
		b.ClosedOn, b.ClosedReason, b.MergedInto, b.ClosedKnownFrom = nil, "", nil, nil
		b.FoundedKnownFrom = nil
		if b.KnownFrom.IsZero() {
			b.KnownFrom = tx.NowFunc()
		}
		if err := tx.Create(&b.Life).Error; err != nil {
			return Taken(err)
		}
		first := Profile{
			TownID: b.TownID, BranchCode: b.Code, ValidFrom: b.begins(), Name: b.Name, Kind: b.Kind, Class: b.Class,
			KnownFrom: b.KnownFrom,
		}
		if err := createProfile(tx, first); err != nil {
			return err
		}
		if err := storeCodes(tx, b.TownID, b.Code, b.ExternalCodes); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: b.TownID, Action: "branch.create", Subject: "branches/" + b.Code,
			After: recordedBranch{b, first.ValidFrom, first.KnownFrom}, Reason: reason,
		})
	})
	return b, err
}

// begins returns the first day of the branch, the first of all where it is not known.
func (l Life) begins() day.Date {
	if l.FoundedOn != nil {
		return *l.FoundedOn
	}
	return day.Earliest
}

// recordedBranch is a branch in the trail, with the profile that was stored.
type recordedBranch struct {
	Branch
	ValidFrom        day.Date  `json:"valid_from"`
	ProfileKnownFrom time.Time `json:"profile_known_from"`
}

// createProfile stores p, and refuses a kind or class that the town does not have.
func createProfile(tx *gorm.DB, p Profile) error {
	if err := checkCategories(tx, p); err != nil {
		return err
	}
	return tx.Create(&p).Error
}

func checkCategories(tx *gorm.DB, p Profile) error {
	var faults []fault.FieldError
	known, err := exists(tx.Model(&Kind{}).Where("town_id = ? AND code = ?", p.TownID, p.Kind))
	if err != nil {
		return err
	}
	if !known {
		faults = append(faults, fault.Field("/kind", "unknown_kind", "本镇没有类型“%s”", "this town has no kind %q", p.Kind))
	}
	if p.Class != nil {
		if known, err = exists(tx.Model(&Class{}).Where("town_id = ? AND code = ?", p.TownID, *p.Class)); err != nil {
			return err
		}
		if !known {
			faults = append(faults, fault.Field("/class", "unknown_class", "本镇没有类别“%s”", "this town has no class %q", *p.Class))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// SubBranch is a branch of a cooperative (经济社) below a scored branch.
type SubBranch struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	BranchCode string    `gorm:"primaryKey" json:"branch" example:"440605126017"`
	Code       string    `gorm:"primaryKey" json:"code" example:"dazhou"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	FoundedOn  *day.Date `json:"founded_on,omitempty" swaggertype:"string" format:"date"`
	ClosedOn   *day.Date `json:"closed_on,omitempty" swaggertype:"string" format:"date"`
	Provenance string    `json:"provenance,omitempty"`
	database.Versioned
}

// ListSubBranches returns the sub-branches of the town, or of one branch where
// branch is not empty, after the pair of codes, in the order of both.
func ListSubBranches(
	ctx context.Context, db *gorm.DB, townID, branch string, after [2]string, limit int,
) ([]SubBranch, error) {
	q := db.WithContext(ctx).Where("town_id = ?", townID).
		Where("(branch_code > ? OR (branch_code = ? AND code > ?))", after[0], after[0], after[1])
	if branch != "" {
		q = q.Where("branch_code = ?", branch)
	}
	var subs []SubBranch
	err := q.Order("branch_code, code").Limit(limit).Find(&subs).Error
	return subs, err
}

// CreateSubBranch adds a sub-branch below an existing branch.
func CreateSubBranch(ctx context.Context, db *gorm.DB, s SubBranch) (SubBranch, error) {
	if faults := CheckIdentity(s.Code, s.Name); len(faults) > 0 {
		return SubBranch{}, fault.Broken(faults...)
	}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if _, err := FindBranch(ctx, tx, s.TownID, s.BranchCode, day.Latest); err != nil {
			return err
		}
		s.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&s).Error; err != nil {
			return Taken(err)
		}
		subject := "branches/" + s.BranchCode + "/sub-branches/" + s.Code
		return audit.Write(ctx, tx, audit.Change{Town: s.TownID, Action: "sub_branch.create", Subject: subject, After: s})
	})
	return s, err
}

// RenameSubBranch corrects the name of a sub-branch.
func RenameSubBranch(ctx context.Context, db *gorm.DB, s SubBranch, reason string) (SubBranch, error) {
	return renamed(ctx, db, audit.Change{
		Town: s.TownID, Action: "sub_branch.rename", Subject: "branches/" + s.BranchCode + "/sub-branches/" + s.Code, Reason: reason,
	}, s.Name, func(tx *gorm.DB) (found SubBranch, err error) {
		err = tx.Where("town_id = ? AND branch_code = ? AND code = ?", s.TownID, s.BranchCode, s.Code).Limit(1).Find(&found).Error
		if err == nil && found.Code == "" {
			err = fault.Missing(text.Text{ZH: "经济社党支部", EN: "sub-branch"}, s.Code)
		}
		return found, err
	})
}
