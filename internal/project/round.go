// Package project holds the projects of pioneer teams and the rounds that choose
// among them.
package project

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
	"bulwark/pkg/composite"
)

// RoundState is where a round is in its life.
type RoundState string

// The states of a round, in their order.
const (
	Registering RoundState = "registering" // branches register projects
	Judging     RoundState = "judging"     // judges write their sheets, each alone
	Closed      RoundState = "closed"      // the sheets are frozen and the result can be read
	Shortlisted RoundState = "shortlisted"
	Decided     RoundState = "decided"
)

var roundTitles = workflow.Titles[RoundState]{
	Registering: {ZH: "登记中", EN: "registering"},
	Judging:     {ZH: "评审中", EN: "judging"},
	Closed:      {ZH: "评审已截止", EN: "closed"},
	Shortlisted: {ZH: "已确定入围", EN: "shortlisted"},
	Decided:     {ZH: "已决定", EN: "decided"},
}

// Title returns the name of the state.
func (s RoundState) Title() text.Text { return roundTitles.Of(s) }

// Round is one selection among projects: which criteria count how much, who judges,
// how many are shortlisted and chosen.
type Round struct {
	TownID   string                     `gorm:"primaryKey" json:"-"`
	Code     string                     `gorm:"primaryKey" json:"code" example:"2023"`
	Name     text.Text                  `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Criteria database.JSON[[]Criterion] `json:"criteria"`
	// codes of persons
	Judges database.JSON[[]string] `json:"judges" swaggertype:"array,string" example:"mentor-1"`
	// how the totals of the judges become one
	Combination string `json:"combination" enums:"mean,median,trimmed"`
	// for trimmed: so many highest and so many lowest are dropped
	Trim int64 `json:"trim" example:"1"`
	// of the shortlist
	Places      int64      `json:"places" example:"20"`
	Seats       int64      `json:"seats" example:"10"` // of those chosen
	State       RoundState `json:"state"`
	StateBy     string     `json:"state_by" example:"group-1"`
	StateAt     time.Time  `json:"state_at"`
	StateReason string     `json:"state_reason,omitempty"`
	Allowed     []string   `gorm:"-" json:"allowed"` // what the caller can do with it now
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

// Ref names the round.
func (r Round) Ref() workflow.Ref {
	return workflow.Ref{Town: r.TownID, ID: r.Code, Version: r.Version}
}

// roundActor is a caller who reads or changes rounds.
type roundActor struct{ access.Principal }

// State returns the state of the round, and who brought it there: a role where the
// caller may not read people.
func (v roundActor) State(r Round) (RoundState, fault.Lock) { return r.State, r.lock() }

// rounds is the life of a round. Its moves are more than a change of one row: judging
// begins with sheets, and a person confirms shortlist and choice with the projects, so
// it is a table without a kind.
var rounds = workflow.Table[Round, RoundState, roundActor]{
	Noun: text.Text{ZH: "评选", EN: "round"}, Titles: roundTitles, Frozen: roundFrozen,
	Verbs: []workflow.Verb[Round, RoundState, roundActor]{
		{Name: "edit", From: []RoundState{Registering}, Action: policy.RunRounds},
		{Name: "judge", From: []RoundState{Registering}, To: Judging, Action: policy.RunRounds},
		{Name: "close", From: []RoundState{Judging}, To: Closed, Action: policy.RunRounds},
		{Name: "shortlist", From: []RoundState{Closed}, To: Shortlisted, Action: policy.RunRounds},
		{Name: "choose", From: []RoundState{Shortlisted}, To: Decided, Action: policy.RunRounds},
	},
}.Checked()

const roundKind = "round" // of its transitions and audit actions

func roundFrozen(_ roundActor, r Round) error {
	return r.locked("round_judged", text.F("评审已开始，规则不能再改", "judging has begun: the rules of the round stay"))
}

func (r Round) lock() fault.Lock {
	return fault.Lock{
		By: r.StateBy, Role: string(policy.LeadingGroup), At: r.StateAt, Reason: r.StateReason,
		CanLift: string(policy.LeadingGroup),
	}
}

// locked returns a refusal by the state of the round.
func (r Round) locked(code string, message text.Text) error {
	return fault.New(fault.KindLocked, code, message).Held(r.lock())
}

// forReader returns the round as the caller may see it, with what he or she can do.
func (r Round) forReader(p access.Principal) Round {
	if !p.May(policy.ReadPeople) {
		r.Judges.V, r.StateBy = []string{}, p.Told(r.StateBy, policy.LeadingGroup)
	}
	r.Allowed = rounds.Allowed(roundActor{p}, r)
	return r
}

// rule returns how the totals of the judges are combined.
func (r Round) rule() composite.Combination {
	return composite.Combination{Kind: composite.CombinationKind(r.Combination), Drop: int(r.Trim)}
}

// OpenRound opens a round for registration.
func OpenRound(ctx context.Context, db *gorm.DB, r Round) (_ Round, err error) {
	defer fault.Wrap(&err, "open the round %s", r.Code)
	if len(r.Criteria.V) == 0 {
		r.Criteria.V = usualCriteria()
	}
	if faults := append(town.CheckIdentity(r.Code, r.Name), r.check()...); len(faults) > 0 {
		return Round{}, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := r.judgesKnown(ctx, tx); err != nil {
			return err
		}
		r.State, r.StateBy, r.StateAt, r.Versioned = Registering, access.PrincipalFrom(ctx).Name(), tx.NowFunc(), database.Versioned{
			Version: 1,
		}
		if err := tx.Create(&r).Error; err != nil {
			return town.Taken(err)
		}
		r = r.forReader(access.PrincipalFrom(ctx))
		return audit.Write(ctx, tx, audit.Change{Town: r.TownID, Action: "round.open", Subject: "rounds/" + r.Code, After: r})
	})
	return r, err
}

// UpdateRound changes the rules of a round before judging begins: nobody changes
// them with the scores in sight.
func UpdateRound(ctx context.Context, db *gorm.DB, r Round, version int64) (after Round, err error) {
	defer fault.Wrap(&err, "write the round %s", r.Code)
	if faults := append(town.CheckIdentity(r.Code, r.Name), r.check()...); len(faults) > 0 {
		return Round{}, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindRound(ctx, tx, r.TownID, r.Code)
		if err != nil {
			return err
		}
		if _, err := rounds.Do(roundActor{access.PrincipalFrom(ctx)}, before, "edit", ""); err != nil {
			return err
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
		return audit.Write(ctx, tx, audit.Change{
			Town: r.TownID, Action: "round.update", Subject: "rounds/" + r.Code, Before: before, After: after,
		})
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
		if seen[text.CodeKey(c.Code)] {
			faults = append(faults, fault.Field(at+"/code", "twice", "标准“%s”重复", "the criterion %q is there twice", c.Code))
		}
		if c.Name.IsZero() {
			faults = append(faults, fault.Field(at+"/name", "name_needed", "请给出名称", "give a name"))
		}
		seen[text.CodeKey(c.Code)] = true
	}
	if r.Seats > r.Places {
		faults = append(faults, fault.Field("/seats", "out_of_range",
			"入选数不能超过入围数 %d", "no more can be chosen than are shortlisted: %d", r.Places))
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
			faults = append(faults, fault.Field("/judges/"+strconv.Itoa(i), "unknown_person",
				"没有人员“%s”", "there is no person %q", code))
		case err != nil:
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// MoveRound begins judging, with an empty sheet for each judge, or closes it. Where
// sheets are not complete, closing takes a reason.
func MoveRound(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, to RoundState, reason string,
) (after Round, err error) {
	defer fault.Wrap(&err, "move the round %s", ref.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, verb, err := lockRound(ctx, tx, ref, to, reason)
		if err != nil {
			return err
		}
		list, err := candidates(ctx, tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		if to == Judging {
			err = before.begin(tx, list)
		} else {
			err = before.refuseClosing(ctx, tx, list, reason)
		}
		if err != nil {
			return err
		}
		moved := before
		moved.State = to
		if after, err = moved.move(ctx, tx, workflow.Step{Ref: ref, Verb: verb}, reason); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: ref.Town, Action: roundKind + "." + verb, Subject: "rounds/" + ref.ID, Before: before.State,
			After: after.State, Reason: reason,
		})
	})
	return after, err
}

// lockRound returns the round, held until the end of the transaction, and the verb that
// takes it to the state.
func lockRound(
	ctx context.Context, tx *gorm.DB, ref workflow.Ref, to RoundState, reason string,
) (Round, string, error) {
	r, err := FindRound(ctx, tx.Clauses(clause.Locking{Strength: "UPDATE"}), ref.Town, ref.ID)
	if err != nil {
		return r, "", err
	}
	verb, err := rounds.Move(roundActor{access.PrincipalFrom(ctx)}, r, to, reason)
	return r, verb.Name, err
}

// move stores the state to which the step takes the round.
func (r Round) move(ctx context.Context, tx *gorm.DB, step workflow.Step, reason string) (Round, error) {
	change := map[string]any{
		"state": r.State, "state_by": access.PrincipalFrom(ctx).Name(), "state_at": tx.NowFunc(), "state_reason": reason,
	}
	if err := database.UpdateVersioned(tx, &Round{TownID: r.TownID, Code: r.Code}, step.Version, change); err != nil {
		return Round{}, err
	}
	after, err := FindRound(ctx, tx, r.TownID, r.Code)
	if err != nil {
		return Round{}, err
	}
	step.Ref = after.Ref()
	return after, workflow.AddTransitions(ctx, tx, roundKind, reason, nil, step)
}

// begin makes the sheets.
func (r Round) begin(tx *gorm.DB, list []Project) error {
	if len(list) == 0 || len(r.Judges.V) == 0 {
		return fault.Conflict("nothing_to_judge", "尚无项目或评委", "the round has no projects or no judges yet")
	}
	sheets := make([]JudgeSheet, len(r.Judges.V))
	for i, judge := range r.Judges.V {
		sheets[i] = JudgeSheet{
			TownID: r.TownID, RoundCode: r.Code, Judge: judge, Scores: database.JSON[Scores]{V: Scores{}},
			Versioned: database.Versioned{Version: 1},
		}
	}
	return tx.Create(&sheets).Error
}

// refuseClosing keeps a round with unfinished sheets open, unless a reason is given,
// and one with a project that nobody scored in any case: it would have no rank.
func (r Round) refuseClosing(ctx context.Context, tx *gorm.DB, list []Project, reason string) error {
	sheets, err := sheetsOf(ctx, tx, r)
	if err != nil {
		return err
	}
	leads, err := people.ListAssignments(ctx, tx, r.TownID, people.AssignmentFilter{
		On: day.Of(tx.NowFunc()), Duty: access.Leads,
	})
	if err != nil {
		return err
	}
	scored, open := map[string]bool{}, 0
	for i := range sheets {
		led := map[string]bool{}
		for _, a := range leads {
			if a.PersonCode == sheets[i].Judge {
				led[a.BranchCode] = true
			}
		}
		sheets[i].fillMissing(list, led)
		if len(sheets[i].Missing) > 0 {
			open++
		}
		for id := range sheets[i].Scores.V {
			scored[id] = true
		}
	}
	without := 0
	for _, p := range list {
		if !scored[p.ID] {
			without++
		}
	}
	switch {
	case without > 0:
		return fault.Conflict("projects_unscored", "有 %d 个项目尚无任何评委评分", "%d projects were scored by nobody yet", without)
	case open > 0 && reason == "":
		return fault.Broken(fault.Field("/reason", "reason_needed",
			"有 %d 位评委的评分表尚未完成：请等待，或说明理由", "%d judges have not finished their sheets: wait, or give a reason", open))
	}
	return nil
}

// FindRound returns one round.
func FindRound(ctx context.Context, db *gorm.DB, townID, code string) (_ Round, err error) {
	defer fault.Wrap(&err, "round %s", code)
	r, err := database.Take[Round](db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code), rounds.Noun, code)
	return r.forReader(access.PrincipalFrom(ctx)), err
}

// ListRounds returns the rounds of the town after the code, in the order of codes.
func ListRounds(ctx context.Context, db *gorm.DB, townID, after string, limit int) (list []Round, err error) {
	defer fault.Wrap(&err, "rounds of %s", townID)
	err = db.WithContext(ctx).Where("town_id = ? AND code > ?", townID, after).Order("code").Limit(limit).Find(&list).Error
	for i := range list {
		list[i] = list[i].forReader(access.PrincipalFrom(ctx))
	}
	return list, err
}
