package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	promapi "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
)

// Remote is an outside store that has the metrics. The embedded one then holds
// the last hours: what remote write has not delivered yet.
type Remote struct {
	WriteURLs []string
	// HTTP is how the store is written to and, by ReadURLs, read.
	HTTP    commonconfig.HTTPClientConfig
	Headers map[string]string

	// QueryURL is the base URL of a Prometheus HTTP API that evaluates queries,
	// and Query the client for it.
	QueryURL string
	Query    *http.Client
	// ReadURLs are used where QueryURL is empty: samples come by remote read, and
	// queries are evaluated here.
	ReadURLs []string

	// Leads says whether this replica writes what recording rules make; nil: yes.
	// Of several replicas that evaluate the same rules one should.
	Leads func() bool
	// NoRules switches the evaluation of rules off: other replicas do it.
	NoRules bool
	// FlushDeadline bounds how long Close waits for remote write; default 10 s.
	FlushDeadline time.Duration
	// Shard is the part of the scrape targets that this replica scrapes.
	Shard Shard
}

// Shard is a part of several equal ones. The zero value is all.
type Shard struct{ Index, Count int }

// NoShard is none of the scrape targets.
var NoShard = Shard{Index: -1, Count: 1}

// remoteBuffer is how long samples are kept here that are stored elsewhere.
const remoteBuffer = 6 * time.Hour

// remoteQueue bounds how long remote write waits between attempts.
const remoteMaxBackoff = 5 * time.Second

// addRemote adds the outside store to a configuration.
func addRemote(cfg *config.Config, r *Remote) error {
	for _, s := range r.WriteURLs {
		u, err := url.Parse(s)
		if err != nil {
			return fmt.Errorf("remote write: %w", err)
		}
		w := config.DefaultRemoteWriteConfig
		w.URL, w.Headers = &commonconfig.URL{URL: u}, r.Headers
		w.HTTPClientConfig = r.HTTP
		w.SendExemplars, w.SendNativeHistograms = true, true
		w.QueueConfig.RetryOnRateLimit = true
		w.QueueConfig.MaxBackoff = model.Duration(remoteMaxBackoff)
		w.QueueConfig.BatchSendDeadline = model.Duration(time.Second)
		cfg.RemoteWriteConfigs = append(cfg.RemoteWriteConfigs, &w)
	}
	for _, s := range r.ReadURLs {
		u, err := url.Parse(s)
		if err != nil {
			return fmt.Errorf("remote read: %w", err)
		}
		c := config.DefaultRemoteReadConfig
		c.URL, c.Headers, c.ReadRecent, c.HTTPClientConfig = &commonconfig.URL{URL: u}, r.Headers, true, r.HTTP
		c.FilterExternalLabels = false
		cfg.RemoteReadConfigs = append(cfg.RemoteReadConfigs, &c)
	}
	t := cfg.StorageConfig.TSDBConfig
	keep := config.TSDBRetentionConfig{Time: model.Duration(remoteBuffer)}
	if t.Retention != nil {
		keep.Size = t.Retention.Size
	}
	t.Retention = &keep
	return checkRemote(cfg)
}

// source is where queries are answered from.
type source interface {
	query(ctx context.Context, expr string, ts time.Time) (Result, error)
	queryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Result, error)
	// vector is for rules.
	vector(ctx context.Context, expr string, ts time.Time) (promql.Vector, error)
	// samples is for what reads series without PromQL.
	samples() storage.Queryable
}

// engineSource evaluates queries here.
type engineSource struct {
	engine *promql.Engine
	store  storage.Queryable // as requests see it
	all    storage.Queryable
}

func (s engineSource) query(ctx context.Context, expr string, ts time.Time) (Result, error) {
	q, err := s.engine.NewInstantQuery(ctx, s.store, nil, expr, ts)
	if err != nil {
		return Result{}, fmt.Errorf("query: %w", err)
	}
	return evaluate(ctx, q, expr)
}

func (s engineSource) queryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Result, error) {
	q, err := s.engine.NewRangeQuery(ctx, s.store, nil, expr, start, end, step)
	if err != nil {
		return Result{}, fmt.Errorf("query: %w", err)
	}
	return evaluate(ctx, q, expr)
}

func (s engineSource) vector(ctx context.Context, expr string, ts time.Time) (promql.Vector, error) {
	return rules.EngineQueryFunc(s.engine, s.store)(ctx, expr, ts)
}

func (s engineSource) samples() storage.Queryable { return s.all }

// remoteSource asks a Prometheus HTTP API.
type remoteSource struct {
	api promv1.API
	// tenanted says that expressions get the matcher of the tenant who asks.
	tenanted bool
}

func newRemoteSource(r *Remote) (*remoteSource, error) {
	c, err := promapi.NewClient(promapi.Config{Address: r.QueryURL, Client: r.Query})
	if err != nil {
		return nil, fmt.Errorf("query URL: %w", err)
	}
	return &remoteSource{api: promv1.NewAPI(c)}, nil
}

func (s *remoteSource) query(ctx context.Context, expr string, ts time.Time) (Result, error) {
	expr, err := s.restricted(ctx, expr)
	if err != nil {
		return Result{}, fmt.Errorf("query: %w", err)
	}
	v, warnings, infos, err := s.api.Query(ctx, expr, ts)
	if err != nil {
		return Result{}, fmt.Errorf("query: %w", remoteError(err))
	}
	return resultOf(v, append(warnings, infos...))
}

func (s *remoteSource) queryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Result, error) {
	expr, err := s.restricted(ctx, expr)
	if err != nil {
		return Result{}, fmt.Errorf("query: %w", err)
	}
	v, warnings, infos, err := s.api.QueryRange(ctx, expr, promv1.Range{Start: start, End: end, Step: step})
	if err != nil {
		return Result{}, fmt.Errorf("query: %w", remoteError(err))
	}
	return resultOf(v, append(warnings, infos...))
}

// remoteError keeps the answer's text short: a proxy may answer with a page.
func remoteError(err error) error {
	if e, ok := errors.AsType[*promv1.Error](err); ok && len(e.Detail) > 200 {
		return fmt.Errorf("%s: %s (cut)", e.Msg, e.Detail[:200])
	}
	return err
}

func resultOf(v model.Value, warnings []string) (Result, error) {
	out := Result{Type: v.Type().String(), Warnings: warnings}
	switch v := v.(type) {
	case model.Vector:
		for _, s := range v {
			out.Series = append(out.Series, Series{Labels: metricMap(s.Metric), Points: []Point{modelPoint(s.Timestamp, s.Value, s.Histogram)}})
		}
	case model.Matrix:
		for _, s := range v {
			series := Series{Labels: metricMap(s.Metric)}
			for _, p := range s.Values {
				series.Points = append(series.Points, modelPoint(p.Timestamp, p.Value, nil))
			}
			for _, p := range s.Histograms {
				series.Points = append(series.Points, modelPoint(p.Timestamp, 0, p.Histogram))
			}
			slices.SortStableFunc(series.Points, func(a, b Point) int { return a.Time.Compare(b.Time) })
			out.Series = append(out.Series, series)
		}
	case *model.Scalar:
		out.Series = []Series{{Labels: map[string]string{}, Points: []Point{modelPoint(v.Timestamp, v.Value, nil)}}}
	case *model.String:
		out.Text = v.Value
	default:
		return Result{}, fmt.Errorf("query: the store answers with a %s", v.Type())
	}
	return out, nil
}

func metricMap(m model.Metric) map[string]string {
	out := make(map[string]string, len(m))
	for n, v := range m {
		out[string(n)] = string(v)
	}
	return out
}

func modelPoint(t model.Time, v model.SampleValue, h *model.SampleHistogram) Point {
	p := Point{Time: t.Time().UTC(), Value: float64(v)}
	if h != nil {
		p.Histogram = &Distribution{Count: float64(h.Count), Sum: float64(h.Sum)}
		p.Value = p.Histogram.Sum
	}
	return p
}

// vector evaluates an expression for a rule. Native histograms do not come
// through this API as they are: rules that record some need remote read.
func (s *remoteSource) vector(ctx context.Context, expr string, ts time.Time) (promql.Vector, error) {
	expr, err := s.restricted(ctx, expr)
	if err != nil {
		return nil, err
	}
	v, _, _, err := s.api.Query(ctx, expr, ts)
	if err != nil {
		return nil, remoteError(err)
	}
	switch v := v.(type) {
	case model.Vector:
		out := make(promql.Vector, 0, len(v))
		for _, s := range v {
			if s.Histogram == nil {
				out = append(out, promql.Sample{Metric: metricLabels(s.Metric), T: ts.UnixMilli(), F: float64(s.Value)})
			}
		}
		return out, nil
	case *model.Scalar:
		return promql.Vector{{T: ts.UnixMilli(), F: float64(v.Value)}}, nil
	}
	return nil, errors.New("rule result is not a vector or scalar")
}

func metricLabels(m model.Metric) labels.Labels {
	b := labels.NewScratchBuilder(len(m))
	for n, v := range m {
		b.Add(string(n), string(v))
	}
	b.Sort()
	return b.Labels()
}

// remotePaths are answered by the store, because they are about its samples; and
// the values of labels.
var remotePaths = []string{
	"/api/v1/query", "/api/v1/query_range", "/api/v1/query_exemplars", "/api/v1/series", "/api/v1/labels",
	"/api/v1/status/tsdb", "/federate",
}

// maxRemoteQuery bounds the form of a query that is passed on.
const maxRemoteQuery = 10 << 20

// proxyQueries answers what is about samples from the store, and leaves the rest
// to next.
func proxyQueries(r *Remote, tenanted bool, next http.Handler) (http.Handler, error) {
	target, err := url.Parse(r.QueryURL)
	if err != nil {
		return nil, fmt.Errorf("query URL: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: r.Query.Transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			for name := range p.Out.Header {
				if !slices.Contains([]string{"Accept", "Accept-Encoding", "Content-Type", "Content-Length", "User-Agent"}, name) {
					p.Out.Header.Del(name)
				}
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			for name := range resp.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					resp.Header.Del(name)
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, req *http.Request, err error) {
			if req.Context().Err() != nil {
				return // the client has gone
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": "unavailable", "error": "the metric store does not answer: " + err.Error()})
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, ok := remotePath(req.URL); !ok || req.Method != http.MethodGet && req.Method != http.MethodPost {
			next.ServeHTTP(w, req)
			return
		}
		if req.Body != nil {
			req.Body = http.MaxBytesReader(w, req.Body, maxRemoteQuery)
		}
		if tenanted {
			own, err := restrictRequest(req)
			if err != nil {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": "bad_data", "error": err.Error()})
				return
			}
			req = own
		}
		proxy.ServeHTTP(w, req)
	}), nil
}

// CheckRemote asks the outside store whether it answers queries.
func (m *Metrics) CheckRemote(ctx context.Context) error {
	_, err := m.source.query(ctx, "vector(1)", time.Now())
	return err
}

// IsRemote says whether an outside store has the metrics.
func (m *Metrics) IsRemote() bool { return m.opts.Remote != nil }

// RemotePending is how far remote write is behind, by URL; zero where it is not.
func (m *Metrics) RemotePending() map[string]time.Duration {
	families, err := m.registry.Gather()
	if err != nil && len(families) == 0 {
		return nil
	}
	var newest float64
	sent := map[string]float64{}
	for _, f := range families {
		switch f.GetName() {
		case "prometheus_remote_storage_highest_timestamp_in_seconds":
			for _, x := range f.GetMetric() {
				newest = max(newest, x.GetGauge().GetValue())
			}
		case sentTimestamp:
			for _, x := range f.GetMetric() {
				sent[labelOfPairs(x.GetLabel(), "url")] = x.GetGauge().GetValue()
			}
		}
	}
	out := map[string]time.Duration{}
	for u, t := range sent {
		out[u] = time.Duration(max(0, newest-t) * float64(time.Second))
	}
	return out
}

// sentTimestamp is the newest sample that remote write has delivered, by URL.
const sentTimestamp = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"

func labelOfPairs[L interface {
	GetName() string
	GetValue() string
}](pairs []L, name string) string {
	for _, p := range pairs {
		if p.GetName() == name {
			return p.GetValue()
		}
	}
	return ""
}

// buildSource chooses where queries are answered from.
func (m *Metrics) buildSource() error {
	if r := m.opts.Remote; r != nil && r.QueryURL != "" {
		s, err := newRemoteSource(r)
		if err != nil {
			return err
		}
		s.tenanted = m.tenanted()
		m.source = s
		return nil
	}
	m.source = engineSource{m.engine, m.requestQueryable(), m.queryable()}
	return nil
}

// queryable is what the engine here reads.
func (m *Metrics) queryable() storage.SampleAndChunkQueryable {
	if r := m.opts.Remote; r != nil && len(r.ReadURLs) > 0 {
		return m.remote
	}
	return m.store
}

// ruleLogger is the logger of rules. While an outside store does not answer, no
// rule can be evaluated: that is told once, by what asks it, and not by each rule.
func (m *Metrics) ruleLogger() *slog.Logger {
	l := m.component("rules")
	if m.opts.Remote == nil {
		return l
	}
	return slog.New(withoutFailures{l.Handler()})
}

// withoutFailures lowers what the rule manager says of each rule that it could
// not evaluate.
type withoutFailures struct{ slog.Handler }

// Handle implements slog.Handler.
func (h withoutFailures) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "Evaluating rule failed" {
		r.Level = slog.LevelDebug
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h withoutFailures) WithAttrs(a []slog.Attr) slog.Handler {
	return withoutFailures{h.Handler.WithAttrs(a)}
}

// WithGroup implements slog.Handler.
func (h withoutFailures) WithGroup(name string) slog.Handler {
	return withoutFailures{h.Handler.WithGroup(name)}
}

// ruleSamples is what is read without PromQL: the store itself, where it is the
// embedded one.
func (m *Metrics) ruleSamples() storage.Queryable {
	if m.opts.Remote == nil {
		return m.db
	}
	return m.source.samples()
}

func (m *Metrics) ruleAppendable() storage.Appendable {
	if r := m.opts.Remote; r != nil {
		return leaderAppendable{m.store, r.Leads}
	}
	return m.store
}

// remoteHandlers puts the outside store before the handlers.
func (m *Metrics) remoteHandlers(own func() (api, all http.Handler)) (func() (api, all http.Handler), error) {
	r := m.opts.Remote
	if r == nil || r.QueryURL == "" {
		return own, nil
	}
	proxy, err := proxyQueries(r, m.tenanted(), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, all := own()
		all.ServeHTTP(w, req)
	}))
	if err != nil {
		return nil, err
	}
	return func() (api, all http.Handler) {
		api, _ = own()
		return api, proxy
	}, nil
}

// addShard leaves of all scrape targets those of one part.
func addShard(cfg *config.Config, s Shard) error {
	if s.Count == 0 {
		return nil
	}
	if len(cfg.ScrapeConfigFiles) > 0 {
		return errors.New("scrape_config_files: their targets cannot be divided among replicas: move them to scrape_configs")
	}
	// As the Prometheus operator does it. The label is gone after relabelling.
	for _, c := range cfg.ScrapeConfigs {
		c.RelabelConfigs = append(c.RelabelConfigs, &relabel.Config{
			SourceLabels: model.LabelNames{model.AddressLabel}, Separator: ";", Modulus: uint64(s.Count), TargetLabel: "__tmp_pitot_shard",
			Action: relabel.HashMod, Regex: relabel.DefaultRelabelConfig.Regex, Replacement: "$1", NameValidationScheme: model.UTF8Validation,
		}, &relabel.Config{
			SourceLabels: model.LabelNames{"__tmp_pitot_shard"}, Separator: ";", Regex: relabel.MustNewRegexp(strconv.Itoa(s.Index)),
			Action: relabel.Keep, Replacement: "$1", NameValidationScheme: model.UTF8Validation,
		})
	}
	return nil
}

// HasScrapes says whether the configuration names targets to scrape.
func (m *Metrics) HasScrapes() bool {
	scrapes, err := m.config.Load().GetScrapeConfigs()
	return err == nil && len(scrapes) > 0
}
