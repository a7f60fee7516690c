package scheme

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// maxEntryDecimals is the most that an entry may carry: more is noise.
const maxEntryDecimals = 6

// maxName is the most characters of a name: longer ones break every table.
const maxName = 200

// Compile returns the checked document with its index. The error lists every fault
// by JSON pointer.
func Compile(d Document) (*Compiled, error) {
	v := &validator{codes: map[string]string{}, quantities: map[string]bool{}, names: map[string]bool{}}
	v.document(d)
	index, err := composite.New(d.spec())
	if err != nil {
		v.mathematics(err)
	} else {
		v.uncertainty(d, index)
	}
	if len(v.faults) > 0 {
		return nil, fault.Broken(v.faults...)
	}
	return compiled(d, index)
}

// validator collects the faults of a document that composite knows nothing of:
// words, entry, derivation. The mathematics is checked there.
type validator struct {
	faults     []fault.FieldError
	codes      map[string]string // of nodes and quantities, by text.CodeKey
	quantities map[string]bool
	names      map[string]bool // of indicators, by language
}

func (v *validator) fault(pointer, code string, message text.Text) {
	v.faults = append(v.faults, fault.At(pointer, code, message))
}

func (v *validator) document(d Document) {
	v.code("/code", d.Code)
	v.name("/name", d.Name)
	if d.Version < 1 {
		v.fault("/version", "bad_version", text.F("版本号从 1 开始", "versions count from 1"))
	}
	for i, q := range d.Quantities {
		v.quantity("/quantities/"+strconv.Itoa(i), q)
	}
	v.node("/tree", d.Tree)
	v.items("/adjustments/bonus/items", d.Adjustments.Bonus.Items)
	v.items("/adjustments/deduction/items", d.Adjustments.Deduction.Items)
	for i, g := range d.Grades {
		v.code("/grades/"+strconv.Itoa(i)+"/code", g.Code)
	}
	for i, veto := range d.Adjustments.Vetoes {
		at := "/adjustments/vetoes/" + strconv.Itoa(i)
		v.code(at+"/code", veto.Code)
		v.name(at+"/name", veto.Name)
		if veto.Effect.Kind == composite.CapScore && veto.Effect.Score == 0 {
			v.fault(at+"/effect/score", "score_missing",
				text.F("请填写分数上限；归零请用归零效果（zero）", "give the highest score; for none at all use zero"))
		}
	}
}

func (v *validator) items(at string, items []Item) {
	for i, item := range items {
		v.code(at+"/"+strconv.Itoa(i)+"/code", item.Code)
		v.name(at+"/"+strconv.Itoa(i)+"/name", item.Name)
	}
}

func (v *validator) quantity(at string, q Quantity) {
	v.unique(at+"/code", q.Code)
	v.name(at+"/name", q.Name)
	v.limits(at, q.Range, q.Decimals)
	v.reporters(at, q.Reporters)
	v.verify(at+"/verify", q.Verify, q.Reporters)
	v.quantities[q.Code] = true
}

func (v *validator) node(at string, n Node) {
	v.unique(at+"/code", n.Code)
	if at != "/tree" {
		v.name(at+"/name", n.Name)
	}
	if len(n.Children) > 0 {
		v.branchingOnly(at, n)
		for i, child := range n.Children {
			v.node(at+"/children/"+strconv.Itoa(i), child)
		}
		return
	}
	v.distinct(at+"/name", n.Name)
	v.limits(at, n.Range, n.Decimals)
	v.entry(at, n)
	v.over(at+"/over", n)
}

// maxOver is the most periods that a rule is fitted to together.
const maxOver = 40

// over faults what cannot be fitted to periods.
func (v *validator) over(at string, n Node) {
	if n.Over == nil {
		return
	}
	if spec := n.spec(); n.Rule != nil && !spec.Fits() {
		v.fault(at, "nothing_to_fit", text.F(
			"该规则不与其他党组织比较，没有可依据往期确定的数值：请删去 over",
			"the rule is not fitted to peers: remove over, or use a rule that is, such as minmax or zscore"))
	}
	if len(n.Over.Periods) == 0 || len(n.Over.Periods) > maxOver {
		v.fault(at+"/periods", "bad_periods", text.F(
			"请给出 1–%d 个已公布的考评周期", "give 1 to %d published periods", maxOver))
	}
	for i, code := range n.Over.Periods {
		place := at + "/periods/" + strconv.Itoa(i)
		if v.code(place, code); slices.Contains(n.Over.Periods[:i], code) {
			v.fault(place, "duplicate_code", text.F("考评周期“%s”重复", "the period %q is given twice", code))
		}
	}
}

// distinct faults a name by which a reader of one of the languages cannot tell an indicator from
// another one: tables and files would have two columns of one name.
func (v *validator) distinct(at string, name text.Text) {
	twice := false
	for _, language := range []string{"zh", "en"} {
		key := language + " " + strings.ToLower(strings.TrimSpace(name.In(language)))
		twice = twice || v.names[key] && !name.IsZero()
		v.names[key] = true
	}
	if twice {
		v.fault(at, "duplicate_name", text.F("已有名为“%[1]s”的指标：请换一个名称", "another indicator is called %[1]q: choose another name", name))
	}
}

// branchingOnly faults members of an indicator on a node that has children: they
// would be ignored in silence.
func (v *validator) branchingOnly(at string, n Node) {
	for _, m := range []struct {
		name string
		set  bool
	}{
		{"entry", n.Entry != ""},
		{"unit", n.Unit != ""},
		{"range", n.Range != nil},
		{"decimals", n.Decimals != nil},
		{"derive", n.Derive != nil},
		{"reporters", len(n.Reporters) > 0},
		{"verify", n.Verify != nil},
		{"applies_to", n.AppliesTo != nil},
		{"lenses", len(n.Lenses) > 0},
		{"waivable", n.Waivable},
		{"over", n.Over != nil},
	} {
		if m.set {
			v.fault(at+"/"+m.name, "only_for_indicators", text.F(
				"有下级的节点不能有“%s”", "a node with children has no %q: move it to its indicators", m.name))
		}
	}
}

func (v *validator) entry(at string, n Node) {
	switch n.Entry {
	case Reported, Rated:
	case Derived:
		v.derivation(at, n)
	default:
		v.fault(at+"/entry", "unknown_entry", text.F(
			"“%s”不是数据来源：请用填报（reported）、评分（rated）或计算（derived）",
			"%q is not a source of values: use reported, rated or derived", n.Entry))
	}
	if n.Derive != nil && n.Entry != Derived {
		v.fault(at+"/derive", "only_for_derived", text.F("只有计算型指标可以有计算方法（derive）", "only a derived indicator has derive"))
	}
	if n.Combine != nil && n.Entry != Rated {
		v.fault(at+"/combine", "only_for_rated", text.F("只有评分型指标可以有合成方式（combine）", "only a rated indicator has combine"))
	}
	if len(n.Reporters) > 0 && n.Entry != Reported {
		v.fault(at+"/reporters", "only_for_reported",
			text.F("只有填报型指标可以限定填报角色（reporters）", "only a reported indicator has reporters"))
	}
	if n.Verify != nil && n.Entry != Reported {
		v.fault(at+"/verify", "only_for_reported",
			text.F("只有填报型指标和基础数据可以写明核查办法（verify）", "only a reported indicator or a quantity has verify"))
	}
	v.reporters(at, n.Reporters)
	v.verify(at+"/verify", n.Verify, n.Reporters)
	if _, levels := n.Rule.levels(); levels && n.Entry != Reported {
		v.fault(at+"/entry", "levels_are_reported",
			text.F("等级型指标只能填报（reported）", "levels cannot be combined or computed: use reported"))
	}
}

// reporters faults roles that write no sheets: nobody could report the value.
func (v *validator) reporters(at string, roles []policy.Role) {
	for i, role := range roles {
		if !slices.Contains(policy.WriteSheets.Roles(), role) {
			v.fault(at+"/reporters/"+strconv.Itoa(i), "unknown_reporter", text.F(
				"“%s”不填写考评表，不能作为填报角色", "the role %q writes no sheets and cannot report", role))
		}
	}
}

// verify faults a verification that states nothing, or that is left to whoever reports the value.
func (v *validator) verify(at string, check *Verify, reporters []policy.Role) {
	if check == nil {
		return
	}
	v.name(at+"/how", check.How)
	if !(check.Tolerance >= 0 && check.Tolerance <= stats.MaxValue) {
		v.fault(at+"/tolerance", "bad_tolerance", text.F("允许误差不能为负数", "give a tolerance of 0 or more"))
	}
	if !slices.Contains(policy.Roles(), check.By) {
		v.fault(at+"/by", "unknown_role", text.F("没有“%s”这个角色", "there is no role %q", check.By))
	} else if len(reporters) == 1 && reporters[0] == check.By {
		v.fault(at+"/by", "verified_by_reporter", text.F(
			"该数据只由这一角色填报，不能由其自行核查", "only this role reports the value: another one must verify it"))
	}
}

// Warning is what a document leaves open and may leave open.
type Warning struct {
	Pointer string `json:"pointer" example:"/tree/children/0/verify"` // RFC 6901, into the document
	Code    string `json:"code" enums:"not_verified"`                 // of its kind
	Message string `json:"message"`                                   // in the language of the answer
} // @name SchemeWarning

// Warnings returns what the document leaves open: reported values without a word on how they are verified.
func (c *Compiled) Warnings(language string) []Warning {
	list := []Warning{}
	warn := func(at string, check *Verify, name text.Text) {
		if check == nil {
			list = append(list, Warning{at + "/verify", "not_verified", text.F(
				"未写明“%s”的填报数据如何核查", "the scheme does not say how reported values of %s are verified", name).In(language)})
		}
	}
	for i, q := range c.Document.Quantities {
		warn("/quantities/"+strconv.Itoa(i), q.Verify, q.Name)
	}
	var visit func(at string, n Node)
	visit = func(at string, n Node) {
		if len(n.Children) == 0 && n.Entry == Reported {
			warn(at, n.Verify, n.Name)
		}
		for i, child := range n.Children {
			visit(at+"/children/"+strconv.Itoa(i), child)
		}
	}
	visit("/tree", c.Document.Tree)
	return list
}

func (v *validator) derivation(at string, n Node) {
	if n.Derive == nil || n.Derive.Kind != "ratio" {
		v.fault(at+"/derive/kind", "unknown_derivation",
			text.F("计算型指标须写明计算方法（derive），目前支持比值（ratio）", "a derived indicator needs derive, of the kind ratio"))
		return
	}
	for _, part := range []struct{ name, code string }{
		{"numerator", n.Derive.Numerator}, {"denominator", n.Derive.Denominator},
	} {
		if !v.quantities[part.code] {
			v.fault(at+"/derive/"+part.name, "unknown_quantity", text.F(
				"基础数据（quantities）中没有“%s”", "quantities has no %q", part.code))
		}
	}
	if !(n.Derive.Scale > 0 && n.Derive.Scale <= 1e9) {
		v.fault(at+"/derive/scale", "bad_scale", text.F("比例系数须大于 0", "give a scale above 0, 100 for a percentage"))
	}
	if chance := n.Derive.Chance; chance != "" && chance != stats.Binomial && chance != stats.Poisson {
		v.fault(at+"/derive/chance", "unknown_chance", text.F(
			"偶然波动（chance）只能是 binomial（占比）或 poisson（发生率）", "chance is binomial, of a share of cases, or poisson, of a rate of events"))
	}
}

func (v *validator) limits(at string, r *Range, decimals *int) {
	if r != nil && r.Min != nil && r.Max != nil && !(*r.Min < *r.Max) {
		v.fault(at+"/range", "empty_range", text.F("下限须小于上限", "min must be below max"))
	}
	if decimals != nil && (*decimals < 0 || *decimals > maxEntryDecimals) {
		v.fault(at+"/decimals", "bad_decimals", text.F("小数位数须在 0–%d 之间", "entries carry 0 to %d decimals", maxEntryDecimals))
	}
}

func (v *validator) code(at, code string) {
	if !text.IsCode(code) {
		v.faults = append(v.faults, fault.BadCode(at))
	}
}

// reserved are the column names of data files and rankings that no indicator may take, and
// the subject that a comparison calls "scheme".
var reserved = map[string]bool{
	"branch": true, "class": true, "kind": true, "bonus": true, "deduction": true, "vetoes": true,
	"name": true, "score": true, "grade": true, "rank": true, "class_rank": true, "rank_low": true, "rank_high": true,
	"coverage": true, "scheme": true, "adjustments": true, "scale": true,
	"period": true, "ends_on": true, "status": true, "change_score": true, "change_rank": true,
}

// unique checks a code that names a column: composite finds nodes that
// share one, this also quantities.
func (v *validator) unique(at, code string) {
	v.code(at, code)
	key := text.CodeKey(code)
	if reserved[key] {
		v.fault(at, "reserved_code", text.F("“%s”是数据文件的保留列名", "%q names a column of data files: choose another code", code))
	}
	if other, used := v.codes[key]; used && code != "" {
		v.fault(at, "duplicate_code", text.F("代码“%s”与“%s”重复（不分大小写）",
			"the code %q is the same as %q: capital and small letters do not differ", code, other))
	}
	v.codes[key] = code
}

func (v *validator) name(at string, name text.Text) {
	if name.IsZero() {
		v.fault(at, "name_missing", text.F("请填写名称", "give a name, zh or en"))
	}
	for _, part := range []struct{ language, words string }{{"/zh", name.ZH}, {"/en", name.EN}} {
		if remedy, hidden := text.Hidden(part.words, false); hidden {
			v.fault(at+part.language, "bad_text", remedy)
		}
		if utf8.RuneCountInString(part.words) > maxName {
			v.fault(at+part.language, "too_long", text.F("名称不超过 %d 个字", "a name has at most %d characters", maxName))
		}
	}
}

// inChinese returns a fault of package composite, whose words are English, in both
// languages.
func inChinese(f composite.Fault) text.Text {
	return text.Text{ZH: chinese[f.Code], EN: f.Message}
}

var chinese = map[string]string{
	"aggregation_without_children":    "指标没有下级可汇总：请删去汇总方式（aggregation）或增加下级",
	"bad_scale":                       "比例系数须大于 0：百分比填 100",
	"bands_empty":                     "至少给出一档",
	"bands_not_ascending":             "各档的起点须逐档升高",
	"cap_missing":                     "上限为 0 时任何项目都不计分：请提高上限或删去项目",
	"code_duplicate":                  "代码重复：请另取一个",
	"code_missing":                    "请填写代码",
	"cost_needs_clamp":                "逆向指标为 0 时得分无上界：请限制在 0–100 分之内（clamp 为 true）",
	"decimals_out_of_range":           "小数位数须在 0–9 之间",
	"direction_contradicts_goalposts": "方向与底线值、目标值的大小相反：请对调两值或改方向",
	"direction_contradicts_rule":      "方向与该规则不符：请改方向或换规则",
	"exponent_out_of_range":           "指数须在 -20 到 20 之间且不为 0",
	"floor_above_full":                "最低分高于满分：请调低",
	"bad_fit":                         "这些数值不是按该规则和离群值处理确定的结果",
	"beyond_scale":                    "分数须在 0 与满分（scale）之间",
	"lambda_out_of_range":             "λ 须在 -5 到 5 之间",
	"lambda_without_boxcox":           "只有博克斯—考克斯变换（boxcox）可以指定 λ：请删去",
	"nothing_to_fit":                  "该规则不与其他党组织比较，没有可依据往期确定的数值",
	"scale_out_of_range":              "满分（scale）须在 1–1000000 之间；满分较大时请减少小数位数",
	"scale_without_sum":               "只有根节点按求和（sum）汇总时才能另定满分（scale）",
	"sum_not_100":                     "根节点以下的求和（sum）节点，其下级权重合计须为 100，也可改用算术平均（arithmetic）",
	"treatment_changes_unit":          "对数（log）和博克斯—考克斯变换（boxcox）会改变数值的单位：规则请用 minmax、zscore、percentile、rank 或 rank_points",
	"treatment_moves_all":             "该处理作用于全部数值，没有点数限制：请删去点数（max_points）",
	"goalposts_equal":                 "底线值与目标值相同：请给出两个不同的值",
	"grades_not_descending":           "各等次的起点须逐级降低",
	"last_grade_not_zero":             "最末等次须从 0 分起，使每个得分都有等次",
	"last_grade_quota":                "最末等次之下没有去处：请删去其比例限制",
	"levels_empty":                    "至少给出一个等级",
	"log_not_positive":                "对数变换要求底线值和目标值都大于 0",
	"missing_needs_numbers":           "等级型指标没有平均值：请用不计（exclude）、计零（zero）、沿用（carry）或报错（fail）",
	"negative":                        "不能为负数",
	"not_positive":                    "须大于 0",
	"points_empty":                    "至少给出第一名的分数",
	"points_rising":                   "名次靠后者的分数不能更高",
	"reference_ambiguous":             "参照对象与参照值只能填一个",
	"reference_missing":               "请填写参照对象或参照值",
	"rule_and_children":               "有下级的节点只作汇总：请删去规则或下级",
	"rule_missing":                    "没有下级的节点须有计分规则",
	"score_out_of_range":              "分数须在 0–100 之间",
	"too_many_decimals":               "小数位数不能多于指标体系公布的小数位数：否则公布的得分会高于此上限",
	"share_out_of_range":              "比例须大于 0 且不超过 1",
	"too_deep":                        "层级过深：请上移此节点",
	"too_many_nodes":                  "节点过多：请拆分指标体系",
	"treatment_needs_numbers":         "等级型指标没有离群值：请删去离群值处理（treat）",
	"unknown_aggregation":             "未知的汇总方式：请用算术平均（arithmetic）、几何平均（geometric）、调和平均（harmonic）、幂平均（power）、最小值（minimum）、最大值（maximum）、中位数（median）、不均衡扣减（penalised）、求和（sum）或科普兰计分（copeland）",
	"unknown_chance":                  "未知的随机模型：请用二项分布（binomial）或泊松分布（poisson）",
	"unknown_combination":             "未知的合成方式：请用平均值（mean）、中位数（median）或截尾平均（trimmed）",
	"unknown_direction":               "未知的方向：请用正向（benefit）或逆向（cost）",
	"unknown_effect":                  "未知的否决效果：请用限制等次（cap_grade）、限制得分（cap_score）或归零（zero）",
	"unknown_grade":                   "本指标体系没有这个等次",
	"unknown_missing":                 "未知的缺失处理：请用不计（exclude）、计零（zero）、同组平均值（peer_mean）、同组中位数（peer_median）、同类平均值（class_mean）、沿用（carry）或报错（fail）",
	"unknown_peers":                   "未知的比较范围：请用全部（all）或同类（class）",
	"unknown_ranking":                 "未知的排名方式：请用竞赛排名（competition）或密集排名（dense）",
	"unknown_rounding":                "未知的舍入方式：请用四舍五入（half_up）",
	"unknown_transform":               "未知的变换：请用线性（linear）或对数（log）",
	"unknown_treatment":               "未知的离群值处理：请用缩尾（winsorise）、对数（log）或博克斯—考克斯变换（boxcox）",
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
