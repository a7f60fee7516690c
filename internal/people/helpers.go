package people

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/town"
)

// Mentorship is a mentor or instructor on a day, with the branches that he or she
// works on.
type Mentorship struct {
	Person      Named             `json:"person"`
	Appointment AppointmentLetter `json:"appointment"`
	Branches    []string          `json:"branches" example:"b07"` // sorted
}

// ListMentorships gives everybody who is appointed mentor or instructor on the day, in
// the order of codes.
func ListMentorships(ctx context.Context, db *gorm.DB, townID string, role access.Role, on day.Date) (helpers []Mentorship, err error) {
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		appointed, err := ListAppointments(ctx, tx, townID, AppointmentFilter{On: on, Role: role})
		if err != nil {
			return err
		}
		codes := make([]string, len(appointed))
		for i, a := range appointed {
			codes[i] = a.PersonCode
		}
		names, err := namesOf(ctx, tx, townID, codes)
		if err != nil {
			return err
		}
		assigned, err := ListAssignments(ctx, tx, townID, AssignmentFilter{On: on, Duty: access.DutyOf[role]})
		if err != nil {
			return err
		}
		ended, err := town.EndedOn(ctx, tx, townID)
		if err != nil {
			return err
		}
		branches := map[string][]string{}
		for _, a := range assigned {
			if first, ends := ended[a.BranchCode]; ends && first <= on {
				continue
			}
			branches[a.PersonCode] = append(branches[a.PersonCode], a.BranchCode)
		}
		helpers = make([]Mentorship, len(appointed))
		for i, a := range appointed {
			on := append([]string{}, branches[a.PersonCode]...)
			slices.Sort(on)
			helpers[i] = Mentorship{Named{a.PersonCode, names[a.PersonCode]}, *a.letter(), on}
		}
		slices.SortFunc(helpers, func(a, b Mentorship) int { return strings.Compare(a.Person.Code, b.Person.Code) })
		return nil
	})
	return helpers, err
}
