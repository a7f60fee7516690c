// Package setup writes and reads the workbook by which a town is set up: its branches, people and
// their relations, measures, scheme, periods and accounts.
package setup

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/text"
)

// Import is what becomes of a workbook that sets a town up.
type Import struct {
	DryRun   bool                `json:"dry_run"`                   // nothing was changed
	Rows     int                 `json:"rows"`                      // with something in them
	Added    int                 `json:"added"`                     // rows of what was not there
	Changed  int                 `json:"changed"`                   // rows of what was there and differs
	Accounts []NewAccount        `json:"accounts"`                  // that were made, each with its password, which is shown once
	Faults   []spreadsheet.Fault `json:"faults"`                    // with any of them nothing can be stored
	Warnings []spreadsheet.Fault `json:"warnings"`                  // cells to look at
	Scheme   *scheme.Ref         `json:"scheme,omitempty,omitzero"` // the version that the book became; absent where it has none, or nothing new
} // @name TownImport

// NewAccount is a new account with its first password.
type NewAccount struct {
	Account  string `json:"account" example:"mentor-1"`
	Person   string `json:"person,omitempty" example:"mentor-1"`     // who signs in by it
	Password string `json:"password" example:"KX3FA7QZ2LM4BCYD5TRW"` // good for one sign-in, which must change it
} // @name InvitedAccount

// Query names a town and the language of the answer.
type Query struct{ Town, Language string }

// Options are how a workbook is taken in.
type Options struct {
	DryRun bool
	// on the database itself, by who runs the installation: every sheet, and the town too where there is none
	Offline bool
	Fit     scheme.Fitter // for the activation of a scheme; nil where nothing needs fitting
	// sets and returns a password for one use of a new account
	Password func(ctx context.Context, db *gorm.DB, account string) (string, error)
}

// identityPrefix begins the first cell of every sheet.
const identityPrefix = "bulwark:v1:setup:"

// sheet is one sheet of the workbook: records of one kind.
type sheet struct {
	code    string
	name    text.Text
	action  policy.Action
	town    bool // the action is one within the town
	offline bool // only on the database itself
	columns []column
	key     []string // columns that tell records apart
	list    func(r *run) ([]record, error)
	add     func(r *run, in record) error
	change  func(r *run, in record) error // of what is there; nil: it is not changed here
}

// column is one column of a sheet. Its code is that of the member that it fills.
type column struct {
	code   string
	head   text.Text
	kind   kind
	must   bool
	choice []string
}

type kind int

const (
	words  kind = iota
	date        // YYYY-MM-DD
	yes         // yes or empty
	number      // in decimal
)

// record is one row, by the codes of its columns. What is absent is empty.
type record map[string]string

func (r record) day(code string) day.Date { return day.Date(r[code]) }

// dayOrNil returns nil for an empty cell.
func (r record) dayOrNil(code string) *day.Date {
	if r[code] == "" {
		return nil
	}
	return new(r.day(code))
}

func (r record) orNil(code string) *string {
	if r[code] == "" {
		return nil
	}
	return new(r[code])
}

func (r record) text(code string) text.Text { return text.Text{ZH: r[code+".zh"], EN: r[code+".en"]} }

func (r record) key(s sheet) string {
	parts := make([]string, len(s.key))
	for i, code := range s.key {
		parts[i] = r[code]
	}
	return strings.Join(parts, "\x00")
}

// run is one import or export at work.
type run struct {
	Query
	context.Context
	Options
	tx   *gorm.DB
	out  Import
	book *spreadsheet.Book
	made []NewAccount
}

// allowed reports whether the caller may change what the sheet holds.
func (s sheet) allowed(r *run) bool {
	if r.Offline {
		return true
	}
	if s.offline {
		return false
	}
	town := r.Town
	if !s.town {
		town = ""
	}
	return access.PrincipalFrom(r.Context).Authorize(r.Context, r.tx, s.action, town) == nil
}

// asOperator acts as who runs the installation, in the town: under the name that the trail records.
func (r *run) asOperator() {
	if r.Offline {
		operator := access.Principal{Towns: []string{r.Town}, Person: audit.ActorOf(r.Context).Name}
		r.Context = access.WithPrincipal(r.Context, operator.Holding(policy.LeadingGroup))
	}
}

// Workbook returns what the town has as a workbook, to be added to and imported: the sheets that
// the caller may change. Of a town that is not there it is a template.
func Workbook(ctx context.Context, db *gorm.DB, q Query, offline bool) (_ []byte, err error) {
	defer fault.Wrap(&err, "workbook of %s", q.Town)
	r := &run{Query: q, Context: ctx, Options: Options{Offline: offline}, tx: db}
	r.asOperator()
	var forms []spreadsheet.Form
	notes := spreadsheet.Notes{Name: say(q.Language, "说明", "Notes"), Lines: [][]string{{say(q.Language, "设立工作簿", "Workbook to set up a town")}, {}}}
	for _, s := range sheets() {
		if !s.allowed(r) {
			continue
		}
		stored, err := s.list(r)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(s.code, schemeSheet) { // whose rows have an order of their own
			slices.SortFunc(stored, func(a, b record) int { return cmp.Compare(a.key(s), b.key(s)) })
		}
		forms = append(forms, s.form(r, stored))
		notes.Lines = append(notes.Lines, s.notes(q.Language)...)
	}
	if len(forms) == 0 {
		return nil, fault.Forbidden("not_allowed", "您不能修改此工作簿中的任何内容", "you may change nothing of what is in the workbook")
	}
	return spreadsheet.Workbook(forms, notes)
}

func say(language, zh, en string) string { return text.Text{ZH: zh, EN: en}.In(language) }

func (s sheet) identity(town string) string { return identityPrefix + town + ":" + s.code }

func (s sheet) form(r *run, stored []record) spreadsheet.Form {
	f := spreadsheet.Form{
		Name: s.name.In(r.Language), Identity: s.identity(r.Town), Lists: say(r.Language, "词表", "Lists"), Frozen: 1, Open: true,
	}
	for _, c := range s.columns {
		in := &spreadsheet.Input{Hint: c.rule(r.Language)}
		choice := c.choice
		if c.kind == yes {
			choice = []string{"yes"}
		}
		if len(choice) > 0 {
			in.Options, in.Refusal = choice, text.F("请从列表中选择", "choose from the list").In(r.Language)
		}
		f.Columns = append(f.Columns, spreadsheet.FormColumn{Code: c.code, Head: c.title(r.Language), Width: 16, Input: in})
	}
	for _, rec := range stored {
		row := spreadsheet.FormRow{Locked: s.change == nil}
		for _, c := range s.columns {
			row.Cells = append(row.Cells, c.cell(rec[c.code]))
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

func (c column) title(language string) string {
	if c.must {
		return c.head.In(language) + " *"
	}
	return c.head.In(language)
}

func (c column) rule(language string) string {
	words := c.head.In(language)
	switch {
	case c.kind == date:
		words += say(language, "：日期，如 2026-01-01", ": a day, such as 2026-01-01")
	case c.kind == yes:
		words += say(language, "：是则填 yes", ": yes, or empty")
	case len(c.choice) > 0:
		words += text.F("：%s", ": %s", strings.Join(c.choice, ", ")).In(language)
	}
	if c.must {
		words += say(language, "（必填）", " (needed)")
	}
	return words
}

// cell returns a stored value as it stands in a cell.
func (c column) cell(value string) any {
	if value == "" {
		return nil
	}
	if c.kind == number {
		if x, _, w := (spreadsheet.Cell{Kind: spreadsheet.Number, Text: value}).Float(); w == nil &&
			(spreadsheet.Cell{Kind: spreadsheet.Number, Text: value}).String() == value {
			return x
		}
	}
	return value // also a number with more digits than a spreadsheet keeps
}

func (s sheet) notes(language string) (lines [][]string) {
	lines = append(lines, []string{s.name.In(language)})
	for _, c := range s.columns {
		lines = append(lines, []string{"", c.title(language), c.rule(language), c.code})
	}
	return append(lines, []string{})
}

// ImportBook takes in a workbook that was filled in: all of it or, with any fault, nothing. Each
// row is added by the function that adds it by itself; a row that is there already, as it is, changes nothing.
// With o.DryRun nothing is changed and the faults are in the Import; otherwise they are the fields
// of the error, at cell/SHEET/NAME.
func ImportBook(ctx context.Context, db *gorm.DB, q Query, book *spreadsheet.Book, o Options) (_ Import, err error) {
	defer fault.Wrap(&err, "import of %s", q.Town)
	var r *run
	err = database.Do(ctx, db, o.DryRun, func(tx *gorm.DB) error {
		r = &run{Query: q, Context: ctx, Options: o, tx: tx.WithContext(ctx), book: book}
		r.asOperator()
		r.out = Import{DryRun: o.DryRun, Accounts: []NewAccount{}, Faults: []spreadsheet.Fault{}, Warnings: []spreadsheet.Fault{}}
		if err := r.read(); err != nil || o.DryRun {
			return err
		}
		return r.refusal()
	})
	if r == nil || err != nil {
		return Import{}, err
	}
	if o.DryRun || o.Password == nil {
		return r.out, nil
	}
	for _, a := range r.made { // outside of the transaction, since it takes long to hash them
		if a.Password, err = o.Password(ctx, db, a.Account); err != nil {
			return r.out, err
		}
		r.out.Accounts = append(r.out.Accounts, a)
	}
	return r.out, nil
}

func (r *run) refusal() error {
	if len(r.out.Faults) == 0 {
		return nil
	}
	return spreadsheet.NotTaken(r.out.Faults)
}

func (r *run) read() error {
	found := false
	for _, s := range r.book.Sheets {
		town, code, ok := strings.Cut(strings.TrimPrefix(s.At(1, 1).Text, identityPrefix), ":")
		if !ok || !strings.HasPrefix(s.At(1, 1).Text, identityPrefix) {
			continue
		}
		found = true
		if town != r.Town {
			r.fault(s, 1, 1, "", wrong("wrong_town", text.F("工作簿属于镇（街道）“%s”，不是“%s”", "the workbook belongs to the town %q, not %q", town, r.Town)))
			return nil
		}
		if !slices.ContainsFunc(sheets(), func(k sheet) bool { return k.code == code }) {
			r.fault(s, 1, 1, "", wrong("unknown_sheet", text.F("没有这种工作表：请重新下载工作簿", "there is no such sheet: download the workbook again")))
		}
	}
	if !found {
		return fault.Invalid("no_identity", "文件不是从本系统下载的设立工作簿：请下载工作簿，填好后上传",
			"the file is no workbook of this system: download it and fill it in")
	}
	book := scheme.Book{}
	places := map[string][]place{}
	for _, kind := range sheets() {
		s := r.book.Sheet(kind.identity(r.Town))
		if s == nil {
			continue
		}
		rows, columns := r.rows(kind, s)
		if table, ok := strings.CutPrefix(kind.code, schemeSheet); ok {
			for _, row := range rows {
				book[table] = append(book[table], scheme.BookRow(row.record))
				places[table] = append(places[table], place{s, row.number, columns})
			}
			if table == scheme.GradeTable { // the last of them
				if err := r.takeScheme(kind, s, book, places); err != nil {
					return err
				}
			}
			continue
		}
		if err := r.take(kind, s, rows, columns); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) fault(s *spreadsheet.Sheet, column, row int, code string, w *spreadsheet.Wrong) {
	r.out.Faults = append(r.out.Faults, spreadsheet.Fault{
		Sheet: s.Name, Cell: spreadsheet.Name(max(column, 1), row), Code: code, Fault: w.Code, Message: w.Message.In(r.Language),
	})
}

func wrong(code string, message text.Text) *spreadsheet.Wrong {
	return &spreadsheet.Wrong{Code: code, Message: message}
}

// filledRow is a row of a sheet with something in it.
type filledRow struct {
	number int
	record
	faulty bool
}

// firstRow is the first row below identity, codes and heads.
const firstRow = 4

// rows returns the rows of a sheet, and where its columns are.
func (r *run) rows(kind sheet, s *spreadsheet.Sheet) (rows []filledRow, columns map[string]int) {
	columns = map[string]int{}
	for _, c := range s.Row(2) {
		code := c.String()
		known := slices.ContainsFunc(kind.columns, func(k column) bool { return k.code == code })
		if !known || columns[code] != 0 {
			r.fault(s, c.Column, 2, code, wrong("unknown_column", text.F("没有“%s”这一列，或有两列：请重新下载工作簿",
				"there is no column %q, or there are two: download the workbook again", code)))
			continue
		}
		columns[code] = c.Column
	}
	for number := firstRow; number <= s.Rows(); number++ {
		row := filledRow{number: number, record: record{}}
		for _, c := range kind.columns {
			at := columns[c.code]
			if at == 0 {
				continue
			}
			value, w := c.read(s.At(at, number))
			if w != nil {
				row.faulty = true
				r.fault(s, at, number, c.code, wrong(w.Code, w.Message))
			}
			if value != "" {
				row.record[c.code] = value
			}
		}
		if len(row.record) > 0 || row.faulty {
			r.out.Rows++
			rows = append(rows, row)
		}
	}
	return rows, columns
}

// read returns what stands in a cell of the column.
func (c column) read(cell spreadsheet.Cell) (string, *spreadsheet.Wrong) {
	if cell.Kind == spreadsheet.Empty {
		return "", nil
	}
	if c.kind == date {
		on, w := cell.Day()
		return string(on), w
	}
	if w := cell.Refused(); w != nil {
		return "", w
	}
	words := cell.String()
	if remedy, hidden := text.Hidden(words, true); hidden {
		return "", &spreadsheet.Wrong{Code: "unprintable", Message: remedy}
	}
	if c.kind == yes {
		if !slices.Contains([]string{"yes", "是", "Yes", "YES"}, words) {
			return "", &spreadsheet.Wrong{Code: "wrong_type", Message: text.F("应为 yes，或留空", "should be yes, or empty")}
		}
		return "yes", nil
	}
	if c.kind == number && cell.Kind == spreadsheet.Text { // written so since a cell holds fewer digits
		return strings.ReplaceAll(words, ",", ""), nil
	}
	return words, nil
}

// take adds the rows of a sheet that are not there.
func (r *run) take(kind sheet, s *spreadsheet.Sheet, rows []filledRow, columns map[string]int) error {
	stored, err := kind.list(r)
	if err != nil {
		return err
	}
	known, seen := map[string]record{}, map[string]bool{}
	for _, rec := range stored {
		known[rec.key(kind)] = rec
	}
	refused := false
	for _, row := range rows {
		key := row.key(kind)
		before, there := known[key]
		different := ""
		for _, c := range kind.columns { // an empty cell changes nothing
			if row.record[c.code] != "" && row.record[c.code] != before[c.code] && different == "" {
				different = c.code
			}
		}
		switch {
		case row.faulty, there && different == "":
			continue
		case seen[key]:
			r.fault(s, columns[kind.key[0]], row.number, kind.key[0], wrong("duplicate_row", text.F("与上面的一行重复", "this row stands above already")))
			continue
		case there && kind.change == nil:
			r.fault(s, columns[different], row.number, different, wrong("differs", text.F(
				"系统中已有，其值为“%s”：请用相应的修改功能更改，或改回该值", "it is there already, with %q: change it by its own function, or enter that value", before[different])))
			continue
		case refused:
			continue
		case !kind.allowed(r):
			refused = true
			r.fault(s, 1, 1, "", wrong("not_allowed", text.F("您不能修改“%s”", "you may not change %q", kind.name)))
			continue
		}
		seen[key] = true
		if missing := kind.missing(row.record); missing != "" {
			r.fault(s, columns[missing], row.number, missing, wrong("required", text.F("请填写此项", "this is needed")))
			continue
		}
		do := kind.add
		if there {
			do = kind.change
		}
		err := r.try(func() error { return do(r, row.record) })
		if err == nil && there {
			r.out.Changed++
		} else if err == nil {
			r.out.Added++
		}
		if err := r.refused(kind, s, row, columns, err); err != nil {
			return err
		}
	}
	return nil
}

// missing returns the first column that must be filled in and is empty.
func (s sheet) missing(rec record) string {
	for _, c := range s.columns {
		if c.must && rec[c.code] == "" {
			return c.code
		}
	}
	return ""
}

// try does something, and takes back what it wrote where it fails, so that the next rows can be
// tried: PostgreSQL refuses everything after a statement that failed.
func (r *run) try(do func() error) error {
	if err := r.tx.Exec("SAVEPOINT import_row").Error; err != nil {
		return err
	}
	failed := do()
	if failed != nil {
		if err := r.tx.Exec("ROLLBACK TO SAVEPOINT import_row").Error; err != nil {
			return errors.Join(failed, err)
		}
	}
	return errors.Join(failed, r.tx.Exec("RELEASE SAVEPOINT import_row").Error)
}

// refused notes why a row cannot be taken in; what is no refusal is returned.
func (r *run) refused(kind sheet, s *spreadsheet.Sheet, row filledRow, columns map[string]int, err error) error {
	refusal, ok := fault.Refusal(err)
	if !ok {
		return err
	}
	first := kind.key[0]
	if len(refusal.Fields) == 0 {
		r.fault(s, columns[first], row.number, first, wrong(refusal.Code, refusal.Message))
		return nil
	}
	for _, f := range refusal.Fields {
		code := kind.columnAt(f.Pointer)
		r.fault(s, columns[code], row.number, code, wrong(f.Code, f.Message))
	}
	return nil
}

// columnAt returns the column that a pointer is to; the first one of the key where it is to none.
func (s sheet) columnAt(pointer string) string {
	path := strings.ReplaceAll(strings.Trim(pointer, "/"), "/", ".")
	for _, c := range s.columns {
		if c.code == path || strings.HasPrefix(c.code, path+".") && path != "" || strings.HasPrefix(path, c.code+".") {
			return c.code
		}
	}
	return s.key[0]
}
