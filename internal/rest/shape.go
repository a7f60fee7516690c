package rest

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
)

// shape is where each field of a request struct comes from. It is made once per
// route; a struct that cannot work stops the program at start.
type shape struct {
	params []param
	bodyAt []int // index of the field Body, nil where the route takes none
}

// param is one field outside the body.
type param struct {
	in       string // path, query or header
	name     string
	index    []int
	fallback string // of the tag default
	parse    parser
}

// key locates the field in an error: path/town, query/class, header/If-Match.
func (p param) key() string { return p.in + "/" + p.name }

var sources = []struct{ tag, in string }{{"uri", "path"}, {"form", "query"}, {"header", "header"}}

// shapeOf returns the shape of the requests t by its tags: uri, form and header name a parameter, the
// field Body takes the JSON body, embedded structs are looked into.
func shapeOf(t reflect.Type, method, path string) shape {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("%s %s: request %s is not a struct", method, path, t))
	}
	var s shape
	s.collect(t, nil)
	err := s.check(method, path)
	if err == nil {
		err = missingDive(t, visited{})
	}
	if err != nil {
		panic(fmt.Sprintf("%s %s: request %s: %v", method, path, t, err))
	}
	_ = check.Struct(reflect.New(t).Interface()) // a wrong validate tag panics here, not at the first request
	return s
}

func (s *shape) collect(t reflect.Type, at []int) {
	for f := range fields(t) {
		index := append(at[:len(at):len(at)], f.Index...)
		switch source, name := sourceOf(f); {
		case source != "":
			s.params = append(s.params, param{source, name, index, f.Tag.Get("default"), parserFor(f.Type, name)})
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			s.collect(f.Type, index)
		case f.Name == "Body":
			s.bodyAt = index
		case f.IsExported():
			panic(fmt.Sprintf("%s.%s has no tag uri, form or header and is not Body", t, f.Name))
		}
	}
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func sourceOf(f reflect.StructField) (in, name string) {
	for _, from := range sources {
		if name := f.Tag.Get(from.tag); name != "" {
			return from.in, name
		}
	}
	return "", ""
}

// check holds the struct against its route.
func (s *shape) check(method, path string) error {
	seen := map[string]bool{}
	for _, q := range s.params {
		if seen[q.name] {
			return fmt.Errorf("%q is bound twice", q.name)
		}
		seen[q.name] = true
		if q.in == "path" && !strings.Contains(path+"/", "/:"+q.name+"/") {
			return fmt.Errorf("the path has no :%s", q.name)
		}
	}
	changes := method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete
	if changes && !seen["If-Match"] {
		return fmt.Errorf("%s needs a version: embed IfMatch", method)
	}
	return nil
}
