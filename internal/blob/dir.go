package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pitot-dev/pitot/internal/durable"
)

// Dir is a Store in a directory, which is made where it does not exist.
type Dir string

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".partial-"

// String is the directory.
func (d Dir) String() string { return string(d) }

func (d Dir) path(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return filepath.Join(string(d), filepath.FromSlash(key)), nil
}

// Put implements Store.
func (d Dir) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	name, err := d.path(key)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o700)
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), tempPrefix+"*")
	if err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone after the rename
	n, err := io.Copy(f, contextReader{ctx, r})
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came, %d were announced", n, size)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	return nil
}

// Get implements Store.
func (d Dir) Get(_ context.Context, key string) (io.ReadCloser, error) {
	name, err := d.path(key)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, notFound(key, err)
	}
	return f, nil
}

// Stat implements Store.
func (d Dir) Stat(_ context.Context, key string) (Info, error) {
	name, err := d.path(key)
	if err != nil {
		return Info{}, err
	}
	st, err := os.Stat(name)
	if err != nil {
		return Info{}, notFound(key, err)
	}
	return Info{Key: key, Size: st.Size(), Modified: st.ModTime()}, nil
}

// List implements Store.
func (d Dir) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		var out []Info
		// Only the directory that the prefix names has to be walked.
		root := filepath.Join(string(d), filepath.FromSlash(prefix[:strings.LastIndexByte(prefix, '/')+1]))
		err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case !e.Type().IsRegular() || strings.HasPrefix(e.Name(), tempPrefix):
				return nil
			}
			rel, err := filepath.Rel(string(d), name)
			if err != nil {
				return err
			}
			key := filepath.ToSlash(rel)
			if !strings.HasPrefix(key, prefix) {
				return nil
			}
			st, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				out = append(out, Info{Key: key, Size: st.Size(), Modified: st.ModTime()})
			}
			return err
		})
		if err != nil {
			yield(Info{}, fmt.Errorf("list %s: %w", d, err))
			return
		}
		slices.SortFunc(out, func(a, b Info) int { return strings.Compare(a.Key, b.Key) })
		for _, i := range out {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// Delete implements Store.
func (d Dir) Delete(_ context.Context, key string) error {
	name, err := d.path(key)
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

func notFound(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	return fmt.Errorf("%s: %w", key, err)
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
