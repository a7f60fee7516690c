package api

import (
	"context"

	"github.com/go-json-experiment/json"

	"bulwark/internal/entry"
	"bulwark/internal/rest"
	"bulwark/internal/spreadsheet"
)

type formRequest struct {
	periodRequest
	rest.Localized
	rest.TableQuery
}

// findForm returns what the caller enters in the period: a row for each branch, a column for each value. As
// a workbook it is a template: it is filled in, and comes back by importEntries.
//
//	@Summary	Read the entry form of the caller
func (s *Server) findForm(ctx context.Context, req formRequest) (rest.Raw, error) {
	f, err := s.results.Form(ctx, s.db(ctx), req.Town, req.Period, string(req.Language))
	if err != nil {
		return rest.Raw{}, err
	}
	name := req.Town + "-" + req.Period + "-entry"
	switch req.FormatOf(ctx) {
	case rest.XLSX:
		body, err := f.Template(string(req.Language))
		return rest.Raw{ContentType: spreadsheet.MediaXLSX, Filename: name + ".xlsx", Body: body}, err
	case rest.CSV:
		return rest.Raw{ContentType: spreadsheet.MediaCSV + "; charset=utf-8", Filename: name + ".csv", Body: f.Table().CSV()}, nil
	}
	body, err := json.Marshal(f, json.Deterministic(true))
	return rest.Raw{ContentType: "application/json", Body: body}, err
}

type importEntriesRequest struct {
	periodRequest
	rest.Localized
	rest.Preferred
	DryRun           bool `form:"dry_run"`           // say what would happen, and change nothing
	Submit           bool `form:"submit"`            // also submit the sheets of the rows in the file
	ConfirmFractions bool `form:"confirm_fractions"` // numbers below 1 in columns of percentages are meant: 0.5 is half a per cent
	Body             rest.File
}

// importEntries takes in a template of the entry form that was filled in: all of it, or nothing where anything
// is wrong. The sheets stay drafts unless they are submitted too. With dry_run the answer lists every fault, and
// every value that would be overwritten; where Accept prefers a workbook, it is the same file with a comment in each wrong cell.
//
//	@Summary	Enter values by a spreadsheet
func (s *Server) importEntries(ctx context.Context, req importEntriesRequest) (rest.Raw, error) {
	in := bookImport{req.Preferred, req.DryRun, req.Body, req.Town + "-" + req.Period + "-entry"}
	return in.take(ctx, func(book *spreadsheet.Book) (any, []spreadsheet.Fault, []spreadsheet.Fault, error) {
		q, err := s.results.FormQuery(ctx, s.db(ctx), req.Town, req.Period, string(req.Language))
		if err != nil {
			return nil, nil, nil, err
		}
		done, err := entry.ImportFile(ctx, s.db(ctx), q, book, entry.ImportOptions{
			DryRun: req.DryRun, Submit: req.Submit, Fractions: req.ConfirmFractions,
		})
		return done, done.Faults, done.Warnings, err
	})
}

// copyInput is which rows and columns of the form are filled.
type copyInput struct {
	Branches []string `json:"branches" validate:"required,min=1,max=500,dive,min=1" example:"b07"`     // whose rows are filled
	Codes    []string `json:"codes,omitempty" validate:"max=500,dive,min=1" example:"organisation.01"` // none: every column but ratings
}

type copyEntriesRequest struct {
	periodRequest
	rest.Localized
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   copyInput
}

// copyEntries fills the empty places of the caller's entry form with what counted in the last published period of the
// same kind. What is entered stays, and ratings are not copied. The sheets stay drafts, and each value says where it comes from.
//
//	@Summary	Fill empty places with the values of the last period
func (s *Server) copyEntries(ctx context.Context, req copyEntriesRequest) (entry.Copy, error) {
	q, err := s.results.FormQuery(ctx, s.db(ctx), req.Town, req.Period, string(req.Language))
	if err != nil {
		return entry.Copy{}, err
	}
	return entry.CopyLast(ctx, s.db(ctx), q, entry.CopyOptions{
		Branches: req.Body.Branches, Codes: req.Body.Codes, DryRun: req.DryRun,
	})
}
