package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"bulwark/internal/fault"
)

var errLong = errors.New("a row of more than 256 MiB")

// lines reads a backup line by line.
type lines struct {
	in     *bufio.Reader
	z      *zstd.Decoder
	sum    hash.Hash // of all lines so far
	number int
	long   []byte // a line larger than the buffer of in
}

func newLines(in io.Reader) (*lines, error) {
	z, err := zstd.NewReader(newSealed(in), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, err
	}
	return &lines{in: bufio.NewReaderSize(z, 64<<10), z: z, sum: sha256.New()}, nil
}

// next returns the next line with its newline, valid until the next call. Behind
// the last line of a file that is whole it returns io.EOF.
func (l *lines) next() ([]byte, error) {
	l.number++
	line, err := l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = l.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) && len(l.long) < maxLine {
			l.long = append(l.long, line...)
			line, err = l.in.ReadSlice('\n')
		}
		l.long = append(l.long, line...)
		line = l.long
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, l.damaged(errLong)
	case errors.Is(err, io.EOF) && len(line) == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, l.damaged(errCut)
	case err != nil:
		return nil, l.damaged(err)
	}
	l.sum.Write(line)
	return line, nil
}

// object reads the line into v, which must be written exactly like that.
func (l *lines) object(line []byte, v any) error {
	if err := json.Unmarshal(line, v); err != nil {
		return l.damaged(err)
	}
	if again, err := json.Marshal(v); err != nil || !bytes.Equal(append(again, '\n'), line) {
		return l.damaged(errors.New("not as it was written"))
	}
	return nil
}

// trailer reads the last line and makes sure that it is the last and right.
func (l *lines) trailer(want Trailer) (Trailer, error) {
	want.SHA256 = hex.EncodeToString(l.sum.Sum(nil))
	line, err := l.next()
	if err != nil {
		return Trailer{}, l.ended(err)
	}
	var got Trailer
	if err := l.object(line, &got); err != nil {
		return Trailer{}, err
	}
	if got != want {
		return Trailer{}, l.damaged(fmt.Errorf("it says %+v, but before it stood %+v", got, want))
	}
	if _, err := l.next(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = l.damaged(errors.New("more follows behind the end"))
		}
		return Trailer{}, err
	}
	return got, nil
}

// sure returns err, which is about what the header says, unless the file turns out
// to be damaged: then the header may never have said so.
func (l *lines) sure(err error) error {
	for {
		if _, damaged := l.next(); errors.Is(damaged, io.EOF) {
			return err
		} else if damaged != nil {
			return damaged
		}
	}
}

// ended turns an end that came too early into a fault.
func (l *lines) ended(err error) error {
	if errors.Is(err, io.EOF) {
		return l.damaged(errCut)
	}
	return err
}

// damaged says that the file is not what Write wrote.
func (l *lines) damaged(cause error) error {
	return fault.Invalid("backup_damaged",
		"备份文件已损坏（第 %d 行），什么也没有恢复：请换一份备份",
		"the backup is damaged (line %d), nothing was restored: take another backup", l.number).Because(cause)
}
