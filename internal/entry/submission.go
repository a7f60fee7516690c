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

var sheetNoun = text.Text{ZH: "考评表", EN: "evaluation"}

// Submission is what becomes of one sheet when many are submitted.
type Submission struct {
	Sheet    string            `json:"sheet" format:"uuid"` // as it was sent
	Branch   *town.BranchRef   `json:"branch,omitempty"`    // absent where there is no such sheet for the caller
	Version  int64             `json:"version"`             // the new one; the one that was sent where it is refused
	Refused  *workflow.Refusal `json:"refused,omitempty"`
	Unfilled []NodeRef         `json:"unfilled"` // what the role fills and the sheet leaves empty: it can be submitted so
	// about values that may be slips: it can be submitted with them
	Questions []Question `json:"questions"`
}

// Submit submits many sheets of the caller in a period: all, or none where one is
// refused. With dryRun nothing is changed and the refusals are in the list; otherwise they are
// the fields of the fault, at /items/N.
func Submit(
	ctx context.Context, db *gorm.DB, q Query, refs []workflow.Ref, dryRun bool,
) (list []Submission, err error) {
	defer fault.Wrap(&err, "%d sheets of %s", len(refs), q.Period)
	err = database.Do(ctx, db, dryRun, func(tx *gorm.DB) error {
		f, err := Find(ctx, tx, q)
		if err != nil {
			return err
		}
		list = make([]Submission, len(refs))
		var faults []fault.FieldError
		for i, ref := range refs {
			var refusal *fault.Error
			if list[i], refusal, err = f.submit(ctx, tx, ref, q.Language); err != nil {
				return err
			}
			if refusal != nil {
				faults = append(faults, refusal.Below("/items/"+strconv.Itoa(i))...)
			}
		}
		if len(faults) > 0 && !dryRun {
			return fault.Invalid("not_all_submitted", "有考评表不能提交，因此全部未提交",
				"some sheets cannot be submitted, so that none was").With(faults...)
		}
		return nil
	})
	return list, err
}

// submit submits one sheet of the form, and returns why it cannot be.
func (f Form) submit(
	ctx context.Context, tx *gorm.DB, ref workflow.Ref, language string,
) (s Submission, refusal *fault.Error, err error) {
	s = Submission{Sheet: ref.ID, Version: ref.Version, Unfilled: []NodeRef{}, Questions: []Question{}}
	i := slices.IndexFunc(f.Rows, func(r Row) bool { return r.Sheet == ref.ID })
	if i < 0 { // of another person or period
		refusal = fault.Missing(sheetNoun, ref.ID)
	} else {
		s.Branch, s.Unfilled, s.Questions = new(f.Rows[i].Branch), f.unfilled(f.Rows[i]), f.Rows[i].Questions
		after, err := evaluation.MoveSheet(ctx, tx, ref, evaluation.Submitted, "")
		if err == nil {
			s.Version = after.Version
			return s, nil, nil
		}
		var ok bool
		if refusal, ok = fault.Refusal(err); !ok {
			return s, nil, err
		}
	}
	s.Refused = workflow.RefusalOf(ctx, refusal, language)
	return s, refusal, nil
}

// unfilled returns the columns that apply to the branch of the row and have no entry in it. A
// waiver is never due.
func (f Form) unfilled(row Row) []NodeRef {
	list := []NodeRef{}
	for _, c := range f.Columns {
		entered := slices.ContainsFunc(row.Entries, func(e evaluation.Entry) bool { return e.Code == c.Code })
		if !entered && c.Kind != "waiver" && !slices.Contains(row.Exempt, c.Code) {
			list = append(list, NodeRef{Code: c.Code, Name: c.Name})
		}
	}
	return list
}
