package pitot

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Option is a setting given to Setup by the program. It wins over the variable
// of the environment that says the same. A nil Option is passed over.
type Option func(*settings) error

// Protocol is how telemetry travels to the backend.
type Protocol string

// The protocols of OTLP.
const (
	HTTPProtobuf Protocol = "http/protobuf" // the default
	HTTPJSON     Protocol = "http/json"
	GRPC         Protocol = "grpc"
)

// WithEnabled turns the SDK on or off, whatever ENABLE_TELEMETRY and
// PITOT_ENABLED say. OTEL_SDK_DISABLED=true still turns it off: it is the
// operator's switch for everything that is OpenTelemetry.
func WithEnabled(on bool) Option {
	return func(s *settings) error {
		s.enabled = &on
		return nil
	}
}

// WithService names the program, as OTEL_SERVICE_NAME and SERVICE_NAME do, and
// its version. Without a name the executable's is taken, without a version the
// one that the Go toolchain recorded in the build. An empty string leaves the
// value as it is.
func WithService(name, version string) Option {
	return func(s *settings) error {
		if name = strings.TrimSpace(name); name != "" {
			s.service = name
		}
		if version != "" {
			s.version = version
		}
		return nil
	}
}

// WithEnvironment says where the program runs (prod, staging), the resource
// attribute deployment.environment.name.
func WithEnvironment(name string) Option {
	return func(s *settings) error {
		s.environment = strings.TrimSpace(name)
		return nil
	}
}

// WithEndpoint names the backend for traces, metrics and logs, as
// OTEL_EXPORTER_OTLP_ENDPOINT does: a URL, or a bare host[:port]. The paths
// v1/traces, v1/metrics and v1/logs are added to it.
func WithEndpoint(url string) Option {
	return func(s *settings) error {
		if _, err := parseEndpoint(url); err != nil {
			return fmt.Errorf("WithEndpoint: %w", err)
		}
		s.export.option.endpoint = url
		return nil
	}
}

// WithProtocol chooses how telemetry travels, as OTEL_EXPORTER_OTLP_PROTOCOL
// does. The default is HTTPProtobuf.
func WithProtocol(p Protocol) Option {
	return func(s *settings) error {
		if !p.valid() {
			return fmt.Errorf("WithProtocol: unknown protocol %q: use %s, %s or %s", p, HTTPProtobuf, HTTPJSON, GRPC)
		}
		s.export.option.protocol = p
		return nil
	}
}

func (p Protocol) valid() bool { return p == HTTPProtobuf || p == HTTPJSON || p == GRPC }

// WithHeaders adds headers to every request to the backend, as
// OTEL_EXPORTER_OTLP_HEADERS does. Its names win over the environment's.
func WithHeaders(headers map[string]string) Option {
	return func(s *settings) error {
		for k, v := range headers {
			if !validHeader(k, v) {
				return fmt.Errorf("WithHeaders: %q is not a header that can be sent", k)
			}
		}
		if s.export.option.headers == nil {
			s.export.option.headers = map[string]string{}
		}
		maps.Copy(s.export.option.headers, headers)
		return nil
	}
}

// WithTracerProvider makes the SDK emit its spans through the program's own
// TracerProvider. Setup then exports no spans itself and applies no sampling:
// both are the provider's business.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(s *settings) error {
		s.tracerProvider = p
		return nil
	}
}

// WithMeterProvider makes the SDK emit its metrics through the program's own
// MeterProvider. Setup then exports no metrics itself.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(s *settings) error {
		s.meterProvider = p
		return nil
	}
}

// WithLoggerProvider makes the SDK emit its log records and events through the
// program's own LoggerProvider. Setup then exports no logs itself.
func WithLoggerProvider(p otellog.LoggerProvider) Option {
	return func(s *settings) error {
		s.loggerProvider = p
		return nil
	}
}

// WithPropagator makes the SDK read and write trace context and baggage with p,
// whatever OTEL_PROPAGATORS says.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(s *settings) error {
		s.propagator = p
		return nil
	}
}

// WithContent sets how much content of messages, inputs and outputs is kept, as
// MONITORING_TRACE_CONTENT_MODE, _MAX_CHARS and _MAX_ITEMS do: the mode, the most
// characters of a text and the most items of a list. 0 leaves a limit as it is.
func WithContent(mode ContentMode, maxChars, maxItems int) Option {
	return func(s *settings) error {
		if !mode.valid() {
			return fmt.Errorf("WithContent: unknown mode %q: use %s, %s or %s", mode, ContentFull, ContentSummary, ContentMetrics)
		}
		if maxChars < 0 || maxItems < 0 {
			return errors.New("WithContent: a limit cannot be negative")
		}
		s.contentMode = mode
		if maxChars > 0 {
			s.maxChars = maxChars
		}
		if maxItems > 0 {
			s.maxItems = maxItems
		}
		return nil
	}
}

func (m ContentMode) valid() bool {
	return m == ContentFull || m == ContentSummary || m == ContentMetrics
}

// WithMask adds a function that every text passes before it leaves the program,
// after the built-in masking of secrets. It may be called by many goroutines at
// once.
func WithMask(mask func(string) string) Option {
	return func(s *settings) error {
		s.mask = mask
		return nil
	}
}

// WithSampleRate sets the share of traces that are exported, from 0 to 1, as
// TELEMETRY_SAMPLE_RATE does. Metrics stay exact, and spans that failed or were
// slow are exported whatever the share.
func WithSampleRate(share float64) Option {
	return func(s *settings) error {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("WithSampleRate: %v is not a share from 0 to 1", share)
		}
		s.sampleRate = share
		return nil
	}
}

// WithSlowRequest sets the duration from which a call is slow: marked, logged
// and always sampled, as LLM_SLOW_REQUEST_THRESHOLD_SECONDS does. 0 is never.
func WithSlowRequest(d time.Duration) Option {
	return func(s *settings) error {
		if d < 0 {
			return fmt.Errorf("WithSlowRequest: %v is negative: use 0 for never", d)
		}
		s.slowRequest = d
		return nil
	}
}

// WithSlowTokenRate sets the speed in output tokens per second below which a
// call is slow, as LLM_SLOW_TOKEN_RATE_THRESHOLD does. 0 is never.
func WithSlowTokenRate(tokensPerSecond float64) Option {
	return func(s *settings) error {
		if !(tokensPerSecond >= 0) || math.IsInf(tokensPerSecond, 1) {
			return fmt.Errorf("WithSlowTokenRate: %v is not a rate: use 0 for never", tokensPerSecond)
		}
		s.slowTokenRate = tokensPerSecond
		return nil
	}
}

// WithPrometheusAddr serves the metrics for scraping at this host:port under
// /metrics, as PROMETHEUS_PORT does for all interfaces.
func WithPrometheusAddr(addr string) Option {
	return func(s *settings) error {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("WithPrometheusAddr: %q is not a host:port such as 127.0.0.1:8000 or :8000", addr)
		}
		s.prometheusAddr = addr
		return nil
	}
}

// WithHost makes Transport recognise model calls to a server that nobody knows,
// host or host:port, and says which dialect it speaks: openai, anthropic,
// gemini, ollama or another that docs/gateway.md lists.
func WithHost(host, dialect string) Option {
	return func(s *settings) error {
		host = strings.ToLower(strings.TrimSpace(host))
		if host == "" || strings.ContainsAny(host, "/ ") {
			return fmt.Errorf("WithHost: %q is not a host or host:port", host)
		}
		if dialect == "" {
			return fmt.Errorf("WithHost: %s: the dialect is missing: openai, anthropic, gemini, ollama, …", host)
		}
		s.hosts[host] = strings.ToLower(dialect)
		return nil
	}
}

// WithResource adds attributes to the resource of everything that is exported.
// They win over OTEL_RESOURCE_ATTRIBUTES.
func WithResource(attrs ...attribute.KeyValue) Option {
	return func(s *settings) error {
		s.attrs = append(s.attrs, attrs...)
		return nil
	}
}

// WithLogger sets where the SDK writes its own few warnings and the lines about
// slow calls. The default is slog.Default.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l != nil {
			s.logger = l
		}
		return nil
	}
}

// WithoutGlobals keeps Setup from installing its providers and propagator as
// OpenTelemetry's global ones.
func WithoutGlobals() Option {
	return func(s *settings) error {
		s.withoutGlobals = true
		return nil
	}
}
