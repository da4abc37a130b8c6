package tier

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"
)

// lease keeps the days of a range here while a query reads them.
type lease struct {
	start, end time.Time
	away       map[string]bool // days of it that are not here yet
}

// ErrInUse is the error of a day that cannot go because a query reads it.
var ErrInUse = errors.New("a query reads the day")

// lease keeps the days of a range that are here until ctx ends, and returns those
// that are not.
func (m *Manager) lease(ctx context.Context, start, end time.Time) (*lease, []string) {
	l := &lease{start: start, end: end, away: map[string]bool{}}
	var want []string
	m.mu.Lock()
	defer m.mu.Unlock()
	for day, n := range m.days {
		if n == 0 || !l.covers(day) {
			continue
		}
		if _, ok := m.thawed[day]; ok {
			if _, err := os.Stat(m.partition(day)); err == nil {
				m.thawed[day] = m.opts.Now()
				continue
			}
			delete(m.thawed, day) // the engine had no room for it and has dropped it
		}
		l.away[day] = true
		want = append(want, day)
	}
	m.leases[l] = true
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.leases, l)
	})
	slices.Sort(want)
	return l, want
}

// hold extends a lease to a day that has come back, unless it went again.
func (m *Manager) hold(l *lease, day string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, isCold := m.days[day]
	_, isThawed := m.thawed[day]
	cut := m.whole[day] && m.going != day // a move was cut; the next round sees to it
	if isCold && !isThawed && !cut {
		return false
	}
	delete(l.away, day)
	return true
}

func (l *lease) covers(day string) bool {
	t, err := time.Parse(dayLayout, day)
	return err == nil && t.Before(l.end) && t.Add(24*time.Hour).After(l.start)
}

// leased reports whether a query reads a day. The caller holds m.mu.
func (m *Manager) leased(day string) bool {
	for l := range m.leases {
		if !l.away[day] && l.covers(day) {
			return true
		}
	}
	return false
}
