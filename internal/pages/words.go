package pages

import (
	"math"
	"strconv"
	"strings"
	"time"

	"bulwark/internal/day"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// none stands for what is missing: it is never 0.
const none = "—"

// fixed returns a figure with so many decimals; it takes a number or a pointer to one.
func fixed(decimals int, x any) string {
	v, ok := float(x)
	if !ok {
		return none
	}
	return minus(strconv.FormatFloat(v, 'f', decimals, 64))
}

// signed returns a difference with its sign.
func signed(decimals int, x any) string {
	v, ok := float(x)
	if !ok {
		return none
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	switch {
	case strings.Trim(s, "0.") == "":
		return s
	case v < 0:
		return "−" + s
	}
	return "+" + s
}

// number returns a figure with the digits that it has, at most 4 decimals.
func number(x any) string {
	v, ok := float(x)
	if !ok {
		return none
	}
	return minus(strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64))
}

// figure returns a raw value with at most two decimals.
func figure(x any) string {
	v, ok := float(x)
	if !ok {
		return none
	}
	return minus(strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64))
}

// percent returns a share of 1 as a percentage with at most one decimal.
func percent(x any) string {
	v, ok := float(x)
	if !ok {
		return none
	}
	return strconv.FormatFloat(math.Round(v*1000)/10, 'f', -1, 64) + " %"
}

func minus(s string) string {
	if strings.HasPrefix(s, "-") {
		return "−" + s[1:]
	}
	return s
}

func float(x any) (float64, bool) {
	switch v := x.(type) {
	case float64:
		return v, true
	case *float64:
		if v != nil {
			return *v, true
		}
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// moment returns an instant in the time of Asia/Shanghai.
func moment(t time.Time) string { return t.In(day.Zone).Format("2006-01-02 15:04") }

// arrow returns the direction of a change.
func arrow(x any) string {
	switch v, _ := float(x); {
	case v > 0:
		return "▲"
	case v < 0:
		return "▼"
	}
	return "＝"
}

// places returns a change of rank in words: −4 is four places up.
func places(n int) text.Text {
	switch {
	case n < 0:
		return text.F("升%d位", "up %d", -n)
	case n > 0:
		return text.F("降%d位", "down %d", n)
	}
	return text.F("名次不变", "same rank")
}

// tone returns the tone of a grade: 1 of the best to 4 of the lowest. It follows from the
// thresholds of the scheme and never from the place of a branch.
func tone(grades []scheme.Grade, code string) int {
	for i, g := range grades {
		if g.Code == code && len(grades) > 1 {
			return 1 + (3*i+(len(grades)-1)/2)/(len(grades)-1)
		}
	}
	return 0
}

// wordsOf are the words of codes that answers of the API have, by kind.
var wordsOf = map[string]map[string]text.Text{
	"status": {
		"provisional": {ZH: "未公布（暂算）", EN: "provisional"},
		"published":   {ZH: "已公布", EN: "published"},
		"final":       {ZH: "已定为最终", EN: "final"},
		"withdrawn":   {ZH: "已撤回", EN: "withdrawn"},
	},
	"outcome": {
		"scored":       {ZH: "有得分", EN: "scored"},
		"insufficient": {ZH: "数据不足，不计得分", EN: "too little data for a score"},
		"failed":       {ZH: "未能得出得分", EN: "could not be scored"},
	},
	"node": {
		"entered": {ZH: "已填报", EN: "entered"}, "missing": {ZH: "缺失", EN: "missing"},
		"imputed": {ZH: "估算补齐", EN: "imputed"}, "carried": {ZH: "沿用上期", EN: "carried over"},
		"not_applicable": {ZH: "不适用", EN: "does not apply"}, "unscored": {ZH: "不计分", EN: "not scored"},
		"scored": {ZH: "有得分", EN: "scored"},
	},
	"source": {
		"sheet": {ZH: "考评表", EN: "sheet"}, "ratings": {ZH: "评分合并", EN: "combined ratings"},
		"derived": {ZH: "由填报数计算", EN: "derived"}, "carried": {ZH: "沿用以前的值", EN: "carried over"},
		"imputed": {ZH: "估算补齐", EN: "imputed"}, "correction": {ZH: "更正", EN: "correction"},
		"contradicted": {ZH: "填报不一致，尚未选定", EN: "contradictory, not chosen yet"},
	},
	"check": {
		"scheme":       {ZH: "指标体系与凭据一致", EN: "the scheme is that of the receipt"},
		"data":         {ZH: "数据文件与凭据一致", EN: "the data are those of the receipt"},
		"recomputed":   {ZH: "重新计算得到相同结果", EN: "computing again gives the same result"},
		"other_engine": {ZH: "由其他版本的计算引擎计算，此处不重算", EN: "made by another engine, not computed again here"},
		"stored":       {ZH: "对外展示的数据与凭据一致", EN: "the figures that are shown are those of the receipt"},
		"note":         {ZH: "签名文与公布一致", EN: "the signed note states this publication"},
		"signature":    {ZH: "签名有效", EN: "the signature is good"},
		"trail":        {ZH: "与审计日志的记录一致", EN: "the audit trail has its record"},
		"withdrawal":   {ZH: "撤回的签名文有效", EN: "the note of the withdrawal is good"},
		"rows":         {ZH: "公布、计算批次和成绩与审计日志一致", EN: "publications, run and results agree with the audit trail"},
	},
	"period": {
		"quarter": {ZH: "季度", EN: "quarter"}, "half_year": {ZH: "半年", EN: "half-year"}, "year": {ZH: "年度", EN: "year"},
	},
	"entry": {
		"reported": {ZH: "填报", EN: "reported"}, "rated": {ZH: "评分", EN: "rated"}, "derived": {ZH: "计算", EN: "derived"},
	},
	"event": {
		"founded": {ZH: "成立", EN: "founded"}, "renamed": {ZH: "更名", EN: "renamed"}, "reclassified": {ZH: "调整类别", EN: "reclassified"},
		"merged": {ZH: "合并", EN: "merged"}, "closed": {ZH: "撤销", EN: "closed"},
	},
	"right": {
		"appointment": {ZH: "任职", EN: "an appointment"}, "key": {ZH: "密钥", EN: "a key"}, "account": {ZH: "账号", EN: "an account"},
		"password": {ZH: "新密码", EN: "a new password"}, "sign_in": {ZH: "登录方式", EN: "a linked sign-in"},
	},
	"aggregation": {
		"": {ZH: "加权平均", EN: "weighted mean"}, "arithmetic": {ZH: "加权平均", EN: "weighted mean"},
		"geometric": {ZH: "加权几何平均", EN: "weighted geometric mean"}, "harmonic": {ZH: "加权调和平均", EN: "weighted harmonic mean"},
		"power": {ZH: "加权幂平均", EN: "weighted power mean"}, "minimum": {ZH: "取最低", EN: "the lowest"},
		"maximum": {ZH: "取最高", EN: "the highest"}, "median": {ZH: "加权中位数", EN: "weighted median"},
		"penalised": {ZH: "加权平均，失衡扣减", EN: "weighted mean with a penalty for imbalance"},
		"sum":       {ZH: "分数相加", EN: "sum of points"}, "copeland": {ZH: "两两比较", EN: "comparison in pairs"},
	},
}

// wordOf returns the words of a code, or the code where it has none.
func wordOf(kind, code string) text.Text {
	if words, ok := wordsOf[kind][code]; ok {
		return words
	}
	return text.Same(code)
}

// RuleWords returns how an indicator is scored, in words.
func RuleWords(n *scheme.Node) text.Text {
	if n.Rule == nil {
		return text.Text{}
	}
	switch r := n.Rule.Rule.(type) {
	case *composite.Goalposts:
		words := text.F("%s 及以下得0分，%s 及以上得100分，之间按比例",
			"0 points up to %s, 100 from %s, in proportion between", number(r.Low), number(r.High))
		if r.High < r.Low {
			words = text.F("%s 及以上得0分，%s 及以下得100分，之间按比例",
				"0 points from %s, 100 up to %s, in proportion between", number(r.Low), number(r.High))
		}
		if r.Transform == composite.Log {
			words = text.F("%s（按对数）", "%s (of logarithms)", words)
		}
		return words
	case *composite.Deduct:
		return text.F("满分%s，每%s扣%s分，最低%s分", "full marks %[1]s, %[3]s off for each %[2]s, not below %[4]s",
			orNumber(r.Full, 100), orNumber(r.Step, 1), number(r.Per), orNumber(r.Floor, 0))
	case *composite.Shortfall:
		return text.F("达到%s得100分，每少%s扣%s分", "100 points from %[1]s, %[3]s off for each %[2]s short of it",
			number(r.Target), orNumber(r.Step, 1), number(r.Per))
	case *composite.PointsRule:
		return text.F("满分%s分，按比例折算", "points out of %s", number(r.Max))
	case *composite.Bands:
		var zh, en []string
		for _, b := range r.Bands {
			zh = append(zh, "达到"+number(b.From)+"得"+number(b.Points)+"分")
			en = append(en, number(b.Points)+" from "+number(b.From))
		}
		return text.Text{ZH: strings.Join(zh, "，"), EN: "points: " + strings.Join(en, ", ")}
	case *composite.Levels:
		var zh, en []string
		for _, level := range n.Levels() {
			zh = append(zh, level+"得"+number(r.Levels[level])+"分")
			en = append(en, level+" "+number(r.Levels[level]))
		}
		return text.Text{ZH: strings.Join(zh, "，"), EN: "points: " + strings.Join(en, ", ")}
	case *composite.TargetRule:
		return text.F("从同组最差到目标值%s按比例", "in proportion from the worst of the group to the target %s", number(r.Target))
	}
	return relativeRules[n.Rule.Kind()]
}

func orNumber(x *float64, usual float64) string {
	if x != nil {
		return number(*x)
	}
	return number(usual)
}

// relativeRules are the rules that look at the others of a group and need no figures.
var relativeRules = map[string]text.Text{
	"minmax":      {ZH: "在同组最小值与最大值之间按比例", EN: "in proportion between the lowest and the highest of the group"},
	"zscore":      {ZH: "按与同组平均值相差几个标准差折算", EN: "by standard deviations from the mean of the group"},
	"percentile":  {ZH: "按同组中低于它的比例", EN: "by the share of the group below it"},
	"rank":        {ZH: "按同组名次折算", EN: "by the rank within the group"},
	"rank_points": {ZH: "按同组名次对应的分数", EN: "by a table of points for ranks within the group"},
	"best":        {ZH: "按与同组最好值的比例", EN: "in proportion to the best of the group"},
	"reference":   {ZH: "按与参照值的比例", EN: "in proportion to a reference"},
}

// example reports whether a provenance marks something as our example.
func example(provenance string) bool { return strings.Contains(provenance, "example") }
