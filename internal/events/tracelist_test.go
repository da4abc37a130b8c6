package events

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestTraceList(t *testing.T) {
	s, _ := rollupStore(t)
	w := newWorld(newRand(1), time.Now().UTC().Add(-time.Minute), 400)
	insert(t, s, w.records...)
	any := func(llm.Record) bool { return true }
	for name, c := range map[string]struct {
		q     TraceListQuery
		match func(llm.Record) bool
	}{
		"all":     {TraceListQuery{}, any},
		"service": {TraceListQuery{CallFilter: CallFilter{Service: "tools"}}, func(r llm.Record) bool { return r.Span != nil && r.Span.Service == "tools" }},
		"model": {TraceListQuery{CallFilter: CallFilter{Model: "model-1"}}, func(r llm.Record) bool {
			return r.Call != nil && r.Call.RequestModel == "model-1"
		}},
		"errors": {TraceListQuery{CallFilter: CallFilter{Status: "error"}}, func(r llm.Record) bool {
			return r.Call != nil && r.Call.Status == llm.StatusError || r.Span != nil && r.Span.Status == llm.StatusError
		}},
		"name":  {TraceListQuery{Name: "run 1"}, func(r llm.Record) bool { return r.Span != nil && r.Span.Name == "run 1" }},
		"kind":  {TraceListQuery{Kind: "tool"}, func(r llm.Record) bool { return r.Span != nil && r.Span.Kind == llm.KindTool }},
		"calls": {TraceListQuery{Kind: "call"}, func(r llm.Record) bool { return r.Call != nil }},
		"query": {TraceListQuery{CallFilter: CallFilter{Query: "usage.output_tokens:>150"}}, func(r llm.Record) bool {
			return r.Call != nil && r.Call.Usage.OutputTokens.Or(0) > 150
		}},
		"nothing": {TraceListQuery{CallFilter: CallFilter{Service: "none"}}, func(llm.Record) bool { return false }},
	} {
		c.q.Range = w.rng()
		newest, longest, cost := map[string]time.Time{}, map[string]float64{}, map[string]float64{}
		for id, recs := range w.byTrace {
			for _, r := range recs {
				if !c.match(r) {
					continue
				}
				if at := recordTime(r); at.After(newest[id]) {
					newest[id] = at
				}
				if r.Call != nil {
					longest[id] = max(longest[id], r.Call.Duration.Seconds())
					if usd, ok := r.Call.Cost.USD.Get(); ok {
						cost[id] += usd
					}
				} else {
					longest[id] = max(longest[id], r.Span.Duration.Seconds())
				}
			}
		}
		list := func(limit int, order string) []string {
			c.q.Limit, c.q.Order = limit, order
			return pages(t, func(cursor string) (ids []string, next string, err error) {
				c.q.Cursor = cursor
				page, err := s.TraceList(t.Context(), c.q)
				for _, tr := range page.Traces {
					ids = append(ids, tr.ID)
				}
				return ids, page.NextCursor, err
			})
		}
		for _, limit := range []int{7, 50, 1000} {
			t.Run(fmt.Sprint(name, " by ", limit), func(t *testing.T) {
				if d := cmp.Diff(newestOf(newest), list(limit, OrderNewest)); d != "" {
					t.Errorf("newest (-want +got):\n%s", d)
				}
				sameOrder(t, list(limit, OrderSlowest), highest(longest), func(id string) float64 { return longest[id] })
				sameOrder(t, list(limit, OrderCostly), highest(cost), func(id string) float64 { return cost[id] })
			})
		}
	}
}

// TestTraceListRecords checks what is read of a trace.
func TestTraceListRecords(t *testing.T) {
	s, _ := rollupStore(t)
	base := time.Now().UTC().Add(-30 * time.Hour).Truncate(time.Microsecond)
	tr := trace(5, base)
	insert(t, s, tr...)
	// The call is found by a range that does not hold the others.
	page, err := s.TraceList(t.Context(), TraceListQuery{CallFilter: CallFilter{Range: Range{base.Add(2 * time.Millisecond), base.Add(time.Second)}}})
	if err != nil || len(page.Traces) != 1 {
		t.Fatal(page, err)
	}
	got := page.Traces[0]
	want := TraceRecords{ID: tr[0].Span.TraceID, Records: []llm.Record{
		{Span: &llm.Span{
			ID: "t5-root", Time: base, Source: llm.SourceOTLP, TraceID: tr[0].Span.TraceID, SpanID: tr[0].Span.SpanID, Name: "handle", Kind: llm.KindAgent, Service: "front",
			Duration: 5 * time.Second, Status: llm.StatusOK,
		}},
		{Span: &llm.Span{
			ID: "t5-tool", Time: base.Add(time.Millisecond), Source: llm.SourceOTLP, TraceID: tr[0].Span.TraceID, SpanID: tr[1].Span.SpanID, ParentSpanID: tr[0].Span.SpanID,
			Name: "lookup", Kind: llm.KindTool, Service: "back", Duration: time.Millisecond, Status: llm.StatusError, ErrorType: "timeout",
		}},
		{Call: &llm.Call{
			ID: "t5-call", Time: base.Add(2 * time.Millisecond), Source: llm.SourceOTLP, TraceID: tr[0].Span.TraceID, SpanID: tr[2].Call.SpanID, ParentSpanID: tr[1].Span.SpanID,
			Service: "back", Provider: "openai", Operation: llm.OpChat, RequestModel: "gpt-4o", Status: llm.StatusOK, Duration: time.Second, Agent: "agent5", Workflow: "flow5",
		}},
	}}
	if d := cmp.Diff(want, got, equal); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestTraceListDuration asks for traces by how long they last as a whole.
func TestTraceListDuration(t *testing.T) {
	s, _ := rollupStore(t)
	w := newWorld(newRand(2), time.Now().UTC().Add(-time.Minute), 700)
	insert(t, s, w.records...)
	for _, c := range []struct{ low, high time.Duration }{{10 * time.Second, 0}, {0, 3 * time.Second}, {4 * time.Second, 9 * time.Second}, {time.Hour, 0}} {
		newest := map[string]time.Time{}
		for id, recs := range w.byTrace {
			slices.SortFunc(recs, func(a, b llm.Record) int { return recordTime(a).Compare(recordTime(b)) })
			d := (&TraceRecords{Records: recs}).extent()
			if d >= c.low && (c.high == 0 || d <= c.high) {
				newest[id] = recordTime(recs[len(recs)-1])
			}
		}
		for _, limit := range []int{20, 1000} {
			q := TraceListQuery{CallFilter: CallFilter{Range: w.rng(), MinDuration: c.low, MaxDuration: c.high}, Limit: limit}
			got := pages(t, func(cursor string) (ids []string, next string, err error) {
				q.Cursor = cursor
				page, err := s.TraceList(t.Context(), q)
				for _, tr := range page.Traces {
					ids = append(ids, tr.ID)
				}
				return ids, page.NextCursor, err
			})
			if d := cmp.Diff(newestOf(newest), got); d != "" {
				t.Errorf("%v to %v by %d (-want +got):\n%s", c.low, c.high, limit, d)
			}
		}
	}
}

// TestTraceListIsBounded reads few records a page, and of one trace at most so
// many.
func TestTraceListIsBounded(t *testing.T) {
	s, _ := rollupStore(t)
	w := newWorld(newRand(12), time.Now().UTC().Add(-time.Minute), 60)
	long := "ffff"
	at := w.end.Add(-8 * time.Hour)
	for i := range 20 {
		r := llm.Record{Span: &llm.Span{ID: newID(at, newRand(i)), Time: at.Add(time.Duration(i)), TraceID: long, SpanID: fmt.Sprint(i), Name: "step", Status: llm.StatusOK}}
		w.records, w.byTrace[long] = append(w.records, r), append(w.byTrace[long], r)
	}
	insert(t, s, w.records...)
	s.limits.traceRows = 12
	newest := map[string]time.Time{}
	for id, recs := range w.byTrace {
		for _, r := range recs {
			newest[id] = later(newest[id], recordTime(r))
		}
	}
	for _, order := range []string{OrderNewest, OrderSlowest} {
		q := TraceListQuery{CallFilter: CallFilter{Range: w.rng()}, Limit: 20, Order: order}
		got := pages(t, func(cursor string) (ids []string, next string, err error) {
			q.Cursor = cursor
			page, err := s.TraceList(t.Context(), q)
			rows := 0
			for _, tr := range page.Traces {
				ids = append(ids, tr.ID)
				rows += len(tr.Records)
				if want := min(len(w.byTrace[tr.ID]), 12); len(tr.Records) != want || tr.Partial != (tr.ID == long) {
					t.Errorf("%s has %d records, want %d; partial: %v", tr.ID, len(tr.Records), want, tr.Partial)
				}
			}
			if rows > 12 {
				t.Errorf("a page of %d records", rows)
			}
			return ids, page.NextCursor, err
		})
		slices.Sort(got)
		if d := cmp.Diff(sortedKeys(newest), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", order, d)
		}
	}
}

func TestTraceListRejects(t *testing.T) {
	s := testStore(t)
	for param, q := range map[string]TraceListQuery{
		"order":        {Order: "oldest"},
		"limit":        {Limit: maxTraces + 1},
		"cursor":       {Cursor: "odd"},
		"min_duration": {CallFilter: CallFilter{MinDuration: 2, MaxDuration: 1}},
		"query":        {CallFilter: CallFilter{Query: "a | b ("}},
	} {
		_, err := s.TraceList(t.Context(), q)
		mustFail(t, err, param)
	}
}
