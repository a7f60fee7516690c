package apitest

import (
	"net/http"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// documented returns what the document says about a status: the response of its
// own, or the default, which describes all failures, where the service may answer
// that failure. The document does not repeat these statuses for each operation.
func documented(r *routers.Route, status int) *openapi3.Response {
	responses := r.Operation.Responses
	found := responses.Status(status)
	if found == nil && slices.Contains(usualFailures(r), status) {
		found = responses.Default()
	}
	if found == nil {
		return nil
	}
	return found.Value
}

// usualFailures are the statuses with which the rules of the service refuse a
// request for the operation: for its address, key, conditions and body.
func usualFailures(r *routers.Route) []int {
	usual := []int{400, 401, 403, 404, 406, 422, 429, 500, 503}
	if r.Method != http.MethodGet {
		usual = append(usual, 409, 423)
	}
	if parameter(r, openapi3.ParameterInHeader, "If-Match") != nil {
		usual = append(usual, 412, 428)
	}
	if r.Operation.RequestBody != nil {
		usual = append(usual, 408, 413, 415)
	}
	return usual
}
