// Package demo fills a database with towns to look at: Lishui with its 40 real
// branches and no scores, an invented town whose 40 branches go through four
// periods, and its invented neighbour, to compare across towns. Everything goes through
// the workflow that people use. All but the secrets is the same on every machine.
package demo

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Town and Street are the codes of the invented towns: one of villages and
// communities, with a whole story, and its neighbour, in which enterprises and
// agencies are scored as well.
const (
	Town   = "demo"
	Street = "demo-street"
)

const invented = "invented"

// Seed marks the database as the demo's own and fills it, all or nothing, and reports
// whether there was anything to do: a database that has the invented town is left as it
// is. Like Owned it refuses a database that somebody else uses.
func Seed(ctx context.Context, db *gorm.DB) (_ bool, err error) {
	defer fault.Wrap(&err, "demo data")
	if err := claim(ctx, db); err != nil {
		return false, err
	}
	_, err = town.Find(ctx, db, Town)
	if !fault.Is(err, fault.KindNotFound) {
		return false, err
	}
	s := &story{clock: Start}
	db = db.Session(&gorm.Session{NewDB: true, NowFunc: s.tick})
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		s.clock = Start // the transaction may run again
		return s.run(ctx, tx)
	})
	return err == nil, err
}

// Start is when the story begins.
var Start = time.Date(2022, 9, 1, 1, 0, 0, 0, time.UTC)

// story fills the towns by its own clock, so that what is done in 2022 has dates of 2022.
type story struct{ clock time.Time }

// tick returns the time, a second later at each call: no two actions have the same.
func (s *story) tick() time.Time {
	s.clock = s.clock.Add(time.Second)
	return s.clock
}

// until moves the clock to ten in the morning of the day in Shanghai.
func (s *story) until(d string) {
	at, _ := time.ParseInLocation(time.DateTime, d+" 10:00:00", shanghai)
	if at.After(s.clock) {
		s.clock = at.UTC()
	}
}

// run does the parts of the story in their order.
func (s *story) run(ctx context.Context, tx *gorm.DB) error {
	for _, part := range []func(context.Context, *gorm.DB) error{
		s.areas, s.lishui, s.town, s.staff, s.periods, s.pioneers, s.street,
	} {
		if err := part(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// as returns the context in which a person of the invented town acts.
func as(ctx context.Context, person string, role policy.Role) context.Context {
	return in(ctx, Town, person, role)
}

// in returns the context in which a person of a town acts.
func in(ctx context.Context, code, person string, role policy.Role) context.Context {
	ctx = audit.As(ctx, audit.Actor{Name: person, Role: string(role)})
	return access.WithPrincipal(ctx, access.Principal{Towns: []string{code}, Person: person}.Holding(role))
}

// areas creates the real areas down to Lishui, and an invented one for the other towns.
func (s *story) areas(ctx context.Context, tx *gorm.DB) error {
	const list = "statistical codes of administrative divisions"
	parent := func(code string) *string { return &code }
	for _, a := range []town.Area{
		{Code: "44", Level: "province", Name: text.Text{ZH: "广东省", EN: "Guangdong"}, Provenance: list},
		{Code: "4406", ParentCode: parent("44"), Level: "city", Name: text.Text{ZH: "佛山市", EN: "Foshan"}, Provenance: list},
		{
			Code: "440605", ParentCode: parent("4406"), Level: "district", Name: text.Text{ZH: "南海区", EN: "Nanhai"},
			Provenance: list,
		},
		{
			Code: "440605126", ParentCode: parent("440605"), Level: "town", Name: text.Text{ZH: "里水镇", EN: "Lishui"},
			Provenance: list,
		},
		{Code: "99", Level: "province", Name: text.Text{ZH: "演示省", EN: "Demo Province"}, Provenance: invented},
		{
			Code: "9999", ParentCode: parent("99"), Level: "city", Name: text.Text{ZH: "演示市", EN: "Demo City"},
			Provenance: invented,
		},
		{
			Code: "999999", ParentCode: parent("9999"), Level: "district",
			Name: text.Text{ZH: "演示区", EN: "Demo District"}, Provenance: invented,
		},
		{
			Code: "999999999", ParentCode: parent("999999"), Level: "town", Name: text.Text{ZH: "演示镇", EN: "Demo Town"},
			Provenance: invented,
		},
		{
			Code: "999999998", ParentCode: parent("999999"), Level: "town",
			Name: text.Text{ZH: "演示街道", EN: "Demo Street"}, Provenance: invented,
		},
	} {
		if _, err := town.CreateArea(ctx, tx, a); err != nil {
			return err
		}
	}
	return nil
}
