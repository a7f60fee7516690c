package api

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/rest"
	"bulwark/internal/structure"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type listBranchesRequest struct {
	townRequest
	Kind  string `form:"kind"`  // only this kind
	Class string `form:"class"` // only this class
	coded
	// as it was on this day; today in Asia/Shanghai if absent
	On *day.Date `form:"on" swaggertype:"string" format:"date"`
	// also branches that had ended, and those not yet founded
	IncludeClosed bool `form:"include_closed"`
	rest.PageQuery
}

// coded narrows a list to what another system calls so.
type coded struct {
	ExternalCode string `form:"external_code" example:"county-register:4406-0171"` // SYSTEM:CODE, in any letter case
}

// externalCode returns the code that is asked for, nil where none is.
func (r coded) externalCode() (*town.ExternalCode, error) {
	if r.ExternalCode == "" {
		return nil, nil //nolint:nilnil // no filter
	}
	code, ok := town.ParseExternalCode(r.ExternalCode)
	if !ok {
		return nil, rest.Malformed(fault.Field("query/external_code", "malformed", "应为“系统:代码”", "write SYSTEM:CODE"))
	}
	return &code, nil
}

// today is the day itself, or today where none is given.
func (s *Server) dayOrToday(d *day.Date) day.Date {
	if d != nil && *d != "" {
		return *d
	}
	return day.Of(s.Now())
}

// listBranches returns the branches that existed on a day, in the order of codes.
//
//	@Summary	List the branches of a town
func (s *Server) listBranches(ctx context.Context, req listBranchesRequest) (rest.Page[town.Branch], error) {
	f := town.BranchFilter{
		On: s.dayOrToday(req.On), Kind: req.Kind, Class: req.Class, Closed: req.IncludeClosed, Codes: true, Limit: req.Limit(),
	}
	var err error
	if f.Coded, err = req.externalCode(); err != nil {
		return rest.Page[town.Branch]{}, err
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[town.Branch]{}, err
	}
	branches, err := town.ListBranches(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[town.Branch]{}, err
	}
	return rest.NewPage(branches, req.PageQuery, func(b town.Branch) []any { return []any{b.Code} })
}

// branchInput is a new branch.
type branchInput struct {
	Code            string    `json:"code" validate:"required,code" example:"b07"`
	StatisticalCode *string   `json:"statistical_code" validate:"omitempty,numeric,len=12" example:"440605126222"`
	Name            text.Text `json:"name" validate:"required"`
	Kind            string    `json:"kind" validate:"required" example:"village"`
	Class           *string   `json:"class" validate:"omitempty,code" example:"rural"`
	FoundedOn       *day.Date `json:"founded_on" swaggertype:"string" format:"date"` // absent = not known
	Provenance      string    `json:"provenance" validate:"max=200" example:"public statistical list 2021"`
	// what other systems call the branch; never an identity number
	ExternalCodes []town.ExternalCode `json:"external_codes" validate:"max=8,dive"`
	// needed where the day is past and a period has begun that it touches
	Reason string `json:"reason" validate:"max=2000" multiline:"true"`
}

type createBranchRequest struct {
	townRequest
	Body branchInput
}

// createBranch founds a branch.
//
//	@Summary	Found a branch
func (s *Server) createBranch(ctx context.Context, req createBranchRequest) (rest.Created[town.Branch], error) {
	in := req.Body
	b := town.Branch{Name: in.Name, Kind: in.Kind, Class: in.Class, ExternalCodes: in.ExternalCodes}
	b.Life = town.Life{
		TownID: req.Town, Code: in.Code, StatisticalCode: in.StatisticalCode, FoundedOn: in.FoundedOn,
		Provenance: in.Provenance,
	}
	b, err := structure.Found(ctx, s.db(ctx), b, in.Reason)
	return rest.Created[town.Branch]{Key: b.Code, Value: b}, err
}

type branchRequest struct {
	Town   string `uri:"town"`
	Branch string `uri:"branch"`
}

// branchListRequest asks for a list of the branch on one page.
type branchListRequest struct {
	branchRequest
	rest.TableQuery
}

type findBranchRequest struct {
	branchRequest
	On *day.Date `form:"on" swaggertype:"string" format:"date"` // as it was on this day; today in Asia/Shanghai if absent
}

// findBranch returns one branch as it was on a day, one that has ended too.
//
//	@Summary	Read a branch
func (s *Server) findBranch(ctx context.Context, req findBranchRequest) (town.Branch, error) {
	b, err := town.FindCoded(ctx, s.db(ctx), req.Town, req.Branch, s.dayOrToday(req.On))
	if err != nil {
		return b, err
	}
	return structure.WithVerbs(ctx, s.db(ctx), b)
}

// branchCorrection is what was entered wrongly about a branch, and why. What is absent stays.
type branchCorrection struct {
	// only while nothing but the branch itself names it
	Code *string `json:"code" validate:"omitempty,code" example:"b07"`
	// 12 digits of the statistical divisions
	StatisticalCode *string    `json:"statistical_code" validate:"omitempty,numeric,len=12" example:"440605126222"`
	FoundedOn       *day.Date  `json:"founded_on" swaggertype:"string" format:"date"`   // 1921-07-01 at the earliest
	Name            *text.Text `json:"name"`                                            // as of the last change, or the founding
	Kind            *string    `json:"kind" example:"village"`                          // likewise
	Class           *string    `json:"class" validate:"omitempty,code" example:"rural"` // likewise
	// all that other systems call the branch: absent = as before, [] = nothing; never an identity number
	ExternalCodes []town.ExternalCode `json:"external_codes" validate:"max=8,dive"`
	Reason        string              `json:"reason" validate:"required,max=2000" multiline:"true"` // what was wrong
}

type correctBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchCorrection
}

// correctBranch corrects what was entered wrongly. Periods that were locked before keep the former founding. Name,
// kind and class of a change are corrected only while no period was locked with it, the code only while nothing else
// names the branch.
//
//	@Summary	Correct what was entered about a branch
func (s *Server) correctBranch(ctx context.Context, req correctBranchRequest) (town.Branch, error) {
	b := req.Body
	return structure.Correct(ctx, s.db(ctx), req.change(req.Version, "", b.Reason), town.BranchCorrection{
		Code: b.Code, StatisticalCode: b.StatisticalCode, FoundedOn: b.FoundedOn, Name: b.Name, Kind: b.Kind, Class: b.Class,
		ExternalCodes: b.ExternalCodes,
	})
}

type undoBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body undoInput
}

// undoInput is why something is taken back.
type undoInput struct {
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true" example:"a slip of the pen"` // why it is taken back
}

// reopenBranch takes back the end of a branch, while no period was locked without it.
//
//	@Summary	Reopen a branch that was closed or merged by mistake
func (s *Server) reopenBranch(ctx context.Context, req undoBranchRequest) (town.Branch, error) {
	return structure.Reopen(ctx, s.db(ctx), req.change(req.Version, "", req.Body.Reason))
}

// withdrawBranchChange takes back the last rename or reclassification, while no period was locked with it: one that is not
// yet effective, or holds from a wrong day.
//
//	@Summary	Take back the last rename or reclassification of a branch
func (s *Server) withdrawBranchChange(ctx context.Context, req undoBranchRequest) (town.Branch, error) {
	return structure.Withdraw(ctx, s.db(ctx), req.change(req.Version, "", req.Body.Reason))
}

// branchHistory returns the life of a branch, oldest event first, on one page.
//
//	@Summary	Read the history of a branch
func (s *Server) branchHistory(ctx context.Context, req branchListRequest) (rest.Page[town.Event], error) {
	events, err := town.BranchHistory(ctx, s.db(ctx), req.Town, req.Branch)
	return rest.Page[town.Event]{Items: events}, err
}

// change returns what every change of a branch asks for.
func (r branchRequest) change(version int64, on day.Date, reason string) town.BranchChange {
	return town.BranchChange{Town: r.Town, Branch: r.Branch, Version: version, On: on, Reason: reason}
}

// branchRename is the name of a branch from a day on.
type branchRename struct {
	Name   text.Text `json:"name" validate:"required"`
	On     day.Date  `json:"on" validate:"required" swaggertype:"string" format:"date"`
	Reason string    `json:"reason" validate:"max=2000" multiline:"true"`
}

type renameBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchRename
}

// renameBranch changes the name of a branch from a day on; earlier days keep the old one.
//
//	@Summary	Rename a branch from a day on
func (s *Server) renameBranch(ctx context.Context, req renameBranchRequest) (town.Branch, error) {
	b := req.Body
	return structure.Change(ctx, s.db(ctx), req.change(req.Version, b.On, b.Reason),
		func(ctx context.Context, tx *gorm.DB, c town.BranchChange) (town.Branch, error) {
			return town.Rename(ctx, tx, c, b.Name)
		})
}

// branchReclassification is the kind and the class of a branch from a day on, both.
type branchReclassification struct {
	Kind   string   `json:"kind" validate:"required" example:"community"`
	Class  *string  `json:"class" validate:"omitempty,code" example:"urban"` // absent = no peer group
	On     day.Date `json:"on" validate:"required" swaggertype:"string" format:"date"`
	Reason string   `json:"reason" validate:"max=2000" multiline:"true"`
}

type reclassifyBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchReclassification
}

// reclassifyBranch counts the branch as another kind and class.
//
//	@Summary	Change kind and class of a branch from a day on
func (s *Server) reclassifyBranch(ctx context.Context, req reclassifyBranchRequest) (town.Branch, error) {
	b := req.Body
	return structure.Change(ctx, s.db(ctx), req.change(req.Version, b.On, b.Reason),
		func(ctx context.Context, tx *gorm.DB, c town.BranchChange) (town.Branch, error) {
			return town.Reclassify(ctx, tx, c, b.Kind, b.Class)
		})
}

// branchMerger is the branch that takes over another, from which day and why.
type branchMerger struct {
	Into   string   `json:"into" validate:"required" example:"b08"`
	On     day.Date `json:"on" validate:"required" swaggertype:"string" format:"date"` // the first day without the branch
	Reason string   `json:"reason" validate:"max=2000" multiline:"true"`
}

type mergeBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchMerger
}

// mergeBranch ends the branch in favour of another one.
//
//	@Summary	Merge a branch into another
func (s *Server) mergeBranch(ctx context.Context, req mergeBranchRequest) (town.Branch, error) {
	b := req.Body
	return structure.Change(ctx, s.db(ctx), req.change(req.Version, b.On, b.Reason),
		func(ctx context.Context, tx *gorm.DB, c town.BranchChange) (town.Branch, error) {
			return town.Merge(ctx, tx, c, b.Into)
		})
}

// branchClosure is the first day without the branch, and why it closed.
type branchClosure struct {
	On     day.Date `json:"on" validate:"required" swaggertype:"string" format:"date"` // the first day without the branch
	Reason string   `json:"reason" validate:"required,max=2000" multiline:"true"`
}

type closeBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchClosure
}

// closeBranch ends the branch without a successor.
//
//	@Summary	Close a branch
func (s *Server) closeBranch(ctx context.Context, req closeBranchRequest) (town.Branch, error) {
	return structure.Change(ctx, s.db(ctx), req.change(req.Version, req.Body.On, req.Body.Reason), town.Close)
}

type listSubBranchesRequest struct {
	townRequest
	Branch string `form:"branch"` // only those below this branch
	rest.PageQuery
}

// listSubBranches returns the sub-branches of the town in the order of branch and code.
//
//	@Summary	List the sub-branches of a town
func (s *Server) listSubBranches(ctx context.Context, req listSubBranchesRequest) (rest.Page[town.SubBranch], error) {
	var after [2]string
	if err := req.Resume(&after[0], &after[1]); err != nil {
		return rest.Page[town.SubBranch]{}, err
	}
	subs, err := town.ListSubBranches(ctx, s.db(ctx), req.Town, req.Branch, after, req.Limit())
	if err != nil {
		return rest.Page[town.SubBranch]{}, err
	}
	return rest.NewPage(subs, req.PageQuery, func(b town.SubBranch) []any { return []any{b.BranchCode, b.Code} })
}

// subBranchInput is a new sub-branch.
type subBranchInput struct {
	Code       string    `json:"code" validate:"required,code" example:"dazhou"`
	Name       text.Text `json:"name" validate:"required"`
	FoundedOn  *day.Date `json:"founded_on" swaggertype:"string" format:"date"` // absent = not known
	Provenance string    `json:"provenance" validate:"max=200"`
}

type createSubBranchRequest struct {
	branchRequest
	Body subBranchInput
}

// createSubBranch adds a sub-branch below a branch. It has no address of its own.
//
//	@Summary	Add a sub-branch
func (s *Server) createSubBranch(
	ctx context.Context, req createSubBranchRequest,
) (rest.Created[town.SubBranch], error) {
	b := req.Body
	sub, err := town.CreateSubBranch(ctx, s.db(ctx), town.SubBranch{
		TownID: req.Town, BranchCode: req.Branch, Code: b.Code, Name: b.Name, FoundedOn: b.FoundedOn,
		Provenance: b.Provenance,
	})
	return rest.Created[town.SubBranch]{Value: sub}, err
}

// correctedName is the right name of something that has no days, and why it was wrong.
type correctedName struct {
	Name   text.Text `json:"name" validate:"required"`
	Reason string    `json:"reason" validate:"required,max=2000" multiline:"true"` // what was wrong with the name
}

type renameSubBranchRequest struct {
	branchRequest
	SubBranch string `uri:"subBranch"`
	Body      correctedName
}

// renameSubBranch corrects the name of a sub-branch.
//
//	@Summary	Correct the name of a sub-branch
func (s *Server) renameSubBranch(ctx context.Context, req renameSubBranchRequest) (town.SubBranch, error) {
	return town.RenameSubBranch(ctx, s.db(ctx), town.SubBranch{
		TownID: req.Town, BranchCode: req.Branch, Code: req.SubBranch, Name: req.Body.Name,
	}, req.Body.Reason)
}
