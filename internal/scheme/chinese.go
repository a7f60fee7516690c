package scheme

import (
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// inChinese adds the Chinese of a fault that package composite tells in English.
func inChinese(f composite.Fault) text.Text {
	return text.Text{ZH: chinese[f.Code], EN: f.Message}
}

var chinese = map[string]string{
	"aggregation_without_children":    "指标没有下级可汇总：请删去 aggregation 或增加下级",
	"bands_empty":                     "至少给出一档",
	"bands_not_ascending":             "各档的起点须逐档升高",
	"cap_missing":                     "上限为 0 时任何项目都不计分：请提高上限或删去项目",
	"code_duplicate":                  "代码重复：请另取一个",
	"code_missing":                    "请填写代码",
	"cost_needs_clamp":                "逆向指标为 0 时得分无上界：请将 clamp 设为 true",
	"decimals_out_of_range":           "小数位数须在 0–9 之间",
	"direction_contradicts_goalposts": "方向与底线值、目标值的大小相反：请对调两值或改方向",
	"direction_contradicts_rule":      "方向与该规则不符：请改方向或换规则",
	"exponent_out_of_range":           "指数须在 -20 到 20 之间且不为 0",
	"floor_above_full":                "最低分高于满分：请调低",
	"goalposts_equal":                 "底线值与目标值相同：请给出两个不同的值",
	"grades_not_descending":           "各等次的起点须逐级降低",
	"last_grade_not_zero":             "最末等次须从 0 分起，使每个得分都有等次",
	"last_grade_quota":                "最末等次之下没有去处：请删去其比例限制",
	"levels_empty":                    "至少给出一个等级",
	"log_not_positive":                "对数变换要求底线值和目标值都大于 0",
	"missing_needs_numbers":           "等级型指标没有平均值：请用 exclude、zero、carry 或 fail",
	"negative":                        "不能为负数",
	"not_positive":                    "须大于 0",
	"points_empty":                    "至少给出第一名的分数",
	"points_rising":                   "名次靠后者的分数不能更高",
	"reference_ambiguous":             "参照对象与参照值只能填一个",
	"reference_missing":               "请填写参照对象或参照值",
	"rule_and_children":               "有下级的节点只作汇总：请删去规则或下级",
	"rule_missing":                    "没有下级的节点须有计分规则",
	"score_out_of_range":              "分数须在 0–100 之间",
	"share_out_of_range":              "比例须大于 0 且不超过 1",
	"too_deep":                        "层级过深：请上移此节点",
	"too_many_nodes":                  "节点过多：请拆分指标体系",
	"treatment_needs_numbers":         "等级型指标没有离群值：请删去 treat",
	"unknown_aggregation":             "未知的汇总方式：请用 arithmetic、geometric、harmonic、power、minimum 或 penalised",
	"unknown_combination":             "未知的合成方式：请用 mean、median 或 trimmed",
	"unknown_direction":               "未知的方向：请用 benefit（正向）或 cost（逆向）",
	"unknown_effect":                  "未知的否决效果：请用 cap_grade、cap_score 或 zero",
	"unknown_grade":                   "本指标体系没有这个等次",
	"unknown_missing":                 "未知的缺失处理：请用 exclude、zero、peer_mean、peer_median、class_mean、carry 或 fail",
	"unknown_peers":                   "未知的比较范围：请用 all 或 class",
	"unknown_ranking":                 "未知的排名方式：请用 competition 或 dense",
	"unknown_rounding":                "未知的舍入方式：请用 half_up",
	"unknown_transform":               "未知的变换：请用 linear 或 log",
	"unknown_treatment":               "未知的离群值处理：请用 winsorise",
	"value_out_of_range":              "数值须在 -1e15 与 1e15 之间",
	"weight_not_finite":               "权重须为有限的数",
	"weight_not_positive":             "权重须大于 0",
	"weight_out_of_range":             "权重须在 1e-9 与 1e9 之间（权重是相对的）",

	// Of the list of choices that could have been made otherwise.
	"column_duplicate":        "同一指标给出了两次",
	"missing_fails":           "使党组织失去得分的处理方式不能作为备选",
	"other_indicators":        "备选体系须有相同的指标、相同的顺序",
	"out_of_range":            "数值超出允许的范围",
	"replicates_out_of_range": "抽样次数须在 1–1000000 之间",
	"shape":                   "数据的行列数不一致",
	"spread_out_of_range":     "权重浮动须大于等于 0 且小于 1",
	"too_large":               "计算量过大：请减少抽样次数",
	"unknown_column":          "没有这个指标",
}
