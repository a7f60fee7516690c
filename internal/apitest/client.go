// Package apitest is the client that tests of the API use. It holds every
// request and every answer against the published OpenAPI document, so that the
// document cannot drift from the service. Only tests may import it.
package apitest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Client sends requests to a handler. Its methods As, Lang, Header, IfMatch and
// Bad give a changed copy: client.As(key).Get("/me"). It is safe for concurrent
// use.
type Client struct {
	t       testing.TB
	handler http.Handler
	spec    *spec
	header  http.Header
	bad     bool
	second  func() string
	watch   func(t testing.TB, operation string, a *Answer)
}

// New is a client without a key. The document is read once per process.
func New(t testing.TB, h http.Handler) *Client {
	t.Helper()
	s, err := published()
	if err != nil {
		t.Fatalf("docs/openapi.json: %v", err)
	}
	return &Client{t: t, handler: h, spec: s, header: http.Header{}}
}

// Watch has see called with every answer and the operation that gave it, also
// those of the copies of the client, after those who watch already; nil sends them
// all away.
func (c *Client) Watch(see func(t testing.TB, operation string, a *Answer)) *Client {
	changed := *c
	changed.watch = see
	if before := c.watch; before != nil && see != nil {
		changed.watch = func(t testing.TB, operation string, a *Answer) {
			t.Helper()
			before(t, operation, a)
			see(t, operation, a)
		}
	}
	return &changed
}

// As sends the API key; "" none.
func (c *Client) As(key string) *Client {
	if key == "" {
		return c.Header("Authorization", "")
	}
	return c.Header("Authorization", "Bearer "+key)
}

// SecondedBy has key give the key of another person, for Second.
func (c *Client) SecondedBy(key func() string) *Client {
	changed := *c
	changed.second = key
	return &changed
}

// Second is another person, who confirms what the client proposes.
func (c *Client) Second() *Client { return c.As(c.second()) }

// InSession sends the cookie of a session, as NAME=VALUE, and the token that
// changes need.
func (c *Client) InSession(cookie, token string) *Client {
	return c.Header("Cookie", cookie).Header("X-CSRF-Token", token)
}

// Lang asks for words in a language, such as zh.
func (c *Client) Lang(language string) *Client { return c.Header("Accept-Language", language) }

// IfMatch names the version that is to be changed by its ETag.
func (c *Client) IfMatch(etag string) *Client { return c.Header("If-Match", etag) }

// Header sends one more header; an empty value takes it away.
func (c *Client) Header(name, value string) *Client {
	changed := *c
	changed.header = c.header.Clone()
	if value == "" {
		changed.header.Del(name)
	} else {
		changed.header.Set(name, value)
	}
	return &changed
}

// Bad marks requests that break the document on purpose. They are sent as they
// are, and the test fails where the service accepts one.
func (c *Client) Bad() *Client {
	changed := *c
	changed.bad = true
	return &changed
}

// For is the same client for a subtest.
func (c *Client) For(t testing.TB) *Client {
	changed := *c
	changed.t = t
	return &changed
}

// Get reads. Paths are those of the document, without /api/v1, and may carry a
// query.
func (c *Client) Get(path string) *Answer { c.t.Helper(); return c.do(http.MethodGet, path, nil) }

// Post sends a body: text and bytes as they are, nil none, all else as JSON.
func (c *Client) Post(path string, body any) *Answer {
	c.t.Helper()
	return c.do(http.MethodPost, path, body)
}

// Put sends a body as Post does.
func (c *Client) Put(path string, body any) *Answer {
	c.t.Helper()
	return c.do(http.MethodPut, path, body)
}

// Patch sends a body as Post does.
func (c *Client) Patch(path string, body any) *Answer {
	c.t.Helper()
	return c.do(http.MethodPatch, path, body)
}

// Delete sends no body.
func (c *Client) Delete(path string) *Answer { c.t.Helper(); return c.do(http.MethodDelete, path, nil) }

func (c *Client) do(method, path string, body any) *Answer {
	c.t.Helper()
	sent, err := encode(body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	request := func() *http.Request { return c.request(method, path, sent) }
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, request())
	answer := &Answer{
		Status: w.Code, Header: w.Header(), Body: w.Body.Bytes(), Method: method, t: c.t, of: method + " " + path,
	}
	for _, fault := range c.spec.check(request(), answer, c.bad) {
		c.t.Errorf("%s: %s", answer.of, fault)
	}
	if route, _ := c.spec.find(method, c.request(method, path, nil).URL.Path); c.watch != nil && route != nil {
		c.watch(c.t, route.Operation.OperationID, answer)
	}
	return answer
}

func (c *Client) request(method, path string, body []byte) *http.Request {
	r := httptest.NewRequestWithContext(c.t.Context(), method, c.spec.base+path, bytes.NewReader(body))
	r.Header = c.header.Clone()
	if body != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func encode(body any) ([]byte, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(b), nil
	case []byte:
		return b, nil
	default:
		return json.Marshal(b)
	}
}
