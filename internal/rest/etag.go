package rest

import (
	"strconv"
	"strings"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// IfMatch is embedded in every request that changes a thing: the version that
// the caller read, from the header If-Match.
type IfMatch struct {
	Version int64 `header:"If-Match"`
}

// codings are what compression puts behind the tag of a compressed body: the
// bytes differ, so a strong tag must too. Both forms name the same version.
var codings = []string{"-gzip", "-zstd"}

// plainTag takes the mark of a content coding off an entity tag.
func plainTag(tag string) string {
	for _, c := range codings {
		if s, ok := strings.CutSuffix(tag, c+`"`); ok {
			return s + `"`
		}
	}
	return tag
}

// versionOf reads a version from If-Match. It must be one strong tag as this
// service sent it: a weak tag or * would let two editors overwrite each other.
func versionOf(values []string) (int64, error) {
	tag := strings.TrimSpace(strings.Join(values, ","))
	switch {
	case tag == "":
		return 0, fault.PreconditionRequired("if_match_required", "请在 If-Match 中给出读取时的 ETag", "send If-Match with the ETag that you read")
	case tag == "*":
		return 0, badTag("不接受 *，请给出读取时的 ETag", "* is not accepted: send the ETag that you read")
	case strings.HasPrefix(tag, "W/"):
		return 0, badTag("不接受弱标签 W/，请原样给出 ETag", "a weak tag (W/) is not accepted: send the ETag as it came")
	case strings.Contains(tag, ","):
		return 0, badTag("只能给出一个 ETag", "send exactly one ETag")
	}
	digits := strings.TrimSuffix(strings.TrimPrefix(plainTag(tag), `"`), `"`)
	version, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || version < 1 || plainTag(tag) != `"`+strconv.FormatInt(version, 10)+`"` {
		return 0, badTag(`应为带引号的版本号，例如 "3"`, `should be a version in quotes such as "3"`)
	}
	return version, nil
}

func badTag(zh, en string) error {
	return Malformed(fault.At("header/If-Match", "if_match", text.Text{ZH: zh, EN: en}))
}

// matches compares an If-None-Match list with a tag, weakly as RFC 9110 says,
// and gives the form of the tag that the caller holds.
func matches(list []string, tag string) (string, bool) {
	for _, values := range list {
		for v := range strings.SplitSeq(values, ",") {
			v = strings.TrimPrefix(strings.TrimSpace(v), "W/")
			switch {
			case v == "*":
				return tag, true
			case plainTag(v) == tag:
				return v, true
			}
		}
	}
	return "", false
}
