package rest

import (
	"reflect"
	"time"

	"bulwark/internal/text"
)

// expected says in words what a value of the type looks like in a request.
func expected(t reflect.Type) text.Text {
	switch t {
	case reflect.TypeFor[time.Time]():
		return text.F("应为 RFC 3339 时间，例如 2023-09-30T08:00:00Z", "should be an RFC 3339 time such as 2023-09-30T08:00:00Z")
	case reflect.TypeFor[[]byte]():
		return text.F("应为 base64 文本", "should be base64 text")
	}
	if t.Name() == "Date" {
		return text.F("应为日期，例如 2023-09-30", "should be a date such as 2023-09-30")
	}
	switch t.Kind() {
	case reflect.String:
		return text.F("应为文本", "should be text")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return text.F("应为整数", "should be a whole number")
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return text.F("应为非负整数", "should be a whole number, 0 or more")
	case reflect.Float32, reflect.Float64:
		return text.F("应为有限的数", "should be a finite number")
	case reflect.Bool:
		return text.F("应为 true 或 false", "should be true or false")
	case reflect.Slice, reflect.Array:
		return text.F("应为列表 [...]", "should be a list [...]")
	case reflect.Struct, reflect.Map:
		return text.F("应为对象 {...}", "should be an object {...}")
	case reflect.Pointer:
		return expected(t.Elem())
	}
	return text.F("格式不正确", "has the wrong form")
}
