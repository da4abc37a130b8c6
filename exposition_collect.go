package pitot

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// serviceAttr is OpenTelemetry's attribute of a resource for the program's name.
const serviceAttr = "service.name"

// promFamilies translates what a reader collected, in the order of names. The
// names of families that clash with others, and are left out for it, are
// returned beside.
//
// The SDK's own families carry the program's name as docs/metrics.md has it:
// the label service, or service_name in those of OpenTelemetry's convention.
// Metrics of others are labelled with their instrumentation scope.
func promFamilies(rm *metricdata.ResourceMetrics) (families []promFamily, clashes []string) {
	claimed := map[string]*promFamily{} // by name, with and without _total
	var all []*promFamily
	service := ""
	if rm.Resource != nil {
		if v, ok := rm.Resource.Set().Value(serviceAttr); ok {
			service = v.AsString()
		}
	}
	take := func(f promFamily) {
		if have := claimed[f.name]; have != nil && have.name == f.name && have.kind == f.kind {
			have.points = append(have.points, f.points...)
			return
		}
		if claimed[f.name] != nil || claimed[f.key()] != nil {
			clashes = append(clashes, f.name)
			return
		}
		all = append(all, &f)
		claimed[f.name], claimed[f.key()] = &f, &f
	}
	if f, ok := targetInfo(rm.Resource); ok {
		take(f)
	}
	for _, own := range [...]bool{true, false} { // the SDK's own families come first to their names
		for i := range rm.ScopeMetrics {
			sm := &rm.ScopeMetrics[i]
			if own != (sm.Scope.Name == scope) {
				continue
			}
			for j := range sm.Metrics {
				m := &sm.Metrics[j]
				if f, ok := promFamilyOf(m, scopeLabels(&sm.Scope, m.Name, service)); ok {
					take(f)
				}
			}
		}
	}
	for _, f := range all {
		slices.SortStableFunc(f.points, func(a, b promPoint) int { return strings.Compare(a.labels, b.labels) })
		// A series is there once: a scraper refuses the whole page otherwise.
		f.points = slices.CompactFunc(f.points, func(a, b promPoint) bool { return a.labels == b.labels })
		families = append(families, *f)
	}
	slices.SortFunc(families, func(a, b promFamily) int { return strings.Compare(a.name, b.name) })
	families, more := dropSampleClashes(families)
	return families, append(clashes, more...)
}

// dropSampleClashes leaves out families whose name another's samples have: a
// gauge x_count beside a histogram x.
func dropSampleClashes(families []promFamily) (kept []promFamily, clashes []string) {
	samples := map[string]bool{}
	for i := range families {
		f := &families[i]
		if f.kind == promHistogram || f.kind == promSummary {
			for _, suffix := range [...]string{"_bucket", "_sum", "_count"} {
				samples[f.name+suffix] = true
			}
		}
	}
	for i := range families {
		if f := &families[i]; samples[f.name] || samples[f.key()] {
			clashes = append(clashes, f.name)
		} else {
			kept = append(kept, *f)
		}
	}
	return kept, clashes
}

func scopeLabels(s *instrumentation.Scope, metric, service string) []promPair {
	if s.Name != scope {
		return []promPair{{"otel_scope_name", s.Name}, {"otel_scope_version", s.Version}}
	}
	switch {
	case strings.HasPrefix(metric, "gen_ai."):
		return []promPair{{"service_name", service}}
	case strings.HasPrefix(metric, "llm."), strings.HasPrefix(metric, "agent."):
		return []promPair{{"service", service}}
	default:
		return nil
	}
}

// targetInfo holds what the resource says.
func targetInfo(r *resource.Resource) (promFamily, bool) {
	if r == nil || r.Len() == 0 {
		return promFamily{}, false
	}
	return promFamily{
		name: "target_info", help: "Attributes of the program.", info: true,
		points: []promPoint{{labels: promLabels(r.Set(), nil, false), value: 1}},
	}, true
}

// promLabels renders attributes and base.
func promLabels(attrs *attribute.Set, base []promPair, buckets bool) string {
	p := make([]promPair, 0, attrs.Len()+len(base))
	for it := attrs.Iter(); it.Next(); {
		kv := it.Attribute()
		name := promLabel(string(kv.Key))
		if buckets && (name == "le" || name == "quantile") {
			name = "exported_" + name // that one is the bucket's own
		}
		p = append(p, promPair{name, kv.Value.String()})
	}
	for _, b := range base {
		if !slices.ContainsFunc(p, func(x promPair) bool { return x.name == b.name }) {
			p = append(p, b)
		}
	}
	return renderLabels(p)
}

// promFamilyOf translates one metric; ok is false where it has no points that
// can be shown. Points with delta temporality cannot: a scrape wants totals.
func promFamilyOf(m *metricdata.Metrics, base []promPair) (f promFamily, ok bool) {
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		f.addSum(d.IsMonotonic, d.Temporality, numberPoints(d.DataPoints, base))
	case metricdata.Sum[float64]:
		f.addSum(d.IsMonotonic, d.Temporality, numberPoints(d.DataPoints, base))
	case metricdata.Gauge[int64]:
		f.points = numberPoints(d.DataPoints, base)
	case metricdata.Gauge[float64]:
		f.points = numberPoints(d.DataPoints, base)
	case metricdata.Histogram[int64]:
		f.addHistogram(d.Temporality, histogramPoints(d.DataPoints, base))
	case metricdata.Histogram[float64]:
		f.addHistogram(d.Temporality, histogramPoints(d.DataPoints, base))
	case metricdata.ExponentialHistogram[int64]:
		f.addHistogram(d.Temporality, exponentialPoints(d.DataPoints, base))
	case metricdata.ExponentialHistogram[float64]:
		f.addHistogram(d.Temporality, exponentialPoints(d.DataPoints, base))
	case metricdata.Summary:
		f.kind = promSummary
		f.points = summaryPoints(d.DataPoints, base)
	}
	if len(f.points) == 0 {
		return f, false
	}
	f.help = m.Description
	f.name, f.unit = promName(m.Name, m.Unit, f.kind)
	return f, f.name != ""
}

func (f *promFamily) addSum(monotonic bool, t metricdata.Temporality, points []promPoint) {
	if t == metricdata.DeltaTemporality {
		return
	}
	f.kind, f.points = promGauge, points
	if monotonic {
		f.kind = promCounter
	}
}

func (f *promFamily) addHistogram(t metricdata.Temporality, points []promPoint) {
	if f.kind = promHistogram; t != metricdata.DeltaTemporality {
		f.points = points
	}
}

func numberPoints[N int64 | float64](in []metricdata.DataPoint[N], base []promPair) []promPoint {
	out := make([]promPoint, 0, len(in))
	for i := range in {
		p := &in[i]
		out = append(out, promPoint{labels: promLabels(&p.Attributes, base, false), value: float64(p.Value), exemplars: exemplarsOf(p.Exemplars)})
	}
	return out
}

func histogramPoints[N int64 | float64](in []metricdata.HistogramDataPoint[N], base []promPair) []promPoint {
	out := make([]promPoint, 0, len(in))
	for i := range in {
		p := &in[i]
		out = append(out, promPoint{
			labels: promLabels(&p.Attributes, base, true),
			bounds: p.Bounds, counts: p.BucketCounts, count: p.Count, sum: float64(p.Sum), exemplars: exemplarsOf(p.Exemplars),
		})
	}
	return out
}

// exponentialPoints show the count and the sum: neither format can hold the
// buckets of an exponential histogram.
func exponentialPoints[N int64 | float64](in []metricdata.ExponentialHistogramDataPoint[N], base []promPair) []promPoint {
	out := make([]promPoint, 0, len(in))
	for i := range in {
		p := &in[i]
		out = append(out, promPoint{labels: promLabels(&p.Attributes, base, true), count: p.Count, sum: float64(p.Sum), exemplars: exemplarsOf(p.Exemplars)})
	}
	return out
}

func summaryPoints(in []metricdata.SummaryDataPoint, base []promPair) []promPoint {
	out := make([]promPoint, 0, len(in))
	for i := range in {
		p := &in[i]
		s := promPoint{labels: promLabels(&p.Attributes, base, true), count: p.Count, sum: p.Sum}
		for _, q := range p.QuantileValues {
			s.bounds, s.values = append(s.bounds, q.Quantile), append(s.values, q.Value)
		}
		out = append(out, s)
	}
	return out
}

func exemplarsOf[N int64 | float64](in []metricdata.Exemplar[N]) []promExemplar {
	if len(in) == 0 {
		return nil
	}
	out := make([]promExemplar, 0, len(in))
	for i := range in {
		e := &in[i]
		out = append(out, promExemplar{value: float64(e.Value), time: e.Time, trace: e.TraceID, spanID: e.SpanID})
	}
	return out
}
