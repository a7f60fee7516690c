package api

import (
	"context"

	"bulwark/internal/people"
	"bulwark/internal/text"
)

type listPeopleRequest struct {
	townRequest
	pageQuery
}

// listPeople answers the people of the town in the order of codes.
//
//	@ID			listPeople
//	@Summary	List the people of a town
//	@Tags		people
//	@Param		query	query		listPeopleRequest	false	"."
//	@Success	200		{object}	Page[people.Person]
//	@Router		/towns/{town}/people [get]
func (s *Server) listPeople(ctx context.Context, req listPeopleRequest) (Page[people.Person], error) {
	var after string
	if err := req.resume(&after); err != nil {
		return Page[people.Person]{}, err
	}
	persons, err := people.List(ctx, s.db(ctx), req.Town, after, req.limit())
	if err != nil {
		return Page[people.Person]{}, err
	}
	return page(persons, req.pageQuery, func(p people.Person) []any { return []any{p.Code} })
}

type personInput struct {
	Code       string    `json:"code" validate:"required,code" example:"mentor-1"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200" example:"invented"`
}

type createPersonRequest struct {
	townRequest
	Body personInput
}

// createPerson adds a person to the town.
//
//	@ID			createPerson
//	@Summary	Add a person
//	@Tags		people
//	@Param		body	body		personInput	true	"the new person"
//	@Success	201		{object}	people.Person
//	@Router		/towns/{town}/people [post]
func (s *Server) createPerson(ctx context.Context, req createPersonRequest) (Created[people.Person], error) {
	b := req.Body
	p, err := people.Create(ctx, s.db(ctx), people.Person{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return Created[people.Person]{Key: p.Code, Value: p}, err
}

type personRequest struct {
	Town   string `uri:"town"`
	Person string `uri:"person"`
}

// findPerson answers one person.
//
//	@ID			findPerson
//	@Summary	Read a person
//	@Tags		people
//	@Success	200	{object}	people.Person
//	@Router		/towns/{town}/people/{person} [get]
func (s *Server) findPerson(ctx context.Context, req personRequest) (people.Person, error) {
	return people.Find(ctx, s.db(ctx), req.Town, req.Person)
}
