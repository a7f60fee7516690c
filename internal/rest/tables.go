package rest

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"bulwark/internal/fault"
	"bulwark/internal/spreadsheet"
)

// TableQuery is embedded in requests whose answer can be a table.
type TableQuery struct {
	// csv or xlsx: the whole list as a table; absent: what Accept prefers. The address with .csv or .xlsx at its end does the same
	Format string `form:"format" validate:"omitempty,oneof=json csv xlsx"`
	// names: the head of a table has words where the answer is in Chinese; codes: it has stable codes in any language
	Header string `form:"header" default:"names" validate:"oneof=names codes"`
}

// Formats of an answer.
const (
	JSON = "json"
	CSV  = "csv"
	XLSX = "xlsx"
)

// tableTypes are the media types of answers that can be a table.
var tableTypes = []string{"application/json", spreadsheet.MediaCSV, spreadsheet.MediaXLSX}

// FormatOf returns the format that the request asks for in its query, or else in Accept.
func (q TableQuery) FormatOf(ctx context.Context) string {
	if q.Format != "" {
		return q.Format
	}
	media, _ := preferred(traceOf(ctx).request.Header["Accept"], tableTypes...)
	return map[string]string{spreadsheet.MediaCSV: CSV, spreadsheet.MediaXLSX: XLSX, "application/json": JSON}[media]
}

// named returns the table with the head that the request asks for: words in Chinese, of the
// table itself or else from the labels, and codes otherwise.
func (q TableQuery) named(t spreadsheet.Table, labels Labels, language string) spreadsheet.Table {
	t.Columns = slices.Clone(t.Columns)
	for i, c := range t.Columns {
		switch {
		case !q.worded(language):
			t.Columns[i].Name = ""
		case c.Name == "":
			t.Columns[i].Name = labels.Column(c.Code)
		}
	}
	return t
}

// Words are Chinese names of codes in cells, by the last part of the code of their column.
type Words map[string]map[string]string

// of returns the words for the cells of a column; nil for none.
func (w Words) of(column string) map[string]string {
	return w[column[strings.LastIndexByte(column, '_')+1:]]
}

// translate replaces codes in the cells of a table by their names. What has no name stays.
func (w Words) translate(t spreadsheet.Table) spreadsheet.Table {
	rows := make([][]any, len(t.Rows))
	for i, cells := range t.Rows {
		rows[i] = slices.Clone(cells)
	}
	for k, c := range t.Columns {
		names := w.of(c.Code)
		if names == nil {
			continue
		}
		for _, cells := range rows {
			if s, ok := cells[k].(string); ok {
				parts := strings.Split(s, separator)
				for n, part := range parts {
					parts[n] = cmp.Or(names[part], part)
				}
				cells[k] = strings.Join(parts, separator)
			}
		}
	}
	t.Rows = rows
	return t
}

// worded reports whether the request is for a table in Chinese words.
func (q TableQuery) worded(language string) bool { return language == "zh" && q.Header != "codes" }

// endings are the Chinese words for the last part of the code of a column.
var endings = map[string]string{
	"at": "时间", "on": "日期", "by": "人", "from": "起", "until": "止", "id": "编号", "ids": "编号", "name": "名称",
	"code": "代码", "zh": "（中文）", "en": "（英文）", "count": "数", "days": "天数", "hash": "摘要值", "digest": "摘要值",
}

// Column returns the Chinese name of a column: its label, or else that of each part of its
// code, so that branch_name needs no label of its own.
func (l Labels) Column(code string) string {
	if label := l[code]; label != "" {
		return label
	}
	for i := strings.LastIndexByte(code, '_'); i > 0; i = strings.LastIndexByte(code[:i], '_') {
		if label := cmp.Or(endings[code[i+1:]], l[code[i+1:]]); label != "" {
			return l.Column(code[:i]) + label
		}
	}
	return code
}

// Table returns the answer of a table in the format of the request, CSV or XLSX, for a
// download by the name, which has no ending. A workbook has a sheet for each table, CSV the
// first alone.
func (e *Engine) Table(ctx context.Context, q TableQuery, name string, tables ...spreadsheet.Table) (Raw, error) {
	r := traceOf(ctx).request
	language := languageOf(r)
	var words Words
	if q.worded(language) && e.Words != nil {
		var err error
		if words, err = e.Words(ctx, townOf(r.URL.Path)); err != nil {
			return Raw{}, err
		}
	}
	for i, t := range tables {
		tables[i] = words.translate(q.named(t, e.Labels, language))
	}
	if q.FormatOf(ctx) == XLSX {
		body, err := spreadsheet.XLSX(tables...)
		return Raw{ContentType: spreadsheet.MediaXLSX, Filename: name + ".xlsx", Body: body}, err
	}
	return Raw{ContentType: spreadsheet.MediaCSV + "; charset=utf-8", Filename: name + ".csv", Body: tables[0].CSV()}, nil
}

// tabled is implemented by Page.
type tabled interface {
	itemType() reflect.Type
	rows() (items reflect.Value, next string)
}

func (Page[T]) itemType() reflect.Type { return reflect.TypeFor[T]() }

func (p Page[T]) rows() (reflect.Value, string) { return reflect.ValueOf(p.Items), p.NextPageToken }

// Bounds of a table: how many rows are read at a time, and how many a workbook has at most.
const (
	rowsAtATime = 2000
	maxRows     = 50_000
)

// listTable is how the items of a list become rows.
type listTable struct {
	columns []column
	heads   []spreadsheet.Column
}

// tableOf returns how the answers of the route become a table; nil where they do not. It
// panics where the requests of a list embed no TableQuery.
func tableOf(r Route) *listTable {
	if r.Answer == nil || !r.Answer.Implements(reflect.TypeFor[tabled]()) {
		return nil
	}
	if _, ok := r.Request.FieldByName("TableQuery"); !ok {
		panic(r.Method + " " + r.Path + ": a list embeds PageQuery, or TableQuery where it has one page")
	}
	t := &listTable{columns: columnsOf(reflect.Zero(r.Answer).Interface().(tabled).itemType())}
	for _, c := range t.columns {
		t.heads = append(t.heads, spreadsheet.Column{Code: c.code})
	}
	return t
}

// result returns what the handler returns, or the list of the request as a table where it
// asks for one.
func (e *endpoint) result(ctx context.Context, r *http.Request, req any) (any, error) {
	if e.list == nil {
		return e.handle(ctx, req)
	}
	query := reflect.ValueOf(req).Elem().FieldByName("TableQuery").Interface().(TableQuery)
	if query.FormatOf(ctx) == JSON {
		return e.handle(ctx, req)
	}
	return e.table(ctx, r, req, query)
}

// table returns the whole list of the request, from the page on that it asks for. A workbook has a limit; CSV beyond it is
// sent as it is read.
func (e *endpoint) table(ctx context.Context, r *http.Request, req any, query TableQuery) (any, error) {
	name := nameOfList(r.URL)
	t := spreadsheet.Table{Name: name, Columns: e.list.heads}
	if town := townOf(r.URL.Path); town != "" && town != name {
		name = town + "-" + name
	}
	pages := e.pages(ctx, r, req)
	for {
		rows, more, err := pages()
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, rows...)
		switch {
		case len(t.Rows) > e.maxRows && query.FormatOf(ctx) == XLSX:
			return nil, fault.New(fault.KindTooLarge, "too_many_rows", tooManyRows)
		case len(t.Rows) > e.maxRows && more:
			return e.long(ctx, query, name, t, pages)
		case !more:
			return e.Table(ctx, query, name, t)
		}
	}
}

// pages returns what reads the rows of one page after another, and whether more follow.
func (e *endpoint) pages(ctx context.Context, r *http.Request, req any) func() (rows [][]any, more bool, err error) {
	page := reflect.ValueOf(req).Elem().FieldByName("PageQuery")
	language := languageOf(r)
	return func() (rows [][]any, more bool, err error) {
		if page.IsValid() {
			page.FieldByName("PageSize").SetInt(int64(e.rowsAtATime))
		}
		res, err := e.handle(ctx, req)
		if err != nil {
			return nil, false, err
		}
		items, next := res.(tabled).rows()
		for i := range items.Len() {
			row := make([]any, len(e.list.columns))
			for k, c := range e.list.columns {
				row[k] = c.cell(items.Index(i), language)
			}
			rows = append(rows, row)
		}
		if next == "" || !page.IsValid() {
			return rows, false, nil
		}
		page.FieldByName("PageToken").SetString(next)
		return rows, true, nil
	}
}

// long returns the CSV of a table of which some rows are read, and of all further pages.
func (e *endpoint) long(
	ctx context.Context, query TableQuery, name string, t spreadsheet.Table, pages func() ([][]any, bool, error),
) (any, error) {
	first, err := e.Table(ctx, query, name, t)
	if err != nil {
		return nil, err
	}
	return Stream{ContentType: first.ContentType, Filename: first.Filename, Each: func(write func([]byte) error) error {
		if err := write(first.Body); err != nil {
			return err
		}
		for {
			rows, more, err := pages()
			if err != nil {
				return err
			}
			t.Rows = rows
			next, err := e.Table(ctx, query, name, t)
			if err != nil {
				return err
			}
			_, body, _ := bytes.Cut(next.Body, []byte("\n")) // the head stands at the beginning
			if err := write(body); err != nil || !more {
				return err
			}
		}
	}}, nil
}

// nameOfList returns the last step of the address: evaluations.
func nameOfList(u *url.URL) string {
	name := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	return name[:min(len(name), 31)]
}

// townOf returns the town of an address below /api/v1/towns; empty for another address.
func townOf(path string) string {
	if parts := strings.Split(path, "/"); len(parts) > 4 && parts[3] == "towns" {
		return parts[4]
	}
	return ""
}

// byEnding lets a table be read by an address that ends in .csv or .xlsx, for programs that
// go by it: it is the address without the ending, with format=; lang=zh stands for
// Accept-Language, which some of them cannot send.
func (e *Engine) byEnding(next http.Handler) http.Handler {
	tables := map[string]bool{} // last steps of the addresses that can be tables
	for _, r := range e.routes {
		if _, ok := r.Request.FieldByName("TableQuery"); ok {
			tables[r.Path[strings.LastIndexByte(r.Path, '/')+1:]] = true
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, format := r.URL.Path, ""
		for _, ending := range []string{CSV, XLSX} {
			if path, ok := strings.CutSuffix(at, "."+ending); ok && tables[path[strings.LastIndexByte(path, '/')+1:]] {
				at, format = path, ending
			}
		}
		if format == "" || !Safe(r.Method) {
			next.ServeHTTP(w, r)
			return
		}
		q := r.URL.Query()
		q.Set("format", format)
		r = r.Clone(r.Context())
		if lang := q.Get("lang"); lang != "" {
			r.Header.Set("Accept-Language", lang)
			q.Del("lang")
		}
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = at, "", q.Encode()
		next.ServeHTTP(w, r)
	})
}

// speaksOData reports whether the request is of a program that speaks OData.
func speaksOData(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/odata/") }

// asksForTable reports whether the request is for a table by its address: the programs that
// read one may know no other credentials than a name and a password.
func asksForTable(r *http.Request) bool {
	format := r.URL.Query().Get("format")
	return speaksOData(r) || format == CSV || format == XLSX
}
