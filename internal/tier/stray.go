package tier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pitot-dev/pitot/internal/durable"
)

// A day can be here with rows that its cold copy lacks while it lacks rows of
// that copy: a server without cold storage took late rows, or a backup of the day
// as it was earlier was restored. Neither may be given up for the other. The
// rows that are here go to a file, the cold copy takes their place, and those of
// the file that it lacks are added.

// strayPrefix and straySuffix are around the day in the name of such a file.
const (
	strayPrefix = "stray-"
	straySuffix = ".jsonl"
)

func (m *Manager) strayFile(day string) string {
	return filepath.Join(m.opts.Dir, strayPrefix+day+straySuffix)
}

// hasStray reports whether a day waits for rows of a file.
func (m *Manager) hasStray(day string) bool {
	_, err := os.Stat(m.strayFile(day))
	return err == nil
}

// strays are the days that wait for rows of a file.
func (m *Manager) strays() ([]string, error) {
	names, err := filepath.Glob(m.strayFile("*"))
	for i, name := range names {
		names[i] = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), strayPrefix), straySuffix)
	}
	return names, err
}

// joinStrays adds rows that wait in files to their days before work on the days:
// added after it, what was removed would be there again.
func (m *Manager) joinStrays(ctx context.Context) error {
	days, err := m.strays()
	if err != nil {
		return err
	}
	for _, day := range days {
		if err := m.bring(ctx, day); err != nil {
			return err
		}
	}
	return nil
}

// CopyStrays copies the files of rows that wait for their days to dir: a snapshot
// of the days lacks these rows. The caller holds the days.
func (m *Manager) CopyStrays(dir string) error {
	days, err := m.strays()
	if err != nil {
		return err
	}
	for _, day := range days {
		name := m.strayFile(day)
		err := durable.Replace(filepath.Join(dir, filepath.Base(name)), func(w io.Writer) error {
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			_, err = io.Copy(w, f)
			return errors.Join(err, f.Close())
		})
		if err != nil {
			return fmt.Errorf("rows of day %s beside its cold copy: %w", day, err)
		}
	}
	return nil
}

// join makes one hot day of what is here and of the cold copy, which goes. It
// may be cut at any point and called again.
func (m *Manager) join(ctx context.Context, day string, here bool) error {
	if here && !m.isWhole(day) {
		if err := m.opts.Step("stray"); err != nil {
			return err
		}
		if err := m.setAside(ctx, day); err != nil {
			return fmt.Errorf("rows of day %s beside its cold copy: %w", day, err)
		}
		if err := m.drop(ctx, day); err != nil {
			return err
		}
		here = false
	}
	if !here {
		if err := m.fetch(ctx, day); err != nil {
			return err
		}
	}
	if err := m.opts.Step("add"); err != nil {
		return err
	}
	if err := m.addStray(ctx, day); err != nil {
		return err
	}
	if err := m.removeCold(ctx, day); err != nil {
		return err
	}
	if err := m.opts.Step("added"); err != nil {
		return err
	}
	if err := os.Remove(m.strayFile(day)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("day %s: %w", day, err)
	}
	delete(m.aside, day)
	m.log.Info("a day that was here and in cold storage, with other rows, is one again", "day", day)
	return nil
}

// setAside writes the rows of a day to its file. A file that is there already has
// rows that are nowhere else: a join was cut, and a server without cold storage
// began the day anew since. They stay in it; those that are in it twice are added
// once.
func (m *Manager) setAside(ctx context.Context, day string) error {
	if m.aside[day] {
		return nil // nothing has come since
	}
	err := durable.Replace(m.strayFile(day), func(w io.Writer) error {
		old, err := os.Open(m.strayFile(day))
		if err == nil {
			_, err = io.Copy(w, old)
			err = errors.Join(err, old.Close())
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return m.opts.Engine.WriteDay(ctx, day, w)
	})
	if err != nil {
		return err
	}
	m.aside[day] = true
	return nil
}

// addStray adds the rows of the file, and has the engine write them to disk.
func (m *Manager) addStray(ctx context.Context, day string) error {
	f, err := os.Open(m.strayFile(day))
	if err != nil {
		return fmt.Errorf("day %s: %w", day, err)
	}
	defer f.Close()
	if err := m.opts.Engine.AddToDay(ctx, day, f); err != nil {
		return fmt.Errorf("add rows to day %s: %w", day, err)
	}
	snapshot, err := m.opts.Engine.SnapshotDay(ctx, day)
	if err != nil {
		return err
	}
	return os.RemoveAll(snapshot)
}

// removeCold removes the cold copy of a day: it is here as a whole, or too old.
func (m *Manager) removeCold(ctx context.Context, day string) error {
	if err := m.cold.remove(ctx, day); err != nil {
		return err
	}
	m.mu.Lock()
	delete(m.days, day)
	delete(m.movedAt, day)
	delete(m.thawed, day)
	m.mu.Unlock()
	return m.save()
}
