package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"bulwark/internal/access"
)

// Raw is an answer sent byte for byte: a ranking served from memory, a CSV file.
type Raw struct {
	ContentType  string
	ETag         string // quoted; empty = the digest of Body
	CacheControl string // empty = the default of the service
	Filename     string // set to offer a download
	ODataVersion string // set for programs that speak OData
	Body         []byte
}

// Created is the answer of a create route: Value, found at the address of the
// collection followed by Key, which may hold several steps ("a/versions/1").
type Created[T any] struct {
	Key   string
	Value T
}

func (c Created[T]) created() (string, any) { return c.Key, c.Value }

func (Created[T]) value() reflect.Type { return reflect.TypeFor[T]() }

// Deferred is the answer of a route whose work may wait for somebody else: Done, with the
// status of the route, or Waiting with 202, found at the path At.
type Deferred[Done, Waiting any] struct {
	Done    Done
	Waiting *Waiting
	At      string // path of Waiting below the root of the service
}

// answers returns the types of the two answers.
func (Deferred[Done, Waiting]) answers() (done, waiting reflect.Type) {
	done = reflect.TypeFor[Done]()
	if c, ok := any(*new(Done)).(interface{ value() reflect.Type }); ok {
		done = c.value()
	}
	return done, reflect.TypeFor[Waiting]()
}

// deferred returns what is answered, and the path of what waits.
func (d Deferred[Done, Waiting]) deferred() (res any, at string) {
	if d.Waiting != nil {
		return d.Waiting, d.At
	}
	return d.Done, ""
}

// Nothing is the result of a handler that returns no body: 204.
type Nothing struct{}

// Redirect sends the browser on, with the status of the route.
type Redirect struct{ To string }

func (r Redirect) send(w http.ResponseWriter, status int) {
	if status < http.StatusMultipleChoices {
		status = http.StatusSeeOther // of a page, which sends on by exception
	}
	w.Header().Set("Location", r.To)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}

// respond writes a result. The JSON is made before the first header goes out,
// so a value that cannot be written is a clean 500.
func respond(w http.ResponseWriter, r *http.Request, status int, res any) error {
	h := w.Header()
	if d, ok := res.(interface{ deferred() (any, string) }); ok {
		var at string
		if res, at = d.deferred(); at != "" {
			h.Set("Location", at)
			status = http.StatusAccepted
		}
	}
	if c, ok := res.(interface{ created() (string, any) }); ok {
		var key string
		if key, res = c.created(); key != "" {
			h.Set("Location", r.URL.JoinPath(strings.ReplaceAll(url.PathEscape(key), "%2F", "/")).EscapedPath())
		}
	}
	var raw Raw
	switch v := res.(type) {
	case Nothing:
		cacheable(h, traceOf(r.Context()).caller, "")
		w.WriteHeader(http.StatusNoContent)
		return nil
	case Redirect:
		v.send(w, status)
		return nil
	case Raw:
		raw = v
	default:
		data, err := json.Marshal(res, json.Deterministic(true))
		if err != nil {
			return err
		}
		raw = Raw{ContentType: "application/json", Body: data}
		if v, ok := res.(interface{ ETag() string }); ok {
			raw.ETag = tagOf(v.ETag(), data)
		}
	}
	return send(w, r, status, raw)
}

func send(w http.ResponseWriter, r *http.Request, status int, raw Raw) error {
	h := w.Header()
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	if raw.ETag == "" && reading {
		raw.ETag = Digest(raw.Body)
	}
	if raw.ETag != "" {
		h.Set("ETag", raw.ETag)
	}
	cacheable(h, traceOf(r.Context()).caller, raw.CacheControl)
	if raw.ODataVersion != "" {
		h.Set("OData-Version", raw.ODataVersion)
	}
	if raw.Filename != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": raw.Filename}))
	}
	if tag, ok := matches(r.Header["If-None-Match"], raw.ETag); ok && reading {
		h.Set("ETag", tag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	write(w, status, raw.ContentType, raw.Body)
	return nil
}

// cacheable keeps what a caller may see out of shared and private caches unless
// a handler sets something else; what anyone may see is asked for again each time.
func cacheable(h http.Header, caller access.Principal, wanted string) {
	switch {
	case wanted != "":
		h.Set("Cache-Control", wanted)
	case caller.Role != "":
		h.Set("Cache-Control", "no-store")
	default:
		h.Set("Cache-Control", "no-cache")
	}
	h.Add("Vary", "Authorization, Cookie, Act-As, Accept, Accept-Language")
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left cannot be told
}

// Digest returns a strong entity tag of a body.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}
