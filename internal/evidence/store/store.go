// Package store keeps the files of evidence: in a folder of this machine, or in a bucket of a service that speaks the
// protocol of Amazon S3. It knows keys and bytes, and nothing of what they belong to.
package store

import (
	"bytes"
	"context"
	"errors"
	"io"

	"bulwark/internal/fault"
)

// Store keeps files by key. What is under a key is written once and never changed. Keys have small letters, digits,
// hyphens and slashes. Safe for concurrent use, also by several processes.
type Store interface {
	// Put stores size bytes and returns once they survive a power cut. Where it fails, nothing is under the key.
	Put(ctx context.Context, key string, size int64, content io.Reader) error
	// Open returns the file; an error that is fs.ErrNotExist where there is none.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Remove removes the file; that there is none is no error.
	Remove(ctx context.Context, key string) error
	// String returns where the files are, without secrets.
	String() string
}

const trialKey = "trial/bulwark"

// Check stores a small file, reads it back and removes it, and returns why that cannot be done.
func Check(ctx context.Context, s Store) (err error) {
	defer fault.Wrap(&err, "try the store %s", s)
	content := []byte("bulwark can write here")
	if err := s.Put(ctx, trialKey, int64(len(content)), bytes.NewReader(content)); err != nil {
		return err
	}
	file, err := s.Open(ctx, trialKey)
	if err != nil {
		return err
	}
	back, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close(), s.Remove(ctx, trialKey)); err != nil {
		return err
	}
	if !bytes.Equal(back, content) {
		return errors.New("it returns other bytes than were written")
	}
	return nil
}

// unavailable returns the fault of a store that does not work now.
func unavailable(cause error) error {
	return fault.Unavailable("evidence_store", "佐证文件存储暂不可用，请稍后再试，或请管理员运行 bulwark doctor",
		"the store of evidence is not available: try again later, or have the administrator run bulwark doctor").Because(cause)
}
