package main

import (
	"bufio"
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// writeTable writes the ranking for a terminal: the branches top to bottom with
// the first level of the tree, then what a reader should know of the figures.
func writeTable(s *scored, b *bufio.Writer) error {
	d := s.scheme.Document
	scored, rest := s.split()
	fmt.Fprintf(b, "%s\n\n", s.say(
		"%[1]s（%[2]s 第 %[3]d 版）：%[5]d 个党组织，%[4]d 个有得分", "%[1]s (%[2]s, version %[3]d): %[4]d of %[5]d branches scored",
		printable(d.Name.In(s.language)), d.Code, d.Version, len(scored), len(s.list)))
	if len(scored) > 0 {
		s.ranking(b, scored)
	}
	for _, standing := range scored {
		s.adjusted(b, standing)
	}
	for _, standing := range rest {
		s.unscored(b, standing)
	}
	s.remarks(b)
	s.explanation(b)
	_, err := fmt.Fprintln(b, s.say(
		"引擎 %s\n指标体系 %s\n数据 %s", "engine %s\nscheme %s\ndata %s", index.Engine, s.scheme.Hash, s.dataHash))
	return err // a bufio.Writer keeps its first
}

func (s *scored) say(zh, en string, args ...any) string {
	return text.F(zh, en, args...).In(s.language)
}

// column is one column of the table.
type column struct {
	title string
	right bool // aligned
	cell  func(composite.Standing) string
	width int
}

func (s *scored) columns() []column {
	list := []column{
		{title: s.say(
			"排名", "rank"), right: true, cell: func(x composite.Standing) string { return strconv.Itoa(x.Rank) }},
		{title: s.say("党组织", "branch"), cell: func(x composite.Standing) string { return s.Data.Units[x.Unit] }},
	}
	if s.Names != nil {
		list = append(list, column{title: s.say(
			"名称", "name"), cell: func(x composite.Standing) string { return s.Names[x.Unit] }})
	}
	if s.Data.Classes != nil {
		list = append(list, column{title: s.say(
			"类别", "class"), cell: func(x composite.Standing) string { return s.class(x.Unit) }},
			column{title: s.say(
				"类内排名",
				"in class"), right: true, cell: func(x composite.Standing) string { return strconv.Itoa(x.ClassRank) }})
	}
	list = append(list, column{title: s.say(
		"得分", "score"), right: true, cell: func(x composite.Standing) string { return s.figure(x.Score) }})
	if len(s.scheme.Document.Grades) > 0 {
		list = append(list, column{title: s.say(
			"等次", "grade"), cell: func(x composite.Standing) string { return s.grade(x.Grade) }})
	}
	list = append(list, column{title: s.say(
		"完整度",
		"coverage"), right: true, cell: func(x composite.Standing) string { return percent(s.coverage(x.Unit)) }})
	if s.sure != nil {
		list = append(list, column{title: s.say(
			"排名区间", "rank range"), right: true, cell: func(x composite.Standing) string {
			r, _ := s.sure.of(x.Unit)
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

// ranking goes over the list twice: for the widths, then to write.
func (s *scored) ranking(b *bufio.Writer, list []composite.Standing) {
	columns := s.columns()
	for i := range columns {
		c := &columns[i]
		c.width = cells(c.title)
		for _, x := range list {
			c.width = max(c.width, cells(c.cell(x)))
		}
	}
	line(b, columns, func(c column) string { return c.title })
	for _, x := range list {
		line(b, columns, func(c column) string { return c.cell(x) })
	}
	b.WriteByte('\n') //nolint:errcheck // a bufio.Writer keeps its first error
}

func line(b *bufio.Writer, columns []column, cell func(column) string) {
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

// title of a dimension: its name where that is short, else its code.
func (s *scored) title(code string) string {
	const widest = 12
	if name := s.scheme.Node(code).Name.In(s.language); name != "" && cells(name) <= widest {
		return name
	}
	return code
}

func (s *scored) grade(code string) string {
	for _, g := range s.scheme.Document.Grades {
		if g.Code == code {
			return cmp.Or(g.Name.In(s.language), code)
		}
	}
	return code
}

// figure has the decimals of the scheme, all bits where exact ones are asked for.
func (s *scored) figure(x float64) string {
	if s.exact {
		return number(x)
	}
	return strconv.FormatFloat(x, 'f', s.scheme.Document.Decimals, 64)
}

func percent(share float64) string {
	return strconv.FormatFloat(stats.Round(100*share, 2), 'f', -1, 64) + "%"
}
