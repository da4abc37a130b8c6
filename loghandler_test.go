package pitot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

func lines(t testing.TB, b []byte) (out []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(b) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out = append(out, m)
	}
	return out
}

// TestSlog: the handler keeps the rules of slog, on and off.
func TestSlog(t *testing.T) {
	for _, on := range []bool{false, true} {
		if on {
			testCore(t)
		}
		var b bytes.Buffer
		slogtest.Run(t, func(*testing.T) slog.Handler {
			b.Reset()
			return LogHandler(slog.NewJSONHandler(&b, nil))
		}, func(t *testing.T) map[string]any {
			m := lines(t, b.Bytes())[0]
			if on && m["service"] != "test" {
				t.Errorf("no service in %v", m)
			}
			delete(m, "service")
			return m
		})
	}
}

// TestLogIDs: ids stand at the top level whatever groups are open; attributes
// stand where they stood.
func TestLogIDs(t *testing.T) {
	r, rec := testCore(t)
	var b bytes.Buffer
	ctx, span := r.tracer.Start(t.Context(), "work")
	defer span.End()
	traceID, spanID := span.SpanContext().TraceID().String(), span.SpanContext().SpanID().String()
	l := slog.New(LogHandler(slog.NewJSONHandler(&b, nil))).With("a", 1).WithGroup("g").With("b", 2).WithGroup("h")
	l.InfoContext(ctx, "hello", "c", 3, slog.Group("i", "d", 4), slog.Group("", "e", 5))
	got := lines(t, b.Bytes())[0]
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "hello", "service": "test", "trace_id": traceID, "span_id": spanID, "a": 1.0,
		"g": map[string]any{"b": 2.0, "h": map[string]any{"c": 3.0, "i": map[string]any{"d": 4.0}, "e": 5.0}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	e := rec.Logs()[0]
	if diff := cmp.Diff(map[string]any{"a": int64(1), "g.b": int64(2), "g.h.c": int64(3), "g.h.i.d": int64(4), "g.h.e": int64(5)}, attrsOf(&e)); diff != "" {
		t.Errorf("exported (-want +got):\n%s", diff)
	}
	if e.TraceID().String() != traceID || e.SpanID().String() != spanID || e.Body().AsString() != "hello" || e.Severity() != otellog.SeverityInfo || e.SeverityText() != "INFO" {
		t.Errorf("exported %v %v %v %v", e.TraceID(), e.Body(), e.Severity(), e.SeverityText())
	}
	// What the program says itself stands, once.
	b.Reset()
	slog.New(LogHandler(slog.NewJSONHandler(&b, nil))).With("service", "mine").InfoContext(ctx, "x", "trace_id", "t")
	if s := b.String(); strings.Count(s, `"service"`) != 1 || strings.Count(s, `"trace_id"`) != 1 || !strings.Contains(s, `"mine"`) {
		t.Errorf("ids are there twice: %s", s)
	}
}

func attrsOf(r *sdklog.Record) map[string]any {
	out := map[string]any{}
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		out[string(kv.Key)] = kv.Value.AsInterface()
		return true
	})
	return out
}

// TestLogContent: message content is cut, secrets are masked everywhere, in what
// is written and in what is exported.
func TestLogContent(t *testing.T) {
	_, rec := testCore(t)
	secret := "sk-" + strings.Repeat("x", 40)
	long := strings.Repeat("word ", 100)
	type message struct{ Role, Content string }
	var b bytes.Buffer
	l := slog.New(LogHandler(slog.NewJSONHandler(&b, nil), WithLogContentKeys("Note"))).With("prompt", long, "header", "Bearer "+secret)
	l.Info("a key", "key", "is "+secret, "completion", long, "note", long, "other", long, "messages", []message{{"user", long}}, "err", errors.New("bad key "+secret),
		slog.Group("content", "inner", long), "n", 5, "input", func() {})
	got := lines(t, b.Bytes())[0]
	for _, k := range []string{"prompt", "completion", "note", "messages"} {
		if s, _ := got[k].(string); len([]rune(s)) > defaultLogChars+1 || len(s) < defaultLogChars/2 {
			t.Errorf("%s has %d characters: %q", k, len([]rune(s)), s)
		}
	}
	if inner := got["content"].(map[string]any)["inner"].(string); len([]rune(inner)) > defaultLogChars+1 {
		t.Errorf("content in a group has %d characters", len(inner))
	}
	if got["other"] != long || got["n"] != 5.0 {
		t.Error("what is no content is changed")
	}
	out := b.String()
	for _, e := range rec.Logs() {
		a, err := json.Marshal(attrsOf(&e))
		if err != nil {
			t.Fatal(err)
		}
		out += e.Body().AsString() + string(a)
	}
	if strings.Contains(out, secret) || !strings.Contains(out, "REDACTED") {
		t.Errorf("the secret is there: %s", out)
	}
	b.Reset()
	l = slog.New(LogHandler(slog.NewJSONHandler(&b, nil), WithLogContentChars(0), WithoutLogMask(), WithoutLogExport()))
	n := len(rec.Logs())
	l.Info("a key", "key", "is "+secret, "prompt", long)
	got = lines(t, b.Bytes())[0]
	if got["prompt"] != "" || got["key"] != "is "+secret || len(rec.Logs()) != n {
		t.Errorf("with options: %v, %d exported", got, len(rec.Logs())-n)
	}
}

// TestLogContentModes: in metrics mode no content is logged either.
func TestLogContentModes(t *testing.T) {
	testCore(t, WithContent(ContentMetrics, 0, 0))
	var b bytes.Buffer
	slog.New(LogHandler(slog.NewJSONHandler(&b, nil))).Info("m", "prompt", "tell me", "other", "stays")
	if got := lines(t, b.Bytes())[0]; got["prompt"] != "" || got["other"] != "stays" || got["msg"] != "m" {
		t.Errorf("%v", got)
	}
}

// TestLogHandlerBeforeSetup: a logger made while the SDK is off is a full one
// later, and the wrapped one again after.
func TestLogHandlerBeforeSetup(t *testing.T) {
	var b bytes.Buffer
	secret := "sk-" + strings.Repeat("x", 40)
	l := slog.New(LogHandler(slog.NewJSONHandler(&b, nil))).With("token", secret)
	l.Info("off")
	if got := lines(t, b.Bytes())[0]; got["service"] != nil || got["token"] != secret {
		t.Errorf("off: %v", got)
	}
	b.Reset()
	t.Run("on", func(t *testing.T) {
		testCore(t)
		l.Info("on")
		if got := lines(t, b.Bytes())[0]; got["service"] != "test" || got["token"] == secret {
			t.Errorf("on: %v", got)
		}
	})
	b.Reset()
	l.Info("off")
	if got := lines(t, b.Bytes())[0]; got["service"] != nil {
		t.Errorf("off again: %v", got)
	}
}

// TestOwnWarningsAreNotExported: else a warning that the backend is away would be
// sent to the backend that is away, and cause the next.
func TestOwnWarningsAreNotExported(t *testing.T) {
	var b bytes.Buffer
	r, rec := testCore(t, WithLogger(slog.New(LogHandler(slog.NewJSONHandler(&b, nil)))))
	r.warn.Warn("the backend is away")
	r.warn.With("a", 1).WithGroup("g").Warn("again", "b", 2)
	if n := len(lines(t, b.Bytes())); n != 2 || len(rec.Logs()) != 0 {
		t.Errorf("%d lines, %d exported", n, len(rec.Logs()))
	}
	if ownLogger(r.warn) != r.warn {
		t.Error("a marked logger is marked again")
	}
}

// panicky are values that a program may log and that break.
type panicky struct{ s *string }

func (p *panicky) Error() string { return *p.s }

func TestLogBadValues(t *testing.T) {
	_, rec := testCore(t)
	var b bytes.Buffer
	l := slog.New(LogHandler(slog.NewTextHandler(&b, nil)))
	var nilErr *panicky
	deep := slog.Group("g", "x", 1)
	for range 20 {
		deep = slog.Group("g", deep)
	}
	l.Log(nil, slog.LevelError, "bad", "err", nilErr, "nan", math.NaN(), "big", uint64(math.MaxUint64), "f", func() {}, "d", time.Second, "t", time.Unix(0, 0), //nolint:staticcheck // a nil context is what is tested
		"s", "\xff", "prompt", []byte("raw"), "deep", deep.Value, "ok", true, "long", strings.Repeat("x", 2*maxLogValue))
	if b.Len() == 0 || len(rec.Logs()) != 1 {
		t.Fatalf("%d exported: %s", len(rec.Logs()), b.String())
	}
	e := rec.Logs()[0]
	a := attrsOf(&e)
	if a["err"] != "<nil>" || a["big"] != "18446744073709551615" || a["d"] != 1.0 || a["prompt"] != "raw" || a["ok"] != true || len(a["long"].(string)) != maxLogValue {
		t.Errorf("exported %v", a)
	}
	if LogHandler(nil).Enabled(t.Context(), slog.LevelError) {
		t.Error("a nil handler takes records")
	}
}

func TestLogSeverity(t *testing.T) {
	for l, want := range map[slog.Level]otellog.Severity{
		slog.LevelDebug: otellog.SeverityDebug, slog.LevelInfo: otellog.SeverityInfo, slog.LevelWarn: otellog.SeverityWarn, slog.LevelError: otellog.SeverityError,
		slog.LevelError + 1: otellog.SeverityError2, -100: otellog.SeverityTrace1, 100: otellog.SeverityFatal4,
	} {
		if got := logSeverity(l); got != want {
			t.Errorf("%v is %v, want %v", l, got, want)
		}
	}
}

// TestCallLogs: the lines that log pipelines of language models know.
func TestCallLogs(t *testing.T) {
	var b bytes.Buffer
	r, _ := testCore(t, WithCallLogs(slog.New(CallLogHandler(&b, nil))))
	secret := "sk-" + strings.Repeat("x", 40)
	for _, c := range []*llm.Call{streamed(), failed("rate_limit_exceeded"), failed("")} {
		c.ErrorMessage += " " + secret
		r.meters.started(t.Context(), &llm.Call{ID: "01TEST", Provider: c.Provider, Operation: c.Operation, RequestModel: c.RequestModel})
		seen(t, r, c)
	}
	_, span := r.tracer.Start(t.Context(), "root")
	span.End()
	got := lines(t, b.Bytes())
	var events []string
	for _, m := range got {
		if _, ok := m["timestamp"].(string); !ok {
			t.Errorf("no timestamp in %v", m)
		}
		events = append(events, m["level"].(string)+" "+m["event"].(string))
	}
	want := []string{
		"DEBUG llm_request_start", "INFO llm_request_success", "DEBUG llm_request_start", "WARNING rate_limit", "DEBUG llm_request_start", "ERROR llm_request_error",
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	ok := got[1]
	if ok["request_id"] != "resp-1" || ok["model"] != "gpt-x" || ok["latency"] != 2.0 || ok["input_tokens"] != 100.0 || ok["output_tokens"] != 31.0 || ok["error_type"] != nil || ok["trace_id"] == nil {
		t.Errorf("success: %v", ok)
	}
	bad := got[5]
	if bad["error_type"] != unknownErrorType || bad["input_tokens"] != nil || !strings.HasPrefix(bad["error_message"].(string), "it did not work") || strings.Contains(b.String(), secret) {
		t.Errorf("error: %v", bad)
	}
	if got[0]["request_id"] != "01TEST" || got[0]["latency"] != nil {
		t.Errorf("start: %v", got[0])
	}
}

func TestTraceComplete(t *testing.T) {
	var b bytes.Buffer
	r, rec := testCore(t, WithCallLogs(slog.New(CallLogHandler(&b, slog.LevelInfo))))
	ctx, span := r.tracer.Start(t.Context(), "root", trace.WithAttributes(attribute.String("error.type", "boom")))
	_, child := r.tracer.Start(ctx, "child")
	child.End()
	span.End()
	for _, s := range rec.spans.Ended() {
		traceEnded(s)
	}
	got := lines(t, b.Bytes())
	if len(got) != 1 || got[0]["event"] != "trace_complete" || got[0]["trace_id"] != span.SpanContext().TraceID().String() || got[0]["error_type"] != "boom" || got[0]["name"] != "root" {
		t.Errorf("%v", got)
	}
}

// TestLogOffCostsNothing: while off a record costs what the wrapped handler costs.
func TestLogOffCostsNothing(t *testing.T) {
	rec := slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)
	rec.AddAttrs(slog.String("a", "b"))
	h := LogHandler(slog.DiscardHandler)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		if h.Enabled(ctx, slog.LevelInfo) {
			t.Fatal("enabled")
		}
		if err := h.Handle(ctx, rec); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLogHandler(b *testing.B) {
	run := func(b *testing.B) {
		l := slog.New(LogHandler(slog.NewJSONHandler(discard{}, nil), WithoutLogExport()))
		b.ReportAllocs()
		for b.Loop() {
			l.LogAttrs(b.Context(), slog.LevelInfo, "message", slog.String("a", "b"), slog.Int("n", 1))
		}
	}
	b.Run("off", run)
	b.Run("on", func(b *testing.B) {
		testCore(b)
		run(b)
	})
	b.Run("bare", func(b *testing.B) {
		l := slog.New(slog.NewJSONHandler(discard{}, nil))
		b.ReportAllocs()
		for b.Loop() {
			l.LogAttrs(b.Context(), slog.LevelInfo, "message", slog.String("a", "b"), slog.Int("n", 1))
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
