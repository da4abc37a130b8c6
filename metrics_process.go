package pitot

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// process registers the metrics of the process under the names that client
// libraries of Prometheus give them: process_resident_memory_bytes,
// process_cpu_seconds_total, process_start_time_seconds and go_goroutines. The
// memory and the CPU time are read from /proc and absent where there is none.
func (b *builder) process() metric.Registration {
	gauge := func(name, unit, help string) metric.Float64ObservableGauge {
		g, err := b.m.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help))
		b.fail(err)
		return g
	}
	memory := gauge("process.resident_memory", "By", "Resident memory size in bytes.")
	start := gauge("process.start_time", "s", "Start time of the process since the Unix epoch in seconds.")
	goroutines := gauge("go.goroutines", "{goroutine}", "Number of goroutines that currently exist.")
	cpu, err := b.m.Float64ObservableCounter("process.cpu", metric.WithUnit("s"), metric.WithDescription("Total user and system CPU time spent in seconds."))
	b.fail(err)
	began := processStart(time.Now())
	r, err := b.m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveFloat64(goroutines, float64(runtime.NumGoroutine()))
		o.ObserveFloat64(start, float64(began.UnixMilli())/1000)
		if stat, ok := readProcStat(); ok {
			o.ObserveFloat64(memory, stat.resident)
			o.ObserveFloat64(cpu, stat.cpu)
		}
		return nil
	}, memory, start, goroutines, cpu)
	b.fail(err)
	return r
}

// userHZ is the unit of times in /proc: a hundredth of a second on every
// architecture that Go runs on.
const userHZ = 100

type procStat struct {
	cpu      float64 // seconds
	started  float64 // seconds since the machine's start
	resident float64 // bytes
}

// readProcStat reads what the kernel says of this process.
func readProcStat() (s procStat, ok bool) {
	raw, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return s, false
	}
	return parseProcStat(raw, os.Getpagesize())
}

// parseProcStat reads a line of /proc/self/stat. The name of the process, in
// parentheses, may hold anything.
func parseProcStat(raw []byte, page int) (s procStat, ok bool) {
	i := bytes.LastIndexByte(raw, ')')
	if i < 0 {
		return s, false
	}
	f := bytes.Fields(raw[i+1:]) // from field 3 on
	if len(f) < 22 {
		return s, false
	}
	num := func(field int) float64 {
		v, err := strconv.ParseFloat(string(f[field-3]), 64)
		if err != nil {
			ok = false
		}
		return v
	}
	ok = true
	s.cpu = (num(14) + num(15)) / userHZ
	s.started = num(22) / userHZ
	s.resident = num(24) * float64(page)
	return s, ok
}

// processStart is when the process began, or fallback where nobody says.
func processStart(fallback time.Time) time.Time {
	stat, ok := readProcStat()
	if !ok {
		return fallback
	}
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return fallback
	}
	for line := range bytes.Lines(raw) {
		if v, found := bytes.CutPrefix(line, []byte("btime ")); found {
			boot, err := strconv.ParseInt(string(bytes.TrimSpace(v)), 10, 64)
			if err != nil {
				return fallback
			}
			return time.UnixMilli(boot*1000 + int64(stat.started*1000))
		}
	}
	return fallback
}
