package events

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// trace makes an agent's trace: a root in one service, a tool and a Call in another.
func trace(n int, at time.Time) []llm.Record {
	id := fmt.Sprintf("%032x", 0xabc000+n)
	span := func(i int) string { return fmt.Sprintf("%016x", n*100+i) }
	return []llm.Record{
		{Span: &llm.Span{
			ID: fmt.Sprintf("t%d-root", n), Time: at, Source: llm.SourceOTLP, TraceID: id, SpanID: span(1), Name: "handle", Kind: llm.KindAgent,
			OTelKind: "server", Service: "front", Duration: time.Duration(n) * time.Second, Status: llm.StatusOK,
			Attributes: map[string]any{"http.route": "/x", "attempt": float64(n)},
		}},
		{Span: &llm.Span{
			ID: fmt.Sprintf("t%d-tool", n), Time: at.Add(time.Millisecond), Source: llm.SourceOTLP, TraceID: id, SpanID: span(2), ParentSpanID: span(1),
			Name: "lookup", Kind: llm.KindTool, Service: "back", Duration: time.Millisecond, Status: llm.StatusError, ErrorType: "timeout",
			Resource: map[string]any{"host.name": "h" + itoa(n)}, Input: "in", Output: "out",
		}},
		{Call: &llm.Call{
			ID: fmt.Sprintf("t%d-call", n), Time: at.Add(2 * time.Millisecond).UTC(), Source: llm.SourceOTLP, TraceID: id, SpanID: span(3), ParentSpanID: span(2),
			Service: "back", Provider: "openai", Operation: llm.OpChat, RequestModel: "gpt-4o", Status: llm.StatusOK, Duration: time.Second,
			PromptName: "p" + itoa(n), Agent: "agent" + itoa(n), Workflow: "flow" + itoa(n), Dialect: "openllmetry", Scope: "lib", ScopeVersion: itoa(n) + ".0",
			Attributes: map[string]any{"k": "v"}, Resource: map[string]any{"pod": "pod" + itoa(n)},
			Events: []llm.SpanEvent{{Time: at.UTC(), Name: "first"}}, Links: []llm.SpanLink{{TraceID: "a", SpanID: "b"}},
		}},
	}
}

func TestTraces(t *testing.T) {
	s, _ := rollupStore(t) // an engine of its own: services and dependencies are of all spans
	base := time.Now().UTC().Add(-time.Hour)
	var all [][]llm.Record
	for n := range 10 {
		tr := trace(n+1, base.Add(time.Duration(n)*time.Minute))
		all = append(all, tr)
		insert(t, s, tr...)
	}
	got, err := s.Trace(t.Context(), all[3][0].Span.TraceID, Range{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(all[3], got, equal); d != "" {
		t.Errorf("trace (-want +got):\n%s", d)
	}
	if got, err := s.Trace(t.Context(), "none", Range{}); err != nil || len(got) != 0 {
		t.Errorf("unknown trace = %v, %v", got, err)
	}
	sp, err := s.Span(t.Context(), "t4-tool")
	if err != nil || cmp.Diff(all[3][1].Span, sp, equal) != "" {
		t.Errorf("span = %v, %v", sp, err)
	}
	for name, c := range map[string]struct {
		q    TraceQuery
		want []int // numbers of traces, newest first
	}{
		"limit":          {TraceQuery{Limit: 3}, []int{10, 9, 8}},
		"service":        {TraceQuery{Service: "front", Limit: 2}, []int{10, 9}},
		"operation":      {TraceQuery{Service: "back", Operation: "chat gpt-4o", Limit: 1}, []int{10}},
		"other":          {TraceQuery{Service: "front", Operation: "lookup"}, nil},
		"min duration":   {TraceQuery{Service: "front", MinDuration: 9 * time.Second}, []int{10, 9}},
		"max duration":   {TraceQuery{Service: "front", MaxDuration: 2 * time.Second}, []int{2, 1}},
		"attribute":      {TraceQuery{Tags: map[string]string{"attempt": "4"}}, []int{4}},
		"resource":       {TraceQuery{Tags: map[string]string{"host.name": "h7"}}, []int{7}},
		"both tags":      {TraceQuery{Tags: map[string]string{"attempt": "4", "host.name": "h7"}}, nil},
		"field":          {TraceQuery{Tags: map[string]string{"gen_ai.request.model": "gpt-4o"}, Limit: 1}, []int{10}},
		"error":          {TraceQuery{Service: "back", Tags: map[string]string{"error": "true"}, Limit: 1}, []int{10}},
		"prompt":         {TraceQuery{Tags: map[string]string{"gen_ai.prompt.name": "p5"}}, []int{5}},
		"call id":        {TraceQuery{Tags: map[string]string{"pitot.call.id": "t6-call"}}, []int{6}},
		"agent":          {TraceQuery{Tags: map[string]string{"gen_ai.agent.name": "agent3"}}, []int{3}},
		"plain agent":    {TraceQuery{Tags: map[string]string{"agent": "agent3"}}, []int{3}},
		"workflow":       {TraceQuery{Tags: map[string]string{"gen_ai.workflow.name": "flow7"}}, []int{7}},
		"dialect":        {TraceQuery{Tags: map[string]string{"pitot.dialect": "openllmetry"}, Limit: 1}, []int{10}},
		"scope":          {TraceQuery{Tags: map[string]string{"otel.scope.name": "lib", "otel.scope.version": "8.0"}}, []int{8}},
		"kind of call":   {TraceQuery{Operation: "chat gpt-4o", Tags: map[string]string{"span.kind": "client"}, Limit: 1}, []int{10}},
		"call resource":  {TraceQuery{Tags: map[string]string{"pod": "pod2"}}, []int{2}},
		"no error there": {TraceQuery{Service: "front", Tags: map[string]string{"error": "true"}}, nil},
		"range":          {TraceQuery{Range: Range{base, base.Add(2 * time.Minute)}}, []int{2, 1}},
		"odd":            {TraceQuery{Tags: map[string]string{`a" or id:*`: `x) or (`}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Traces(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			var want [][]llm.Record
			for _, n := range c.want {
				want = append(want, all[n-1])
			}
			if d := cmp.Diff(want, got, equal); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	services, err := s.Services(t.Context(), Range{})
	if d := cmp.Diff([]string{"back", "front"}, services); d != "" || err != nil {
		t.Error(d, err)
	}
	ops, err := s.Operations(t.Context(), "back", Range{})
	if d := cmp.Diff([]string{"chat gpt-4o", "lookup"}, ops); d != "" || err != nil {
		t.Error(d, err)
	}
	deps, err := s.Dependencies(t.Context(), Range{})
	if d := cmp.Diff([]Dependency{{"back", "openai", 10}, {"front", "back", 10}}, deps); d != "" || err != nil {
		t.Error(d, err)
	}
}
