package setup

import (
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// schemeSheet begins the codes of the sheets of a scheme, before the name of the table.
const schemeSheet = "scheme."

var schemeNames = []struct {
	table string
	name  text.Text
}{
	{scheme.SchemeTable, text.Text{ZH: "指标体系", EN: "Scheme"}},
	{scheme.QuantityTable, text.Text{ZH: "基础数据", EN: "Quantities"}},
	{scheme.DimensionTable, text.Text{ZH: "维度", EN: "Dimensions"}},
	{scheme.IndicatorTable, text.Text{ZH: "指标", EN: "Indicators"}},
	{scheme.AdjustmentTable, text.Text{ZH: "加减分", EN: "Adjustments"}},
	{scheme.GradeTable, text.Text{ZH: "等次", EN: "Grades"}},
}

// activate is the column that has the scheme of the book put into force at once.
const activate = "activate"

var schemeHeads = map[string]text.Text{
	"parent": {ZH: "上级", EN: "parent"}, "order": {ZH: "顺序", EN: "order"}, "group": {ZH: "种类", EN: "group"},
	"code": {ZH: "代码", EN: "code"}, "name.zh": {ZH: "名称（中文）", EN: "name (Chinese)"}, "name.en": {ZH: "名称（英文）", EN: "name (English)"},
	"description.zh": {ZH: "说明（中文）", EN: "description (Chinese)"}, "description.en": {ZH: "说明（英文）", EN: "description (English)"},
	"weight": {ZH: "权重", EN: "weight"}, "aggregation.kind": {ZH: "合成方法", EN: "aggregation"}, "unit": {ZH: "单位", EN: "unit"},
	"direction": {ZH: "方向", EN: "direction"}, "entry": {ZH: "数据来源", EN: "entry"}, "reporters": {ZH: "填报角色", EN: "reporters"},
	"range.min": {ZH: "最小值", EN: "least value"}, "range.max": {ZH: "最大值", EN: "greatest value"}, "decimals": {ZH: "小数位数", EN: "decimals"},
	"waivable": {ZH: "可不适用", EN: "may not apply"}, "rule.kind": {ZH: "计分方法", EN: "rule"}, "rule.low": {ZH: "底线值", EN: "low goalpost"},
	"rule.high": {ZH: "目标值", EN: "high goalpost"}, "rule.max": {ZH: "满分", EN: "full points"}, "rule.per": {ZH: "每次扣分", EN: "points off each"},
	"rule.levels": {ZH: "各等级得分", EN: "points of levels"}, "derive.kind": {ZH: "推算方法", EN: "derivation"},
	"derive.numerator": {ZH: "分子", EN: "numerator"}, "derive.denominator": {ZH: "分母", EN: "denominator"}, "derive.scale": {ZH: "倍数", EN: "scale"},
	"applies_to.kinds": {ZH: "适用类型", EN: "for kinds"}, "applies_to.classes": {ZH: "适用类别", EN: "for classes"}, "lenses": {ZH: "视角", EN: "lenses"},
	"provenance": {ZH: "来源", EN: "provenance"}, "more": {ZH: "其他（JSON）", EN: "more (JSON)"}, "rounding": {ZH: "舍入方法", EN: "rounding"},
	"ranking": {ZH: "排名方法", EN: "ranking"}, "min_coverage": {ZH: "最低完整度", EN: "least coverage"}, "scale": {ZH: "满分", EN: "scale"},
	"adjustments.bonus.cap": {ZH: "加分上限", EN: "most bonus"}, "adjustments.deduction.cap": {ZH: "扣分上限", EN: "most deduction"},
	"points": {ZH: "分值", EN: "points"}, "effect.kind": {ZH: "后果", EN: "effect"}, "effect.grade": {ZH: "后果等次", EN: "grade of the effect"},
	"from": {ZH: "起始分", EN: "from"}, "max_share": {ZH: "最高占比", EN: "greatest share"}, activate: {ZH: "立即启用", EN: "activate"},
}

var schemeChoices = map[string][]string{
	"direction": {"benefit", "cost"}, "entry": {"reported", "rated", "derived"}, "group": {"bonus", "deduction", "veto"},
}

// schemeSheets are the sheets of one scheme.
func schemeSheets() (list []sheet) {
	for _, t := range schemeNames {
		s := sheet{code: schemeSheet + t.table, name: t.name, action: policy.WriteScheme, town: true, key: []string{"code"}, change: never}
		names, numbers := scheme.BookColumns(t.table)
		for _, name := range names {
			c := column{code: name, head: schemeHeads[name], must: name == "code", choice: schemeChoices[name]}
			if numbers[name] {
				c.kind = number
			}
			if name == "waivable" {
				c.kind = yes
			}
			s.columns = append(s.columns, c)
		}
		if t.table == scheme.SchemeTable {
			s.columns = append(s.columns, column{code: activate, head: schemeHeads[activate], kind: yes})
		}
		s.list = func(r *run) ([]record, error) { return listScheme(r, t.table) }
		list = append(list, s)
	}
	return list
}

// never marks rows that can be changed, since the scheme of the book becomes a draft as a whole.
func never(*run, record) error { return nil }

// listScheme returns a table of the draft of the town, or else of the scheme in force.
func listScheme(r *run, table string) (list []record, err error) {
	v, err := scheme.FindActive(r, r.tx, r.Town, "")
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return nil, err
	}
	drafts, failed := scheme.List(r, r.tx, r.Town, scheme.Filter{State: scheme.Draft, Limit: 1})
	if failed != nil {
		return nil, failed
	}
	if len(drafts) > 0 {
		v, err = scheme.Read(r, r.tx, r.Town, drafts[0].Code, drafts[0].Number)
	}
	if fault.Is(err, fault.KindNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := v.Compile()
	if err != nil {
		return nil, err
	}
	book, err := c.Document.Book()
	for _, row := range book[table] {
		list = append(list, record(row))
	}
	return list, err
}

// place is where a row of the scheme stands.
type place struct {
	*spreadsheet.Sheet
	row     int
	columns map[string]int
}

// takeScheme stores the scheme of the book as a draft, unless a version is the same, and activates it where that is wanted.
func (r *run) takeScheme(kind sheet, last *spreadsheet.Sheet, book scheme.Book, places map[string][]place) error {
	if len(book[scheme.SchemeTable]) == 0 && len(book[scheme.IndicatorTable]) == 0 || len(r.out.Faults) > 0 {
		return nil
	}
	at := func(table string, row int, column string) (s *spreadsheet.Sheet, c, n int) {
		if list := places[table]; row < len(list) {
			return list[row].Sheet, list[row].columns[column], list[row].row
		}
		return last, 1, 1
	}
	d, faults := scheme.FromBook(book)
	for _, f := range faults {
		s, column, row := at(f.Table, f.Row, f.Column)
		r.fault(s, column, row, f.Column, wrong(f.Code, f.Message))
	}
	if len(faults) > 0 {
		return nil
	}
	wanted := book[scheme.SchemeTable][0][activate] != ""
	s, column, row := at(scheme.SchemeTable, 0, "code")
	versions, err := scheme.List(r, r.tx, r.Town, scheme.Filter{Code: d.Code})
	if err != nil {
		return err
	}
	var draft *scheme.Version
	for i, v := range versions {
		if d.Version = v.Number; v.State == scheme.Draft {
			draft = &versions[i]
		}
		c, err := scheme.Compile(d)
		if err != nil {
			return err
		}
		if c.Hash == v.Hash && (v.State == scheme.Active || v.State == scheme.Draft && !wanted) {
			return nil
		}
	}
	if !kind.allowed(r) {
		r.fault(s, 1, 1, "", wrong("not_allowed", text.F("您不能修改“%s”", "you may not change %q", kind.name)))
		return nil
	}
	var v scheme.Version
	err = r.try(func() (err error) {
		if draft == nil {
			v, err = scheme.Create(r, r.tx, r.Town, d)
		} else {
			v, err = scheme.Update(r, r.tx, draft.Ref(), d)
		}
		if err == nil && wanted {
			v, err = scheme.Activate(r, r.tx, workflow.Ref{Town: r.Town, ID: v.Ref().ID, Version: v.Version}, r.Fit)
		}
		return err
	})
	if err == nil {
		r.out.Added += len(book[scheme.IndicatorTable])
		r.out.Scheme = &scheme.Ref{Code: v.Code, Number: v.Number}
		return nil
	}
	return r.refused(kind, s, filledRow{number: row}, map[string]int{"code": column}, err)
}
