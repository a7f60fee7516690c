package main

import (
	"bufio"
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"bulwark/internal/explanation"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// writeTable writes the ranking for a terminal: the branches top to bottom with
// the first level of the tree, then what a reader should know of the figures.
func writeTable(s *scoreReport, b *bufio.Writer) error {
	d := s.scheme.Document
	scored, rest := s.split()
	fmt.Fprintf(b, "%s\n\n", s.text(
		"%[1]s（%[2]s 第 %[3]d 版）：%[5]d 个党组织，%[4]d 个有得分", "%[1]s (%[2]s, version %[3]d): %[4]d of %[5]d branches scored",
		printable(d.Name.In(s.language)), d.Code, d.Version, len(scored), len(s.list)))
	if full := d.FullScore(); full != 100 {
		fmt.Fprintf(b, "%s\n\n", s.text("满分 %s 分", "scores are out of %s", number(full)))
	}
	if len(scored) > 0 {
		s.writeRanking(b, scored)
	}
	for _, standing := range scored {
		s.writeAdjustments(b, standing)
	}
	for _, standing := range rest {
		s.writeUnscored(b, standing)
	}
	s.writeFlags(b)
	s.writeExplanation(b)
	_, err := fmt.Fprintln(b, s.text(
		"引擎 %s\n指标体系 %s\n数据 %s", "engine %s\nscheme %s\ndata %s", index.Engine, s.scheme.Hash, s.dataHash))
	return err // a bufio.Writer keeps its first
}

func (s *scoreReport) text(zh, en string, args ...any) string {
	return text.F(zh, en, args...).In(s.language)
}

// column is one column of the table.
type column struct {
	title string
	right bool // aligned
	cell  func(composite.Standing) string
	width int
}

func (s *scoreReport) columns() []column {
	list := []column{
		{title: s.text(
			"排名", "rank"), right: true, cell: func(x composite.Standing) string { return strconv.Itoa(x.Rank) }},
		{title: s.text("党组织", "branch"), cell: func(x composite.Standing) string { return s.Data.Units[x.Unit] }},
	}
	if s.Names != nil {
		list = append(list, column{title: s.text(
			"名称", "name"), cell: func(x composite.Standing) string { return s.Names[x.Unit] }})
	}
	if s.Data.Classes != nil {
		list = append(list, column{title: s.text(
			"类别", "class"), cell: func(x composite.Standing) string { return s.class(x.Unit) }},
			column{title: s.text(
				"类内排名",
				"in class"), right: true, cell: func(x composite.Standing) string { return strconv.Itoa(x.ClassRank) }})
	}
	list = append(list, column{title: s.text(
		"得分", "score"), right: true, cell: func(x composite.Standing) string { return s.figure(x.Score) }})
	if len(s.scheme.Document.Grades) > 0 {
		list = append(list, column{title: s.text(
			"等次", "grade"), cell: func(x composite.Standing) string { return s.grade(x.Grade) }})
	}
	list = append(list, column{title: s.text(
		"完整度",
		"coverage"), right: true, cell: func(x composite.Standing) string { return percent(s.coverage(x.Unit)) }})
	if s.robust != nil {
		list = append(list, column{title: s.text(
			"排名区间", "rank range"), right: true, cell: func(x composite.Standing) string {
			r, _ := s.robust.of(x.Unit)
			return fmt.Sprintf("%d–%d", r.RankLow, r.RankHigh)
		}})
	}
	for n, info := range s.nodes {
		if info.Depth == 1 {
			list = append(list, column{title: s.title(info.Code), right: true, cell: func(x composite.Standing) string {
				if score, ok := s.node(n, x.Unit); ok {
					return s.figure(score)
				}
				return "–"
			}})
		}
	}
	return list
}

// writeRanking writes the list. It goes over it twice: for the widths, then to write.
func (s *scoreReport) writeRanking(b *bufio.Writer, list []composite.Standing) {
	columns := s.columns()
	for i := range columns {
		c := &columns[i]
		c.width = cells(c.title)
		for _, x := range list {
			c.width = max(c.width, cells(c.cell(x)))
		}
	}
	writeRow(b, columns, func(c column) string { return c.title })
	for _, x := range list {
		writeRow(b, columns, func(c column) string { return c.cell(x) })
	}
	b.WriteByte('\n') //nolint:errcheck // a bufio.Writer keeps its first error
}

func writeRow(b *bufio.Writer, columns []column, cell func(column) string) {
	row := ""
	for _, c := range columns {
		value := printable(cell(c))
		blanks := strings.Repeat(" ", max(0, c.width-cells(value)))
		if c.right {
			row += blanks + value + "  "
		} else {
			row += value + blanks + "  "
		}
	}
	fmt.Fprintln(b, strings.TrimRight(row, " "))
}

// title returns the name of a dimension where that is short, else its code.
func (s *scoreReport) title(code string) string {
	const widest = 12
	if name := s.scheme.Node(code).Name.In(s.language); name != "" && cells(name) <= widest {
		return name
	}
	return code
}

func (s *scoreReport) grade(code string) string {
	for _, g := range s.scheme.Document.Grades {
		if g.Code == code {
			return cmp.Or(g.Name.In(s.language), code)
		}
	}
	return code
}

// figure returns x with the decimals of the scheme, or with all bits where exact ones are
// asked for.
func (s *scoreReport) figure(x float64) string {
	if s.exact {
		return number(x)
	}
	return strconv.FormatFloat(x, 'f', s.scheme.Document.Decimals, 64)
}

func percent(share float64) string {
	return strconv.FormatFloat(stats.Round(100*share, 2), 'f', -1, 64) + "%"
}

// writeAdjustments writes what other than the tree made a score.
func (s *scoreReport) writeAdjustments(b *bufio.Writer, x composite.Standing) {
	if x.Bonus == 0 && x.Deduction == 0 && len(x.Vetoes) == 0 {
		return
	}
	note := s.text("%s：基础分 %s，加分 %s，扣分 %s", "%s: base %s, bonus %s, deduction %s",
		s.Data.Units[x.Unit], s.figure(x.Base), number(x.Bonus), number(x.Deduction))
	if len(x.Vetoes) > 0 {
		note += s.text("，一票否决 %s", ", veto %s", strings.Join(x.Vetoes, ", "))
	}
	fmt.Fprintln(b, printable(note))
}

// writeUnscored writes why a branch has no score.
func (s *scoreReport) writeUnscored(b *bufio.Writer, x composite.Standing) {
	reason := s.text("数据不足", "insufficient")
	if x.Status == composite.UnitFailed {
		reason = s.text("缺少必填数据", "failed for want of a value")
	}
	fmt.Fprintln(b, printable(s.text("%s：%s，完整度 %s，缺 %s", "%s: %s, coverage %s, missing %s",
		s.Data.Units[x.Unit], reason, percent(s.coverage(x.Unit)), strings.Join(s.missing(x.Unit), ", "))))
}

var flagNotes = map[stats.FlagCode]text.Text{
	stats.ConstantColumn: text.F("各党组织数值相同，或只有一个数值，无法区分",
		"all values are equal, or there is only one: it distinguishes no branches"),
	composite.TargetReached: text.F("最低者也已达到目标值", "even the lowest has reached the target"),
	composite.NoReference:   text.F("参照对象没有大于 0 的数值，因此不计分", "the reference has no value above 0: it is not scored"),
}

// writeFlags writes the flags of indicators, and the values treated as outliers.
func (s *scoreReport) writeFlags(b *bufio.Writer) {
	for _, f := range s.result.Flags {
		where := s.nodes[f.Node].Code
		if f.Class != "" {
			where += " (" + f.Class + ")"
		}
		fmt.Fprintln(b, printable(s.text("%s：%s", "%s: %s", where, flagNotes[f.Code].In(s.language))))
	}
	for _, p := range s.result.Treated {
		fmt.Fprintln(b, printable(s.text("%s：%s 的离群值 %s 按 %s 计", "%s: the outlier %[3]s of %[2]s counts as %[4]s",
			s.nodes[p.Node].Code, s.Data.Units[p.Unit], number(p.Before), number(p.After))))
	}
}

// printable returns text fit for a terminal: control characters become question marks.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// cells returns the number of terminal cells that s takes, by Unicode Standard Annex
// 11: two for a wide character, none for a combining mark.
func cells(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case r > unicode.MaxASCII && wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}

// writeExplanation writes the section of the table that explains one branch.
func (s *scoreReport) writeExplanation(b *bufio.Writer) {
	if s.explained == nil {
		return
	}
	x := s.explained.Explanation
	fmt.Fprintf(b, "\n%s\n\n", s.text("%s 的得分由来：基础分 %s，排名 %d", "why %s scores what it does: base %s, rank %d",
		printable(x.Branch.Name), s.figure(x.Base), x.Rank))
	rows := [][]string{{s.text(
		"节点", "node"), s.text("得分", "score"), s.text("占比", "weight"), s.text("贡献", "points"), s.text("失分", "lost")}}
	for _, n := range x.Nodes {
		score := "–"
		if n.Score != nil {
			score = s.figure(*n.Score)
		}
		rows = append(rows, []string{
			strings.Repeat("  ", n.Depth) + n.Code, score, percent(n.Weight), fmt.Sprintf("%.2f", n.Points),
			fmt.Sprintf("%.2f", n.Lost),
		})
	}
	writeAligned(b, rows)
	for _, list := range [][]explanation.Reason{x.Strengths, x.WeakPoints} {
		for _, r := range list {
			fmt.Fprintln(b, "- "+printable(r.Text))
		}
	}
	s.writePath(b, s.text("上升一名", "one rank up"), *s.explained.Gains.ToNextRank)
	s.writePath(b, s.text("上升一等", "one grade up"), *s.explained.Gains.ToNextGrade)
}

func (s *scoreReport) writePath(b *bufio.Writer, goal string, p explanation.Path) {
	fmt.Fprintln(b, s.text("%s：%s", "%s: %s", goal, p.Text))
	for _, m := range p.Steps {
		fmt.Fprintln(b, "  "+printable(s.text(
			"%s 由 %s 提高到 %s，指数 +%s",
			"%s from %s to %s, index +%s", m.Code, number(m.From), number(m.To), number(m.Points))))
	}
}

// writeAligned writes rows with the first column to the left and the others to the right.
func writeAligned(b *bufio.Writer, rows [][]string) {
	columns := make([]column, len(rows[0]))
	for i := range columns {
		columns[i].right = i > 0
		for _, row := range rows {
			columns[i].width = max(columns[i].width, cells(row[i]))
		}
	}
	for _, row := range rows {
		i := -1
		writeRow(b, columns, func(column) string { i++; return row[i] })
	}
	b.WriteByte('\n') //nolint:errcheck // a bufio.Writer keeps its first error
}
