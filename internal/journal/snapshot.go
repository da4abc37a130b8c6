package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/tsdb/wlog"

	"github.com/pitot-dev/pitot/internal/durable"
)

// Snapshot writes the durable records and the cursors into dir, which must not
// exist, as a directory that Open can open. The cursors are those of the moment
// at which it begins, the records at least those from then on back to the
// slowest cursor. Appends go on meanwhile.
func (j *Journal) Snapshot(dir string) error {
	const op = "snapshot journal"
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	j.mu.Lock()
	closed := j.closed
	segs := append([]segment(nil), j.segs...)
	cursors := map[string]Position{}
	for name, c := range j.cursors {
		cursors[name] = c.committed
	}
	j.mu.Unlock()
	if closed {
		return fmt.Errorf("%s: %w", op, ErrClosed)
	}
	for _, s := range slices.Backward(segs) {
		err := copyStart(wlog.SegmentName(dir, s.index), wlog.SegmentName(j.opts.Dir, s.index), s.end)
		// One that is gone meanwhile is behind every cursor, and so are those before
		// it, for segments go from the oldest: copied from the newest on, there is a
		// gap in front, which does no harm, and none between them.
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	for name, pos := range cursors {
		if err := writeFile(filepath.Join(dir, cursorPrefix+name), encodeSlot(1, pos)); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	if err := durable.SyncDir(dir); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// copyStart copies the first n bytes of a file.
func copyStart(to, from string, n int64) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(dst, src, n)
	return errors.Join(err, dst.Sync(), dst.Close())
}

func writeFile(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// InUse reports whether a process has the journal of a directory open.
func InUse(dir string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, "lock")); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	f, err := lockDir(dir)
	if err == nil {
		return false, f.Close()
	}
	if strings.Contains(err.Error(), "in use") {
		return true, nil
	}
	return false, err
}
