package semconv

import (
	"encoding/hex"
	"maps"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

var update = testkit.GoldenFlag()

// testNow is the time of day in these tests.
var testNow = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func testNormalizer() *Normalizer {
	return New(Options{Now: func() time.Time { return testNow }})
}

// attrs are attributes as a test writes them.
type attrs map[string]any

func putAttrs(tb testing.TB, m pcommon.Map, a attrs) {
	tb.Helper()
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if err := m.PutEmpty(k).FromRaw(a[k]); err != nil {
			tb.Fatalf("attribute %s: %v", k, err)
		}
	}
}

func traceID(s string) (id pcommon.TraceID) {
	b, _ := hex.DecodeString(s)
	copy(id[:], b)
	return id
}

func spanID(s string) (id pcommon.SpanID) {
	b, _ := hex.DecodeString(s)
	copy(id[:], b)
	return id
}

const (
	testTrace = "0af7651916cd43dd8448eb211c80319c"
	testSpan  = "b7ad6b7169203331"
)

// newSpan appends a span of one second to td, with a resource and a scope of its own.
func newSpan(tb testing.TB, td ptrace.Traces, scope, name string, a attrs) ptrace.Span {
	tb.Helper()
	rs := td.ResourceSpans().AppendEmpty()
	putAttrs(tb, rs.Resource().Attributes(), attrs{"service.name": "shop", "deployment.environment.name": "test", "host.name": "h1"})
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	ss.Scope().SetVersion("1.2.3")
	sp := ss.Spans().AppendEmpty()
	sp.SetTraceID(traceID(testTrace))
	sp.SetSpanID(spanID(testSpan))
	sp.SetName(name)
	sp.SetKind(ptrace.SpanKindClient)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(testNow.Add(-time.Second)))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(testNow))
	putAttrs(tb, sp.Attributes(), a)
	return sp
}

// one normalises a single span.
func one(tb testing.TB, scope, name string, a attrs, edit ...func(ptrace.Span)) llm.Record {
	tb.Helper()
	td := ptrace.NewTraces()
	sp := newSpan(tb, td, scope, name, a)
	for _, f := range edit {
		f(sp)
	}
	res := testNormalizer().Traces(td)
	if len(res.Records) != 1 {
		tb.Fatalf("%d records of one span, rejected %d: %v", len(res.Records), res.Rejected, res.Reasons)
	}
	return res.Records[0]
}

func oneCall(tb testing.TB, scope, name string, a attrs, edit ...func(ptrace.Span)) *llm.Call {
	tb.Helper()
	r := one(tb, scope, name, a, edit...)
	if r.Call == nil {
		tb.Fatalf("%s became a span of kind %q, want a call", name, r.Span.Kind)
	}
	return r.Call
}

func oneSpan(tb testing.TB, scope, name string, a attrs, edit ...func(ptrace.Span)) *llm.Span {
	tb.Helper()
	r := one(tb, scope, name, a, edit...)
	if r.Span == nil {
		tb.Fatalf("%s became a call, want a span", name)
	}
	return r.Span
}

// newLog appends a log record to ld.
func newLog(tb testing.TB, ld plog.Logs, service, scope, event string, a attrs) plog.LogRecord {
	tb.Helper()
	rl := ld.ResourceLogs().AppendEmpty()
	putAttrs(tb, rl.Resource().Attributes(), attrs{"service.name": service})
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(scope)
	lr := sl.LogRecords().AppendEmpty()
	lr.SetTimestamp(pcommon.NewTimestampFromTime(testNow))
	lr.SetEventName(event)
	putAttrs(tb, lr.Attributes(), a)
	return lr
}

func known[T comparable](tb testing.TB, what string, got llm.Opt[T], want T) {
	tb.Helper()
	if v, ok := got.Get(); !ok || v != want {
		tb.Errorf("%s = %v (known %v), want %v", what, v, ok, want)
	}
}

func unknown[T any](tb testing.TB, what string, got llm.Opt[T]) {
	tb.Helper()
	if v, ok := got.Get(); ok {
		tb.Errorf("%s = %v, want unknown", what, v)
	}
}
