package api

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/proposal"
	"bulwark/internal/rest"
	"bulwark/internal/review"
	"bulwark/internal/scheme"
	"bulwark/internal/workflow"
)

type listPeriodsRequest struct {
	townRequest
	Kind  string                 `form:"kind" validate:"omitempty,oneof=quarter half_year year"` // only this kind
	State evaluation.PeriodState `form:"state" validate:"omitempty,state"`                       // only this state
	rest.PageQuery
}

// listPeriods returns the periods of a town in the order of their starts.
//
//	@Summary	List the periods of a town
func (s *Server) listPeriods(ctx context.Context, req listPeriodsRequest) (rest.Page[evaluation.Period], error) {
	f := evaluation.PeriodFilter{Kind: req.Kind, State: req.State, Limit: req.Limit()}
	if err := req.Resume(&f.After[0], &f.After[1]); err != nil {
		return rest.Page[evaluation.Period]{}, err
	}
	periods, err := evaluation.ListPeriods(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[evaluation.Period]{}, err
	}
	for i := range periods {
		periods[i] = periods[i].For(access.PrincipalFrom(ctx))
	}
	if err := index.FillNotices(ctx, s.db(ctx), periods); err != nil {
		return rest.Page[evaluation.Period]{}, err
	}
	return rest.NewPage(periods, req.PageQuery, func(p evaluation.Period) []any { return []any{p.StartsOn, p.Code} })
}

// periodInput is a new period.
type periodInput struct {
	Code     string      `json:"code" validate:"required,code" example:"2023Q3"`
	Kind     string      `json:"kind" validate:"required,oneof=quarter half_year year"`
	StartsOn day.Date    `json:"starts_on" validate:"required" swaggertype:"string" format:"date"`
	EndsOn   day.Date    `json:"ends_on" validate:"required" swaggertype:"string" format:"date"`
	Scheme   schemeInput `json:"scheme"`
	calendarInput
	Reason string `json:"reason" validate:"max=2000" multiline:"true"` // needed with force
	Force  bool   `json:"force"`                                       // longer than its kind: 92, 184 or 366 days
}

// schemeInput names the scheme of a new period, of which the active version is pinned.
type schemeInput struct {
	Code   string `json:"code" validate:"required,code" example:"five-forces"`
	Number int64  `json:"number" validate:"min=0" example:"1"` // which version must be the active one; any if absent
}

// calendarInput is when sheets are entered and decided on. Days without a value
// set no limit; both numbers of days are 5 unless given.
type calendarInput struct {
	EntryFrom   *day.Date `json:"entry_from" swaggertype:"string" format:"date"`
	EntryUntil  *day.Date `json:"entry_until" swaggertype:"string" format:"date"`
	ReviewUntil *day.Date `json:"review_until" swaggertype:"string" format:"date"`
	NoticeDays  *int64    `json:"notice_days" example:"5"` // of public notice (公示); 0 = none
	AnswerDays  *int64    `json:"answer_days" example:"5"` // to answer an appeal
}

func (in calendarInput) calendar() evaluation.Calendar {
	days := func(n *int64) int64 {
		if n == nil {
			return evaluation.DefaultDays
		}
		return *n
	}
	return evaluation.Calendar{
		EntryFrom: given(in.EntryFrom), EntryUntil: given(in.EntryUntil), ReviewUntil: given(in.ReviewUntil),
		NoticeDays: days(in.NoticeDays), AnswerDays: days(in.AnswerDays),
	}
}

// given is nil for the empty text too: it is no day.
func given(d *day.Date) *day.Date {
	if d != nil && *d == "" {
		return nil
	}
	return d
}

// step is what a dry run of the period looks at.
func (r periodRequest) step(language string) index.Step {
	return index.Step{Town: r.Town, Period: r.Period, Language: language}
}

type createPeriodRequest struct {
	townRequest
	Body periodInput
}

// createPeriod plans a period under the active version of a scheme.
//
//	@Summary	Plan a period
func (s *Server) createPeriod(ctx context.Context, req createPeriodRequest) (rest.Created[evaluation.Period], error) {
	in := req.Body
	p, err := evaluation.CreatePeriod(ctx, s.db(ctx), evaluation.Period{
		TownID: req.Town, Code: in.Code, Kind: in.Kind,
		StartsOn: in.StartsOn, EndsOn: in.EndsOn, Scheme: scheme.Ref(in.Scheme),
		Calendar: in.calendar(), StateReason: in.Reason,
	}, in.Force)
	return rest.Created[evaluation.Period]{Key: p.Code, Value: p.For(access.PrincipalFrom(ctx))}, err
}

type periodRequest struct {
	Town   string `uri:"town"`
	Period string `uri:"period"`
}

// findPeriod returns one period and what the caller can do with it.
//
//	@Summary	Read a period
func (s *Server) findPeriod(ctx context.Context, req periodRequest) (evaluation.Period, error) {
	p, err := evaluation.FindPeriod(ctx, s.db(ctx), req.Town, req.Period)
	if err != nil {
		return evaluation.Period{}, err
	}
	list := []evaluation.Period{p.For(access.PrincipalFrom(ctx))}
	err = index.FillNotices(ctx, s.db(ctx), list)
	return list[0], err
}

// periodChange is all days of entry, review and notice of a period, and why they change. Its kind, days
// and scheme stay unless given: they can be changed while nothing is approved.
type periodChange struct {
	Kind     string       `json:"kind" validate:"omitempty,oneof=quarter half_year year"`
	StartsOn day.Date     `json:"starts_on" swaggertype:"string" format:"date"`
	EndsOn   day.Date     `json:"ends_on" swaggertype:"string" format:"date"`
	Scheme   *schemeInput `json:"scheme"`
	calendarInput
	Force  bool   `json:"force"` // longer than its kind: 92, 184 or 366 days
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true" example:"the ledgers came late"`
}

type updatePeriodRequest struct {
	periodRequest
	rest.IfMatch
	Body periodChange
}

// updatePeriod changes the calendar of a period that is not locked; the answer says
// who did, when and why. While nothing is approved it also changes kind and days of a period
// that is planned or open, and the scheme: sheets that wait for a decision are returned then.
//
//	@Summary	Change a period
func (s *Server) updatePeriod(ctx context.Context, req updatePeriodRequest) (evaluation.Period, error) {
	ref := workflow.Ref{Town: req.Town, ID: req.Period, Version: req.Version}
	in := req.Body
	c := evaluation.PeriodChange{
		Calendar: in.calendar(), Kind: in.Kind, StartsOn: in.StartsOn, EndsOn: in.EndsOn, Force: in.Force, Reason: in.Reason,
	}
	if in.Scheme != nil {
		c.Scheme = scheme.Ref(*in.Scheme)
	}
	return evaluation.UpdatePeriod(ctx, s.db(ctx), ref, c)
}

// periodTransition is a step of a period: the state to reach, and why.
type periodTransition struct {
	To     evaluation.PeriodState `json:"to" validate:"required,move"`
	Reason string                 `json:"reason" validate:"max=2000" multiline:"true"`
	// give a reason; with locked: although sheets or adjustments wait for a decision; with published: although too few
	// branches have a score or the period has not ended
	Force bool `json:"force"`
}

type movePeriodRequest struct {
	periodRequest
	rest.Localized
	rest.IfMatch
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   periodTransition
}

// movePeriod opens, reviews, locks, publishes or finalises a period, cancels one of which nothing is
// approved, or plans a cancelled one again. Publishing
// makes the last run since the lock the result. Where that takes two persons, the answer
// is 202 with the proposal, which another person confirms. With dry_run nothing is changed:
// the answer is the period as it would be, or as it is where the step would be refused, and
// in dry_run what to know before.
//
//	@Summary	Move a period to another state
func (s *Server) movePeriod(
	ctx context.Context, req movePeriodRequest,
) (rest.Deferred[evaluation.Period, proposal.Proposal], error) {
	ref := workflow.Ref{Town: req.Town, ID: req.Period, Version: req.Version}
	m := evaluation.PeriodMove{
		To: req.Body.To, Reason: req.Body.Reason, Force: req.Body.Force, Language: string(req.Language),
	}
	if req.DryRun {
		p, err := index.TryMove(ctx, s.db(ctx), ref, m)
		return waits(p, nil, req.Localized), err
	}
	defer rest.AfterCommit(ctx, func() { s.results.Forget(req.Town); s.Jobs.Wake() })
	p, waiting, err := index.MovePeriod(ctx, s.db(ctx), ref, m)
	return waits(p, waiting, req.Localized), err
}

type completenessRequest struct {
	periodRequest
	rest.Localized
	By string `form:"by" default:"branch" validate:"oneof=branch evaluator indicator"` // what to count by
	// json unless Accept says text/csv
	Format string `form:"format" validate:"omitempty,oneof=json csv"`
	Accept string `header:"Accept" swaggerignore:"true"`
}

// findCompleteness returns what is in and what is missing, on the branches that
// the caller works on.
//
//	@Summary	Count what is in and what is missing
func (s *Server) findCompleteness(ctx context.Context, req completenessRequest) (rest.Raw, error) {
	c, err := review.FindCompleteness(ctx, s.db(ctx), req.Town, review.CompletenessQuery{
		Period: req.Period, By: req.By, Language: string(req.Language),
	})
	if err != nil {
		return rest.Raw{}, err
	}
	if req.Format == "csv" || req.Format == "" && strings.HasPrefix(req.Accept, "text/csv") {
		name := req.Town + "-" + req.Period + "-completeness.csv"
		return rest.Raw{ContentType: "text/csv; charset=utf-8", Filename: name, Body: c.CSV()}, nil
	}
	body, err := json.Marshal(c, json.Deterministic(true))
	return rest.Raw{ContentType: "application/json", Body: body}, err
}

type signalsRequest struct {
	periodRequest
	rest.Localized
}

// findSignals returns patterns in the sheets of a period that someone should look
// at. A signal is a question, not a finding.
//
//	@Summary	Look for patterns that raise questions
func (s *Server) findSignals(ctx context.Context, req signalsRequest) (review.Signals, error) {
	signals, err := review.FindSignals(ctx, s.db(ctx), req.Town, req.Period, string(req.Language))
	if err != nil {
		return signals, err
	}
	view, _, err := s.view(ctx, resultRequest{periodRequest: req.periodRequest})
	switch {
	case fault.Is(err, fault.KindConflict): // what is approved so far cannot be scored
		return signals, nil
	case err != nil:
		return signals, err
	}
	signals.Items = append(signals.Items, view.Signals(string(req.Language))...)
	return signals, nil
}
