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
	return b.decode(data, b.req.FieldByIndex(b.bodyAt))
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
	if err != nil || kind != "application/json" || given && !strings.EqualFold(charset, "utf-8") ||
		coding != "" && coding != "identity" {
		return unsupportedMedia
	}
	return nil
}

func unread(err error, limit int64) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.TooLarge("body_too_large",
			"正文超过 %d 字节的上限，请分批提交", "the body is over the limit of %d bytes: send it in parts", limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return bodyTooSlow
	}
	return Malformed(fault.Field("", "body_incomplete",
		"正文没有收完，请重新发送", "the body did not arrive in full: send it again")).Because(err)
}

// decode reads one JSON value strictly: exact letter case, no unknown or
// repeated names, no null where a value is needed, nothing after the value. Of JSON
// that can be read at all it notes everything that is wrong.
func (b *binding) decode(data []byte, into reflect.Value) error {
	switch at, deep := nesting(data); {
	case len(bytes.TrimSpace(data)) == 0:
		return Malformed(fault.Field("", "body_empty", "正文为空，应为 JSON", "the body is empty: send JSON"))
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return Malformed(fault.Field("", "json_bom",
			"正文以字节顺序标记（BOM）开头，请去掉", "the body starts with a byte order mark: remove it"))
	case !utf8.Valid(data):
		return Malformed(located(data, invalidUTF8(data), "json_utf8", text.F("不是合法的 UTF-8", "is not valid UTF-8")))
	case deep:
		return Malformed(located(data, at, "json_nesting", text.F(
			"嵌套超过 %d 层", "nests deeper than %d levels", maxNesting)))
	}
	if at, found := text.VanishingNumber(data); found {
		return Malformed(located(data, at, "number_too_small", text.F(
			"这个数不是 0，却小到只能按 0 读取，请改写", "is not 0 and yet so small that it would be read as 0: write another number")))
	}
	err := json.Unmarshal(data, into.Addr().Interface(), strictly)
	if err == nil {
		return nil
	}
	into.SetZero()
	if syntax := readable(data); syntax != nil {
		return Malformed(syntaxFault(data, syntax)).Because(err)
	}
	r := bodyReader{labels: b.labels}
	r.read(data, into, "")
	if len(r.faults) == 0 { // the decoder found something that the reader does not know
		return Malformed(fault.Field("", "json", "JSON 无法读取", "the JSON cannot be read")).Because(err)
	}
	b.faults, b.meant = append(b.faults, r.faults...), r.meant
	return nil
}

// readable returns the first error of syntax. Names that stand twice are none.
func readable(data []byte) error {
	var v jsontext.Value
	return json.Unmarshal(data, &v, jsontext.AllowDuplicateNames(true))
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

// strictly refuses unknown names, and null for a field that cannot hold it: the
// decoder would write 0 or "", and an absent value must never count as zero.
var strictly = json.JoinOptions(json.RejectUnknownMembers(true), json.WithUnmarshalers(
	json.UnmarshalFromFunc(func(d *jsontext.Decoder, v any) error {
		if d.PeekKind() == 'n' && !nullable(reflect.TypeOf(v).Elem()) {
			return errNull
		}
		return errors.ErrUnsupported
	})))

// nullable reports whether JSON null has a meaning for the type.
func nullable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return true
	}
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// syntaxFault returns what is wrong with a body that is no JSON, and where.
func syntaxFault(data []byte, err error) fault.FieldError {
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return located(data, len(data), "json_truncated", text.F("JSON 没有结束", "the JSON ends too early"))
	case errors.As(err, &syntactic):
		return located(data, int(syntactic.ByteOffset), "json_syntax", text.F("不是合法的 JSON", "is not valid JSON"))
	}
	return fault.Field("", "json", "JSON 无法读取", "the JSON cannot be read")
}

// located adds line and column, counted from 1 in characters, and what stands there.
func located(data []byte, offset int, code string, what text.Text) fault.FieldError {
	offset = min(max(offset, 0), len(data))
	before := data[:offset]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	near := strconv.QuoteToGraphic(string(data[offset:min(offset+12, len(data))]))
	return fault.Field("", code,
		"第 %[1]d 行第 %[2]d 列（%[4]s）%[5]s",
		"line %[1]d, column %[2]d (%[4]s): %[3]s", line, column, what.EN, near, what.ZH)
}
