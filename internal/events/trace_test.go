package events

import (
	"fmt"
	"strings"
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
	if d := cmp.Diff(TraceRecords{ID: all[3][0].Span.TraceID, Records: all[3]}, got, equal); d != "" {
		t.Errorf("trace (-want +got):\n%s", d)
	}
	if got, err := s.Trace(t.Context(), "none", Range{}); err != nil || len(got.Records) != 0 || got.Partial {
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
			var want []TraceRecords
			for _, n := range c.want {
				want = append(want, TraceRecords{ID: all[n-1][0].Span.TraceID, Records: all[n-1]})
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

// TestTraceSaysWhatIsMissing: a trace may have more spans than one answer takes.
func TestTraceSaysWhatIsMissing(t *testing.T) {
	s := testStore(t)
	id, other := strings.Repeat("7", 31)+"a", strings.Repeat("7", 31)+"b"
	at := time.Now().UTC().Add(-time.Minute).Truncate(time.Millisecond)
	span := func(trace string, n int) llm.Record {
		return llm.Record{Span: &llm.Span{ID: fmt.Sprintf("cut%s%d", trace[31:], n), Time: at.Add(time.Duration(n) * time.Millisecond), TraceID: trace, SpanID: fmt.Sprintf("%016d", n), Name: "s", Service: "cut", Status: llm.StatusOK}}
	}
	var recs []llm.Record
	for n := 9; n >= 0; n-- {
		recs = append(recs, span(id, n))
	}
	recs = append(recs, span(other, 20), llm.Record{Call: &llm.Call{ID: "cutcall", Time: at.Add(time.Hour / 120), TraceID: id, SpanID: "c", Service: "cut", Status: llm.StatusOK}})
	insert(t, s, recs...)
	s.limits.traceRecords = 4
	got, err := s.Trace(t.Context(), id, Range{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range got.Records {
		ids = append(ids, recordID(r))
	}
	if d := cmp.Diff([]string{"cuta0", "cuta1", "cuta2", "cuta3", "cutcall"}, ids); d != "" || !got.Partial || got.Missing != 6 {
		t.Errorf("the first spans, and the call: %v; partial %v, missing %d", d, got.Partial, got.Missing)
	}
	if got, err := s.Trace(t.Context(), other, Range{}); err != nil || got.Partial || got.Missing != 0 || len(got.Records) != 1 {
		t.Errorf("a short trace: %+v %v", got, err)
	}
	s.limits.traceRecords = 10
	if got, err := s.Trace(t.Context(), id, Range{}); err != nil || got.Partial || len(got.Records) != 11 {
		t.Errorf("a trace that just fits: %d records, partial %v, %v", len(got.Records), got.Partial, err)
	}
	// A search reads the records of all that it found at once.
	s.limits.traceRecords = 2
	found, err := s.Traces(t.Context(), TraceQuery{Service: "cut", Range: Range{at.Add(-time.Minute), at.Add(time.Minute)}})
	missing := 0
	for _, tr := range found {
		missing += tr.Missing
		if tr.Partial != (tr.Missing > 0) {
			t.Errorf("%+v", tr)
		}
	}
	if err != nil || len(found) != 2 || missing != 7 {
		t.Errorf("%d traces, %d records missing: %v", len(found), missing, err)
	}
}
