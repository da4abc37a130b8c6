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
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/processor"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/pitot-dev/pitot/internal/llm"
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

// accumulate makes the deltas in md cumulative and names their metrics.
func (d *deltas) accumulate(ctx context.Context, md pmetric.Metrics) (map[string]bool, error) {
	names := deltaNames(md)
	if len(names) == 0 {
		return nil, nil
	}
	return names, d.proc.ConsumeMetrics(ctx, md)
}

// prepareOTLP makes of md what the store shall have.
func (m *Metrics) prepareOTLP(ctx context.Context, md pmetric.Metrics) error {
	if t := llm.TenantOf(ctx); t != llm.DefaultTenant {
		ownStreams(md, t)
	}
	names, err := m.deltas.accumulate(ctx, md)
	if err != nil {
		return err
	}
	m.sendersOf(ctx).prepare(md, names)
	if m.opts.Remote != nil {
		markReplica(md, m.opts.Instance)
	}
	return nil
}

// OTLPError is what the store says of a request that it did not take whole.
type OTLPError struct {
	Status int // as HTTP has it
	Text   string
}

// Error returns what is wrong.
func (e *OTLPError) Error() string { return "metrics: otlp: " + e.Text }

// Retryable says whether the same request may succeed later: not where the
// store objects to what is in it.
func (e *OTLPError) Retryable() bool { return e.Status >= http.StatusInternalServerError }

// RetryAfter is how long to wait before.
func (e *OTLPError) RetryAfter() time.Duration { return 5 * time.Second }

// WriteOTLP stores metrics that came by OTLP on another door. It changes md.
// An *OTLPError says that a part was not stored, and whether to send it again.
func (m *Metrics) WriteOTLP(ctx context.Context, md pmetric.Metrics) error {
	if err := m.prepareOTLP(ctx, md); err != nil {
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
		return &OTLPError{Status: rec.status, Text: strings.TrimSpace(rec.body.String())}
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

// receiveOTLP does what WriteOTLP does for requests to the API's own path.
func (m *Metrics) receiveOTLP(next http.Handler) http.Handler {
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
		if err := m.prepareOTLP(r.Context(), req.Metrics()); err != nil {
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
