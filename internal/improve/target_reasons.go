package improve

import (
	"database/sql/driver"
	"math"
	"slices"

	"bulwark/internal/database"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// TargetReason is why a rule proposes a branch. Value is the figure that was published:
// a score, or for fall_over the points that were lost.
type TargetReason struct {
	Code      TargetRuleKind `json:"code" swaggertype:"string" enums:"lowest_share,dimension_below,fall_over,grade_at_most"`
	Dimension string         `json:"dimension,omitempty" example:"governance"` // of dimension_below
	Class     string         `json:"class,omitempty" example:"rural"`          // of lowest_share in each class
	Value     float64        `json:"value" example:"57.4"`
	Threshold *float64       `json:"threshold,omitempty" example:"60"` // of lowest_share the score of the last one that is in
	Grade     string         `json:"grade,omitempty" example:"poor"`   // of grade_at_most, with the best that is still in
	AtMost    string         `json:"at_most,omitempty" example:"fair"`
	Text      text.Text      `json:"text"`
}

// TargetReasons are stored as JSON text.
type TargetReasons []TargetReason

// Value stores the reasons.
func (r TargetReasons) Value() (driver.Value, error) {
	return database.JSON[[]TargetReason]{V: r}.Value()
}

// Scan reads what Value has stored.
func (r *TargetReasons) Scan(src any) error { return database.ScanJSON(src, (*[]TargetReason)(r)) }

// GormDataType is the column type on both databases.
func (TargetReasons) GormDataType() string { return "text" }

// reasonsBy gives the branches of the ranking that the rules name, each with its
// reasons in the order of the rules. Figures are compared as they are shown.
// Branches without a score have none.
func reasonsBy(rules []TargetRule, r index.Ranking, s *scheme.Compiled) map[string]TargetReasons {
	named := map[string]TargetReasons{}
	add := func(branch string, reason TargetReason) { named[branch] = append(named[branch], reason) }
	for _, rule := range rules {
		switch rule.Kind {
		case LowestShare:
			rule.lowest(r.Items, add)
		case DimensionBelow:
			rule.weak(r.Items, s, add)
		case FallOver:
			rule.fallen(r.Items, add)
		case GradeAtMost:
			rule.graded(r.Items, s, add)
		}
	}
	return named
}

// lowest takes the share of the branches with the lowest scores, rounded up, and
// those that are level with the last of them.
func (rule TargetRule) lowest(items []index.Ranked, add func(string, TargetReason)) {
	peers := map[string][]index.Ranked{}
	for _, i := range items {
		class := ""
		if rule.ByClass {
			class = i.Branch.Class
		}
		peers[class] = append(peers[class], i)
	}
	for class, group := range peers {
		scores := make([]float64, len(group))
		for i := range group {
			scores[i] = group[i].Score
		}
		slices.Sort(scores)
		n := int(math.Ceil(rule.Share*float64(len(group)) - 1e-9)) // 0.07 of 100 is 7, not 7.000000000000001
		last := scores[min(max(n, 1), len(group))-1]
		for _, i := range group {
			if i.Score <= last {
				add(i.Branch.Code, TargetReason{Code: LowestShare, Class: class, Value: i.Score, Threshold: &last, Text: text.F(
					"得分 %[1]v，属于最低的 %[2]d 个（共 %[3]d 个）", "its score of %[1]v is among the lowest %[2]d of %[3]d", i.Score, n, len(group))})
			}
		}
	}
}

// weak takes the branches with a dimension below the points.
func (rule TargetRule) weak(items []index.Ranked, s *scheme.Compiled, add func(string, TargetReason)) {
	for _, info := range s.Index.Nodes() {
		if info.Depth != 1 || len(rule.Dimensions) > 0 && !slices.Contains(rule.Dimensions, info.Code) {
			continue
		}
		name := s.Node(info.Code).Name
		for _, i := range items {
			if score, there := i.Dimensions[info.Code]; there && score < rule.Points {
				add(i.Branch.Code, TargetReason{Code: DimensionBelow, Dimension: info.Code, Value: score, Threshold: &rule.Points, Text: text.F(
					"%[1]s %[3]v 分，低于 %[4]v 分", "%[2]s scores %[3]v, below %[4]v", name.In("zh"), name.In("en"), score, rule.Points)})
			}
		}
	}
}

// fallen takes the branches that lost more than the points since the publication
// before.
func (rule TargetRule) fallen(items []index.Ranked, add func(string, TargetReason)) {
	for _, i := range items {
		if i.Change != nil && -i.Change.Score > rule.Points {
			add(i.Branch.Code, TargetReason{Code: FallOver, Value: -i.Change.Score, Threshold: &rule.Points, Text: text.F(
				"较上次公布下降 %[1]v 分，超过 %[2]v 分", "it fell by %[1]v since the publication before, by more than %[2]v", -i.Change.Score, rule.Points)})
		}
	}
}

// graded takes the branches whose grade is the named one or worse; none where the
// scheme has no such grade.
func (rule TargetRule) graded(items []index.Ranked, s *scheme.Compiled, add func(string, TargetReason)) {
	place := func(code string) int {
		return slices.IndexFunc(s.Document.Grades, func(g scheme.Grade) bool { return g.Code == code })
	}
	best := place(rule.Grade)
	for _, i := range items {
		if got := place(i.Grade); best >= 0 && got >= best {
			add(i.Branch.Code, TargetReason{Code: GradeAtMost, Value: i.Score, Grade: i.Grade, AtMost: rule.Grade, Text: text.F(
				"等次为 %[1]s（不高于 %[2]s）", "its grade is %[1]s, no better than %[2]s", i.Grade, rule.Grade)})
		}
	}
}
