package pitot

import (
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Defaults of the settings.
const (
	defaultMaxChars      = 4000
	defaultMaxItems      = 20
	defaultSlowRequest   = 5 * time.Second
	defaultSlowTokenRate = 10.0
)

// settings is what options and environment said, validated.
type settings struct {
	enabled *bool // nil: the environment decides

	service, version, environment string

	contentMode ContentMode
	maxChars    int
	maxItems    int
	mask        func(string) string // the program's own, after the built-in ones; may be nil

	sampleRate    float64
	slowRequest   time.Duration // 0: never
	slowTokenRate float64       // tokens per second, 0: never

	newNames bool // OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental

	hosts map[string]string // host[:port] → dialect, for servers that nobody knows
	attrs []attribute.KeyValue

	logger         *slog.Logger // never nil
	prometheusAddr string       // "": no server of our own
	withoutGlobals bool

	// The program's own, nil where Setup builds them.
	tracerProvider trace.TracerProvider
	meterProvider  metric.MeterProvider
	loggerProvider otellog.LoggerProvider
	propagator     propagation.TextMapPropagator

	structure structureSettings // mask.go: what is masked, where baggage goes

	export exportSettings

	numbers numberSettings // metrics_settings.go
}

// defaultSettings are the settings where nobody says anything.
func defaultSettings() *settings {
	return &settings{
		contentMode: ContentSummary, maxChars: defaultMaxChars, maxItems: defaultMaxItems,
		sampleRate: 1, slowRequest: defaultSlowRequest, slowTokenRate: defaultSlowTokenRate,
		hosts: map[string]string{}, logger: slog.Default(),
	}
}
