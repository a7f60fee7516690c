package project

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Team is a pioneer team (先锋队) of one branch or several. It counts its members
// and names none.
type Team struct {
	TownID    string                  `gorm:"primaryKey" json:"-"`
	Code      string                  `gorm:"primaryKey" json:"code" example:"river-watch"`
	Name      text.Text               `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Field     string                  `json:"field" enums:"development,governance,hard-tasks,ethos"` // 推动发展、基层治理、急难攻坚、风尚引领
	Branches  database.JSON[[]string] `json:"branches" swaggertype:"array,string" example:"b07"`
	FoundedOn *day.Date               `json:"founded_on,omitempty" swaggertype:"string" format:"date"`
	Members   int64                   `json:"members" example:"12"`
	database.Versioned
}

// TableName is the table of Team.
func (Team) TableName() string { return "pioneer_teams" }

var teamNoun = text.Text{ZH: "先锋队", EN: "team"}

// FindTeam returns one team.
func FindTeam(ctx context.Context, db *gorm.DB, townID, code string) (t Team, err error) {
	defer fault.Wrap(&err, "team %s", code)
	return database.Take[Team](db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code), teamNoun, code)
}

// ListTeams returns the teams of the town after the code, in the order of codes.
func ListTeams(ctx context.Context, db *gorm.DB, townID, after string, limit int) (list []Team, err error) {
	defer fault.Wrap(&err, "teams of %s", townID)
	err = db.WithContext(ctx).Where("town_id = ? AND code > ?", townID, after).Order("code").Limit(limit).Find(&list).Error
	return list, err
}

// CreateTeam registers a team of branches that the caller leads.
func CreateTeam(ctx context.Context, db *gorm.DB, t Team) (_ Team, err error) {
	defer fault.Wrap(&err, "write the team %s", t.Code)
	if faults := town.CheckIdentity(t.Code, t.Name); len(faults) > 0 {
		return Team{}, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := t.check(ctx, tx, t.Branches.V); err != nil {
			return err
		}
		t.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&t).Error; err != nil {
			return town.Taken(err)
		}
		return audit.Write(ctx, tx, audit.Change{Town: t.TownID, Action: "team.create", Subject: "teams/" + t.Code, After: t})
	})
	return t, err
}

// UpdateTeam changes a team of which the caller leads a branch. Branches of others
// stay; only own ones are added or taken off.
func UpdateTeam(ctx context.Context, db *gorm.DB, t Team, version int64) (after Team, err error) {
	defer fault.Wrap(&err, "write the team %s", t.Code)
	if faults := town.CheckIdentity(t.Code, t.Name); len(faults) > 0 {
		return Team{}, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindTeam(ctx, tx, t.TownID, t.Code)
		if err != nil {
			return err
		}
		reach, err := access.PrincipalFrom(ctx).ReachOf(ctx, tx, policy.WriteProjects, t.TownID, day.Of(tx.NowFunc()))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(before.Branches.V, reach.Has) {
			return reach.Refuse(before.Branches.V[0])
		}
		if err := t.check(ctx, tx, difference(before.Branches.V, t.Branches.V)); err != nil {
			return err
		}
		change := map[string]any{
			"name_zh": t.Name.ZH, "name_en": t.Name.EN, "field": t.Field, "branches": t.Branches,
			"founded_on": t.FoundedOn, "members": t.Members,
		}
		if err := database.UpdateVersioned(tx, &Team{TownID: t.TownID, Code: t.Code}, version, change); err != nil {
			return err
		}
		if after, err = FindTeam(ctx, tx, t.TownID, t.Code); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: t.TownID, Action: "team.update", Subject: "teams/" + t.Code, Before: before, After: after,
		})
	})
	return after, err
}

// check holds the branches of the team against those of the town, and those that
// come or go against what the caller leads.
func (t Team) check(ctx context.Context, tx *gorm.DB, touched []string) error {
	if err := town.KnownBranches(ctx, tx, t.TownID, t.Branches.V, "/branches"); err != nil {
		return err
	}
	for _, branch := range touched {
		if err := access.PrincipalFrom(ctx).InScope(ctx, tx, policy.WriteProjects, t.TownID, branch, day.Of(tx.NowFunc())); err != nil {
			return err
		}
	}
	return nil
}

// difference is what is in one of the two lists only.
func difference(a, b []string) (only []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			only = append(only, s)
		}
	}
	for _, s := range b {
		if !slices.Contains(a, s) {
			only = append(only, s)
		}
	}
	return only
}
