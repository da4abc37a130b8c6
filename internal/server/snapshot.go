package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/tier"
)

const (
	// snapshotsDir holds snapshots, each a data directory of its own.
	snapshotsDir = "snapshots"
	// snapshotLife is when a snapshot goes that nobody released.
	snapshotLife = 12 * time.Hour
)

// snapshots are those that were made and not released.
type snapshots struct {
	mu   sync.Mutex // one is made at a time
	live map[string]*time.Timer
}

// dataAdmin is the server as its API manages data.
type dataAdmin struct{ *Server }

// embedded refuses work on files where the stores are outside.
func (s *Server) embedded() error {
	if s.engine != nil && s.outside.insert == nil {
		return nil
	}
	return &api.Error{
		Status: http.StatusConflict, Code: api.CodeOutside, Message: "the stores are outside of this server: it has no files of theirs",
		Hint: "back up, clean and erase with the tools of the stores that storage.events.cluster and storage.metrics.remote name",
	}
}

// Snapshot makes a data directory next to the stores that holds what they hold
// now: everything that was acknowledged before is in it, in the event store or
// in the journal, and what is in both is recognised when it is opened.
//
// The order matters. What says how far something was read (checkpoints,
// accounts) comes before what was read, so that a restored server reads some
// records again, which it recognises, and misses none. The journal and the
// event store are of one moment: nothing is inserted in between.
func (d dataAdmin) Snapshot(ctx context.Context) (_ *api.SnapshotReport, err error) {
	s := d.Server
	if err := s.embedded(); err != nil {
		return nil, err
	}
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, &api.Error{Status: http.StatusServiceUnavailable, Code: api.CodeStoreDown, Message: "no snapshot can be made: " + err.Error(), Hint: "try again when /-/ready answers 200"}
	}
	now := time.Now().UTC()
	id := now.Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:6])
	dir := filepath.Join(s.opts.DataDir, snapshotsDir, id)
	if err := os.MkdirAll(filepath.Join(dir, "events", "partitions"), 0o700); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := s.snapshotFiles(dir); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if err := s.pipeline.Settle(ctx); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	days, held, err := s.snapshotTiers(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if err := s.metrics.Snapshot(ctx, filepath.Join(dir, "metrics")); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	s.keepSnapshot(id, dir)
	return &api.SnapshotReport{
		ID: id, Dir: dir, Created: now, Expires: now.Add(snapshotLife), Version: s.opts.Version, DataDir: s.opts.DataDir, Days: days, HeldSeconds: held.Seconds(),
	}, nil
}

// snapshotFiles copies the small files of the data directory, brought up to date.
func (s *Server) snapshotFiles(dir string) error {
	if s.budgets != nil {
		if err := s.budgets.Save(); err != nil {
			return err
		}
	}
	if err := s.alerts.Save(); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.opts.DataDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		// Names that begin with a dot are files that are being written.
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := copyFile(filepath.Join(dir, e.Name()), filepath.Join(s.opts.DataDir, e.Name())); err != nil {
			return err
		}
	}
	return copyTree(filepath.Join(dir, "alerts"), filepath.Join(s.opts.DataDir, "alerts"))
}

// snapshotTiers takes the hot days, and words of the cold ones; none goes from one
// to the other in between.
func (s *Server) snapshotTiers(ctx context.Context, dir string) (int, time.Duration, error) {
	if s.tier == nil {
		return s.snapshotEvents(ctx, dir)
	}
	release := s.tier.Hold()
	defer release()
	if err := s.tier.Note(ctx, dir); err != nil {
		// The last round has noted them, too, and only rounds move days.
		from := filepath.Join(s.opts.DataDir, tier.ReferenceDir)
		if _, serr := os.Stat(from); serr != nil {
			return 0, 0, fmt.Errorf("cold days cannot be named, without which the backup would not be whole: %w", err)
		}
		s.log.Warn("the cold place does not answer: a backup refers to the days that were there before", "err", err)
		if err := copyTree(filepath.Join(dir, tier.ReferenceDir), from); err != nil {
			return 0, 0, err
		}
	}
	if err := s.tier.CopyStrays(filepath.Join(dir, "events")); err != nil {
		return 0, 0, err
	}
	return s.snapshotEvents(ctx, dir)
}

// snapshotEvents takes the journal and the event store at one moment, and says
// how many days there are and for how long inserts were held back.
func (s *Server) snapshotEvents(ctx context.Context, dir string) (int, time.Duration, error) {
	release := s.events.Freeze()
	start := time.Now()
	released := sync.OnceFunc(release)
	defer released()
	// The journal first: its cursor must not be ahead of the rows.
	if err := s.journal.Snapshot(filepath.Join(dir, "journal")); err != nil {
		return 0, 0, err
	}
	if err := s.events.Flush(ctx); err != nil {
		return 0, 0, err
	}
	epoch := s.events.Epoch()
	days, err := s.events.Days(ctx)
	if err != nil {
		return 0, 0, err
	}
	paths := make([]string, len(days))
	for i, day := range days {
		if paths[i], err = s.events.SnapshotDay(ctx, day); err != nil {
			return 0, 0, err
		}
	}
	if s.events.Epoch() != epoch {
		return 0, 0, errors.New("the event engine restarted meanwhile: try again")
	}
	released()
	held := time.Since(start)
	for i, day := range days {
		if err := moveDir(filepath.Join(dir, "events", "partitions", day), paths[i]); err != nil {
			return 0, 0, err
		}
	}
	return len(days), held, nil
}

// keepSnapshot removes a snapshot in time if nobody else does. The caller holds
// snapshots.mu.
func (s *Server) keepSnapshot(id, dir string) {
	if s.snapshots.live == nil {
		s.snapshots.live = map[string]*time.Timer{}
	}
	s.snapshots.live[id] = time.AfterFunc(snapshotLife, func() {
		if _, err := (dataAdmin{s}).ReleaseSnapshot(id); err != nil {
			s.log.Warn("an expired snapshot was not removed", "dir", dir, "err", err)
		}
	})
}

// ReleaseSnapshot removes a snapshot; false where there is none of that id.
func (d dataAdmin) ReleaseSnapshot(id string) (bool, error) {
	s := d.Server
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	timer := s.snapshots.live[id]
	if timer == nil {
		return false, nil
	}
	timer.Stop()
	delete(s.snapshots.live, id)
	if err := os.RemoveAll(filepath.Join(s.opts.DataDir, snapshotsDir, id)); err != nil {
		return true, fmt.Errorf("release snapshot: %w", err)
	}
	return true, nil
}

// dropSnapshots removes what an earlier process left: nobody knows of it any more.
func (s *Server) dropSnapshots() {
	if err := os.RemoveAll(filepath.Join(s.opts.DataDir, snapshotsDir)); err != nil {
		s.log.Warn("old snapshots were not removed", "err", err)
	}
}

// stopSnapshots ends the timers; the directories go at the next start.
func (s *Server) stopSnapshots() {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	for _, t := range s.snapshots.live {
		t.Stop()
	}
}

// copyFile copies a small file. One that is gone is none.
func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600) //nolint:gosec // the path is made of the data directory and of names of ours
}

// copyTree copies a directory of small files; none is none.
func copyTree(to, from string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.IsDir():
			err = copyTree(filepath.Join(to, name), filepath.Join(from, name))
		case e.Type().IsRegular() && !strings.Contains(name, ".tmp-"):
			err = copyFile(filepath.Join(to, name), filepath.Join(from, name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moveDir moves a directory, across file systems by a copy.
func moveDir(to, from string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return os.RemoveAll(from)
}
