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
	doc.Security = *openapi3.NewSecurityRequirements().
		With(openapi3.NewSecurityRequirement().Authenticate("bearer")).
		With(openapi3.NewSecurityRequirement().Authenticate("session"))
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

// refineSecurity writes that an operation needs a key or a session, or that either
// is welcome but not needed. A change by a session needs the token of its pages too.
// Reading with either is what the document states once, for all operations.
func refineSecurity(method string, op *openapi3.Operation) {
	welcome := op.Security != nil && len(*op.Security) == 0
	if method == http.MethodGet && !welcome {
		op.Security = nil
		return
	}
	session := openapi3.NewSecurityRequirement().Authenticate("session")
	if method != http.MethodGet {
		session = session.Authenticate("csrf")
	}
	all := openapi3.NewSecurityRequirements()
	if welcome {
		all.With(openapi3.NewSecurityRequirement())
	}
	op.Security = all.With(openapi3.NewSecurityRequirement().Authenticate("bearer")).With(session)
}
