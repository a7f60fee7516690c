package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/rest"
)

// annotate writes the routes of the API as swag reads them, as a file of the package
// that holds the request types.
func annotate(pkg string, routes []rest.Route, w words) string {
	f := annotated{pkg: filepath.Base(pkg), imports: map[string]bool{}}
	for _, r := range routes {
		if path, inside := strings.CutPrefix(r.Path, base); inside {
			f.operation(r, parameterOfGin.ReplaceAllString(path, "{$1}"), w.functions[r.Handler])
		}
	}
	for _, rule := range rules() {
		f.line("@Success 200 {object} %s", rule.definition)
		f.line("@Router %s%s [get]", extraPath, rule.schema)
		f.end()
	}
	f.line("@Success 200 {object} %s", f.name(reflect.TypeFor[rest.Problem]()))
	f.line("@Router %sproblem [get]", extraPath)
	f.end()
	var imports strings.Builder
	for path := range f.imports {
		fmt.Fprintf(&imports, "import %q\n", path)
	}
	return "package " + f.pkg + "\n\n" + imports.String() + f.text.String()
}

const (
	base      = "/api/v1"
	extraPath = "/extra/" // brings types into the document that no route names
)

var parameterOfGin = regexp.MustCompile(`[:*](\w+)`)

// annotated is a file of annotated functions.
type annotated struct {
	pkg     string
	imports map[string]bool
	text    strings.Builder
	count   int
}

func (f *annotated) line(format string, args ...any) {
	fmt.Fprintf(&f.text, "// "+format+"\n", args...)
}

func (f *annotated) end() {
	f.count++
	fmt.Fprintf(&f.text, "func f%d() {}\n\n", f.count)
}

func (f *annotated) operation(r rest.Route, path string, words function) {
	f.line("@ID %s", r.Handler)
	f.line("@Summary %s", words.summary)
	f.line("@Description %s", words.doc)
	f.line("@Tags %s", r.Tag)
	if keyless(r) {
		f.line("@Security")
	}
	if has(r.Request, "form") {
		f.line("@Param query query %s false \".\"", f.name(r.Request))
	}
	if r.Method == http.MethodPost && has(r.Request, "header", "If-Match") {
		f.line("@Param If-Match header string true \".\"")
	}
	switch {
	case len(r.Files) > 0:
		f.line("@Accept %s", strings.Join(r.Files, ","))
		f.line("@Param body body string true \".\" format(binary)")
	case r.Body != nil:
		f.line("@Param body body %s true \".\"", f.name(r.Body))
	}
	if len(r.MediaTypes) > 0 {
		f.line("@Produce %s", strings.Join(r.MediaTypes, ","))
	}
	switch {
	case r.Answer == reflect.TypeFor[rest.Nothing]() || r.Status >= 300:
		f.line("@Success %d", r.Status)
	case r.Answer.Kind() == reflect.String:
		f.line("@Success %d {string} string", r.Status)
	default:
		f.line("@Success %d {object} %s", r.Status, f.name(r.Answer))
	}
	if r.Waiting != nil {
		f.line("@Success %d {object} %s", http.StatusAccepted, f.name(r.Waiting))
	}
	f.line("@Router %s [%s]", path, strings.ToLower(r.Method))
	f.end()
}

// keyless reports whether a route can be used without a key: always, or in a town
// that opens its results.
func keyless(r rest.Route) bool {
	return r.Open() || r.Method == http.MethodGet && access.Principal{}.May(r.Action) &&
		!strings.HasSuffix(r.Path, "/session")
}

// has reports whether a request struct has a field with the tag, of this value if one
// is given.
func has(request reflect.Type, tag string, value ...string) bool {
	return slices.ContainsFunc(reflect.VisibleFields(request), func(field reflect.StructField) bool {
		found, ok := field.Tag.Lookup(tag)
		return ok && (len(value) == 0 || found == value[0])
	})
}

var packagePath = regexp.MustCompile(`[\w.-]+(/[\w.-]+)*/`)

// name writes a type as swag reads it, and notes the package that it needs.
func (f *annotated) name(t reflect.Type) string {
	if _, below, found := strings.Cut(t.PkgPath(), "/internal/"); found {
		f.imports[below] = true // swag counts from the folder that it reads
	}
	return strings.TrimPrefix(packagePath.ReplaceAllString(t.String(), ""), f.pkg+".")
}
