package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

const prefix = "BULWARK_"

// Mistakes is everything wrong with the settings, one line each.
type Mistakes []text.Text

// Error is the English form.
func (m Mistakes) Error() string { return m.In("en") }

// In returns the lines in the language ("zh" or "en").
func (m Mistakes) In(language string) string {
	lines := make([]string, len(m))
	for i, t := range m {
		lines[i] = t.In(language)
	}
	return strings.Join(lines, "\n")
}

func (m *Mistakes) add(zh, en string, args ...any) { *m = append(*m, text.F(zh, en, args...)) }

// Load reads the settings from an environment as os.Environ returns it. The error
// is Mistakes: all of them, so that one edit can mend all. also adds what only the
// caller can check.
func Load(environ []string, also ...func(Config) error) (Config, error) {
	var m Mistakes
	given := env.ToMap(environ)
	for _, name := range unknown(given) {
		m.add("没有名为 %s 的设置；是否想写 %s？", "there is no setting %s; did you mean %s?", name, nearest(name))
	}
	c, err := parse(given)
	var all env.AggregateError
	switch {
	case errors.As(err, &all):
		for _, e := range all.Errors {
			delete(given, m.unreadable(e, given))
		}
		if c, err = parse(given); err != nil { // with the default in its place the others can be checked
			return Config{}, m
		}
	case err != nil:
		m.add("无法读取设置：%v", "the settings cannot be read: %v", err)
		return Config{}, m
	}
	c.check(&m)
	for _, check := range also {
		var e *fault.Error
		if err := check(c); errors.As(err, &e) {
			m = append(m, e.Message)
		}
	}
	if len(m) > 0 {
		return Config{}, m
	}
	return c, nil
}

func parse(given map[string]string) (c Config, err error) {
	err = env.ParseWithOptions(&c, env.Options{Environment: given, Prefix: prefix})
	return c, err
}

// unreadable adds what a value should look like instead, and returns the variable.
func (m *Mistakes) unreadable(err error, given map[string]string) (name string) {
	var p env.ParseError
	if !errors.As(err, &p) {
		m.add("%v", "%v", err)
		return ""
	}
	f, _ := reflect.TypeFor[Config]().FieldByName(p.Name)
	name = prefix + f.Tag.Get("env")
	want := wanted[f.Type.String()]
	m.add("%[1]s=%[2]q 不是%[3]s", "%[1]s=%[2]q is not %[4]s", name, given[name], want.ZH, want.EN)
	return name
}

var wanted = map[string]text.Text{
	"int":           {ZH: "整数", EN: "a whole number"},
	"int64":         {ZH: "整数", EN: "a whole number"},
	"bool":          {ZH: " true 或 false", EN: "true or false"},
	"time.Duration": {ZH: "时长，例如 30s 或 2m", EN: "a duration such as 30s or 2m"},
	"slog.Level":    {ZH: "日志级别 DEBUG、INFO、WARN 或 ERROR", EN: "one of DEBUG, INFO, WARN, ERROR"},
}

// names lists every variable in the order of Config.
func names() (all []string) {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		all = append(all, prefix+t.Field(i).Tag.Get("env"))
	}
	return all
}

func unknown(given map[string]string) (strange []string) {
	for name := range given {
		if strings.HasPrefix(name, prefix) && !slices.Contains(names(), name) {
			strange = append(strange, name)
		}
	}
	slices.Sort(strange)
	return strange
}

// far is beyond any distance between two names.
const far = 1 << 10

func nearest(name string) string {
	return slices.MinFunc(names(),
		func(a, b string) int { return text.Distance(name, a, far) - text.Distance(name, b, far) })
}

// check adds what is readable but cannot work.
func (c *Config) check(m *Mistakes) {
	m.address("BULWARK_ADDR", c.Addr)
	if c.MetricsAddr != "" {
		m.address("BULWARK_METRICS_ADDR", c.MetricsAddr)
	}
	if c.PublicURL != "" {
		m.publicAddress(c.PublicURL)
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		m.add("BULWARK_LOG_FORMAT=%q 应为 json 或 text", "BULWARK_LOG_FORMAT=%q should be json or text", c.LogFormat)
	}
	if c.MigrateURL != "" && (!isPostgres(c.MigrateURL) || !isPostgres(c.DatabaseURL)) {
		m.add("BULWARK_MIGRATE_DATABASE_URL 只用于 PostgreSQL，且 BULWARK_DATABASE_URL 须指向同一个数据库",
			"BULWARK_MIGRATE_DATABASE_URL is for PostgreSQL only, and BULWARK_DATABASE_URL must name the same database")
	}
	c.DatabaseURL = m.withPassword("BULWARK_DATABASE", c.DatabaseURL, c.PasswordFile)
	c.MigrateURL = m.withPassword("BULWARK_MIGRATE_DATABASE", c.MigrateURL, c.MigratePassword)
	m.atLeast("BULWARK_DATABASE_MAX_CONNS", int64(c.MaxConns), 1)
	m.atLeast("BULWARK_MAX_HEADER_BYTES", int64(c.MaxHeaderBytes), 4096)
	m.atLeast("BULWARK_BODY_LIMIT", c.BodyLimit, 1024)
	m.atLeast("BULWARK_RATE", int64(c.Rate), 0)
	m.atLeast("BULWARK_BURST", int64(c.Burst), 1)
	m.atLeast("BULWARK_WRITE_RATE", int64(c.WriteRate), 0)
	m.atLeast("BULWARK_WRITE_BURST", int64(c.WriteBurst), 1)
	c.checkTimes(m)
	c.checkOIDC(m)
	c.checkEvidence(m)
	for _, p := range c.TrustedProxies {
		if !addressOrRange(p) {
			m.add("BULWARK_TRUSTED_PROXIES：%q 不是 IP 地址或 CIDR 网段", "BULWARK_TRUSTED_PROXIES: %q is no IP address or CIDR range",
				p)
		} else if strings.HasSuffix(p, "/0") {
			m.add("BULWARK_TRUSTED_PROXIES：%q 会信任任何人，谁都能伪造来源地址；请写代理服务器的地址",
				"BULWARK_TRUSTED_PROXIES: %q trusts everybody, and anyone could forge the address of a client: name the proxies", p)
		}
	}
	for _, p := range c.WebhookAllow {
		if !addressOrRange(p) {
			m.add("BULWARK_WEBHOOK_ALLOW：%q 不是 IP 地址或 CIDR 网段", "BULWARK_WEBHOOK_ALLOW: %q is no IP address or CIDR range", p)
		} else if strings.HasSuffix(p, "/0") {
			m.add("BULWARK_WEBHOOK_ALLOW：%q 会开放一切地址，包括本机；请写所需的网段",
				"BULWARK_WEBHOOK_ALLOW: %q opens every address, this machine included: name the ranges that are needed", p)
		}
	}
	for _, o := range c.CORSOrigins {
		if !origin(o) {
			m.add("BULWARK_CORS_ORIGINS：%q 应形如 https://example.org，不带路径",
				"BULWARK_CORS_ORIGINS: %q should look like https://example.org, without a path", o)
		}
	}
}

func isPostgres(u string) bool {
	return strings.HasPrefix(u, "postgres:") || strings.HasPrefix(u, "postgresql:")
}

// withPassword returns the URL with the password of the file in it; a URL that cannot be
// read stays, database.Open explains it.
func (m *Mistakes) withPassword(name, address, file string) string {
	if file == "" {
		return address
	}
	content, err := os.ReadFile(file)
	if err != nil {
		m.add("%[1]s_PASSWORD_FILE：无法读取文件 %[2]s", "%[1]s_PASSWORD_FILE: the file %[2]s cannot be read", name, file)
		return address
	}
	u, err := url.Parse(address)
	if err != nil || !isPostgres(address) || u.User == nil {
		m.add("%[1]s_PASSWORD_FILE 需要形如 postgres://用户@主机/库名 的 %[1]s_URL",
			"%[1]s_PASSWORD_FILE needs %[1]s_URL to look like postgres://USER@HOST/NAME", name)
		return address
	}
	if _, given := u.User.Password(); given {
		m.add("%[1]s_URL 中的密码与 %[1]s_PASSWORD_FILE 只能给出一个",
			"%[1]s_URL has a password and %[1]s_PASSWORD_FILE is set: use one of them", name)
		return address
	}
	u.User = url.UserPassword(u.User.Username(), strings.TrimRight(string(content), "\r\n"))
	return u.String()
}

// checkTimes requires every limit to exist: a timeout of zero would mean none.
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

// publicAddress requires an address to which paths can be appended.
func (m *Mistakes) publicAddress(value string) {
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil ||
		strings.ContainsAny(value, "?#") || !text.Printable(value, false) || strings.Contains(value, " ") {
		m.add("BULWARK_PUBLIC_URL=%q 应为完整的网址，例如 https://bulwark.example.org，不带用户、? 和 #",
			"BULWARK_PUBLIC_URL=%q should be a whole address such as https://bulwark.example.org, without a user, ? and #", value)
	}
}

// checkOIDC requires all settings of a provider or none; the address of the way back may be
// left to BULWARK_PUBLIC_URL.
func (c *Config) checkOIDC(m *Mistakes) {
	if c.OIDCIssuer+c.OIDCClientID+c.OIDCClientSecret+c.OIDCRedirectURL == "" {
		return
	}
	if c.OIDCIssuer == "" || c.OIDCClientID == "" || c.OIDCClientSecret == "" {
		m.add("BULWARK_OIDC_ISSUER、_CLIENT_ID、_CLIENT_SECRET 须同时给出",
			"BULWARK_OIDC_ISSUER, _CLIENT_ID and _CLIENT_SECRET go together: set all three or none")
		return
	}
	for name, value := range map[string]string{
		"BULWARK_OIDC_ISSUER":       c.OIDCIssuer,
		"BULWARK_OIDC_REDIRECT_URL": c.ProviderReturn(),
	} {
		if u, err := url.Parse(value); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			m.add("%s=%q 应为完整的网址，例如 https://id.example.org", "%s=%q should be a whole address such as https://id.example.org",
				name, value)
		}
	}
}

// checkEvidence requires one place for the files of evidence, and all settings of a bucket.
func (c *Config) checkEvidence(m *Mistakes) {
	if c.EvidenceS3URL == "" {
		if c.EvidenceS3AccessKey+c.EvidenceS3Secret+c.EvidenceS3Region != "" {
			m.add("设置了 BULWARK_EVIDENCE_S3_*，但缺少 BULWARK_EVIDENCE_S3_URL",
				"BULWARK_EVIDENCE_S3_* is set without BULWARK_EVIDENCE_S3_URL, the address of the bucket")
		}
		return
	}
	if _, _, _, ok := c.Bucket(); !ok {
		m.add("BULWARK_EVIDENCE_S3_URL=%q 应形如 https://主机/存储桶 或 https://主机/存储桶/前缀",
			"BULWARK_EVIDENCE_S3_URL=%q should look like https://HOST/BUCKET or https://HOST/BUCKET/PREFIX", withoutPassword(c.EvidenceS3URL))
	}
	if c.EvidenceDir != "" {
		m.add("BULWARK_EVIDENCE_DIR 与 BULWARK_EVIDENCE_S3_URL 只能设置一个", "BULWARK_EVIDENCE_DIR and BULWARK_EVIDENCE_S3_URL are both set: use one of them")
	}
	if c.EvidenceS3AccessKey == "" || c.EvidenceS3Secret == "" {
		m.add("BULWARK_EVIDENCE_S3_URL 须与 BULWARK_EVIDENCE_S3_ACCESS_KEY、BULWARK_EVIDENCE_S3_SECRET_FILE 同时设置",
			"BULWARK_EVIDENCE_S3_URL goes together with BULWARK_EVIDENCE_S3_ACCESS_KEY and BULWARK_EVIDENCE_S3_SECRET_FILE")
	} else if _, err := os.ReadFile(c.EvidenceS3Secret); err != nil {
		m.add("BULWARK_EVIDENCE_S3_SECRET_FILE：无法读取文件 %s", "BULWARK_EVIDENCE_S3_SECRET_FILE: the file %s cannot be read", c.EvidenceS3Secret)
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
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		s == u.Scheme+"://"+strings.ToLower(u.Host)
}
