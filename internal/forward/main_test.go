package forward

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/semconv"
	"github.com/pitot-dev/pitot/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m)
}

func fastTuning() tuning {
	return tuning{
		minBackoff: 2 * time.Millisecond, maxBackoff: 20 * time.Millisecond, watch: 5 * time.Millisecond,
		commit: 10 * time.Millisecond, grace: time.Second, quiet: time.Minute,
	}
}

// rig is a journal with a Forwarder on it.
type rig struct {
	tb  testing.TB
	j   *journal.Journal
	f   *Forwarder
	log *safeBuffer
	reg *prometheus.Registry
	// shut stops the Forwarder and waits for it.
	shut func()
}

type safeBuffer struct {
	mu sync.Mutex
	b  []byte
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b = append(b.b, p...)
	return len(p), nil
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.b)
}

func openJournal(tb testing.TB, dir string, maxBytes int64) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(journal.Options{
		Dir: dir, MaxBytes: maxBytes, SegmentSize: 256 << 10, CommitInterval: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return j
}

func options(j *journal.Journal, cfg Config) Options {
	return Options{
		Config: cfg, Journal: j, Decode: events.DecodeRow, AppendTraces: semconv.AppendTraces, AppendLogs: semconv.AppendLogs,
		UserAgent: "pitot/test", tune: fastTuning(),
	}
}

// newRig starts a Forwarder on a journal of its own.
func newRig(tb testing.TB, cfg Config) *rig {
	tb.Helper()
	return newRigOn(tb, openJournal(tb, tb.TempDir(), 64<<20), cfg)
}

func newRigOn(tb testing.TB, j *journal.Journal, cfg Config) *rig {
	tb.Helper()
	r := &rig{tb: tb, j: j, log: &safeBuffer{}, reg: prometheus.NewRegistry()}
	o := options(j, cfg)
	o.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	o.Registerer = r.reg
	f, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	r.f = f
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	r.shut = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() {
		r.shut()
		if err := j.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// add appends records to the journal.
func (r *rig) add(recs ...llm.Record) {
	r.tb.Helper()
	appendRecords(r.tb, r.j, recs...)
}

func appendRecords(tb testing.TB, j *journal.Journal, recs ...llm.Record) {
	tb.Helper()
	rows := make([][]byte, len(recs))
	for i, rec := range recs {
		row, err := events.AppendRow(nil, rec)
		if err != nil {
			tb.Fatal(err)
		}
		rows[i] = row
	}
	if err := j.Append(context.Background(), rows); err != nil {
		tb.Fatal(err)
	}
}

func (r *rig) status(name string) Status {
	r.tb.Helper()
	for _, s := range r.f.Status() {
		if s.Name == name {
			return s
		}
	}
	r.tb.Fatalf("no status of %q", name)
	return Status{}
}

// settled waits until nothing waits for the destination.
func (r *rig) settled(name string) Status {
	r.tb.Helper()
	testkit.Eventually(r.tb, "everything is sent", func() bool { return r.status(name).LagRecords == 0 })
	return r.status(name)
}

var testTime = time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)

func testLog(n int) llm.Record {
	return llm.Record{Log: &llm.Log{
		ID: fmt.Sprintf("log-%06d", n), Time: testTime, Source: llm.SourceOTLP, Service: "checkout", Environment: "prod", Level: "info",
		Message: "request done", Event: "llm_request_success", TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331",
		Attributes: map[string]any{"request_id": fmt.Sprint("r", n), "model": "gpt-4o", "latency": 1.5},
		Resource:   map[string]any{"k8s.pod.name": "checkout-0"},
	}}
}

func testCall(n int) llm.Record {
	c := &llm.Call{
		ID: fmt.Sprintf("call-%06d", n), Time: testTime, Source: llm.SourceGateway, Service: "checkout", Environment: "prod",
		TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: fmt.Sprintf("b7ad6b71%08x", n), ParentSpanID: "00f067aa0ba902b7",
		Provider: llm.ProviderOpenAI, Operation: llm.OpChat, RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", ResponseID: "chatcmpl-1",
		Stream: true, Status: llm.StatusOK, HTTPStatus: 200, FinishReasons: []string{"stop"},
		Usage:    llm.Usage{InputTokens: llm.Some[int64](12), OutputTokens: llm.Some[int64](34), CacheReadTokens: llm.Some[int64](0), Source: llm.UsageReported},
		Cost:     llm.Cost{USD: llm.Some(0.00037), State: llm.CostComputed, Rule: "openai/gpt-4o"},
		Duration: 1200 * time.Millisecond, TTFT: llm.Some(310 * time.Millisecond),
		User: "u1", Session: "s1", Feature: "search", Tags: map[string]string{"team": "a"},
		Params: map[string]any{"temperature": 0.2, "stop": []any{"a", "b"}, "response_format": map[string]any{"type": "json_object"}},
		Input:  []llm.Message{llm.Text("user", "Say \"hello\"\nin 日本語")}, Output: []llm.Message{llm.Text("assistant", "hello")},
		Attributes: map[string]any{"http.route": "/x", "list": []any{1.0, "two"}}, Resource: map[string]any{"host.name": "h"},
	}
	return llm.Record{Call: c}
}

func testSpan(n int) llm.Record {
	return llm.Record{Span: &llm.Span{
		ID: fmt.Sprintf("span-%06d", n), Time: testTime, Source: llm.SourceOTLP, TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: fmt.Sprintf("c7ad6b71%08x", n),
		Name: "plan", Kind: llm.KindAgent, OTelKind: "internal", Service: "checkout", Duration: time.Second, Status: llm.StatusError,
		ErrorType: "timeout", ErrorMessage: "took too long", Agent: "planner", Dialect: "openllmetry", Scope: "lib", Input: "in", Output: "out",
		Attributes: map[string]any{"a": "b", "n": 5.0}, Events: []llm.SpanEvent{{Time: testTime, Name: "exception", Attributes: map[string]any{"k": "v"}}},
	}}
}
