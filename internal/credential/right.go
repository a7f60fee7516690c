package credential

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// RightState is where a right to decide is in its life.
type RightState string

// The states of a right. One that is acknowledged works, and one that was given alone works
// from its day; the others do not.
const (
	RightPending      RightState = "pending"  // two of those who decide must stand behind it
	RightSeconded     RightState = "seconded" // one does
	RightAcknowledged RightState = "acknowledged"
	RightRejected     RightState = "rejected"
	RightAlone        RightState = "alone"      // nobody was left to acknowledge it
	RightSuperseded   RightState = "superseded" // by a newer right of the same key, account or appointment
)

var rightTitles = workflow.Titles[RightState]{
	RightPending:      {ZH: "待两人确认", EN: "pending"},
	RightSeconded:     {ZH: "待另一人确认", EN: "seconded"},
	RightAcknowledged: {ZH: "已确认", EN: "acknowledged"},
	RightRejected:     {ZH: "已拒绝", EN: "rejected"},
	RightAlone:        {ZH: "单独授予", EN: "given alone"},
	RightSuperseded:   {ZH: "已被替代", EN: "superseded"},
}

// Title returns the name of the state.
func (s RightState) Title() text.Text { return rightTitles.Of(s) }

// AloneAfter is how long a right waits that nobody was left to acknowledge.
const AloneAfter = 72 * time.Hour

// Right is a new right to decide in a town that has published: a role, or a credential of a person who has it.
// It does not work before two persons who decide there support it. Whoever gives it counts as one of them if he
// or she decides there.
type Right struct {
	TownID string `gorm:"primaryKey" json:"-"`
	ID     string `gorm:"primaryKey" json:"id" format:"uuid"`
	// what was given: a role, a key, an account, a new password or a linked sign-in
	Kind       string     `json:"kind" enums:"appointment,key,account,password,sign_in"`
	Subject    string     `json:"subject" example:"accounts/li.ming"` // its address, that of an appointment below the town
	PersonCode string     `json:"person" example:"group-2"`           // who shall decide by it
	GivenBy    string     `json:"given_by" example:"admin"`           // who gave it, and does not acknowledge it
	State      RightState `json:"state" swaggertype:"string" enums:"pending,seconded,acknowledged,rejected,alone,superseded"`
	SecondedBy string     `json:"seconded_by,omitempty" example:"group-1"` // the first of two
	DecidedBy  string     `json:"decided_by,omitempty" example:"group-3"`
	DecidedAt  *time.Time `json:"decided_at,omitempty"`
	Reason     string     `json:"reason,omitempty"`     // of the last step
	WorksFrom  *time.Time `json:"works_from,omitempty"` // of one that was given alone
	Allowed    []string   `gorm:"-" json:"allowed"`     // what the caller can do with it now
	database.Versioned
} // @name DecidingRight

// TableName of rights.
func (Right) TableName() string { return "deciding_rights" }

// Ref names the right.
func (r Right) Ref() workflow.Ref { return workflow.Ref{Town: r.TownID, ID: r.ID, Version: r.Version} }

// rightReader is a caller who reads or acknowledges rights.
type rightReader struct {
	access.Caller
	deciders []string // who decides in the town today and can sign in or has a key
}

func rightReaderOf(ctx context.Context, db *gorm.DB, townID string) (*rightReader, error) {
	c, err := access.CallerOf(ctx, db, townID, policy.ReadRights)
	return &rightReader{Caller: c}, err
}

type rightRules = []workflow.Rule[Right, *rightReader]

// rights is the life of a right: two who decide in the town stand behind it, one of whom
// can be who gave it; or an administrator gives it where nobody is left to do so.
var rights = workflow.Kind[Right, RightState, *rightReader]{
	Noun: text.Text{ZH: "待确认权限", EN: "right"}, Name: "right", Titles: rightTitles, Reader: rightReaderOf,
	Verbs: []workflow.Verb[Right, RightState, *rightReader]{
		{
			Name: "second", From: []RightState{RightPending}, To: RightSeconded, Action: policy.AcknowledgeRights,
			Who: rightRules{notGiver, notForOneself},
		},
		{
			Name: "acknowledge", From: []RightState{RightSeconded}, To: RightAcknowledged, Action: policy.AcknowledgeRights,
			Who: rightRules{notGiver, notForOneself, notSeconder},
		},
		{
			Name: "reject", From: []RightState{RightPending, RightSeconded}, To: RightRejected, Action: policy.AcknowledgeRights,
			Reason: true,
		},
		{
			Name: "give_alone", From: []RightState{RightPending, RightSeconded}, To: RightAlone, Action: policy.GiveRightsAlone,
			Reason: true, When: rightRules{nobodyLeft},
		},
		{Name: "supersede", From: []RightState{RightPending, RightSeconded, RightRejected, RightAlone}, To: RightSuperseded},
	},
}.Checked()

func notGiver(v *rightReader, r Right) error {
	if v.Name() == r.GivenBy {
		return fault.Forbidden("own_right", "您授予的权限须由他人确认", "you gave this right: another person who decides here must acknowledge it")
	}
	return nil
}

// notForOneself keeps people from making deciders of themselves. A credential they may
// confirm by another one of theirs: nobody knows better whether it is theirs.
func notForOneself(v *rightReader, r Right) error {
	if v.Person == r.PersonCode && r.Kind == "appointment" {
		return fault.Forbidden("own_right", "不能确认自己的聘任，须由他人确认",
			"nobody acknowledges his or her own appointment: another person who decides here does")
	}
	return nil
}

func notSeconder(v *rightReader, r Right) error {
	if v.Person == r.SecondedBy {
		return fault.Forbidden("own_right", "您已确认过，还须另一人确认", "you have seconded this right: another person who decides here must acknowledge it")
	}
	return nil
}

// nobodyLeft refuses as long as somebody can acknowledge the right.
func nobodyLeft(v *rightReader, r Right) error {
	left := slices.DeleteFunc(slices.Clone(v.deciders), func(person string) bool {
		return person == r.GivenBy || person == r.SecondedBy || person == r.PersonCode && r.Kind == "appointment"
	})
	if len(left) > 0 {
		return fault.Conflict("somebody_left", "%s 可以确认，请由其办理", "%s can acknowledge the right: ask them", strings.Join(left, ", "))
	}
	return nil
}

// State returns the state of the right, and who brought it there.
func (v *rightReader) State(r Right) (RightState, fault.Lock) {
	lock := fault.Lock{By: r.GivenBy, At: r.CreatedAt}
	if r.DecidedAt != nil {
		lock = fault.Lock{By: r.DecidedBy, At: *r.DecidedAt, Reason: r.Reason}
	}
	return r.State, lock
}

// Visible narrows nothing: the action of the route has let the caller in.
func (v *rightReader) Visible(q *gorm.DB) *gorm.DB { return q }

// Load reads who decides in the town. Only the rules for administrators need it.
func (v *rightReader) Load(ctx context.Context, db *gorm.DB, _ []Right, _ workflow.Depth) (err error) {
	if v.deciders == nil && v.May(policy.GiveRightsAlone) {
		v.deciders, err = deciders(ctx, db, v.Town)
	}
	return err
}

// Show returns the right with what the caller can do.
func (v *rightReader) Show(r Right, allowed []string) Right {
	r.Allowed = allowed
	return r
}

// Audit returns the whole right.
func (v *rightReader) Audit(r Right, _ string) (string, any) { return "rights/" + r.ID, r }

// FindRight returns one right that was given in the town.
func FindRight(ctx context.Context, db *gorm.DB, townID, id string) (Right, error) {
	return rights.Find(ctx, db, townID, id)
}

// RightFilter narrows a list; zero fields do not.
type RightFilter struct {
	State  RightState
	Person string
	After  string // ids after this one
	Limit  int
}

// ListRights returns the rights that were given in the town since it published, in the
// order of their giving.
func ListRights(ctx context.Context, db *gorm.DB, townID string, f RightFilter) ([]Right, error) {
	v, err := rightReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Person != "" {
		q = q.Where("person_code = ?", f.Person)
	}
	return rights.List(ctx, db, v, q)
}

// CountRights returns how many rights of the town wait to be acknowledged.
func CountRights(ctx context.Context, db *gorm.DB, townID string) (n int64, err error) {
	defer fault.Wrap(&err, "rights of %s", townID)
	err = db.WithContext(ctx).Model(&Right{}).
		Where("town_id = ? AND state IN ?", townID, []RightState{RightPending, RightSeconded}).Count(&n).Error
	return n, err
}

// MoveRight seconds, acknowledges or rejects a right, or gives it alone: it works from
// then, or in the last case after AloneAfter.
func MoveRight(ctx context.Context, db *gorm.DB, ref workflow.Ref, to RightState, reason string) (Right, error) {
	return rights.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, v *rightReader, _ Right) (workflow.Change, error) {
		if to == RightSeconded {
			return workflow.Change{Columns: map[string]any{"seconded_by": v.Person}}, nil
		}
		columns := map[string]any{"decided_by": v.Name(), "decided_at": tx.NowFunc(), "reason": reason}
		if to == RightAlone {
			columns["works_from"] = tx.NowFunc().Add(AloneAfter)
		}
		return workflow.Change{Columns: columns}, nil
	})
}

// RightsGivenAlone returns the rights that an administrator gave in the town after the
// moment because nobody was left to acknowledge them, for the next notice.
func RightsGivenAlone(ctx context.Context, tx *gorm.DB, townID string, since time.Time) (list []Right, err error) {
	defer fault.Wrap(&err, "rights given alone in %s", townID)
	err = tx.WithContext(ctx).Where("town_id = ? AND state = ? AND decided_at > ?", townID, RightAlone, since).
		Order("id").Find(&list).Error
	return list, err
}

// GivenAlone is a right that was given alone, as a public notice names it.
type GivenAlone struct {
	// what was given: a role, a key, an account, a new password or a linked sign-in
	Kind   string    `json:"kind" enums:"appointment,key,account,password,sign_in"`
	Person string    `json:"person" example:"group-4"` // a role where the caller may not read people
	At     time.Time `json:"at"`                       // when an administrator gave it
} // @name RightGivenAlone

// Notice returns what a notice tells the caller of a right that was given alone.
func (r Right) Notice(to access.Principal) GivenAlone {
	return GivenAlone{Kind: r.Kind, Person: to.Told(r.PersonCode, policy.LeadingGroup), At: *r.DecidedAt}
}

// Give stores a right to decide that must be acknowledged before it works. Nothing waits
// in a town that has not published, nor what this program itself gives: the command line
// and the demo.
func Give(ctx context.Context, tx *gorm.DB, r Right) (err error) {
	defer fault.Wrap(&err, "right of %s", r.Subject)
	p := access.PrincipalFrom(ctx)
	if p.Credential() == "" {
		return nil
	}
	var published int64
	err = tx.WithContext(ctx).Raw("SELECT COUNT(*) FROM publications WHERE town_id = ?", r.TownID).Scan(&published).Error
	if err != nil || published == 0 {
		return err
	}
	if err := Supersede(ctx, tx, r.TownID, r.Subject); err != nil {
		return err
	}
	r.ID, r.GivenBy, r.State = database.NewID(), p.Name(), RightPending
	if p.Person != "" && p.Role.Decides() {
		r.State = RightSeconded
	}
	r.Versioned = database.Versioned{Version: 1}
	if err := tx.WithContext(ctx).Create(&r).Error; err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Change{Town: r.TownID, Action: "right.give", Subject: "rights/" + r.ID, After: r})
}

// Supersede ends what was given before by the same key, account or appointment and does
// not work yet: a newer right covers it, or the appointment is cancelled.
func Supersede(ctx context.Context, tx *gorm.DB, townID, subject string) (err error) {
	defer fault.Wrap(&err, "rights of %s", subject)
	var older []Right
	err = tx.WithContext(ctx).Where("town_id = @town AND subject = @subject AND "+access.RightWaits,
		map[string]any{"town": townID, "subject": subject, "now": tx.NowFunc()}).Order("id").Find(&older).Error
	if err != nil {
		return err
	}
	for _, o := range older {
		_, err := rights.Apply(ctx, tx, o.Ref(), "supersede", "",
			func(*gorm.DB, *rightReader, Right) (workflow.Change, error) { return workflow.Change{}, nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// waits reports whether a right by the subject has not begun to work.
func waits(ctx context.Context, db *gorm.DB, townID, subject string) (bool, error) {
	var n int64
	err := db.WithContext(ctx).Model(&Right{}).Where("town_id = @town AND subject = @subject AND "+access.RightWaits,
		map[string]any{"town": townID, "subject": subject, "now": db.NowFunc()}).Count(&n).Error
	return n > 0, err
}

// errRightWaits refuses who would have a role, were it acknowledged.
var errRightWaits = fault.Forbidden("right_waits",
	"本镇已公布过结果：新的决定权须经本镇两名有决定权的人员确认后生效，请联系工作领导小组",
	"the town has published, so a new right to decide waits until two persons who decide there support it: ask the leading group")

// decides reports whether the person decides in the town today or is to do so later.
func decides(ctx context.Context, db *gorm.DB, townID, person string) (bool, error) {
	var n int64
	err := db.WithContext(ctx).Raw(`SELECT COUNT(*) FROM appointments WHERE town_id = @town AND person_code = @person
	AND role = @role AND (valid_until IS NULL OR valid_until >= @today) AND cancelled_at IS NULL`, map[string]any{
		"town": townID, "person": person, "role": policy.LeadingGroup, "today": day.Of(db.NowFunc()),
	}).Scan(&n).Error
	return n > 0, err
}

// deciders returns the persons who decide in the town today, by an appointment and a
// credential that both work, in the order of codes.
func deciders(ctx context.Context, db *gorm.DB, townID string) (codes []string, err error) {
	codes = []string{}
	args := map[string]any{
		"town": townID, "role": policy.LeadingGroup, "in": `%"` + string(policy.LeadingGroup) + `"%`,
		"today": day.Of(db.NowFunc()), "now": db.NowFunc(), "no": false,
	}
	blocked := func(subject string) string {
		return ` NOT EXISTS (SELECT 1 FROM deciding_rights r WHERE r.town_id = @town AND r.subject = ` + subject + ` AND ` + access.RightWaits + `)`
	}
	err = db.WithContext(ctx).Raw(`SELECT DISTINCT a.person_code FROM appointments a
WHERE a.town_id = @town AND a.role = @role AND a.valid_from <= @today AND (a.valid_until IS NULL OR a.valid_until >= @today)
	AND a.cancelled_at IS NULL AND`+blocked(`'appointments/' || a.id`)+`
	AND (EXISTS (SELECT 1 FROM accounts c WHERE c.only_town = a.town_id AND c.person_code = a.person_code AND c.disabled_at IS NULL
			AND (c.password_hash <> '' OR c.subject IS NOT NULL) AND`+blocked(`'accounts/' || c.name`)+`)
		OR EXISTS (SELECT 1 FROM keys k WHERE k.person_town = a.town_id AND k.person_code = a.person_code AND k.revoked_at IS NULL
			AND (k.expires_at IS NULL OR k.expires_at > @now) AND k.read_only = @no AND k.branches = '[]' AND k.roles LIKE @in
			AND`+blocked(`'keys/' || k.prefix`)+`))
ORDER BY a.person_code`, args).Scan(&codes).Error
	return codes, err
}
