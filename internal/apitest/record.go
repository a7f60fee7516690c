package apitest

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"bulwark/internal/rest"
)

// record remembers which statuses each operation has answered.
type record struct {
	sync.Mutex
	statuses map[string]map[int]bool
}

func (r *record) add(operation string, status int) {
	r.Lock()
	defer r.Unlock()
	if r.statuses[operation] == nil {
		r.statuses[operation] = make(map[int]bool)
	}
	r.statuses[operation][status] = true
}

// Exercised returns, for each operation, the statuses that clients of this process
// have received so far, in order.
func Exercised() map[string][]int {
	s, err := published()
	if err != nil {
		return nil
	}
	return s.exercised()
}

func (s *spec) exercised() map[string][]int {
	s.seen.Lock()
	defer s.seen.Unlock()
	statuses := make(map[string][]int)
	for operation, seen := range s.seen.statuses {
		statuses[operation] = slices.Sorted(maps.Keys(seen))
	}
	return statuses
}

// Untried lists the operations that have not answered any client of this
// process with success, in order.
func Untried() []string {
	s, err := published()
	if err != nil {
		return nil
	}
	return s.untried()
}

func (s *spec) untried() []string {
	seen := s.exercised()
	var names []string
	for _, r := range s.routes {
		name := r.to.Operation.OperationID
		if !slices.ContainsFunc(seen[name], func(status int) bool { return status < 400 }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// SameRoutes fails the test for each route below /api/v1 that the document
// lacks, and for each operation that no route serves.
func SameRoutes(t testing.TB, routes []rest.Route) {
	t.Helper()
	s, err := published()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range s.compare(routes) {
		t.Error(fault)
	}
}

func (s *spec) compare(routes []rest.Route) []string {
	documented := make(map[string]bool)
	for _, r := range s.routes {
		documented[r.method+" "+r.to.Path] = true
	}
	var faults []string
	for _, r := range routes {
		path, inside := strings.CutPrefix(r.Path, s.base+"/")
		if !inside {
			continue
		}
		operation := r.Method + " /" + template(path)
		if !documented[operation] {
			faults = append(faults, operation+" is served but not in docs/openapi.json: annotate it and run make generate")
		}
		delete(documented, operation)
	}
	for operation := range documented {
		faults = append(faults, operation+" is in docs/openapi.json but not served")
	}
	slices.Sort(faults)
	return faults
}

// template writes a path of a route as OpenAPI does.
func template(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, ":") || strings.HasPrefix(part, "*") {
			parts[i] = "{" + part[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}
