package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/pitot-dev/pitot/internal/llm"
)

// fakeSMI is a command that prints what it is given, to both outputs.
func fakeSMI(t testing.TB, stdout, stderr string, code int) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"out": stdout, "err": stderr} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf("#!/bin/sh\ncat '%s/out'; cat '%s/err' >&2; exit %d\n", dir, dir, code)
	path := filepath.Join(dir, "nvidia-smi")
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

const smiOutput = `0, GPU-5ba7a7c0-0000-0000-0000-000000000001, NVIDIA H200, 97, 33934, 143771, 627.40, 52
1, GPU-5ba7a7c0-0000-0000-0000-000000000002, NVIDIA H200, [N/A], 17782, 143771, [Not Supported], 36
2, GPU-5ba7a7c0-0000-0000-0000-000000000003, "NVIDIA, odd", 3 %, 575 MiB, 8192 MiB, [Unknown Error], [GPU requires reset]
`

func TestParseSMI(t *testing.T) {
	got, err := parseSMI(smiOutput)
	if err != nil {
		t.Fatal(err)
	}
	none := llm.Opt[float64]{}
	mib := func(v float64) llm.Opt[float64] { return llm.Some(v * 1048576) }
	want := []gpuReading{
		{"0", "GPU-5ba7a7c0-0000-0000-0000-000000000001", "NVIDIA H200", llm.Some(97.0), mib(33934), mib(143771), llm.Some(627.4), llm.Some(52.0)},
		// With MIG the GPU as a whole has no utilization.
		{"1", "GPU-5ba7a7c0-0000-0000-0000-000000000002", "NVIDIA H200", none, mib(17782), mib(143771), none, llm.Some(36.0)},
		{"2", "GPU-5ba7a7c0-0000-0000-0000-000000000003", "NVIDIA, odd", llm.Some(3.0), mib(575), mib(8192), none, none},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b llm.Opt[float64]) bool { return a == b })); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{
		"", "\n", "No devices were found\n", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", "0, a, b\n", "x, a, b, 1, 2, 3, 4, 5\n",
	} {
		if _, err := parseSMI(bad); !errors.Is(err, errNoGPU) {
			t.Errorf("%q: the error is %v", bad, err)
		}
	}
	// One bad line does not take the others along.
	if got, err := parseSMI("Unable to determine the device handle for GPU 0000:3B:00.0\n" + smiOutput); err != nil || len(got) != 3 {
		t.Errorf("%d GPUs beside a broken one: %v", len(got), err)
	}
}

func FuzzParseSMI(f *testing.F) {
	f.Add(smiOutput)
	f.Add("0, a, \"b, 1, 2, 3, 4, 5\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseSMI(s)
		if err != nil {
			return
		}
		for _, g := range got {
			if v, ok := g.Utilization.Get(); ok && !(v >= 0) {
				t.Errorf("utilization %v", v)
			}
		}
	})
}

func targetLabelsOf(job, instance string) labels.Labels {
	return labels.FromStrings("instance", instance, "job", job)
}

// lockedBuffer is written to by the store's goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func gpuConfig(command string) GPUConfig {
	return GPUConfig{Enabled: gpuAuto, Command: command, Interval: model.Duration(time.Second)}
}

// TestGPUCollector: what nvidia-smi prints is in the store and on /metrics.
func TestGPUCollector(t *testing.T) {
	m := startStore(t, func(o *Options) { o.GPU = gpuConfig(fakeSMI(t, smiOutput, "", 0)) })
	eventually(t, "the GPUs are read", func() bool { return m.gpu.latest.Load() != nil })
	const want = `
# HELP llm_gpu_utilization_percent Share of time in which the GPU worked, 0 to 100.
# TYPE llm_gpu_utilization_percent gauge
llm_gpu_utilization_percent{gpu_id="0",name="NVIDIA H200",uuid="GPU-5ba7a7c0-0000-0000-0000-000000000001"} 97
llm_gpu_utilization_percent{gpu_id="2",name="NVIDIA, odd",uuid="GPU-5ba7a7c0-0000-0000-0000-000000000003"} 3
`
	if err := testutil.GatherAndCompare(m.Gatherer(), strings.NewReader(want), "llm_gpu_utilization_percent"); err != nil {
		t.Error(err)
	}
	now := time.Now()
	m.self.scrape(now)
	checkValues(t, m, now, map[string]float64{
		`llm_gpu_memory_total_bytes{gpu_id="1"}`:      143771 * 1048576,
		`llm_gpu_power_watts{job="pitot",gpu_id="0"}`: 627.4,
		`llm_gpu_temperature_celsius{gpu_id="1"}`:     36,
		`count(llm_gpu_memory_used_bytes)`:            3,
		`count(llm_gpu_utilization_percent)`:          2,
		`avg(llm_gpu_utilization_percent) < bool 30`:  0,
	})
}

// TestGPUSeenTwiceIsOne: a GPU that the collector and an exporter see.
func TestGPUSeenTwiceIsOne(t *testing.T) {
	m := startStore(t, func(o *Options) { o.GPU = gpuConfig(fakeSMI(t, smiOutput, "", 0)) })
	eventually(t, "the GPUs are read", func() bool { return m.gpu.latest.Load() != nil })
	now := time.Now()
	m.self.scrape(now)
	dcgm := func(uuid, gpu string, v float64) {
		t.Helper()
		f := gaugeFamily("DCGM_FI_DEV_GPU_UTIL", v)
		f[0].Metric[0].Label = append(f[0].Metric[0].Label, pair("UUID", uuid), pair("gpu", gpu))
		store(t, m, newFamilyAppender(targetLabelsOf("dcgm", "h:"+gpu)), f, now)
	}
	dcgm("GPU-5ba7a7c0-0000-0000-0000-000000000001", "0", 11) // the collector has it
	dcgm("GPU-5ba7a7c0-0000-0000-0000-000000000009", "9", 12) // another machine's
	dcgm("GPU-5ba7a7c0-0000-0000-0000-000000000008", "8", 2147483632)
	smi := gaugeFamily("nvidia_smi_utilization_gpu_ratio", 0.5)
	smi[0].Metric[0].Label = append(smi[0].Metric[0].Label, pair("uuid", "5ba7a7c0-0000-0000-0000-000000000009"))
	info := gaugeFamily("nvidia_smi_gpu_info", 1)
	info[0].Metric[0].Label = append(info[0].Metric[0].Label, pair("uuid", "5ba7a7c0-0000-0000-0000-000000000009"), pair("index", "9"), pair("name", "x"))
	store(t, m, newFamilyAppender(targetLabelsOf("smi", "h:1")), append(smi, info...), now)
	evalRules(t, m, now)
	checkValues(t, m, now, map[string]float64{
		`count(llm_gpu_utilization_percent)`:                                           3, // two of the collector's, one of DCGM's
		`llm_gpu_utilization_percent{uuid="GPU-5ba7a7c0-0000-0000-0000-000000000001"}`: 97,
		`llm_gpu_utilization_percent{uuid="GPU-5ba7a7c0-0000-0000-0000-000000000009"}`: 12,
	})
}

// TestNoGPUIsSaidOnce: on a machine without GPUs there is one line at level
// info and no more.
func TestNoGPUIsSaidOnce(t *testing.T) {
	for name, command := range map[string]string{
		"not installed": "no-such-nvidia-smi",
		"no driver":     fakeSMI(t, "", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", 9),
		"no device":     fakeSMI(t, "No devices were found\n", "", 6),
	} {
		var log lockedBuffer
		c := newGPUCollector(gpuConfig(command), slog.New(slog.NewTextHandler(&log, nil)))
		c.run(t.Context()) // returns: there is nothing to watch
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "level=INFO") {
			t.Errorf("%s: the log is %q", name, log.String())
		}
		reg := prometheus.NewRegistry()
		reg.MustRegister(c)
		if f, err := reg.Gather(); err != nil || len(f) != 0 {
			t.Errorf("%s: %d families, %v", name, len(f), err)
		}
	}
}

// scriptedReader fails or reads as it is told.
type scriptedReader struct {
	mu   sync.Mutex
	fail error
	n    int
}

func (r *scriptedReader) Read(context.Context) ([]gpuReading, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if r.fail != nil {
		return nil, r.fail
	}
	return []gpuReading{{ID: "0", UUID: "GPU-1", Utilization: llm.Some(5.0)}}, nil
}

func (*scriptedReader) Close() error { return nil }

func (r *scriptedReader) set(err error) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
	return r.n
}

func (r *scriptedReader) reads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// TestGPUFailuresAreLoggedOnChange: a driver that breaks and comes back.
func TestGPUFailuresAreLoggedOnChange(t *testing.T) {
	var log lockedBuffer
	r := &scriptedReader{}
	cfg := gpuConfig("x")
	cfg.Interval = model.Duration(time.Millisecond)
	c := newGPUCollector(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	c.open = func(GPUConfig) (gpuReader, error) { return r, nil }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.run(ctx) }()
	more := func(n int) { eventually(t, "more readings", func() bool { return r.reads() > n+3 }) }
	more(0)
	more(r.set(errors.New("the GPU fell off the bus")))
	more(r.set(nil))
	cancel()
	<-done
	got := log.String()
	if strings.Count(got, "level=WARN") != 1 || strings.Count(got, "GPUs are read again") != 1 {
		t.Errorf("the log is %s", got)
	}
}

func TestSMIHangsAndFloods(t *testing.T) {
	dir := t.TempDir()
	script := func(body string) *smiReader {
		path := filepath.Join(dir, fmt.Sprintf("smi%d", len(body)))
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return &smiReader{path: path}
	}
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(dir, "started")
	hang := script("touch " + started + "; sleep 600 & wait")
	go func() {
		defer cancel()
		eventually(t, "the command runs", func() bool { _, err := os.Stat(started); return err == nil })
	}()
	if _, err := hang.Read(ctx); err == nil {
		t.Error("a command that was killed is read")
	}
	if _, err := script("yes '0, a, b, 1, 2, 3, 4, 5' | head -c 2000000").Read(t.Context()); err == nil {
		t.Error("endless output is read")
	}
}

func TestGPUConfig(t *testing.T) {
	if err := DefaultGPUConfig().Validate(); err != nil {
		t.Error(err)
	}
	if err := (GPUConfig{Enabled: "yes"}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("the error is %v", err)
	}
}
