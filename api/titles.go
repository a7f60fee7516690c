package api

import (
	"net/http"
	"time"

	"golang.org/x/text/language"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

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
}

// titles names a status: in English as HTTP does, which RFC 9457 asks of
// about:blank, and in Chinese.
func titles(status int) text.Text {
	return text.Text{ZH: inChinese[status], EN: http.StatusText(status)}
}

var (
	opaque  = fault.New(fault.KindInternal, "internal", text.F("服务出错，请将 request_id 告知管理员", "something went wrong on our side: give the request_id to the administrator"))
	tooSlow = retry("timeout", text.F("处理超时，请稍后重试或缩小范围", "this took too long: try again, or ask for less"))
)

func retry(code string, message text.Text) *fault.Error {
	e := fault.New(fault.KindUnavailable, code, message)
	e.RetryAfter = 5 * time.Second
	return e
}

// English comes first: it is what a caller without Accept-Language gets, mostly
// a program; browsers always say what they want.
var languages = language.NewMatcher([]language.Tag{language.English, language.Chinese})

// languageOf is "en" or "zh", by Accept-Language.
func languageOf(r *http.Request) string { return languageFor(r.Header.Get("Accept-Language")) }

func languageFor(accept string) string {
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return "en"
	}
	_, i, _ := languages.Match(tags...)
	return []string{"en", "zh"}[i]
}
