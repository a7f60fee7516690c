package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"bulwark/internal/explanation"
	"bulwark/internal/robustness"
)

var example = []string{
	"score", "--scheme", "../../docs/examples/five-forces.json", "--data", "../../docs/examples/data.csv",
}

// try runs the command on the example and gives its exit code, output and errors.
func try(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), program{in: strings.NewReader(""), out: &out, err: &err},
		append(example[:len(example):len(example)], args...))
	return code, out.String(), err.String()
}

func TestScoreExplains(t *testing.T) {
	code, out, _ := try(t, "--format", "json", "--explain", "b07", "--robust", "200", "--seed", "7")
	var answer struct {
		Items []struct {
			Rank     int                     `json:"rank"`
			Interval robustness.RankInterval `json:"rank_interval"`
			Grades   map[string]float64      `json:"p_grades"`
		} `json:"items"`
		Explanation explanation.Explanation `json:"explanation"`
		Gains       explanation.Gains       `json:"gains"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v", code, err)
	}
	sum := 0.0
	for _, n := range answer.Explanation.Nodes {
		if n.Depth == 2 {
			sum += n.Points
		}
	}
	if math.Abs(sum-answer.Explanation.Base) > 1e-9 || answer.Explanation.Rank != answer.Gains.Rank {
		t.Errorf("contributions sum to %v, the base is %v", sum, answer.Explanation.Base)
	}
	if answer.Gains.ToNextRank.Status != "found" || answer.Gains.ToNextRank.NewRank >= answer.Gains.Rank {
		t.Errorf("one rank up: %+v", answer.Gains.ToNextRank)
	}
	for _, item := range answer.Items {
		if item.Interval.Low < 1 || item.Interval.Low > item.Interval.High || len(item.Grades) != 4 {
			t.Errorf("rank %d lies in %v with grades %v", item.Rank, item.Interval, item.Grades)
		}
	}
	if _, again, _ := try(t, "--format", "json", "--explain", "b07", "--robust", "200", "--seed", "7"); again != out {
		t.Error("the same seed gives another answer")
	}
	if _, other, _ := try(t, "--format", "json", "--explain", "b07", "--robust", "200", "--seed", "8"); other == out {
		t.Error("another seed gives the same answer: nothing is drawn")
	}
}

func TestScoreExplainsOnlyWhatItCan(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--explain", "nobody"}, exitUsage, `no branch "nobody"`},
		{[]string{"--explain", "b13"}, exitFailure, "no score in this period"},
		{[]string{"--explain", "b07", "--format", "csv"}, exitUsage, "does not work with CSV"},
		{[]string{"--robust", "-1"}, exitUsage, "replicates_out_of_range"},
	} {
		code, out, said := try(t, c.args...)
		if code != c.code || !strings.Contains(said, c.says) || out != "" {
			t.Errorf("%v: exit code %d, %q, output %q", c.args, code, said, out)
		}
	}
	if _, out, _ := try(t, "--robust", "50", "--format", "csv"); !strings.Contains(out, ",coverage,rank_low,rank_high,index,") {
		t.Error("the CSV has no ranges of ranks")
	}
	if _, out, _ := try(t, "--explain", "b07"); !strings.Contains(out, "one grade up: the changes below are enough") {
		t.Error("the table does not explain")
	}
}
