package blob

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// amazon is the endpoint where none is set.
const amazon = "https://s3.amazonaws.com"

// bucket is a Store in S3-compatible object storage.
type bucket struct {
	client *minio.Client
	name   string
	prefix string // empty, or ends with a slash
}

func openS3(rest string, c S3) (Store, error) {
	name, prefix, _ := strings.Cut(rest, "/")
	if name == "" {
		return nil, fmt.Errorf("s3://%s: no bucket is named", rest)
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		if err := checkKey(prefix); err != nil {
			return nil, err
		}
		prefix += "/"
	}
	endpoint := cmp.Or(c.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	style := minio.BucketLookupAuto
	if endpoint != "" || c.PathStyle {
		style = minio.BucketLookupPath
	}
	u, err := url.Parse(cmp.Or(endpoint, amazon))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("s3 endpoint %q: not a URL such as https://minio.example.com:9000", endpoint)
	}
	creds := credentials.NewStaticV4(c.AccessKey, c.SecretKey, "")
	if c.AccessKey == "" {
		// Not the chain that asks the machine's metadata service: nobody configured
		// a call to it.
		creds = credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}})
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	client, err := minio.New(u.Host, &minio.Options{
		Creds: creds, Secure: u.Scheme == "https", Region: cmp.Or(c.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1"),
		BucketLookup: style, Transport: transport, TrailingHeaders: false,
	})
	if err != nil {
		return nil, fmt.Errorf("s3://%s: %w", name, err)
	}
	return &bucket{client: client, name: name, prefix: prefix}, nil
}

// String is the location without credentials.
func (b *bucket) String() string { return "s3://" + b.name + "/" + b.prefix }

// partSize is the size of the parts of large objects; a part is held in memory.
const partSize = 16 << 20

// Put implements Store.
func (b *bucket) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	// Content-Md5 guards the content on its way. Signing it, too, would frame it,
	// which several servers do not undo in parts of large objects.
	info, err := b.client.PutObject(ctx, b.name, b.prefix+key, io.LimitReader(r, size+1), size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: partSize, NumThreads: 1, SendContentMd5: size > 0, DisableContentSha256: true,
	})
	if err == nil && info.Size != size {
		err = fmt.Errorf("%d bytes were stored, %d were sent", info.Size, size)
	}
	return b.failed("store", key, err)
}

// Get implements Store.
func (b *bucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	o, err := b.client.GetObject(ctx, b.name, b.prefix+key, minio.GetObjectOptions{})
	if err == nil {
		// The request is sent by the first use: say at once that nothing is there.
		if _, err = o.Stat(); err != nil {
			o.Close()
		}
	}
	if err != nil {
		return nil, b.failed("get", key, err)
	}
	return o, nil
}

// Stat implements Store.
func (b *bucket) Stat(ctx context.Context, key string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	o, err := b.client.StatObject(ctx, b.name, b.prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, b.failed("stat", key, err)
	}
	return Info{Key: key, Size: o.Size, Modified: o.LastModified}, nil
}

// List implements Store.
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the listing where the reader stops early
		for o := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
			if o.Err != nil {
				yield(Info{}, b.failed("list", prefix, o.Err))
				return
			}
			if !yield(Info{Key: strings.TrimPrefix(o.Key, b.prefix), Size: o.Size, Modified: o.LastModified}, nil) {
				return
			}
		}
	}
}

// Delete implements Store.
func (b *bucket) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return b.failed("delete", key, b.client.RemoveObject(ctx, b.name, b.prefix+key, minio.RemoveObjectOptions{}))
}

func (b *bucket) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	switch r.Code {
	case "NoSuchKey", "NotFound":
		return fmt.Errorf("%s%s: %w", b, key, ErrNotFound)
	case "NoSuchBucket":
		return fmt.Errorf("%s %s%s: the bucket does not exist: make it first", op, b, key)
	}
	return fmt.Errorf("%s %s%s: %w", op, b, key, err)
}
