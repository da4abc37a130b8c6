package tier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Engine is what the Manager asks of the event store. Days are named YYYYMMDD.
type Engine interface {
	Days(ctx context.Context) ([]string, error)
	SnapshotDay(ctx context.Context, day string) (dir string, err error)
	DetachDay(ctx context.Context, day string) error
	AttachDay(ctx context.Context, day string) error
	// WriteDay writes all rows of a day, AddToDay adds those that the day lacks.
	WriteDay(ctx context.Context, day string, w io.Writer) error
	AddToDay(ctx context.Context, day string, r io.Reader) error
	// SetHot says since when rows are taken: days before it do not change any more,
	// and no row is on its way to them once it returns.
	SetHot(from time.Time)
}

// Options set up a Manager. All but Now and Step are required.
type Options struct {
	Config Config
	// Dir is the engine's data directory: partitions are in Dir/partitions.
	Dir string
	// Hot is how long days stay in the event store. MaxDisk bounds its files: past
	// it the oldest days move early. 0 is no bound.
	Hot     time.Duration
	MaxDisk int64
	Engine  Engine
	Logger  *slog.Logger
	// Data is the data directory, where Round notes which days are cold; empty: none.
	Data string
	// Prepare is called before days move; where it fails they stay. May be nil.
	Prepare func(ctx context.Context) error
	Now     func() time.Time // default time.Now
	// Step is called before each step of a move; tests fail there.
	Step func(step string) error
}

// dayLayout is how the engine names a day.
const dayLayout = "20060102"

// Names of directories in the engine's, beside partitions, that are not finished.
const (
	droppedPrefix = "dropped-"
	thawPrefix    = "thaw-"
)

// Manager moves days. It is safe for concurrent use.
type Manager struct {
	opts Options
	log  *slog.Logger
	cold cold

	work  sync.Mutex      // one move at a time
	known chan struct{}   // closed when it is known which days are cold
	learn sync.Once       // closes it
	aside map[string]bool // days whose rows are in their files, as they are
	saved string          // the state file, as it was written last
	// unknown says that there was no state file: nobody knows which days were cold.
	unknown bool

	mu      sync.Mutex           // guards what follows
	movedAt map[string]time.Time // when cold days moved, where that is known
	days    map[string]int64     // cold days and their bytes; 0 where that is not known yet
	thawed  map[string]time.Time // cold days that are attached, and when they were last asked for
	waiting map[string]*thaw     // that are on their way
	leases  map[*lease]bool      // of the queries that run
	going   string               // the day that is being dropped
	whole   map[string]bool      // days that have all their rows here, whatever is cold
	err     error                // of the last round
	moved   time.Time            // last day that was moved
	noted   string               // the cold days that were noted last
}

// thaw is a day on its way back.
type thaw struct {
	done chan struct{}
	err  error
}

// New returns a Manager. It asks nothing of the cold place yet.
func New(o Options) (*Manager, error) {
	store, err := o.Config.open()
	if err != nil {
		return nil, fmt.Errorf("cold tier: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Step == nil {
		o.Step = func(string) error { return nil }
	}
	m := &Manager{
		opts: o, log: o.Logger, cold: cold{store},
		known: make(chan struct{}), aside: map[string]bool{}, movedAt: map[string]time.Time{}, days: map[string]int64{}, thawed: map[string]time.Time{}, waiting: map[string]*thaw{}, whole: map[string]bool{}, leases: map[*lease]bool{},
	}
	if err := m.cleanUp(); err != nil {
		return nil, err
	}
	if err := m.load(); err != nil {
		return nil, err
	}
	m.setHot()
	return m, nil
}

// cleanUp removes what a move that was cut has left. Before the engine runs.
func (m *Manager) cleanUp() error {
	entries, err := os.ReadDir(m.opts.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), droppedPrefix) || strings.HasPrefix(e.Name(), thawPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(m.opts.Dir, e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("cold tier: %w", err)
	}
	return nil
}

// roundEvery is how often the Manager looks for days to move, retryEvery how soon
// after it has failed.
const (
	roundEvery = 10 * time.Minute
	retryEvery = 15 * time.Second
)

// Run moves days as they grow old until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		next := roundEvery
		err := m.Round(ctx)
		m.mu.Lock()
		news := (err == nil) != (m.err == nil)
		m.err = err
		m.mu.Unlock()
		if err != nil && news && ctx.Err() == nil {
			m.log.Error("days cannot be moved to cold storage; they stay, and it is tried again", "err", err)
		}
		if err != nil {
			next = retryEvery
		}
		timer.Reset(next)
	}
}

// Round looks once: what is cold, what has to move, what can go.
func (m *Manager) Round(ctx context.Context) error {
	m.work.Lock()
	defer m.work.Unlock()
	if err := m.refresh(ctx); err != nil {
		return err
	}
	hot, err := m.local(ctx)
	if err != nil {
		return err
	}
	if err := m.reclaim(ctx, hot); err != nil {
		return err
	}
	if err := m.save(); err != nil {
		return err
	}
	due := m.due(hot)
	begun := m.opts.Now()
	if len(due) > 0 && m.opts.Prepare != nil {
		if err := m.opts.Prepare(ctx); err != nil {
			return err
		}
	}
	for i, day := range due {
		if i > 0 {
			m.letThrough(ctx)
		}
		if err := m.move(ctx, day, begun); err != nil {
			return err
		}
	}
	if err := m.evict(ctx, hot); err != nil {
		return err
	}
	if err := m.expire(ctx); err != nil || m.opts.Data == "" {
		return err
	}
	return m.noteChanges(ctx)
}

// letThrough lets queries have the days that they wait for, which the caller holds
// up: the first time there may be months of days to move.
func (m *Manager) letThrough(ctx context.Context) {
	m.work.Unlock()
	defer m.work.Lock()
	m.mu.Lock()
	waiting := slices.Collect(maps.Values(m.waiting))
	m.mu.Unlock()
	for _, t := range waiting {
		select {
		case <-t.done:
		case <-ctx.Done():
			return
		}
	}
}

// refresh reads which days are cold.
func (m *Manager) refresh(ctx context.Context) error {
	names, err := m.cold.list(ctx)
	if err != nil {
		return err
	}
	found, moved := map[string]int64{}, map[string]time.Time{}
	m.mu.Lock()
	for _, day := range names {
		found[day] = m.days[day]
	}
	m.mu.Unlock()
	for day, n := range found {
		if n > 0 {
			continue
		}
		man, err := m.cold.manifest(ctx, day)
		if err != nil {
			return err
		}
		found[day] = max(man.Bytes, 1)
		moved[day] = man.Moved
	}
	m.mu.Lock()
	m.days = found
	maps.Copy(m.movedAt, moved)
	maps.DeleteFunc(m.movedAt, func(day string, _ time.Time) bool { _, ok := found[day]; return !ok })
	m.mu.Unlock()
	m.setHot()
	m.learn.Do(func() { close(m.known) })
	return nil
}

// setHot says since when rows are taken: from the hot age on, and never into a
// day that is cold.
func (m *Manager) setHot() {
	from := m.opts.Now().Add(-m.opts.Hot)
	m.mu.Lock()
	for day := range m.days {
		if t, err := time.Parse(dayLayout, day); err == nil && !t.Add(24*time.Hour).Before(from) {
			from = t.Add(24 * time.Hour)
		}
	}
	m.mu.Unlock()
	m.opts.Engine.SetHot(from)
}

// local returns the days that the engine has, oldest first, with their bytes.
func (m *Manager) local(ctx context.Context) ([]localDay, error) {
	names, err := m.opts.Engine.Days(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []localDay
	for _, name := range names {
		n, err := dirBytes(m.partition(name))
		if err != nil {
			return nil, err
		}
		out = append(out, localDay{name, n})
	}
	return out, nil
}

type localDay struct {
	name  string
	bytes int64
}

func (m *Manager) partition(day string) string {
	return filepath.Join(m.opts.Dir, "partitions", day)
}

// keepDays are never moved for want of space: today's and yesterday's, or the
// newest ones where these are not there yet. Days that are still to come, of
// senders whose clocks are ahead, are not counted among them.
const keepDays = 2

// due are the days to move: those past their age, and the oldest ones while
// there are too many bytes. Days that are cold already are none of these.
func (m *Manager) due(hot []localDay) []string {
	oldest := m.opts.Now().Add(-m.opts.Hot)
	var out []string
	var total int64
	own := slices.DeleteFunc(slices.Clone(hot), func(d localDay) bool { return m.isCold(d.name) })
	for _, d := range own {
		total += d.bytes
	}
	today := m.opts.Now().UTC().Format(dayLayout)
	past := 0
	for _, d := range own {
		if d.name <= today {
			past++
		}
	}
	for i, d := range own {
		day, err := time.Parse(dayLayout, d.name)
		if err != nil {
			continue
		}
		old := !day.Add(24 * time.Hour).After(oldest)
		full := m.opts.MaxDisk > 0 && total > m.opts.MaxDisk && i < past-keepDays
		if old || full {
			out = append(out, d.name)
			total -= d.bytes
		}
	}
	return out
}

func (m *Manager) isCold(day string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.days[day]
	return ok
}

// move copies a day to the cold place, reads it back and removes it here. What it
// was prepared for is what was to be done at begun: later ages are not.
func (m *Manager) move(ctx context.Context, day string, begun time.Time) error {
	// No row may come into it from here on.
	m.mu.Lock()
	m.days[day] = 0
	m.mu.Unlock()
	m.setHot()
	moved := false
	defer func() {
		if !moved { // the state file may say that it is cold: the next round mends it
			m.mu.Lock()
			delete(m.days, day)
			m.mu.Unlock()
			m.setHot()
		}
	}()
	if err := m.setWhole(day, true); err != nil {
		return err
	}
	if err := m.opts.Step("snapshot"); err != nil {
		return err
	}
	snapshot, err := m.opts.Engine.SnapshotDay(ctx, day)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(snapshot) }() // it is part of the day's directory, and goes with it
	if err := m.opts.Step("copy"); err != nil {
		return err
	}
	man, err := m.cold.put(ctx, day, snapshot, begun)
	if err != nil {
		return err
	}
	if err := m.opts.Step("verify"); err != nil {
		return err
	}
	if err := m.cold.verify(ctx, man); err != nil {
		return errors.Join(err, m.cold.remove(context.WithoutCancel(ctx), day))
	}
	moved = true
	m.mu.Lock()
	m.days[day] = max(man.Bytes, 1)
	m.moved = m.opts.Now()
	m.movedAt[day] = man.Moved
	m.mu.Unlock()
	m.log.Info("a day moved to cold storage", "day", day, "bytes", man.Bytes, "to", m.cold.store.String())
	if err := m.drop(ctx, day); !errors.Is(err, ErrInUse) {
		return err
	}
	// As if it had been brought back: it goes when it is not used any more.
	m.mu.Lock()
	m.thawed[day] = m.opts.Now().Add(-idle)
	m.mu.Unlock()
	return nil
}

// Status is how the tier is doing.
type Status struct {
	Days map[string]int64 // cold days and their bytes
	// MovedAt is when they became cold, where that is known.
	MovedAt map[string]time.Time
	Thawed  []string  // that are attached
	Moved   time.Time // when the last day moved; zero: none since the start
	Err     error     // of the last round
	Place   string
}

// Status returns how the tier is doing.
func (m *Manager) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Status{Days: maps.Clone(m.days), MovedAt: maps.Clone(m.movedAt), Thawed: slices.Sorted(maps.Keys(m.thawed)), Moved: m.moved, Err: m.err, Place: m.cold.store.String()}
}

func dirBytes(dir string) (int64, error) {
	var n int64
	err := filepath.Walk(dir, func(_ string, i os.FileInfo, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && i.Mode().IsRegular() {
			n += i.Size()
		}
		return err
	})
	return n, err
}
