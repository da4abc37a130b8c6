package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/pipeline"
)

// allFilters has every parameter that selects Calls.
const allFilters = "start=-2h&end=-1h&query=http_status:429&search=refund+policy&service=checkout&environment=prod&provider=openai&model=gpt-4o" +
	"&operation=chat&status=error&user=u1&session=s1&feature=search&prompt_name=p&error_type=rate_limit_exceeded&source=gateway" +
	"&trace_id=0AF7651916CD43DD8448EB211C80319C&tags.team=a&min_duration=250ms&max_duration=1.5"

func allFiltersWant() events.CallFilter {
	return events.CallFilter{
		Range: events.Range{Start: now.Add(-2 * time.Hour), End: now.Add(-time.Hour)}, Query: "http_status:429", Search: "refund policy",
		Service: "checkout", Environment: "prod", Provider: "openai", Model: "gpt-4o", Operation: "chat", Status: "error", User: "u1", Session: "s1",
		Feature: "search", PromptName: "p", ErrorType: "rate_limit_exceeded", Source: "gateway", TraceID: traceID, Tags: map[string]string{"team": "a"},
		MinDuration: 250 * time.Millisecond, MaxDuration: 1500 * time.Millisecond,
	}
}

// TestQueries checks what each endpoint asks of the store.
func TestQueries(t *testing.T) {
	last := func(d time.Duration) events.CallFilter {
		return events.CallFilter{Range: events.Range{Start: now.Add(-d), End: now}}
	}
	for url, want := range map[string]any{
		"/calls": events.CallQuery{CallFilter: last(hour), Order: "newest", Limit: 100},
		"/calls?" + allFilters + "&order=slowest&limit=7": events.CallQuery{CallFilter: allFiltersWant(), Order: "slowest", Limit: 7},
		"/facets": events.FacetQuery{CallFilter: last(hour), Limit: 20},
		"/facets?" + allFilters + "&fields=model,+user&fields=tags.team,user&limit=5": events.FacetQuery{CallFilter: allFiltersWant(), Fields: []string{"model", "user", "tags.team"}, Limit: 5},
		"/summary":                   last(hour),
		"/summary?minutes=5":         last(5 * time.Minute),
		"/summary?minutes=5&end=-1h": events.CallFilter{Range: events.Range{Start: now.Add(-65 * time.Minute), End: now.Add(-time.Hour)}},
		"/summary?" + allFilters:     allFiltersWant(),
		"/timeline":                  events.TimelineQuery{CallFilter: last(hour), Limit: 10},
		"/timeline?" + allFilters + "&step=5m&by=model&limit=3": events.TimelineQuery{CallFilter: allFiltersWant(), Step: 5 * time.Minute, By: "model", Limit: 3},
		"/timeline?by=tags.team":                                events.TimelineQuery{CallFilter: last(hour), By: "tags.team", Limit: 10},
		"/models":                                               last(day),
		"/models?" + allFilters:                                 allFiltersWant(),
		"/costs":                                                events.CostQuery{CallFilter: last(day), Limit: 1000},
		"/costs?" + allFilters + "&by=user,model&step=1h&limit=9": events.CostQuery{CallFilter: allFiltersWant(), By: []string{"user", "model"}, Step: time.Hour, Limit: 9},
	} {
		a := newAPI(t)
		a.events.full()
		var got any
		a.events.calls = func(_ context.Context, q events.CallQuery) (events.CallPage, error) {
			got = q
			return events.CallPage{}, nil
		}
		a.events.facets = func(_ context.Context, q events.FacetQuery) ([]events.Facet, error) { got = q; return nil, nil }
		a.events.summary = func(_ context.Context, q events.CallFilter) (*events.Summary, error) {
			got = q
			return &events.Summary{Start: q.Start, End: q.End}, nil
		}
		a.events.timeline = func(_ context.Context, q events.TimelineQuery) (*events.Timeline, error) {
			got = q
			return &events.Timeline{Times: []time.Time{}}, nil
		}
		a.events.models = func(_ context.Context, q events.CallFilter) ([]events.ModelStat, error) { got = q; return nil, nil }
		a.events.costs = func(_ context.Context, q events.CostQuery) ([]events.Group, error) { got = q; return nil, nil }
		w := wantOK(t, a.get("/api/pitot/v1"+url))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
		if body := w.Body.String(); strings.Contains(body, "null") && !strings.Contains(url, "summary") && !strings.Contains(url, "timeline") {
			t.Errorf("%s: an empty list is null: %s", url, body)
		}
	}
}

// TestFullAnswers lets every endpoint answer with all that it can say; the
// harness compares each with the document.
func TestFullAnswers(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	for url, holds := range map[string]string{
		"/calls":             `"next_cursor":`,
		"/calls/" + callID:   `"feedback":[{"id":"` + callID,
		"/facets":            `"value":"gpt-4o","count":2`,
		"/summary":           `"approximate":true`,
		"/timeline":          `"input_tokens":[12]`,
		"/models":            `"last_seen":"2026-11-21T10:00:00Z"`,
		"/costs":             `"values":{"user":"u1"}`,
		"/traces/" + traceID: `"tree_parent":"00f067aa0ba902b7"`,
		"/ledger":            `"restored":1`,
		"/status":            `"last_reload_error":"line 3"`,
	} {
		w := wantOK(t, a.get("/api/pitot/v1"+url))
		if !strings.Contains(w.Body.String(), holds) {
			t.Errorf("%s: no %s in %s", url, holds, w.Body)
		}
		if ct := w.Header().Get("Content-Type"); ct != "application/json; charset=utf-8" {
			t.Errorf("%s: content type %q", url, ct)
		}
	}
}

func TestCall(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	var asked string
	full := a.events.call
	a.events.call = func(ctx context.Context, id string) (*events.CallDetail, error) { asked = id; return full(ctx, id) }
	w := wantOK(t, a.get("/api/pitot/v1/calls/"+strings.ToLower(callID)))
	if asked != callID {
		t.Errorf("asked for %q", asked)
	}
	got := decode[llm.Call](t, w.Body.Bytes())
	if text := got.Output[0].Parts[1].Content; text != "Hello <b> & 你好" {
		t.Errorf("the answer's text is %q", text)
	}
	if got.Duration != fullCall().Duration || got.TTFT != fullCall().TTFT || got.Timeline.Chunks() != 2 {
		t.Errorf("durations are lost: %v %v %d", got.Duration, got.TTFT, got.Timeline.Chunks())
	}

	a.events.call = func(context.Context, string) (*events.CallDetail, error) {
		return &events.CallDetail{Call: fullCall()}, nil
	}
	if w := wantOK(t, a.get("/api/pitot/v1/calls/"+callID)); strings.Contains(w.Body.String(), "feedback") {
		t.Errorf("feedback where there is none: %s", w.Body)
	}
	a.events.call = func(context.Context, string) (*events.CallDetail, error) {
		return nil, fmt.Errorf("get: %w", events.ErrNotFound)
	}
	e := wantError(t, a.get("/api/pitot/v1/calls/"+callID), http.StatusNotFound, CodeNotFound)
	if !strings.Contains(e.Message, callID) {
		t.Errorf("the message does not name it: %s", e.Message)
	}
}

// TestPages follows next_cursor while time passes: the range must stay the one
// of the first page, because the store's cursor belongs to it.
func TestPages(t *testing.T) {
	clock := now
	a := newAPI(t, func(o *Options) { o.Now = func() time.Time { return clock } })
	var asked []events.CallQuery
	a.events.calls = func(_ context.Context, q events.CallQuery) (events.CallPage, error) {
		asked = append(asked, q)
		page := events.CallPage{Calls: []*llm.Call{fullCall()}}
		if len(asked) < 3 {
			page.NextCursor = fmt.Sprintf("store-%d", len(asked))
		}
		return page, nil
	}
	url := "/api/pitot/v1/calls?model=gpt-4o"
	for cursor := ""; ; {
		w := wantOK(t, a.get(url+cursor))
		page := decode[events.CallPage](t, w.Body.Bytes())
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
		clock = clock.Add(time.Minute)
	}
	want := events.CallQuery{CallFilter: events.CallFilter{Range: events.Range{Start: now.Add(-hour), End: now}, Model: "gpt-4o"}, Order: "newest", Limit: 100}
	second, third := want, want
	second.Cursor, third.Cursor = "store-1", "store-2"
	if diff := cmp.Diff([]events.CallQuery{want, second, third}, asked); diff != "" {
		t.Error(diff)
	}
}

// TestStoreErrors gives every endpoint each fault of the store.
func TestStoreErrors(t *testing.T) {
	urls := []string{
		"/calls", "/calls/" + callID, "/facets", "/summary", "/timeline", "/models", "/costs", "/traces/" + traceID,
	}
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{&events.UnavailableError{Op: "list calls", Err: errors.New("connection refused")}, http.StatusServiceUnavailable, CodeStoreDown},
		{fmt.Errorf("list calls: %w", context.DeadlineExceeded), http.StatusGatewayTimeout, CodeStoreTimeout},
		{&events.UnavailableError{Op: "list calls", Err: context.DeadlineExceeded}, http.StatusGatewayTimeout, CodeStoreTimeout},
		{fmt.Errorf("list calls: %w", context.Canceled), http.StatusServiceUnavailable, CodeStoreDown},
		{fmt.Errorf("list: %w", &events.QueryError{Param: "query", Message: "not a LogsQL filter: unexpected |"}), http.StatusBadRequest, CodeBadQuery},
		{&events.QueryError{Param: "step", Message: "is too small for the range"}, http.StatusBadRequest, CodeBadParameter},
		{errors.New("row has no id"), http.StatusInternalServerError, CodeInternal},
	} {
		var log bytes.Buffer
		a := newAPI(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		a.events.failing(c.err)
		for _, url := range urls {
			e := wantError(t, a.get("/api/pitot/v1"+url), c.status, c.code)
			if c.code == CodeBadQuery && !strings.Contains(e.Hint, "LogsQL filter without pipes") {
				t.Errorf("hint %q", e.Hint)
			}
		}
		wantError(t, a.post("/api/pitot/v1/feedback", `{"call_id":"`+callID+`","score":1}`), c.status, c.code)
		if logged := strings.Contains(log.String(), "row has no id"); logged != (c.code == CodeInternal) {
			t.Errorf("%v: the log says %q", c.err, log.String())
		}
	}
}

// TestDeadline: every question to the store has one.
func TestDeadline(t *testing.T) {
	a := newAPI(t)
	seen := 0
	check := func(ctx context.Context) {
		seen++
		left, ok := ctx.Deadline()
		if !ok || time.Until(left) > queryTimeout {
			t.Errorf("deadline %v, %v", left, ok)
		}
	}
	a.events.calls = func(ctx context.Context, _ events.CallQuery) (events.CallPage, error) {
		check(ctx)
		return events.CallPage{}, nil
	}
	a.events.services = func(ctx context.Context, _ events.Range) ([]string, error) { check(ctx); return nil, nil }
	a.events.models = func(ctx context.Context, _ events.CallFilter) ([]events.ModelStat, error) {
		check(ctx)
		return nil, nil
	}
	a.events.costs = func(ctx context.Context, _ events.CostQuery) ([]events.Group, error) { check(ctx); return nil, nil }
	wantOK(t, a.get("/api/pitot/v1/calls"))
	wantOK(t, a.get("/jaeger/api/services"))
	wantOK(t, a.get("/monitoring/models"))
	if seen != 4 {
		t.Errorf("%d questions", seen)
	}
}

// TestUnencodable: an answer that cannot be written is an error, not half an
// answer with status 200.
func TestUnencodable(t *testing.T) {
	a := newAPI(t)
	a.events.costs = func(context.Context, events.CostQuery) ([]events.Group, error) {
		return []events.Group{{Totals: events.Totals{CostUSD: math.NaN()}}}, nil
	}
	wantError(t, a.get("/api/pitot/v1/costs"), http.StatusInternalServerError, CodeInternal)
}

func TestLedgerAndStatusWithNothing(t *testing.T) {
	a := newAPI(t, func(o *Options) {
		o.Ledger = func() []pipeline.Entry { return nil }
		o.Status = func(context.Context) Status { return Status{State: StateOK, Version: "1", Started: now} }
	})
	if w := wantOK(t, a.get("/api/pitot/v1/ledger")); strings.TrimSpace(w.Body.String()) != `{"sources":[]}` {
		t.Errorf("ledger: %s", w.Body)
	}
	if w := wantOK(t, a.get("/api/pitot/v1/status")); strings.Contains(w.Body.String(), "last_reload") {
		t.Errorf("status: %s", w.Body)
	}
}

func TestWorst(t *testing.T) {
	for want, states := range map[string][]string{
		StateOK: {StateOK, StateOK}, StateDegraded: {StateOK, StateDegraded, StateOK}, StateDown: {StateDegraded, StateDown, StateOK},
	} {
		var cs []Component
		for _, s := range states {
			cs = append(cs, Component{State: s})
		}
		if got := Worst(cs); got != want {
			t.Errorf("Worst(%v) = %s", states, got)
		}
	}
	if got := Worst(nil); got != StateOK {
		t.Errorf("Worst of nothing is %s", got)
	}
}

func BenchmarkListCalls(b *testing.B) {
	page := make([]*llm.Call, 100)
	for i := range page {
		page[i] = withoutContent(fullCall())
	}
	f := &fakeEvents{t: b}
	f.calls = func(context.Context, events.CallQuery) (events.CallPage, error) {
		return events.CallPage{Calls: page, NextCursor: "x"}, nil
	}
	s := &server{Options: Options{Events: f, Now: func() time.Time { return now }}}
	h := s.answer(s.calls)
	r := httptest.NewRequest(http.MethodGet, "/api/pitot/v1/calls?model=gpt-4o", http.NoBody)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
