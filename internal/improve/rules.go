package improve

import (
	"fmt"
	"slices"

	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// check faults a rule whose figures do not fit its kind, at its place in a list.
func (r TargetRule) check(i int) (faults []fault.FieldError) {
	refuse := func(member string, message text.Text) {
		faults = append(faults, fault.At(fmt.Sprintf("/settings/target_rules/%d/%s", i, member), "rule", message))
	}
	switch r.Kind {
	case LowestShare:
		if !(r.Share > 0 && r.Share <= 1) {
			refuse("share", text.F("比例应大于 0 且不超过 1", "the share lies above 0 and up to 1"))
		}
	case DimensionBelow:
		if !(r.Points > 0 && r.Points <= 100) {
			refuse("points", text.F("分数应大于 0 且不超过 100", "the points lie above 0 and up to 100"))
		}
	case FallOver:
		if !(r.Points > 0 && r.Points <= 100) {
			refuse("points", text.F("降幅应大于 0 且不超过 100", "the fall lies above 0 and up to 100"))
		}
	case GradeAtMost:
		if r.Grade == "" {
			refuse("grade", text.F("请写明等次", "name a grade"))
		}
	default:
		refuse("kind", text.F("没有规则“%s”", "there is no rule %q", r.Kind))
	}
	return faults
}

// checkRules faults rules that would name nobody, because the scheme in force has no
// such dimension or grade; nothing where there is no scheme yet.
func (s Settings) checkRules(inForce *scheme.Compiled) (faults []fault.FieldError) {
	if inForce == nil {
		return nil
	}
	dimensions := map[string]bool{}
	for _, n := range inForce.Index.Nodes() {
		dimensions[n.Code] = n.Depth == 1
	}
	for i, r := range s.TargetRules {
		at := fmt.Sprintf("/settings/target_rules/%d/", i)
		for k, code := range r.Dimensions {
			if r.Kind == DimensionBelow && !dimensions[code] {
				faults = append(faults, fault.Field(fmt.Sprintf("%sdimensions/%d", at, k), "unknown_dimension",
					"现行指标体系中没有维度“%s”", "the scheme in force has no dimension %q", code))
			}
		}
		known := slices.ContainsFunc(inForce.Document.Grades, func(g scheme.Grade) bool { return g.Code == r.Grade })
		if r.Kind == GradeAtMost && !known {
			faults = append(faults, fault.Field(at+"grade", "unknown_grade", "现行指标体系中没有等次“%s”", "the scheme in force has no grade %q", r.Grade))
		}
	}
	return faults
}
