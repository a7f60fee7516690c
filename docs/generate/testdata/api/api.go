// Package api is read by swag in a test.
package api

import (
	"net/http"
	"reflect"
	"time"

	"bulwark/docs/generate/testdata/town"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// The words about the whole API:
//
//	@title				fixture
//	@version			1
//	@basePath			/api/v1
//	@accept				json
//	@produce			json
//	@tag.name			structure
//	@tag.description	Branches

// Page is generic.
type Page[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"next_page_token,omitempty"`
}

type listRequest struct {
	Town  string `uri:"town"`
	Class string `form:"class" validate:"omitempty,oneof=urban rural"` // only this class
	From  string `form:"from" validate:"required" format:"date"`
	Size  int    `form:"page_size" validate:"min=1,max=200" default:"50"`
}

type branchBody struct {
	Code  string     `json:"code" validate:"required,max=64"`
	Score *float64   `json:"score" validate:"required,min=0,max=100"`
	Name  town.Name  `json:"name" validate:"required"`
	EndAt *time.Time `json:"end_at"`
	Note  string     `json:"note"`
}

type branchRequest struct {
	rest.IfMatch
	Body branchBody
}

type nameRequest struct {
	rest.IfMatch
	Body town.Name
}

// Live is not part of the API.
type Live struct {
	Part struct{} `json:"part"`
}

// Routes are those of the fixture.
var Routes = []rest.Route{
	{Method: http.MethodGet, Path: "/livez", Handler: "live", Answer: reflect.TypeFor[Live](), Status: 200},
	{
		Method: http.MethodGet, Path: "/api/v1/towns/:town/branches", Tag: "structure", Handler: "listBranches",
		Action: policy.ReadStructure, Request: reflect.TypeFor[listRequest](), Answer: reflect.TypeFor[Page[town.Branch]](),
		Status: 200, MediaTypes: []string{"application/json", "text/csv"},
	},
	{
		Method: http.MethodPost, Path: "/api/v1/towns/:town/branches", Tag: "structure", Handler: "createBranch",
		Action: policy.WriteStructure, Request: reflect.TypeFor[struct{ Body branchBody }](),
		Body: reflect.TypeFor[branchBody](), Answer: reflect.TypeFor[town.Branch](), Status: 201,
	},
	{
		Method: http.MethodDelete, Path: "/api/v1/towns/:town/branches/:version", Tag: "structure", Handler: "removeBranch",
		Action: policy.WriteStructure, Request: reflect.TypeFor[branchRequest](), Answer: reflect.TypeFor[rest.Nothing](),
		Status: 204,
	},
	{
		Method: http.MethodPost, Path: "/api/v1/towns/:town/branches/:branch/rename", Tag: "structure",
		Handler: "renameBranch", Action: policy.WriteStructure,
		Request: reflect.TypeFor[nameRequest](), Body: reflect.TypeFor[town.Name](), Answer: reflect.TypeFor[town.Branch](),
		Status: 200,
	},
}

// listBranches returns the branches of a town:
// the traps of a query.
//
//	@Summary	List branches
func listBranches() {}

// createBranch founds a branch.
//
//	@Summary	Found a branch
func createBranch() {}

// removeBranch has no answer.
//
//	@Summary	Close a branch
func removeBranch() {}

// renameBranch is a POST that changes a version.
//
//	@Summary	Rename a branch
func renameBranch() {}
