package people

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// LiaisonOffice is a liaison office (挂钩办) of a town. It has members and is linked to
// branches, each for a term: OfficeMember and OfficeLink.
type LiaisonOffice struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	Code       string    `gorm:"primaryKey" json:"code" example:"agriculture"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Provenance string    `json:"provenance,omitempty" example:"invented"`
	database.Versioned
}

// TableName of liaison offices.
func (LiaisonOffice) TableName() string { return "offices" }

// FindOffice returns one office of the town.
func FindOffice(ctx context.Context, db *gorm.DB, townID, code string) (_ LiaisonOffice, err error) {
	defer fault.Wrap(&err, "office %s", code)
	return database.Take[LiaisonOffice](db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code),
		text.Text{ZH: "挂钩办", EN: "liaison office"}, code)
}

// ListOffices returns the offices of the town after the code, in the order of codes.
func ListOffices(ctx context.Context, db *gorm.DB, townID, after string, limit int) (_ []LiaisonOffice, err error) {
	defer fault.Wrap(&err, "offices of %s", townID)
	var offices []LiaisonOffice
	err = db.WithContext(ctx).Where("town_id = ? AND code > ?", townID,
		after).Order("code").Limit(limit).Find(&offices).Error
	return offices, err
}

// CreateOffice adds an office to the town.
func CreateOffice(ctx context.Context, db *gorm.DB, o LiaisonOffice) (_ LiaisonOffice, err error) {
	defer fault.Wrap(&err, "write office %s", o.Code)
	if faults := town.CheckIdentity(o.Code, o.Name); len(faults) > 0 {
		return LiaisonOffice{}, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		o.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&o).Error; err != nil {
			return town.Taken(err)
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: o.TownID, Action: "office.create", Subject: "offices/" + o.Code, After: o})
	})
	return o, err
}

// UpdateOffice changes the name of an office if the version is still the stored one.
func UpdateOffice(ctx context.Context, db *gorm.DB, o LiaisonOffice) (_ LiaisonOffice, err error) {
	defer fault.Wrap(&err, "write office %s", o.Code)
	if faults := town.CheckIdentity(o.Code, o.Name); len(faults) > 0 {
		return LiaisonOffice{}, fault.Broken(faults...)
	}
	var after LiaisonOffice
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindOffice(ctx, tx, o.TownID, o.Code)
		if err != nil {
			return err
		}
		change := map[string]any{"name_zh": o.Name.ZH, "name_en": o.Name.EN}
		if err := database.UpdateVersioned(tx, &LiaisonOffice{TownID: o.TownID, Code: o.Code}, o.Version,
			change); err != nil {
			return err
		}
		if after, err = FindOffice(ctx, tx, o.TownID, o.Code); err != nil {
			return err
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: o.TownID, Action: "office.update", Subject: "offices/" + o.Code, Before: before, After: after})
	})
	return after, err
}

// lockOffice locks the row of the office, so that others who join or link it wait until tx
// ends: two overlapping terms must not miss each other.
func lockOffice(ctx context.Context, tx *gorm.DB, townID, code string) error {
	_, err := FindOffice(ctx, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), townID, code)
	return err
}

// OfficeMember is the membership of a person in a liaison office, from a day until a
// day, both included; without an end it holds until further notice.
type OfficeMember struct {
	TownID     string   `gorm:"primaryKey" json:"-"`
	ID         string   `gorm:"primaryKey" json:"id" format:"uuid"`
	OfficeCode string   `json:"office" example:"agriculture"`
	PersonCode string   `json:"person" example:"office-1"`
	ValidFrom  day.Date `json:"from" swaggertype:"string" format:"date"` // the first day
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason,omitempty"`
	Cancellation
	database.Versioned
}

func (m OfficeMember) term() (day.Date, *day.Date) { return m.ValidFrom, m.ValidUntil }

func (m OfficeMember) of() string { return m.PersonCode }

// OfficeFilter narrows a list of members or links; zero fields do not.
type OfficeFilter struct {
	On     day.Date // those in force on the day; empty = all of history
	Office string
	Person string // members only
	Branch string // links only
	After  string // ids after this one
	Limit  int    // 0 = all
}

// in narrows the query to what members and links have in common.
func (f OfficeFilter) in(q *gorm.DB, townID string) *gorm.DB {
	return database.Only(page(q, townID, f.On, f.After, f.Limit), "office_code", f.Office)
}

// ListOfficeMembers returns members of offices in the order of their ids, that is,
// of their making.
func ListOfficeMembers(ctx context.Context, db *gorm.DB, townID string, f OfficeFilter) (_ []OfficeMember, err error) {
	defer fault.Wrap(&err, "members of offices of %s", townID)
	var list []OfficeMember
	err = database.Only(f.in(db.WithContext(ctx), townID), "person_code", f.Person).Find(&list).Error
	p := access.PrincipalFrom(ctx)
	for i := range list {
		list[i] = list[i].shown(p)
	}
	return list, err
}

// FindOfficeMember returns one membership of the office.
func FindOfficeMember(ctx context.Context, db *gorm.DB, townID, office, id string) (_ OfficeMember, err error) {
	defer fault.Wrap(&err, "member %s of the office %s", id, office)
	m, err := storedMember(db.WithContext(ctx), OfficeMember{TownID: townID, OfficeCode: office, ID: id})
	return m.shown(access.PrincipalFrom(ctx)), err
}

func storedMember(db *gorm.DB, m OfficeMember) (OfficeMember, error) {
	return database.Take[OfficeMember](db.Where("town_id = ? AND office_code = ? AND id = ?", m.TownID, m.OfficeCode, m.ID),
		text.Text{ZH: "挂钩办成员", EN: "member of the office"}, m.ID)
}

// shown returns the membership with what the caller can do.
func (m OfficeMember) shown(to access.Principal) OfficeMember {
	m.Allowed = m.allowed(to, m.PersonCode)
	return m
}

// JoinOffice makes a person a member of an office. The person must be appointed
// to the liaison office on the first day; one membership cannot overlap itself.
func JoinOffice(ctx context.Context, db *gorm.DB, m OfficeMember) (_ OfficeMember, err error) {
	defer fault.Wrap(&err, "member %s of the office %s", m.PersonCode, m.OfficeCode)
	if faults := checkTerm(m.ValidFrom, m.ValidUntil); len(faults) > 0 {
		return OfficeMember{}, fault.Broken(faults...)
	}
	m.ID = database.NewID()
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := lockOffice(ctx, tx, m.TownID, m.OfficeCode); err != nil {
			return err
		}
		if err := notOwn(ctx, m.PersonCode); err != nil {
			return err
		}
		if err := access.PersonExists(ctx, tx, m.TownID, m.PersonCode); err != nil {
			return err
		}
		if err := demandRole(ctx, tx, m.TownID, holder{m.PersonCode, policy.Office}, m.ValidFrom); err != nil {
			return err
		}
		var n int64
		err := overlapping(tx.Model(&OfficeMember{}), m.ValidFrom, m.ValidUntil).
			Where("town_id = ? AND office_code = ? AND person_code = ?", m.TownID, m.OfficeCode, m.PersonCode).Count(&n).Error
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.Conflict("overlapping_membership", "该人员在此期间已是该挂钩办成员",
				"this person is a member of the office in that time already")
		}
		m.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&m).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: m.TownID, Action: "office_member.create", Subject: "office-members/" + m.ID, After: m})
	})
	return m.shown(access.PrincipalFrom(ctx)), err
}

// EndOfficeMember sets the last day of a membership, which can only come closer.
// m has the town, the office and the id of it.
func EndOfficeMember(ctx context.Context, db *gorm.DB, m OfficeMember, end Ending) (_ OfficeMember, err error) {
	defer fault.Wrap(&err, "end member %s of the office %s", m.ID, m.OfficeCode)
	after, err := m.tie(ctx).end(ctx, db, end)
	return after.shown(access.PrincipalFrom(ctx)), err
}

// CancelOfficeMember marks a membership as a mistake: from the next request on the person
// reaches none of the office's branches by it. m has the town, the office and the id of it.
func CancelOfficeMember(ctx context.Context, db *gorm.DB, m OfficeMember, c Cancelling) (_ OfficeMember, err error) {
	defer fault.Wrap(&err, "cancel member %s of the office %s", m.ID, m.OfficeCode)
	after, err := m.tie(ctx).cancel(ctx, db, c)
	return after.shown(access.PrincipalFrom(ctx)), err
}

func (m OfficeMember) tie(ctx context.Context) tie[OfficeMember] {
	return tie[OfficeMember]{
		m.TownID, "office_member", m.ID, &OfficeMember{TownID: m.TownID, ID: m.ID},
		func(tx *gorm.DB) (OfficeMember, error) { return storedMember(tx.WithContext(ctx), m) },
	}
}

// OfficeLink is the link of a liaison office to a branch that it works for, from a day until a
// day, both included; without an end it holds until further notice.
type OfficeLink struct {
	TownID     string   `gorm:"primaryKey" json:"-"`
	ID         string   `gorm:"primaryKey" json:"id" format:"uuid"`
	OfficeCode string   `json:"office" example:"agriculture"`
	BranchCode string   `json:"branch" example:"b07"`
	ValidFrom  day.Date `json:"from" swaggertype:"string" format:"date"` // the first day
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason,omitempty"`
	Cancellation
	database.Versioned
}

func (l OfficeLink) term() (day.Date, *day.Date) { return l.ValidFrom, l.ValidUntil }

func (OfficeLink) of() string { return "" }

// notOwnOffice refuses to link an office of which the caller is or was a member, and to
// end its links: they are ties of its members.
func notOwnOffice(ctx context.Context, tx *gorm.DB, townID, office string) error {
	own, err := ownOffices(ctx, tx, townID)
	if err != nil {
		return err
	}
	return notOwn(ctx, own[office])
}

// ownOffices returns the code of the caller by the offices of which he or she is or was a
// member, also by a membership that was cancelled.
func ownOffices(ctx context.Context, db *gorm.DB, townID string) (map[string]string, error) {
	person := access.PrincipalFrom(ctx).Person
	if person == "" {
		return nil, nil
	}
	var codes []string
	err := db.WithContext(ctx).Model(&OfficeMember{}).Where("town_id = ? AND person_code = ?", townID, person).
		Distinct().Pluck("office_code", &codes).Error
	own := make(map[string]string, len(codes))
	for _, code := range codes {
		own[code] = person
	}
	return own, err
}

// shown returns the links with what the caller can do.
func shown(ctx context.Context, db *gorm.DB, townID string, list ...OfficeLink) ([]OfficeLink, error) {
	own, err := ownOffices(ctx, db, townID)
	for i := range list {
		list[i].Allowed = list[i].allowed(access.PrincipalFrom(ctx), own[list[i].OfficeCode])
	}
	return list, err
}

// shownLink returns one link likewise.
func shownLink(ctx context.Context, db *gorm.DB, l OfficeLink, err error) (OfficeLink, error) {
	if err != nil {
		return l, err
	}
	list, err := shown(ctx, db, l.TownID, l)
	return list[0], err
}

// ListOfficeLinks returns links of offices in the order of their ids, that is, of
// their making.
func ListOfficeLinks(ctx context.Context, db *gorm.DB, townID string, f OfficeFilter) (_ []OfficeLink, err error) {
	defer fault.Wrap(&err, "links of offices of %s", townID)
	var list []OfficeLink
	if err := database.Only(f.in(db.WithContext(ctx), townID), "branch_code", f.Branch).Find(&list).Error; err != nil {
		return nil, err
	}
	return shown(ctx, db, townID, list...)
}

// FindOfficeLink returns one link of the office.
func FindOfficeLink(ctx context.Context, db *gorm.DB, townID, office, id string) (_ OfficeLink, err error) {
	defer fault.Wrap(&err, "link %s of the office %s", id, office)
	l, err := storedLink(db.WithContext(ctx), OfficeLink{TownID: townID, OfficeCode: office, ID: id})
	return shownLink(ctx, db, l, err)
}

func storedLink(db *gorm.DB, l OfficeLink) (OfficeLink, error) {
	return database.Take[OfficeLink](db.Where("town_id = ? AND office_code = ? AND id = ?", l.TownID, l.OfficeCode, l.ID),
		text.Text{ZH: "挂钩关系", EN: "link of the office"}, l.ID)
}

// LinkOffice links an office to a branch that lives on the first day. One link
// cannot overlap itself.
func LinkOffice(ctx context.Context, db *gorm.DB, l OfficeLink) (_ OfficeLink, err error) {
	defer fault.Wrap(&err, "office %s and branch %s", l.OfficeCode, l.BranchCode)
	if faults := checkTerm(l.ValidFrom, l.ValidUntil); len(faults) > 0 {
		return OfficeLink{}, fault.Broken(faults...)
	}
	l.ID = database.NewID()
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := lockOffice(ctx, tx, l.TownID, l.OfficeCode); err != nil {
			return err
		}
		if err := notOwnOffice(ctx, tx, l.TownID, l.OfficeCode); err != nil {
			return err
		}
		if err := branchLives(ctx, tx, l.TownID, l.BranchCode, l.ValidFrom); err != nil {
			return err
		}
		var n int64
		err := overlapping(tx.Model(&OfficeLink{}), l.ValidFrom, l.ValidUntil).
			Where("town_id = ? AND office_code = ? AND branch_code = ?", l.TownID, l.OfficeCode, l.BranchCode).Count(&n).Error
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.Conflict("overlapping_link", "该挂钩办在此期间已与该党组织挂钩",
				"the office is linked to the branch in that time already")
		}
		l.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&l).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: l.TownID, Action: "office_link.create", Subject: "office-links/" + l.ID, After: l})
	})
	return shownLink(ctx, db, l, err)
}

// EndOfficeLink sets the last day of a link, which can only come closer.
// l has the town, the office and the id of it.
func EndOfficeLink(ctx context.Context, db *gorm.DB, l OfficeLink, end Ending) (_ OfficeLink, err error) {
	defer fault.Wrap(&err, "end link %s of the office %s", l.ID, l.OfficeCode)
	after, err := l.tie(ctx).end(ctx, db, end)
	return shownLink(ctx, db, after, err)
}

// CancelOfficeLink marks a link as a mistake: from the next request on the members of the
// office do not reach the branch by it. l has the town, the office and the id of it.
func CancelOfficeLink(ctx context.Context, db *gorm.DB, l OfficeLink, c Cancelling) (_ OfficeLink, err error) {
	defer fault.Wrap(&err, "cancel link %s of the office %s", l.ID, l.OfficeCode)
	after, err := l.tie(ctx).cancel(ctx, db, c)
	return shownLink(ctx, db, after, err)
}

func (l OfficeLink) tie(ctx context.Context) tie[OfficeLink] {
	return tie[OfficeLink]{
		l.TownID, "office_link", l.ID, &OfficeLink{TownID: l.TownID, ID: l.ID},
		func(tx *gorm.DB) (OfficeLink, error) {
			if err := notOwnOffice(ctx, tx, l.TownID, l.OfficeCode); err != nil {
				return OfficeLink{}, err
			}
			return storedLink(tx.WithContext(ctx), l)
		},
	}
}

// OfficesOf are the offices of which the person is a member on the day.
func OfficesOf(ctx context.Context, db *gorm.DB, townID, person string, on day.Date) (_ []string, err error) {
	defer fault.Wrap(&err, "offices of %s", person)
	var codes []string
	err = inForce(db.WithContext(ctx).Model(&OfficeMember{}).Where("town_id = ? AND person_code = ?", townID, person), on).
		Distinct().Order("office_code").Pluck("office_code", &codes).Error
	return codes, err
}
