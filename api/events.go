package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/exchange"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listEventsRequest struct {
	townRequest
	Kind string `form:"kind" validate:"omitempty,oneof=event study_visit"` // only of this kind
	// only where this branch takes part, or is the host
	Branch string              `form:"branch"`
	State  exchange.EventState `form:"state" validate:"omitempty,state"` // only in this state
	rest.PageQuery
}

// listEvents returns exchange events and study visits in the order of their making.
//
//	@Summary	List exchange events and study visits
func (s *Server) listEvents(ctx context.Context, req listEventsRequest) (rest.Page[exchange.Event], error) {
	f := exchange.EventFilter{
		Kind: req.Kind, Branch: req.Branch, State: req.State, Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[exchange.Event]{}, err
	}
	list, err := exchange.ListEvents(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[exchange.Event]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(e exchange.Event) []any { return []any{e.ID} })
}

// eventInput is all that can change of an event or study visit.
type eventInput struct {
	HeldOn   day.Date `json:"held_on" validate:"required" swaggertype:"string" format:"date"`
	Place    string   `json:"place" validate:"max=200"`
	Topic    string   `json:"topic" validate:"required,max=200" example:"meetings that decide"`
	Host     *string  `json:"host" example:"b11"` // the branch visited; needed for a study visit
	Branches []string `json:"branches" validate:"min=1,max=200,unique" example:"b07"`
	People   []string `json:"people" validate:"max=200,unique" example:"mentor-1"`
	Cases    []string `json:"cases" validate:"max=50,unique"` // published ones
	Outcome  string   `json:"outcome" validate:"max=20000" multiline:"true"`
}

// of is the event that the input tells.
func (in eventInput) of(town string) exchange.Event {
	e := exchange.Event{
		TownID: town, HeldOn: in.HeldOn, Place: in.Place, Topic: in.Topic, HostCode: in.Host, Outcome: in.Outcome,
	}
	e.Branches.V, e.People.V, e.Cases.V = in.Branches, append([]string{}, in.People...), append([]string{}, in.Cases...)
	return e
}

// newEventInput is a new event or study visit: when, about what, and who takes part.
type newEventInput struct {
	Kind string `json:"kind" validate:"required,oneof=event study_visit"`
	eventInput
}

type planEventRequest struct {
	townRequest
	Body newEventInput
}

// planEvent plans an exchange event or a study visit.
//
//	@Summary	Plan an exchange event or study visit
func (s *Server) planEvent(ctx context.Context, req planEventRequest) (rest.Created[exchange.Event], error) {
	e := req.Body.of(req.Town)
	e.Kind = req.Body.Kind
	e, err := exchange.PlanEvent(ctx, s.db(ctx), e)
	return rest.Created[exchange.Event]{Key: e.ID, Value: e}, err
}

type eventRequest struct {
	Town  string `uri:"town"`
	Event string `uri:"event"`
}

// findEvent returns one event or study visit. Who takes part is told to those who
// may read people.
//
//	@Summary	Read an exchange event or study visit
func (s *Server) findEvent(ctx context.Context, req eventRequest) (exchange.Event, error) {
	return exchange.FindEvent(ctx, s.db(ctx), req.Town, req.Event)
}

type updateEventRequest struct {
	eventRequest
	rest.IfMatch
	Body eventInput
}

// updateEvent replaces what an event or study visit says, and what came of it.
//
//	@Summary	Change an exchange event or study visit
func (s *Server) updateEvent(ctx context.Context, req updateEventRequest) (exchange.Event, error) {
	e := req.Body.of(req.Town)
	e.ID = req.Event
	return exchange.UpdateEvent(ctx, s.db(ctx), e, req.Version)
}

// eventTransition is a step of an event: the state to reach, and why.
type eventTransition struct {
	To     exchange.EventState `json:"to" validate:"required,move"`
	Reason string              `json:"reason" validate:"max=2000" multiline:"true"` // needed to cancel
}

type moveEventRequest struct {
	eventRequest
	rest.IfMatch
	Body eventTransition
}

// moveEvent records that an event or study visit was held, or is cancelled.
//
//	@Summary	Hold or cancel an exchange event or study visit
func (s *Server) moveEvent(ctx context.Context, req moveEventRequest) (exchange.Event, error) {
	return exchange.MoveEvent(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Event, Version: req.Version},
		req.Body.To, req.Body.Reason)
}
