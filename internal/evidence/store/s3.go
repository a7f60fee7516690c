package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 keeps files in a bucket.
type S3 struct {
	client         *minio.Client
	bucket, prefix string // the prefix is empty or ends with a slash
	shown          string
}

// ParseS3 returns the parts of the address of a bucket, https://HOST/BUCKET or https://HOST/BUCKET/PREFIX, and whether
// it is one.
func ParseS3(address string) (endpoint, bucket, prefix string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery+u.Fragment != "" {
		return "", "", "", false
	}
	bucket, prefix, _ = strings.Cut(strings.Trim(u.Path, "/"), "/")
	if prefix != "" {
		prefix += "/"
	}
	return u.Host, bucket, prefix, bucket != ""
}

// NewS3 returns the store of the bucket at the address. Nothing is sent yet.
func NewS3(address, region, accessKey, secretKey string) (*S3, error) {
	endpoint, bucket, prefix, ok := ParseS3(address)
	if !ok {
		return nil, fmt.Errorf("%q is no address of a bucket", address)
	}
	client, err := minio.New(endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(accessKey, secretKey, ""),
		Secure: strings.HasPrefix(address, "https:"), Region: region, BucketLookup: minio.BucketLookupPath,
	})
	return &S3{client, bucket, prefix, address}, err
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
