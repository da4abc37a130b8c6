//go:build unix

package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestDemo starts the demo and looks for what each page of the user interface
// shows: it is there soon, and the history follows.
func TestDemo(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(binary, "demo", "--history=20m", "--rate=2", "--data", filepath.Join(t.TempDir(), "data"),
		"--listen.api=127.0.0.1:0", "--listen.gateway=127.0.0.1:0", "--listen.otlp-grpc=127.0.0.1:0", "--listen.otlp-http=127.0.0.1:0")
	cmd.Env = environment()
	s := &server{Process: testkit.Start(t, cmd), tb: t}
	m := s.WaitLine(upLine)
	s.api, s.gateway = "http://"+m[1], "http://"+m[2]
	s.ready()
	history := func() string {
		for _, c := range s.status().Components {
			if c.Name == "history" {
				return c.Detail
			}
		}
		return ""
	}
	if h := history(); !strings.HasPrefix(h, "filling") && !strings.HasPrefix(h, "complete") {
		t.Errorf("the status says of the history %q", h)
	}
	testkit.Eventually(t, "the history is complete", func() bool { return strings.HasPrefix(history(), "complete") })

	for path, want := range map[string][]string{
		"/api/pitot/v1/slos":                                      {`"name":"code-completions"`, `"name":"helpful-replies"`},
		"/api/pitot/v1/budgets":                                   {`"name":"team-care"`, `"name":"tokens-each-user"`},
		"/api/pitot/v1/probes":                                    {`"name":"acme-7b"`},
		"/api/pitot/v1/alerts/channels":                           {`"name":"oncall"`},
		"/api/pitot/v1/feedback?start=-20m&evaluator=helpfulness": {`"prompt_version":"v3"`, `"model":`},
		"/api/pitot/v1/feedback?start=-20m&evaluator=user":        {`"thumbs_up"`},
		"/api/pitot/v1/calls?service=support-chat":                {`"prompt_name":"support-reply"`},
		"/api/pitot/v1/models":                                    {`qwen3-8b`},
	} {
		status, body, err := s.try(http.MethodGet, s.api+path, nil)
		if err != nil || status != http.StatusOK {
			t.Errorf("GET %s: %d, %v", path, status, err)
		}
		for _, w := range want {
			if !strings.Contains(string(body), w) {
				t.Errorf("GET %s has no %s: %.300s", path, w, body)
			}
		}
	}
	status, body, err := s.try(http.MethodPost, s.api+"/api/pitot/v1/alerts/test/oncall", nil)
	if err != nil || status != http.StatusOK || !strings.Contains(string(body), `"ok":true`) {
		t.Errorf("a test of the receiver: %d %s", status, body)
	}
	// The demo sends its logs as an application does: they are there a moment after they were taken.
	testkit.Eventually(t, "an error is logged with its trace", func() bool {
		return len(s.logsQL(`{kind="log"} level:error trace_id:* | limit 5`)) > 0
	})
	for _, expr := range []string{
		// Of the history, which is older than the server.
		`count(llm_server_kv_cache_usage_ratio offset 10m)`, `count(llm_gpu_utilization_percent offset 10m)`, `count(slo:current_burn_rate:ratio offset 5m)`,
		`sum(pitot_probe_success offset 10m)`, `sum(rate(llm_requests_total[5m] offset 10m))`, `sum(increase(llm_response_quality_score_count{evaluator="refusal"}[10m] offset 5m))`,
		`max_over_time(sum(llm_server_requests_waiting)[20m:15s])`,
	} {
		if v, ok := s.promQL(expr); !ok || v <= 0 {
			t.Errorf("%s is %v, %v", expr, v, ok)
		}
	}
	s.waitPromQLAbove(`count(up{job=~"vllm.*|sglang.*|dcgm.*"} offset 0s == 1)`, 5)
	testkit.Eventually(t, "somebody says something of an answer that was given since", func() bool {
		_, body, err := s.try(http.MethodGet, s.api+"/api/pitot/v1/ledger", nil)
		return err == nil && strings.Contains(string(body), `"source":"feedback"`) && strings.Contains(string(body), `"source":"logs"`)
	})
	if v, ok := s.promQL(`sum(increase(llm_requests_total[19m]))`); !ok || v < 1000 {
		t.Errorf("%v calls in 19 minutes at 2 a second and an afternoon's load", v)
	}
	s.stop()
	if out := s.Output(); strings.Contains(out, "level=ERROR") || !strings.Contains(out, "history is complete") {
		t.Errorf("the log:\n%.3000s", out)
	}
}

// waitPromQLAbove waits until an expression is more than a bound.
func (s *server) waitPromQLAbove(expr string, bound float64) {
	s.tb.Helper()
	testkit.Eventually(s.tb, expr, func() bool {
		v, ok := s.promQL(expr)
		return ok && v > bound
	})
}
