// Package project holds the projects of pioneer teams and the rounds that choose
// among them.
package project

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
	"bulwark/pkg/composite"
)

// RoundState is where a round stands in its life.
type RoundState string

// The states of a round, in their order.
const (
	Registering RoundState = "registering" // branches register projects
	Judging     RoundState = "judging"     // judges write their sheets, each alone
	Closed      RoundState = "closed"      // the sheets are frozen and the result can be read
	Shortlisted RoundState = "shortlisted"
	Decided     RoundState = "decided"
)

// Round is one selection among projects: which criteria count how much, who judges,
// how many are shortlisted and chosen.
type Round struct {
	TownID      string                     `gorm:"primaryKey" json:"-"`
	Code        string                     `gorm:"primaryKey" json:"code" example:"2023"`
	Name        text.Text                  `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Criteria    database.JSON[[]Criterion] `json:"criteria" swaggertype:"array,object"`
	Judges      database.JSON[[]string]    `json:"judges" swaggertype:"array,string" example:"mentor-1"` // codes of persons
	Combination string                     `json:"combination" enums:"mean,median,trimmed"`              // how the totals of the judges become one
	Trim        int64                      `json:"trim" example:"1"`                                     // for trimmed: so many highest and so many lowest are dropped
	Places      int64                      `json:"places" example:"20"`                                  // of the shortlist
	Seats       int64                      `json:"seats" example:"10"`                                   // of those chosen
	State       RoundState                 `json:"state" swaggertype:"string" enums:"registering,judging,closed,shortlisted,decided"`
	StateBy     string                     `json:"state_by" example:"group-1"`
	StateAt     time.Time                  `json:"state_at"`
	StateReason string                     `json:"state_reason,omitempty"`
	Allowed     []string                   `gorm:"-" json:"allowed"`
	database.Versioned
}

// Criterion is one of those by which projects are chosen.
type Criterion struct {
	Code   string    `json:"code" example:"momentum"`
	Name   text.Text `json:"name"`
	Weight float64   `json:"weight" example:"40"` // among the criteria of the round
	Max    float64   `json:"max" example:"10"`    // points that a judge can give
}

// usualCriteria are the three that the public source names. Their equal weights and
// greatest points are an example.
func usualCriteria() []Criterion {
	return []Criterion{
		{Code: "momentum", Name: text.F("改革势头", "reform momentum"), Weight: 1, Max: 10},
		{Code: "development", Name: text.F("推动发展", "drives development"), Weight: 1, Max: 10},
		{Code: "care", Name: text.F("群众关注", "residents care"), Weight: 1, Max: 10},
	}
}

// TableName is the table of Round.
func (Round) TableName() string { return "selection_rounds" }

var roundNoun = text.Text{ZH: "评选", EN: "round"}

// roundMoves is the life of a round. Shortlist and choice are moves that a person
// confirms with the projects, see Confirm.
var roundMoves = workflow.Machine[RoundState, workflow.Free]{
	{Verb: "edit", From: []RoundState{Registering}, Action: access.RunRounds},
	{Verb: "judge", From: []RoundState{Registering}, To: Judging, Action: access.RunRounds},
	{Verb: "close", From: []RoundState{Judging}, To: Closed, Action: access.RunRounds},
	{Verb: "shortlist", From: []RoundState{Closed}, To: Shortlisted, Action: access.RunRounds},
	{Verb: "choose", From: []RoundState{Shortlisted}, To: Decided, Action: access.RunRounds},
}

func (r Round) stand() workflow.Standing {
	return workflow.Standing{By: r.StateBy, Role: string(access.LeadingGroup), At: r.StateAt, Reason: r.StateReason, CanLift: string(access.LeadingGroup)}
}

// locked is a refusal by the state of the round.
func (r Round) locked(code string, message text.Text) error {
	e := fault.New(fault.KindLocked, code, message)
	lock := r.stand().Lock()
	e.Lock = &lock
	return e
}

// rule is how the totals of the judges are combined.
func (r Round) rule() composite.Combination {
	return composite.Combination{Kind: composite.CombinationKind(r.Combination), Drop: int(r.Trim)}
}

// FindRound gives one round.
func FindRound(ctx context.Context, db *gorm.DB, townID, code string) (Round, error) {
	var r Round
	err := db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Round{}, fault.Missing(roundNoun, code)
	}
	return r.tell(access.Caller(ctx)), err
}

// tell fills in what depends on the caller.
func (r Round) tell(p access.Principal) Round {
	r.Allowed = roundMoves.Allowed(p, r.State, r.stand())
	if !p.May(access.ReadPeople) {
		r.Judges.V, r.StateBy = []string{}, p.Told(r.StateBy, access.LeadingGroup)
	}
	return r
}

// ListRounds gives the rounds of the town after the code, in the order of codes.
func ListRounds(ctx context.Context, db *gorm.DB, townID, after string, limit int) ([]Round, error) {
	var list []Round
	err := db.WithContext(ctx).Where("town_id = ? AND code > ?", townID, after).Order("code").Limit(limit).Find(&list).Error
	for i := range list {
		list[i] = list[i].tell(access.Caller(ctx))
	}
	return list, err
}

// OpenRound opens a round for registration.
func OpenRound(ctx context.Context, db *gorm.DB, r Round) (Round, error) {
	if len(r.Criteria.V) == 0 {
		r.Criteria.V = usualCriteria()
	}
	if faults := append(town.CheckIdentity(r.Code, r.Name), r.check()...); len(faults) > 0 {
		return Round{}, fault.Broken(faults...)
	}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := r.judgesKnown(ctx, tx); err != nil {
			return err
		}
		r.State, r.StateBy, r.StateAt, r.Versioned = Registering, access.Caller(ctx).Name(), tx.NowFunc(), database.Versioned{Version: 1}
		if err := tx.Create(&r).Error; err != nil {
			return town.Taken(err)
		}
		r = r.tell(access.Caller(ctx))
		return audit.Write(ctx, tx, audit.Change{Town: r.TownID, Action: "round.open", Subject: "rounds/" + r.Code, After: r})
	})
	return r, err
}

// UpdateRound changes the rules of a round before judging begins: nobody changes
// them with the scores in sight.
func UpdateRound(ctx context.Context, db *gorm.DB, r Round, version int64) (Round, error) {
	if faults := append(town.CheckIdentity(r.Code, r.Name), r.check()...); len(faults) > 0 {
		return Round{}, fault.Broken(faults...)
	}
	var after Round
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindRound(ctx, tx, r.TownID, r.Code)
		if err != nil {
			return err
		}
		if before.State != Registering {
			return before.locked("round_judged", text.F("评审已开始，规则不能再改", "judging has begun: the rules of the round stay"))
		}
		if err := r.judgesKnown(ctx, tx); err != nil {
			return err
		}
		change := map[string]any{
			"name_zh": r.Name.ZH, "name_en": r.Name.EN, "criteria": r.Criteria, "judges": r.Judges,
			"combination": r.Combination, "trim": r.Trim, "places": r.Places, "seats": r.Seats,
		}
		if err := database.UpdateVersioned(tx, &Round{TownID: r.TownID, Code: r.Code}, version, change); err != nil {
			return err
		}
		if after, err = FindRound(ctx, tx, r.TownID, r.Code); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: r.TownID, Action: "round.update", Subject: "rounds/" + r.Code, Before: before, After: after})
	})
	return after, err
}

// check lists what is wrong with the rules.
func (r Round) check() (faults []fault.FieldError) {
	if len(r.Criteria.V) == 0 {
		faults = append(faults, fault.Field("/criteria", "required", "请至少给出一项标准", "give at least one criterion"))
	}
	seen := map[string]bool{}
	for i, c := range r.Criteria.V {
		at := "/criteria/" + strconv.Itoa(i)
		if !text.IsCode(c.Code) {
			faults = append(faults, fault.BadCode(at+"/code"))
		}
		if seen[c.Code] {
			faults = append(faults, fault.Field(at+"/code", "twice", "标准“%s”重复", "the criterion %q is there twice", c.Code))
		}
		if c.Name.IsZero() {
			faults = append(faults, fault.Field(at+"/name", "name_needed", "请给出名称", "give a name"))
		}
		seen[c.Code] = true
	}
	if r.Seats > r.Places {
		faults = append(faults, fault.Field("/seats", "out_of_range", "入选数不能超过入围数 %d", "no more can be chosen than are shortlisted: %d", r.Places))
	}
	return faults
}

// judgesKnown lists the judges that are no persons of the town.
func (r Round) judgesKnown(ctx context.Context, tx *gorm.DB) error {
	var faults []fault.FieldError
	for i, code := range r.Judges.V {
		_, err := people.Find(ctx, tx, r.TownID, code)
		switch {
		case fault.Is(err, fault.KindNotFound):
			faults = append(faults, fault.Field("/judges/"+strconv.Itoa(i), "unknown_person", "没有人员“%s”", "there is no person %q", code))
		case err != nil:
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
