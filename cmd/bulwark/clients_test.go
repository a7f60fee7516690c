package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gorm.io/gorm"

	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

// served is the whole service on the database, and the key of an administrator.
func served(t *testing.T, db *gorm.DB, cfg config.Config) (address, key string, stop func() error) {
	t.Helper()
	_, key, err := credential.CreateKey(t.Context(), db, credential.Key{Roles: []policy.Role{policy.Admin}})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(db, cfg, logger(cfg, io.Discard))
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	address, stop = serving(t, cfg, handler)
	return address, key, stop
}

// dialled sends the beginning of a request, and gives the connection.
func dialled(t *testing.T, address, begin string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprint(conn, begin)
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A client that never finishes its body is told so, and holds nothing any longer.
func TestSlowBodiesAreCutOff(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	address, key, stop := served(t, db, settings(t, "BULWARK_READ_TIMEOUT=100ms"))
	conn := dialled(t, address, "POST /api/v1/areas HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+key+
		"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"code\": ")
	answer, err := io.ReadAll(conn) // until the service closes the connection
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") ||
		!strings.Contains(string(answer), `"code":"body_too_slow"`) {
		t.Errorf("%v: %s", err, answer)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A client that asks and asks and never reads holds a connection only as long as an
// answer may take.
func TestClientsThatDoNotReadAreCutOff(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	address, _, stop := served(t, db, settings(t, "BULWARK_REQUEST_TIMEOUT=100ms", "BULWARK_WRITE_TIMEOUT=200ms"))
	// more than any buffer holds
	conn := dialled(t, address, strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 100))
	deadline := time.Now().Add(20 * time.Second)
	var err error
	for err == nil && time.Now().Before(deadline) { // writing fails once the other end is closed
		time.Sleep(20 * time.Millisecond)
		_, err = fmt.Fprint(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	if err == nil {
		t.Error("the connection is still open")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// When a client leaves, the statement that it waited for is cancelled.
func TestWhoLeavesIsNotWorkedFor(t *testing.T) {
	url := dbtest.URL(t, database.PostgreSQL)
	db := dbtest.Connect(t, url, database.Options{LockTimeout: time.Hour, StatementTimeout: time.Hour})
	address, key, stop := served(t, db, settings(t, "BULWARK_REQUEST_TIMEOUT=1h", "BULWARK_WRITE_TIMEOUT=2h"))
	defer stop() //nolint:errcheck // not what is tested
	other := dbtest.Connect(t, url, database.Options{})
	waiting := func(tx *gorm.DB) (n int) {
		if err := tx.Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	until := func(tx *gorm.DB, want int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); waiting(tx) != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d statements wait, want %d", waiting(tx), want)
			}
		}
	}
	err := database.InTx(t.Context(), other, func(tx *gorm.DB) error {
		if err := tx.Exec("LOCK TABLE areas").Error; err != nil {
			return err
		}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/v1/areas", nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+key)
		left := make(chan error, 1)
		go func() {
			res, err := http.DefaultClient.Do(r)
			if err == nil {
				res.Body.Close()
			}
			left <- err
		}()
		until(tx, 1)
		leave()
		if err := <-left; err == nil {
			t.Error("who has left got an answer")
		}
		until(tx, 0)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
