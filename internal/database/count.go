package database

import "gorm.io/gorm"

// CountStates counts the rows of a query by their state, in one statement. A state
// without any is left out.
func CountStates[S ~string](q *gorm.DB) (map[S]int64, error) {
	var rows []struct {
		State S
		N     int64
	}
	err := q.Select("state, COUNT(*) AS n").Group("state").Scan(&rows).Error
	counts := make(map[S]int64, len(rows))
	for _, r := range rows {
		counts[r.State] = r.N
	}
	return counts, err
}
