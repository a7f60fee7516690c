package odata

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// pageSize is how many rows one answer has at most.
const pageSize = 1000

// Query is a question about a set, by the options of its address.
type Query struct {
	top     int // -1: no limit
	skip    int
	count   bool
	columns []int // shown
	order   []ordering
	fits    condition
	after   []any // of the ordering: the last row of the page before; nil: the first page
	asked   url.Values
}

type ordering struct {
	column     int
	descending bool
}

// known are the options that are done.
var known = []string{"$top", "$skip", "$count", "$select", "$orderby", "$filter", "$skiptoken", "$format"}

// Parse reads the options of an address. What OData has and is not done here is Unsupported.
func (s Set) Parse(asked url.Values) (q Query, err error) {
	q.asked = asked
	for name, values := range asked {
		if !strings.HasPrefix(name, "$") {
			continue
		}
		if !slices.Contains(known, name) {
			return q, unsupported(name)
		}
		if len(values) > 1 {
			return q, malformed(name, "只能出现一次", "may be there only once")
		}
	}
	if q.top, err = number(asked, "$top", -1); err != nil {
		return q, err
	}
	if q.skip, err = number(asked, "$skip", 0); err != nil {
		return q, err
	}
	switch count := asked.Get("$count"); count {
	case "", "false":
	case "true":
		q.count = true
	default:
		return q, malformed("$count", "应为 true 或 false", "should be true or false")
	}
	if format := asked.Get("$format"); format != "" && format != "json" && !strings.HasPrefix(format, "application/json") {
		return q, unsupported("$format=" + format)
	}
	if err := q.selects(s, asked.Get("$select")); err != nil {
		return q, err
	}
	if err := q.orders(s, asked.Get("$orderby")); err != nil {
		return q, err
	}
	if q.fits, err = filterOf(s, asked.Get("$filter")); err != nil {
		return q, err
	}
	return q, q.resume(s, asked.Get("$skiptoken"))
}

func number(asked url.Values, name string, absent int) (int, error) {
	text := asked.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, malformed(name, "应为非负整数", "should be a whole number from 0")
	}
	return n, nil
}

func (q *Query) selects(s Set, text string) error {
	for i := range s.Columns {
		q.columns = append(q.columns, i)
	}
	if text == "" || text == "*" {
		return nil
	}
	q.columns = nil
	for name := range strings.SplitSeq(text, ",") {
		at := s.at(strings.TrimSpace(name))
		if at < 0 {
			return malformed("$select", "没有名为“%s”的列", "there is no column %q", name)
		}
		if !slices.Contains(q.columns, at) {
			q.columns = append(q.columns, at)
		}
	}
	return nil
}

// orders reads the order of rows. Behind what is asked for the columns of the key follow, so
// that no two rows are alike.
func (q *Query) orders(s Set, text string) error {
	if text != "" {
		for part := range strings.SplitSeq(text, ",") {
			words := strings.Fields(part)
			if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" {
				return unsupported("$orderby=" + text)
			}
			at := s.at(words[0])
			if at < 0 {
				return malformed("$orderby", "没有名为“%s”的列", "there is no column %q", words[0])
			}
			q.order = append(q.order, ordering{at, len(words) == 2 && words[1] == "desc"})
		}
	}
	for i, c := range s.Columns {
		if c.Key && !slices.ContainsFunc(q.order, func(o ordering) bool { return o.column == i }) {
			q.order = append(q.order, ordering{column: i})
		}
	}
	return nil
}

// compare returns the order of two rows.
func (q *Query) compare(a, b []any) int {
	for _, o := range q.order {
		c := compare(a[o.column], b[o.column])
		if o.descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// question is what the pages of one question have in common, to which a token belongs.
func (q *Query) question() string {
	return q.asked.Get("$filter") + "\x00" + q.asked.Get("$orderby")
}

const checksumSize = 8

func (q *Query) token(row []any) string {
	values := make([]any, len(q.order))
	for i, o := range q.order {
		values[i] = row[o.column]
	}
	text, _ := json.Marshal(values) // of primitive values
	sum := sha256.Sum256([]byte(q.question() + "\x00" + string(text)))
	return base64.RawURLEncoding.EncodeToString(append(sum[:checksumSize:checksumSize], text...))
}

// resume reads the token of a page before.
func (q *Query) resume(s Set, token string) error {
	if token == "" {
		return nil
	}
	bad := malformed("$skiptoken", "不是此查询的标记：请从第一页重新读取", "is no token of this query: begin again at the first page")
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(data) < checksumSize {
		return bad
	}
	sum := sha256.Sum256([]byte(q.question() + "\x00" + string(data[checksumSize:])))
	var values []jsontext.Value
	if string(sum[:checksumSize]) != string(data[:checksumSize]) || json.Unmarshal(data[checksumSize:], &values) != nil ||
		len(values) != len(q.order) {
		return bad
	}
	q.after = make([]any, len(s.Columns))
	for i, o := range q.order {
		if q.after[o.column], err = valueOf(s.Columns[o.column].Type, values[i]); err != nil {
			return bad
		}
	}
	return nil
}

func valueOf(t Type, text jsontext.Value) (value any, err error) {
	if text.Kind() == 'n' {
		return nil, nil
	}
	switch t {
	case Integer:
		return into[int64](text)
	case Double:
		return into[float64](text)
	case Boolean:
		return into[bool](text)
	}
	return into[string](text)
}

func into[T any](text jsontext.Value) (any, error) {
	var v T
	err := json.Unmarshal(text, &v)
	return v, err
}

// Answer returns the rows that the question asks for, as JSON, of the set below an address
// that ends with a slash. A link to the next page is there only where there is one.
func (s Set) Answer(base string, q Query, rows [][]any) ([]byte, error) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(row []any) bool { return !q.fits(row) })
	total := len(rows)
	slices.SortFunc(rows, q.compare)
	first := min(q.skip, len(rows))
	if q.after != nil {
		first, _ = slices.BinarySearchFunc(rows, q.after, func(row, after []any) int {
			return cmp.Or(q.compare(row, after), -1) // behind the last one
		})
	}
	rows = rows[first:]
	left := q.top
	if left >= 0 && left < len(rows) {
		rows = rows[:left]
	}
	var b jsonObject
	selected := ""
	if q.asked.Get("$select") != "" && q.asked.Get("$select") != "*" {
		names := make([]string, len(q.columns))
		for i, at := range q.columns {
			names[i] = s.Columns[at].Name
		}
		selected = "(" + strings.Join(names, ",") + ")"
	}
	b.add("@odata.context", base+"$metadata#"+s.Name+selected)
	if q.count {
		b.add("@odata.count", total)
	}
	page := rows[:min(len(rows), pageSize)]
	list := make([]jsontext.Value, len(page))
	for i, row := range page {
		var one jsonObject
		for _, at := range q.columns {
			one.add(s.Columns[at].Name, row[at])
		}
		list[i] = one.text()
	}
	b.add("value", list)
	if len(page) < len(rows) {
		b.add("@odata.nextLink", base+s.Name+"?"+q.following(page[len(page)-1], len(page)))
	}
	return b.text(), b.err
}

// following returns the options of the next page.
func (q *Query) following(last []any, shown int) string {
	next := url.Values{}
	for name, values := range q.asked {
		if strings.HasPrefix(name, "$") {
			next[name] = values
		}
	}
	next.Del("$skip")
	next.Set("$skiptoken", q.token(last))
	if q.top >= 0 {
		next.Set("$top", strconv.Itoa(q.top-shown))
	}
	return next.Encode()
}

// jsonObject is a JSON object whose members stay in the order in which they were added.
type jsonObject struct {
	members []string
	err     error
}

func (o *jsonObject) add(name string, value any) {
	key, _ := json.Marshal(name) // a text
	text, err := json.Marshal(value)
	if err != nil && o.err == nil {
		o.err = err
	}
	o.members = append(o.members, string(key)+":"+string(text))
}

func (o *jsonObject) text() jsontext.Value {
	return jsontext.Value("{" + strings.Join(o.members, ",") + "}")
}
