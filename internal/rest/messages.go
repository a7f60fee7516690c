package rest

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Labels are the Chinese names of fields and parameters, by the name that the caller
// sends: messages name a field 代码（code）, or “code” where it has no label.
type Labels map[string]string

// name returns what a message calls the field: its label and name, with the place of
// an item in a list or map.
func (l Labels) name(field string) text.Text {
	base, item, inside := strings.Cut(strings.TrimSuffix(field, "]"), "[")
	n := text.Text{ZH: "“" + base + "”", EN: base}
	if label := l[base]; label != "" {
		n.ZH = label + "（" + base + "）"
	}
	if !inside {
		return n
	}
	if i, err := strconv.Atoi(item); err == nil {
		return text.F("%[1]s第 %[2]d 项", "item %[2]d of %[1]s", n, i+1)
	}
	return text.F("%[1]s中的“%[2]s”", "%[2]s of %[1]s", n, item)
}

// at returns name for the field that a JSON pointer leads to; "" is the body.
func (l Labels) at(pointer string) text.Text {
	if pointer == "" {
		return text.F("正文", "the body")
	}
	steps := strings.Split(pointer[1:], "/")
	last := unescape(steps[len(steps)-1])
	if _, err := strconv.Atoi(last); err == nil && len(steps) > 1 {
		return l.name(unescape(steps[len(steps)-2]) + "[" + last + "]")
	}
	return l.name(last)
}

// wrongType returns the message of a value that is not of the type.
func wrongType(name text.Text, t reflect.Type) text.Text {
	return text.F("%s%s", "%s %s", name, expected(t))
}

// expected returns what a value of the type looks like in a request.
func expected(t reflect.Type) text.Text {
	switch t {
	case reflect.TypeFor[time.Time]():
		return text.F("应为带时区的时间，例如 2023-09-30T08:00:00Z", "must be an RFC 3339 time such as 2023-09-30T08:00:00Z")
	case reflect.TypeFor[[]byte]():
		return text.F("应为 base64 文本", "must be base64 text")
	}
	if t.Name() == "Span" {
		return text.F("应为日期或带时区的时间，例如 2023-09-30 或 2023-09-30T08:00:00Z",
			"must be a date or an RFC 3339 time, such as 2023-09-30 or 2023-09-30T08:00:00Z")
	}
	if t.Name() == "Date" {
		return text.F("应为日期，例如 2023-09-30", "must be a date such as 2023-09-30")
	}
	switch t.Kind() {
	case reflect.String:
		return text.F("应为文本", "must be text")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return text.F("应为整数", "must be a whole number")
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return text.F("应为非负整数", "must be a whole number, 0 or more")
	case reflect.Float32, reflect.Float64:
		return text.F("应为有限的数", "must be a finite number")
	case reflect.Bool:
		return text.F("应为 true 或 false", "must be true or false")
	case reflect.Slice, reflect.Array:
		return text.F("应为列表 [...]", "must be a list [...]")
	case reflect.Struct, reflect.Map:
		return text.F("应为对象 {...}", "must be an object {...}")
	case reflect.Pointer:
		return expected(t.Elem())
	}
	return text.F("格式不正确", "has the wrong form")
}

// ruleMessage returns the message of a validate tag that a field breaks.
func ruleMessage(l Labels, e validator.FieldError) text.Text {
	name, limit := l.name(e.Field()), e.Param()
	switch e.Tag() {
	case "required":
		return text.F("请填写%s", "%s is required", name)
	case "required_if":
		other, value, _ := strings.Cut(limit, " ")
		return text.F(
			"%[2]s为 %[3]s 时，请填写%[1]s",
			"%[1]s is required where %[2]s is %[3]s", name, l.name(strings.ToLower(other)), value)
	case "code":
		return text.F("%s应为 1 至 64 个字母、数字、点、横线或下划线，以字母或数字开头",
			"%s must be 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit", name)
	case "unique":
		return text.F("%s中有重复的项：每项只能出现一次", "%s repeats an item: name each once", name)
	case "oneof", "state", "move":
		list := strings.Fields(limit)
		if e.Tag() != "oneof" {
			list = statesOf(e.Tag(), e.Type())
		}
		zh, en := choices(list)
		return text.F("%[1]s只能是 %[2]s", "%[1]s must be %[3]s", name, zh, en)
	case "uuid":
		return text.F("%s应为 UUID", "%s must be a UUID", name)
	case "numeric":
		return text.F("%s应为数字", "%s must be a number", name)
	}
	return sizeMessage(name, e)
}

// sizeMessage returns the message of a rule about the length of text, the number of
// items or the size of a number.
func sizeMessage(name text.Text, e validator.FieldError) text.Text {
	tag, limit := e.Tag(), e.Param()
	unit := text.Text{}
	switch e.Kind() {
	case reflect.String:
		unit = text.F(" 个字符", " characters")
	case reflect.Slice, reflect.Array, reflect.Map:
		unit = text.F("项", " items")
		if limit == "1" {
			unit.EN = " item"
		}
	}
	counted := unit.ZH != ""
	if limit == "1" && e.Kind() == reflect.String {
		unit.EN = " character"
	}
	switch {
	case tag == "len" && counted:
		return text.F("%[1]s应恰好有 %[2]s%[3]s", "%[1]s must have exactly %[2]s%[3]s", name, limit, unit)
	case tag == "max" && counted:
		return text.F("%[1]s最多 %[2]s%[3]s", "%[1]s must have at most %[2]s%[3]s", name, limit, unit)
	case tag == "min" && counted:
		return text.F("%[1]s至少 %[2]s%[3]s", "%[1]s must have at least %[2]s%[3]s", name, limit, unit)
	case tag == "max" || tag == "lte":
		return text.F("%s不能大于 %s", "%s must be at most %s", name, limit)
	case tag == "min" || tag == "gte":
		return text.F("%s不能小于 %s", "%s must be at least %s", name, limit)
	case tag == "gt":
		return text.F("%s必须大于 %s", "%s must be greater than %s", name, limit)
	case tag == "lt":
		return text.F("%s必须小于 %s", "%s must be less than %s", name, limit)
	}
	return text.F("%s不符合要求", "%s is not valid", name)
}

// choices returns a list of values in Chinese and in English: a、b 或 c; a, b or c.
func choices(values []string) (zh, en string) {
	n := len(values) - 1
	if n < 1 {
		return strings.Join(values, ""), strings.Join(values, "")
	}
	return strings.Join(values[:n], "、") + " 或 " + values[n], strings.Join(values[:n], ", ") + " or " + values[n]
}

// unknownName returns the message of a name that the request does not have, and the
// name that was probably meant, "" where none is near.
func unknownName(noun text.Text, name string, known []string) (message text.Text, meant string) {
	if r := []rune(name); len(r) > 40 {
		name = string(r[:40]) + "…"
	}
	if meant = nearest(name, known); meant == "" {
		return text.F("没有“%[2]s”这个%[1]s", "there is no %[1]s %[3]s here", noun, name, strconv.Quote(name)), ""
	}
	return text.F("没有“%[2]s”这个%[1]s，是否为 %[4]s？", "there is no %[1]s %[3]s here: did you mean %[4]s?",
		noun, name, strconv.Quote(name), meant), meant
}

// nearest returns the known name that was probably meant: of the same letters in
// another order, or at most two typing errors away; "" where there is none.
func nearest(name string, known []string) string {
	limit := min(3, max(len(name)/2, 1))
	best, letters := "", lettersOf(name)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if letters == lettersOf(k) {
			return k
		}
		if d := text.Distance(strings.ToLower(name), strings.ToLower(k), limit); d < limit {
			best, limit = k, d
		}
	}
	return best
}

func lettersOf(name string) string {
	letters := []byte(strings.ToLower(name))
	slices.Sort(letters)
	return string(letters)
}

var unclean = text.F("不是统一码规范形式（NFC），或首尾有空白：请改正", "is not in Unicode form NFC, or has white space around it")

// Malformed returns the fault of a request that cannot be read at the fields.
func Malformed(fields ...fault.FieldError) *fault.Error {
	message := text.F("请求有 %d 处有误，请逐条修改", "%d parts of the request are wrong: see errors", len(fields))
	if len(fields) == 1 {
		message.EN = "1 part of the request is wrong: see errors"
	}
	return fault.New(fault.KindMalformed, "malformed", message).With(fields...)
}

var tooManyRows = text.F("超过 5 万行，不能生成 xlsx：请改用 csv，或缩小筛选范围",
	"there are more than 50,000 rows, too many for xlsx: use csv, or narrow the filters")
