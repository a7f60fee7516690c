package evaluation

import (
	"strconv"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/text"
)

// CSV writes the counts for a spreadsheet: a line for each branch or evaluator
// with all its roles ("all"), then one for each role; by indicator a line each.
func (c Completeness) CSV(language string) []byte {
	if c.By == "indicator" {
		rows := [][]string{{"indicator", "name", "applies", "approved", "missing"}}
		for _, i := range c.Indicators {
			rows = append(rows, []string{
				i.Indicator, text.Inert(i.Name.In(language)), strconv.Itoa(i.Applies), strconv.Itoa(i.Approved), strings.Join(i.Missing, " "),
			})
		}
		return text.CSV(rows)
	}
	rows := [][]string{{c.By, "name", "role", "expected", "missing", "begun", "draft", "submitted", "returned", "approved", "late", "overdue"}}
	line := func(code, name string, role access.Role, n Counts) {
		row := []string{code, text.Inert(name), string(role)}
		for _, x := range []int{n.Expected, n.Missing, n.Begun, n.Draft, n.Submitted, n.Returned, n.Approved, n.Late, n.Overdue} {
			row = append(row, strconv.Itoa(x))
		}
		rows = append(rows, row)
	}
	for _, r := range c.Rows {
		name := ""
		if r.Name != nil {
			name = r.Name.In(language)
		}
		line(r.Branch+r.Evaluator, name, "all", r.Counts)
		for _, role := range r.Roles {
			line(r.Branch+r.Evaluator, name, role.Role, role.Counts)
		}
	}
	return text.CSV(rows)
}
