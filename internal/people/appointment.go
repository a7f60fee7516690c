package people

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// Appointment is the role of a person from a day until a day, both included; without
// an end it holds until further notice. The owner of a key or account has only the
// roles that he or she is appointed to on the day.
type Appointment struct {
	TownID     string      `gorm:"primaryKey" json:"-"`
	ID         string      `gorm:"primaryKey" json:"id" format:"uuid"`
	PersonCode string      `json:"person" example:"mentor-1"`
	Role       policy.Role `json:"role" swaggertype:"string" enums:"reader,secretary,mentor,instructor,liaison_office,leading_group,leadership"`
	Letter     string      `json:"letter,omitempty" example:"演示聘字〔2022〕1号"` // number of the letter of appointment
	ValidFrom  day.Date    `json:"from" swaggertype:"string" format:"date"` // the first day
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason,omitempty"`
	Cancellation
	database.Versioned
}

// AppointmentFilter narrows a list; zero fields do not.
type AppointmentFilter struct {
	On     day.Date // those in force on the day; empty = all of history
	Person string
	Role   policy.Role
	After  string // ids after this one
	Limit  int    // 0 = all
}

// ListAppointments returns the appointments of the town in the order of their ids,
// that is, of their making.
func ListAppointments(
	ctx context.Context, db *gorm.DB, townID string, f AppointmentFilter,
) (_ []Appointment, err error) {
	defer fault.Wrap(&err, "appointments of %s", townID)
	q := page(db.WithContext(ctx), townID, f.On, f.After, f.Limit)
	q = database.Only(q, "person_code", f.Person, "role", string(f.Role))
	var list []Appointment
	err = q.Find(&list).Error
	p := access.PrincipalFrom(ctx)
	for i := range list {
		list[i] = list[i].shown(p)
	}
	return list, err
}

// FindAppointment returns one appointment of the town.
func FindAppointment(ctx context.Context, db *gorm.DB, townID, id string) (_ Appointment, err error) {
	defer fault.Wrap(&err, "appointment %s", id)
	a, err := storedAppointment(db.WithContext(ctx), townID, id)
	return a.shown(access.PrincipalFrom(ctx)), err
}

func storedAppointment(db *gorm.DB, townID, id string) (Appointment, error) {
	return database.Take[Appointment](db.Where("town_id = ? AND id = ?", townID, id), text.Text{ZH: "聘任", EN: "appointment"}, id)
}

// shown returns the appointment with what the caller can do.
func (a Appointment) shown(to access.Principal) Appointment {
	a.Allowed = a.allowed(to, a.PersonCode)
	return a
}

// Appoint appoints a person to a role. A mentor needs a letter and an end. The same
// role of the same person cannot overlap itself.
func Appoint(ctx context.Context, db *gorm.DB, a Appointment) (_ Appointment, err error) {
	defer fault.Wrap(&err, "appointment of %s", a.PersonCode)
	if faults := checkAppointment(a); len(faults) > 0 {
		return Appointment{}, fault.Broken(faults...)
	}
	if err := notOwn(ctx, a.PersonCode); err != nil {
		return Appointment{}, err
	}
	a.ID = database.NewID()
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := LockPerson(tx, a.TownID, a.PersonCode); err != nil {
			return err
		}
		if err := access.PersonExists(ctx, tx, a.TownID, a.PersonCode); err != nil {
			return err
		}
		if err := a.refuseOverlap(tx); err != nil {
			return err
		}
		a.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		err := audit.Write(ctx, tx,
			audit.Change{Town: a.TownID, Action: "appointment.create", Subject: "appointments/" + a.ID, After: a})
		if err != nil || !a.Role.Decides() {
			return err
		}
		return credential.Give(ctx, tx, credential.Right{
			TownID: a.TownID, Kind: "appointment", Subject: "appointments/" + a.ID, PersonCode: a.PersonCode,
		})
	})
	return a.shown(access.PrincipalFrom(ctx)), err
}

func checkAppointment(a Appointment) (faults []fault.FieldError) {
	switch {
	case a.Role == policy.Admin:
		faults = append(faults, fault.Field("/role", "not_appointed_to",
			"管理员不经聘任：请为其建立不关联人员的密钥", "nobody is appointed as an administrator: create a key without a person"))
	case !slices.Contains(policy.Roles(), a.Role):
		faults = append(faults, fault.Field("/role", "unknown_role", "没有角色“%s”", "there is no role %q", a.Role))
	case a.Role == policy.Mentor && a.Letter == "":
		faults = append(faults,
			fault.Field("/letter", "letter_needed", "导师须凭聘书聘任：请填写聘书编号", "a mentor is appointed by letter: give its number"))
	}
	if a.Role == policy.Mentor && a.ValidUntil == nil {
		faults = append(faults,
			fault.Field("/until", "term_needed", "导师有聘期：请填写最后一日", "a mentor is appointed for a term: give the last day"))
	}
	return append(faults, checkTerm(a.ValidFrom, a.ValidUntil)...)
}

func (a Appointment) refuseOverlap(tx *gorm.DB) error {
	var n int64
	err := overlapping(tx.Model(&Appointment{}), a.ValidFrom, a.ValidUntil).
		Where("town_id = ? AND person_code = ? AND role = ?", a.TownID, a.PersonCode, a.Role).
		Where(`NOT EXISTS (SELECT 1 FROM deciding_rights r
			WHERE r.town_id = appointments.town_id AND r.subject = 'appointments/' || appointments.id AND r.state = ?)`,
			credential.RightRejected).Count(&n).Error
	if err == nil && n > 0 {
		return fault.Conflict("overlapping_appointment",
			"该人员在此期间已担任同一角色：请先结束原聘任", "this person holds the role in that time already: end that appointment first")
	}
	return err
}

// EndAppointment sets the last day of an appointment, which can only come closer.
// From the day after, the person's keys and accounts do not hold the role.
func EndAppointment(ctx context.Context, db *gorm.DB, townID, id string, end Ending) (_ Appointment, err error) {
	defer fault.Wrap(&err, "end appointment %s", id)
	a, err := appointmentTie(ctx, townID, id).end(ctx, db, end)
	return a.shown(access.PrincipalFrom(ctx)), err
}

// CancelAppointment marks an appointment as a mistake. From the next request on the person's keys and accounts do
// not hold the role; a right to decide that waits to be acknowledged waits no longer.
func CancelAppointment(ctx context.Context, db *gorm.DB, townID, id string, c Cancelling) (a Appointment, err error) {
	defer fault.Wrap(&err, "cancel appointment %s", id)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if a, err = appointmentTie(ctx, townID, id).cancel(ctx, tx, c); err != nil {
			return err
		}
		return credential.Supersede(ctx, tx, townID, "appointments/"+id)
	})
	return a.shown(access.PrincipalFrom(ctx)), err
}

func appointmentTie(ctx context.Context, townID, id string) tie[Appointment] {
	return tie[Appointment]{
		townID, "appointment", id, &Appointment{TownID: townID, ID: id},
		func(tx *gorm.DB) (Appointment, error) { return storedAppointment(tx.WithContext(ctx), townID, id) },
	}
}

func (a Appointment) term() (day.Date, *day.Date) { return a.ValidFrom, a.ValidUntil }

func (a Appointment) of() string { return a.PersonCode }
