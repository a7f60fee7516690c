package rest

import (
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// binding fills one request struct and gathers what is wrong with it.
type binding struct {
	shape
	labels Labels
	req    reflect.Value
	faults []fault.FieldError
	meant  []string // pointers of fields that were probably meant by unknown names
}

func (s shape) bind(req any, labels Labels) *binding {
	return &binding{shape: s, labels: labels, req: reflect.ValueOf(req).Elem()}
}

// err is one fault for everything wrong so far.
func (b *binding) err() error {
	if len(b.faults) == 0 {
		return nil
	}
	return Malformed(b.faults...)
}

func (b *binding) refuse(at, code string, message text.Text) {
	b.faults = append(b.faults, fault.At(at, code, message))
}

func (b *binding) path(value func(string) string) {
	for _, p := range b.params {
		if p.in == "path" {
			b.set(p, []string{value(p.name)})
		}
	}
}

// query refuses names that the route does not know: a misspelt filter would
// otherwise answer with everything.
func (b *binding) query(u *url.URL) {
	given, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		b.refuse("query", "query_syntax", text.Text{
			ZH: "查询字符串无法解析，请对百分号和分号编码", EN: "the query string cannot be read: encode % and ;",
		})
		return
	}
	for _, p := range b.params {
		if p.in != "query" {
			continue
		}
		values := given[p.name]
		delete(given, p.name)
		if len(values) == 0 && p.fallback != "" {
			values = []string{p.fallback}
		}
		b.set(p, values)
	}
	if _, takesAny := b.req.Addr().Interface().(interface{ anyQuery() }); takesAny {
		clear(given)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		message, _ := unknownName(text.F("查询参数", "query parameter"), name, b.names("query"))
		b.refuse("query/"+name, "unknown_parameter", message)
	}
	if q, ok := b.req.Addr().Interface().(interface{ setFilters(*url.URL) }); ok {
		q.setFilters(u)
	}
}

// names returns the names of the parameters in the place.
func (b *binding) names(in string) (names []string) {
	for _, p := range b.params {
		if p.in == in {
			names = append(names, p.name)
		}
	}
	return names
}

func (b *binding) headers(h http.Header) error {
	for _, p := range b.params {
		switch {
		case p.in != "header":
		case p.name == "If-Match":
			version, err := versionOf(h["If-Match"])
			if err != nil {
				return err
			}
			b.req.FieldByIndex(p.index).SetInt(version)
		default:
			if lines := h[textproto.CanonicalMIMEHeaderKey(p.name)]; len(lines) > 0 {
				b.set(p, []string{strings.Join(lines, ", ")}) // RFC 9110: lines of one name are one list
			}
		}
	}
	return b.err()
}

// set parses the values given for one parameter into its field.
func (b *binding) set(p param, values []string) {
	field := b.req.FieldByIndex(p.index)
	if len(values) > 1 && !p.parse.many {
		b.refuse(p.key(), "repeated_parameter", text.F("%s只能出现一次", "%s may be given only once", b.labels.name(p.name)))
		return
	}
	for _, v := range values {
		if remedy, hidden := text.Hidden(v, false); hidden {
			b.refuse(p.key(), "unprintable", remedy)
			return
		}
		if err := p.parse.into(field, text.Clean(v)); err != nil {
			b.refuse(p.key(), "wrong_type", text.F("%s%s", "%s %s", b.labels.name(p.name), p.parse.wants))
			return
		}
	}
}

// AnyQuery is embedded where others decide what the query holds.
type AnyQuery struct{}

func (AnyQuery) anyQuery() {}

// RawQuery is embedded where the handler reads the query by itself.
type RawQuery struct {
	AnyQuery
	values url.Values
}

func (q *RawQuery) setFilters(u *url.URL) { q.values = u.Query() }

// Query returns the query of the address.
func (q RawQuery) Query() url.Values { return q.values }
