package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// ErrNotFound is the error of an object that is not there.
var ErrNotFound = errors.New("object not found")

// Info describes an object.
type Info struct {
	Key      string
	Size     int64
	Modified time.Time
}

// Store keeps objects. It is safe for concurrent use.
type Store interface {
	// Put stores size bytes of r under a key, replacing what is there.
	Put(ctx context.Context, key string, r io.Reader, size int64) error
	// Get opens an object for reading; ErrNotFound where there is none.
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	// Stat describes an object; ErrNotFound where there is none.
	Stat(ctx context.Context, key string) (Info, error)
	// List yields the objects whose keys start with prefix, in order.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Delete removes an object; none there is no error.
	Delete(ctx context.Context, key string) error
	// String says where the objects are, without credentials.
	String() string
}

// S3 says how to reach object storage. What is empty comes from the usual
// environment variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL).
type S3 struct {
	Endpoint  string // base URL; default Amazon's
	Region    string
	AccessKey string
	SecretKey string
	// PathStyle puts the bucket into the path; it is the default where Endpoint is
	// set, for most servers but Amazon's want it.
	PathStyle bool
}

// Open opens a location: a directory, or s3://bucket/prefix. Nothing is asked
// over the network yet.
func Open(location string, s3 S3) (Store, error) {
	scheme, rest, ok := strings.Cut(location, "://")
	switch {
	case location == "":
		return nil, errors.New("no location is given: name a directory or s3://BUCKET/PREFIX")
	case !ok:
		dir, err := filepath.Abs(location)
		if err != nil {
			return nil, fmt.Errorf("location %q: %w", location, err)
		}
		return Dir(dir), nil
	case scheme == "file":
		return Dir(filepath.FromSlash(rest)), nil
	case scheme == "s3":
		return openS3(rest, s3)
	}
	return nil, fmt.Errorf("location %q: %s:// is not supported: name a directory or s3://BUCKET/PREFIX", location, scheme)
}

// checkKey refuses keys that could leave the store.
func checkKey(key string) error {
	if key == "" || path.Clean("/"+key) != "/"+key || strings.ContainsAny(key, "\\\x00") {
		return fmt.Errorf("bad object key %q", key)
	}
	return nil
}
