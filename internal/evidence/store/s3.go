package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 keeps files in a bucket.
type S3 struct {
	client         *minio.Client
	bucket, prefix string // the prefix is empty or ends with a slash
	shown          string
}

// Bucket is where a bucket is, and the key that opens it.
type Bucket struct {
	Endpoint             string // HOST or HOST:PORT
	Plain                bool   // without TLS
	Name, Prefix, Region string // the prefix is empty or ends with a slash; no region: the service is asked
	AccessKey, SecretKey string
}

// NewS3 returns the store of the bucket. Nothing is sent yet.
func NewS3(b Bucket) (*S3, error) {
	client, err := minio.New(b.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(b.AccessKey, b.SecretKey, ""),
		Secure: !b.Plain, Region: b.Region, BucketLookup: minio.BucketLookupPath,
	})
	return &S3{client, b.Name, b.Prefix, b.Endpoint + "/" + b.Name + "/" + b.Prefix}, err
}

// String returns the address of the bucket.
func (s *S3) String() string { return s.shown }

// Put stores the file by one request: the service takes it whole or not at all.
func (s *S3) Put(ctx context.Context, key string, size int64, content io.Reader) error {
	options := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true}
	_, err := s.client.PutObject(ctx, s.bucket, s.prefix+key, content, size, options)
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Open returns the file.
func (s *S3) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	object, err := s.client.GetObject(ctx, s.bucket, s.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, unavailable(err)
	}
	if _, err := object.Stat(); err != nil { // the request is sent here
		_ = object.Close()
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
		}
		return nil, unavailable(err)
	}
	return object, nil
}

// Remove removes the file.
func (s *S3) Remove(ctx context.Context, key string) error {
	if err := s.client.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{}); err != nil {
		return unavailable(err)
	}
	return nil
}
