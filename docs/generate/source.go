package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swaggo/swag"
)

// source is what the document is made from. Swag does not distinguish what a
// request must hold from what an answer always holds: swagger is right about
// requests; strict, in which every field without omitempty is required, about
// answers.
type source struct {
	swagger, strict []byte
	words           words
}

// read runs swag over folders of Go sources and collects their doc comments. The
// words about the whole API are in the general file of the first folder.
func read(folders []string, general string) (source, error) {
	var s source
	extra, err := os.MkdirTemp("", "generate")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(extra)
	if err := writeExtra(extra); err != nil {
		return s, err
	}
	if s.words, err = readWords(folders); err != nil {
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
	p := swag.New(swag.SetDebugger(silent{}), swag.SetOverrides(overrides), swag.SetOverrides(s.words.columns))
	p.RequiredByDefault = strict
	if err := p.ParseAPIMultiSearchDir(folders, general, 1); err != nil {
		return nil, err
	}
	return json.Marshal(p.GetSwagger())
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// overrides are types whose JSON is that of another type, by their paths below the
// folder that is read.
var overrides = map[string]string{
	"scheme.Raw": "scheme.Document",
}

// writeExtra writes a package that brings types into the document that are
// reached through an interface only.
func writeExtra(folder string) error {
	var b strings.Builder
	b.WriteString("package extra\n\nimport \"bulwark/pkg/composite\"\n")
	for i, rule := range rules() {
		fmt.Fprintf(&b, "\n// @Success 200 {object} %s\n// @Router %s%d [get]\nfunc f%d() {}\n", rule.definition, extraPath, i, i)
	}
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module extra\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "extra.go"), []byte(b.String()), 0o600)
}

const extraPath = "/extra/"
