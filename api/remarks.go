package api

import (
	"context"

	"bulwark/internal/entry"
	"bulwark/internal/rest"
)

type listRemarksRequest struct {
	evaluationRequest
	rest.TableQuery
}

// listRemarks returns what who wrote the sheet and the leading group say about its values, the
// oldest remark first. Nobody else reads it.
//
//	@Summary	List the remarks on the values of an evaluation
func (s *Server) listRemarks(ctx context.Context, req listRemarksRequest) (rest.Page[entry.Remark], error) {
	list, err := entry.ListRemarks(ctx, s.db(ctx), req.Town, req.Evaluation)
	return rest.Page[entry.Remark]{Items: list}, err
}

// remarkInput is what is said about a value, and whether it is to be followed up from now on.
type remarkInput struct {
	Code     string `json:"code" validate:"required" example:"organisation.01"`                                  // of an indicator or quantity of the sheet
	Text     string `json:"text" validate:"required,max=2000" multiline:"true" example:"please add the minutes"` // what is said
	FollowUp bool   `json:"follow_up"`                                                                           // false ends what an earlier remark began
}

type writeRemarkRequest struct {
	evaluationRequest
	Body remarkInput
}

// writeRemark adds a remark on a value. It changes neither the sheet nor its state.
//
//	@Summary	Remark on a value of an evaluation
func (s *Server) writeRemark(ctx context.Context, req writeRemarkRequest) (rest.Created[entry.Remark], error) {
	r, err := entry.WriteRemark(ctx, s.db(ctx), entry.Remark{
		TownID: req.Town, EvaluationID: req.Evaluation, Code: req.Body.Code, Text: req.Body.Text, FollowUp: req.Body.FollowUp,
	})
	return rest.Created[entry.Remark]{Value: r}, err
}
