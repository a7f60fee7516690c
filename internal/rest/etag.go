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

// The tag of a record is "N.d": N is its version, and d a digest of what this caller sees
// of it in this language. Answers without a version have "d" alone. If-None-Match compares
// the whole, so that nobody keeps what another would see; If-Match compares N, since who
// changes a record changes that version of it, however it looked.

// tagOf returns the tag of a body of the record whose version is tagged so, as "3".
func tagOf(version string, body []byte) string {
	return strings.TrimSuffix(version, `"`) + "." + strings.TrimPrefix(Digest(body), `"`)
}

// codings are what compression puts behind the tag of a compressed body: the
// bytes differ, so a strong tag must too. Servers in front of this one write two hyphens.
// All forms name the same version.
var codings = []string{"--gzip", "-gzip", "-zstd"}

// plainTag takes the mark of a content coding off an entity tag.
func plainTag(tag string) string {
	for _, c := range codings {
		if s, ok := strings.CutSuffix(tag, c+`"`); ok {
			return s + `"`
		}
	}
	return tag
}

// versionOf reads a version from If-Match: one tag as this service sent it, "N.d" or only
// "N". A server in front that compresses answers makes tags weak, which changes nothing
// about the version; * would let two editors overwrite each other.
func versionOf(values []string) (int64, error) {
	tag := strings.TrimSpace(strings.Join(values, ","))
	switch {
	case tag == "":
		return 0, fault.PreconditionRequired("if_match_required",
			"请在 If-Match 中给出读取时的 ETag", "send If-Match with the ETag that you read")
	case tag == "*":
		return 0, badTag("不接受 *，请给出读取时的 ETag", "* is not accepted: send the ETag that you read")
	case strings.Contains(tag, ","):
		return 0, badTag("只能给出一个 ETag", "send exactly one ETag")
	}
	plain := plainTag(strings.TrimPrefix(tag, "W/"))
	digits, seen, digested := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(plain, `"`), `"`), ".")
	version, err := strconv.ParseInt(digits, 10, 64)
	whole := `"` + strconv.FormatInt(version, 10)
	if digested {
		whole += "." + seen
	}
	if err != nil || version < 1 || plain != whole+`"` || digested && (seen == "" || !plainDigest(seen)) {
		return 0, badTag(`应为带引号的版本号，例如 "3"`, `should be a version in quotes such as "3"`)
	}
	return version, nil
}

// plainDigest reports whether the text has nothing but the letters of a Digest.
func plainDigest(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	})
}

func badTag(zh, en string) error {
	return Malformed(fault.At("header/If-Match", "if_match", text.Text{ZH: zh, EN: en}))
}

// matches compares an If-None-Match list with a tag, weakly as RFC 9110 requires,
// and returns the form of the tag that the caller holds.
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
