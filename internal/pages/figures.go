package pages

import (
	"html/template"
	"strconv"
	"strings"

	"bulwark/internal/text"
)

// Figures are SVG without style or script. Each has a title that states what it shows, so
// that nothing is in the picture alone.

// IntervalFigure is where a rank may lie.
type IntervalFigure struct {
	Of, Rank        int // of so many
	Low, High       int // in 90 % of the computations
	SetLow, SetHigh int // together with the sets of all others; 0: unknown
}

func (i IntervalFigure) svg(language string) template.HTML {
	x := func(rank int) string { return coordinate(6 + 148*float64(rank-1)/float64(max(i.Of-1, 1))) }
	var b strings.Builder
	open(&b, "interval", 160, 16, i.words().In(language))
	b.WriteString(`<path class="axis" d="M6 8H154"/>`)
	if i.SetLow > 0 {
		b.WriteString(`<path class="set" d="M` + x(i.SetLow) + ` 8H` + x(i.SetHigh) + `"/>`)
	}
	b.WriteString(`<path class="range" d="M` + x(i.Low) + ` 8H` + x(i.High) + `"/>`)
	b.WriteString(`<circle cx="` + x(i.Rank) + `" cy="8" r="3"/></svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers, and words that open escapes
}

func (i IntervalFigure) words() text.Text {
	return text.F("第%[1]d名，可能在第%[2]d–%[3]d名之间，共%[4]d名", "rank %[1]d of %[4]d, likely %[2]d to %[3]d",
		i.Rank, i.Low, i.High, i.Of)
}

// barFigure is a score beside the median of its class.
type barFigure struct {
	Name   string
	Score  *float64
	Median *float64 // nil: not stated
	Full   float64
	Tone   int
}

func (f barFigure) svg(language string) template.HTML {
	x := func(v float64) float64 { return 200 * min(max(v/f.Full, 0), 1) }
	words := text.F("%[1]s %[2]s 分", "%[1]s: %[2]s points", f.Name, number(f.Score))
	if f.Median != nil {
		words = text.F("%[1]s，同类中位数 %[2]s 分", "%[1]s, median of the class %[2]s", words, number(*f.Median))
	}
	var b strings.Builder
	open(&b, "gauge", 200, 16, words.In(language))
	b.WriteString(`<rect class="axis" y="4" width="200" height="8"/>`)
	if f.Score != nil {
		b.WriteString(`<rect class="t` + strconv.Itoa(f.Tone) + `" y="4" width="` + coordinate(x(*f.Score)) + `" height="8"/>`)
	}
	if f.Median != nil {
		b.WriteString(`<path class="median" d="M` + coordinate(x(*f.Median)) + ` 0V16"/>`)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers, and words that open escapes
}

// stepFigure is one step of a waterfall: it reaches from one score to another.
type stepFigure struct {
	Name     string
	From, To float64
	High     float64 // end of the scale, which begins at 0
	Total    bool    // a score, and no change
}

func (f stepFigure) svg(language string) template.HTML {
	x := func(v float64) float64 { return 360 * max(v, 0) / f.High }
	left, right := min(x(f.From), x(f.To)), max(x(f.From), x(f.To))
	kind, words := "up", text.F("%s：%s 分", "%s: %s points", f.Name, signed(2, f.To-f.From))
	switch {
	case f.Total:
		left, kind, words = 0, "total", text.F("%s：%s 分", "%s: %s points", f.Name, number(f.To))
	case f.To < f.From:
		kind = "down"
	}
	var b strings.Builder
	open(&b, "step", 360, 18, words.In(language))
	b.WriteString(`<rect class="` + kind + `" x="` + coordinate(left) + `" y="3" width="` +
		coordinate(max(right-left, 1.5)) + `" height="12"/></svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers, and words that open escapes
}

// CourseFigure is a score over the periods.
type CourseFigure struct {
	Points []coursePoint
	Low    float64 // ends of the scale
	High   float64
}

type coursePoint struct {
	Period string
	Score  float64
}

func (f CourseFigure) svg(language string) template.HTML {
	x := func(i int) float64 { return 30 + 260*float64(i)/float64(max(len(f.Points)-1, 1)) }
	y := func(v float64) float64 { return 74 - 52*(v-f.Low)/max(f.High-f.Low, 1) }
	words := make([]string, len(f.Points))
	for i, p := range f.Points {
		words[i] = p.Period + " " + number(p.Score)
	}
	var b strings.Builder
	open(&b, "course", 320, 96, text.F("各期得分：%[1]s", "scores by period: %[1]s", strings.Join(words, ", ")).In(language))
	b.WriteString(`<path class="line" d="`)
	for i, p := range f.Points {
		step := "L"
		if i == 0 {
			step = "M"
		}
		b.WriteString(step + coordinate(x(i)) + " " + coordinate(y(p.Score)))
	}
	b.WriteString(`"/>`)
	for i, p := range f.Points {
		at := coordinate(x(i))
		b.WriteString(`<circle cx="` + at + `" cy="` + coordinate(y(p.Score)) + `" r="3.5"/>`)
		b.WriteString(`<text x="` + at + `" y="` + coordinate(y(p.Score)-9) + `">` + number(p.Score) + `</text>`)
		b.WriteString(`<text class="period" x="` + at + `" y="92">` + template.HTMLEscapeString(p.Period) + `</text>`)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers, and words that are escaped
}

// open begins a figure with the title.
func open(b *strings.Builder, class string, width, height int, title string) {
	title = template.HTMLEscapeString(title)
	if class == "step" || class == "gauge" { // bars alone, which may be stretched
		class += `" preserveAspectRatio="none`
	}
	b.WriteString(`<svg class="` + class + `" viewBox="0 0 ` + strconv.Itoa(width) + ` ` + strconv.Itoa(height) +
		`" role="img" aria-label="` + title + `"><title>` + title + `</title>`)
}

// coordinate returns a place with one decimal.
func coordinate(x float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}
