package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// webhook keeps what is notified.
type webhook struct {
	url string

	mu   sync.Mutex
	sent []notification
}

type notification struct {
	Status string
	Alerts []struct {
		Status      string
		Labels      map[string]string
		Annotations map[string]string
	}
}

func newWebhook(t *testing.T) *webhook {
	t.Helper()
	w := &webhook{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var n notification
		if err == nil && json.Unmarshal(b, &n) == nil {
			w.mu.Lock()
			w.sent = append(w.sent, n)
			w.mu.Unlock()
		}
	}))
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

// annotations are those of the first alert of a name that was notified.
func (w *webhook) annotations(name string) (map[string]string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.sent {
		for _, a := range n.Alerts {
			if a.Labels["alertname"] == name {
				return a.Annotations, true
			}
		}
	}
	return nil, false
}

// spansOf are calls of two models as a sender reports them: one every step, of
// which those of gpt-4o fail in the last minute.
func spansOf(now time.Time, over, step time.Duration) string {
	var spans []string
	add := func(at time.Time, model, extra string) {
		spans = append(spans, fmt.Sprintf(
			`{"traceId":"%032x","spanId":"%016x","name":"chat %s","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[`+
				`{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},`+
				`{"key":"gen_ai.request.model","value":{"stringValue":"%[3]s"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"100"}},`+
				`{"key":"gen_ai.usage.output_tokens","value":{"intValue":"50"}}%[6]s]%[7]s}`,
			len(spans)+1, len(spans)+1, model, at.UnixNano(), at.Add(time.Second).UnixNano(), extra, map[bool]string{true: `,"status":{"code":2}`}[extra != ""],
		))
	}
	failed := `,{"key":"error.type","value":{"stringValue":"rate_limit_exceeded"}},{"key":"http.response.status_code","value":{"intValue":"429"}}`
	for at := now.Add(-over); at.Before(now.Add(-time.Minute)); at = at.Add(step) {
		add(at, []string{"gpt-4o", "gpt-4o-mini"}[len(spans)%2], "")
	}
	for i := range 60 {
		at := now.Add(-time.Minute + time.Duration(i)*time.Second)
		add(at, "gpt-4o", failed)
		add(at, "gpt-4o-mini", "")
	}
	return `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[` + strings.Join(spans, ",") + `]}]}]}`
}

// TestAlertSaysWhy lets errors of one model fire an alert, and looks at what the
// webhook gets.
func TestAlertSaysWhy(t *testing.T) {
	t.Parallel()
	hook := newWebhook(t)
	dir := t.TempDir()
	write(t, dir+"/rules.yml", `
groups:
  - name: test
    interval: 1s
    rules:
      - alert: ManyErrors
        expr: sum by (service) (llm_errors_total{service="shop"}) > 30
        labels: {severity: critical}
        annotations: {summary: "{{ $value }} errors", pitot_metric: error_rate}
`)
	write(t, dir+"/broken.yml", "groups: [{name: x, rules: [{alert: A, expr: 'sum('}]}]")
	write(t, dir+"/pitot.yml", `
rules: {files: [rules.yml, broken.yml]}
alertmanager:
  route: {receiver: hook, group_by: [alertname], group_wait: 1s}
  receivers: [{name: hook, webhook_configs: [{url: "`+hook.url+`"}]}]
`)
	s := serve(t, setup{file: dir + "/pitot.yml"}).ready()
	status, body, err := s.try(http.MethodPost, s.otlp+"/v1/traces", strings.NewReader(spansOf(time.Now(), 2*time.Hour, 10*time.Second)))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, body, err)
	}
	var got map[string]string
	testkit.Eventually(t, "the webhook is told", func() (ok bool) {
		got, ok = hook.annotations("ManyErrors")
		return ok
	})
	if got["summary"] != "60 errors" {
		t.Errorf("summary %q", got["summary"])
	}
	for _, want := range []string{"rate_limit_exceeded", "gpt-4o"} {
		if !strings.Contains(got["explanation"], want) || !strings.Contains(got["explanation_zh"], want) {
			t.Errorf("nothing of %s in %q, %q", want, got["explanation"], got["explanation_zh"])
		}
	}
	// The links lead to the calls behind it.
	link := ""
	for l := range strings.Lines(got["explanation_links"]) {
		if _, u, ok := strings.Cut(strings.TrimSpace(l), ": "); ok && strings.Contains(u, "/calls?") {
			link = u
			break
		}
	}
	u, err := url.Parse(link)
	if err != nil || link == "" {
		t.Fatalf("links: %q", got["explanation_links"])
	}
	if calls := s.calls(u.Query()); len(calls) != 60 {
		t.Errorf("%d calls are behind %s, want the 60 that failed", len(calls), link)
	}
	// A broken file is named and stops no other.
	var rules struct {
		Problems []struct {
			File   string
			Line   int
			Reason string
		}
	}
	s.getJSON("/api/pitot/v1/rules", nil, &rules)
	if len(rules.Problems) != 1 || !strings.HasSuffix(rules.Problems[0].File, "broken.yml") || rules.Problems[0].Line == 0 {
		t.Errorf("problems: %+v", rules.Problems)
	}
	if status, body := s.get("/alertmanager/api/v2/alerts", nil); status != http.StatusOK || !strings.Contains(body, "ManyErrors") {
		t.Errorf("the Alertmanager's API: %d %s", status, body)
	}
}

// TestExplainQuality compares what readers think of the answers of two times.
func TestExplainQuality(t *testing.T) {
	t.Parallel()
	s, now := serve(t, setup{}).ready(), time.Now()
	if status, body, err := s.try(http.MethodPost, s.otlp+"/v1/traces", strings.NewReader(spansOf(now, 2*time.Hour, 10*time.Second))); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, body, err)
	}
	// The last minute's calls of gpt-4o are those that failed.
	var judged []string
	for i, c := range s.waitCalls(834, url.Values{"start": {"-3h"}}) {
		score := 0.9 - 0.1*float64(i%3)
		if c.Status == "error" {
			score = 0.2
		}
		judged = append(judged, fmt.Sprintf(`{"call_id":%q,"score":%v,"evaluator":"reader"}`, c.ID, score))
	}
	for batch := range slices.Chunk(judged, 400) {
		if status, body, err := s.try(http.MethodPost, s.api+"/api/pitot/v1/feedback", strings.NewReader("["+strings.Join(batch, ",")+"]")); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s %v", status, body, err)
		}
	}
	// The scores are records of their own, and must have come to their calls.
	var e struct {
		Window, Baseline struct {
			Calls int
			Value float64
		}
	}
	q := url.Values{"metric": {"quality"}, "start": {now.Add(-time.Minute).Format(time.RFC3339)}, "end": {now.Format(time.RFC3339)}}
	testkit.Eventually(t, "the scores are there", func() bool {
		s.getJSON("/api/pitot/v1/explain", q, &e)
		return e.Window.Value > 0.4 && e.Window.Value < 0.6 && e.Baseline.Value > 0.7
	})
	if e.Window.Calls < 100 || e.Baseline.Calls < 300 {
		t.Errorf("%+v", e)
	}
}

// TestHardBudget sees a budget refuse the calls of one user, and go on doing so
// after the server was killed.
func TestHardBudget(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	config := upstreamConfig(up.url) + `
budgets:
  - {name: each-user, each: user, limit: 0.0001, period: month, enforce: hard}
  - {name: all, limit: 0.0001, period: month, enforce: soft}
`
	data := t.TempDir() + "/data"
	s := serve(t, setup{config: config, data: data}).ready()
	ask := func(user string) (int, string) {
		status, body := s.post("/openai/v1/chat/completions", `{"model":"gpt-4o","user":"`+user+`",`+chatMessages+`}`, "X-Fake-Status", "200", "X-Fake-Usage", "input=1000,output=1000")
		return status, string(body)
	}
	if status, body := ask("u1"); status != http.StatusOK {
		t.Fatalf("the first call: %d %s", status, body)
	}
	s.waitCalls(1, url.Values{"user": {"u1"}})
	status, body := ask("u1")
	if status != http.StatusTooManyRequests || !strings.Contains(body, "budget_exceeded") || !strings.Contains(body, "each-user") {
		t.Errorf("the second call: %d %s", status, body)
	}
	if status, body := ask("u2"); status != http.StatusOK {
		t.Errorf("another user: %d %s", status, body)
	}
	if c := s.waitCalls(2, url.Values{"user": {"u1"}}); c[0].ErrorType != "budget_exceeded" || c[0].HTTPStatus != http.StatusTooManyRequests {
		t.Errorf("the refused call: %+v", c[0])
	}
	s.waitCalls(1, url.Values{"user": {"u2"}})
	killServer(t, s)

	s = serve(t, setup{config: config, data: data}).ready()
	testkit.Eventually(t, "the budget is complete again", func() bool {
		var r struct {
			Budgets []struct {
				Name       string
				Spent      float64
				Incomplete bool
			}
		}
		s.getJSON("/api/pitot/v1/budgets", nil, &r)
		return len(r.Budgets) == 2 && !r.Budgets[0].Incomplete && r.Budgets[0].Spent > 0.02
	})
	if status, body := ask("u1"); status != http.StatusTooManyRequests {
		t.Errorf("after a kill: %d %s", status, body)
	}
	if n := len(up.Truth()); n != 2 {
		t.Errorf("%d calls reached the provider, want 2", n)
	}
}
