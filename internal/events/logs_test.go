package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestLogs(t *testing.T) {
	s := testStore(t)
	base := time.Now().UTC().Add(-time.Hour)
	var all []*llm.Log
	var recs []llm.Record
	for i := range 250 {
		l := &llm.Log{
			ID: fmt.Sprintf("log%03d", i), Time: base.Add(time.Duration(i/10) * time.Second), Source: llm.SourceOTLP, Service: "logs",
			Level: []string{"info", "error"}[i%2], Message: fmt.Sprintf("message %d %s", i, valid(oddStrings[i%len(oddStrings)])),
			Attributes: map[string]any{"model": "m" + itoa(i%3), "latency": float64(i) / 10},
		}
		all = append(all, l)
		recs = append(recs, llm.Record{Log: l})
	}
	full := fullLog()
	full.Time, full.Service, full.ID = base, "long logs", "longlog"
	delete(full.Attributes, "message")
	full.Message = strings.Repeat("long message\n", 100_000)
	insert(t, s, append(recs, llm.Record{Log: full})...)
	for _, oldest := range []bool{true, false} {
		var got []*llm.Log
		q := LogQuery{Service: "logs", Oldest: oldest, Limit: 33}
		for {
			page, err := s.Logs(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page.Logs...)
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		want := all
		if !oldest {
			want = make([]*llm.Log, len(all))
			for i, l := range all {
				want[len(all)-1-i] = l
			}
		}
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Errorf("oldest %v (-want +got): %.2000s", oldest, d)
		}
	}
	page, err := s.Logs(t.Context(), LogQuery{Service: "logs", Level: "error", Query: `model:m1 latency:>10 "message"`})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range all {
		if i%2 == 1 && i%3 == 1 && i > 100 {
			n++
		}
	}
	if len(page.Logs) != n {
		t.Errorf("%d logs, want %d", len(page.Logs), n)
	}
	got, err := s.Log(t.Context(), "longlog")
	if err != nil || cmp.Diff(full, got, equal) != "" {
		t.Errorf("long log: %v", err)
	}
	if _, err := s.Log(t.Context(), "nolog"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown log: %v", err)
	}
}

func TestTailYieldsWhatEndsNow(t *testing.T) {
	s := testStore(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	now := time.Now().UTC()
	one := &llm.Call{ID: "tail-short", Time: now, Service: "tail", Status: llm.StatusOK, Duration: time.Millisecond}
	slow := &llm.Call{ID: "tail-slow", Time: now.Add(-5 * time.Minute), Service: "tail", Status: llm.StatusOK, Duration: 5 * time.Minute}
	old := &llm.Call{ID: "tail-old", Time: now.Add(-5 * time.Minute), Service: "tail", Status: llm.StatusOK, Duration: time.Second}
	insert(t, s, calls([]*llm.Call{one, slow, old})...)
	want := []string{"tail-slow", "tail-short", "tail-next"}
	for c, err := range s.TailCalls(ctx, CallFilter{Service: "tail"}) {
		if err != nil {
			t.Fatal(err)
		}
		if c.ID != want[0] {
			t.Fatalf("got %s, want %s", c.ID, want[0])
		}
		if c.ID == "tail-short" {
			insert(t, s, llm.Record{Call: &llm.Call{ID: "tail-next", Time: time.Now().UTC(), Service: "tail", Status: llm.StatusOK}})
		}
		if want = want[1:]; len(want) == 0 {
			break
		}
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
	insert(t, s, llm.Record{Log: &llm.Log{ID: "taillog", Time: time.Now().UTC(), Service: "tail", Message: "m"}})
	for l, err := range s.TailLogs(ctx, LogQuery{Service: "tail"}) {
		if err != nil || l.ID != "taillog" {
			t.Errorf("%v, %v", l, err)
		}
		break
	}
	for _, err := range s.TailCalls(ctx, CallFilter{Status: "weird"}) {
		if _, ok := errors.AsType[*QueryError](err); !ok {
			t.Errorf("err = %v", err)
		}
	}
}

func TestProxy(t *testing.T) {
	s := testStore(t)
	insert(t, s,
		llm.Record{Log: &llm.Log{ID: "p1", Time: time.Now().Add(-time.Minute).UTC(), Service: "proxy", Message: "hello"}},
		llm.Record{Call: &llm.Call{ID: "p2", Time: time.Now().Add(-time.Minute).UTC(), Service: "proxy", Status: llm.StatusOK}})
	w := rollupWriter{s: s, start: time.Now(), label: "p3"}
	if err := w.write(t.Context(), "rollup_full_hour", row{"service": "proxy", "calls": "1"}); err != nil {
		t.Fatal(err)
	}
	if err := w.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.ProxyLogsQL())
	defer srv.Close()
	form := url.Values{"query": {`service:="proxy" | fields id | sort by (id)`}, "start": {"1h"}}
	const want = "{\"id\":\"p1\"}\n{\"id\":\"p2\"}\n"
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "/select/logsql/query?" + form.Encode(), ""},
		{http.MethodPost, "/select/logsql/query", form.Encode()},
	} {
		resp, body := do(t, srv.URL, c.method, c.path, c.body)
		if resp.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s: %d %q", c.method, resp.StatusCode, body)
		}
		for name := range resp.Header {
			if strings.HasPrefix(name, "Access-Control") {
				t.Errorf("header %s", name)
			}
		}
	}
	resp, body := do(t, srv.URL, http.MethodPost, "/select/logsql/stats_query", url.Values{"query": {`_time:1h service:="proxy" | stats count() n`}}.Encode())
	var stats struct {
		Data struct{ Result []struct{ Value []any } }
	}
	if err := json.Unmarshal([]byte(body), &stats); err != nil || len(stats.Data.Result) != 1 || stats.Data.Result[0].Value[1] != "2" {
		t.Errorf("stats: %d %s", resp.StatusCode, body)
	}
	for _, path := range []string{
		"/select/logsql/nope", "/delete/run_task", "/internal/force_flush", "/insert/jsonline", "/metrics", "/select/vmui/", "/select/tenant_ids",
		"/select/logsql/../../internal/force_flush", "/select/logsql//query",
	} {
		if resp, body := do(t, srv.URL, http.MethodGet, path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if resp, _ := do(t, srv.URL, http.MethodDelete, "/select/logsql/query", ""); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", resp.StatusCode)
	}
	if resp, _ := do(t, srv.URL, http.MethodPost, "/select/logsql/query", "query=bad("); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("bad query: %d", resp.StatusCode)
	}
}

func do(t *testing.T, base, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Path, req.URL.RawQuery, _ = strings.Cut(path, "?")
	req.Header.Set("Authorization", "Bearer the-client's-own")
	req.Header.Set("AccountID", "7")
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}
