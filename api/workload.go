package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/review"
)

type listPairingsRequest struct {
	townRequest
	rest.Localized
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // on this day; today if absent
	Branch string    `form:"branch"`                                // of this branch alone
	rest.PageQuery
}

// listPairings returns who leads, mentors, instructs and serves each branch on a
// day, in the order of branch codes.
//
//	@Summary	List who works on which branch on a day
func (s *Server) listPairings(ctx context.Context, req listPairingsRequest) (rest.Page[people.Pairing], error) {
	f := people.PairingFilter{
		On: s.dayOr(req.On), Language: string(req.Language), Branch: req.Branch, Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[people.Pairing]{}, err
	}
	list, err := people.ListPairings(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[people.Pairing]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(p people.Pairing) []any { return []any{p.Branch.Code} })
}

// dayOr is the day that was asked for, or today.
func (s *Server) dayOr(asked *day.Date) day.Date {
	if asked != nil {
		return *asked
	}
	return day.Of(s.Now())
}

// Workload is how much a mentor or instructor has to do: branches on the day, and his
// or her sheets in the periods that are open or in review now.
type Workload struct {
	Branches int `json:"branches" example:"10"`
	review.SheetCount
}

// LoadedMentorship is a mentor or instructor with the load.
type LoadedMentorship struct {
	people.Mentorship
	Load Workload `json:"load"`
}

// Mentorships are the mentors or the instructors of a town on a day. The mean and the
// most of branches show whether the load is even.
type Mentorships struct {
	On           day.Date           `json:"on" swaggertype:"string" format:"date"`
	MeanBranches float64            `json:"mean_branches" example:"10"` // 0 where there is nobody
	MostBranches int                `json:"most_branches" example:"10"`
	Items        []LoadedMentorship `json:"items"`
}

type listMentorshipsRequest struct {
	townRequest
	rest.Localized
	On *day.Date `form:"on" swaggertype:"string" format:"date"` // on this day; today if absent
}

// listMentors returns everybody who is appointed mentor on a day, on one page.
//
//	@Summary	List the mentors with letter, term, branches and load
func (s *Server) listMentors(ctx context.Context, req listMentorshipsRequest) (Mentorships, error) {
	return s.mentorships(ctx, req, policy.Mentor)
}

// listInstructors returns everybody who is appointed instructor on a day, on one
// page.
//
//	@Summary	List the instructors with letter, term, branches and load
func (s *Server) listInstructors(ctx context.Context, req listMentorshipsRequest) (Mentorships, error) {
	return s.mentorships(ctx, req, policy.Instructor)
}

func (s *Server) mentorships(ctx context.Context, req listMentorshipsRequest, role policy.Role) (Mentorships, error) {
	all := Mentorships{On: s.dayOr(req.On), Items: []LoadedMentorship{}}
	q := people.MentorshipQuery{Role: role, On: all.On, Language: string(req.Language)}
	list, err := people.ListMentorships(ctx, s.db(ctx), req.Town, q)
	if err != nil {
		return Mentorships{}, err
	}
	sheets, err := review.CountSheets(ctx, s.db(ctx), req.Town, role)
	if err != nil {
		return Mentorships{}, err
	}
	total := 0
	for _, h := range list {
		n := len(h.Branches)
		total += n
		all.MostBranches = max(all.MostBranches, n)
		all.Items = append(all.Items, LoadedMentorship{h, Workload{n, sheets[h.Person.Code]}})
	}
	if len(list) > 0 {
		all.MeanBranches = float64(total) / float64(len(list))
	}
	return all, nil
}
