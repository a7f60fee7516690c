package town_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

func rename(ctx context.Context, db *gorm.DB, code string, version int64, on day.Date) error {
	_, err := town.Rename(ctx, db, change(code, version, on, ""), text.Same("x"))
	return err
}

func end(ctx context.Context, db *gorm.DB, code string, version int64, on day.Date) error {
	_, err := town.Close(ctx, db, change(code, version, on, ""))
	return err
}

func merge(ctx context.Context, db *gorm.DB, code string, version int64, into string, on day.Date) error {
	_, err := town.Merge(ctx, db, change(code, version, on, ""), into)
	return err
}

// faultOf is the code of a fault and its pointers.
func faultOf(err error) (code string, pointers []string) {
	var e *fault.Error
	if !errors.As(err, &e) {
		return "", nil
	}
	for _, f := range e.Fields {
		pointers = append(pointers, f.Pointer)
	}
	return e.Code, pointers
}

// dump is the content of every table that a change of a branch touches.
func dump(t *testing.T, db *gorm.DB) string {
	t.Helper()
	all := ""
	for _, table := range [][2]string{
		{"branches", "town_id, code"}, {"branch_profiles", "town_id, branch_code, valid_from"}, {"audit_records", "id"},
	} {
		var rows []map[string]any
		if err := db.Table(table[0]).Order(table[1]).Find(&rows).Error; err != nil {
			t.Fatal(err)
		}
		all += fmt.Sprintln(table[0], len(rows))
		for _, row := range rows {
			all += fmt.Sprintln(row)
		}
	}
	return all
}

// change asks to change a branch of town a.
func change(code string, version int64, on day.Date, reason string) town.BranchChange {
	return town.BranchChange{Town: "a", Branch: code, Version: version, On: on, Reason: reason}
}
