package api

import (
	"context"

	"github.com/go-json-experiment/json"
	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/rest"
	"bulwark/internal/setup"
	"bulwark/internal/spreadsheet"
)

type townBookRequest struct {
	townRequest
	rest.Localized
}

// findTownBook returns what the town has as a workbook, to be added to and sent back: branches, people and their relations,
// measures, scheme, periods and accounts, as far as the caller may change them.
//
//	@Summary	Read the workbook that sets a town up
func (s *Server) findTownBook(ctx context.Context, req townBookRequest) (rest.Raw, error) {
	body, err := setup.Workbook(ctx, s.db(ctx), setup.Query{Town: req.Town, Language: string(req.Language)}, false)
	return rest.Raw{ContentType: spreadsheet.MediaXLSX, Filename: req.Town + "-setup.xlsx", Body: body}, err
}

type importTownRequest struct {
	townRequest
	rest.Localized
	rest.Preferred
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   rest.File
}

// importTown takes in the workbook of the town that was filled in: all of it, or nothing where anything is wrong. Rows that
// are there already change nothing, other rows are added; only measures are changed. The scheme of the book becomes a draft, or is put into
// force where the book says so. New accounts get passwords for one use, which only this answer has. With dry_run the answer lists every
// fault; where Accept prefers a workbook, it is the same file with a comment in each wrong cell.
//
//	@Summary	Set a town up by a workbook
func (s *Server) importTown(ctx context.Context, req importTownRequest) (rest.Raw, error) {
	in := bookImport{req.Preferred, req.DryRun, req.Body, req.Town + "-setup"}
	return in.take(ctx, func(book *spreadsheet.Book) (any, []spreadsheet.Fault, []spreadsheet.Fault, error) {
		defer rest.AfterCommit(ctx, func() { s.results.Forget(req.Town); s.Jobs.Wake() })
		done, err := setup.ImportBook(ctx, s.db(ctx), setup.Query{Town: req.Town, Language: string(req.Language)}, book, setup.Options{
			DryRun: req.DryRun, Fit: index.FitOver, Password: s.firstPassword,
		})
		return done, done.Faults, done.Warnings, err
	})
}

// bookImport is a file that is taken in, for a marked copy by the name.
type bookImport struct {
	rest.Preferred
	dryRun bool
	file   rest.File
	name   string
}

// take opens the file and returns as JSON what do has made of it; where Accept prefers a workbook, which only a dry
// run may, the same file with the faults and warnings in its cells.
func (in bookImport) take(
	ctx context.Context, do func(*spreadsheet.Book) (done any, faults, warnings []spreadsheet.Fault, err error),
) (rest.Raw, error) {
	marked := in.Prefers(ctx, "application/json", spreadsheet.MediaXLSX) == spreadsheet.MediaXLSX
	if marked && !in.dryRun {
		return rest.Raw{}, fault.Malformed("marked_needs_dry_run", "标注错误的文件只在试运行（dry_run=true）时提供",
			"the marked copy is the answer of a dry run: add dry_run=true")
	}
	book, err := spreadsheet.Open(in.file.MediaType, in.file.Data)
	if err != nil {
		return rest.Raw{}, err
	}
	done, faults, warnings, err := do(book)
	if err != nil {
		return rest.Raw{}, err
	}
	if marked {
		body, err := book.Marked(faults, warnings)
		return rest.Raw{ContentType: spreadsheet.MediaXLSX, Filename: in.name + "-checked.xlsx", Body: body}, err
	}
	body, err := json.Marshal(done, json.Deterministic(true))
	return rest.Raw{ContentType: "application/json", Body: body}, err
}

// firstPassword sets and returns the password for one use of a new account.
func (s *Server) firstPassword(ctx context.Context, db *gorm.DB, account string) (string, error) {
	_, password, err := credential.ResetPassword(ctx, db, s.Passwords, account, 1)
	return password, err
}
