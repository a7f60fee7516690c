package api

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json"

	"bulwark/internal/evaluation"
	"bulwark/internal/rest"
)

type completenessRequest struct {
	periodRequest
	rest.Localized
	By     string `form:"by" default:"branch" validate:"oneof=branch evaluator indicator"` // what to count by
	Format string `form:"format" validate:"omitempty,oneof=json csv"`                      // json unless Accept says text/csv
	Accept string `header:"Accept" swaggerignore:"true"`
}

// findCompleteness returns what is in and what is missing, on the branches that
// the caller works on.
//
//	@Summary	Count what is in and what is missing
func (s *Server) findCompleteness(ctx context.Context, req completenessRequest) (rest.Raw, error) {
	c, err := evaluation.FindCompleteness(ctx, s.db(ctx), req.Town, req.Period, req.By)
	if err != nil {
		return rest.Raw{}, err
	}
	if req.Format == "csv" || req.Format == "" && strings.HasPrefix(req.Accept, "text/csv") {
		name := req.Town + "-" + req.Period + "-completeness.csv"
		return rest.Raw{ContentType: "text/csv; charset=utf-8", Filename: name, Body: c.CSV(string(req.Language))}, nil
	}
	body, err := json.Marshal(c, json.Deterministic(true))
	return rest.Raw{ContentType: "application/json", Body: body}, err
}
