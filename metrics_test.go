package pitot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/pitot-dev/pitot/internal/llm"
)

// streamed is a call with everything known: 2 s, first token after 0.5 s, 31
// output tokens.
func streamed() *llm.Call {
	c := &llm.Call{
		ID: "01TEST", Time: time.Unix(1_800_000_000, 0), Source: llm.SourceSDK, Provider: "openai", Operation: llm.OpChat,
		RequestModel: "gpt-x", ResponseModel: "gpt-x-0101", ResponseID: "resp-1", Stream: true, Status: llm.StatusOK,
		Duration: 2 * time.Second, TTFT: llm.Some(500 * time.Millisecond),
		Usage: llm.Usage{
			InputTokens: llm.Some[int64](100), OutputTokens: llm.Some[int64](31), CacheReadTokens: llm.Some[int64](40),
			ReasoningTokens: llm.Some[int64](0), Source: llm.UsageReported,
		},
	}
	c.Timeline.Add(400*time.Millisecond, 0)
	c.Timeline.Add(500*time.Millisecond, 4)
	c.Timeline.Add(600*time.Millisecond, 4)
	c.Timeline.Add(900*time.Millisecond, 0)
	c.Timeline.Add(2*time.Second, 4)
	return c
}

func failed(typ string) *llm.Call {
	c := &llm.Call{Provider: "openai", Operation: llm.OpChat, RequestModel: "gpt-x", Duration: time.Second}
	c.SetError(typ, "it did not work")
	return c
}

func seen(t *testing.T, r *core, c *llm.Call) {
	t.Helper()
	ctx, span := r.tracer.Start(t.Context(), "chat")
	defer span.End()
	c.TraceID = span.SpanContext().TraceID().String()
	r.observe(ctx, c, r.slowness(c))
}

// series is one series as text: its labels and value, or count and sum.
func seriesOf(t *testing.T, m metricdata.Metrics) map[string]string {
	t.Helper()
	out := map[string]string{}
	set := func(s attribute.Set, format string, v ...any) {
		out[s.Encoded(attribute.DefaultEncoder())] = fmt.Sprintf(format, v...)
	}
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			set(p.Attributes, "%d", p.Value)
		}
	case metricdata.Sum[float64]:
		for _, p := range d.DataPoints {
			set(p.Attributes, "%g", p.Value)
		}
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			set(p.Attributes, "n=%d sum=%.4g", p.Count, p.Sum)
		}
	case metricdata.Histogram[int64]:
		for _, p := range d.DataPoints {
			set(p.Attributes, "n=%d sum=%d", p.Count, p.Sum)
		}
	default:
		t.Fatalf("%s is a %T", m.Name, d)
	}
	return out
}

func checkSeries(t *testing.T, rec *recorded, want map[string]map[string]string) {
	t.Helper()
	all := rec.Metrics(t)
	for name, w := range want {
		m, ok := all[name]
		if !ok {
			if len(w) > 0 {
				t.Errorf("%s is not there", name)
			}
			continue
		}
		if diff := cmp.Diff(w, seriesOf(t, m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

const (
	base  = "method=chat,model=gpt-x,provider=openai"
	genAI = "gen_ai.operation.name=chat,gen_ai.provider.name=openai,gen_ai.request.model=gpt-x"
)

// TestFamilies: what one stream and one failure give.
func TestFamilies(t *testing.T) {
	r, rec := testCore(t)
	c := streamed()
	r.meters.started(t.Context(), c)
	seen(t, r, c)
	r.meters.started(t.Context(), failed(""))
	r.meters.ended(t.Context(), failed(""))
	seen(t, r, failed("rate_limit_exceeded"))
	response := genAI + ",gen_ai.response.model=gpt-x-0101"
	checkSeries(t, rec, map[string]map[string]string{
		"llm.requests":                     {base + ",status=success": "1", base + ",status=error": "1"},
		"llm.streams":                      {base + ",status=success": "1"},
		"llm.errors":                       {"error_type=rate_limit_exceeded," + base: "1"},
		"llm.active_requests":              {base: "1"},
		"llm.request.duration":             {base: "n=2 sum=3"},
		"llm.time_to_first_token":          {base: "n=1 sum=0.5"},
		"llm.time_per_output_token":        {base: "n=1 sum=0.05"},
		"llm.inter_token_latency":          {base: "n=2 sum=1.5"},
		"llm.tokens_per_second":            {base: "n=1 sum=20"},
		"llm.token_generation_rate":        {base: "n=1 sum=15.5"},
		"llm.tokens":                       {base + ",type=input": "100", base + ",type=output": "31", base + ",type=cache_read": "40", base + ",type=reasoning": "0"},
		"llm.unpriced_requests":            {base + ",reason=no_price": "1"},
		"llm.cost_usd":                     {},
		"llm.token_cost_per_request":       {},
		"gen_ai.client.token.usage":        {response + ",gen_ai.token.type=input": "n=1 sum=100", response + ",gen_ai.token.type=output": "n=1 sum=31"},
		"gen_ai.client.inference.duration": {},
		"gen_ai.client.operation.duration": {
			response: "n=1 sum=2", "error.type=rate_limit_exceeded," + genAI: "n=1 sum=1",
		},
		"gen_ai.client.operation.time_to_first_chunk":   {response: "n=1 sum=0.4"},
		"gen_ai.client.operation.time_per_output_chunk": {response: "n=2 sum=1.5"},
	})
}

// TestStreamOutcomes: how streams end.
func TestStreamOutcomes(t *testing.T) {
	r, rec := testCore(t)
	noted := func(c *llm.Call, notes ...string) *llm.Call {
		c.Stream, c.Notes = true, notes
		return c
	}
	for _, c := range []*llm.Call{
		streamed(), noted(streamed(), "stream_cut"), noted(failed("x"), "stream_cut"), noted(streamed(), "client_gone", "stream_cut"), noted(failed("x"), "client_gone"), failed("x"),
	} {
		seen(t, r, c)
	}
	checkSeries(t, rec, map[string]map[string]string{
		"llm.streams": {base + ",status=success": "1", base + ",status=cut": "1", base + ",status=error": "1", base + ",status=client_gone": "2"},
	})
}

// TestNewNames: the newer convention's families in place of the published ones.
func TestNewNames(t *testing.T) {
	r, rec := testCore(t, func(s *settings) error { s.newNames = true; return nil })
	seen(t, r, streamed())
	seen(t, r, failed("timeout"))
	audio := streamed()
	audio.Usage.InputAudioTokens, audio.Usage.OutputAudioTokens = llm.Some[int64](60), llm.Some[int64](0)
	seen(t, r, audio)
	seen(t, r, &llm.Call{Provider: "openai", Operation: llm.OpEmbeddings, RequestModel: "emb", Duration: time.Second, Usage: llm.Usage{InputTokens: llm.Some[int64](7), Source: llm.UsageReported}})
	response := genAI + ",gen_ai.response.model=gpt-x-0101"
	emb := "gen_ai.operation.name=embeddings,gen_ai.provider.name=openai,gen_ai.request.model=emb"
	mod := func(attrs, modality string) string {
		const key = "gen_ai.token.modality=" // sorts after the response model
		return attrs + "," + key + modality
	}
	checkSeries(t, rec, map[string]map[string]string{
		"gen_ai.client.token.usage":        {},
		"gen_ai.client.inference.duration": {response: "n=2 sum=4", "error.type=timeout," + genAI: "n=1 sum=1"},
		"gen_ai.client.operation.duration": {emb: "n=1 sum=1"},
		"gen_ai.client.inference.usage.input_tokens": {
			mod(response, "unknown"): "100", mod(response, "audio"): "60", mod(response, "text"): "40", mod(genAI, "unknown"): "0", mod(emb, "unknown"): "7",
		},
		"gen_ai.client.inference.usage.output_tokens":           {mod(response, "unknown"): "31", mod(response, "text"): "31", mod(genAI, "unknown"): "0"},
		"gen_ai.client.inference.usage.cache_read.input_tokens": {mod(response, "unknown"): "80"},
		"gen_ai.client.inference.operation.input_tokens":        {response: "n=2 sum=200", emb: "n=1 sum=7"},
		"gen_ai.client.inference.time_to_first_chunk":           {response: "n=2 sum=0.8"},
		"gen_ai.client.inference.time_per_output_chunk":         {response: "n=4 sum=3"},
	})
}

// TestAbsentIsAbsent: what is not known is in no family.
func TestAbsentIsAbsent(t *testing.T) {
	r, rec := testCore(t)
	seen(t, r, &llm.Call{Operation: llm.OpChat, RequestModel: "m", Status: llm.StatusOK})
	got := rec.Metrics(t)
	for _, name := range []string{
		"llm.tokens", "llm.request.duration", "llm.time_to_first_token", "llm.tokens_per_second", "gen_ai.client.token.usage", "llm.cost_usd",
		"gen_ai.client.operation.duration", "gen_ai.client.operation.time_to_first_chunk", "llm.errors",
	} {
		if m, ok := got[name]; ok {
			t.Errorf("%s is there: %v", name, seriesOf(t, m))
		}
	}
	if s := Summary(time.Hour); s.Requests != 1 || s.Latency != nil || s.InputTokens != nil || s.Cost != nil || s.TokensPerSecond != nil || *s.SuccessRate != 1 {
		t.Errorf("the summary is %+v", s)
	}
}

// TestGapsAreTheSame: the histograms of gaps are the same through the producer
// as through instruments, and have the exemplar of the longest gap.
func TestGapsAreTheSame(t *testing.T) {
	for _, newNames := range []bool{false, true} {
		calls := []*llm.Call{streamed(), streamed(), failed("x")}
		calls[1].ResponseModel, calls[1].Provider = "other", "azure.ai.openai"
		r, rec := testCore(t, func(s *settings) error { s.newNames = newNames; return nil })
		for _, c := range calls {
			seen(t, r, c)
		}
		want := rec.Metrics(t)

		g := newGapHistograms(newNames)
		reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(g))
		mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		s := *r.cfg
		own, err := newCore(&s, providers{metrics: mp, reader: reader, gaps: g})
		if err != nil {
			t.Fatal(err)
		}
		own.tracer = r.tracer
		for _, c := range calls {
			seen(t, own, c)
		}
		got := (&recorded{reader: reader}).Metrics(t)
		for _, name := range []string{itlName, chunkName(newNames)} {
			a, b := want[name].Data.(metricdata.Histogram[float64]), got[name].Data.(metricdata.Histogram[float64])
			if len(a.DataPoints) != 2 || len(b.DataPoints) != 2 {
				t.Fatalf("%s has %d and %d series", name, len(a.DataPoints), len(b.DataPoints))
			}
			if want[name].Description != got[name].Description || want[name].Unit != got[name].Unit {
				t.Errorf("%s: %+v is not %+v", name, want[name], got[name])
			}
			if diff := cmp.Diff(seriesOf(t, want[name]), seriesOf(t, got[name])); diff != "" {
				t.Errorf("%s (-instrument +producer):\n%s", name, diff)
			}
			if diff := cmp.Diff(a.DataPoints[0].BucketCounts, b.DataPoints[0].BucketCounts); diff != "" {
				t.Errorf("%s: buckets (-instrument +producer):\n%s", name, diff)
			}
			if e := b.DataPoints[0].Exemplars; name == itlName && (len(e) != 1 || e[0].Value != 1.4) {
				t.Errorf("%s: exemplars are %+v", name, e)
			}
		}
		if err := errors.Join(own.meters.close(t.Context()), mp.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

// TestExemplars: the latencies carry the trace of the call.
func TestExemplars(t *testing.T) {
	r, rec := testCore(t)
	c := streamed()
	seen(t, r, c)
	for _, name := range []string{"llm.request.duration", "llm.time_to_first_token", "llm.time_per_output_token"} {
		h := rec.Metrics(t)[name].Data.(metricdata.Histogram[float64])
		if e := h.DataPoints[0].Exemplars; len(e) != 1 || fmt.Sprintf("%x", e[0].TraceID) != c.TraceID {
			t.Errorf("%s: exemplars are %+v, the trace is %s", name, e, c.TraceID)
		}
	}
}

// TestPrices: the states of a cost, and the reasons for none.
func TestPrices(t *testing.T) {
	price := func(c CallInfo) (float64, bool) {
		switch c.RequestModel {
		case "panics":
			panic("no table")
		case "negative":
			return -1, true
		}
		return float64(c.Usage.OutputTokens) / 100, c.RequestModel == "gpt-x"
	}
	r, rec := testCore(t, WithPrices(price))
	reported := streamed()
	reported.Cost = llm.Cost{USD: llm.Some(0.25), State: llm.CostReported}
	estimated := streamed()
	estimated.Usage.Source = llm.UsageEstimated
	calls := []*llm.Call{streamed(), reported, estimated}
	for _, m := range []string{"unknown", "panics", "panics", "negative"} {
		c := streamed()
		c.RequestModel = m
		calls = append(calls, c)
	}
	none := streamed()
	none.Usage = llm.Usage{}
	calls = append(calls, none, failed("x"))
	for _, c := range calls {
		seen(t, r, c)
	}
	with := func(model string) string { return "method=chat,model=" + model + ",provider=openai" }
	checkSeries(t, rec, map[string]map[string]string{
		"llm.cost_usd":               {base + ",state=computed": "0.31", base + ",state=estimated": "0.31", base + ",state=reported": "0.25"},
		"llm.token_cost_per_request": {base: "n=3 sum=0.87"},
		"llm.unpriced_requests": {
			with("unknown") + ",reason=unknown_model": "1", with("panics") + ",reason=unknown_model": "2", with("negative") + ",reason=unknown_model": "1",
			base + ",reason=unknown_usage": "1",
		},
	})
	if calls[0].Cost.State != llm.CostComputed || calls[0].Cost.USD.Or(0) != 0.31 {
		t.Errorf("the call's cost is %+v", calls[0].Cost)
	}
	s := Summary(time.Hour)
	if s.Cost == nil || s.Unpriced != 5 || s.Cost.Reported != 0.25 || s.Cost.Computed != 0.31 || s.Cost.Estimated != 0.31 {
		t.Errorf("the summary has %+v and %d unpriced", s.Cost, s.Unpriced)
	}
	if n := strings.Count(rec.Warnings(), "panicked"); n != 1 {
		t.Errorf("the panic is reported %d times:\n%s", n, rec.Warnings())
	}
}

// TestLabelsAreBounded: past the limits values are __other__, no family comes
// near the limit at which OpenTelemetry drops labels, and nothing is lost.
func TestLabelsAreBounded(t *testing.T) {
	r, rec := testCore(t)
	const calls = 3000
	for i := range calls {
		c := streamed()
		c.RequestModel, c.ResponseModel, c.Provider = fmt.Sprint("m", i%700), fmt.Sprint("r", i%900), fmt.Sprint("p", i%80)
		c.Operation = llm.Operation(fmt.Sprint("op", i%60))
		if i%2 == 0 {
			c.SetError(fmt.Sprint("e", i%500), "")
		}
		seen(t, r, c)
		r.observeStep(t.Context(), llm.KindTool, fmt.Sprint("agent", i%400), fmt.Sprint("tool", i%900), 1, "")
		r.observeFeedback(t.Context(), fmt.Sprint("ev", i%30), fmt.Sprint("l", i), llm.Some(0.5))
	}
	total := func(name string) (n int64) {
		for _, p := range rec.Metrics(t)[name].Data.(metricdata.Sum[int64]).DataPoints {
			n += p.Value
		}
		return n
	}
	if total("llm.requests") != calls || total("llm.errors") != calls/2 || total("agent.step.count") != calls || total("llm.feedback") != calls {
		t.Errorf("requests %d, errors %d, steps %d, feedback %d", total("llm.requests"), total("llm.errors"), total("agent.step.count"), total("llm.feedback"))
	}
	for name, m := range rec.Metrics(t) {
		if strings.HasPrefix(name, "process") || strings.HasPrefix(name, "go.") {
			continue
		}
		s := seriesOf(t, m)
		if len(s) >= 1990 {
			t.Errorf("%s has %d series", name, len(s))
		}
		for k := range s {
			if strings.Contains(k, "otel.metric.overflow") {
				t.Errorf("%s overflows", name)
			}
		}
	}
}

// TestSteps: agents, their tools and what they count.
func TestSteps(t *testing.T) {
	r, rec := testCore(t)
	ctx := r.beginAgent(t.Context())
	inner := r.beginAgent(ctx)
	seenIn := func(ctx context.Context) { r.observe(ctx, streamed(), 0) }
	seenIn(ctx)
	seenIn(ctx)
	seenIn(inner)
	r.observeStep(ctx, llm.KindTool, "planner", "search", 0.5, "")
	r.observeStep(ctx, llm.KindTool, "planner", "search", 0.5, "timeout")
	r.observeStep(inner, llm.KindRetrieval, "writer", "kb", 0.1, "")
	r.observeStep(inner, llm.KindAgent, "", "writer", 1, "")
	r.observeStep(ctx, llm.KindAgent, "", "planner", 3, "boom")
	r.observeStep(t.Context(), llm.KindWorkflow, "", "flow", 4, "")
	r.observeStep(t.Context(), llm.KindTask, "", "task", 4, "")
	checkSeries(t, rec, map[string]map[string]string{
		"agent.step.count": {
			"agent.name=planner,agent.step.type=tool_call,agent.tool.name=search": "2",
			"agent.name=writer,agent.step.type=retriever,retriever.name=kb":       "1",
		},
		"agent.error.count": {
			"agent.name=planner,agent.tool.name=search,error.type=timeout": "1", "agent.name=planner,error.type=boom": "1",
		},
		"gen_ai.invoke_agent.duration":        {"gen_ai.agent.name=writer": "n=1 sum=1", "error.type=boom,gen_ai.agent.name=planner": "n=1 sum=3"},
		"gen_ai.invoke_agent.inference_calls": {"gen_ai.agent.name=writer": "n=1 sum=1", "gen_ai.agent.name=planner": "n=1 sum=2"},
		"gen_ai.invoke_agent.tool_calls":      {"gen_ai.agent.name=writer": "n=1 sum=0", "gen_ai.agent.name=planner": "n=1 sum=2"},
		"gen_ai.execute_tool.duration": {
			"gen_ai.agent.name=planner,gen_ai.tool.name=search": "n=1 sum=0.5", "error.type=timeout,gen_ai.agent.name=planner,gen_ai.tool.name=search": "n=1 sum=0.5",
		},
		"gen_ai.invoke_workflow.duration": {"gen_ai.workflow.name=flow": "n=1 sum=4"},
	})
}

// TestFeedbackFamilies: judgements and scores.
func TestFeedbackFamilies(t *testing.T) {
	r, rec := testCore(t)
	r.observeFeedback(t.Context(), "user", "thumbs_up", llm.Some(1.5))
	r.observeFeedback(t.Context(), "judge", "", llm.Some(0.25))
	r.observeFeedback(t.Context(), "judge", "bad", llm.Opt[float64]{})
	checkSeries(t, rec, map[string]map[string]string{
		"llm.feedback": {
			"evaluator=user,label=thumbs_up": "1", "evaluator=judge": "1", "evaluator=judge,label=bad": "1",
		},
		"llm.response_quality_score": {"evaluator=user": "n=1 sum=1", "evaluator=judge": "n=1 sum=0.25"},
	})
}

func TestSlowness(t *testing.T) {
	r, rec := testCore(t, WithSlowRequest(2*time.Second), WithSlowTokenRate(10))
	call := func(d time.Duration, tokens int64, op llm.Operation) *llm.Call {
		c := &llm.Call{Operation: op, Duration: d, Provider: "openai", RequestModel: "m", Status: llm.StatusOK}
		if tokens >= 0 {
			c.Usage = llm.Usage{OutputTokens: llm.Some(tokens), Source: llm.UsageReported}
		}
		return c
	}
	broken := call(time.Second, 5, llm.OpChat)
	broken.SetError("x", "")
	for name, tc := range map[string]struct {
		call *llm.Call
		want slow
	}{
		"fast":             {call(time.Second, 50, llm.OpChat), 0},
		"at the threshold": {call(2*time.Second, 50, llm.OpChat), slowRequest},
		"both":             {call(20*time.Second, 50, llm.OpChat), slowRequest | slowTokenRate},
		"unknown usage":    {call(time.Second, -1, llm.OpChat), 0},
		"few tokens":       {call(1900*time.Millisecond, minRatedTokens-3, llm.OpChat), 0},
		"few tokens a second": {func() *llm.Call {
			c := call(1990*time.Millisecond, minRatedTokens, llm.OpChat)
			c.TTFT = llm.Some(0 * time.Second)
			return c
		}(), slowTokenRate},
		"embeddings": {call(1900*time.Millisecond, 15, llm.OpEmbeddings), 0},
		"failed":     {broken, 0},
	} {
		if got := r.slowness(tc.call); got != tc.want {
			t.Errorf("%s: %b, want %b", name, got, tc.want)
		}
	}
	off, _ := testCore(t, WithSlowRequest(0), WithSlowTokenRate(0))
	if s := off.slowness(call(time.Hour, 50, llm.OpChat)); s != 0 {
		t.Errorf("without thresholds: %b", s)
	}
	for range 3 * slowLogBurst {
		seen(t, r, call(20*time.Second, 50, llm.OpChat))
	}
	if n := strings.Count(rec.Warnings(), "slow call of a model"); n != slowLogBurst {
		t.Errorf("%d lines about slow calls, want %d", n, slowLogBurst)
	}
	if s := r.window.report(0, nil); s.Slow != 3*slowLogBurst {
		t.Errorf("%d slow calls in the summary", s.Slow)
	}
}

// TestConcurrentObservation: nothing is lost between goroutines.
func TestConcurrentObservation(t *testing.T) {
	r, rec := testCore(t)
	var wg sync.WaitGroup
	const workers, each = 8, 200
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				c := streamed()
				c.RequestModel, c.User = fmt.Sprint("m", (i+w)%20), fmt.Sprint("u", i%10)
				r.meters.started(t.Context(), c)
				r.meters.ended(t.Context(), c)
				r.observe(t.Context(), c, 0)
				if i%50 == 0 {
					_ = Summary(time.Minute, ByUser("u1"))
				}
			}
		})
	}
	wg.Wait()
	var n int64
	for _, p := range rec.Metrics(t)["llm.requests"].Data.(metricdata.Sum[int64]).DataPoints {
		n += p.Value
	}
	if s := Summary(time.Hour); n != workers*each || s.Requests != n || len(s.Models) != 20 {
		t.Errorf("%d counted, summary %d of %d models", n, s.Requests, len(s.Models))
	}
}

func BenchmarkObserve(b *testing.B) {
	r, _ := testCore(b)
	ctx, span := r.tracer.Start(b.Context(), "chat")
	defer span.End()
	c := streamed()
	c.Timeline = llm.Timeline{}
	b.ReportAllocs()
	for b.Loop() {
		r.meters.started(ctx, c)
		r.meters.ended(ctx, c)
		r.observe(ctx, c, 0)
	}
}

func BenchmarkGaps(b *testing.B) {
	for _, own := range []bool{true, false} {
		name := "instrument"
		if own {
			name = "producer"
		}
		b.Run(name, func(b *testing.B) {
			r, _ := testCore(b)
			if own {
				r.meters.gaps = newGapHistograms(false)
			}
			c := streamed()
			c.Timeline = llm.Timeline{}
			for i := range 1000 {
				c.Timeline.Add(time.Duration(i)*20*time.Millisecond, 5)
			}
			l := r.meters.labels.of(c)
			ctx, span := r.tracer.Start(b.Context(), "chat")
			defer span.End()
			b.ReportAllocs()
			for b.Loop() {
				r.meters.chunks(ctx, c, l)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/chunk")
		})
	}
}
