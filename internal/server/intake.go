package server

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/forward"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/logs"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/otlp"
	"github.com/pitot-dev/pitot/internal/pipeline"
	"github.com/pitot-dev/pitot/internal/semconv"
)

// intake is what other programs send: telemetry, logs, and the files they
// write; and where records are sent on to.
type intake struct {
	receiver      *otlp.Receiver
	elasticsearch *logs.Elasticsearch // nil: switched off
	tail          *tail
	forward       *forward.Forwarder
}

func (s *Server) buildIntake() error {
	var err error
	s.intake.receiver, err = otlp.New(otlp.Options{
		Config: s.config.OTLP.Config, Sink: telemetrySink{s.pipeline, s.metrics, s.masks}, Normalizer: semconv.New(semconv.Options{}),
		Evaluations: s.evaluated, Turns: s.turns, Logger: s.component("otlp"), Registerer: s.metrics.Registerer(),
	})
	if err != nil {
		return err
	}
	counts := logs.NewMetrics()
	for _, c := range counts.Collectors() {
		if err := s.metrics.Registerer().Register(c); err != nil {
			return fmt.Errorf("logs: %w", err)
		}
	}
	o := logs.Options{
		Config: s.config.Logs, Sink: s.pipeline, Resource: logs.EnvResource(os.Getenv, os.ReadFile), DataDir: s.opts.DataDir,
		Metrics: counts, Log: s.component("logs"),
	}
	if on := s.config.Logs.Elasticsearch.Enabled; (on == nil || *on) && s.opts.Role != RoleQuery {
		s.intake.elasticsearch = logs.NewElasticsearch(o)
	}
	if s.intake.tail, err = newTail(o); err != nil {
		return err
	}
	s.intake.forward, err = forward.New(forward.Options{
		Config: s.config.Forward, Journal: s.journal, Decode: decodeJournal, KindOf: kindOfJournal,
		AppendTraces: semconv.AppendTraces, AppendLogs: semconv.AppendLogs,
		UserAgent: "pitot/" + s.opts.Version, Logger: s.component("forward"), Registerer: s.metrics.Registerer(),
	})
	return err
}

// reload takes over what can change while the server runs.
func (i *intake) reload(c *config.Config) error {
	if err := i.forward.Reload(c.Forward); err != nil {
		return err
	}
	return i.tail.reload(c.Logs)
}

// telemetrySink is where the receiver's records and metrics go.
type telemetrySink struct {
	*pipeline.Pipeline
	m     *metrics.Metrics
	masks *masks
}

// Metrics stores metrics.
func (t telemetrySink) Metrics(ctx context.Context, md pmetric.Metrics) error {
	t.masks.metrics(md)
	return t.m.WriteOTLP(ctx, md)
}

// decodeJournal turns what the pipeline wrote into the journal back into the
// record.
func decodeJournal(b []byte) (llm.Record, error) {
	e, err := pipeline.OpenEntry(b)
	if err != nil {
		return llm.Record{}, err
	}
	return events.DecodeRow(e.Row)
}

func kindOfJournal(b []byte) forward.Kind {
	e, err := pipeline.OpenEntry(b)
	if err != nil {
		return ""
	}
	switch e.Kind {
	case pipeline.EntryCall:
		return forward.KindCalls
	case pipeline.EntrySpan:
		return forward.KindSpans
	case pipeline.EntryLog:
		return forward.KindLogs
	case pipeline.EntryFeedback:
		return kindFeedback
	}
	return ""
}

// withElasticsearch serves the paths of Elasticsearch's API before all others.
// They share the port with the page and the APIs: log shippers know one address.
func (s *Server) withElasticsearch(next http.Handler) http.Handler {
	es := s.intake.elasticsearch
	if es == nil {
		return next
	}
	guarded := api.Protected(s.guardIngest(es)) // a page elsewhere must not write logs as who visits it
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if logs.Match(r) || logs.WantsElasticsearch(r) {
			guarded.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
