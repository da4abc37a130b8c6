package tier

import (
	"context"
	"fmt"
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
	if start.Before(m.opts.Now().Add(-m.opts.Hot)) {
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
	var want []string
	m.mu.Lock()
	for day := range m.days {
		t, err := time.Parse(dayLayout, day)
		if err != nil || !t.Before(end) || !t.Add(24*time.Hour).After(start) || m.days[day] == 0 {
			continue
		}
		if _, ok := m.thawed[day]; ok {
			m.thawed[day] = m.opts.Now()
			continue
		}
		want = append(want, day)
	}
	m.mu.Unlock()
	slices.Sort(want)
	if len(want) == 0 {
		return nil
	}
	if len(want) > m.opts.Config.MaxDays {
		return want
	}
	for _, day := range want {
		t := m.begin(ctx, day)
		select {
		case <-t.done:
			if t.err != nil {
				missing = append(missing, day)
			}
			continue
		default:
		}
		select {
		case <-t.done:
			if t.err != nil {
				missing = append(missing, day)
			}
		case <-timer.C:
			timer.Reset(0) // the others are looked at, not waited for
			missing = append(missing, day)
		case <-ctx.Done():
			missing = append(missing, day)
		}
	}
	return missing
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
	days, err := m.opts.Engine.Days(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(days, day) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if _, ok := m.thawed[day]; ok {
			m.thawed[day] = m.opts.Now()
		}
		return nil // it came while we waited; or a move was cut, and the next round sees to it
	}
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

// makeRoom drops the days of the cache that were unused for longest until n more
// bytes fit. A day larger than the cache has it for itself.
func (m *Manager) makeRoom(ctx context.Context, n int64) error {
	for {
		m.mu.Lock()
		total, oldest := n, ""
		for day, at := range m.thawed {
			total += m.days[day]
			if oldest == "" || at.Before(m.thawed[oldest]) {
				oldest = day
			}
		}
		m.mu.Unlock()
		if oldest == "" || total <= int64(m.opts.Config.Cache) {
			return nil
		}
		if err := m.drop(ctx, oldest); err != nil {
			return err
		}
	}
}

// Recall makes all cold days of a range hot again, for good: the cold copies are
// removed. They move again, as they are then, with the next round.
func (m *Manager) Recall(ctx context.Context, start, end time.Time) ([]string, error) {
	m.work.Lock()
	err := m.refresh(ctx)
	m.work.Unlock()
	if err != nil {
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
		if err := m.thaw(ctx, day); err != nil {
			return nil, err
		}
		m.work.Lock()
		err := m.cold.remove(ctx, day)
		m.mu.Lock()
		delete(m.days, day)
		delete(m.movedAt, day)
		delete(m.thawed, day)
		m.mu.Unlock()
		m.work.Unlock()
		if err != nil {
			return nil, err
		}
	}
	return days, nil
}
