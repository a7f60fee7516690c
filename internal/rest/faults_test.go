package rest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Whatever is wrong with a body that can be read at all is told at once, in words of
// our own.
func TestAllFaultsOfABodyComeTogether(t *testing.T) {
	o := newOptions()
	o.Labels = Labels{"name": "名称", "kind": "类型", "count": "数量", "value": "数值", "on": "日期"}
	h := serveProbes(t, o)
	body := `{"nmae": "a", "kind": "-", "count": "x", "value": null, "on": "2023-02-30", "on": 1, "note": "a\u0007",
		"parts": [{"weight": "1"}, {"weight": -1}, {"wieght": 2}, 3], "by_key": {"k": null, "a": {"weight": 0}}}`
	for language, want := range map[string][]string{
		"en": {
			`/nmae unknown_field there is no field "nmae" here: did you mean name?`,
			"/count wrong_type count must be a whole number",
			"/on wrong_type on must be a date such as 2023-09-30",
			"/on duplicate_field on is given twice",
			"/parts/0/weight wrong_type weight must be a finite number",
			`/parts/2/wieght unknown_field there is no field "wieght" here: did you mean weight?`,
			"/parts/3 wrong_type item 4 of parts must be an object {...}",
			"/by_key/k null k may not be null: give a value or leave the field out",
			"/note unprintable contains the control character U+0007: remove it, or use a blank",
			"/by_key/a/weight gt weight must be greater than 0",
			"/kind code kind must be 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit",
			"/parts/1/weight gt weight must be greater than 0",
		},
		"zh": {
			"/nmae unknown_field 没有“nmae”这个字段，是否为 name？",
			"/count wrong_type 数量（count）应为整数",
			"/on wrong_type 日期（on）应为日期，例如 2023-09-30",
			"/on duplicate_field 日期（on）重复出现",
			"/parts/0/weight wrong_type “weight”应为有限的数",
			"/parts/2/wieght unknown_field 没有“wieght”这个字段，是否为 weight？",
			"/parts/3 wrong_type “parts”第 4 项应为对象 {...}",
			"/by_key/k null “k”不能为 null：请填写值或省略该字段",
			"/note unprintable 含有控制字符 U+0007：请删除，或改用空格",
			"/by_key/a/weight gt “weight”必须大于 0",
			"/kind code 类型（kind）应为 1 至 64 个字母、数字、点、横线或下划线，以字母或数字开头",
			"/parts/1/weight gt “weight”必须大于 0",
		},
	} {
		p := problemOf(t, do(h, http.MethodPut, itemURL, body, "If-Match", `"3"`, "Accept-Language", language),
			http.StatusBadRequest)
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Pointer+" "+e.Code+" "+e.Message)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant:\n%s", language, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestRulesInWords(t *testing.T) {
	o := newOptions()
	o.Labels = Labels{"name": "名称", "class": "类别", "code": "代码"}
	h := serveProbes(t, o)
	for query, want := range map[string][2]string{
		"?class=village":   {"class must be urban or rural", "类别（class）只能是 urban 或 rural"},
		"?page_size=0":     {"page_size must be at least 1", "“page_size”不能小于 1"},
		"?clas=urban":      {`there is no query parameter "clas" here: did you mean class?`, "没有“clas”这个查询参数，是否为 class？"},
		"?colour=red":      {`there is no query parameter "colour" here`, "没有“colour”这个查询参数"},
		"?open=x":          {"open must be true or false", "“open”应为 true 或 false"},
		"?least=1&least=2": {"least may be given only once", "“least”只能出现一次"},
	} {
		for i, language := range []string{"en", "zh"} {
			p := problemOf(t, do(h, http.MethodGet, itemsURL+query, "", "Accept-Language", language), http.StatusBadRequest)
			if p.Errors[0].Message != want[i] {
				t.Errorf("%s: %q, want %q", query, p.Errors[0].Message, want[i])
			}
		}
	}
	for language, want := range map[string]string{
		"en": "code is required, name must have at most 20 characters, 2 fields are invalid: see errors",
		"zh": "请填写代码（code）, 名称（name）最多 20 个字符, 有 2 处不符合要求，请逐条修改",
	} {
		w := do(h, http.MethodPost, itemsURL, `{"name":"`+strings.Repeat("a", 21)+`"}`, "Accept-Language", language)
		p := problemOf(t, w, http.StatusUnprocessableEntity)
		if got := p.Errors[0].Message + ", " + p.Errors[1].Message + ", " + p.Detail; got != want {
			t.Errorf("%s: %s, want %s", language, got, want)
		}
	}
}
