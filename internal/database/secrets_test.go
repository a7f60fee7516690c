package database_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm/schema"
)

// told are the columns whose names sound secret, but that everybody may read.
var told = []string{
	"schemes.hash", "runs.scheme_hash", "runs.data_hash", "runs.result_hash", // receipts
	"proposals.data_hash", "proposals.result_hash",
	"audit_records.hash", "audit_heads.hash", // the chain
}

var secretive = regexp.MustCompile(`secret|password|token|hash$`)

// What the audit trail keeps of a row, and what the API answers, is its JSON: no
// row may show a secret, or the hash of one, there.
func TestNoModelShowsItsSecrets(t *testing.T) {
	secrets := 0
	for _, model := range models() {
		parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parsed.Fields {
			if f.GORMDataType != schema.String || !secretive.MatchString(f.DBName) ||
				slices.Contains(told, parsed.Table+"."+f.DBName) {
				continue
			}
			secrets++
			row := reflect.New(reflect.TypeOf(model))
			if err := f.Set(t.Context(), row, "treasure"); err != nil {
				t.Fatal(err)
			}
			if shown, err := json.Marshal(row.Interface()); err != nil || strings.Contains(string(shown), "treasure") {
				t.Errorf("%s shows %s: %s, %v", parsed.Table, f.DBName, shown, err)
			}
		}
	}
	if secrets == 0 {
		t.Error("found no secrets to look at")
	}
}
