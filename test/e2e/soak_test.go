//go:build linux

package e2e

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// soakWorkers send the calls of TestSoak.
const soakWorkers = 8

// soakWarm is after how many calls what is remembered of the recent past is full.
const soakWarm = 200_000

// TestSoak sends half of what the machine can take, for long, and looks whether
// the memory stays what it was.
func TestSoak(t *testing.T) {
	length := duration(t, "PITOT_SOAK", 0)
	if length == 0 {
		t.Skip("set PITOT_SOAK=1h, as make endurance does")
	}
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	rate := float64(times(t, "PITOT_SOAK_RATE", 0))
	if rate == 0 {
		capacity := measureCapacity(t, s)
		rate = capacity / 2
		t.Logf("capacity %.0f calls/s", capacity)
	}
	t.Logf("%.0f calls/s for %v", rate, length)

	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	w := &weigher{s: s, engine: enginePID(t, s), dir: os.Getenv("PITOT_SOAK_DIR")}
	var sent, failed atomic.Int64
	var wg sync.WaitGroup
	for n := range soakWorkers {
		wg.Go(func() {
			for err := range steady(ctx, s.gateway, n, rate/soakWorkers) {
				if err == nil {
					sent.Add(1)
				} else if failed.Add(1) < 100 {
					t.Logf("a call failed: %v", err)
				}
			}
		})
	}
	// A sample of memory each five seconds; every garbage collection moves it.
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	began := time.Now()
	profiles := 0
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			w.sample(t)
			// One heap profile as the second quarter begins, one near the end.
			if at := time.Since(began); at > length/4 && profiles == 0 || at > length-15*time.Second && profiles == 1 {
				profiles++
				w.profile(t, fmt.Sprintf("heap%d", profiles))
			}
		case <-ctx.Done():
		}
	}
	wg.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d calls failed", failed.Load(), sent.Load()+failed.Load())
	}
	testkit.EventuallyIn(t, 4*testkit.Patience, "the journal is stored", func() bool { return s.ledger("gateway").InFlight == 0 })
	if a := s.ledger("gateway"); a.dropped() > 0 {
		t.Errorf("records were dropped: %+v", a)
	}
	t.Logf("%d calls; medians of each quarter:\n%s", sent.Load(), w.table())
	if n := sent.Load() / 4; n < soakWarm {
		t.Fatalf("%d calls in the first quarter, while the windows of what is remembered fill with %d: a longer PITOT_SOAK or a higher PITOT_SOAK_RATE", n, soakWarm)
	}
	// The first quarter warms up: caches and arenas grow. Mapped pages of files
	// are not counted: they grow with what queries read, and the kernel takes
	// them back.
	second, last := w.quarter(1, "anonymous MB"), w.quarter(3, "anonymous MB")
	growth := (last - second) / second
	t.Logf("anonymous memory %.0f MB in the second quarter, %.0f MB in the last: %+.1f %%", second, last, 100*growth)
	if growth > 0.05 || math.IsNaN(growth) {
		t.Errorf("the memory grew by %.1f %%", 100*growth)
	}
	s.stop()
}

// steady sends rate calls a second on the average, a slow answer is made up for,
// and yields how each ended.
func steady(ctx context.Context, gateway string, worker int, rate float64) func(yield func(error) bool) {
	return func(yield func(error) bool) {
		l := &load{gateway: gateway}
		tr := &http.Transport{MaxIdleConnsPerHost: 1}
		defer tr.CloseIdleConnections()
		began := time.Now()
		for i := 0; ctx.Err() == nil; i++ {
			due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			if wait := time.Until(due); wait > 0 {
				select {
				case <-time.After(wait):
				case <-ctx.Done():
					return
				}
			}
			if !yield(l.send(context.WithoutCancel(ctx), tr, fmt.Sprintf("soak-%d-%d", worker, i), i%2 == 1)) {
				return
			}
		}
	}
}

// weigher samples what a server and its engine weigh, and why.
type weigher struct {
	s       *server
	engine  int
	dir     string // for every sample and for heap profiles; empty: none are kept
	samples []map[string]float64
}

// own are the metrics of the server that tell what of it grows: name, factor.
var own = []struct {
	metric, name string
	factor       float64
}{
	{"go_memstats_heap_alloc_bytes", "heap alloc MB", 1 << 20},
	{"go_memstats_heap_inuse_bytes", "heap in use MB", 1 << 20},
	{"go_memstats_heap_idle_bytes", "heap idle MB", 1 << 20},
	{"go_memstats_heap_released_bytes", "heap released MB", 1 << 20},
	{"go_memstats_next_gc_bytes", "next GC MB", 1 << 20},
	{"go_memstats_stack_sys_bytes", "stacks MB", 1 << 20},
	{"go_goroutines", "goroutines", 1},
	{"prometheus_tsdb_head_series", "head series", 1},
	{"prometheus_tsdb_head_chunks", "head chunks", 1},
	{"prometheus_tsdb_head_chunks_storage_size_bytes", "head chunk files MB", 1 << 20},
	{"prometheus_tsdb_exemplar_exemplars_in_storage", "exemplars", 1},
	{"pitot_metrics_series", "catalogue series", 1},
	{"pitot_metrics_self_scrape_samples", "own samples", 1},
	{"pitot_join_spans", "join spans", 1},
	{"pitot_join_containers_held", "join containers", 1},
	{"pitot_queue_records", "queue records", 1},
	{"pitot_journal_bytes", "journal MB", 1 << 20},
	{"pitot_journal_segments", "journal segments", 1},
	{"pitot_engine_disk_bytes", "engine disk MB", 1 << 20},
	{"pitot_engine_rows", "engine rows", 1},
}

// columns are the names of what a sample has, in order.
func columns() []string {
	c := []string{"anonymous MB", "with files MB", "server anon MB", "server file MB", "engine anon MB", "engine file MB"}
	for _, m := range own {
		c = append(c, m.name)
	}
	return c
}

func (w *weigher) sample(t *testing.T) {
	t.Helper()
	row := map[string]float64{}
	server, engine := weigh(w.s.PID()), weigh(w.engine)
	row["anonymous MB"], row["with files MB"] = mb(server.anon+engine.anon), mb(server.total+engine.total)
	row["server anon MB"], row["server file MB"] = mb(server.anon), mb(server.file())
	row["engine anon MB"], row["engine file MB"] = mb(engine.anon), mb(engine.file())
	_, body := w.s.get("/metrics", nil)
	got := map[string]float64{}
	for line := range strings.Lines(body) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				name, _, _ = strings.Cut(name, "{")
				got[name] += v
			}
		}
	}
	for _, m := range own {
		if v, ok := got[m.metric]; ok {
			row[m.name] = v / m.factor
		} else {
			row[m.name] = math.NaN()
		}
	}
	w.keep(t, row)
	w.samples = append(w.samples, row)
}

func mb(n uint64) float64 { return float64(n) / (1 << 20) }

// quarter is the median of a column in a quarter of the samples.
func (w *weigher) quarter(n int, column string) float64 {
	var v []float64
	for _, row := range w.samples[n*len(w.samples)/4 : (n+1)*len(w.samples)/4] {
		v = append(v, row[column])
	}
	return median(v)
}

// table has the medians of each quarter.
func (w *weigher) table() string {
	var b strings.Builder
	for _, c := range columns() {
		fmt.Fprintf(&b, "%20s", c)
		for q := range 4 {
			fmt.Fprintf(&b, " %10.1f", w.quarter(q, c))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// keep appends a sample to a file where a directory is set.
func (w *weigher) keep(t *testing.T, row map[string]float64) {
	t.Helper()
	if w.dir == "" {
		return
	}
	f, err := os.OpenFile(filepath.Join(w.dir, "samples.csv"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := csv.NewWriter(f)
	if len(w.samples) == 0 {
		_ = out.Write(columns()) // Flush has the error
	}
	var line []string
	for _, c := range columns() {
		line = append(line, strconv.FormatFloat(row[c], 'f', 2, 64))
	}
	_ = out.Write(line)
	if out.Flush(); out.Error() != nil {
		t.Fatal(out.Error())
	}
}

// profile keeps a heap profile of the server.
func (w *weigher) profile(t *testing.T, name string) {
	t.Helper()
	if w.dir == "" {
		return
	}
	_, body := w.s.get("/debug/pprof/heap?gc=1", nil)
	write(t, filepath.Join(w.dir, name), body)
}

// weight is the proportional set size of a process: pages that processes share
// are counted once. What is anonymous is the process' own; what is of files the
// kernel takes back when it needs the memory.
type weight struct{ total, anon uint64 }

func (w weight) file() uint64 { return w.total - w.anon }

// weigh reads the weight of a process; zero where it cannot be read.
func weigh(pid int) (w weight) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return w
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseUint(f[1], 10, 64)
		switch f[0] {
		case "Pss:":
			w.total = kb << 10
		case "Pss_Anon:", "Pss_Shmem:":
			w.anon += kb << 10
		}
	}
	w.anon = min(w.anon, w.total) // each is rounded
	return w
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return math.NaN()
	}
	return v[len(v)/2]
}

// measureCapacity is how many calls a second go through the gateway and into
// the store when nothing holds the clients back.
func measureCapacity(t *testing.T, s *server) float64 {
	t.Helper()
	began := time.Now()
	l := startLoad(t, s.gateway, "capacity")
	testkit.EventuallyIn(t, testkit.Patience, "ten seconds of load", func() bool { return time.Since(began) > 10*time.Second })
	fin, failed := l.end()
	if len(failed) > 0 {
		t.Fatalf("%d calls failed: %v", len(failed), failed[0])
	}
	testkit.EventuallyIn(t, 2*testkit.Patience, "they are stored", func() bool { return s.ledger("gateway").InFlight == 0 })
	return float64(len(fin)) / time.Since(began).Seconds()
}
