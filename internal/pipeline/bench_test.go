package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// nullStore takes everything.
type nullStore struct{}

func (nullStore) Insert(context.Context, [][]byte) error { return nil }
func (nullStore) Present(context.Context, []string, time.Time, time.Time) (map[string]bool, error) {
	return nil, nil
}
func (nullStore) Ready(context.Context) error { return nil }
func (nullStore) Epoch() string               { return "" }

// rawEncoder costs next to nothing, so that the benchmark shows the pipeline.
func rawEncoder(dst []byte, r llm.Record) ([]byte, error) {
	if r.Span != nil {
		return append(dst, r.Span.ID...), nil
	}
	dst = append(dst, r.Call.ID...)
	for _, ms := range [][]llm.Message{r.Call.Input, r.Call.Output} {
		for _, m := range ms {
			for _, p := range m.Parts {
				dst = append(dst, p.Content...)
			}
		}
	}
	return dst, nil
}

func jsonEncoder(dst []byte, r llm.Record) ([]byte, error) {
	b, err := json.Marshal(r.Call)
	return append(dst, b...), err
}

func benchPipeline(b *testing.B, enc Encoder) *Pipeline {
	b.Helper()
	j, err := journal.Open(journal.Options{Dir: b.TempDir(), MaxBytes: 16 << 30})
	if err != nil {
		b.Fatal(err)
	}
	c := DefaultConfig()
	c.Queue = QueueConfig{MaxRecords: 1 << 20, MaxBytes: 2 << 30} // the journal sets the pace
	p, err := New(Options{Config: c, Journal: j, Store: nullStore{}, Redactor: fakeRedactor{}, Encoder: enc, SubmitWait: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(p.Drain(context.Background()), j.Close()); err != nil {
			b.Error(err)
		}
	})
	return p
}

func benchCall(text int) *llm.Call {
	c := call(0, llm.SourceGateway)
	c.ID = ""
	c.TraceID, c.ResponseID = strings.Repeat("ab", 16), "chatcmpl-x"
	c.Params = map[string]any{"temperature": 0.2, "max_tokens": 100}
	c.Input, c.Output = nil, nil
	if text > 0 {
		c.Input = []llm.Message{llm.Text("user", strings.Repeat("What is the airspeed? ", text/22/2))}
		c.Output = []llm.Message{llm.Text("assistant", strings.Repeat("About forty-two knots.", text/22/2))}
	}
	return c
}

func BenchmarkOfferToJournal(b *testing.B) {
	for _, text := range []int{0, 2300} {
		for name, enc := range map[string]Encoder{"raw": rawEncoder, "json": jsonEncoder} {
			b.Run(fmt.Sprintf("text=%d/encoder=%s", text, name), func(b *testing.B) {
				p := benchPipeline(b, enc)
				tmpl := benchCall(text)
				n := 0
				b.ReportAllocs()
				for b.Loop() {
					c := *tmpl
					n++
					c.ResponseID = ""
					for !p.Offer(llm.Record{Call: &c}) {
						runtime.Gosched() // full: the journal sets the pace
					}
				}
				for {
					if records, _ := p.budget.used(); records == 0 {
						break
					}
					runtime.Gosched()
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

func BenchmarkOffer(b *testing.B) {
	p := benchPipeline(b, rawEncoder)
	c := benchCall(2300)
	r := llm.Record{Call: c}
	b.ReportAllocs()
	for b.Loop() {
		if p.budget.offer(sizeOf(r)) { // what Offer does before the queue
			p.budget.mu.Lock()
			p.budget.records, p.budget.bytes = 0, 0
			p.budget.mu.Unlock()
		}
		p.ledger.receive("gateway", 1)
	}
}

func BenchmarkSubmit(b *testing.B) {
	p := benchPipeline(b, rawEncoder)
	tmpl := benchCall(2300)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			batch := make([]llm.Record, 100)
			for i := range batch {
				c := *tmpl
				c.ResponseID = ""
				batch[i] = llm.Record{Call: &c}
			}
			if err := p.Submit(b.Context(), batch); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "records/s")
}

// benchTrace is a trace as an agent's instrumentation sends it, children first:
// per model call a span of the HTTP client and one of a tool.
func benchTrace(n, spans, text int) []llm.Record {
	now := time.Now()
	trace := fmt.Sprintf("%032x", n+1)
	attrs := func() map[string]any {
		return map[string]any{
			"http.request.method": "POST", "server.address": "api.example.com", "server.port": int64(443),
			"gen_ai.system": "openai", "gen_ai.usage.total_tokens": int64(42), "thread.id": int64(7),
		}
	}
	out := make([]llm.Record, 0, spans)
	for i := range spans - 1 {
		id, parent := fmt.Sprintf("%016x", i+2), fmt.Sprintf("%016x", 1)
		if i%3 == 1 {
			parent = fmt.Sprintf("%016x", i+3)
		}
		if i%3 == 2 {
			c := *benchCall(text)
			c.ID, c.Time, c.Source, c.TraceID, c.SpanID, c.ParentSpanID, c.ResponseID = "", now, llm.SourceOTLP, trace, id, parent, "chatcmpl-"+trace+id
			c.Attributes = attrs()
			out = append(out, llm.Record{Call: &c})
			continue
		}
		out = append(out, llm.Record{Span: &llm.Span{
			Time: now, Source: llm.SourceOTLP, TraceID: trace, SpanID: id, ParentSpanID: parent, Name: "POST",
			Status: llm.StatusOK, Duration: time.Second, Service: "checkout", Attributes: attrs(),
		}})
	}
	return append(out, llm.Record{Span: &llm.Span{
		Time: now, Source: llm.SourceOTLP, TraceID: trace, SpanID: fmt.Sprintf("%016x", 1), Name: "agent", Status: llm.StatusOK, Attributes: attrs(),
	}})
}

// BenchmarkSubmitSpans is what the pipeline costs a span, the encoder left out:
// from Submit to the journal and on to a store that takes everything.
func BenchmarkSubmitSpans(b *testing.B) {
	for _, text := range []int{0, 2300} {
		for _, size := range []int{50, 500, 5000} {
			b.Run(fmt.Sprintf("text=%d/batch=%d", text, size), func(b *testing.B) {
				p := benchPipeline(b, rawEncoder)
				n := 0
				b.ReportAllocs()
				b.SetParallelism(8)
				var mu sync.Mutex
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						mu.Lock()
						n += size / 50
						from := n
						mu.Unlock()
						batch := make([]llm.Record, 0, size)
						for t := range size / 50 {
							batch = append(batch, benchTrace(from+t, 50, text)...)
						}
						if err := p.Submit(b.Context(), batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
				spans := float64(b.N * size)
				b.ReportMetric(spans/b.Elapsed().Seconds(), "spans/s")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/spans, "ns/span")
			})
		}
	}
}

// BenchmarkJoin is the join alone, over traces that are new each time.
func BenchmarkJoin(b *testing.B) {
	p := benchPipeline(b, rawEncoder)
	const traces = 400
	var recs []llm.Record
	for n := range traces {
		recs = append(recs, benchTrace(n, 50, 0)...)
	}
	js := make([]joined, 0, len(recs))
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n++
		for i := range recs {
			trace := fmt.Sprintf("%032x", n*traces+i/50)
			if c := recs[i].Call; c != nil {
				c.TraceID = trace
			} else {
				recs[i].Span.TraceID = trace
			}
		}
		b.StartTimer()
		js = p.join(recs, js[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*len(recs)), "ns/span")
}

func BenchmarkSteps(b *testing.B) {
	for _, text := range []int{0, 2300} {
		b.Run(fmt.Sprintf("text=%d", text), func(b *testing.B) {
			p := benchPipeline(b, rawEncoder)
			tmpl := benchCall(text)
			bt := p.newBatch(false)
			b.ReportAllocs()
			for b.Loop() {
				c := *tmpl
				c.ResponseID = ""
				bt.arena, bt.ends, bt.claims = bt.arena[:0], bt.ends[:0], bt.claims[:0]
				if reason, _ := p.step(bt, &llm.Record{Call: &c}, joined{}); reason != "" {
					b.Fatal(reason)
				}
			}
		})
	}
}
