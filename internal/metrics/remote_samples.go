package metrics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// samples reads the samples of series through the query API: a range selector
// gives them as they are stored. Rules need it to find out since when an alert
// was pending.
func (s *remoteSource) samples() storage.Queryable {
	return storage.QueryableFunc(func(mint, maxt int64) (storage.Querier, error) {
		return &remoteQuerier{s, mint, maxt}, nil
	})
}

type remoteQuerier struct {
	s          *remoteSource
	mint, maxt int64
}

// Select implements storage.Querier. Native histograms are left out.
func (q *remoteQuerier) Select(ctx context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var parts []string
	for _, m := range matchers {
		parts = append(parts, m.String())
	}
	// A range excludes its start.
	expr := fmt.Sprintf("{%s}[%dms]", strings.Join(parts, ","), q.maxt-q.mint+1)
	v, _, _, err := q.s.api.Query(ctx, expr, time.UnixMilli(q.maxt))
	if err != nil {
		return storage.ErrSeriesSet(remoteError(err))
	}
	matrix, ok := v.(model.Matrix)
	if !ok {
		return storage.ErrSeriesSet(fmt.Errorf("the store answers with a %s", v.Type()))
	}
	var out []storage.Series
	for _, s := range matrix {
		points := make([]chunks.Sample, 0, len(s.Values))
		for _, p := range s.Values {
			points = append(points, floatSample{int64(p.Timestamp), float64(p.Value)})
		}
		out = append(out, storage.NewListSeries(metricLabels(s.Metric), points))
	}
	return &seriesList{all: out, at: -1}
}

// LabelValues implements storage.LabelQuerier.
func (q *remoteQuerier) LabelValues(ctx context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	var parts []string
	for _, m := range matchers {
		parts = append(parts, m.String())
	}
	v, _, _, err := q.s.api.LabelValues(ctx, name, []string{"{" + strings.Join(parts, ",") + "}"}, time.UnixMilli(q.mint), time.UnixMilli(q.maxt))
	if err != nil {
		return nil, nil, remoteError(err)
	}
	out := make([]string, len(v))
	for i := range v {
		out[i] = string(v[i])
	}
	return out, nil, nil
}

// LabelNames implements storage.LabelQuerier.
func (q *remoteQuerier) LabelNames(ctx context.Context, _ *storage.LabelHints, _ ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	v, _, _, err := q.s.api.LabelNames(ctx, nil, time.UnixMilli(q.mint), time.UnixMilli(q.maxt))
	if err != nil {
		return nil, nil, remoteError(err)
	}
	out := make([]string, len(v))
	for i := range v {
		out[i] = string(v[i])
	}
	return out, nil, nil
}

// Close implements storage.LabelQuerier.
func (*remoteQuerier) Close() error { return nil }

// seriesList is a storage.SeriesSet of what is at hand.
type seriesList struct {
	all []storage.Series
	at  int
}

func (l *seriesList) Next() bool                      { l.at++; return l.at < len(l.all) }
func (l *seriesList) At() storage.Series              { return l.all[l.at] }
func (*seriesList) Err() error                        { return nil }
func (*seriesList) Warnings() annotations.Annotations { return nil }

// floatSample is a sample of a float series.
type floatSample struct {
	t int64
	f float64
}

func (s floatSample) T() int64                    { return s.t }
func (floatSample) ST() int64                     { return 0 }
func (s floatSample) F() float64                  { return s.f }
func (floatSample) H() *histogram.Histogram       { return nil }
func (floatSample) FH() *histogram.FloatHistogram { return nil }
func (floatSample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s floatSample) Copy() chunks.Sample         { return s }
