package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Snapshot writes all samples of the store into dir, which is made, as a
// directory that Open can open: blocks as hard links, what is in memory as a
// block. Exemplars are not in it.
func (m *Metrics) Snapshot(ctx context.Context, dir string) error {
	m.mu.Lock()
	state := m.state
	m.mu.Unlock()
	if state == closed {
		return ErrClosed
	}
	if state == running {
		m.self.scrape(time.Now()) // what was counted until now belongs to it
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("snapshot metrics: %w", err)
	}
	// A snapshot of the head does not hold samples that came out of order.
	if err := m.db.CompactOOOHead(ctx); err != nil {
		return fmt.Errorf("snapshot metrics: %w", err)
	}
	if err := m.db.Snapshot(dir, m.db.Head().NumSeries() > 0); err != nil {
		return fmt.Errorf("snapshot metrics: %w", err)
	}
	return nil
}

// DiskBytes is the size of the store's files.
func (m *Metrics) DiskBytes() (int64, error) {
	var n int64
	root := os.DirFS(m.opts.Dir)
	err := fs.WalkDir(root, ".", func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // compaction removes files at any time
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		if st, err := e.Info(); err == nil {
			n += st.Size()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("size of metrics: %w", err)
	}
	return n, nil
}
