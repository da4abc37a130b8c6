package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/logs"
)

// countingSink counts records.
type countingSink struct{ n int }

func (s *countingSink) Submit(_ context.Context, recs []llm.Record) error {
	s.n += len(recs)
	return nil
}

// TestPagesWriteNoLogs: a page of another origin can send a form to the API port,
// and the browser adds the credentials that it has for it.
func TestPagesWriteNoLogs(t *testing.T) {
	sink := &countingSink{}
	s := &Server{}
	s.intake.elasticsearch = logs.NewElasticsearch(logs.Options{Sink: sink, Metrics: logs.NewMetrics()})
	h := s.withElasticsearch(http.NotFoundHandler())
	send := func(headers ...string) int {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:4400/_bulk", strings.NewReader(`{"index":{}}`+"\n"+`{"message":"m","service":"s"}`+"\n"))
		r.Header.Set("Content-Type", "text/plain")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for name, headers := range map[string][]string{
		"cross-site":  {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"},
		"same-site":   {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"},
		"navigation":  {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"},
		"old browser": {"Origin", "https://evil.example"},
	} {
		if code := send(headers...); code != http.StatusForbidden || sink.n != 0 {
			t.Errorf("%s: %d, %d logs", name, code, sink.n)
		}
	}
	if code := send(); code != http.StatusOK || sink.n != 1 {
		t.Errorf("a shipper: %d, %d logs", code, sink.n)
	}
}
