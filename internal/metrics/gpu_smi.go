package metrics

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// gpuCommandTimeout bounds one run of nvidia-smi: a driver in trouble makes
	// it hang.
	gpuCommandTimeout = 10 * time.Second
	// maxSMIOutput bounds what is read of it.
	maxSMIOutput = 1 << 20
)

// smiFields are the columns that are asked for, in order.
func smiFields() []string {
	return []string{"index", "uuid", "name", "utilization.gpu", "memory.used", "memory.total", "power.draw", "temperature.gpu"}
}

// smiReader runs nvidia-smi once for each reading. A process that stays (-l)
// would save its start, but one that hangs could not be told from one that
// waits.
type smiReader struct{ path string }

func newSMIReader(command string) (gpuReader, error) {
	path, err := findCommand(command)
	if err != nil {
		return nil, err
	}
	return &smiReader{path: path}, nil
}

// Read implements gpuReader.
func (r *smiReader) Read(ctx context.Context) ([]gpuReading, error) {
	ctx, cancel := context.WithTimeout(ctx, gpuCommandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.path, "--query-gpu="+strings.Join(smiFields(), ","), "--format=csv,noheader,nounits") //nolint:gosec // the operator configures the command
	// Its children may keep the pipe open after it was killed.
	cmd.WaitDelay = time.Second
	out, problem := limitedBuffer{max: maxSMIOutput}, limitedBuffer{max: 4096}
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	if err != nil && ctx.Err() == nil || err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w: %s: %w: %s", errNoGPU, r.path, err, firstLine(problem.String()+out.String()))
	}
	if err != nil {
		return nil, err
	}
	if out.cut {
		return nil, fmt.Errorf("%s: more than %d bytes of output", r.path, maxSMIOutput)
	}
	return parseSMI(out.String())
}

// Close implements gpuReader.
func (*smiReader) Close() error { return nil }

// parseSMI reads the output of nvidia-smi --format=csv,noheader,nounits. A line
// that is no reading is skipped, unless all are.
func parseSMI(text string) ([]gpuReading, error) {
	var out []gpuReading
	var bad error
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		g, err := parseSMILine(line)
		if err != nil {
			bad = err
			continue
		}
		out = append(out, g)
	}
	if len(out) == 0 {
		if bad == nil {
			bad = errors.New("no output")
		}
		return nil, fmt.Errorf("%w: nvidia-smi: %w", errNoGPU, bad)
	}
	return out, nil
}

func parseSMILine(line string) (gpuReading, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.TrimLeadingSpace, r.LazyQuotes = true, true
	f, err := r.Read()
	if err != nil || len(f) != len(smiFields()) {
		return gpuReading{}, fmt.Errorf("unexpected output %q", firstLine(line))
	}
	if _, err := strconv.ParseUint(f[0], 10, 16); err != nil {
		return gpuReading{}, fmt.Errorf("unexpected output %q", firstLine(line))
	}
	mib := func(s string) llm.Opt[float64] {
		v, ok := smiNumber(s).Get()
		if !ok {
			return llm.Opt[float64]{}
		}
		return llm.Some(v * (1 << 20))
	}
	return gpuReading{
		ID: f[0], UUID: f[1], Name: f[2],
		Utilization: smiNumber(f[3]), MemoryUsed: mib(f[4]), MemoryTotal: mib(f[5]), Power: smiNumber(f[6]), Temperature: smiNumber(f[7]),
	}, nil
}

// smiNumber is a number, or absent for [N/A], [Not Supported], [Unknown Error]
// and whatever else stands in brackets. Old versions write a unit in spite of
// nounits.
func smiNumber(s string) llm.Opt[float64] {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v < 1e12) { // also NaN
		return llm.Opt[float64]{}
	}
	return llm.Some(v)
}

// limitedBuffer keeps the first max bytes. The buffer is not embedded: its
// ReadFrom would be used past the limit.
type limitedBuffer struct {
	b   bytes.Buffer
	max int
	cut bool
}

// Write implements io.Writer; it never fails, so that the writer goes on.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	n := len(p)
	if room := b.max - b.b.Len(); len(p) > room {
		p, b.cut = p[:max(room, 0)], true
	}
	b.b.Write(p)
	return n, nil
}

func (b *limitedBuffer) String() string { return b.b.String() }

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(s, "")
}
