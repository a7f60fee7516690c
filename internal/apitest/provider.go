package apitest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Provider is an OpenID Connect provider on loopback that signs by RS256 and
// knows one person. A test bends one of its answers.
type Provider struct {
	*httptest.Server
	Now     time.Time
	Subject string
	Claims  func(c map[string]any) // changes the claims of the next tokens
	Header  map[string]any         // of the next tokens
	Signer  *rsa.PrivateKey        // of the next tokens
	Codes   map[string]url.Values  // that were not used yet, with what was asked for them
	Answers int                    // tokens told

	key *rsa.PrivateKey
}

// NewProvider starts a provider that ends with the test.
func NewProvider(t testing.TB, now time.Time) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &Provider{
		Now: now, Subject: "subject-7", Signer: key, Codes: map[string]url.Values{},
		Header: map[string]any{"alg": "RS256", "kid": "k"}, key: key,
	}
	mux := http.NewServeMux()
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": f.URL, "authorization_endpoint": f.URL + "/authorize", "token_endpoint": f.URL + "/token",
			"jwks_uri": f.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "kid": "k", "use": "sig", "alg": "RS256", "n": part(key.N.Bytes()),
			"e": part(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("POST /token", f.token)
	return f
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the test would see it
}

func part(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// token exchanges a code once, for who has its PKCE verifier.
func (f *Provider) token(w http.ResponseWriter, r *http.Request) {
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	asked, found := f.Codes[r.PostFormValue("code")]
	if !found || part(challenge[:]) != asked.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]any{"error": "invalid_grant"})
		return
	}
	delete(f.Codes, r.PostFormValue("code"))
	f.Answers++
	claims := map[string]any{
		"iss": f.URL, "aud": "bulwark", "sub": f.Subject, "nonce": asked.Get("nonce"), "iat": f.Now.Unix(),
		"exp": f.Now.Add(time.Minute).Unix(),
	}
	if f.Claims != nil {
		f.Claims(claims)
	}
	writeJSON(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": f.sign(claims)})
}

func (f *Provider) sign(claims map[string]any) string {
	header, _ := json.Marshal(f.Header)
	body, _ := json.Marshal(claims)
	signed := part(header) + "." + part(body)
	if f.Header["alg"] == "none" {
		return signed + "."
	}
	sum := sha256.Sum256([]byte(signed))
	signature, _ := rsa.SignPKCS1v15(rand.Reader, f.Signer, crypto.SHA256, sum[:])
	return signed + "." + part(signature)
}

// Visit is what a browser does that was sent to the address: it signs in and
// comes back with a code. The query of the address is returned too.
func (f *Provider) Visit(t testing.TB, address string) (state, code string, asked url.Values) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, f.URL+"/authorize?") {
		t.Fatalf("sent to %q", address)
	}
	asked = u.Query()
	code = rand.Text()
	f.Codes[code] = asked
	return asked.Get("state"), code, asked
}
