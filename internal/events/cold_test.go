package events

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeCold counts questions and says that a day is missing.
type fakeCold struct {
	asked      int
	start, end time.Time // of the last question
	missing    []string
}

func (f *fakeCold) Want(_ context.Context, start, end time.Time) []string {
	f.asked++
	f.start, f.end = start, end
	return f.missing
}

func TestOnlyQuestionsOfUsersBringColdDaysBack(t *testing.T) {
	s := testStore(t)
	cold := &fakeCold{}
	s.SetCold(cold)
	q := CallQuery{CallFilter: CallFilter{Range: Range{time.Now().Add(-time.Hour), time.Now()}}, Limit: 1}
	if _, err := s.Calls(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if cold.asked != 0 {
		t.Error("a query that nobody waits for brought days back")
	}
	var p Partial
	if _, err := s.Calls(WithCold(t.Context(), &p), q); err != nil {
		t.Fatal(err)
	}
	if cold.asked == 0 || len(p.Days()) != 0 {
		t.Errorf("asked %d times, missing %v", cold.asked, p.Days())
	}
	cold.missing, cold.asked = []string{"20260101"}, 0
	ctx := WithCold(t.Context(), &p)
	for range 3 {
		if _, err := s.Calls(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	if cold.asked != 1 || !slices.Equal(p.Days(), cold.missing) {
		t.Errorf("asked %d times, missing %v: a request waits once", cold.asked, p.Days())
	}
}

func TestColdDaysTakeNoRows(t *testing.T) {
	s := testStore(t)
	from := time.Now().Add(-24 * time.Hour)
	s.SetHot(from)
	if s.Accepts(from.Add(-time.Second)) || !s.Accepts(from.Add(time.Second)) {
		t.Error("rows are not taken from the hot age on")
	}
}

func TestLogsQLBringsColdDaysBack(t *testing.T) {
	s := testStore(t)
	cold := &fakeCold{missing: []string{"20260101", "20260102"}}
	s.SetCold(cold)
	proxy := s.ProxyLogsQL()
	from := time.Now().Add(-72 * time.Hour).Truncate(time.Second).UTC()
	q := url.Values{"query": {"*"}, "limit": {"1"}, "start": {from.Format(time.RFC3339)}}
	for _, r := range []*http.Request{
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/select/logsql/query?"+q.Encode(), nil),
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/select/logsql/query", strings.NewReader(q.Encode())),
	} {
		if r.Method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		cold.asked = 0
		w := httptest.NewRecorder()
		proxy.ServeHTTP(w, r)
		if h := w.Header().Get(PartialHeader); w.Code != http.StatusOK || cold.asked != 1 || !cold.start.Equal(from) || !strings.Contains(h, "20260102") {
			t.Errorf("%s: status %d, asked %d times from %v, %s: %q", r.Method, w.Code, cold.asked, cold.start, PartialHeader, h)
		}
	}
	cold.asked, cold.missing = 0, nil
	w := httptest.NewRecorder()
	proxy.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/select/logsql/query?query=*&limit=1", nil))
	if w.Code != http.StatusOK || cold.asked != 1 || w.Header().Get(PartialHeader) != "" {
		t.Errorf("nothing is missing: status %d, asked %d times, header %q", w.Code, cold.asked, w.Header().Get(PartialHeader))
	}
}

func TestRangeOfLogsQL(t *testing.T) {
	now := time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)
	open := now.Add(maxFuture)
	at := func(d, h int) time.Time { return time.Date(2026, 5, d, h, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		form       string
		start, end time.Time
	}{
		{"query=*", time.Time{}, open},
		{"query=*&start=2026-05-01T00:00:00Z&end=2026-05-02", at(1, 0), at(2, 0)},
		{"query=*&start=1777593600", at(1, 0), open},
		{"query=*&start=1777593600000&end=1777680000000000000", at(1, 0), at(2, 0)},
		{"query=*&start=2h&end=now", now.Add(-2 * time.Hour), now},
		{"query=*&start=now-1d", at(9, 12), open},
		{"query=*&start=2026", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), open},
		{"query=_time:5m error", now.Add(-5 * time.Minute), open},
		{"query=_time:5m error or panic", time.Time{}, open},
		{"query=!_time:5m", time.Time{}, open},
		{"query=_time:[2026-05-01, 2026-05-03) x", at(1, 0), at(4, 0)},
		{"query=_time:5m _time:1h", time.Time{}, open},
		{"query=* | stats by (_time:1d) count()", time.Time{}, open},
		{"query=x id:in(_time:5m | fields id)", time.Time{}, open},
		{"query=_time:5m | stats by (_time:1d) count()", now.Add(-5 * time.Minute), open},
		{"query=_time:nonsense&start=nonsense", time.Time{}, open},
	} {
		form, err := url.ParseQuery(strings.ReplaceAll(tt.form, " ", "%20"))
		if err != nil {
			t.Fatal(err)
		}
		if got := proxyRange(form, now); !got.Start.Equal(tt.start) || !got.End.Equal(tt.end) {
			t.Errorf("%s: %v to %v, want %v to %v", tt.form, got.Start, got.End, tt.start, tt.end)
		}
	}
}

// TestLogsQLSeesContentByName: rows of content are no records.
func TestLogsQLSeesContentByName(t *testing.T) {
	for query, want := range map[string]bool{
		"*":                          false,
		"content":                    false,
		`{kind="call"} content`:      false,
		`{kind="content"} text:word`: true,
		`{kind="call"} id:in({kind="content"} text:word | fields call_id)`: true,
		`kind:="content"`:            true,
		`kind:in("call", "content")`: true,
		`{kind in ("content")}`:      true,
	} {
		ctx := withProxyForm(t.Context(), url.Values{"query": {query}})
		if got := kindsFor(ctx) == proxyContent; got != want {
			t.Errorf("%s: content is seen: %v", query, got)
		}
	}
}
