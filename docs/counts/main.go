// Counts holds the repository to the numbers below: make counts. They follow from
// rooms that are laid out well, and show early where one is not. A number that gets in
// the way of better code is to be argued about, not worked around.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxFiles      = 415     // of the program: Go, no tests; new nouns raise it, pieces of old ones do not
	manyParams    = 6       // a function with so many has a long list of parameters
	maxLongLists  = 40      // functions with a long list of parameters
	longLine      = 120     // columns that a line may have
	maxLongLines  = 0.01    // share of the lines that are longer
	maxOddVerbs   = 0       // doc comments that do not say "returns", "reports", "sets" or "writes"
	maxExported   = 100     // exported names of a package, methods aside
	maxComposite  = 150     // the same of pkg/composite
	maxDocument   = 700_000 // bytes of the OpenAPI document without indentation; new operations raise it
	document      = "docs/openapi.json"
	compositePath = "pkg/composite"
)

func main() {
	list := flag.Bool("list", false, "name every finding, not only how many there are")
	flag.Parse()
	counts, err := count(os.DirFS("."))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	exceeded := false
	for _, c := range counts {
		mark := "    "
		if c.exceeded() {
			mark, exceeded = "OVER", true
		}
		fmt.Printf("%s  %-58s %8.4g  at most %.4g\n", mark, c.what, c.have, c.most)
		if *list {
			for _, where := range c.where {
				fmt.Println("        " + where)
			}
		}
	}
	if exceeded {
		fmt.Println("go run ./docs/counts -list names the places")
		os.Exit(1)
	}
}

// number is one count with its limit.
type number struct {
	what       string
	have, most float64
	where      []string
}

func (n number) exceeded() bool { return n.have > n.most }

// found is what the Go files of the repository hold.
type found struct {
	files, longLists, longLines, oddVerbs []string
	lines                                 int
	exported                              map[string]int // package → exported names
}

// count returns the numbers of the repository.
func count(repository fs.FS) ([]number, error) {
	f := found{exported: map[string]int{}}
	for _, folder := range []string{"api", "cmd", "internal", "pkg"} {
		err := fs.WalkDir(repository, folder, func(name string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".go") {
				err = f.file(repository, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	numbers := []number{
		{"files of the program", float64(len(f.files)), maxFiles, nil},
		{"functions with six or more parameters", float64(len(f.longLists)), maxLongLists, f.longLists},
		{"share of lines over 120 columns", float64(len(f.longLines)) / float64(max(f.lines, 1)), maxLongLines, f.longLines},
		{"doc comments with gives, answers, tells or says as verb", float64(len(f.oddVerbs)), maxOddVerbs, f.oddVerbs},
	}
	return append(numbers, append(f.packages(), documentNumbers(repository)...)...), nil
}

// file adds a Go file. Lines are counted in tests too, the rest is of the program.
func (f *found) file(repository fs.FS, name string) error {
	source, err := fs.ReadFile(repository, name)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(source), "\n"), "\n") {
		f.lines++
		if columns := utf8.RuneCountInString(line); columns > longLine {
			f.longLines = append(f.longLines, fmt.Sprintf("%s:%d: %d columns", name, i+1, columns))
		}
	}
	if strings.HasSuffix(name, "_test.go") {
		return nil
	}
	f.files = append(f.files, name)
	positions := token.NewFileSet()
	parsed, err := parser.ParseFile(positions, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, declaration := range parsed.Decls {
		f.declaration(positions, path.Dir(name), declaration)
	}
	return nil
}

func (f *found) declaration(positions *token.FileSet, folder string, declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		at := positions.Position(d.Pos()).String() + ": " + d.Name.Name
		if d.Type.Params.NumFields() >= manyParams {
			f.longLists = append(f.longLists, at)
		}
		if oddVerb(d.Doc, d.Name.Name) {
			f.oddVerbs = append(f.oddVerbs, at)
		}
		if d.Recv == nil && d.Name.IsExported() {
			f.exported[folder]++
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			var names []*ast.Ident
			doc := d.Doc
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names, doc = []*ast.Ident{s.Name}, cmp.Or(s.Doc, d.Doc)
			case *ast.ValueSpec:
				names, doc = s.Names, cmp.Or(s.Doc, d.Doc)
			}
			for _, name := range names {
				if name.IsExported() {
					f.exported[folder]++
				}
				if oddVerb(doc, name.Name) {
					f.oddVerbs = append(f.oddVerbs, positions.Position(name.Pos()).String()+": "+name.Name)
				}
			}
		}
	}
}

var verbs = regexp.MustCompile(`^(\w+) (gives|answers|tells|says)\b`)

// oddVerb reports whether the doc comment says that the name gives, answers, tells or
// says something.
func oddVerb(doc *ast.CommentGroup, name string) bool {
	if doc == nil {
		return false
	}
	verb := verbs.FindStringSubmatch(doc.Text())
	return verb != nil && verb[1] == name
}

// packages returns the numbers of pkg/composite and of the largest other package.
func (f *found) packages() []number {
	composite := f.exported[compositePath]
	delete(f.exported, compositePath)
	names := slices.SortedFunc(maps.Keys(f.exported), func(a, b string) int {
		return cmp.Or(cmp.Compare(f.exported[b], f.exported[a]), cmp.Compare(a, b))
	})
	most, where := 0, []string(nil)
	for _, name := range names {
		most = max(most, f.exported[name])
		if f.exported[name] > maxExported {
			where = append(where, fmt.Sprintf("%s: %d", name, f.exported[name]))
		}
	}
	return []number{
		{"exported names of " + compositePath, float64(composite), maxComposite, nil},
		{"exported names of the largest other package", float64(most), maxExported, where},
	}
}

// documentNumbers returns the numbers of the OpenAPI document.
func documentNumbers(repository fs.FS) []number {
	source, err := fs.ReadFile(repository, document)
	var compact bytes.Buffer
	var api openAPI
	if err == nil {
		err = json.Compact(&compact, source)
	}
	if err == nil {
		err = json.Unmarshal(source, &api)
	}
	if err != nil {
		return []number{{document + ": " + err.Error(), 1, 0, nil}}
	}
	bare, silent := api.bare(), api.silent()
	return []number{
		{"bytes of the OpenAPI document", float64(compact.Len()), maxDocument, nil},
		{"operations and schemas without a description", float64(len(silent)), 0, silent},
		{"bare objects in the OpenAPI document", float64(len(bare)), 0, bare},
	}
}

// openAPI is the part of the document that is counted.
type openAPI struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Schemas map[string]any }
}

// silent returns the operations and schemas without a description.
func (d openAPI) silent() (where []string) {
	for address, item := range d.Paths {
		for method, raw := range item {
			var operation struct{ OperationID, Description string }
			if json.Unmarshal(raw, &operation) == nil && operation.OperationID != "" && operation.Description == "" {
				where = append(where, strings.ToUpper(method)+" "+address)
			}
		}
	}
	for name, schema := range d.Components.Schemas {
		if s, _ := schema.(map[string]any); s["description"] == nil && s["$ref"] == nil {
			where = append(where, name)
		}
	}
	slices.Sort(where)
	return where
}

// anyRecord are the members that hold a record of any kind, which no schema can name.
var anyRecord = []string{"AuditRecord/before", "AuditRecord/after"}

// bare returns the schemas that are an object and say nothing of what is in it.
func (d openAPI) bare() (where []string) {
	var look func(at string, value any)
	look = func(at string, value any) {
		switch v := value.(type) {
		case map[string]any:
			if v["type"] == "object" && isBare(v) && !slices.Contains(anyRecord, at) {
				where = append(where, at)
			}
			for name, inner := range v {
				look(strings.TrimSuffix(at+"/"+name, "/properties"), inner)
			}
		case []any:
			for i, inner := range v {
				look(fmt.Sprint(at, "/", i), inner)
			}
		}
	}
	for name, schema := range d.Components.Schemas {
		look(name, schema)
	}
	slices.Sort(where)
	return where
}

func isBare(schema map[string]any) bool {
	for _, says := range []string{"properties", "allOf", "oneOf", "anyOf"} {
		if schema[says] != nil {
			return false
		}
	}
	rest, _ := schema["additionalProperties"].(map[string]any)
	return len(rest) == 0
}
