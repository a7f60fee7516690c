package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

func TestIfMatch(t *testing.T) {
	h := serveProbes(t, newOptions())
	for tag, want := range map[string]string{
		"":                       "if_match_required",
		"*":                      "header/If-Match if_match",
		`3`:                      "header/If-Match if_match",
		`"3`:                     "header/If-Match if_match",
		`"3", "4"`:               "header/If-Match if_match",
		`"03"`:                   "header/If-Match if_match",
		`"+3"`:                   "header/If-Match if_match",
		`"0"`:                    "header/If-Match if_match",
		`"-1"`:                   "header/If-Match if_match",
		`"x"`:                    "header/If-Match if_match",
		`"99999999999999999999"`: "header/If-Match if_match",
		`""3""`:                  "header/If-Match if_match",
		`"3."`:                   "header/If-Match if_match",
		`"3.a.b"`:                "header/If-Match if_match",
		`"3.a b"`:                "header/If-Match if_match",
		`w/"3"`:                  "header/If-Match if_match",
	} {
		status := http.StatusBadRequest
		if tag == "" {
			status = http.StatusPreconditionRequired
		}
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			p := problemOf(t, do(h, method, itemURL, "", "If-Match", tag), status)
			if got := errorAt(p); got != want {
				t.Errorf("%s If-Match %s: got %q", method, tag, got)
			}
		}
	}
	for _, tag := range []string{
		`"3"`, ` "3" `, `"3-gzip"`, `"3-zstd"`, `"3--gzip"`, `W/"3"`, `W/"3-gzip"`, `"3.x_-Y"`, `"3.xY-gzip"`,
		`"3.xY--gzip"`, `W/"3.xY"`, `W/"3.xY-zstd"`,
	} {
		w := do(h, http.MethodPut, itemURL, `{"name":"a"}`, "If-Match", tag)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("ETag"), `"4.`) {
			t.Errorf("If-Match %s: %d, ETag %s", tag, w.Code, w.Header().Get("ETag"))
		}
	}
	if w := do(h, http.MethodDelete, itemURL, "", "If-Match", `"3"`); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
		t.Errorf("delete: %d %s", w.Code, w.Body)
	}
}

func TestIfMatchSaysWhatIsWrong(t *testing.T) {
	for tag, want := range map[string]string{
		"*": "* is not", `"3", "4"`: "exactly one", "3": "in quotes",
	} {
		if _, err := versionOf([]string{tag}); err == nil ||
			!strings.Contains(err.(*fault.Error).Fields[0].Message.EN, want) {
			t.Errorf("%s: %v", tag, err)
		}
	}
}

func TestIfNoneMatch(t *testing.T) {
	h := serveProbes(t, newOptions())
	whole := do(h, http.MethodGet, itemURL, "").Header().Get("ETag")
	open := strings.TrimSuffix(whole, `"`)
	if !strings.HasPrefix(open, `"3.`) {
		t.Fatalf("tag %s", whole)
	}
	for tag, status := range map[string]int{
		whole: 304, `W/` + whole: 304, `*`: 304, `"1", ` + whole: 304, open + `-gzip"`: 304, `W/` + open + `-zstd"`: 304,
		open + `--gzip"`: 304, `"4"`: 200, `3`: 200, open + `-br"`: 200, ``: 200,
		`"3"`: 200, `W/"3"`: 200, `"3.other"`: 200, // another may see another thing of the same version
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := do(h, method, itemURL, "", "If-None-Match", tag)
			if w.Code != status || status == 304 &&
				(w.Body.Len() != 0 || w.Header().Get("ETag") == "" || w.Header().Get("Cache-Control") == "") {
				t.Errorf("%s If-None-Match %s: %d %v", method, tag, w.Code, w.Header())
			}
		}
	}
	if w := do(h, http.MethodPut, itemURL, `{"name":"a"}`, "If-Match", `"2"`, "If-None-Match", whole); w.Code != http.StatusOK {
		t.Errorf("a change is never 304: %d", w.Code)
	}
	list := do(h, http.MethodGet, itemsURL, "")
	if again := do(h, http.MethodGet, itemsURL, "", "If-None-Match",
		list.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("a list with its digest: %d", again.Code)
	}
}

// A compressed body has other bytes, so it needs another strong tag; that tag
// must still be good for asking again and for changing the thing.
func TestCompressedVariantsHaveTheirOwnTag(t *testing.T) {
	h := serveProbes(t, newOptions())
	plain := do(h, http.MethodGet, itemURL, "")
	for coding, read := range map[string]func(io.Reader) ([]byte, error){
		"gzip": func(r io.Reader) ([]byte, error) {
			z, err := gzip.NewReader(r)
			if err != nil {
				return nil, err
			}
			return io.ReadAll(z)
		},
		"zstd": func(r io.Reader) ([]byte, error) {
			z, err := zstd.NewReader(r)
			if err != nil {
				return nil, err
			}
			defer z.Close()
			return io.ReadAll(z)
		},
	} {
		w := do(h, http.MethodGet, itemURL, "", "Accept-Encoding", coding)
		tag := w.Header().Get("ETag")
		if w.Header().Get("Content-Encoding") != coding ||
			tag != strings.TrimSuffix(plain.Header().Get("ETag"), `"`)+"-"+coding+`"` ||
			fmt.Sprint(w.Header()["Vary"]) != "[Accept-Encoding, Authorization, Cookie, Act-As, Accept, Accept-Language]" {
			t.Errorf("%s: %v", coding, w.Header())
		}
		if body, err := read(w.Body); err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
			t.Errorf("%s: other content: %v", coding, err)
		}
		again := do(h, http.MethodGet, itemURL, "", "Accept-Encoding", coding, "If-None-Match", tag)
		if again.Code != http.StatusNotModified || again.Header().Get("ETag") != tag {
			t.Errorf("%s: 304 should name the tag of the stored variant: %d %s", coding, again.Code, again.Header().Get("ETag"))
		}
		if changed := do(h, http.MethodPut, itemURL, `{"name":"a"}`, "If-Match", tag); changed.Code != http.StatusOK {
			t.Errorf("%s: If-Match: %d", coding, changed.Code)
		}
	}
	if small := do(h, http.MethodGet, itemsURL, "", "Accept-Encoding", "gzip"); small.Header().Get("Content-Encoding") != "" {
		t.Error("a body smaller than a packet was compressed")
	}
}

func TestAnswers(t *testing.T) {
	s := newOptions()
	h := serveProbes(t, s, func(r Router) {
		Get(r, "/raw", policy.ReadStructure, func(context.Context, struct{}) (Raw, error) {
			return Raw{ContentType: "text/csv", CacheControl: "public, max-age=60", Filename: "排名.csv", Body: []byte("a,b\n")},
				nil
		})
		Get(r, "/nan", policy.ReadStructure, func(context.Context, struct{}) (map[string]float64, error) {
			return map[string]float64{"score": math.NaN()}, nil
		})
		Get(r, "/nil", policy.ReadStructure,
			func(context.Context, struct{ TableQuery }) (Page[string], error) { return Page[string]{}, nil })
	})
	get := do(h, http.MethodGet, itemURL, "")
	head := do(h, http.MethodHead, itemURL, "")
	if head.Code != 200 || head.Header().Get("Content-Length") != get.Header().Get("Content-Length") ||
		head.Header().Get("ETag") != get.Header().Get("ETag") {
		t.Errorf("HEAD: %d %v", head.Code, head.Header())
	}
	if get.Header().Get("Cache-Control") != "no-store" || get.Header().Get("Content-Type") != "application/json" {
		t.Errorf("GET: %v", get.Header())
	}
	made := do(h, http.MethodPost, itemsURL, `{"code":"b07","name":"a"}`)
	if made.Code != http.StatusCreated || made.Header().Get("Location") != itemsURL+"/b07" ||
		!strings.HasPrefix(made.Header().Get("ETag"), `"1.`) {
		t.Errorf("create: %d %v", made.Code, made.Header())
	}
	raw := do(h, http.MethodGet, "/raw", "")
	if raw.Body.String() != "a,b\n" || raw.Header().Get("Cache-Control") != "public, max-age=60" ||
		raw.Header().Get("Content-Disposition") != "attachment; filename*=utf-8''%E6%8E%92%E5%90%8D.csv" {
		t.Errorf("raw: %v", raw.Header())
	}
	if w := do(h, http.MethodGet, "/nil", ""); w.Body.String() != `{"items":[]}` {
		t.Errorf("nil items: %s", w.Body)
	}
	p := problemOf(t, do(h, http.MethodGet, "/nan", ""), http.StatusInternalServerError)
	if p.Code != "internal" || strings.Contains(p.Detail, "NaN") {
		t.Errorf("NaN: %+v", p)
	}
}
