package dashboard

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"go.yaml.in/yaml/v3"

	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/testkit/traffic"
)

const (
	seedSpan = 45 * time.Minute
	seedStep = 15 * time.Second
	ruleStep = 30 * time.Second
	ruleSpan = 15 * time.Minute
)

// seed is a store with three quarters of an hour of everything.
type seed struct {
	m       *metrics.Metrics
	end     time.Time
	records []llm.Record
}

func newSeed(t *testing.T) *seed {
	t.Helper()
	m, err := metrics.Open(t.Context(), metrics.Options{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), ScrapeInterval: time.Hour,
		ExternalURL: DefaultURL, Version: "0.0.0-test",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &seed{m: m, end: time.Now().Truncate(time.Minute)}
	s.calls(t)
	s.foreign(t)
	files := metrics.BuiltinRules(metrics.DefaultInfrastructurePrices())
	set, err := slo.Load(slo.DefaultConfig(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range set.RuleFiles() {
		files = append(files, metrics.RuleFile(f))
	}
	s.rules(t, files)
	return s
}

// calls seeds what Pitot derives from Calls and judgements.
func (s *seed) calls(t *testing.T) {
	t.Helper()
	start := s.end.Add(-seedSpan)
	g := traffic.New(traffic.Config{
		Seed: 7, Rate: 2, Flat: true, MaxText: 64, Users: 20,
		Incidents: []traffic.Incident{{Name: "errors", Every: time.Hour, Length: time.Hour, ErrorShare: 0.05, Status: http.StatusTooManyRequests}},
	})
	if err := g.History(start, s.end, func(r llm.Record) error {
		s.records = append(s.records, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var calls []*llm.Call
	for i, r := range s.records {
		if r.Call != nil {
			price(r.Call, i)
			interrupt(r.Call, i)
			calls = append(calls, r.Call)
		}
	}
	ended := func(c *llm.Call) time.Time { return c.Time.Add(c.Duration) }
	slices.SortFunc(calls, func(a, b *llm.Call) int { return ended(a).Compare(ended(b)) })
	b, err := s.m.Backfill(start, s.end, seedStep)
	if err != nil {
		t.Fatal(err)
	}
	b.Catalogue().CallStarted("checkout", "openai", "gpt-4o", "chat")
	next := 0
	for at := range b.Times {
		for ; next < len(calls) && !ended(calls[next]).After(at); next++ {
			c := calls[next]
			b.ObserveCall(c)
			if next%7 == 0 {
				b.Catalogue().ObserveFeedback(metrics.Feedback{
					Service: c.Service, Provider: c.Provider, Model: c.Model(), Method: string(c.Operation),
					Evaluator: "user", Label: []string{"thumbs_up", "thumbs_down"}[next%2], Score: llm.Some(float64(next%10) / 9),
				})
			}
		}
		if err := b.Commit(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	if len(calls) < 2000 || b.Rejected() > 0 {
		t.Fatalf("%d calls, %d samples refused", len(calls), b.Rejected())
	}
}

// price is what the pipeline does; every 50th Call has none.
func price(c *llm.Call, i int) {
	if i%50 == 0 {
		c.Cost = llm.Cost{State: llm.CostUnpriced, Reason: "unknown_model"}
		return
	}
	in, _ := c.Usage.InputTokens.Get()
	out, _ := c.Usage.OutputTokens.Get()
	c.Cost = llm.Cost{USD: llm.Some(float64(in)*2.5e-6 + float64(out)*1e-5), State: llm.CostComputed}
	if i%9 == 0 {
		c.Cost.State = llm.CostEstimated
	}
}

// interrupt makes rare ends of streams as frequent as the test needs them.
func interrupt(c *llm.Call, i int) {
	switch {
	case !c.Stream || c.Status != llm.StatusOK:
	case i%20 == 3:
		c.Note("stream_cut")
	case i%20 == 7:
		c.Note("client_gone")
	}
}

// write stores samples by remote write.
func (s *seed) write(t *testing.T, series []prompb.TimeSeries) {
	t.Helper()
	body, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/write", bytes.NewReader(snappy.Encode(nil, body)))
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "snappy")
	w := httptest.NewRecorder()
	s.m.Handler().ServeHTTP(w, r)
	if w.Code/100 != 2 {
		t.Fatalf("remote write: %d %s", w.Code, w.Body)
	}
}

type set = map[string]string

func protoLabels(name string, labels set) []prompb.Label {
	all := maps.Clone(labels)
	if all == nil {
		all = set{}
	}
	all["__name__"] = name
	var out []prompb.Label
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, prompb.Label{Name: k, Value: all[k]})
	}
	return out
}

// foreign seeds what others measure.
func (s *seed) foreign(t *testing.T) {
	t.Helper()
	f := &foreign{rnd: rand.New(rand.NewPCG(1, 2)), start: s.end.Add(-seedSpan), end: s.end}
	f.modelServer()
	f.gpus()
	f.own()
	cli := set{"product": "claude_code", "model": "claude-sonnet-4-5", "user": "u1"}
	for _, kind := range []string{"input", "output"} {
		f.counter("llm_agent_cli_tokens_total", with2(cli, "type", kind), 40)
	}
	f.counter("llm_agent_cli_cost_usd_total", cli, 0.01)
	f.counter("llm_agent_cli_tool_calls_total", with2(cli, "tool", "Edit"), 0.5)
	f.gauge("up", set{"job": "vllm", "instance": "gpu-1:8000"}, 1, 0)
	f.gauge("process_resident_memory_bytes", set{"job": "pitot", "instance": "pitot"}, 3e8, 1e6)
	f.gauge("ALERTS", set{"alertname": "HighErrorRate", "severity": "critical", "alertstate": "firing"}, 1, 0)
	s.write(t, f.series)
}

func with2(l set, name, value string) set {
	out := maps.Clone(l)
	out[name] = value
	return out
}

// foreign makes series of samples.
type foreign struct {
	rnd        *rand.Rand
	start, end time.Time
	series     []prompb.TimeSeries
}

func (f *foreign) add(name string, labels set, value func(i int) float64) {
	ts := prompb.TimeSeries{Labels: protoLabels(name, labels)}
	i := 0
	for at := f.start.Add(seedStep); !at.After(f.end); at = at.Add(seedStep) {
		ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: at.UnixMilli(), Value: value(i)})
		i++
	}
	f.series = append(f.series, ts)
}

func (f *foreign) gauge(name string, labels set, mean, spread float64) {
	f.add(name, labels, func(int) float64 { return mean + spread*(f.rnd.Float64()-0.5) })
}

// counter grows by a mean per second.
func (f *foreign) counter(name string, labels set, perSecond float64) {
	f.add(name, labels, func(i int) float64 { return perSecond * seedStep.Seconds() * float64(i) })
}

// histogram has one observation a second, evenly in its buckets.
func (f *foreign) histogram(name string, labels set, bounds ...string) {
	for i, le := range bounds {
		f.counter(name+"_bucket", with2(labels, "le", le), float64(i+1)/float64(len(bounds)))
	}
	f.counter(name+"_sum", labels, 0.3)
	f.counter(name+"_count", labels, 1)
}

func (f *foreign) modelServer() {
	l := set{"job": "vllm", "instance": "gpu-1:8000", "model_name": "llama-3.1-8b", "engine": "0"}
	f.gauge("vllm:num_requests_running", l, 12, 4)
	f.gauge("vllm:num_requests_waiting", l, 3, 2)
	f.gauge("vllm:kv_cache_usage_perc", l, 0.7, 0.2)
	f.counter("vllm:prefix_cache_queries_total", l, 1000)
	f.counter("vllm:prefix_cache_hits_total", l, 400)
	f.counter("vllm:num_preemptions_total", l, 0.1)
	f.counter("vllm:prompt_tokens_total", l, 1000)
	f.counter("vllm:generation_tokens_total", l, 300)
	for _, name := range []string{
		"request_queue_time_seconds", "time_to_first_token_seconds", "inter_token_latency_seconds",
		"e2e_request_latency_seconds", "request_prefill_time_seconds", "request_decode_time_seconds",
	} {
		f.histogram("vllm:"+name, l, "0.1", "0.5", "1.0", "+Inf")
	}
}

func (f *foreign) gpus() {
	for i, uuid := range []string{"GPU-00000000-0000-0000-0000-000000000000", "GPU-00000000-0000-0000-0000-000000000001"} {
		l := set{"job": "dcgm", "instance": "gpu-1:9400", "gpu": string(rune('0' + i)), "UUID": uuid, "modelName": "NVIDIA H100", "Hostname": "gpu-1"}
		f.gauge("DCGM_FI_DEV_GPU_UTIL", l, 60, 20)
		f.gauge("DCGM_FI_DEV_FB_USED", l, 60000, 100)
		f.gauge("DCGM_FI_DEV_FB_FREE", l, 20000, 100)
		f.gauge("DCGM_FI_DEV_POWER_USAGE", l, 400, 100)
		f.gauge("DCGM_FI_DEV_GPU_TEMP", l, 60, 5)
	}
}

func (f *foreign) own() {
	l := set{"job": "pitot", "instance": "pitot"}
	source := with2(l, "source", "gateway")
	f.counter("pitot_records_received_total", source, 5)
	f.counter("pitot_records_stored_total", source, 5)
	f.counter("pitot_records_dropped_total", with2(source, "reason", "sampled"), 0.1)
	f.gauge("pitot_queue_records", l, 10, 5)
	f.gauge("pitot_queue_bytes", l, 1e5, 1e4)
	f.gauge("pitot_queue_max_bytes", l, 1e8, 0)
	f.gauge("pitot_journal_bytes", l, 1e7, 1e6)
	f.gauge("pitot_journal_max_bytes", l, 1e9, 0)
	f.gauge("pitot_journal_oldest_record_age_seconds", with2(l, "cursor", "events"), 0.2, 0.1)
	f.histogram("pitot_gateway_overhead_seconds", l, "0.0001", "0.001", "0.01", "+Inf")
	f.gauge("pitot_engine_disk_bytes", l, 1e9, 1e6)
	f.gauge("pitot_engine_free_disk_bytes", l, 1e11, 1e6)
	f.gauge("pitot_engine_resident_memory_bytes", l, 2e8, 1e6)
	account := maps.Clone(l)
	maps.Copy(account, set{"budget": "team", "account": "search", "unit": "usd"})
	f.gauge("pitot_budget_limit", account, 100, 0)
	f.gauge("pitot_budget_spent", account, 40, 1)
	f.gauge("pitot_budget_forecast", account, 90, 1)
	f.gauge("pitot_budget_remaining_ratio", account, 0.6, 0.01)
}

type recordingRule struct {
	Record string
	Expr   string
	Labels set
}

// rules evaluates the recording rules of the files as the store would have, in
// their order.
func (s *seed) rules(t *testing.T, files []metrics.RuleFile) {
	t.Helper()
	var rules []recordingRule
	for _, f := range files {
		var file struct {
			Groups []struct{ Rules []recordingRule }
		}
		if err := yaml.Unmarshal(f.Content, &file); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		for _, g := range file.Groups {
			rules = append(rules, g.Rules...)
		}
	}
	rules = slices.DeleteFunc(rules, func(r recordingRule) bool { return r.Record == "" }) // alerts
	for at := s.end.Add(-ruleSpan); !at.After(s.end); at = at.Add(ruleStep) {
		for _, r := range rules {
			s.record(t, r, at)
		}
	}
}

func (s *seed) record(t *testing.T, r recordingRule, at time.Time) {
	t.Helper()
	res, err := s.m.Query(t.Context(), r.Expr, at)
	if err != nil {
		t.Fatalf("%s: %v", r.Expr, err)
	}
	var out []prompb.TimeSeries
	for _, series := range res.Series {
		labels := maps.Clone(series.Labels)
		delete(labels, "__name__")
		if labels == nil {
			labels = set{}
		}
		maps.Copy(labels, r.Labels)
		out = append(out, prompb.TimeSeries{
			Labels:  protoLabels(r.Record, labels),
			Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: series.Points[len(series.Points)-1].Value}},
		})
	}
	if len(out) > 0 {
		s.write(t, out)
	}
}

// query evaluates a target as its panel would.
func (s *seed) query(ctx context.Context, target Target, expr string) (metrics.Result, error) {
	if target.Instant {
		return s.m.Query(ctx, expr, s.end)
	}
	return s.m.QueryRange(ctx, expr, s.end.Add(-5*time.Minute), s.end, seedStep)
}

// values counts the points that a chart shows.
func values(r metrics.Result) (n int, histogram bool) {
	for _, series := range r.Series {
		for _, p := range series.Points {
			histogram = histogram || p.Histogram != nil
			if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
				n++
			}
		}
	}
	return n, histogram
}
