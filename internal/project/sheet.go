package project

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// JudgeSheet is what one judge gave the projects of a round. Until the round closes
// only that judge reads it.
type JudgeSheet struct {
	TownID    string                `gorm:"primaryKey" json:"-"`
	RoundCode string                `gorm:"primaryKey" json:"round" example:"2023"`
	Judge     string                `gorm:"primaryKey" json:"judge" example:"mentor-1"`
	Scores    database.JSON[Scores] `json:"scores"` // project → criterion → points
	// projects that the judge has still to score
	Missing []string `gorm:"-" json:"missing" format:"uuid"`
	// projects of branches that the judge leads
	Barred []string `gorm:"-" json:"not_to_score" format:"uuid"`
	database.Versioned
}

// FindSheet returns the caller's own sheet of a round that judges, or has judged.
func FindSheet(ctx context.Context, db *gorm.DB, townID, round string) (_ JudgeSheet, err error) {
	defer fault.Wrap(&err, "sheet of the round %s", round)
	p := access.PrincipalFrom(ctx)
	if _, err := FindRound(ctx, db, townID, round); err != nil {
		return JudgeSheet{}, err
	}
	s := JudgeSheet{}
	err = db.WithContext(ctx).Where("town_id = ? AND round_code = ? AND judge = ?", townID, round, p.Person).Take(&s).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return s, fault.NotFound("not_a_judge",
			"您在评选 %s 中没有评分表：评审未开始，或您不是评委",
			"you have no sheet in the round %s: judging has not begun, or you are no judge of it", round)
	}
	if err != nil {
		return s, err
	}
	list, err := candidates(ctx, db, townID, round)
	if err != nil {
		return s, err
	}
	led, err := ledSince(ctx, db, townID, s.CreatedAt)
	s.fillMissing(list, led)
	return s, err
}

// ledSince returns which branches the judge leads, or led within a year before the time.
func ledSince(ctx context.Context, db *gorm.DB, townID string, began time.Time) (map[string]bool, error) {
	ties, err := access.PrincipalFrom(ctx).TiesIn(ctx, db, townID, policy.JudgeProjects)
	led := map[string]bool{}
	for branch := range ties {
		led[branch] = ties.Led(branch, access.Before(began), day.Of(db.NowFunc()))
	}
	return led, err
}

// fillMissing sets what is left to score.
func (s *JudgeSheet) fillMissing(list []Project, led map[string]bool) {
	s.Missing, s.Barred = []string{}, []string{}
	for _, p := range list {
		if _, scored := s.Scores.V[p.ID]; led[p.BranchCode] {
			s.Barred = append(s.Barred, p.ID)
		} else if !scored {
			s.Missing = append(s.Missing, p.ID)
		}
	}
}

// WriteSheet replaces the scores of the caller, a judge of the round; ref names the
// round, in the version of the sheet. Projects may be
// left for later; each that is there has points for every criterion. Nobody scores
// a project of a branch that he or she leads.
func WriteSheet(ctx context.Context, db *gorm.DB, ref workflow.Ref, scores Scores) (after JudgeSheet, err error) {
	defer fault.Wrap(&err, "write a sheet of the round %s", ref.ID)
	townID, round := ref.Town, ref.ID
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		r, err := FindRound(ctx, tx.Clauses(clause.Locking{Strength: "SHARE"}), townID, round)
		if err != nil {
			return err
		}
		mine, err := FindSheet(ctx, tx, townID, round)
		if err != nil {
			return err
		}
		if r.State != Judging {
			return r.locked("round_closed", text.F("评选 %s 的评审已结束", "the round %s is closed: its sheets are frozen", round))
		}
		list, err := candidates(ctx, tx, townID, round)
		if err != nil {
			return err
		}
		led, err := ledSince(ctx, tx, townID, mine.CreatedAt)
		if err != nil {
			return err
		}
		if err := r.refuseScores(list, led, scores); err != nil {
			return err
		}
		key := JudgeSheet{TownID: townID, RoundCode: round, Judge: access.PrincipalFrom(ctx).Person}
		if err := database.UpdateVersioned(tx, &key, ref.Version,
			map[string]any{"scores": database.JSON[Scores]{V: scores}}); err != nil {
			return err
		}
		if after, err = FindSheet(ctx, tx, townID, round); err != nil {
			return err
		}
		// how many and not which points: others judge still, and some of them read the trail
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "round.score", Subject: "rounds/" + round + "/sheets/" + key.Judge, After: map[string]int{
				"scored": len(scores),
			},
		})
	})
	return after, err
}

// refuseScores lists what is wrong with the scores of a judge who leads branches.
func (r Round) refuseScores(list []Project, led map[string]bool, scores Scores) error {
	var faults []fault.FieldError
	for id, points := range scores {
		at := "/scores/" + id
		i := slices.IndexFunc(list, func(p Project) bool { return p.ID == id })
		if i < 0 {
			faults = append(faults, fault.Field(at, "unknown_project", "本次评选没有该项目", "the round has no such project"))
			continue
		}
		if led[list[i].BranchCode] {
			return fault.Forbidden("conflict_of_interest",
				"不能评审自己所任职党组织的项目“%s”", "nobody judges a project of a branch that he or she leads: %q", list[i].Title)
		}
		faults = append(faults, r.refusePoints(at, points)...)
	}
	if len(faults) == 0 {
		return nil
	}
	slices.SortFunc(faults, func(a, b fault.FieldError) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return fault.Broken(faults...)
}

func (r Round) refusePoints(at string, points map[string]float64) (faults []fault.FieldError) {
	known := map[string]bool{}
	for _, c := range r.Criteria.V {
		known[c.Code] = true
		x, given := points[c.Code]
		most := strconv.FormatFloat(c.Max, 'g', -1, 64)
		switch {
		case !given:
			faults = append(faults, fault.Field(at+"/"+c.Code, "points_missing",
				"请按此标准评分（0–%s）", "score this criterion too (0–%s)", most))
		case x < 0 || x > c.Max:
			faults = append(faults, fault.Field(at+"/"+c.Code, "out_of_range",
				"应在 0 与 %s 之间", "must lie between 0 and %s", most))
		}
	}
	for code := range points {
		if !known[code] {
			faults = append(faults, fault.Field(at+"/"+code, "unknown_criterion",
				"本次评选没有标准“%s”", "the round has no criterion %q", code))
		}
	}
	return faults
}

func sheetsOf(ctx context.Context, db *gorm.DB, r Round) ([]JudgeSheet, error) {
	var sheets []JudgeSheet
	err := db.WithContext(ctx).Where("town_id = ? AND round_code = ?", r.TownID, r.Code).Order("judge").Find(&sheets).Error
	return sheets, err
}
