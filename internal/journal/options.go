package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The defaults of Options.
const (
	DefaultMaxBytes       = 1 << 30
	DefaultSegmentSize    = 16 << 20
	DefaultCommitInterval = 50 * time.Millisecond
	DefaultMaxPending     = 64 << 20
)

// Why an append can be refused. Errors of the disk are passed on as they are.
var (
	// ErrFull means that the journal has reached MaxBytes because its consumers
	// are behind. The append can be tried again later.
	ErrFull = errors.New("journal is full: its consumers are behind; free the store or raise journal.max_bytes")
	// ErrBusy means that more than MaxPending bytes wait for the disk.
	ErrBusy = errors.New("journal is busy: the disk is too slow for what is written")
	// ErrTooLarge means that the records of one append exceed what one group can hold.
	ErrTooLarge = errors.New("append is too large for the journal")
	// ErrClosed means that the journal has been closed.
	ErrClosed = errors.New("journal is closed")
)

// Options say where a Journal lives and what bounds it. Dir is required.
type Options struct {
	Dir string
	// MaxBytes bounds the segments on disk; set-aside damaged segments come on
	// top, at most keepCorrupt of them.
	MaxBytes int64
	// SegmentSize is the unit of deletion.
	SegmentSize int64
	// CommitInterval is the least time between two syncs. An append to an idle
	// journal is synced at once; under load appends share the next sync.
	CommitInterval time.Duration
	// MaxPending bounds the bytes of appends that wait for the disk.
	MaxPending int64

	Logger     *slog.Logger
	Registerer prometheus.Registerer

	// Wrap is put around the log that is written to; tests inject faults with it.
	Wrap func(Log) Log
}

func (o *Options) defaults() error {
	if o.Dir == "" {
		return errors.New("journal: no directory given")
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.SegmentSize == 0 {
		// A small journal gets small segments: it can free space only by whole ones.
		o.SegmentSize = min(DefaultSegmentSize, max(o.MaxBytes/8/pageSize*pageSize, 4*pageSize))
	}
	if o.CommitInterval == 0 {
		o.CommitInterval = DefaultCommitInterval
	}
	if o.MaxPending == 0 {
		o.MaxPending = DefaultMaxPending
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SegmentSize < 4*pageSize || o.SegmentSize%pageSize != 0 {
		return fmt.Errorf("journal: segment size %d: must be a multiple of %d and at least %d", o.SegmentSize, pageSize, 4*pageSize)
	}
	if o.MaxBytes < 4*o.SegmentSize {
		return fmt.Errorf("journal: max_bytes %d: must be at least four segments of %d bytes", o.MaxBytes, o.SegmentSize)
	}
	if o.CommitInterval < 0 || o.MaxPending < 0 {
		return errors.New("journal: commit_interval and max_pending must not be negative")
	}
	return nil
}

// maxGroup bounds what is written between two syncs, in encoded bytes. Half a
// segment, so that a group always fits into a fresh one.
func (o *Options) maxGroup() int64 { return min(o.SegmentSize/2, 8<<20) }
