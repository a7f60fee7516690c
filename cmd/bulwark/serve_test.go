package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bulwark/internal/config"
)

func settings(t *testing.T, more ...string) config.Config {
	t.Helper()
	cfg, err := config.Load(append(more, "BULWARK_ADDR=127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// serving runs h as the service would be run; stop ends it and gives its error.
func serving(t *testing.T, cfg config.Config, h http.Handler) (address string, stop func() error) {
	t.Helper()
	ln, err := listen(t.Context(), "BULWARK_ADDR", cfg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serveUntilDone(ctx, ln, newHTTP(cfg, h, slog.New(slog.DiscardHandler)), cfg,
			slog.New(slog.DiscardHandler), func() {})
	}()
	return ln.Addr().String(), sync.OnceValue(func() error { cancel(); return <-ended })
}

func TestShutdownLetsRunningRequestsFinish(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	started, finish := make(chan struct{}), make(chan struct{})
	address, stop := serving(t, settings(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		<-finish
		if r.Context().Err() != nil {
			t.Error("the request was cancelled by the shutdown")
		}
		fmt.Fprint(w, "whole")
	}))
	got := make(chan string, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get("http://" + address)
		if err != nil {
			got <- err.Error()
			return
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		got <- fmt.Sprint(string(body), err)
	}()
	<-started
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		t.Fatalf("ended before the request: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("a new connection was taken while shutting down")
	}
	close(finish)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s := <-got; s != "whole<nil>" {
		t.Errorf("the client got %s", s)
	}
}

func TestShutdownCutsOffWhatDoesNotFinish(t *testing.T) {
	started := make(chan struct{})
	address, stop := serving(t, settings(t, "BULWARK_DRAIN_TIMEOUT=20ms"), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
	}))
	go func() {
		if res, err := http.Get("http://" + address); err == nil {
			res.Body.Close()
		}
	}()
	<-started
	if err := stop(); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v", err)
	}
}

// A client that never finishes its header must not hold a connection.
func TestSlowHeadersAreCutOff(t *testing.T) {
	address, stop := serving(t, settings(t, "BULWARK_HEADER_TIMEOUT=50ms"), http.NotFoundHandler())
	defer stop() //nolint:errcheck // not what is tested
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n")
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(conn); err != nil {
		t.Errorf("still open: %v, %q", err, data)
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	address, stop := serving(t, settings(t, "BULWARK_MAX_HEADER_BYTES=4096"), http.NotFoundHandler())
	defer stop() //nolint:errcheck // not what is tested
	r, err := http.NewRequest(http.MethodGet, "http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Large", strings.Repeat("a", 16<<10))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", res.StatusCode)
	}
}

// The whole command: migrated, listening, ready, measured, taken address told,
// ended in order.
func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path := filepath.Join(t.TempDir(), "b.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // without a schema, but there
		t.Fatal(err)
	}
	env := []string{
		"BULWARK_DATABASE_URL=sqlite:" + path, "BULWARK_ADDR=127.0.0.1:0", "BULWARK_METRICS_ADDR=127.0.0.1:0",
		"BULWARK_LOG_FORMAT=text", "BULWARK_DRAIN_DELAY=1s",
	}
	ctx, cancel := context.WithCancel(t.Context())
	logged, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, program{env, strings.NewReader(""), io.Discard, w}, []string{"serve", "--migrate"})
		w.Close()
	}()
	lines := bufio.NewScanner(logged)
	metrics, address := addressOf(t, lines, "msg=metrics"), addressOf(t, lines, "msg=listening")
	rest := make(chan string, 1)
	go func() { b, _ := io.ReadAll(logged); rest <- string(b) }()

	if status, body := fetch(t, address+"/readyz"); status != http.StatusOK || !strings.Contains(body, `"ok"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := fetch(t, address+"/metrics"); status != http.StatusNotFound {
		t.Errorf("metrics on the public address: %d", status)
	}
	_, figures := fetch(t, metrics)
	for _, want := range []string{
		`route="/readyz",status="200"`, "bulwark_requests_in_flight 0", "go_sql_open_connections", "go_goroutines",
	} {
		if !strings.Contains(figures, want) {
			t.Errorf("no %s in metrics", want)
		}
	}
	taken, _, said := invoke(t.Context(),
		append(env[:1:1], "BULWARK_ADDR="+strings.TrimPrefix(address, "http://")), "serve")
	if taken != exitFailure || !strings.Contains(said, "is in use") {
		t.Errorf("taken address: %d %s", taken, said)
	}
	cancel()
	if status := eventually(t, address+"/readyz", http.StatusServiceUnavailable); status != http.StatusServiceUnavailable {
		t.Errorf("readyz before the listener closes: %d", status)
	}
	if c := <-code; c != 0 {
		t.Errorf("exit code %d", c)
	}
	if log := <-rest; !strings.Contains(log, "msg=stopped") {
		t.Errorf("log: %s", log)
	}
}

// eventually asks until the status is the wanted one, for half a second.
func eventually(t *testing.T, url string, want int) (status int) {
	t.Helper()
	for range 50 {
		if status, _ = fetch(t, url); status == want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return status
}

func addressOf(t *testing.T, lines *bufio.Scanner, message string) string {
	t.Helper()
	for lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "address="); ok && strings.Contains(lines.Text(), message) {
			return strings.Fields(at)[0]
		}
	}
	t.Fatalf("no line with %s", message)
	return ""
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b.String()
}
