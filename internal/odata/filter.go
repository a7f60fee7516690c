package odata

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulwark/internal/fault"
)

// Unsupported is what of OData is not done here.
type Unsupported struct{ Fault *fault.Error }

// Error returns the fault as text.
func (u Unsupported) Error() string { return u.Fault.Error() }

// Unwrap returns the fault.
func (u Unsupported) Unwrap() error { return u.Fault }

func unsupported(what string) error {
	return Unsupported{fault.Invalid("not_supported",
		"不支持 %[1]s：$filter 只支持 eq、ne、in 和 and，可用 $top、$skip、$count、$select、$orderby",
		"%[1]s is not supported: $filter knows eq, ne, in and and; there are $top, $skip, $count, $select and $orderby", what)}
}

func malformed(option, zh, en string, args ...any) error {
	return fault.Malformed("malformed", "请求无法读取", "the request cannot be read").With(
		fault.Field("query/"+option, "bad_option", zh, en, args...))
}

// condition reports whether a row fits.
type condition func(row []any) bool

// tokens cuts the text of a filter: words, literals in quotes, and ( ) ,.
func tokens(text string) (list []string, err error) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := 1
		switch text[0] {
		case '(', ')', ',':
		case '\'':
			for n < len(text) && (text[n] != '\'' || n+1 < len(text) && text[n+1] == '\'') {
				if text[n] == '\'' {
					n++
				}
				n++
			}
			if n++; n > len(text) {
				return nil, malformed("$filter", "引号未闭合", "a quote is not closed")
			}
		default:
			if n = strings.IndexAny(text, " (),'\t\n"); n < 0 {
				n = len(text)
			}
		}
		list, text = append(list, text[:n]), text[n:]
	}
	return list, nil
}

// filter reads conditions that are joined by and.
type filter struct {
	set  Set
	list []string
}

func (f *filter) next() string {
	if len(f.list) == 0 {
		return ""
	}
	word := f.list[0]
	f.list = f.list[1:]
	return word
}

// filterOf returns the condition of a filter; none lets every row pass.
func filterOf(s Set, text string) (condition, error) {
	list, err := tokens(text)
	if err != nil || len(list) == 0 {
		return func([]any) bool { return true }, err
	}
	f := &filter{s, list}
	c, err := f.all()
	if err == nil && len(f.list) > 0 {
		err = unsupported(f.list[0])
	}
	return c, err
}

func (f *filter) all() (condition, error) {
	all, err := f.one()
	for err == nil && len(f.list) > 0 && f.list[0] == "and" {
		f.next()
		var one condition
		before := all
		if one, err = f.one(); err == nil {
			all = func(row []any) bool { return before(row) && one(row) }
		}
	}
	return all, err
}

func (f *filter) one() (condition, error) {
	word := f.next()
	if word == "(" {
		c, err := f.all()
		if err == nil && f.next() != ")" {
			err = unsupported("$filter")
		}
		return c, err
	}
	at := f.set.at(word)
	if at < 0 {
		if len(f.list) > 0 && f.list[0] == "(" || word == "not" || word == "" || strings.ContainsAny(word, "/'$") {
			return nil, unsupported(word)
		}
		return nil, malformed("$filter", "没有名为“%s”的列", "there is no column %q", word)
	}
	column := f.set.Columns[at]
	switch verb := f.next(); verb {
	case "eq", "ne":
		value, err := literal(column, f.next())
		return func(row []any) bool { return equal(row[at], value) == (verb == "eq") }, err
	case "in":
		values, err := f.values(column)
		return func(row []any) bool {
			return slices.ContainsFunc(values, func(v any) bool { return equal(row[at], v) })
		}, err
	default:
		return nil, unsupported(verb)
	}
}

// values reads the list behind in.
func (f *filter) values(c Column) (list []any, err error) {
	if f.next() != "(" {
		return nil, malformed("$filter", "in 之后应为括号中的列表", "a list in parentheses follows in")
	}
	for {
		value, err := literal(c, f.next())
		if err != nil {
			return nil, err
		}
		list = append(list, value)
		switch f.next() {
		case ")":
			return list, nil
		case ",":
		default:
			return nil, malformed("$filter", "列表未闭合", "a list is not closed")
		}
	}
}

func equal(a, b any) bool { return (a == nil) == (b == nil) && compare(a, b) == 0 }

// literal reads a value of a column.
func literal(c Column, word string) (value any, err error) {
	quoted := len(word) >= 2 && word[0] == '\''
	switch {
	case word == "null":
		return nil, nil
	case c.Type == String && quoted:
		return strings.ReplaceAll(word[1:len(word)-1], "''", "'"), nil
	case quoted, word == "", strings.ContainsAny(word, "(),"):
		err = fmt.Errorf("%s", word)
	case c.Type == Integer:
		value, err = strconv.ParseInt(word, 10, 64)
	case c.Type == Double:
		value, err = strconv.ParseFloat(word, 64)
	case c.Type == Boolean:
		value, err = strconv.ParseBool(word)
	case c.Type == Date || c.Type == Instant:
		value = word
	default:
		err = fmt.Errorf("%s", word)
	}
	if err != nil {
		return nil, malformed("$filter", "“%[1]s”不是列“%[2]s”（%[3]s）的值", "%[1]q is no value of the column %[2]q (%[3]s)",
			word, c.Name, c.Type)
	}
	return value, nil
}
