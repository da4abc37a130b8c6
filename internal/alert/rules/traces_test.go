package rules

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// tracedRequest is a request of a real trace.
type tracedRequest struct {
	at      float64 // seconds since the trace began
	in, out float64 // tokens
}

// served is how long a real model server took for a request.
type served struct{ prefill, perToken float64 }

func unzstd(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testkit.SharedDir(t, "traces"), filepath.Join(elem...)))
	if err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	out, err := dec.DecodeAll(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func azureTrace(t testing.TB, kind string) []tracedRequest {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(unzstd(t, "azure-llm-2023", "AzureLLMInferenceTrace_"+kind+".csv.zst"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]tracedRequest, 0, len(rows))
	for _, row := range rows[1:] {
		at, err1 := time.Parse("2006-01-02 15:04:05.9999999", row[0])
		in, err2 := strconv.ParseFloat(row[1], 64)
		gen, err3 := strconv.ParseFloat(row[2], 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		out = append(out, tracedRequest{float64(at.UnixNano()) / 1e9, in, gen})
	}
	return fromZero(out)
}

func mooncakeTrace(t testing.TB) []tracedRequest {
	t.Helper()
	s := bufio.NewScanner(bytes.NewReader(unzstd(t, "mooncake-fast25", "conversation_trace.jsonl.zst")))
	s.Buffer(nil, 1<<20)
	var out []tracedRequest
	for s.Scan() {
		var row struct {
			At     float64 `json:"timestamp"`
			Input  float64 `json:"input_length"`
			Output float64 `json:"output_length"`
		}
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		out = append(out, tracedRequest{row.At / 1e3, row.Input, row.Output})
	}
	return fromZero(out)
}

func fromZero(r []tracedRequest) []tracedRequest {
	slices.SortFunc(r, func(a, b tracedRequest) int { return int(math.Copysign(1, a.at-b.at)) })
	first := r[0].at
	for i := range r {
		r[i].at -= first
	}
	return r
}

// vllmServed are the times of all real runs of vLLM, without the wait in the
// queue of the saturated one.
func vllmServed(t testing.TB) []served {
	t.Helper()
	var out []served
	tr := tar.NewReader(bytes.NewReader(unzstd(t, "vllm-bench", "vllm_bench.tar.zst")))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, "__requests.jsonl") {
			continue
		}
		for dec := json.NewDecoder(tr); dec.More(); {
			var r struct {
				Output    float64 `json:"output_toks"`
				Scheduled float64 `json:"scheduled_ts"`
				First     float64 `json:"first_token_ts"`
				Last      float64 `json:"last_token_ts"`
			}
			if err := dec.Decode(&r); err != nil {
				t.Fatal(err)
			}
			if r.Output > 1 {
				out = append(out, served{r.First - r.Scheduled, (r.Last - r.First) / (r.Output - 1)})
			}
		}
	}
}

// fault is something that goes wrong for a while.
type fault struct {
	kind       string
	service    string
	start, end time.Time
}

// faultKinds are what is injected, with the signal that must notice.
func faultKinds() map[string]string {
	return map[string]string{
		"latency x3": "latency", "first token x4": "first_token", "errors 30%": "errors", "traffic /10": "rate",
		"traffic x6": "rate", "tokens x2": "tokens", "cost x3": "cost",
	}
}

// tracedService replays a trace day by day: blocks of ten minutes are drawn
// from the real hour, thinned by the time of the day and at weekends.
type tracedService struct {
	name       string
	trace      []tracedRequest
	served     []served
	phase      time.Duration // of the day
	rng        *rand.Rand
	sums       map[string]*total
	histograms map[string]*counts
	block      float64 // where in the trace the present block began
}

type total struct {
	labels labels.Labels
	ref    storage.SeriesRef
	value  float64
}

const blockMinutes = 10

func newTracedService(name string, trace []tracedRequest, s []served, phase time.Duration, seed uint64) *tracedService {
	return &tracedService{name: name, trace: trace, served: s, phase: phase, rng: rand.New(rand.NewPCG(seed, 7)), sums: map[string]*total{}, histograms: map[string]*counts{}}
}

func (s *tracedService) add(v float64, name string, kv ...string) {
	key := name + "\x00" + strings.Join(kv, "\x00")
	t := s.sums[key]
	if t == nil {
		t = &total{labels: labels.FromStrings(append([]string{
			model.MetricNameLabel, name, "service", s.name, "provider", "vllm", "model", "llama", "method", "chat",
		}, kv...)...)}
		s.sums[key] = t
	}
	t.value += v
}

// observe counts an observation in the bucket that it falls in; store adds up.
func (s *tracedService) observe(name string, buckets []float64, v float64) {
	h := s.histograms[name]
	if h == nil {
		h = &counts{buckets: buckets, in: make([]float64, len(buckets)+1)}
		s.histograms[name] = h
	}
	i, _ := slices.BinarySearch(buckets, v)
	h.in[i]++
}

// counts are a histogram's observations since the last store.
type counts struct {
	buckets []float64
	in      []float64
}

// flush adds the histograms to the sums.
func (s *tracedService) flush() {
	for name, h := range s.histograms {
		sum := 0.0
		for i, n := range h.in {
			sum += n
			le := "+Inf"
			if i < len(h.buckets) {
				le = strconv.FormatFloat(h.buckets[i], 'g', -1, 64)
			}
			s.add(sum, name+"_bucket", "le", le)
			h.in[i] = 0
		}
	}
}

// load is the share of the trace's requests at a time: a day's course from 0.3
// to 1, and half of it at weekends.
func (s *tracedService) load(at time.Time) float64 {
	hours := at.Add(s.phase).Sub(at.Add(s.phase).Truncate(24 * time.Hour)).Hours()
	f := 0.65 - 0.35*math.Cos(2*math.Pi*hours/24)
	if d := at.Add(s.phase).Weekday(); d == time.Saturday || d == time.Sunday {
		f /= 2
	}
	return f
}

// minute counts the requests of the minute that ends at a time.
func (s *tracedService) minute(at time.Time, faults []fault) {
	minute := int(at.Unix() / 60)
	span := s.trace[len(s.trace)-1].at
	if minute%blockMinutes == 0 || s.block == 0 {
		s.block = s.rng.Float64() * span
	}
	from := math.Mod(s.block+float64(minute%blockMinutes)*60, span)
	active := map[string]bool{}
	for _, f := range faults {
		if f.service == s.name && !at.Before(f.start) && at.Before(f.end) {
			active[f.kind] = true
		}
	}
	keep, repeat := s.load(at), 1
	if active["traffic /10"] {
		keep /= 10
	}
	if active["traffic x6"] {
		repeat = 6
	}
	lo, _ := slices.BinarySearchFunc(s.trace, from, func(r tracedRequest, v float64) int { return int(math.Copysign(1, r.at-v)) })
	s.add(0, "llm_requests_total", "status", "success")
	for i := lo; i < len(s.trace) && s.trace[i].at < from+60; i++ {
		for range repeat {
			if s.rng.Float64() < keep {
				s.request(s.trace[i], active)
			}
		}
	}
}

func (s *tracedService) request(r tracedRequest, active map[string]bool) {
	times := s.served[s.rng.IntN(len(s.served))]
	failing := 0.004
	if active["errors 30%"] {
		failing = 0.3
	}
	if s.rng.Float64() < failing {
		s.add(1, "llm_requests_total", "status", "error")
		return
	}
	s.add(1, "llm_requests_total", "status", "success")
	price := 1.0
	if active["tokens x2"] {
		r.in, r.out = 2*r.in, 2*r.out
	}
	if active["cost x3"] {
		price = 3
	}
	first := times.prefill * (1 + r.in/4000)
	if active["first token x4"] {
		first *= 4
	}
	duration := first + times.perToken*r.out
	if active["latency x3"] {
		duration *= 3
	}
	s.add(r.in, "llm_tokens_total", "type", "input")
	s.add(r.out, "llm_tokens_total", "type", "output")
	s.add(price*(r.in*1e-6+r.out*4e-6), "llm_cost_usd_total", "state", "computed")
	s.observe("llm_request_duration_seconds", []float64{0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 30, 60, 120, 300}, duration)
	s.observe("llm_time_to_first_token_seconds", []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30}, first)
}

// store writes the counters.
func (s *tracedService) store(ctx context.Context, e *evaluator, at time.Time) error {
	s.flush()
	app := e.appender(ctx)
	for _, t := range s.sums {
		ref, err := app.Append(t.ref, t.labels, at.UnixMilli(), t.value)
		if err != nil {
			return errors.Join(err, app.Rollback())
		}
		t.ref = ref
	}
	return app.Commit()
}
