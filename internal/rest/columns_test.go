package rest

import (
	"reflect"
	"testing"
	"time"

	"bulwark/internal/day"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

type columnRef struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

type columnItem struct {
	ID       string      `json:"id"`
	Branch   columnRef   `json:"branch"`
	Other    *columnRef  `json:"other,omitempty"`
	Title    text.Text   `json:"title"`
	Role     policy.Role `json:"role"`
	Rank     *int        `json:"rank,omitempty"`
	On       day.Date    `json:"on"`
	At       *time.Time  `json:"at,omitempty"`
	Codes    []string    `json:"codes"`
	Measures []columnRef `json:"measures"`
	Details  []columnItem
	Allowed  []string `json:"allowed"`
	Places   int      `json:"places,omitzero"`
	Secret   string   `json:"-"`
}

// A column for each plain value: of what has code and name both, the names of roles, lists
// in one cell; none for what is absent.
func TestColumns(t *testing.T) {
	columns, rank := columnsOf(reflect.TypeFor[columnItem]()), 7
	full := columnItem{
		ID: "1", Branch: columnRef{"b01", "一村"}, Other: &columnRef{"b02", "二村"}, Title: text.Text{ZH: "题", EN: "t"},
		Role: policy.Mentor, Rank: &rank, On: "2023-06-30", Codes: []string{"x", "y"},
		Measures: []columnRef{{"1", "甲"}, {"2", "乙"}}, Secret: "s",
	}
	want := []struct {
		code        string
		full, empty any
	}{
		{"id", "1", ""},
		{"branch", "b01", ""},
		{"branch_name", "一村", ""},
		{"other", "b02", nil},
		{"other_name", "二村", nil},
		{"title_zh", "题", ""},
		{"title_en", "t", ""},
		{"role", "mentor", ""},
		{"role_name", "导师", ""},
		{"rank", int64(7), nil},
		{"on", day.Date("2023-06-30"), nil},
		{"at", nil, nil},
		{"codes", "x; y", ""},
		{"measures", "1; 2", ""},
		{"measures_name", "甲; 乙", ""},
		{"places", nil, nil},
	}
	if len(columns) != len(want) {
		t.Fatalf("%d columns: %+v", len(columns), columns)
	}
	for i, c := range columns {
		got := c.cell(reflect.ValueOf(full), "zh")
		empty := c.cell(reflect.ValueOf(columnItem{}), "zh")
		if c.code != want[i].code || got != want[i].full || empty != want[i].empty {
			t.Errorf("%s: %#v and, of an empty item, %#v; want %+v", c.code, got, empty, want[i])
		}
	}
}
