package tier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Want brings the cold days of a range back, as far as the configuration's wait
// and number of days allow, and returns those that are missing from the answer.
// What is on its way goes on arriving for the next question.
func (m *Manager) Want(ctx context.Context, start, end time.Time) (missing []string) {
	timer := time.NewTimer(time.Duration(m.opts.Config.Wait))
	defer timer.Stop()
	if m.mayBeCold(start, end) {
		// After a start, or while the cold place cannot be reached, nobody knows what
		// is there: not to say so would pass a part for the whole.
		select {
		case <-m.known:
		case <-timer.C:
			return []string{start.UTC().Format(dayLayout)}
		case <-ctx.Done():
			return []string{start.UTC().Format(dayLayout)}
		}
	}
	l, want := m.lease(ctx, start, end)
	if len(want) > m.opts.Config.MaxDays {
		return want
	}
	for _, day := range want {
		if !m.await(ctx, l, day, timer) {
			missing = append(missing, day)
		}
	}
	return missing
}

// mayBeCold reports whether a range may have cold days, as far as that is known
// without the cold place: those past the hot age, those that were cold before the
// start, and where space is bounded and nobody knows those, all but the newest.
func (m *Manager) mayBeCold(start, end time.Time) bool {
	now := m.opts.Now()
	if start.Before(now.Add(-m.opts.Hot)) {
		return true
	}
	if m.unknown && m.opts.MaxDisk > 0 && start.Before(now.UTC().Truncate(24*time.Hour).Add(-(keepDays-1)*24*time.Hour)) {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := lease{start: start, end: end}
	for day := range m.days {
		if l.covers(day) {
			return true
		}
	}
	return false
}

// await brings a day back, or looks whether it is there once the time is up.
func (m *Manager) await(ctx context.Context, l *lease, day string, timer *time.Timer) bool {
	for {
		t := m.begin(ctx, day)
		select {
		case <-t.done:
		default:
			select {
			case <-t.done:
			case <-timer.C:
				timer.Reset(0) // the others are looked at, not waited for
				return false
			case <-ctx.Done():
				return false
			}
		}
		if t.err != nil {
			return false
		}
		if m.hold(l, day) {
			return true
		}
		// It went again, for another one, in this very moment.
	}
}

// thawTimeout bounds the return of one day.
const thawTimeout = 30 * time.Minute

// begin starts to bring a day back, or finds that somebody has.
func (m *Manager) begin(ctx context.Context, day string) *thaw {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.waiting[day]; t != nil {
		return t
	}
	t := &thaw{done: make(chan struct{})}
	m.waiting[day] = t
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), thawTimeout)
	go func() {
		defer cancel()
		t.err = m.thaw(ctx, day)
		if t.err != nil {
			m.log.Error("a cold day cannot be brought back", "day", day, "err", t.err)
		}
		m.mu.Lock()
		delete(m.waiting, day)
		m.mu.Unlock()
		close(t.done)
	}()
	return t
}

// thaw brings a day back.
func (m *Manager) thaw(ctx context.Context, day string) error {
	m.work.Lock()
	defer m.work.Unlock()
	return m.bring(ctx, day)
}

// bring is thaw for who holds m.work.
func (m *Manager) bring(ctx context.Context, day string) error {
	days, err := m.opts.Engine.Days(ctx)
	if err != nil {
		return err
	}
	here := slices.Contains(days, day)
	if m.hasStray(day) || here && !m.isWhole(day) {
		return m.join(ctx, day, here)
	}
	if here {
		m.mu.Lock()
		defer m.mu.Unlock()
		if _, ok := m.thawed[day]; ok {
			m.thawed[day] = m.opts.Now()
		}
		return nil // it came while we waited; or a move was cut, and the next round sees to it
	}
	return m.fetch(ctx, day)
}

// fetch puts the cold copy of a day in place.
func (m *Manager) fetch(ctx context.Context, day string) error {
	man, err := m.cold.manifest(ctx, day)
	if err != nil {
		return err
	}
	if err := m.makeRoom(ctx, man.Bytes); err != nil {
		return err
	}
	dir := filepath.Join(m.opts.Dir, thawPrefix+day)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("thaw day %s: %w", day, err)
	}
	if err := m.opts.Step("fetch"); err != nil {
		return err
	}
	if err := m.cold.get(ctx, man, dir); err != nil {
		_ = os.RemoveAll(dir) // else the next start does
		return fmt.Errorf("thaw day %s: %w", day, err)
	}
	if err := m.opts.Step("place"); err != nil {
		return err
	}
	// A directory that the engine does not know: a detach before a rename was cut.
	if err := os.RemoveAll(m.partition(day)); err != nil {
		return fmt.Errorf("thaw day %s: %w", day, err)
	}
	if err := m.setWhole(day, true); err != nil {
		return err
	}
	if err := os.Rename(dir, m.partition(day)); err != nil {
		return fmt.Errorf("thaw day %s: %w", day, err)
	}
	if err := m.opts.Step("attach"); err != nil {
		return err
	}
	if err := m.opts.Engine.AttachDay(ctx, day); err != nil {
		return err
	}
	m.touch(day)
	return nil
}

func (m *Manager) touch(day string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.thawed[day] = m.opts.Now()
}

// errNoRoom is the error of a day that does not fit beside those that queries use.
var errNoRoom = errors.New("the days that queries use now leave no room for it: raise storage.events.cold.cache, or ask for fewer days")

// makeRoom drops the days of the cache that were unused for longest until n more
// bytes fit. A day larger than the cache has it for itself.
func (m *Manager) makeRoom(ctx context.Context, n int64) error {
	for {
		m.mu.Lock()
		total, oldest := n, ""
		for day, at := range m.thawed {
			total += m.days[day]
			if !m.leased(day) && (oldest == "" || at.Before(m.thawed[oldest])) {
				oldest = day
			}
		}
		room := total <= int64(m.opts.Config.Cache) || len(m.thawed) == 0
		m.mu.Unlock()
		if room {
			return nil
		}
		if oldest == "" {
			return errNoRoom
		}
		if err := m.drop(ctx, oldest); err != nil {
			return err
		}
	}
}

// Recall makes all cold days of a range hot again, for good: the cold copies are
// removed. They move again, as they are then, with the next round after release
// is called; until then no day moves.
func (m *Manager) Recall(ctx context.Context, start, end time.Time) (days []string, release func(), err error) {
	m.work.Lock()
	defer func() {
		if err != nil {
			m.work.Unlock()
		}
	}()
	if days, err = m.recall(ctx, start, end); err != nil {
		return nil, nil, err
	}
	return days, m.work.Unlock, nil
}

// recall does it. The caller holds m.work throughout: between its return and the
// end of its cold copy a day must not go from the cache.
func (m *Manager) recall(ctx context.Context, start, end time.Time) ([]string, error) {
	if err := m.refresh(ctx); err != nil {
		return nil, err
	}
	if err := m.joinStrays(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	var days []string
	for day := range m.days {
		if t, err := time.Parse(dayLayout, day); err == nil && t.Before(end) && t.Add(24*time.Hour).After(start) {
			days = append(days, day)
		}
	}
	m.mu.Unlock()
	slices.Sort(days)
	for _, day := range days {
		if err := m.bring(ctx, day); err != nil {
			return nil, err
		}
		if err := m.opts.Step("recall"); err != nil {
			return nil, err
		}
		if err := m.removeCold(ctx, day); err != nil {
			return nil, err
		}
	}
	return days, nil
}

// HoldHot keeps days where they are until release is called, without the cold
// ones: those that were brought back go, so that work on the days that are here
// changes no copy of a cold day.
func (m *Manager) HoldHot(ctx context.Context) (release func(), err error) {
	m.work.Lock()
	defer func() {
		if err != nil {
			m.work.Unlock()
		}
	}()
	if err := m.joinStrays(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	days := slices.Sorted(maps.Keys(m.thawed))
	m.mu.Unlock()
	for _, day := range days {
		if err := m.drop(ctx, day); err != nil {
			return nil, err
		}
	}
	return m.work.Unlock, nil
}
