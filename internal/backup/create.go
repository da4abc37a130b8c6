package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pitot-dev/pitot/internal/blob"
)

// Source is what Create copies.
type Source struct {
	// Dir holds files that do not change while they are copied.
	Dir string
	// Skip leaves out a file or a directory, by its path below Dir with slashes;
	// nil leaves out none.
	Skip func(path string) bool
	// Name is the data directory that it is of, Pitot the version of the program.
	Name, Pitot string
}

// Progress hears of every file that was dealt with; nil hears nothing.
type Progress func(f File, sent bool)

// Create makes a backup and returns its manifest.
func (r *Repository) Create(ctx context.Context, src Source, progress Progress) (*Manifest, error) {
	now := r.now().UTC()
	m := &Manifest{ID: now.Format(idLayout), Created: now, Pitot: src.Pitot, Source: src.Name}
	ids, err := r.IDs(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]*File{}
	if len(ids) > 0 {
		if last := ids[len(ids)-1]; last >= m.ID {
			return nil, fmt.Errorf("the newest backup %s is from the future: the clock is wrong, or two backups ran at once", last)
		}
		// Only to save work: one that cannot be read costs reading all files.
		if prev, err := r.Manifest(ctx, ids[len(ids)-1]); err == nil {
			for i := range prev.Files {
				known[prev.Files[i].Path] = &prev.Files[i]
			}
		}
	}
	mark, err := r.mark(ctx, runningPrefix+m.ID, runningFor)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.store.Delete(context.WithoutCancel(ctx), mark.key) }() // else it expires
	// After the mark: from here on nobody begins to prune. Who has begun may remove
	// what this backup would find here and not send.
	if err := r.nobodyPrunes(ctx); err != nil {
		return nil, err
	}
	objects, err := r.objects(ctx)
	if err != nil {
		return nil, err
	}
	c := creator{r: r, m: m, mark: mark, known: known, objects: objects, progress: progress}
	if err := c.walk(ctx, src); err != nil {
		return nil, err
	}
	if err := mark.renew(ctx); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	b, err := encodeManifest(m)
	if err != nil {
		return nil, err
	}
	if err := r.write(ctx, manifestKey(m.ID), b); err != nil {
		return nil, err
	}
	return m, nil
}

type creator struct {
	r        *Repository
	m        *Manifest
	mark     *mark
	known    map[string]*File
	objects  map[string]blob.Info
	progress Progress
}

func (c *creator) walk(ctx context.Context, src Source) error {
	return filepath.WalkDir(src.Dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		rel, err := filepath.Rel(src.Dir, name)
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		path := filepath.ToSlash(rel)
		if src.Skip != nil && path != "." && src.Skip(path) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("backup: %s is neither a file nor a directory", name)
		}
		return c.file(ctx, name, path)
	})
}

func (c *creator) file(ctx context.Context, name, path string) error {
	if err := c.mark.renew(ctx); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	file := File{Path: path, Size: st.Size(), Mode: st.Mode().Perm(), Modified: st.ModTime().UTC()}
	if k := c.known[path]; k != nil && immutable(path) && k.Size == file.Size && k.Modified.Equal(file.Modified) {
		file.SHA256 = k.SHA256
		if i, ok := c.objects[file.object()]; ok && i.Size == file.Size {
			c.add(file, false)
			return nil
		}
	}
	h := sha256.New()
	n, err := io.Copy(h, reader{ctx, f})
	if err == nil && n != file.Size {
		err = errors.New("it changes while it is read")
	}
	if err != nil {
		return fmt.Errorf("backup: read %s: %w", name, err)
	}
	file.SHA256 = hex.EncodeToString(h.Sum(nil))
	if i, ok := c.objects[file.object()]; ok && i.Size == file.Size {
		c.add(file, false)
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	h.Reset()
	if err := c.r.store.Put(ctx, file.object(), io.TeeReader(reader{ctx, f}, h), file.Size); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if hex.EncodeToString(h.Sum(nil)) != file.SHA256 {
		return errors.Join(fmt.Errorf("backup: %s changed while it was read", name), c.r.store.Delete(ctx, file.object()))
	}
	c.objects[file.object()] = blob.Info{Key: file.object(), Size: file.Size}
	c.add(file, true)
	return nil
}

func (c *creator) add(f File, sent bool) {
	c.m.Files = append(c.m.Files, f)
	c.m.Bytes += f.Size
	if sent {
		c.m.Added++
		c.m.AddedBytes += f.Size
	}
	if c.progress != nil {
		c.progress(f, sent)
	}
}

// immutable reports whether a file is of those that the engines write once: the
// parts of the event store and the blocks of the metric store. Such a file with
// the size and time that it had at the last backup has its content, too.
func immutable(path string) bool {
	parts := strings.Split(path, "/")
	switch {
	case len(parts) >= 6 && parts[0] == "events" && parts[1] == "partitions":
		return true // events/partitions/DAY/datadb/PART/FILE
	case len(parts) >= 3 && parts[0] == "metrics":
		return parts[2] == "index" || parts[2] == "chunks"
	}
	return false
}

// reader ends when its context does.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
