package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
)

// Folder keeps files below a folder of this machine, which it makes with the first file, for its owner alone. No key
// leads out of it, not even by a symbolic link.
type Folder struct {
	path string
	mu   sync.Mutex
	root *os.Root // nil until it is there
}

// NewFolder returns the store of a folder, which need not be there.
func NewFolder(path string) *Folder { return &Folder{path: path} }

// String returns the path of the folder.
func (f *Folder) String() string { return f.path }

// open returns the folder; one that is missing is made or fs.ErrNotExist.
func (f *Folder) open(create bool) (*os.Root, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root != nil {
		return f.root, nil
	}
	if create {
		if err := os.MkdirAll(f.path, 0o700); err != nil {
			return nil, unavailable(err)
		}
	}
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, err
	}
	f.root = root
	return root, nil
}

// Put stores the file under another name first, so that it is whole or not there.
func (f *Folder) Put(_ context.Context, key string, size int64, content io.Reader) (err error) {
	root, err := f.open(true)
	if err != nil {
		return err
	}
	folder := path.Dir(key)
	if err := root.MkdirAll(folder, 0o700); err != nil {
		return unavailable(err)
	}
	partial := key + ".partial-" + rand.Text()
	if err := write(root, partial, size, content); err != nil {
		return unavailable(errors.Join(err, ignoreMissing(root.Remove(partial))))
	}
	if err := root.Rename(partial, key); err != nil {
		return unavailable(errors.Join(err, root.Remove(partial)))
	}
	for _, changed := range []string{folder, "."} {
		if err := syncFolder(root, changed); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

func write(root *os.Root, name string, size int64, content io.Reader) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(file, content)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came instead of %d", n, size)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncFolder makes the names in a folder survive a power cut, where the system can.
func syncFolder(root *os.Root, name string) error {
	folder, err := root.Open(name)
	if err != nil {
		return err
	}
	_ = folder.Sync() // Windows cannot, and does not need to
	return folder.Close()
}

// Open returns the file.
func (f *Folder) Open(_ context.Context, key string) (io.ReadCloser, error) {
	root, err := f.open(false)
	if err != nil {
		return nil, err
	}
	return root.Open(key)
}

// Remove removes the file. Its folder stays.
func (f *Folder) Remove(_ context.Context, key string) error {
	root, err := f.open(false)
	if err != nil {
		return ignoreMissing(err)
	}
	return ignoreMissing(root.Remove(key))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
