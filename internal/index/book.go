package index

import (
	"bulwark/internal/spreadsheet"
	"bulwark/internal/text"
)

// MethodTable returns how the index is made: each node of the scheme with its weight and its rule.
func (v View) MethodTable(language string) spreadsheet.Table {
	t := spreadsheet.Table{Name: text.F("计算方法", "method").In(language), Columns: spreadsheet.ColumnsOf(
		"code", "name", "level", "weight", "effective_weight", "aggregation", "rule", "direction", "unit", "provenance",
	)}
	for _, info := range v.current.Scheme.Index.Nodes() {
		set := t.Add()
		set("code", info.Code)
		set("name", v.current.Scheme.NodeName(info.Code, language))
		set("level", int64(info.Depth))
		set("weight", info.Weight)
		set("effective_weight", info.EffectiveWeight)
		n := v.current.Scheme.Node(info.Code)
		if !info.Leaf {
			set("aggregation", string(n.Aggregation.Kind))
		} else {
			set("direction", string(info.Direction))
			set("unit", n.Unit)
			if n.Rule != nil {
				set("rule", n.Rule.Kind())
			}
		}
		set("provenance", n.Provenance)
	}
	return t
}

// Table returns the receipt as a table of one row.
func (r Receipt) Table(language string) spreadsheet.Table {
	t := spreadsheet.Table{Name: text.F("凭证", "receipt").In(language), Columns: spreadsheet.ColumnsOf(
		"town", "period", "publication", "status", "run", "engine", "scheme", "scheme_version", "scheme_hash", "data_hash",
		"result_hash", "signed", "note",
	)}
	set := t.Add()
	set("town", r.TownID)
	set("period", r.PeriodCode)
	set("publication", r.Publication)
	set("status", r.Status)
	set("run", r.ID)
	set("engine", r.Engine)
	set("scheme", r.Scheme.Code)
	set("scheme_version", r.Scheme.Number)
	set("scheme_hash", r.SchemeHash)
	set("data_hash", r.DataHash)
	set("result_hash", r.ResultHash)
	set("signed", r.Signed)
	set("note", r.Note)
	return t
}

// Table returns the scorecard as a table: each node of the tree for the branch.
func (s Scorecard) Table(language string) spreadsheet.Table {
	t := spreadsheet.Table{Name: text.F("成绩单", "scorecard").In(language), Columns: spreadsheet.ColumnsOf(
		"town", "period", "publication", "run", "branch", "branch_name", "code", "parent", "name", "level", "weight", "effective_weight",
		"status", "raw", "unit", "score", "coverage", "provenance",
	)}
	for _, n := range s.Nodes {
		set := t.Add()
		set("town", s.Town)
		set("period", s.Period)
		if s.Publication > 0 {
			set("publication", s.Publication)
		}
		set("run", s.Run)
		set("branch", s.Branch.Code)
		set("branch_name", s.Branch.Name)
		set("code", n.Code)
		set("parent", n.Parent)
		set("name", n.Name)
		set("level", int64(n.Depth))
		set("weight", n.Weight)
		set("effective_weight", n.EffectiveWeight)
		set("status", n.Status)
		switch {
		case n.Level != nil:
			set("raw", *n.Level)
		case n.Raw != nil:
			set("raw", *n.Raw)
		}
		set("unit", n.Unit)
		if n.Score != nil {
			set("score", *n.Score)
		}
		if n.Coverage != nil {
			set("coverage", *n.Coverage)
		}
		set("provenance", n.Provenance)
	}
	return t
}

// Summary returns the figures of the scorecard as a whole as a table of one row.
func (s Scorecard) Summary(language string) spreadsheet.Table {
	t := spreadsheet.Table{Name: text.F("概要", "summary").In(language), Columns: spreadsheet.ColumnsOf(
		"town", "period", "publication", "run", "branch", "branch_name", "kind", "class", "status", "score", "scale", "grade", "grade_name", "rank",
		"class_rank", "base", "bonus", "deduction", "coverage",
	)}
	set := t.Add()
	set("town", s.Town)
	set("period", s.Period)
	if s.Publication > 0 {
		set("publication", s.Publication)
	}
	set("run", s.Run)
	set("branch", s.Branch.Code)
	set("branch_name", s.Branch.Name)
	set("kind", s.Branch.Kind)
	set("class", s.Branch.Class)
	set("status", s.Outcome)
	if s.Score != nil {
		set("score", *s.Score)
	}
	set("scale", s.Scale)
	set("grade", s.Grade)
	set("grade_name", s.GradeName)
	if s.Rank != nil {
		set("rank", int64(*s.Rank))
	}
	if s.ClassRank != nil {
		set("class_rank", int64(*s.ClassRank))
	}
	if s.Base != nil {
		set("base", *s.Base)
	}
	set("bonus", s.Bonus)
	set("deduction", s.Deduction)
	set("coverage", s.Coverage)
	return t
}
