package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"bulwark/internal/fault"
)

func TestDefaults(t *testing.T) {
	c, err := Load([]string{
		"PATH=/bin", "BULWARK_READ_TIMEOUT=45s", "BULWARK_ADDR=",
		"BULWARK_TRUSTED_PROXIES=10.0.0.0/8,::1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:8080" || c.ReadTimeout != 45*time.Second || len(c.TrustedProxies) != 2 {
		t.Errorf("got %v", c)
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := Load([]string{
		"BULWARK_ADRR=1", "BULWARK_READ_TIMEOUT=soon", "BULWARK_BODY_LIMIT=many", "BULWARK_LOG_LEVEL=loud",
		"BULWARK_BEHIND_TLS=perhaps", "BULWARK_RATE=-1", "BULWARK_ADDR=8080", "BULWARK_DATABASE_URL=postgre://x",
	}, func(c Config) error {
		return fault.Invalid("database_url", "数据库地址", "no database %s", c.DatabaseURL)
	})
	m, ok := err.(Mistakes)
	if !ok || len(m) != 8 {
		t.Fatalf("got %d mistakes: %v", len(m), err)
	}
	for _, want := range []string{
		"no setting BULWARK_ADRR; did you mean BULWARK_ADDR?",
		`BULWARK_READ_TIMEOUT="soon" is not a duration such as 30s or 2m`,
		`BULWARK_BODY_LIMIT="many" is not a whole number`,
		`BULWARK_LOG_LEVEL="loud" is not one of DEBUG`,
		`BULWARK_BEHIND_TLS="perhaps" is not true or false`,
		`BULWARK_RATE=-1 should be at least 0`, `BULWARK_ADDR="8080" should be HOST:PORT`, "no database postgre://x",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if !strings.Contains(m.In("zh"), "不是时长") {
		t.Errorf("in Chinese: %s", m.In("zh"))
	}
}

func TestWhatCannotWork(t *testing.T) {
	for setting, want := range map[string]string{
		"ADDR=8080":                        "should be HOST:PORT",
		"METRICS_ADDR=localhost":           "should be HOST:PORT",
		"LOG_FORMAT=xml":                   "should be json or text",
		"DATABASE_MAX_CONNS=0":             "at least 1",
		"MAX_HEADER_BYTES=10":              "at least 4096",
		"BODY_LIMIT=0":                     "at least 1024",
		"IDLE_TIMEOUT=0s":                  "more than 0",
		"DRAIN_DELAY=-1s":                  "may not be negative",
		"REQUEST_TIMEOUT=2m":               "should be longer than",
		"SESSION_IDLE=0s":                  "more than 0",
		"RATE=-1":                          "at least 0",
		"BURST=0":                          "at least 1",
		"WRITE_RATE=-1":                    "at least 0",
		"WRITE_BURST=0":                    "at least 1",
		"OIDC_ISSUER=https://id.example":   "go together",
		"TRUSTED_PROXIES=proxy.local":      "no IP address or CIDR range",
		"TRUSTED_PROXIES=0.0.0.0/0":        "trusts everybody",
		"TRUSTED_PROXIES=10.0.0.1,::/0":    "trusts everybody",
		"WEBHOOK_ALLOW=platform.local":     "no IP address or CIDR range",
		"WEBHOOK_ALLOW=10.0.0.1,::/0":      "opens every address",
		"CORS_ORIGINS=https://a.b/c":       "without a path",
		"CORS_ORIGINS=*":                   "without a path",
		"PUBLIC_URL=bulwark.example":       "a whole address",
		"PUBLIC_URL=//bulwark.example":     "a whole address",
		"PUBLIC_URL=ftp://bulwark.example": "a whole address",
		"PUBLIC_URL=https://:443":          "a whole address",
		"PUBLIC_URL=https://a.b/?c":        "a whole address",
		"PUBLIC_URL=https://a.b/?":         "a whole address",
		"PUBLIC_URL=https://a.b/#":         "a whole address",
		"PUBLIC_URL=https://u@a.b":         "a whole address",
		"PUBLIC_URL=https://a.b/c d":       "a whole address",
		"CORS_ORIGINS=https://a.b,foo://x": "foo://x",
	} {
		_, err := Load([]string{"BULWARK_" + setting})
		if m, ok := err.(Mistakes); !ok || len(m) != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", setting, err, want)
		}
	}
}

func TestSettingsNameTheirOrigin(t *testing.T) {
	environ := []string{"BULWARK_RATE=7", "BULWARK_ADDR=", "BULWARK_OIDC_CLIENT_SECRET=hunter2"}
	c := Config{Rate: 7, Addr: "127.0.0.1:8080", OIDCIssuer: "https://id.example", OIDCClientSecret: "hunter2"}
	shown := fmt.Sprint(c.Settings(environ))
	for _, want := range []string{
		"{BULWARK_RATE 7 environment}", "{BULWARK_ADDR 127.0.0.1:8080 default}",
		"{BULWARK_OIDC_CLIENT_SECRET (hidden) environment}", "{BULWARK_PUBLIC_URL http://127.0.0.1:8080 default}",
		"{BULWARK_OIDC_REDIRECT_URL http://127.0.0.1:8080/api/v1/oidc/callback default}",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %s in %s", want, shown)
		}
	}
}

// Links lead to where people reach the service.
func TestLinks(t *testing.T) {
	for _, c := range []struct{ addr, public, want string }{
		{"127.0.0.1:8080", "", "http://127.0.0.1:8080/x"},
		{":8080", "", "http://localhost:8080/x"},
		{"0.0.0.0:80", "", "http://localhost:80/x"},
		{"[::]:80", "", "http://localhost:80/x"},
		{"[::1]:80", "", "http://[::1]:80/x"},
		{"127.0.0.1:8080", "https://a.b", "https://a.b/x"},
		{"127.0.0.1:8080", "https://a.b/", "https://a.b/x"},
		{"127.0.0.1:8080", "https://a.b/town", "https://a.b/town/x"},
	} {
		if got := (Config{Addr: c.addr, PublicURL: c.public}).Link("/x"); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.addr, c.public, got, c.want)
		}
	}
	c, err := Load([]string{
		"BULWARK_PUBLIC_URL=https://a.b/town", "BULWARK_OIDC_ISSUER=https://id.example", "BULWARK_OIDC_CLIENT_ID=bulwark",
		"BULWARK_OIDC_CLIENT_SECRET=hush",
	})
	if err != nil || c.ProviderReturn() != "https://a.b/town/api/v1/oidc/callback" {
		t.Errorf("the provider returns to %s, %v", c.ProviderReturn(), err)
	}
	c.OIDCRedirectURL = "https://c.d/back"
	if c.ProviderReturn() != "https://c.d/back" {
		t.Errorf("the provider returns to %s", c.ProviderReturn())
	}
	for public, want := range map[string]bool{
		"": false, "http://localhost:80": false, "http://[::1]:80": false, "http://a.b": true, "https://a.b": false,
	} {
		if (Config{PublicURL: public}).PlainLinks() != want {
			t.Errorf("%s is not %v", public, want)
		}
	}
}

func TestPublicAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": false, "[::1]:80": false, "localhost:80": false, ":80": true, "0.0.0.0:80": true, "10.0.0.7:80": true,
		"example.org:80": true,
	} {
		if (Config{Addr: addr}).Public() != want {
			t.Errorf("%s is not %v", addr, want)
		}
	}
}

func TestNoSecretIsShown(t *testing.T) {
	for _, url := range []string{
		"postgres://u:hunter2@db:5432/b?sslpassword=hunter2", "postgres://u:hunter2%zz@db/b", "host=db password=hunter2",
	} {
		c := Config{DatabaseURL: url, OIDCClientSecret: "hunter2"}
		for _, s := range []string{c.String(), fmt.Sprintf("%v %+v %#v", c, c, c)} {
			if strings.Contains(s, "hunter2") {
				t.Errorf("%s", s)
			}
		}
	}
}

// Every field needs its variable, its line of documentation and, where it can
// be mistyped, words for what it wants.
func TestEveryFieldIsDescribed(t *testing.T) {
	typ := reflect.TypeFor[Config]()
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Tag.Get("env") == "" || f.Tag.Get("doc") == "" {
			t.Errorf("%s lacks env or doc", f.Name)
		}
		if _, ok := wanted[f.Type.String()]; !ok && f.Type.Kind() != reflect.String && f.Type.Kind() != reflect.Slice {
			t.Errorf("no words for type %s", f.Type)
		}
	}
}

func TestDocumentationIsInStep(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table()) {
		t.Errorf("docs/configuration.md should hold this table:\n%s", table())
	}
}

// table returns the settings as a Markdown table, for docs/configuration.md.
func table() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		fallback := tag.Get("envDefault")
		if fallback != "" {
			fallback = "`" + fallback + "`"
		}
		fmt.Fprintf(&b, "| `%s%s` | %s | %s |\n", prefix, tag.Get("env"), fallback, tag.Get("doc"))
	}
	return b.String()
}
