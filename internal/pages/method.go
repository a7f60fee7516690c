package pages

import (
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// MethodView is how the index is made by a scheme.
type MethodView struct {
	Result
}

// Method returns the page of how the score is made.
func Method(f Frame, v MethodView) ([]byte, error) {
	v.language = f.Language
	return render("method", f, v)
}

// MethodLine is a node of the scheme.
type MethodLine struct {
	*scheme.Node
	Depth   int
	Share   float64 // of the whole, where everything applies
	Rule    text.Text
	Example bool
}

// Below returns the nodes below a dimension, in document order.
func (v MethodView) Below(dimension string) (lines []MethodLine) {
	within := false
	for _, info := range v.Scheme.Index.Nodes() {
		if info.Depth <= 1 {
			within = info.Code == dimension
			continue
		}
		if within {
			n := v.Scheme.Node(info.Code)
			lines = append(lines, MethodLine{n, info.Depth, info.EffectiveWeight, RuleWords(n), example(n.Provenance)})
		}
	}
	return lines
}

// Share returns the share of a dimension of the whole.
func (v MethodView) Share(code string) float64 {
	for _, info := range v.Scheme.Index.Nodes() {
		if info.Code == code {
			return info.EffectiveWeight
		}
	}
	return 0
}

// UnitName returns a unit in words of the language.
func (v MethodView) UnitName(unit string) string { return scheme.UnitName(unit, v.language) }

// Example reports whether a provenance marks our example.
func (v MethodView) Example(provenance string) bool { return example(provenance) }

// Effect returns what a veto does, in words.
func (v MethodView) Effect(e composite.Effect) text.Text {
	switch {
	case e.Grade != "":
		return text.F("等次最高为“%s”", "the grade is at most %s", v.Grade(e.Grade))
	case e.Score != 0:
		return text.F("得分最高为%s分", "the score is at most %s", number(e.Score))
	}
	return text.F("不计得分", "there is no score")
}
