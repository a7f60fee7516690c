package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/fault"
)

// Page is one page of a list.
type Page[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"next_page_token,omitempty"` // page_token of the next page; absent on the last
}

// PageQuery is embedded in every list request.
type PageQuery struct {
	TableQuery
	PageSize int `form:"page_size" default:"50" validate:"min=1,max=200"` // rows of one answer
	// next_page_token of the answer before; the first page if absent
	PageToken string `form:"page_token"`
	filters   string // the address without page_size, page_token and what a table is like
}

func (q *PageQuery) setFilters(u *url.URL) {
	given := u.Query()
	given.Del("page_size")
	given.Del("page_token")
	given.Del("format")
	given.Del("header")
	q.filters = u.Path + "?" + given.Encode() // Encode sorts by name
}

// Limit returns how many rows to read: one more than the page shows whether another
// page follows.
func (q PageQuery) Limit() int { return q.PageSize + 1 }

// Resume writes the values of the last item of the page before into keys, in
// the order NewPage put them; on a first page keys keep their values.
func (q PageQuery) Resume(keys ...any) error {
	if q.PageToken == "" {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(q.PageToken)
	if err != nil || len(data) < checksumSize || string(q.checksum(data[checksumSize:])) != string(data[:checksumSize]) {
		return badToken
	}
	var values []jsontext.Value
	if err := json.Unmarshal(data[checksumSize:], &values); err != nil || len(values) != len(keys) {
		return badToken
	}
	for i, v := range values {
		if err := json.Unmarshal(v, keys[i]); err != nil {
			return badToken
		}
	}
	return nil
}

// NewPage cuts rows, read up to Limit, to the page size. key returns the values that
// order the list, the last of them unique, so that the next page starts behind.
func NewPage[T any](rows []T, q PageQuery, key func(T) []any) (Page[T], error) {
	if len(rows) <= q.PageSize {
		return Page[T]{Items: append([]T{}, rows...)}, nil
	}
	rows = rows[:q.PageSize]
	values, err := json.Marshal(key(rows[len(rows)-1]))
	if err != nil {
		return Page[T]{}, err
	}
	token := append(q.checksum(values), values...)
	return Page[T]{rows, base64.RawURLEncoding.EncodeToString(token)}, nil
}

const checksumSize = 8

// checksum binds a token to its list and filters and finds damaged ones. It is
// no secret: a token opens nothing that the filters would not.
func (q PageQuery) checksum(values []byte) []byte {
	sum := sha256.Sum256([]byte(q.filters + "\x00" + string(values)))
	return sum[:checksumSize]
}

var badToken = Malformed(fault.Field("query/page_token", "page_token",
	"不是本列表的页标记：请用相同的筛选条件，从第一页重新读取", "is not a token of this list: keep the filters, and start again from the first page"))
