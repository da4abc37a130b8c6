package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// TestExploreQueries checks what the endpoints of the explorers ask of the store.
func TestExploreQueries(t *testing.T) {
	last := func(d time.Duration) events.CallFilter {
		return events.CallFilter{Range: events.Range{Start: now.Add(-d), End: now}}
	}
	array := url.QueryEscape(`["gpt-4o","a,b"]`)
	for path, want := range map[string]any{
		"/traces": events.TraceListQuery{CallFilter: last(hour), Order: "newest", Limit: 50},
		"/traces?" + allFilters + "&name=run&kind=agent&order=costliest&limit=200": events.TraceListQuery{
			CallFilter: allFiltersWant(), Name: "run", Kind: "agent", Order: "costliest", Limit: 200,
		},
		"/sessions": events.SessionQuery{CallFilter: last(day), Order: "newest", Limit: 50},
		"/sessions?" + allFilters + "&order=most_calls&limit=3": events.SessionQuery{CallFilter: allFiltersWant(), Order: "most_calls", Limit: 3},
		"/sessions/s1": events.ConversationQuery{
			Session: "s1", Range: events.Range{Start: time.Unix(0, 0).UTC(), End: now.Add(clockSkew)}, Limit: 50,
		},
		"/sessions/a%2Fb%20%3F?start=-2h&end=-1h&limit=200": events.ConversationQuery{
			Session: "a/b ?", Range: events.Range{Start: now.Add(-2 * time.Hour), End: now.Add(-time.Hour)}, Limit: 200,
		},
		"/calls/sample": events.SampleQuery{CallFilter: last(hour), Limit: 2000},
		"/calls/sample?" + allFilters + "&by=tags.team&limit=10000": events.SampleQuery{CallFilter: allFiltersWant(), By: "tags.team", Limit: 10_000},
		"/compare": events.CompareQuery{CallFilter: last(day), By: []string{"model"}, Limit: 20},
		"/compare?" + allFilters + "&by=region&baseline=eu,us&limit=2&judgement=helpful": events.CompareQuery{
			CallFilter: allFiltersWant(), By: []string{"region"}, Baseline: []string{"eu,us"}, Limit: 2, Judgement: "helpful",
		},
		"/compare?by=model,service&baseline=" + array: events.CompareQuery{
			CallFilter: last(day), By: []string{"model", "service"}, Baseline: []string{"gpt-4o", "a,b"}, Limit: 20,
		},
		"/compare?baseline=" + array: events.CompareQuery{CallFilter: last(day), By: []string{"model"}, Baseline: []string{`["gpt-4o","a,b"]`}, Limit: 20},
		"/timeline?quantiles=true":   events.TimelineQuery{CallFilter: last(hour), Limit: 10, Quantiles: true},
	} {
		a := newAPI(t)
		a.events.full()
		var got any
		a.events.traceList = func(_ context.Context, q events.TraceListQuery) (events.TracePage, error) {
			got = q
			return events.TracePage{}, nil
		}
		a.events.sessions = func(_ context.Context, q events.SessionQuery) (events.SessionPage, error) {
			got = q
			return events.SessionPage{}, nil
		}
		a.events.conversation = func(_ context.Context, q events.ConversationQuery) (*events.Conversation, error) {
			got = q
			return &events.Conversation{Session: fullSession()}, nil
		}
		a.events.sample = func(_ context.Context, q events.SampleQuery) (*events.Sample, error) {
			got = q
			return fullSample(q), nil
		}
		a.events.compare = func(_ context.Context, q events.CompareQuery) (*events.Comparison, error) {
			got = q
			return fullComparison(q), nil
		}
		a.events.timeline = func(_ context.Context, q events.TimelineQuery) (*events.Timeline, error) {
			got = q
			return &events.Timeline{Times: []time.Time{}, Series: []events.Series{}}, nil
		}
		w := wantOK(t, a.get(base+path))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if strings.Contains(w.Body.String(), "null") && !strings.Contains(path, "sample") {
			t.Errorf("%s: an empty answer has null in it: %s", path, w.Body)
		}
	}
}

// TestExploreRejects checks the parameters that the endpoints of the explorers
// have of their own.
func TestExploreRejects(t *testing.T) {
	for _, path := range []string{
		"/traces?kind=span", "/traces?order=oldest", "/traces?limit=201", "/traces?cursor=odd", "/traces?min_duration=5s&max_duration=1s",
		"/sessions?order=slowest", "/sessions?limit=0", "/sessions?cursor=e30", "/sessions/s1?limit=201", "/sessions/s1?start=-1h&end=-2h",
		"/sessions/s1?service=x", "/sessions/" + strings.Repeat("x", maxSessionID+1), "/sessions/s1?cursor=odd",
		"/calls/sample?by=odd", "/calls/sample?limit=10001", "/calls/sample?by=model,user",
		"/compare?by=odd", "/compare?by=model,user,service", "/compare?by=model,user&baseline=x", "/compare?by=model,user&baseline=%5B%22x%22%5D",
		"/compare?limit=51", "/timeline?quantiles=yes", "/calls/" + callID + "?timeline_ticks=1",
	} {
		a := newAPI(t)
		wantError(t, a.get(base+path), http.StatusBadRequest, CodeBadParameter)
	}
	a := newAPI(t)
	a.events.failExplore(events.ErrNotFound)
	wantError(t, a.get(base+"/sessions/none"), http.StatusNotFound, CodeNotFound)
	a.events.failExplore(&events.UnavailableError{Op: "x", Err: context.Canceled})
	for _, path := range []string{"/traces", "/sessions", "/sessions/s1", "/calls/sample", "/compare"} {
		wantError(t, a.get(base+path), http.StatusServiceUnavailable, CodeStoreDown)
	}
}

// TestTraceSummaries checks what a list says of a trace: totals without what
// containers repeat.
func TestTraceSummaries(t *testing.T) {
	failed, unpriced := chat("c", "b", 2), chat("d", "b", 3)
	failed.Call.Status, failed.Call.ErrorType, failed.Call.Service, failed.Call.RequestModel, failed.Call.Agent = llm.StatusError, "timeout", "gateway", "n", "worker"
	unpriced.Call.Cost, unpriced.Call.Usage, unpriced.Call.Session, unpriced.Call.User = llm.Cost{State: llm.CostUnpriced}, llm.Usage{}, "s1", "u1"
	root := span("a", "gone", 0)
	root.Span.Agent, root.Span.Service = "planner", "front"
	a := newAPI(t)
	a.events.traceList = func(context.Context, events.TraceListQuery) (events.TracePage, error) {
		return events.TracePage{Traces: []events.TraceRecords{
			{ID: traceID, Records: []llm.Record{chat("b", "a", 1), unpriced, failed, failed, root}},
			{ID: "1", Records: nil},
			{ID: "2", Records: []llm.Record{span("only", "", 0)}, Partial: true},
		}}, nil
	}
	got := decode[struct {
		Traces     []TraceSummary
		NextCursor string `json:"next_cursor"`
	}](t, wantOK(t, a.get(base+"/traces")).Body.Bytes())
	want := []TraceSummary{{
		TraceID: traceID, Name: "a", Kind: "agent", Service: "front", Services: []string{"front", "gateway"}, Start: now, DurationSeconds: 4, Status: llm.StatusOK,
		Spans: 4, Calls: 2, Errors: 1, ErrorType: "timeout", InputTokens: llm.Some[int64](10), OutputTokens: llm.Some[int64](5), CostUSD: 1, UnpricedCalls: 1,
		Models: []string{"m", "n"}, Agents: []string{"planner", "worker"}, User: "u1", Session: "s1",
	}, {
		TraceID: "2", Name: "only", Kind: "agent", Start: now, DurationSeconds: 1, Status: llm.StatusOK, Spans: 1, Partial: true,
	}}
	if diff := cmp.Diff(want, got.Traces, cmp.AllowUnexported(llm.Opt[int64]{})); diff != "" || got.NextCursor != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestExploreCursors pages with the range of the first page.
func TestExploreCursors(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	type asked struct {
		r      events.Range
		cursor string
	}
	var got asked
	traceList, sessions, conversation := a.events.traceList, a.events.sessions, a.events.conversation
	a.events.traceList = func(ctx context.Context, q events.TraceListQuery) (events.TracePage, error) {
		got = asked{q.Range, q.Cursor}
		return traceList(ctx, q)
	}
	a.events.sessions = func(ctx context.Context, q events.SessionQuery) (events.SessionPage, error) {
		got = asked{q.Range, q.Cursor}
		return sessions(ctx, q)
	}
	a.events.conversation = func(ctx context.Context, q events.ConversationQuery) (*events.Conversation, error) {
		got = asked{q.Range, q.Cursor}
		return conversation(ctx, q)
	}
	for _, path := range []string{"/traces", "/sessions", "/sessions/s1"} {
		page := decode[struct {
			NextCursor string `json:"next_cursor"`
		}](t, wantOK(t, a.get(base+path)).Body.Bytes())
		first := got
		a.opts.Now = func() time.Time { return now.Add(time.Hour) }
		a.h = New(a.opts)
		wantOK(t, a.get(base+path+"?cursor="+page.NextCursor))
		if got.cursor != "next" || !got.r.Start.Equal(first.r.Start) || !got.r.End.Equal(first.r.End) {
			t.Errorf("%s: the next page asks for %v, the first for %v", path, got, first)
		}
	}
}

// TestTimelineTicks decodes the timeline where it is asked for.
func TestTimelineTicks(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	type answer struct {
		Timeline string
		Ticks    [][2]float64 `json:"timeline_ticks"`
	}
	got := decode[answer](t, wantOK(t, a.get(base+"/calls/"+callID+"?timeline_ticks=true")).Body.Bytes())
	if diff := cmp.Diff([][2]float64{{310, 5}, {400, 9}}, got.Ticks); diff != "" || got.Timeline == "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := decode[answer](t, wantOK(t, a.get(base+"/calls/"+callID)).Body.Bytes()); got.Ticks != nil {
		t.Errorf("ticks that nobody asked for: %v", got.Ticks)
	}
}
