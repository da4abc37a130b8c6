//go:build unix

package cluster

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// question is a request that a single process and a cluster must answer alike.
type question struct {
	path string
	q    url.Values
}

// questions are those of every part of the API that answers from the stores.
// span is a range in which all of the records are.
func questions(start, end time.Time, trace string) []question {
	with := func(kv ...string) url.Values {
		v := url.Values{"start": {start.Format(time.RFC3339)}, "end": {end.Format(time.RFC3339)}}
		for i := 0; i+1 < len(kv); i += 2 {
			v.Add(kv[i], kv[i+1])
		}
		return v
	}
	micros := func(t time.Time) string { return fmt.Sprint(t.UnixMicro()) }
	jaeger := func(kv ...string) url.Values {
		v := url.Values{"start": {micros(start)}, "end": {micros(end)}, "limit": {"20"}}
		for i := 0; i+1 < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return v
	}
	const base = "/api/pitot/v1"
	out := []question{
		{base + "/calls", with("limit", "100")},
		{base + "/calls", with("service", "svc-1", "limit", "30")},
		{base + "/calls", with("status", "error", "limit", "30")},
		{base + "/calls", with("model", "gpt-4o-mini", "min_duration", "150ms", "limit", "30")},
		{base + "/calls", with("query", `input:"question number"`, "limit", "10")},
		{base + "/calls", with("order", "slowest", "limit", "10")},
		{base + "/facets", with("fields", "service,provider,model,status,operation,user")},
		{base + "/facets", with("fields", "model,status", "service", "svc-2")},
		{base + "/summary", with()},
		{base + "/summary", with("model", "gpt-4o")},
		{base + "/timeline", with("step", "1m")},
		{base + "/timeline", with("step", "1m", "by", "model")},
		{base + "/models", with()},
		{base + "/costs", with("by", "model")},
		{base + "/costs", with("by", "service")},
		{base + "/costs/cache", with()},
		{base + "/compare", with("by", "model")},
		{base + "/traces", with("limit", "20")},
		{base + "/traces/" + trace, with()},
		{base + "/sessions", with("limit", "20")},
		{base + "/senders", with()},
		{base + "/feedback", with()},
		{base + "/explain", with("metric", "latency")},
		{"/jaeger/api/services", url.Values{}},
		{"/jaeger/api/services/svc-0/operations", url.Values{}},
		{"/jaeger/api/traces", jaeger("service", "svc-0")},
		{"/jaeger/api/traces/" + trace, url.Values{}},
		{"/select/logsql/query", with("query", `{kind="call"} | stats by (service, request_model) count() calls, sum(input_tokens) tokens, max(duration) slowest | sort by (service, request_model)`)},
		{"/select/logsql/query", with("query", `{kind="log"} | fields _msg, service | sort by (_msg)`)},
		{"/select/logsql/hits", with("query", `{kind="call"}`, "step", "1m")},
		{"/select/logsql/field_values", with("query", `{kind="call"}`, "field", "request_model")},
		{"/select/logsql/streams", with("query", `{kind="call"}`)},
		{"/monitoring/models", url.Values{}},
	}
	// Counters begin with the process: their values, and what is made of them
	// without regard to time, agree.
	for _, expr := range []string{
		`sum by (service, model, status) (llm_requests_total)`,
		`sum by (model, type) (llm_tokens_total)`,
		`sum by (model) (llm_cost_usd_total)`,
		`sum by (error_type) (llm_errors_total)`,
		`sum by (model, le) (llm_request_duration_seconds_bucket)`,
		`histogram_quantile(0.9, sum by (model, le) (llm_request_duration_seconds_bucket))`,
		`sum by (gen_ai_token_type) (gen_ai_client_token_usage_sum)`,
		`max(sum by (model) (llm_tokens_total{type="input"}))`,
		`count(count by (service) (llm_requests_total))`,
	} {
		out = append(out, question{"/api/v1/query", url.Values{"query": {expr}}})
	}
	out = append(out,
		question{"/api/v1/label/model/values", url.Values{"match[]": {"llm_requests_total"}}},
		question{"/api/v1/labels", url.Values{"match[]": {"llm_requests_total"}}},
		question{"/api/v1/rules", url.Values{"type": {"alert"}}},
	)
	return out
}

// TestSameAnswers feeds a single process and a cluster with the same traces and
// logs, and asks both the same questions.
func TestSameAnswers(t *testing.T) {
	t.Parallel()
	stores := []string{"prometheus", "victoriametrics"}
	if testing.Short() {
		stores = []string{"pitot"}
	}
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			s := newStack(t, plan{captures: 3, queries: 1, store: store})
			single := singleProcess(t, s)
			feed(t, s, single)
			end := time.Now().Truncate(time.Second)
			compareAnswers(t, s, single, questions(end.Add(-40*time.Minute), end, hexID(16, "equal", "equal-7")), store)
		})
	}
}

// singleProcess is Pitot as one process, with everything embedded.
func singleProcess(t *testing.T, s *stack) *single {
	t.Helper()
	api, otlp := freeAddr(t), freeAddr(t)
	p := &proc{tb: t, name: "single process", addr: api, path: binary(t), ready: "/-/ready", args: []string{
		"serve", "--data", filepath.Join(s.dir, "single"), "--listen.api", api, "--listen.gateway", "127.0.0.1:0", "--listen.otlp-http", otlp, "--listen.otlp-grpc", "", "--log.level", "warn",
	}}
	return &single{p.start().up(), "http://" + otlp}
}

type single struct {
	*proc
	otlp string
}

// feed sends the same to both: every request to the one process, and in turn to
// one of the capture replicas.
func feed(t *testing.T, s *stack, one *single) {
	t.Helper()
	start := time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	for i := range 60 {
		body, _ := traceJSON("equal", i*10, 10, start)
		sendTraces(t, one.otlp, body)
		sendTraces(t, s.otlps[i%len(s.otlps)], body)
	}
	for i := range 20 {
		at := start.Add(time.Duration(i) * time.Second).UTC().Format(time.RFC3339Nano)
		body := fmt.Sprintf("{\"create\":{\"_index\":\"app\"}}\n{\"@timestamp\":%q,\"message\":\"line number %02d\",\"service\":{\"name\":\"svc-%d\"},\"log.level\":\"info\"}\n", at, i, i%3)
		for _, u := range []string{one.url(), s.captures[i%len(s.captures)].url()} {
			status, b, err := post(t, u+"/_bulk", "application/x-ndjson", []byte(body))
			if err != nil || status != http.StatusOK {
				t.Fatalf("bulk: %d %s %v", status, b, err)
			}
		}
	}
	q := url.Values{"query": {"sum(llm_requests_total)"}}
	testkit.EventuallyIn(t, long, "both have everything", func() bool {
		for _, u := range []string{one.url(), s.queries[0].url()} {
			_, b, err := get(t, u+"/api/v1/query?"+q.Encode())
			if err != nil || !strings.Contains(string(b), `"600"`) {
				return false
			}
			_, b, err = get(t, u+"/select/logsql/query?"+url.Values{"query": {`{kind in ("call","log")} | count() n`}, "start": {"2h"}}.Encode())
			if err != nil || !strings.Contains(string(b), `"620"`) {
				return false
			}
		}
		return true
	})
	s.settled()
}

func compareAnswers(t *testing.T, s *stack, one *single, qs []question, store string) {
	t.Helper()
	same := 0
	for _, q := range qs {
		a, errA := answer(t, one.url(), q)
		b, errB := answer(t, s.queries[0].url(), q)
		if errA != nil || errB != nil {
			t.Errorf("%s?%s: %v; %v", q.path, q.q.Encode(), errA, errB)
			continue
		}
		if d := cmp.Diff(a, b); d != "" {
			if len(d) > 1500 {
				d = d[:1500] + " ..."
			}
			t.Errorf("%s?%s: the cluster over %s (+) answers other than one process (-):\n%s", q.path, q.q.Encode(), store, d)
			continue
		}
		same++
	}
	t.Logf("%d of %d answers are the same", same, len(qs))
}

// answer asks a question and returns the answer without what no two processes
// have in common.
func answer(t *testing.T, base string, q question) (any, error) {
	t.Helper()
	status, b, err := get(t, base+q.path+"?"+q.q.Encode())
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("%d %s %w", status, b[:min(len(b), 300)], err)
	}
	if strings.HasPrefix(q.path, "/select/logsql/query") {
		var lines []string
		for l := range strings.Lines(string(b)) {
			lines = append(lines, strings.TrimSpace(l))
		}
		return lines, nil
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	return normal(v, q.path), nil
}

// volatile are fields that say when something was asked or by whom.
var volatile = []string{
	"next_cursor", "cursor", "stats", "duration_us", "took", "took_seconds", "generated", "generated_at", "last", "evaluationTime", "lastEvaluation",
	"instance", "warnings", "infos", "_stream_id", "processID", "lastError", "health", "activeAt", "alerts", "state",
}

// normal puts what has no order in one, rounds what was added up in another
// order, and leaves out what is volatile.
func normal(v any, path string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if slices.Contains(volatile, k) {
				continue
			}
			if k == "value" && strings.HasPrefix(path, "/api/v1/query") {
				if pair, ok := x.([]any); ok && len(pair) == 2 {
					out[k] = roundText(pair[1])
					continue
				}
			}
			out[k] = normal(x, path)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = normal(v[i], path)
		}
		if !strings.Contains(path, "/calls") && !strings.Contains(path, "/timeline") && !strings.Contains(path, "/hits") {
			slices.SortFunc(out, func(a, b any) int {
				x, _ := json.Marshal(a)
				y, _ := json.Marshal(b)
				return strings.Compare(string(x), string(y))
			})
		}
		return out
	case float64:
		return round(v)
	}
	return v
}

func round(f float64) float64 {
	if f == 0 {
		return 0
	}
	scale := math.Pow(10, 9-math.Ceil(math.Log10(math.Abs(f))))
	return math.Round(f*scale) / scale
}

func roundText(v any) any {
	var f float64
	if s, ok := v.(string); ok {
		if _, err := fmt.Sscan(s, &f); err == nil {
			return round(f)
		}
	}
	return v
}
