package pipeline

import (
	"errors"
	"fmt"
	"time"
)

// Config is what users set.
type Config struct {
	Queue    QueueConfig    `yaml:"queue"`
	Sampling SamplingConfig `yaml:"sampling"`
	// EstimateUsage fills token counts that a provider did not report, from the
	// text; such counts and their costs are marked as estimated.
	EstimateUsage bool `yaml:"estimate_usage"`
}

// QueueConfig bounds the records on their way to the journal.
type QueueConfig struct {
	MaxRecords int   `yaml:"max_records"`
	MaxBytes   int64 `yaml:"max_bytes"` // by an estimate of their size
}

// SamplingConfig says which records are stored in detail. Metrics count all.
type SamplingConfig struct {
	// Rate is the share of traces, or of calls without one, that is stored.
	Rate float64 `yaml:"rate"`
	// Slow calls and spans are always stored, as are errors; 0 turns that off.
	Slow time.Duration `yaml:"slow"`
}

// DefaultConfig returns the configuration that is used where the user set nothing.
func DefaultConfig() Config {
	return Config{
		Queue:         QueueConfig{MaxRecords: 16384, MaxBytes: 64 << 20},
		Sampling:      SamplingConfig{Rate: 1, Slow: 30 * time.Second},
		EstimateUsage: true,
	}
}

// Validate reports all that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Queue.MaxRecords < 1 {
		errs = append(errs, fmt.Errorf("queue.max_records: %d: must be at least 1", c.Queue.MaxRecords))
	}
	if c.Queue.MaxBytes < 1<<20 {
		errs = append(errs, fmt.Errorf("queue.max_bytes: %d: must be at least 1 MiB (%d)", c.Queue.MaxBytes, 1<<20))
	}
	if !(c.Sampling.Rate >= 0 && c.Sampling.Rate <= 1) { // also NaN
		errs = append(errs, fmt.Errorf("sampling.rate: %v: must be between 0 and 1", c.Sampling.Rate))
	}
	if c.Sampling.Slow < 0 {
		errs = append(errs, fmt.Errorf("sampling.slow: %v: must not be negative", c.Sampling.Slow))
	}
	return errors.Join(errs...)
}
