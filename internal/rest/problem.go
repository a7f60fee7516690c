package rest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Problem is every answer that is not a success, after RFC 9457.
//
// Type is always about:blank: an installation without a network could not serve
// the pages that other types would promise, and Code tells the kinds apart.
type Problem struct {
	Type      string         `json:"type" example:"about:blank"`
	Title     string         `json:"title" example:"Not Found"`
	Status    int            `json:"status" example:"404"`
	Detail    string         `json:"detail,omitempty" example:"no branch \"b99\" here"`
	Code      string         `json:"code" example:"not_found"` // stable, for programs
	Errors    []ProblemError `json:"errors,omitempty"`         // everything that is wrong, not just the first
	RequestID string         `json:"request_id" example:"01926f0e-7a3c-7b11-8f0a-2f6f6b0a9c11"`
	// with 423, with a 409 that someone can lift, and with 412: who made the newer version
	Locked *fault.Lock `json:"locked,omitempty"`
	OData  *odataError `json:"error,omitempty"` // below /odata/ alone: the same as OData has it
}

// odataError is what OData has for a problem.
type odataError struct {
	Code    string `json:"code" example:"not_supported"` // that of the problem
	Message string `json:"message"`                      // its detail
} // @name ODataError

// ProblemError is one fault at a place in the request: a JSON pointer into the
// body, or path/NAME, query/NAME, header/NAME.
type ProblemError struct {
	Pointer string `json:"pointer" example:"/name/zh"`
	Code    string `json:"code" example:"required"`
	Message string `json:"message" example:"zh is a required field"`
}

// kinds is the one table from kind of fault to HTTP status.
var kinds = map[fault.Kind]int{
	fault.KindInternal:             http.StatusInternalServerError,
	fault.KindMalformed:            http.StatusBadRequest,
	fault.KindInvalid:              http.StatusUnprocessableEntity,
	fault.KindUnauthenticated:      http.StatusUnauthorized,
	fault.KindForbidden:            http.StatusForbidden,
	fault.KindNotFound:             http.StatusNotFound,
	fault.KindConflict:             http.StatusConflict,
	fault.KindStale:                http.StatusPreconditionFailed,
	fault.KindPreconditionRequired: http.StatusPreconditionRequired,
	fault.KindLocked:               http.StatusLocked,
	fault.KindTooLarge:             http.StatusRequestEntityTooLarge,
	fault.KindTooManyRequests:      http.StatusTooManyRequests,
	fault.KindUnavailable:          http.StatusServiceUnavailable,
}

// refusal is a fault of HTTP itself, which no room below can cause.
type refusal struct {
	status int
	fault  *fault.Error
}

func (r refusal) Error() string { return r.fault.Error() }

func refuse(status int, code string, message text.Text) error {
	return refusal{status, fault.New(fault.KindMalformed, code, message)}
}

// NotImplemented returns the refusal of what a standard has and this service does not do: 501.
func NotImplemented(f *fault.Error) error { return refusal{http.StatusNotImplemented, f} }

var (
	noRoute = refuse(http.StatusNotFound, "no_such_address", text.F(
		"没有这个地址，接口说明见 /openapi.json", "there is nothing at this address: see /openapi.json"))
	noMethod = refuse(http.StatusMethodNotAllowed, "method_not_allowed", text.F(
		"此地址不支持该方法，见 Allow", "this address does not take that method: see Allow"))
	bodyTooSlow = refuse(http.StatusRequestTimeout, "body_too_slow", text.F(
		"正文未能及时收完，请重新发送", "the body did not arrive in time: send it again"))
	unsupportedMedia = refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", text.F(
		"正文应为 UTF-8 的 application/json，不压缩", "the body must be application/json in UTF-8, not compressed"))
)

// statusClientGone marks requests in log and metrics whose client left before
// the answer; nobody receives it.
const statusClientGone = 499

// writeProblem sends err as a Problem. Errors that are not faults are defects: the
// caller gets an opaque 500 with the request id, the log gets the cause.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p, gone := describe(w, r, err)
	if gone {
		return
	}
	mediaType := "application/problem+json"
	if p.OData != nil {
		mediaType = "application/json"
		w.Header().Set("OData-Version", "4.0")
	}
	data, err := json.Marshal(p)
	if err != nil { // a problem holds nothing that cannot be written
		p.Status, data = http.StatusInternalServerError, []byte(`{"type":"about:blank","status":500,"code":"internal"}`)
	}
	write(w, p.Status, mediaType, data)
}

// describe returns err as a Problem and sets the headers of the answer that it is; gone
// reports that nobody waits for it.
func describe(w http.ResponseWriter, r *http.Request, err error) (_ Problem, gone bool) {
	if errors.Is(r.Context().Err(), context.Canceled) && err != bodyTooSlow { //nolint:errorlint // net/http takes a slow client for one that left
		w.WriteHeader(statusClientGone)
		return Problem{}, true
	}
	t := traceOf(r.Context())
	t.cause = err
	status, e := explain(err)
	language := languageOf(r)
	h := w.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
		if asksForTable(r) {
			h.Add("WWW-Authenticate", `Basic realm="bulwark", charset="UTF-8"`)
		}
	}
	h.Del("Etag")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", language)
	h.Add("Vary", "Accept-Language")
	p := Problem{
		Type: "about:blank", Title: titles(status).In(language), Status: status, Detail: e.Message.In(language),
		Code: e.Code, RequestID: t.id, Locked: t.caller.ToldLock(e.Lock),
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, ProblemError{f.Pointer, f.Code, f.Message.In(language)})
	}
	if speaksOData(r) {
		p.OData = &odataError{e.Code, e.Message.In(language)}
	}
	return p, false
}

// explain returns the status and the public words of an error.
func explain(err error) (int, *fault.Error) {
	var own refusal
	if errors.As(err, &own) {
		return own.status, own.fault
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusServiceUnavailable, tooSlow
	}
	var e *fault.Error
	if errors.As(err, &e) && e.Kind != fault.KindInternal {
		return kinds[e.Kind], e
	}
	return http.StatusInternalServerError, opaque
}

var inChinese = map[int]string{
	http.StatusBadRequest:            "请求无法读取",
	http.StatusUnauthorized:          "需要身份凭证",
	http.StatusForbidden:             "没有权限",
	http.StatusNotFound:              "没有找到",
	http.StatusMethodNotAllowed:      "不支持该方法",
	http.StatusRequestTimeout:        "请求超时",
	http.StatusConflict:              "与现有内容冲突",
	http.StatusPreconditionFailed:    "内容已被修改",
	http.StatusRequestEntityTooLarge: "正文过大",
	http.StatusUnsupportedMediaType:  "不支持该格式",
	http.StatusUnprocessableEntity:   "不符合规则",
	http.StatusLocked:                "已锁定",
	http.StatusPreconditionRequired:  "缺少 If-Match",
	http.StatusTooManyRequests:       "请求过于频繁",
	http.StatusInternalServerError:   "服务内部错误",
	http.StatusServiceUnavailable:    "服务暂不可用",
	http.StatusNotImplemented:        "不支持此功能",
}

// titles names a status: in English as HTTP does, which RFC 9457 asks of
// about:blank, and in Chinese.
func titles(status int) text.Text {
	return text.Text{ZH: inChinese[status], EN: http.StatusText(status)}
}

var (
	opaque = fault.New(fault.KindInternal, "internal", text.F(
		"服务出错，请将 request_id 告知管理员", "something went wrong on our side: give the request_id to the administrator"))
	tooSlow = RetryLater("timeout", text.F("处理超时，请稍后重试或缩小范围", "this took too long: try again, or ask for less"))
)

// RetryLater returns the fault of something that is unavailable for a moment.
func RetryLater(code string, message text.Text) *fault.Error {
	e := fault.New(fault.KindUnavailable, code, message)
	e.RetryAfter = 5 * time.Second
	return e
}
