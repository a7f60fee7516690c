package audit

import (
	"context"
	"encoding/json"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Naming returns the sequences of the records of the town in whose values or reason one of
// the words stands, in their order. Letter case counts.
func Naming(ctx context.Context, db *gorm.DB, townID string, words []string) (sequences []int64, err error) {
	defer fault.Wrap(&err, "records with a name in %q", townID)
	var where []string
	var args []any
	for _, word := range words {
		for _, column := range []string{"before", "after", "reason"} {
			where = append(where, database.Contains(db, column))
			args = append(args, word)
			if column != "reason" {
				args[len(args)-1] = inJSON(word)
			}
		}
	}
	if len(where) == 0 {
		return nil, nil
	}
	err = db.WithContext(ctx).Model(&Record{}).Where("town_id = ?", townID).Where(strings.Join(where, " OR "), args...).
		Order("sequence").Pluck("sequence", &sequences).Error
	return sequences, err
}

// inJSON returns the word as it stands inside a JSON text.
func inJSON(word string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(word) // a text can be written
	return strings.Trim(strings.TrimSpace(b.String()), `"`)
}
