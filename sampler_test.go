package pitot

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// kept is a provider with the sampler and filter of a share, and what it exports.
type kept struct {
	tracer trace.Tracer
	filter *spanFilter

	mu    sync.Mutex
	spans []endedSpan
}

func newKept(t testing.TB, share float64, parents bool) *kept {
	k := &kept{}
	out := startBatcher(&batcher[endedSpan]{
		cfg: batchSettings{queue: 1 << 20, batch: 1 << 20, delay: 1 << 50, timeout: 1 << 50}, size: func(*endedSpan) int { return 1 },
		export: func(_ context.Context, spans []endedSpan) error {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.spans = append(k.spans, spans...)
			return nil
		},
	})
	k.filter = &spanFilter{out: out}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(newShareSampler(share, parents)), sdktrace.WithSpanProcessor(k.filter))
	k.tracer = tp.Tracer("test")
	t.Cleanup(func() { _ = tp.Shutdown(context.WithoutCancel(t.Context())) })
	return k
}

// exported are the names of the spans that go out.
func (k *kept) exported(t testing.TB) []endedSpan {
	t.Helper()
	if err := k.filter.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.spans
}

func names(spans []endedSpan) string {
	var out []string
	for _, s := range spans {
		name := s.Name()
		if s.alone {
			name += "!"
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

// weightOfState is how many a span with that tracestate stands for.
func weightOfState(t testing.TB, state string) float64 {
	for e := range strings.SplitSeq(strings.TrimPrefix(state, "ot="), ";") {
		if th, ok := strings.CutPrefix(e, "th:"); ok {
			b := make([]byte, 8)
			digits := th + strings.Repeat("0", 14-len(th))
			for i := range 7 {
				b[i+1] = unhex(t, digits[2*i])<<4 | unhex(t, digits[2*i+1])
			}
			return 1 / (1 - float64(binary.BigEndian.Uint64(b))/fullThreshold)
		}
	}
	return 1
}

func unhex(t testing.TB, c byte) byte {
	i := strings.IndexByte("0123456789abcdef", c)
	if i < 0 {
		t.Fatalf("%q is no hex digit", c)
	}
	return byte(i)
}

func TestShareOfTraces(t *testing.T) {
	for _, share := range []float64{1, 0.5, 0.1, 0.013, 0} {
		k := newKept(t, share, true)
		const n = 20000
		for range n {
			ctx, root := k.tracer.Start(t.Context(), "root")
			_, child := k.tracer.Start(ctx, "child")
			child.End()
			root.End()
		}
		spans := k.exported(t)
		var weights float64
		perTrace := map[trace.TraceID]int{}
		for i := range spans {
			weights += weightOfState(t, exportedState(spans[i].SpanContext().TraceState(), spans[i].alone))
			perTrace[spans[i].SpanContext().TraceID()]++
		}
		for id, c := range perTrace {
			if c != 2 {
				t.Fatalf("share %v: %d spans of trace %v: a trace goes out whole", share, c, id)
			}
		}
		sigma := math.Sqrt(n * share * (1 - share))
		if got := float64(len(perTrace)); math.Abs(got-share*n) > 5*sigma {
			t.Errorf("share %v: %v of %d traces", share, got, n)
		}
		if share > 0 && math.Abs(weights-2*n) > 2*5*sigma/share+1e-6 {
			t.Errorf("share %v: the weights add up to %v, there were %d spans", share, weights, 2*n)
		}
	}
}

func TestFailedAndSlowSpansGoOutWithTheirAncestors(t *testing.T) {
	k := newKept(t, 0, true)
	run := func(fail string, slow bool) {
		ctx, root := k.tracer.Start(t.Context(), "root")
		ctx, mid := k.tracer.Start(ctx, "mid")
		_, before := k.tracer.Start(ctx, "before")
		before.End()
		_, leaf := k.tracer.Start(ctx, "leaf")
		if fail != "" {
			leaf.SetStatus(codes.Error, fail)
		}
		if slow {
			leaf.SetAttributes(attribute.String("pitot.slow", "request"))
		}
		leaf.End()
		_, after := k.tracer.Start(ctx, "after")
		after.End()
		mid.End()
		root.End()
	}
	run("", false)
	if got := names(k.exported(t)); got != "" {
		t.Errorf("exported %s of a share of 0", got)
	}
	run("boom", false)
	if got := names(k.exported(t)); got != "leaf! mid! root!" {
		t.Errorf("exported %s", got)
	}
	run("", true)
	if got := names(k.exported(t)); got != "leaf! mid! root! leaf! mid! root!" {
		t.Errorf("exported %s", got)
	}
	if n := k.filter.kept.n.Load(); n != 0 {
		t.Errorf("%d spans are remembered for nothing", n)
	}
}

// TestErrorsAreNotWeighed: all errors go out, in the share or not, so that one
// in the share must not stand for others.
func TestErrorsAreNotWeighed(t *testing.T) {
	k := newKept(t, 0.25, true)
	const n = 4000
	for range n {
		ctx, root := k.tracer.Start(t.Context(), "root")
		_, leaf := k.tracer.Start(ctx, "leaf")
		leaf.SetStatus(codes.Error, "x")
		leaf.End()
		_, fine := k.tracer.Start(ctx, "fine")
		fine.End()
		root.End()
	}
	weights := map[string]float64{}
	for _, s := range k.exported(t) {
		weights[s.Name()] += weightOfState(t, exportedState(s.SpanContext().TraceState(), s.alone))
	}
	if weights["leaf"] != n || weights["root"] != n {
		t.Errorf("weights %v, want exactly %d", weights, n)
	}
	if math.Abs(weights["fine"]-n) > 5*math.Sqrt(n*0.25*0.75)/0.25 {
		t.Errorf("weights %v, want about %d of those that are sampled", weights, n)
	}
}

func remoteParent(sampled bool, state string) trace.SpanContext {
	ts, err := trace.ParseTraceState(state)
	if err != nil {
		panic(err)
	}
	cfg := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true, TraceState: ts}
	binary.BigEndian.PutUint64(cfg.TraceID[8:], rand.Uint64())
	if sampled {
		cfg.TraceFlags = trace.FlagsSampled
	}
	return trace.NewSpanContext(cfg)
}

func TestRemoteParents(t *testing.T) {
	for name, tc := range map[string]struct {
		share    float64
		parents  bool
		parent   trace.SpanContext
		exported string
		state    string
	}{
		"sampled":                               {0, true, remoteParent(true, ""), "call", ""},
		"sampled, of a share":                   {0, true, remoteParent(true, "ot=th:8,x=y"), "call", "ot=th:8,x=y"},
		"not sampled":                           {1, true, remoteParent(false, "x=y"), "", ""},
		"sampled, and not followed":             {0, false, remoteParent(true, "ot=th:8"), "", ""},
		"not sampled, and not followed":         {1, false, remoteParent(false, ""), "call", ""},
		"of a share, and not followed":          {1, false, remoteParent(false, "ot=th:8;rv:00000000000001,x=y"), "call", "ot=rv:00000000000001,x=y"},
		"randomness below, and not followed":    {0.5, false, remoteParent(true, "ot=rv:00000000000001"), "", ""},
		"randomness above, and not followed":    {0.5, false, remoteParent(true, "ot=rv:ffffffffffffff"), "call", "ot=th:8;rv:ffffffffffffff"},
		"not sampled, of a share that is whole": {1, true, remoteParent(false, "ot=rv:00000000000001"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKept(t, tc.share, tc.parents)
			ctx, span := k.tracer.Start(trace.ContextWithRemoteSpanContext(t.Context(), tc.parent), "call")
			if !span.IsRecording() {
				t.Error("not recorded: it may fail yet")
			}
			if sampled := trace.SpanContextFromContext(ctx).IsSampled(); sampled != (tc.exported != "") {
				t.Errorf("others are told sampled=%v", sampled)
			}
			span.End()
			spans := k.exported(t)
			if got := names(spans); got != tc.exported {
				t.Fatalf("exported %q, want %q", got, tc.exported)
			}
			if len(spans) > 0 {
				if got := spans[0].SpanContext().TraceState().String(); got != tc.state {
					t.Errorf("tracestate %q, want %q", got, tc.state)
				}
			}
		})
	}
}

func TestAFailedSpanOfAnUnsampledRemoteParentGoesOut(t *testing.T) {
	k := newKept(t, 1, true)
	_, span := k.tracer.Start(trace.ContextWithRemoteSpanContext(t.Context(), remoteParent(false, "")), "call")
	span.SetStatus(codes.Error, "x")
	span.End()
	if got := names(k.exported(t)); got != "call!" {
		t.Errorf("exported %q", got)
	}
	if n := k.filter.kept.n.Load(); n != 0 {
		t.Error("a remote parent is remembered, which never ends here")
	}
}

func TestRememberedAncestorsAreBounded(t *testing.T) {
	var k keepSet
	key := func(i int) spanKey {
		var s spanKey
		binary.BigEndian.PutUint64(s.span[:], uint64(i+1))
		return s
	}
	for i := range 3 * maxKept {
		k.add(key(i))
		k.add(key(i))
	}
	if len(k.slots) != maxKept || len(k.ring) != maxKept || k.forgotten.Load() != 2*maxKept {
		t.Errorf("%d remembered, %d forgotten", len(k.slots), k.forgotten.Load())
	}
	if k.take(key(0)) || !k.take(key(3*maxKept-1)) || k.take(key(3*maxKept-1)) {
		t.Error("the oldest are forgotten, the newest are not")
	}
	for i := range 3 * maxKept {
		k.take(key(i))
	}
	for i := range maxKept { // over slots whose spans have ended
		k.add(key(i))
	}
	if k.forgotten.Load() != 2*maxKept || k.n.Load() != maxKept {
		t.Errorf("%d forgotten, %d remembered", k.forgotten.Load(), k.n.Load())
	}
	var again keepSet // a span that is added, taken and added again has one place, the later
	again.add(key(0))
	again.take(key(0))
	again.add(key(1))
	again.add(key(0))
	for i := range maxKept - 2 { // one past the first place
		again.add(key(i + 2))
	}
	if !again.take(key(0)) {
		t.Error("forgotten because of a place that it had before")
	}
}

func TestThreshold(t *testing.T) {
	for share, want := range map[float64]string{
		1: "", 0: "", 0.5: "th:8", 0.25: "th:c", 0.1: "th:e6666666666668", 1e-20: "th:ffffffffffffff",
	} {
		if got := newShareSampler(share, true).state; got != want {
			t.Errorf("share %v: %q, want %q", share, got, want)
		}
	}
}

func BenchmarkSpanOfTheWholeShare(b *testing.B)    { benchmarkSpan(b, 1) }
func BenchmarkSpanOfATenthOfTheShare(b *testing.B) { benchmarkSpan(b, 0.1) }

func benchmarkSpan(b *testing.B, share float64) {
	k := newKept(b, share, true)
	b.ReportAllocs()
	for b.Loop() {
		_, s := k.tracer.Start(context.Background(), "x")
		s.End()
	}
}
