package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Create makes the file by what write writes into it: readable by its owner only,
// since a backup holds the hashes of keys and passwords, and either whole and on
// the disk or not there. Meanwhile it is called name.partial. A file that exists,
// whole or partial, is replaced only by force.
func Create(name string, force bool, write func(io.Writer) error) (err error) {
	partial := name + ".partial"
	if force {
		err = os.Remove(partial)
	} else {
		_, err = os.Lstat(name)
		if err == nil {
			return exists(name)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(name, err)
	}
	file, err := database.CreateFile(partial, os.O_WRONLY|os.O_EXCL)
	if errors.Is(err, fs.ErrExist) {
		return exists(partial)
	}
	if err != nil {
		return unwritable(name, err)
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(partial, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes the new name of a file survive a power cut, where the system can.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = folder.Sync() // Windows cannot, and does not need to
	return folder.Close()
}

func exists(name string) error {
	return fault.Conflict("backup_exists",
		"文件 %[1]s 已存在（.partial 为正在写或中断的备份）：请换一个名字，或用 --force 覆盖",
		"the file %[1]s exists (.partial: a backup that is being written or was interrupted): choose another name, or replace it with --force", name)
}

func unwritable(name string, cause error) error {
	return fault.Invalid("backup_unwritable",
		"无法写入文件 %s：请检查文件夹及其权限", "the file %s cannot be written: check the folder and its permissions", name).Because(cause)
}

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

// trailer takes the last line and makes sure that it is the last and right; want has the
// hash of the lines before.
func (l *lines) trailer(line []byte, want Trailer) (Trailer, error) {
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

// sure returns err, which is about the header, unless the file turns out to be damaged:
// then the header may be damaged too.
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

// damaged returns the fault of a file that is not what Write wrote.
func (l *lines) damaged(cause error) error {
	return fault.Invalid("backup_damaged",
		"备份文件已损坏（第 %d 行），什么也没有恢复：请换一份备份",
		"the backup is damaged (line %d), nothing was restored: take another backup", l.number).Because(cause)
}
