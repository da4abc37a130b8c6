package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// span is a record at a second since now, one second long.
func span(id, parent string, at int) llm.Record {
	return llm.Record{Span: &llm.Span{
		ID: "span-" + id + strconv.Itoa(at), SpanID: id, ParentSpanID: parent, Name: id, Kind: llm.KindAgent, Time: now.Add(time.Duration(at) * time.Second),
		Duration: time.Second, Status: llm.StatusOK, TraceID: traceID,
	}}
}

// chat is a call of 10 tokens in, 5 out and 1 dollar.
func chat(id, parent string, at int) llm.Record {
	return llm.Record{Call: &llm.Call{
		ID: "call-" + id + strconv.Itoa(at), SpanID: id, ParentSpanID: parent, Operation: llm.OpChat, RequestModel: "m", Time: now.Add(time.Duration(at) * time.Second),
		Duration: time.Second, Status: llm.StatusOK, TraceID: traceID,
		Usage: llm.Usage{InputTokens: llm.Some[int64](10), OutputTokens: llm.Some[int64](5)}, Cost: llm.Cost{USD: llm.Some(1.0), State: llm.CostComputed},
	}}
}

func TestBuildTrace(t *testing.T) {
	failed, unpriced := chat("c", "a", 2), chat("d", "a", 3)
	failed.Call.Status, failed.Call.ErrorType = llm.StatusError, "timeout"
	unpriced.Call.Cost, unpriced.Call.Usage = llm.Cost{State: llm.CostUnpriced}, llm.Usage{}
	resent := chat("c", "a", 4)
	type totals struct {
		Calls, Errors, Unpriced, Duplicates int
		In, Out                             int64
		USD, Seconds                        float64
	}
	for name, c := range map[string]struct {
		records []llm.Record
		want    totals
		tree    string // span<parent in order, * for a container
	}{
		"nothing":         {nil, totals{}, ""},
		"a log":           {[]llm.Record{{Log: &llm.Log{}}}, totals{}, ""},
		"an agent":        {[]llm.Record{chat("b", "a", 1), span("a", "", 0)}, totals{Calls: 1, In: 10, Out: 5, USD: 1, Seconds: 2}, "a b<a"},
		"failed":          {[]llm.Record{span("a", "", 0), failed, unpriced}, totals{Calls: 2, Errors: 1, Unpriced: 1, In: 10, Out: 5, USD: 1, Seconds: 4}, "a c<a d<a"},
		"orphan":          {[]llm.Record{chat("b", "gone", 0)}, totals{Calls: 1, In: 10, Out: 5, USD: 1, Seconds: 1}, "b"},
		"own parent":      {[]llm.Record{chat("b", "b", 0)}, totals{Calls: 1, In: 10, Out: 5, USD: 1, Seconds: 1}, "b"},
		"container":       {[]llm.Record{chat("a", "", 0), chat("b", "a", 1)}, totals{Calls: 1, In: 10, Out: 5, USD: 1, Seconds: 2}, "a* b<a"},
		"far container":   {[]llm.Record{chat("a", "", 0), span("s", "a", 1), chat("b", "s", 2), chat("c", "s", 3)}, totals{Calls: 2, In: 20, Out: 10, USD: 2, Seconds: 4}, "a* s<a b<s c<s"},
		"containers":      {[]llm.Record{chat("a", "", 0), chat("b", "a", 1), chat("c", "b", 2), chat("d", "a", 3)}, totals{Calls: 2, In: 20, Out: 10, USD: 2, Seconds: 4}, "a* b<a* c<b d<a"},
		"circle of two":   {[]llm.Record{chat("a", "b", 0), chat("b", "a", 1)}, totals{Calls: 1, In: 10, Out: 5, USD: 1, Seconds: 2}, "a* b<a"},
		"circle of three": {[]llm.Record{span("a", "c", 1), span("b", "a", 0), span("c", "b", 2), chat("x", "c", 3)}, totals{Calls: 1, In: 10, Out: 5, USD: 1, Seconds: 4}, "b a<c c<b x<c"},
		"same record":     {[]llm.Record{failed, failed}, totals{Calls: 1, Errors: 1, Duplicates: 1, In: 10, Out: 5, USD: 1, Seconds: 1}, "c"},
		"sent again":      {[]llm.Record{resent, failed, span("a", "", 0)}, totals{Calls: 1, Errors: 1, Duplicates: 1, In: 10, Out: 5, USD: 1, Seconds: 3}, "a c<a"},
		"span and call":   {[]llm.Record{span("c", "", 0), chat("c", "", 1)}, totals{Calls: 1, Duplicates: 1, In: 10, Out: 5, USD: 1, Seconds: 1}, "c"},
		"no span ids":     {[]llm.Record{chat("", "", 0), chat("", "", 1)}, totals{Calls: 2, In: 20, Out: 10, USD: 2, Seconds: 2}, " "},
		"below no id":     {[]llm.Record{chat("", "", 0), chat("b", "", 1)}, totals{Calls: 2, In: 20, Out: 10, USD: 2, Seconds: 2}, " b"},
	} {
		tr := buildTrace(traceID, c.records)
		got := totals{tr.Calls, tr.Errors, tr.UnpricedCalls, tr.Duplicates, tr.InputTokens.Or(0), tr.OutputTokens.Or(0), tr.CostUSD, tr.DurationSeconds}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if tree := treeOf(tr); tree != c.tree {
			t.Errorf("%s: the tree is %q, want %q", name, tree, c.tree)
		}
	}
}

func treeOf(tr Trace) string {
	var s string
	for i, sp := range tr.Spans {
		if i > 0 {
			s += " "
		}
		s += sp.SpanID
		if sp.TreeParent != "" {
			s += "<" + sp.TreeParent
		}
		if sp.Container {
			s += "*"
		}
	}
	return s
}

// TestTraceTreeEnds builds traces of many shapes: following TreeParent ends, and
// each call below no other is counted.
func TestTraceTreeEnds(t *testing.T) {
	for seed := range 500 {
		n := seed%12 + 1
		var records []llm.Record
		x := uint32(seed*2654435761 + 1)
		next := func(n int) int { x ^= x << 13; x ^= x >> 17; x ^= x << 5; return int(x % uint32(n)) }
		for i := range n {
			id, parent := fmt.Sprint(next(n)), fmt.Sprint(next(n+2))
			if next(2) == 0 {
				records = append(records, chat(id, parent, i))
			} else {
				records = append(records, span(id, parent, next(n)))
			}
		}
		tr := buildTrace(traceID, records)
		byID := map[string]TraceSpan{}
		for _, s := range tr.Spans {
			if _, twice := byID[s.SpanID]; twice {
				t.Fatalf("seed %d: span %s is there twice", seed, s.SpanID)
			}
			byID[s.SpanID] = s
		}
		if len(tr.Spans)+tr.Duplicates != n {
			t.Fatalf("seed %d: %d spans and %d duplicates of %d records", seed, len(tr.Spans), tr.Duplicates, n)
		}
		holds := map[string]bool{}
		calls := 0
		for _, s := range tr.Spans {
			if s.Call != nil {
				calls++
			}
			steps := 0
			for up := s.TreeParent; up != ""; up = byID[up].TreeParent {
				if steps++; steps > n {
					t.Fatalf("seed %d: a circle above %s", seed, s.SpanID)
				}
				if s.Call != nil && byID[up].Call != nil {
					holds[up] = true
				}
			}
		}
		for id, s := range byID {
			if s.Container != holds[id] {
				t.Errorf("seed %d: span %s: container is %v", seed, id, s.Container)
			}
		}
		if tr.Calls != calls-len(holds) {
			t.Errorf("seed %d: %d calls counted of %d, %d of them containers", seed, tr.Calls, calls, len(holds))
		}
	}
}

func TestTraceEndpoint(t *testing.T) {
	a := newAPI(t)
	var asked string
	var rng events.Range
	a.events.trace = func(_ context.Context, id string, r events.Range) (events.TraceRecords, error) {
		asked, rng = id, r
		return events.TraceRecords{ID: id, Records: fullTrace(), Partial: true, Missing: 7}, nil
	}
	got := decode[Trace](t, wantOK(t, a.get("/api/pitot/v1/traces/8448EB211C80319C?start=-1h&end=now")).Body.Bytes())
	if asked != "00000000000000008448eb211c80319c" || rng != (events.Range{Start: now.Add(-hour), End: now}) {
		t.Errorf("asked for %s in %v", asked, rng)
	}
	if got.Calls != 1 || got.Errors != 2 || len(got.Spans) != 2 || got.DurationSeconds != 90 || got.Spans[1].OffsetSeconds != 60.123456789 {
		t.Errorf("got %+v", got)
	}
	if !got.Partial || got.MissingRecords != 7 {
		t.Errorf("what is missing is not said: %v %d", got.Partial, got.MissingRecords)
	}
	wantOK(t, a.get("/api/pitot/v1/traces/"+traceID))
	if rng != (events.Range{}) {
		t.Errorf("a range where none was given: %v", rng)
	}
	for _, none := range []func(context.Context, string, events.Range) (events.TraceRecords, error){
		func(context.Context, string, events.Range) (events.TraceRecords, error) {
			return events.TraceRecords{}, nil
		},
		func(context.Context, string, events.Range) (events.TraceRecords, error) {
			return events.TraceRecords{}, events.ErrNotFound
		},
		func(context.Context, string, events.Range) (events.TraceRecords, error) {
			return events.TraceRecords{Records: []llm.Record{{Log: &llm.Log{}}}}, nil
		},
	} {
		a.events.trace = none
		wantError(t, a.get("/api/pitot/v1/traces/"+traceID), http.StatusNotFound, CodeNotFound)
	}
}

func BenchmarkBuildTrace(b *testing.B) {
	records := []llm.Record{span("0", "", 0)}
	for i := 1; i < 1000; i++ {
		r := span(strconv.Itoa(i), strconv.Itoa(i/2), i)
		if i%3 == 0 {
			r = chat(strconv.Itoa(i), strconv.Itoa(i/2), i)
		}
		records = append(records, r)
	}
	b.ReportAllocs()
	for b.Loop() {
		buildTrace(traceID, records)
	}
}

// TestUnknownTokensAreLeftOut: none were counted is not the same as nobody knows.
func TestUnknownTokensAreLeftOut(t *testing.T) {
	blind := &llm.Call{SpanID: "a", Time: now, Status: llm.StatusError}
	for want, records := range map[string][]llm.Record{
		"":                                   {{Call: blind}, {Span: &llm.Span{SpanID: "b", Time: now}}},
		`"input_tokens":0`:                   {{Call: blind}, {Call: &llm.Call{SpanID: "c", Time: now, Usage: llm.Usage{InputTokens: llm.Some[int64](0)}}}},
		`"input_tokens":3,"output_tokens":2`: {{Call: blind}, {Call: &llm.Call{SpanID: "c", Time: now, Usage: llm.Usage{InputTokens: llm.Some[int64](3), OutputTokens: llm.Some[int64](2)}}}},
	} {
		tr := buildTrace(traceID, records)
		for _, v := range []any{tr, tr.summary()} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			head, _, _ := strings.Cut(string(b), `"spans":[`)
			if want == "" && strings.Contains(head, "_tokens") || !strings.Contains(head, want) {
				t.Errorf("%T: want %q in %s", v, want, head)
			}
		}
	}
}
