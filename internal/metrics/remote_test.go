package metrics

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// rwReceiver keeps the names that remote write delivers.
type rwReceiver struct {
	mu         sync.Mutex
	names      map[string]int
	histograms int
	exemplars  int
}

func (r *rwReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	raw, err := snappy.Decode(nil, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var wr prompb.WriteRequest
	if err := wr.Unmarshal(raw); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range wr.Timeseries {
		for _, l := range s.Labels {
			if l.Name == "__name__" {
				r.names[l.Value]++
			}
		}
		r.histograms += len(s.Histograms)
		r.exemplars += len(s.Exemplars)
	}
}

func TestRemoteWriteDelivers(t *testing.T) {
	r := &rwReceiver{names: map[string]int{}}
	srv := serve(t, r)
	m := startStore(t, func(o *Options) {
		o.Config = []byte(`
remote_write:
  - url: ` + srv.URL + `/write
    send_native_histograms: true
    send_exemplars: true
    queue_config: {batch_send_deadline: 50ms}
`)
	})
	m.catalogue.ObserveCall(streamCall("gpt-x", 1))
	at := time.Now()
	eventually(t, "remote write delivers", func() bool {
		at = at.Add(time.Second)
		m.self.scrape(at)
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.names["llm_requests_total"] > 0 && r.names["llm_request_latency_seconds_bucket"] > 0 && r.histograms > 0 && r.exemplars > 0
	})
}

func postBody(t *testing.T, page, contentType string, body []byte, header ...string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("POST %s: %s: %s", page, resp.Status, text)
	}
}

func TestRemoteWriteReceiver(t *testing.T) {
	m := openStore(t)
	srv := serve(t, m.Handler())
	now := time.Now()

	v1 := prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "written_v1"}, {Name: "job", Value: "app"}},
		Samples: []prompb.Sample{{Value: 7, Timestamp: now.UnixMilli()}},
	}}}
	b, err := v1.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	postBody(t, srv.URL+"/api/v1/write", "application/x-protobuf", snappy.Encode(nil, b), "Content-Encoding", "snappy")

	v2 := writev2.Request{
		Symbols: []string{"", "__name__", "written_v2", "job", "app"},
		Timeseries: []writev2.TimeSeries{{
			LabelsRefs: []uint32{1, 2, 3, 4},
			Samples:    []writev2.Sample{{Value: 8, Timestamp: now.UnixMilli()}},
			Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_GAUGE},
		}},
	}
	if b, err = v2.Marshal(); err != nil {
		t.Fatal(err)
	}
	postBody(t, srv.URL+"/api/v1/write", "application/x-protobuf;proto=io.prometheus.write.v2.Request", snappy.Encode(nil, b),
		"Content-Encoding", "snappy", "X-Prometheus-Remote-Write-Version", "2.0.0")

	if got := value1(t, m, `written_v1{job="app"}`, now); got != 7 {
		t.Errorf("v1 is %v", got)
	}
	if got := value1(t, m, `written_v2{job="app"}`, now); got != 8 {
		t.Errorf("v2 is %v", got)
	}
}

func TestRemoteRead(t *testing.T) {
	far := openStore(t)
	now := time.Now()
	store(t, far, newFamilyAppender(far.targetLabels()), gaugeFamily("only_far", 5), now)
	srv := serve(t, far.Handler())
	near := startStore(t, func(o *Options) {
		o.Config = []byte("remote_read: [{url: '" + srv.URL + "/api/v1/read', read_recent: true}]")
	})
	if got := value1(t, near, "only_far", now); got != 5 {
		t.Errorf("remote read gives %v", got)
	}
}

func otlpMetrics(name string, temporality pmetric.AggregationTemporality, v float64, start, at time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "app")
	metric := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName(name)
	s := metric.SetEmptySum()
	s.SetIsMonotonic(true)
	s.SetAggregationTemporality(temporality)
	p := s.DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetDoubleValue(v)
	return md
}

// otlpSum is a request with one sum.
func otlpSum(t *testing.T, name string, temporality pmetric.AggregationTemporality, v float64, start, at time.Time) []byte {
	t.Helper()
	b, err := pmetricotlp.NewExportRequestFromMetrics(otlpMetrics(name, temporality, v, start, at)).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOTLPMetrics(t *testing.T) {
	m := openStore(t)
	srv := serve(t, m.Handler())
	at := time.Now()
	page := srv.URL + "/api/v1/otlp/v1/metrics"
	postBody(t, page, "application/x-protobuf", otlpSum(t, "app.cumulative", pmetric.AggregationTemporalityCumulative, 3, at.Add(-time.Minute), at))
	if got := value1(t, m, `app_cumulative_total{job="app"}`, at); got != 3 {
		t.Errorf("a cumulative sum is %v", got)
	}
	// Deltas add up.
	for i := range 3 {
		end := at.Add(time.Duration(i-3) * time.Second)
		postBody(t, page, "application/x-protobuf", otlpSum(t, "app.delta", pmetric.AggregationTemporalityDelta, 2, end.Add(-time.Second), end))
	}
	if got := value1(t, m, `app_delta_total{job="app"}`, at); got != 6 {
		t.Errorf("three deltas of 2 are %v", got)
	}
}

// TestWriteOTLP: metrics that come by another door than the API's.
func TestWriteOTLP(t *testing.T) {
	m := openStore(t)
	at := time.Now()
	for i := range 2 {
		end := at.Add(time.Duration(i-2) * time.Second)
		md := otlpMetrics("agent.tokens", pmetric.AggregationTemporalityDelta, 5, end.Add(-time.Second), end)
		if err := m.WriteOTLP(t.Context(), md); err != nil {
			t.Fatal(err)
		}
	}
	if got := value1(t, m, `agent_tokens_total{job="app"}`, at); got != 10 {
		t.Errorf("two deltas of 5 are %v", got)
	}
	if err := m.WriteOTLP(t.Context(), pmetric.NewMetrics()); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
	late := at.Add(-48 * time.Hour)
	if err := m.WriteOTLP(t.Context(), otlpMetrics("agent.tokens", pmetric.AggregationTemporalityCumulative, 1, late, late)); err == nil {
		t.Error("a sample of the day before yesterday is accepted")
	}
}
