package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/explanation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// The trail shows what is in a draft to nobody who may not read the draft, and what is in
// it later to those who may then. Everybody can follow the chain.
func TestTheTrailShowsWhatItsSubjectWould(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("q1", "2023-01-01", "2023-03-31")
		h.steps("q1", "open")
		group, admin, mentor := h.as(policy.LeadingGroup), h.as(policy.Admin), h.as(policy.Mentor)
		sheet := begun(mentor, "q1", "b01", value("spirit", 7))
		of := func(c *apitest.Client) (list []audit.Record) {
			t.Helper()
			page := apitest.Decode[rest.Page[audit.Record]](
				c.Get("/towns/demo/audit?subject="+strings.TrimPrefix(sheet, "/towns/demo/")), http.StatusOK)
			for _, r := range page.Items {
				one := apitest.Decode[audit.Record](c.Get(fmt.Sprintf("/towns/demo/audit/%d", r.Sequence)), http.StatusOK)
				if one.Before != r.Before || one.After != r.After || one.AfterDigest != r.AfterDigest {
					t.Errorf("the list shows %+v and the address %+v", r, one)
				}
				list = append(list, r)
			}
			if len(list) == 0 {
				t.Fatal("no record of the sheet")
			}
			return list
		}
		for name, c := range map[string]*apitest.Client{"leading group": group, "administrator": admin} {
			for _, r := range of(c) {
				if r.Before+r.After != "" || r.AfterDigest == "" || r.ValuesSalt != "" {
					t.Errorf("%s: a draft is shown: %+v", name, r)
				}
			}
		}
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		for _, r := range of(group) {
			if r.After == "" || r.After.Digest(r.ValuesSalt) != r.AfterDigest || r.Before.Digest(r.ValuesSalt) != r.BeforeDigest {
				t.Errorf("what is submitted is not shown: %+v", r)
			}
			if len(r.ValuesSalt) != 64 || r.After.Digest("") == r.AfterDigest {
				t.Errorf("who may not read the sheet confirms a guess by its digest: %+v", r)
			}
		}
		for _, r := range of(admin) {
			if r.Before+r.After != "" {
				t.Errorf("an administrator may read no sheet, but %+v", r)
			}
		}
		if made := apitest.Decode[rest.Page[audit.Record]](admin.Get("/towns/demo/audit?action=branch.create"),
			http.StatusOK); len(made.Items) == 0 || made.Items[0].After == "" {
			t.Errorf("a branch, which everybody may read, is not shown: %+v", made.Items)
		}
	})
}

// The trail can be asked by key and by instant.
func TestTheTrailByCredentialAndInstant(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin)
		admin.Post("/towns/demo/kinds", object{"code": "one", "name": named("一")}).Want(http.StatusCreated)
		h.as(policy.LeadingGroup).Post("/towns/demo/kinds",
			object{"code": "two", "name": named("二")}).Want(http.StatusCreated)
		all := apitest.Decode[rest.Page[audit.Record]](admin.Get("/towns/demo/audit?action=kind.create"), http.StatusOK).Items
		if len(all) < 2 {
			t.Fatalf("%d records", len(all))
		}
		newest := all[0]
		ask := func(query string) []audit.Record {
			return apitest.Decode[rest.Page[audit.Record]](admin.Get("/towns/demo/audit?action=kind.create&"+query),
				http.StatusOK).Items
		}
		for _, r := range ask("credential=" + newest.Credential) {
			if r.Credential != newest.Credential {
				t.Errorf("another credential: %+v", r)
			}
		}
		at := url.QueryEscape(newest.At.Format(time.RFC3339Nano))
		if got := ask("from=" + at + "&until=" + at); len(got) == 0 || got[0].Sequence != newest.Sequence {
			t.Errorf("at the instant: %+v", got)
		}
		after := url.QueryEscape(newest.At.Add(time.Microsecond).Format(time.RFC3339Nano))
		if got := ask("from=" + after); len(got) != 0 {
			t.Errorf("after it: %+v", got)
		}
		admin.Bad().Get("/towns/demo/audit?from=yesterday").Problem(http.StatusBadRequest)
	})
}

// Who reads what is kept of another person leaves one record a day.
func TestReadsOfPeopleLeaveARecord(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		count := func() (n int64) {
			h.must(db.Table("audit_records").Where("action = 'person.read' AND subject <> 'people'").Count(&n).Error)
			return n
		}
		code := column(h.as(policy.LeadingGroup).Get("/towns/demo/people"), "code")[0]
		group, admin := h.as(policy.LeadingGroup), h.as(policy.Admin)
		for range 3 {
			group.Get("/towns/demo/people/" + code).Want(http.StatusOK)
		}
		_, other := serving(t, db, h.server.Now) // another process on the same database
		other.As(h.secrets[policy.LeadingGroup]).Get("/towns/demo/people/" + code).Want(http.StatusOK)
		if n := count(); n != 1 {
			t.Errorf("%d records of one reader, want 1", n)
		}
		admin.Get("/towns/demo/people/" + code).Want(http.StatusOK)
		if n := count(); n != 2 {
			t.Errorf("%d records of two readers, want 2", n)
		}
	})
}

// behindGzip is a real server in front of the service that compresses and so makes strong
// tags weak, as nginx does with gzip on.
func behindGzip(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	back := httptest.NewServer(h)
	t.Cleanup(back.Close)
	to, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Header.Del("Accept-Encoding") },
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil || len(body) == 0 {
				return err
			}
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(body)
			_ = z.Close()
			if tag := r.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
				r.Header.Set("ETag", "W/"+tag)
			}
			r.Header.Set("Content-Encoding", "gzip")
			r.Header.Set("Content-Length", fmt.Sprint(b.Len()))
			r.ContentLength, r.Body = int64(b.Len()), io.NopCloser(&b)
			return nil
		},
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front
}

// Behind a server that weakens tags every route that asks for If-Match takes the tag as it
// came, and what was changed meanwhile is still noticed.
func TestTagsSurviveAServerThatCompresses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		handler, err := h.server.engine.Handler()
		h.must(err)
		front := behindGzip(t, handler)
		send := func(method, path, tag string, body string) (status int, next string, answer []byte) {
			r, err := http.NewRequestWithContext(t.Context(), method, front.URL+path, strings.NewReader(body))
			h.must(err)
			r.Header.Set("Authorization", "Bearer "+h.secrets[policy.LeadingGroup])
			r.Header.Set("Content-Type", "application/json")
			if tag != "" {
				r.Header.Set("If-Match", tag)
			}
			w, err := http.DefaultClient.Do(r)
			h.must(err)
			answer, err = io.ReadAll(w.Body)
			h.must(errors.Join(err, w.Body.Close()))
			return w.StatusCode, w.Header.Get("ETag"), answer
		}
		at := "/api/v1/towns/demo/offices/" + column(h.as(policy.LeadingGroup).Get("/towns/demo/offices"), "code")[0]
		_, tag, _ := send(http.MethodGet, at, "", "")
		if !strings.HasPrefix(tag, `W/"1.`) {
			t.Fatalf("tag %s", tag)
		}
		if status, next, _ := send(http.MethodPut, at, tag, `{"name": {"zh": "新"}}`); status != http.StatusOK ||
			!strings.HasPrefix(next, `W/"2.`) {
			t.Errorf("change with the tag as it came: %d, %s", status, next)
		}
		if status, _, _ := send(http.MethodPut, at, tag, `{"name": {"zh": "旧"}}`); status != http.StatusPreconditionFailed {
			t.Errorf("change with an old tag: %d", status)
		}
		asked := 0
		for _, route := range h.server.engine.Routes() {
			if _, matched := route.Request.FieldByName("IfMatch"); !matched {
				continue
			}
			asked++
			path := strings.ReplaceAll(route.Path, ":town", "demo")
			for _, name := range strings.Split(path, "/") {
				if strings.HasPrefix(name, ":") {
					value := "00000000-0000-7000-8000-000000000000"
					if slices.Contains([]string{":measure", ":version", ":publication", ":sequence"}, name) {
						value = "1"
					}
					path = strings.ReplaceAll(path, name, value)
				}
			}
			status, _, text := send(route.Method, path, tag, "{}")
			if status == http.StatusPreconditionRequired || bytes.Contains(text, []byte("header/If-Match")) {
				t.Errorf("%s %s refuses the tag: %d %s", route.Method, path, status, text)
			}
		}
		if asked < 30 {
			t.Errorf("only %d routes ask for If-Match", asked)
		}
	})
}

// A key of one town sees of an open one what nobody needs a key for, as a stranger.
func TestAKeyOfOneTownIsAStrangerInAnother(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		own := h.As(h.key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"quiet"}}))
		own.Get("/towns/demo/branches").Want(http.StatusOK)
		own.Get("/towns/demo/people").Problem(http.StatusNotFound)
		own.Post("/towns/demo/kinds", object{"code": "one", "name": named("一")}).Problem(http.StatusNotFound)
		h.must(db.Exec("UPDATE towns SET open_results = ? WHERE code = 'demo'", false).Error)
		h.server.authCache.forget()
		own.Get("/towns/demo/branches").Problem(http.StatusNotFound)
	})
}

// What is not 0 is never read as 0.
func TestNumbersThatVanishAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		handler, err := h.server.engine.Handler()
		h.must(err)
		for body, refused := range map[string]bool{
			`{"weights": {"a": 1e-400}}`: true, `{"values": [{"branch": "b01", "indicator": "a", "value": -0.1e-500}]}`: true,
			`{"values": [{"branch": "1e-400", "indicator": "a", "value": 0e-400}]}`: false,
		} {
			w := do(handler, http.MethodPost, "/api/v1/towns/demo/periods/none/what-if", body,
				"Authorization", "Bearer "+h.secrets[policy.LeadingGroup])
			if got := strings.Contains(w.Body.String(), "number_too_small"); got != refused {
				t.Errorf("%s: %d %s", body, w.Code, w.Body)
			}
		}
	})
}

// Explanations add up to what is published, level by level, and all digits are for who may
// read the details.
func TestExplanationsAreRoundedToAddUp(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, as := demoTown(t, db)
		group, secretary := as[policy.LeadingGroup], as[policy.Secretary]
		cents := func(x float64) int64 { return int64(x*100 + 0.5*float64(sign(x))) }
		for _, b := range []string{"b01", "b07", "b18", "b36"} {
			at := quarter + "/branches/" + b
			card := apitest.Decode[index.Scorecard](group.Get(at), http.StatusOK)
			x := apitest.Decode[explanation.Explanation](group.Get(at+"/explanation"), http.StatusOK)
			if x.Base != *card.Base || x.Residual != 0 {
				t.Errorf("%s: base %v, published %v", b, x.Base, *card.Base)
			}
			sums := map[string]int64{}
			for _, n := range x.Nodes {
				if n.Parent != "" {
					sums[n.Parent] += cents(n.Points)
				}
				if float64(cents(n.Points))/100 != n.Points {
					t.Errorf("%s %s: %v has more than two decimals", b, n.Code, n.Points)
				}
			}
			for _, n := range x.Nodes {
				if sum, parent := sums[n.Code]; parent && sum != cents(n.Points) {
					t.Errorf("%s: the parts of %s sum to %d, it has %v", b, n.Code, sum, n.Points)
				}
			}
			exact := apitest.Decode[explanation.Explanation](group.Get(at+"/explanation?precise=true"), http.StatusOK)
			if exact.Base == x.Base && b != "b01" {
				t.Logf("%s: base %v has no more digits", b, exact.Base)
			}
		}
		nobody.Get(quarter + "/branches/b07/explanation").Want(http.StatusOK)
		nobody.Get(quarter + "/branches/b07/explanation?precise=true").Problem(http.StatusForbidden)
		secretary.Get(quarter + "/branches/b01/explanation?precise=true").Want(http.StatusOK)
		secretary.Get(quarter + "/branches/b07/explanation?precise=true").Problem(http.StatusForbidden)
	})
}

func sign(x float64) int {
	if x < 0 {
		return -1
	}
	return 1
}
