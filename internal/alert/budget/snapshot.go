package budget

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/durable"
)

const (
	// snapshotVersion is that of the file; another one is not read.
	snapshotVersion = 1
	// maxSnapshot bounds the file that is read, in bytes.
	maxSnapshot = 1 << 30
	// replayMargin is how long before a snapshot a call may have started that
	// ended after it, and that Replay finds again.
	replayMargin = time.Hour
)

// snapshot is the state on disk: a line with version and checksum, and JSON.
type snapshot struct {
	SavedAt time.Time     `json:"saved_at"`
	Budgets []savedBudget `json:"budgets"`
	Recent  recentState   `json:"recent"`
	Pending []Alert       `json:"pending,omitempty"` // not yet delivered
}

type savedBudget struct {
	Identity   string    `json:"identity"`
	Thresholds []float64 `json:"thresholds"`
	// ReplayFrom, Born and BornAt are of a budget that was not yet filled from the
	// store; Born counts from the first call in Recent.
	ReplayFrom time.Time `json:"replay_from,omitzero"`
	Born       uint64    `json:"born,omitempty"`
	BornAt     time.Time `json:"born_at,omitzero"`

	Accounts []savedAccount `json:"accounts"`
}

type savedAccount struct {
	Key      string `json:"key"`
	Slots    []slot `json:"slots"`
	Notified uint32 `json:"notified,omitempty"`
}

func (s *snapshot) find(l *ledger) *savedBudget {
	if s == nil {
		return nil
	}
	id := l.identity()
	for i := range s.Budgets {
		if s.Budgets[i].Identity == id {
			return &s.Budgets[i]
		}
	}
	return nil
}

func (s *snapshot) has(l *ledger) bool { return s.find(l) != nil }

// restore takes the accounts over from a snapshot.
func (l *ledger) restore(s *snapshot, now time.Time) {
	saved := s.find(l)
	oldest := l.period.oldest(now)
	for _, sa := range saved.Accounts {
		if len(l.accounts) > MaxAccounts {
			break
		}
		slices.SortFunc(sa.Slots, func(a, b slot) int { return int(a.Start - b.Start) })
		a := &account{key: sa.Key, slots: sa.Slots, notified: sa.Notified}
		a.prune(oldest)
		l.accounts[sa.Key] = a
	}
	l.carryNotified(saved.Thresholds)
	if !saved.ReplayFrom.IsZero() { // it still has to be filled from the store
		l.born, l.bornAt, l.replayFrom = saved.Born, saved.BornAt, saved.ReplayFrom
		return
	}
	// What started before the floor may have been forgotten and would count twice.
	l.replayFrom = s.SavedAt.Add(-replayMargin)
	if floor := time.Unix(0, s.Recent.Floor+1); s.Recent.Floor != 0 && floor.After(l.replayFrom) {
		l.replayFrom = floor
	}
}

// Save writes the state to the snapshot file where it has changed.
func (e *Engine) Save() error {
	if e.opts.Path == "" {
		return nil
	}
	e.mu.Lock()
	if !e.changed {
		e.mu.Unlock()
		return nil
	}
	e.changed = false
	s := e.snapshot()
	e.mu.Unlock()
	err := writeSnapshot(e.opts.Path, s)
	if err != nil {
		e.mu.Lock()
		e.changed = true
		e.mu.Unlock()
	}
	return err
}

// snapshot copies the state; the caller holds mu.
func (e *Engine) snapshot() *snapshot {
	s := &snapshot{SavedAt: e.now().UTC(), Recent: e.recent.save(), Pending: slices.Clone(e.pending)}
	first := e.recent.next - uint64(len(e.recent.ring))
	for _, l := range *e.active.Load() {
		b := savedBudget{Identity: l.identity(), Thresholds: l.Thresholds, ReplayFrom: l.replayFrom}
		if !b.ReplayFrom.IsZero() {
			b.Born, b.BornAt = max(l.born, first)-first, l.bornAt
		}
		for _, key := range slices.Sorted(maps.Keys(l.accounts)) {
			a := l.accounts[key]
			b.Accounts = append(b.Accounts, savedAccount{Key: key, Slots: slices.Clone(a.slots), Notified: a.notified})
		}
		s.Budgets = append(s.Budgets, b)
	}
	return s
}

// encodeSnapshot is the content of the file.
func encodeSnapshot(s *snapshot) ([]byte, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	head := fmt.Sprintf("pitot-budgets %d %08x\n", snapshotVersion, crc32.ChecksumIEEE(body))
	return append([]byte(head), body...), nil
}

func decodeSnapshot(data []byte) (*snapshot, error) {
	head, body, ok := bytes.Cut(data, []byte("\n"))
	var version int
	var sum uint32
	if _, err := fmt.Sscanf(string(head), "pitot-budgets %d %08x", &version, &sum); err != nil || !ok {
		return nil, errors.New("not a snapshot of budgets")
	}
	if version != snapshotVersion {
		return nil, fmt.Errorf("version %d: this program reads version %d", version, snapshotVersion)
	}
	if crc32.ChecksumIEEE(body) != sum {
		return nil, errors.New("checksum differs: the file is damaged")
	}
	s := &snapshot{}
	if err := json.Unmarshal(body, s); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return s, nil
}

// writeSnapshot replaces the file in one step: after a crash there is the old
// one or the new one.
func writeSnapshot(path string, s *snapshot) error {
	data, err := encodeSnapshot(s)
	if err != nil {
		return fmt.Errorf("budget: save: %w", err)
	}
	if err := durable.WriteFile(path, data); err != nil {
		return fmt.Errorf("budget: save: %w", err)
	}
	return nil
}

// readSnapshot reads the file; nil where there is none. One that is damaged is
// kept under another name.
func readSnapshot(path string) (*snapshot, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // likewise
	}
	if err == nil && info.Size() > maxSnapshot {
		err = fmt.Errorf("%d bytes: at most %d", info.Size(), maxSnapshot)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("budget: read %s: %w", path, err)
	}
	s, err := decodeSnapshot(data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("budget: read %s: %w; it is kept as %s.damaged, and budgets count from the store", path, err, path),
			os.Rename(path, path+".damaged"))
	}
	return s, nil
}
