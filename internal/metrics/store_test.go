package metrics

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/pitot-dev/pitot/internal/llm"
)

// traffic fills a store with ten minutes of Calls, a scrape each 5 s, and
// returns the time of the last one.
func traffic(t testing.TB, m *Metrics) time.Time {
	t.Helper()
	end := time.Now().Truncate(time.Second)
	now := end.Add(-10 * time.Minute)
	m.catalogue.now = func() time.Time { return now }
	m.catalogue.CallStarted("checkout", "openai", "gpt-x", "chat")
	for i := 0; !now.After(end); i++ {
		now = now.Add(2 * time.Second)
		m.catalogue.ObserveCall(streamCall("gpt-x", i))
		m.catalogue.ObserveCall(unaryCall())
		if i%10 == 0 {
			m.catalogue.ObserveCall(failedCall("gpt-x"))
			m.catalogue.ObserveFeedback(Feedback{Service: "checkout", Model: "gpt-x", Label: "thumbs_up", Score: llm.Some(0.9)})
		}
		now = now.Add(3 * time.Second)
		m.self.scrape(now)
	}
	return now
}

func TestQueriesOfTheFieldReturnSeries(t *testing.T) {
	m := openStore(t)
	// What comes from elsewhere: GPUs, and a process over its limit.
	gpu := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "llm_gpu_utilization_percent", Help: "x"}, []string{"gpu_id"})
	gpu.WithLabelValues("0").Set(12)
	m.Registerer().MustRegister(gpu)
	big := newFamilyAppender(labels.FromStrings("job", "app", "instance", "app:1"))
	at := traffic(t, m)
	store(t, m, big, gaugeFamily("process_resident_memory_bytes", 2<<30), at)

	f, err := os.Open("testdata/queries.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		expr := lines.Text()
		if expr == "" || expr[0] == '#' {
			continue
		}
		if len(query(t, m, expr, at)) == 0 {
			t.Errorf("%s: no series", expr)
		}
		if r, err := m.QueryRange(t.Context(), expr, at.Add(-2*time.Minute), at, 15*time.Second); err != nil || len(r.Series) == 0 {
			t.Errorf("%s over a range: %d series, %v", expr, len(r.Series), err)
		}
	}
}

// TestNumbersAreTrue compares what PromQL says with what was sent.
func TestNumbersAreTrue(t *testing.T) {
	m := openStore(t)
	at := traffic(t, m)
	near := func(expr string, want, tolerance float64) {
		t.Helper()
		if got := value1(t, m, expr, at); math.IsNaN(got) || math.Abs(got-want) > tolerance*want {
			t.Errorf("%s is %v, want %v", expr, got, want)
		}
	}
	near(`sum(rate(llm_requests_total[5m]))`, 0.2+0.2+0.02, 0.02)
	near(`sum(rate(llm_requests_total{status="error"}[5m])) / sum(rate(llm_requests_total[5m]))`, 0.02/0.42, 0.05)
	near(`sum(rate(llm_tokens_total{type=~"input|output"}[5m]))`, 0.2*(120+11+900), 0.02)
	near(`sum(rate(llm_tokens_usage_total[5m]))`, 0.2*(120+11+900), 0.02)
	near(`rate(llm_operation_duration_seconds_sum{service="indexer"}[5m]) / rate(llm_operation_duration_seconds_count{service="indexer"}[5m])`, 0.08, 0.001)
	near(`llm_active_requests`, 1, 0)
	// Classic buckets interpolate within 1 to 2 s; native ones know better.
	near(`histogram_quantile(0.5, rate(llm_request_duration_seconds_bucket{service="checkout"}[5m]))`, 1.5, 0.1)
	near(`histogram_quantile(0.5, rate(llm_request_duration_seconds{service="checkout"}[5m]))`, 1.3, 0.05)
	near(`histogram_count(rate(llm_inter_token_latency_seconds[5m]))`, 0.2*9, 0.02)
}

// TestFirstIncrementIsSeen: without a zero sample at its start, the first event
// of a series is no increase.
func TestFirstIncrementIsSeen(t *testing.T) {
	m := openStore(t)
	now := time.Now().Truncate(time.Second)
	m.self.scrape(now)
	m.catalogue.now = func() time.Time { return now.Add(3 * time.Second) }
	m.catalogue.ObserveCall(failedCall("m"))
	for i := 1; i <= 3; i++ {
		m.self.scrape(now.Add(time.Duration(5*i) * time.Second))
	}
	if got := value1(t, m, `increase(llm_errors_total[15s])`, now.Add(15*time.Second)); got < 0.9 {
		t.Errorf("the increase is %v, want about 1", got)
	}
	if got := value1(t, m, `histogram_count(increase(llm_request_duration_seconds[15s]))`, now.Add(15*time.Second)); got < 0.9 {
		t.Errorf("the increase of the native histogram is %v, want about 1", got)
	}
}

func TestGoneSeriesAreStale(t *testing.T) {
	m := openStore(t)
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "pitot_test", Help: "x"})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "pitot_test_hist", Help: "x", NativeHistogramBucketFactor: 1.1})
	h.Observe(1)
	m.Registerer().MustRegister(g, h)
	now := time.Now().Truncate(time.Second)
	m.self.scrape(now)
	for _, name := range []string{"pitot_test", "pitot_test_hist"} {
		if n := len(query(t, m, name, now)); n != 1 {
			t.Fatalf("%s: %d series, want 1", name, n)
		}
	}
	m.registry.Unregister(g)
	m.registry.Unregister(h)
	m.self.scrape(now.Add(time.Second))
	for _, name := range []string{"pitot_test", "pitot_test_hist", "pitot_test_hist_count"} {
		if n := len(query(t, m, name, now.Add(time.Second))); n != 0 {
			t.Errorf("%s: %d series after it has gone, want 0", name, n)
		}
	}
}

func TestExemplarsAreStored(t *testing.T) {
	m := openStore(t)
	at := traffic(t, m)
	srv := serve(t, m.Handler())
	for _, q := range []string{
		`histogram_quantile(0.95, sum by (le) (rate(llm_request_duration_seconds_bucket[5m])))`,
		`llm_request_duration_seconds`,
		`llm_time_to_first_token_seconds_bucket`,
	} {
		var got struct {
			Data []struct {
				Exemplars []struct {
					Labels map[string]string
					Value  string
				}
			}
		}
		getJSON(t, srv.URL+"/api/v1/query_exemplars", url.Values{
			"query": {q}, "start": {unix(at.Add(-5 * time.Minute))}, "end": {unix(at)},
		}, &got)
		n := 0
		for _, s := range got.Data {
			for _, e := range s.Exemplars {
				if len(e.Labels["trace_id"]) == 32 {
					n++
				}
			}
		}
		if n < 10 {
			t.Errorf("%s: %d exemplars with a trace id", q, n)
		}
	}
}

func TestRestartKeepsData(t *testing.T) {
	o := testOptions(t)
	m, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first scrape", func() bool { return m.self.snapshot().samples > 0 })
	m.catalogue.ObserveCall(streamCall("m", 1)) // after the scrape: stored by Close
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
	if err := m.Reload(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("reload after close: %v", err)
	}
	at := time.Now()
	again := openStore(t, func(n *Options) { n.Dir = o.Dir })
	if got := value1(t, again, `llm_requests_total{status="success"}`, at); got != 1 {
		t.Errorf("the store has %v requests, want 1", got)
	}
	if _, newest, ok := again.Range(); !ok || at.Sub(newest) > time.Minute {
		t.Errorf("newest sample is of %v, %v", newest, ok)
	}
}

// TestKillKeepsCommitted kills a process after it has said what is committed.
func TestKillKeepsCommitted(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n, at := 0, int64(0)
	for lines := bufio.NewScanner(out); n < 15 && lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "committed %d %d", &n, &at); err != nil {
			t.Fatalf("child says %q", lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	m := openStore(t, func(o *Options) { o.Dir = dir })
	if got := value1(t, m, `llm_requests_total{status="success"}`, time.UnixMilli(at)); got != float64(n) {
		t.Errorf("%v requests are there as of the last commit, want %d", got, n)
	}
	if got := value1(t, m, `histogram_count(llm_request_duration_seconds)`, time.UnixMilli(at)); got != float64(n) {
		t.Errorf("the native histogram has %v observations, want %d", got, n)
	}
}

func TestBackfill(t *testing.T) {
	m := openStore(t)
	end := time.Now().Truncate(time.Second)
	start := end.Add(-6 * time.Hour)
	b, err := m.Backfill(start, end, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for at := range b.Times {
		for k := range 3 {
			c := streamCall("gpt-x", i)
			c.Time = at.Add(-time.Duration(20*(3-k)) * time.Second)
			b.ObserveCall(c)
			i++
		}
		if err := b.Commit(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	if b.Rejected() != 0 {
		t.Errorf("%d samples were refused", b.Rejected())
	}
	// Live data goes on with the same series.
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	m.catalogue.ObserveCall(streamCall("gpt-x", 0))
	m.self.scrape(time.Now().Add(time.Second))
	m.catalogue.ObserveCall(streamCall("gpt-x", 0))
	m.self.scrape(time.Now().Add(2 * time.Second))
	live := time.Now().Add(2 * time.Second)
	if n := m.self.snapshot().rejected; n != 0 {
		t.Errorf("%d live samples were refused after the backfill", n)
	}
	if got := value1(t, m, `increase(llm_requests_total{status="success"}[6h])`, live); math.Abs(got-float64(i+2)) > 0.02*float64(i) {
		t.Errorf("the increase over all is %v, want %d", got, i+2)
	}
	r, err := m.QueryRange(t.Context(), `histogram_quantile(0.9, sum(rate(llm_request_duration_seconds[5m])))`, start.Add(10*time.Minute), end, 10*time.Minute)
	if err != nil || len(r.Series) != 1 || len(r.Series[0].Points) < 34 {
		t.Errorf("the native histogram over 6 h: %v, %v", r.Series, err)
	}
	if _, err := m.Backfill(start, end, time.Minute); err == nil {
		t.Error("a started store can be backfilled")
	}
}

// TestBackfillAfterRestart must leave what is there alone.
func TestBackfillAfterRestart(t *testing.T) {
	m := openStore(t)
	now := time.Now().Truncate(time.Second)
	m.catalogue.ObserveCall(streamCall("gpt-x", 1))
	m.self.scrape(now.Add(-time.Hour))
	b, err := m.Backfill(now.Add(-6*time.Hour), now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Add(-time.Hour); b.Start().Before(want) {
		t.Errorf("history starts at %v, before the newest sample of %v", b.Start(), want)
	}
	if _, err := m.Backfill(now.Add(-6*time.Hour), now.Add(-2*time.Hour), time.Minute); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a time that is full: %v", err)
	}
	if _, err := m.Backfill(now, now, time.Minute); err == nil {
		t.Error("no time can be filled")
	}
}

func TestQueryErrors(t *testing.T) {
	m := openStore(t)
	if _, err := m.Query(t.Context(), "rate(", time.Now()); err == nil || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("a bad expression: %v", err)
	}
	now := time.Now()
	if _, err := m.QueryRange(t.Context(), "up", now, now.Add(-time.Hour), time.Minute); err == nil {
		t.Error("an end before the start")
	}
	if _, err := m.QueryRange(t.Context(), "up", now, now, 0); err == nil {
		t.Error("no step")
	}
	if err := CheckExpr("sum("); err == nil {
		t.Error("CheckExpr accepts a bad expression")
	}
	r, err := m.Query(t.Context(), `1 + 1`, now)
	if err != nil || r.Type != "scalar" || r.Series[0].Points[0].Value != 2 {
		t.Errorf("1 + 1 is %v, %v", r, err)
	}
	if r, err := m.Query(t.Context(), `"x"`, now); err != nil || r.Text != "x" {
		t.Errorf("a string is %v, %v", r, err)
	}
}

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	for name, k := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no directory": {func(o *Options) { o.Dir = "" }, "storage.dir"},
		"config":       {func(o *Options) { o.Config = []byte("scrape_config: []") }, "line 1"},
		"rules": {func(o *Options) {
			o.Rules = []RuleFile{{Name: "x", Content: []byte("groups: [{name: g, rules: [{record: 'a', expr: 'sum('}]}]")}}
		}, "x: "},
		"url": {func(o *Options) { o.ExternalURL = "http://[" }, "external URL"},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			k.change(&o)
			m, err := Open(t.Context(), o)
			if err == nil {
				m.Close()
				t.Fatal("it opens")
			}
			if !strings.Contains(err.Error(), k.want) {
				t.Errorf("%v, want %q", err, k.want)
			}
		})
	}
}

func unix(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// getJSON gets a page of the API that must succeed.
func getJSON(t testing.TB, page string, params url.Values, into any) {
	t.Helper()
	resp, err := http.Get(page + "?" + params.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s: %s", page, resp.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("GET %s: %v: %s", page, err, body)
	}
}

func BenchmarkSelfScrape(b *testing.B) {
	m := openStore(b)
	for i := range 100 {
		m.catalogue.ObserveCall(streamCall(fmt.Sprintf("m%d", i), i))
	}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(5 * time.Second)
		m.self.scrape(now)
	}
	b.ReportMetric(float64(m.self.snapshot().samples), "samples/scrape")
}

// BenchmarkOpen is the part of a start that waits for an empty store.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		o := testOptions(b)
		m, err := Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		if err := m.Start(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
