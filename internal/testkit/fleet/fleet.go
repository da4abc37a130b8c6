package fleet

import (
	"net/http"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Config describes a Fleet.
type Config struct {
	Seed uint64
	// Start is when the servers began.
	Start time.Time
	// Load is the load at a time over the mean one; nil is 1 always.
	Load func(time.Time) float64
	// Incident says whether an incident goes on at a time, by its name; nil is
	// never.
	Incident func(name string, t time.Time) bool
	// Now is the clock of ServeHTTP; nil means time.Now.
	Now func() time.Time
}

// Target is one exporter of a Fleet.
type Target struct {
	Path     string // of ServeHTTP
	Job      string
	Instance string
	Cluster  string
}

// Fleet is the model servers and GPUs of a company. It is safe for concurrent
// use.
type Fleet struct {
	cfg     Config
	mu      sync.Mutex
	now     time.Time
	engines []*engine
	gpus    []*gpu
}

// New returns a Fleet as it is at its Start.
func New(cfg Config) *Fleet {
	if cfg.Load == nil {
		cfg.Load = func(time.Time) float64 { return 1 }
	}
	if cfg.Incident == nil {
		cfg.Incident = func(string, time.Time) bool { return false }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	f := &Fleet{cfg: cfg, now: cfg.Start}
	byName := map[string]*engine{}
	for _, s := range engines() {
		e := newEngine(s, cfg.Seed, cfg.Start)
		f.engines = append(f.engines, e)
		byName[s.name] = e
	}
	for _, s := range gpus() {
		f.gpus = append(f.gpus, newGPU(s, byName[s.engine], cfg.Seed))
	}
	return f
}

// engines are the model servers of the company.
func engines() []engineSpec {
	return []engineSpec{
		{
			name: "qwen3-a", model: "qwen3-8b", rate: 2.6, maxRunning: 64, kvTokens: 50_000, prompt: 700, output: 180,
			tpot: 0.011, full: 2.6, prefill: 0.00011, cached: 0.35, incident: "saturated-gpu",
		},
		{
			name: "qwen3-b", model: "qwen3-8b", rate: 2.4, maxRunning: 64, kvTokens: 50_000, prompt: 700, output: 180,
			tpot: 0.011, full: 2.6, prefill: 0.00011, cached: 0.35, incident: "saturated-gpu",
		},
		{
			name: "acme", model: "acme-internal-7b", rate: 1.1, maxRunning: 32, kvTokens: 60_000, prompt: 500, output: 220,
			tpot: 0.014, full: 2.2, prefill: 0.00014, cached: 0.1,
		},
		{
			name: "r1", model: "deepseek-r1-distill-qwen-32b", sglang: true, rate: 0.24, maxRunning: 48, kvTokens: 120_000, prompt: 900, output: 700,
			tpot: 0.022, full: 2.4, prefill: 0.0003, cached: 0.25,
		},
	}
}

// gpus are their GPUs.
func gpus() []gpuSpec {
	return []gpuSpec{
		{host: "gpu-a", index: "0", uuid: "GPU-0a000000-0000-4000-8000-000000000000", name: "NVIDIA L40S", memory: 46068, idleWatts: 38, maxWatts: 350, weights: 16_400, engine: "qwen3-a"},
		{host: "gpu-a", index: "1", uuid: "GPU-0a000001-0000-4000-8000-000000000001", name: "NVIDIA L40S", memory: 46068, idleWatts: 36, maxWatts: 350, weights: 16_400, engine: "qwen3-b"},
		{host: "gpu-b", index: "0", uuid: "GPU-0b000000-0000-4000-8000-000000000002", name: "NVIDIA L40S", memory: 46068, idleWatts: 37, maxWatts: 350, weights: 14_800, engine: "acme"},
		{host: "gpu-b", index: "1", uuid: "GPU-0b000001-0000-4000-8000-000000000003", name: "NVIDIA H100 80GB HBM3", memory: 81559, idleWatts: 70, maxWatts: 700, weights: 33_500, engine: "r1"},
	}
}

// Targets are the exporters of the Fleet.
func (f *Fleet) Targets() []Target {
	return []Target{
		{Path: "/qwen3-a/metrics", Job: "vllm-qwen3-a", Instance: "gpu-a:8000", Cluster: "hangzhou"},
		{Path: "/qwen3-b/metrics", Job: "vllm-qwen3-b", Instance: "gpu-a:8001", Cluster: "hangzhou"},
		{Path: "/acme/metrics", Job: "vllm-acme", Instance: "gpu-b:8000", Cluster: "frankfurt"},
		{Path: "/r1/metrics", Job: "sglang-r1", Instance: "gpu-b:30000", Cluster: "frankfurt"},
		{Path: "/gpu-a/metrics", Job: "dcgm-gpu-a", Instance: "gpu-a:9400", Cluster: "hangzhou"},
		{Path: "/gpu-b/metrics", Job: "dcgm-gpu-b", Instance: "gpu-b:9400", Cluster: "frankfurt"},
	}
}

// Advance lets time pass until t. Time never goes back.
func (f *Fleet) Advance(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advance(t)
}

// overload is how many times its usual load a server gets in its incident.
const overload = 4.6

func (f *Fleet) advance(t time.Time) {
	for next := f.now.Add(tick); !next.After(t); next = next.Add(tick) {
		load := f.cfg.Load(next)
		for _, e := range f.engines {
			l := load
			if e.spec.incident != "" && f.cfg.Incident(e.spec.incident, next) {
				l *= overload
			}
			e.step(l)
		}
		for _, g := range f.gpus {
			g.step()
		}
		f.now = next
	}
}

// Families is what the exporter at a path says now; nil where there is none.
func (f *Fleet) Families(path string) []*dto.MetricFamily {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/metrics")
	for _, e := range f.engines {
		if e.spec.name != name {
			continue
		}
		if e.spec.sglang {
			return sglangFamilies(e)
		}
		return vllmFamilies(e)
	}
	var here []*gpu
	for _, g := range f.gpus {
		if g.spec.host == name {
			here = append(here, g)
		}
	}
	if len(here) == 0 {
		return nil
	}
	return dcgmFamilies(here)
}

// ServeHTTP serves the exporters to scrapers.
func (f *Fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.Advance(f.cfg.Now())
	families := f.Families(r.URL.Path)
	if families == nil {
		http.NotFound(w, r)
		return
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	w.Header().Set("Content-Type", string(format))
	enc := expfmt.NewEncoder(w, format)
	for _, m := range families {
		if enc.Encode(m) != nil {
			return // the scraper has left
		}
	}
}
