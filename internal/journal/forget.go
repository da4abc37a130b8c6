package journal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// forgetEvery is how often Forget looks whether the consumers have come far enough.
const forgetEvery = 50 * time.Millisecond

// Forget removes what was durable when it was called from the disk: it begins a
// new segment, and waits until every cursor has passed the older ones and they
// are deleted. Damaged segments that were set aside go, too. When ctx ends first
// the error names the cursors that are behind; the segments go by themselves
// when these have come on.
func (j *Journal) Forget(ctx context.Context) error {
	const op = "forget journal"
	done := make(chan error, 1)
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return fmt.Errorf("%s: %w", op, ErrClosed)
	}
	j.pending = append(j.pending, &request{roll: true, done: func(err error) { done <- err }})
	signal(j.wake)
	signal(j.flush)
	j.mu.Unlock()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if err := j.dropCorrupt(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	j.mu.Lock()
	last, seq := j.segs[len(j.segs)-1].index, j.lastSeq
	j.mu.Unlock()
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		j.deleteConsumed()
		j.mu.Lock()
		gone := j.segs[0].index >= last
		var behind []string
		for name, c := range j.cursors {
			if c.committed.Seq < seq {
				behind = append(behind, name)
			}
		}
		j.mu.Unlock()
		if gone {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			slices.Sort(behind)
			return fmt.Errorf("%s: %w: these have not read everything yet: %s", op, ctx.Err(), strings.Join(behind, ", "))
		}
	}
}

func (j *Journal) dropCorrupt() error {
	names, err := filepath.Glob(filepath.Join(j.opts.Dir, "*"+corruptSuffix))
	for _, name := range names {
		if rerr := os.Remove(name); err == nil {
			err = rerr
		}
	}
	return err
}

// rollNow begins a new segment where the present one has records. It belongs to
// the commit goroutine.
func (j *Journal) rollNow() error {
	if err := j.w.ready(time.Now()); err != nil {
		return err
	}
	if j.w.end > 0 {
		if err := j.w.roll(); err != nil {
			return err
		}
	}
	j.noteSegment()
	return nil
}
