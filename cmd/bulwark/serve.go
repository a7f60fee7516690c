package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"gorm.io/gorm"

	"bulwark/api"
	"bulwark/internal/access"
	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/jobs"
	"bulwark/internal/policy"
)

// serve runs the service until a signal ends it. What keeps it from starting goes to the
// log, in the format of the log.
func serve(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	migrateFirst := f.Bool("migrate", false, "bring the database schema up to date before serving")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return p.logFailure(config.Config{LogFormat: p.getenv("BULWARK_LOG_FORMAT")}, err)
	}
	return p.logFailure(cfg, p.serve(ctx, cfg, *migrateFirst))
}

// logFailure logs the error, each mistake of the settings in a line of its own.
func (p program) logFailure(cfg config.Config, err error) error {
	if err == nil {
		return nil
	}
	lines := []string{p.message(err)}
	var mistakes config.Mistakes
	if errors.As(err, &mistakes) {
		lines = strings.Split(mistakes.In(p.language()), "\n")
	}
	for _, line := range lines {
		logger(cfg, p.err).Error("bulwark serve has ended", "error", line)
	}
	return printedError{err}
}

func (p program) serve(ctx context.Context, cfg config.Config, migrateFirst bool) (err error) {
	log := logger(cfg, p.err)
	options := databaseOptions(cfg, log)
	if migrateFirst {
		if _, isNew := database.NewFile(cfg.DatabaseURL); !isNew { // which stays refused
			if err := migrateAndGrant(ctx, cfg, options); err != nil {
				return err
			}
		}
	}
	options.QueryOnly = cfg.ReadOnly
	db, err := openMigrated(ctx, cfg, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close(db)) }()
	if err := logPowers(ctx, db, log); err != nil {
		return err
	}
	ln, err := listen(ctx, "BULWARK_ADDR", cfg.Addr)
	if err != nil {
		return err
	}
	defer ln.Close() // for the ways out before serveOn, which closes it too
	unlock, err := lockServer(cfg, ln)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	warnOfSettings(cfg, log)
	if !cfg.ReadOnly {
		if err := p.offerSetup(ctx, cfg, ln, db); err != nil {
			return err
		}
	}
	return serveOn(ctx, ln, db, cfg, log)
}

// warnOfSettings logs what is allowed and rarely meant.
func warnOfSettings(cfg config.Config, log *slog.Logger) {
	if cfg.Public() && !cfg.BehindTLS {
		log.Warn("others can reach this address, and no HTTPS proxy is configured: passwords and keys would be readable on the way. "+
			"Listen on 127.0.0.1 behind a proxy, and set BULWARK_BEHIND_TLS=true", "address", cfg.Addr)
	}
	if cfg.ReadOnly {
		log.Warn("read-only mode: every write gets 503 read_only, background work stands still")
	}
}

// lockServer refuses a second server on one SQLite file, and names the first.
func lockServer(cfg config.Config, ln net.Listener) (unlock func() error, err error) {
	return database.LockServer(cfg.DatabaseURL, fmt.Sprintf("pid %d, http://%s", os.Getpid(), ln.Addr()))
}

// listen takes the address, or returns an error that names the setting to change.
func listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fault.Unavailable("address_in_use",
			"地址 %s 已被占用：请停止占用它的程序，或更改 %s", "the address %s is in use: stop the program that has it, or change %s", addr, setting)
	case err != nil:
		return nil, fault.Unavailable("cannot_listen",
			"无法监听 %s，请检查 %s", "cannot listen on %s: check %s", addr, setting).Because(err)
	}
	return ln, nil
}

func logger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// serveOn serves requests on ln until ctx ends, then waits for running requests. It closes
// ln, not db.
func serveOn(ctx context.Context, ln net.Listener, db *gorm.DB, cfg config.Config, log *slog.Logger) error {
	defer ln.Close() // for the ways out before Serve; later it is closed already
	registry, err := newRegistry(db)
	if err != nil {
		return err
	}
	s := newServer(db, cfg, log)
	if s.Evidence, err = openStore(cfg); err != nil {
		return err
	}
	s.Jobs.Evidence = s.Evidence
	s.Metrics = registry
	s.Jobs.Observe(registry)
	if err := startSigning(context.WithoutCancel(ctx), db, s.Signing, cfg.ReadOnly); err != nil {
		return err
	}
	watchSigning(ctx, db, s.Signing, log, registry)
	anchors, err := newAnchorer(cfg, db, log, registry)
	if err != nil {
		return err
	}
	s.Trail = anchors.state
	handler, err := s.Handler()
	if err != nil {
		return err
	}
	stopMetrics, err := serveMetrics(ctx, cfg, registry, log)
	if err != nil {
		return err
	}
	defer stopMetrics()
	var working sync.WaitGroup
	background, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends after the last request
	if !cfg.ReadOnly {
		working.Go(func() { s.Jobs.Run(background) })
		working.Go(func() { s.Jobs.Deliver(background) })
	}
	working.Go(func() { anchors.run(background) })
	defer working.Wait()
	defer stop()
	return serveUntilDone(ctx, ln, newHTTP(cfg, handler, log), cfg, log, s.Drain)
}

// serveUntilDone serves until ctx ends, calls drain, and then shuts down in order.
func serveUntilDone(
	ctx context.Context, ln net.Listener, srv *http.Server, cfg config.Config, log *slog.Logger, drain func(),
) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	log.Info("listening", "address", "http://"+ln.Addr().String(), "version", version)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain()
	return shutDown(context.WithoutCancel(ctx), srv, cfg, log)
}

func newServer(db *gorm.DB, cfg config.Config, log *slog.Logger) *api.Server {
	return &api.Server{
		DB: db, Config: cfg, Log: log, Version: version, Now: now, Signing: signing(cfg),
		Jobs: jobs.New(db, log, now, cfg.KeepAnswers),
		Authenticate: func(ctx context.Context, key string) (access.Principal, error) {
			return credential.Authenticate(ctx, db, key)
		},
		Authorize: func(ctx context.Context, p access.Principal, a policy.Action, town string) error {
			return p.Authorize(ctx, db, a, town)
		},
		Ready:    func(ctx context.Context) error { return ready(ctx, db) },
		DiskFull: func() bool { return diskFull(db, cfg) },
	}
}

const (
	// fullFor is how long a change that found no space counts.
	fullFor = time.Minute
	// leastSpace is what a SQLite file needs to take one more change.
	leastSpace = 1 << 20
)

// diskFull reports whether the disk of the database has no space: a change failed for that
// a moment ago, or the next one on a SQLite file would.
func diskFull(db *gorm.DB, cfg config.Config) bool {
	if time.Since(database.OutOfSpace(db)) < fullFor {
		return true
	}
	path := database.SQLitePath(cfg.DatabaseURL)
	if path == "" {
		return false
	}
	free, _, err := database.DiskSpace(filepath.Dir(path))
	return err == nil && free < leastSpace
}

// ready pings first, so that its error distinguishes a dead database from an old schema. A
// newer schema is none: migrations only add, so that the old servers go on while the new
// ones start. They would not start any more.
func ready(ctx context.Context, db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	if err := pool.PingContext(ctx); err != nil {
		return fmt.Errorf("ping the database: %w", err)
	}
	have, want, err := database.Version(ctx, db)
	if err != nil || have > want {
		return err
	}
	return migrated(ctx, db)
}

func newHTTP(cfg config.Config, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, MaxHeaderBytes: cfg.MaxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: cfg.HeaderTimeout, ReadTimeout: cfg.ReadTimeout,
		WriteTimeout: cfg.WriteTimeout, IdleTimeout: cfg.IdleTimeout,
	}
}

// shutDown waits for load balancers to notice, then for running requests.
func shutDown(ctx context.Context, srv *http.Server, cfg config.Config, log *slog.Logger) error {
	log.Info("shutting down", "delay", cfg.DrainDelay.String(), "timeout", cfg.DrainTimeout.String())
	time.Sleep(cfg.DrainDelay)
	ctx, cancel := context.WithTimeout(ctx, cfg.DrainTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests still running after %s were cut off: %w", cfg.DrainTimeout, err), srv.Close())
	}
	log.Info("stopped")
	return nil
}

// serveMetrics serves /metrics on a listener of its own, so that the public
// address never shows it. Without an address it does nothing.
func serveMetrics(
	ctx context.Context, cfg config.Config, from *prometheus.Registry, log *slog.Logger,
) (stop func(), err error) {
	if cfg.MetricsAddr == "" {
		return func() {}, nil
	}
	ln, err := listen(ctx, "BULWARK_METRICS_ADDR", cfg.MetricsAddr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(from, promhttp.HandlerOpts{}))
	srv := newHTTP(cfg, mux, log)
	go srv.Serve(ln) //nolint:errcheck // it ends when stop closes it
	log.Info("metrics", "address", "http://"+ln.Addr().String()+"/metrics")
	return func() { srv.Close() }, nil
}
