package metrics

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// federation serves the latest samples of chosen series to another Prometheus.
type federation struct {
	db       storage.Queryable
	parser   parser.Parser
	external func() labels.Labels
	logger   *slog.Logger
	now      func() time.Time
}

// latest is the newest sample of one series.
type latest struct {
	name string
	lset labels.Labels
	t    int64
	f    float64
	h    *histogram.FloatHistogram
}

// ServeHTTP implements http.Handler.
func (f *federation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, fmt.Sprintf("error parsing form values: %v", err), http.StatusBadRequest)
		return
	}
	if len(r.Form["match[]"]) == 0 {
		http.Error(w, `no match[] parameter: name the series, for example ?match[]={job="pitot"}`, http.StatusBadRequest)
		return
	}
	matchers, err := f.parser.ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	samples, err := f.latest(r.Context(), matchers)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	format := expfmt.NegotiateAccept(r.Header, expfmt.NewFormat(expfmt.TypeProtoDelim), expfmt.NewFormat(expfmt.TypeProtoText),
		expfmt.NewFormat(expfmt.TypeProtoCompact), expfmt.NewFormat(expfmt.TypeTextPlain))
	w.Header().Set("Content-Type", string(format))
	enc := expfmt.NewEncoder(w, format)
	for _, family := range federated(samples, f.external().Map(), format.FormatType() != expfmt.TypeTextPlain) {
		if err := enc.Encode(family); err != nil {
			f.logger.Debug("federation: client went away", "err", err)
			return
		}
	}
}

// latest reads the newest sample within the lookback of each series.
func (f *federation) latest(ctx context.Context, matchers [][]*labels.Matcher) ([]latest, error) {
	now := f.now()
	mint, maxt := now.Add(-lookbackDelta).UnixMilli(), now.UnixMilli()
	q, err := f.db.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	hints := &storage.SelectHints{Start: mint, End: maxt}
	sets := make([]storage.SeriesSet, len(matchers))
	for i, ms := range matchers {
		sets[i] = q.Select(ctx, true, hints, ms...)
	}
	var out []latest
	var it chunkenc.Iterator
	set := storage.NewMergeSeriesSet(sets, 0, storage.ChainedSeriesMerge)
	for set.Next() {
		s := set.At()
		it = s.Iterator(it)
		l := latest{lset: s.Labels(), name: s.Labels().Get(model.MetricNameLabel)}
		found := false
		for vt := it.Next(); vt != chunkenc.ValNone; vt = it.Next() {
			found = true
			if vt == chunkenc.ValFloat {
				l.t, l.f = it.At()
				l.h = nil
			} else {
				l.t, l.h = it.AtFloatHistogram(nil)
				l.f = l.h.Sum
			}
		}
		if err := it.Err(); err != nil {
			return nil, err
		}
		if !found || value.IsStaleNaN(l.f) || l.name == "" {
			continue // the formats have no stale markers
		}
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b latest) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.kind(), b.kind()))
	})
	return out, set.Err()
}

// kind tells floats, histograms and gauge histograms apart: a name that has
// more than one kind becomes a family for each.
func (l *latest) kind() int {
	switch {
	case l.h == nil:
		return 0
	case l.h.CounterResetHint != histogram.GaugeType:
		return 1
	default:
		return 2
	}
}

// federated makes families of samples that are sorted by name and kind. The
// text format has no native histograms; they are left out there.
func federated(samples []latest, external map[string]string, native bool) []*dto.MetricFamily {
	if _, ok := external[model.InstanceLabel]; !ok {
		external[model.InstanceLabel] = "" // keeps the scraper from adding its own
	}
	types := []dto.MetricType{dto.MetricType_UNTYPED, dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM}
	var out []*dto.MetricFamily
	lastKind := -1
	for i := range samples {
		s := &samples[i]
		if s.h != nil && !native {
			continue
		}
		if n := len(out); n == 0 || out[n-1].GetName() != s.name || lastKind != s.kind() {
			lastKind = s.kind()
			out = append(out, &dto.MetricFamily{Name: &s.name, Type: types[lastKind].Enum()})
		}
		m := &dto.Metric{TimestampMs: &s.t}
		s.lset.Range(func(l labels.Label) {
			if l.Name != model.MetricNameLabel {
				m.Label = append(m.Label, pair(l.Name, l.Value))
			}
		})
		for name, v := range external {
			if !s.lset.Has(name) {
				m.Label = append(m.Label, pair(name, v))
			}
		}
		sortPairs(m.Label)
		if s.h == nil {
			m.Untyped = &dto.Untyped{Value: &s.f}
		} else {
			m.Histogram = nativeExposition(s.h)
		}
		out[len(out)-1].Metric = append(out[len(out)-1].Metric, m)
	}
	return out
}

// nativeExposition is a stored histogram in the exposition's form. One with
// custom buckets, which the exposition has as a classic one, gets these.
func nativeExposition(h *histogram.FloatHistogram) *dto.Histogram {
	out := &dto.Histogram{SampleCountFloat: &h.Count, SampleSum: &h.Sum}
	if h.UsesCustomBuckets() {
		var cum float64
		counts := make(map[float64]float64)
		for it := h.PositiveBucketIterator(); it.Next(); {
			counts[it.At().Upper] = it.At().Count
		}
		for _, le := range h.CustomValues {
			cum += counts[le]
			out.Bucket = append(out.Bucket, &dto.Bucket{UpperBound: new(le), CumulativeCountFloat: new(cum)})
		}
		return out
	}
	out.Schema, out.ZeroThreshold, out.ZeroCountFloat = &h.Schema, &h.ZeroThreshold, &h.ZeroCount
	out.PositiveCount, out.NegativeCount = h.PositiveBuckets, h.NegativeBuckets
	out.PositiveSpan, out.NegativeSpan = spansExposition(h.PositiveSpans), spansExposition(h.NegativeSpans)
	return out
}

func spansExposition(in []histogram.Span) []*dto.BucketSpan {
	out := make([]*dto.BucketSpan, len(in))
	for i, s := range in {
		out[i] = &dto.BucketSpan{Offset: new(s.Offset), Length: new(s.Length)}
	}
	return out
}
