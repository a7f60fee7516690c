package scheme

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"bulwark/internal/fault"
)

// The tables of a scheme as a book.
const (
	SchemeTable     = "scheme" // one row: what concerns the scheme as a whole
	QuantityTable   = "quantities"
	DimensionTable  = "dimensions" // the root too
	IndicatorTable  = "indicators"
	AdjustmentTable = "adjustments"
	GradeTable      = "grades"
)

// Book is a document as tables, for people who write it in a spreadsheet. Each cell is a text, a
// number is one in decimal.
type Book map[string][]BookRow

// BookRow is one row of a table, by column; what is absent is empty.
type BookRow map[string]string

// bookField is one column of a table: the member of the JSON object at the path.
type bookField struct {
	column string
	kind   bookKind
}

type bookKind int

const (
	bookWords  bookKind = iota
	bookNumber          // in decimal
	bookFlag            // yes or empty
	bookCodes           // separated by "; "
	bookPoints          // NAME=NUMBER, separated by "; "
	bookJSON            // as JSON
)

// Columns of tables. A column is named after the member that it holds, with dots between the
// names of members within members; "more" holds as JSON what has no column.
var (
	nodeFields = []bookField{
		{"code", bookWords},
		{"name.zh", bookWords},
		{"name.en", bookWords},
		{"description.zh", bookWords},
		{"description.en", bookWords},
		{"weight", bookNumber},
		{"aggregation.kind", bookWords},
	}
	bookFields = map[string][]bookField{
		SchemeTable: {
			{"code", bookWords},
			{"name.zh", bookWords},
			{"name.en", bookWords},
			{"description.zh", bookWords},
			{"description.en", bookWords},
			{"decimals", bookNumber},
			{"rounding", bookWords},
			{"ranking", bookWords},
			{"min_coverage", bookNumber},
			{"scale", bookNumber},
			{"adjustments.bonus.cap", bookNumber},
			{"adjustments.deduction.cap", bookNumber},
			{"provenance", bookWords},
			{"more", bookJSON},
		},
		QuantityTable: {
			{"code", bookWords},
			{"name.zh", bookWords},
			{"name.en", bookWords},
			{"unit", bookWords},
			{"reporters", bookCodes},
			{"range.min", bookNumber},
			{"range.max", bookNumber},
			{"decimals", bookNumber},
			{"applies_to.kinds", bookCodes},
			{"applies_to.classes", bookCodes},
			{"more", bookJSON},
		},
		DimensionTable: append(slices.Clone(nodeFields), bookField{"provenance", bookWords}, bookField{"more", bookJSON}),
		IndicatorTable: append(slices.Clone(nodeFields[:6]), []bookField{
			{"unit", bookWords},
			{"direction", bookWords},
			{"entry", bookWords},
			{"reporters", bookCodes},
			{"range.min", bookNumber},
			{"range.max", bookNumber},
			{"decimals", bookNumber},
			{"waivable", bookFlag},
			{"rule.kind", bookWords},
			{"rule.low", bookNumber},
			{"rule.high", bookNumber},
			{"rule.max", bookNumber},
			{"rule.per", bookNumber},
			{"rule.levels", bookPoints},
			{"derive.kind", bookWords},
			{"derive.numerator", bookWords},
			{"derive.denominator", bookWords},
			{"derive.scale", bookNumber},
			{"applies_to.kinds", bookCodes},
			{"applies_to.classes", bookCodes},
			{"lenses", bookCodes},
			{"provenance", bookWords},
			{"more", bookJSON},
		}...),
		AdjustmentTable: {
			{"code", bookWords},
			{"name.zh", bookWords},
			{"name.en", bookWords},
			{"points", bookNumber},
			{"effect.kind", bookWords},
			{"effect.grade", bookWords},
			{"provenance", bookWords},
			{"more", bookJSON},
		},
		GradeTable: {
			{"code", bookWords}, {"name.zh", bookWords}, {"name.en", bookWords}, {"from", bookNumber}, {"max_share", bookNumber}, {"more", bookJSON},
		},
	}
	// columns that say where a row belongs, before those of its members
	placeFields = map[string][]string{
		DimensionTable: {"parent", "order"}, IndicatorTable: {"parent", "order"}, AdjustmentTable: {"group"},
	}
)

// BookColumns returns the columns of a table, in order, and which of them hold numbers.
func BookColumns(table string) (columns []string, numbers map[string]bool) {
	columns, numbers = slices.Clone(placeFields[table]), map[string]bool{"order": true}
	for _, f := range bookFields[table] {
		columns = append(columns, f.column)
		numbers[f.column] = f.kind == bookNumber
	}
	return columns, numbers
}

type jsonObject = map[string]any

// Book returns the document as tables, from which FromBook makes the same document.
func (d Document) Book() (Book, error) {
	canonical, err := d.Canonical()
	if err != nil {
		return nil, err
	}
	var whole jsonObject
	if err := json.Unmarshal(canonical, &whole); err != nil {
		return nil, err
	}
	b := Book{}
	add := func(table string, o jsonObject, place BookRow) {
		row, ok := rowOf(table, o)
		if maps.Copy(row, place); !ok && err == nil {
			err = errors.New("scheme: a member cannot be written as JSON")
		}
		b[table] = append(b[table], row)
	}
	for _, q := range list(whole, "quantities") {
		add(QuantityTable, q, nil)
	}
	var walk func(n jsonObject, parent string, order int)
	walk = func(n jsonObject, parent string, order int) {
		children := list(n, "children")
		place := BookRow{"order": strconv.Itoa(order)}
		if parent != "" {
			place["parent"] = parent
		}
		table := DimensionTable
		if len(children) == 0 {
			table = IndicatorTable
		}
		code, _ := n["code"].(string)
		add(table, n, place)
		for i, c := range children {
			walk(c, code, i+1)
		}
	}
	tree, _ := whole["tree"].(jsonObject)
	delete(whole, "tree")
	walk(tree, "", 1)
	adjustments, _ := whole["adjustments"].(jsonObject)
	for _, group := range []string{"bonus", "deduction"} {
		g, _ := adjustments[group].(jsonObject)
		for _, item := range list(g, "items") {
			add(AdjustmentTable, item, BookRow{"group": group})
		}
	}
	for _, v := range list(adjustments, "vetoes") {
		add(AdjustmentTable, v, BookRow{"group": "veto"})
	}
	for _, g := range list(whole, "grades") {
		add(GradeTable, g, nil)
	}
	delete(whole, "version") // set by the registry
	add(SchemeTable, whole, nil)
	return b, err
}

// list takes a list of objects out of the object.
func list(o jsonObject, member string) (objects []jsonObject) {
	items, _ := o[member].([]any)
	delete(o, member)
	for _, item := range items {
		if object, ok := item.(jsonObject); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

// rowOf returns the object as a row of the table.
func rowOf(table string, o jsonObject) (row BookRow, ok bool) {
	row = BookRow{}
	for _, f := range bookFields[table] {
		if f.column == "more" {
			prune(o)
			if len(o) == 0 {
				continue
			}
			rest, err := json.Marshal(o, json.Deterministic(true))
			if err != nil {
				return row, false
			}
			row["more"] = string(rest)
			continue
		}
		in, last := o, f.column
		for {
			name, rest, deeper := strings.Cut(last, ".")
			if !deeper {
				break
			}
			within, _ := in[name].(jsonObject)
			in, last = within, rest
		}
		value, given := in[last]
		if !given {
			continue
		}
		if cell, ok := f.kind.cell(value); ok && cell != "" {
			row[f.column] = cell
			delete(in, last)
		}
	}
	return row, true
}

// cell returns the value as a cell, and false where the kind of the column cannot hold it.
func (k bookKind) cell(value any) (cell string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, k == bookWords && v == strings.TrimSpace(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), k == bookNumber
	case bool:
		return "yes", k == bookFlag && v
	case []any:
		var parts []string
		for _, item := range v {
			s, isText := item.(string)
			if !isText || s == "" || strings.ContainsAny(s, ";") || strings.TrimSpace(s) != s {
				return "", false
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, "; "), k == bookCodes
	case jsonObject:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			x, isNumber := v[name].(float64)
			if !isNumber || name == "" || strings.ContainsAny(name, ";=") || strings.TrimSpace(name) != name {
				return "", false
			}
			parts = append(parts, name+"="+strconv.FormatFloat(x, 'f', -1, 64))
		}
		return strings.Join(parts, "; "), k == bookPoints
	}
	return "", false
}

// prune takes empty objects out of the object.
func prune(o jsonObject) {
	for name, value := range o {
		if within, ok := value.(jsonObject); ok {
			if prune(within); len(within) == 0 {
				delete(o, name)
			}
		}
	}
}

// BookFault is what is wrong with a cell of a book: the row counts from 0 in its table.
type BookFault struct {
	Table  string
	Row    int
	Column string
	fault.FieldError
}

// FromBook returns the document in the book, a first version, and every fault of its cells. Rows
// belong together by the codes of their parents; siblings stand in the order of the column
// "order", or of their rows where it is empty.
func FromBook(b Book) (d Document, faults []BookFault) {
	m := &fromBook{book: b}
	whole := m.row(SchemeTable, 0)
	whole["version"] = 1
	place(whole, "quantities", m.rows(QuantityTable, "/quantities"))
	if tree := m.tree(); tree != nil {
		whole["tree"] = tree
	}
	adjustments := map[string][]any{}
	for i, r := range b[AdjustmentTable] {
		member, known := map[string]string{"bonus": "bonus", "deduction": "deduction", "veto": "vetoes"}[r["group"]]
		if !known {
			m.fault(bookCell{AdjustmentTable, i, "group"}, "unknown_group", "应为 bonus（加分）、deduction（扣分）或 veto（一票否决）",
				"should be bonus, deduction or veto")
			continue
		}
		at := "/adjustments/" + member + "/items/" + strconv.Itoa(len(adjustments[member]))
		if member == "vetoes" {
			at = "/adjustments/vetoes/" + strconv.Itoa(len(adjustments[member]))
		}
		m.places = append(m.places, bookPlace{at, AdjustmentTable, i})
		adjustments[member] = append(adjustments[member], m.row(AdjustmentTable, i))
	}
	for _, group := range []string{"bonus", "deduction"} {
		place(whole, "adjustments."+group+".items", adjustments[group])
	}
	place(whole, "adjustments.vetoes", adjustments["vetoes"])
	place(whole, "grades", m.rows(GradeTable, "/grades"))
	if len(m.faults) > 0 {
		return d, m.faults
	}
	raw, err := json.Marshal(whole, json.Deterministic(true))
	if err == nil {
		d, err = Decode(raw)
	}
	if err == nil {
		_, err = Compile(d)
	}
	return d, m.located(err)
}

// place sets the member at the path, unless the list is empty.
func place(o jsonObject, path string, items []any) {
	if len(items) > 0 {
		put(o, path, items)
	}
}

// put sets the member at the path, whose names dots separate.
func put(o jsonObject, path string, value any) {
	for {
		name, rest, deeper := strings.Cut(path, ".")
		if !deeper {
			o[name] = value
			return
		}
		within, ok := o[name].(jsonObject)
		if !ok {
			within = jsonObject{}
			o[name] = within
		}
		o, path = within, rest
	}
}

// merge puts the members of more into the object, without those that it has.
func merge(o, more jsonObject) {
	for name, value := range more {
		within, isObject := value.(jsonObject)
		has, hasObject := o[name].(jsonObject)
		switch {
		case isObject && hasObject:
			merge(has, within)
		case o[name] == nil:
			o[name] = value
		}
	}
}

type bookPlace struct {
	pointer string
	table   string
	row     int
}

type fromBook struct {
	book   Book
	places []bookPlace
	faults []BookFault
}

// bookCell is one cell of a book.
type bookCell struct {
	table  string
	row    int
	column string
}

func (m *fromBook) fault(at bookCell, code, zh, en string, args ...any) {
	m.faults = append(m.faults, BookFault{at.table, at.row, at.column, fault.Field("", code, zh, en, args...)})
}

func (m *fromBook) rows(table, at string) (objects []any) {
	for i := range m.book[table] {
		m.places = append(m.places, bookPlace{at + "/" + strconv.Itoa(i), table, i})
		objects = append(objects, m.row(table, i))
	}
	return objects
}

// row returns the row as a JSON object.
func (m *fromBook) row(table string, i int) jsonObject {
	o := jsonObject{}
	if i >= len(m.book[table]) {
		m.fault(bookCell{table, i, "code"}, "missing_row", "请填写这一行", "fill in this row")
		return o
	}
	r := m.book[table][i]
	for _, f := range bookFields[table] {
		cell := strings.TrimSpace(r[f.column])
		if cell == "" {
			continue
		}
		if f.kind == bookJSON {
			var more jsonObject
			if err := json.Unmarshal([]byte(cell), &more); err != nil {
				m.fault(bookCell{table, i, f.column}, "json", "应为 JSON 对象，可留空", "should be a JSON object, or empty")
			}
			merge(o, more)
			continue
		}
		value, ok := f.kind.value(cell)
		if !ok {
			m.fault(bookCell{table, i, f.column}, "wrong_type", "“%s”的格式不正确", "%q has the wrong form", cell)
			continue
		}
		put(o, f.column, value)
	}
	return o
}

// value returns what a cell of the kind holds.
func (k bookKind) value(cell string) (value any, ok bool) {
	switch k {
	case bookNumber:
		x, err := strconv.ParseFloat(cell, 64)
		return x, err == nil
	case bookFlag:
		return true, slices.Contains([]string{"yes", "是", "true", "TRUE", "1"}, cell)
	case bookCodes:
		parts := []any{}
		for part := range strings.SplitSeq(strings.ReplaceAll(cell, "；", ";"), ";") {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
		return parts, true
	case bookPoints:
		o := jsonObject{}
		for part := range strings.SplitSeq(strings.ReplaceAll(cell, "；", ";"), ";") {
			name, points, found := strings.Cut(part, "=")
			x, err := strconv.ParseFloat(strings.TrimSpace(points), 64)
			if !found || err != nil {
				return nil, false
			}
			o[strings.TrimSpace(name)] = x
		}
		return o, true
	}
	return cell, true
}

// bookNode is a node on its way into the tree.
type bookNode struct {
	bookPlace
	code, parent string
	order        float64
	object       jsonObject
}

// tree returns the nodes below their parents.
func (m *fromBook) tree() jsonObject {
	below := map[string][]*bookNode{}
	known := map[string]bool{}
	for _, table := range []string{DimensionTable, IndicatorTable} {
		for i, r := range m.book[table] {
			n := &bookNode{bookPlace: bookPlace{"", table, i}, code: r["code"], parent: r["parent"], object: m.row(table, i)}
			if r["order"] != "" {
				x, err := strconv.ParseFloat(r["order"], 64)
				if n.order = x; err != nil {
					m.fault(bookCell{table, i, "order"}, "wrong_type", "顺序应为数字", "the order should be a number")
				}
			}
			if n.code != "" && known[n.code] {
				m.fault(bookCell{table, i, "code"}, "duplicate_code", "代码“%s”出现了两次", "the code %q stands in two rows", n.code)
				continue
			}
			known[n.code] = true
			below[n.parent] = append(below[n.parent], n)
		}
	}
	for parent, nodes := range below {
		for _, n := range nodes {
			if parent != "" && (!known[parent] || parent == n.code) {
				m.fault(bookCell{n.table, n.row, "parent"}, "unknown_parent", "没有上级“%s”", "there is no parent %q", parent)
			}
		}
		slices.SortStableFunc(nodes, func(x, y *bookNode) int { return cmp.Compare(x.order, y.order) })
	}
	roots := below[""]
	if len(roots) != 1 {
		m.fault(bookCell{DimensionTable, 0, "parent"}, "one_root", "须恰好有一行没有上级（指数本身），现有 %d 行",
			"exactly one row, the index itself, has no parent; there are %d", len(roots))
		return nil
	}
	reached := 0
	var build func(n *bookNode, at string) jsonObject
	build = func(n *bookNode, at string) jsonObject {
		reached++
		m.places = append(m.places, bookPlace{at, n.table, n.row})
		var children []any
		for i, c := range below[n.code] {
			children = append(children, build(c, at+"/children/"+strconv.Itoa(i)))
		}
		place(n.object, "children", children)
		return n.object
	}
	tree := build(roots[0], "/tree")
	if reached < len(known) && len(m.faults) == 0 {
		m.fault(bookCell{DimensionTable, 0, "parent"}, "circle", "有的行互为上级", "some rows are their own parents")
	}
	return tree
}

// located returns the faults of a document at the cells from which it was made.
func (m *fromBook) located(err error) (faults []BookFault) {
	var refusal *fault.Error
	if err == nil {
		return nil
	}
	if !errors.As(err, &refusal) || len(refusal.Fields) == 0 {
		return []BookFault{{SchemeTable, 0, "code", fault.Field("", "unreadable", "无法读取指标体系：%s", "the scheme cannot be read: %s", err)}}
	}
	for _, f := range refusal.Fields {
		faults = append(faults, m.locate(f))
	}
	return faults
}

func (m *fromBook) locate(f fault.FieldError) BookFault {
	best := bookPlace{table: SchemeTable}
	for _, p := range m.places {
		if (f.Pointer == p.pointer || strings.HasPrefix(f.Pointer, p.pointer+"/")) && len(p.pointer) > len(best.pointer) {
			best = p
		}
	}
	path := strings.ReplaceAll(strings.Trim(strings.TrimPrefix(f.Pointer, best.pointer), "/"), "/", ".")
	column := "more"
	for _, known := range bookFields[best.table] {
		if path == known.column || strings.HasPrefix(path, known.column+".") || strings.HasPrefix(known.column, path+".") {
			column = known.column
			break
		}
	}
	if path == "" {
		column = "code"
	}
	return BookFault{best.table, best.row, column, f}
}
