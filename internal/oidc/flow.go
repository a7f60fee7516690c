package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// FlowTime is how long somebody may take at the provider.
const FlowTime = 10 * time.Minute

// flow is one sign-in under way. The browser keeps it, sealed, so that any
// server of the installation can finish what another one began.
type flow struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE
	Ends     time.Time `json:"e"`
}

// seal makes the flow unreadable and unforgeable without the client secret.
func (p *Provider) seal(f flow) (string, error) {
	box, err := p.box()
	if err != nil {
		return "", err
	}
	open, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, box.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(box.Seal(nonce, nonce, open, nil)), nil
}

// open gives the flow if this installation sealed it and it is not over.
func (p *Provider) open(sealed string) (f flow, ok bool) {
	box, err := p.box()
	if err != nil {
		return flow{}, false
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(data) < box.NonceSize() {
		return flow{}, false
	}
	open, err := box.Open(nil, data[:box.NonceSize()], data[box.NonceSize():], nil)
	if err != nil || json.Unmarshal(open, &f) != nil {
		return flow{}, false
	}
	return f, p.Now().Before(f.Ends)
}

func (p *Provider) box() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(p.ClientSecret), nil, "bulwark oidc flow", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// spend reports whether the flow is used for the first time, as far as this
// server knows; the provider refuses a code that is used twice.
func (p *Provider) spend(f flow) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	for state, ends := range p.used {
		if !now.Before(ends) {
			delete(p.used, state)
		}
	}
	if _, again := p.used[f.State]; again {
		return false
	}
	if p.used == nil {
		p.used = map[string]time.Time{}
	}
	p.used[f.State] = f.Ends
	return true
}
