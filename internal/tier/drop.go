package tier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/durable"
)

// drop removes the local copy of a day, unless a query reads it. Queries that
// begin from here on bring it back.
func (m *Manager) drop(ctx context.Context, day string) error {
	m.mu.Lock()
	inUse := m.leased(day)
	if !inUse {
		delete(m.thawed, day)
		m.going = day
	}
	m.mu.Unlock()
	if inUse {
		return ErrInUse
	}
	defer func() {
		m.mu.Lock()
		m.going = ""
		m.mu.Unlock()
	}()
	if err := m.opts.Step("detach"); err != nil {
		return err
	}
	if err := m.opts.Engine.DetachDay(ctx, day); err != nil {
		return err
	}
	if err := m.opts.Step("remove"); err != nil {
		return err
	}
	gone := filepath.Join(m.opts.Dir, droppedPrefix+day)
	if err := os.Rename(m.partition(day), gone); err != nil {
		return fmt.Errorf("drop day %s: %w", day, err)
	}
	if err := durable.SyncDir(filepath.Dir(m.partition(day))); err != nil {
		return fmt.Errorf("drop day %s: %w", day, err)
	}
	if err := m.setWhole(day, false); err != nil {
		return err
	}
	if err := m.opts.Step("removed"); err != nil {
		return err
	}
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("drop day %s: %w", day, err)
	}
	return nil
}

// idle is how long a day that was brought back stays unused.
const idle = time.Hour

// reclaim makes days hot again that are here and in the cold place though this
// process has not brought them back: a move or a return was cut, and what is
// here may have taken rows since. They move again when they are due.
func (m *Manager) reclaim(ctx context.Context, local []localDay) error {
	waiting, err := m.strays()
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for _, d := range local {
		here[d.name] = true
	}
	for _, day := range waiting {
		if err := m.join(ctx, day, here[day]); err != nil {
			return err
		}
	}
	for _, d := range local {
		m.mu.Lock()
		_, isCold := m.days[d.name]
		_, isThawed := m.thawed[d.name]
		m.mu.Unlock()
		if !isCold || isThawed {
			continue
		}
		if !m.isWhole(d.name) {
			err = m.join(ctx, d.name, true)
		} else {
			err = m.removeCold(ctx, d.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// evict drops local copies of cold days: those unused for long, and the oldest
// ones past the cache's size.
func (m *Manager) evict(ctx context.Context, local []localDay) error {
	now := m.opts.Now()
	var held []localDay
	used := map[string]time.Time{}
	m.mu.Lock()
	for _, d := range local {
		if _, isCold := m.days[d.name]; isCold {
			held = append(held, d)
			used[d.name] = m.thawed[d.name]
		}
	}
	m.mu.Unlock()
	slices.SortFunc(held, func(a, b localDay) int {
		return cmp.Or(used[b.name].Compare(used[a.name]), cmp.Compare(a.name, b.name))
	})
	var total int64
	for _, d := range held {
		total += d.bytes
		if now.Sub(used[d.name]) < idle && total <= int64(m.opts.Config.Cache) {
			continue
		}
		total -= d.bytes
		if still, err := m.opts.Engine.Days(ctx); err != nil || !slices.Contains(still, d.name) {
			if err != nil {
				return err
			}
			continue // it was just moved
		}
		if err := m.drop(ctx, d.name); err != nil && !errors.Is(err, ErrInUse) {
			return err
		}
	}
	return nil
}

// expire removes cold days past their retention.
func (m *Manager) expire(ctx context.Context) error {
	oldest := m.opts.Now().Add(-m.opts.Hot - time.Duration(m.opts.Config.Retention))
	m.mu.Lock()
	days := slices.Sorted(maps.Keys(m.days))
	m.mu.Unlock()
	for _, day := range days {
		t, err := time.Parse(dayLayout, day)
		if err != nil || t.Add(24*time.Hour).After(oldest) {
			continue
		}
		if err := m.removeCold(ctx, day); err != nil {
			return err
		}
		m.log.Info("a cold day was removed: it is past its retention", "day", day)
	}
	return nil
}
