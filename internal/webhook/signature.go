package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// secretPrefix begins every secret, as Standard Webhooks 1.0 has it.
const secretPrefix = "whsec_"

// newSecret returns a secret of 32 random bytes.
func newSecret() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(random)
}

// sign sets the headers by which a receiver knows that the body is ours: one signature for
// each of the secrets that hold at the time.
func (w Webhook) sign(h http.Header, id string, at time.Time, body []byte) error {
	stamp := strconv.FormatInt(at.Unix(), 10)
	secrets := []string{w.Secret}
	if w.OldSecretUntil != nil && at.Before(*w.OldSecretUntil) {
		secrets = append(secrets, w.OldSecret)
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
		if err != nil {
			return err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", strings.Join(signatures, " "))
	return nil
}

// jsonList returns a list as its column has it.
func jsonList(list []string) string {
	text, _ := json.Marshal(list) // texts can always be written
	return string(text)
}
