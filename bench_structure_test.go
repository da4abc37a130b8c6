package pitot

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

type nothing struct{}

var sink int

func plain(context.Context) (int, error) { sink++; return sink, nil }

func nowhere(context.Context, int) (int, error) { sink++; return sink, nil }

// benchmarked are the entry points as programs write them, n times in a row: a
// closure around each would cost more than they do.
func benchmarked() map[string]func(ctx context.Context, n int) {
	tool := ToolFunc("tool", nowhere, Description("d"))
	return map[string]func(context.Context, int){
		"bare": func(ctx context.Context, n int) {
			f := plain
			for range n {
				_, _ = f(ctx)
			}
		},
		"Workflow": func(ctx context.Context, n int) {
			for range n {
				_, _ = Workflow(ctx, "w", plain)
			}
		},
		"Agent": func(ctx context.Context, n int) {
			for range n {
				_, _ = Agent(ctx, "a", plain, Version("1"), ID("x"))
			}
		},
		"Task": func(ctx context.Context, n int) {
			for range n {
				_, _ = Task(ctx, "t", plain)
			}
		},
		"Tool": func(ctx context.Context, n int) {
			for range n {
				_, _ = Tool(ctx, "t", plain)
			}
		},
		"ToolProperties": func(ctx context.Context, n int) {
			k, s := sink, strings.Repeat("x", 100)
			for range n {
				_, _ = Tool(ctx, "t", plain, CallID("c"), Input(s), Attr("n", k))
			}
		},
		"Retrieve": func(ctx context.Context, n int) {
			for range n {
				_, _ = Retrieve(ctx, "r", plain, DataSource("d"), TopK(5))
			}
		},
		"ToolFunc": func(ctx context.Context, n int) {
			for range n {
				_, _ = tool(ctx, 1)
			}
		},
		"With": func(ctx context.Context, n int) {
			for range n {
				_ = With(ctx, User("u"), Session("s"), Tag("k", "v"))
			}
		},
		"AddEvent": func(ctx context.Context, n int) {
			k := sink
			for range n {
				AddEvent(ctx, "e", attribute.Int("n", k), attribute.String("s", "v"))
			}
		},
		"SetAttributes": func(ctx context.Context, n int) {
			k := sink
			for range n {
				SetAttributes(ctx, attribute.Int("n", k))
			}
		},
		"AgentStep": func(ctx context.Context, n int) {
			for range n {
				AgentStep(ctx, StepMetrics{InputTokens: 1})
			}
		},
		"Feedback": func(ctx context.Context, n int) {
			for range n {
				_ = Feedback(ctx, Rating{Thumb: ThumbUp, TraceID: "0af7651916cd43dd8448eb211c80319c"})
			}
		},
		"Start": func(ctx context.Context, n int) {
			for range n {
				_, w := Start(ctx, KindTask, "t")
				w.End(nil)
			}
		},
	}
}

func (nothing) ServeHTTP(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func BenchmarkStructureOff(b *testing.B) {
	for name, f := range benchmarked() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f(b.Context(), b.N)
		})
	}
	b.Run("Handler", func(b *testing.B) {
		h := Handler(nothing{})
		req, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(w, req)
		}
	})
}

func BenchmarkStructureOn(b *testing.B) {
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(discardSpans{}))
	on := func(b *testing.B) {
		r, _ := testCore(b)
		r.tracer = tp.Tracer(scope)
	}
	for name, f := range benchmarked() {
		b.Run(name, func(b *testing.B) {
			on(b)
			b.ReportAllocs()
			f(b.Context(), b.N)
		})
	}
	b.Run("Handler", func(b *testing.B) {
		on(b)
		h := Handler(nothing{})
		req, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(w, req)
		}
	})
}

// discardSpans is a processor that keeps nothing, so that the SDK is measured and
// not the memory of a recorder.
type discardSpans struct{}

func (discardSpans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discardSpans) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discardSpans) Shutdown(context.Context) error                  { return nil }
func (discardSpans) ForceFlush(context.Context) error                { return nil }

func BenchmarkMasking(b *testing.B) {
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog: it is well-known, isn't it? ", 56)
	for name, m := range map[string]*masker{"secrets": newMasker(maskSecrets), "all": newMasker(maskSecrets | maskEmail | maskPhone | maskCard)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(prose)))
			b.ReportAllocs()
			for b.Loop() {
				if m.mask(prose) != prose {
					b.Fatal("prose was masked")
				}
			}
		})
	}
}

func BenchmarkContentValue(b *testing.B) {
	p := newContentPolicy(defaultSettings())
	v := map[string]any{"query": strings.Repeat("what is it ", 20), "limit": 10, "filters": []string{"a", "b"}}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = p.value(v)
	}
}

func TestStructureOffAllocatesNothing(t *testing.T) {
	if active.Load() != nil {
		t.Fatal("the SDK is on")
	}
	for name, f := range benchmarked() {
		// Once is for what the benchmark itself sets up.
		once, often := testing.AllocsPerRun(10, func() { f(t.Context(), 1) }), testing.AllocsPerRun(10, func() { f(t.Context(), 101) })
		if often > once {
			t.Errorf("%s allocates %v times in 100 while the SDK is off", name, often-once)
		}
	}
}
