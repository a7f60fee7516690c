package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

type listAppointmentsRequest struct {
	townRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Person string    `form:"person"`                                // of this person
	Role   string    `form:"role"`                                  // to this role
	rest.PageQuery
}

// listAppointments returns who was appointed to which role, in the order of entry.
//
//	@Summary	List who holds which role
func (s *Server) listAppointments(
	ctx context.Context, req listAppointmentsRequest,
) (rest.Page[people.Appointment], error) {
	f := people.AppointmentFilter{Person: req.Person, Role: policy.Role(req.Role), Limit: req.Limit()}
	if req.On != nil {
		f.On = *req.On
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[people.Appointment]{}, err
	}
	list, err := people.ListAppointments(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[people.Appointment]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(a people.Appointment) []any { return []any{a.ID} })
}

// appointmentInput is a person appointed to a role, by which letter and for how long.
type appointmentInput struct {
	Person string      `json:"person" validate:"required" example:"mentor-1"`
	Role   policy.Role `json:"role" validate:"required" swaggertype:"string" enums:"reader,secretary,mentor,instructor,liaison_office,leading_group,leadership"`
	// number of the letter; a mentor needs one
	Letter    string   `json:"letter" validate:"max=100" example:"演示聘字〔2022〕1号"`
	ValidFrom day.Date `json:"from" validate:"required" swaggertype:"string" format:"date"`
	// the last day; a mentor needs one; absent = until further notice
	ValidUntil *day.Date `json:"until" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason" validate:"max=2000" multiline:"true"`
}

type createAppointmentRequest struct {
	townRequest
	Body appointmentInput
}

// createAppointment appoints a person to a role. The person's keys and accounts hold it
// from its first day on.
//
//	@Summary	Appoint a person to a role
func (s *Server) createAppointment(
	ctx context.Context, req createAppointmentRequest,
) (rest.Created[people.Appointment], error) {
	b := req.Body
	a, err := people.Appoint(ctx, s.db(ctx), people.Appointment{
		TownID: req.Town, PersonCode: b.Person, Role: b.Role, Letter: b.Letter,
		ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil, Reason: b.Reason,
	})
	return rest.Created[people.Appointment]{Key: a.ID, Value: a}, err
}

type appointmentRequest struct {
	Town string `uri:"town"`
	ID   string `uri:"id"`
}

// findAppointment returns one appointment.
//
//	@Summary	Read an appointment
func (s *Server) findAppointment(ctx context.Context, req appointmentRequest) (people.Appointment, error) {
	return people.FindAppointment(ctx, s.db(ctx), req.Town, req.ID)
}

// termEnd is the last day of what holds for a term, and why it ends.
type termEnd struct {
	Until  day.Date `json:"until" validate:"required" swaggertype:"string" format:"date"` // the last day
	Reason string   `json:"reason" validate:"max=2000" multiline:"true"`
}

// cancelInput is why something should not be.
type cancelInput struct {
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true" example:"this was meant for another person"` // why it was a mistake
}

type endAppointmentRequest struct {
	appointmentRequest
	rest.IfMatch
	Body termEnd
}

// endAppointment sets the last day of an appointment. From the day after, the
// person's keys and accounts do not hold the role.
//
//	@Summary	End an appointment
func (s *Server) endAppointment(ctx context.Context, req endAppointmentRequest) (people.Appointment, error) {
	return people.EndAppointment(ctx, s.db(ctx), req.Town, req.ID,
		people.Ending{Version: req.Version, Until: req.Body.Until, Reason: req.Body.Reason})
}

type cancelAppointmentRequest struct {
	appointmentRequest
	rest.IfMatch
	Body cancelInput
}

// cancelAppointment marks an appointment as entered by mistake: from the next request on the person's keys and accounts do not hold the role. For conflicts of
// interest the days before still count, until another person cancels it too.
//
//	@Summary	Cancel an appointment that was entered by mistake
func (s *Server) cancelAppointment(ctx context.Context, req cancelAppointmentRequest) (people.Appointment, error) {
	return people.CancelAppointment(ctx, s.db(ctx), req.Town, req.ID, people.Cancelling{Version: req.Version, Reason: req.Body.Reason})
}
