package metrics

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// sender builds OTLP metrics as an SDK would.
type sender struct {
	start, at time.Time
	resource  map[string]any
	md        pmetric.Metrics
	metrics   pmetric.MetricSlice
	delta     bool
}

func newSender(service string, start, at time.Time) *sender {
	s := &sender{start: start, at: at, resource: map[string]any{"service.name": service}}
	s.reset(at)
	return s
}

// reset begins the next export.
func (s *sender) reset(at time.Time) {
	s.at = at
	s.md = pmetric.NewMetrics()
	rm := s.md.ResourceMetrics().AppendEmpty()
	putAll(rm.Resource().Attributes(), s.resource)
	s.metrics = rm.ScopeMetrics().AppendEmpty().Metrics()
}

func putAll(m pcommon.Map, from map[string]any) {
	for k, v := range from {
		if err := m.PutEmpty(k).FromRaw(v); err != nil {
			panic(err) // the test's own values
		}
	}
}

func (s *sender) temporality() pmetric.AggregationTemporality {
	if s.delta {
		return pmetric.AggregationTemporalityDelta
	}
	return pmetric.AggregationTemporalityCumulative
}

func (s *sender) metric(name, unit string) pmetric.Metric {
	m := s.metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	return m
}

func (s *sender) times(p interface {
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
},
) {
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(s.start))
	p.SetTimestamp(pcommon.NewTimestampFromTime(s.at))
}

func (s *sender) counter(name, unit string, v float64, attrs map[string]any) {
	sum := s.metric(name, unit).SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(s.temporality())
	p := sum.DataPoints().AppendEmpty()
	s.times(p)
	p.SetDoubleValue(v)
	putAll(p.Attributes(), attrs)
}

func (s *sender) upDown(name, unit string, v int64, attrs map[string]any) {
	sum := s.metric(name, unit).SetEmptySum()
	sum.SetAggregationTemporality(s.temporality())
	p := sum.DataPoints().AppendEmpty()
	s.times(p)
	p.SetIntValue(v)
	putAll(p.Attributes(), attrs)
}

func (s *sender) gauge(name, unit string, v float64, attrs map[string]any) {
	p := s.metric(name, unit).SetEmptyGauge().DataPoints().AppendEmpty()
	s.times(p)
	p.SetDoubleValue(v)
	putAll(p.Attributes(), attrs)
}

func (s *sender) histogram(name, unit string, bounds []float64, counts []uint64, sum float64, attrs map[string]any) {
	h := s.metric(name, unit).SetEmptyHistogram()
	h.SetAggregationTemporality(s.temporality())
	p := h.DataPoints().AppendEmpty()
	s.times(p)
	p.ExplicitBounds().FromRaw(bounds)
	p.BucketCounts().FromRaw(counts)
	var n uint64
	for _, c := range counts {
		n += c
	}
	p.SetCount(n)
	p.SetSum(sum)
	putAll(p.Attributes(), attrs)
}

func (s *sender) exponential(name, unit string, scale, offset int32, counts []uint64, sum float64, attrs map[string]any) {
	h := s.metric(name, unit).SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(s.temporality())
	p := h.DataPoints().AppendEmpty()
	s.times(p)
	p.SetScale(scale)
	p.Positive().SetOffset(offset)
	p.Positive().BucketCounts().FromRaw(counts)
	var n uint64
	for _, c := range counts {
		n += c
	}
	p.SetCount(n)
	p.SetSum(sum)
	putAll(p.Attributes(), attrs)
}

func (s *sender) write(t testing.TB, m *Metrics) {
	t.Helper()
	if err := m.WriteOTLP(t.Context(), s.md); err != nil {
		t.Fatal(err)
	}
}

// TestOTLPNames: the names are Prometheus' own translation.
func TestOTLPNames(t *testing.T) {
	m := openStore(t)
	now := time.Now()
	s := newSender("app", now.Add(-time.Minute), now)
	hist := func(name, unit string) { s.histogram(name, unit, []float64{0.5}, []uint64{1, 1}, 2, nil) }
	want := []string{}
	for name, n := range map[string][2]string{
		"gen_ai.server.request.duration":                  {"s", "gen_ai_server_request_duration_seconds_count"},
		"gen_ai.server.time_per_output_token":             {"s", "gen_ai_server_time_per_output_token_seconds_bucket"},
		"gen_ai.server.time_to_first_token":               {"s", "gen_ai_server_time_to_first_token_seconds_sum"},
		"mcp.client.operation.duration":                   {"s", "mcp_client_operation_duration_seconds_count"},
		"gen_ai.client.inference.duration":                {"s", "gen_ai_client_inference_duration_seconds_count"},
		"gen_ai.client.inference.operation.input_tokens":  {"{token}", "gen_ai_client_inference_operation_input_tokens_count"},
		"gen_ai.invoke_agent.duration":                    {"s", "gen_ai_invoke_agent_duration_seconds_count"},
		"gen_ai.invoke_agent.inference_calls":             {"{inference_call}", "gen_ai_invoke_agent_inference_calls_count"},
		"gen_ai.execute_tool.duration":                    {"s", "gen_ai_execute_tool_duration_seconds_count"},
		"gen_ai.invoke_workflow.duration":                 {"s", "gen_ai_invoke_workflow_duration_seconds_count"},
		"gen_ai.usage.cost":                               {"USD", "gen_ai_usage_cost_USD_sum"},
		"operation.cost":                                  {"{USD}", "operation_cost_sum"},
		"llm.chat_completions.streaming_time_to_generate": {"s", "llm_chat_completions_streaming_time_to_generate_seconds_count"},
		"llm.token.generation_rate":                       {"tokens/s", "llm_token_generation_rate_tokens_per_second_count"},
		"codex.turn.token_usage":                          {"", "codex_turn_token_usage_sum"},
	} {
		hist(name, n[0])
		want = append(want, n[1])
	}
	for name, n := range map[string][2]string{
		"gen_ai.client.inference.usage.input_tokens":            {"{token}", "gen_ai_client_inference_usage_input_tokens_total"},
		"gen_ai.client.inference.usage.cache_read.input_tokens": {"{token}", "gen_ai_client_inference_usage_cache_read_input_tokens_total"},
		"gen_ai.client.generation.choices":                      {"choice", "gen_ai_client_generation_choices_choice_total"},
		"llm.openai.chat_completions.exceptions":                {"time", "llm_openai_chat_completions_exceptions_time_total"},
		"claude_code.token.usage":                               {"tokens", "claude_code_token_usage_tokens_total"},
		"claude_code.cost.usage":                                {"USD", "claude_code_cost_usage_USD_total"},
		"claude_code.session.count":                             {"count", "claude_code_session_count_total"},
		"claude_code.lines_of_code.count":                       {"count", "claude_code_lines_of_code_count_total"},
		"claude_code.active_time.total":                         {"s", "claude_code_active_time_seconds_total"},
		"claude_code.code_edit_tool.decision":                   {"count", "claude_code_code_edit_tool_decision_count_total"},
		"gemini_cli.token.usage":                                {"", "gemini_cli_token_usage_total"},
		"llm.token_count.prompt":                                {"tokens", "llm_token_count_prompt_tokens_total"},
		"llm.error.count":                                       {"errors", "llm_error_count_errors_total"},
	} {
		s.counter(name, n[0], 3, nil)
		want = append(want, n[1])
	}
	s.write(t, m)
	for _, name := range want {
		if n := len(query(t, m, name+`{job="app",service_name="app"}`, now)); n == 0 {
			t.Errorf("%s is not there", name)
		}
	}
}

// TestOTLPKinds: each kind of point, in both temporalities.
func TestOTLPKinds(t *testing.T) {
	now := time.Now()
	for _, delta := range []bool{false, true} {
		m := openStore(t)
		start := now.Add(-10 * time.Minute)
		for i := range 3 {
			s := newSender("app", start, now.Add(time.Duration(i-3)*10*time.Second))
			s.delta = delta
			n := uint64(i + 1) // cumulative grows, deltas repeat
			if delta {
				n = 1
				s.start = s.at.Add(-10 * time.Second)
			}
			s.resource["service.instance.id"], s.resource["host.name"] = "i-1", "h"
			s.reset(s.at)
			s.counter("c", "", float64(5*n), nil)
			s.histogram("h", "s", []float64{0.1, 1}, []uint64{n, 2 * n, 0}, float64(n), nil)
			s.exponential("e", "s", 0, 0, []uint64{n, n}, float64(4*n), nil)
			if !delta {
				s.upDown("u", "", int64(10-i), nil)
				s.gauge("g", "By", float64(i), nil)
				p := s.metric("q", "s").SetEmptySummary().DataPoints().AppendEmpty()
				s.times(p)
				p.SetCount(n)
				p.SetSum(float64(3 * n))
				v := p.QuantileValues().AppendEmpty()
				v.SetQuantile(0.5)
				v.SetValue(2)
			}
			s.write(t, m)
		}
		want := map[string]float64{
			`c_total{instance="i-1",job="app"}`:    15,
			`h_seconds_bucket{le="1"}`:             9,
			`h_seconds_count`:                      9,
			`h_seconds_sum`:                        3,
			`histogram_count(e_seconds)`:           6,
			`histogram_sum(e_seconds)`:             12,
			`target_info{job="app",host_name="h"}`: 1,
		}
		if !delta {
			want["u"], want["g_bytes"], want["q_seconds_sum"], want[`q_seconds{quantile="0.5"}`] = 8, 2, 9, 2
			delete(want, "q_seconds")
		}
		checkValues(t, m, now, want)
	}
}

// TestSessionsCollapse: series of sessions become one whose increase is that
// of all, through restarts, retries and sessions that come and go.
func TestSessionsCollapse(t *testing.T) {
	for _, delta := range []bool{false, true} {
		m := openStore(t)
		start := time.Now().Add(time.Second) // after Pitot's
		rng := rand.New(rand.NewPCG(1, 2))
		total := 0.0
		const sessions, exports = 40, 6
		cumulative := make([]float64, sessions)
		at := start
		// The senders' times have to lie in the past of the collapser's clock.
		m.senders.now = func() time.Time { return at }
		for e := range exports {
			at = start.Add(time.Duration(e+1) * 10 * time.Second)
			for i := range sessions {
				if i%exports > e { // this one has not begun
					continue
				}
				v := float64(1 + rng.IntN(100))
				total += v
				cumulative[i] += v
				s := newSender("claude-code", start, at)
				s.delta = delta
				if delta {
					s.start = at.Add(-10 * time.Second)
				} else {
					v = cumulative[i]
				}
				attrs := map[string]any{"session.id": fmt.Sprint("s", i), "user.email": "dev@example.test", "model": "claude-x", "type": "output"}
				s.counter("claude_code.token.usage", "tokens", v, attrs)
				again := pmetric.NewMetrics()
				s.md.CopyTo(again)
				s.write(t, m)
				if i%7 == 0 { // sent twice, as after a lost answer
					if err := m.WriteOTLP(t.Context(), again); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		at = at.Add(time.Second)
		checkValues(t, m, at, map[string]float64{
			`claude_code_token_usage_tokens_total{user_email="dev@example.test",model="claude-x",type="output"}`: total,
			`llm_agent_cli_tokens_total{product="claude_code",user="dev@example.test",model="claude-x"}`:         total,
			`count({session_id!=""}) or vector(0)`:              0,
			`resets(claude_code_token_usage_tokens_total[10m])`: 0,
		})
	}
}

// TestSourceRestarts: a source whose value falls has started again.
func TestSourceRestarts(t *testing.T) {
	m := openStore(t)
	start := time.Now().Add(time.Second)
	at := start
	m.senders.now = func() time.Time { return at }
	send := func(session string, v float64) {
		t.Helper()
		at = at.Add(10 * time.Second)
		s := newSender("app", start, at)
		s.counter("jobs", "", v, map[string]any{"session.id": session})
		s.histogram("lat", "s", []float64{1}, []uint64{uint64(v), 1}, v, map[string]any{"session.id": session})
		s.write(t, m)
	}
	send("a", 10)
	send("b", 5)
	send("a", 12) // +2
	send("a", 3)  // again from 0: +3
	send("b", 6)  // +1
	checkValues(t, m, at, map[string]float64{
		`jobs_total`:                 10 + 5 + 2 + 3 + 1,
		`lat_seconds_bucket{le="1"}`: 21,
		`lat_seconds_count`:          21 + 3, // one in +Inf of each life
		`lat_seconds_sum`:            21,
	})
}

// TestPitotRestarts: what was counted before Pitot started is not counted
// again, whatever the senders' totals are.
func TestPitotRestarts(t *testing.T) {
	m := openStore(t)
	old := time.Now().Add(-time.Hour)
	at := time.Now().Add(-time.Minute)
	m.senders.now = func() time.Time { return at }
	send := func(v map[string]float64) {
		t.Helper()
		at = at.Add(10 * time.Second)
		s := newSender("app", old, at)
		for session, n := range v {
			s.counter("jobs", "", n, map[string]any{"session.id": session})
		}
		s.write(t, m)
	}
	send(map[string]float64{"a": 1000, "b": 500})
	send(map[string]float64{"a": 1001, "b": 500})
	send(map[string]float64{"a": 1001, "b": 502, "c": 7}) // c is new: its metric was seen without it
	checkValues(t, m, at, map[string]float64{`jobs_total`: 1 + 2 + 7})
}

// TestAttributeCap: past the limit values are one, and nothing is lost.
func TestAttributeCap(t *testing.T) {
	m := openStore(t, func(o *Options) { o.OTLP = OTLPConfig{MaxValues: 10} })
	start := time.Now().Add(time.Second)
	at := start
	m.senders.now = func() time.Time { return at }
	const tenants = 50
	for round := 1; round <= 3; round++ {
		at = start.Add(time.Duration(round) * 10 * time.Second)
		s := newSender("app", start, at)
		for i := range tenants {
			attrs := map[string]any{"traceloop.association.properties.tenant": fmt.Sprint("t", i), "traceloop.association.properties.user_id": fmt.Sprint("u", i)}
			s.counter("work", "", float64(round), attrs)
			s.upDown("busy", "", int64(round), attrs)
			s.gauge("level", "", float64(round), attrs)
			s.histogram("took", "s", []float64{0.1, 1}, []uint64{uint64(round), 0, 0}, float64(round), attrs)
			s.exponential("span", "s", int32(i%4), int32(i), []uint64{uint64(round)}, float64(round), attrs)
		}
		s.write(t, m)
	}
	checkValues(t, m, at, map[string]float64{
		`sum(work_total)`:   3 * tenants,
		`count(work_total)`: 11,
		`work_total{traceloop_association_properties_tenant="__other__"}`: 3 * (tenants - 10),
		`work_total{traceloop_association_properties_tenant="t3"}`:        3,
		`sum(busy)`:                          3 * tenants,
		`count(level)`:                       11,
		`sum(took_seconds_bucket{le="0.1"})`: 3 * tenants,
		`sum(histogram_count(span_seconds))`: 3 * tenants,
		`sum(histogram_sum(span_seconds))`:   3 * tenants,
		`count({traceloop_association_properties_user_id!=""}) or vector(0)`: 0,
	})
	if n := m.senders.capped["attribute"]; n == 0 {
		t.Error("nothing is counted as capped")
	}
	if n, err := testutil.GatherAndCount(m.Gatherer(), cappedName); err != nil || n != len(cappedReasons()) {
		t.Errorf("%s has %d series: %v", cappedName, n, err)
	}
}

// TestSetCap: combinations are bounded too; what a sum means stays.
func TestSetCap(t *testing.T) {
	m := openStore(t, func(o *Options) { o.OTLP = OTLPConfig{MaxSets: 20} })
	start := time.Now().Add(time.Second)
	at := start.Add(10 * time.Second)
	m.senders.now = func() time.Time { return at }
	s := newSender("app", start, at)
	for i := range 10 {
		for j := range 10 {
			s.counter("work", "", 1, map[string]any{"a": fmt.Sprint(i), "b": fmt.Sprint(j), "type": "input"})
		}
	}
	s.write(t, m)
	checkValues(t, m, at, map[string]float64{
		`sum(work_total{type="input"})`: 100, `count(work_total)`: 21, `work_total{a="__other__",b="__other__"}`: 80,
	})
}

// TestSenderMemoryIsBounded: sources, names, values and instances have limits.
func TestSenderMemoryIsBounded(t *testing.T) {
	s := newSenders(OTLPConfig{}, testOptions(t).Logger, func(string) bool { return false })
	at := time.Now()
	s.now = func() time.Time { return at }
	for range 3 {
		for k := range 30 {
			o := newSender("app", at, at)
			for i := range 1000 {
				o.counter("work", "", 1, map[string]any{"session.id": fmt.Sprint(k, "-", i), "x": fmt.Sprint(k, i)})
			}
			s.prepare(o.md, nil)
		}
		for i := range maxInstances + 50 {
			o := newSender("app", at, at)
			o.resource["service.instance.id"] = fmt.Sprint(i)
			o.reset(at)
			o.gauge("up", "", 1, nil)
			s.prepare(o.md, nil)
		}
		o := newSender("app", at, at)
		for i := range maxMetricNames + 10 {
			o.gauge(fmt.Sprint("n", i), "", 1, nil)
		}
		s.prepare(o.md, nil)
	}
	if n := len(s.collapse.sources); n > maxCollapseSources {
		t.Errorf("%d sources", n)
	}
	if s.collapse.tracked > maxTracked {
		t.Errorf("%d values", s.collapse.tracked)
	}
	for _, r := range cappedReasons() {
		if r != "sets" && s.capped[r] == 0 {
			t.Errorf("nothing is counted as %s", r)
		}
	}
	// What is silent is forgotten.
	at = at.Add(2*collapseIdle + collapseSweep)
	s.prepare(newSender("app", at, at).md, nil)
	if n, v := len(s.collapse.sources), s.collapse.tracked; n != 0 || v != 0 {
		t.Errorf("%d sources and %d values after hours of silence", n, v)
	}
}

func openLLMetryBounds() []float64 {
	return []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}
}

// TestForeignHistograms: OpenLLMetry's durations in buckets of 5 seconds.
func TestForeignHistograms(t *testing.T) {
	var log lockedBuffer
	m := openStore(t, func(o *Options) { o.Logger = textLogger(&log) })
	now := time.Now()
	for range 2 {
		s := newSender("chat", now, now)
		wide := make([]uint64, 16)
		wide[1] = 4
		s.histogram("gen_ai.client.operation.duration", "s", openLLMetryBounds(), wide, 3, nil)
		s.histogram("gemini_cli.api.request.latency", "ms", openLLMetryBounds(), wide, 3, nil) // milliseconds: fine
		s.histogram("gen_ai.client.token.usage", "token", openLLMetryBounds(), wide, 3, nil)   // no duration
		s.histogram("gen_ai.server.request.duration", "s", []float64{0.01, 1}, []uint64{0, 1, 0}, 1, nil)
		s.histogram("gen_ai.invoke_workflow.duration", "s", []float64{1, 5}, []uint64{0, 1, 0}, 3, nil) // as in the convention
		s.write(t, m)
	}
	got := m.ForeignHistograms()
	if len(got) != 1 || got[0].Name != "gen_ai_client_operation_duration_seconds" || got[0].Service != "chat" || got[0].Bounds[1] != 5 ||
		!strings.Contains(got[0].Reason, "5 s") || got[0].Advice == "" {
		t.Fatalf("foreign histograms are %+v", got)
	}
	if n := strings.Count(log.String(), "buckets too wide"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, log.String())
	}
	if v := testutil.ToFloat64(onlyGauge{m.senders}); v != 1 {
		t.Errorf("%s is %v", lowResolutionName, v)
	}
}
