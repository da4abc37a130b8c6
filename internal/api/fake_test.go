package api

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/pipeline"
)

var update = flag.Bool("update", false, "rewrite golden files and docs/http-api.md")

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

const (
	callID  = "01JDZXV0000000000000000001"
	traceID = "0af7651916cd43dd8448eb211c80319c"
)

// fakeEvents answers from the functions that a test sets; the others fail it.
type fakeEvents struct {
	partial      bool // traces are cut
	t            testing.TB
	calls        func(context.Context, events.CallQuery) (events.CallPage, error)
	tail         func(context.Context, events.CallFilter) iter.Seq2[*llm.Call, error]
	call         func(context.Context, string) (*events.CallDetail, error)
	facets       func(context.Context, events.FacetQuery) ([]events.Facet, error)
	summary      func(context.Context, events.CallFilter) (*events.Summary, error)
	timeline     func(context.Context, events.TimelineQuery) (*events.Timeline, error)
	models       func(context.Context, events.CallFilter) ([]events.ModelStat, error)
	costs        func(context.Context, events.CostQuery) ([]events.Group, error)
	trace        func(context.Context, string, events.Range) (events.TraceRecords, error)
	traces       func(context.Context, events.TraceQuery) ([]events.TraceRecords, error)
	traceList    func(context.Context, events.TraceListQuery) (events.TracePage, error)
	sessions     func(context.Context, events.SessionQuery) (events.SessionPage, error)
	conversation func(context.Context, events.ConversationQuery) (*events.Conversation, error)
	sample       func(context.Context, events.SampleQuery) (*events.Sample, error)
	compare      func(context.Context, events.CompareQuery) (*events.Comparison, error)
	services     func(context.Context, events.Range) ([]string, error)
	operations   func(context.Context, string, events.Range) ([]string, error)
	dependencies func(context.Context, events.Range) ([]events.Dependency, error)
	senders      func(context.Context, events.Range) ([]events.SenderStats, error)
	feedbacks    func(context.Context, events.FeedbackQuery) (events.FeedbackPage, error)
	judge        func(context.Context, []*events.Judgement) error
}

func fakeAsk[F any](f *fakeEvents, fn F, set bool, name string) F {
	f.t.Helper()
	if !set {
		f.t.Errorf("the store was asked for %s", name)
	}
	return fn
}

func (f *fakeEvents) Calls(ctx context.Context, q events.CallQuery) (events.CallPage, error) {
	return fakeAsk(f, f.calls, f.calls != nil, "calls")(ctx, q)
}

func (f *fakeEvents) TailCalls(ctx context.Context, q events.CallFilter) iter.Seq2[*llm.Call, error] {
	return fakeAsk(f, f.tail, f.tail != nil, "a tail of calls")(ctx, q)
}

func (f *fakeEvents) Call(ctx context.Context, id string) (*events.CallDetail, error) {
	return fakeAsk(f, f.call, f.call != nil, "a call")(ctx, id)
}

func (f *fakeEvents) Facets(ctx context.Context, q events.FacetQuery) ([]events.Facet, error) {
	return fakeAsk(f, f.facets, f.facets != nil, "facets")(ctx, q)
}

func (f *fakeEvents) Summary(ctx context.Context, q events.CallFilter) (*events.Summary, error) {
	return fakeAsk(f, f.summary, f.summary != nil, "a summary")(ctx, q)
}

func (f *fakeEvents) Timeline(ctx context.Context, q events.TimelineQuery) (*events.Timeline, error) {
	return fakeAsk(f, f.timeline, f.timeline != nil, "a timeline")(ctx, q)
}

func (f *fakeEvents) Models(ctx context.Context, q events.CallFilter) ([]events.ModelStat, error) {
	return fakeAsk(f, f.models, f.models != nil, "models")(ctx, q)
}

func (f *fakeEvents) Costs(ctx context.Context, q events.CostQuery) ([]events.Group, error) {
	return fakeAsk(f, f.costs, f.costs != nil, "costs")(ctx, q)
}

func (f *fakeEvents) Trace(ctx context.Context, id string, r events.Range) (events.TraceRecords, error) {
	return fakeAsk(f, f.trace, f.trace != nil, "a trace")(ctx, id, r)
}

func (f *fakeEvents) Traces(ctx context.Context, q events.TraceQuery) ([]events.TraceRecords, error) {
	return fakeAsk(f, f.traces, f.traces != nil, "traces")(ctx, q)
}

func (f *fakeEvents) TraceList(ctx context.Context, q events.TraceListQuery) (events.TracePage, error) {
	return fakeAsk(f, f.traceList, f.traceList != nil, "a list of traces")(ctx, q)
}

func (f *fakeEvents) Sessions(ctx context.Context, q events.SessionQuery) (events.SessionPage, error) {
	return fakeAsk(f, f.sessions, f.sessions != nil, "sessions")(ctx, q)
}

func (f *fakeEvents) Conversation(ctx context.Context, q events.ConversationQuery) (*events.Conversation, error) {
	return fakeAsk(f, f.conversation, f.conversation != nil, "a session")(ctx, q)
}

func (f *fakeEvents) Sample(ctx context.Context, q events.SampleQuery) (*events.Sample, error) {
	return fakeAsk(f, f.sample, f.sample != nil, "a sample")(ctx, q)
}

func (f *fakeEvents) Compare(ctx context.Context, q events.CompareQuery) (*events.Comparison, error) {
	return fakeAsk(f, f.compare, f.compare != nil, "a comparison")(ctx, q)
}

func (f *fakeEvents) Services(ctx context.Context, r events.Range) ([]string, error) {
	return fakeAsk(f, f.services, f.services != nil, "services")(ctx, r)
}

func (f *fakeEvents) Operations(ctx context.Context, service string, r events.Range) ([]string, error) {
	return fakeAsk(f, f.operations, f.operations != nil, "operations")(ctx, service, r)
}

func (f *fakeEvents) Dependencies(ctx context.Context, r events.Range) ([]events.Dependency, error) {
	return fakeAsk(f, f.dependencies, f.dependencies != nil, "dependencies")(ctx, r)
}

func (f *fakeEvents) Senders(ctx context.Context, r events.Range) ([]events.SenderStats, error) {
	return fakeAsk(f, f.senders, f.senders != nil, "senders")(ctx, r)
}

func (f *fakeEvents) Feedbacks(ctx context.Context, q events.FeedbackQuery) (events.FeedbackPage, error) {
	return fakeAsk(f, f.feedbacks, f.feedbacks != nil, "feedback")(ctx, q)
}

func (f *fakeEvents) Judge(ctx context.Context, js []*events.Judgement) error {
	return fakeAsk(f, f.judge, f.judge != nil, "room for feedback")(ctx, js)
}

func (f *fakeEvents) ProxyLogsQL() http.Handler { return named("logsql") }

// failing makes every method of the store fail.
func (f *fakeEvents) failing(err error) {
	f.calls = func(context.Context, events.CallQuery) (events.CallPage, error) { return events.CallPage{}, err }
	f.call = func(context.Context, string) (*events.CallDetail, error) { return nil, err }
	f.facets = func(context.Context, events.FacetQuery) ([]events.Facet, error) { return nil, err }
	f.summary = func(context.Context, events.CallFilter) (*events.Summary, error) { return nil, err }
	f.timeline = func(context.Context, events.TimelineQuery) (*events.Timeline, error) { return nil, err }
	f.models = func(context.Context, events.CallFilter) ([]events.ModelStat, error) { return nil, err }
	f.costs = func(context.Context, events.CostQuery) ([]events.Group, error) { return nil, err }
	f.trace = func(context.Context, string, events.Range) (events.TraceRecords, error) {
		return events.TraceRecords{}, err
	}
	f.traces = func(context.Context, events.TraceQuery) ([]events.TraceRecords, error) { return nil, err }
	f.failExplore(err)
	f.services = func(context.Context, events.Range) ([]string, error) { return nil, err }
	f.operations = func(context.Context, string, events.Range) ([]string, error) { return nil, err }
	f.dependencies = func(context.Context, events.Range) ([]events.Dependency, error) { return nil, err }
	f.senders = func(context.Context, events.Range) ([]events.SenderStats, error) { return nil, err }
	f.feedbacks = func(context.Context, events.FeedbackQuery) (events.FeedbackPage, error) {
		return events.FeedbackPage{}, err
	}
	f.judge = func(context.Context, []*events.Judgement) error { return err }
}

// full makes every method answer with all that it can say.
func (f *fakeEvents) full() {
	c := fullCall()
	dist := &events.Distribution{Count: 3, Avg: 1.5, P50: 1.2, P95: 3, P99: 3.5}
	values := []events.FacetValue{{Value: "gpt-4o", Count: 2}, {Value: "claude", Count: 1}}
	f.calls = func(context.Context, events.CallQuery) (events.CallPage, error) {
		return events.CallPage{Calls: []*llm.Call{c}, NextCursor: "next"}, nil
	}
	f.call = func(context.Context, string) (*events.CallDetail, error) {
		return &events.CallDetail{Call: c, Feedback: []events.Feedback{*fullFeedback()}}, nil
	}
	f.facets = func(context.Context, events.FacetQuery) ([]events.Facet, error) {
		return []events.Facet{{Field: "model", Values: values}, {Field: "user"}}, nil
	}
	f.summary = func(_ context.Context, q events.CallFilter) (*events.Summary, error) {
		return &events.Summary{
			Start: q.Start, End: q.End, Totals: fullTotals(), SuccessRate: llm.Some(0.99), Latency: dist, TTFT: dist, TPOT: dist,
			Errors: []events.FacetValue{{Value: "rate_limit_exceeded", Count: 1}}, Approximate: true,
		}, nil
	}
	f.timeline = func(context.Context, events.TimelineQuery) (*events.Timeline, error) {
		return &events.Timeline{Step: 60, Times: []time.Time{now}, Series: []events.Series{{
			Value: "gpt-4o", Calls: []int64{1}, Errors: []int64{0}, InputTokens: []int64{12}, OutputTokens: []int64{34}, CostUSD: []float64{0.1},
			Latency: fullQuantiles(), TTFT: fullQuantiles(),
		}}}, nil
	}
	f.models = func(context.Context, events.CallFilter) ([]events.ModelStat, error) {
		return []events.ModelStat{{Provider: "openai", Model: "gpt-4o", Totals: fullTotals(), Latency: dist, TTFT: dist, LastSeen: now}}, nil
	}
	f.costs = func(context.Context, events.CostQuery) ([]events.Group, error) {
		return []events.Group{{Time: now, Values: map[string]string{"user": "u1"}, Totals: fullTotals()}, {Totals: fullTotals()}}, nil
	}
	f.trace = func(context.Context, string, events.Range) (events.TraceRecords, error) {
		return events.TraceRecords{ID: traceID, Records: fullTrace(), Partial: true, Missing: 3}, nil
	}
	f.traces = func(context.Context, events.TraceQuery) ([]events.TraceRecords, error) {
		return []events.TraceRecords{{ID: traceID, Records: fullTrace(), Partial: true, Missing: 3}}, nil
	}
	f.fullExplore()
	f.services = func(context.Context, events.Range) ([]string, error) { return []string{"checkout", "agent"}, nil }
	f.operations = func(context.Context, string, events.Range) ([]string, error) {
		return []string{"plan", "chat gpt-4o"}, nil
	}
	f.dependencies = func(context.Context, events.Range) ([]events.Dependency, error) {
		return []events.Dependency{{Parent: "checkout", Child: "openai", Calls: 3}}, nil
	}
	f.senders = func(context.Context, events.Range) ([]events.SenderStats, error) {
		return []events.SenderStats{*fullSender()}, nil
	}
	f.feedbacks = func(context.Context, events.FeedbackQuery) (events.FeedbackPage, error) {
		return events.FeedbackPage{Feedback: []events.Feedback{*fullFeedback()}, NextCursor: "next"}, nil
	}
	f.judge = func(_ context.Context, js []*events.Judgement) error {
		for _, j := range js {
			j.ID, j.Time, j.Received = callID, now, now
		}
		return nil
	}
}

// fullSender is a sender that lacks much.
func fullSender() *events.SenderStats {
	return &events.SenderStats{
		Service: "checkout", Source: llm.SourceOTLP, Dialect: "openllmetry", Scope: "opentelemetry.instrumentation.openai", ScopeVersion: "0.62.1",
		LastSeen: now, Calls: 100, Sampled: 100, Represented: 1000, Errors: 2, Streams: 40, StreamsWithoutUsage: 40,
		Fields: map[string]events.FieldCount{"provider": {Have: 100, Of: 100}, "request_model": {Have: 100, Of: 100}, "input": {Of: 100}},
		Spans:  map[llm.SpanKind]int64{llm.KindAgent: 3, llm.KindLLM: 2},
	}
}

// fullCall has a value in every field.
func fullCall() *llm.Call {
	c := &llm.Call{
		ID: callID, Time: now.Add(-time.Minute).Add(123456789), Source: llm.SourceGateway, Service: "checkout", Environment: "prod", Upstream: "openai",
		TraceID: traceID, SpanID: "b7ad6b7169203331", ParentSpanID: "00f067aa0ba902b7",
		Provider: "openai", Operation: llm.OpChat, RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", ResponseID: "chatcmpl-1",
		ServiceTier: "flex", Region: "eu", Stream: true, Status: llm.StatusError, ErrorType: "server_error", ErrorMessage: "The server had an error.",
		HTTPStatus: 200, FinishReasons: []string{"stop", "tool_call"},
		Usage: llm.Usage{
			InputTokens: llm.Some[int64](120), OutputTokens: llm.Some[int64](34), CacheReadTokens: llm.Some[int64](64), CacheWriteTokens: llm.Some[int64](32),
			ReasoningTokens: llm.Some[int64](16), CacheWrite5mTokens: llm.Some[int64](16), CacheWrite1hTokens: llm.Some[int64](16),
			InputAudioTokens: llm.Some[int64](1), InputImageTokens: llm.Some[int64](2), InputVideoTokens: llm.Some[int64](3),
			OutputAudioTokens: llm.Some[int64](4), OutputImageTokens: llm.Some[int64](5), CacheReadAudioTokens: llm.Some[int64](6),
			Images: llm.Some[int64](1), AudioSeconds: llm.Some(2.5), Characters: llm.Some[int64](7), Searches: llm.Some[int64](8), Source: llm.UsageReported,
		},
		Cost:     llm.Cost{USD: llm.Some(0.00037), State: llm.CostComputed, Rule: "openai/gpt-4o", Reason: "none"},
		Duration: 1200 * time.Millisecond, TTFT: llm.Some(310 * time.Millisecond), GatewayOverhead: llm.Some(60 * time.Microsecond),
		User: "u1", Session: "s1", Feature: "search", PromptName: "p", PromptVersion: "3", Tags: map[string]string{"team": "a"},
		Params: map[string]any{"temperature": 0.2, "max_tokens": 256, "stop": []string{"x"}},
		Input: []llm.Message{llm.Text("system", "Be brief."), {Role: "user", Name: "ann", Parts: []llm.Part{
			{Type: llm.PartBlob, Modality: "image", MIMEType: "image/png", Size: 68, SHA256: strings.Repeat("ab", 32)},
			{Type: llm.PartURI, URI: "https://example.com/a.png"},
			{Type: llm.PartFile, FileID: "file-1"},
			{Type: llm.PartToolCallResponse, ID: "t1", Response: json.RawMessage(`{"ok":true}`)},
		}}},
		Output: []llm.Message{{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{
			{Type: llm.PartReasoning, Content: "Think.", TruncatedChars: 9},
			{Type: llm.PartText, Content: "Hello <b> & 你好"},
			{Type: llm.PartToolCall, ID: "t1", ToolName: "lookup", Arguments: `{"q":"x"}`},
			{Type: llm.PartOther, Response: json.RawMessage(`[1]`)},
		}}},
		Tools:     json.RawMessage(`[{"type":"function"}]`),
		Truncated: []string{"input"}, ContentRemoved: []string{"tools"}, Notes: []string{"client_gone"}, Attributes: map[string]any{"custom": "x", "n": int64(3)},
		Weight: 10, Phases: llm.Phases{Connect: llm.Some(time.Millisecond), Headers: llm.Some(200 * time.Millisecond), Queue: llm.Some(time.Duration(0))},
		SpanName: "openai.chat", Agent: "planner", Workflow: "checkout", Dialect: "openllmetry", Scope: "lib", ScopeVersion: "1.2",
		Resource: map[string]any{"host.name": "h"},
		Events:   []llm.SpanEvent{{Time: now.Add(-time.Minute), Name: "retry", Attributes: map[string]any{"n": 1.5}}},
		Links:    []llm.SpanLink{{TraceID: strings.Repeat("3", 32), SpanID: strings.Repeat("4", 16)}},
	}
	c.Timeline.Add(310*time.Millisecond, 5)
	c.Timeline.Add(400*time.Millisecond, 9)
	return c
}

// fullSpan has a value in every field.
func fullSpan() *llm.Span {
	return &llm.Span{
		ID: "01JDZXV0000000000000000002", Time: now.Add(-2 * time.Minute), Source: llm.SourceOTLP, TraceID: traceID, SpanID: "00f067aa0ba902b7",
		ParentSpanID: "00000000000000aa", Name: "plan", Kind: llm.KindAgent, OTelKind: "server", Service: "agent", Environment: "prod",
		Duration: 90 * time.Second, Status: llm.StatusError, ErrorType: "timeout", ErrorMessage: "gave up", Agent: "planner", Workflow: "checkout", Tool: "none",
		User: "u1", Session: "s1", Dialect: "openllmetry", Scope: "lib", ScopeVersion: "1.2", Input: "in", Output: "out", Attributes: map[string]any{"b": true, "a": []any{"x", 1.5}},
		Resource: map[string]any{"host.name": "h"},
		Events:   []llm.SpanEvent{{Time: now.Add(-time.Minute), Name: "retry", Attributes: map[string]any{"n": 1.5}}},
		Links:    []llm.SpanLink{{TraceID: strings.Repeat("1", 32), SpanID: strings.Repeat("2", 16), Attributes: map[string]any{"k": "v"}}},

		ContentRemoved: []string{"output"},
	}
}

// fullTrace is an agent's span above a call.
func fullTrace() []llm.Record { return []llm.Record{{Call: fullCall()}, {Span: fullSpan()}} }

func fullTotals() events.Totals {
	return events.Totals{
		Calls: 100, Errors: 1, InputTokens: 1000, OutputTokens: 300, CacheReadTokens: 5, CacheWriteTokens: 6, ReasoningTokens: 7, CostUSD: 1.25,
		ByState:         map[llm.CostState]events.StateTotal{llm.CostComputed: {Calls: 98, CostUSD: 1.25}, llm.CostUnpriced: {Calls: 2}},
		DurationSeconds: 150,
	}
}

func fullFeedback() *events.Feedback {
	return &events.Feedback{
		ID: callID, Time: now, Received: now.Add(time.Minute), CallID: callID, TraceID: traceID, SpanID: "b7ad6b7169203331", ResponseID: "chatcmpl-1", SessionID: "s1",
		Name: "helpful", Score: llm.Some(0.5), Label: "good", Comment: "fine", Evaluator: "user", User: "u1",
		Service: "checkout", Provider: "openai", Model: "gpt-4o", Operation: llm.OpChat, Feature: "search", PromptName: "p", PromptVersion: "3",
		Metadata: json.RawMessage(`{"a":1}`), RowID: callID, Supersedes: callID,
	}
}

func fullStatus() Status {
	return Status{
		State: StateDegraded, Version: "1.0.0", Started: now, Listeners: map[string]string{"api": "127.0.0.1:4400", "gateway": "127.0.0.1:4401"}, DataDir: "data",
		Components: []Component{{Name: "event engine", State: StateDegraded, Detail: "slow", Hint: "look again"}, {Name: "journal", State: StateOK}},
		Ledger:     fullLedger(), ConfigDigest: "abc", LastReload: now, LastReloadError: "line 3",
	}
}

func fullLedger() []pipeline.Entry {
	return []pipeline.Entry{{Source: "gateway", Received: 10, Restored: 1, Stored: 7, InFlight: 2, Journaled: 1, Dropped: map[string]uint64{"queue_full": 1}}, {Source: "sdk"}}
}

// api is an API over a fake store. Every answer is checked against the OpenAPI
// document.
type api struct {
	t      *testing.T
	events *fakeEvents
	opts   Options
	h      http.Handler
}

func newAPI(t *testing.T, change ...func(*Options)) *api {
	t.Helper()
	a := &api{t: t, events: &fakeEvents{t: t}}
	a.opts = Options{
		Details: fakeDetails{}, Events: a.events, Prometheus: named("prometheus"), Metrics: named("metrics"),
		Live:   func(int) (<-chan *llm.Call, func()) { ch := make(chan *llm.Call); close(ch); return ch, func() {} },
		Ledger: fullLedger, Status: func(context.Context) Status { return fullStatus() },
		Data: &fakeData{}, Judge: a.events.Judge, Ready: func() error { return nil }, Reload: func() error { return nil }, Now: func() time.Time { return now },
	}
	moneyOptions(t, &a.opts)
	for _, f := range change {
		f(&a.opts)
	}
	a.h = New(a.opts)
	return a
}

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, name+" "+r.Method+" "+r.URL.Path)
	})
}

func (a *api) do(r *http.Request) *httptest.ResponseRecorder {
	a.t.Helper()
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	conforms(a.t, r, w)
	return w
}

func (a *api) get(url string) *httptest.ResponseRecorder {
	a.t.Helper()
	return a.do(httptest.NewRequest(http.MethodGet, url, http.NoBody))
}

func (a *api) post(url, body string) *httptest.ResponseRecorder {
	a.t.Helper()
	return a.do(httptest.NewRequest(http.MethodPost, url, strings.NewReader(body)))
}

// wantError checks an error of Pitot's own shape, and returns it.
func wantError(t *testing.T, w *httptest.ResponseRecorder, status int, code string) Error {
	t.Helper()
	var body struct{ Error Error }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("status %d, no error in JSON: %s", w.Code, w.Body)
	}
	if w.Code != status || body.Error.Code != code {
		t.Fatalf("got %d %s, want %d %s: %s", w.Code, body.Error.Code, status, code, w.Body)
	}
	if body.Error.Message == "" || body.Error.Hint == "" {
		t.Fatalf("an error without a message or a hint: %s", w.Body)
	}
	return body.Error
}

func wantOK(t *testing.T, w *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w
}

func decode[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return v
}

// golden compares got with a file, or writes it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is out of date: run the test with -update (-want +got):\n%s", path, diff)
	}
}
