package tier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/blob"
)

// formatVersion is that of the cold copies.
const formatVersion = 1

// errNewer is the error of a copy that a newer Pitot made.
var errNewer = errors.New("made by a newer Pitot: use that version or a later one")

// manifest describes the cold copy of a day.
type manifest struct {
	Day   string    `json:"day"`
	Moved time.Time `json:"moved"`
	Bytes int64     `json:"bytes"`
	Files []file    `json:"files"`
}

type file struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func manifestKey(day string) string { return "days/" + day + ".manifest" }

func (f *file) key(day string) string { return "days/" + day + "/" + f.Path }

func encodeManifest(m *manifest) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return append(fmt.Appendf(nil, "pitot-cold %d %x\n", formatVersion, sha256.Sum256(body)), body...), nil
}

func decodeManifest(b []byte) (*manifest, error) {
	head, body, ok := bytes.Cut(b, []byte("\n"))
	var version int
	var sum string
	if _, err := fmt.Sscanf(string(head), "pitot-cold %d %64s", &version, &sum); err != nil || !ok {
		return nil, errors.New("not a manifest of a cold day")
	}
	if version > formatVersion {
		return nil, fmt.Errorf("version %d, this program reads up to %d: %w", version, formatVersion, errNewer)
	}
	if got := sha256.Sum256(body); hex.EncodeToString(got[:]) != sum {
		return nil, errors.New("checksum of the manifest differs: it is damaged")
	}
	m := &manifest{}
	if err := json.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("decode manifest: %w", err)
	}
	for i := range m.Files {
		if f := &m.Files[i]; !filepath.IsLocal(filepath.FromSlash(f.Path)) || strings.Contains(f.Path, `\`) {
			return nil, fmt.Errorf("manifest names the file %q: damaged or forged", f.Path)
		}
	}
	return m, nil
}

// cold is the place of cold days.
type cold struct{ store blob.Store }

// list returns the days that are there as a whole.
func (c cold) list(ctx context.Context) ([]string, error) {
	var days []string
	for i, err := range c.store.List(ctx, "days/") {
		if err != nil {
			return nil, err
		}
		if day, ok := strings.CutSuffix(strings.TrimPrefix(i.Key, "days/"), ".manifest"); ok && !strings.Contains(day, "/") {
			days = append(days, day)
		}
	}
	return days, nil
}

func (c cold) manifest(ctx context.Context, day string) (*manifest, error) {
	b, err := c.raw(ctx, day)
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(b)
	if err != nil {
		return nil, fmt.Errorf("cold day %s: %w", day, err)
	}
	return m, nil
}

// put copies a directory to the cold place and writes the manifest last.
func (c cold) put(ctx context.Context, day, dir string, now time.Time) (*manifest, error) {
	m := &manifest{Day: day, Moved: now.UTC()}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		f, err := c.putFile(ctx, day, name, filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
		m.Bytes += f.Size
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("copy day %s to %s: %w", day, c.store, err)
	}
	b, err := encodeManifest(m)
	if err != nil {
		return nil, err
	}
	return m, c.store.Put(ctx, manifestKey(day), bytes.NewReader(b), int64(len(b)))
}

func (c cold) putFile(ctx context.Context, day, name, path string) (file, error) {
	r, err := os.Open(name)
	if err != nil {
		return file{}, err
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		return file{}, err
	}
	h := sha256.New()
	f := file{Path: path, Size: st.Size()}
	if err := c.store.Put(ctx, f.key(day), io.TeeReader(r, h), f.Size); err != nil {
		return file{}, err
	}
	f.SHA256 = hex.EncodeToString(h.Sum(nil))
	return f, nil
}

// read copies a file of a day to w and fails where it is not what was stored.
func (c cold) read(ctx context.Context, day string, f *file, w io.Writer) error {
	r, err := c.store.Get(ctx, f.key(day))
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(r, f.Size+1))
	if err != nil {
		return err
	}
	if n != f.Size || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("cold copy of %s of day %s is damaged: its checksum differs", f.Path, day)
	}
	return ctx.Err()
}

// verify reads a whole day back.
func (c cold) verify(ctx context.Context, m *manifest) error {
	for i := range m.Files {
		if err := c.read(ctx, m.Day, &m.Files[i], io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// get copies a day into dir, which must not exist.
func (c cold) get(ctx context.Context, m *manifest, dir string) error {
	for i := range m.Files {
		f := &m.Files[i]
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		w, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err := errors.Join(c.read(ctx, m.Day, f, w), w.Sync(), w.Close()); err != nil {
			return err
		}
	}
	return nil
}

// remove removes a day, the manifest first.
func (c cold) remove(ctx context.Context, day string) error {
	if err := c.store.Delete(ctx, manifestKey(day)); err != nil {
		return err
	}
	var keys []string
	for i, err := range c.store.List(ctx, "days/"+day+"/") {
		if err != nil {
			return err
		}
		keys = append(keys, i.Key)
	}
	for _, k := range keys {
		if err := c.store.Delete(ctx, k); err != nil {
			return err
		}
	}
	return nil
}
