// Package demotest makes databases with the demo for tests: it is filled once per process
// and copied for each.
package demotest

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
)

// Towns are what demo.Seed makes, on either database.
var Towns = dbtest.NewTemplate(func(ctx context.Context, db *gorm.DB) error {
	_, err := demo.Seed(ctx, db)
	return err
})
