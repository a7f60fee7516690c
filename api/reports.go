package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/improve/report"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type draftReportRequest struct {
	townRequest
	From day.Date `form:"from" validate:"required" swaggertype:"string" format:"date"` // the first day
	// the last day, today at the latest
	Until day.Date `form:"until" validate:"required" swaggertype:"string" format:"date"`
}

// draftReport returns what the log tells of the caller's work in a span of days:
// the figures that a report about it would have now, each with what was counted.
//
//	@Summary	Work out the figures of a report
func (s *Server) draftReport(ctx context.Context, req draftReportRequest) (report.Figures, error) {
	return report.DraftFigures(ctx, s.db(ctx), req.Town, req.From, req.Until)
}

type listReportsRequest struct {
	townRequest
	Author string       `form:"author"`                                                     // only of this instructor
	State  report.State `form:"state" validate:"omitempty,state"`                           // only in this state
	On     day.Date     `form:"on" validate:"omitempty" swaggertype:"string" format:"date"` // only about spans with this day
	rest.PageQuery
}

// listReports returns an instructor's own reports, or for the leading group and the
// leadership all that are submitted, in the order in which they were begun.
//
//	@Summary	List progress reports
func (s *Server) listReports(ctx context.Context, req listReportsRequest) (rest.Page[report.Report], error) {
	f := report.Filter{Author: req.Author, State: req.State, On: req.On, Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[report.Report]{}, err
	}
	list, err := report.List(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[report.Report]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(r report.Report) []any { return []any{r.ID} })
}

// reportInput is the span of a progress report and the words of its author.
type reportInput struct {
	From         day.Date `json:"from" validate:"required" swaggertype:"string" format:"date"`
	Until        day.Date `json:"until" validate:"required" swaggertype:"string" format:"date"` // today at the latest
	Progress     string   `json:"progress" validate:"required,max=5000" multiline:"true"`
	Difficulties string   `json:"difficulties" validate:"max=5000" multiline:"true"`
	Next         string   `json:"next" validate:"max=5000" multiline:"true"`
}

func (in reportInput) words() report.Words {
	return report.Words{Progress: in.Progress, Difficulties: in.Difficulties, Next: in.Next}
}

type beginReportRequest struct {
	townRequest
	Body reportInput
}

// beginReport enters a draft of the caller's report to the leading group.
//
//	@Summary	Begin a progress report
func (s *Server) beginReport(ctx context.Context, req beginReportRequest) (rest.Created[report.Report], error) {
	r, err := report.Begin(ctx, s.db(ctx), req.Town, req.Body.From, req.Body.Until, req.Body.words())
	return rest.Created[report.Report]{Key: r.ID, Value: r}, err
}

type reportRequest struct {
	Town   string `uri:"town"`
	Report string `uri:"report"`
}

// findReport returns one report. The figures of a draft are those of now.
//
//	@Summary	Read a progress report
func (s *Server) findReport(ctx context.Context, req reportRequest) (report.Report, error) {
	return report.Find(ctx, s.db(ctx), req.Town, req.Report)
}

type writeReportRequest struct {
	reportRequest
	rest.IfMatch
	Body reportInput
}

// writeReport replaces the span and the words of the caller's own draft.
//
//	@Summary	Write a progress report
func (s *Server) writeReport(ctx context.Context, req writeReportRequest) (report.Report, error) {
	return report.Write(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Report, Version: req.Version},
		req.Body.From, req.Body.Until, req.Body.words())
}

// reportTransition is a step of a progress report: the state to reach, with a remark.
type reportTransition struct {
	To     report.State `json:"to" validate:"required,move"`
	Remark string       `json:"remark" validate:"max=2000" multiline:"true"` // of who receives it
}

type moveReportRequest struct {
	reportRequest
	rest.IfMatch
	Body reportTransition
}

// moveReport submits the caller's own draft, whose figures stay from then on as they
// are, or receives a submitted report for the leading group.
//
//	@Summary	Submit or receive a progress report
func (s *Server) moveReport(ctx context.Context, req moveReportRequest) (report.Report, error) {
	return report.Move(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Report, Version: req.Version},
		req.Body.To, req.Body.Remark)
}
