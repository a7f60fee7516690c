package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Upload is the body of a request that is one file. It has been received whole when the handler runs, and goes with the
// request.
type Upload struct {
	Content io.ReaderAt
	Bytes   int64
	SHA256  string // hexadecimal
}

// transfer is how slowly a file may come and go. Its deadlines move with each piece, so that a slow network takes its time
// and one that stands still does not hold a connection.
type transfer struct {
	piece int           // bytes
	each  time.Duration // that a piece may take
	whole time.Duration // that a file may take
	most  int           // files that are received at the same time
}

// uploads: at least 8 KB a second, and half an hour at most.
var uploads = transfer{piece: 64 << 10, each: 8 * time.Second, whole: 30 * time.Minute, most: 32}

// Uploads marks a route whose body is a file of up to so many bytes, in a field Body of the type Upload. The time of the
// request begins when it has been received.
func Uploads(limit int64) Option {
	return func(r *Route) { r.Uploads, r.BodyLimit, r.Body = true, limit, nil }
}

var uploadMedia = refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", text.F(
	"正文应为文件本身，不是表单，也不压缩：例如 curl --data-binary @照片.jpg", "the body must be the file itself, no form and not compressed: "+
		"as curl --data-binary @photo.jpg sends it"))

// receive stores the body of the request in a temporary file.
func (e *Engine) receive(r *http.Request, w http.ResponseWriter, limit int64) (u Upload, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if coding := r.Header.Get("Content-Encoding"); strings.HasPrefix(kind, "multipart/") || coding != "" && coding != "identity" {
		return u, uploadMedia
	}
	if r.ContentLength > limit {
		return u, tooLargeFile(limit)
	}
	select {
	case e.receiving <- struct{}{}:
		defer func() { <-e.receiving }()
	default:
		return u, fault.Unavailable("too_many_uploads", "正在上传的文件太多，请稍后再试", "too many files are being sent: try again in a moment")
	}
	file, err := temporary()
	if err != nil {
		return u, fmt.Errorf("a temporary file for an upload: %w", err)
	}
	sum, c := sha256.New(), http.NewResponseController(w)
	u.Bytes, err = e.transfer.copy(c.SetReadDeadline, io.MultiWriter(file, sum), io.LimitReader(r.Body, limit+1))
	_ = c.SetReadDeadline(time.Time{})
	if t := e.Config.WriteTimeout; t > 0 {
		_ = c.SetWriteDeadline(time.Now().Add(t)) // the one of the server began with the header
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = bodyTooSlow
	case err != nil && r.Context().Err() == nil && !isWrite(err):
		err = Malformed(fault.Field("", "body_incomplete", "文件没有收完，请重新发送", "the file did not arrive in full: send it again")).Because(err)
	case err == nil && u.Bytes > limit:
		err = tooLargeFile(limit)
	}
	if err != nil {
		Upload{Content: file}.close()
		return Upload{}, err
	}
	u.Content = file
	u.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return u, nil
}

// isWrite reports whether the temporary file could not be written: that is our fault.
func isWrite(err error) bool {
	var p *os.PathError
	return errors.As(err, &p) && p.Op == "write"
}

func tooLargeFile(limit int64) error {
	return fault.TooLarge("body_too_large", "文件超过 %d MB 的上限：请压缩或拆分后再上传", "the file is over the limit of %d MB: make it smaller, or send parts",
		limit>>20)
}

// temporary returns a file that no name leads to, where the system can do that.
func temporary() (*os.File, error) {
	file, err := os.CreateTemp("", "bulwark-upload-")
	if err == nil {
		_ = os.Remove(file.Name()) // Windows removes it at its close: see close
	}
	return file, err
}

func (u Upload) close() {
	file := u.Content.(*os.File) // receive has made it
	_ = file.Close()             // nothing in it is needed any more
	_ = os.Remove(file.Name())
}

// copy copies piece by piece, and moves the deadline before each. A connection without deadlines, as in tests, has none.
func (p transfer) copy(deadline func(time.Time) error, to io.Writer, from io.Reader) (n int64, err error) {
	last := time.Now().Add(p.whole)
	for {
		next := time.Now().Add(p.each)
		if next.After(last) {
			next = last
		}
		_ = deadline(next) // see above
		m, err := io.CopyN(to, from, int64(p.piece))
		n += m
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// Download is an answer that is a file: streamed, and as large as it says.
type Download struct {
	ContentType string
	Filename    string
	Inline      bool // shown by browsers, not offered for download
	Bytes       int64
	ETag        string // quoted
	Content     io.ReadCloser
}

// sendFile sends the file piece by piece. An error in the middle cuts the connection: half a file must not look whole.
func (e *Engine) sendFile(w http.ResponseWriter, r *http.Request, status int, f Download) error {
	defer f.Content.Close()
	h := w.Header()
	h.Set("ETag", f.ETag)
	cacheable(h, traceOf(r.Context()).caller, "")
	disposition := "attachment"
	if f.Inline {
		disposition = "inline"
	}
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": f.Filename}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if tag, ok := matches(r.Header["If-None-Match"], f.ETag); ok {
		h.Set("ETag", tag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", f.ContentType)
	h.Set("Content-Length", strconv.FormatInt(f.Bytes, 10))
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return nil
	}
	first := make([]byte, min(f.Bytes, int64(e.transfer.piece)))
	if _, err := io.ReadFull(f.Content, first); err != nil {
		for _, name := range []string{"ETag", "Content-Disposition", "Content-Length", "Content-Type"} {
			h.Del(name)
		}
		return err
	}
	w.WriteHeader(status)
	if _, err := w.Write(first); err != nil {
		return nil // a client that left cannot be told
	}
	from := &readFault{Reader: f.Content}
	_, _ = e.transfer.copy(http.NewResponseController(w).SetWriteDeadline, w, from) // likewise
	if from.err != nil {
		panic(fmt.Errorf("send a file: %w", from.err))
	}
	return nil
}

// readFault keeps the error of reading apart from that of writing.
type readFault struct {
	io.Reader
	err error
}

func (f *readFault) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
