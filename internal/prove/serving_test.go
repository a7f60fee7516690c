package prove

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/api"
	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/jobs"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// serving is one server on the database, and a client of it without a key.
func serving(t *testing.T, db *gorm.DB) *apitest.Client {
	t.Helper()
	cfg, err := config.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.WriteRate = 0 // editors who meet write as fast as the database lets them
	log, now := slog.New(slog.DiscardHandler), func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	s := &api.Server{
		DB: db, Config: cfg, Log: log, Version: "proof", Now: now, Jobs: jobs.New(db, log, now, cfg.KeepAnswers),
		Authenticate: func(ctx context.Context, key string) (access.Principal, error) {
			return credential.Authenticate(ctx, db, key)
		},
		Authorize: func(ctx context.Context, p access.Principal, a policy.Action, town string) error {
			return p.Authorize(ctx, db, a, town)
		},
		Ready: func(context.Context) error { return nil },
	}
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return apitest.New(t, handler)
}

// founded makes the town demo, and a key for everything.
func founded(t *testing.T, db *gorm.DB) (key string) {
	t.Helper()
	parent := (*string)(nil)
	for _, a := range []town.Area{
		{Code: "44", Level: "province"},
		{Code: "4499", Level: "city"},
		{Code: "449901", Level: "district"},
		{Code: "449901001", Level: "town"},
	} {
		a.Name, a.ParentCode = text.Same("invented"), parent
		if _, err := town.CreateArea(t.Context(), db, a); err != nil {
			t.Fatal(err)
		}
		parent = &a.Code
	}
	if _, err := town.Create(t.Context(), db,
		town.Town{Code: "demo", AreaCode: *parent, Name: text.Same("demo")}); err != nil {
		t.Fatal(err)
	}
	_, key, err := credential.CreateKey(t.Context(), db, credential.Key{Roles: []policy.Role{policy.Admin}})
	if err != nil {
		t.Fatal(err)
	}
	return key
}
