package pitot

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestBadOptionsSayWhatIsAllowed(t *testing.T) {
	for want, o := range map[string]Option{
		"WithEndpoint: must be http://":     WithEndpoint("ftp://x"),
		"WithProtocol: unknown protocol":    WithProtocol("thrift"),
		"WithHeaders: ":                     WithHeaders(map[string]string{"a b": "c"}),
		"WithContent: unknown mode":         WithContent("all", 0, 0),
		"WithContent: a limit":              WithContent(ContentFull, -1, 0),
		"WithSampleRate: 2 is not a share":  WithSampleRate(2),
		"WithSampleRate: NaN":               WithSampleRate(math.NaN()),
		"WithSlowRequest: -1s":              WithSlowRequest(-time.Second),
		"WithSlowTokenRate: +Inf":           WithSlowTokenRate(math.Inf(1)),
		"WithPrometheusAddr: \"8000\"":      WithPrometheusAddr("8000"),
		"WithHost: \"http://x\"":            WithHost("http://x", "openai"),
		"WithHost: x: the dialect is miss":  WithHost("x", ""),
		"WithSampleRate: -0.1 is not a sha": WithSampleRate(-0.1),
	} {
		err := defaultSettings().apply([]Option{nil, o})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestOptionsWinOverTheEnvironment(t *testing.T) {
	s := loaded(t, vars{
		"OTEL_SERVICE_NAME": "env", "TELEMETRY_SAMPLE_RATE": "0.5", "LLM_SLOW_REQUEST_THRESHOLD_SECONDS": "1", "LLM_SLOW_TOKEN_RATE_THRESHOLD": "1",
		"MONITORING_TRACE_CONTENT_MODE": "full", "MONITORING_TRACE_MAX_CHARS": "7", "PROMETHEUS_PORT": "1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
	}, WithService("opt", "9"), WithEnvironment("e"), WithSampleRate(0.1), WithSlowRequest(0), WithSlowTokenRate(3), WithContent(ContentMetrics, 0, 5),
		WithPrometheusAddr("127.0.0.1:0"), WithProtocol(GRPC), WithHost("LLM.internal:8000", "OpenAI"), WithHost("b", "ollama"))
	if s.service != "opt" || s.version != "9" || s.environment != "e" || s.sampleRate != 0.1 || s.slowRequest != 0 || s.slowTokenRate != 3 ||
		s.contentMode != ContentMetrics || s.maxChars != 7 || s.maxItems != 5 || s.prometheusAddr != "127.0.0.1:0" ||
		s.export.signals[signalLogs].protocol != GRPC || s.hosts["llm.internal:8000"] != "openai" || s.hosts["b"] != "ollama" {
		t.Errorf("%+v", s)
	}
	if s := loaded(t, vars{"OTEL_SERVICE_NAME": "env"}, WithService("", "9")); s.service != "env" {
		t.Errorf("service %q", s.service)
	}
}
