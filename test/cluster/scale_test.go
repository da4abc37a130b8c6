//go:build unix

package cluster

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestScale measures what docs/scaling.md says: cost at 1, 2, 4 and 8 times the
// load, and at 1, 2, 4 and 8 times the data. It asserts nothing about speed.
func TestScale(t *testing.T) {
	if os.Getenv("PITOT_SCALE") == "" {
		t.Skip("PITOT_SCALE is not set: run make scaling")
	}
	store := "victoriametrics"
	if upstream(store) == "" {
		store = "pitot"
	}
	t.Run("load", func(t *testing.T) { scaleLoad(t, store) })
	t.Run("data", func(t *testing.T) { scaleData(t, store) })
}

var factors = []int{1, 2, 4, 8}

// usage is what processes have used.
type usage struct {
	cpu float64 // seconds
	rss float64 // MB
}

func used(ps []*proc) (u usage) {
	for _, p := range ps {
		u.cpu += cpuSeconds(p.PID())
		u.rss += residentMB(p.PID())
	}
	return u
}

// cpuSeconds is the processor time of a process, from /proc.
func cpuSeconds(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	sys, _ := strconv.ParseFloat(f[12], 64)
	return (user + sys) / 100
}

func residentMB(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(f[1], 64)
	return pages * float64(os.Getpagesize()) / 1e6
}

func diskMB(dirs ...string) (mb float64) {
	for _, d := range dirs {
		_ = filepath.WalkDir(d, func(_ string, e os.DirEntry, err error) error {
			if err != nil {
				return nil // a part that was merged away meanwhile
			}
			if i, err := e.Info(); err == nil && i.Mode().IsRegular() {
				mb += float64(i.Size()) / 1e6
			}
			return nil
		})
	}
	return mb
}

func (s *stack) nodeDirs() (dirs []string) {
	for i := range s.nodes {
		dirs = append(dirs, filepath.Join(s.dir, fmt.Sprintf("node%d", i)))
	}
	return dirs
}

const (
	baseCalls = 25 // calls a second through the gateways
	baseSpans = 50 // spans a second over OTLP
	loadFor   = 20 * time.Second
)

func scaleLoad(t *testing.T, store string) {
	s := newStack(t, plan{captures: 2, queries: 1, store: store})
	pause(t, 15*time.Second) // what a start costs is not part of it
	groups := []struct {
		name string
		ps   []*proc
	}{{"capture", s.captures}, {"nodes", s.nodes}, {"select", s.selects}, {"query", s.queries}, {"metrics", []*proc{s.metrics}}}
	t.Log("load | calls/s | spans/s | failed | CPU % of capture, nodes, select, query, metrics | MB resident of the same | p50, p99 ms")
	for _, f := range factors {
		var before []usage
		for _, g := range groups {
			before = append(before, used(g.ps))
		}
		run := fmt.Sprintf("load%d", f)
		begun := time.Now()
		lat := &latencies{}
		spans := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { spanLoad(t, s, run+"s", baseSpans*f, spans) })
		ok, failed := lat.run(s.gateways, run, baseCalls*f, loadFor)
		close(spans)
		wg.Wait()
		took := time.Since(begun).Seconds()
		var cpu, rss []string
		for i, g := range groups {
			u := used(g.ps)
			cpu = append(cpu, fmt.Sprintf("%.1f", (u.cpu-before[i].cpu)/took*100))
			rss = append(rss, fmt.Sprintf("%.0f", u.rss))
		}
		t.Logf("%d× | %.0f | %d | %d | %s | %s | %.1f, %.1f", f, float64(ok)/took, baseSpans*f, failed, strings.Join(cpu, ", "), strings.Join(rss, ", "), lat.at(0.5), lat.at(0.99))
		s.settled()
	}
}

// spanLoad sends spans at a rate until stop is closed.
func spanLoad(t *testing.T, s *stack, run string, perSecond int, stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		body, _ := traceJSON(run, i*perSecond/2, perSecond/2, time.Now().Add(-time.Minute))
		sendTraces(t, s.otlps[i%len(s.otlps)], body)
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// latencies are those of calls, in milliseconds.
type latencies struct {
	mu sync.Mutex
	ms []float64
}

func (l *latencies) run(gateways []string, run string, perSecond int, d time.Duration) (ok, failed int) {
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	end := time.After(d)
	for i := 0; ; i++ {
		select {
		case <-end:
			wg.Wait()
			return ok, failed
		case <-tick.C:
		}
		wg.Go(func() {
			begun := time.Now()
			err := call(httpContext, gateways[i%len(gateways)], run, fmt.Sprintf("%s-%d", run, i), 0)
			l.mu.Lock()
			defer l.mu.Unlock()
			if err != nil {
				failed++
				return
			}
			ok++
			l.ms = append(l.ms, float64(time.Since(begun).Microseconds())/1000)
		})
	}
}

func (l *latencies) at(q float64) float64 {
	slices.Sort(l.ms)
	if len(l.ms) == 0 {
		return 0
	}
	return l.ms[min(len(l.ms)-1, int(q*float64(len(l.ms))))]
}

// baseData is how many calls are stored at 1×, and as many agent spans.
const baseData = 10_000

func scaleData(t *testing.T, store string) {
	s := newStack(t, plan{captures: 2, queries: 1, store: store})
	start := time.Now().Add(-5 * time.Hour)
	window := url.Values{"start": {start.Add(-time.Hour).Format(time.RFC3339)}, "end": {time.Now().Add(time.Hour).Format(time.RFC3339)}}
	with := func(kv ...string) string {
		v := maps.Clone(window)
		for i := 0; i+1 < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return v.Encode()
	}
	base := s.queries[0].url()
	questions := []struct{ name, url string }{
		{"trace", base + "/api/pitot/v1/traces/" + hexID(16, "data", "data-77")},
		{"latest 100", base + "/api/pitot/v1/calls?" + with("limit", "100")},
		{"summary", base + "/api/pitot/v1/summary?" + with()},
		{"timeline", base + "/api/pitot/v1/timeline?" + with("step", "5m", "by", "model")},
		{"facets", base + "/api/pitot/v1/facets?" + with()},
		{"word", base + "/api/pitot/v1/calls?" + with("query", "input:77", "limit", "10")},
		{"PromQL", base + "/api/v1/query?" + url.Values{"query": {"sum by (model) (rate(llm_requests_total[5m]))"}}.Encode()},
	}
	t.Log("data | calls | MB on nodes | bytes a record | MB resident of nodes | trace, latest 100, summary, timeline, facets, word, PromQL: median ms of 7")
	stored := 0
	for _, f := range factors {
		for stored < baseData*f {
			body, _ := traceJSON("data", stored, 500, start)
			sendTraces(t, s.otlps[(stored/500)%2], body)
			stored += 500
		}
		s.settled()
		testkit.EventuallyIn(t, long, "all is there", func() bool {
			r := s.rows(`{kind="call"} user:=data | count() n`)
			return len(r) == 1 && r[0]["n"] == strconv.Itoa(stored)
		})
		pause(t, 5*time.Second)
		var took []string
		for _, q := range questions {
			var ms []float64
			for range 7 {
				begun := time.Now()
				mustGet(t, q.url)
				ms = append(ms, float64(time.Since(begun).Microseconds())/1000)
			}
			slices.Sort(ms)
			took = append(took, fmt.Sprintf("%.0f", ms[len(ms)/2]))
		}
		mb := diskMB(s.nodeDirs()...)
		t.Logf("%d× | %d | %.1f | %.0f | %.0f | %s", f, stored, mb, mb*1e6/float64(2*stored), used(s.nodes).rss, strings.Join(took, ", "))
	}
}
