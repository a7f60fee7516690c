package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swaggo/swag"

	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

// source is what the document is made from. Swag does not distinguish what a
// request must hold from what an answer always holds: swagger is right about
// requests; strict, in which every field without omitempty is required, about
// answers.
type source struct {
	swagger, strict []byte
	words           words
	routes          []rest.Route
}

// read runs swag over routes and folders of Go sources. The first folder holds the
// handlers of the routes, their requests and, in the general file, the words about
// the whole API.
func read(folders []string, general string, routes []rest.Route) (source, error) {
	s := source{routes: routes}
	var err error
	if s.words, err = readWords(folders); err != nil {
		return s, err
	}
	extra, err := os.MkdirTemp("", "generate")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(extra)
	if err := os.WriteFile(filepath.Join(extra, "routes.go"), []byte(annotate(folders[0], routes, s.words)), 0o600); err != nil {
		return s, err
	}
	all := append(slices.Clone(folders), extra)
	if s.swagger, err = s.parse(all, general, false); err != nil {
		return s, err
	}
	s.strict, err = s.parse(all, general, true)
	return s, err
}

func (s source) parse(folders []string, general string, strict bool) ([]byte, error) {
	p := swag.New(swag.SetDebugger(silent{}), swag.SetOverrides(overrides()), swag.SetOverrides(s.words.columns),
		swag.SetCollectionFormat("csv"))
	p.RequiredByDefault = strict
	if err := p.ParseAPIMultiSearchDir(folders, general, 1); err != nil {
		return nil, err
	}
	return json.Marshal(p.GetSwagger())
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// overrides are types whose JSON is that of another type, by their paths below the
// folder that is read. States are texts here: addStates lists them.
func overrides() map[string]string {
	all := map[string]string{"scheme.Raw": "scheme.Document"}
	for _, t := range workflow.StateTypes() {
		_, path, _ := strings.Cut(t.PkgPath(), "/internal/")
		all[path+"."+t.Name()] = "string"
	}
	return all
}
