//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// question is a request whose answer must survive a backup.
type question struct {
	path string
	q    url.Values
}

// questions are those about what happened between two moments.
func questions(start, end time.Time) []question {
	r := func(kv ...string) url.Values {
		q := url.Values{"start": {start.Format(time.RFC3339Nano)}, "end": {end.Format(time.RFC3339Nano)}}
		for i := 0; i+1 < len(kv); i += 2 {
			q.Set(kv[i], kv[i+1])
		}
		return q
	}
	at := func(expr string) url.Values {
		return url.Values{"query": {expr}, "time": {end.Format(time.RFC3339Nano)}}
	}
	const own = "/api/pitot/v1"
	return []question{
		{own + "/calls", r("limit", "1000", "service", "before")},
		{own + "/summary", r("service", "before")},
		{own + "/costs", r("by", "service,user,model")},
		{own + "/models", r("service", "before")},
		{own + "/facets", r("service", "before")},
		{own + "/sessions", r("service", "before")},
		{own + "/timeline", r("service", "before", "step", "10s")},
		{own + "/feedback", r()},
		{"/jaeger/api/services/before/operations", nil},
		{own + "/traces", r("service", "before", "limit", "100")},
		{"/select/logsql/query", r("query", `{kind="log"} | fields _time, _msg, id | sort by (_time, id)`)},
		{"/select/logsql/query", r("query", `{kind="call",service="before"} | fields id, user, session, cost.usd, input, output | sort by (id)`)},
		{"/api/v1/query", at(`sum by (service, model, method, status) (llm_requests_total{service="before"})`)},
		{"/api/v1/query", at(`sum by (type) (llm_tokens_total{service="before"})`)},
		{"/api/v1/query", at(`sum(llm_cost_usd_total{service="before"})`)},
		{"/api/v1/query", at(`histogram_quantile(0.9, sum by (le) (llm_request_duration_seconds_bucket{service="before"}))`)},
	}
}

// answers asks all of them.
func answers(s *server, qs []question) map[string]string {
	s.tb.Helper()
	out := map[string]string{}
	for _, q := range qs {
		status, body := s.get(q.path, q.q)
		if status != http.StatusOK {
			s.tb.Fatalf("GET %s: status %d: %s", withQuery(q.path, q.q), status, body)
		}
		var v any
		if json.Unmarshal([]byte(body), &v) == nil {
			if strings.HasPrefix(q.path, "/api/v1/") {
				sortResult(v) // PromQL promises no order
			}
			b, err := json.MarshalIndent(rounded(v), "", " ")
			if err != nil {
				s.tb.Fatal(err)
			}
			body = string(b)
		}
		body = costs.ReplaceAllStringFunc(body, roundedCost)
		out[withQuery(q.path, q.q)] = body
	}
	return out
}

// costs are those in rows of LogsQL. The engine stores decimal fractions as numbers
// or as text, depending on the others of a block, and reads the former back to within
// the last digit.
var costs = regexp.MustCompile(`"cost\.usd":"[^"]*"`)

func roundedCost(field string) string {
	f, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(field, `"cost.usd":"`), `"`), 64)
	if err != nil {
		return field
	}
	return `"cost.usd":"` + strconv.FormatFloat(f, 'g', 12, 64) + `"`
}

// rounded rounds numbers to 12 digits: the engine adds up in the order of its
// files, which a merge changes, and with it the last digits of a sum.
func rounded(v any) any {
	switch x := v.(type) {
	case float64:
		f, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 12, 64), 64)
		if err != nil {
			return x
		}
		return f
	case []any:
		for i := range x {
			x[i] = rounded(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = rounded(x[k])
		}
	}
	return v
}

// sortResult brings the series of an answer into an order.
func sortResult(v any) {
	data, _ := v.(map[string]any)["data"].(map[string]any)
	result, _ := data["result"].([]any)
	slices.SortFunc(result, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// sendKnown sends the calls, logs and judgements that the questions are about.
func sendKnown(t *testing.T, s *server) {
	t.Helper()
	for i := range 40 {
		status, body := s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`,
			"X-Pitot-Service", "before", "X-Pitot-User", fmt.Sprint("u", i%5), "X-Pitot-Session", fmt.Sprint("known-", i%8),
			"X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Tokens", fmt.Sprint(5+i), "X-Fake-Delay", "5ms")
		if status != http.StatusOK {
			t.Fatalf("call %d: status %d: %s", i, status, body)
		}
	}
	var bulk strings.Builder
	for i := range 30 {
		fmt.Fprintf(&bulk, "{\"create\":{}}\n{\"@timestamp\":%q,\"message\":\"line %d of the log\",\"service.name\":\"before\"}\n", time.Now().UTC().Format(time.RFC3339Nano), i)
	}
	status, body, err := s.try(http.MethodPost, s.api+"/logs/_bulk", strings.NewReader(bulk.String()), "Content-Type", "application/x-ndjson")
	if err != nil || status != http.StatusOK {
		t.Fatalf("bulk: %v %d %s", err, status, body)
	}
	known := s.waitCalls(40, url.Values{"service": {"before"}})
	status, body, err = s.try(http.MethodPost, s.api+"/api/pitot/v1/feedback", strings.NewReader(fmt.Sprintf(`{"call_id":%q,"name":"helpful","score":0.5}`, known[0].ID)))
	if err != nil || status != http.StatusOK {
		t.Fatalf("feedback: %v %d %s", err, status, body)
	}
	silence := fmt.Sprintf(`{"matchers":[{"name":"alertname","value":"Known","isRegex":false,"isEqual":true}],"startsAt":%q,"endsAt":%q,"createdBy":"test","comment":"kept"}`,
		time.Now().UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	status, body, err = s.try(http.MethodPost, s.api+"/alertmanager/api/v2/silences", strings.NewReader(silence))
	if err != nil || status != http.StatusOK {
		t.Fatalf("silence: %v %d %s", err, status, body)
	}
}

// silences are those in force, without what changes by itself.
func silences(s *server) []string {
	s.tb.Helper()
	var all []struct {
		ID      string `json:"id"`
		Comment string `json:"comment"`
	}
	s.getJSON("/alertmanager/api/v2/silences", nil, &all)
	var out []string
	for _, x := range all {
		out = append(out, x.ID+" "+x.Comment)
	}
	return out
}

// spent are the accounts of the budgets.
func spent(s *server) string {
	s.tb.Helper()
	var r struct {
		Budgets []struct {
			Name  string  `json:"name"`
			Spent float64 `json:"spent"`
			Calls int64   `json:"calls"`
		} `json:"budgets"`
	}
	s.getJSON("/api/pitot/v1/budgets", nil, &r)
	b, err := json.Marshal(r)
	if err != nil {
		s.tb.Fatal(err)
	}
	return string(b)
}

// TestBackupWhileServing makes backups under load, restores one elsewhere, and
// asks the same questions of both servers. What was accepted before the backup
// began is there once.
func TestBackupWhileServing(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{TruthSize: 1 << 17})
	config := upstreamConfig(up.url) + "budgets:\n  - {name: all, limit: 1000, unit: tokens, period: month, scope: {service: before}}\n"
	s := serve(t, setup{config: config}).ready()
	start := time.Now().Add(-time.Second).Truncate(time.Second).UTC()
	sendKnown(t, s)
	s.waitPromQL(`sum(llm_requests_total{service="before"})`, 40)
	end := time.Now().UTC()

	l := startLoad(t, s.gateway, "load")
	testkit.Eventually(t, "the load runs", func() bool { return l.done.Load() > 200 })
	qs := questions(start, end)
	// Judgements of the calls may still be on their way.
	var want map[string]string
	testkit.Eventually(t, "the answers stand still", func() bool {
		last := want
		n := l.done.Load()
		want = answers(s, qs)
		testkit.Eventually(t, "the load goes on", func() bool { return l.done.Load() > n+20 })
		return cmp.Equal(last, want)
	})
	wantSilences, wantSpent := silences(s), spent(s)
	repo := filepath.Join(t.TempDir(), "backups")
	var restoredID string
	certain := map[string]bool{}
	for i := range 3 {
		if i == 1 {
			testkit.Eventually(t, "some calls are certain", func() bool {
				l.mu.Lock()
				defer l.mu.Unlock()
				return slices.ContainsFunc(l.finished, func(f finished) bool { return f.at.Before(time.Now().Add(-certainAfter)) })
			})
		}
		begun := time.Now()
		out, stderr, code := pitot(t, nil, "backup", repo, "--server", s.api, "--json")
		if code != 0 {
			t.Fatalf("backup %d: %s%s", i, out, stderr)
		}
		var m struct {
			ID         string `json:"id"`
			Bytes      int64  `json:"bytes"`
			AddedBytes int64  `json:"added_bytes"`
		}
		if err := json.Unmarshal([]byte(out), &m); err != nil {
			t.Fatal(err)
		}
		t.Logf("backup %d: %d bytes, %d new, in %v", i, m.Bytes, m.AddedBytes, time.Since(begun))
		if i == 1 {
			restoredID = m.ID
			l.mu.Lock()
			for _, f := range l.finished {
				if f.at.Before(begun.Add(-certainAfter)) {
					certain[f.session] = true
				}
			}
			l.mu.Unlock()
		}
	}
	if _, failed := l.end(); len(failed) > 0 {
		t.Errorf("%d calls failed while backups were made: %v", len(failed), failed[0])
	}
	if left, err := filepath.Glob(filepath.Join(s.data, "snapshots", "*")); err != nil || len(left) > 0 {
		t.Errorf("snapshots were left: %v, %v", left, err)
	}
	if out, stderr, code := pitot(t, nil, "backup", "verify", repo, "--all"); code != 0 {
		t.Fatalf("verify: %s%s", out, stderr)
	}
	if _, stderr, code := pitot(t, nil, "restore", repo, "--data", s.data); code == 0 || !strings.Contains(stderr, "a server runs") {
		t.Errorf("restore over a running server: %d %s", code, stderr)
	}
	s.stop()
	if _, stderr, code := pitot(t, nil, "restore", repo, "--data", s.data); code == 0 || !strings.Contains(stderr, "not empty") {
		t.Errorf("restore over data: %d %s", code, stderr)
	}
	data := filepath.Join(t.TempDir(), "restored")
	if out, stderr, code := pitot(t, nil, "restore", repo, "--data", data, "--id", restoredID); code != 0 {
		t.Fatalf("restore: %s%s", out, stderr)
	}

	r := serve(t, setup{config: config, data: data}).ready()
	testkit.Eventually(t, "the restored journal is stored", func() bool { return r.ledger("gateway").InFlight == 0 })
	if diff := cmp.Diff(want, answers(r, qs)); diff != "" {
		t.Errorf("the restored server answers otherwise (-before +restored):\n%s", diff)
	}
	if diff := cmp.Diff(wantSilences, silences(r)); diff != "" {
		t.Errorf("silences (-before +restored):\n%s", diff)
	}
	testkit.Eventually(t, "the budget is as it was: "+wantSpent, func() bool { return spent(r) == wantSpent })
	seen := map[string]int{}
	for _, c := range r.calls(url.Values{"service": {"crash"}, "start": {start.Format(time.RFC3339)}}) {
		seen[c.Session]++
	}
	for session, n := range seen {
		if n > 1 {
			t.Errorf("the call of session %s is there %d times", session, n)
		}
	}
	missing := 0
	for session := range certain {
		if seen[session] == 0 {
			missing++
		}
	}
	t.Logf("%d calls were certain before the backup, %d are in it", len(certain), len(seen))
	if missing > 0 || len(certain) == 0 {
		t.Errorf("%d of %d calls that were accepted before the backup are missing", missing, len(certain))
	}
	r.ledger("gateway") // it balances
	// A restored server takes calls.
	if status, body := r.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Fake-Status", "200"); status != http.StatusOK {
		t.Errorf("a call through the restored server: %d %s", status, body)
	}
	r.stop()

	// A stopped server's directory can be backed up, too; its journal and metrics
	// are then copied as they are.
	if out, stderr, code := pitot(t, nil, "backup", repo, "--data", data); code != 0 {
		t.Fatalf("backup of a stopped server: %s%s", out, stderr)
	}
	again := filepath.Join(t.TempDir(), "again")
	if out, stderr, code := pitot(t, nil, "restore", repo, "--data", again); code != 0 {
		t.Fatalf("restore: %s%s", out, stderr)
	}
	r = serve(t, setup{config: config, data: again}).ready()
	if diff := cmp.Diff(want, answers(r, qs)); diff != "" {
		t.Errorf("the server restored from a stopped one answers otherwise:\n%s", diff)
	}
	r.stop()
}

// TestNewerDataIsRefused starts a server on a directory that a newer one made.
func TestNewerDataIsRefused(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	name := filepath.Join(data, "pitot-data.json")
	write(t, name, `{"format":"pitot-data","version":2,"created":"2030-01-01T00:00:00Z","pitot":"9.0"}`)
	_, stderr, code := pitot(t, nil, "serve", "--data", data, "--listen.api", "127.0.0.1:0", "--listen.gateway", "127.0.0.1:0", "--listen.otlp-grpc=", "--listen.otlp-http=")
	if code == 0 || !strings.Contains(stderr, "format 2, made by Pitot 9.0") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	entries, err := os.ReadDir(data)
	if err != nil || len(entries) != 1 {
		t.Errorf("it was touched: %v, %v", entries, err)
	}
}
