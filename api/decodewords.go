package api

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// inWords explains a decoding error and where it is, for a person.
func inWords(data []byte, err error) fault.FieldError {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return located(data, len(data), "json_truncated", text.F("JSON 没有结束", "the JSON ends too early"))
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return fault.Field(string(syntactic.JSONPointer), "duplicate_field", "字段重复出现", "the field is given twice")
	case errors.As(err, &syntactic):
		return located(data, int(syntactic.ByteOffset), "json_syntax", text.F("不是合法的 JSON", "is not valid JSON"))
	case !errors.As(err, &semantic):
		return fault.Field("", "json", "JSON 无法读取", "the JSON cannot be read")
	}
	at := string(semantic.JSONPointer)
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return fault.Field(at, "unknown_field", "没有这个字段（区分大小写）", "there is no such field (letter case counts)")
	case errors.Is(err, errNull):
		return fault.Field(at, "null", "不能为 null：请填写值或省略该字段", "may not be null: give a value or leave the field out")
	case semantic.GoType == nil:
		return fault.Field(at, "wrong_type", "格式不正确", "has the wrong form")
	}
	want := expected(semantic.GoType)
	if errors.Is(err, strconv.ErrRange) {
		return fault.Field(at, "out_of_range", "数值超出范围，%[1]s", "the number is out of range: it %[2]s", want.ZH, want.EN)
	}
	return fault.At(at, "wrong_type", want)
}

// located adds line and column, counted from 1 in characters, and what stands there.
func located(data []byte, offset int, code string, what text.Text) fault.FieldError {
	offset = min(max(offset, 0), len(data))
	before := data[:offset]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	near := strconv.QuoteToGraphic(string(data[offset:min(offset+12, len(data))]))
	return fault.Field("", code, "第 %[1]d 行第 %[2]d 列（%[4]s）%[5]s", "line %[1]d, column %[2]d (%[4]s): %[3]s", line, column, what.EN, near, what.ZH)
}

// nullable reports whether JSON null has a meaning for the value at v.
func nullable(v any) bool {
	switch t := reflect.TypeOf(v).Elem(); t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return true
	default:
		_, own := v.(json.Unmarshaler)
		return own
	}
}
