package main

import (
	"bufio"
	"fmt"
	"strings"

	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
)

// explained answers why one branch has its score and what would move it.
type explained struct {
	Explanation index.Explanation `json:"explanation"`
	Gains       index.Gains       `json:"gains"`
}

// explain works the answers out for the branch of --explain; none is asked for
// where the code is empty.
func (s *scored) explain(code string) error {
	if code == "" {
		return nil
	}
	view, err := index.OfflineView(s.scheme, s.File)
	if err != nil {
		return err
	}
	var e explained
	if e.Explanation, err = view.Explanation(code, s.language, true); err == nil {
		e.Gains, err = view.Gains(code, s.language)
	}
	if fault.Is(err, fault.KindNotFound) {
		return usageError{text.F("--explain：数据中没有党组织 %q", "--explain: the data have no branch %q", code)}
	}
	s.why = &e
	return err
}

// explanation is the section of the table that explains one branch.
func (s *scored) explanation(b *bufio.Writer) {
	if s.why == nil {
		return
	}
	x := s.why.Explanation
	fmt.Fprintf(b, "\n%s\n\n", s.say("%s 的得分由来：基础分 %s，排名 %d", "why %s scores what it does: base %s, rank %d",
		printable(x.Branch.Name), s.figure(x.Base), x.Rank))
	rows := [][]string{{s.say("节点", "node"), s.say("得分", "score"), s.say("占比", "weight"), s.say("贡献", "points"), s.say("失分", "lost")}}
	for _, n := range x.Nodes {
		score := "–"
		if n.Score != nil {
			score = s.figure(*n.Score)
		}
		rows = append(rows, []string{strings.Repeat("  ", n.Depth) + n.Code, score, percent(n.Weight), fmt.Sprintf("%.2f", n.Points), fmt.Sprintf("%.2f", n.Lost)})
	}
	aligned(b, rows)
	for _, list := range [][]index.Reason{x.Strengths, x.WeakPoints} {
		for _, r := range list {
			fmt.Fprintln(b, "- "+printable(r.Text))
		}
	}
	s.path(b, s.say("上升一名", "one rank up"), s.why.Gains.ToNextRank)
	s.path(b, s.say("上升一等", "one grade up"), s.why.Gains.ToNextGrade)
}

func (s *scored) path(b *bufio.Writer, goal string, p index.Path) {
	fmt.Fprintln(b, s.say("%s：%s", "%s: %s", goal, p.Text))
	for _, m := range p.Steps {
		fmt.Fprintln(b, "  "+printable(s.say("%s 由 %s 提高到 %s，指数 +%s", "%s from %s to %s, index +%s", m.Code, number(m.From), number(m.To), number(m.Points))))
	}
}

// aligned writes rows with the first column to the left and the others to the right.
func aligned(b *bufio.Writer, rows [][]string) {
	columns := make([]column, len(rows[0]))
	for i := range columns {
		columns[i].right = i > 0
		for _, row := range rows {
			columns[i].width = max(columns[i].width, cells(row[i]))
		}
	}
	for _, row := range rows {
		i := -1
		line(b, columns, func(column) string { i++; return row[i] })
	}
	b.WriteByte('\n') //nolint:errcheck // a bufio.Writer keeps its first error
}
