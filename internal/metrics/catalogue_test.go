package metrics

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/pitot-dev/pitot/internal/llm"
)

func fixedClock() time.Time { return time.Unix(1_800_000_010, 0) }

func newTestCatalogue(t testing.TB, o CatalogueOptions) *Catalogue {
	t.Helper()
	if o.Now == nil {
		o.Now = fixedClock
	}
	c, err := NewCatalogue(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// exposition is what an OpenMetrics client sees.
func exposition(t testing.TB, c *Catalogue) string {
	t.Helper()
	// Gatherers checks for duplicate and inconsistent metrics.
	families, err := prometheus.Gatherers{c}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	enc := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// find returns the metric of a family with all these labels.
func find(t testing.TB, c *Catalogue, name string, labels map[string]string) *dto.Metric {
	t.Helper()
	var found *dto.Metric
	for _, f := range c.gather(true) {
		if f.GetName() != name {
			continue
		}
	metrics:
		for _, m := range f.Metric {
			for l, v := range labels {
				if labelValue(m, l) != v {
					continue metrics
				}
			}
			if found != nil {
				t.Fatalf("%s%v: more than one", name, labels)
			}
			found = m
		}
	}
	return found
}

func counterValue(t testing.TB, c *Catalogue, name string, labels map[string]string) float64 {
	t.Helper()
	m := find(t, c, name, labels)
	if m == nil {
		t.Fatalf("%s%v is not there", name, labels)
	}
	return m.Counter.GetValue()
}

// TestExposition shows every family as /metrics has it.
func TestExposition(t *testing.T) {
	c := newTestCatalogue(t, CatalogueOptions{Labels: []Dimension{{Label: "team", From: "tag:team"}}})
	c.ObserveCall(streamCall("gpt-x", 1))
	c.ObserveCall(failedCall("gpt-x"))
	c.ObserveCall(unaryCall())
	c.CallStarted("checkout", "openai", "gpt-x", "chat")
	c.CallStarted("checkout", "openai", "gpt-x", "chat")
	c.CallEnded("checkout", "openai", "gpt-x", "chat")
	c.ObserveFeedback(Feedback{Service: "checkout", Model: "gpt-x", Label: "thumbs_up", Score: llm.Some(1.0)})
	c.ObserveFeedback(Feedback{Service: "checkout", Model: "gpt-x", Evaluator: "faithfulness", Score: llm.Some(0.4)})
	golden(t, "testdata/exposition.golden", exposition(t, c))
}

func TestObserveCallValues(t *testing.T) {
	c := newTestCatalogue(t, CatalogueOptions{})
	for i := range 3 {
		c.ObserveCall(streamCall("m", i))
	}
	c.ObserveCall(failedCall("m"))
	checks := []struct {
		name   string
		labels map[string]string
		want   float64
	}{
		{"llm_requests_total", map[string]string{"status": "success", "model": "m"}, 3},
		{"llm_requests_total", map[string]string{"status": "error", "model": "m"}, 1},
		{"llm_errors_total", map[string]string{"error_type": "rate_limit_exceeded"}, 1},
		{"llm_tokens_total", map[string]string{"type": "input"}, 360},
		{"llm_tokens_total", map[string]string{"type": "output"}, 33},
		{"llm_tokens_total", map[string]string{"type": "cache_read"}, 192},
		{"llm_total_tokens_total", map[string]string{"type": "input"}, 360},
		{"llm_total_tokens", map[string]string{"type": "output"}, 33},
		{"llm_tokens_usage_total", map[string]string{"type": "output"}, 33},
		{"llm_operation_errors_total", map[string]string{"status": "error"}, 1},
		{"llm_error_count_total", map[string]string{"operation": "chat", "status": ""}, 1},
		{"llm_error_count", map[string]string{"operation": "chat"}, 1},
	}
	for _, k := range checks {
		if got := counterValue(t, c, k.name, k.labels); got != k.want {
			t.Errorf("%s%v is %v, want %v", k.name, k.labels, got, k.want)
		}
	}
	if m := find(t, c, "llm_total_tokens_total", map[string]string{"type": "cache_read"}); m != nil {
		t.Error("an alias of the tokens has parts of the input: its sum is wrong")
	}
	if m := find(t, c, "llm_unpriced_requests_total", nil); m != nil {
		t.Error("a failed Call without usage counts as unpriced")
	}
	hists := []struct {
		name   string
		labels map[string]string
		count  uint64
		sum    float64
	}{
		{"llm_request_duration_seconds", nil, 4, 3*1.3 + 0.04},
		{"llm_request_latency_seconds", nil, 4, 3*1.3 + 0.04},
		{"llm_time_to_first_token_seconds", nil, 3, 0.9},
		{"llm_time_per_output_token_seconds", nil, 3, 0.3},
		{"llm_inter_token_latency_seconds", nil, 27, 2.7},
		{"llm_tokens_per_second", nil, 3, 30},
		{"llm_token_generation_rate", nil, 3, 3 * 11 / 1.3},
		{"llm_token_cost_per_request", nil, 3, 0.0063},
		{"gen_ai_client_token_usage", map[string]string{"gen_ai_token_type": "input"}, 3, 360},
		{"gen_ai_client_operation_duration_seconds", map[string]string{"error_type": ""}, 3, 3.9},
		{"gen_ai_client_operation_duration_seconds", map[string]string{"error_type": "rate_limit_exceeded"}, 1, 0.04},
		{"gen_ai_client_operation_time_to_first_chunk_seconds", nil, 3, 0.6},
		{"gen_ai_client_operation_time_per_output_chunk_seconds", nil, 27, 2.7},
	}
	for _, k := range hists {
		m := find(t, c, k.name, k.labels)
		if m == nil {
			t.Errorf("%s%v is not there", k.name, k.labels)
			continue
		}
		h := m.Histogram
		if d := h.GetSampleSum() - k.sum; h.GetSampleCount() != k.count || d > 1e-9 || d < -1e-9 {
			t.Errorf("%s%v has %d observations with sum %v, want %d with %v", k.name, k.labels, h.GetSampleCount(), h.GetSampleSum(), k.count, k.sum)
		}
	}
}

// TestUnknownIsAbsent: what a Call does not know leaves no trace, not even 0.
func TestUnknownIsAbsent(t *testing.T) {
	c := newTestCatalogue(t, CatalogueOptions{})
	c.ObserveCall(&llm.Call{Service: "s", Provider: "p", RequestModel: "m", Operation: llm.OpChat, Status: llm.StatusOK})
	want := map[string]bool{
		"llm_requests_total": true, "llm_operation_errors_total": true, "llm_error_count": true, "llm_error_count_total": true,
		"llm_unpriced_requests_total": true, overflowName: true,
	}
	got := map[string]bool{}
	for _, f := range c.gather(true) {
		got[f.GetName()] = true
	}
	if !maps.Equal(want, got) {
		t.Errorf("families are %v, want %v", got, want)
	}
}

func TestLabelLimits(t *testing.T) {
	c := newTestCatalogue(t, CatalogueOptions{Limits: Limits{Models: 3, ErrorTypes: 2, Dimension: 2}, Labels: []Dimension{{Label: "user_id", From: "user"}}})
	for i := range 10 {
		call := failedCall(fmt.Sprintf("model-%d", i))
		call.ErrorType = fmt.Sprintf("error-%d", i)
		call.User = fmt.Sprintf("user-%d", i)
		c.ObserveCall(call)
	}
	models, types, users := map[string]bool{}, map[string]bool{}, map[string]bool{}
	var total float64
	for _, f := range c.gather(true) {
		if f.GetName() != "llm_errors_total" {
			continue
		}
		for _, m := range f.Metric {
			models[labelValue(m, "model")] = true
			types[labelValue(m, "error_type")] = true
			users[labelValue(m, "user_id")] = true
			total += m.Counter.GetValue()
		}
	}
	if total != 10 {
		t.Errorf("%v errors are counted, want 10: nothing is dropped", total)
	}
	for what, got := range map[string][2]int{"models": {len(models), 4}, "error types": {len(types), 3}, "users": {len(users), 3}} {
		if got[0] != got[1] {
			t.Errorf("%d %s, want %d with %s", got[0], what, got[1], Other)
		}
	}
	if !models[Other] || !types[Other] || !users[Other] {
		t.Errorf("%s is missing: %v %v %v", Other, models, types, users)
	}
	if n := counterValue(t, c, overflowName, map[string]string{"label": "model"}); n == 0 {
		t.Error("the overflow is not counted")
	}
}

// TestMemoryIsBounded sends names that a hostile client makes up.
func TestMemoryIsBounded(t *testing.T) {
	c := newTestCatalogue(t, CatalogueOptions{Limits: Limits{LabelSets: 20, Judged: 20, Models: 50}})
	for i := range 30_000 {
		name := fmt.Sprintf("%s-%d", strings.Repeat("x", 100), i)
		c.ObserveCall(&llm.Call{Service: name, RequestModel: name, ResponseModel: name, Operation: llm.OpChat, Status: llm.StatusOK, Duration: time.Second})
		c.CallStarted(name, "", name, "chat")
		c.CallEnded(name, "", name, "chat")
		c.ObserveFeedback(Feedback{Model: name, Label: name, Evaluator: name})
	}
	if n := len(c.handles); n > maxHandles {
		t.Errorf("%d handles", n)
	}
	if len(c.llm) > 21 || len(c.genAI) > 21 || len(c.active) > 21 || len(c.judged) > 21 {
		t.Errorf("label sets: %d, %d, %d, %d", len(c.llm), len(c.genAI), len(c.active), len(c.judged))
	}
	var total float64
	for _, f := range c.gather(true) {
		if f.GetName() == "llm_requests_total" {
			for _, m := range f.Metric {
				total += m.Counter.GetValue()
			}
		}
	}
	if total != 30_000 {
		t.Errorf("%v Calls are counted, want 30000", total)
	}
	exposition(t, c)
}

func TestLabelValuesAreCleaned(t *testing.T) {
	for in, want := range map[string]string{
		"gpt":                                "gpt",
		"a\xffb":                             "a�b",
		strings.Repeat("x", 300):             strings.Repeat("x", maxLabelValue),
		strings.Repeat("x", 199) + "é":       strings.Repeat("x", 199),
		strings.Repeat("x", 198) + "é" + "y": strings.Repeat("x", 198) + "é",
	} {
		if got := cleanLabel(in); got != want || !utf8.ValidString(got) {
			t.Errorf("cleanLabel(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestDimensionErrorsSayWhatToDo(t *testing.T) {
	for _, k := range []struct{ label, from, want string }{
		{"1x", "user", "not a label name"},
		{"__x", "user", "not a label name"},
		{"model", "user", "app_model"},
		{"u", "prompt_text", "use user, session"},
		{"u", "tag:", "use user, session"},
	} {
		_, err := NewCatalogue(CatalogueOptions{Labels: []Dimension{{Label: k.label, From: k.from}}})
		if err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s from %s: %v, want %q", k.label, k.from, err, k.want)
		}
	}
	if _, err := NewCatalogue(CatalogueOptions{Labels: []Dimension{{Label: "u", From: "user"}, {Label: "u", From: "feature"}}}); err == nil {
		t.Error("a label may be there twice")
	}
}

func TestConcurrentUse(t *testing.T) {
	c := newTestCatalogue(t, CatalogueOptions{Now: time.Now, Limits: Limits{Models: 5}})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 300 {
				model := fmt.Sprintf("m%d", i%8)
				c.CallStarted("s", "p", model, "chat")
				c.ObserveCall(streamCall(model, g))
				c.ObserveFeedback(Feedback{Model: model, Score: llm.Some(0.5)})
				c.CallEnded("s", "p", model, "chat")
				if i%100 == 0 {
					c.gather(true)
				}
			}
		})
	}
	wg.Wait()
	var requests, active float64
	for _, f := range c.gather(true) {
		for _, m := range f.Metric {
			switch f.GetName() {
			case "llm_requests_total":
				requests += m.Counter.GetValue()
			case "llm_active_requests":
				active += m.Gauge.GetValue()
			}
		}
	}
	if requests != 1200 || active != 0 {
		t.Errorf("%v requests, want 1200; %v active, want 0", requests, active)
	}
}

func BenchmarkObserveCall(b *testing.B) {
	long := streamCall("m", 1)
	for k := range 500 {
		long.Timeline.Add(time.Duration(1300+20*k)*time.Millisecond, 4)
	}
	for name, call := range map[string]*llm.Call{"unary": unaryCall(), "error": failedCall("m"), "stream12": streamCall("m", 1), "stream500": long} {
		b.Run(name, func(b *testing.B) {
			c := newTestCatalogue(b, CatalogueOptions{Now: time.Now})
			b.ReportAllocs()
			for b.Loop() {
				c.ObserveCall(call)
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		c := newTestCatalogue(b, CatalogueOptions{Now: time.Now})
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			call := streamCall("m", 1)
			for pb.Next() {
				c.ObserveCall(call)
			}
		})
	})
}

func BenchmarkActive(b *testing.B) {
	c := newTestCatalogue(b, CatalogueOptions{})
	b.ReportAllocs()
	for b.Loop() {
		c.CallStarted("s", "p", "m", "chat")
		c.CallEnded("s", "p", "m", "chat")
	}
}

// BenchmarkGather is what the storing of the own metrics costs besides the store.
func BenchmarkGather(b *testing.B) {
	c := newTestCatalogue(b, CatalogueOptions{})
	for i := range 100 {
		c.ObserveCall(streamCall(fmt.Sprintf("m%d", i), i))
	}
	b.ReportAllocs()
	for b.Loop() {
		c.gather(true)
	}
}

func TestStreamsByOutcome(t *testing.T) {
	c := newTestCatalogue(t, CatalogueOptions{})
	for i, change := range []func(*llm.Call){
		func(*llm.Call) {},
		func(call *llm.Call) { call.SetError("overloaded", "") },
		func(call *llm.Call) { call.Note("stream_cut") },
		func(call *llm.Call) { call.Note("client_gone"); call.SetError("client_gone", "") },
		func(call *llm.Call) { call.Stream = false },
	} {
		call := streamCall("m", i)
		call.Stream = true
		change(call)
		c.ObserveCall(call)
	}
	for _, status := range []string{"success", "error", "cut", "client_gone"} {
		if got := counterValue(t, c, "llm_streams_total", map[string]string{"status": status}); got != 1 {
			t.Errorf("llm_streams_total{status=%q} is %v, want 1", status, got)
		}
	}
}
