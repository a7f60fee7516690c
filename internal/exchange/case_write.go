package exchange

import (
	"context"
	"net/url"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// DraftCase begins a case about a branch that the caller works on.
func DraftCase(ctx context.Context, db *gorm.DB, c Case) (Case, error) {
	c.ID, c.Edition = database.NewID(), 1
	c.SeriesID = c.ID
	err := database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if _, err := town.FindBranch(ctx, tx, c.TownID, c.BranchCode, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		if err := access.InScope(ctx, tx, access.Caller(ctx), access.WriteCases, c.TownID, c.BranchCode, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		if err := c.check(ctx, tx); err != nil {
			return err
		}
		c, err = c.begin(ctx, tx, "case.draft")
		return err
	})
	return c, err
}

// RenewCase begins the next edition of a published case, with its words.
func RenewCase(ctx context.Context, db *gorm.DB, townID, id string) (Case, error) {
	var made Case
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		old, mv, err := stays(ctx, tx, townID, id, "renew")
		if err != nil {
			return err
		}
		v, err := newViewer(ctx, tx, townID)
		if err == nil {
			err = v.refuse(old, mv, "")
		}
		if err != nil {
			return err
		}
		if err := tx.Model(&Case{}).Where("town_id = ? AND series_id = ?", townID, old.SeriesID).Select("MAX(edition) + 1").Scan(&old.Edition).Error; err != nil {
			return err
		}
		old.ID, old.PublishedAt, old.History = database.NewID(), nil, nil
		made, err = old.begin(ctx, tx, "case.renew")
		return err
	})
	return made, err
}

// begin stores the draft of the caller.
func (c Case) begin(ctx context.Context, tx *gorm.DB, action string) (Case, error) {
	c.State, c.Author, c.Versioned = Draft, access.Caller(ctx).Name(), database.Versioned{Version: 1}
	err := tx.Create(&c).Error
	if database.ConstraintOf(err) == "cases_one_open" {
		return c, fault.Conflict("edition_open",
			"该案例已有尚未公布的新版本：请先完成或撤回", "an edition of this case is not published yet: finish or withdraw that one").Because(err)
	}
	if err != nil {
		return c, err
	}
	v, err := newViewer(ctx, tx, c.TownID)
	if err != nil {
		return c, err
	}
	return v.tell(c), audit.Write(ctx, tx, audit.Change{Town: c.TownID, Action: action, Subject: "cases/" + c.ID, After: c})
}

// UpdateCase replaces what a draft or returned case says.
func UpdateCase(ctx context.Context, db *gorm.DB, c Case, version int64) (Case, error) {
	var after Case
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, mv, err := stays(ctx, tx, c.TownID, c.ID, "edit")
		if err != nil {
			return err
		}
		v, err := newViewer(ctx, tx, c.TownID)
		if err == nil {
			err = v.refuse(before, mv, "")
		}
		if err == nil {
			err = c.check(ctx, tx)
		}
		if err != nil {
			return err
		}
		change := map[string]any{"title": c.Title, "story": c.Story, "indicators": c.Indicators, "measures": c.Measures, "links": c.Links}
		if err := database.UpdateVersioned(tx, &Case{TownID: c.TownID, ID: c.ID}, version, change); err != nil {
			return err
		}
		if after, err = FindCase(ctx, tx, c.TownID, c.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: c.TownID, Action: "case.edit", Subject: "cases/" + c.ID, Before: before, After: after})
	})
	return after, err
}

// stays finds the case and its move of the verb; Locked where it is frozen.
func stays(ctx context.Context, tx *gorm.DB, townID, id, verb string) (Case, caseMove, error) {
	c, err := FindCase(ctx, tx, townID, id)
	if err != nil {
		return c, caseMove{}, err
	}
	mv, ok := caseMoves.Stay(verb, c.State)
	if ok {
		return c, mv, nil
	}
	if verb == "renew" {
		return c, mv, workflow.Conflict(c.stand(), "not_published", text.F("只有已公布的案例才能出新版本", "only a published case has a next edition"))
	}
	e := fault.Locked("case_frozen", "案例处于“%s”状态，不能修改：公布后请另出新版本", "the case is %s and frozen: once published, begin its next edition", c.State)
	lock := c.stand().Lock()
	e.Lock = &lock
	return c, mv, e
}

// check lists the tags and links that lead nowhere.
func (c Case) check(ctx context.Context, tx *gorm.DB) error {
	var faults []fault.FieldError
	if len(c.Indicators.V) > 0 {
		inForce, err := scheme.InForce(ctx, tx, c.TownID)
		if err != nil {
			return err
		}
		for i, code := range c.Indicators.V {
			if inForce == nil || !inForce.HasIndicator(code) {
				faults = append(faults, fault.Field("/indicators/"+strconv.Itoa(i), "unknown_indicator", "现行指标体系中没有指标“%s”", "the scheme in force has no indicator %q", code))
			}
		}
	}
	for i, l := range c.Links.V {
		if u, err := url.Parse(l.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			faults = append(faults, fault.Field("/links/"+strconv.Itoa(i)+"/url", "bad_link", "请给出以 https:// 或 http:// 开头的地址", "give an address that begins with https:// or http://"))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
