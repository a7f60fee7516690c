package improve

import (
	"fmt"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// check faults a rule whose figures do not fit its kind, at its place in a list.
func (r TargetRule) check(i int) (faults []fault.Field) {
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
