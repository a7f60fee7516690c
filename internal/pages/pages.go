// Package pages holds what people see in a browser: templates, figures as SVG, and the words
// of pages. Its functions are pure: a view becomes the bytes of a page. It asks no database
// and knows no request.
package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// Frame is what every page has around its content.
type Frame struct {
	Language string   // zh or en
	Base     string   // path below which people reach the service; usually empty
	Address  *url.URL // path and query of the page, as the service has them
	Account  *Account // of who is signed in; nil: nobody
	Town     *Place   // that the page is about; nil: none
	Menu     []Item   // pages of the town
	Crumbs   []Item   // the way to the page, above its title
}

// Account is who is signed in.
type Account struct {
	Name  string // of the person, or of the account
	Role  policy.Role
	Roles []policy.Role // held now
}

// Place is a town or a branch with its name in the language of the page.
type Place struct{ Code, Name string }

// Item is a link of a menu.
type Item struct {
	Path    string // of the service, with its query
	Words   text.Text
	Current bool
}

// Link returns the path as the browser knows it.
func (f Frame) Link(path string) string { return f.Base + path }

// File returns the path of a static file by its plain name.
func (f Frame) File(name string) string { return f.Base + "/static/" + hashed(name) }

// With returns the address of the page with another value in its query, as a link on itself.
func (f Frame) With(name, value string) string {
	q := url.Values{}
	if f.Address != nil {
		q = f.Address.Query()
	}
	if q.Del(name); value != "" {
		q.Set(name, value)
	}
	return "?" + q.Encode()
}

// OfPeriod returns the address of the page for another period, as a link on itself.
func (f Frame) OfPeriod(period string) string {
	if f.Address != nil { // a publication is of one period
		q := f.Address.Query()
		q.Del("publication")
		f.Address = &url.URL{Path: f.Address.Path, RawQuery: q.Encode()}
	}
	return f.With("period", period)
}

// Here returns the address of the page as the browser knows it.
func (f Frame) Here() string {
	if f.Address == nil {
		return f.Base + "/"
	}
	return f.Base + f.Address.RequestURI()
}

// Other returns the language that the page is not in.
func (f Frame) Other() string {
	if f.Language == "zh" {
		return "en"
	}
	return "zh"
}

// Town paths are the same in the menu, in links and in the router.
const townPath = "/t/"

// InTown returns the path of a page of the town; query holds names and values, those without
// a value are left out.
func InTown(town, page string, query ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			q.Set(query[i], query[i+1])
		}
	}
	path := townPath + url.PathEscape(town) + "/" + page
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

//go:embed templates
var sources embed.FS

// names are the pages: each has a template of its name that fills the layout.
var names = []string{
	"towns", "sign-in", "signed-out", "password", "home", "ranking", "unpublished", "scorecard", "method", "notice",
	"verify", "problem", "entry", "no-entry",
	"review",
}

// templates are the pages by language and name.
var templates = sync.OnceValue(func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, language := range []string{"zh", "en"} {
		layout := template.Must(template.New("layout.html").Funcs(functions(language)).ParseFS(sources, "templates/layout.html"))
		for _, name := range names {
			page := template.Must(template.Must(layout.Clone()).ParseFS(sources, "templates/"+name+".html"))
			all[language+"/"+name] = page
		}
	}
	return all
})

// data is what a template sees.
type data[V any] struct {
	F Frame
	V V
}

func render[V any](name string, f Frame, v V) ([]byte, error) {
	t := templates()[f.Language+"/"+name]
	if t == nil {
		return nil, fmt.Errorf("no page %q in %q", name, f.Language)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data[V]{f, v}); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return compact(b.Bytes()), nil
}

// compact takes the indentation and the empty lines of templates out of a page. No template
// has text whose white space counts but in <pre>, which begins a line of its own.
func compact(page []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(page))
	verbatim := false
	for line := range bytes.Lines(page) {
		if bytes.HasPrefix(bytes.TrimLeft(line, "\t "), []byte("<pre")) {
			verbatim = true
		}
		if verbatim {
			b.Write(bytes.TrimLeft(line, "\t"))
		} else if line = bytes.TrimSpace(line); len(line) > 0 {
			b.Write(line)
			b.WriteByte('\n')
		}
		if bytes.Contains(line, []byte("</pre>")) {
			verbatim = false
		}
	}
	return b.Bytes()
}

// functions are those of templates in a language.
func functions(language string) template.FuncMap {
	return template.FuncMap{
		"t":      func(zh, en string, args ...any) string { return text.F(zh, en, args...).In(language) },
		"in":     func(words text.Text) string { return words.In(language) },
		"role":   func(r policy.Role) string { return r.Name().In(language) },
		"town":   InTown,
		"fixed":  fixed,
		"signed": signed,
		"number": number,
		"figure": figure, "percent": percent,
		"moment":   moment,
		"tone":     tone,
		"word":     func(kind, code string) string { return wordOf(kind, code).In(language) },
		"arrow":    arrow,
		"places":   func(n int) string { return places(n).In(language) },
		"interval": func(i IntervalFigure) template.HTML { return i.svg(language) },
		"bar":      func(b barFigure) template.HTML { return b.svg(language) },
		"step":     func(s stepFigure) template.HTML { return s.svg(language) },
		"course":   func(c CourseFigure) template.HTML { return c.svg(language) },
		"trimSign": func(s string) string { return strings.TrimPrefix(s, "−") },
		"plain":    func(x *float64) string { return strconv.FormatFloat(*x, 'f', -1, 64) },
		"scope":    scope,
	}
}

// scope returns names and values as what a part of a template sees.
func scope(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}
