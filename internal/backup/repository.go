package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/blob"
)

// marker is the object that says what the repository is.
const marker = "pitot-backup.json"

// runningFor is how long a backup that is said to run keeps Prune away: it has
// died since.
const runningFor = 24 * time.Hour

// runningPrefix begins the marks of backups that are being made, prunePrefix, which
// begins with it so that older versions see them, those of prunes.
const (
	runningPrefix = "running/"
	prunePrefix   = runningPrefix + "prune-"
)

// pruningFor is how long the mark of a prune keeps backups away.
const pruningFor = time.Hour

// mark is an object that says that somebody is at work.
type mark struct {
	r    *Repository
	key  string
	life time.Duration // how long others heed it
	last time.Time     // when it was written
}

func (r *Repository) mark(ctx context.Context, key string, life time.Duration) (*mark, error) {
	m := &mark{r, key, life, r.now()}
	return m, r.write(ctx, m.key, nil)
}

// renew writes the mark anew where it has become old. Whose mark has not been
// heeded any more must end.
func (m *mark) renew(ctx context.Context) error {
	now := m.r.now()
	age := now.Sub(m.last)
	if age < m.life/12 {
		return nil
	}
	if age >= m.life {
		return errors.New("it took so long that another backup or prune may have begun: do it again")
	}
	m.last = now
	return m.r.write(ctx, m.key, nil)
}

// nobodyPrunes fails while a prune is under way.
func (r *Repository) nobodyPrunes(ctx context.Context) error {
	for i, err := range r.store.List(ctx, prunePrefix) {
		if err != nil {
			return err
		}
		if r.now().Sub(i.Modified) < pruningFor {
			return fmt.Errorf("a prune is under way since %s: make the backup later", i.Modified.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// Repository holds backups.
type Repository struct {
	store blob.Store
	now   func() time.Time
}

type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

// Open opens a repository and checks that it is one that this version reads.
// With create an empty location becomes one.
func Open(ctx context.Context, store blob.Store, create bool) (*Repository, error) {
	r := &Repository{store: store, now: time.Now}
	b, err := r.read(ctx, marker, 1<<20)
	if errors.Is(err, blob.ErrNotFound) {
		if !create {
			return nil, fmt.Errorf("%s holds no backups of Pitot", store)
		}
		for i, err := range store.List(ctx, "") {
			if err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%s is neither empty nor a repository of backups: it holds %s; name another place", store, i.Key)
		}
		b, err = json.Marshal(header{magic, Version})
		if err != nil {
			return nil, fmt.Errorf("make repository: %w", err)
		}
		if err := r.write(ctx, marker, b); err != nil {
			return nil, err
		}
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	var h header
	if err := json.Unmarshal(b, &h); err != nil || h.Format != magic {
		return nil, fmt.Errorf("%s is no repository of backups: %s is damaged", store, marker)
	}
	if h.Version > Version {
		return nil, fmt.Errorf("%s has format version %d, this program reads up to %d: %w", store, h.Version, Version, ErrNewer)
	}
	return r, nil
}

func (r *Repository) read(ctx context.Context, key string, most int64) ([]byte, error) {
	f, err := r.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("larger than %d bytes", most)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return b, nil
}

func (r *Repository) write(ctx context.Context, key string, b []byte) error {
	return r.store.Put(ctx, key, bytes.NewReader(b), int64(len(b)))
}

// IDs lists the backups, oldest first.
func (r *Repository) IDs(ctx context.Context) ([]string, error) {
	var out []string
	for i, err := range r.store.List(ctx, "backups/") {
		if err != nil {
			return nil, err
		}
		if id, ok := strings.CutSuffix(strings.TrimPrefix(i.Key, "backups/"), ".manifest"); ok {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Manifest reads a backup's; an empty id means the newest.
func (r *Repository) Manifest(ctx context.Context, id string) (*Manifest, error) {
	if id == "" {
		ids, err := r.IDs(ctx)
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return nil, fmt.Errorf("%s holds no backup yet", r.store)
		}
		id = ids[len(ids)-1]
	}
	b, err := r.read(ctx, manifestKey(id), maxManifest)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, fmt.Errorf("no backup %q in %s; `pitot backup list` shows those that are there", id, r.store)
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(b)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", id, err)
	}
	return m, nil
}

// objects lists what content is there, with its size.
func (r *Repository) objects(ctx context.Context) (map[string]blob.Info, error) {
	out := map[string]blob.Info{}
	for i, err := range r.store.List(ctx, "objects/") {
		if err != nil {
			return nil, err
		}
		out[i.Key] = i
	}
	return out, nil
}

// Pruned is what Prune removed.
type Pruned struct {
	Backups []string `json:"backups"`
	Objects int      `json:"objects"`
	Bytes   int64    `json:"bytes"`
}

// Prune removes all backups but the newest keep, and the content that no backup
// needs any more. Manifests go first: a prune that is cut leaves content too
// much, never too little.
func (r *Repository) Prune(ctx context.Context, keep int) (Pruned, error) {
	var p Pruned
	if keep < 1 {
		return p, errors.New("at least one backup is kept")
	}
	// The mark first, then the look for backups, which do the same: of the two that
	// begin at once, one or both give way.
	mark, err := r.mark(ctx, prunePrefix+r.now().UTC().Format(idLayout)+"-"+strings.ToLower(rand.Text()[:6]), pruningFor)
	if err != nil {
		return p, err
	}
	defer func() { _ = r.store.Delete(context.WithoutCancel(ctx), mark.key) }() // else it expires
	for i, err := range r.store.List(ctx, runningPrefix) {
		if err != nil {
			return p, err
		}
		if !strings.HasPrefix(i.Key, prunePrefix) && r.now().Sub(i.Modified) < runningFor {
			return p, fmt.Errorf("a backup is being made (%s): prune later", strings.TrimPrefix(i.Key, runningPrefix))
		}
	}
	ids, err := r.IDs(ctx)
	if err != nil {
		return p, err
	}
	cut := max(len(ids)-keep, 0)
	needed := map[string]bool{}
	for _, id := range ids[cut:] {
		m, err := r.Manifest(ctx, id)
		if err != nil {
			return p, fmt.Errorf("nothing was removed, for it is not known what this backup needs: %w", err)
		}
		for i := range m.Files {
			needed[m.Files[i].object()] = true
		}
	}
	for _, id := range ids[:cut] {
		if err := r.store.Delete(ctx, manifestKey(id)); err != nil {
			return p, err
		}
		p.Backups = append(p.Backups, id)
	}
	objects, err := r.objects(ctx)
	if err != nil {
		return p, err
	}
	for key, i := range objects {
		if needed[key] {
			continue
		}
		if err := mark.renew(ctx); err != nil {
			return p, err
		}
		if err := r.store.Delete(ctx, key); err != nil {
			return p, err
		}
		p.Objects++
		p.Bytes += i.Size
	}
	return p, nil
}
