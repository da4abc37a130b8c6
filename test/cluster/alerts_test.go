//go:build unix

package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// hook is a channel that counts what it is told, by alert.
type hook struct {
	*httptest.Server
	mu    sync.Mutex
	fired map[string]int
}

func newHook(tb testing.TB) *hook {
	h := &hook{fired: map[string]int{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var m struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if json.Unmarshal(b, &m) != nil {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, a := range m.Alerts {
			h.fired[a.Status+" "+a.Labels["alertname"]]++
		}
	}))
	tb.Cleanup(h.Close)
	return h
}

func (h *hook) count(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fired[name]
}

// TestAlertsOnce: two query replicas evaluate the same rules, and people are told
// once; what recording rules make is written by one of them, and by the other
// when that is gone.
func TestAlertsOnce(t *testing.T) {
	t.Parallel()
	store := "prometheus"
	if upstream(store) == "" {
		store = "pitot"
	}
	h := newHook(t)
	dir := t.TempDir()
	rules := filepath.Join(dir, "rules.yml")
	pl := plan{captures: 2, queries: 2, store: store, extra: fmt.Sprintf(`prometheus:
  global: {evaluation_interval: 2s}
  rule_files: [%q]
alertmanager:
  route: {receiver: hook, group_wait: 1s, group_interval: 2s, repeat_interval: 1h, group_by: [alertname]}
  receivers: [{name: hook, webhook_configs: [{url: %q, send_resolved: true}]}]
alerts: {cluster: GOSSIP}
`, rules, h.URL)}
	writeFile(t, rules, `groups:
- name: cluster-test
  rules:
  - {record: "test:requests:sum", expr: "sum(llm_requests_total)"}
  - {alert: TooManyCalls, expr: "sum(llm_requests_total) > 5", labels: {severity: warning}}
`)
	s := newStack(t, pl)
	for i := range 12 {
		if err := call(t.Context(), s.gateways[i%2], "alerts", fmt.Sprint(i), 0); err != nil {
			t.Fatal(err)
		}
	}
	testkit.EventuallyIn(t, long, "the alert is told", func() bool { return h.count("firing TooManyCalls") > 0 })
	// Both replicas have it firing for a while: a second notification would come
	// within peer_wait.
	pause(t, 12*time.Second)
	if n := h.count("firing TooManyCalls"); n != 1 {
		t.Errorf("the alert was told %d times", n)
	}
	for i, q := range s.queries {
		var v struct {
			Data struct {
				Alerts []struct{ Labels map[string]string }
			}
		}
		if err := json.Unmarshal(mustGet(t, q.url()+"/api/v1/alerts"), &v); err != nil || len(v.Data.Alerts) == 0 {
			t.Errorf("query replica %d has no alert: %v", i, err)
		}
	}
	recorded := func() string {
		return string(s.api("/api/v1/query", url.Values{"query": {"count(test:requests:sum)"}}))
	}
	testkit.EventuallyIn(t, long, "one series is recorded", func() bool { return contains(recorded(), `"1"`) })
	// Samples come at the rate of one writer.
	samples := func() float64 {
		return number(s.api("/api/v1/query", url.Values{"query": {"sum(count_over_time(test:requests:sum[20s]))"}}))
	}
	pause(t, 8*time.Second)
	if n := samples(); n < 5 || n > 11 {
		t.Errorf("%v samples in 20 s at one every 2 s", n)
	}
	// The first of them goes: the other takes over.
	s.queries[1], s.queries[0] = s.queries[0], s.queries[1]
	s.queries[1].Kill()
	pause(t, 25*time.Second)
	if n := samples(); n < 4 {
		t.Errorf("%v samples in 20 s after one replica was killed", n)
	}
	if n := h.count("firing TooManyCalls"); n != 1 {
		t.Errorf("the alert was told %d times after one replica was killed", n)
	}
}

// TestBudgetBound: a hard budget over three replicas is passed by no more than
// what they admit between two readings of each other's spending.
func TestBudgetBound(t *testing.T) {
	t.Parallel()
	// A call costs 1,000 × 2.5 $ + 100 × 10 $ a million = 0.0035 $.
	const costOfCall, limit, perSecond = 0.0035, 0.35, 20
	const share = 2 * time.Second
	s := newStack(t, plan{
		captures: 3, queries: 1, store: "pitot", cluster: ", share_every: " + share.String(),
		extra: fmt.Sprintf("budgets:\n  - {name: all, limit: %v, period: day, enforce: hard}\n", limit),
	})
	run := hexID(4, t.Name())
	l := startLoad(t, run, s.gateways, perSecond, 0, nil)
	testkit.EventuallyIn(t, long, "the budget is spent", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.failed) > 3*perSecond
	})
	done := l.stop()
	spent := float64(len(done)) * costOfCall
	// A reading, plus the way of a call into the store and until it shows there.
	bound := limit + (share.Seconds()+3)*perSecond*costOfCall
	t.Logf("limit $%.3f, spent $%.3f by %d calls, bound $%.3f; without sharing it would be $%.3f", limit, spent, len(done), bound, 3*limit)
	if spent < limit*0.95 || spent > bound {
		t.Errorf("spent $%.4f; want between %.4f and %.4f", spent, limit, bound)
	}
	// The query replica knows the sum as well.
	testkit.EventuallyIn(t, long, "the query replica shows what was spent", func() bool {
		var v struct{ Budgets []struct{ Spent float64 } }
		b := s.api("/api/pitot/v1/budgets", url.Values{})
		return json.Unmarshal(b, &v) == nil && len(v.Budgets) == 1 && round(v.Budgets[0].Spent) == round(spent)
	})
}
