package entry

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// Import is what becomes of a file with entries.
type Import struct {
	DryRun      bool                `json:"dry_run"`     // nothing was changed
	Rows        int                 `json:"rows"`        // of branches in the file
	Changed     int                 `json:"changed"`     // rows that differ from what is stored
	Submitted   int                 `json:"submitted"`   // sheets
	Overwritten []Overwritten       `json:"overwritten"` // values that are replaced or deleted
	Faults      []spreadsheet.Fault `json:"faults"`      // with any of them nothing can be stored
	Warnings    []spreadsheet.Fault `json:"warnings"`    // cells to look at
} // @name EntryImport

// Overwritten is a stored value that the file replaces or deletes.
type Overwritten struct {
	Sheet  string `json:"sheet" example:"填报"`             // of the file
	Cell   string `json:"cell" example:"F12"`             // its name
	Branch string `json:"branch" example:"b07"`           // its code
	Code   string `json:"code" example:"organisation.01"` // of the indicator or quantity
	Before string `json:"before" example:"85"`            // as it stands in a cell
	After  string `json:"after" example:"90"`             // empty where the value is deleted
} // @name EntryOverwritten

// ImportOptions are how a file is taken in.
type ImportOptions struct {
	DryRun    bool
	Submit    bool // also submit the sheets of the file
	Fractions bool // numbers below 1 where the unit is % are meant
}

// importing is a file on its way into the form.
type importing struct {
	Form
	out      Import
	language string
	options  ImportOptions
	sheet    *spreadsheet.Sheet
	columns  map[string]int // of the file, by code; 0 = none
	ignored  map[int]bool   // columns without a code that hold something
}

// ImportFile takes in a template that was filled in: all of it or, with any fault, nothing. Every
// value goes by the rules of a typed one. With o.DryRun nothing is changed and the faults are in
// the Import; otherwise they are the fields of the error, at cell/SHEET/NAME.
func ImportFile(ctx context.Context, db *gorm.DB, q Query, book *spreadsheet.Book, o ImportOptions) (_ Import, err error) {
	defer fault.Wrap(&err, "import into %s", q.Period)
	var m *importing
	err = database.Do(ctx, db, o.DryRun, func(tx *gorm.DB) error {
		f, err := Find(ctx, tx, q)
		if err != nil {
			return err
		}
		m = &importing{Form: f, language: q.Language, options: o}
		m.out = Import{
			DryRun: o.DryRun, Overwritten: []Overwritten{}, Faults: []spreadsheet.Fault{}, Warnings: []spreadsheet.Fault{},
		}
		if err := m.read(ctx, tx, book); err != nil || o.DryRun {
			return err
		}
		return m.refusal()
	})
	if m == nil || err != nil {
		return Import{}, err
	}
	return m.out, nil
}

// refusal returns the error of an import with faults, or with warnings that are not confirmed.
func (m *importing) refusal() error {
	if len(m.out.Faults) > 0 {
		return spreadsheet.NotTaken(m.out.Faults)
	}
	list := slices.DeleteFunc(slices.Clone(m.out.Warnings), func(f spreadsheet.Fault) bool { return f.Fault != fractionWarning })
	if len(list) == 0 || m.options.Fractions {
		return nil
	}
	return spreadsheet.AtCells(fault.Invalid("import_unconfirmed",
		"有 %d 个百分比数值小于 1，因此未保存任何内容：请确认后重新导入，或改正文件",
		"%d percentages are below 1, so nothing was stored: confirm them, or mend the file", len(list)), list)
}

// fractionWarning is the code of a number below 1 where the unit is per cent.
const fractionWarning = "looks_like_fraction"

func (m *importing) fault(column, row int, branch, code string, w *spreadsheet.Wrong) {
	m.out.Faults = append(m.out.Faults, m.at(column, row, branch, code, w))
}

func (m *importing) at(column, row int, branch, code string, w *spreadsheet.Wrong) spreadsheet.Fault {
	return spreadsheet.Fault{
		Sheet: m.sheet.Name, Cell: spreadsheet.Name(column, row), Branch: branch, Code: code, Fault: w.Code,
		Message: w.Message.In(m.language),
	}
}

func wrong(code, zh, en string, args ...any) *spreadsheet.Wrong {
	return &spreadsheet.Wrong{Code: code, Message: text.F(zh, en, args...)}
}

// read reads the file and writes what it changes.
func (m *importing) read(ctx context.Context, tx *gorm.DB, book *spreadsheet.Book) error {
	if m.sheet = book.Sheet(identityPrefix); m.sheet == nil {
		return fault.Invalid("no_identity", "文件不是从本系统下载的填报模板，或其中有两张填报表：请下载模板，填好后上传",
			"the file is no template of this system, or has two sheets of entries: download the template and fill it in")
	}
	if w := m.foreign(); w != nil {
		m.fault(1, 1, "", "", w)
		return nil
	}
	if m.heads(); len(m.out.Faults) > 0 {
		return nil
	}
	seen := map[string]bool{}
	for number := firstRow; number <= m.sheet.Rows(); number++ {
		if err := m.row(ctx, tx, number, seen); err != nil {
			return err
		}
	}
	return nil
}

// firstRow is the first row that may hold a branch: the names of the columns, where the file has
// them, stand above it without a code.
const firstRow = 3

// foreign returns why the file does not belong to the form; nil where it does.
func (m *importing) foreign() *spreadsheet.Wrong {
	parts := strings.Split(strings.TrimPrefix(m.sheet.At(1, 1).Text, identityPrefix), ":")
	if len(parts) != 5 {
		return wrong("wrong_identity", "模板标识已被改动：请重新下载模板", "the identity of the template was changed: download it again")
	}
	is, want := identity{parts[0], parts[1], parts[2], parts[3], parts[4]}, m.identity()
	switch {
	case is.town != want.town:
		return wrong("wrong_town", "模板属于镇（街道）“%s”，不是“%s”", "the template belongs to the town %q, not %q", is.town, want.town)
	case is.period != want.period:
		return wrong("wrong_period", "模板属于考评周期“%s”，不是“%s”", "the template belongs to the period %q, not %q", is.period, want.period)
	case is.evaluator != want.evaluator:
		return wrong("wrong_evaluator", "模板属于另一位填报人：请下载自己的模板", "the template belongs to another person: download your own")
	case is.scheme != want.scheme:
		return wrong("wrong_scheme", "模板按指标体系“%s”制作，本周期现用“%s”：请重新下载模板",
			"the template was made for the scheme %q, the period has %q: download it again", is.scheme, want.scheme)
	case is.hash != want.hash:
		return wrong("wrong_columns", "模板的指标与您当前角色应填的不同：请以该角色重新下载模板",
			"the columns of the template are not those of your present role: download it again in this role")
	}
	return nil
}

// heads finds what the columns of the file are.
func (m *importing) heads() {
	m.columns, m.ignored = map[string]int{}, map[int]bool{}
	for _, c := range m.sheet.Row(2) {
		code := c.String()
		own := code == branchColumn || code == versionColumn || code == nameColumn || code == stateColumn
		switch {
		case m.columns[code] != 0:
			m.fault(c.Column, 2, "", code, wrong("duplicate_column", "“%s”有两列", "there are two columns %q", code))
		case !own && m.column(code) == nil:
			m.fault(c.Column, 2, "", code, wrong("unknown_column", "您不填写“%s”这一列：请删除，或重新下载模板",
				"you do not fill in a column %q: delete it, or download the template again", code))
		default:
			m.columns[code] = c.Column
		}
	}
	for i, code := range []string{branchColumn, versionColumn, nameColumn} {
		if m.columns[code] == 0 {
			m.fault(i+1, 2, "", code, wrong("missing_column", "模板的隐藏列已被删除：请重新下载模板",
				"a column of the template was deleted: download it again"))
		}
	}
}

// column returns the column of the form; nil where it has none.
func (f Form) column(code string) *Column {
	i := slices.IndexFunc(f.Columns, func(c Column) bool { return c.Code == code })
	if i < 0 {
		return nil
	}
	return &f.Columns[i]
}

// row takes in one row of the file.
func (m *importing) row(ctx context.Context, tx *gorm.DB, number int, seen map[string]bool) error {
	at, names := m.columns[branchColumn], m.columns[nameColumn]
	code, name := m.sheet.At(at, number), strings.TrimPrefix(m.sheet.At(names, number).String(), "'")
	if number == firstRow && code.Kind == spreadsheet.Empty && (name == nameHead.ZH || name == nameHead.EN) {
		return nil
	}
	m.uncoded(number)
	if code.Kind == spreadsheet.Empty {
		m.unnamed(number)
		return nil
	}
	branch := code.String()
	named := func(r Row) bool { return text.Alike(r.Branch.Name) == text.Alike(name) }
	i := slices.IndexFunc(m.Rows, func(r Row) bool { return r.Branch.Code == branch })
	switch {
	case code.Refused() != nil:
		m.fault(at, number, "", branchColumn, code.Refused())
		return nil
	case i < 0:
		m.fault(at, number, branch, branchColumn, wrong("unknown_branch", "您的填报表中没有党组织“%s”",
			"your entry form has no branch %q", branch))
		return nil
	case seen[branch]:
		m.fault(at, number, branch, branchColumn, wrong("duplicate_branch", "党组织“%s”出现了两次", "the branch %q stands in two rows", branch))
		return nil
	case !named(m.Rows[i]) && slices.ContainsFunc(m.Rows, named): // cells were shifted
		m.fault(names, number, branch, nameColumn, wrong("wrong_name",
			"这一行属于“%s”，名称却是“%s”：请检查各行是否错位，或重新下载模板",
			"this row is that of %q, but the name is %q: check whether rows were shifted, or download the template again",
			m.Rows[i].Branch.Name, name))
		return nil
	}
	seen[branch] = true
	m.out.Rows++
	return m.take(ctx, tx, number, m.Rows[i])
}

// unnamed refuses values in a row without a branch.
func (m *importing) unnamed(number int) {
	for _, column := range m.Columns {
		if at := m.columns[column.Code]; at != 0 && m.sheet.At(at, number).Kind != spreadsheet.Empty {
			m.fault(at, number, "", column.Code, wrong("branch_missing", "这一行没有党组织代码：请只填写模板中的行",
				"this row has no code of a branch: fill in the rows of the template alone"))
			return
		}
	}
}

// uncoded warns, once for each, of columns that hold something and have no code.
func (m *importing) uncoded(number int) {
	for _, c := range m.sheet.Row(number) {
		if m.ignored[c.Column] || m.sheet.At(c.Column, 2).Kind != spreadsheet.Empty {
			continue
		}
		m.ignored[c.Column] = true
		m.out.Warnings = append(m.out.Warnings, m.at(c.Column, number, "", "", wrong("ignored_column",
			"此列不属于模板，其内容不会导入", "this column is none of the template: what stands in it is not taken in")))
	}
}

// change is what a row of the file changes in a sheet.
type change struct {
	patch map[string]*evaluation.Entry
	codes []string // of the patch, in the order of columns
}

// take takes in the values of a row.
func (m *importing) take(ctx context.Context, tx *gorm.DB, number int, r Row) error {
	c := change{patch: map[string]*evaluation.Entry{}}
	for _, column := range m.Columns {
		if m.columns[column.Code] != 0 {
			m.compare(number, r, column, &c)
		}
	}
	if len(c.codes) == 0 {
		return m.submit(ctx, tx, number, r)
	}
	m.out.Changed++
	version, _, w := m.sheet.At(m.columns[versionColumn], number).Float()
	if m.sheet.At(m.columns[versionColumn], number).Kind == spreadsheet.Empty {
		version, w = 0, nil // of a sheet that is not begun
	}
	if w != nil || int64(version) != r.Version {
		for _, code := range c.codes {
			m.fault(m.columns[code], number, r.Branch.Code, code, wrong("stale_version",
				"下载模板后此表已被修改，现值为“%s”：请重新下载模板，或改为现值", "the sheet was changed after the template was downloaded, the value is now %q: download it again, or enter that value",
				shown(r.entry(code), m.language)))
		}
		return nil
	}
	sheet, err := m.write(ctx, tx, r, c)
	if err != nil {
		return m.refused(number, r, c, err)
	}
	r.Sheet, r.Version, r.State, r.Entries = sheet.ID, sheet.Version, sheet.State, sheet.Entries
	return m.submit(ctx, tx, number, r)
}

func shown(e *evaluation.Entry, language string) string {
	switch v := cellOf(e, language).(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// compare adds the value of a cell to the change where it differs from what is stored.
func (m *importing) compare(number int, r Row, column Column, c *change) {
	at, stored := m.columns[column.Code], r.entry(column.Code)
	e, fraction, w := read(column, m.sheet.At(at, number))
	if w != nil {
		m.fault(at, number, r.Branch.Code, column.Code, w)
		return
	}
	if e != nil && stored != nil {
		if e.Value != nil && stored.Value != nil && spreadsheet.Shown(*stored.Value) == *e.Value {
			e.Value = stored.Value
		}
		e.Source = stored.Source
		if e.NotApplicable == stored.NotApplicable && e.Evidence == "" {
			e.Evidence = stored.Evidence
		}
	}
	if e == nil && stored == nil || e != nil && stored != nil && e.Same(*stored) && e.Evidence == stored.Evidence {
		return
	}
	c.patch[column.Code] = e
	c.codes = append(c.codes, column.Code)
	if stored != nil {
		m.out.Overwritten = append(m.out.Overwritten, Overwritten{
			Sheet: m.sheet.Name, Cell: spreadsheet.Name(at, number), Branch: r.Branch.Code, Code: column.Code,
			Before: shown(stored, m.language), After: shown(e, m.language),
		})
	}
	if fraction {
		m.out.Warnings = append(m.out.Warnings, m.at(at, number, r.Branch.Code, column.Code, wrong(fractionWarning,
			"单位是“%%”，填写的却是 %s：若指 %s%%，请改为 %s，否则请确认",
			"the unit is %%, but the value is %s: if %s %% is meant, enter %s, otherwise confirm it",
			shown(e, "en"), percentOf(e), percentOf(e))))
		return
	}
	if e == nil || e.Value == nil {
		return
	}
	if kind, why := m.question(column, r, *e.Value); kind != "" {
		m.out.Warnings = append(m.out.Warnings, m.at(at, number, r.Branch.Code, column.Code, &spreadsheet.Wrong{Code: kind, Message: why}))
	}
}

func percentOf(e *evaluation.Entry) string { return strconv.FormatFloat(*e.Value*100, 'g', 12, 64) }

var notApplicable = regexp.MustCompile(`(?is)^(?:不适用|not applicable|n/a)\s*(?:[:：,，;；(（—–-]\s*(.*?)[)）]?)?$`)

// read returns the entry in a cell of the column, nil for an empty one, and whether it looks like
// a fraction although the unit is per cent.
func read(column Column, c spreadsheet.Cell) (e *evaluation.Entry, fraction bool, w *spreadsheet.Wrong) {
	if c.Kind == spreadsheet.Empty {
		return nil, false, nil
	}
	if w := c.Refused(); w != nil {
		return nil, false, w
	}
	words := c.String()
	if c.Kind == spreadsheet.Text {
		if remedy, hidden := text.Hidden(words, true); hidden {
			return nil, false, &spreadsheet.Wrong{Code: "unprintable", Message: remedy}
		}
		if found := notApplicable.FindStringSubmatch(words); found != nil {
			return &evaluation.Entry{Code: column.Code, NotApplicable: true, Evidence: strings.TrimSpace(found[1])}, false, nil
		}
	}
	if column.Levels != nil {
		level := words
		if !slices.Contains(column.Levels, level) {
			if folded := strings.TrimSpace(norm.NFKC.String(level)); slices.Contains(column.Levels, folded) {
				level = folded
			}
		}
		return &evaluation.Entry{Code: column.Code, Level: &level}, false, nil
	}
	x, percent, w := c.Float()
	switch {
	case w != nil:
		return nil, false, w
	case percent && column.unit != "%":
		return nil, false, wrong("percent_elsewhere", "此指标的单位是“%s”，不能填写百分比：请把单元格格式改为“常规”，再填写数值",
			"the unit of this indicator is %q, so that no percentage can be entered: set the format of the cell to General and enter the number",
			column.Unit)
	}
	fraction = !percent && column.fractional(x)
	return &evaluation.Entry{Code: column.Code, Value: &x}, fraction, nil
}

// write writes the change into the sheet of the row, which it begins where there is none.
func (f Form) write(ctx context.Context, tx *gorm.DB, r Row, c change) (evaluation.Sheet, error) {
	if r.Sheet != "" {
		ref := workflow.Ref{Town: f.town, ID: r.Sheet, Version: r.Version}
		return evaluation.PatchSheet(ctx, tx, ref, evaluation.SheetPatch{Entries: c.patch})
	}
	s := evaluation.Sheet{TownID: f.town, PeriodCode: f.Period, BranchCode: r.Branch.Code}
	for _, code := range c.codes {
		s.Entries = append(s.Entries, *c.patch[code])
	}
	return evaluation.BeginSheet(ctx, tx, s)
}

// refused notes why a row cannot be written; what is no refusal is returned.
func (m *importing) refused(number int, r Row, c change, err error) error {
	refusal, ok := fault.Refusal(err)
	if !ok {
		return err
	}
	if len(refusal.Fields) == 0 {
		at, code := m.columns[nameColumn], ""
		if len(c.codes) > 0 {
			code = c.codes[0]
			at = m.columns[code]
		}
		m.fault(at, number, r.Branch.Code, code, &spreadsheet.Wrong{Code: refusal.Code, Message: refusal.Message})
		return nil
	}
	for _, f := range refusal.Fields {
		code := m.codeAt(f.Pointer, c)
		at := m.columns[code]
		if at == 0 { // of a value that the file does not have
			at = m.columns[nameColumn]
		}
		message := f.Message
		if f.Code == "evidence_needed" {
			message = text.F("请写明原因：填写%s", "give the reason: enter %s", waiverHint)
		}
		m.fault(at, number, r.Branch.Code, code, &spreadsheet.Wrong{Code: f.Code, Message: message})
	}
	return nil
}

// codeAt returns which entry a pointer is to: to one of a list in a new sheet, else by its code.
func (m *importing) codeAt(pointer string, c change) string {
	parts := strings.Split(strings.TrimPrefix(pointer, "/entries/"), "/")
	code := strings.NewReplacer("~1", "/", "~0", "~").Replace(parts[0])
	if m.columns[code] != 0 {
		return code
	}
	if i, err := strconv.Atoi(code); err == nil && i >= 0 && i < len(c.codes) {
		return c.codes[i]
	}
	return ""
}

// submit submits the sheet of a row where that is wanted.
func (m *importing) submit(ctx context.Context, tx *gorm.DB, number int, r Row) error {
	if !m.options.Submit || len(r.Entries) == 0 || r.State != evaluation.Draft && r.State != evaluation.Returned {
		return nil
	}
	_, err := evaluation.MoveSheet(ctx, tx, workflow.Ref{Town: m.town, ID: r.Sheet, Version: r.Version}, evaluation.Submitted, "")
	if err != nil {
		return m.refused(number, r, change{}, err)
	}
	m.out.Submitted++
	return nil
}
