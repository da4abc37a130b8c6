package metrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/processor"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

const (
	otlpPath = "/api/v1/otlp/v1/metrics"
	// maxOTLPBody bounds one request, uncompressed.
	maxOTLPBody = 64 << 20
	// maxDeltaStreams bounds how many delta series are added up at a time;
	// those past it are dropped. A stream that is silent for five minutes is
	// forgotten.
	maxDeltaStreams = 100_000
)

// deltas adds up the delta metrics of OTLP senders. Coding agents send these
// by default, and a store of cumulative series would refuse them.
//
// Prometheus' own receiver can do the same but has no way to end the
// goroutine that it starts for it.
type deltas struct {
	proc processor.Metrics
}

func newDeltas() (*deltas, error) {
	f := deltatocumulativeprocessor.NewFactory()
	cfg, ok := f.CreateDefaultConfig().(*deltatocumulativeprocessor.Config)
	if !ok {
		return nil, errors.New("delta to cumulative: unknown configuration")
	}
	cfg.MaxStreams = maxDeltaStreams
	set := processor.Settings{
		ID: component.NewID(f.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger: zap.NewNop(), MeterProvider: metricnoop.NewMeterProvider(), TracerProvider: tracenoop.NewTracerProvider(),
		},
	}
	// It changes the metrics in place: there is nothing to do behind it.
	end, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error { return nil }, consumer.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	if err != nil {
		return nil, fmt.Errorf("delta to cumulative: %w", err)
	}
	p, err := f.CreateMetrics(context.Background(), set, cfg, end)
	if err != nil {
		return nil, fmt.Errorf("delta to cumulative: %w", err)
	}
	if err := p.Start(context.Background(), nil); err != nil {
		return nil, fmt.Errorf("delta to cumulative: %w", err)
	}
	return &deltas{proc: p}, nil
}

func (d *deltas) close() error { return d.proc.Shutdown(context.Background()) }

// accumulate makes the deltas in md cumulative.
func (d *deltas) accumulate(ctx context.Context, md pmetric.Metrics) error {
	if !hasDeltas(md) {
		return nil
	}
	return d.proc.ConsumeMetrics(ctx, md)
}

func hasDeltas(md pmetric.Metrics) bool {
	const delta = pmetric.AggregationTemporalityDelta
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				switch m.Type() {
				case pmetric.MetricTypeSum:
					if m.Sum().AggregationTemporality() == delta {
						return true
					}
				case pmetric.MetricTypeHistogram:
					if m.Histogram().AggregationTemporality() == delta {
						return true
					}
				case pmetric.MetricTypeExponentialHistogram:
					if m.ExponentialHistogram().AggregationTemporality() == delta {
						return true
					}
				default:
				}
			}
		}
	}
	return false
}

// WriteOTLP stores metrics that came by OTLP on another door. It may change md.
func (m *Metrics) WriteOTLP(ctx context.Context, md pmetric.Metrics) error {
	if err := m.deltas.accumulate(ctx, md); err != nil {
		return fmt.Errorf("metrics: otlp: %w", err)
	}
	if md.MetricCount() == 0 {
		return nil
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		return fmt.Errorf("metrics: otlp: %w", err)
	}
	req, err := otlpRequest(ctx, body)
	if err != nil {
		return fmt.Errorf("metrics: otlp: %w", err)
	}
	var rec statusRecorder
	api, _ := m.handlers()
	api.ServeHTTP(&rec, req)
	if rec.status >= http.StatusBadRequest {
		return fmt.Errorf("metrics: otlp: %s", strings.TrimSpace(rec.body.String()))
	}
	return nil
}

func otlpRequest(ctx context.Context, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, otlpPath, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	return req, nil
}

// statusRecorder keeps the answer of a handler that is called in process.
type statusRecorder struct {
	status int
	body   bytes.Buffer
	header http.Header
}

// Header implements http.ResponseWriter.
func (r *statusRecorder) Header() http.Header {
	if r.header == nil {
		r.header = make(http.Header)
	}
	return r.header
}

// Write implements http.ResponseWriter.
func (r *statusRecorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (r *statusRecorder) WriteHeader(status int) { r.status = status }

// acceptDeltas adds up deltas before the store's receiver sees a request.
func (d *deltas) acceptDeltas(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readOTLP(w, r)
		if err != nil {
			http.Error(w, "otlp metrics: "+err.Error(), http.StatusBadRequest)
			return
		}
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		req := pmetricotlp.NewExportRequest()
		switch media {
		case "application/x-protobuf":
			err = req.UnmarshalProto(body)
		case "application/json":
			err = req.UnmarshalJSON(body)
		default:
			http.Error(w, fmt.Sprintf("otlp metrics: content type %q: use application/x-protobuf or application/json", media), http.StatusUnsupportedMediaType)
			return
		}
		if err != nil {
			http.Error(w, "otlp metrics: "+err.Error(), http.StatusBadRequest)
			return
		}
		if err := d.accumulate(r.Context(), req.Metrics()); err != nil {
			http.Error(w, "otlp metrics: "+err.Error(), http.StatusBadRequest)
			return
		}
		if body, err = req.MarshalProto(); err != nil {
			http.Error(w, "otlp metrics: "+err.Error(), http.StatusInternalServerError)
			return
		}
		out, err := otlpRequest(r.Context(), body)
		if err != nil {
			http.Error(w, "otlp metrics: "+err.Error(), http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, out)
	})
}

func readOTLP(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var in io.Reader = http.MaxBytesReader(w, r.Body, maxOTLPBody)
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = z
	default:
		return nil, fmt.Errorf("content encoding %q: use gzip or none", enc)
	}
	body, err := io.ReadAll(io.LimitReader(in, maxOTLPBody+1))
	if err == nil && len(body) > maxOTLPBody {
		err = fmt.Errorf("the request is over %d MiB: send smaller batches", maxOTLPBody>>20)
	}
	return body, err
}
