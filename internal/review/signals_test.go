package review

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"bulwark/internal/policy"
)

// rated is a sheet of ratings on the indicators a, b, c … of the dimension d, each
// scored as it is.
func rated(evaluator, branch string, at time.Time, scores ...float64) readSheet {
	s := readSheet{branch: branch, evaluator: evaluator, role: policy.Mentor, submitted: at}
	for i, x := range scores {
		s.values = append(s.values, readValue{code: string(rune('a' + i)), raw: x, rated: true, dimension: "d", score: x})
	}
	return s
}

// reported is the own sheet of a branch in the dimension d.
func reported(branch string, score float64) readSheet {
	return readSheet{
		branch: branch, evaluator: "s" + branch, role: policy.Secretary,
		values: []readValue{{code: "own", raw: score, dimension: "d", score: score}},
	}
}

func told(signals []Signal) (got []string) {
	for _, s := range signals {
		got = append(got, fmt.Sprintf("%s%v%v%s", s.Code, s.Evaluators, s.Branches, s.Subject))
		if s.words.ZH == "" || s.words.EN == "" || len(s.Figures) == 0 {
			got = append(got, "without words or figures")
		}
	}
	return got
}

func TestSignals(t *testing.T) {
	closes := time.Date(2026, 4, 10, 16, 0, 0, 0, time.UTC)
	early := closes.Add(-48 * time.Hour)
	many := func(n int, one func(i int) readSheet) (sheets []readSheet) {
		for i := range n {
			sheets = append(sheets, one(i))
		}
		return sheets
	}
	branch := func(i int) string { return fmt.Sprintf("b%02d", i) }
	differing := func(i int) []float64 { return []float64{80 + float64(i), 70, 75, 90} }
	gaps := func(gap func(i int) float64, n int) []readSheet {
		return append(many(n, func(i int) readSheet { return rated("m", branch(i), early, 60, 60, 60, 60) }),
			many(n, func(i int) readSheet { return reported(branch(i), 60+gap(i)) })...)
	}
	for _, tt := range []struct {
		name   string
		find   func([]readSheet) []Signal
		sheets []readSheet
		want   []string
	}{
		{
			"five of ten in the last hour", func(s []readSheet) []Signal { return lastHour(s, closes) },
			many(10, func(i int) readSheet {
				return rated("m", branch(i), closes.Add(-time.Duration(i)*15*time.Minute).Add(-time.Nanosecond), 1)
			}),
			nil, // only four are within the hour: 0, 15, 30 and 45 minutes before
		},
		{
			"the hour begins exactly an hour before", func(s []readSheet) []Signal { return lastHour(s, closes) },
			many(10, func(i int) readSheet {
				return rated("m", branch(i), closes.Add(-time.Duration(i+1)*12*time.Minute), 1)
			}),
			[]string{"last_hour[m][b00 b01 b02 b03 b04]"},
		},
		{
			"at the close it is too late to be in time", func(s []readSheet) []Signal { return lastHour(s, closes) },
			many(10, func(int) readSheet { return rated("m", "b", closes, 1) }), nil,
		},
		{
			"less than half of one's sheets", func(s []readSheet) []Signal { return lastHour(s, closes) },
			append(many(5, func(i int) readSheet { return rated("m", branch(i), closes.Add(-time.Minute), 1) }),
				many(6, func(i int) readSheet { return rated("m", branch(9), early, 1) })...), nil,
		},
		{
			"nine of ten at the ceiling", ceiling,
			many(5, func(i int) readSheet {
				if i == 0 {
					return rated("m", branch(i), early, 95, 50)
				}
				return rated("m", branch(i), early, 95, 100)
			}),
			[]string{"ceiling[m][b00 b01 b02 b03 b04]"},
		},
		{
			"just below the ceiling", ceiling, many(5,
				func(i int) readSheet { return rated("m", branch(i), early, 94.9, 100) }), nil,
		},
		{
			"few branches at the ceiling", ceiling,
			many(4, func(i int) readSheet { return rated("m", branch(i), early, 100, 100) }), nil,
		},
		{
			"what does not score does not count", ceiling,
			many(5, func(i int) readSheet { return rated("m", branch(i), early, 100, math.NaN()) }),
			[]string{"ceiling[m][b00 b01 b02 b03 b04]"},
		},
		{
			"the same for four branches", sameForMany,
			many(4, func(i int) readSheet { return rated("m", branch(i), early, 80, 70, 75, 90) }),
			[]string{"same_for_many[m][b00 b01 b02 b03]"},
		},
		{
			"the same for three branches", sameForMany,
			many(3, func(i int) readSheet { return rated("m", branch(i), early, 80, 70, 75, 90) }), nil,
		},
		{"few short ones", sameForMany, many(7, func(i int) readSheet { return rated("m", branch(i), early, 80, 70) }), nil},
		{
			"many short ones", sameForMany, many(8, func(i int) readSheet { return rated("m", branch(i), early, 80, 70) }),
			[]string{"same_for_many[m][b00 b01 b02 b03 b04 b05 b06 b07]"},
		},
		{
			"many short ones among more that differ", sameForMany,
			append(many(8, func(i int) readSheet { return rated("m", branch(i), early, 80, 70) }),
				many(9, func(i int) readSheet { return rated("m", branch(i), early, 80, float64(i)) })...), nil,
		},
		{"a single rating", sameForMany, many(9, func(i int) readSheet { return rated("m", branch(i), early, 80) }), nil},
		{
			"two who agree on few short ones", sameAsAnother,
			append(many(7, func(i int) readSheet { return rated("m", branch(i), early, 80, float64(i)) }),
				many(7, func(i int) readSheet { return rated("n", branch(i), early, 80, float64(i)) })...), nil,
		},
		{
			"two who agree on many short ones", sameAsAnother,
			append(many(8, func(i int) readSheet { return rated("m", branch(i), early, 80, float64(i)) }),
				many(8, func(i int) readSheet { return rated("n", branch(i), early, 80, float64(i)) })...),
			[]string{"same_as_another[m n][b00 b01 b02 b03 b04 b05 b06 b07]"},
		},
		{
			"each its own", sameForMany, many(9,
				func(i int) readSheet { return rated("m", branch(i), early, differing(i)...) }), nil,
		},
		{
			"two who agree to the last digit", sameAsAnother,
			[]readSheet{
				rated("m", "b01", early, 80, 70, 75, 90), rated("n", "b01", early, 80, 70, 75, 90),
				rated("o", "b01", early, 80, 70, 75, 91), rated("o", "b02", early, 80, 70, 75, 90),
			},
			[]string{"same_as_another[m n][b01]"},
		},
		{
			"one branch thinks much better of itself", selfReportGap,
			gaps(func(i int) float64 { return []float64{5, 6, 7, 5, 6, 7, 6, 30}[i] }, 8),
			[]string{"self_report_gap[][b07]d"},
		},
		{"all think better of themselves alike", selfReportGap, gaps(func(int) float64 { return 30 }, 8), nil},
		{
			"some think worse of themselves", selfReportGap,
			gaps(func(i int) float64 { return []float64{5, 6, 7, 5, 6, 7, 6, -30}[i] }, 8), nil,
		},
		{
			"far in spread, near in points", selfReportGap,
			gaps(func(i int) float64 { return []float64{5, 5, 5, 5, 5, 5, 5, 14}[i] }, 8), nil,
		},
		{
			"far in points, near in spread", selfReportGap,
			gaps(func(i int) float64 { return []float64{0, 20, 40, 10, 30, 5, 35, 60}[i] }, 8), nil,
		},
		{
			"too few to know what is usual", selfReportGap,
			gaps(func(i int) float64 { return []float64{5, 6, 7, 5, 6, 7, 60}[i] }, 7), nil,
		},
	} {
		if got := told(tt.find(tt.sheets)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
