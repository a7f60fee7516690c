package rest

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func TestPagesFollowEachOther(t *testing.T) {
	h := serveProbes(t, newOptions())
	var all []string
	target := itemsURL + "?page_size=2&class=urban"
	for n := 0; ; n++ {
		var p Page[string]
		w := do(h, http.MethodGet, target, "")
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 200 || n > 3 {
			t.Fatalf("%d %s %v", w.Code, w.Body, err)
		}
		all = append(all, p.Items...)
		if p.NextPageToken == "" {
			break
		}
		target = itemsURL + "?class=urban&page_size=2&page_token=" + p.NextPageToken
	}
	if got := strings.Join(all, ""); got != "abcde" {
		t.Errorf("got %s", got)
	}
}

func TestTokensAreBoundToTheirList(t *testing.T) {
	h := serveProbes(t, newOptions())
	var p Page[string]
	if err := json.Unmarshal(do(h, http.MethodGet, itemsURL+"?page_size=2&class=urban", "").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	token := p.NextPageToken
	if w := do(h, http.MethodGet, itemsURL+"?class=urban&page_size=3&page_token="+token, ""); w.Code != http.StatusOK {
		t.Errorf("another page size: %d", w.Code)
	}
	data, _ := base64.RawURLEncoding.DecodeString(token)
	data[len(data)-2]++
	for name, query := range map[string]string{
		"other filter": "class=rural&page_token=" + token,
		"no filter":    "page_token=" + token,
		"more filters": "class=urban&kind=a&page_token=" + token,
		"changed":      "class=urban&page_token=" + base64.RawURLEncoding.EncodeToString(data),
		"cut":          "class=urban&page_token=" + token[:len(token)-2],
		"short":        "class=urban&page_token=AA",
	} {
		if got := errorAt(problemOf(t, do(h, http.MethodGet, itemsURL+"?"+query, ""), 400)); got != "query/page_token page_token" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestResumeNeedsTheKeysOfTheList(t *testing.T) {
	q := PageQuery{PageSize: 1, filters: "x"}
	p, err := NewPage([]int{1, 2}, q, func(n int) []any { return []any{float64(n) / 3, n} })
	if err != nil {
		t.Fatal(err)
	}
	q.PageToken = p.NextPageToken
	var score float64
	var n int
	if err := q.Resume(&score, &n); err != nil || score != 1.0/3 || n != 1 {
		t.Errorf("got %v, %v, %v", score, n, err)
	}
	var code string
	for i, err := range []error{q.Resume(&score), q.Resume(&score, &n, &n), q.Resume(&code, &n)} {
		if err == nil {
			t.Errorf("%d: other keys were accepted", i)
		}
	}
}
