package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/breakdown"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// breakdownAnswer is what a client reads.
type breakdownAnswer struct {
	Total  float64 `json:"total_seconds"`
	Phases []struct {
		Phase    string  `json:"phase"`
		Min      float64 `json:"min_seconds"`
		Max      float64 `json:"max_seconds"`
		Source   string  `json:"source"`
		Evidence string  `json:"evidence"`
	} `json:"phases"`
	Notes []string `json:"notes"`
}

func (b *breakdownAnswer) bounds(t *testing.T, phase string) (lo, hi float64) {
	t.Helper()
	for _, p := range b.Phases {
		if p.Phase == phase {
			return p.Min, p.Max
		}
	}
	t.Fatalf("no phase %s in %+v", phase, b.Phases)
	return 0, 0
}

// queuedCall ended ten minutes ago and took 20 s, 12 of them until the first token.
func queuedCall() *llm.Call {
	c := fullCall()
	c.Time, c.Duration, c.TTFT = now.Add(-10*time.Minute), 20*time.Second, llm.Some(12*time.Second)
	c.Status, c.ErrorType, c.ErrorMessage = llm.StatusOK, "", ""
	c.RequestModel, c.ResponseModel = "meta-llama/Llama-3.1-8B", ""
	c.Phases, c.Timeline = llm.Phases{Connect: llm.Some(time.Duration(0))}, llm.Timeline{}
	c.Timeline.Add(12*time.Second, 4)
	c.Timeline.Add(20*time.Second, 4)
	return c
}

// scraped serves histograms of a vLLM server that is scraped every 15 s: before
// the end of the call 100 requests were quick; in its time there was one.
func scraped(t *testing.T, asked *[]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query().Get("query")
		*asked = append(*asked, q)
		result := []map[string]any{}
		end := now.Add(-10*time.Minute + 20*time.Second)
		add := func(le string, before, after int) {
			values := [][]any{}
			for at := end.Add(-60 * time.Second); at.Before(end.Add(60 * time.Second)); at = at.Add(15 * time.Second) {
				n := before
				if at.After(end) {
					n = after
				}
				values = append(values, []any{float64(at.UnixMilli()) / 1000, fmt.Sprint(n)})
			}
			result = append(result, map[string]any{"metric": map[string]string{"le": le, "model_name": "meta-llama/Llama-3.1-8B", "instance": "a"}, "values": values})
		}
		switch {
		case strings.HasPrefix(q, "vllm:request_queue_time_seconds_bucket"):
			add("5", 100, 100)
			add("10", 100, 100)
			add("15", 100, 101)
			add("+Inf", 100, 101)
		case strings.HasPrefix(q, "vllm:request_prefill_time_seconds_bucket"):
			add("0.3", 100, 100)
			add("0.5", 100, 101)
			add("+Inf", 100, 101)
		}
		b, err := json.Marshal(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(b)
	})
}

func TestBreakdown(t *testing.T) {
	var asked []string
	a := newAPI(t, func(o *Options) { o.Prometheus = scraped(t, &asked) })
	call := queuedCall()
	a.events.call = func(context.Context, string) (*events.CallDetail, error) { return &events.CallDetail{Call: call}, nil }
	a.events.trace = func(_ context.Context, id string, r events.Range) (events.TraceRecords, error) {
		if id != traceID || r.Start.After(call.Time) || r.End.Before(call.Time.Add(call.Duration)) {
			t.Errorf("asked for trace %s in %v", id, r)
		}
		return events.TraceRecords{Records: []llm.Record{
			{Span: &llm.Span{SpanID: call.ParentSpanID, ParentSpanID: "aa", Name: "POST", OTelKind: "client", Duration: 21 * time.Second}},
			{Span: &llm.Span{SpanID: "aa", ParentSpanID: "bb", Name: "chat", Kind: llm.KindLLM, Service: "shop", Duration: 22 * time.Second}},
			{Span: &llm.Span{SpanID: "bb", Name: "plan", Kind: llm.KindAgent, Duration: time.Hour}},
			{Call: call},
		}}, nil
	}
	b := decode[breakdownAnswer](t, wantOK(t, a.get(base+"/calls/"+callID+"/breakdown")).Body.Bytes())
	if b.Total != 22 {
		t.Errorf("total = %v", b.Total)
	}
	if lo, hi := b.bounds(t, breakdown.PhaseClient); lo != 2 || hi != 2 {
		t.Errorf("client %v to %v", lo, hi)
	}
	if lo, hi := b.bounds(t, breakdown.PhasePrefill); lo != 0.3 || hi != 0.5 {
		t.Errorf("prefill %v to %v", lo, hi)
	}
	if lo, hi := b.bounds(t, breakdown.PhaseWait); lo < 11.4 || hi > 11.7 {
		t.Errorf("network and queue %v to %v", lo, hi)
	}
	if len(asked) != 2 || !strings.Contains(asked[0], `{model_name=~"meta-llama/Llama-3\\.1-8B"}[`) {
		t.Errorf("asked for %q", asked)
	}
}

func TestBreakdownWithoutMetrics(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"none":   named("prometheus"),
		"broken": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }),
		"odd": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"data":{"result":[{"metric":{"le":"x"},"values":[]},{"metric":{"le":"1"},"values":[[1,"y"]]}]}}`)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, func(o *Options) { o.Prometheus = h })
			a.events.full()
			call := queuedCall()
			call.TraceID = ""
			a.events.call = func(context.Context, string) (*events.CallDetail, error) { return &events.CallDetail{Call: call}, nil }
			b := decode[breakdownAnswer](t, wantOK(t, a.get(base+"/calls/"+callID+"/breakdown")).Body.Bytes())
			if lo, hi := b.bounds(t, breakdown.PhasePrefill); lo != 0 || hi != 12 || b.Total != 20 {
				t.Errorf("prefill %v to %v of %v", lo, hi, b.Total)
			}
		})
	}
}

// TestBreakdownOfAFreshCall has no scrape after its end yet.
func TestBreakdownOfAFreshCall(t *testing.T) {
	var asked []string
	a := newAPI(t, func(o *Options) { o.Prometheus = scraped(t, &asked) })
	call := queuedCall()
	call.Time = now.Add(-9*time.Minute + 10*time.Second) // the last scrape was before its end
	call.TraceID = ""
	a.events.call = func(context.Context, string) (*events.CallDetail, error) { return &events.CallDetail{Call: call}, nil }
	b := decode[breakdownAnswer](t, wantOK(t, a.get(base+"/calls/"+callID+"/breakdown")).Body.Bytes())
	for _, p := range b.Phases {
		if p.Source == string(breakdown.SourceMetrics) {
			t.Errorf("%+v", p)
		}
	}
}

func TestBreakdownErrors(t *testing.T) {
	a := newAPI(t)
	a.events.call = func(context.Context, string) (*events.CallDetail, error) { return nil, events.ErrNotFound }
	wantError(t, a.get(base+"/calls/"+callID+"/breakdown"), 404, CodeNotFound)
	wantError(t, a.get(base+"/calls/x/breakdown"), 400, CodeBadParameter)
}

func TestWidest(t *testing.T) {
	a := &breakdown.Observed{Count: 1, Min: 3, Max: 5, P50: 4}
	b := &breakdown.Observed{Count: 9, Min: 1, Max: 4, P50: 2}
	if w := widest(a, b); *w != (breakdown.Observed{Count: 10, Min: 1, Max: 5, P50: 2}) {
		t.Errorf("%+v", w)
	}
	if w := widest(a, &breakdown.Observed{Count: 1, Min: 2}); w.Max != 0 {
		t.Errorf("one without bound: %+v", w)
	}
	if widest(nil, a) != a || widest(a, nil) != a || widest(nil, nil) != nil {
		t.Error("nothing joins to something")
	}
}
