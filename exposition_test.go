package pitot

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// scrapeOf is what a scraper with this Accept header gets.
func scrapeOf(t testing.TB, h http.Handler, accept string) (body, contentType string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String(), w.Header().Get("Content-Type")
}

const acceptOpenMetrics = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"

// parsed is an exposition as Prometheus' own parser reads it.
type parsed struct {
	samples   map[string]float64 // by labels
	types     map[string]model.MetricType
	units     map[string]string
	exemplars map[string]exemplar.Exemplar
}

func parse(t testing.TB, body, contentType string) parsed {
	t.Helper()
	p, err := parseExposition(body, contentType)
	if err != nil {
		t.Fatalf("%v in %.4000s", err, body)
	}
	return p
}

func parseExposition(body, contentType string) (out parsed, err error) {
	out = parsed{map[string]float64{}, map[string]model.MetricType{}, map[string]string{}, map[string]exemplar.Exemplar{}}
	p, err := textparse.New([]byte(body), contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return out, err
	}
	for {
		e, err := p.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		switch e {
		case textparse.EntryType:
			name, typ := p.Type()
			if _, there := out.types[string(name)]; there {
				return out, fmt.Errorf("%s has two types", name)
			}
			out.types[string(name)] = typ
		case textparse.EntryUnit:
			name, unit := p.Unit()
			out.units[string(name)] = string(unit)
		case textparse.EntrySeries:
			var l labels.Labels
			p.Labels(&l)
			_, _, v := p.Series()
			if _, there := out.samples[l.String()]; there {
				return out, fmt.Errorf("%s is there twice", l)
			}
			out.samples[l.String()] = v
			var ex exemplar.Exemplar
			if p.Exemplar(&ex) {
				out.exemplars[l.String()] = ex
			}
		default:
		}
	}
}

// TestExposition: what Prometheus' parsers read of both formats is what was
// counted, under the names and with the labels and buckets of docs/metrics.md.
func TestExposition(t *testing.T) {
	r, _ := testCore(t)
	c := streamed()
	seen(t, r, c)
	seen(t, r, failed("rate_limit_exceeded"))
	res := resource.NewSchemaless(attribute.String("service.name", "check\"out"), attribute.String("host.name", "h"))
	// The reader of testCore has the default resource: one with ours is read here.
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(res))
	own, err := newCore(r.cfg, providers{metrics: mp, reader: reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(own.meters.close(t.Context()), mp.Shutdown(t.Context())) })
	own.tracer = r.tracer
	seen(t, own, c)
	seen(t, own, failed("rate_limit_exceeded"))
	h := http.HandlerFunc(own.serveMetrics)

	l := func(name string, kv ...string) string {
		return labels.FromStrings(append([]string{"__name__", name, "service", `check"out`, "provider", "openai", "model", "gpt-x", "method", "chat"}, kv...)...).String()
	}
	g := func(name string, kv ...string) string {
		return labels.FromStrings(append([]string{
			"__name__", name, "service_name", `check"out`, "gen_ai_provider_name", "openai",
			"gen_ai_request_model", "gpt-x", "gen_ai_operation_name", "chat", "gen_ai_response_model", "gpt-x-0101",
		}, kv...)...).String()
	}
	want := map[string]float64{
		l("llm_requests_total", "status", "success"):                                                          1,
		l("llm_requests_total", "status", "error"):                                                            1,
		l("llm_errors_total", "error_type", "rate_limit_exceeded"):                                            1,
		l("llm_request_duration_seconds_bucket", "le", "1"):                                                   1,
		l("llm_request_duration_seconds_bucket", "le", "2"):                                                   2,
		l("llm_request_duration_seconds_bucket", "le", "2.5"):                                                 2,
		l("llm_request_duration_seconds_bucket", "le", "+Inf"):                                                2,
		l("llm_request_duration_seconds_sum"):                                                                 3,
		l("llm_request_duration_seconds_count"):                                                               2,
		l("llm_time_to_first_token_seconds_bucket", "le", "0.5"):                                              1,
		l("llm_time_to_first_token_seconds_bucket", "le", "0.25"):                                             0,
		l("llm_time_per_output_token_seconds_count"):                                                          1,
		l("llm_inter_token_latency_seconds_count"):                                                            2,
		l("llm_tokens_per_second_sum"):                                                                        20,
		l("llm_token_generation_rate_sum"):                                                                    15.5,
		l("llm_tokens_total", "type", "input"):                                                                100,
		l("llm_tokens_total", "type", "cache_read"):                                                           40,
		l("llm_unpriced_requests_total", "reason", "no_price"):                                                1,
		g("gen_ai_client_token_usage_sum", "gen_ai_token_type", "input"):                                      100,
		g("gen_ai_client_operation_duration_seconds_count"):                                                   1,
		g("gen_ai_client_operation_time_to_first_chunk_seconds_count"):                                        1,
		g("gen_ai_client_operation_time_per_output_chunk_seconds_sum"):                                        1.5,
		labels.FromStrings("__name__", "target_info", "service_name", `check"out`, "host_name", "h").String(): 1,
	}
	for _, accept := range []string{"", acceptOpenMetrics} {
		body, ct := scrapeOf(t, h, accept)
		open := accept != ""
		if open != strings.HasPrefix(ct, "application/openmetrics-text; version=1.0.0") || open != strings.HasSuffix(body, "\n# EOF\n") {
			t.Errorf("Accept %q gives %s ending in %q", accept, ct, body[len(body)-20:])
		}
		p := parse(t, body, ct)
		for k, v := range want {
			for _, n := range []string{"1", "2"} { // as the parser writes them
				k = strings.Replace(k, `le="`+n+`"`, `le="`+n+`.0"`, 1)
			}
			if got, ok := p.samples[k]; !ok || math.Abs(got-v) > 1e-9 {
				t.Errorf("%s is %v (%v), want %v", k, got, ok, v)
			}
		}
		checkTypes(t, p, open)
		if !open && len(p.exemplars) > 0 {
			t.Errorf("the text format has exemplars: %v", p.exemplars)
		}
		if open {
			e := p.exemplars[l("llm_request_duration_seconds_bucket", "le", "2.0")]
			if e.Labels.Get("trace_id") != c.TraceID || e.Value != 2 || !e.HasTs {
				t.Errorf("the exemplar is %+v, the trace %s", e, c.TraceID)
			}
		} else {
			checkExpfmt(t, body)
		}
		for _, name := range []string{"process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds", "go_goroutines"} {
			if v, ok := p.samples[`{__name__="`+name+`"}`]; !ok || v < 0 {
				t.Errorf("%s is %v", name, v)
			}
		}
		if v := p.samples[`{__name__="process_start_time_seconds"}`]; math.Abs(v-float64(time.Now().Unix())) > 3600 {
			t.Errorf("the process started at %v", v)
		}
	}
}

func checkTypes(t *testing.T, p parsed, open bool) {
	t.Helper()
	total := func(name string) string {
		if open {
			return name
		}
		return name + "_total"
	}
	for name, typ := range map[string]model.MetricType{
		total("llm_requests"): model.MetricTypeCounter, "llm_request_duration_seconds": model.MetricTypeHistogram, total("process_cpu_seconds"): model.MetricTypeCounter,
		"go_goroutines": model.MetricTypeGauge,
	} {
		if p.types[name] != typ {
			t.Errorf("%s is a %q, want %q", name, p.types[name], typ)
		}
	}
	if open && (p.units["llm_request_duration_seconds"] != "seconds" || p.units["process_resident_memory_bytes"] != "bytes" || p.types["target"] != model.MetricTypeInfo) {
		t.Errorf("units are %v, target is a %q", p.units, p.types["target"])
	}
}

func checkExpfmt(t *testing.T, body string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	d := families["llm_request_duration_seconds"]
	if d.GetType() != dto.MetricType_HISTOGRAM || d.Metric[0].Histogram.GetSampleCount() != 2 || len(d.Metric[0].Histogram.Bucket) != len(durationBuckets)+1 {
		t.Errorf("expfmt reads %v", d)
	}
}

// TestExpositionOfOthers: metrics of the program itself, of every kind.
func TestExpositionOfOthers(t *testing.T) {
	at := time.Now()
	set := attribute.NewSet(attribute.String("le", "x"), attribute.String("a.b", "1"), attribute.String("a_b", "2"), attribute.Int("9lives", 9))
	rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{
		Scope: instrumentation.Scope{Name: "app", Version: "1"},
		Metrics: []metricdata.Metrics{
			{Name: "up.down", Description: "line\nbreak \\ \"quoted\"", Data: metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.DataPoint[int64]{{Attributes: set, Value: -3}}}},
			{Name: "deltas", Data: metricdata.Sum[int64]{Temporality: metricdata.DeltaTemporality, IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{{Value: 3}}}},
			{Name: "expo", Unit: "ms", Data: metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{Count: 3, Sum: 5}}}},
			{Name: "sum", Data: metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{Count: 2, Sum: 3, QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: 1}, {Quantile: 1, Value: math.Inf(1)}}}}}},
			{Name: "share", Unit: "1", Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Value: math.NaN()}}}},
			{Name: "hist", Data: metricdata.Histogram[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[int64]{{
				Attributes: set, Count: 2, Sum: 5, Bounds: []float64{1, 1e6}, BucketCounts: []uint64{1, 1, 0},
				Exemplars: []metricdata.Exemplar[int64]{{Value: 4, Time: at, TraceID: bytes.Repeat([]byte{1}, 16), SpanID: bytes.Repeat([]byte{2}, 8)}},
			}}}},
			{Name: "clash", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 1}}}},
			{Name: "clash", Data: metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{{Value: 1}}}},
			{Name: "hist.count", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 1}}}},
			{Name: "same", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 1}, {Value: 2}}}},
			{Name: "...", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 1}}}},
		},
	}}}
	families, clashes := promFamilies(rm)
	if diff := cmp.Diff([]string{"clash_total", "hist_count"}, clashes); diff != "" {
		t.Errorf("clashes (-want +got):\n%s", diff)
	}
	for _, format := range []promFormat{textFormat, openMetrics} {
		w := promWriter{format: format}
		w.write(families)
		p := parse(t, string(w.b), format.contentType())
		if len(p.samples) != 1+3+4+1+5+1+1 {
			t.Errorf("%d samples: %v\n%s", len(p.samples), p.samples, w.b)
		}
		inf := labels.FromStrings("__name__", "hist_bucket", "le", "+Inf", "exported_le", "x", "a_b", "1;2", "key_9lives", "9", "otel_scope_name", "app", "otel_scope_version", "1").String()
		if p.samples[inf] != 2 {
			t.Errorf("%s is %v in %v", inf, p.samples[inf], p.samples)
		}
		if format == openMetrics && len(p.exemplars) != 1 {
			t.Errorf("exemplars are %v", p.exemplars)
		}
	}
}

// TestNames: names are those of Prometheus' own translation.
func TestNames(t *testing.T) {
	units := []string{"", "1", "s", "ms", "By", "By/s", "{token}", "{token}/s", "tokens/s", "%", "USD", "m/s", "d", "/s", "{a}/{b}", "request/min", "KiBy", "a.b"}
	for _, name := range []string{
		"a", "llm.requests", "llm.tokens_per_second", "x.seconds", "http.server.request.duration", "a__b", "9x", "total", "x.total.y", "x_ratio", "ü.ß", "by_bytes", "A.b:c", "per_second",
	} {
		for _, unit := range units {
			checkName(t, name, unit)
		}
	}
}

func checkName(t *testing.T, name, unit string) {
	t.Helper()
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	for kind, typ := range map[promKind]otlptranslator.MetricType{
		promGauge: otlptranslator.MetricTypeGauge, promCounter: otlptranslator.MetricTypeMonotonicCounter, promHistogram: otlptranslator.MetricTypeHistogram,
	} {
		want, err := namer.Build(otlptranslator.Metric{Name: name, Unit: unit, Type: typ})
		got, _ := promName(name, unit, kind)
		if err == nil && got != want && len(nameTokens(name)) > 0 {
			t.Errorf("%q in %q as %s is %q, want %q", name, unit, kind, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("llm.requests", "{request}")
	f.Add("a.b__c", "By/s")
	f.Fuzz(func(t *testing.T, name, unit string) {
		if got, _ := promName(name, unit, promCounter); got != "" && !model.LegacyValidation.IsValidMetricName(got) {
			t.Errorf("%q in %q is %q", name, unit, got)
		}
		if l := promLabel(name); !model.LegacyValidation.IsValidLabelName(l) || strings.HasPrefix(l, "__") {
			t.Errorf("label %q is %q", name, l)
		}
		namer := otlptranslator.LabelNamer{}
		if want, err := namer.Build(name); err == nil && name != "" && want != promLabel(name) {
			t.Errorf("label %q is %q, want %q", name, promLabel(name), want)
		}
	})
}

// FuzzExposition: whatever is in names, texts and values, both formats parse and
// give the values back.
func FuzzExposition(f *testing.F) {
	f.Add("a.b", "help", "key", "value", 1.5, "s")
	f.Add("x", "a\nb\\c\"d", "le", "\xff\n\"\\", math.Inf(-1), "1")
	f.Add("_", "# EOF", "__name__", "{}", math.NaN(), "{x}")
	f.Fuzz(func(t *testing.T, name, help, key, value string, v float64, unit string) {
		set := attribute.NewSet(attribute.String(key, value), attribute.String("k", value))
		rm := &metricdata.ResourceMetrics{
			Resource: resource.NewSchemaless(attribute.String(key, value)),
			ScopeMetrics: []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: name}, Metrics: []metricdata.Metrics{
				{Name: "g" + name, Description: help, Unit: unit, Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Attributes: set, Value: v}}}},
				{Name: "h" + name, Description: help, Unit: unit, Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
					Attributes: set, Count: 1, Sum: v, Bounds: []float64{1}, BucketCounts: []uint64{1, 0}, Exemplars: []metricdata.Exemplar[float64]{{Value: v, TraceID: make([]byte, 16)}},
				}}}},
			}}},
		}
		families, _ := promFamilies(rm)
		for _, format := range []promFormat{textFormat, openMetrics} {
			w := promWriter{format: format}
			w.write(families)
			p := parse(t, string(w.b), format.contentType())
			found := slices.ContainsFunc(mapValues(p.samples), func(x float64) bool { return x == v || math.IsNaN(x) && math.IsNaN(v) })
			if !found {
				t.Errorf("%v is not in\n%s", v, w.b)
			}
			clean := strings.ToValidUTF8(value, "\uFFFD")
			if clean != "" && !strings.Contains(string(w.b), `k="`+quoting.Replace(clean)) && promLabel(key) != "k" {
				t.Errorf("the value %q is not in\n%s", value, w.b)
			}
		}
	})
}

func mapValues(m map[string]float64) []float64 {
	var out []float64
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func TestNegotiation(t *testing.T) {
	for accept, want := range map[string]promFormat{
		"":                                 textFormat,
		"*/*":                              textFormat,
		acceptOpenMetrics:                  openMetrics,
		"application/openmetrics-text":     openMetrics,
		"application/openmetrics-text;q=0": textFormat,
		"application/openmetrics-text; version=2.0.0, text/plain;q=0.1":                              textFormat,
		"application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.9":                          textFormat,
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited": textFormat,
		"application/vnd.google.protobuf,application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1": openMetrics,
		"nonsense;;;=,,": textFormat,
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5": openMetrics,
	} {
		if got := negotiate([]string{accept}); got != want {
			t.Errorf("%q gives %s", accept, got.contentType())
		}
	}
	for accept, want := range map[string]bool{"": false, "gzip": true, "deflate, GZIP;q=0.5": true, "gzip;q=0": false, "br": false, "gzip; q=0.0": false} {
		if got := acceptsGzip([]string{accept}); got != want {
			t.Errorf("Accept-Encoding %q: %v", accept, got)
		}
	}
}

func TestMetricsHandler(t *testing.T) {
	h := MetricsHandler()
	get := func(method, encoding string) *http.Response {
		req := httptest.NewRequest(method, "/metrics", nil)
		req.Header.Set("Accept-Encoding", encoding)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w.Result()
	}
	if res := get(http.MethodGet, ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("off: status %d", res.StatusCode)
	}
	r, _ := testCore(t)
	seen(t, r, streamed())
	res := get(http.MethodGet, "gzip")
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil || !bytes.Contains(body, []byte("\nllm_requests_total{")) || res.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%v: gzip gives %s", err, body)
	}
	if res := get(http.MethodHead, ""); res.StatusCode != http.StatusOK || res.Header.Get("Content-Length") == "" {
		t.Errorf("HEAD gives %d %v", res.StatusCode, res.Header)
	}
	if res := get(http.MethodPost, ""); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") == "" {
		t.Errorf("POST gives %d", res.StatusCode)
	}
	r.reader = nil // as with a MeterProvider of the program
	res = get(http.MethodGet, "")
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("WithMeterProvider")) {
		t.Errorf("without a reader: %d %s", res.StatusCode, body)
	}
}

// TestClashIsToldOnce: a metric of the program that cannot be shown.
func TestClashIsToldOnce(t *testing.T) {
	r, rec := testCore(t)
	seen(t, r, streamed())
	i, err := r.meter.Float64Gauge("llm.requests.total")
	if err != nil {
		t.Fatal(err)
	}
	i.Record(t.Context(), 1, metric.WithAttributes(attribute.String("a", "b")))
	for _, accept := range []string{"", acceptOpenMetrics} {
		body, ct := scrapeOf(t, MetricsHandler(), accept)
		parse(t, body, ct)
	}
	if n := strings.Count(rec.Warnings(), "not shown to Prometheus"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestProcStat(t *testing.T) {
	line := "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 1000 20 300 22 23\n"
	s, ok := parseProcStat([]byte(line), 4096)
	if !ok || s.cpu != 2 || s.started != 10 || s.resident != 300*4096 {
		t.Errorf("%+v %v", s, ok)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 2", strings.Replace(line, "150", "x", 1)} {
		if _, ok := parseProcStat([]byte(bad), 1); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	r, _ := testCore(b)
	for i := range 20 {
		c := streamed()
		c.RequestModel = fmt.Sprint("m", i)
		r.observe(b.Context(), c, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.meters.scrape(b.Context(), r.reader, openMetrics); err != nil {
			b.Fatal(err)
		}
	}
}
