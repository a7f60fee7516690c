package rest

import (
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"bulwark/internal/text"
)

// File is a body that is sent as it is: the field Body of a request struct. The route states by
// TakesFile what it may be.
type File struct {
	MediaType string // without parameters
	Data      []byte
}

var fileType = reflect.TypeFor[File]()

// TakesFile states the media types of the body, a File, and the most bytes that it may have.
func TakesFile(most int64, mediaTypes ...string) Option {
	return func(r *Route) { r.BodyLimit, r.Files = most, mediaTypes }
}

// file reads a body that is a File of one of the media types.
func (b *binding) file(r *http.Request, w http.ResponseWriter, route Route) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	coding := r.Header.Get("Content-Encoding")
	if err != nil || !slices.Contains(route.Files, media) || coding != "" && coding != "identity" {
		return unsupportedFile(route.Files)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, route.BodyLimit))
	if err != nil {
		return unread(err, route.BodyLimit)
	}
	b.req.FieldByIndex(b.bodyAt).Set(reflect.ValueOf(File{media, data}))
	return nil
}

// unsupportedFile names the media types that the route takes.
func unsupportedFile(mediaTypes []string) error {
	return refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", text.F(
		"正文应为以下类型之一的文件，不压缩传输：%s", "the body must be a file of one of these media types, without content coding: %s",
		strings.Join(mediaTypes, ", ")))
}

// rehearses reports whether the request asks what would happen and changes nothing, so that it
// can be repeated.
func (b *binding) rehearses() bool {
	i := slices.IndexFunc(b.params, func(p param) bool { return p.in == "query" && p.name == "dry_run" })
	return i >= 0 && b.req.FieldByIndex(b.params[i].index).Bool()
}
