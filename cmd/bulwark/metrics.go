package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/jobs"
)

// newRegistry returns the metrics that are not of requests, jobs or anchors.
func newRegistry(db *gorm.DB) (*prometheus.Registry, error) {
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bulwark_build_info", Help: "Always 1; the labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewDBStatsCollector(pool, "bulwark"), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build, &databaseFigures{db: db})
	return r, nil
}

// describe returns the description of a metric of databaseFigures.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bulwark_"+name, help, labels, nil)
}

var (
	databaseUp = describe("database_up",
		"1 if the database answered the last scrape, 0 if not; the figures read from it are then older.")
	schemaIs   = describe("schema_version", "Number of the last migration of the database.")
	schemaWant = describe("schema_version_expected", "Number of the last migration that this program knows.")
	chainHead  = describe("audit_head_sequence", "Number of the last record of an audit trail.", "trail")
	backedUpAt = describe("backup_last_success_timestamp_seconds",
		"When the database was last backed up by bulwark backup; 0: never.")
	verifiedAt = describe("verify_last_success_timestamp_seconds",
		"When bulwark verify last found that all agrees; 0: never.")
	lastFailed = describe("maintenance_failed", "1 if the last backup or verification failed.", "task")
)

const (
	// figuresFor is how long figures are served again: a scrape must not cost more if
	// several servers are scraped often.
	figuresFor = 10 * time.Second
	// figuresWithin is how long the database may take.
	figuresWithin = 2 * time.Second
)

// databaseFigures collects what the database itself knows, at each scrape.
type databaseFigures struct {
	db *gorm.DB

	mu    sync.Mutex
	at    time.Time
	up    bool
	known storedFigures
}

type storedFigures struct {
	have, want int64
	heads      map[string]int64
	last       map[string]jobs.Maintenance
}

// Describe makes databaseFigures a prometheus.Collector.
func (*databaseFigures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{databaseUp, schemaIs, schemaWant, chainHead, backedUpAt, verifiedAt, lastFailed} {
		to <- d
	}
}

// Collect makes databaseFigures a prometheus.Collector.
func (f *databaseFigures) Collect(to chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.at) > figuresFor {
		known, err := f.read()
		f.at, f.up = time.Now(), err == nil
		if f.up {
			f.known = known
		}
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(databaseUp, oneIf(f.up))
	gauge(schemaIs, float64(f.known.have))
	gauge(schemaWant, float64(f.known.want))
	for trail, sequence := range f.known.heads {
		gauge(chainHead, float64(sequence), trail)
	}
	for _, t := range []struct {
		name string
		at   *prometheus.Desc
	}{{jobs.BackupTask, backedUpAt}, {jobs.VerifyTask, verifiedAt}} {
		last, done := f.known.last[t.name]
		seconds := 0.0
		if last.SucceededAt != nil {
			seconds = float64(last.SucceededAt.Unix())
		}
		gauge(t.at, seconds)
		gauge(lastFailed, oneIf(done && !last.OK()), t.name)
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (f *databaseFigures) read() (s storedFigures, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), figuresWithin)
	defer cancel()
	if s.have, s.want, err = database.Version(ctx, f.db); err != nil {
		return s, err
	}
	if s.heads, err = audit.Ends(ctx, f.db); err != nil {
		return s, err
	}
	s.last, err = jobs.LastMaintenance(ctx, f.db)
	return s, err
}
