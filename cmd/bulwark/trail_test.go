package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// forge changes the first record of the trail of the installation, and computes all
// hashes behind it and the head anew, as docs/audit.md describes them.
func forge(t *testing.T, db *gorm.DB, url string) {
	t.Helper()
	var records []audit.Record
	if err := db.Where("town_id = '' AND sequence > 0").Order("sequence").Find(&records).Error; err != nil {
		t.Fatal(err)
	}
	hash, statements := "", []string{"UPDATE audit_records SET actor = 'nobody' WHERE sequence = 1"}
	records[0].Actor = "nobody"
	for _, r := range records {
		h, shown := sha256.New(), r.Shown(true)
		for _, part := range []string{
			hash, r.TownID, fmt.Sprint(r.Sequence), r.ID, r.At.UTC().Format(time.RFC3339Nano), r.Actor, r.Role,
			r.Credential, r.Action, r.Subject, shown.BeforeDigest, shown.AfterDigest, r.Reason, r.RequestID, r.Rows,
		} {
			fmt.Fprintf(h, "%d:%s,", len(part), part)
		}
		hash = hex.EncodeToString(h.Sum(nil))
		statements = append(statements,
			fmt.Sprintf("UPDATE audit_records SET hash = '%s' WHERE town_id = '' AND sequence = %d", hash, r.Sequence))
	}
	dbtest.Tamper(t, url, append(statements,
		fmt.Sprintf("UPDATE audit_heads SET hash = '%s' WHERE town_id = ''", hash))...)
}

// service is a running `bulwark serve`.
type service struct {
	address, metrics string
	stop             func() (log string)
}

func started(t *testing.T, env []string) service {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	logged, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, program{env, strings.NewReader(""), io.Discard, w}, []string{"serve"})
		w.Close()
	}()
	lines := bufio.NewScanner(logged)
	s := service{metrics: addressOf(t, lines, "msg=metrics"), address: addressOf(t, lines, "msg=listening")}
	rest := make(chan string, 1)
	go func() { b, _ := io.ReadAll(logged); rest <- string(b) }()
	s.stop = func() string {
		cancel()
		if c := <-code; c != 0 {
			t.Errorf("serve ended with %d", c)
		}
		return <-rest
	}
	return s
}

// becomes waits for what an address returns.
func becomes(t *testing.T, address string, status int, want string) {
	t.Helper()
	var got int
	var body string
	for range 200 {
		if got, body = fetch(t, address); got == status && strings.Contains(body, want) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Errorf("%s: %d %s, not %d %s", address, got, body, status, want)
}

// A record that is forged, with every hash behind it and the head, is no end of the
// trail that the service would keep, however the trail goes on.
func TestAForgedTrailStopsItsAnchors(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url, anchors := dbtest.URL(t, dialect), filepath.Join(t.TempDir(), "anchors")
			code, out, said := invoke(t.Context(), on(url), "key", "create", "-role", "admin", "-write")
			key := regexp.MustCompile(`bw_\S+`).FindString(out)
			if code != 0 || key == "" {
				t.Fatalf("%d %s%s", code, out, said)
			}
			env := append(on(url), "BULWARK_ADDR=127.0.0.1:0", "BULWARK_METRICS_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
				"BULWARK_SETUP_TOKEN_FILE="+t.TempDir()+"/token",
				"BULWARK_AUDIT_ANCHORS="+anchors)
			s := started(t, env)
			becomes(t, s.metrics, http.StatusOK, `bulwark_audit_anchorings_total{outcome="ok"} 1`)
			becomes(t, s.metrics, http.StatusOK, `bulwark_audit_anchorings_total{outcome="differs"} 0`)
			becomes(t, s.address+"/readyz", http.StatusOK, `"trail":"ok"`)
			was, err := os.ReadFile(anchors)
			if err != nil || strings.Count(string(was), "\n") != 1 {
				t.Fatalf("%s, %v", was, err)
			}

			forge(t, dbtest.Connect(t, url, database.Options{}), url)
			if code, _, said := invoke(t.Context(), on(url), "verify"); code != 0 {
				t.Fatalf("not well forged: %s", said)
			}
			r, err := http.NewRequest(http.MethodPost, s.address+"/api/v1/keys", strings.NewReader(`{"roles": ["reader"]}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+key)
			r.Header.Set("Content-Type", "application/json")
			made, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			made.Body.Close()
			http.DefaultClient.CloseIdleConnections()
			if made.StatusCode != http.StatusCreated {
				t.Fatalf("an ordinary call: %d", made.StatusCode)
			}
			const logged = "level=ERROR msg=\"anchor the audit trails\""
			if log := s.stop(); !strings.Contains(log, logged) || !strings.Contains(log, "run bulwark verify") {
				t.Errorf("log: %s", log)
			}

			s = started(t, env)
			becomes(t, s.address+"/readyz", http.StatusOK, `"trail":"differs"`)
			becomes(t, s.metrics, http.StatusOK, `bulwark_audit_anchorings_total{outcome="differs"} 1`)
			becomes(t, s.metrics, http.StatusOK, `bulwark_audit_trails_differing 1`)
			if log := s.stop(); !strings.Contains(log, logged) {
				t.Errorf("log: %s", log)
			}
			if list, err := audit.LoadAnchors(anchors); err != nil || len(list) != 1 || list[0].String()+"\n" != string(was) {
				t.Errorf("anchors: %v, %v", list, err)
			}
			code, out, _ = invoke(t.Context(), on(url), "verify", "-anchors", anchors)
			if code != exitFailure || !strings.Contains(out, "rewritten: record 1 has another hash") {
				t.Errorf("verify: %d %s", code, out)
			}

			s = started(t, append(env, "BULWARK_STOP_ON_TAMPERING=true"))
			becomes(t, s.address+"/readyz", http.StatusServiceUnavailable, `"code":"trail_differs"`)
			s.stop()
			s = started(t, append(env, "BULWARK_AUDIT_ANCHORS="+anchors+".next", "BULWARK_STOP_ON_TAMPERING=true"))
			becomes(t, s.address+"/readyz", http.StatusOK, `"trail":"ok"`)
			s.stop()
		})
	}
}
