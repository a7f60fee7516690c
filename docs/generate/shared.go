package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// failures describes when each status is answered.
var failures = map[int]string{
	400: "The request cannot be read: the problem names the place.",
	401: "The key is missing, unknown, expired or revoked.",
	403: "The caller may not do this.",
	404: "There is no such thing, or the caller may not know of it.",
	406: "None of the accepted media types is offered.",
	408: "The body did not arrive in the time that the service waits for it.",
	409: "The state of the thing does not allow it, or it exists already.",
	412: "The thing was changed since it was read: read it again.",
	413: "The body is larger than the service reads.",
	415: "The body is of another media type than the operation takes.",
	422: "The request can be read but breaks rules: the problem lists each.",
	423: "The thing is locked: the problem says by whom, when, why, and who can lift it.",
	428: "The header If-Match is missing.",
	429: "Too many requests: wait as long as Retry-After says.",
	500: "The service failed; its log has the cause under the request id.",
	503: "The service cannot answer now: try again after Retry-After.",
}

var headerWords = map[string]string{
	"Content-Language": "Language of the words in the answer, zh or en.",
	"ETag":             "Of a record \"N.d\": N is its version, d a digest of the answer. For If-Match and If-None-Match.",
	"Location":         "Address of what was made, where it has one.",
	"Retry-After":      "Seconds to wait before trying again: with 429, 503, and with 409 where the request is still being worked on.",
	"WWW-Authenticate": "With 401, the scheme that is asked for: Bearer.",
	"X-Request-Id":     "Identifier of the request: the one sent along, or a new one.",
}

// addShared declares what all operations refer to.
func addShared(doc *openapi3.T) {
	c := doc.Components
	c.SecuritySchemes = openapi3.SecuritySchemes{
		"bearer": {Value: openapi3.NewSecurityScheme().WithType("http").WithScheme("bearer").
			WithDescription("API key, sent as Authorization: Bearer KEY. With it, a session is ignored.")},
		"session": {Value: openapi3.NewSecurityScheme().WithType("apiKey").WithIn("cookie").WithName("bulwark").
			WithDescription(
				"Cookie of a session, set by POST /sessions; its name is __Host-bulwark where the service stands behind TLS.")},
		"csrf": {Value: openapi3.NewSecurityScheme().WithType("apiKey").WithIn("header").WithName("X-CSRF-Token").
			WithDescription("csrf_token of GET /session: needed with the cookie of a session, for each change.")},
	}
	c.Parameters = openapi3.ParametersMap{
		"Accept-Language": header("Language of words in the answer: zh or en."),
		"Act-As": header(
			"The role under which to act, one of those that the caller holds; the first of them (see /me) if absent."),
		"Idempotency-Key": idempotencyKey(),
		"If-Match":        header(`ETag of the version that is to be changed, such as "3.d"; "3" is enough, and it may be weak.`),
		"If-None-Match":   header("ETag of a known answer: 304 where it is still the same."),
	}
	for name, p := range c.Parameters {
		p.Value.Name = name
		p.Value.Required = name == "If-Match"
	}
	c.Headers = openapi3.Headers{}
	for name, words := range headerWords {
		c.Headers[name] = &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: openapi3.Parameter{
			Description: words, Schema: openapi3.NewStringSchema().NewRef(),
		}}}
	}
	notModified := openapi3.NewResponse().WithDescription("The known answer is still right.")
	notModified.Headers = headers("ETag")
	c.Responses = openapi3.ResponseBodies{"NotModified": {Value: notModified}}
	c.Responses["Failure"] = &openapi3.ResponseRef{Value: failure(allFailures())}
	for status, words := range failures {
		c.Responses[responseName(status)] = &openapi3.ResponseRef{Value: failure(words)}
	}
}

// allFailures describes every status of a failure.
func allFailures() string {
	text := "The request failed."
	for _, status := range slices.Sorted(maps.Keys(failures)) {
		text += fmt.Sprintf("\n- %d: %s", status, failures[status])
	}
	return text
}

func failure(words string) *openapi3.Response {
	r := openapi3.NewResponse().WithDescription(words).WithContent(problemContent())
	r.Headers = headers("X-Request-Id", "Content-Language", "Retry-After", "WWW-Authenticate")
	return r
}

func problemContent() openapi3.Content {
	return openapi3.Content{
		problemType: openapi3.NewMediaType().WithSchemaRef(openapi3.NewSchemaRef(schemaPrefix+"Problem", nil)),
	}
}

// idempotencyKey makes a POST safe to send again.
func idempotencyKey() *openapi3.ParameterRef {
	p := header("A key that you choose, new for each new request, such as a UUID. Sent again with the same key, a request that succeeded is answered " +
		"as it was then, with Idempotency-Replayed: true, and changes nothing again; with another address, body or If-Match it is refused (422), and so is one that is still being worked on (409). " +
		"Ignored without a credential.")
	p.Value.Schema = openapi3.NewStringSchema().WithMinLength(1).WithMaxLength(128).WithPattern("^[ -~]+$").NewRef()
	return p
}

func header(words string) *openapi3.ParameterRef {
	p := openapi3.NewHeaderParameter("").WithDescription(words).WithSchema(openapi3.NewStringSchema())
	return &openapi3.ParameterRef{Value: p}
}

func headers(names ...string) openapi3.Headers {
	h := openapi3.Headers{}
	for _, name := range names {
		h[name] = sharedHeader(name)
	}
	return h
}

func sharedHeader(name string) *openapi3.HeaderRef {
	return &openapi3.HeaderRef{Ref: "#/components/headers/" + name}
}

func responseName(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// prune drops components that nothing refers to, until none is left: those of
// addresses outside the API, and shared ones that no operation needs.
func prune(doc *openapi3.T) error {
	for {
		data, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		c, text, before := doc.Components, string(data), len(data)
		dropUnused(c.Schemas, text, "schemas")
		dropUnused(c.Parameters, text, "parameters")
		dropUnused(c.Headers, text, "headers")
		dropUnused(c.Responses, text, "responses")
		if data, err = json.Marshal(doc); err != nil || len(data) == before {
			return err
		}
	}
}

func dropUnused[M ~map[string]T, T any](components M, document, kind string) {
	maps.DeleteFunc(components, func(name string, _ T) bool {
		return !strings.Contains(document, `"#/components/`+kind+"/"+name+`"`)
	})
}
