package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bulwark/internal/fault"
	"bulwark/internal/scheme"
)

// maxScheme bounds the memory that a scheme document takes: the largest allowed,
// of 10,000 nodes, needs less.
const maxScheme = 32 << 20

// readScheme reads and checks a scheme document.
func (p program) readScheme(name string) (*scheme.Compiled, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, unreadableFile(name, err)
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, maxScheme+1))
	if err != nil {
		return nil, unreadableFile(name, err)
	}
	if len(raw) > maxScheme {
		return nil, unreadableFile(name, errors.New("larger than 32 MiB"))
	}
	d, err := scheme.Decode(bytes.TrimPrefix(raw, []byte("\ufeff")))
	if err != nil {
		return nil, schemeFaults(name, err)
	}
	c, err := scheme.Compile(d)
	if err != nil {
		return nil, schemeFaults(name, err)
	}
	return c, nil
}

// schemeFaults lists what is wrong with a scheme document, by JSON pointer.
func schemeFaults(name string, err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	return complaint(e.Code, func(language string) string {
		lines := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			lines[i] = fmt.Sprintf("%s: %s: %s", name, f.Pointer, f.Message.In(language))
		}
		return strings.Join(lines, "\n")
	})
}

// open opens a file, or standard input for "-".
func (p program) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(p.in), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadableFile(name, err)
	}
	return f, nil
}

func title(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

func unreadableFile(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the name is said already
	}
	return fault.NotFound("unreadable_file", "无法读取 %s", "cannot read %s", title(name)).Because(err)
}

// patient reads until the context ends.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// writeResult writes to a file, or to standard output for "-". A file appears or
// changes only when everything is written.
func (p program) writeResult(name string, inputs []string, write func(*bufio.Writer) error) error {
	if name == "-" {
		return flushed(p.out, write)
	}
	target, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		target = name
	}
	if err := replaceable(target, inputs); err != nil {
		return unwritable(name, err)
	}
	if err := replace(target, write); err != nil {
		return unwritable(name, err)
	}
	return nil
}

func flushed(w io.Writer, write func(*bufio.Writer) error) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// replaceable refuses what a rename would destroy: inputs, directories, devices.
func replaceable(target string, inputs []string) error {
	there, err := os.Stat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !there.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	for _, input := range inputs {
		if i, err := os.Stat(input); err == nil && os.SameFile(i, there) {
			return fmt.Errorf("it is the input %s", input)
		}
	}
	return nil
}

// replace writes a file beside the target and puts it in its place.
func replace(target string, write func(*bufio.Writer) error) (err error) {
	f, err := beside(target)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(flushed(f, write), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// beside makes a new file next to the target, open to those whom the umask allows.
func beside(target string) (*os.File, error) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s.%d-%d.part", target, os.Getpid(), i)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // a result is for whom the umask says
		if !errors.Is(err, fs.ErrExist) || i == 100 {
			return f, err
		}
	}
}

func unwritable(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fault.Conflict("unwritable_file", "无法写入 %s", "cannot write %s", name).Because(err)
}
