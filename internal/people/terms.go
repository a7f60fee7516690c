package people

import (
	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// inForce narrows a query to rows that hold on the day, both their ends included.
func inForce(q *gorm.DB, on day.Date) *gorm.DB {
	return q.Where("valid_from <= ? AND (valid_until IS NULL OR valid_until >= ?)", on, on)
}

// overlapping narrows a query to rows that hold on some day of the term.
func overlapping(q *gorm.DB, from day.Date, until *day.Date) *gorm.DB {
	last := day.Latest
	if until != nil {
		last = *until
	}
	return q.Where("valid_from <= ? AND (valid_until IS NULL OR valid_until >= ?)", last, from)
}

// checkTerm faults a term that ends before it starts.
func checkTerm(from day.Date, until *day.Date) []fault.Field {
	if until == nil || *until >= from {
		return nil
	}
	return []fault.Field{fault.At("/valid_until", "ends_before_start", text.F("结束日期早于开始日期", "it ends before it starts"))}
}

// ending is the change that sets the last day of a term. It can only come closer:
// a longer one is a new row. Without a reason the first one stays.
func ending(from day.Date, until *day.Date, last day.Date, reason string) (map[string]any, error) {
	if last < from {
		return nil, fault.Broken(fault.At("/until", "ends_before_start", text.F("结束日期早于开始日期", "it ends before it starts")))
	}
	if until != nil && last > *until {
		return nil, fault.Broken(fault.At("/until", "ends_already", text.F(
			"已于 %s 结束：如需继续，请另建一条", "it ends on %s already: to go on, make another", *until)))
	}
	change := map[string]any{"valid_until": last}
	if reason != "" {
		change["reason"] = reason
	}
	return change, nil
}
