package budget

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// ReplayFrom is the start of the oldest call that may be missing from a budget;
// false where none is.
func (e *Engine) ReplayFrom() (time.Time, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var from time.Time
	for _, l := range *e.active.Load() {
		if !l.replayFrom.IsZero() && (from.IsZero() || l.replayFrom.Before(from)) {
			from = l.replayFrom
		}
	}
	return from, !from.IsZero()
}

// Rebuild counts the calls of the store that started at ReplayFrom or later and
// that were not counted yet: those since the last snapshot after a crash, all
// of its periods for a budget that is new. Calls may end and be recorded at the
// same time; none counts twice.
//
// It counts what the store has: calls that sampling left out are not in it. A
// call is missed that started before ReplayFrom and ended after the snapshot,
// which is one of more than an hour.
func (e *Engine) Rebuild(ctx context.Context, calls iter.Seq2[*llm.Call, error]) error {
	e.replaying.Lock()
	defer e.replaying.Unlock()
	n := 0
	for c, err := range calls {
		if err != nil {
			return fmt.Errorf("budget: rebuild: %w", err)
		}
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("budget: rebuild: %w", ctx.Err())
		}
		e.replay(c)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range *e.active.Load() {
		l.replayFrom, l.born, l.replayed = time.Time{}, 0, nil
	}
	e.changed = true
	return nil
}

func (e *Engine) replay(c *llm.Call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	number, seen := e.recent.seen(c.ID)
	r := RequestOf(c)
	for _, l := range *e.active.Load() {
		if l.replayFrom.IsZero() || c.Time.Before(l.replayFrom) || l.hasCounted(c, seen, number, e.recent.floor) {
			continue
		}
		e.count(l, c, &r, now)
	}
	if !seen {
		e.recent.add(c.ID, c.Time)
	}
}

// hasCounted says whether a budget that is being filled has counted a call.
func (l *ledger) hasCounted(c *llm.Call, seen bool, number uint64, floor int64) bool {
	if !seen {
		// It may have been forgotten: calls are counted when they end.
		return c.Time.UnixNano() <= floor && !l.bornAt.IsZero() && !c.Time.Add(c.Duration).Before(l.bornAt)
	}
	if number >= l.born {
		return true
	}
	// Counted by others, before this budget was there.
	if _, ok := l.replayed[number]; ok {
		return true
	}
	if l.replayed == nil {
		l.replayed = map[uint64]struct{}{}
	}
	l.replayed[number] = struct{}{}
	return false
}
