package entry

import (
	"context"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// Copy is what becomes of the empty places of a form when the values of the last period are copied into them.
type Copy struct {
	DryRun bool        `json:"dry_run"`               // nothing was changed
	From   string      `json:"from" example:"2023Q2"` // the period from which values come
	Rows   []CopiedRow `json:"rows"`                  // of branches of which something can be copied
} // @name EntryCopy

// CopiedRow is one branch.
type CopiedRow struct {
	Branch  town.BranchRef    `json:"branch"`                        // of the form
	Sheet   string            `json:"sheet,omitempty" format:"uuid"` // absent where none was begun
	Version int64             `json:"version,omitempty,omitzero"`    // of the sheet, afterwards
	Codes   []string          `json:"codes"`                         // of the values that are copied, in the order of the columns
	Refused *workflow.Refusal `json:"refused,omitempty"`             // why nothing can be copied into the row
} // @name EntryCopiedRow

// CopyOptions are which rows and columns are filled; no codes are all columns.
type CopyOptions struct {
	Branches, Codes []string
	DryRun          bool
}

// CopyLast fills the empty places of the caller's form with what counted in the last published period of the same kind: drafts that
// say where their values come from. Ratings are not copied, since each is a judgement of its own. Rows in which nothing can be
// entered are refused one by one; a row or column that the form does not have refuses everything.
func CopyLast(ctx context.Context, db *gorm.DB, q Query, o CopyOptions) (out Copy, err error) {
	defer fault.Wrap(&err, "copy into %s", q.Period)
	err = database.Do(ctx, db, o.DryRun, func(tx *gorm.DB) error {
		f, err := Find(ctx, tx, q)
		if err != nil {
			return err
		}
		if f.LastPeriod == "" {
			return fault.Conflict("no_last_period", "此前没有同类型的已公布考评周期，没有可以沿用的数值",
				"no period of this kind was published before: there is nothing to copy")
		}
		if err := f.refuseUnknown(o); err != nil {
			return err
		}
		out = Copy{DryRun: o.DryRun, From: f.LastPeriod, Rows: []CopiedRow{}}
		for _, row := range f.Rows {
			if !slices.Contains(o.Branches, row.Branch.Code) {
				continue
			}
			done, err := f.copyInto(ctx, tx, row, o.Codes, q.Language)
			if err != nil {
				return err
			}
			if len(done.Codes) > 0 {
				out.Rows = append(out.Rows, done)
			}
		}
		return nil
	})
	return out, err
}

// refuseUnknown refuses rows and columns that the form does not have.
func (f Form) refuseUnknown(o CopyOptions) error {
	var faults []fault.FieldError
	for i, code := range o.Branches {
		if !slices.ContainsFunc(f.Rows, func(r Row) bool { return r.Branch.Code == code }) {
			faults = append(faults, fault.Field("/branches/"+strconv.Itoa(i), "unknown_branch",
				"您的填报表中没有党组织“%s”", "your entry form has no branch %q", code))
		}
	}
	for i, code := range o.Codes {
		if f.column(code) == nil {
			faults = append(faults, fault.Field("/codes/"+strconv.Itoa(i), "unknown_column",
				"您不填写“%s”这一列", "you do not fill in a column %q", code))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// copyInto fills the empty places of one row.
func (f Form) copyInto(ctx context.Context, tx *gorm.DB, row Row, codes []string, language string) (CopiedRow, error) {
	done := CopiedRow{Branch: row.Branch, Sheet: row.Sheet, Version: row.Version, Codes: []string{}}
	c := change{patch: map[string]*evaluation.Entry{}}
	for _, column := range f.Columns {
		at := slices.IndexFunc(row.Last, func(v LastValue) bool { return v.Code == column.Code })
		wanted := len(codes) == 0 || slices.Contains(codes, column.Code)
		if column.Kind == "rated" || at < 0 || !wanted || row.entry(column.Code) != nil {
			continue
		}
		last := row.Last[at]
		e := evaluation.Entry{Code: last.Code, Value: last.Value, Level: last.Level, NotApplicable: last.NotApplicable}
		origin := text.F("沿用 %s 的数值", "as in %s", f.LastPeriod).In(language)
		if e.Source = origin; e.NotApplicable {
			e.Evidence = origin
		}
		c.patch[column.Code], c.codes = &e, append(c.codes, column.Code)
	}
	if done.Codes = c.codes; len(c.codes) == 0 {
		return done, nil
	}
	if done.Refused = row.Locked; done.Refused != nil {
		return done, nil
	}
	sheet, err := f.write(ctx, tx, row, c)
	if refusal, ok := fault.Refusal(err); ok {
		done.Refused = workflow.RefusalOf(ctx, refusal, language)
		return done, nil
	}
	done.Sheet, done.Version = sheet.ID, sheet.Version
	return done, err
}
