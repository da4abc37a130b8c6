package pitot

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
)

// What Pitot's own server makes of the SDK's metrics.

func openServer(t *testing.T, config string) *metrics.Metrics {
	t.Helper()
	m, err := metrics.Open(t.Context(), metrics.Options{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), ScrapeInterval: 50 * time.Millisecond, Config: []byte(config),
		ExternalURL: "http://127.0.0.1:4400", Version: "0.0.0-test",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

// sdkProgram is a program with the SDK whose metrics can be taken as OTLP.
type sdkProgram struct {
	*core
	reader *sdkmetric.ManualReader
}

func newSDKProgram(t *testing.T, opts ...Option) *sdkProgram {
	t.Helper()
	s := defaultSettings()
	if err := s.apply(opts); err != nil {
		t.Fatal(err)
	}
	gaps := newGapHistograms(s.newNames)
	p := &sdkProgram{reader: sdkmetric.NewManualReader(sdkmetric.WithProducer(gaps))}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader), sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "checkout"))))
	var err error
	if p.core, err = newCore(s, providers{metrics: mp, reader: p.reader, gaps: gaps}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := p.meters.close(ctx); err != nil {
			t.Error(err)
		}
		_ = mp.Shutdown(ctx)
	})
	return p
}

// send gives the metrics to a server as the OTLP exporter writes them.
func (p *sdkProgram) send(t *testing.T, to *metrics.Metrics) {
	t.Helper()
	// Two exports never have the same millisecond, which is what a store of metrics
	// tells samples apart by.
	for last := time.Now().UnixMilli(); time.Now().UnixMilli() == last; {
		runtime.Gosched()
	}
	var rm metricdata.ResourceMetrics
	if err := p.reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	b, _ := pbMetrics(nil, &rm)
	req := pmetricotlp.NewExportRequest()
	if err := req.UnmarshalProto(b); err != nil {
		t.Fatal(err)
	}
	md := pmetric.NewMetrics()
	req.Metrics().CopyTo(md)
	if err := to.WriteOTLP(t.Context(), md); err != nil {
		t.Fatal(err)
	}
}

func serverValue(t *testing.T, m *metrics.Metrics, expr string) (float64, bool) {
	t.Helper()
	r, err := m.Query(t.Context(), expr, time.Now())
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	if len(r.Series) != 1 || len(r.Series[0].Points) != 1 {
		return 0, false
	}
	return r.Series[0].Points[0].Value, true
}

func waitFor(t *testing.T, m *metrics.Metrics, expr string, want float64) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		got, ok := serverValue(t, m, expr)
		if ok && got > want*0.999 && got < want*1.001 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Errorf("%s is %v (%v), want %v", expr, got, ok, want)
			return
		}
	}
}

// sdkCall is a call as the server sees it from its span.
func sdkCall(i int) *llm.Call {
	c := streamed()
	c.ID, c.Service, c.Source = fmt.Sprint("call", i), "checkout", llm.SourceSDK
	return c
}

// TestServerCountsOnce: with spans and metrics of the same calls the server's
// families count each call once, whichever names the metrics have.
func TestServerCountsOnce(t *testing.T) {
	for _, newNames := range []bool{false, true} {
		t.Run(fmt.Sprint("newNames=", newNames), func(t *testing.T) {
			m := openServer(t, "")
			p := newSDKProgram(t, func(s *settings) error { s.newNames = newNames; return nil }, WithPrices(func(CallInfo) (float64, bool) { return 0.5, true }))
			const n = 5
			for round := range 3 {
				for i := range n {
					c := sdkCall(round*n + i)
					p.observe(t.Context(), c, 0)
					m.Catalogue().ObserveCall(c)
				}
				p.send(t, m)
			}
			for expr, want := range map[string]float64{
				`sum(llm_requests_total{service="checkout"})`:                          3 * n,
				`sum(llm_tokens_total{service="checkout",type="output"})`:              3 * n * 31,
				`sum(llm_cost_usd_total{service="checkout"})`:                          3 * n * 0.5,
				`sum(llm_request_duration_seconds_count{service="checkout"})`:          3 * n,
				`sum(gen_ai_client_operation_duration_seconds_count)`:                  3 * n,
				`sum(sender_llm_requests_total{service_name="checkout"})`:              3 * n,
				`sum(sender_llm_request_duration_seconds_count)`:                       3 * n,
				`sum(sender_llm_inter_token_latency_seconds_count)`:                    3 * n * 2,
				`sum(process_resident_memory_bytes{service_name="checkout"}) > bool 0`: 1,
			} {
				waitFor(t, m, expr, want)
			}
		})
	}
}

// TestServerTakesMetricsAlone: of a program that sends no spans the server takes
// the numbers over.
func TestServerTakesMetricsAlone(t *testing.T) {
	m := openServer(t, "")
	p := newSDKProgram(t)
	p.observe(t.Context(), failed("timeout"), 0)
	p.send(t, m)
	const n = 7
	for i := range n {
		p.observe(t.Context(), sdkCall(i), 0)
	}
	p.send(t, m)
	for expr, want := range map[string]float64{
		`sum(llm_requests_total{service="checkout",status="success"})`:     n,
		`sum(llm_requests_total{service="checkout",status="error"})`:       1,
		`sum(llm_errors_total{service="checkout",error_type="timeout"})`:   1,
		`sum(llm_tokens_total{service="checkout",type="input"})`:           100 * n,
		`sum(llm_tokens_total{service="checkout",type="cache_read"})`:      40 * n,
		`sum(llm_request_duration_seconds_count{service_name="checkout"})`: n + 1,
	} {
		waitFor(t, m, expr, want)
	}
}

// TestServerScrapes: Pitot scrapes the program, in whichever format it prefers.
func TestServerScrapes(t *testing.T) {
	p := newSDKProgram(t)
	c := sdkCall(1)
	c.TraceID = strings.Repeat("a", 32)
	p.observe(t.Context(), c, 0)
	srv := httptest.NewServer(http.HandlerFunc(p.serveMetrics))
	defer srv.Close()
	target := strings.TrimPrefix(srv.URL, "http://")
	m := openServer(t, "scrape_configs: [{job_name: app, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{targets: ['"+target+"']}]}]")
	for expr, want := range map[string]float64{
		`llm_requests_total{job="app",service="checkout",model="gpt-x",method="chat",provider="openai",status="success"}`: 1,
		`llm_tokens_total{job="app",type="output"}`:                          31,
		`llm_request_duration_seconds_bucket{job="app",le="2.0"}`:            1,
		`gen_ai_client_token_usage_sum{job="app",gen_ai_token_type="input"}`: 100,
		`target_info{job="app",service_name="checkout"}`:                     1,
		`up{job="app"}`: 1,
		`process_resident_memory_bytes{job="app"} > bool 1e6`: 1,
	} {
		waitFor(t, m, expr, want)
	}
}

// TestFamiliesAreTheServers: the program's families have the names, types, labels
// and buckets of the server's.
func TestFamiliesAreTheServers(t *testing.T) {
	p := newSDKProgram(t, WithPrices(func(c CallInfo) (float64, bool) { return 1, c.RequestModel == "gpt-x" }))
	unpriced := sdkCall(1)
	unpriced.RequestModel = "other"
	for _, c := range []*llm.Call{sdkCall(0), unpriced, failed("timeout")} {
		p.meters.started(t.Context(), c)
		p.observe(t.Context(), c, 0)
	}
	p.observeFeedback(t.Context(), "user", "good", llm.Some(1.0))
	var rm metricdata.ResourceMetrics
	if err := p.reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	ours := map[string]promFamily{}
	families, _ := promFamilies(&rm)
	for _, f := range families {
		ours[f.name] = f
	}
	compared := 0
	for _, want := range metrics.Families() {
		if want.AliasOf != "" {
			continue
		}
		got, ok := ours[want.Name]
		if !ok {
			t.Errorf("%s is not there", want.Name)
			continue
		}
		compared++
		if got.kind.String() != string(want.Type) {
			t.Errorf("%s is a %s, want %s", want.Name, got.kind, want.Type)
		}
		for _, point := range got.points {
			if want.Type == metrics.TypeHistogram && !slices.Equal(point.bounds, want.Buckets) {
				t.Errorf("%s has buckets %v, want %v", want.Name, point.bounds, want.Buckets)
			}
			for l := range strings.SplitSeq(point.labels, `",`) {
				if name, _, _ := strings.Cut(l, "="); !slices.Contains(want.Labels, name) {
					t.Errorf("%s has the label %q, want %v", want.Name, name, want.Labels)
				}
			}
		}
	}
	if compared < 15 {
		t.Errorf("only %d families are compared", compared)
	}
}
