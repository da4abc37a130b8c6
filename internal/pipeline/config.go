package pipeline

import (
	"errors"
	"fmt"
	"time"
)

// maxWait bounds the wait of a sampling decision: what waits is in the journal.
const maxWait = 10 * time.Minute

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

// SamplingConfig says which records are stored in detail. Metrics and totals
// count all.
type SamplingConfig struct {
	// Rate is the share of traces, or of calls without one, that is stored.
	Rate float64 `yaml:"rate"`
	// Slow calls and spans are always stored, as are errors; 0 turns that off.
	Slow time.Duration `yaml:"slow"`
	// Cost in US dollars at which a call is always stored; 0 turns that off.
	Cost float64 `yaml:"cost" doc:"US dollars at which a call, and its whole trace, is always stored; 0 turns that off."`
	// RareModels is the number of calls of a model in the last hour up to which
	// all are stored.
	RareModels int `yaml:"rare_models" doc:"Calls of a model within an hour up to which all are stored; 0 turns that off."`
	// Wait is how long the decision on a trace waits for its errors and slow parts.
	Wait time.Duration `yaml:"wait" doc:"How long the decision on a trace waits for its errors, slow and costly parts. With rate 1 nothing waits."`
}

// DefaultConfig returns the configuration that is used where the user set nothing.
func DefaultConfig() Config {
	return Config{
		Queue:         QueueConfig{MaxRecords: 16384, MaxBytes: 64 << 20},
		Sampling:      SamplingConfig{Rate: 1, Slow: 30 * time.Second, Cost: 0.5, RareModels: 10, Wait: 10 * time.Second},
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
	if !(c.Sampling.Cost >= 0) { // also NaN
		errs = append(errs, fmt.Errorf("sampling.cost: %v: must not be negative", c.Sampling.Cost))
	}
	if c.Sampling.RareModels < 0 {
		errs = append(errs, fmt.Errorf("sampling.rare_models: %d: must not be negative", c.Sampling.RareModels))
	}
	if c.Sampling.Wait < 0 || c.Sampling.Wait > maxWait {
		errs = append(errs, fmt.Errorf("sampling.wait: %v: must be between 0 and %v", c.Sampling.Wait, maxWait))
	}
	return errors.Join(errs...)
}
