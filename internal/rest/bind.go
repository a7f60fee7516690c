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
	req    reflect.Value
	faults []fault.FieldError
}

func (s shape) bind(req any) *binding {
	return &binding{shape: s, req: reflect.ValueOf(req).Elem()}
}

// err is one fault for everything wrong so far.
func (b *binding) err() error {
	if len(b.faults) == 0 {
		return nil
	}
	return Malformed(b.faults...)
}

// Malformed returns the fault of a request that cannot be read at the fields.
func Malformed(fields ...fault.FieldError) *fault.Error {
	message := text.F("请求有 %d 处无法读取，请按 errors 修改", "parts of the request that cannot be read: %d; see errors", len(fields))
	return fault.New(fault.KindMalformed, "malformed", message).With(fields...)
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
		b.refuse("query", "query_syntax", text.F("查询字符串无法解析：%s", "the query string cannot be read: %s", err))
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
	if _, any := b.req.Addr().Interface().(interface{ anyQuery() }); any {
		clear(given)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		b.refuse("query/"+name, "unknown_parameter", text.F("没有名为 %q 的查询参数", "there is no query parameter %q here", name))
	}
	if q, ok := b.req.Addr().Interface().(interface{ setFilters(*url.URL) }); ok {
		q.setFilters(u)
	}
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
		b.refuse(p.key(), "repeated_parameter", text.F("%s 只能出现一次", "%s may be given only once", p.name))
		return
	}
	for _, v := range values {
		if !text.Printable(v, false) {
			b.refuse(p.key(), "unprintable", unprintable)
			return
		}
		if err := p.parse.into(field, text.Clean(v)); err != nil {
			b.refuse(p.key(), "wrong_type", text.F("%[1]s %[2]s", "%[1]s %[3]s", p.name, p.parse.wants.ZH, p.parse.wants.EN))
			return
		}
	}
}

var unprintable = text.F("含有控制字符或不可见字符，请删除", "contains control or invisible characters: remove them")

// AnyQuery is embedded where others decide what the query holds.
type AnyQuery struct{}

func (AnyQuery) anyQuery() {}
