package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
)

// A seal ends the file: a skippable frame of zstd, which programs that unpack
// pass over, with the SHA-256 of all bytes before it. Without it some bits of the
// compressed form could flip unnoticed.
var sealHead = []byte{0x5e, 0x2a, 0x4d, 0x18, sha256.Size, 0, 0, 0}

const sealSize = 8 + sha256.Size

func seal(sum []byte) []byte { return append(bytes.Clone(sealHead), sum...) }

var (
	errCut    = errors.New("it is cut off, or something was added at its end")
	errBroken = errors.New("its bytes are not those that were written")
)

// sealed reads what stands before a seal. It ends with io.EOF only where the seal
// was there and right.
type sealed struct {
	in  *bufio.Reader
	sum hash.Hash
}

func newSealed(in io.Reader) *sealed { return &sealed{bufio.NewReaderSize(in, 64<<10), sha256.New()} }

// Read keeps as many bytes back as a seal has, until it knows that more follow.
func (s *sealed) Read(p []byte) (int, error) {
	ahead, err := s.in.Peek(sealSize + 1)
	switch {
	case len(ahead) > sealSize:
		n, err := s.in.Read(p[:min(len(p), s.in.Buffered()-sealSize)])
		s.sum.Write(p[:n])
		return n, err
	case !errors.Is(err, io.EOF):
		return 0, err
	case !bytes.HasPrefix(ahead, sealHead) || len(ahead) < sealSize:
		return 0, errCut
	case !bytes.Equal(ahead, seal(s.sum.Sum(nil))):
		return 0, errBroken
	}
	return 0, io.EOF
}
