package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// refineOperations completes every operation of the document and reports everything
// that is missing or wrong.
func refineOperations(doc *openapi3.T) error {
	for path := range doc.Paths.Map() {
		if strings.HasPrefix(path, extraPath) {
			doc.Paths.Delete(path)
		}
	}
	doc.Info.Contact = nil // swag writes an empty one
	doc.Security = toChange
	addShared(doc)
	seen := make(map[string]string)
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path)
		addPathParameters(doc, path, item)
		for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
			op, where := item.GetOperation(method), method+" "+path
			if err := checkOperation(doc, op, seen, where); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", where, err))
				continue
			}
			refineParameters(method, op)
			refineSecurity(method, op)
			refineResponses(method, op)
		}
	}
	shareQueries(doc)
	return errors.Join(errs...)
}

var camelCase = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)

func checkOperation(doc *openapi3.T, op *openapi3.Operation, seen map[string]string, where string) error {
	switch {
	case !camelCase.MatchString(op.OperationID):
		return fmt.Errorf("the name %q of the handler is not camelCase", op.OperationID)
	case seen[op.OperationID] != "":
		return fmt.Errorf("the handler %s also serves %s", op.OperationID, seen[op.OperationID])
	case op.Summary == "":
		return errors.New("the handler has no @Summary")
	case len(op.Tags) != 1:
		return fmt.Errorf("want one tag, have %q", op.Tags)
	case doc.Tags.Get(op.Tags[0]) == nil:
		return fmt.Errorf("tag %q has no @tag.name in api/service.go", op.Tags[0])
	}
	seen[op.OperationID] = where
	return nil
}

// Either is needed: a key, or a session, for a change with the token of its pages.
var toRead, toChange = credentials("session"), credentials("session", "csrf")

func credentials(session ...string) openapi3.SecurityRequirements {
	of := openapi3.NewSecurityRequirement()
	for _, scheme := range session {
		of.Authenticate(scheme)
	}
	return openapi3.SecurityRequirements{openapi3.NewSecurityRequirement().Authenticate("bearer"), of}
}

// refineSecurity writes what an operation needs that is not a change by a known caller,
// which the document says for all, and whether a credential is welcome but not needed.
func refineSecurity(method string, op *openapi3.Operation) {
	needed := toChange
	if method == http.MethodGet {
		needed = toRead
	}
	switch open := op.Security != nil && len(*op.Security) == 0; {
	case open:
		needed = append(openapi3.SecurityRequirements{openapi3.NewSecurityRequirement()}, needed...)
	case method != http.MethodGet:
		op.Security = nil
		return
	}
	op.Security = &needed
}
