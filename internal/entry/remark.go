package entry

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
)

// Remark is what somebody says about one value of a sheet, and whether it is to be followed up from then on: the last
// remark about a value decides. Remarks stay as they were written.
type Remark struct {
	TownID       string `gorm:"primaryKey" json:"-"`
	ID           string `gorm:"primaryKey" json:"id" format:"uuid"` // of the remark
	EvaluationID string `json:"-"`
	Code         string `json:"code" example:"organisation.01"` // of the indicator or quantity
	Text         string `json:"text" example:"请附会议记录"`          // what is said
	FollowUp     bool   `json:"follow_up"`                      // the value is to be followed up
	// who wrote it, or the role where the caller may not read people
	WrittenBy string      `json:"by" example:"group-1"`
	Role      policy.Role `json:"role" swaggertype:"string" example:"leading_group"` // in which it was written
	WrittenAt time.Time   `json:"at"`                                                // when it was written
} // @name EntryRemark

// TableName of remarks.
func (Remark) TableName() string { return "sheet_remarks" }

// conversation returns the sheet if the caller may remark on its values: who wrote it and the leading group may.
func conversation(ctx context.Context, db *gorm.DB, townID, sheet string) (evaluation.Sheet, error) {
	s, err := evaluation.FindSheet(ctx, db, townID, sheet)
	if err != nil {
		return s, err
	}
	p := access.PrincipalFrom(ctx)
	if p.Role != policy.LeadingGroup && (p.Person == "" || p.Person != s.EvaluatorCode) {
		return s, fault.Forbidden("not_your_sheet", "只有填表人和工作领导小组可以查看和填写备注",
			"remarks are between who wrote the sheet and the leading group")
	}
	return s, nil
}

// ListRemarks returns the remarks about a sheet, the oldest first.
func ListRemarks(ctx context.Context, db *gorm.DB, townID, sheet string) (list []Remark, err error) {
	defer fault.Wrap(&err, "remarks on %s", sheet)
	if _, err := conversation(ctx, db, townID, sheet); err != nil {
		return nil, err
	}
	return remarksOn(ctx, db, townID, []string{sheet})
}

func remarksOn(ctx context.Context, db *gorm.DB, townID string, sheets []string) (list []Remark, err error) {
	err = db.WithContext(ctx).Where("town_id = ? AND evaluation_id IN ?", townID, sheets).
		Order("written_at, id").Find(&list).Error
	for i, r := range list {
		list[i].WrittenBy = access.PrincipalFrom(ctx).Told(r.WrittenBy, r.Role)
	}
	return list, err
}

// Remarks are the remarks about many sheets, by sheet and code, the oldest first.
type Remarks map[[2]string][]Remark

// RemarksOn returns the remarks about the sheets, which the caller must be allowed to read. One statement.
func RemarksOn(ctx context.Context, db *gorm.DB, townID string, sheets []string) (Remarks, error) {
	list, err := remarksOn(ctx, db, townID, sheets)
	all := Remarks{}
	for _, r := range list {
		at := [2]string{r.EvaluationID, r.Code}
		all[at] = append(all[at], r)
	}
	return all, err
}

// On returns the remarks about a value of a sheet.
func (all Remarks) On(sheet, code string) []Remark { return all[[2]string{sheet, code}] }

// FollowUp reports whether the value of the sheet is to be followed up.
func (all Remarks) FollowUp(sheet, code string) bool {
	list := all.On(sheet, code)
	return len(list) > 0 && list[len(list)-1].FollowUp
}

// FollowedUp returns the sheets of the period of which a value is to be followed up.
func FollowedUp(ctx context.Context, db *gorm.DB, townID, period string) (sheets []string, err error) {
	defer fault.Wrap(&err, "sheets to follow up in %s", period)
	err = db.WithContext(ctx).Raw(`SELECT DISTINCT r.evaluation_id FROM sheet_remarks r
JOIN evaluations s ON s.town_id = r.town_id AND s.id = r.evaluation_id
WHERE r.town_id = ? AND s.period_code = ? AND r.follow_up AND NOT EXISTS (SELECT 1 FROM sheet_remarks l
	WHERE l.town_id = r.town_id AND l.evaluation_id = r.evaluation_id AND l.code = r.code
		AND (l.written_at > r.written_at OR l.written_at = r.written_at AND l.id > r.id))`, townID, period).
		Scan(&sheets).Error
	return sheets, err
}

// WriteRemark adds a remark about a value that the sheet has or that its role fills.
func WriteRemark(ctx context.Context, db *gorm.DB, r Remark) (_ Remark, err error) {
	defer fault.Wrap(&err, "remark on %s", r.EvaluationID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		s, err := conversation(ctx, tx, r.TownID, r.EvaluationID)
		if err != nil {
			return err
		}
		if err := refuseCode(ctx, tx, s, r.Code); err != nil {
			return err
		}
		p := access.PrincipalFrom(ctx)
		r.ID, r.Text, r.Role, r.WrittenAt = database.NewID(), strings.TrimSpace(r.Text), p.Role, tx.NowFunc()
		r.WrittenBy = p.Name()
		if err := tx.Create(&r).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: r.TownID, Action: "evaluation.remark", Subject: "evaluations/" + s.ID + "/remarks", After: r,
		})
	})
	return r, err
}

// refuseCode refuses a code that is neither in the sheet nor filled by its role.
func refuseCode(ctx context.Context, db *gorm.DB, s evaluation.Sheet, code string) error {
	if slices.ContainsFunc(s.Entries, func(e evaluation.Entry) bool { return e.Code == code }) {
		return nil
	}
	p, err := evaluation.FindPeriod(ctx, db, s.TownID, s.PeriodCode)
	if err != nil {
		return err
	}
	compiled, err := scheme.Load(ctx, db, s.TownID, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(Columns(compiled, s.Role, ""), func(c Column) bool { return c.Code == code }) {
		return nil
	}
	return fault.Broken(fault.Field("/code", "unknown_code", "此考评表不填报“%s”", "this sheet does not report %q", code))
}
