// Package config reads the settings of the service from the environment.
package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Config is every setting. Each variable is the name in the tag env behind
// BULWARK_; the tag doc is its line in docs/configuration.md.
type Config struct {
	DatabaseURL      string        `env:"DATABASE_URL" envDefault:"sqlite:bulwark.db" doc:"where the data is: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME" secret:"url"`
	PasswordFile     string        `env:"DATABASE_PASSWORD_FILE" doc:"file with the password for BULWARK_DATABASE_URL on PostgreSQL; empty = in the URL, or none"`
	MigrateURL       string        `env:"MIGRATE_DATABASE_URL" doc:"the same PostgreSQL database as the role that owns its schema, for migrate and restore, so that the service runs without that power; empty = one role for everything" secret:"url"`
	MigratePassword  string        `env:"MIGRATE_DATABASE_PASSWORD_FILE" doc:"file with the password for BULWARK_MIGRATE_DATABASE_URL; empty = in the URL, or none"`
	MaxConns         int           `env:"DATABASE_MAX_CONNS" envDefault:"8" doc:"the most connections to the database; with more than 16 the slowest answers get slower"`
	LockTimeout      time.Duration `env:"DATABASE_LOCK_TIMEOUT" envDefault:"5s" doc:"how long to wait for a row or for the write lock"`
	StatementTimeout time.Duration `env:"DATABASE_STATEMENT_TIMEOUT" envDefault:"15s" doc:"how long a statement may take on PostgreSQL"`

	Addr        string     `env:"ADDR" envDefault:"127.0.0.1:8080" doc:"address to listen on, HOST:PORT"`
	PublicURL   string     `env:"PUBLIC_URL" doc:"address at which people reach the service, such as https://bulwark.example.org, for the links that it hands out; empty = http:// and the address listened on"`
	MetricsAddr string     `env:"METRICS_ADDR" doc:"address for /metrics, HOST:PORT; empty = off"`
	LogLevel    slog.Level `env:"LOG_LEVEL" envDefault:"INFO" doc:"DEBUG, INFO, WARN or ERROR"`
	LogFormat   string     `env:"LOG_FORMAT" envDefault:"json" doc:"json or text"`

	HeaderTimeout  time.Duration `env:"HEADER_TIMEOUT" envDefault:"5s" doc:"how long a client may take to send the header of a request"`
	ReadTimeout    time.Duration `env:"READ_TIMEOUT" envDefault:"30s" doc:"how long a client may take to send a whole request"`
	RequestTimeout time.Duration `env:"REQUEST_TIMEOUT" envDefault:"20s" doc:"how long the service works on a request before it answers 503"`
	WriteTimeout   time.Duration `env:"WRITE_TIMEOUT" envDefault:"60s" doc:"how long an answer may take, from the end of the request's header to its own last byte"`
	IdleTimeout    time.Duration `env:"IDLE_TIMEOUT" envDefault:"2m" doc:"how long an unused connection stays open"`
	MaxHeaderBytes int           `env:"MAX_HEADER_BYTES" envDefault:"32768" doc:"the most bytes of a request's header"`
	BodyLimit      int64         `env:"BODY_LIMIT" envDefault:"1048576" doc:"the most bytes of a request's body, unless the route has a limit of its own"`

	AuditAnchors      string `env:"AUDIT_ANCHORS" doc:"file to which the end of each audit chain is appended once a minute, best on a disk of another machine; empty = none"`
	StopOnTampering   bool   `env:"STOP_ON_TAMPERING" envDefault:"false" doc:"true: /readyz turns 503 once an audit trail differs from its anchors, so that a load balancer sends no more requests; false: its answer only shows that"`
	SigningKeyFile    string `env:"SIGNING_KEY_FILE" doc:"file with the private key that signs publications and heads of audit trails, made by bulwark key signing; empty = unsigned"`
	SigningSM2KeyFile string `env:"SIGNING_SM2_KEY_FILE" doc:"file with a second private key, of SM2, that signs beside the first one; empty = none"`
	RequireSignature  bool   `env:"REQUIRE_SIGNATURE" envDefault:"false" doc:"true: no town publishes without a signing key"`

	EvidenceDir         string   `env:"EVIDENCE_DIR" doc:"folder of the files of evidence, made with the first one; empty = beside the SQLite file under its name with .evidence, or evidence in the current folder"`
	EvidenceS3URL       string   `env:"EVIDENCE_S3_URL" doc:"bucket for the files of evidence instead, of a service that speaks the protocol of S3: https://HOST/BUCKET or https://HOST/BUCKET/PREFIX; empty = the folder"`
	EvidenceS3Region    string   `env:"EVIDENCE_S3_REGION" doc:"region of the bucket; empty = the service is asked"`
	EvidenceS3AccessKey string   `env:"EVIDENCE_S3_ACCESS_KEY" doc:"name of the key for the bucket"`
	EvidenceS3Secret    string   `env:"EVIDENCE_S3_SECRET_FILE" doc:"file with the secret of that key"`
	WebhookAllow        []string `env:"WEBHOOK_ALLOW" doc:"addresses or CIDR ranges of private networks that webhooks may reach, also without HTTPS, separated by commas; empty = public addresses by HTTPS only"`

	KeepAnswers time.Duration `env:"IDEMPOTENCY_KEEP" envDefault:"48h" doc:"how long the answer to a request with an Idempotency-Key is stored for retries"`

	ReadOnly       bool   `env:"READ_ONLY" envDefault:"false" doc:"true: the service changes nothing. Every write gets 503 read_only, reads work, and background work is stopped"`
	SetupTokenFile string `env:"SETUP_TOKEN_FILE" doc:"file, readable by its owner only, for the token with which the first administrator is made; empty = beside the SQLite file, or setup-token in the current folder"`

	DrainDelay   time.Duration `env:"DRAIN_DELAY" envDefault:"0s" doc:"at shutdown, how long /readyz answers 503 before the listener closes, for load balancers"`
	DrainTimeout time.Duration `env:"DRAIN_TIMEOUT" envDefault:"20s" doc:"at shutdown, how long running requests may take to finish"`

	TrustedProxies []string `env:"TRUSTED_PROXIES" doc:"addresses or CIDR ranges of proxies whose X-Forwarded-For is trusted, separated by commas"`
	CORSOrigins    []string `env:"CORS_ORIGINS" doc:"origins whose pages may call the API, such as https://example.org, separated by commas"`
	BehindTLS      bool     `env:"BEHIND_TLS" envDefault:"false" doc:"true if a proxy in front speaks HTTPS: answers then carry Strict-Transport-Security, and cookies are secure"`

	SessionIdle time.Duration `env:"SESSION_IDLE" envDefault:"30m" doc:"how long a session lasts without use"`
	SessionMax  time.Duration `env:"SESSION_MAX" envDefault:"12h" doc:"how long a session lasts at most"`
	Rate        int           `env:"RATE" envDefault:"500" doc:"requests per second of one key, one account or, without either, one address; 0 = no limit"`
	Burst       int           `env:"BURST" envDefault:"1000" doc:"requests of one of them at once, before BULWARK_RATE counts"`
	WriteRate   int           `env:"WRITE_RATE" envDefault:"20" doc:"changes per second of one person, or of one key or account without a person; 0 = no limit"`
	WriteBurst  int           `env:"WRITE_BURST" envDefault:"200" doc:"changes of one of them at once, before BULWARK_WRITE_RATE counts"`

	OIDCIssuer       string `env:"OIDC_ISSUER" doc:"address of an OpenID Connect provider to sign in through, such as https://id.example.org; empty = off"`
	OIDCClientID     string `env:"OIDC_CLIENT_ID" doc:"the id of this service at the provider"`
	OIDCClientSecret string `env:"OIDC_CLIENT_SECRET" doc:"the secret of this service at the provider" secret:"all"`
	OIDCRedirectURL  string `env:"OIDC_REDIRECT_URL" doc:"where the provider sends browsers back; empty = /api/v1/oidc/callback below BULWARK_PUBLIC_URL"`
}

// OwnerURL returns the URL of the role that owns the schema: the service's own where no
// other is set.
func (c Config) OwnerURL() string { return cmp.Or(c.MigrateURL, c.DatabaseURL) }

// Link returns the absolute address of a path of the service, as people reach it. Without
// PublicURL that is the address listened on, or this machine where that is every one.
func (c Config) Link(path string) string {
	if c.PublicURL != "" {
		return strings.TrimRight(c.PublicURL, "/") + path
	}
	host, port, _ := net.SplitHostPort(c.Addr)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + path
}

// Bucket returns the parts of the address of the bucket for evidence, and whether it is one.
// The prefix is empty or ends with a slash.
func (c Config) Bucket() (endpoint, bucket, prefix string, ok bool) {
	u, err := url.Parse(c.EvidenceS3URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil ||
		strings.ContainsAny(c.EvidenceS3URL, "?#") {
		return "", "", "", false
	}
	bucket, prefix, _ = strings.Cut(strings.Trim(u.Path, "/"), "/")
	if prefix != "" {
		prefix += "/"
	}
	return u.Host, bucket, prefix, bucket != ""
}

// Base returns the path below which people reach the service, without a slash at its end:
// empty unless a proxy serves it below another one.
func (c Config) Base() string {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.EscapedPath(), "/")
}

// ProviderReturn returns where the OpenID Connect provider sends browsers back.
func (c Config) ProviderReturn() string {
	return cmp.Or(c.OIDCRedirectURL, c.Link("/api/v1/oidc/callback"))
}

// Setting is one setting as it is shown.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // environment or default
}

// Settings returns the settings and where they come from, in the order of Config. A default
// that follows from another setting is shown as it is used. What a tag calls secret is never shown: of a URL the password and the query, which may hold
// one too.
func (c Config) Settings(environ []string) []Setting {
	given := env.ToMap(environ)
	c.PublicURL = c.Link("")
	if c.OIDCIssuer != "" {
		c.OIDCRedirectURL = c.ProviderReturn()
	}
	v := reflect.ValueOf(c)
	list := make([]Setting, v.NumField())
	for i := range list {
		f := v.Type().Field(i)
		shown := fmt.Sprint(v.Field(i).Interface())
		if list, ok := v.Field(i).Interface().([]string); ok {
			shown = strings.Join(list, ",")
		}
		switch f.Tag.Get("secret") {
		case "url":
			shown = withoutPassword(shown)
		case "all":
			shown = hidden(shown)
		}
		list[i] = Setting{prefix + f.Tag.Get("env"), shown, "default"}
		if given[list[i].Name] != "" {
			list[i].Origin = "environment"
		}
	}
	return list
}

// String lists the settings as NAME=value lines, without secrets: see Settings.
func (c Config) String() string {
	var b strings.Builder
	for _, s := range c.Settings(nil) {
		b.WriteString(s.Name + "=" + s.Value + "\n")
	}
	return b.String()
}

// Public reports whether others than this machine can reach the address of the service.
func (c Config) Public() bool {
	host, _, _ := net.SplitHostPort(c.Addr)
	return !loopback(host)
}

// PlainLinks reports whether the links that the service hands out lead others than this
// machine to an address without HTTPS.
func (c Config) PlainLinks() bool {
	u, err := url.Parse(c.PublicURL)
	return err == nil && u.Scheme == "http" && !loopback(u.Hostname())
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// GoString keeps %#v from printing what String hides.
func (c Config) GoString() string { return c.String() }

func hidden(s string) string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

func withoutPassword(s string) string {
	if strings.HasPrefix(s, "sqlite:") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "(hidden)"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery = ""
	return u.String()
}
