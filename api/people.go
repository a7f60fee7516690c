package api

import (
	"context"
	"slices"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/personal"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"

	"gorm.io/gorm"
)

type listPeopleRequest struct {
	townRequest
	coded
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
	code, err := req.externalCode()
	if err != nil {
		return rest.Page[people.PersonOn]{}, err
	}
	persons, err := people.List(ctx, s.db(ctx), req.Town, people.Filter{Coded: code, After: after, Limit: req.Limit()})
	if err != nil {
		return rest.Page[people.PersonOn]{}, err
	}
	list, err := people.OnDay(ctx, s.db(ctx), req.Town, persons, day.Of(s.Now()))
	if err != nil {
		return rest.Page[people.PersonOn]{}, err
	}
	if err := s.noteRead(ctx, req.Town, "people"); err != nil {
		return rest.Page[people.PersonOn]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(p people.PersonOn) []any { return []any{p.Code} })
}

// personInput is a new person.
type personInput struct {
	Code       string    `json:"code" validate:"required,code" example:"mentor-1"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200" example:"invented"`
	// what other systems call the person; never an identity number
	ExternalCodes []town.ExternalCode `json:"external_codes" validate:"max=8,dive"`
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
		people.Person{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance, ExternalCodes: b.ExternalCodes})
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
	p, err := people.Read(ctx, s.db(ctx), req.Town, req.Person)
	if err != nil {
		return people.Person{}, err
	}
	return p, s.noteRead(ctx, req.Town, "people/"+p.Code)
}

// noteRead leaves a record in the trail that the caller has read what is kept of a person,
// or the list of all people, once for each caller, subject and day. Who reads his or her own
// leaves none.
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

type everythingRequest struct {
	personRequest
	Kind string `form:"kind"` // only records of this kind, all of them page by page
	rest.PageQuery
	rest.Localized
}

// everything is all that is kept of a person.
type everything struct {
	Person people.Person    `json:"person"`
	Groups []personal.Group `json:"groups"` // in a fixed order; kinds without a record are left out
	// why a name stays where it stands in a record of the trail
	WhyNamesStay  string `json:"why_names_stay"`
	NextPageToken string `json:"next_page_token,omitempty"` // of the next page of the kind that was asked for
} // @name PersonalData

// findEverything returns the records that name a person, by kind, each with its address and
// as what it names the person: to the person, and to who administers people. Of each kind
// it lists the first page_size records; with kind, all of that kind, page by page. Each read
// leaves a record in the trail.
//
//	@Summary	Read everything that is kept of a person
func (s *Server) findEverything(ctx context.Context, req everythingRequest) (everything, error) {
	caller := access.PrincipalFrom(ctx)
	if caller.Person != req.Person && !caller.May(policy.ReadPersonalData) {
		return everything{}, caller.NotAllowed(policy.ReadPersonalData)
	}
	if req.Kind != "" && !slices.Contains(personal.Kinds(), req.Kind) {
		return everything{}, rest.Malformed(fault.Field("query/kind", "unknown_kind",
			"没有此类记录：应为 %s 之一", "there is no such kind of record: use one of %s", strings.Join(personal.Kinds(), ", ")))
	}
	q := personal.Query{Kind: req.Kind, Limit: req.Limit(), Language: string(req.Language)}
	if err := req.Resume(&q.After); err != nil {
		return everything{}, err
	}
	p, err := people.Read(ctx, s.db(ctx), req.Town, req.Person)
	if err != nil {
		return everything{}, err
	}
	e := everything{Person: p, WhyNamesStay: personal.Why().In(q.Language)}
	if e.Groups, err = personal.Everything(ctx, s.db(ctx), p, q); err != nil {
		return everything{}, err
	}
	for i, g := range e.Groups {
		page, err := rest.NewPage(g.Records, req.PageQuery, func(r personal.Record) []any { return []any{r.Place} })
		if err != nil {
			return everything{}, err
		}
		e.Groups[i].Records = page.Items
		if req.Kind != "" {
			e.NextPageToken = page.NextPageToken
		}
	}
	if q.After > 0 || s.Config.ReadOnly {
		return e, nil // it was recorded with the first page, or nothing can be stored
	}
	return e, database.InTx(ctx, s.db(ctx), func(tx *gorm.DB) error {
		return audit.Write(ctx, tx, audit.Change{Town: req.Town, Action: "person.everything", Subject: "people/" + p.Code})
	})
}

// personTransition is a step of a person: the state to reach, and why.
type personTransition struct {
	To     string `json:"to" validate:"required,oneof=pseudonymised"`
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true"` // without the name: the record of it stays
}

type movePersonRequest struct {
	personRequest
	rest.IfMatch
	rest.Localized
	Body personTransition
}

// pseudonymisedPerson is a person without a name, and what still names him or her by code.
type pseudonymisedPerson struct {
	people.Person
	Stays []personal.Stay `json:"stays"` // in the order of findEverything
} // @name PseudonymisedPerson

// movePerson replaces the name of a person by a pseudonym, for good and as often as it is
// asked for. Whoever still has appointments, ties, accounts or keys is refused with what to
// end first. The answer lists what stays, and why.
//
//	@Summary	Pseudonymise a person
func (s *Server) movePerson(ctx context.Context, req movePersonRequest) (made pseudonymisedPerson, err error) {
	ref := workflow.Ref{Town: req.Town, ID: req.Person, Version: req.Version}
	err = database.InTx(ctx, s.db(ctx), func(tx *gorm.DB) error {
		before, err := people.Find(ctx, tx, req.Town, req.Person)
		if err != nil {
			return err
		}
		for _, name := range before.Words() {
			if strings.Contains(req.Body.Reason, name) {
				return fault.Broken(fault.Field("/reason", "names_the_person", "理由会永久保存，请勿写姓名",
					"the reason is kept for good: leave the name out"))
			}
		}
		if made.Person, err = people.Pseudonymise(ctx, tx, ref, req.Body.Reason); err != nil {
			return err
		}
		return rest.DeleteStoredNaming(ctx, tx, before.Words())
	})
	if err != nil {
		return pseudonymisedPerson{}, err
	}
	made.Stays, err = personal.Stays(ctx, s.db(ctx), made.Person, string(req.Language))
	return made, err
}

// personUpdate is what changes about a person.
type personUpdate struct {
	Name text.Text `json:"name" validate:"required"`
	// all that other systems call the person: absent = as before, [] = nothing; never an identity number
	ExternalCodes []town.ExternalCode `json:"external_codes" validate:"max=8,dive"`
}

// renaming is the one thing that changes about an office.
type renaming struct {
	Name text.Text `json:"name" validate:"required"`
}

type updatePersonRequest struct {
	personRequest
	rest.IfMatch
	Body personUpdate
}

// updatePerson changes what a person is called, here and by other systems.
//
//	@Summary	Change the name and external codes of a person
func (s *Server) updatePerson(ctx context.Context, req updatePersonRequest) (people.Person, error) {
	return people.Update(ctx, s.db(ctx), people.Person{
		TownID: req.Town, Code: req.Person, Name: req.Body.Name, ExternalCodes: req.Body.ExternalCodes,
		Versioned: database.Versioned{Version: req.Version},
	})
}
