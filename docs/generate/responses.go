package main

import (
	"net/http"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

const problemType = "application/problem+json"

// refineResponses adds the headers of a success, and the failures: those on which
// a client acts by name, all others as the default.
func refineResponses(method string, op *openapi3.Operation) {
	for status, response := range op.Responses.Map() {
		if code, err := strconv.Atoi(status); err == nil && code < 400 {
			refineSuccess(method, code, response.Value)
		} else {
			op.Responses.Delete(status)
		}
	}
	if method == http.MethodGet {
		op.Responses.Set("304", &openapi3.ResponseRef{Ref: responsePrefix + "NotModified"})
	}
	for _, status := range actedOn(method, op) {
		op.Responses.Set(strconv.Itoa(status), &openapi3.ResponseRef{Ref: responsePrefix + responseName(status)})
	}
	op.Responses.Set("default", &openapi3.ResponseRef{Ref: responsePrefix + "Failure"})
}

const responsePrefix = "#/components/responses/"

func refineSuccess(method string, status int, response *openapi3.Response) {
	response.Headers = openapi3.Headers{} // X-Request-Id, which every answer has, is told of the whole API
	if status < 204 && method != http.MethodDelete {
		response.Headers["ETag"] = sharedHeader("ETag")
	}
	if status == http.StatusCreated || status == http.StatusAccepted || status == http.StatusFound || status == http.StatusSeeOther {
		response.Headers["Location"] = sharedHeader("Location")
	}
	for mediaType, media := range response.Content {
		if mediaType != "application/json" { // a table or a file has no schema
			media.Schema = openapi3.NewStringSchema().NewRef()
		} else {
			each(media.Schema, func(s *openapi3.SchemaRef) { refineSchema(s.Value) })
		}
	}
}

// actedOn are the failures after which a program does something else than report
// them: it looks elsewhere, reads the newer version, marks the faulty fields, or
// shows who locked the thing.
func actedOn(method string, op *openapi3.Operation) []int {
	if method == http.MethodGet {
		return []int{http.StatusNotFound}
	}
	var statuses []int
	if conditional(method, op) {
		statuses = append(statuses, http.StatusPreconditionFailed)
	}
	if op.RequestBody != nil {
		statuses = append(statuses, http.StatusUnprocessableEntity)
	}
	return append(statuses, http.StatusLocked)
}
