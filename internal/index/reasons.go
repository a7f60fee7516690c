package index

import (
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// wording says each finding in words: the name, the score, what it is compared
// with, the gap and what it is worth.
var wording = map[composite.FindingCode]text.Text{
	composite.AboveClassMedian: {ZH: "%[1]s %[2]v 分，高于同类中位数 %[3]v 分，相当于指数 %[5]v 分", EN: "%[1]s scores %[2]v, above the class median of %[3]v: worth %[5]v points of the index"},
	composite.BelowClassMedian: {ZH: "%[1]s %[2]v 分，低于同类中位数 %[3]v 分，相当于指数 %[5]v 分", EN: "%[1]s scores %[2]v, below the class median of %[3]v: it costs %[5]v points of the index"},
	composite.Risen:            {ZH: "%[1]s 由上期 %[3]v 分升至 %[2]v 分，相当于指数 %[5]v 分", EN: "%[1]s rose from %[3]v to %[2]v since the period before: worth %[5]v points of the index"},
	composite.Fallen:           {ZH: "%[1]s 由上期 %[3]v 分降至 %[2]v 分，相当于指数 %[5]v 分", EN: "%[1]s fell from %[3]v to %[2]v since the period before: it costs %[5]v points of the index"},
	composite.AboveTarget:      {ZH: "%[1]s %[2]v 分，超过目标 %[3]v 分，相当于指数 %[5]v 分", EN: "%[1]s scores %[2]v, above its target of %[3]v: worth %[5]v points of the index"},
	composite.BelowTarget:      {ZH: "%[1]s %[2]v 分，未达目标 %[3]v 分，相当于指数 %[5]v 分", EN: "%[1]s scores %[2]v, below its target of %[3]v: it costs %[5]v points of the index"},
}

func (o *Outcome) reason(f composite.Finding, language string) Reason {
	d := o.Scheme.Document.Decimals
	code := o.Scheme.Index.Nodes()[f.Node].Code
	r := Reason{
		Code: string(f.Code), Node: code, Name: o.name(code, language), Score: stats.Round(f.Score, d),
		Reference: stats.Round(f.Reference, d), Gap: stats.Round(f.Gap, d), Points: stats.Round(f.Points, 4),
	}
	words := wording[f.Code]
	r.Text = text.F(words.ZH, words.EN, r.Name, r.Score, r.Reference, r.Gap, stats.Round(max(f.Points, -f.Points), 2)).In(language)
	return r
}
