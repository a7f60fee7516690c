// Command breaking lists what breaks for clients between two versions of the
// OpenAPI document, and fails unless CHANGELOG.md announces each.
//
// Usage, in the root of the module: breaking BASE.json
//
// Under "Unreleased", "Breaking", the change log names in backquotes the addresses
// that a change breaks, such as `GET /towns/{town}/plans`, `/towns/{town}/plans` for
// every method, or `/towns/{town}/plans*` for all that begins so. From release 1 on
// nothing may break.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "breaking:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one file, have %d", len(args))
	}
	base, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	changes, err := compare(context.Background(), base)
	if err != nil {
		return err
	}
	log, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	var refused int
	for _, c := range changes {
		fmt.Println(c)
		if released(string(log)) || !announced(string(log), c) {
			refused++
		}
	}
	switch {
	case refused > 0 && released(string(log)):
		return fmt.Errorf("%d changes break clients of a released version", refused)
	case refused > 0:
		return fmt.Errorf("%d of these changes have no line under Unreleased, Breaking in CHANGELOG.md", refused)
	}
	return nil
}

// change is one difference that breaks clients, as oasdiff reports it.
type change struct {
	ID        string `json:"id"`
	Text      string `json:"text"`
	Level     int    `json:"level"`
	Operation string `json:"operation"`
	Path      string `json:"path"`
}

const breaks = 3 // the level of what certainly breaks a client

func (c change) String() string {
	return fmt.Sprintf("breaking: %s %s: %s (%s)", c.Operation, c.Path, c.Text, c.ID)
}

func compare(ctx context.Context, base string) ([]change, error) {
	tool := exec.CommandContext(ctx, "go", "-C", "docs/contract", "tool", "oasdiff", "breaking", //nolint:gosec // the address of a file
		base, "../openapi.json", "--flatten-allof", "--flatten-params", "--format", "json")
	var stderr bytes.Buffer
	tool.Stderr = &stderr
	out, err := tool.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(stderr.String()))
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return nil, nil
	}
	var changes []change
	err = json.Unmarshal(out, &changes)
	return slices.DeleteFunc(changes, func(c change) bool { return c.Level < breaks }), err
}

// released reports whether the change log has a release 1 or later.
func released(log string) bool { return regexp.MustCompile(`(?m)^## v?[1-9]`).MatchString(log) }

var quoted = regexp.MustCompile("`([A-Z]+ )?(/[^`]*)`")

// announced reports whether the change log names the address of the change.
func announced(log string, c change) bool {
	for _, address := range quoted.FindAllStringSubmatch(section(section(log, "## Unreleased"), "### Breaking"), -1) {
		method, path := strings.TrimSpace(address[1]), address[2]
		prefix, open := strings.CutSuffix(path, "*")
		if (method == "" || method == c.Operation) && (path == c.Path || open && strings.HasPrefix(c.Path, prefix)) {
			return true
		}
	}
	return false
}

// section returns the lines below a heading, up to the next of its rank.
func section(text, heading string) string {
	rank, _, _ := strings.Cut(heading, " ")
	_, below, _ := strings.Cut("\n"+text, "\n"+heading+"\n")
	until, _, _ := strings.Cut(below, "\n"+rank+" ")
	return until
}
