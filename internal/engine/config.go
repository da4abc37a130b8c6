package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// FlushInterval is how long an accepted row may be in memory only. The engine
// has no write-ahead log: after a crash of the child, rows accepted in about
// the last two intervals may be gone.
const FlushInterval = time.Second

// MaxRowBytes is the longest row that the engine stores; longer ones are
// dropped by it with a line in its log.
const MaxRowBytes = 2 << 20

// MaxFields is the most fields that one row may have.
const MaxFields = 1000

// Options say how to run the engine. Dir is required.
type Options struct {
	// Dir holds the data. It is created where it does not exist.
	Dir string
	// Retention is how long rows are kept, in whole days, rounded up.
	// Default 30 days.
	Retention time.Duration
	// MaxDisk is the most bytes of disk to use: the oldest days go first.
	// 0 means no limit but Retention.
	MaxDisk int64
	// MinFreeDisk is the free space below which rows are refused.
	// Default 256 MiB.
	MinFreeDisk int64
	// Memory is the soft limit of the child's heap. Default a quarter of the
	// machine's memory, between 256 MiB and 2 GiB.
	Memory int64
	// Executable and Args start the child; default this executable with the
	// argument "engine". Env is added to the environment.
	Executable string
	Args       []string
	Env        []string

	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

func (o *Options) setDefaults() error {
	if o.Dir == "" {
		return errors.New("engine: no data directory is set: set storage.path")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("engine: data directory: %w", err)
	}
	o.Dir = dir
	if o.Retention < 0 || o.MaxDisk < 0 || o.MinFreeDisk < 0 || o.Memory < 0 {
		return errors.New("engine: retention, max_disk, min_free_disk and memory cannot be negative")
	}
	if o.Retention == 0 {
		o.Retention = 30 * 24 * time.Hour
	}
	if o.MinFreeDisk == 0 {
		o.MinFreeDisk = 256 << 20
	}
	if o.Memory == 0 {
		o.Memory = min(max(machineMemory()/4, 256<<20), 2<<30)
	}
	if o.Executable == "" {
		if o.Executable, err = os.Executable(); err != nil {
			return fmt.Errorf("engine: find own executable: %w", err)
		}
	}
	if o.Args == nil {
		o.Args = []string{"engine"}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// childConfig travels to the child as one line of JSON on its stdin.
type childConfig struct {
	Password      string `json:"password"`
	Dir           string `json:"dir"`
	RetentionDays int    `json:"retention_days"`
	MaxDisk       int64  `json:"max_disk"`
	MinFreeDisk   int64  `json:"min_free_disk"`
	Memory        int64  `json:"memory"`
}

func (o *Options) childConfig(password string) childConfig {
	const day = 24 * time.Hour
	return childConfig{
		Password:      password,
		Dir:           o.Dir,
		RetentionDays: max(int((o.Retention+day-1)/day), 1),
		MaxDisk:       o.MaxDisk,
		MinFreeDisk:   o.MinFreeDisk,
		Memory:        o.Memory,
	}
}
