package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The engine deletes rows by rewriting the parts of its files that hold them. It
// looks for these parts first and takes each afterwards if no merge has it. A part
// that a merge took and finished in between looks free, although it is gone: the
// engine then writes its rows a second time and ends with "BUG: unexpected number
// of parts removed" (v1.43.1, datadb.deleteRows). So nothing may be merged while
// it deletes: inserts are held, and the deletion begins when all that came before
// is in files and no merge is under way. Without new parts none begins.

// ErrEngineRestarted says that the engine ended in the midst of a deletion: part
// of it may be done.
var ErrEngineRestarted = errors.New("the event engine restarted in the midst of a deletion")

const (
	// deleteEvery is how often a deletion is asked whether it is done.
	deleteEvery = 100 * time.Millisecond
	// quietEvery is how often the engine is asked whether it merges.
	quietEvery = 50 * time.Millisecond
	// holdTimeout is how long inserts wait for merges to end before a deletion; past
	// it they go on, and the deletion waits without holding them.
	holdTimeout = 15 * time.Second
	// mergeTimeout bounds the wait for merges as a whole.
	mergeTimeout = 15 * time.Minute
	// stopTimeout bounds the end of a deletion that nobody waits for any more.
	stopTimeout = 30 * time.Second
)

// deleteRows removes the rows of some filters from the engine's files, and returns
// when that is done. Inserts wait meanwhile, and so do rollups: one that had read
// the rows before would write what they add up to, and whose they were, after.
func (s *Store) deleteRows(ctx context.Context, filters ...string) error {
	if len(filters) == 0 {
		return nil
	}
	s.rollups.mu.Lock()
	defer s.rollups.mu.Unlock()
	s.deleting.Lock()
	defer s.deleting.Unlock()
	release, err := s.freezeQuiet(ctx)
	if err != nil {
		return err
	}
	defer release()
	epoch := s.Epoch()
	for i, f := range filters {
		if i > 0 { // the one before left parts to merge
			if err := s.waitQuiet(ctx, mergeTimeout); err != nil {
				return s.orRestarted(ctx, epoch, err)
			}
		}
		if err := s.deleteOne(ctx, f); err != nil {
			return s.orRestarted(ctx, epoch, err)
		}
	}
	return s.orRestarted(ctx, epoch, nil)
}

// orRestarted is err, or that the engine restarted, which explains it.
func (s *Store) orRestarted(ctx context.Context, epoch uint64, err error) error {
	if errors.Is(err, ErrEngineRestarted) {
		return err
	}
	_, down := errors.AsType[*UnavailableError](err)
	if s.Epoch() != epoch || down && ctx.Err() == nil && s.ping(ctx) != nil {
		return errors.Join(ErrEngineRestarted, err)
	}
	return err
}

// freezeQuiet holds inserts back once the engine merges nothing.
func (s *Store) freezeQuiet(ctx context.Context) (release func(), err error) {
	end := s.now().Add(mergeTimeout)
	for {
		release := s.Freeze()
		if err = s.waitQuiet(ctx, holdTimeout); err == nil {
			return release, nil
		}
		release()
		if !errors.Is(err, errBusy) || s.now().After(end) {
			return nil, err
		}
		s.log.Info("a deletion waits for merges of the event store; records go on being stored")
		if err := s.waitMerges(ctx, end.Sub(s.now())); err != nil {
			return nil, err
		}
	}
}

// errBusy says that the engine goes on merging.
var errBusy = errors.New("the event engine is busy merging files: try again later")

// waitQuiet waits until all rows are in files and nothing is merged. The caller
// holds inserts back.
func (s *Store) waitQuiet(ctx context.Context, limit time.Duration) error {
	if err := s.Flush(ctx); err != nil {
		return err
	}
	last := int64(-1)
	return s.poll(ctx, limit, func(m merges) bool {
		quiet := m.active == 0 && m.inMemory == 0 && m.total == last // looked at twice
		last = m.total
		return quiet
	})
}

// waitMerges waits for a moment without merges of files.
func (s *Store) waitMerges(ctx context.Context, limit time.Duration) error {
	return s.poll(ctx, limit, func(m merges) bool { return m.active == 0 })
}

func (s *Store) poll(ctx context.Context, limit time.Duration, done func(merges) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errBusy)
	defer cancel()
	tick := time.NewTicker(quietEvery)
	defer tick.Stop()
	for {
		m, err := s.merges(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		case done(m):
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// merges is what the engine does to its files.
type merges struct{ active, total, inMemory int64 }

// merges reads what the engine says of itself.
func (s *Store) merges(ctx context.Context) (merges, error) {
	const op = "look at merges"
	b, err := s.send(ctx, op, http.MethodGet, "/metrics", nil)
	if err != nil {
		return merges{}, err
	}
	var m merges
	seen := 0
	for line := range bytes.Lines(b) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		if !strings.Contains(name, `{type="storage/`) {
			continue
		}
		var to *int64
		switch {
		case strings.HasPrefix(name, "vl_active_merges{"):
			to = &m.active
		case strings.HasPrefix(name, "vl_merges_total{"):
			to = &m.total
		case name == `vl_storage_parts{type="storage/inmemory"}`:
			to = &m.inMemory
		default:
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return merges{}, &UnavailableError{Op: op, Err: fmt.Errorf("the engine says %q", prefix(string(line), 200))}
		}
		*to += n
		seen++
	}
	if seen == 0 {
		return merges{}, &UnavailableError{Op: op, Err: errors.New("the engine says nothing of merges")}
	}
	return m, nil
}

// deleteOne carries out one deletion.
func (s *Store) deleteOne(ctx context.Context, filter string) error {
	const op = "delete rows"
	b, err := s.ask(ctx, op, "/delete/run_task", url.Values{"filter": {filter}})
	if err != nil {
		return err
	}
	var task struct {
		ID string `json:"task_id"`
	}
	if err := json.Unmarshal(b, &task); err != nil || task.ID == "" {
		return &UnavailableError{Op: op, Err: fmt.Errorf("the engine answered %q", prefix(string(b), 200))}
	}
	tick := time.NewTicker(deleteEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.stopDeletion(ctx, task.ID)
			return fmt.Errorf("%s: %w; it was stopped", op, ctx.Err())
		}
		var tasks []struct {
			ID string `json:"task_id"`
		}
		if err := s.manage(ctx, op, "/delete/active_tasks", nil, &tasks); err != nil {
			if ctx.Err() != nil {
				continue
			}
			return err
		}
		done := true
		for _, t := range tasks {
			done = done && t.ID != task.ID
		}
		if done {
			return nil
		}
	}
}

// stopDeletion ends a deletion, so that it does not go on beside inserts.
func (s *Store) stopDeletion(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if _, err := s.ask(ctx, "stop deletion", "/delete/stop_task", url.Values{"task_id": {id}}); err != nil {
		s.log.Warn("a deletion could not be stopped", "err", err)
	}
}
