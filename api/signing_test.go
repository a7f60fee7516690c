package api

import (
	"archive/zip"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/signature"
)

// signs makes a key for the service and returns its file and the public key.
func (h *harness) signs(algorithm string) (file, public string) {
	h.t.Helper()
	file = filepath.Join(h.t.TempDir(), "signing.key")
	public, err := signature.CreateKey(file, algorithm, "bulwark", h.server.Now(), signature.Keys{})
	h.must(err)
	h.server.Signing.Signer = signature.SignerOf(file)
	return file, public
}

func packageOf(t *testing.T, c *apitest.Client, number string) (content []byte, names []string) {
	t.Helper()
	content = c.Get(q1 + "/publications/" + number + "/package").Want(http.StatusOK).Body
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	return content, names
}

// isSigned checks one publication, its receipt and its verification.
func (h *harness) isSigned(number string, signed bool) {
	h.t.Helper()
	p := apitest.Decode[index.PublicationDetail](h.Get(q1+"/publications/"+number), http.StatusOK)
	r := apitest.Decode[index.Receipt](h.Get(q1+"/receipt?publication="+number), http.StatusOK)
	if p.Signed != signed || r.Signed != signed || p.Note != r.Note ||
		!strings.Contains(p.Note, "\nresult_hash "+p.ResultHash+"\n") {
		h.t.Errorf("publication %s is signed: %t, its receipt: %t, want %t\n%s", number, p.Signed, r.Signed, signed, p.Note)
	}
	if p.Notice == nil || p.Notice.Signed != signed {
		h.t.Errorf("the notice of %s: %+v", number, p.Notice)
	}
}

// A publication and its amendment are signed, each by the key of its time; what each
// caller downloads of them is checked with a public key alone, also after that key was
// replaced.
func TestPublicationsAreSigned(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		file, first := h.signs(signature.Ed25519)
		published(h)
		h.isSigned("1", true)
		open := []string{
			"README.md", "note.txt", "receipt.json", "keys.json", "scheme.json", "result.txt", "results.csv", "nodes.csv",
		}
		for role, more := range map[policy.Role][]string{
			"": nil, policy.Reader: nil, policy.Secretary: {"details/b01.csv"},
			policy.LeadingGroup: {"details/b01.csv", "details/b02.csv", "details/b03.csv", "data.csv"},
		} {
			c := h.Client
			if role != "" {
				c = h.as(role)
			}
			content, names := packageOf(t, c, "1")
			if want := slices.Concat(open, more, []string{"datapackage.json"}); !slices.Equal(names, want) {
				t.Errorf("%q gets %v, want %v", role, names, want)
			}
			if v := index.VerifyPackage(content, []string{first}); !v.OK || v.Town != "demo" || v.Period != "2026Q1" {
				t.Errorf("%q: %+v", role, v)
			}
			if again, _ := packageOf(t, c, "1"); !bytes.Equal(content, again) {
				t.Errorf("%q gets another package the second time", role)
			}
		}
		second, err := signature.RotateKey(file, h.server.Now())
		h.must(err)
		amended(h, "2026Q1", "b01", "meetings", 1)
		h.isSigned("2", true)
		for _, number := range []string{"1", "2"} {
			if v := apitest.Decode[index.Verification](h.Get(q1+"/receipt/verify?publication="+number), http.StatusOK); !v.OK ||
				!slices.ContainsFunc(v.Checks,
					func(c index.Check) bool { return c.What == "signature" && c.Computed == "signed" }) {
				t.Errorf("%+v", v)
			}
			content, _ := packageOf(t, h.Client, number)
			for _, key := range []string{first, second} {
				if v := index.VerifyPackage(content, []string{key}); !v.OK {
					t.Errorf("publication %s with %s: %+v", number, key, v)
				}
			}
		}
		handler, err := h.server.Handler()
		h.must(err)
		keys, err := signature.ParseKeys(do(handler, http.MethodGet, "/.well-known/bulwark-keys", "").Body.Bytes())
		if err != nil || len(keys.Keys) != 2 || keys.Keys[0].PublicKey != first || keys.Keys[0].Until == nil ||
			keys.Keys[1].PublicKey != second {
			t.Errorf("%+v, %v", keys, err)
		}
		trail := string(h.as(policy.Admin).Get("/audit?subject=signing-keys").Want(http.StatusOK).Body)
		if strings.Count(trail, "signing_key.begin") != 2 || strings.Count(trail, "signing_key.end") != 1 {
			t.Errorf("the trail has\n%s", trail)
		}
		head := apitest.Decode[signedHead](h.as(policy.LeadingGroup).Get("/towns/demo/audit/head"), http.StatusOK)
		text, _, err := keys.Open(head.Note, h.server.Now())
		if err != nil || !strings.HasPrefix(text, "bulwark/head 1\ntown demo\n") ||
			!strings.Contains(text, "\nhash "+head.Hash+"\n") {
			t.Errorf("%s, %v", head.Note, err)
		}
	})
}

// Where the town or the installation requires a signature, nothing is published without
// a key that can be used; elsewhere it is published, and says that it is unsigned.
func TestPublishingWithoutAKey(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		requires := func(yes bool) {
			t.Helper()
			c := h.as(policy.Admin)
			now := c.Get("/towns/demo").Want(http.StatusOK)
			c.IfMatch(now.ETag()).Put("/towns/demo",
				object{"name": object{"en": "demo"}, "open_results": true, "require_signature": yes}).Want(http.StatusOK)
		}
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		scored(h, "2026Q1")
		h.steps("2026Q1", "review", "locked")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		var waiting *apitest.Answer // a proposal that a second person has not confirmed
		publish := func() *apitest.Answer {
			if waiting == nil {
				a := publishes(group.Lang("en"))
				if a.Status != http.StatusAccepted {
					return a
				}
				waiting = a
			}
			return decides(group.Lang("en").Second(), waiting, "confirmed")
		}
		refusedFor := func(says string) {
			t.Helper()
			p := publish().Problem(http.StatusServiceUnavailable)
			if p.Code != "no_signing_key" || !strings.Contains(p.Detail, says) ||
				!strings.Contains(p.Detail, "bulwark key signing --out FILE") {
				t.Errorf("%+v", p)
			}
			if state := apitest.Decode[evaluation.Period](group.Get(q1), http.StatusOK).State; state != evaluation.Locked {
				t.Errorf("the period is %s", state)
			}
		}
		requires(true)
		refusedFor("the settings of the town")
		h.server.Signing.Required = true
		refusedFor("BULWARK_REQUIRE_SIGNATURE")
		requires(false)
		refusedFor("BULWARK_REQUIRE_SIGNATURE")
		if waiting != nil {
			t.Error("what cannot be published was proposed")
		}
		h.server.Signing.Required = false
		waiting = publishes(group).Want(http.StatusAccepted)
		h.server.Signing.Required = true
		refusedFor("BULWARK_REQUIRE_SIGNATURE") // at the confirmation
		file, public := h.signs(signature.SM2)
		if runtime.GOOS != "windows" {
			h.must(os.Chmod(file, 0o644))
			if p := publish().Problem(http.StatusServiceUnavailable); p.Code != "key_readable" ||
				!strings.Contains(p.Detail, "chmod 600") {
				t.Errorf("%+v", p)
			}
			h.must(os.Chmod(file, 0o600))
		}
		h.server.Signing = signature.Settings{}
		publish().Want(http.StatusOK)
		h.isSigned("1", false)
		content, _ := packageOf(t, h.Client, "1")
		if v := index.VerifyPackage(content, []string{public}); v.OK {
			t.Errorf("%+v", v)
		}
		verify := func() index.Verification {
			t.Helper()
			return apitest.Decode[index.Verification](h.Get(q1+"/receipt/verify"), http.StatusOK)
		}
		if v := verify(); !v.OK {
			t.Errorf("an unsigned publication from before there was a key: %+v", v)
		}
		h.server.Signing.Required = true
		refused(t, group.Post(q1+"/publications", object{
			"reason": "x", "corrections": []object{{"branch": "b01", "code": "meetings", "value": 1}},
		}), http.StatusServiceUnavailable, "no_signing_key")
		h.server.Signing.Required = false
		if n, err := (index.Publication{}).CountUnsigned(t.Context(), db); err != nil || n != 1 {
			t.Errorf("%d are unsigned, %v", n, err)
		}
		if text := apitest.Decode[signedHead](group.Get("/towns/demo/audit/head"), http.StatusOK); text.Note != "" {
			t.Errorf("a head without a key has the note %q", text.Note)
		}
	})
}

// Whoever owns the database and not the key can neither change what was signed, nor take
// the signature away, nor sign with a key of his or her own.
func TestTheOwnerOfTheDatabaseCannotSign(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.signs(signature.Ed25519)
		published(h)
		owner := unguarded(t, db)
		var p index.Publication
		h.must(db.Take(&p).Error)
		text, _ := signature.Split(p.Note)
		other := filepath.Join(t.TempDir(), "other.key")
		_, err := signature.CreateKey(other, signature.Ed25519, "bulwark", h.server.Now().Add(-time.Hour), signature.Keys{})
		h.must(err)
		forged, err := signature.SignerOf(other).Sign(strings.Replace(text, "seed ", "seed 1", 1))
		h.must(err)
		planted, err := signature.SignerOf(other).Statements()
		h.must(err)
		h.must(db.Create(&signature.Statement{
			Digest: strings.Repeat("0", 64), Note: planted[0], RecordedAt: h.server.Now(),
		}).Error)
		fails := func(what string, want ...string) {
			t.Helper()
			// another process: the first one keeps what it read of the publication
			v := apitest.Decode[index.Verification](h.restarted().Get(q1+"/receipt/verify"), http.StatusOK)
			var failed []string
			for _, check := range v.Checks {
				if !check.OK {
					failed = append(failed, check.What)
				}
			}
			if !slices.Equal(failed, want) {
				t.Errorf("%s: %v fail, want %v: %+v", what, failed, want, v.Checks)
			}
		}
		for what, c := range map[string]struct {
			note   string
			failed []string
		}{
			"taken away": {text, []string{"signature", "rows"}},
			"changed": {
				strings.Replace(p.Note, "publication 1\nr", "publication 2\nr", 1), []string{"note", "signature", "rows"},
			},
			"signed with another": {forged, []string{"note", "signature", "rows"}},
			"another trail": {
				strings.Replace(p.Note, "\ntrail ", "\ntrail 1", 1), []string{"signature", "trail", "rows"},
			},
			"as it was, once more": {p.Note, nil},
		} {
			h.must(owner.Exec("UPDATE publications SET note = ?", c.note).Error)
			fails(what, c.failed...)
		}
		h.must(owner.Exec("UPDATE publications SET note = ?, proposed_by = '', confirmed_by = ''", p.Note).Error)
		fails("as if one person had made it", "note", "rows")
		keys, err := signature.Load(signature.With(t.Context(), h.server.Signing), db)
		h.must(err)
		if strange, err := keys.Strange(t.Context(), db); err != nil || len(strange) != 1 || len(keys.Keys) != 1 {
			t.Errorf("%d strange statements, %d keys, %v", len(strange), len(keys.Keys), err)
		}
		if head, err := audit.FindHead(t.Context(), db, "demo"); err != nil || head.Sequence == 0 {
			t.Error(err)
		}
	})
}
