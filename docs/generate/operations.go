package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// outside are addresses that are not part of the API: for operators and for
// readers of this document. The annotation of the last one is there to bring
// the schema Problem into it.
var outside = []string{"/livez", "/readyz", "/openapi.json"}

// refineOperations completes every operation of the document and reports every
// annotation that is missing or wrong.
func refineOperations(doc *openapi3.T) error {
	for _, path := range outside {
		doc.Paths.Delete(path)
	}
	doc.Info.Contact = nil // swag writes an empty one
	addShared(doc)
	seen := make(map[string]string)
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path)
		if err := addPathParameters(doc, path, item); err != nil {
			errs = append(errs, err)
		}
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
	return errors.Join(errs...)
}

var camelCase = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)

func checkOperation(doc *openapi3.T, op *openapi3.Operation, seen map[string]string, where string) error {
	switch {
	case !camelCase.MatchString(op.OperationID):
		return fmt.Errorf("@ID %q is missing or not camelCase", op.OperationID)
	case seen[op.OperationID] != "":
		return fmt.Errorf("@ID %s is also that of %s", op.OperationID, seen[op.OperationID])
	case op.Summary == "":
		return errors.New("@Summary is missing")
	case len(op.Tags) != 1:
		return fmt.Errorf("want one @Tags, have %q", op.Tags)
	case doc.Tags.Get(op.Tags[0]) == nil:
		return fmt.Errorf("tag %q has no @tag.name in api/service.go", op.Tags[0])
	case op.Responses == nil:
		return errors.New("@Success is missing")
	}
	seen[op.OperationID] = where
	return nil
}

// refineSecurity: every operation needs a key or a session unless it says
// @Security and nothing behind it; then either is welcome but not needed. A
// change by a session needs the token of its pages too.
func refineSecurity(method string, op *openapi3.Operation) {
	session := openapi3.NewSecurityRequirement().Authenticate("session")
	if method != http.MethodGet {
		session = session.Authenticate("csrf")
	}
	all := openapi3.NewSecurityRequirements()
	if op.Security != nil && len(*op.Security) == 0 {
		all.With(openapi3.NewSecurityRequirement())
	}
	op.Security = all.With(openapi3.NewSecurityRequirement().Authenticate("bearer")).With(session)
}
