package api

import (
	"slices"
	"strings"

	"bulwark/internal/fault"
)

// order is one column to sort by.
type order struct {
	name string
	desc bool
}

// sortBy reads a list such as "-score,code": names from allowed, a dash for
// descending, none twice. Empty gives nil: the list's own order.
func sortBy(list string, allowed ...string) ([]order, error) {
	if list == "" {
		return nil, nil
	}
	var orders []order
	for part := range strings.SplitSeq(list, ",") {
		name, desc := strings.CutPrefix(strings.TrimSpace(part), "-")
		repeated := slices.ContainsFunc(orders, func(o order) bool { return o.name == name })
		if repeated || !slices.Contains(allowed, name) {
			names := strings.Join(allowed, ", ")
			return nil, malformed(fault.Field("query/sort", "sort",
				"只能按 %[2]s 排序，每个至多一次，前加 - 为降序", "%[1]q is not possible: sort by %[2]s, each at most once, with - in front for descending", part, names))
		}
		orders = append(orders, order{name, desc})
	}
	return orders, nil
}
