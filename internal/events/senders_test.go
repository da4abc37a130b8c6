package events

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
)

// senderCall is a Call of a telemetry sender that has all its parts.
func senderCall(r *rand.Rand, at time.Time) *llm.Call {
	c := fullCall()
	c.ID, c.Time, c.Source = newID(at, r), at, llm.SourceOTLP
	c.Service, c.Dialect, c.Scope, c.ScopeVersion = "shop", "openllmetry", "opentelemetry.instrumentation.openai", "0.62.1"
	c.Status, c.ErrorType, c.ErrorMessage = llm.StatusOK, "", ""
	c.Weight = 0
	return c
}

func TestSenders(t *testing.T) {
	s, _ := rollupStore(t) // an engine of its own: senders are of all calls
	r := rand.New(rand.NewPCG(5, 5))
	at := time.Now().UTC().Add(-10 * time.Minute)
	var all []*llm.Call
	add := func(n int, change func(i int, c *llm.Call)) {
		for i := range n {
			c := senderCall(r, at.Add(time.Duration(len(all))*time.Millisecond))
			change(i, c)
			all = append(all, c)
		}
	}
	add(20, func(i int, c *llm.Call) { // streams, half of them without usage
		c.Stream = true
		if i%2 == 0 {
			c.Usage = llm.Usage{Source: llm.UsageUnknown}
			c.Cost = llm.Cost{State: llm.CostUnpriced}
		}
	})
	add(5, func(_ int, c *llm.Call) { // failures: usage is not to be expected
		c.Stream, c.Usage, c.Output, c.FinishReasons = false, llm.Usage{}, nil, nil
		c.SetError("timeout", "")
	})
	add(3, func(_ int, c *llm.Call) { // embeddings have no answer
		c.Operation, c.Stream, c.Output, c.FinishReasons, c.TTFT, c.Usage.OutputTokens = llm.OpEmbeddings, false, nil, nil, llm.Opt[time.Duration]{}, llm.Opt[int64]{}
	})
	add(2, func(_ int, c *llm.Call) { // reranking is counted in searches
		c.Service, c.Dialect, c.Scope, c.Operation, c.Stream, c.Usage = "rank", "openlit", "rr", llm.OpRerank, false, llm.Usage{Searches: llm.Some[int64](1)}
	})
	add(4, func(_ int, c *llm.Call) { // another sender, sampled
		c.Service, c.Dialect, c.Scope, c.Weight, c.Input, c.User = "chat", "openinference", "oi", 10, nil, ""
		c.Stream = false
	})
	add(2, func(_ int, c *llm.Call) { // estimated usage is Pitot's own
		c.Service, c.Source, c.Dialect, c.Scope, c.ScopeVersion, c.Usage.Source, c.Stream = "gw", llm.SourceGateway, "", "", "", llm.UsageEstimated, false
	})
	insertSampled(t, s, all, func(i int) bool { return i%3 == 0 }) // most are tallies
	for i, kind := range []llm.SpanKind{llm.KindLLM, llm.KindAgent, llm.KindAgent, ""} {
		sp := &llm.Span{ID: fmt.Sprint("sp", i), Time: at, Source: llm.SourceOTLP, TraceID: "t", SpanID: fmt.Sprint(i), Kind: kind, Service: "shop", Status: llm.StatusOK}
		sp.Dialect, sp.Scope, sp.ScopeVersion = "openllmetry", "opentelemetry.instrumentation.openai", "0.62.1"
		if kind == "" {
			sp.Service, sp.Dialect, sp.Scope, sp.ScopeVersion = "web", "", "net/http", ""
		}
		insert(t, s, llm.Record{Span: sp})
	}
	got, err := s.Senders(t.Context(), Range{Start: at.Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	want := []SenderStats{
		{
			Service: "shop", Source: llm.SourceOTLP, Dialect: "openllmetry", Scope: "opentelemetry.instrumentation.openai", ScopeVersion: "0.62.1",
			Calls: 28, Represented: 28, Errors: 5, Streams: 20, StreamsWithoutUsage: 10, Spans: map[llm.SpanKind]int64{llm.KindLLM: 1, llm.KindAgent: 2},
		},
		{Service: "chat", Source: llm.SourceOTLP, Dialect: "openinference", Scope: "oi", ScopeVersion: "0.62.1", Calls: 4, Sampled: 4, Represented: 40},
		{Service: "gw", Source: llm.SourceGateway, Calls: 2, Represented: 2},
		{Service: "rank", Source: llm.SourceOTLP, Dialect: "openlit", Scope: "rr", ScopeVersion: "0.62.1", Calls: 2, Represented: 2},
		{Service: "web", Source: llm.SourceOTLP, Scope: "net/http", Spans: map[llm.SpanKind]int64{llm.KindOther: 1}},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(SenderStats{}, "LastSeen", "Fields")); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	for sender, fields := range map[int]map[string]FieldCount{
		0: {
			"request_model": {28, 28}, "input_tokens": {13, 23}, "output_tokens": {10, 20}, "ttft": {20, 20}, "finish_reasons": {20, 20}, "stream": {20, 25},
			"error_type": {5, 5}, "user": {28, 28}, "session": {28, 28}, "input": {25, 25}, "output": {20, 20}, "params": {25, 25}, "usage_estimated": {0, 23},
		},
		1: {"input": {0, 4}, "user": {0, 4}, "output": {4, 4}},
		2: {"input_tokens": {0, 2}, "usage_estimated": {2, 2}},
		3: {"input_tokens": {}, "output_tokens": {}, "finish_reasons": {}, "user": {2, 2}},
	} {
		for name, want := range fields {
			if c := got[sender].Fields[name]; c != want {
				t.Errorf("%s: %s = %+v, want %+v", got[sender].Service, name, c, want)
			}
		}
	}
	if last := got[2].LastSeen; !last.Equal(all[len(all)-1].Time) {
		t.Errorf("last seen %v, want %v", last, all[len(all)-1].Time)
	}
	if none, err := s.Senders(t.Context(), Range{Start: at.Add(-2 * time.Hour), End: at.Add(-time.Hour)}); err != nil || len(none) != 0 {
		t.Errorf("an hour before: %+v, %v", none, err)
	}
}

// TestEveryPartHasAField keeps the statistics in step with what is stored.
func TestEveryPartHasAField(t *testing.T) {
	var known uint64
	for _, f := range senderFields {
		if known&f.bit != 0 {
			t.Errorf("%s shares its bit", f.name)
		}
		known |= f.bit
	}
	if all := hasError<<1 - 1; known|hasError != all {
		t.Errorf("fields %b of parts %b", known, all)
	}
	if m := has(&llm.Call{}); m != 0 {
		t.Errorf("an empty call has %b", m)
	}
}
