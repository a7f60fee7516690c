package rest

import (
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"bulwark/internal/text"
)

var notAcceptable = refuse(http.StatusNotAcceptable, "not_acceptable", text.F(
	"此地址不提供请求头 Accept 所要求的格式，可用的格式见接口说明",
	"this address has none of the media types in the header Accept: see the API document for those that it has"))

// preferred returns the media type among the offers that the header Accept prefers, by
// RFC 9110 §12.5.1: the first where several are as good or there is no header; false where
// it wants none of them.
func preferred(accept []string, offers ...string) (string, bool) {
	wanted := strings.TrimSpace(strings.Join(accept, ","))
	if wanted == "" {
		return offers[0], true
	}
	best, most := "", 0.0
	for _, offer := range offers {
		if q := quality(wanted, offer); q > most {
			best, most = offer, q
		}
	}
	return best, best != ""
}

// Preferred is embedded in requests whose answer has several media types and is no table.
type Preferred struct{}

// Prefers returns which of the media types the header Accept prefers: the first where there is
// no header.
func (Preferred) Prefers(ctx context.Context, offers ...string) string {
	media, _ := preferred(traceOf(ctx).request.Header["Accept"], offers...)
	return media
}

// quality returns the weight of the most specific range that matches the media type.
func quality(accept, offer string) (q float64) {
	mainType, _, _ := strings.Cut(offer, "/")
	most := 0
	for r := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(r)
		if err != nil {
			continue
		}
		specific := map[string]int{"*/*": 1, mainType + "/*": 2, offer: 3}[media]
		if specific <= most {
			continue
		}
		most, q = specific, 1
		if w, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(w, 64); err != nil || q < 0 || q > 1 {
				q = 0
			}
		}
	}
	return q
}
