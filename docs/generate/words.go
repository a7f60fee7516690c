package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words are what swag leaves in the sources.
type words struct {
	functions map[string]function
	types     map[string]string // doc comments, by package.Type, or by what // @name says
	columns   map[string]string // database.JSON[T], which is stored and sent as T, to T
	names     map[string]string // what // @name says, by package.Type
}

// readWords reads the sources in and below the folders.
func readWords(folders []string) (words, error) {
	w := words{map[string]function{}, map[string]string{}, map[string]string{}, map[string]string{}}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err == nil {
				w.add(file)
			}
			return err
		})
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

// function is what the doc comment of a handler says.
type function struct{ summary, doc string }

var summary = regexp.MustCompile(`(?m)^\s*@Summary\s+(.*)$`)

func (w words) add(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		if index, ok := n.(*ast.IndexExpr); ok && typeName("", index.X) == "database.JSON" {
			for _, inside := range []string{"", file.Name.Name + "."} { // swag writes both
				held := typeName(inside, index.Index)
				w.columns["database.JSON["+held+"]"] = held
			}
		}
		return true
	})
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			if found := summary.FindStringSubmatch(f.Doc.Text()); found != nil {
				w.functions[f.Name.Name] = function{found[1], description(f.Name.Name, f.Doc.Text())}
			}
		}
		declaration, ok := d.(*ast.GenDecl)
		if !ok || declaration.Tok != token.TYPE {
			continue
		}
		for _, s := range declaration.Specs {
			spec, doc := s.(*ast.TypeSpec), declaration.Doc
			if spec.Doc != nil {
				doc = spec.Doc
			}
			text := description(spec.Name.Name, doc.Text())
			w.types[file.Name.Name+"."+spec.Name.Name] = text
			if name := givenName.FindStringSubmatch(spec.Comment.Text()); name != nil {
				w.types[name[1]] = text
				w.names[file.Name.Name+"."+spec.Name.Name] = name[1]
			}
		}
	}
}

// typeName writes a type as swag does, without pointers; names of the package itself
// follow the prefix.
func typeName(prefix string, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		if ast.IsExported(e.Name) {
			return prefix + e.Name
		}
		return e.Name
	case *ast.SelectorExpr:
		return typeName("", e.X) + "." + e.Sel.Name
	case *ast.ArrayType:
		return "[]" + typeName(prefix, e.Elt)
	}
	return ""
}

var givenName = regexp.MustCompile(`@name\s+(\S+)`)

// description turns the first paragraph of the doc comment of a Go name into a
// sentence for readers who do not see that name: "Area is a part of the country."
// becomes "A part of the country."
func description(name, doc string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(doc), "\n\n")
	text := strings.Join(strings.Fields(first), " ")
	rest, named := strings.CutPrefix(text, name+" ")
	if !named {
		return text
	}
	for _, verb := range []string{"is ", "are "} {
		if after, found := strings.CutPrefix(rest, verb); found {
			rest = after
			break
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	return string(unicode.ToUpper(r)) + rest[size:]
}
