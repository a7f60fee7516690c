package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named "pgx"
	"gorm.io/gorm"

	"bulwark/internal/database"
)

// serving is the role that tests connect as. It has the rights of the service and no
// others; the user of TEST_DATABASE_URL owns the databases.
const serving = "bulwark_test_service"

// server is the PostgreSQL that all tests of this process share.
type server struct {
	url   *url.URL // of its maintenance database
	admin *sql.DB
	run   string    // number of this process; it holds the advisory lock of this key
	alive *sql.Conn // that holds it
}

var (
	theServer = sync.OnceValues(startServer)
	names     atomic.Int64
)

// namePrefix begins the name of every database that this package makes; the
// number of the run follows it.
const namePrefix = "bulwark_test_"

// startServer takes the server of TEST_DATABASE_URL (its user must be allowed to
// create databases), or else starts one of its own; see startCluster.
func startServer() (*server, error) {
	address := os.Getenv("TEST_DATABASE_URL")
	if address == "" {
		var err error
		if address, err = startCluster(); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("TEST_DATABASE_URL is not a URL postgres://USER:PASSWORD@HOST:PORT/NAME")
	}
	s := &server{url: u, run: strconv.FormatInt(rand.Int64(), 10)}
	if s.admin, err = sql.Open("pgx", address); err != nil {
		return nil, err
	}
	s.admin.SetMaxOpenConns(4)
	ctx := context.Background()
	if s.alive, err = s.admin.Conn(ctx); err != nil {
		return nil, err
	}
	if _, err := s.alive.ExecContext(ctx, "SELECT pg_advisory_lock("+s.run+")"); err != nil {
		return nil, err
	}
	if err := s.dropStale(ctx); err != nil {
		return nil, err
	}
	_, err = s.admin.ExecContext(ctx, "DO $$ BEGIN CREATE ROLE "+serving+" LOGIN PASSWORD '"+serving+"'; "+
		"EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$") // another process was first
	return s, err
}

// dropStale drops what earlier processes left on a server that outlived them:
// the databases of each run whose lock is free.
func (s *server) dropStale(ctx context.Context) error {
	var stale []string
	rows, err := s.admin.QueryContext(ctx,
		`SELECT datname, split_part(datname, '_', 3) FROM pg_database WHERE datname ~ '^`+namePrefix+`[0-9]+_'`)
	if err != nil {
		return fmt.Errorf("look at the databases of the test server: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, run string
		var free bool
		if err := rows.Scan(&name, &run); err != nil {
			return err
		}
		if err := s.alive.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock("+run+")").Scan(&free); err != nil {
			return err
		}
		if free && run != s.run {
			stale = append(stale, name)
		}
	}
	for _, name := range stale {
		if _, err := s.admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	return rows.Err()
}

// named returns the URL of the database with that name, for its owner.
func (s *server) named(name string) string {
	u := *s.url
	u.Path = "/" + name
	return u.String()
}

// served returns the URL of the database with that name, for the role of the service.
func (s *server) served(name string) string {
	u := *s.url
	u.Path, u.User = "/"+name, url.UserPassword(serving, serving)
	query := u.Query()
	query.Del("user")
	query.Del("password")
	u.RawQuery = query.Encode()
	return u.String()
}

// AsOwner returns the URL, as Template.URL returns it, for the owner of the database; that
// of a SQLite file unchanged.
func AsOwner(t testing.TB, address string) string {
	t.Helper()
	if strings.HasPrefix(address, "sqlite:") {
		return address
	}
	s, err := theServer()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return s.named(strings.TrimPrefix(u.Path, "/"))
}

// AsService returns the URL, as EmptyURL returns it, for the role of the service.
func AsService(t testing.TB, address string) string {
	t.Helper()
	if strings.HasPrefix(address, "sqlite:") {
		return address
	}
	s, err := theServer()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return s.served(strings.TrimPrefix(u.Path, "/"))
}

// Owner returns a handle of the owner of the database, who may change the schema and is
// stopped by its triggers only; on SQLite db itself. Tests plant with it what the service
// never writes.
func Owner(t testing.TB, db *gorm.DB) *gorm.DB {
	t.Helper()
	if database.Dialect(db) == database.SQLite {
		return db
	}
	var name string
	if err := db.Raw("SELECT current_database()").Scan(&name).Error; err != nil {
		t.Fatal(err)
	}
	s, err := theServer()
	if err != nil {
		t.Fatal(err)
	}
	return Connect(t, s.named(name), database.Options{})
}

// newName returns a name that is unique among all processes that share a server.
func (s *server) newName() string {
	return namePrefix + s.run + "_" + strconv.FormatInt(names.Add(1), 10)
}

// makeDatabase makes a database on the server, and returns its name.
func (m *Template) makeDatabase() (string, error) {
	s, err := theServer()
	if err != nil {
		return "", err
	}
	name := s.newName()
	if _, err := s.admin.ExecContext(context.Background(), "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", err
	}
	return name, m.make(s.named(name), s.served(name))
}

// postgresCopy returns the name of a copy of the database template.
func postgresCopy(t testing.TB, template string) (*server, string) {
	t.Helper()
	s, err := theServer()
	if err != nil {
		t.Fatalf("no PostgreSQL for the tests: %v", err)
	}
	name := s.newName()
	// A file copy is fastest for so small a database.
	if _, err := s.admin.ExecContext(t.Context(),
		"CREATE DATABASE "+name+" TEMPLATE "+template+" STRATEGY file_copy"); err != nil {
		t.Fatalf("create a test database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	return s, name
}
