package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// check adds what is readable but cannot work.
func (c *Config) check(m *Mistakes) {
	m.address("BULWARK_ADDR", c.Addr)
	if c.MetricsAddr != "" {
		m.address("BULWARK_METRICS_ADDR", c.MetricsAddr)
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		m.add("BULWARK_LOG_FORMAT=%q 应为 json 或 text", "BULWARK_LOG_FORMAT=%q should be json or text", c.LogFormat)
	}
	m.atLeast("BULWARK_DATABASE_MAX_CONNS", int64(c.MaxConns), 1)
	m.atLeast("BULWARK_MAX_HEADER_BYTES", int64(c.MaxHeaderBytes), 4096)
	m.atLeast("BULWARK_BODY_LIMIT", c.BodyLimit, 1024)
	m.atLeast("BULWARK_RATE", int64(c.Rate), 0)
	m.atLeast("BULWARK_BURST", int64(c.Burst), 1)
	c.checkTimes(m)
	c.checkOIDC(m)
	for _, p := range c.TrustedProxies {
		if !addressOrRange(p) {
			m.add("BULWARK_TRUSTED_PROXIES：%q 不是 IP 地址或 CIDR 网段", "BULWARK_TRUSTED_PROXIES: %q is no IP address or CIDR range", p)
		}
	}
	for _, o := range c.CORSOrigins {
		if !origin(o) {
			m.add("BULWARK_CORS_ORIGINS：%q 应形如 https://example.org，不带路径", "BULWARK_CORS_ORIGINS: %q should look like https://example.org, without a path", o)
		}
	}
}

// checkTimes wants every limit to exist: a timeout of zero would mean none.
func (c *Config) checkTimes(m *Mistakes) {
	for _, t := range []struct {
		name  string
		value time.Duration
	}{
		{"DATABASE_LOCK_TIMEOUT", c.LockTimeout},
		{"DATABASE_STATEMENT_TIMEOUT", c.StatementTimeout},
		{"HEADER_TIMEOUT", c.HeaderTimeout},
		{"READ_TIMEOUT", c.ReadTimeout},
		{"REQUEST_TIMEOUT", c.RequestTimeout},
		{"WRITE_TIMEOUT", c.WriteTimeout},
		{"IDLE_TIMEOUT", c.IdleTimeout},
		{"IDEMPOTENCY_KEEP", c.KeepAnswers},
		{"DRAIN_TIMEOUT", c.DrainTimeout},
		{"SESSION_IDLE", c.SessionIdle},
		{"SESSION_MAX", c.SessionMax},
	} {
		if t.value <= 0 {
			m.add("%s=%s 应大于 0", "%s=%s should be more than 0", prefix+t.name, t.value)
		}
	}
	if c.DrainDelay < 0 {
		m.add("BULWARK_DRAIN_DELAY=%s 不能为负", "BULWARK_DRAIN_DELAY=%s may not be negative", c.DrainDelay)
	}
	if c.WriteTimeout <= c.RequestTimeout {
		m.add("BULWARK_WRITE_TIMEOUT=%s 应长于 BULWARK_REQUEST_TIMEOUT=%s，否则超时答复发不出去",
			"BULWARK_WRITE_TIMEOUT=%s should be longer than BULWARK_REQUEST_TIMEOUT=%s, or the answer to a slow request cannot be sent", c.WriteTimeout, c.RequestTimeout)
	}
}

// checkOIDC wants all of a provider or nothing.
func (c *Config) checkOIDC(m *Mistakes) {
	if c.OIDCIssuer+c.OIDCClientID+c.OIDCClientSecret+c.OIDCRedirectURL == "" {
		return
	}
	if c.OIDCIssuer == "" || c.OIDCClientID == "" || c.OIDCClientSecret == "" || c.OIDCRedirectURL == "" {
		m.add("BULWARK_OIDC_ISSUER、_CLIENT_ID、_CLIENT_SECRET、_REDIRECT_URL 须同时给出", "BULWARK_OIDC_ISSUER, _CLIENT_ID, _CLIENT_SECRET and _REDIRECT_URL go together: set all four or none")
		return
	}
	for name, value := range map[string]string{"BULWARK_OIDC_ISSUER": c.OIDCIssuer, "BULWARK_OIDC_REDIRECT_URL": c.OIDCRedirectURL} {
		if u, err := url.Parse(value); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			m.add("%s=%q 应为完整的网址，例如 https://id.example.org", "%s=%q should be a whole address such as https://id.example.org", name, value)
		}
	}
}

func (m *Mistakes) address(name, value string) {
	if _, port, err := net.SplitHostPort(value); err != nil || port == "" {
		m.add("%s=%q 应为 主机:端口，例如 127.0.0.1:8080", "%s=%q should be HOST:PORT such as 127.0.0.1:8080", name, value)
	}
}

func (m *Mistakes) atLeast(name string, value, least int64) {
	if value < least {
		m.add("%s=%d 至少应为 %d", "%s=%d should be at least %d", name, value, least)
	}
}

func addressOrRange(s string) bool {
	_, err := netip.ParseAddr(s)
	if err != nil {
		_, err = netip.ParsePrefix(s)
	}
	return err == nil
}

// origin reports whether s is exactly what a browser sends in Origin.
func origin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && s == u.Scheme+"://"+strings.ToLower(u.Host)
}
