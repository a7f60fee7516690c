package webhook

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"bulwark/internal/feed"
)

var sample = flag.String("sample", "", "file for a signed event, which make clients verifies in JavaScript")

// What is signed passes the official library with either secret while two hold, and with no
// other.
func TestSignaturesPassTheOfficialLibrary(t *testing.T) {
	now := time.Now().UTC()
	until := now.Add(time.Hour)
	w := Webhook{Secret: newSecret(), OldSecret: newSecret(), OldSecretUntil: &until}
	body, err := feed.Event{
		SpecVersion: "1.0", ID: "0190a6e2-7c1b-7a53-9f21-0242ac120002", Source: "https://bulwark.example.org/api/v1/towns/demo",
		Type: "plan.approved", Subject: "plans/1", Time: now, Timestamp: now, ContentType: "application/json",
		Data: feed.EventData{Town: "demo", Sequence: 42, Branch: "b07", URL: "https://bulwark.example.org/api/v1/towns/demo/plans/1"},
	}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if err := w.sign(h, "0190a6e2-7c1b-7a53-9f21-0242ac120002", now, body); err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]bool{w.Secret: true, w.OldSecret: true, newSecret(): false} {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(body, h); (err == nil) != want {
			t.Errorf("verified: %v, want %v", err, want)
		}
	}
	if !strings.HasPrefix(w.Secret, "whsec_") || w.Secret == w.OldSecret {
		t.Errorf("the secrets are %q and %q", w.Secret, w.OldSecret)
	}
	if *sample == "" {
		return
	}
	headers := map[string]string{}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		headers[name] = h.Get(name)
	}
	text, err := json.Marshal(map[string]any{"secrets": []string{w.Secret, w.OldSecret}, "headers": headers, "body": string(body)})
	if err == nil {
		err = os.WriteFile(*sample, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
