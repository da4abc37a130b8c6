package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/llm"
)

// GPUConfig is the `gpu:` section: Pitot's own look at the GPUs of its machine.
type GPUConfig struct {
	Enabled  string         `yaml:"enabled" doc:"auto, on or off. auto looks for GPUs once and is silent where there are none; on keeps looking and warns."`
	Command  string         `yaml:"command" doc:"The nvidia-smi command. Not used by builds with the tag nvml."`
	Interval model.Duration `yaml:"interval" doc:"How often GPUs are looked at."`
}

// The values of GPUConfig.Enabled.
const (
	gpuAuto = "auto"
	gpuOn   = "on"
	gpuOff  = "off"
)

// DefaultGPUConfig returns the configuration where the user set nothing.
func DefaultGPUConfig() GPUConfig {
	return GPUConfig{Enabled: gpuAuto, Command: "nvidia-smi", Interval: model.Duration(5 * time.Second)}
}

// Validate reports all that is wrong with the configuration.
func (c GPUConfig) Validate() error {
	var errs []error
	if !slices.Contains([]string{gpuAuto, gpuOn, gpuOff}, c.Enabled) {
		errs = append(errs, fmt.Errorf("enabled: %q: use auto, on or off", c.Enabled))
	}
	if c.Command == "" {
		errs = append(errs, errors.New("command: must not be empty: the default is nvidia-smi"))
	}
	if c.Interval < model.Duration(time.Second) {
		errs = append(errs, fmt.Errorf("interval: %s: must be at least 1s", c.Interval))
	}
	return errors.Join(errs...)
}

// maxGPUs bounds what one look may show.
const maxGPUs = 256

// gpuReading is one GPU at one time. What the GPU does not say is absent.
type gpuReading struct {
	ID, UUID, Name string

	Utilization llm.Opt[float64] // percent
	MemoryUsed  llm.Opt[float64] // bytes
	MemoryTotal llm.Opt[float64] // bytes
	Power       llm.Opt[float64] // watts
	Temperature llm.Opt[float64] // degrees Celsius
}

// gpuReader looks at the GPUs of this machine.
type gpuReader interface {
	// Read returns what is there now. An error that is errNoGPU says that there
	// is nothing to look at.
	Read(ctx context.Context) ([]gpuReading, error)
	Close() error
}

// errNoGPU says that this machine has no GPU that can be read.
var errNoGPU = errors.New("no GPU")

// gpuCollector keeps the latest reading and shows it as the llm_gpu_* families.
type gpuCollector struct {
	cfg    GPUConfig
	logger *slog.Logger
	open   func(GPUConfig) (gpuReader, error)
	descs  []*prometheus.Desc

	latest   atomic.Pointer[gpuSnapshot]
	failures atomic.Uint64
}

type gpuSnapshot struct {
	at       time.Time
	readings []gpuReading
}

func newGPUCollector(cfg GPUConfig, logger *slog.Logger) *gpuCollector {
	c := &gpuCollector{cfg: cfg, logger: logger, open: openGPUReader}
	for _, f := range gpuFamilies() {
		c.descs = append(c.descs, prometheus.NewDesc(f.name, f.help, []string{"gpu_id", "uuid", "name"}, nil))
	}
	return c
}

// run looks at the GPUs until ctx ends.
func (c *gpuCollector) run(ctx context.Context) {
	if c.cfg.Enabled == gpuOff {
		return
	}
	reader := &lateReader{open: func() (gpuReader, error) { return c.open(c.cfg) }}
	defer func() { _ = reader.Close() }() // nothing can be done about it
	err := c.look(ctx, reader)
	if err != nil && ctx.Err() == nil {
		if c.cfg.Enabled == gpuAuto {
			c.logger.Info("no GPU is read on this machine", "reason", err.Error())
			return
		}
		c.logger.Warn("GPUs cannot be read", "err", err)
	}
	c.watch(ctx, reader, err != nil)
}

// lateReader opens its reader with the first reading that finds one: a driver
// may be installed while Pitot runs.
type lateReader struct {
	open   func() (gpuReader, error)
	reader gpuReader
}

// Read implements gpuReader.
func (l *lateReader) Read(ctx context.Context) ([]gpuReading, error) {
	if l.reader == nil {
		r, err := l.open()
		if err != nil {
			return nil, err
		}
		l.reader = r
	}
	return l.reader.Read(ctx)
}

// Close implements gpuReader.
func (l *lateReader) Close() error {
	if l.reader == nil {
		return nil
	}
	return l.reader.Close()
}

// watch looks at each interval and logs when that begins or ceases to fail.
func (c *gpuCollector) watch(ctx context.Context, reader gpuReader, failing bool) {
	tick := time.NewTicker(time.Duration(c.cfg.Interval))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := c.look(ctx, reader)
		if ctx.Err() != nil {
			return
		}
		if failed := err != nil; failed != failing {
			failing = failed
			if failed {
				c.logger.Warn("GPUs cannot be read", "err", err)
			} else {
				c.logger.Info("GPUs are read again")
			}
		}
	}
}

func (c *gpuCollector) look(ctx context.Context, reader gpuReader) error {
	readings, err := reader.Read(ctx)
	if err == nil && len(readings) == 0 {
		err = errNoGPU
	}
	if err != nil {
		c.failures.Add(1)
		return err
	}
	c.latest.Store(&gpuSnapshot{at: time.Now(), readings: readings[:min(len(readings), maxGPUs)]})
	return nil
}

// Describe implements prometheus.Collector.
func (c *gpuCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector. A reading that is older than three
// intervals is not shown: an old number looks like a true one.
func (c *gpuCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.latest.Load()
	if s == nil || time.Since(s.at) > 3*time.Duration(c.cfg.Interval)+gpuCommandTimeout {
		return
	}
	for i := range s.readings {
		g := &s.readings[i]
		for k, v := range []llm.Opt[float64]{g.Utilization, g.MemoryUsed, g.MemoryTotal, g.Power, g.Temperature} {
			if f, ok := v.Get(); ok {
				ch <- prometheus.MustNewConstMetric(c.descs[k], prometheus.GaugeValue, f, g.ID, g.UUID, cleanLabel(g.Name))
			}
		}
	}
}

// findCommand says in a user's words what is missing.
func findCommand(command string) (string, error) {
	path, err := exec.LookPath(command)
	if err != nil {
		return "", fmt.Errorf("%w: %s is not installed here", errNoGPU, command)
	}
	return path, nil
}
