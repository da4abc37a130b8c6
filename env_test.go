package pitot

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// vars is an environment.
type vars map[string]string

func (v vars) lookup(name string) (string, bool) {
	s, ok := v[name]
	return s, ok
}

// loaded are the settings of an environment in which the SDK is on.
func loaded(t testing.TB, v vars, opts ...Option) *settings {
	t.Helper()
	s, on, err := loadSettings(v.lookup, append([]Option{WithEnabled(true)}, opts...))
	if err != nil || !on {
		t.Fatalf("on=%v: %v", on, err)
	}
	return s
}

func TestOffUnlessTurnedOn(t *testing.T) {
	for name, tc := range map[string]struct {
		vars vars
		opts []Option
		on   bool
	}{
		"nothing":                     {nil, nil, false},
		"ENABLE_TELEMETRY=true":       {vars{"ENABLE_TELEMETRY": "true"}, nil, true},
		"ENABLE_TELEMETRY=True":       {vars{"ENABLE_TELEMETRY": " True "}, nil, true},
		"ENABLE_TELEMETRY=1":          {vars{"ENABLE_TELEMETRY": "1"}, nil, true},
		"ENABLE_TELEMETRY=false":      {vars{"ENABLE_TELEMETRY": "false"}, nil, false},
		"empty":                       {vars{"ENABLE_TELEMETRY": ""}, nil, false},
		"PITOT_ENABLED=true":          {vars{"PITOT_ENABLED": "true"}, nil, true},
		"PITOT_ENABLED wins":          {vars{"PITOT_ENABLED": "false", "ENABLE_TELEMETRY": "true"}, nil, false},
		"option":                      {nil, []Option{WithEnabled(true)}, true},
		"option wins":                 {vars{"ENABLE_TELEMETRY": "true"}, []Option{WithEnabled(false)}, false},
		"option wins over a bad word": {vars{"ENABLE_TELEMETRY": "maybe"}, []Option{WithEnabled(true)}, true},
		"OTEL_SDK_DISABLED":           {vars{"OTEL_SDK_DISABLED": "true", "ENABLE_TELEMETRY": "true"}, []Option{WithEnabled(true)}, false},
		"nil option":                  {nil, []Option{nil}, false},
		"off: nothing else is read":   {vars{"TELEMETRY_SAMPLE_RATE": "x"}, []Option{WithEndpoint(":")}, false},
	} {
		if _, on, err := loadSettings(tc.vars.lookup, tc.opts); err != nil || on != tc.on {
			t.Errorf("%s: on=%v, want %v: %v", name, on, tc.on, err)
		}
	}
}

func TestBadValuesNameTheVariable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "no.pem")
	if err := os.WriteFile(file, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, value string
		allowed     string
	}{
		{"TELEMETRY_SAMPLE_RATE", "1.5", "a share from 0 to 1"},
		{"TELEMETRY_SAMPLE_RATE", "NaN", "a share from 0 to 1"},
		{"TELEMETRY_SAMPLE_RATE", "10%", "a share from 0 to 1"},
		{"LLM_SLOW_REQUEST_THRESHOLD_SECONDS", "5s", "seconds"},
		{"LLM_SLOW_REQUEST_THRESHOLD_SECONDS", "-1", "0 for never"},
		{"LLM_SLOW_TOKEN_RATE_THRESHOLD", "fast", "tokens per second"},
		{"MONITORING_TRACE_CONTENT_MODE", "some", "full, summary, metrics"},
		{"MONITORING_TRACE_MAX_CHARS", "many", "a whole number from 1"},
		{"MONITORING_TRACE_MAX_ITEMS", "0", "a whole number from 1"},
		{"PROMETHEUS_PORT", "70000", "1 to 65535"},
		{"OTEL_TRACES_SAMPLER", "jaeger_remote", "parentbased_traceidratio"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "thrift", "http/json"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "thrift", "grpc"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://host", "https://host:port"},
		{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://", "host:port"},
		{"JAEGER_ENDPOINT", "unix:///x", "host:port"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "a whole number from 1"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip, none"},
		{"OTEL_EXPORTER_OTLP_INSECURE", "maybe", "true or false"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", file, "PEM"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", file, "CLIENT_CERTIFICATE"},
		{"OTEL_TRACES_EXPORTER", "jaeger", "otlp, console, none"},
		{"OTEL_METRICS_EXPORTER", "statsd", "prometheus"},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "0", "from 1"},
		{"OTEL_BLRP_SCHEDULE_DELAY", "-5", "from 1"},
		{"OTEL_METRIC_EXPORT_INTERVAL", "1m", "from 1"},
		{"OTEL_RESOURCE_ATTRIBUTES", "novalue", "key=value"},
		{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both", "delta"},
		{"OTEL_EXPORTER_OTLP_METRICS_ENABLED", "no way", "true or false"},
		{"ENABLE_TELEMETRY", "ja", "true or false"},
		{"OTEL_SDK_DISABLED", "ja", "true or false"},
	} {
		v := vars{"PITOT_ENABLED": "true", tc.name: tc.value}
		if tc.name == "ENABLE_TELEMETRY" {
			delete(v, "PITOT_ENABLED")
		}
		_, on, err := loadSettings(v.lookup, nil)
		if err == nil || on && !strings.Contains(err.Error(), tc.name) {
			t.Errorf("%s=%s: on=%v, error %v", tc.name, tc.value, on, err)
			continue
		}
		for _, want := range []string{tc.name, tc.value, tc.allowed} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s=%s: %q does not say %q", tc.name, tc.value, err, want)
			}
		}
		if strings.Count(err.Error(), tc.name) > 1 {
			t.Errorf("%s is named more than once: %v", tc.name, err)
		}
	}
}

func TestEveryBadValueIsNamedAtOnce(t *testing.T) {
	_, _, err := loadSettings(vars{"ENABLE_TELEMETRY": "true", "PROMETHEUS_PORT": "x", "TELEMETRY_SAMPLE_RATE": "y"}.lookup, nil)
	if err == nil || !strings.Contains(err.Error(), "PROMETHEUS_PORT") || !strings.Contains(err.Error(), "TELEMETRY_SAMPLE_RATE") {
		t.Error(err)
	}
}

func TestBadHeadersAreNotShown(t *testing.T) {
	secret := "sk-" + strings.Repeat("x", 40)
	for _, v := range []vars{
		{"OTEL_EXPORTER_OTLP_HEADERS": secret},
		{"OTEL_EXPORTER_OTLP_HEADERS": "a b=" + secret},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "k=" + secret + "%zz"},
		{"OTEL_EXPORTER_OTLP_AUTHORIZATION": secret + "\nX: y"},
	} {
		v["ENABLE_TELEMETRY"] = "true"
		_, _, err := loadSettings(v.lookup, nil)
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_") {
			t.Errorf("%v", err)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for name, tc := range map[string]struct {
		vars                  vars
		opts                  []Option
		traces, metrics, logs string
	}{
		"default":              {nil, nil, "http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/metrics", "http://127.0.0.1:4318/v1/logs"},
		"default of grpc":      {vars{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, nil, "http://127.0.0.1:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export", "http://127.0.0.1:4317/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "http://127.0.0.1:4317/opentelemetry.proto.collector.logs.v1.LogsService/Export"},
		"base":                 {vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example.com/base/"}, nil, "https://otel.example.com/base/v1/traces", "https://otel.example.com/base/v1/metrics", "https://otel.example.com/base/v1/logs"},
		"base with a suffix":   {vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318/v1/traces"}, nil, "http://h:4318/v1/traces", "http://h:4318/v1/metrics", "http://h:4318/v1/logs"},
		"bare host":            {vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, nil, "http://collector:4318/v1/traces", "http://collector:4318/v1/metrics", "http://collector:4318/v1/logs"},
		"bare host and port":   {vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:9999"}, nil, "http://localhost:9999/v1/traces", "http://localhost:9999/v1/metrics", "http://localhost:9999/v1/logs"},
		"bare host with TLS":   {vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector", "OTEL_EXPORTER_OTLP_INSECURE": "false"}, nil, "https://collector:4318/v1/traces", "https://collector:4318/v1/metrics", "https://collector:4318/v1/logs"},
		"IPv6":                 {vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:4318"}, nil, "http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/metrics", "http://[::1]:4318/v1/logs"},
		"a signal's own":       {vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://base:1", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m:2/custom", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l:3"}, nil, "http://base:1/v1/traces", "http://m:2/custom", "http://l:3/"},
		"option wins":          {vars{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/x", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://base:1"}, []Option{WithEndpoint("http://opt:4")}, "http://opt:4/v1/traces", "http://opt:4/v1/metrics", "http://opt:4/v1/logs"},
		"Jaeger":               {vars{"JAEGER_ENDPOINT": "http://jaeger:14268/api/traces"}, nil, "http://jaeger:4318/v1/traces", "http://jaeger:4318/v1/metrics", "http://jaeger:4318/v1/logs"},
		"Jaeger is second":     {vars{"JAEGER_ENDPOINT": "http://jaeger:14268/api/traces", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://o:1"}, nil, "http://o:1/v1/traces", "http://o:1/v1/metrics", "http://o:1/v1/logs"},
		"LangSmith's traces":   {vars{"LANGSMITH_OTLP_TRACES_ENDPOINT": "https://api.smith.langchain.com/otel/v1/traces", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}, nil, "https://api.smith.langchain.com/otel/v1/traces", "", ""},
		"Nexent's protocol":    {vars{"OTEL_EXPORTER_OTLP_PROTOCOL": "http"}, nil, "http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/metrics", "http://127.0.0.1:4318/v1/logs"},
		"Langfuse over grpc":   {vars{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "MONITORING_PROVIDER": "langfuse"}, nil, "http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/metrics", "http://127.0.0.1:4318/v1/logs"},
		"exporters none":       {vars{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_METRICS_ENABLED": "false", "OTEL_LOGS_EXPORTER": "console"}, nil, "", "", ""},
		"metrics for scraping": {vars{"OTEL_METRICS_EXPORTER": "prometheus,otlp"}, nil, "http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/metrics", "http://127.0.0.1:4318/v1/logs"},
	} {
		t.Run(name, func(t *testing.T) {
			s := loaded(t, tc.vars, append(tc.opts, WithLogger(slog.New(slog.DiscardHandler)))...)
			got := []string{}
			for _, c := range s.export.signals {
				got = append(got, c.url)
			}
			if d := cmp.Diff([]string{tc.traces, tc.metrics, tc.logs}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestJaegerEndpointIsWarnedAboutOnce(t *testing.T) {
	var b syncBuffer
	loaded(t, vars{"JAEGER_ENDPOINT": "http://jaeger:14268/api/traces"}, WithLogger(slog.New(slog.NewTextHandler(&b, nil))))
	if strings.Count(b.String(), "\n") != 1 || !strings.Contains(b.String(), "OTEL_EXPORTER_OTLP_ENDPOINT=http://jaeger:4318") {
		t.Errorf("logged %s", b.String())
	}
}

func TestHeaders(t *testing.T) {
	v := vars{
		"OTEL_EXPORTER_OTLP_HEADERS": "a=1, b=x%20y,c=3,", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "c=4",
		"OTEL_EXPORTER_OTLP_AUTHORIZATION": "Basic eHg=", "OTEL_EXPORTER_OTLP_X_API_KEY": "k", "LANGSMITH_API_KEY": "ls", "LANGSMITH_PROJECT": "p",
		"OTEL_EXPORTER_OTLP_LANGFUSE_INGESTION_VERSION": "4",
	}
	s := loaded(t, v, WithHeaders(map[string]string{"B": "option"}))
	h, logs := s.export.signals[signalTraces].headers, s.export.signals[signalLogs].headers
	got := []string{h.Get("A"), h.Get("B"), h.Get("C"), logs.Get("C"), h.Get("Authorization"), h.Get("X-Api-Key"), h.Get("Langsmith-Project"), h.Get("X-Langfuse-Ingestion-Version")}
	if d := cmp.Diff([]string{"1", "option", "4", "3", "Basic eHg=", "k", "", "4"}, got); d != "" {
		t.Error(d)
	}
	if !strings.HasPrefix(h.Get("User-Agent"), "pitot-sdk-go") {
		t.Error(h.Get("User-Agent"))
	}
	// LangSmith's key goes to LangSmith alone.
	ls := vars{"LANGSMITH_API_KEY": "ls", "LANGSMITH_PROJECT": "p"}
	for endpoint, want := range map[string]string{
		"http://localhost:4318": "", "https://api.smith.langchain.com/otel": "ls", "https://smith.langchain.com.evil.example": "",
	} {
		ls["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
		if got := loaded(t, ls).export.signals[signalTraces].headers.Get("X-Api-Key"); got != want {
			t.Errorf("%s gets the key %q", endpoint, got)
		}
	}
	ls = vars{"LANGSMITH_API_KEY": "ls", "LANGSMITH_OTLP_TRACES_ENDPOINT": "https://ls.internal/otel/v1/traces", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://pitot:4318"}
	s = loaded(t, ls)
	if got := []string{s.export.signals[signalTraces].headers.Get("X-Api-Key"), s.export.signals[signalLogs].headers.Get("X-Api-Key")}; got[0] != "ls" || got[1] != "" {
		t.Errorf("keys %q", got)
	}
}

func TestSettingsOfTheEnvironment(t *testing.T) {
	s := loaded(t, vars{
		"SERVICE_NAME": "svc", "OTEL_RESOURCE_ATTRIBUTES": "service.name=ignored,service.version=2,deployment.environment=prod,team=a%2Cb", "MONITORING_PROJECT_NAME": "proj",
		"MONITORING_TRACE_CONTENT_MODE": "FULL", "MONITORING_TRACE_MAX_CHARS": "10", "MONITORING_TRACE_MAX_ITEMS": "3",
		"LLM_SLOW_REQUEST_THRESHOLD_SECONDS": "2.5", "LLM_SLOW_TOKEN_RATE_THRESHOLD": "0", "TELEMETRY_SAMPLE_RATE": "0.25", "OTEL_TRACES_SAMPLER": "always_on",
		"PROMETHEUS_PORT": "8000", "OTEL_SEMCONV_STABILITY_OPT_IN": "http,gen_ai_latest_experimental", "OTEL_PROPAGATORS": "tracecontext, b3",
		"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_SCHEDULE_DELAY": "1000", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "5000", "OTEL_METRIC_EXPORT_INTERVAL": "500",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "3000", "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "4000", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "none",
	})
	got := []any{
		s.service, s.version, s.environment, s.attrs, s.contentMode, s.maxChars, s.maxItems, s.slowRequest, s.slowTokenRate, s.sampleRate, s.export.parents,
		s.prometheusAddr, s.newNames, s.export.propagators, s.export.spans.queue, s.export.spans.batch, s.export.spans.delay, s.export.logs.batch, s.export.metrics.interval,
		s.export.signals[signalTraces].timeout, s.export.signals[signalLogs].timeout, s.export.signals[signalTraces].gzip, s.export.signals[signalLogs].gzip,
	}
	want := []any{
		"svc", "2", "prod",
		[]attribute.KeyValue{attribute.String("team", "a,b"), attribute.String("project.name", "proj")},
		ContentFull, 10, 3, 2500 * time.Millisecond, 0.0, 0.25, true,
		":8000", true,
		[]string{"tracecontext", "b3"},
		100, 100, time.Second, 2048, 500 * time.Millisecond,
		3 * time.Second, 4 * time.Second, true, false,
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b attribute.KeyValue) bool { return a.Key == b.Key && a.Value.String() == b.Value.String() })); d != "" {
		t.Error(d)
	}
	if s := loaded(t, nil); s.contentMode != ContentSummary || s.maxChars != 4000 || s.maxItems != 20 || s.slowRequest != 5*time.Second || s.slowTokenRate != 10 || s.sampleRate != 1 {
		t.Errorf("defaults %+v", s)
	}
}

func TestSamplersOfTheEnvironment(t *testing.T) {
	for name, tc := range map[string]struct {
		vars    vars
		share   float64
		parents bool
	}{
		"none":                  {nil, 1, true},
		"always_off":            {vars{"OTEL_TRACES_SAMPLER": "always_off"}, 0, false},
		"ratio":                 {vars{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.2"}, 0.2, false},
		"ratio without a share": {vars{"OTEL_TRACES_SAMPLER": "traceidratio"}, 1, false},
		"parents and ratio":     {vars{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.2"}, 0.2, true},
	} {
		if s := loaded(t, tc.vars); s.sampleRate != tc.share || s.export.parents != tc.parents {
			t.Errorf("%s: share %v, parents %v", name, s.sampleRate, s.export.parents)
		}
	}
	if _, _, err := loadSettings(vars{"ENABLE_TELEMETRY": "1", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}.lookup, nil); err == nil || !strings.Contains(err.Error(), "OTEL_TRACES_SAMPLER_ARG") {
		t.Error(err)
	}
}

func TestTemporality(t *testing.T) {
	for pref, want := range map[string][3]metricdata.Temporality{
		"":           {metricdata.CumulativeTemporality, metricdata.CumulativeTemporality, metricdata.CumulativeTemporality},
		"cumulative": {metricdata.CumulativeTemporality, metricdata.CumulativeTemporality, metricdata.CumulativeTemporality},
		"delta":      {metricdata.DeltaTemporality, metricdata.DeltaTemporality, metricdata.CumulativeTemporality},
		"LowMemory":  {metricdata.DeltaTemporality, metricdata.CumulativeTemporality, metricdata.CumulativeTemporality},
	} {
		f := loaded(t, vars{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": pref}).export.metrics.temporality
		got := [3]metricdata.Temporality{f(sdkmetric.InstrumentKindCounter), f(sdkmetric.InstrumentKindObservableCounter), f(sdkmetric.InstrumentKindUpDownCounter)}
		if got != want {
			t.Errorf("%q: %v, want %v", pref, got, want)
		}
	}
	m := loaded(t, vars{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"}).export.metrics
	if _, ok := m.aggregation(sdkmetric.InstrumentKindHistogram).(sdkmetric.AggregationBase2ExponentialHistogram); !ok || !m.ownReader {
		t.Error("no exponential histograms")
	}
}
