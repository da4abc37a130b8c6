package tier

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pitot-dev/pitot/internal/durable"
)

// stateFile is in the engine's directory, beside partitions.
const stateFile = "tier.json"

// stateVersion is that of the state file.
const stateVersion = 1

// state is what a process must know of those before it.
type state struct {
	Version int `json:"version"`
	// Cold days take no rows, from the first moment on.
	Cold []string `json:"cold"`
	// Whole days have all their rows here, though there may be a cold copy: one that
	// is being made, or of which the day here was made. Any other day that is both
	// here and cold has been begun anew, or was restored from a backup.
	Whole []string `json:"whole"`
}

// load reads the state. The engine does not run yet.
func (m *Manager) load() error {
	b, err := os.ReadFile(m.statePath())
	if errors.Is(err, os.ErrNotExist) {
		m.unknown = true
		return nil
	}
	var s state
	if err == nil {
		if err = json.Unmarshal(b, &s); err != nil {
			err = fmt.Errorf("%w: it is damaged; remove it, and days that are both here and cold are put together row by row", err)
		}
	}
	if err == nil && s.Version > stateVersion {
		err = fmt.Errorf("version %d, this program reads up to %d: %w", s.Version, stateVersion, errNewer)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.statePath(), err)
	}
	for _, day := range s.Cold {
		m.days[day] = 0
	}
	for _, day := range s.Whole {
		// A day that is not here is on its way no more.
		if _, err := os.Stat(m.partition(day)); err == nil {
			m.whole[day] = true
		}
	}
	return nil
}

func (m *Manager) statePath() string { return filepath.Join(m.opts.Dir, stateFile) }

// save writes the state where it has changed.
func (m *Manager) save() error {
	m.mu.Lock()
	s := state{Version: stateVersion, Cold: slices.Sorted(maps.Keys(m.days)), Whole: slices.Sorted(maps.Keys(m.whole))}
	m.mu.Unlock()
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if string(b) == m.saved {
		return nil
	}
	if err := durable.WriteFile(m.statePath(), b); err != nil {
		return fmt.Errorf("note which days are cold: %w", err)
	}
	m.saved = string(b)
	return nil
}

// setWhole notes whether a day is here with all its rows.
func (m *Manager) setWhole(day string, whole bool) error {
	m.mu.Lock()
	if whole {
		m.whole[day] = true
	} else {
		delete(m.whole, day)
	}
	m.mu.Unlock()
	return m.save()
}

func (m *Manager) isWhole(day string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.whole[day]
}
