package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/engine"
)

// ownJob is the job of Pitot's own metrics, which is no target of anybody's.
const ownJob = "pitot"

// facts are what the server knows that explains missing data.
func (s *Server) facts(ctx context.Context) doctor.Facts {
	cfg := s.current()
	j := s.journal.Stats()
	f := doctor.Facts{
		Started: s.started, Dropped: map[string]uint64{}, JournalBytes: j.Bytes, JournalMax: j.MaxBytes,
		Retention: s.events.Retention(), SamplingRate: cfg.Pipeline.Sampling.Rate, ContentKept: string(cfg.Capture.Content),
	}
	if j.Err != nil {
		f.JournalErr = j.Err.Error()
	}
	for _, e := range s.pipeline.Ledger() {
		f.Received += e.Received
		f.Stores += e.Stored
		f.JournalWaiting += e.Journaled
		for reason, n := range e.Dropped {
			f.Dropped[reason] += n
		}
	}
	// The stores' own cursor is behind on purpose, by what an engine may lose:
	// only what the ledger still counts as on its way waits.
	if f.JournalWaiting > 0 {
		for _, c := range j.Cursors {
			f.JournalLag = max(f.JournalLag, c.OldestAge)
		}
	}
	if s.engine == nil {
		if err := s.outsideReady(); err != nil {
			f.Engine, f.EngineDetail = engine.StateBackoff, err.Error()
		}
	} else if st := s.engine.Status(); st.State != engine.StateReady {
		f.Engine, f.EngineDetail = st.State, cmp.Or(st.Hint, st.LastExit)
	} else {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if stats, err := s.engine.Stats(ctx); err == nil {
			f.ReadOnly = stats.ReadOnly
		}
	}
	for _, t := range s.targets() {
		if t.Labels.Job != ownJob && t.Health != "unknown" { // not scraped yet
			f.Targets = append(f.Targets, doctor.Target{Job: t.Labels.Job, URL: t.ScrapeURL, Error: t.LastError, Up: t.Health == "up"})
		}
	}
	for _, r := range refusedRequests(s.ownFamilies()) {
		f.Refused = append(f.Refused, r.Refused)
	}
	return f
}

// refused is how many requests of one kind were not taken, and by which way
// they came.
type refused struct {
	doctor.Refused
	way string
}

// refusedRequests reads from the counters what senders were refused.
func refusedRequests(families map[string]*dto.MetricFamily) []refused {
	var out []refused
	add := func(way, what, code string, n float64) {
		if n == 0 {
			return
		}
		i := slices.IndexFunc(out, func(r refused) bool { return r.What == what && r.Code == code })
		if i < 0 {
			out = append(out, refused{doctor.Refused{What: what, Code: code}, way})
			i = len(out) - 1
		}
		out[i].Count += uint64(n)
	}
	ways := map[string]string{"traces": api.WayTraces, "metrics": api.WayMetrics, "logs": api.WayLogs}
	for _, m := range families["pitot_otlp_requests_total"].GetMetric() {
		code, signal := labelOf(m, "code"), labelOf(m, "signal")
		if code == "OK" || code == "Canceled" || strings.HasPrefix(code, "2") || code == "499" {
			continue
		}
		add(cmp.Or(ways[signal], api.WayTraces), signal, code, m.GetCounter().GetValue())
	}
	for _, m := range families["pitot_logs_rejected_total"].GetMetric() {
		add(api.WayElasticsearch, "elasticsearch", labelOf(m, "reason"), m.GetCounter().GetValue())
	}
	for _, m := range families["pitot_remote_write_requests_total"].GetMetric() {
		if code := labelOf(m, "code"); code != "2xx" {
			add(api.WayRemoteWrite, "remote_write", code, m.GetCounter().GetValue())
		}
	}
	slices.SortStableFunc(out, func(a, b refused) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// scrapeTarget is a target as the Prometheus API shows it.
type scrapeTarget struct {
	Labels     struct{ Job string }
	ScrapeURL  string
	LastError  string
	LastScrape time.Time
	Health     string // up, down, unknown
}

// targets asks the metric store's API, which alone knows the errors of targets.
func (s *Server) targets() []scrapeTarget {
	return s.scrapeTargets.get(setupFor, func() []scrapeTarget {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/api/v1/targets?state=active", http.NoBody)
		if err != nil {
			return nil
		}
		w := &memoryWriter{header: http.Header{}}
		s.metrics.Handler().ServeHTTP(w, r)
		var body struct {
			Data struct{ ActiveTargets []scrapeTarget }
		}
		if err := json.Unmarshal(w.b.Bytes(), &body); err != nil {
			return nil
		}
		return body.Data.ActiveTargets
	})
}

// memoryWriter keeps an answer.
type memoryWriter struct {
	header http.Header
	b      bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *memoryWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *memoryWriter) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (w *memoryWriter) Write(b []byte) (int, error) { return w.b.Write(b) }
