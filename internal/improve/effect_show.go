package improve

import (
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/pkg/composite/effect"
	"bulwark/pkg/composite/stats"
)

// effectDecimals is how exactly effects are told: they are estimates.
const effectDecimals = 2

func rounded(x float64) float64 { return stats.Round(x, effectDecimals) }

// tell fills in the figures, with codes in the place of numbers.
func (r *EffectReport) tell(p index.PublishedPanel, e *effect.InterventionEffect, language string) {
	r.Status, r.Treated, r.Matched, r.Controls = "estimated", e.Treated, len(e.Matches), e.Controls
	r.Estimate = figures(e.Estimate, e.Level)
	r.BeforeAfter, r.ControlChange, r.Above = new(rounded(e.TreatedChange)), new(rounded(e.ControlChange)), new(rounded(e.Above))
	r.Reading, r.Caveat = reading(e).In(language), effectCaveat.In(language)
	if e.Placebo != nil {
		r.Placebo = figures(e.Placebo.Estimate, e.Level)
	}
	r.Matches = make([]EffectMatch, len(e.Matches))
	for i, m := range e.Matches {
		controls := make([]string, len(m.Controls))
		for k, u := range m.Controls {
			controls[k] = p.Units[u]
		}
		r.Matches[i] = EffectMatch{
			Branch: p.Units[m.Unit], From: p.Periods[m.From].Code, To: p.Periods[m.To].Code, Before: rounded(m.Before), After: rounded(m.After),
			Controls: controls, ControlBefore: rounded(m.ControlBefore), ControlAfter: rounded(m.ControlAfter), Effect: rounded(m.Effect),
		}
	}
	r.leaveOut(p, e.Unmatched)
}

// tooFew tells the numbers that forbid a figure.
func (r *EffectReport) tooFew(p index.PublishedPanel, few *effect.TooFewMatched, language string) {
	r.Status, r.Treated, r.Matched, r.Controls, r.Matches = "too_few", few.Treated, few.Matched, few.Controls, []EffectMatch{}
	r.Reading = text.F(
		"可比的党组织太少，无法判断成效：已实施 %d 个，其中可比 %d 个（至少需要 %d 个），可作对照 %d 个",
		"too few branches can be compared to tell an effect: %d had it, %d of them can be compared (at least %d are needed), with %d others",
		few.Treated, few.Matched, few.Least, few.Controls).In(language)
	r.Caveat = effectCaveat.In(language)
	r.leaveOut(p, few.Unmatched)
}

func (r *EffectReport) leaveOut(p index.PublishedPanel, list []effect.Unmatched) {
	r.Unmatched = make([]EffectLeftOut, len(list))
	for i, u := range list {
		r.Unmatched[i] = EffectLeftOut{Branch: p.Units[u.Unit], Reason: string(u.Reason)}
	}
}

func codes(periods []evaluation.Period) []string {
	list := make([]string, len(periods))
	for i, p := range periods {
		list[i] = p.Code
	}
	return list
}

func figures(e effect.Estimate, level float64) *EffectFigures {
	return &EffectFigures{Effect: rounded(e.Effect), Low: rounded(e.Low), High: rounded(e.High), Level: level}
}

// reading says in words whether the figure can be told from chance.
func reading(e *effect.InterventionEffect) text.Text {
	level := stats.Round(100*e.Level, 1)
	switch {
	case e.Low > 0:
		return text.F("实施后比条件相近的党组织多升 %[1]v 分（%[4]v%% 区间 %[2]v 至 %[3]v）", "they rose by %[1]v points more than comparable branches (%[4]v%% interval %[2]v to %[3]v)",
			rounded(e.Effect), rounded(e.Low), rounded(e.High), level)
	case e.High < 0:
		return text.F("实施后比条件相近的党组织少升 %[1]v 分（%[4]v%% 区间 %[2]v 至 %[3]v）", "they rose by %[1]v points less than comparable branches (%[4]v%% interval %[2]v to %[3]v)",
			rounded(-e.Effect), rounded(e.Low), rounded(e.High), level)
	}
	return text.F("差异 %[1]v 分，%[4]v%% 区间 %[2]v 至 %[3]v 包含 0：不能与偶然波动区分", "the difference of %[1]v points cannot be told from chance: the %[4]v%% interval, %[2]v to %[3]v, holds 0",
		rounded(e.Effect), rounded(e.Low), rounded(e.High), level)
}

var effectCaveat = text.F(
	"这是同类别、起点相近的党组织之间的比较，不是试验：选择对象时看到而本指数没有反映的情况，以及同时采取的其他措施，都会计入差异",
	"this compares branches of one class that started alike, and is no experiment: what those who chose saw and the index does not show, and other help at the same time, is part of the difference")
