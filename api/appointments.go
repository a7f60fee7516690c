package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/rest"
)

type listAppointmentsRequest struct {
	townRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Person string    `form:"person"`                                // of this person
	Role   string    `form:"role"`                                  // to this role
	rest.PageQuery
}

// listAppointments answers who was appointed to which role, in the order of entry.
//
//	@ID			listAppointments
//	@Summary	List who holds which role
//	@Tags		people
//	@Param		query	query		listAppointmentsRequest	false	"."
//	@Success	200		{object}	rest.Page[people.Appointment]
//	@Router		/towns/{town}/appointments [get]
func (s *Server) listAppointments(ctx context.Context, req listAppointmentsRequest) (rest.Page[people.Appointment], error) {
	f := people.AppointmentFilter{Person: req.Person, Role: access.Role(req.Role), Limit: req.Limit()}
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

type appointmentInput struct {
	Person    string      `json:"person" validate:"required" example:"mentor-1"`
	Role      access.Role `json:"role" validate:"required" swaggertype:"string" enums:"reader,secretary,mentor,instructor,liaison_office,leading_group,leadership"`
	Letter    string      `json:"letter" validate:"max=100" example:"演示聘字〔2022〕1号"` // number of the letter; a mentor needs one
	ValidFrom day.Date    `json:"from" validate:"required" swaggertype:"string" format:"date"`
	// the last day; a mentor needs one; absent = until further notice
	ValidUntil *day.Date `json:"until" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason" validate:"max=2000" multiline:"true"`
}

type createAppointmentRequest struct {
	townRequest
	Body appointmentInput
}

// createAppointment gives a person a role. The person's keys and accounts hold it
// from its first day on.
//
//	@ID			createAppointment
//	@Summary	Appoint a person to a role
//	@Tags		people
//	@Param		body	body		appointmentInput	true	"who holds which role, by which letter"
//	@Success	201		{object}	people.Appointment
//	@Router		/towns/{town}/appointments [post]
func (s *Server) createAppointment(ctx context.Context, req createAppointmentRequest) (rest.Created[people.Appointment], error) {
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

// findAppointment answers one appointment.
//
//	@ID			findAppointment
//	@Summary	Read an appointment
//	@Tags		people
//	@Success	200	{object}	people.Appointment
//	@Router		/towns/{town}/appointments/{id} [get]
func (s *Server) findAppointment(ctx context.Context, req appointmentRequest) (people.Appointment, error) {
	return people.FindAppointment(ctx, s.db(ctx), req.Town, req.ID)
}

// termEnd is the last day of what holds for a term, and why it ends.
type termEnd struct {
	Until  day.Date `json:"until" validate:"required" swaggertype:"string" format:"date"` // the last day
	Reason string   `json:"reason" validate:"max=2000" multiline:"true"`
}

type endAppointmentRequest struct {
	appointmentRequest
	rest.IfMatch
	Body termEnd
}

// endAppointment sets the last day of an appointment. From the day after, the
// person's keys and accounts do not hold the role.
//
//	@ID			endAppointment
//	@Summary	End an appointment
//	@Tags		people
//	@Param		If-Match	header		string	true	"."
//	@Param		body		body		termEnd	true	"the last day, and why"
//	@Success	200			{object}	people.Appointment
//	@Router		/towns/{town}/appointments/{id}/end [post]
func (s *Server) endAppointment(ctx context.Context, req endAppointmentRequest) (people.Appointment, error) {
	return people.EndAppointment(ctx, s.db(ctx), req.Town, req.ID, req.Version, req.Body.Until, req.Body.Reason)
}
