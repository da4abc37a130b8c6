package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pitot-dev/pitot/internal/durable"
)

// Verify reads every object of a backup and compares its checksum. It returns
// what is wrong, one line a fault.
func (r *Repository) Verify(ctx context.Context, m *Manifest, progress Progress) ([]string, error) {
	var faults []string
	checked := map[string]string{} // object → what is wrong with it
	for i := range m.Files {
		f := &m.Files[i]
		fault, done := checked[f.SHA256]
		if !done {
			err := r.copy(ctx, f, io.Discard)
			if ctx.Err() != nil {
				return faults, ctx.Err()
			}
			if err != nil {
				fault = err.Error()
			}
			checked[f.SHA256] = fault
		}
		if fault != "" {
			faults = append(faults, f.Path+": "+fault)
		}
		if progress != nil {
			progress(*f, false)
		}
	}
	return faults, nil
}

// ReadFile returns the content of a small file of a backup; a *fs.PathError where
// the backup has none of that path.
func (r *Repository) ReadFile(ctx context.Context, m *Manifest, path string) ([]byte, error) {
	for i := range m.Files {
		if m.Files[i].Path != path {
			continue
		}
		var b bytes.Buffer
		if err := r.copy(ctx, &m.Files[i], &b); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		return b.Bytes(), nil
	}
	return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
}

// copy writes a file's content to w and fails where it is not what the manifest
// says.
func (r *Repository) copy(ctx context.Context, f *File, w io.Writer) error {
	o, err := r.store.Get(ctx, f.object())
	if err != nil {
		return err
	}
	defer o.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(reader{ctx, o}, f.Size+1))
	switch {
	case err != nil:
		return err
	case n != f.Size:
		return fmt.Errorf("it has %d bytes instead of %d", n, f.Size)
	case hex.EncodeToString(h.Sum(nil)) != f.SHA256:
		return errors.New("its checksum differs: it is damaged")
	}
	return nil
}

// Restore puts a backup into dir, which must be empty or not exist.
func (r *Repository) Restore(ctx context.Context, m *Manifest, dir string, progress Progress) error {
	if err := checkEmpty(dir); err != nil {
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	partial := dir + ".restoring"
	// Left by a restore that was cut: it is begun again.
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Mkdir(partial, 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for i := range m.Files {
		if err := r.restoreFile(ctx, &m.Files[i], partial); err != nil {
			return errors.Join(fmt.Errorf("restore %s: %w; nothing was put in place", m.Files[i].Path, err), os.RemoveAll(partial))
		}
		if progress != nil {
			progress(m.Files[i], true)
		}
	}
	if err := syncTree(partial); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// checkEmpty refuses a directory with anything in it.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("restore: %s is not empty: name another directory, or add --force to move it aside", dir)
	}
	return nil
}

func (r *Repository) restoreFile(ctx context.Context, f *File, dir string) error {
	name := filepath.Join(dir, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	w, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode.Perm()|0o600)
	if err != nil {
		return err
	}
	err = errors.Join(r.copy(ctx, f, w), w.Sync(), w.Close())
	if err != nil {
		return err
	}
	return os.Chtimes(name, f.Modified, f.Modified)
}

// syncTree makes the names in a tree durable.
func syncTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, name)
		}
		return err
	})
	slices.Reverse(dirs)
	for _, d := range dirs {
		err = errors.Join(err, durable.SyncDir(d))
	}
	return err
}
