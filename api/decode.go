package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
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
	return malformed(fault.Field("", "unexpected_body", "此请求不带正文", "this request takes no body"))
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
	return malformed(fault.Field("", "body_incomplete", "正文没有收完，请重新发送", "the body did not arrive in full: send it again")).Because(err)
}

// decode reads one JSON value strictly: exact letter case, no unknown or
// repeated names, no null where a value is needed, nothing after the value.
func decode(data []byte, into any) error {
	switch at, deep := nesting(data); {
	case len(bytes.TrimSpace(data)) == 0:
		return malformed(fault.Field("", "body_empty", "正文为空，应为 JSON", "the body is empty: send JSON"))
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return malformed(fault.Field("", "json_bom", "正文以字节顺序标记（BOM）开头，请去掉", "the body starts with a byte order mark: remove it"))
	case !utf8.Valid(data):
		return malformed(located(data, invalidUTF8(data), "json_utf8", text.F("不是合法的 UTF-8", "is not valid UTF-8")))
	case deep:
		return malformed(located(data, at, "json_nesting", text.F("嵌套超过 %d 层", "nests deeper than %d levels", maxNesting)))
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true), noNulls)
	if err != nil {
		return malformed(inWords(data, err)).Because(err)
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
