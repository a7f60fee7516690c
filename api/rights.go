package api

import (
	"context"

	"bulwark/internal/credential"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listRightsRequest struct {
	townRequest
	State  string `form:"state" validate:"omitempty,oneof=pending seconded acknowledged rejected alone superseded"` // only in this state
	Person string `form:"person"`                                                                                   // only of this person
	rest.PageQuery
}

// listRights returns the new rights to decide that were given since the town published, in
// the order of their giving: those that wait do not work.
//
//	@Summary	List new rights to decide
func (s *Server) listRights(ctx context.Context, req listRightsRequest) (rest.Page[credential.Right], error) {
	f := credential.RightFilter{State: credential.RightState(req.State), Person: req.Person, Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[credential.Right]{}, err
	}
	list, err := credential.ListRights(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[credential.Right]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(r credential.Right) []any { return []any{r.ID} })
}

type rightRequest struct {
	Town  string `uri:"town"`
	Right string `uri:"right"`
}

// findRight returns one right and what the caller can do with it.
//
//	@Summary	Read a new right to decide
func (s *Server) findRight(ctx context.Context, req rightRequest) (credential.Right, error) {
	return credential.FindRight(ctx, s.db(ctx), req.Town, req.Right)
}

// rightTransition is a step of a right: the state to reach, and why.
type rightTransition struct {
	To     string `json:"to" validate:"required,oneof=seconded acknowledged rejected alone"`
	Reason string `json:"reason" validate:"max=2000" multiline:"true"` // needed to reject, and to give it alone
}

type moveRightRequest struct {
	rightRequest
	rest.IfMatch
	Body rightTransition
}

// moveRight seconds, acknowledges or rejects a new right to decide; two persons who decide
// in the town must stand behind it. Where nobody is left who could, an administrator gives
// it alone: it works 72 hours later, and the next public notice names it.
//
//	@Summary	Acknowledge or reject a new right to decide
func (s *Server) moveRight(ctx context.Context, req moveRightRequest) (credential.Right, error) {
	ref := workflow.Ref{Town: req.Town, ID: req.Right, Version: req.Version}
	return credential.MoveRight(ctx, s.db(ctx), ref, credential.RightState(req.Body.To), req.Body.Reason)
}
