package rest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// maxNesting is deeper than any document of the service and shallow enough that
// no reader recurses far.
const maxNesting = 32

// body reads, decodes and cleans the JSON body; a route without one refuses any.
func (b *binding) body(r *http.Request, w http.ResponseWriter, limit int64) error {
	if b.bodyAt == nil {
		return refuseBody(r)
	}
	if err := jsonOnly(r.Header); err != nil {
		return err
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return unread(err, limit)
	}
	return decode(data, b.req.FieldByIndex(b.bodyAt).Addr().Interface())
}

func refuseBody(r *http.Request) error {
	if r.ContentLength == 0 || r.Body == nil {
		return nil
	}
	if n, _ := io.ReadFull(r.Body, make([]byte, 1)); n == 0 {
		return nil
	}
	return Malformed(fault.Field("", "unexpected_body", "此请求不带正文", "this request takes no body"))
}

// jsonOnly accepts application/json in UTF-8 without content coding.
func jsonOnly(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, given := params["charset"]
	coding := h.Get("Content-Encoding")
	if err != nil || kind != "application/json" || given && !strings.EqualFold(charset, "utf-8") || coding != "" && coding != "identity" {
		return unsupportedMedia
	}
	return nil
}

func unread(err error, limit int64) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.TooLarge("body_too_large", "正文超过 %d 字节的上限，请分批提交", "the body is over the limit of %d bytes: send it in parts", limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return bodyTooSlow
	}
	return Malformed(fault.Field("", "body_incomplete", "正文没有收完，请重新发送", "the body did not arrive in full: send it again")).Because(err)
}

// decode reads one JSON value strictly: exact letter case, no unknown or
// repeated names, no null where a value is needed, nothing after the value.
func decode(data []byte, into any) error {
	switch at, deep := nesting(data); {
	case len(bytes.TrimSpace(data)) == 0:
		return Malformed(fault.Field("", "body_empty", "正文为空，应为 JSON", "the body is empty: send JSON"))
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return Malformed(fault.Field("", "json_bom", "正文以字节顺序标记（BOM）开头，请去掉", "the body starts with a byte order mark: remove it"))
	case !utf8.Valid(data):
		return Malformed(located(data, invalidUTF8(data), "json_utf8", text.F("不是合法的 UTF-8", "is not valid UTF-8")))
	case deep:
		return Malformed(located(data, at, "json_nesting", text.F("嵌套超过 %d 层", "nests deeper than %d levels", maxNesting)))
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true), noNulls)
	if err != nil {
		return Malformed(decodeFault(data, err)).Because(err)
	}
	return nil
}

// nesting finds the first byte that opens a level too deep.
func nesting(data []byte) (at int, deep bool) {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return i, true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return 0, false
}

func invalidUTF8(data []byte) (at int) {
	for at < len(data) {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}

var errNull = errors.New("null")

// noNulls refuses null for a field that cannot hold it: the decoder would write
// 0 or "", and an absent value must never count as zero.
var noNulls = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, v any) error {
	if d.PeekKind() == 'n' && !nullable(v) {
		return errNull
	}
	return errors.ErrUnsupported
}))

// decodeFault returns what is wrong with a body that the decoder refused, and where.
func decodeFault(data []byte, err error) fault.FieldError {
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
