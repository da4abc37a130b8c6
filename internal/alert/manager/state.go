package manager

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/durable"
)

const (
	silencesFile = "silences"
	nflogFile    = "nflog"
	// settleTime gathers changes into one write: notifications come in bursts.
	settleTime = 200 * time.Millisecond
)

// openState reads what an earlier process left. A file that cannot be read is
// put aside, so that alerts go on.
func (m *Manager) openState(recorder eventrecorder.Recorder) (*nflog.Log, *silence.Silences, error) {
	logOpts := nflog.Options{SnapshotFile: filepath.Join(m.opts.Dir, nflogFile), Retention: m.opts.Retention, Logger: m.logger}
	silenceOpts := silence.Options{
		SnapshotFile: filepath.Join(m.opts.Dir, silencesFile), Retention: m.opts.Retention, Logger: m.logger,
		Limits: silence.Limits{
			MaxSilences:         func() int { return maxSilences },
			MaxSilenceSizeBytes: func() int { return maxSilenceBytes },
		},
		EventRecorder: recorder,
	}
	// Read twice: a failed New has registered its metrics.
	logOpts.Metrics, silenceOpts.Metrics = prometheus.NewRegistry(), prometheus.NewRegistry()
	if _, err := nflog.New(logOpts); err != nil {
		if err := m.putAside(logOpts.SnapshotFile, err); err != nil {
			return nil, nil, err
		}
	}
	if _, err := silence.New(silenceOpts); err != nil {
		if err := m.putAside(silenceOpts.SnapshotFile, err); err != nil {
			return nil, nil, err
		}
	}
	logOpts.Metrics, silenceOpts.Metrics = m.opts.Registerer, m.opts.Registerer
	log, err := nflog.New(logOpts)
	if err != nil {
		return nil, nil, fmt.Errorf("notification log: %w", err)
	}
	silences, err := silence.New(silenceOpts)
	if err != nil {
		return nil, nil, fmt.Errorf("silences: %w", err)
	}
	return log, silences, nil
}

func (m *Manager) putAside(path string, cause error) error {
	aside := path + ".corrupt-" + time.Now().UTC().Format("20060102T150405")
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("%s cannot be read (%w) nor be put aside: %w", path, cause, err)
	}
	m.logger.Error("state of the alertmanager could not be read and was put aside", "path", aside, "error", cause)
	return nil
}

// snapshotter is what silences and the notification log are.
type snapshotter interface {
	Snapshot(w io.Writer) (int64, error)
}

// state is written to a file.
type state struct {
	name, path string
	source     snapshotter
}

// snapshots keeps the files up to date: soon after each change, and at once for
// who waits.
type snapshots struct {
	logger  *slog.Logger
	results *prometheus.CounterVec
	states  []state
	collect func()

	changed chan struct{}
	quit    chan struct{}
	done    sync.WaitGroup

	writing sync.Mutex // held while files are written; guards failed
	failed  error
}

func newSnapshots(logger *slog.Logger, results *prometheus.CounterVec, states ...state) *snapshots {
	return &snapshots{
		logger: logger, results: results, states: states, collect: func() {},
		changed: make(chan struct{}, 1), quit: make(chan struct{}),
	}
}

// touch says that something changed. It does not wait.
func (s *snapshots) touch() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *snapshots) start() {
	s.done.Go(func() {
		t := time.NewTicker(maintenanceInterval)
		defer t.Stop()
		for {
			select {
			case <-s.quit:
				return
			case <-t.C:
				s.collect()
			case <-s.changed:
				wait := time.NewTimer(settleTime)
				select {
				case <-wait.C:
				case <-s.quit:
					wait.Stop()
					return // close writes
				}
			}
			_ = s.write() // the error is counted, logged and shown
		}
	})
}

// write writes all states.
func (s *snapshots) write() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var errs []error
	for _, st := range s.states {
		result := "ok"
		if err := durable.Replace(st.path, func(w io.Writer) error { _, err := st.source.Snapshot(w); return err }); err != nil {
			result = "failed"
			errs = append(errs, fmt.Errorf("write %s: %w", st.name, err))
		}
		s.results.WithLabelValues(st.name, result).Inc()
	}
	err := errors.Join(errs...)
	if err != nil && s.failed == nil {
		s.logger.Error("state of the alertmanager not written", "error", err)
	}
	s.failed = err
	return err
}

func (s *snapshots) lastError() string {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.failed == nil {
		return ""
	}
	return s.failed.Error()
}

func (s *snapshots) close() error {
	close(s.quit)
	s.done.Wait()
	return s.write()
}

// Save writes silences and the notification log now.
func (m *Manager) Save() error {
	if err := m.snapshots.write(); err != nil {
		return fmt.Errorf("alert manager: save: %w", err)
	}
	return nil
}
