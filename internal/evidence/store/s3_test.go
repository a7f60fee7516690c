//go:build s3

package store

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"bulwark/internal/fault"
)

// A bucket of a real server keeps files as a folder does: make s3. The server has a module of its own, so that the
// product depends on none of it.
func TestABucketKeepsFiles(t *testing.T) {
	folder := t.TempDir()
	program, files := filepath.Join(folder, "s3server"), filepath.Join(folder, "files")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/versity/versitygw/cmd/versitygw")
	build.Dir = "testdata/s3"
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	sidecar := filepath.Join(folder, "sidecar") // what other file systems keep beside a file
	for _, name := range []string{files, sidecar} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), program, "--port", address, "--access", "key", "--secret", "secret-of-the-key",
		"--region", "us-east-1", "posix", "--sidecar", sidecar, files)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	b := Bucket{Endpoint: address, Plain: true, Name: "evidence", Prefix: "town/", Region: "us-east-1", AccessKey: "key", SecretKey: "secret-of-the-key"}
	s, err := NewS3(b)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err = s.client.MakeBucket(t.Context(), b.Name, minio.MakeBucketOptions{Region: b.Region}); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	keeps(t, s)
	b.SecretKey = "another"
	wrong, err := NewS3(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), wrong); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("with a wrong secret: %v", err)
	}
	if _, err := wrong.Open(t.Context(), "ab/none"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that may be there is said to be missing: %v", err)
	}
	_ = server.Process.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := s.Open(ctx, "ab/none"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a server: %v", err)
	}
}
