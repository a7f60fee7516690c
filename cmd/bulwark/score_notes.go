package main

import (
	"bufio"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// adjusted says what else than the tree made a score.
func (s *scored) adjusted(b *bufio.Writer, x composite.Standing) {
	if x.Bonus == 0 && x.Deduction == 0 && len(x.Vetoes) == 0 {
		return
	}
	note := s.say("%s：基础分 %s，加分 %s，扣分 %s", "%s: base %s, bonus %s, deduction %s",
		s.Data.Units[x.Unit], s.figure(x.Base), number(x.Bonus), number(x.Deduction))
	if len(x.Vetoes) > 0 {
		note += s.say("，一票否决 %s", ", veto %s", strings.Join(x.Vetoes, ", "))
	}
	fmt.Fprintln(b, printable(note))
}

// unscored says why a branch has no score.
func (s *scored) unscored(b *bufio.Writer, x composite.Standing) {
	why := s.say("数据不足", "insufficient")
	if x.Status == composite.UnitFailed {
		why = s.say("缺少必填数据", "failed for want of a value")
	}
	fmt.Fprintln(b, printable(s.say("%s：%s，完整度 %s，缺 %s", "%s: %s, coverage %s, missing %s",
		s.Data.Units[x.Unit], why, percent(s.coverage(x.Unit)), strings.Join(s.missing(x.Unit), ", "))))
}

var flagNotes = map[stats.FlagCode]text.Text{
	stats.ConstantColumn:    text.F("各党组织数值相同，或只有一个数值，无法区分", "all values are equal, or there is one only: it tells nobody apart"),
	composite.TargetReached: text.F("最低者也已达到目标值", "even the lowest has reached the target"),
	composite.NoReference:   text.F("参照对象没有大于 0 的数值，因此不计分", "the reference has no value above 0: it is not scored"),
}

// remarks are about indicators: flags and values held back as outliers.
func (s *scored) remarks(b *bufio.Writer) {
	for _, f := range s.result.Flags {
		where := s.nodes[f.Node].Code
		if f.Class != "" {
			where += " (" + f.Class + ")"
		}
		fmt.Fprintln(b, printable(s.say("%s：%s", "%s: %s", where, flagNotes[f.Code].In(s.language))))
	}
	for _, p := range s.result.Treated {
		fmt.Fprintln(b, printable(s.say("%s：%s 的离群值 %s 按 %s 计", "%s: the outlier %[3]s of %[2]s counts as %[4]s",
			s.nodes[p.Node].Code, s.Data.Units[p.Unit], number(p.Before), number(p.After))))
	}
}

// printable is text fit for a terminal: what would steer it becomes a question mark.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// cells is the number of terminal cells that s takes, by Unicode Standard Annex
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
