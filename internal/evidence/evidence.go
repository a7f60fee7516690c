// Package evidence holds the files that show what is entered, done or claimed (佐证). A file belongs to a value of a
// sheet, a plan item, a visit, a problem, a case or an appeal: who may read that may read it, and who may write that may
// attach and remove files, as long as it can be written.
package evidence

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/exchange"
	"bulwark/internal/fault"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/visit"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// Kind is a kind of record to which evidence can be attached.
type Kind string

// The kinds.
const (
	OfEvaluation Kind = "evaluation"
	OfPlanItem   Kind = "plan_item"
	OfVisit      Kind = "visit"
	OfProblem    Kind = "problem"
	OfCase       Kind = "case"
	OfAppeal     Kind = "appeal"
)

var noun = text.Text{ZH: "佐证", EN: "evidence"}

// Evidence is a file at a record. The row stays when the file is removed, so that what was there, and why it went, is
// known.
type Evidence struct {
	TownID       string  `gorm:"primaryKey" json:"-"`
	ID           string  `gorm:"primaryKey" json:"id" format:"uuid"`                                 // of the evidence, in its address
	Of           Kind    `gorm:"-" json:"of" enums:"evaluation,plan_item,visit,problem,case,appeal"` // what it belongs to
	Record       string  `gorm:"-" json:"record" format:"uuid"`                                      // the id of that
	Indicator    string  `json:"indicator,omitempty" example:"organisation.01"`                      // of an evaluation: whose value it shows
	EvaluationID *string `json:"-"`
	PlanItemID   *string `json:"-"`
	VisitID      *string `json:"-"`
	ProblemID    *string `json:"-"`
	CaseID       *string `json:"-"`
	AppealID     *string `json:"-"`
	Name         string  `json:"name" example:"meeting.jpg"`                                                                             // under which the file is offered
	MediaType    string  `json:"media_type" example:"image/jpeg"`                                                                        // of the file that is stored
	Bytes        int64   `json:"bytes" example:"381204"`                                                                                 // of the file that is stored
	SHA256       string  `gorm:"column:sha256" json:"sha256" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"` // of the file that is stored
	Width        *int64  `json:"width,omitempty" example:"3072"`                                                                         // of a photo
	Height       *int64  `json:"height,omitempty" example:"4096"`                                                                        // of a photo
	// of the file that was received
	ReceivedBytes int64 `json:"received_bytes" example:"4381204"`
	// likewise: of a document the same as sha256
	ReceivedSHA256 string `gorm:"column:received_sha256" json:"received_sha256" example:"60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"`
	// true: the file is kept byte for byte, with whatever it says of its author, times and places
	MetadataRemains bool        `gorm:"-" json:"metadata_remains" example:"false"`
	AddedBy         string      `json:"added_by" example:"secretary-1"`                      // the role, for who may not read people
	AddedRole       policy.Role `json:"added_role" swaggertype:"string" example:"secretary"` // in which it was attached
	RemovedAt       *time.Time  `json:"removed_at,omitempty"`                                // absent while the file is there
	RemovedBy       string      `json:"removed_by,omitempty" example:"secretary-1"`          // the role, for who may not read people
	RemovedReason   string      `json:"removed_reason,omitempty" example:"the wrong photo"`  // given by who removed it
	Allowed         []string    `gorm:"-" json:"allowed"`                                    // what the caller can do with it now
	database.Versioned
} // @name Evidence

// TableName is the table of evidence.
func (Evidence) TableName() string { return "evidence" }

// Ref names the record, and of a sheet the value, to which evidence belongs.
type Ref struct {
	Town      string
	Of        Kind
	Record    string
	Indicator string
}

// owner is a record as evidence needs it.
type owner struct {
	Ref
	allowed []string
	// hold locks the record until tx ends, if the caller can attach evidence to it now
	hold func(ctx context.Context, tx *gorm.DB) error
	// check refuses an indicator that the record does not have
	check func(ctx context.Context, tx *gorm.DB, indicator string) error
}

// attach is the verb of the tables of all these records.
const attach = "attach"

// columns are the columns that name a record, by its kind.
var columns = map[Kind]string{
	OfEvaluation: "evaluation_id", OfPlanItem: "plan_item_id", OfVisit: "visit_id", OfProblem: "problem_id",
	OfCase: "case_id", OfAppeal: "appeal_id",
}

// find returns the record, if the caller may read it.
func (r Ref) find(ctx context.Context, db *gorm.DB) (o owner, err error) {
	o.Ref = r
	o.check = func(_ context.Context, _ *gorm.DB, indicator string) error {
		if indicator != "" {
			return fault.Broken(fault.Field("query/indicator", "no_indicator", "只有考评表的佐证才写指标",
				"only evidence of an evaluation names an indicator"))
		}
		return nil
	}
	switch r.Of {
	case OfEvaluation:
		var s evaluation.Sheet
		s, err = evaluation.FindSheet(ctx, db, r.Town, r.Record)
		o.allowed, o.hold = s.Allowed, s.Hold
		o.check = func(ctx context.Context, tx *gorm.DB, indicator string) error {
			return checkIndicator(ctx, tx, s, indicator)
		}
	case OfPlanItem:
		var i plan.Item
		i, err = plan.ReadItem(ctx, db, r.Town, r.Record)
		o.allowed, o.hold = i.Allowed, i.Hold
	case OfVisit:
		var v visit.Visit
		v, err = visit.Find(ctx, db, r.Town, r.Record)
		o.allowed, o.hold = v.Allowed, v.Hold
	case OfProblem:
		var x visit.Problem
		x, err = visit.FindProblem(ctx, db, r.Town, r.Record)
		o.allowed, o.hold = x.Allowed, x.Hold
	case OfCase:
		var c exchange.Case
		c, err = exchange.FindCase(ctx, db, r.Town, r.Record)
		o.allowed, o.hold = c.Allowed, c.Hold
	default:
		var a index.Appeal
		a, err = index.FindAppeal(ctx, db, r.Town, r.Record)
		o.allowed, o.hold = a.Allowed, a.Hold
	}
	return o, err
}

// checkIndicator refuses what the scheme of the sheet does not have.
func checkIndicator(ctx context.Context, tx *gorm.DB, s evaluation.Sheet, indicator string) error {
	if indicator == "" {
		return fault.Broken(fault.Field("query/indicator", "required", "请写明是哪项指标的佐证", "name the indicator whose value the file shows"))
	}
	p, err := evaluation.FindPeriod(ctx, tx, s.TownID, s.PeriodCode)
	if err != nil {
		return err
	}
	c, err := scheme.Load(ctx, tx, s.TownID, p.Scheme.Code, p.Scheme.Number)
	if err != nil || c.HasIndicator(indicator) || c.Quantity(indicator) != nil {
		return err
	}
	return fault.Broken(fault.Field("query/indicator", "unknown_indicator", "指标体系中没有“%s”", "the scheme has no indicator %q",
		indicator))
}

// rows narrows a query to the evidence of the record.
func (r Ref) rows(q *gorm.DB) *gorm.DB {
	return q.Where("town_id = ? AND "+columns[r.Of]+" = ?", r.Town, r.Record)
}

// ref returns what the evidence belongs to.
func (e Evidence) ref() Ref {
	r := Ref{Town: e.TownID, Indicator: e.Indicator}
	for kind, id := range map[Kind]*string{
		OfEvaluation: e.EvaluationID, OfPlanItem: e.PlanItemID, OfVisit: e.VisitID, OfProblem: e.ProblemID, OfCase: e.CaseID,
		OfAppeal: e.AppealID,
	} {
		if id != nil {
			r.Of, r.Record = kind, *id
		}
	}
	return r
}

// belongs sets what the evidence belongs to.
func (e *Evidence) belongs(r Ref) {
	e.TownID, e.Indicator = r.Town, r.Indicator
	*map[Kind]**string{
		OfEvaluation: &e.EvaluationID, OfPlanItem: &e.PlanItemID, OfVisit: &e.VisitID, OfProblem: &e.ProblemID,
		OfCase: &e.CaseID, OfAppeal: &e.AppealID,
	}[r.Of] = &r.Record
}

// show returns the evidence as the caller sees it, with what he or she can do.
func (e Evidence) show(p access.Principal, o owner) Evidence {
	r := e.ref()
	e.Of, e.Record, e.MetadataRemains, e.Allowed = r.Of, r.Record, e.MediaType != jpegFormat.mediaType, []string{}
	if e.RemovedAt == nil && !p.ReadOnly && (e.erasable(p) || e.AddedBy == p.Name() && slices.Contains(o.allowed, attach)) {
		e.Allowed = append(e.Allowed, "remove")
	}
	return e
}

// tell returns the evidence with roles in place of names, where the caller may not read people.
func (e Evidence) tell(p access.Principal) Evidence {
	e.AddedBy = p.Told(e.AddedBy, e.AddedRole)
	if role := e.AddedRole; e.RemovedBy != "" {
		if e.RemovedBy != e.AddedBy {
			role = policy.Admin
		}
		e.RemovedBy = p.Told(e.RemovedBy, role)
	}
	return e
}

// erasable reports whether the caller may remove any file, whatever it belongs to: personal data that must go.
func (e Evidence) erasable(p access.Principal) bool { return p.May(policy.Pseudonymise) }

// Filter narrows a list; zero fields do not.
type Filter struct {
	Ref            // Town, Of and Record are needed
	Removed bool   // also what was removed
	After   string // ids after this one
	Limit   int    // 0 = all
}

// List returns the evidence of one record in the order in which it was attached, if the caller may read the record.
func List(ctx context.Context, db *gorm.DB, f Filter) (list []Evidence, err error) {
	defer fault.Wrap(&err, "evidence of %s %s", f.Of, f.Record)
	o, err := f.Ref.find(ctx, db)
	if err != nil {
		return nil, err
	}
	q := f.rows(database.Page(db.WithContext(ctx), f.Town, f.After, f.Limit))
	if !f.Removed {
		q = q.Where("removed_at IS NULL")
	}
	if f.Indicator != "" {
		q = q.Where("indicator = ?", f.Indicator)
	}
	err = q.Find(&list).Error
	p := access.PrincipalFrom(ctx)
	for i, e := range list {
		list[i] = e.show(p, o).tell(p)
	}
	return list, err
}

// Find returns what is known of one file, if the caller may read what it belongs to.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (e Evidence, err error) {
	defer fault.Wrap(&err, "evidence %s", id)
	e, o, err := read(ctx, db, townID, id)
	if err != nil {
		return Evidence{}, err
	}
	p := access.PrincipalFrom(ctx)
	return e.show(p, o).tell(p), nil
}

// read returns the row and its record; what the caller may not read is not there.
func read(ctx context.Context, db *gorm.DB, townID, id string) (e Evidence, o owner, err error) {
	e, err = database.Take[Evidence](db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id), noun, id)
	if err != nil {
		return e, o, err
	}
	o, err = e.ref().find(ctx, db)
	if fault.Is(err, fault.KindNotFound) {
		err = fault.Missing(noun, id)
	}
	return e, o, err
}
