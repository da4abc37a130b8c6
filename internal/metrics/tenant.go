package metrics

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Tenants share one store. Their series have the label `tenant`, those of the
// default tenant have none. Who reads and writes through the API does it through
// a view of the store that adds a matcher to every selection and sets the label of
// every series, beneath PromQL and all endpoints: no expression, no parameter and
// no form of request gets around it, because there is nothing else to select from.

// tenantView shows what can be read as the tenant of each request sees it.
type tenantView struct {
	storage.SampleAndChunkQueryable
}

// tenantDoor takes what the tenant of each request writes.
type tenantDoor struct{ appendables }

// appendables take samples: the receivers use both kinds of appender.
type appendables interface {
	storage.Appendable
	storage.AppendableV2
}

// matcher is the one that every selection of a context gets.
func matcher(ctx context.Context) *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchEqual, llm.TenantLabel, llm.TenantOf(ctx))
}

type allTenantsKey struct{}

// allTenants lets queries of a context see everything: rules of the operator that
// name the label themselves.
func allTenants(ctx context.Context) context.Context {
	return context.WithValue(ctx, allTenantsKey{}, true)
}

// restrict adds the matcher of a context. A matcher of the user's on the same
// label stays: together they select no more than either alone.
func restrict(ctx context.Context, ms []*labels.Matcher) []*labels.Matcher {
	if all, _ := ctx.Value(allTenantsKey{}).(bool); all {
		return ms
	}
	return append(slices.Clip(ms), matcher(ctx))
}

// Querier implements storage.Queryable.
func (v tenantView) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := v.SampleAndChunkQueryable.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return tenantQuerier{q, tenantLabels{q}}, nil
}

// ChunkQuerier implements storage.ChunkQueryable.
func (v tenantView) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	q, err := v.SampleAndChunkQueryable.ChunkQuerier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return tenantChunks{q, tenantLabels{q}}, nil
}

// tenantLabels restricts names and values of labels.
type tenantLabels struct{ q storage.LabelQuerier }

func (t tenantLabels) LabelValues(ctx context.Context, name string, hints *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return t.q.LabelValues(ctx, name, hints, restrict(ctx, ms)...)
}

func (t tenantLabels) LabelNames(ctx context.Context, hints *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return t.q.LabelNames(ctx, hints, restrict(ctx, ms)...)
}

func (t tenantLabels) Close() error { return t.q.Close() }

type tenantQuerier struct {
	q storage.Querier
	tenantLabels
}

func (t tenantQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	return t.q.Select(ctx, sorted, hints, restrict(ctx, ms)...)
}

type tenantChunks struct {
	q storage.ChunkQuerier
	tenantLabels
}

func (t tenantChunks) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.ChunkSeriesSet {
	return t.q.Select(ctx, sorted, hints, restrict(ctx, ms)...)
}

// tenantExemplars shows exemplars as the tenant of each request sees them.
type tenantExemplars struct{ storage.ExemplarQueryable }

// ExemplarQuerier implements storage.ExemplarQueryable.
func (v tenantExemplars) ExemplarQuerier(ctx context.Context) (storage.ExemplarQuerier, error) {
	q, err := v.ExemplarQueryable.ExemplarQuerier(ctx)
	if err != nil {
		return nil, err
	}
	return tenantExemplarQuerier{q, ctx}, nil
}

type tenantExemplarQuerier struct {
	q   storage.ExemplarQuerier
	ctx context.Context //nolint:containedctx // The interface takes it when the querier is made.
}

func (t tenantExemplarQuerier) Select(start, end int64, sets ...[]*labels.Matcher) ([]exemplar.QueryResult, error) {
	own := make([][]*labels.Matcher, len(sets))
	for i, ms := range sets {
		own[i] = restrict(t.ctx, ms)
	}
	return t.q.Select(start, end, own...)
}

// Appender implements storage.Appendable.
func (d tenantDoor) Appender(ctx context.Context) storage.Appender {
	return &tenantAppender{Appender: d.appendables.Appender(ctx), own: owner{tenant: llm.TenantOf(ctx)}}
}

// AppenderV2 implements storage.AppendableV2.
func (d tenantDoor) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &tenantAppenderV2{AppenderV2: d.appendables.AppenderV2(ctx), own: owner{tenant: llm.TenantOf(ctx)}}
}

// owner gives series the label of their tenant, whatever they say themselves.
type owner struct {
	tenant string
	b      labels.Builder
}

func (o *owner) label(l labels.Labels) labels.Labels {
	if l.Get(llm.TenantLabel) == o.tenant {
		return l
	}
	o.b.Reset(l)
	o.b.Set(llm.TenantLabel, o.tenant) // to nothing: it goes
	return o.b.Labels()
}

type tenantAppender struct {
	storage.Appender
	own owner
}

func (a *tenantAppender) Append(ref storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	return a.Appender.Append(ref, a.own.label(l), t, v)
}

func (a *tenantAppender) AppendExemplar(ref storage.SeriesRef, l labels.Labels, e exemplar.Exemplar) (storage.SeriesRef, error) {
	return a.Appender.AppendExemplar(ref, a.own.label(l), e)
}

func (a *tenantAppender) AppendHistogram(ref storage.SeriesRef, l labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return a.Appender.AppendHistogram(ref, a.own.label(l), t, h, fh)
}

func (a *tenantAppender) AppendHistogramSTZeroSample(ref storage.SeriesRef, l labels.Labels, t, st int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return a.Appender.AppendHistogramSTZeroSample(ref, a.own.label(l), t, st, h, fh)
}

func (a *tenantAppender) AppendSTZeroSample(ref storage.SeriesRef, l labels.Labels, t, st int64) (storage.SeriesRef, error) {
	return a.Appender.AppendSTZeroSample(ref, a.own.label(l), t, st)
}

func (a *tenantAppender) UpdateMetadata(ref storage.SeriesRef, l labels.Labels, m metadata.Metadata) (storage.SeriesRef, error) {
	return a.Appender.UpdateMetadata(ref, a.own.label(l), m)
}

type tenantAppenderV2 struct {
	storage.AppenderV2
	own owner
}

func (a *tenantAppenderV2) Append(ref storage.SeriesRef, l labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AppendV2Options) (storage.SeriesRef, error) {
	return a.AppenderV2.Append(ref, a.own.label(l), st, t, v, h, fh, o)
}

// tenanted says whether there are tenants beside the default one.
func (m *Metrics) tenanted() bool { return len(m.opts.Tenants) > 0 }

// requestQueryable is what requests read.
func (m *Metrics) requestQueryable() storage.SampleAndChunkQueryable {
	if !m.tenanted() {
		return m.queryable()
	}
	return tenantView{m.queryable()}
}

// requestAppendable is what requests write to.
func (m *Metrics) requestAppendable() appendables {
	if !m.tenanted() {
		return m.store
	}
	return tenantDoor{m.store}
}

// exemplars are those that requests see.
func (m *Metrics) exemplars() storage.ExemplarQueryable {
	if !m.tenanted() {
		return m.db
	}
	return tenantExemplars{m.db}
}

// ruleQuery evaluates the expressions of rules. Rules are the operator's. One
// whose expression names the label `tenant` sees everything. Recording rules
// without it run once for each tenant, whose label their results get, so that
// recorded series are kept apart as the others are. Other alerts are about the
// default tenant.
func (m *Metrics) ruleQuery() rules.QueryFunc {
	if !m.tenanted() {
		return m.source.vector
	}
	query := m.source.vector
	p := newParser()
	return func(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
		if namesTenant(p, expr) {
			return query(allTenants(ctx), expr, at)
		}
		out, err := query(ctx, expr, at)
		if err != nil || rules.FromOriginContext(ctx).Kind != rules.KindRecording {
			return out, err
		}
		var b labels.Builder
		for _, t := range m.opts.Tenants {
			own, err := query(llm.WithTenant(ctx, t), expr, at)
			if err != nil {
				return nil, err
			}
			for _, s := range own {
				b.Reset(s.Metric)
				b.Set(llm.TenantLabel, t)
				s.Metric = b.Labels()
				out = append(out, s)
			}
		}
		return out, nil
	}
}

// namesTenant says whether a selector of an expression is about the label.
func namesTenant(p parser.Parser, expr string) bool {
	e, err := p.ParseExpr(expr)
	if err != nil {
		return false // the engine says so
	}
	found := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			found = found || slices.ContainsFunc(s.LabelMatchers, func(l *labels.Matcher) bool { return l.Name == llm.TenantLabel })
		}
		return nil
	})
	return found
}

// sendersOf is what the OTLP metrics of a tenant pass: what is known of one's
// senders says nothing about another's.
func (m *Metrics) sendersOf(ctx context.Context) *senders {
	t := llm.TenantOf(ctx)
	if t == llm.DefaultTenant {
		return m.senders
	}
	m.tenantMu.Lock()
	defer m.tenantMu.Unlock()
	s := m.tenantSenders[t]
	if s == nil {
		s = newSenders(m.opts.OTLP, m.logger, m.knowsService)
		if m.tenantSenders == nil {
			m.tenantSenders = map[string]*senders{}
		}
		m.tenantSenders[t] = s // of tenants that are declared
	}
	return s
}

// federated is what /federate reads.
func (m *Metrics) federated() storage.Queryable {
	switch {
	case m.tenanted():
		return m.requestQueryable()
	case m.opts.Remote == nil:
		return m.db
	}
	return m.source.samples()
}

// ownStreams marks the resources of metrics with their tenant: deltas of two
// tenants that are otherwise the same are two streams. The mark becomes the label
// that the series get anyway.
func ownStreams(md pmetric.Metrics, tenant string) {
	for _, rm := range md.ResourceMetrics().All() {
		rm.Resource().Attributes().PutStr("pitot."+llm.TenantLabel, tenant)
	}
}

// tenantGatherer gathers what is of one tenant.
type tenantGatherer struct {
	g      prometheus.Gatherer
	tenant string
}

// Gather implements prometheus.Gatherer.
func (g tenantGatherer) Gather() ([]*dto.MetricFamily, error) {
	all, err := g.g.Gather()
	var out []*dto.MetricFamily
	for _, f := range all {
		var own []*dto.Metric
		for _, m := range f.GetMetric() {
			if labelValue(m, llm.TenantLabel) == g.tenant {
				own = append(own, m)
			}
		}
		if len(own) > 0 {
			out = append(out, &dto.MetricFamily{Name: f.Name, Help: f.Help, Type: f.Type, Unit: f.Unit, Metric: own})
		}
	}
	return out, err
}
