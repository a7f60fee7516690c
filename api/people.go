package api

import (
	"context"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/rest"
	"bulwark/internal/text"

	"gorm.io/gorm"
)

type listPeopleRequest struct {
	townRequest
	rest.PageQuery
}

// listPeople returns the people of the town in the order of codes, with the roles
// and duties that they have today.
//
//	@Summary	List the people of a town
func (s *Server) listPeople(ctx context.Context, req listPeopleRequest) (rest.Page[people.PersonOn], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[people.PersonOn]{}, err
	}
	persons, err := people.List(ctx, s.db(ctx), req.Town, after, req.Limit())
	if err != nil {
		return rest.Page[people.PersonOn]{}, err
	}
	list, err := people.OnDay(ctx, s.db(ctx), req.Town, persons, day.Of(s.Now()))
	if err != nil {
		return rest.Page[people.PersonOn]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(p people.PersonOn) []any { return []any{p.Code} })
}

// personInput is a new person.
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
//	@Summary	Add a person
func (s *Server) createPerson(ctx context.Context, req createPersonRequest) (rest.Created[people.Person], error) {
	b := req.Body
	p, err := people.Create(ctx, s.db(ctx),
		people.Person{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[people.Person]{Key: p.Code, Value: p}, err
}

type personRequest struct {
	Town   string `uri:"town"`
	Person string `uri:"person"`
}

// findPerson returns one person.
//
//	@Summary	Read a person
func (s *Server) findPerson(ctx context.Context, req personRequest) (people.Person, error) {
	p, err := people.Find(ctx, s.db(ctx), req.Town, req.Person)
	if err != nil {
		return people.Person{}, err
	}
	return p, s.noteRead(ctx, req.Town, "people/"+p.Code)
}

// noteRead leaves a record in the trail that the caller has read what is kept of a person,
// once for each caller, person and day. Who reads his or her own leaves none.
func (s *Server) noteRead(ctx context.Context, townID, subject string) error {
	p := access.PrincipalFrom(ctx)
	if "people/"+p.Person == subject {
		return nil
	}
	today := day.Of(s.Now())
	if s.Config.ReadOnly {
		return nil // nothing can be stored
	}
	key := strings.Join([]string{townID, subject, p.Credential(), string(today)}, " ")
	if _, noted := s.readsNoted.Get(key); noted {
		return nil
	}
	err := database.InTx(ctx, s.db(ctx), func(tx *gorm.DB) error {
		earlier, err := audit.Recorded(ctx, tx, townID, []string{"person.read"}, subject, today.Start())
		if err != nil {
			return err
		}
		actor := audit.ActorOf(ctx)
		for _, r := range earlier {
			if r.Subject == subject && r.Actor == actor.Name && r.Credential == actor.Credential {
				return nil
			}
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "person.read", Subject: subject})
	})
	if err == nil {
		s.readsNoted.Put(key, true, len(key)+maxNoted)
	}
	return err
}

// maxNoted is about what one entry of a cache takes beside its key.
const maxNoted = 200

// renaming is the one thing that changes about a person or an office.
type renaming struct {
	Name text.Text `json:"name" validate:"required"`
}

type updatePersonRequest struct {
	personRequest
	rest.IfMatch
	Body renaming
}

// updatePerson changes what a person is called.
//
//	@Summary	Rename a person
func (s *Server) updatePerson(ctx context.Context, req updatePersonRequest) (people.Person, error) {
	return people.Update(ctx, s.db(ctx), people.Person{
		TownID: req.Town, Code: req.Person, Name: req.Body.Name, Versioned: database.Versioned{Version: req.Version},
	})
}
