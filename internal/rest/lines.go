package rest

import (
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// MediaLines is the media type of one JSON value a line.
const MediaLines = "application/x-ndjson"

// Stream is an answer that is written as it is made, without a limit. Each calls write with one part after another.
type Stream struct {
	ContentType string
	Filename    string // set to offer a download
	Each        func(write func(part []byte) error) error
}

// Lines returns the stream of one JSON value a line: each calls write with one value after another.
func Lines(each func(write func(value any) error) error) Stream {
	return Stream{ContentType: MediaLines, Each: func(write func([]byte) error) error {
		return each(func(value any) error {
			data, err := json.Marshal(value, json.Deterministic(true))
			if err != nil {
				return err
			}
			return write(append(data, '\n'))
		})
	}}
}

// errLeft ends a stream whose reader has left.
var errLeft = errors.New("rest: the reader has left")

// sendStream sends the parts in pieces. An error before the first piece is a problem; a later one cuts the connection.
func (e *Engine) sendStream(w http.ResponseWriter, r *http.Request, status int, s Stream) error {
	var buffer []byte
	begun := false
	flush := func() error {
		if h := w.Header(); !begun {
			begun = true
			h.Set("Content-Type", s.ContentType)
			if s.Filename != "" {
				h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": s.Filename}))
			}
			cacheable(h, traceOf(r.Context()).caller, "")
			w.WriteHeader(status)
		}
		if r.Method == http.MethodHead {
			return errLeft
		}
		next := time.Now().Add(max(e.transfer.each, e.Config.WriteTimeout))
		_ = http.NewResponseController(w).SetWriteDeadline(next) // a connection without deadlines, as in tests, has none
		if _, err := w.Write(buffer); err != nil {
			return errLeft
		}
		buffer = buffer[:0]
		return nil
	}
	err := s.Each(func(part []byte) error {
		if buffer = append(buffer, part...); len(buffer) < e.transfer.piece {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	switch {
	case errors.Is(err, errLeft):
		return nil
	case err != nil && begun:
		panic(err)
	}
	return err
}
